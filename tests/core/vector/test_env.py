from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import TimeLimit

import ngym_core as ngym
from ngym_core.wrappers import PassReward

from ...task_ids import IDS
from ..comparison import assert_same, compare
from ..neurogym_style import Dots
from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("id_", IDS)
def test_vector_env_equals_gymnasiums_vector_env(id_, mode):
    compare(lambda: ngym.make(id_, num_trials_before_reset=4), mode)


@pytest.mark.parametrize("limit", [None, 5])
def test_step_lanes_tells_of_the_step_that_was_taken_where_lanes_restart(limit):
    def build():
        env = ngym.make(PDM, wrappers=[PassReward], num_trials_before_reset=1, timing={"delay": 100})
        return env if limit is None else TimeLimit(env, limit)

    one, other = (ngym.TrialVectorEnv(build(), 6, autoreset_mode="SameStep") for _ in range(2))
    one.reset(seed=0)
    other.reset(seed=0)
    rng, restarts = np.random.default_rng(0), 0
    for _ in range(60):
        actions = rng.integers(0, 3, 6)
        taken, (ob, reward, terminated, truncated, info) = one.step_lanes(actions), other.step(actions)
        assert_same({"ob": taken.observations, "reward": taken.reward}, {"ob": ob, "reward": reward}, "step")
        over = terminated | truncated
        assert taken.restarted.tolist() == np.nonzero(over)[0].tolist()
        for lane in range(6):
            expected = info["final_info"] if over[lane] else info
            assert taken.info["gt"][lane] == expected["gt"][lane]
            assert taken.info["new_trial"][lane] == expected["new_trial"][lane]
            for entry in ("trial", "ended_trial"):
                assert taken.info[entry]["coh"][lane] == expected[entry]["coh"][lane]
        for lane, last in zip(taken.restarted, taken.last_observations, strict=True):
            assert np.array_equal(last, info["final_obs"][lane])
        restarts += len(taken.restarted)
    assert restarts > 6


def test_vector_env_resets_some_lanes():
    env = ngym.TrialVectorEnv(Toy(), 3)
    start, _ = env.reset(seed=0)
    env.step(np.zeros(3, int))
    ob, info = env.reset(seed=0, options={"reset_mask": np.array([True, False, True])})
    assert np.array_equal(ob[[0, 2]], start[[0, 2]])
    assert info["_trial"].tolist() == [True, False, True]


def test_vector_env_without_autoreset_waits_for_a_reset():
    env = ngym.TrialVectorEnv(Toy(num_trials_before_reset=1, timing={"delay": 100}), 2, autoreset_mode="Disabled")
    env.reset(seed=0)
    for _ in range(6):
        env.step(np.zeros(2, int))
    ended = env.step(np.zeros(2, int))
    assert ended[3].all()
    with pytest.raises(ResetNeeded, match=r"Reset the lanes \[0, 1\]"):
        env.step(np.zeros(2, int))
    ob, _ = env.reset(options={"reset_mask": ended[3]})
    assert np.array_equal(ob, ended[0])
    env.step(np.zeros(2, int))


def test_make_vec_returns_a_vector_env_from_both_registries():
    for env in (
        ngym.make_vec("PerceptualDecisionMaking-v0", 3, sigma=0.5, memory=1000, autoreset_mode="SameStep"),
        gym.make_vec("ngym_core:PerceptualDecisionMaking-v0", num_envs=3, sigma=0.5),
    ):
        assert isinstance(env, ngym.TrialVectorEnv)
        assert env.reset(seed=0)[0].shape == (3, 3)
        assert env.task.sigma == pytest.approx(0.05)
        assert isinstance(env.metadata["autoreset_mode"], AutoresetMode)
        env.close()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 0], r"Actions must be \(3,\) elements of Discrete\(3\), not an array of shape \(2,\)"),
        ([0, 0, 3], "from 0 to 3"),
        ([0, -1, 0], "from -1 to 0"),
        ([0.0, 0.0, 0.0], "type float64"),
        (["a", "b", "c"], "type <U1"),
    ],
)
def test_vector_env_rejects_invalid_actions(actions, message):
    env = ngym.TrialVectorEnv(Toy(), 3)
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=message):
        env.step(actions)


def test_vector_env_rejects_invalid_resets():
    env = ngym.TrialVectorEnv(Toy(), 3)
    with pytest.raises(ResetNeeded, match=r"Reset the lanes \[0, 1, 2\]"):
        env.step([0, 0, 0])
    with pytest.raises(ValueError, match="There are 2 seeds for 3 lanes"):
        env.reset(seed=[1, 2])
    with pytest.raises(TypeError, match="must be an array of booleans"):
        env.reset(options={"reset_mask": [1, 0, 1]})
    with pytest.raises(ValueError, match="with at least one lane"):
        env.reset(options={"reset_mask": np.zeros(3, bool)})
    with pytest.raises(ValueError, match="num_envs=0 must be an integer from 1"):
        ngym.TrialVectorEnv(Toy(), 0)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("id_", [PDM, "MatchingPenny-v0"])
