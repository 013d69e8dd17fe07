"""Isolation of packs: what the code of a pack raises or prints costs only that pack, and the user can still interrupt it."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

__all__ = ["PluginWarning", "encodable", "isolated", "reason", "stdout_to_stderr", "warn"]

MAX_REASON_CHARACTERS = 1000
"""Length of a message of a pack that is shown, at most."""


class PluginWarning(UserWarning):
    """A pack, or a part of it, failed and was left out."""


def encodable(text: str) -> str:
    r"""Replace what cannot be written to a file or a terminal.

    Example:
        >>> encodable("half of a pair: \ud800")
        'half of a pair: \\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def reason(error: BaseException) -> str:
    r"""Describe an error of a pack in one line, whatever its message is.

    Example:
        >>> reason(ValueError("two\nlines"))
        'ValueError: two lines'
    """
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    text = encodable(" ".join(f"{type(error).__name__}: {message}".split()))
    return text if len(text) <= MAX_REASON_CHARACTERS else f"{text[:MAX_REASON_CHARACTERS]} ..."


def warn(message: str) -> None:
    """Show a `PluginWarning`. Where warnings are errors (``-W error``) it is logged: it must not end what it warns of."""
    try:
        warnings.warn(message, PluginWarning, stacklevel=3)
    except PluginWarning:
        import logging

        logging.getLogger("ngym").warning("%s", message)


@contextmanager
def isolated(doing: str, on_error: Callable[[BaseException], None]) -> Iterator[None]:
    """Run code of a pack. What it prints goes to stderr.

    Args:
        doing: What ngym is doing, a note for the user who interrupts it.
        on_error: Called with whatever the code raises, even SystemExit. Only an interrupt by the user is raised again.

    Example:
        >>> errors = []
        >>> with isolated("ngym was importing a pack", errors.append):
        ...     raise SystemExit(3)
        >>> errors
        [SystemExit(3)]
    """
    with stdout_to_stderr(), _interrupts() as interrupts:
        try:
            yield
        except BaseException as error:
            if interrupts and isinstance(error, KeyboardInterrupt):
                error.add_note(f"{doing}.")
                raise
            on_error(error)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is printed to stderr, also by C code and child processes: stdout is for the answer of a command."""
    with redirect_stdout(sys.stderr):
        _flush_stdout()
        try:
            stdout = os.dup(1)
        except OSError:  # closed: nothing can reach it
            stdout = -1
        try:
            if stdout >= 0:
                with suppress(OSError):  # stderr is closed
                    os.dup2(2, 1)
            yield
        finally:
            _flush_stdout()
            if stdout >= 0:
                os.dup2(stdout, 1)
                os.close(stdout)


def _flush_stdout() -> None:
    with suppress(AttributeError, OSError, ValueError):  # None, a full disk, closed
        sys.__stdout__.flush()  # type: ignore[union-attr]


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect interrupts (Ctrl-C) of the user, which act as before: a pack may raise KeyboardInterrupt without one."""
    interrupts: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def record(number: int, frame: Any) -> None:
        interrupts.append(number)
        before(number, frame)  # type: ignore[operator, misc]

    try:
        if callable(before):
            signal.signal(signal.SIGINT, record)
    except ValueError:  # not the main thread, which no interrupt reaches
        pass
    try:
        yield interrupts
    finally:
        if signal.getsignal(signal.SIGINT) is record:
            signal.signal(signal.SIGINT, before)
