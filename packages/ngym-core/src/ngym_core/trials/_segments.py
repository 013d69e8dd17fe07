"""Stretches: many trials in short, as long as nothing in them changes from one step to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.trials._kernels import Inside, Span, Steps, highest, move, paint

__all__ = ["Stretches", "copy_steps"]

Array: TypeAlias = NDArray[Any]


class Stretches:
    """n trials as a few stretches each, in which nothing changes. All trials have the same ones, of different lengths.

    They are cut where the periods that are painted begin and end. Painting, keeping and copying stretches costs a
    fraction of what it costs to paint, keep and copy their steps. What a stretch shows is kept once as long as it is the
    same in all trials.

    Args:
        n: Number of trials.
        total: Their lengths in steps.
        spans: Periods that are expected.
    """

    def __init__(self, n: int, total: Steps, spans: Iterable[Span] = ()) -> None:
        self.n, self.total = n, total
        self._edges: list[Steps] = [0, total]
        self._tables: dict[str, list[Array]] = {}
        self._which: NDArray[np.int64] | None = None
        for span in spans:
            self.between(span)

    @property
    def number(self) -> int:
        """Number of stretches of a trial."""
        return len(self._edges) - 1

    def __contains__(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return name in self._tables

    def __getitem__(self, name: str) -> list[Array]:
        """Give a table: what each stretch shows, (n, ...), or (1, ...) if it is the same in all trials."""
        return self._tables[name]

    def begin(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Begin a table of zeros, of values of some shape."""
        self._tables[name] = [np.zeros((1, *shape), dtype) for _ in range(self.number)]

    def convert(self, name: str, dtype: Any) -> None:
        """Change the type of a table."""
        self._tables[name] = [column.astype(dtype, copy=False) for column in self._tables[name]]

    def paint(self, name: str, value: ArrayLike, between: tuple[int, int], where: Any, *, how: str) -> None:
        """Paint some stretches, see `ngym_core.trials._kernels.paint`; the value has no axis of steps."""
        columns = self._tables[name]
        dtype, shape = columns[0].dtype, columns[0].shape[1:]
        whole = isinstance(where, slice) and where == slice(None) and np.shape(value) == (self.n, *shape)
        for i in range(*between):
            if whole and len(columns[i]) == 1 and how != "multiply":
                given = np.asarray(value, dtype)
                columns[i] = columns[i] + given if how == "add" else given.copy()
            else:
                column = columns[i] if np.ndim(value) == 0 else self._own(name, i)
                paint(column[:, None], value, (0, 1), where, how=how)

    def move(self, name: str, between: tuple[int, int], source: Any, target: Any, only: Array) -> None:
        """Move what is painted on some channels in some stretches, see `ngym_core.trials._kernels.move`."""
        for i in range(*between):
            move(self._own(name, i)[:, None], (0, 1), source, target, only)

    def _own(self, name: str, i: int) -> Array:
        """Give what a stretch shows in each trial, (n, ...)."""
        column = self._tables[name][i]
        if len(column) < self.n:
            self._tables[name][i] = column = column.repeat(self.n, axis=0)
        return column

    def between(self, span: Span) -> tuple[int, int] | None:
        """Find the stretches of a span, from and to (excluded); None if other edges lie before or behind it by trial."""
        start, stop = (self._place(edge) for edge in span)
        return None if start is None or stop is None else (start, max(start, stop))

    def _place(self, edge: Steps) -> int | None:
        """Find an edge among the others; cut a stretch if it is new."""
        for i, known in enumerate(self._edges):
            if edge is known or (isinstance(edge, int) and isinstance(known, int) and edge == known):
                return i
        first = _of_first(edge)
        for i, (before, after) in enumerate(pairwise(self._edges), 1):
            maybe = _of_first(before) <= first <= _of_first(after)
            if maybe and _equal(edge, after):
                return i
            if maybe and _ordered(before, edge) and _ordered(edge, after):
                self._edges.insert(i, edge)
                for columns in self._tables.values():
                    columns.insert(i, columns[i - 1].copy())
                self._which = None
                return i
        return None

    def fray(self, name: str, span: Span, between: tuple[int, int], most: int) -> Array | None:
        """Cut a span into single steps.

        Args:
            name: A table.
            span: Its edges.
            between: Its stretches, from and to (excluded).
            most: So many stretches of a trial are allowed.

        Returns:
            What the table shows in the span, to be changed in place, (n, steps, ...); None if the span is longer in some
            trials than in others, or if there would be too many stretches.
        """
        first, last = between
        counts = np.subtract(span[1], span[0])
        steps = int(counts.max())
        if steps != counts.min():
            return None
        if last - first != steps:
            if last - first > 1 or self.number + steps - 1 > most:
                return None
            self._edges[last:last] = [span[0] + i for i in range(1, steps)]
            for columns in self._tables.values():
                columns[last:last] = [columns[first]] * (steps - 1)
            self._which = None
        for other, columns in self._tables.items():
            if other != name:
                columns[first : first + steps] = [column.copy() for column in columns[first : first + steps]]
        table = _beside(self._tables[name], self.n)
        self._tables[name] = [table[:, i] for i in range(self.number)]
        return table[:, first : first + steps]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each stretch, (n, stretches)."""
        lengths = np.empty((self.n, self.number), np.int64)
        for i, (before, after) in enumerate(pairwise(self._edges)):
            np.subtract(after, before, out=lengths[:, i])
        return lengths

    @property
    def which(self) -> NDArray[np.int64]:
        """The stretch of each step, (steps,): all steps, trial by trial, and all stretches likewise."""
        if self._which is None:
            self._which = np.repeat(np.arange(self.n * self.number), self.lengths.ravel())
        return self._which

    def flat(self, name: str) -> Array:
        """Give what each stretch shows, (n * stretches, ...)."""
        table = _beside(self._tables[name], self.n)
        return table.reshape(-1, *table.shape[2:])

    def unfold(self, name: str) -> Array:
        """Give what each step shows, (n, T, ...), 0 after a trial's end; the table is gone."""
        flat, which = self.flat(name), self.which
        shape = (self.n, highest(self.total), *flat.shape[1:])
        del self._tables[name]
        inside = Inside.of((0, self.total), *shape[:2])
        steps: Array = flat.take(which, axis=0)
        if inside is None:
            return steps.reshape(shape)
        unfolded = np.zeros((shape[0] * shape[1], *shape[2:]), flat.dtype)
        unfolded[inside.rows] = steps
        return unfolded.reshape(shape)


