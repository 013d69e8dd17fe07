"""Curriculum: stages through which performance leads, with gates and staircases, and what has happened in them."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import (
    ArrayOf,
    Column,
    Count,
    FilePath,
    Finite,
    Flag,
    Index,
    InstanceOf,
    Integer,
    Keywords,
    Number,
    NumbersOrMissing,
    Text,
    check_arguments,
    checked,
)
from ngym_core.errors import unknown_name

__all__ = [
    "METRICS",
    "Curriculum",
    "Gate",
    "GivenCurriculum",
    "Progress",
    "Stage",
    "Staircase",
    "as_curriculum",
    "load_curriculum",
]

Array: TypeAlias = NDArray[Any]
Table: TypeAlias = Annotated[Mapping[str, ArrayLike], InstanceOf(Mapping, "a dictionary of columns")]
KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys that lead to a value in nested dictionaries and lists: ``("stages", 0, "until", "window")``."""

ExceptionT = TypeVar("ExceptionT", bound=Exception)

METRICS = {
    "performance": "score of a trial from 0 to 1",
    "correct": "whether performance was full, 0 or 1",
    "reward": "sum over the trial",
    "reaction_time": "ms, below 0 for intervals that were produced too early; trials without a response are left out",
    "steps": "length of the trial",
    "level": "level of the stage's staircase, as a value",
}
"""Columns of trial tables that a gate can look at, and their meaning."""
SCORES = NumbersOrMissing()
"""What a column of trials must be."""
SHARES = ("performance", "correct")
"""Metrics from 0 to 1."""
GATES = ("until", "back", "again")
"""What a stage calls its gates."""
LEAST = {"steps": 1}
"""Least value of other metrics."""
ROUNDING = 1e-9
"""Relative error up to which a mean is its threshold: sums of rewards are rounded."""
PARTS = ("parameters", "conditions")
"""Where the path of a staircase begins."""


@dataclass(frozen=True)
class Gate:
    """What must be true of the last trials of a stage for it to end: the mean of a metric reaches a threshold.

    Args:
        metric: One of `METRICS`.
        threshold: What the mean must reach.
        window: Number of trials in the mean, the last ones of the stage.
        at_least: Number of trials that the stage, or with `day` the day, has in any case; never less than the window.
        below: Whether the mean must be at most the threshold, instead of at least; by default only if the gate leads back.
        day: Number of trials in a day; the first day begins with the stage. The window lies within a day, so that one as
            long as the day is looked at when it ends.
        days: Number of days in a row on which it must be true, at the same trial of each.

    Raises:
        UnknownNameError: Another metric.
        ValueError: A threshold or a window that can never be reached, a window below 1, or `days` without `day`.

    Example:
        >>> import numpy as np
        >>> from ngym_core.curriculum import Gate
        >>> gate = Gate("performance", 0.75, window=4)
        >>> gate.is_open(np.array([0, 1, 1, 1]), trials=4), gate.is_open(np.array([0, 1, 1, 0]), trials=4)
        (True, False)
        >>> two_days = Gate("performance", 0.75, window=4, day=4, days=2)
        >>> two_days.is_open(np.array([1, 1, 1, 0, 0, 1, 1, 1]), trials=8)
        True
    """

    metric: Text
    threshold: Finite
    window: Count = 100
    at_least: Index = 0
    below: Flag | None = None
    day: Count | None = None
    days: Count = 1

    def __post_init__(self) -> None:
        """Check all values."""
        check_arguments(type(self), vars(self))
        if self.metric not in METRICS:
            raise unknown_name("metric of a gate", self.metric, METRICS)
        if self.metric in SHARES:
            self._check_reachable(0, 1, f"{self.metric} is a number from 0 to 1")
        if self.metric in LEAST:
            self._check_reachable(LEAST[self.metric], math.inf, f"{self.metric} is a number from {LEAST[self.metric]}")
        if self.day is None and self.days > 1:
            raise ValueError(f"days={self.days!r} needs `day`, the number of trials in one.")
        if self.day is not None and self.day < (least := max(self.window, self.at_least)):
            raise ValueError(f"day={self.day!r}: this gate can never open, since it needs {least} trials of a day.")

    @property
    def span(self) -> int:
        """Number of trials that it looks back on."""
        return self.window + (self.days - 1) * (self.day or 0)

    def _check_reachable(self, least: float, most: float, reason: str) -> None:
        """Raise if the mean cannot reach the threshold, between the least and the greatest value of the metric."""
        if self.below is not None and (self.threshold < least if self.below else self.threshold > most):
            raise ValueError(f"threshold={self.threshold!r}: this gate can never open, since {reason}.")

    @checked
    def is_open(self, scores: Column, trials: Index) -> bool:
        """Return whether the stage ends.

        Args:
            scores: The metric in the last trials, the latest last, at least `span` of them; NaN where it is missing.
            trials: Number of trials of the stage.
        """
        scores, day = np.asarray(scores, float), self.day or 0
        today = (trials - 1) % day + 1 if day else trials
        if today < max(self.window, self.at_least) or trials < today + (self.days - 1) * day:
            return False
        windows = [scores[: len(scores) - k * day][-self.window :] for k in range(self.days)]
        windows = [window[~np.isnan(window)] for window in windows]
        return all(len(window) and self.reached_by(window.mean()) for window in windows)

    def reached_by(self, mean: float) -> bool:
        """Return whether a mean reaches the threshold, but for rounding."""
        return self.is_met_by(mean) or bool(mean < self.threshold if self.below else mean > self.threshold)

    @checked
    def is_met_by(self, mean: Annotated[float, Number(infinite=True)]) -> bool:
        """Return whether a mean is the threshold, but for rounding."""
        return math.isclose(mean, self.threshold, rel_tol=ROUNDING, abs_tol=ROUNDING)


