"""Comparison of vector envs with Gymnasium's own around single envs, and of whatever they return."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import SyncVectorEnv

import ngym_core as ngym


def assert_same(one, two, where=""):
    """Compare nested dictionaries of arrays."""
    if isinstance(one, dict):
        assert one.keys() == two.keys(), (where, one.keys() ^ two.keys())
        for key in one:
            assert_same(one[key], two[key], f"{where}/{key}")
        return
    one, two = np.asarray(one), np.asarray(two)
    if one.dtype == bool and two.dtype == object:  # Gymnasium's own envs make an array of objects from NumPy's booleans
        two = two.astype(bool)
    if one.dtype.kind == "U" and two.dtype == object and one.ndim > two.ndim:  # and from tuples of texts
        two = np.array([[""] * one.shape[1] if texts is None else texts for texts in two])
    assert one.shape == two.shape, where
    if one.dtype == object:
        pairs = zip(one, two, strict=True)
        assert all((a is None) == (b is None) and np.array_equal(a, b) for a, b in pairs), where
    else:
        assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f"), where


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


def compare_with_single_envs(build, steps=200, n=3, busy=0.3):
    """Lanes against single envs that are stepped and reset by hand, also where Gymnasium's vector env takes no such info."""
    lanes, singles = ngym.TrialVectorEnv(build(), n, autoreset_mode="SameStep"), [build() for _ in range(n)]
    rng = np.random.default_rng(0)
    ob, info = lanes.reset(seed=3)
    for lane, env in enumerate(singles):
        for one, two in zip((ob[lane], lane_of(info, lane)), env.reset(seed=3 + lane), strict=True):
            assert_same(one, two)
    lanes.action_space.seed(0)
    for step in range(steps):
        actions = lanes.action_space.sample() * (rng.random(n) < busy)
        ob, reward, _, truncated, info = lanes.step(actions)
        for lane, env in enumerate(singles):
            expected_ob, expected_reward, _, over, expected_info = env.step(actions[lane])
            assert (reward[lane], truncated[lane]) == (expected_reward, over)
            if over:
                assert_same(lane_of(info["final_info"], lane), expected_info, f"step {step} lane {lane} final")
                expected_ob, expected_info = env.reset()
            assert_same(ob[lane], expected_ob, f"step {step} lane {lane}")
            assert_same(lane_of(info, lane), expected_info, f"step {step} lane {lane}")


def lane_of(info, lane):
    """The info of one lane, from that of all lanes."""
    return {
        name: lane_of(value, lane) if isinstance(value, dict) else value[lane]
        for name, value in info.items()
        if not name.startswith(("_", "final")) and info[f"_{name}"][lane]
    }
