from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngym_core.trials import _kernels
from ngym_core.trials._kernels import SpanRows, add_noise, move_channels, paint, set_patterns

from ..toy import Toy

N, T = 5, 9

HOW = {"add": np.add, "multiply": np.multiply, "assign": lambda old, new: new}

WHERE = {3: [slice(None), slice(1, 2), [0, 2]], 20: [slice(None), slice(2, 18), [0, 5, 19], list(range(0, 20, 2))]}


def edges(draw):
    """Start and end of a span: shared by all trials, or one of them, or neither."""
    shared = draw(st.tuples(st.booleans(), st.booleans()))
    starts = draw(st.lists(st.integers(0, T - 1), min_size=N, max_size=N))
    lengths = draw(st.lists(st.integers(0, T - 1), min_size=N, max_size=N))
    start = starts[0] if shared[0] else np.array(starts)
    stop = min(T, max(starts) + lengths[0]) if shared[1] else np.minimum(np.array(starts) + lengths, T)
    return start, stop


def inside(span):
    """Where the span is, (N, T), found step by step."""
    start, stop = (np.broadcast_to(edge, N) for edge in span)
    return np.array([[start[i] <= t < stop[i] for t in range(T)] for i in range(N)])


@given(data=st.data(), channels=st.sampled_from(list(WHERE)), how=st.sampled_from(list(HOW)))
def test_paint_equals_writing_step_by_step(data, channels, how):
    span, where = data.draw(st.composite(edges)()), data.draw(st.sampled_from(WHERE[channels]))
    where = where if isinstance(where, slice) else np.array(where)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    array = rng.random((N, T, channels), np.float32)
    k = len(np.arange(channels)[where])
    value = rng.random(data.draw(st.sampled_from([(), (N,), (N, k), (1, k)]))).astype(np.float32)
    expected, within = array.copy(), inside(span)
    for i in range(N):
        for t in np.nonzero(within[i])[0]:
            one = value if value.ndim == 0 else value[i] if len(value) == N else value[0]
            expected[i, t, where] = HOW[how](expected[i, t, where], one)
    with patch.object(_kernels, "BLOCK_NUMBERS", data.draw(st.sampled_from([100, _kernels.BLOCK_NUMBERS]))):
        paint(array, value, span, where, how=how)
    assert np.array_equal(array, expected)


@pytest.mark.parametrize("kind", [(2, 4), (2, np.array([4, 4, 4, 4, 4]))])
def test_paint_takes_a_value_for_each_step_of_the_span(kind):
    array, value = np.zeros((N, T, 3), np.float32), np.arange(N * 2 * 3).reshape(N, 2, 3)
    paint(array, value, kind, slice(None), how="add")
    assert np.array_equal(array[:, 2:4], value)
    assert (array[:, :2] == 0).all()
    assert (array[:, 4:] == 0).all()


@given(data=st.data())
def test_span_rows_are_found_trial_by_trial(data):
    span = data.draw(st.composite(edges)())
    found = SpanRows.of(span, N, T)
    if found is None:
        assert all(isinstance(edge, int) for edge in span)
        return
    assert found.index.tolist() == np.flatnonzero(inside(span)).tolist()
    assert found.trial.tolist() == np.nonzero(inside(span))[0].tolist()


@given(data=st.data(), channels=st.sampled_from(list(WHERE)))
def test_add_noise_takes_a_mean_for_each_trial_and_channel(data, channels):
    span, where = data.draw(st.composite(edges)()), data.draw(st.sampled_from(WHERE[channels]))
    where = where if isinstance(where, slice) else np.array(where)
    k = len(np.arange(channels)[where])
    means = np.arange(N * k, dtype=np.float32).reshape(N, k)
    array = np.ones((N, T, channels), np.float32)
    add_noise(array, lambda shape, *_: np.full(shape, 0.5, np.float32), means, np.arange(N), span, where)
    expected = np.ones_like(array)
    paint(expected, means + 0.5 * np.arange(N)[:, None], span, where, how="add")
    assert np.array_equal(array, expected)


def test_add_noise_does_not_depend_on_the_block_size(monkeypatch):
    whole = Toy().sample_trials(200, seed=1).ob
    monkeypatch.setattr(_kernels, "NOISE_BLOCK_NUMBERS", 17)
    assert np.array_equal(Toy().sample_trials(200, seed=1).ob, whole)


@given(data=st.data(), only=st.lists(st.booleans(), min_size=N, max_size=N))
@pytest.mark.parametrize(("source", "target"), [(slice(0, 10), slice(10, 20)), (np.array([0, 3]), np.array([1, 2]))])
def test_move_channels_leaves_zeros_behind(source, target, data, only):
    span = data.draw(st.composite(edges)())
    array = np.random.default_rng(0).random((N, T, 20), np.float32)
    expected, within = array.copy(), inside(span) & np.array(only)[:, None]
    for i, t in zip(*np.nonzero(within), strict=True):
        expected[i, t, target], expected[i, t, source] = expected[i, t, source].copy(), 0
    move_channels(array, span, source, target, np.array(only))
    assert np.array_equal(array, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("where", [slice(None), slice(1, 3), np.array([0, 2])])
def test_set_patterns_does_not_depend_on_the_block_size(where, dtype, monkeypatch):
    monkeypatch.setattr(_kernels, "BLOCK_NUMBERS", 40)
    array, k = np.zeros((N, T, 3), np.float32), len(np.arange(3)[where])
    patterns, which = np.random.default_rng(0).random((4, k)).astype(dtype), np.random.default_rng(1).integers(0, 4, (N, T))
    set_patterns(array, patterns, which, where)
    assert np.array_equal(array[..., where], patterns.astype(np.float32)[which])
    assert np.count_nonzero(array) == N * T * k