Gates: TypeAlias = Annotated[
    Gate | Sequence[Gate] | None, InstanceOf((Gate, list, tuple, type(None)), "a Gate, a list of gates, or None")
]
"""A gate, or several that must all be open."""


@dataclass(frozen=True)
class Staircase:
    """A parameter or condition that follows the answers: harder after some right ones in a row, easier after wrong ones.

    The transformed up-down method (Levitt, 1971). With small steps it converges to the level at which the next step goes
    either way equally often: ``down=3, up=1`` to 79.4 % correct, ``down=2, up=1`` to 70.7 %, ``down=1, up=1`` to 50 %. A
    trial is right if its performance is full.

    Args:
        path: What it sets: ``conditions.<name>``, ``parameters.<name>``, ``parameters.timing.<period>`` or
            ``parameters.rewards.<event>``.
        levels: The values from the easiest to the hardest, numbers.
        down: Number of right answers in a row after which the next level comes.
        up: Number of wrong answers in a row after which the level before returns.
        start: Index of the first level.

    Raises:
        ValueError: Another path, fewer than two levels, a number below 1, or a start outside the levels.

    Example:
        >>> from ngym_core.curriculum import Staircase
        >>> staircase = Staircase("conditions.coh", [51.2, 25.6, 12.8, 6.4], down=3, up=1)
        >>> staircase.advance(level=0, streak=2, right=[True])  # the third in a row
        (1, 0)
        >>> staircase.advance(level=1, streak=2, right=[False])
        (0, 0)
    """

    path: Text
    levels: Annotated[Sequence[float], ArrayOf()]
    down: Count = 3
    up: Count = 1
    start: Index = 0
    span: ClassVar[int] = 0  # number of trials that `follow` looks back on

    def __post_init__(self) -> None:
        """Check all values."""
        check_arguments(type(self), vars(self))
        # The dataclass is frozen; this is its only way to set a field.
        object.__setattr__(self, "levels", tuple(np.asarray(self.levels).tolist()))
        first, _, name = self.path.partition(".")
        if first not in PARTS or not name or name in ("timing", "rewards"):
            raise ValueError(
                f"path={self.path!r} must be 'conditions.<name>', 'parameters.<name>' or 'parameters.timing.<period>'."
            )
        if len(self.levels) < 2 or len(set(self.levels)) < len(self.levels):
            raise ValueError(f"levels={list(self.levels)!r} must be two or more different numbers, from easy to hard.")
        if self.start >= len(self.levels):
            raise ValueError(f"start={self.start!r} must be an index of one of the {len(self.levels)} levels.")

    @property
    def keys(self) -> tuple[str, ...]:
        """The path in parts; what comes after the period of ``timing.`` or ``rewards.`` is one part."""
        first, _, name = self.path.partition(".")
        return (first, *(name.split(".", 1) if name.startswith(("timing.", "rewards.")) else [name]))

    def follow(self, progress: Progress, right: Array) -> tuple[int, int]:
        """Return what `advance` does after some answers at the present level; a subclass can look at all the progress."""
        return self.advance(progress.level, progress.streak, right)

    @checked
    def advance(self, level: Index, streak: Annotated[int, Integer()], right: Column) -> tuple[int, int]:
        """Return the index of the level and the streak after some answers.

        The level moves once at most, and the answers that follow are left out: they were given at the level before.

        Args:
            level: Index of the level of all these trials.
            streak: How many right answers came last in a row; negative, how many wrong ones.
            right: Which of the answers were right, in their order, (m,) bool.
        """
        right = np.asarray(right, bool)
        if not len(right):
            return level, streak
        first = np.concatenate([[True], right[1:] != right[:-1]])  # of a run of equal answers
        runs = np.arange(len(right)) - np.maximum.accumulate(np.where(first, np.arange(len(right)), 0)) + 1
        if streak and (streak > 0) == right[0]:
            runs = runs + abs(streak) * (np.cumsum(first) == 1)
        moves = np.where(right, runs >= self.down, runs >= self.up)
        if not moves.any():
            return level, int(runs[-1]) if right[-1] else -int(runs[-1])
        harder = right[np.argmax(moves)]
        return int(np.clip(level + (1 if harder else -1), 0, len(self.levels) - 1)), 0


