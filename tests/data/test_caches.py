from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import Dataset, _buffers
from ngym_data._buffers import StepCache, StretchCache
from tests.data.test_dataset import stream


class Fickle(ngym.TrialEnv):
    """Paints ground truth by periods at first, and step by step from some call on."""

    default_timing = {"wait": ("uniform", (300, 900)), "go": 400}
    rule = ngym.Rule()

    def __init__(self, by_periods=0):
        super().__init__()
        self.by_periods = by_periods
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"cue": range(5)}, shape=(5,))
        self.action_space = ngym.spaces.Discrete(3)

    def _new_trials(self, trials):
        side = trials.choice("side", [1, 2])
        trials.add_period(["wait", "go"])
        trials.add_ob(side[:, None] * np.arange(1, 6), "go", where="cue")
        self.by_periods -= trials.n > 100
        if self.by_periods < 0:
            trials.gt[:] = 0
        trials.set_groundtruth(side, "go")


@pytest.mark.parametrize("by_periods", [0, 1, 3, 1000])
def test_streams_do_not_depend_on_how_trials_are_kept(by_periods):
    dataset = Dataset(Fickle(by_periods), batch_size=6, seq_len=50, seed=3, cache_len=2000, memory=2**20)
    inputs, target = stream(dataset, 7000)
    assert isinstance(dataset._cache, StretchCache)
    for row in range(6):
        task = Fickle(-1)
        task._in_steps = True
        by_steps = Dataset(task, batch_size=6, seq_len=7000, seed=3).part([row])
        assert isinstance(by_steps._cache, StepCache)
        ob, gt = by_steps()
        assert np.array_equal(inputs[row], ob[:, 0])
        assert np.array_equal(target[row], gt[:, 0])


STRETCHED = [
    "ReadySetGo-v0",  # of three channels
    "yang19.dlygo-v0",  # of many
    "HierarchicalReasoning-v0",  # with state
    "PerceptualDecisionMakingDelayResponse-v0",  # with noise
    "SpatialSuppressMotion-v0",  # with a ground truth that changes step by step
]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("seq_len", "at_once"), [(7, 0), (7, 2**12), (50, 0), (50, 2**20)])
@pytest.mark.parametrize("id_", STRETCHED)
def test_what_is_said_of_steps_does_not_depend_on_how_trials_are_kept(id_, seq_len, at_once, batch_first, monkeypatch):
    monkeypatch.setattr(_buffers, "AT_ONCE", at_once)
    options = {"batch_size": 5, "seq_len": seq_len, "batch_first": batch_first, "seed": 2, "info": True, "cache_len": 1500}
    one = Dataset(id_, **options)
    task = ngym.make(id_)
    task.unwrapped._in_steps = True
    other = Dataset(task, **options)
    assert (type(one._cache), type(other._cache)) == (StretchCache, StepCache)
    for _ in range(4000 // seq_len):
        (ob, gt, info), (ob_by_step, gt_by_step, by_step) = one(), other()
        assert np.array_equal(ob, ob_by_step)
        assert np.array_equal(gt, gt_by_step)
        for name in ("mask", "start", "period"):
            assert np.array_equal(info[name], by_step[name])
        for name, values in info["conditions"].items():
            assert np.array_equal(values, by_step["conditions"][name])


def test_memory_is_bounded_where_trials_are_kept_in_stretches():
    tracemalloc.start()
    dataset = Dataset("yang19.anti-v0", batch_size=16, seq_len=100, memory=8 * 2**20, seed=0)
    for _ in range(4 * dataset.cycle):
        dataset()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(dataset._cache, StretchCache)
    assert peak < 1.5 * 8 * 2**20


@pytest.mark.parametrize(("by_periods", "most"), [(0, 3.5), (3, 5)])  # the second one notices it in the midst of making some
def test_what_turns_out_larger_than_expected_is_made_in_smaller_parts(by_periods, most):
    dataset = Dataset(Fickle(by_periods), batch_size=64, seq_len=50, memory=2**20, seed=0)
    before = dataset.cycle
    tracemalloc.start()
    dataset()
    assert (dataset.cycle < before) == (by_periods == 0)
    for _ in range(4 * before):
        dataset()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < dataset.cycle < before
    assert dataset._cache.nbytes < 2**20
    assert peak < most * 2**20
