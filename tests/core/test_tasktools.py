from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ngym_core import tasktools

RECORDED = json.loads((Path(__file__).parent.parent / "golden/data/utils.json").read_text())


@pytest.mark.parametrize("case", RECORDED["to_map"], ids=str)
def test_to_map_returns_the_recorded_positions(case):
    assert dict(tasktools.to_map(*case["args"])) == case["value"]


def test_to_map_of_nothing_is_empty():
    assert not tasktools.to_map()


@pytest.mark.parametrize("case", RECORDED["get_periods_idx"], ids=str)
def test_get_periods_idx_returns_the_recorded_grid(case):
    t, index = tasktools.get_periods_idx(case["dt"], case["periods"])
    assert t.tolist() == case["t"]
    assert index == case["idx"]


def test_get_periods_idx_rounds_fractional_steps():
    t, index = tasktools.get_periods_idx(0.1, {"a": (0, 0.2), "tmax": 0.3})
    assert t == pytest.approx([0, 0.1, 0.2, 0.3])
    assert index == {"a": [0, 1]}
    with pytest.raises(KeyError, match="needs 'tmax'"):
        tasktools.get_periods_idx(0.1, {"a": (0, 0.2)})


def test_get_idx_excludes_the_end():
    assert tasktools.get_idx([0, 10, 20, 30], (10, 30)) == [1, 2]


@pytest.mark.parametrize("case", RECORDED["minmax_number"], ids=str)
def test_minmax_number_returns_the_recorded_range(case):
    assert list(tasktools.minmax_number(case["dist"], case["args"])) == case["value"]


def test_minmax_number_takes_open_ranges_and_rejects_unknown_distributions():
    assert tasktools.minmax_number("truncated_exponential", (600,)) == (0, np.inf)
    with pytest.raises(ValueError, match="Unknown distribution: constnat. Did you mean 'constant'"):
        tasktools.minmax_number("constnat", 3)


@pytest.mark.parametrize("case", RECORDED["circular_dist"], ids=str)
def test_circular_dist_returns_the_recorded_distance(case):
    assert tasktools.circular_dist(case["args"]).tolist() == pytest.approx(case["value"])


def test_circular_dist_wraps_beyond_a_circle():
    assert tasktools.circular_dist(3 * np.pi) == pytest.approx(np.pi)


@pytest.mark.parametrize("case", RECORDED["correct_2AFC"], ids=str)
def test_correct_2afc_returns_the_recorded_shares(case):
    perf = SimpleNamespace(**{k: case[k] for k in ("n_trials", "n_decision", "n_correct")})
    assert tasktools.correct_2AFC(perf) == pytest.approx(tuple(case["value"]))


def test_correct_2afc_without_trials_is_0():
    assert tasktools.correct_2AFC(SimpleNamespace(n_trials=0, n_decision=0, n_correct=0)) == (0, 0)


def test_ring_and_tuning_have_the_number_of_directions():
    for n in (1, 2, 61, 122, 197):
        assert len(tasktools.ring(n)) == n
    with pytest.raises(ValueError, match="at least one direction, not 0"):
        tasktools.ring(0)
    assert tasktools.tuning(tasktools.ring(2), [0.0]).tolist() == [[1, -1]]
    narrow, wide = (tasktools.tuning(tasktools.ring(8), [0.3, 2.0, 5.0], dtype) for dtype in (np.float32, np.float64))
    assert (narrow.dtype, wide.dtype) == (np.float32, np.float64)
    assert np.allclose(narrow, wide, rtol=0, atol=2e-7)


def test_two_inputs_differ_by_the_coherence():
    strength = tasktools.two_inputs([True, False, True], [0, 10, 51.2])
    assert strength == pytest.approx(np.array([[0.5, 0.5], [0.45, 0.55], [0.756, 0.244]]))


def test_one_angle_will_do():
    theta = np.linspace(0, 6, 8)
    assert (tasktools.bump(theta, 1.0) == tasktools.bump(theta, [1.0])).all()
