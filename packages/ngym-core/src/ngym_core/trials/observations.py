"""Picture: what n trials show, and what is right, at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.random import Draws
from ngym_core.spaces import Where, actions, channels
from ngym_core.trials._kernels import Inside, Span, Steps, add_noise, highest, lowest, move, paint, paint_patterns
from ngym_core.trials._segments import Stretches
from ngym_core.trials.durations import to_steps
from ngym_core.trials.periods import Clock

if TYPE_CHECKING:
    from ngym_core.env import TrialEnv

__all__ = ["Picture"]

Array: TypeAlias = NDArray[Any]
FEW = 32
"""So many trials are worth being kept in stretches."""
WORTH = 3
"""So many steps are worth being kept as one stretch."""
NONE = Stretches(0, 0)
Period: TypeAlias = "str | Sequence[str] | Span | None"


class Picture(Clock):
    """Observations and ground truth of n trials. As long as all painting is by periods, they are kept in stretches.

    Args:
        task: The task; its timing, spaces and time step are used.
        n: How many trials.
        draws: Where randomness comes from.
        forced: Conditions the caller forces: name -> one value or one for each trial.
    """

    def __init__(self, task: TrialEnv, n: int, draws: Draws, forced: Mapping[str, Any] | None = None) -> None:
        super().__init__(task, n, draws, forced)
        self._noises: dict[str, int] = {}
        self._stretches = NONE
        self._finished = False
        self._insides: dict[tuple[int, int, int], tuple[Span, Inside | None]] = {}
        self._later: tuple[Callable[..., None], tuple[Any, ...], dict[str, Span], Steps] | None = None

    def add_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Add to the observations.

        Args:
            value: What to add, see the class.
            period: A period, several, a pair of steps (start, end), or None for the whole trial.
            where: Channels: a name, an index, a slice, or indices; None for all.
        """
        self._paint(value, period, where, "add")

    def set_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Set the observations; the arguments are those of `add_ob`."""
        self._paint(value, period, where, "assign")

    def multiply_ob(self, value: ArrayLike, period: Period = None, where: Where = None) -> None:
        """Multiply the observations; the arguments are those of `add_ob`."""
        self._paint(value, period, where, "multiply")

    def _paint(self, value: ArrayLike, period: Period, where: Where, how: str) -> None:
        whole = isinstance(value, (int, float)) or np.ndim(value) < 3
        for span in self._regions(period, joined=whole):
            stretches = self._stretched("ob", span) if whole and self.n >= FEW else None
            if stretches is not None:
                self._stretches.paint("ob", value, stretches, self._channels(where), how=how)
            else:
                ob = self.ob
                paint(ob, value, span, self._channels(where), how=how, inside=self._inside(span, ob.shape[1]))

    def move_ob(self, source: Where, target: Where, period: Period = None, *, only: Array) -> None:
        """Move what is painted on some channels to others, in some trials; nothing stays behind.

        Args:
            source: Channels, as for `add_ob`.
            target: As many others.
            period: As for `add_ob`.
            only: Which trials, (n,) bool.
        """
        for span in self._regions(period):
            stretches = self._stretched("ob", span)
            if stretches is None:
                move(self.ob, span, self._channels(source), self._channels(target), only)
            else:
                self._stretches.move("ob", stretches, self._channels(source), self._channels(target), only)

    def add_randn(
        self,
        mu: ArrayLike = 0,
        sigma: ArrayLike = 1,
        period: Period = None,
        where: Where = None,
        *,
        only: ArrayLike | None = None,
    ) -> None:
        """Add Gaussian noise, independent over trials, steps and channels.

        Args:
            mu: Mean: a number, (n,) for each trial, or (n, k) for each trial and channel.
            sigma: Standard deviation per step, a number or (n,).
            period: As for `add_ob`; each period has a random stream of its own.
            where: Channels, as for `add_ob`.
            only: Which trials (n,) get noise.
        """
        index = self._channels(where)
        draws = self.draws if only is None else self.draws.where(only)
        sigma = sigma if only is None else np.where(only, sigma, 0.0)
        names = [period] if period is None or isinstance(period, str) else list(period)
        for name, span in zip(names, self._regions(period), strict=False):
            label = f"noise/{name}/{where}"
            self._noises[label] = again = self._noises.get(label, -1) + 1
            draw = partial(draws.normal, f"{label}/{again}" if again else label)
            frayed = self._frayed(span)
            if frayed is None:
                ob = self.ob
                add_noise(ob, draw, mu, sigma, span, index, self._inside(span, ob.shape[1]))
            else:
                add_noise(frayed, draw, mu, sigma, (0, frayed.shape[1]), index)

    def set_pixels(self, rows: Array, columns: Array, value: ArrayLike, period: str) -> None:
        """Set single pixels of images, other ones at each step of a period.

        Args:
            rows: Integers (n, k, m): m pixels at each of the first k steps of the period; those after its end are left out.
            columns: Likewise.
            value: A number, or one for each channel.
            period: A period.
        """
        start, stop = (np.reshape(edge, (-1, 1)) for edge in self.span(period))
        inside = start + np.arange(rows.shape[1]) < stop
        trial, step = np.nonzero(np.broadcast_to(inside, rows.shape[:2]))
        at = step + np.broadcast_to(start, (self.n, 1))[trial, 0]
        self.ob[trial[:, None], at[:, None], rows[trial, step], columns[trial, step]] = value

    def set_patterns(self, patterns: Array, which: Array, where: Where = None) -> None:
        """Set the observations of the whole trial to one of several patterns at each step.

        Args:
            patterns: (m, k), one number for each channel.
            which: (n, T) integers from 0 to m - 1.
            where: As for `add_ob`.
        """
        paint_patterns(self.ob, patterns, which, self._channels(where))

    def paint_later(self, paint: Callable[..., None], *values: Any) -> None:
        """Paint the observations when somebody looks at them first.

        Images take time and room. Painted later, they cost nothing where only the conditions or the lengths of many
        trials matter. What is random must be drawn before.

        Args:
            paint: Called with the trials, as they are now, and the values.
            *values: Conditions, (n, ...) each, and what was drawn.
        """
        self._later = (paint, values, dict(self.spans), self.total)

    def set_groundtruth(self, value: ArrayLike, period: Period = None, where: str | None = None) -> None:
        """Set the action that earns the most.

        Args:
            value: The action, a number, (n,), or (n, k) for actions of k numbers; with `where`, an
                index into the actions of that name.
            period: As for `add_ob`.
            where: A name of the action space.

        Raises:
            UnknownNameError: A name that the action space does not have.
        """
        if where is not None:
            value = actions(self.task.action_space, where)[np.asarray(value)]
        whole = isinstance(value, int) or np.ndim(value) < 2 + len(self.task.action_space.shape or ())
        for span in self._regions(period, joined=whole):
            stretches = self._stretched("gt", span) if whole and self.n >= FEW else None
            if stretches is not None:
                self._stretches.paint("gt", value, stretches, slice(None), how="assign")
            else:
                gt = self.gt
                paint(gt, value, span, slice(None), how="assign", inside=self._inside(span, gt.shape[1]))

    @property
    def ob(self) -> Array:
        """Observations, (n, T, *observation shape); zero after a trial's end. Images have the type of their space."""
        if self._ob is None and "ob" in self._stretches:
            self._ob = self._unfold("ob")
        if self._ob is None:
            changed = self.spans, self.total
            paint, values, self.spans, self.total = self._later or (None, (), *changed)
            shape, dtype = self._kind("ob")
            self._ob = np.zeros((self.n, self._steps(), *shape), dtype)
            if paint is not None:
                paint(self, *values)
            self.spans, self.total = changed
        return self._ob

    @property
    def painted(self) -> bool:
        """Whether there are observations already, so that no period can be added."""
        return super().painted or self._later is not None or "ob" in self._stretches

    @property
    def has_gt(self) -> bool:
        """Whether there is a ground truth already."""
        return super().has_gt or "gt" in self._stretches

    @property
    def gt(self) -> Array:
        """Ground truth, (n, T, *action shape): the action that earns the most at each step."""
        if self._gt is None and "gt" in self._stretches:
            self._gt = self._unfold("gt")
        if self._gt is None:
            shape, dtype = self._kind("gt")
            self._gt = np.zeros((self.n, self._steps(), *shape), dtype)
        return self._gt

    def end_to_end(self, name: str) -> tuple[Array, NDArray[np.int64] | None]:
        """Give all steps of all trials, one trial after another, without what is beyond their ends.

        Args:
            name: ``ob`` or ``gt``.

        Returns:
            Values (m, ...), and which of them each step has, (steps,); None where these are the steps as they are.
        """
        if name in self._stretches:
            return self._stretches.flat(name), self._stretches.which
        array = self.ob if name == "ob" else self.gt
        inside = self._inside((0, self.total), array.shape[1])
        return array.reshape(-1, *array.shape[2:]), None if inside is None else inside.rows

    def as_stretches(self) -> Stretches | None:
        """Give the stretches of the observations (and of the ground truth, if in them), cut at the edges of all periods.

        Returns:
            None if observations are not kept so, or cannot be cut so.
        """
        stretches = self._stretches
        return stretches if "ob" in stretches and all(stretches.between(span) for span in self.spans.values()) else None

    def _stretched(self, name: str, span: Span) -> tuple[int, int] | None:
        """Find the stretches of a span, from and to, if observations or ground truth are kept in such."""
        unfolded = self._ob is not None or self._later is not None if name == "ob" else self._gt is not None
        if unfolded or self.n < FEW or self.task._in_steps:
            return None
        shape, dtype = self._kind(name)
        if name == "ob" and len(shape) > 1:
            return None
        steps = self._steps()
        if self._stretches is NONE:
            self._stretches = Stretches(self.n, self.total, self.spans.values())
            if WORTH * self._stretches.number > steps:
                self.task._in_steps = True
                return None
        if name not in self._stretches:
            self._stretches.begin(name, shape, dtype)
        return self._stretches.between(span)

    def _frayed(self, span: Span) -> Array | None:
        """Give the observations of a span, (n, steps, ...), if they are in stretches and can be cut into single steps."""
        between = self._stretched("ob", span)
        if between is None:
            return None
        return self._stretches.fray("ob", span, between, most=int(np.mean(self.total)) // WORTH)

    def _unfold(self, name: str) -> Array:
        if not self._finished:  # it will be so again
            self.task._in_steps = True
        return self._stretches.unfold(name)

    def _kind(self, name: str) -> tuple[tuple[int, ...], Any]:
        """Shape and type of an observation, or of an action."""
        if name == "gt":
            return self._shape(self.task.action_space, "action"), self.task.action_space.dtype
        space = self.task.observation_space
        shape = self._shape(space, "observation")
        return shape, space.dtype if np.issubdtype(space.dtype, np.floating) or len(shape) > 1 else np.float32

    def _steps(self) -> int:
        if lowest(self.total) == 0:
            raise ValueError(
                f"{self.task}: a trial has no step: its periods {list(self.spans)} are shorter than dt={self.dt} ms."
                if self.spans
                else f"{self.task}: a trial needs a period; call `add_period` before painting."
            )
        return highest(self.total)

    def _shape(self, space: Any, what: str) -> tuple[int, ...]:
        if space.shape is None:
            raise ValueError(f"{self.task}: the {what} space {space} has no shape, so a trial of it is no array.")
        return tuple(space.shape)

    def _channels(self, where: Where) -> Any:
        return slice(None) if where is None else channels(self.task.observation_space, where)

    def _inside(self, span: Span, steps: int) -> Inside | None:
        """Find the steps of a span once, however often it is painted."""
        if isinstance(span[0], int) and isinstance(span[1], int):
            return None
        key = id(span[0]), id(span[1]), steps
        if key not in self._insides:
            self._insides[key] = span, Inside.of(span, self.n, steps)  # held, or another span could take its identity
        return self._insides[key][1]

    def _regions(self, period: Period, *, joined: bool = False) -> Iterator[Span]:
        """Go through the spans of one or several periods; those that follow one on the other may be joined."""
        if period is None:
            yield 0, self.total
        elif isinstance(period, str):
            yield self.span(period)
        elif all(isinstance(p, str) for p in period):
            spans = [self.span(name) for name in period]  # type: ignore[arg-type]
            while joined and spans:
                start, stop = spans.pop(0)
                while spans and _same(stop, spans[0][0]):
                    stop = spans.pop(0)[1]
                yield start, stop
            yield from spans
        else:
            first, last = period
            yield to_steps(first, 1), to_steps(last, 1)


def _same(one: Steps, other: Steps) -> bool:
    return one is other or (isinstance(one, int) and isinstance(other, int) and one == other)
