from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_anti_turns_answers_by_half_of_the_ring_and_nothing_else():
    go, anti = (ngym.make(id_).sample_trials(50, seed=0) for id_ in ("yang19.go-v0", "yang19.go-v0+anti"))
    np.testing.assert_array_equal(anti.ob, go.ob)
    np.testing.assert_array_equal(anti.gt, np.where(go.gt > 0, (go.gt + 7) % 16 + 1, 0))
    assert anti.conditions["anti"].all()
    np.testing.assert_array_equal(anti.conditions["ground_truth"], (go.conditions["ground_truth"] + 8) % 16)


def test_anti_of_go_is_the_task_anti():
    modified = ngym.make("yang19.go-v0+anti").sample_trials(30, seed=0, ground_truth=np.arange(30) % 16)
    task = ngym.make("yang19.anti-v0").sample_trials(30, seed=0, ground_truth=np.arange(30) % 16)
    np.testing.assert_allclose(modified.ob, task.ob, atol=1e-6)
    np.testing.assert_array_equal(modified.gt, task.gt)
    assert modified.conditions["anti"].tolist() == task.conditions["anti"].tolist()


def test_anti_twice_is_the_task():
    twice, task = (ngym.make(id_).sample_trials(20, seed=0) for id_ in ("yang19.dms-v0+anti+anti", "yang19.dms-v0"))
    np.testing.assert_array_equal(twice.gt, task.gt)


def test_anti_condition_can_be_forced():
    env = ngym.make("yang19.go-v0+anti")
    assert env.sample_trials(3, seed=0, anti=False).conditions["anti"].tolist() == [False] * 3
    with pytest.raises(ValueError, match="'anti' is forced to 7"):
        env.sample_trials(3, anti=7)


def test_anti_keeps_withholding():
    trials = ngym.make("yang19.dms-v0+anti").sample_trials(40, seed=0, ground_truth="non-match")
    assert not trials.gt.any()


def test_anti_refuses_an_odd_ring():
    with pytest.raises(ValueError, match="Anti needs an even number of choices.*has 5"):
        ngym.make("yang19.go-v0+anti", dim_ring=5)
