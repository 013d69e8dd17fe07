from __future__ import annotations

import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded

import ngym_core as ngym

from ..task_ids import IDS
from .toy import Toy


def play(env, actions):
    return [env.step(a) for a in actions]


def test_reset_returns_the_first_observation_and_takes_no_step():
    env = Toy()
    ob, info = env.reset(seed=0)
    assert np.array_equal(ob, env.ob[0])
    assert (env.t, env.t_ind, env.num_tr, env.performance) == (0, 0, 1, 0)
    assert info == {"new_trial": False, "gt": 0, "performance": 0, "trial": env.trial, "ended_trial": env.trial}
    assert info["trial"] is not env.trial


@pytest.mark.parametrize("id_", IDS)
def test_info_has_the_same_keys_types_and_shapes_at_reset_and_at_each_step(id_):
    env = ngym.make(id_)
    env.action_space.seed(0)
    _, first = env.reset(seed=0)
    ended = 0
    while ended < 3:
        info = env.step(env.action_space.sample())[4]
        ended += info["new_trial"]
        assert info.keys() == first.keys()
        for name in ("new_trial", "gt", "performance"):
            assert (info[name].dtype, info[name].shape) == (first[name].dtype, first[name].shape)
        for entry in ("trial", "ended_trial"):
            kinds = {k: (type(v), np.shape(v)) for k, v in info[entry].items()}
            assert kinds == {k: (type(v), np.shape(v)) for k, v in first[entry].items()}


def test_step_returns_the_observations_of_a_trial_and_begins_the_next():
    env = Toy(timing={"delay": 100})
    env.reset(seed=0)
    rows, conditions = env.ob.copy(), dict(env.trial)
    seen = play(env, [0] * 6)
    assert np.array_equal([s[0] for s in seen], rows[1:])
    ob, reward, terminated, truncated, info = env.step(int(env.gt_now))
    assert (reward, terminated, truncated) == (1.0, False, False)
    assert np.array_equal(ob, env.ob[0])
    assert info["performance"] == 1
    assert info["ended_trial"] == conditions
    assert info["trial"] == env.trial
    assert info["new_trial"].dtype == bool
    assert info["new_trial"]
    assert env.num_tr == 2


def test_step_info_has_the_ground_truth_of_the_answered_step():
    env = Toy()
    env.reset(seed=0)
    gt = env.gt.tolist()
    assert [s[4]["gt"] for s in play(env, [0] * len(gt))] == gt


def test_step_and_reset_return_copies():
    env = Toy()
    ob, _ = env.reset(seed=0)
    ob += 100
    assert env.ob.max() < 50
    ob2 = env.step(0)[0]
    ob2 += 100
    assert env.ob.max() < 50


def test_performance_is_0_after_a_trial_and_after_reset():
    env = Toy(timing={"delay": 100})
    env.reset(seed=0)
    play(env, [0] * 5)
    env.step(int(env.gt_now))
    assert env.performance == 0
    env.performance = 0.7
    env.reset()
    assert env.performance == 0


def test_reset_with_a_seed_replays_and_without_goes_on():
    env = Toy()
    first = env.reset(seed=5)[0]
    trials = [env.ob.copy(), *(env.ob.copy() for _ in range(5) if env.new_trial())]
    assert not np.array_equal(env.reset()[0], first) or not np.array_equal(env.ob, trials[0])
    assert np.array_equal(env.reset(seed=5)[0], first)
    for trial in trials[1:]:
        env.new_trial()
        assert np.array_equal(env.ob, trial)


def test_reset_leaves_the_action_space_alone():
    env = Toy()
    env.action_space.seed(3)
    expected = [env.action_space.sample() for _ in range(20)]
    env.action_space.seed(3)
    got = []
    for _ in range(20):
        env.reset(seed=0)
        got.append(env.action_space.sample())
    assert got == expected


def test_seed_returns_a_list_and_seeds_the_trials():
    env = Toy()
    assert env.seed(4) == [4]
    env.new_trial()
    one = env.ob.copy()
    env.reset(seed=4)
    assert np.array_equal(env.ob, one)


def test_np_random_and_rng_share_gymnasiums_stream():
    env = Toy()
    env.reset(seed=11)
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(11))).random()
    assert env.np_random.random() == expected
    assert env.np_random_seed == 11
    env.reset(seed=11)
    assert env.rng.random_sample() == expected
    assert env.rng.randn(2, 3).shape == (2, 3)


def test_num_trials_before_reset_truncates_and_loses_no_trial():
    env = Toy(num_trials_before_reset=3, timing={"delay": 100})
    env.reset(seed=0)
    trials = [env.trial]
    truncated = False
    while not truncated:
        _, _, terminated, truncated, info = env.step(0)
        assert terminated is False
        if info["new_trial"]:
            trials.append(info["trial"])
    assert len(trials) == 4
    ob, info = env.reset()
    assert info["trial"] == trials[3]
    assert np.array_equal(ob, env.ob[0])
    assert env.num_tr == 1
    lone = Toy(timing={"delay": 100})
    lone.reset(seed=0)
    expected = [lone.trial, *(lone.new_trial() for _ in range(3))]
    assert trials == expected


def test_trial_ends_with_its_last_step_for_fractional_time_steps():
    for dt, total in ((8.3, 300), (3.3, 300), (10.1, 1010), (0.1, 3)):
        env = Toy(dt=dt, timing={"fixation": 0, "stimulus": 0, "delay": 0, "decision": total})
        env.reset(seed=0)
        steps = 1
        while not env.step(0)[4]["new_trial"]:
            steps += 1
        assert steps == int(total / dt + 1e-9) == len(env.ob)


