from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded

import ngym_core as ngym

from .toy import Toy


def play(env, actions):
    return [env.step(a) for a in actions]


def test_reset_returns_the_first_observation_and_takes_no_step():
    env = Toy()
    ob, info = env.reset(seed=0)
    assert np.array_equal(ob, env.ob[0])
    assert (env.t, env.t_ind, env.num_tr, env.performance) == (0, 0, 1, 0)
    assert info == {"trial": env.trial}
    assert info["trial"] is not env.trial


def test_observations_follow_the_trial_and_the_next_one_begins_at_its_end():
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
    assert info["new_trial"] is True
    assert env.num_tr == 2


def test_info_gives_the_ground_truth_of_the_step_that_was_answered():
    env = Toy()
    env.reset(seed=0)
    gt = env.gt.tolist()
    assert [s[4]["gt"] for s in play(env, [0] * len(gt))] == gt


def test_returned_arrays_belong_to_the_caller():
    env = Toy()
    ob, _ = env.reset(seed=0)
    ob += 100
    assert env.ob.max() < 50
    ob2 = env.step(0)[0]
    ob2 += 100
    assert env.ob.max() < 50


def test_performance_starts_anew_with_each_trial_and_after_reset():
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


def test_seed_is_neurogyms():
    env = Toy()
    assert env.seed(4) == [4]
    env.new_trial()
    one = env.ob.copy()
    env.reset(seed=4)
    assert np.array_equal(env.ob, one)


def test_np_random_is_gymnasiums_and_rng_the_same_stream():
    env = Toy()
    env.reset(seed=11)
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(11))).random()
    assert env.np_random.random() == expected
    assert env.np_random_seed == 11
    env.reset(seed=11)
    assert env.rng.random_sample() == expected
    assert env.rng.randn(2, 3).shape == (2, 3)


def test_an_episode_ends_after_so_many_trials_and_loses_none():
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


def test_a_trial_ends_with_its_last_step_for_fractional_time_steps():
    for dt, total in ((8.3, 300), (3.3, 300), (10.1, 1010), (0.1, 3)):
        env = Toy(dt=dt, timing={"fixation": 0, "stimulus": 0, "delay": 0, "decision": total})
        env.reset(seed=0)
        steps = 1
        while not env.step(0)[4]["new_trial"]:
            steps += 1
        assert steps == int(total / dt + 1e-9) == len(env.ob)


def test_conditions_are_forced_by_new_trial():
    env = Toy()
    env.reset(seed=0)
    for side in (0, 1, 0):
        trial = env.new_trial(ground_truth=side, strength=0.25)
        assert trial == {"ground_truth": side, "strength": 0.25}
        assert env.gt[-1] == side + 1


def test_sample_trials_leaves_the_trial_being_played_alone():
    env = Toy()
    env.reset(seed=0)
    play(env, [0, 0])
    before = (env.ob.copy(), env.t_ind, env.num_tr, dict(env.trial))
    env.sample_trials(5)
    env.sample_trials(5, seed=3)
    assert np.array_equal(env.ob, before[0])
    assert (env.t_ind, env.num_tr, env.trial) == before[1:]


def test_sample_trials_goes_on_with_the_stream_of_the_env():
    env, other = Toy(), Toy()
    env.reset(seed=0)
    other.reset(seed=0)
    sampled = env.sample_trials(3)
    for trial in sampled:
        other.new_trial()
        assert np.array_equal(trial.ob, other.ob)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3"])
def test_sample_trials_needs_a_number(n):
    with pytest.raises(ValueError, match="must be an integer from 1"):
        Toy().sample_trials(n)


def test_trial_length_stats_counts_steps_and_touches_nothing():
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
def test_actions_outside_the_space_are_refused(action):
    env = Toy()
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=r"is none of Discrete\(3\). Expected an integer from 0 to 2"):
        env.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.array(1), np.array([1]), np.uint8(1)])