@dataclass(frozen=True)
class Stage:
    """One stage of a curriculum: what it sets, and what ends it.

    Args:
        parameters: Attributes of the task, name -> value, and under ``timing`` and ``rewards`` a dictionary of some of their
            values. What a stage does not name is as it was before the curriculum. Mind that an attribute may be a multiple
            of the argument of this name: most tasks keep ``sigma`` as the noise per step, the argument / sqrt(dt).
        conditions: Conditions to force, name -> a value, or a list of values one of which is drawn for each trial.
        until: What leads to the next stage: a gate, or several that must all be open. The last stage has none.
        back: What leads back to the stage before; it is looked at first.
        again: What leads forward again after the next stage has led back to this one, as a reminder, in place of `until`.
            Trials, and days, count on through a reminder as if the stage were the same.
        staircase: A parameter or condition that follows the answers.

    Raises:
        TypeError: A part of another kind.
        ValueError: A gate that looks at the level where there is no staircase, or at one that the staircase does not reach.

    Example:
        >>> from ngym_core.curriculum import Gate, Stage
        >>> short = Stage({"timing": {"delay": 200}}, conditions={"coh": 51.2}, until=Gate("performance", 0.8, window=50))
        >>> short.until.at_least
        0
    """

    parameters: Keywords = field(default_factory=dict)
    conditions: Keywords = field(default_factory=dict)
    until: Gates = None
    back: Gates = None
    again: Gates = None
    staircase: Annotated[Staircase | None, InstanceOf((Staircase, type(None)), "a Staircase, or None")] = None

    def __post_init__(self) -> None:
        """Check all values."""
        check_arguments(type(self), vars(self))
        for name in ("timing", "rewards"):
            if not isinstance(self.parameters.get(name, {}), Mapping):
                raise _at(
                    TypeError(f"parameters[{name!r}]={self.parameters[name]!r} must be a dictionary of some of its values."),
                    *("parameters", name),
                )
        conditions = {name: _plain_condition(value) for name, value in self.conditions.items()}
        for name, value in conditions.items():
            if isinstance(value, (list, tuple)) and not value:
                raise _at(
                    ValueError(f"conditions[{name!r}]={value!r} must be a value, or a list of some."), "conditions", name
                )
        # The dataclass is frozen; this is its only way to set a field.
        object.__setattr__(self, "conditions", conditions)
        for name in GATES:
            given = getattr(self, name)
            gates = () if given is None else (given,) if isinstance(given, Gate) else tuple(given)
            if given is not None and not (gates and _are(Gate, gates)):
                raise TypeError(f"{name}={given!r} must be a Gate, a list of gates, or None.")
            checked_gates = []
            for i, gate in enumerate(gates):
                keys = (name,) if isinstance(given, Gate) else (name, i)
                try:
                    checked_gates.append(self._check_gate(name, gate))
                except ValueError as error:
                    part = ("threshold",) if str(error).startswith("threshold=") else ()
                    raise _at(error, *keys, *part) from None
            object.__setattr__(self, name, tuple(checked_gates) if len(gates) > 1 else next(iter(checked_gates), None))

    def _check_gate(self, name: str, gate: Gate) -> Gate:
        """Return one of its gates, which leads below its threshold if it leads back, after a check that it can open."""
        if gate.below is None:
            gate = replace(gate, below=name == "back")
        if gate.metric == "level" and self.staircase is None:
            raise ValueError(f"{name}={gate}: this gate can never open, since its stage has no staircase.")
        if gate.metric == "level":
            levels = self.staircase.levels  # type: ignore[union-attr]
            gate._check_reachable(min(levels), max(levels), f"the levels go from {min(levels)!r} to {max(levels)!r}")
        return gate

    @property
    def gates(self) -> dict[str, tuple[Gate, ...]]:
        """The gates that it has: those of ``until``, ``back`` and ``again``."""
        given = {name: gates for name in GATES if (gates := getattr(self, name)) is not None}
        return {name: gates if isinstance(gates, tuple) else (gates,) for name, gates in given.items()}

    def flat_parameters(self, level: float) -> dict[tuple[str, ...], Any]:
        """Return all parameters at a level of the staircase: ``("sigma",)`` or ``("timing", "delay")`` -> value."""
        flat: dict[tuple[str, ...], Any] = {}
        for name, value in self.parameters.items():
            flat |= {(name, key): item for key, item in value.items()} if name in ("timing", "rewards") else {(name,): value}
        return flat | self._of_staircase("parameters", level)

    def flat_conditions(self, level: float) -> dict[str, Any]:
        """Return all conditions at a level of the staircase: name -> value or list of values."""
        return {**self.conditions, **{name: value for (name,), value in self._of_staircase("conditions", level).items()}}

    def _of_staircase(self, part: str, level: float) -> dict[tuple[str, ...], Any]:
        if self.staircase is None or self.staircase.keys[0] != part:
            return {}
        return {self.staircase.keys[1:]: level}


