"""Atomic writes, and output folders that no other run has used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write", "require_empty_folder"]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it when it is complete.

    Args:
        path: The file. Its folder is made.

    Yields:
        The path to write to, in the same folder and with the same suffix.

    Example:
        >>> with atomic_write(Path("table.csv")) as temporary:
        ...     _ = temporary.write_text("a,b")
        >>> Path("table.csv").read_text()
        'a,b'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # one file system: only there is a rename atomic
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_empty_folder(folder: Path) -> None:
    """Raise if a folder is not empty, so that no run overwrites another.

    Args:
        folder: The folder. It need not exist.

    Raises:
        FileExistsError: The folder is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something already; name a new folder.")
