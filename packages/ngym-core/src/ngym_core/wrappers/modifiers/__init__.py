"""Modifiers: wrappers that make another task of a task, and the names that they have in ids.

``ngym.make("yang19.go-v0+anti+delay=500")`` is ``ngym.make("yang19.go-v0", wrappers=["Anti", ("Delay", {"ms": 500})])``.
"""

from __future__ import annotations

from typing import Any

from ngym_core.errors import unknown_name

__all__ = ["MODIFIERS", "wrapper_of"]

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
