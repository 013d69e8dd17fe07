"""FollowCurriculum: a wrapper that takes a task through the stages of a curriculum, as performance leads."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import GivenArgument, checked, given_arguments, refuse_fixed, shown
from ngym_core.changes import PLAYED
from ngym_core.curriculum import NO_LEVEL, Curriculum, GivenCurriculum, KeyPath, Progress, Stage, as_curriculum
from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.sampling import conditions_of_trial, layers, sample_trials, tasks_of
from ngym_core.trial_table import TrialRecorder
from ngym_core.wrappers.base import StepBatch, TrialWrapper

NO_STAGE = -1
"""The stage of a trial that is forced to be another than its stage has."""
FIXED = frozenset({*PLAYED, "dt", "observation_space", "action_space", "timing", "rewards", "num_tr_exp", "r_tmax"})
"""Public attributes of a task that no stage can set."""


class _CurriculumAttribute:
    """Descriptor of the curriculum, kept in the instance under the same name: one that is assigned begins."""

    def __set__(self, instance: Any, value: Any) -> None:
        """Begin a curriculum, after a check of all its stages."""
        instance._follow(as_curriculum(value))


class _ProgressAttribute:
    """Descriptor of the progress, kept in the instance under the same name: one that is assigned is gone on from."""

    def __set__(self, instance: Any, value: Any) -> None:
        """Set stage, level and parameters, after a check."""
        if not isinstance(value, Progress):
            raise TypeError(f"progress={value!r} must be a Progress, such as env.curriculum.enter(1).")
        instance.curriculum.check_progress(value)
        before = vars(instance).get("progress")
        vars(instance)["progress"] = value
        try:
            instance._apply()
        except Exception:
            vars(instance)["progress"] = before
            raise


class FollowCurriculum(TrialWrapper):
    """Take a task through the stages of a curriculum, as the performance in its trials leads.

    Each trial has its `stage` (an index) as a condition, and so as a column of trial tables, and the `level` of the stage's
    staircase if the curriculum has any (NaN in stages without one). When a trial ends, the next one has begun already, in
    one env and in lanes alike: another stage or level counts from the trial after that one on, and trials that had begun
    before count for no gate and no staircase (rewards that a stage sets are paid at once, as always). Nor does a trial whose
    conditions a caller or a wrapper outside forces to other values than the stage has: its `stage` is -1, its `level` NaN.

    The lanes of a vector env follow a curriculum together: the trials of all count, in the order of their steps and lanes,
    and all get the next stage with their next trial. It begins anew when the first lane is seeded. With ``pooled=False``
    (see `Curriculum`) each lane follows it by its own trials, with parameters of its own: such lanes are stepped one after
    another, which takes longer.

    What has happened so far is part of `get_state`. Data sets stay in a stage until `score` says how the network did.

    Conditions:
        stage: The index of the stage; -1 where a caller or a wrapper outside forces other conditions than the stage.
        level: That of the stage's staircase, if the curriculum has any; NaN in stages without one.

    Args:
        env: The task, with wrappers.
        curriculum: A `Curriculum`, a dictionary of its parts, or a TOML file, see `ngym_core.curriculum.load_curriculum`.
            Another one that is assigned begins with the next trial.

    Attributes:
        progress: What has happened so far, a `Progress`; one that is assigned, such as ``env.curriculum.enter(1)``, is gone
            on from with the next trial.

    Raises:
        UnknownNameError: A parameter or condition that the task does not have.
        TypeError: A part of the curriculum of another kind.
        ValueError: A value that a parameter cannot have, a condition that a wrapper inside decides, a gate that can never
            open in this task, or a second curriculum.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.curriculum import Curriculum, Gate, Stage
        >>> short = Stage({"timing": {"stimulus": 500}}, until=Gate("performance", 0.8, window=3))
        >>> curriculum = Curriculum([short, Stage()])
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("FollowCurriculum", {"curriculum": curriculum})])
        >>> _ = env.reset(seed=0)
        >>> lengths = []
        >>> while len(lengths) < 6:
        ...     ended = env.step(env.unwrapped.gt_now)[4]["new_trial"]
        ...     lengths += [len(env.unwrapped.gt)] if ended else []
        >>> env.stage, lengths  # the third trial opens the gate, when the fourth has begun
        (1, [7, 7, 7, 22, 22, 22])

        The scores of a network drive the env of a data set, such as ``dataset.env.score(accuracy)``:

        >>> env.reset(seed=0)[1]["trial"]["stage"]
        0
        >>> env.score([1.0, 1.0, 1.0])
        >>> env.sample_trials(2).conditions["stage"].tolist()
        [1, 1]
    """

    metadata = {"description": "Takes a task through the stages of a curriculum.", "paper_link": None}
    curriculum: Any = _CurriculumAttribute()
    progress: Any = _ProgressAttribute()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the wrapper whose lanes are stepped one after another, if each is to follow the curriculum by itself."""
        curriculum = given_arguments(("env", "curriculum"), args, kwargs).get("curriculum")
        if isinstance(curriculum, (Curriculum, Mapping, str, Path)) and not as_curriculum(curriculum).pooled:
            return super().__new__(FollowCurriculumInEachLane, *args, **kwargs)  # type: ignore[return-value]
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, env: gymnasium.Env[Any, Any], curriculum: GivenCurriculum) -> None:
        super().__init__(env)
        if any(isinstance(layer, FollowCurriculum) for layer in layers(env)):
            raise ValueError("The env follows a curriculum already: write the stages of both in one.")
        self._before: dict[tuple[str, ...], Any] = {}  # parameters as they were before the curriculum
        self.curriculum = curriculum

    @property
    def stage(self) -> int:
        """Index of the present stage."""
        return int(self.progress.stage)

    @property
    def level(self) -> float:
        """Present level of the stage's staircase, as a value; NaN without one."""
        level: float = self.curriculum.level(self.progress)
        return level

    def _follow(self, curriculum: Curriculum) -> None:
        """Begin a curriculum, after a check of all its stages; parameters become as they were before the last one."""
        given = {name: vars(self).get(name) for name in ("curriculum", "progress", "_before")}
        for path, value in self._before.items():
            self._assign(path, value)
        try:
            vars(self).update(curriculum=curriculum, _before={})
            self._check_stages(curriculum)
        except Exception:
            for path, value in self._before.items():
                self._assign(path, value)
            vars(self).update(given)
            if given["curriculum"] is not None:
                self._apply()
            raise
        self._parameters = {"curriculum": curriculum.to_dict()}  # with which a state goes
        self.restart()

    def _check_stages(self, curriculum: Curriculum) -> None:
        """Raise if the task cannot play a stage: a trial is made with each level and each value of a condition."""
        for i, stage in enumerate(curriculum.stages):
            for name, gate in [(name, gate) for name, gates in stage.gates.items() for gate in gates]:
                try:
                    self._check_gate(gate.metric)
                except ValueError as error:
                    raise curriculum.located(error, ("stages", i, name, "metric")) from None
            levels = range(1 if stage.staircase is None else len(stage.staircase.levels))
            values = [len(value) for value in stage.conditions.values() if isinstance(value, (list, tuple))]
            for k in range(max(len(levels), *values, 1)):
                vars(self)["progress"] = replace(curriculum.enter(i), level=levels[min(k, len(levels) - 1)])
                self._try_stage(stage, ("stages", i), k)

    def _try_stage(self, stage: Stage, path: KeyPath, k: int) -> None:
        """Make a trial of the present stage and level with the k-th of several values of each condition, or the last.

        Errors say which of the keys of the stage is at fault.
        """
        conditions = {
            name: value[min(k, len(value) - 1)] if isinstance(value, (list, tuple)) else value
            for name, value in stage.flat_conditions(self.level).items()
        }
        where: KeyPath = ()
        try:
            for keys, value in stage.flat_parameters(self.level).items():
                where = ("parameters", *keys)
                self._remember(keys, value)
            for keys, value in self._parameters_now().items():
                where = ("parameters", *keys)
                self._assign(keys, value)
            for name in conditions:
                where = ("conditions", name)
                self._refuse_decided_inside([name])
            where = ()
            sample_trials(self.env, 1, 0, None, conditions)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            named = next((name for name in conditions if repr(name) in str(error)), None)
            where = where if named is None else ("conditions", named)
            if stage.staircase is not None and where == stage.staircase.keys:
                where = ("staircase", "path" if isinstance(error, KeyError) else "levels")
            raise self.curriculum.located(error, (*path, *where)) from error

    def _check_gate(self, metric: str) -> None:
        """Raise if a gate that looks at a metric can never open in this task."""
        task = self.task
        if metric in ("performance", "correct") and not task.has_answer:
            raise ValueError(f"metric={metric!r}: this gate can never open, since no action is right in {task}.")
        reported = any("reaction_time" in getattr(layer, "reports", ()) for layer in layers(self.env))
        if metric == "reaction_time" and not isinstance(task.action_space, gymnasium.spaces.Discrete) and not reported:
            raise ValueError(f"metric={metric!r}: this gate can never open, since {task} measures no reaction time.")

    # ---- what stages set -------------------------------------------------------------------------

    def _remember(self, keys: tuple[str, ...], value: Any) -> None:
        """Keep the value of a parameter before the curriculum, after a check that it can have another."""
        if keys in self._before:
            return
        if len(tasks_of(self.env)) > 1:
            raise ValueError(
                f"parameters={'.'.join(keys)!r}: the env has several tasks, of which stages set conditions only."
            )
        if len(keys) == 2:
            values = getattr(self.task, keys[0])
            if keys[1] in values:
                self._before[keys] = values[keys[1]]
            else:
                values._check(keys[1], 0)
            return
        valid = sorted(name for name in vars(self.task) if not name.startswith("_") and name not in FIXED)
        if keys[0] not in valid and (keys[0] in FIXED or keys[0] not in self.task._parameters):
            raise unknown_name(f"parameter of {self.task}", keys[0], [*valid, "timing", "rewards"])
        if isinstance(inspect.getattr_static(type(self.task), keys[0], None), GivenArgument):
            refuse_fixed(self.task, keys[0], value)
        self._before[keys] = getattr(self.task, keys[0])

    def _assign(self, keys: tuple[str, ...], value: Any) -> None:
        if len(keys) == 2:
            getattr(self.task, keys[0])[keys[1]] = value
        else:
            setattr(self.task, keys[0], value)

    def _parameters_now(self) -> dict[tuple[str, ...], Any]:
        """Return all parameters that any stage sets, as they are in the present one."""
        return {**self._before, **self.curriculum.stages[self.stage].flat_parameters(self.level)}

    def _apply(self) -> None:
        """Set the parameters of the present stage and level."""
        for keys, value in self._parameters_now().items():
            self._assign(keys, value)

    def _conditions(self, n: int, draws: Draws) -> dict[str, Any]:
        """Return the conditions of n trials of the present stage."""
        conditions = self.curriculum.stages[self.stage].flat_conditions(self.level)
        return {
            name: draws.choice(name, n, value) if isinstance(value, (list, tuple)) else value
            for name, value in conditions.items()
        }

    def _decides(self) -> Iterable[str]:
        """Return the names of the conditions that any stage sets."""
        return set(self.curriculum.conditions)

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the conditions of the stage, and record it, with its level if there are any."""
        recorded: dict[str, Any] = {"stage": self.stage}
        if self.curriculum.has_levels:
            recorded["level"] = float(self.level)
        if (other := self._plays_other(n, forced)).any():
            unknown = {"stage": NO_STAGE, "level": NO_LEVEL}
            recorded = {name: np.where(other, unknown[name], value) for name, value in recorded.items()}
        return {**self._conditions(n, draws), **forced}, recorded

    def _plays_other(self, n: int, forced: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return which of n trials are forced to have another condition than the stage gives them, (n,)."""
        other = np.zeros(n, bool)
        for name, value in self.curriculum.stages[self.stage].flat_conditions(self.level).items():
            if name not in forced:
                continue
            options = value if isinstance(value, (list, tuple)) else [value]
            axes = {name: np.ndim(options[0])}
            given = [conditions_of_trial({name: forced[name]}, i, n, axes)[name] for i in range(n)]
            other |= [not any(np.array_equal(one, option) for option in options) for one in given]
        return other

    # ---- what changes the stage ------------------------------------------------------------------

    def restart(self) -> None:
        """Begin the curriculum anew, with the next trial."""
        self.progress = self.curriculum.begin()

    @checked
    def score(self, performance: ArrayLike) -> None:
        """Count scores that trials of the present stage were given elsewhere, such as a network by its batches.

        Args:
            performance: Score of each trial from 0 to 1, (m,) or one number.

        Raises:
            UnknownNameError: A gate of the stage looks at something else.
            TypeError: No numbers.
            ValueError: A number that is not from 0 to 1, or scores of more than one dimension.
        """
        expected = f"performance={shown(performance)} must be a number from 0 to 1, or a list of one for each trial."
        try:
            scores = np.asarray(performance)
        except (TypeError, ValueError, RuntimeError):  # ragged lists; a tensor that needs a gradient
            raise TypeError(expected) from None
        if scores.dtype.kind not in "biuf":
            raise TypeError(expected)
        if scores.ndim > 1 or not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError(expected)
        self._learn({"performance": np.atleast_1d(scores)})

    def _learn(self, rows: Mapping[str, Any]) -> None:
        progress = self.curriculum.advance(self.progress, rows)
        if progress == self.progress:
            vars(self)["progress"] = progress  # no parameter changes
        else:
            self.progress = progress

    def init_memory(self, n: int) -> TrialRecorder:
        """Return what measures the trials of n lanes."""
        return self._follow_due_times(TrialRecorder(n, self.task.dt))

    def seed_memory(self, memory: TrialRecorder, lane: int, draws: Draws) -> None:
        """Begin anew when the first lane is seeded."""
        if lane == 0:
            self.restart()

    def on_step(self, memory: TrialRecorder, batch: StepBatch) -> None:
        """Measure the trials, if a gate needs it, and count those that ended."""
        measures = self.curriculum.measures
        if measures:
            memory.add(batch)
        if not batch.ended.any():
            return
        own = f"{type(self).__name__}_"  # before the name where a layer inside records one
        recorded = ("stage", "level") if self.curriculum.has_levels else ("stage",)
        conditions = {name: batch.conditions.get(own + name, batch.conditions.get(name)) for name in recorded}
        rows = {name: column[batch.ended] for name, column in conditions.items() if column is not None}
        rows["performance"] = batch.performance[batch.ended]
        if measures:
            table = memory.pop_parts()[0]
            rows |= {name: table[name] for name in ("reward", "reaction_time", "steps")}
        self._learn(rows)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `TrialEnv.reset`; with a seed the curriculum begins anew."""
        if seed is not None or self._memory_draws is not self.task._draws:
            self.restart()
        return super().reset(seed=seed, options=options)

    # So that lanes can be stepped all at once: they call `seed_memory` before the first trial of a seed.
    reset.only_takes_more_than = TrialWrapper.reset  # type: ignore[attr-defined]


class FollowCurriculumInEachLane(FollowCurriculum):
    """The same where each lane follows the curriculum by itself: `FollowCurriculum` makes it where ``pooled`` is false.

    Lanes step it as a single env, one lane after another, so that each has a progress and parameters of its own.

    Conditions:
        stage: The index of the stage of the lane, see `FollowCurriculum`.
        level: That of the stage's staircase, see there.

    Args:
        env: The task, with wrappers.
        curriculum: The curriculum, see `FollowCurriculum`.

    Example:
        >>> import ngym_core as ngym
        >>> stages = [{"conditions": {"coh": 51.2}, "until": {"metric": "performance", "threshold": 0.8}}, {}]
        >>> wrapper = ("FollowCurriculum", {"curriculum": {"stages": stages, "pooled": False}})
        >>> type(ngym.make("PerceptualDecisionMaking-v0", wrappers=[wrapper])).__name__
        'FollowCurriculumInEachLane'
    """

    metadata = {"description": "Takes each lane of a task through the stages of a curriculum.", "paper_link": None}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, see `FollowCurriculum.reset`."""
        return super().reset(seed=seed, options=options)
