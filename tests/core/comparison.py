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
