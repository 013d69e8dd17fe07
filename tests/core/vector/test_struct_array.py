from __future__ import annotations

import numpy as np
import pytest

from ngym_core.vector._struct_array import StructArray

PLAIN = {"coh": np.array([1.5, 2.5]), "left": np.array([True, False]), "pair": np.arange(4).reshape(2, 2)}
OBJECTS = {**PLAIN, "kind": np.array(["match", "non-match"])}


def filled(example, n):
    records = StructArray(example, n)
    for name, values in example.items():
        records[name][:] = np.resize(values, (n, *values.shape[1:]))
    return records


@pytest.mark.parametrize("example", [PLAIN, OBJECTS, {}])
def test_struct_array_take_and_put_move_whole_rows(example):
    here, there = filled(example, 6), filled(example, 6).empty_like(4)
    there.put(np.array([3, 0]), here.take(np.array([1, 4])))
    assert there.names == tuple(example)
    for name in example:
        assert np.array_equal(there[name][[3, 0]], here[name][[1, 4]])
        assert not np.any(there[name][1:3])


@pytest.mark.parametrize("example", [PLAIN, OBJECTS])
def test_struct_array_gives_copies_of_its_columns(example):
    records = filled(example, 4)
    copies = records.copies()
    assert list(copies) == list(example)
    for name, values in copies.items():
        assert values.tolist() == records[name].tolist()
    copies["coh"][:] = 9
    assert records["coh"].tolist() == [1.5, 2.5, 1.5, 2.5]


def test_struct_array_sets_rows_of_a_shape_of_their_own_in_a_column_of_objects():
    table = StructArray({"place": np.empty(0, object), "x": np.zeros(0)}, 3)
    rows = {"place": np.array([[1, 2], [3, 4]])}
    assert table.holds(rows)
    assert not table.holds({"other": np.zeros(2)})
    assert not table.holds({"x": np.zeros((2, 2))})
    table.set(np.array([2, 0]), rows)
    assert [None if row is None else row.tolist() for row in table["place"]] == [[3, 4], None, [1, 2]]
