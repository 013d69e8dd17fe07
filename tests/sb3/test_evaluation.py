from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from gymnasium.wrappers import TimeLimit
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecEnvWrapper, VecFrameStack, VecMonitor, VecNormalize

import ngym_core as ngym
from ngym_core.scheduler import RandomSchedule
from ngym_core.wrappers import ScheduleEnvs
from ngym_sb3 import MlpRnnPolicy, evaluate_policy, make_sb3_env, record_activity

ID = "PerceptualDecisionMaking-v0"


class Oracle:
    """Takes the ground truth of single envs as action; its state counts the steps since the last restart."""

    def __init__(self, task=ID, seed=0, action=None, since=0):
        self.task, self.seed, self.action, self.since = task, seed, action, since
        self.counts, self.singles = [], []

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        state = np.zeros(len(ob)) if state is None else state
        state = np.where(episode_start, 0, state) + 1
        self.counts.append(state.copy())
        if not self.singles:
            self.singles = [ngym.make(self.task) for _ in ob]
            for lane, single in enumerate(self.singles):
                single.reset(seed=self.seed + lane)
        actions = [self.choose(single) for single in self.singles]
        for single, action in zip(self.singles, actions, strict=True):
            single.step(action)
        return np.array(actions), state

    def choose(self, single):
        if single.t_ind < self.since:
            return 0
        return single.gt_now if self.action is None else self.action


def test_evaluate_policy_returns_one_row_for_each_trial():
    env = make_sb3_env(ID, 4)
    table = evaluate_policy(Oracle(seed=2), env, 30, seed=2)
    assert {len(column) for column in table.values()} == {30}
    assert table["performance"].tolist() == [1] * 30
    assert table["reward"].tolist() == [1] * 30
    assert table["steps"].tolist() == [22] * 30
    assert table["reaction_time"].tolist() == [0] * 30
    assert np.array_equal(table["choice"], table["ground_truth"] + 1)
    assert np.array_equal(table["lane"], np.arange(30) % 4)
    for lane in range(4):
        trials = ngym.make(ID).sample_trials(7, seed=2 + lane)
        assert np.array_equal(table["coh"][lane::4][:7], trials.conditions["coh"])


class Still:
    """Never responds."""

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return np.zeros(len(ob), int), state


@pytest.mark.parametrize("carry", ["episode", "trial"])
def test_evaluate_policy_leaves_out_trials_that_the_end_of_an_episode_abandons(carry):
    limited = TimeLimit(ngym.make(ID, rewards={"miss": -1}), 30)  # a trial of 22 steps, and 8 steps of another
    table = evaluate_policy(Still(), make_sb3_env(limited, 2, trials_per_episode=5, carry=carry), 6)
    assert table["steps"].tolist() == [22] * 6
    assert table["reward"].tolist() == [-1] * 6

    class Wall(type(ngym.make("GoNogo-v0"))):
        def _step(self, action):
            self.walls = getattr(self, "walls", 0) + 1
            info = {"new_trial": False, "gt": self.gt_now}
            return self.ob_now, 0.0, self.walls % 40 == 0, False, info

    steps = int(Wall().trial_length_stats(10)["max"])
    table = evaluate_policy(Still(), make_sb3_env(Wall(), 1, trials_per_episode=5, carry=carry), 5)
    assert 40 % steps
    assert table["steps"].tolist() == [steps] * 5


class Eager:
    """Responds at every step, also before a response counts."""

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return np.ones(len(ob), int), state


def test_evaluation_says_that_episodes_are_too_short_for_a_trial():
    env = make_sb3_env(TimeLimit(ngym.make(ID), 3), 2)
    for play in (evaluate_policy, record_activity):
        with pytest.raises(ValueError, match="1,000 episodes ended one after another before any trial did"):
            play(PPO("MlpPolicy", env, n_steps=8, batch_size=16), env, 4)