NO_LEVEL = float("nan")
"""The level of a stage without a staircase."""


@dataclass(frozen=True, eq=False)
class Progress:
    """What has happened in a curriculum so far, a value that `Curriculum.advance` replaces.

    Two are equal that are in the same stage and level: the trials that follow are the same.

    Attributes:
        stage: Index of the stage.
        level: Index of the level of its staircase; 0 without one.
        trials: Number of trials of the stage since it began.
        streak: Right answers in a row at this level; negative, wrong ones.
        reminded: Whether the stage is a reminder, see `Stage`.
        scores: Performance, level and what gates look at in the last trials, metric -> (trials,); NaN where missing.
    """

    stage: int
    level: int
    trials: int
    streak: int
    reminded: bool
    scores: Mapping[str, Array]

    def __eq__(self, other: object) -> bool:
        """Return whether stage and level are the same."""
        return isinstance(other, Progress) and (self.stage, self.level) == (other.stage, other.level)

    def __hash__(self) -> int:
        """Return the hash of stage and level."""
        return hash((self.stage, self.level))


def _are(kind: type, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, kind) for item in value)


@dataclass(frozen=True)
class Curriculum:
    """Stages through which an agent's performance leads, from the first to the last.

    The wrapper `ngym_core.wrappers.FollowCurriculum` lets an env, lanes or a data set follow it. A trial counts for the
    stage and the level that it was played at: trials that had begun when these changed count for neither.

    Args:
        stages: The stages, in order.
        pooled: Whether the lanes of a vector env go through it together, by the trials of all, or each by its own.

    Raises:
        TypeError: No list of stages.
        ValueError: No stage, one without a gate before the last, a last one with `until`, a first one with `back`, or one
            with `again` before one without `back`.

    Example:
        >>> from ngym_core.curriculum import Curriculum, Gate, Stage
        >>> stages = [Stage(conditions={"coh": 51.2}, until=Gate("performance", 0.8, window=2)), Stage()]
        >>> curriculum = Curriculum(stages)
        >>> progress = curriculum.begin()
        >>> for performance in (0.0, 1.0, 1.0):
        ...     progress = curriculum.advance(progress, {"performance": [performance]})
        ...     print(progress.stage, progress.trials)
        0 1
        0 2
        1 0
    """

    stages: Sequence[Stage]
    pooled: Flag = True

    def __post_init__(self) -> None:
        """Check all values."""
        check_arguments(type(self), {"pooled": self.pooled})
        if not _are(Stage, self.stages):
            raise TypeError(f"stages={self.stages!r} must be a list of Stage(...).")
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise ValueError("stages=[] must be a list of one or more stages.")
        last = len(self.stages) - 1
        for i, stage in enumerate(self.stages):
            if i < last and stage.until is None:
                error = ValueError(f"Stage {i} has no gate `until`, so that the stages after it are never reached.")
                raise _at(error, "stages", i)
        if self.stages[-1].until is not None:
            error = ValueError(f"Stage {last} is the last one and has a gate `until`, which leads to no stage.")
            raise _at(error, "stages", last, "until")
        if self.stages[0].back is not None:
            error = ValueError("Stage 0 is the first one and has a gate `back`, which leads to no stage.")
            raise _at(error, "stages", 0, "back")
        for i, stage in enumerate(self.stages):
            if stage.again is not None and (i == last or self.stages[i + 1].back is None):
                error = ValueError(
                    f"Stage {i} has a gate `again`, but no stage after it has a gate `back`, which leads to it."
                )
                raise _at(error, "stages", i, "again")

    @property
    def gates(self) -> list[Gate]:
        """All gates of its stages."""
        return [gate for stage in self.stages for gates in stage.gates.values() for gate in gates]

    @property
    def window(self) -> int:
        """Number of trials whose metrics are kept: those that its gates and staircases look back on, at least 1."""
        staircases = [stage.staircase.span for stage in self.stages if stage.staircase is not None]
        return max([1, *staircases, *(gate.span for gate in self.gates)])

    @property
    def measures(self) -> bool:
        """Whether a gate looks at what is measured over the steps of a trial: its reward, reaction time or length."""
        return any(gate.metric not in (*SHARES, "level") for gate in self.gates)

    @property
    def has_levels(self) -> bool:
        """Whether any stage has a staircase."""
        return any(stage.staircase is not None for stage in self.stages)

    @property
    def conditions(self) -> set[str]:
        """Names of the conditions that any stage sets."""
        return {name for stage in self.stages for name in stage.flat_conditions(NO_LEVEL)}

    def begin(self) -> Progress:
        """Return the progress before the first trial."""
        return self.enter(0)

    @checked
    def enter(self, stage: Index) -> Progress:
        """Return the progress before the first trial of a stage (its index)."""
        if stage >= len(self.stages):
            raise ValueError(f"stage={stage!r} must be an index of one of the {len(self.stages)} stages.")
        staircase = self.stages[stage].staircase
        scores = {metric: np.full(self.window, np.nan) for metric in self._metrics}
        return Progress(stage, 0 if staircase is None else staircase.start, 0, 0, False, scores)

    @property
    def _metrics(self) -> list[str]:
        """Metrics whose last values a progress has."""
        return ["performance", "level", *(gate.metric for gate in self.gates)]

    @checked
    def check_progress(self, progress: Annotated[Progress, InstanceOf(Progress, "a Progress")]) -> None:
        """Raise if a progress cannot be one in this curriculum.

        Raises:
            ValueError: Such a progress.
        """
        stages, window = self.stages, self.window
        if not 0 <= progress.stage < len(stages):
            wrong = f"stage {progress.stage!r} of {len(stages)}"
        elif not 0 <= progress.level < len(getattr(stages[progress.stage].staircase, "levels", (0,))):
            wrong = f"level {progress.level!r} in stage {progress.stage}"
        elif set(progress.scores) != set(self._metrics):
            wrong = f"scores {sorted(progress.scores)}; expected {sorted(set(self._metrics))}"
        elif any(np.shape(scores) != (window,) for scores in progress.scores.values()):
            wrong = f"scores of {[np.shape(scores) for scores in progress.scores.values()]} trials; expected {window}"
        else:
            return
        raise ValueError(f"This progress is that of another curriculum: it has {wrong}.")

    @checked
    def level(self, progress: Annotated[Progress, InstanceOf(Progress, "a Progress")]) -> float:
        """Return the level of the staircase as a value; NaN in a stage without one."""
        staircase = self.stages[progress.stage].staircase
        return NO_LEVEL if staircase is None else staircase.levels[progress.level]

    @checked
    def advance(self, progress: Annotated[Progress, InstanceOf(Progress, "a Progress")], rows: Table) -> Progress:
        """Return the progress after some trials that ended at the same time.

        Args:
            progress: The progress before.
            rows: The trials: columns of a trial table, (m,) each. `stage` and `level` say where each was played; without
                them all were played at the present ones.

        Raises:
            UnknownNameError: A metric that a gate of the stage needs, and that is no column.
            TypeError: A column that is no sequence of numbers.
            ValueError: Columns of different lengths, a performance that is not from 0 to 1, or the progress of another
                curriculum.
        """
        self.check_progress(progress)
        columns = _checked_columns(rows)
        m = len(next(iter(columns.values()), np.ravel(next(iter(rows.values()), ()))))
        columns.setdefault("stage", np.full(m, progress.stage))
        columns.setdefault("level", np.full(m, self.level(progress)))
        while (later := self._after_the_day(progress, columns["stage"])) is not None:  # so that no end of a day is missed
            progress = self._count(progress, {name: column[:later] for name, column in columns.items()})
            columns = {name: column[later:] for name, column in columns.items()}
        return self._count(progress, columns)

    def _after_the_day(self, progress: Progress, stages: Array) -> int | None:
        """Return which of some trials, of their stages (m,), is the first after the present day of a gate, if one is."""
        days = [gate.day for gates in self.stages[progress.stage].gates.values() for gate in gates if gate.day is not None]
        played = np.flatnonzero(stages == progress.stage)
        left = min((day - progress.trials % day for day in days), default=len(played))
        return int(played[left]) if left < len(played) else None

    def _count(self, progress: Progress, columns: dict[str, Array]) -> Progress:
        """Return the progress after some trials, of which all gates and the staircase see the last."""
        here = columns["stage"] == progress.stage
        if not here.any():
            return progress
        gates = self.stages[progress.stage].gates.values()
        for gate in [gate for several in gates for gate in several]:
            _column(columns, gate.metric)
        missing = np.full(len(here), np.nan)
        scores = {
            name: np.concatenate([before, columns.get(name, missing)[here]])[-len(before) :]
            for name, before in progress.scores.items()
        }
        progress = replace(progress, trials=progress.trials + int(here.sum()), scores=scores)
        progress = self._through(progress, ["back", "again"])
        if not progress.reminded:
            progress = self._through(progress, ["until"])
        staircase = self.stages[progress.stage].staircase
        if staircase is None:
            return progress
        at_level = (columns["stage"] == progress.stage) & (columns["level"] == self.level(progress))
        index, streak = staircase.follow(progress, _column(columns, "correct")[at_level])
        return replace(progress, level=index, streak=streak)

    def _through(self, progress: Progress, names: Sequence[str]) -> Progress:
        """Return the progress in the stage to which one of some gates leads that is open."""
        gates = self.stages[progress.stage].gates
        for name in names:
            opens = [gate.is_open(progress.scores[gate.metric], progress.trials) for gate in gates.get(name, ())]
            if opens and all(opens) and (progress.reminded or name != "again"):
                after = self.enter(progress.stage + (-1 if name == "back" else 1))
                reminded = name == "back" and self.stages[after.stage].again is not None
                trials = progress.trials if reminded or name == "again" else 0
                return replace(after, trials=trials, reminded=reminded, scores=progress.scores)
        return progress

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, as `from_dict` takes it and a TOML file has it."""
        stages = [_without_defaults(stage) for stage in self.stages]
        return {"stages": stages, "pooled": bool(self.pooled)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curriculum:
        """Return a curriculum from plain data.

        Args:
            data: ``stages``, a list of dictionaries with the arguments of `Stage`, and perhaps ``pooled``.

        Raises:
            UnknownNameError: A key that does not exist.
            TypeError: A part of another kind, or a gate or staircase without one of its arguments.
            ValueError: See `Curriculum` and its parts.

        Example:
            >>> from ngym_core.curriculum import Curriculum
            >>> gate = {"metric": "performance", "threshold": 0.8}
            >>> Curriculum.from_dict({"stages": [{"conditions": {"coh": 51.2}, "until": gate}, {}]}).stages[0].until.window
            100
        """
        curriculum: Curriculum = _build(cls, data, (), NO_FILE)
        return curriculum

    def located(self, error: Exception, path: KeyPath) -> Exception:
        """Return an error that also says where in the file of the curriculum, or in which stage, its cause is."""
        return _located(error, vars(self).get("_source", NO_FILE), path)


@checked
def load_curriculum(path: FilePath) -> Curriculum:
    """Load a curriculum from a TOML file.

    The file has a table ``[[stages]]`` for each stage, with the arguments of `Stage`, and perhaps ``pooled = false`` before
    them.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        UnknownNameError: A key that does not exist; like all errors it says the line.
        TypeError: A part of another kind, or a gate or staircase without one of its arguments.
        ValueError: No TOML; or see `Curriculum` and its parts.

    Example:
        >>> from pathlib import Path
        >>> from ngym_core.curriculum import load_curriculum
        >>> text = '''
        ... [[stages]]
        ... parameters.timing.delay = 200
        ... until = {metric = "performance", threshold = 0.8, window = 50}
        ...
        ... [[stages]]
        ... parameters.timing.delay = 1000
        ... '''
        >>> _ = Path("delay.toml").write_text(text)
        >>> load_curriculum("delay.toml").stages[1].parameters
        {'timing': {'delay': 1000}}
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path={str(path)!r}: there is no such curriculum file.")
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}.") from error
    source = (str(path), text)
    curriculum: Curriculum = _build(Curriculum, data, (), source)
    object.__setattr__(curriculum, "_source", source)  # no field: where it was written makes no other curriculum
    return curriculum


