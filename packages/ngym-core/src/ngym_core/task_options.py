"""Options of commands that name a task: parameters, wrappers and conditions, the same for all commands.

A command of a pack takes them too::

    @group.command()
    @click.argument("task", type=TASK)
    @task_options
    def measure(task: str, changes: TaskChanges) -> None:
        env = changes.make(task)
"""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click
from click.shell_completion import CompletionItem

from ngym_core.errors import UnknownNameError
from ngym_core.plugins import registry

__all__ = [
    "NAME",
    "TASK",
    "AnyName",
    "TaskChanges",
    "TaskName",
    "parse_pairs",
    "parse_toml",
    "task_options",
    "tasks_named",
    "usage_errors",
]

SHOWN_CHARACTERS = 20
"""Characters of a value that an error shows."""
OTHER_OPTIONS = {"wrappers": "--wrapper", "conditions": "--condition", "render_mode": "no option"}
"""What `--set` cannot set, and what does."""


@contextmanager
def usage_errors(prefix: str = "") -> Iterator[None]:
    """Within ``with``, turn errors about names and values into errors about how the command was used (exit code 2).

    Args:
        prefix: What the message begins with.

    Raises:
        click.UsageError: A KeyError, TypeError, ValueError or AttributeError was raised.

    Example:
        >>> import ngym_core as ngym
        >>> try:
        ...     with usage_errors("TASK: "):
        ...         ngym.make("GoNogo", dtt=50)
        ... except click.UsageError as error:
        ...     print(error.message[:43])
        TASK: GoNogo.__init__() got an unexpected k
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise click.UsageError(f"{prefix}{error}") from error


class TaskName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """The id of a task, or the name of a collection, as an argument: without its version and in any case too."""

    name = "task"
    full_name = staticmethod(registry.full_name)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the full id."""
        try:
            return self.full_name(value)
        except (UnknownNameError, ValueError) as error:
            raise click.UsageError(str(error), ctx) from error

    def names(self) -> list[str]:
        """Return the ids, and the names of collections."""
        return [*registry.all_envs(collections=True), *registry.all_collections()]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        return [CompletionItem(name) for name in self.names() if name.casefold().startswith(incomplete.casefold())]


class AnyName(TaskName):
    """The name of a task, a collection or a wrapper, as an argument."""

    name = "name"
    full_name = staticmethod(registry.known_name)

    def names(self) -> list[str]:
        """Return the names that there are."""
        return [*super().names(), *registry.all_wrappers()]


TASK = TaskName()
"""The type of the argument TASK."""
NAME = AnyName()
"""The type of the argument NAME."""


