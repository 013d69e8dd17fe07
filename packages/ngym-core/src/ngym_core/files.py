"""Files that are complete or absent, and folders that no other run shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write", "require_empty_folder"]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file aside; it gets its name when it is complete.

    Args:
        path: The file. Its folder is made.

    Yields:
        Where to write, in the same folder and with the same suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def require_empty_folder(folder: Path) -> None:
    """Refuse a folder that holds something, so that no run overwrites another.

    Raises:
        FileExistsError: It holds something, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something already; name a new folder.")
