"""Atomic and durable writes, and output folders that no other run has used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic_write", "holds_something", "require_empty_folder", "sync_folder"]

_being_written: set[Path] = set()
"""Temporary files that this process writes now."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it when it is complete and on disk.

    Temporary files that killed processes left in the folder are removed.

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
    for entry in path.parent.glob(".*.*"):
        if _is_leftover(entry):
            with suppress(OSError):  # another process may remove it too
                entry.unlink()
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # one file system: only there is a rename atomic
    _being_written.add(temporary.absolute())
    try:
        yield temporary
        with temporary.open("rb+") as file:  # a rename may reach the disk before the content does
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        _being_written.discard(temporary.absolute())


def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on disk, where the system can do that."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def require_empty_folder(folder: Path) -> None:
    """Raise if a folder is not empty, so that no run overwrites another.

    Args:
        folder: The folder. It need not exist. Temporary files of killed processes do not count.

    Raises:
        FileExistsError: The folder is not empty, or is a file.
    """
    if holds_something(folder):
        raise FileExistsError(f"{folder} holds something already; name a new folder.")


def holds_something(folder: Path) -> bool:
    """Return whether a path is a file, or a folder with more than the temporary files of killed processes."""
    return folder.exists() and (not folder.is_dir() or not all(map(_is_leftover, folder.iterdir())))


def _is_leftover(path: Path) -> bool:
    """Return whether a file is a temporary one of `atomic_write` whose process has ended."""
    match = re.match(r"\.([1-9]\d{0,8})\.", path.name)
    if match is None or os.name != "posix":  # elsewhere `os.kill` would end the process
        return False
    pid = int(match[1])
    if pid == os.getpid():  # in a container a killed process had the same number
        return path.absolute() not in _being_written
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # the process of another user
    return False