GivenCurriculum: TypeAlias = Annotated[
    Curriculum | Mapping[str, Any] | str | Path,
    InstanceOf((Curriculum, Mapping, str, Path), "a Curriculum, a dictionary of its parts, or a TOML file"),
]
"""A curriculum, or what it is made from."""


@checked
def as_curriculum(given: GivenCurriculum) -> Curriculum:
    """Return a curriculum from one, from its plain data, or from its TOML file."""
    if isinstance(given, Curriculum):
        return given
    return Curriculum.from_dict(given) if isinstance(given, Mapping) else load_curriculum(given)


def _checked_columns(rows: Mapping[str, Any]) -> dict[str, Array]:
    """Return the columns of trials that a curriculum looks at, (m,) each, after a check."""
    columns: dict[str, Array] = {}
    for name in [name for name in (*METRICS, "stage") if name in rows]:
        SCORES.check(name, rows[name])
        columns[name] = np.asarray(rows[name], float)
        outside = columns[name][~np.isnan(columns[name]) & ((columns[name] < 0) | (columns[name] > 1))]
        if name in SHARES and len(outside):
            raise ValueError(f"{name}={outside[0].item()!r} must be a number from 0 to 1.")
    if len({len(column) for column in columns.values()}) > 1:
        lengths = {name: len(column) for name, column in columns.items()}
        raise ValueError(f"rows must have columns of the same length, one value for each trial, not {lengths}.")
    if "performance" in columns:
        columns.setdefault("correct", columns["performance"] >= 1)
    return columns