def test_info_has_an_array_of_its_own_under_each_name(id_, mode):
    def arrays(info):
        for value in info.values():
            if isinstance(value, dict):
                yield from arrays(value)
            elif value.dtype != object:
                yield value

    env = ngym.TrialVectorEnv(
        ngym.make(id_, wrappers=["ReactionTime"] if id_ == PDM else ["TimeOut"], num_trials_before_reset=2),
        3,
        autoreset_mode=mode,
    )
    _, info = env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(120):
        found = list(arrays(info))
        assert not any(np.shares_memory(a, b) for i, a in enumerate(found) for b in found[:i])
        if mode == "Disabled" and env._episode_over.any():
            _, info = env.reset(options={"reset_mask": env._episode_over.copy()})
            continue
        *_, info = env.step(rng.integers(env.single_action_space.n, size=3))


KINDS = [1, 0.5, True, "text", None, 2, 1.5, "other", [1, 2], 3]


class Changing(Dots):
    """A task in NeuroGym's style with a condition of another kind in each trial."""

    def __init__(self, kinds):
        super().__init__()
        self.num_tr_exp = 2
        self.kinds, self.given = kinds, -1

    def _new_trial(self, **kwargs):
        self.given += 1
        return {**super()._new_trial(**kwargs), "number": self.given, "kind": self.kinds[self.given % len(self.kinds)]}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize(
    "kinds", [KINDS, KINDS[::-1], [1, 0.5], [True, 7, 0.25], [2, "a"], [[1, 2], [1.5, 2.5], [3]], [["a"], ["abc"]]]
)
def test_lanes_report_conditions_as_they_are_whatever_their_kinds(kinds, mode):
    lanes = ngym.TrialVectorEnv(Changing(kinds), 3, autoreset_mode=mode)
    _, info = lanes.reset(seed=0)
    rng, seen = np.random.default_rng(0), 0
    for _ in range(200):
        for entry in ("trial", "ended_trial"):
            for lane in np.nonzero(info.get(f"_{entry}", []))[0]:
                expected = kinds[info[entry]["number"][lane] % len(kinds)]
                assert np.asarray(info[entry]["kind"][lane]).tolist() == expected
                seen += 1
        *_, info = lanes.step(rng.integers(3, size=3))
    assert seen > 20


class Terminating(Dots):
    """A task in NeuroGym's style with a terminal state: one of the answers."""

    def __init__(self, trials=1000):
        super().__init__()
        self.num_tr_exp = trials

    def _step(self, action):
        ob, reward, _, truncated, info = super()._step(action)
        return ob, reward, bool(action == 2), truncated, info


LIMITED = {
    "trials and steps": lambda: ngym.make(PDM, num_trials_before_reset=2, max_episode_steps=30),
    "a limit inside a wrapper": lambda: PassReward(ngym.make("MatchingPenny-v0", max_episode_steps=3)),
    "a limit where trials end": lambda: ngym.make("MatchingPenny-v0", num_trials_before_reset=2, max_episode_steps=2),
    "time-outs": lambda: ngym.make(PDM, wrappers=["TimeOut", "ReactionTime"], max_episode_steps=17),
    "a terminal state": lambda: Terminating(3),
    "a terminal state and a limit": lambda: TimeLimit(Terminating(), 7),
}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("build", LIMITED.values(), ids=LIMITED)
def test_episodes_end_as_in_single_envs_whatever_ends_them(build, mode):
    compare(build, mode, steps=300)


def test_state_knows_how_long_episodes_last():
    build = LIMITED["trials and steps"]
    lanes, actions = ngym.TrialVectorEnv(build(), 3), np.zeros(3, int)
    lanes.reset(seed=0)
    for _ in range(25):
        lanes.step(actions)
    other = ngym.TrialVectorEnv(build(), 3)
    other.set_state(lanes.get_state())
    assert [lanes.step(actions)[3].all() for _ in range(5)] == [other.step(actions)[3].all() for _ in range(5)]
    with pytest.raises(ngym.StateError, match="max_episode_steps"):
        ngym.make_vec(PDM, 3, num_trials_before_reset=2).set_state(lanes.get_state())


def test_seeds_may_be_numbers_of_numpy():
    lanes, others = ngym.make_vec(PDM, 2), ngym.make_vec(PDM, 2)
    for seed in (np.int64(3), np.uint8(3), [np.int32(3), 4], np.array([3, 4])):
        assert_same(lanes.reset(seed=seed)[0], others.reset(seed=3)[0])
