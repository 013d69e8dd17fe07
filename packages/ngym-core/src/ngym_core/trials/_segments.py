"""Segments: run-length encoding of trials that are constant within periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.trials._kernels import Span, Steps, highest, is_same_edge, move_channels, paint

__all__ = ["Segments"]

Array: TypeAlias = NDArray[Any]


class Segments:
    """n trials as a few segments each, within which nothing changes from step to step.

    All trials have the same segments, of different lengths; their edges are those of the periods that are written.
    Writing, keeping and copying a segment costs a fraction of what its steps cost. A table has one column for each
    segment: (n, ...) values, or (1, ...) as long as they are the same in all trials.

    Args:
        n: Number of trials.
        total: Their lengths in steps.
        spans: Periods that will be written.
    """

    def __init__(self, n: int, total: Steps, spans: Iterable[Span] = ()) -> None:
        self.n, self.total = n, total
        self._edges: list[Steps] = [0, total]
        self._tables: dict[str, list[Array]] = {}
        self._index: NDArray[np.int64] | None = None
        self._lengths: NDArray[np.int64] | None = None
        for span in spans:
            self.between(span)

    @property
    def number(self) -> int:
        """Number of segments of a trial."""
        return len(self._edges) - 1

    @property
    def shared_edges(self) -> bool:
        """Whether all trials have the same edges."""
        return all(isinstance(edge, int) for edge in self._edges)

    def __contains__(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return name in self._tables

    def create(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Create a table of zeros, of values of a shape."""
        self._tables[name] = [np.zeros((1, *shape), dtype) for _ in range(self.number)]

    def drop(self, name: str) -> None:
        """Remove a table, if there is one of this name."""
        self._tables.pop(name, None)

    def convert(self, name: str, dtype: Any) -> None:
        """Change the type of a table."""
        self._tables[name] = [column.astype(dtype, copy=False) for column in self._tables[name]]

    def paint(self, name: str, value: ArrayLike, between: tuple[int, int], where: Any, *, how: str) -> None:
        """Write a value, which has no axis of steps, into some segments; see `ngym_core.trials._kernels.paint`."""
        columns = self._tables[name]
        dtype, shape = columns[0].dtype, columns[0].shape[1:]
        whole = isinstance(where, slice) and where == slice(None) and np.shape(value) == (self.n, *shape)
        first, last = between
        table = _common_table(columns[first:last], (self.n, len(columns))) if last - first > 1 else None
        if table is not None:
            paint(table, value, between, where, how=how)  # steps side by side in one array are written at once
            return
        for i in range(first, last):
            if whole and len(columns[i]) == 1 and how != "multiply":
                given = np.asarray(value, dtype)
                columns[i] = columns[i] + given if how == "add" else given.copy()
            else:
                if any(columns[i] is other for other in (*columns[:i][-1:], *columns[i + 1 : i + 2])):
                    columns[i] = columns[i].copy()  # steps of a span that was split share a column until they are written
                column = columns[i] if np.ndim(value) == 0 else self._column_of_trials(name, i)
                paint(column[:, None], value, (0, 1), where, how=how)

    def move_channels(self, name: str, between: tuple[int, int], source: Any, target: Any, only: Array) -> None:
        """Move what some channels show to others, in some segments; see `ngym_core.trials._kernels.move_channels`."""
        columns, (first, last) = self._tables[name], between
        table = _common_table(columns[first:last], (self.n, len(columns))) if last - first > 1 else None
        if table is not None:  # all segments at once
            move_channels(table, between, source, target, only)
            return
        for i in range(*between):
            move_channels(self._column_of_trials(name, i)[:, None], (0, 1), source, target, only)

    def _column_of_trials(self, name: str, i: int) -> Array:
        """Return a column with one value for each trial, (n, ...)."""
        column = self._tables[name][i]
        if len(column) < self.n:
            self._tables[name][i] = column = column.repeat(self.n, axis=0)
        return column

    def between(self, span: Span) -> tuple[int, int] | None:
        """Return the segments of a span, first and last (excluded); a segment is cut in two where the span begins or ends.

        Returns:
            None if an edge of the span lies before some other edge in some trials and behind it in others.
        """
        start, stop = (self._find_edge(edge) for edge in span)
        return None if start is None or stop is None else (start, max(start, stop))

    def _find_edge(self, edge: Steps) -> int | None:
        """Return the number of an edge; insert it if there is none at these steps."""
        for i, known in enumerate(self._edges):
            if is_same_edge(edge, known):
                return i
        first = _in_first_trial(edge)
        for i, (before, after) in enumerate(pairwise(self._edges), 1):
            # The first trial rules most pairs out before whole arrays are compared.
            possible = _in_first_trial(before) <= first <= _in_first_trial(after)
            if possible and _equal(edge, after):
                return i
            if possible and _ordered(before, edge) and _ordered(edge, after):
                self._edges.insert(i, edge)
                for columns in self._tables.values():
                    columns.insert(i, columns[i - 1].copy())
                self._index = self._lengths = None
                return i
        return None

    def split_into_steps(self, span: Span, max_segments: int) -> bool:
        """Replace the segment of a span by one segment for each step, so that noise can be added to it.

        Where the span is longer in some trials than in others, the last segments have no step in the shorter ones.

        Args:
            span: The span.
            max_segments: A trial may have at most so many segments.

        Returns:
            Whether there is a segment for each step now; there is not if there would be too many.
        """
        between = self.between(span)
        if between is None:
            return False
        (start, stop), (first, last) = span, between
        steps = int(np.max(np.subtract(stop, start)))
        shared = isinstance(start, int) and isinstance(stop, int)
        inner = [start + i if shared else np.minimum(start + i, stop) for i in range(1, steps)]
        if last - first == steps:  # as many segments as steps, which may still have other lengths than one step each
            return all(np.all(known == edge) for known, edge in zip(self._edges[first + 1 : last], inner, strict=True))
        if last - first > 1 or self.number + steps - 1 > max_segments:
            return False
        self._edges[last:last] = inner
        for columns in self._tables.values():
            columns[last:last] = [columns[first]] * (steps - 1)
        self._index = self._lengths = None
        return True

    def steps_of(self, name: str, span: Span) -> tuple[Array, Span]:
        """Return the values of all segments, (n, segments, ...), and which of them are the steps of a span that was split.

        The array may be changed in place; the segments of the span are numbered like steps, by trial where they differ.
        """
        first = (self.between(span) or (0, 0))[0]
        table = _side_by_side(self._tables[name], self.n)
        self._tables[name] = [table[:, i] for i in range(self.number)]
        return table, (first, first + np.subtract(span[1], span[0]))

    @property
    def index(self) -> NDArray[np.int64]:
        """The segment of each step, (steps,): all steps of all trials, one trial after another, and segments likewise."""
        if self._index is None:
            self._index = np.repeat(np.arange(self.n * self.number), self.lengths)
        return self._index

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each segment, (n * segments,), one trial after another: one array, not to be changed."""
        if self._lengths is None:
            lengths = np.empty((self.n, self.number), np.int64)
            for i, (before, after) in enumerate(pairwise(self._edges)):
                np.subtract(after, before, out=lengths[:, i])
            self._lengths = lengths.ravel()
        return self._lengths

    def values(self, name: str) -> Array:
        """Return the values of all segments of all trials, (n * segments, ...)."""
        table = _side_by_side(self._tables[name], self.n)
        return table.reshape(-1, *table.shape[2:])

    def decode(self, name: str) -> Array:
        """Return what each step shows, (n, T, ...), 0 after a trial's end; the table is dropped."""
        columns = self._tables.pop(name)
        decoded = np.zeros((self.n, highest(self.total), *columns[0].shape[1:]), columns[0].dtype)
        edges = [*pairwise(self._edges)]
        for i, (start, stop) in enumerate(edges):
            column = columns[i]
            if i + 1 < len(edges) and columns[i + 1] is column:  # several steps may share a column
                edges[i + 1] = start, edges[i + 1][1]
            elif column.any():
                paint(decoded, column, (start, stop), slice(None), how="assign")
        return decoded