def test_evaluate_policy_has_reaction_times_of_intervals_that_are_produced_early():
    table = evaluate_policy(Eager(), make_sb3_env("ReadySetGo-v0", 2), 6)
    after_set = np.rint(table["production"] / 80) - 1  # steps from the end of the set flash, which takes one
    assert table["reaction_time"] == pytest.approx(-80 * after_set)


def test_evaluate_policy_counts_no_steps_of_a_time_out():
    env = make_sb3_env(ID, 2, wrappers=[("TimeOut", {"time_out": 500})], trials_per_episode=10)
    table = evaluate_policy(Still(), env, 12)
    assert table["steps"].tolist() == [22] * 12


def test_evaluate_policy_has_no_reaction_time_without_a_response():
    env = make_sb3_env(ID, 2)
    table = evaluate_policy(Oracle(action=0), env, 4)
    assert np.isnan(table["reaction_time"]).all()
    assert table["choice"].tolist() == [0] * 4


def test_evaluate_policy_counts_reaction_times_from_when_a_response_is_due():
    env = make_sb3_env("DelayMatchSample-v0", 2)
    late = Oracle("DelayMatchSample-v0", since=26)
    assert evaluate_policy(late, env, 4)["reaction_time"].tolist() == [300] * 4


class Sometimes:
    """An agent that acts in some steps, or never."""

    def __init__(self, share):
        self.share, self.rng = share, np.random.default_rng(0)

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return self.rng.integers(1, 3, len(ob)) * (self.rng.random(len(ob)) < self.share), state


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("share", [0, 0.3])
def test_evaluate_policy_has_reaction_times_of_tasks_that_measure_them_from_other_events(lanes, share):
    times = {"timing": {"fixation": 100, "stimulus": 300, "decision": 300}}
    early, late = ngym.make(ID, wrappers=["ReactionTime"], **times), ngym.make(ID, **times)
    mixture = ScheduleEnvs([early, late], RandomSchedule(2), names=["early", "late"])
    table = evaluate_policy(Sometimes(share), make_sb3_env(mixture, lanes), 60, seed=0)
    responded = table["choice"] != 0
    assert np.isnan(table["reaction_time"][~responded]).all()
    for name, possible in (("early", {100, 200}), ("late", {0, 100, 200})):
        found = set(table["reaction_time"][responded & (table["task"] == name)].tolist())
        assert found <= possible
        assert bool(found) == bool(share)


@pytest.mark.parametrize(("trials", "longest"), [(1, 22), (3, 66)])
def test_evaluate_policy_keeps_the_state_within_an_episode(trials, longest):
    env = make_sb3_env(ID, 2, trials_per_episode=trials)
    oracle = Oracle()
    evaluate_policy(oracle, env, 24)
    assert np.max(oracle.counts) == longest


def test_evaluate_policy_returns_the_same_table_for_the_same_seed():
    env = make_sb3_env(ID, 3)
    one, two, other = (evaluate_policy(Oracle(seed=s), env, 20, seed=s) for s in (1, 1, 7))
    assert all(np.array_equal(one[k], two[k]) for k in one)
    assert not np.array_equal(one["coh"], other["coh"])


@pytest.mark.parametrize(("carry", "longest"), [("trial", 22), ("episode", 66)])
def test_evaluate_policy_restarts_the_state_as_carry_says(carry, longest):
    env = make_sb3_env(ID, 2, trials_per_episode=3, carry=carry)
    oracle = Oracle()
    evaluate_policy(oracle, env, 24)
    assert np.max(oracle.counts) == longest
    assert {int(c) for c in np.ravel(oracle.counts)} == set(range(1, longest + 1))


@pytest.mark.parametrize(("carry", "between"), [("trial", 22), ("episode", 66)])
def test_evaluate_policy_restarts_the_state_at_the_steps_of_training(carry, between):
    env = make_sb3_env(ID, 2, trials_per_episode=3, carry=carry)
    model = RecurrentPPO(MlpRnnPolicy, env, n_steps=200, device="cpu", seed=0)
    _, callback = model._setup_learn(0)
    model.collect_rollouts(env, callback, model.rollout_buffer, 200)
    episode_starts = []

    class RecordsStarts:
        def predict(self, ob, state=None, episode_start=None, deterministic=True):
            episode_starts.append(episode_start.copy())
            return model.predict(ob, state=state, episode_start=episode_start, deterministic=deterministic)

    evaluate_policy(RecordsStarts(), env, 18)
    for starts in (model.rollout_buffer.episode_starts, np.array(episode_starts)):
        for lane in (0, 1):
            places = np.nonzero(starts[:, lane])[0]
            assert places.tolist() == list(range(0, len(starts), between))


