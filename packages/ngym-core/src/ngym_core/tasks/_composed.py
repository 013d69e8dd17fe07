"""Tasks that are composed of a task and wrappers."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ngym_core.env import TrialEnv


def composed(task: type[TrialEnv]) -> Callable[[Callable[[Any], Any]], Callable[..., Any]]:
    """Turn a function that puts wrappers around a task into one that makes both, with the parameters of the task."""

    def decorate(wrap: Callable[[Any], Any]) -> Callable[..., Any]:
        def make(**kwargs: Any) -> Any:
            return wrap(task(**kwargs))

        update_wrapper(make, task, updated=())
        make.__doc__ = wrap.__doc__ or task.__doc__
        return make

    return decorate