def test_new_trial_forces_conditions():
    env = Toy()
    env.reset(seed=0)
    for side in (0, 1, 0):
        trial = env.new_trial(ground_truth=side, strength=0.25)
        assert trial == {"ground_truth": side, "strength": 0.25}
        assert env.gt[-1] == side + 1


def test_trial_length_stats_counts_steps_and_leaves_the_env_alone():
    env = Toy(timing={"fixation": 300, "stimulus": 500, "delay": 0, "decision": 200})
    env.reset(seed=0)
    before = env.num_tr, env.ob.copy()
    stats = env.trial_length_stats(100)
    assert (stats["mean"], stats["std"], stats["max"], stats["percentile_95"]) == (10, 0, 10, 10)
    assert stats["seq_len"] == 30
    assert env.num_tr == before[0]
    assert np.array_equal(env.ob, before[1])
    random = Toy().trial_length_stats(2000)
    assert random["mean"] == pytest.approx(8, abs=0.1)
    assert (random["min"], random["median"], random["max"]) == (7, 8, 9)


@pytest.mark.parametrize("action", [3, -1, 1.5, "1", None, [1, 2], np.array([0, 1])])
def test_step_rejects_actions_outside_the_space(action):
    env = Toy()
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=r"is none of Discrete\(3\). Expected an integer from 0 to 2"):
        env.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.array(1), np.array([1]), np.uint8(1)])
def test_step_takes_integers_of_every_type(action):
    env = Toy()
    env.reset(seed=0)
    assert env.step(action)[1] == -0.1


def to_the_end_of_an_episode(env):
    truncated = False
    while not truncated:
        truncated = env.step(env.unwrapped.gt_now)[3]


TASKS = {
    "task": lambda: ngym.make("PerceptualDecisionMaking-v0"),
    "mixture": lambda: ngym.mix(["yang19.go-v0", "yang19.anti-v0"]),
}


@pytest.mark.parametrize("make", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("seed", range(8))  # of a mixture either task may come next
def test_reset_begins_a_trial_whatever_was_done_after_the_end_of_an_episode(make, seed):
    def ended():
        env = make()
        for task in ngym.sampling.tasks_of(env):
            task.num_tr_exp = 1
        env.reset(seed=seed)
        to_the_end_of_an_episode(env)
        return env

    env = ended()
    begun = env.unwrapped.trial
    env.reset()
    assert env.unwrapped.trial == begun  # the first trial of the episode has begun already
    for between in (lambda env: env.step(0), lambda env: (env.reset(seed=100 + seed), env.step(0), env.step(0))):
        env = ended()
        between(env)
        env.reset()
        assert env.unwrapped.t_ind == 0
    env, fresh = ended(), make()
    for other in (env, fresh):
        other.get_wrapper_attr("seed")(5)
    assert np.array_equal(env.reset()[0], fresh.reset()[0])


def test_step_rejects_an_env_without_reset():
    with pytest.raises(ResetNeeded, match=r"<Toy>: call reset\(\) before step\(\)"):
        Toy().step(0)


@pytest.mark.parametrize("dt", [0, -100, np.nan, np.inf, "100", None])
def test_env_rejects_invalid_time_steps(dt):
    with pytest.raises((ValueError, TypeError), match="dt=.* must be a finite number of ms above 0"):
        Toy(dt=dt)


def test_env_rejects_a_task_without_new_trials():
    class Nothing(ngym.TrialEnv):
        observation_space = ngym.spaces.Box(0, 1, shape=(1,))
        action_space = ngym.spaces.Discrete(2)

    with pytest.raises(NotImplementedError, match="<Nothing> defines neither _new_trials nor NeuroGym's _new_trial"):
        Nothing().reset()


def test_env_has_the_attributes_of_neurogym():
    env = Toy(timing={"delay": 100})
    env.reset(seed=0)
    assert env.start_ind == {"fixation": 0, "stimulus": 1, "delay": 4, "decision": 5}
    assert env.end_t == {"fixation": 100, "stimulus": 400, "delay": 500, "decision": 700}
    assert env.end_ind["decision"] == 7
    assert env.start_t["decision"] == 500
    assert env.tmax == 700
    assert env.in_period("fixation")
    assert not env.in_period("decision")
    assert env.in_period("decision", 600)
    assert np.array_equal(env.ob_now, env.ob[0])
    assert env.gt_now == 0
    with pytest.raises(KeyError, match="Unknown period 'stim'. Did you mean 'stimulus'"):
        env.in_period("stim")


def test_env_uses_a_changed_timing_from_the_next_trial_on():
    env = Toy(timing={"delay": 100})
    env.reset(seed=0)
    before = len(env.ob)
    env.timing["delay"] = 500
    assert len(env.ob) == before
    env.new_trial()
    assert len(env.ob) == before + 4


class FromOne(Toy):
    """A task whose actions are numbered from 1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.action_space = ngym.spaces.Discrete(3, {"fixation": 1, "choice": [2, 3]}, start=1)


def test_actions_count_from_the_start_of_their_space_in_env_and_lanes():
    env, lanes = FromOne(), ngym.TrialVectorEnv(FromOne(), 1)
    env.reset(seed=0), lanes.reset(seed=0)
    for action in (1, 3):
        assert env.step(action)[1] == lanes.step(np.array([action]))[1][0]
    for action in (0, 4, "left"):
        with pytest.raises(InvalidAction, match=rf"the action {action!r} is none of Discrete\(3, start=1\)"):
            env.step(action)
    for action in (0, 4):
        with pytest.raises(InvalidAction, match=r"elements of Discrete\(3, start=1\)"):
            lanes.step(np.array([action]))