@pytest.mark.parametrize("algorithm", [PPO, DQN])
def test_evaluate_policy_seeds_drawn_actions_and_restores_random_states(algorithm):
    env = make_sb3_env(ID, 3)
    model = algorithm("MlpPolicy", env, device="cpu", seed=0)
    if algorithm is DQN:
        model.exploration_rate = 0.5
    torch.manual_seed(1)
    np.random.seed(1)
    before = (torch.rand(1).item(), np.random.rand())
    torch.manual_seed(1)
    np.random.seed(1)
    one, two, other = (evaluate_policy(model, env, 20, seed=s, deterministic=False) for s in (1, 1, 2))
    assert (torch.rand(1).item(), np.random.rand()) == before
    assert all(np.array_equal(one[k], two[k], equal_nan=True) for k in one)
    assert not np.array_equal(one["choice"], other["choice"])


def test_evaluate_policy_uses_wrappers_and_reports_rewards_of_the_task():
    env = VecNormalize(make_sb3_env(ID, 2), training=False)
    env.obs_rms.mean, env.ret_rms.var = np.full(3, 100.0), np.array(25.0)

    class SeesNormalized(Oracle):
        def predict(self, ob, state=None, episode_start=None, deterministic=True):
            assert (ob < -5).all()
            return super().predict(ob, state, episode_start)

    assert evaluate_policy(SeesNormalized(), env, 4)["reward"].tolist() == [1] * 4


def test_evaluate_policy_accepts_a_task_id():
    model = PPO("MlpPolicy", make_sb3_env(ID, 2), device="cpu", seed=0)
    assert evaluate_policy(model, ID, 20)["lane"].tolist() == [*range(16), 0, 1, 2, 3]


def test_evaluate_policy_shows_images_as_the_agent_saw_them():
    task = "RandomDotMotion-v0"
    model = PPO("MlpPolicy", make_sb3_env(task, 2), device="cpu", policy_kwargs={"net_arch": []})
    assert model.observation_space.shape == (3, 100, 100)
    for env in (task, make_sb3_env(task, 2), model.get_env()):
        assert len(evaluate_policy(model, env, 2)["performance"]) == 2
    with pytest.raises(ValueError, match=r"observation_space .*\(3, 100, 100\).* and PerceptualDecisionMaking has .*\(3,\)"):
        evaluate_policy(model, ID, 2)


class Chooses:
    """Makes one choice at each step."""

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return np.ones(len(ob), int), state


class Unpickled(VecEnvWrapper):
    """A wrapper that holds what cannot be copied."""

    def __init__(self, venv):
        super().__init__(venv)
        self.lock = threading.Lock()

    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        return self.venv.step_wait()


def stack(env):
    return VecFrameStack(VecNormalize(VecMonitor(env)), 3)


@pytest.mark.filterwarnings("ignore:The environment is already wrapped")
@pytest.mark.parametrize("evaluate", [evaluate_policy, record_activity])
def test_env_and_its_wrappers_are_left_as_they_are_where_conditions_are_fixed(evaluate):
    env, same = (stack(make_sb3_env(ID, 2, seed=0)) for _ in range(2))
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    for one in (env, same):
        one.reset()
        for _ in range(5):
            one.step(np.zeros(2, int))
        one.seed(7)
        one.set_options({"conditions": {"coh": 51.2}})
    for again in (False, True):
        before = [info["trial"]["coh"] for info in env.unwrapped.reset_infos]
        table = evaluate(model, env, 6, conditions={"coh": 12.8})
        assert set((table if isinstance(table, dict) else table.table)["coh"]) == {12.8}
        assert [info["trial"]["coh"] for info in env.unwrapped.reset_infos] == before
        if again:  # the seed and the options that waited count now
            assert np.array_equal(env.reset(), same.reset())
            assert [info["trial"]["coh"] for info in env.unwrapped.reset_infos] == [51.2] * 2
        for _ in range(30):
            steps = [one.step(np.zeros(2, int)) for one in (env, same)]
            assert all(np.array_equal(own, other) for own, other in zip(steps[0][:3], steps[1][:3], strict=True))


