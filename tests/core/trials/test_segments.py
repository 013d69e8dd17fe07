from __future__ import annotations

import numpy as np
import pytest

from ngym_core.trials._segments import Segments


def test_split_into_steps_splits_other_tables_too():
    segments = Segments(3, 4)
    for name in ("ob", "gt"):
        segments.create(name, (), float)
        segments.paint(name, [1, 2, 3], (0, 1), slice(None), how="assign")
    assert segments.split_into_steps((0, 4), max_segments=4)
    table, (first, stop) = segments.steps_of("ob", (0, 4))
    assert (first, int(stop)) == (0, 4)
    table[:, 2] += 1
    segments.paint("gt", 7, (1, 2), slice(None), how="assign")
    assert segments.decode("ob").tolist() == [[1, 1, 2, 1], [2, 2, 3, 2], [3, 3, 4, 3]]
    assert segments.decode("gt").tolist() == [[1, 7, 1, 1], [2, 7, 2, 2], [3, 7, 3, 3]]


def test_split_into_steps_leaves_short_trials_empty_segments():
    stop = np.array([1, 3])
    segments = Segments(2, stop + 1, [(0, stop)])
    segments.create("ob", (), float)
    assert segments.split_into_steps((0, stop), max_segments=4)
    table, (first, after) = segments.steps_of("ob", (0, stop))
    assert (first, after.tolist()) == (0, [1, 3])
    table[:, :3] = [[1, 0, 0], [1, 2, 3]]
    assert segments.number == 4
    assert segments.index.tolist() == [0, 3, 4, 5, 6, 7]
    assert segments.decode("ob").tolist() == [[1, 0, 0, 0], [1, 2, 3, 0]]


def test_split_into_steps_refuses_too_many_segments():
    segments = Segments(3, 4)
    segments.create("ob", (), float)
    assert not segments.split_into_steps((0, 4), max_segments=3)
    assert segments.number == 1


@pytest.mark.parametrize("how", ["add", "assign"])
def test_segments_paint_copies_the_value(how):
    segments, value = Segments(3, 4), np.array([1.0, 2, 3])
    segments.create("ob", (), float)
    segments.paint("ob", value, (0, 1), slice(None), how=how)
    value[:] = 0
    assert segments.values("ob").tolist() == [1, 2, 3]


def test_between_cuts_a_segment_where_a_span_begins():
    total, first = np.array([5, 7]), np.array([2, 3])
    segments = Segments(2, total)
    segments.create("ob", (1,), float)
    segments.paint("ob", 1, (0, 1), slice(None), how="assign")
    assert segments.between((first, first + 1)) == (1, 2)
    assert segments.between((0, first)) == (0, 1)
    assert segments.between((first, total)) == (1, 3)
    assert [column.shape for column in segments._tables["ob"]] == [(1, 1)] * 3
    segments.paint("ob", 2, (1, 2), slice(None), how="assign")
    assert segments.index.tolist() == [0, 0, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5]
    segments.paint("ob", [[3], [4]], (2, 3), slice(None), how="assign")
    assert [len(column) for column in segments._tables["ob"]] == [1, 1, 2]
    assert segments.between((total - 1, total)) == (3, 4)
    segments.paint("ob", 1, (3, 4), slice(None), how="add")
    assert segments.decode("ob")[..., 0].tolist() == [[1, 1, 2, 3, 4, 0, 0], [1, 1, 1, 2, 4, 4, 5]]
    assert "ob" not in segments


def test_between_is_none_where_edges_cross():
    segments = Segments(2, 9, [(0, np.array([2, 6]))])
    assert segments.between((np.array([4, 4]), 9)) is None
    assert segments.between((3, 3)) is None
    assert segments.between((np.array([1, 1]), np.array([2, 2]))) == (1, 2)


def test_split_into_steps_knows_segments_of_no_or_several_steps():
    # Three segments in a span of three steps, of 0, 1 and 2 steps in the first trial, and of 1 each in the second one.
    segments = Segments(2, 3, [(0, np.array([0, 1])), (0, np.array([1, 2]))])
    segments.create("ob", (), float)
    assert segments.number == 3
    assert not segments.split_into_steps((0, 3), max_segments=9)
    split = Segments(2, 3, [(0, np.array([1, 1])), (0, np.array([2, 2]))])
    assert split.split_into_steps((0, 3), max_segments=9)