def _side_by_side(columns: Sequence[Array], n: int) -> Array:
    """Put columns (n or 1, ...) side by side, (n, columns, ...), if they are not views of such an array already."""
    table = _common_table(columns, (n, len(columns)))
    if table is not None:
        return table
    table = np.stack([column[0] for column in columns])[None].repeat(n, axis=0)
    first = 0
    for _, same in groupby(columns, id):
        last = first + len(list(same))
        if len(columns[first]) == n:
            paint(table, columns[first], (first, last), slice(None), how="assign")
        first = last
    return table


def _common_table(columns: Sequence[Array], shape: tuple[int, int]) -> Array | None:
    """Return the array (n, segments, ...) that all these columns are views of, or None."""
    table = columns[0].base
    common = table is not None and table.shape[:2] == shape and all(column.base is table for column in columns)
    return table if common else None


def _equal(one: Steps, other: Steps) -> bool:
    return one == other if isinstance(one, int) and isinstance(other, int) else np.array_equal(one, other)


def _ordered(one: Steps, other: Steps) -> bool:
    return one <= other if isinstance(one, int) and isinstance(other, int) else bool(np.less_equal(one, other).all())


def _in_first_trial(edge: Steps) -> int:
    return edge if isinstance(edge, int) else int(edge[0])