def test_conditions_are_not_fixed_in_wrappers_that_cannot_be_copied():
    env = Unpickled(make_sb3_env(ID, 2))
    assert len(evaluate_policy(Chooses(), env, 4)["coh"]) == 4
    with pytest.raises(TypeError, match=r"`lock` of Unpickled cannot be copied .*; give them to make_sb3_env"):
        evaluate_policy(Chooses(), env, 4, conditions={"coh": 12.8})


@pytest.mark.parametrize("conditions", [None, {"coh": 12.8}])
def test_evaluation_trains_no_statistics(conditions):
    env = VecNormalize(make_sb3_env(ID, 2))
    model = PPO("MlpPolicy", env, device="cpu", n_steps=8, batch_size=16).learn(32)
    before = env.obs_rms.count, env.obs_rms.mean.copy()
    evaluate_policy(model, env, 8, conditions=conditions)
    assert env.obs_rms.count == before[0]
    assert np.array_equal(env.obs_rms.mean, before[1])
    assert env.training


def test_evaluate_policy_rejects_invalid_arguments():
    env = make_sb3_env(ID, 2)
    with pytest.raises(TypeError, match="The model function has no `predict`"):
        evaluate_policy(lambda ob: 0, env)
    model = PPO("MlpPolicy", make_sb3_env("ContextDecisionMaking-v0", 2), device="cpu")
    with pytest.raises(ValueError, match=r"observation_space .*\(5,\).* and PerceptualDecisionMaking has .*\(3,\)"):
        evaluate_policy(model, env)
    with pytest.raises(ValueError, match="num_trials=0 must be an integer from 1"):
        evaluate_policy(Oracle(), env, 0)
    with pytest.raises(
        TypeError, match="Without a task id, an evaluation needs an env made by make_sb3_env, not PerceptualDecisionMaking"
    ):
        evaluate_policy(Oracle(), ngym.make(ID))


def test_evaluation_fixes_conditions_in_an_env_of_any_kind():
    env = make_sb3_env(ID, 3)
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    for given in (ID, env, VecNormalize(env, norm_obs=False)):
        table = evaluate_policy(model, given, 12, seed=1, conditions={"coh": [6.4, 12.8]})
        assert set(table["coh"].tolist()) == {6.4, 12.8}
        assert len(set(evaluate_policy(model, given, 30, seed=1)["coh"].tolist())) > 2
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of .* 'choh'. Did you mean 'coh'"):
        evaluate_policy(model, env, 12, conditions={"choh": 1})


def test_conditions_are_played_in_lanes_that_no_monitor_records(tmp_path):
    monitor = ("Monitor", {"save_dir": tmp_path / "run", "verbose": False})
    env = make_sb3_env("GoNogo-v0", 2, wrappers=[monitor])
    agent = PPO("MlpPolicy", env, device="cpu", seed=0)
    evaluate_policy(agent, env, 6, conditions={"ground_truth": 1})
    own = evaluate_policy(agent, env, 10, seed=3)
    env.close()
    assert [folder.name for folder in tmp_path.iterdir()] == ["run"]
    assert np.array_equal(ngym.load_trial_table(tmp_path / "run")["ground_truth"][:10], own["ground_truth"])


def test_evaluate_policy_refuses_a_class():
    with pytest.raises(TypeError, match="The agent <class .*PPO'> is a class, which cannot act: make an object of it"):
        evaluate_policy(PPO, ID, 5)
