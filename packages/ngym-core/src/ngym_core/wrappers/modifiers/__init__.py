"""Modifiers: wrappers that make another task of a task, and the names that they have in ids.

``ngym.make("yang19.go-v0+anti+delay=500")`` is ``ngym.make("yang19.go-v0", wrappers=["Anti", ("Delay", {"ms": 500})])``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium

from ngym_core.errors import unknown_name
from ngym_core.sampling import played_layers
from ngym_core.trials.durations import duration_name

__all__ = ["MODIFIERS", "modifier_of", "short_name", "task_name", "wrapper_of"]

# Name in ids -> the wrapper, and which of its arguments a value stands for.
MODIFIERS: dict[str, tuple[str, str | None]] = {
    "anti": ("Anti-v0", None),
    "context": ("Context-v0", None),
    "delay": ("Delay-v0", "ms"),
    "go_cue": ("GoCue-v0", None),
    "interval": ("Interval-v0", "direction"),
    "sequence": ("Sequence-v0", "direction"),
}


def wrapper_of(modifier: str) -> tuple[str, dict[str, Any]]:
    """Read a modifier as it is written in an id.

    Args:
        modifier: ``name`` or ``name=value``.

    Returns:
        Name of the wrapper, and its arguments.

    Raises:
        UnknownNameError: There is no such modifier.
        ValueError: A value that is empty, or that the modifier does not take, or none where it needs one.

    Example:
        >>> from ngym_core.wrappers.modifiers import wrapper_of
        >>> wrapper_of("delay=500"), wrapper_of("anti")
        (('Delay-v0', {'ms': 500}), ('Anti-v0', {}))
    """
    name, equals, text = modifier.partition("=")
    if name not in MODIFIERS:
        raise unknown_name("modifier", name, MODIFIERS)
    wrapper, argument = MODIFIERS[name]
    if not equals:
        if argument == "ms":
            raise ValueError(f"The modifier {name!r} needs a number of ms, such as '{name}=500'.")
        return wrapper, {}
    if argument is None:
        raise ValueError(f"The modifier {name!r} takes no value, but came as {modifier!r}.")
    if argument != "ms":
        return wrapper, {argument: text}
    try:
        ms = float(text)
    except ValueError:
        raise ValueError(f"The modifier {modifier!r} must have a number of ms as its value, such as '{name}=500'.") from None
    return wrapper, {argument: int(ms) if ms.is_integer() else ms}


def modifier_of(layer: Any) -> str | None:
    """Return how a layer of an env is written in an id, or None if it is no modifier that ids have.

    Args:
        layer: The layer.

    Returns:
        ``name`` or ``name=value``; a delay that is drawn has its distribution in words, which ids cannot have.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers.modifiers import modifier_of
        >>> modifier_of(ngym.make("yang19.go-v0+delay=500")), modifier_of(ngym.make("yang19.go-v0"))
        ('delay=500', None)
    """
    if type(layer).__module__.rpartition(".")[0] != __name__:  # others, and tasks, may have classes of these names
        return None
    for name, (wrapper, argument) in MODIFIERS.items():
        if wrapper == f"{type(layer).__name__}-v0":
            value = layer._saved_kwargs.get(argument)
            text = duration_name(value) if argument == "ms" else value
            return name if value is None else f"{name}={text}"
    return None


def _modifiers_of(layers: Sequence[Any]) -> list[str]:
    """Return the modifiers among some layers, from the outermost on, as ids have them: the innermost first."""
    added = [layer for layer in reversed(layers) if not getattr(layer, "_comes_with_task", False)]
    return [modifier for layer in added if (modifier := modifier_of(layer)) is not None]


def task_name(env: gymnasium.Env[Any, Any]) -> str:
    """Return the id of the task of an env, or the name of its class, with the modifiers around it.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers.modifiers import task_name
        >>> task_name(ngym.make("yang19.go-v0", wrappers=["Anti"]))
        'yang19.go-v0+anti'
    """
    task: Any = env.unwrapped
    return "+".join([task.spec.id if task.spec else type(task).__name__, *_modifiers_of(played_layers(env))])


def short_name(env: gymnasium.Env[Any, Any], tasks: Iterable[str] = ()) -> str:
    """Return what figures and messages call an env: `task_name` without the version, or how many tasks are mixed.

    Args:
        env: The env.
        tasks: The tasks (condition `task`) of the trials of a mixture that are meant; by default all.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers.modifiers import short_name
        >>> env = ngym.make("yang19")
        >>> short_name(env), short_name(env, ["yang19.go-v0"] * 3), short_name(ngym.make("yang19.go-v0+anti"))
        ('mixture of 20 tasks', 'yang19.go', 'yang19.go+anti')
    """
    played, different = played_layers(env), list(dict.fromkeys(tasks))
    mixture = next((i for i, layer in enumerate(played) if "envs" in vars(layer)), None)
    if mixture is None:
        name = task_name(env)
    else:
        mixed = f"{len(different)} tasks" if different else f"mixture of {len(vars(played[mixture])['envs'])} tasks"
        name = "+".join([different[0] if len(different) == 1 else mixed, *_modifiers_of(played[:mixture])])
    return re.sub(r"-v0(?=\+|$)", "", name)
