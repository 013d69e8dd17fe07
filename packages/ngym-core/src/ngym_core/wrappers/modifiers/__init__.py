"""Modifiers: wrappers that make another task of a task, and the names that they have in ids.

``ngym.make("yang19.go-v0+anti+delay=500")`` is ``ngym.make("yang19.go-v0", wrappers=["Anti", ("Delay", {"ms": 500})])``.
"""

from __future__ import annotations

from typing import Any

from ngym_core.errors import unknown_name
from ngym_core.trials.durations import duration_name

__all__ = ["MODIFIERS", "modifier_of", "wrapper_of"]

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
