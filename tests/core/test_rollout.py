from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.rollout import trial_rewards

from .toy import Toy


class Model:
    """A recurrent model as Stable-Baselines3 has them: its state counts steps since the episode began."""

    def __init__(self, action=0):
        self.action, self.starts = action, []

    def predict(self, ob, state=None, episode_start=None, deterministic=False):
        assert deterministic
        self.starts.append(bool(np.all(episode_start)))
        count = np.zeros((1, 1, 2)) if state is None or np.all(episode_start) else state[0]
        return np.array(self.action), (count + 1, count + 1)


class AsDictionary(gym.ObservationWrapper):
    """Gives observations as dictionaries."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Dict({"all": env.observation_space})

    def observation(self, observation):
        return {"all": observation}


def test_run_env_records_every_step():
    env = Toy(timing={"delay": 100})
    data = ngym.run_env(env, num_steps=20, def_act=0, seed=0)
    assert data["ob"].shape == (20, 3)
    assert np.array_equal(np.nonzero(data["trial_end"])[0], [6, 13])
    assert np.array_equal(~np.isnan(data["perf"]), data["trial_end"])
    assert np.isnan(data["actions_end_of_trial"]).sum() == 18
    assert [len(data[k]) for k in ("actions", "rewards", "gt", "ob_cum")] == [20] * 4
    assert data["states"] is None
    other = Toy(timing={"delay": 100})
    other.reset(seed=0)
    assert np.array_equal(data["initial_ob"], other.ob[0])
    assert np.array_equal(data["ob"][:6], other.ob[1:])
    assert np.allclose(data["ob_cum"][6], other.ob.sum(axis=0) + data["ob"][6], atol=1e-5)
    assert np.allclose(data["ob_cum"][7], data["ob"][7])
    assert len(data["trials"]) == 2
    assert data["trials"][0] == other.trial


def test_run_env_records_the_periods_of_each_trial():
    delays = iter([100, 200, 300])
    data = ngym.run_env(Toy(timing={"delay": lambda: next(delays)}), num_trials=2, def_act=0, seed=0)
    first, second, third = data["periods"]
    assert list(first) == ["fixation", "stimulus", "delay", "decision"]
    assert [p["delay"][1] - p["delay"][0] for p in (first, second, third)] == [1, 2, 3]
    assert np.diff(np.nonzero(data["trial_end"])[0]).tolist() == [second["decision"][1]]


def test_run_env_plays_a_number_of_trials():
    assert ngym.run_env(Toy(), num_trials=3, seed=0)["trial_end"].sum() == 3
    assert ngym.run_env("PerceptualDecisionMaking-v0", num_trials=2, seed=0)["trial_end"][-1]


def test_run_env_seed_sets_random_actions():
    runs = [ngym.run_env(Toy(), 50, seed=s)["actions"].tolist() for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_run_env_carries_model_states_within_an_episode():
    model = Model()
    data = ngym.run_env(Toy(num_trials_before_reset=2, timing={"delay": 100}), num_trials=5, model=model, seed=0)
    assert data["states"].shape == (35, 2)
    assert data["states"][:, 0].tolist() == [*range(1, 15), *range(1, 15), *range(1, 8)]
    assert [i for i, start in enumerate(model.starts) if start] == [0, 14, 28]


def test_run_env_takes_a_function_as_model():
    env = Toy()
    data = ngym.run_env(env, num_trials=5, model=lambda ob: env.gt_now, seed=0)
    assert np.nanmean(data["perf"]) == 1


def test_run_env_plays_an_env_made_by_gymnasium():
    env = gym.make("ngym_core:PerceptualDecisionMaking-v0")
    assert ngym.run_env(env, num_trials=2, def_act=0, seed=0)["trial_end"].sum() == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ngym.run_env(Toy(), 0), ValueError, "num_steps=0 must be an integer from 1"),
        (lambda: ngym.run_env(Toy(), num_trials=0), ValueError, "num_trials=0"),
        (lambda: ngym.run_env(ngym.TrialVectorEnv(Toy(), 2)), ValueError, "plays one env, not 2"),
        (
            lambda: ngym.run_env(ngym.make_vec("GoNogo-v0", 1), def_act=[0], seed=0),
            TypeError,
            "run_env plays a single env, as `make` returns it, or .* Stable-Baselines3, not .*, a vector env of Gymnasium",
        ),
        (
            lambda: ngym.run_env(AsDictionary(Toy())),
            TypeError,
            r"run_env records observations that are arrays, not Dict\(.* of .*: flatten them with gymnasium.wrappers",
        ),
        (lambda: ngym.run_env(Toy(), model=Model), TypeError, "The agent <class .*Model'> is a class, which cannot act"),
        (lambda: ngym.run_env(Toy(), model=dict), TypeError, "The agent <class 'dict'> is a class, which cannot act"),
        (lambda: ngym.run_env(Toy(), model=3), TypeError, "The model 3 has no `predict` and is no function"),
        (lambda: ngym.run_env(gym.make("CartPole-v1"), 3), ValueError, "reports no trials"),
    ],
)
def test_run_env_rejects_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_run_env_fixes_conditions_for_the_run():
    env = ngym.make("PerceptualDecisionMaking-v0")
    run = ngym.run_env(env, num_trials=6, def_act=0, seed=0, conditions={"coh": 12.8})
    assert [trial["coh"] for trial in run["trials"]] == [12.8] * 6
    assert len({trial["coh"] for trial in ngym.run_env(env, num_trials=9, def_act=0)["trials"]}) > 2
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of .* 'choh'. Did you mean 'coh'"):
        ngym.run_env(env, conditions={"choh": 1})
    lanes = ngym.make_vec("PerceptualDecisionMaking-v0", 1)
    with pytest.raises(TypeError, match=r"conditions=\{'coh': 1\} need a single env, or a vector env of make_sb3_env"):
        ngym.run_env(lanes, conditions={"coh": 1})


@pytest.mark.parametrize(
    "make",
    [
        lambda: ngym.make("IBL-v0", wrappers=["PassAction", "PassReward"], num_trials_before_reset=1),
        lambda: gym.make("ngym_core:PerceptualDecisionMaking-v0", max_episode_steps=7),
    ],
)
def test_run_env_records_what_the_agent_saw_and_where_trials_began(make):
    env, seen = make(), []
    data = ngym.run_env(env, num_steps=40, model=lambda ob: (seen.append(np.array(ob)), 1)[1], seed=0)
    assert np.array_equal(data["ob_before"], seen)
    ended = np.concatenate([[True], data["trial_end"][:-1]])
    reset = np.array([i for i in range(1, 40) if not np.array_equal(data["ob"][i - 1], seen[i])])
    assert data["trial_start"][ended].all()
    assert data["trial_start"][reset].all()
    following = np.sum(data["trial_start"][1:]) + data["trial_end"][-1]
    assert len(data["periods"]) == 1 + following > 3
    first = np.nonzero(data["trial_start"])[0]
    assert np.allclose(data["ob_cum"][first[1:]], data["ob"][first[1:]])


def test_trial_rewards_leave_out_what_was_earned_in_trials_that_an_episode_cut_short():
    env = gym.wrappers.TimeLimit(ngym.make("PerceptualDecisionMaking-v0"), 30)
    run = ngym.run_env(env, num_trials=4, def_act=1, seed=0)  # each step of fixation costs 0.1
    starts, ends = np.flatnonzero(run["trial_start"]), np.flatnonzero(run["trial_end"])
    assert len(starts) > len(ends) == 4
    sums = [run["rewards"][starts[starts <= end].max() : end + 1].sum() for end in ends]
    assert trial_rewards(run).tolist() == pytest.approx(sums)
    assert trial_rewards(run).sum() > run["rewards"].sum() + 0.05
    assert trial_rewards(ngym.run_env(env, num_steps=3, def_act=1, seed=0)).tolist() == []


def test_run_env_says_that_episodes_are_too_short_for_a_trial():
    env = gym.wrappers.TimeLimit(ngym.make("PerceptualDecisionMaking-v0"), 3)
    with pytest.raises(ValueError, match="1,000 episodes ended one after another before any trial did; let episodes last"):
        ngym.run_env(env, num_trials=1, def_act=0)
    assert len(ngym.run_env(env, num_steps=3010, def_act=0)["trial_start"]) == 3010
