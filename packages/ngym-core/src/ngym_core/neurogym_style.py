"""NeuroGym's verbs: a task that builds one trial at a time, and what users read of the trial being played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import unknown
from ngym_core.spaces import Where, actions, channels
from ngym_core.trials._kernels import paint
from ngym_core.trials.durations import draw_duration, to_steps

if TYPE_CHECKING:
    from ngym_core.trials import Trials

Array: TypeAlias = NDArray[Any]
Value: TypeAlias = ArrayLike | Callable[[Array], ArrayLike]


class OneTrial:
    """The trial that an env plays, with the verbs to build it.

    Attributes:
        ob: Observations of the trial, (steps, *observation shape).
        gt: Ground truth of the trial, (steps, *action shape).
        trial: Its conditions, name -> value.
        t_ind: Step in the trial, from 0.
    """

    dt: float
    timing: Any
    observation_space: Any
    action_space: Any
    rng: np.random.RandomState
    trial: dict[str, Any]
    ob: Array
    gt: Array
    t_ind: int
    _trials: Trials
    _times: dict[str, dict[str, Any]]
    _length: int

    # ---- reading ---------------------------------------------------------------------------------

    @property
    def t(self) -> float:
        """Time since the trial began, in ms."""
        return self.t_ind * self.dt

    @property
    def tmax(self) -> float:
        """Length of the trial in ms. It may be changed while the trial runs."""
        return self._length * self.dt

    @tmax.setter
    def tmax(self, ms: float) -> None:
        self._length = int(to_steps(ms, self.dt))

    @property
    def start_ind(self) -> dict[str, int]:
        """Period -> its first step."""
        return self._edges("start", 0, 1)

    @property
    def end_ind(self) -> dict[str, int]:
        """Period -> the step after its last."""
        return self._edges("end", 1, 1)

    @property
    def start_t(self) -> dict[str, float]:
        """Period -> its start in ms."""
        return self._edges("start_t", 0, self.dt)

    @property
    def end_t(self) -> dict[str, float]:
        """Period -> its end in ms."""
        return self._edges("end_t", 1, self.dt)

    def _edges(self, name: str, side: int, unit: float) -> dict[str, Any]:
        edges = self._times.get(name)
        if edges is None:
            edges = {p: int(span[side]) * unit for p, span in self._trials.spans.items()}
            self._times[name] = edges
        return edges

    def in_period(self, period: str, t: float | None = None) -> bool:
        """Say whether a time (ms, by default now) lies in a period.

        Raises:
            UnknownNameError: A period that the trial does not have.
        """
        if period not in self.start_t:
            raise unknown("period", period, self.start_t)
        t = self.t if t is None else t
        return self.start_t[period] <= t < self.end_t[period]

    # ---- building --------------------------------------------------------------------------------

    def sample_time(self, period: str) -> float:
        """Draw the duration of a period in ms, cut to whole steps.

        Raises:
            UnknownNameError: A period without timing.
        """
        if period not in self.timing:
            raise unknown("period", period, self.timing)
        ms = draw_duration(period, self.timing[period], 1, self._trials.draws, 0)
        return int(to_steps(ms, self.dt)) * self.dt

    def add_period(
        self,
        period: str | Sequence[str],
        duration: Any = None,
        before: str | None = None,
        after: str | float | None = None,
        last_period: bool = False,
    ) -> None:
        """Add a period, or several one after another; see `Trials.add_period`. `last_period` changes nothing."""
        self._trials.add_period(period, duration, before, after)
        self._times = {}
        self._length = int(self._trials.lengths[0])

    def view_ob(self, period: str | None = None) -> Array:
        """Give the observations of a period or of the whole trial, (steps, *observation shape), as a writable view."""
        self._build_ob()
        return self.ob[self._slice(period)]

    def view_groundtruth(self, period: str | None = None) -> Array:
        """Give the ground truth of a period or of the whole trial, (steps, *action shape), as a writable view."""
        self._build_gt()
        return self.gt[self._slice(period)]

    def add_ob(self, value: Value, period: str | Sequence[str] | None = None, where: Where = None) -> None:
        """Add to the observations of one trial.

        Args:
            value: A number, an array that broadcasts against (steps, channels), or a function that is
                given the present observations and returns what to add.
            period: A period, several, or None for the whole trial.
            where: Channels: a name, an index, a slice, or indices; None for all.
        """
        self._paint_ob(value, period, where, how="add")

    def set_ob(self, value: Value, period: str | Sequence[str] | None = None, where: Where = None) -> None:
        """Set the observations of one trial; the arguments are those of `add_ob`."""
        self._paint_ob(value, period, where, how="assign")

    def add_randn(
        self, mu: float = 0, sigma: float = 1, period: str | Sequence[str] | None = None, where: Where = None
    ) -> None:
        """Add Gaussian noise with mean `mu` and standard deviation `sigma`, drawn from `rng`."""
        self._paint_ob(lambda ob: mu + self.rng.randn(*ob.shape) * sigma, period, where, how="add")

    def set_groundtruth(self, value: ArrayLike, period: str | Sequence[str] | None = None, where: str | None = None) -> None:
        """Set the ground truth of one trial.

        Args:
            value: An action, or one for each step; with `where`, an index into the actions of that name.
            period: A period, several, or None for the whole trial.
            where: A name of the action space.

        Raises:
            UnknownNameError: A name that the action space does not have.
        """
        self._build_gt()
        if where is not None:
            value = actions(self.action_space, where)[np.asarray(value)]
        for one in self._periods(period):
            self.gt[self._slice(one)] = value

    def _paint_ob(self, value: Value, period: Any, where: Where, *, how: str) -> None:
        self._build_ob()
        index = slice(None) if where is None else channels(self.observation_space, where)
        for one in self._periods(period):
            steps = self._slice(one)
            target = self.ob[steps][..., index]
            painted = np.asarray(value(target) if callable(value) else value)
            if painted.ndim:
                painted = np.broadcast_to(painted, target.shape)[None]
            paint(self.ob[None], painted, (steps.start, steps.stop), index, how=how)

    def _periods(self, period: Any) -> Iterator[str | None]:
        return iter([period] if period is None or isinstance(period, str) else period)

    def _slice(self, period: str | None) -> slice:
        if period is None:
            return slice(0, len(self.ob if self._trials.painted else self.gt))
        try:
            return slice(self.start_ind[period], self.end_ind[period])
        except KeyError:
            raise unknown("period", period, self.start_ind) from None

    def _build_ob(self) -> None:
        if not self._trials.painted:
            self.ob = self._trials.ob[0]

    def _build_gt(self) -> None:
        if not self._trials.has_gt:
            self.gt = self._trials.gt[0]
