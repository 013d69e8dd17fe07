from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import Dataset
from ngym_data._buffers import WindowBuffer
from ngym_data._chunks import StepChunk
from tests.data.streams import ChangingStorage, dense, stream


@pytest.mark.parametrize("by_periods", [0, 1, 3, 1000])
def test_dataset_delivers_the_same_steps_however_trials_are_stored(by_periods):
    dataset = Dataset(ChangingStorage(by_periods), batch_size=6, seq_len=50, seed=3, cache_len=2000, memory=2**20)
    inputs, target = stream(dataset, 7000)
    for row in range(6):
        with dense():
            ob, gt = Dataset(ChangingStorage(-1), batch_size=6, seq_len=7000, seed=3).part([row])()
        assert np.array_equal(inputs[row], ob[:, 0])
        assert np.array_equal(target[row], gt[:, 0])


ENCODED = [
    "ReadySetGo-v0",  # of three channels
    "yang19.dlygo-v0",  # of many
    "HierarchicalReasoning-v0",  # with state
    "PerceptualDecisionMakingDelayResponse-v0",  # with noise
    "SpatialSuppressMotion-v0",  # with a ground truth that changes step by step
]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("seq_len", "memory"), [(7, 2**16), (7, 2**26), (50, 2**18), (50, 2**26)])
@pytest.mark.parametrize("id_", ENCODED)
def test_dataset_info_is_the_same_however_trials_are_stored(id_, seq_len, memory, batch_first):
    options = {"batch_size": 5, "seq_len": seq_len, "batch_first": batch_first, "seed": 2, "info": True, "cache_len": 1500}
    one, other = Dataset(id_, **options, memory=memory), Dataset(id_, **options)
    for _ in range(4000 // seq_len):
        with dense():
            ob_dense, gt_dense, info_dense = other()
        ob, gt, info = one()
        assert np.array_equal(ob, ob_dense)
        assert np.array_equal(gt, gt_dense)
        for name in ("mask", "start", "period"):
            assert np.array_equal(info[name], info_dense[name])
        for name, values in info["conditions"].items():
            assert np.array_equal(values, info_dense["conditions"][name])


class ManyPeriods(ngym.TrialEnv):
    """Has as many periods of a step as its attribute says."""

    num = 3

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.observation_space = ngym.spaces.Box(-1, 1, shape=(1,))
        self.action_space = ngym.spaces.Discrete(2)

    def _new_trials(self, trials):
        for i in range(self.num):
            trials.add_period(f"p{i}", 100, after=f"p{i - 1}" if i else None)
        trials.set_groundtruth(1, f"p{self.num - 1}")


def test_dataset_numbers_any_number_of_periods():
    dataset = Dataset(ManyPeriods(), batch_size=200, seq_len=4, info=True, cache_len=4)
    assert dataset()[2]["period"].dtype == np.int8
    dataset.env.num = 200
    period = np.concatenate([dataset()[2]["period"] for _ in range(60)])
    for row in period.T:  # two steps of a trial of three periods are left
        assert row.tolist() == [1, 2, *range(200), *range(38)]
    many = ManyPeriods()
    many.num = 200
    assert Dataset(many, batch_size=1, seq_len=200, info=True)()[2]["period"].max() == 199


def chunk(first, indexed):
    """Six steps that show the values first, first + 1 and first + 2."""
    values, index = np.arange(first, first + 3.0), np.array([0, 0, 1, 1, 1, 2])
    steps = (values, index) if indexed else (values[index], None)
    return StepChunk({"inputs": steps, "target": steps}, 1, {})


@pytest.mark.parametrize("indexed", [True, False])
def test_window_buffer_returns_the_steps_that_do_not_fit(indexed):
    buffer = WindowBuffer(2, 4, batch_first=True)
    buffer.clear(2)
    assert buffer.put(0, 0, chunk(10, indexed), 0) is None
    rest = buffer.put(0, 6, chunk(20, indexed), 1)
    assert len(rest) == 4
    assert buffer.put(1, 0, rest, 0) is None
    assert len(buffer.put(1, 4, chunk(30, indexed), 0)) == 2
    assert buffer.window(0)["inputs"].tolist() == [[10, 10, 11, 11], [21, 21, 21, 22]]
    assert buffer.window(1)["target"].tolist() == [[11, 12, 20, 20], [30, 30, 31, 31]]


def test_dataset_memory_is_bounded_where_steps_share_values():
    tracemalloc.start()
    dataset = Dataset("yang19.anti-v0", batch_size=16, seq_len=100, memory=8 * 2**20, seed=0)
    for _ in range(4 * dataset.cycle):
        dataset()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 8 * 2**20


@pytest.mark.parametrize(("by_periods", "most"), [(0, 3.5), (3, 5)])  # the second one notices it while making a cycle
def test_dataset_buffers_fewer_windows_where_trials_are_larger_than_estimated(by_periods, most):
    dataset = Dataset(ChangingStorage(by_periods), batch_size=64, seq_len=50, memory=2**20, seed=0)
    before = dataset.cycle
    tracemalloc.start()
    dataset()
    for _ in range(4 * before):
        dataset()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < dataset.cycle <= before
    assert dataset.streams._buffer.nbytes < 2**20
    assert peak < most * 2**20
