"""MixedRule: the rules of several tasks, each for the lanes that play its trials."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.rules import Rule, prepare_trials
from ngym_core.sampling import sample_trials
from ngym_core.trials import select

if TYPE_CHECKING:
    from ngym_core.trials import Trials

__all__ = ["MixedRule"]

Array = NDArray[Any]


class MixedRule(Rule):
    """The rules of several tasks: that of each evaluates the lanes that play its trials, all at once.

    Args:
        envs: The tasks, with wrappers.
        index_name: The condition that holds the index of the task of a trial.

    Raises:
        ValueError: Rules that need to know things of one name, but of different shapes.
    """

    def __init__(self, envs: Sequence[Any], index_name: str) -> None:
        self._tasks, self._index_name = [env.unwrapped for env in envs], index_name
        self._names: list[list[str]] = []  # what the rule of each task needs to know
        self._like: dict[str, Array] = {}  # a value of each name, without rows
        for env, task in zip(envs, self._tasks, strict=True):
            facts = prepare_trials(task, sample_trials(env, 1, None, Draws(0), {}))
            self._names.append(list(facts))
            for name, values in facts.items():
                known = self._like.get(name, values[:0])
                if known.shape[1:] != values.shape[1:]:
                    raise ValueError(f"Rules of {self._tasks} differ in the shape of {name!r}.")
                self._like[name] = np.zeros((0, *values.shape[1:]), np.result_type(known, values))

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return what the rules need to know about each trial: name -> (n, ...), 0 where a rule needs no such thing."""
        index = trials.conditions[self._index_name]
        facts = {name: np.zeros((trials.n, *like.shape[1:]), like.dtype) for name, like in self._like.items()}
        for i in np.unique(index).tolist():
            rows = np.nonzero(index == i)[0]
            for name, values in prepare_trials(self._tasks[i], select(trials, rows)).items():
                facts[name] = facts[name].astype(np.result_type(facts[name], values), copy=False)
                facts[name][rows] = values
        return {**facts, "_task": index.astype(np.int64)}

    def _r_tmax(self, task: Any, now: Any) -> Any:
        """Return what running out of steps adds in each lane, (N,): the present one of the task that is played."""
        return np.array([own.r_tmax for own in self._tasks], float)[now._task]

    def step_one(self, task: Any, now: Any, action: Any) -> tuple[float, bool]:
        """Evaluate one action, by the rule of the task that is played."""
        played = self._tasks[int(now._task)]
        return played.rule.step_one(played, now, action)  # type: ignore[no-any-return]

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        reward, ends, index = np.zeros(len(action)), np.zeros(len(action), bool), now._task
        order = np.argsort(index, kind="stable")
        tasks, firsts = np.unique(index[order], return_index=True)
        for i, rows in zip(tasks.tolist(), np.split(order, firsts[1:]), strict=True):
            names = self._names[i]
            own = SimpleNamespace(step=now.step[rows], gt=now.gt[rows], **{name: getattr(now, name)[rows] for name in names})
            reward[rows], ends[rows] = self._tasks[i].rule.step_many(self._tasks[i], own, action[rows])
            for name in names:
                getattr(now, name)[rows] = getattr(own, name)
        return reward, ends