def _column(columns: Mapping[str, Array], name: str) -> Array:
    if name not in columns:
        raise unknown_name("metric of these trials, which a gate needs:", name, columns)
    return columns[name]


def _at(error: ExceptionT, *keys: str | int) -> ExceptionT:
    """Return an error that keeps which key of a curriculum or of its part is at fault, for `_build`."""
    vars(error)["keys"] = keys
    return error


def _plain_condition(value: Any) -> Any:
    """Return a condition's value, or a list of its values: arrays and ranges become lists."""
    return list(value) if isinstance(value, range) else value.tolist() if hasattr(value, "tolist") else value


def _without_defaults(part: Any) -> dict[str, Any]:
    """Return the arguments of a stage, gate or staircase that are not the defaults, as plain data."""
    given = {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) != f.default}
    return {name: _plain(value) for name, value in given.items() if value != {}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _without_defaults(value) if isinstance(value, (Gate, Staircase)) else value


# ---- plain data and files ------------------------------------------------------------------------------


Source: TypeAlias = tuple[str, str]
"""The file that a curriculum was loaded from, and its text; two empty texts without one."""
NO_FILE: Source = ("", "")
KINDS: dict[tuple[str, ...], Any] = {
    (): Curriculum,
    ("stages",): Stage,
    **{("stages", name): Gate for name in GATES},
    ("stages", "staircase"): Staircase,
}
"""What the tables of a curriculum stand for, by their keys."""
NOUNS = {Curriculum: "curriculum", Stage: "stage", Gate: "gate", Staircase: "staircase"}


def _build(kind: Any, data: Any, path: KeyPath, source: Source) -> Any:
    """Return a curriculum, or a part of it, from plain data; errors say where in its file the cause is."""
    noun = NOUNS[kind]
    if not isinstance(data, Mapping):
        raise _located(TypeError(f"A {noun} must be a table of its arguments, not {data!r}."), source, path)
    arguments = {f.name: f for f in fields(kind)}
    for key in data:
        if key not in arguments:
            raise _located(unknown_name(f"key of a {noun}", key, arguments), source, (*path, key))
    given = dict(data)
    for key in data:
        part = KINDS.get((*(p for p in path if isinstance(p, str)), key))
        if part is Stage and isinstance(data[key], Mapping):
            error = TypeError("stages must be a list, in a file a table [[stages]] for each, and not one table.")
            raise _located(error, source, (*path, key))
        if part in (Stage, Gate) and isinstance(data[key], (list, tuple)):
            given[key] = [
                item if isinstance(item, part) else _build(part, item, (*path, key, i), source)
                for i, item in enumerate(data[key])
            ]
        elif part in (Gate, Staircase) and not isinstance(data[key], part):
            given[key] = _build(part, data[key], (*path, key), source)
    try:
        return kind(**given)
    except (TypeError, ValueError, KeyError) as error:
        missing = re.search(r"missing \d+ required positional arguments?: (.*)", str(error))
        if missing:
            error = TypeError(f"A {noun} needs {missing[1]}.")
        wrong = next(((key,) for key in data if str(error).startswith((f"{key}=", f"{key}["))), ())
        raise _located(error, source, (*path, *vars(error).get("keys", wrong))) from None


def _located(error: Exception, source: Source, path: KeyPath) -> Exception:
    """Return an error that also says the line of its cause or, without a file, the stage."""
    file, text = source
    if file:
        return type(error)(f"{file}, line {_line_of(text, path)}: {error}")
    stage = next((key for key in path if isinstance(key, int)), None)
    named = stage is None or str(error).startswith(f"Stage {stage} ")
    return error if named else type(error)(f"Stage {stage}: {error}")


def _line_of(text: str, path: KeyPath) -> int:
    """Return the number of the line of a TOML text, from 1, that has a key, or else what holds it.

    Args:
        text: The text, which `tomllib` has read without an error.
        path: The key, with those of the tables that hold it; the index of a table in a list of tables comes after its name.
    """
    best, found = 0.0, 1
    for number, line, here in _lines(text):
        agree = next((k for k, (a, b) in enumerate(zip(here, path, strict=False)) if a != b), min(len(here), len(path)))
        names = [key for key in path[agree:] if isinstance(key, str)]
        # The line itself holds further keys where it has an inline table.
        inline = next((k for k, key in enumerate(names) if not re.search(rf"\b{re.escape(key)}\b", line)), len(names))
        if agree == min(len(here), len(path)) and agree + inline > best:
            best, found = agree + inline, number
    return found


def _lines(text: str) -> Iterator[tuple[int, str, KeyPath]]:
    """Give each line of a TOML text that has something, with its number and the keys under which it is."""
    header: KeyPath = ()
    here: KeyPath = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0]
        if table := re.match(r"\s*\[\[?([^\[\]]+)\]\]?\s*$", line):
            names = tuple(_names(table[1]))
            if line.strip().startswith("[["):
                within = [key for key in counts if len(key) > len(names) and key[: len(names)] == names]
                counts = {key: count for key, count in counts.items() if key not in within}
                counts[names] = counts.get(names, -1) + 1
            indices = [(counts[names[: k + 1]],) if names[: k + 1] in counts else () for k in range(len(names))]
            here = header = tuple(key for name, index in zip(names, indices, strict=True) for key in (name, *index))
        elif key := re.match(r"\s*([\w\-.\"' ]+?)\s*=", line):
            here = (*header, *_names(key[1]))
        elif line.lstrip().startswith("{"):  # a table in a list with a line for each
            here = (*here[:-1], here[-1] + 1) if isinstance(here[-1], int) else (*here, 0)
        if line.strip():
            yield number, line, here
        if re.match(r"[^{]*=\s*\[\s*\{", line):  # such a list, whose first tables are in the line of its name
            here = (*here, line.count("{") - 1)


def _names(dotted: str) -> list[str]:
    return [name.strip(" \t\"'") for name in dotted.split(".")]