def copy_steps(values: Array, which: NDArray[np.int64] | None, part: slice, out: Array) -> None:
    """Copy some of the steps that `Picture.end_to_end` gave."""
    if which is None:
        out[...] = values[part]
    else:
        np.take(values, which[part], axis=0, out=out, mode="clip")


def _beside(columns: Sequence[Array], n: int) -> Array:
    """Put columns (n or 1, ...) beside each other, (n, columns, ...), if they are not so already."""
    whole = columns[0].base
    if whole is not None and whole.shape[:2] == (n, len(columns)) and all(column.base is whole for column in columns):
        return whole
    table = np.stack([column[0] for column in columns])[None].repeat(n, axis=0)
    first = 0
    for _, some in groupby(columns, id):
        last = first + len(list(some))
        if len(columns[first]) == n:
            paint(table, columns[first], (first, last), slice(None), how="assign")
        first = last
    return table


def _equal(one: Steps, other: Steps) -> bool:
    return one == other if isinstance(one, int) and isinstance(other, int) else np.array_equal(one, other)


def _ordered(one: Steps, other: Steps) -> bool:
    return one <= other if isinstance(one, int) and isinstance(other, int) else bool(np.less_equal(one, other).all())


def _of_first(edge: Steps) -> int:
    """The edge in the first trial."""
    return edge if isinstance(edge, int) else int(edge[0])
