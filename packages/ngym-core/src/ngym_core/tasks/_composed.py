"""Composed tasks: functions that make a task with wrappers around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ngym_core.env import TrialEnv


def composed(task: type[TrialEnv]) -> Callable[[Callable[[Any], Any]], Callable[..., Any]]:
    """Convert a function that wraps an env of a task into one that makes the env first, with the parameters of the task.

    Example:
        >>> from ngym_core.tasks.null import Null
        >>> from ngym_core.wrappers.pass_reward import PassReward
        >>> make = composed(Null)(PassReward)
        >>> make(dt=20)
        <PassReward<Null>>
    """

    def decorate(wrap: Callable[[Any], Any]) -> Callable[..., Any]:
        def make(**kwargs: Any) -> Any:
            return wrap(task(**kwargs))

        update_wrapper(make, task, updated=())
        make.__doc__ = wrap.__doc__ or task.__doc__
        return make

    return decorate
