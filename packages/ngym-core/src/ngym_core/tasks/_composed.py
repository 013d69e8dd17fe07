"""Composed tasks: functions that make a task with wrappers around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any

from ngym_core.env import TrialEnv


def composed(task: type[TrialEnv], **presets: Any) -> Callable[[Callable[[Any], Any]], Callable[..., Any]]:
    """Convert a function that wraps an env of a task into one that makes the env first, with the parameters of the task.

    Args:
        task: The task.
        **presets: Values of its parameters, unless the caller gives others; a `timing` is merged with the caller's.

    Example:
        >>> from ngym_core.tasks.null import Null
        >>> from ngym_core.wrappers.pass_reward import PassReward
        >>> make = composed(Null)(PassReward)
        >>> make(dt=20)
        <PassReward<Null>>
    """

    def decorate(wrap: Callable[[Any], Any]) -> Callable[..., Any]:
        def make(**kwargs: Any) -> Any:
            given = {**presets, **kwargs}
            if isinstance(given.get("timing"), Mapping | None):
                given["timing"] = {**presets.get("timing", {}), **(given.get("timing") or {})}
            return wrap(task(**given))

        update_wrapper(make, task, updated=())
        make.__doc__ = wrap.__doc__ or task.__doc__
        return make

    return decorate
