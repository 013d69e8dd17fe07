"""A bar that shows how far a command is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from ngym_core.arguments import Index, Text, checked

__all__ = ["progress_bar"]


@checked
@contextmanager
def progress_bar(label: Text, length: Index) -> Iterator[Callable[[int], None]]:
    """Show a bar, which appears when the first part of the work is done: an error before it is the only thing printed.

    Args:
        label: What is done.
        length: Number of things to do.

    Returns:
        Function to call with the number of things done since its last call.

    Example:
        >>> from ngym_core.progress import progress_bar
        >>> with progress_bar("counting", 2) as update:
        ...     for _ in range(2):
        ...         update(1)
        counting
    """
    with ExitStack() as shown:
        bar: Any = None

        def update(done: int) -> None:
            nonlocal bar
            if bar is None:
                bar = shown.enter_context(click.progressbar(length=length, label=label))
            bar.update(done)

        yield update
