"""SingleTrial: the trial that an env plays, and NeuroGym's functions that build one trial at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.spaces import Where, actions, channels, is_index
from ngym_core.trials._kernels import paint
from ngym_core.trials.batch import Trial, Trials
from ngym_core.trials.durations import draw_duration, to_steps
from ngym_core.trials.observations import checked_ndim
from ngym_core.trials.operations import to_column
from ngym_core.trials.protocol import TrialTask

__all__ = ["SingleTrial"]

Array: TypeAlias = NDArray[Any]
Value: TypeAlias = ArrayLike | Callable[[Array], ArrayLike]


class SingleTrialTask(TrialTask, Protocol):
    """The env as its single trial sees it; `TrialEnv` is one."""

    _draws: Draws

    @property
    def rng(self) -> np.random.RandomState:
        """The generator of noise."""
        ...

    def _init_ob(self) -> None:
        """Make the observations of the trial."""
        ...

    def _init_gt(self) -> None:
        """Make the ground truth of the trial."""
        ...

    @property
    def start_ind(self) -> dict[str, int]:
        """Period -> its first step."""
        ...

    @property
    def end_ind(self) -> dict[str, int]:
        """Period -> the step after its last."""
        ...

    @property
    def start_t(self) -> dict[str, float]:
        """Period -> its start in ms."""
        ...

    @property
    def end_t(self) -> dict[str, float]:
        """Period -> its end in ms."""
        ...


class SingleTrial:
    """The trial that an env plays, and NeuroGym's functions to build it.

    `TrialEnv` has one and offers its functions under NeuroGym's names; the arguments are documented here.

    Args:
        env: The task.
        length: Number of steps of the first trial, until another is played.

    Attributes:
        trials: The batch whose first trial this is.
        ob: Observations, (steps, *observation shape); None before something is painted.
        gt: Ground truth, (steps, *action shape); None before it is set.
        length: Number of steps that are played.
        has_ob: False if the task neither painted nor set observations of the trial.
    """

    trials: Trials

    def __init__(self, env: SingleTrialTask, length: int) -> None:
        self._env = env
        self.ob: Array | None = None
        self.gt: Array | None = None
        self.length = length
        self.has_ob = True
        self._edges: dict[str, dict[str, Any]] = {}

    @property
    def state(self) -> dict[str, Any]:
        """The trial as plain data; setting it plays that trial."""
        trials = self.__dict__.get("trials")
        state: dict[str, Any] = {"length": self.length, "ob": self.ob, "gt": self.gt, "has_ob": self.has_ob}
        if trials is not None:
            spans = {period: [_first(edge) for edge in span] for period, span in trials._periods.spans.items()}
            conditions = {name: values[:1] for name, values in trials.conditions.items()}
            state |= {"spans": spans, "total": _first(trials._periods.total), "conditions": conditions}
            state["draws"] = trials.draws.prefix  # a task of a mixture carries what it carries under a name of its own
        return state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.ob, self.gt, self.length, self._edges = state["ob"], state["gt"], state["length"], {}
        self.has_ob = state["has_ob"]
        if "spans" not in state:
            self.__dict__.pop("trials", None)
            return
        self.trials = trials = Trials(self._env, 1, self._env._draws.at(state.get("draws", "")))
        trials._periods.spans = {period: (first, last) for period, (first, last) in state["spans"].items()}
        trials._periods.total = state["total"]
        trials.conditions.update(state["conditions"])
        for name in ("ob", "gt"):
            if state[name] is not None:
                trials._observations.set_array(name, state[name][None])

    # ---- from an empty trial to a finished one -------------------------------------------------------

    def begin(self, trials: Trials) -> None:
        """Begin to build a trial: the only one of a batch."""
        self.trials, self.ob, self.gt, self._edges = trials, None, None, {}

    def adopt(self, trials: Trials) -> dict[str, Any]:
        """Go on building the only trial of a batch, which was made by the vectorised definition of a task.

        Returns:
            Its conditions, name -> value.
        """
        one = trials[0]
        self.trials, self.ob, self.gt, self.length, self._edges = trials, one.ob, one.gt, one.length, {}
        return one.conditions

    def create(self, name: str, value: float | None) -> None:
        """Make `ob` or `gt` of the periods that were added, filled with a value (None: 0)."""
        array = self.trials._observations.array(name)[0]
        if value is not None:
            array[...] = value
        setattr(self, name, array)

    def is_built(self, name: str) -> bool:
        """Return whether the trial that is being built has an `ob` or `gt` for the verbs to write to."""
        trials = self.__dict__.get("trials")
        return trials is not None and trials._observations.exists(name)

    def set_built(self, name: str, built: bool) -> None:
        """Let the verbs write to the array that a task has set itself, or make a new one where they write next."""
        if built and getattr(self, name) is not None:
            self.trials._observations.set_array(name, np.asarray(getattr(self, name))[None])
        elif not built and self.is_built(name):
            self.trials._observations.drop(name)

    @property
    def end_of_periods(self) -> float:
        """End in ms of the periods that were added so far, at least ``steps * dt``, so that rounding loses no step."""
        trials, dt = self.__dict__.get("trials"), self._env.dt
        steps = 0 if trials is None else _first(trials._periods.total)
        ms = steps * dt
        return ms if int(ms / dt) == steps else float(np.nextafter(ms, np.inf))

    @end_of_periods.setter
    def end_of_periods(self, ms: float) -> None:
        if "trials" in self.__dict__:
            self.trials._periods.total = self.length = int(to_steps(ms, self._env.dt))

    def finish(self, conditions: Mapping[str, Any], empty_steps: int) -> Trials:
        """Complete the trial that a task's `_new_trial` has built.

        Args:
            conditions: What `_new_trial` returned.
            empty_steps: Length of a trial that has neither periods nor observations.

        Returns:
            The batch with this one trial.
        """
        trials = self.trials
        trials.conditions.clear()
        trials.conditions.update({name: to_column([value]) for name, value in conditions.items()})
        if not trials._periods.spans:
            trials._periods.total = empty_steps if self.ob is None else len(self.ob)
        self.has_ob = self.ob is not None
        for name, array in (("ob", self.ob), ("gt", self.gt)):
            if array is not None:  # it may be another one than the verbs wrote to
                trials._observations.set_array(name, np.asarray(array)[None])
        return trials._finish()

    def play(self, trials: Trials, one: Trial) -> None:
        """Play a trial from its first step.

        Args:
            trials: A batch.
            one: Its first trial.
        """
        self.trials, self._edges = trials, {}
        self.ob, self.gt, self.length = one.ob, one.gt, one.length

    # ---- reading -------------------------------------------------------------------------------------

    def edges(self, name: str, side: int, unit: float) -> dict[str, Any]:
        """Return the starts or ends of all periods.

        Args:
            name: Name of the property that asks for them, under which they are kept.
            side: 0 for starts, 1 for ends.
            unit: Length of a step in the unit of the result.

        Returns:
            Period -> start or end.
        """
        edges = self._edges.get(name)
        if edges is None:
            edges = {p: int(span[side]) * unit for p, span in self.trials._periods.spans.items()}
            self._edges[name] = edges
        return edges

    def in_period(self, period: str, t: float) -> bool:
        """Return whether a time (ms) lies in a period.

        Raises:
            UnknownNameError: A period that the trial does not have.
        """
        env = self._env
        if period not in env.start_t:
            raise unknown_name("period", period, env.start_t)
        return env.start_t[period] <= t < env.end_t[period]

    # ---- building ------------------------------------------------------------------------------------

    def sample_time(self, period: str) -> float:
        """Draw the duration of a period in ms, cut to whole steps.

        Raises:
            UnknownNameError: A period without timing.
        """
        timing, dt = self._env.timing, self._env.dt
        if period not in timing:
            raise unknown_name("period", period, timing)
        ms = draw_duration(period, timing[period], 1, self.trials.draws, 0)
        return int(to_steps(ms, dt)) * dt

    def add_period(self, period: str | Sequence[str], duration: Any, before: str | None, after: str | float | None) -> None:
        """Add a period, or several one after another; see `Trials.add_period`."""
        self.trials.add_period(period, duration, before, after)
        self._edges = {}
        self.length = int(self.trials.lengths[0])

    def view_ob(self, period: str | None = None) -> Array:
        """Return the observations of a period or of the whole trial, (steps, *observation shape), as a writable view."""
        return self._built("ob")[self._slice(period)]

    def view_groundtruth(self, period: str | None = None) -> Array:
        """Return the ground truth of a period or of the whole trial, (steps, *action shape), as a writable view."""
        return self._built("gt")[self._slice(period)]

    def write_ob(self, value: Value, period: Any, where: Where, how: str) -> None:
        """Change the observations of one trial.

        Args:
            value: A number, an array that broadcasts against (steps, channels), for one channel also a time course,
                (steps,), or a function that is given the present observations and returns the value. Where `where` is
                one index, or the name of one, these are (steps,), else (steps, channels).
            period: A period, several, or None for the whole trial.
            where: Channels: a name, an index, a slice, or indices; None for all.
            how: ``add`` or ``assign``.

        Raises:
            UnknownNameError: A period that the trial, or a channel that the observations do not have.
            TypeError: A value that does not consist of numbers.
            ValueError: A value of a shape that does not fit, or one that is not finite.
        """
        ob = self._built("ob")
        space = self._env.observation_space
        index = slice(None) if where is None else channels(space, where)
        is_one_index = where is not None and not isinstance(where, slice) and is_index(space, where)
        for one in self._periods(period):
            steps = self._slice(one)
            target = ob[steps][..., index]
            painted = np.asarray(value(target[..., 0] if is_one_index else target) if callable(value) else value)
            if checked_ndim("value", painted):
                painted = _broadcast(painted, target.shape)[None]
            paint(ob[None], painted, (steps.start, steps.stop), index, how=how)

    def add_randn(self, mu: float, sigma: float, period: Any, where: Where) -> None:
        """Add Gaussian noise with mean `mu` and standard deviation `sigma`, drawn from the env's `rng`."""
        checked_ndim("mu", mu)
        checked_ndim("sigma", sigma)
        self.write_ob(lambda ob: mu + self._env.rng.randn(*ob.shape) * sigma, period, where, "add")

    def set_groundtruth(self, value: ArrayLike, period: Any, where: str | None) -> None:
        """Set the ground truth of one trial.

        Args:
            value: An action, or one for each step; with `where`, an index into the actions of that name.
            period: A period, several, or None for the whole trial.
            where: A name of the action space.

        Raises:
            UnknownNameError: A name that the action space does not have.
        """
        gt = self._built("gt")
        if where is not None:
            value = actions(self._env.action_space, where)[np.asarray(value)]
        for one in self._periods(period):
            gt[self._slice(one)] = value

    def _periods(self, period: Any) -> Iterator[str | None]:
        """Return the periods of an argument: one, several, or None for the whole trial."""
        return iter([period] if period is None or isinstance(period, str) else period)

    def _slice(self, period: str | None) -> slice:
        """Return the steps of a period, or of the whole trial for None."""
        if period is None:
            built = self.ob if self.trials._observations.exists("ob") else self.gt
            return slice(0, 0 if built is None else len(built))
        start, end = self._env.start_ind, self._env.end_ind
        try:
            return slice(start[period], end[period])
        except KeyError:
            raise unknown_name("period", period, start) from None

    def _built(self, name: str) -> Array:
        """Return `ob` or `gt`, which is created when it is first written or viewed."""
        if not self.is_built(name):
            (self._env._init_ob if name == "ob" else self._env._init_gt)()
            self.set_built(name, True)  # an overridden hook may have set an array of its own
        array = getattr(self, name)
        if array is None:
            raise AttributeError(f"{self._env}: there is no {name} yet.")
        return array  # type: ignore[no-any-return]


def _broadcast(value: Array, shape: tuple[int, ...]) -> Array:
    """Return a value as an array of the observations of a period; a time course goes into a single channel.

    Raises:
        ValueError: A value of a shape that does not fit.
    """
    if value.ndim == 1 and len(shape) == 2 and shape[1] == 1:
        value = value[:, None]
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"A value of shape {value.shape} does not fit observations of shape {shape} (steps, channels): expected a "
            "number, one for each channel, or an array of this shape; into one channel also a time course (steps,)."
        ) from None


def _first(steps: Any) -> int:
    """Return an edge in the first trial."""
    return int(steps) if np.ndim(steps) == 0 else int(steps[0])
