from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import ngym_core as ngym
from ngym_core.vector import backends

from ..neurogym_style import Dots
from ..toy import Toy


def assert_same(one, two, where=""):
    """Compare nested dictionaries of arrays."""
    if isinstance(one, dict):
        assert one.keys() == two.keys(), (where, one.keys() ^ two.keys())
        for key in one:
            assert_same(one[key], two[key], f"{where}/{key}")
        return
    one, two = np.asarray(one), np.asarray(two)
    assert one.shape == two.shape, where
    if one.dtype == object:
        pairs = zip(one, two, strict=True)
        assert all((a is None) == (b is None) and np.array_equal(a, b) for a, b in pairs), where
    else:
        assert np.array_equal(one, two), where


def compare(build, mode, steps=600, n=3, busy=0.3):
    """Our lanes against Gymnasium's own vector env around our single envs, everything that comes back."""
    ours = ngym.TrialVectorEnv(build(), n, autoreset_mode=mode)
    theirs = SyncVectorEnv([build] * n, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    for one, two in zip(ours.reset(seed=3), theirs.reset(seed=3), strict=True):
        assert_same(one, two)
    ours.action_space.seed(0)
    for step in range(steps):
        actions = ours.action_space.sample()
        if not ours.single_action_space.shape:
            actions *= rng.random(n) < busy
        if step == 100:
            seeds = [5, None, 9]
            for one, two in zip(ours.reset(seed=seeds), theirs.reset(seed=seeds), strict=True):
                assert_same(one, two)
        names = ("observation", "reward", "terminated", "truncated", "info")
        for name, one, two in zip(names, ours.step(actions), theirs.step(actions), strict=True):
            assert_same(one, two, f"step {step} {name}")


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("id_", ngym.all_envs(collections=True))
def test_lanes_equal_gymnasiums_vector_env(id_, mode):
    compare(lambda: ngym.make(id_, num_trials_before_reset=4), mode)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_lanes_of_neurogyms_style_equal_gymnasiums_vector_env(mode):
    class Short(Dots):
        def __init__(self):
            super().__init__()
            self.num_tr_exp = 4

    assert not backends.can_step_by_rule(Short())
    compare(Short, mode, steps=200)


def test_lanes_of_a_task_with_its_own_step():
    class Own(Toy):
        def _step(self, action):
            ends = self.in_period("decision") and action != 0
            return self.ob_now, float(action), False, False, {"new_trial": ends}

    compare(lambda: Own(num_trials_before_reset=3), "NextStep", steps=200)


def test_trial_wrappers_apply_to_each_lane():
    def build():
        return ngym.make(
            "PerceptualDecisionMaking", wrappers=[("RandomGroundTruth", {"p": [0.9, 0.1]})], num_trials_before_reset=3
        )

    compare(build, "SameStep", steps=300)


@pytest.mark.parametrize("memory", [1, 2**12, 2**20])
def test_what_is_drawn_ahead_changes_nothing(memory):
    streams = []
    for bound in (memory, 2**26):
        env = ngym.TrialVectorEnv(Toy(), 4, memory=bound)
        env.reset(seed=0)
        streams.append([env.step(np.zeros(4, int))[0] for _ in range(400)])
    assert np.array_equal(*streams)


@pytest.mark.parametrize("memory", [2**20, 2**22])
def test_what_is_drawn_ahead_is_bounded(memory):
    for id_ in ("PerceptualDecisionMaking-v0", "yang19.ctxdm1-v0", "DawTwoStep-v0"):
        env = ngym.make_vec(id_, 32, memory=memory)
        env.reset(seed=0)
        for _ in range(100):
            env.step(np.zeros(32, int))
        assert env._backend._prefetch.buffer_trials > 1
        assert env._backend._prefetch.nbytes <= memory * 1.2, id_  # a block may be longer than those probed


def test_room_grows_when_trials_are_longer_than_expected():
    env = ngym.TrialVectorEnv(Toy(timing={"delay": 100}), 3, memory=2**10)
    env.task.timing["delay"] = ("uniform", (500, 9000))
    env.reset(seed=0)
    single = Toy(timing={"delay": ("uniform", (500, 9000))})
    single.reset(seed=1)
    for _ in range(500):
        assert np.array_equal(env.step(np.zeros(3, int))[0][1], single.step(0)[0])


def test_some_lanes_can_be_reset():
    env = ngym.TrialVectorEnv(Toy(), 3)
    start, _ = env.reset(seed=0)
    env.step(np.zeros(3, int))
    ob, info = env.reset(seed=0, options={"reset_mask": np.array([True, False, True])})
    assert np.array_equal(ob[[0, 2]], start[[0, 2]])
    assert info["_trial"].tolist() == [True, False, True]


def test_without_autoreset_the_caller_resets():
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


def test_lanes_from_the_registries():
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
def test_wrong_actions_are_refused(actions, message):
    env = ngym.TrialVectorEnv(Toy(), 3)
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=message):
        env.step(actions)


def test_wrong_resets_are_refused():
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
