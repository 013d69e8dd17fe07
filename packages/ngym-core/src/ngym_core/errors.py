"""Exceptions, and messages that say what was given, what was expected and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import gymnasium.error

MAX_HINTS = 3
"""Number of near names that an error message suggests, at most."""
MAX_NAMES = 12
"""Number of valid names that an error message lists, at most; of more, those that are near are enough if there are any."""
MIN_CHARACTERS = 3
"""Length from which on a text that is part of valid names suggests them."""
MIN_SIMILARITY = 0.6
"""Similarity (difflib's ratio, 0 to 1) from which a valid name is suggested."""


class UnknownNameError(KeyError):
    """A period, channel, condition, tag, wrapper or key that does not exist."""

    def __str__(self) -> str:
        """Return the message as it is (a KeyError would quote it)."""
        return str(self.args[0]) if self.args else ""


class UnknownTaskError(UnknownNameError, gymnasium.error.NameNotFound):
    """A task id that no installed package offers."""


class InvalidOperationError(Exception):
    """A method called in the wrong order, such as adding a period after observations were written."""


class StateError(ValueError):
    """A state that is damaged, or that was taken of something else."""


class TaskError(AssertionError):
    """A task breaks one of the promises that `ngym_core.testing.check_task` checks."""


def nearest(name: object, valid: Iterable[object]) -> str:
    """Describe the valid names, with the nearest first.

    Args:
        name: The name that was given.
        valid: The names that would have been accepted.

    Returns:
        Text for an error message.

    Example:
        >>> nearest("stimuls", ["delay", "stimulus"])
        "Did you mean 'stimulus'? Valid: 'delay', 'stimulus'."
    """
    names = sorted({str(v) for v in valid})
    if not names:
        return "There are no valid names."
    close = difflib.get_close_matches(str(name), names, MAX_HINTS, MIN_SIMILARITY)
    lowered = {n.lower(): n for n in names}
    if not close:  # names that differ only in case are far apart for difflib
        close = [lowered[m] for m in difflib.get_close_matches(str(name).lower(), lowered, MAX_HINTS, MIN_SIMILARITY)]
    if not close and len(str(name)) >= MIN_CHARACTERS:  # a part of a long name is far from it, too
        close = [lowered[m] for m in lowered if str(name).lower() in m][:MAX_HINTS]
    hint = "Did you mean " + " or ".join(map(repr, close)) + "? " if close else ""
    if hint and len(names) > MAX_NAMES:
        return hint.rstrip()
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{hint}Valid: {', '.join(map(repr, names[:MAX_NAMES]))}{more}."


def unknown_name(kind: str, name: object, valid: Iterable[object]) -> UnknownNameError:
    """Make the error for a name that does not exist.

    Args:
        kind: What the name should have been, for example ``period``.
        name: The name that was given.
        valid: The names that exist.

    Returns:
        The error, to be raised by the caller.
    """
    return UnknownNameError(f"Unknown {kind} {name!r}. {nearest(name, valid)}")
