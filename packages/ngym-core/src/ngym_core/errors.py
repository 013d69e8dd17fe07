"""Errors that say what came, what was expected and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import gymnasium.error


class UnknownNameError(KeyError):
    """A period, channel, condition, tag, wrapper or key that does not exist."""

    def __str__(self) -> str:
        """Show the message as it is (a KeyError would quote it)."""
        return str(self.args[0]) if self.args else ""


class UnknownTaskError(UnknownNameError, gymnasium.error.NameNotFound):
    """A task id that no installed package offers."""


class InvalidOperationError(Exception):
    """A verb used at the wrong batch, such as a period added to a painted trial."""


class TaskError(AssertionError):
    """A task breaks one of the promises that `ngym_core.testing.check_task` checks."""


def nearest(name: object, valid: Iterable[object]) -> str:
    """Say which valid names there are, the nearest first.

    Args:
        name: What came.
        valid: What would have been accepted.

    Returns:
        Text such as ``Did you mean 'stimulus'? Valid: 'delay', 'stimulus'.``
    """
    names = sorted({str(v) for v in valid})
    if not names:
        return "There is none here."
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    lowered = {n.lower(): n for n in names}
    if not close:
        close = [lowered[m] for m in difflib.get_close_matches(str(name).lower(), lowered, n=3, cutoff=0.6)]
    hint = "Did you mean " + " or ".join(map(repr, close)) + "? " if close else ""
    shown = ", ".join(map(repr, names[:40])) + (", ..." if len(names) > 40 else "")
    return f"{hint}Valid: {shown}."


def unknown(kind: str, name: object, valid: Iterable[object]) -> UnknownNameError:
    """Make the error for a name that does not exist.

    Args:
        kind: What the name should have been, for example ``period``.
        name: What came.
        valid: The names that exist.

    Returns:
        The error, to be raised by the caller.
    """
    return UnknownNameError(f"Unknown {kind} {name!r}. {nearest(name, valid)}")