@dataclass(frozen=True)
class TaskChanges:
    """How a command changes its task.

    Attributes:
        parameters: Parameters of the task, name -> value; `timing` and `rewards` are dictionaries.
        wrappers: Wrappers around it, the first innermost: name, arguments.
        conditions: Conditions that are fixed, name -> a value, or a list of values.

    Example:
        >>> changes = TaskChanges({"timing": {"stimulus": 500}}, [("PassReward-v0", {})], {"coh": 12.8})
        >>> changes.make("PerceptualDecisionMaking-v0")
        <FixConditions<PassReward<PerceptualDecisionMaking>>>
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    wrappers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)

    def on_top_of(self, other: TaskChanges) -> TaskChanges:
        """Return both changes: parameters and conditions of this one prevail, and its wrappers are outside of the other's.

        Args:
            other: The changes of before.

        Example:
            >>> before = TaskChanges({"dt": 50, "timing": {"stimulus": 500, "decision": 200}})
            >>> TaskChanges({"timing": {"stimulus": 800}}).on_top_of(before).parameters
            {'dt': 50, 'timing': {'stimulus': 800, 'decision': 200}}
        """
        parameters = dict(other.parameters)
        for name, value in self.parameters.items():
            both = isinstance(value, Mapping) and isinstance(parameters.get(name), Mapping)
            parameters[name] = {**parameters[name], **value} if both else value
        return TaskChanges(parameters, [*other.wrappers, *self.wrappers], {**other.conditions, **self.conditions})

    def make(self, task: str, **kwargs: Any) -> Any:
        """Make the task with these changes, with which it must be able to make a trial.

        Args:
            task: Its id.
            **kwargs: Further arguments of `ngym_core.make`, which prevail.

        Raises:
            click.UsageError: There is no such parameter, value, wrapper or condition.
        """
        fixed = [("FixConditions-v0", {"conditions": self.conditions})] if self.conditions else []
        with usage_errors(f"{task}: "):
            env = registry.make(task, wrappers=[*self.wrappers, *fixed], **{**self.parameters, **kwargs})
            if self != TaskChanges():  # a value may be wrong beside others only
                with warnings.catch_warnings(action="ignore"):  # the trials to come give the same ones
                    env.get_wrapper_attr("sample_trials")(1, seed=0)
            return env


def tasks_named(names: Sequence[str]) -> list[str]:
    """Return the ids of tasks that arguments of the type `TASK` name, each once: a collection stands for its tasks.

    Args:
        names: Ids, or names of collections.

    Example:
        >>> len(tasks_named(["GoNogo-v0", "yang19", "yang19.go-v0"]))
        21
    """
    found = [registry.get_collection(name) if registry.is_collection(name) else [name] for name in names]
    return list(dict.fromkeys(itertools.chain.from_iterable(found)))


def parse_toml(name: str, text: str) -> Any:
    """Return the value that a text stands for in TOML; a bare word is a text.

    Args:
        name: What it is the value of, for the error.
        text: The text.

    Raises:
        ValueError: It is no value.

    Example:
        >>> parse_toml("delay", '["uniform", [200, 500]]'), parse_toml("abort", "true"), parse_toml("side", "left")
        (['uniform', [200, 500]], True, 'left')
    """
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if re.fullmatch(r"[^\W\d][\w.+-]*", text):
            return text
        parsed = {}
    except RecursionError as error:
        raise ValueError(f"{name}={shown} is nested too deeply.") from error
    value = parsed.get("value")
    if len(parsed) != 1 or isinstance(value, (datetime.date, datetime.time)):
        raise ValueError(
            f'{name}={shown} is no TOML value, such as 500, 0.5, true, "text", [0, 12.8] or {{stimulus = 500}}.'
        )
    return value


def parse_pairs(context: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, Any]:
    """Return options NAME=VALUE as a dictionary; a callback of click. ``timing.stimulus=500`` sets one key of `timing`.

    Values are read as TOML, and a bare word is a text.

    Raises:
        click.BadParameter: A text without ``=``, a value that is none, or a name that is given twice.
    """
    pairs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        *outer, last = [part.strip() for part in name.split(".")]
        if not (equals and last and all(outer)):
            raise click.BadParameter(f"{text!r} must be NAME=VALUE.", context, option)
        inner = pairs
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise click.BadParameter(f"{name!r} and {part!r} are both given.", context, option)
        if last in inner:
            raise click.BadParameter(f"{name!r} is given twice.", context, option)
        try:
            inner[last] = parse_toml(name, value.strip())
        except ValueError as error:
            raise click.BadParameter(str(error), context, option) from error
    return pairs


def _parse_parameters(context: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a task."""
    parameters = parse_pairs(context, option, texts)
    for name, other in OTHER_OPTIONS.items():
        if name in parameters:
            raise click.BadParameter(f"{name!r} is no parameter of a task; {other} is for it.", context, option)
    return parameters


def _parse_wrappers(
    context: click.Context, option: click.Parameter, texts: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Return options NAME[:JSON] as wrappers with arguments."""
    wrappers = []
    for text in texts:
        name, colon, arguments = text.partition(":")
        try:
            spec, parsed = registry.wrapper_spec(name), json.loads(arguments) if colon else {}
        except UnknownNameError as error:
            raise click.BadParameter(str(error), context, option) from error
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"{text!r} must be NAME or NAME:JSON, and {error}.", context, option) from error
        if not isinstance(parsed, Mapping):
            example = 'Noise:{"std_noise": 0.2}'
            raise click.BadParameter(f"{text!r} must have a JSON object of arguments, such as {example}.", context, option)
        wrappers.append((spec.name, dict(parsed)))
    return wrappers


def task_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``--set``, ``--wrapper`` and ``--condition``, as its argument `changes`."""

    @click.option(
        "--set",
        "parameters",
        callback=_parse_parameters,
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the task as a TOML value, such as sigma=0.5, timing.stimulus=500 or rewards.correct=2.",
    )
    @click.option(
        "--wrapper",
        "wrappers",
        callback=_parse_wrappers,
        multiple=True,
        metavar="WRAPPER",
        help="A wrapper, the first one innermost, such as PassReward or Noise:'{\"std_noise\": 0.2}'.",
    )
    @click.option(
        "--condition",
        "conditions",
        callback=parse_pairs,
        multiple=True,
        metavar="NAME=VALUE",
        help="A condition that is fixed, such as coh=12.8; of several values, coh=[0,12.8], each trial has one.",
    )
    @functools.wraps(command)
    def changed(*args: Any, parameters: Any, wrappers: Any, conditions: Any, **kwargs: Any) -> Any:
        return command(*args, changes=TaskChanges(parameters, wrappers, conditions), **kwargs)

    return changed