def test_every_spelling_of_an_action_is_understood(action):
    env = Toy()
    env.reset(seed=0)
    assert env.step(action)[1] == -0.1


def test_step_needs_reset():
    with pytest.raises(ResetNeeded, match=r"<Toy>: call reset\(\) before step\(\)"):
        Toy().step(0)


@pytest.mark.parametrize("dt", [0, -100, np.nan, np.inf, "100", None])
def test_the_time_step_is_a_positive_number(dt):
    with pytest.raises(ValueError, match="must be a positive number of ms"):
        Toy(dt=dt)


def test_a_task_must_say_how_trials_look():
    class Nothing(ngym.TrialEnv):
        observation_space = ngym.spaces.Box(0, 1, shape=(1,))
        action_space = ngym.spaces.Discrete(2)

    with pytest.raises(NotImplementedError, match="<Nothing> defines neither _new_trials nor NeuroGym's _new_trial"):
        Nothing().reset()


def test_the_attributes_of_neurogym_are_there():
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


def test_a_trial_wrapper_needs_a_task_of_ours():
    with pytest.raises(TypeError, match="Trial wrapper must be used on TrialEnv, not CartPoleEnv"):
        ngym.TrialWrapper(gym.make("CartPole-v1"))


def test_attributes_are_read_through_wrappers():
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("RandomGroundTruth-v0", {"p": [0.9, 0.1]}), ngym.TrialWrapper])
    env.reset(seed=0)
    for name in ("ob", "gt", "gt_now", "t", "t_ind", "tmax", "trial", "start_t", "end_ind", "timing", "rewards", "dt"):
        assert hasattr(env, name), name
    assert env.in_period("fixation")
    assert env.trial_length_stats(10)["mean"] == 22
    with pytest.raises(AttributeError, match="has no attribute '_private'"):
        _ = env._private
    assert copy.deepcopy(env).dt == env.dt


def test_a_wrapper_decides_for_many_trials_at_once():
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("RandomGroundTruth-v0", {"p": [0.9, 0.1]})])
    sampled = env.sample_trials(2000, seed=0)
    assert sampled.conditions["ground_truth"].mean() == pytest.approx(0.1, abs=0.03)
    env.reset(seed=0)
    played = [env.trial["ground_truth"], *(env.new_trial()["ground_truth"] for _ in range(30))]
    assert played == sampled.conditions["ground_truth"][:31].tolist()
    assert env.sample_trials(50, seed=0, p=[0.0, 1.0], coh=0).conditions["ground_truth"].min() == 1
    plain = ngym.make("PerceptualDecisionMaking-v0").sample_trials(50, seed=0)
    assert np.array_equal(plain.conditions["coh"], sampled.conditions["coh"][:50])


def test_two_wrappers_of_a_kind_draw_from_streams_of_their_own():
    seen = []

    class Coin(ngym.TrialWrapper):
        def draw_conditions(self, n, draws, forced):
            seen.append(draws.random("coin", n))
            return forced, {}

    Coin(Coin(Toy())).sample_trials(5, seed=0)
    assert not np.array_equal(*seen)


@pytest.mark.parametrize("p", [[1.0], [0.5, 0.6], [-0.5, 1.5]])
def test_random_ground_truth_checks_its_probabilities(p):
    with pytest.raises(ValueError, match="must be 2 probabilities that sum to 1"):
        ngym.make("PerceptualDecisionMaking", wrappers=[("RandomGroundTruth", {"p": p})])


def test_random_ground_truth_needs_choices():
    with pytest.raises(AttributeError, match="requires task to have attribute choices"):
        ngym.make("ReadySetGo", wrappers=["RandomGroundTruth"])


def test_a_space_without_a_shape_is_refused():
    class Shapeless(Toy):
        def __init__(self):
            super().__init__()
            self.observation_space = gym.spaces.Dict({"a": gym.spaces.Discrete(2)})

    with pytest.raises(ValueError, match="the observation space Dict.* has no shape, so a trial of it is no array"):
        Shapeless().sample_trials(1, seed=0)
