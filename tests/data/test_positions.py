"""Where a data set stands: states, copies and changed parameters, for all tasks and at any step."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_core.state import load_state, save_state
from ngym_data import Dataset
from tests.data.streams import same, steps_of

IDS = ngym.all_envs(collections=True)
ID = "PerceptualDecisionMaking-v0"
VARIED = {"timing": {"stimulus": ("choice", [200, 500, 1500])}}
CASES = {
    "plain": {},
    "batch_first": {"batch_first": True},
    "crossed": {"conditions": {"coh": [0, 12.8, 51.2], "ground_truth": [0, 1]}},
    "split": {"split": "val"},
    "other values": {"holdout": {"coh": [12.8, 0]}},
    "held-out values": {"holdout": {"coh": [12.8, 0]}, "split": "holdout"},
    "held-out pair": {"holdout": {"coh": [12.8], "ground_truth": [1]}, "split": "holdout"},
    "rest of pairs": {"holdout": {"coh": [12.8, 25.6], "ground_truth": [1]}},
    "weights": {"loss_weights": {"decision": 5.0}},
}


class Style(ngym.TrialEnv):
    """A task in NeuroGym's style, which keeps a state and parameters in attributes."""

    default_timing = {"fixation": 200, "decision": ngym.TruncExp(300, 100, 500)}

    def __init__(self, level=1.0):
        super().__init__(dt=100)
        self.level, self.count = level, 0
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,), dtype=np.float32)
        self.action_space = ngym.spaces.Discrete(3)

    def _new_trial(self, **kwargs):
        self.count += 1
        trial = {"ground_truth": self.rng.choice([1, 2]), **kwargs}
        self.add_period(["fixation", "decision"])
        self.add_ob(self.level * trial["ground_truth"], "decision", where=0)
        self.add_ob(self.count, "decision", where=1)
        self.add_randn(0, 1, "decision", where=0)
        self.set_groundtruth(trial["ground_truth"], "decision")
        return trial

    def _step(self, action):
        return self.ob_now, 0.0, False, False, {"new_trial": False, "gt": self.gt_now}


def plain(state):
    """Whether a state is plain data."""
    if isinstance(state, dict):
        return all(type(key) is str and plain(value) for key, value in state.items())
    if isinstance(state, (list, tuple)):
        return all(map(plain, state))
    if isinstance(state, np.ndarray):
        return not state.dtype.hasobject
    return state is None or type(state) in (bool, int, float, str)


@pytest.mark.parametrize("id_", IDS)
def test_dataset_goes_on_from_a_state_and_as_a_copy(id_):
    dataset = Dataset(id_, batch_size=3, seq_len=7, cache_len=60, seed=1, info=True)
    other = Dataset(id_, batch_size=3, seq_len=11, info=True, batch_first=True)
    steps_of(dataset, 7 * (1 + len(id_) % 5))
    for batches in (0, 1, 12):
        for _ in range(batches):
            dataset()
        state = dataset.state_dict()
        assert plain(state)
        other.load_state_dict(copy.deepcopy(state))
        loaded = Dataset(id_, batch_size=3, seq_len=7, cache_len=200, info=True)
        loaded.load_state_dict(other.state_dict())  # before anything was generated from the state
        expected = steps_of(copy.deepcopy(dataset), 120)
        assert same(steps_of(other, 120), expected)
        assert same(steps_of(loaded, 120), expected)
    assert same(steps_of(pickle.loads(pickle.dumps(dataset)), 120), steps_of(dataset, 120))


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    seq_len=st.integers(1, 40),
    cache_len=st.one_of(st.none(), st.integers(0, 300)),
    other_cache_len=st.one_of(st.none(), st.integers(0, 300)),
)
def test_dataset_state_holds_at_every_step(case, steps, seq_len, cache_len, other_cache_len):
    options = {"batch_size": 2, "info": True, "seq_len": 1, **CASES[case]}
    dataset = Dataset(ID, VARIED, cache_len=cache_len, seed=3, **options)
    steps_of(dataset, steps[0])
    other = Dataset(ID, VARIED, cache_len=other_cache_len, **{**options, "seq_len": seq_len})
    other.load_state_dict(dataset.state_dict())
    expected = steps_of(dataset, steps[1] + 100)
    first = -(-steps[1] // seq_len) * seq_len
    assert same(steps_of(other, first, exact=False), steps_of_slice(expected, 0, first))
    last = Dataset(ID, VARIED, cache_len=cache_len, **options)
    last.load_state_dict(other.state_dict())
    assert same(steps_of(last, steps[1] + 50 - first if first < steps[1] + 50 else 1), steps_of_slice(expected, first, max(first + 1, steps[1] + 50)))


def steps_of_slice(steps, first, last):
    """Steps of `steps_of`, (rows, steps, ...)."""
    if isinstance(steps, dict):
        return {name: steps_of_slice(part, first, last) for name, part in steps.items()}
    if isinstance(steps, tuple):
        return tuple(steps_of_slice(part, first, last) for part in steps)
    return steps[:, first:last]
