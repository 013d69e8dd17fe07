"""Atomic and durable writes, and folders that one process at a time works in.

A file that a process is busy with is locked by the operating system, which unlocks it when the process ends, even by a kill.
So what a dead process left is told from what a living one uses, on this machine or another, in a container or not.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import secrets
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, TypeAlias

from ngym_core.arguments import InstanceOf, checked, explained

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = [
    "atomic_write",
    "claim_file",
    "claim_folder",
    "holds_something",
    "remove_leftovers",
    "require_free_folder",
    "require_writable_file",
    "require_writable_folder",
    "sync_folder",
]

PROBE_BYTES = 4096
"""Number of bytes that are written to find out whether a disk is full."""
OnlyPath: TypeAlias = Annotated[Path, InstanceOf(Path, "a Path")]
CLAIM = ".ngym-claim"
"""File in a folder that a process has claimed, and beginning of the name of the claim of a file."""
_TEMPORARY = re.compile(r"\.ngym-[0-9a-f]{8}\.")
_claimed: dict[Path, int] = {}
"""Folder -> process that has claimed it: this one, or the one of which this is a fork."""


# ---- files -----------------------------------------------------------------------------------------------


@checked
@contextmanager
def atomic_write(path: OnlyPath) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it when it is complete and on disk.

    Temporary files that killed processes left in the folder are removed.

    Args:
        path: The file. Its folder is made.

    Yields:
        The path to write to, an empty file in the same folder and with the same suffix.

    Example:
        >>> with atomic_write(Path("table.csv")) as temporary:
        ...     _ = temporary.write_text("a,b")
        >>> Path("table.csv").read_text()
        'a,b'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    temporary, file = _open_temporary(path)
    try:
        yield temporary
        with temporary.open("rb+") as written:  # a rename may reach the disk before the content does
            os.fsync(written.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        if file is not None:
            os.close(file)


@checked
@contextmanager
def claim_file(path: OnlyPath) -> Iterator[None]:
    """Keep other processes from making a file while this one makes it, so that none overwrites what another has made.

    Only others that claim it are kept away. A claim ends with the process that has it, even by a kill.

    Args:
        path: The file. Its folder is made.

    Raises:
        FileExistsError: It is being made already.

    Warns:
        UserWarning: The file system has no locks.

    Example:
        >>> with claim_file(Path("table.csv")):
        ...     _ = Path("table.csv").write_text("a,b")
    """
    claim = path.with_name(f"{CLAIM}.{path.name}")
    file = _open_claim(claim, path)
    try:
        yield
    finally:
        _end_claim(claim, file)


@explained
def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder."""
    for entry in folder.glob(".ngym-*.*"):
        _is_leftover(entry, remove=True)


def _open_temporary(path: Path) -> tuple[Path, int | None]:
    """Make an empty file beside another; return its path and the open file that is locked, None where that cannot be."""
    while True:
        # In the same folder: only within one file system a rename is atomic.
        temporary = path.with_name(f".ngym-{secrets.token_hex(4)}.{path.name}")
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if os.name != "posix":  # where an open file cannot be renamed
            os.close(file)
            return temporary, None
        with suppress(OSError):  # a file system without locks
            if not _lock(file) or not _is_at(file, temporary):  # another process has just taken it for a leftover
                os.close(file)
                continue
        return temporary, file


@explained
def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on disk, where the system can do that."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


# ---- folders ---------------------------------------------------------------------------------------------


@contextmanager
def claim_folder(folder: Path, mark: str | None = None) -> Iterator[None]:
    """Keep other processes from a folder while this one works in it, so that no run overwrites another.

    The claims of one process nest. A claim ends with the process that has it, even by a kill.

    Args:
        folder: A new or empty folder; temporary files of killed processes do not count. It is made, and removed again if
            nothing was put there.
        mark: Name of a file: a folder that holds it may hold anything.

    Raises:
        FileExistsError: Another process has claimed the folder, or it is not empty, or is a file.

    Warns:
        UserWarning: The file system has no locks.

    Example:
        >>> with claim_folder(Path("run")):
        ...     _ = Path("run", "result.txt").write_text("done")
    """
    if not (folder / CLAIM).exists():  # else another process may be at work in it, which the claim says
        require_free_folder(folder, mark, besides=CLAIM)
    key = folder.resolve()
    if _claimed.get(key) == os.getpid():
        yield
        return
    is_new = not folder.exists()
    file = _open_claim(folder / CLAIM, folder)
    try:
        require_free_folder(folder, mark, besides=CLAIM)  # once more: another process may have had it in between
        _claimed[key] = os.getpid()
        yield
    finally:
        _claimed.pop(key, None)
        _end_claim(folder / CLAIM, file)
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _open_claim(path: Path, claimed: Path) -> int:
    """Make and lock the claim of a file or folder, and return it open; raise FileExistsError if another process has it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except FileNotFoundError:  # a process that found nothing to do there has removed the folder
            continue
        try:
            locked = _lock(file)
        except OSError as error:
            warnings.warn(f"{claimed} cannot be locked ({error.strerror}): start no second run in it.", stacklevel=4)
            locked = True
        if locked and _is_at(file, path):
            os.truncate(file, 0)
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            os.write(file, f"process {os.getpid()} on {platform.node()} since {since}".encode())
            return file
        holder = "" if locked else os.read(file, 1000).decode(errors="replace")
        os.close(file)
        if not locked:
            raise FileExistsError(
                f"{claimed} is in use by {holder or 'another process'}; wait until it has ended, or name a new "
                f"{'folder' if path.parent == claimed else 'file'}."
            )


def _end_claim(path: Path, file: int) -> None:
    """Remove a claim and close its file."""
    if os.name != "posix":  # where an open file cannot be removed
        os.close(file)
    with suppress(OSError):
        path.unlink()
    if os.name == "posix":
        os.close(file)


@explained
def require_free_folder(folder: Path, mark: str | None = None, besides: str | None = None) -> None:
    """Raise if a folder is not empty.

    Args:
        folder: The folder. It need not exist.
        mark: Name of a file: a folder that holds it may hold anything.
        besides: Name of a file that does not count.

    Raises:
        FileExistsError: The folder is not empty, or is a file.
    """
    if not (mark is not None and (folder / mark).is_file()) and holds_something(folder, besides):
        raise FileExistsError(f"{folder} holds something already; name a new folder.")


@explained
def require_writable_file(path: Path) -> None:
    """Make the folder of a file, and raise if the file cannot be written; for use before long work.

    Args:
        path: The file. It need not exist.

    Raises:
        OSError: It is a folder, or its own folder cannot be made or written, or the disk is full.

    Example:
        >>> require_writable_file(Path("results") / "figure.png")
        >>> Path("results").is_dir()
        True
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file.")
    require_writable_folder(path.parent)


@explained
def require_writable_folder(folder: Path) -> None:
    """Make a folder, and raise if nothing can be written there; for use before long work.

    Args:
        folder: The folder. It need not exist.

    Raises:
        OSError: The folder cannot be made or written, or the disk is full.

    Example:
        >>> require_writable_folder(Path("results"))
        >>> Path("results").is_dir()
        True
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
    except OSError as error:
        if error.errno is not None:  # else it has its own words
            error.filename = str(folder)  # not that of the temporary file
        raise


@explained
def holds_something(path: Path, besides: str | None = None) -> bool:
    """Return whether a path is a file, or a folder with more than what killed processes left.

    Args:
        path: The path. It need not exist.
        besides: Name of a file that does not count.
    """
    if not path.is_dir():
        return path.exists()
    return any(entry.name != besides and not _is_leftover(entry) for entry in path.iterdir())


def _is_leftover(path: Path, remove: bool = False) -> bool:
    """Return whether a file is a temporary one, or a claim, of a process that has ended; remove it if asked to."""
    if not (path.name == CLAIM or path.name.startswith(f"{CLAIM}.") or (_TEMPORARY.match(path.name) and os.name == "posix")):
        return False
    with suppress(OSError):  # of another user, on a file system without locks, or gone
        file = os.open(path, os.O_RDONLY)
        try:
            is_leftover = _lock(file, shared=True)
            if is_leftover and remove:  # while it is locked: a process that has just made it will make another
                path.unlink()
            return is_leftover
        finally:
            os.close(file)
    return False


# ---- locks -----------------------------------------------------------------------------------------------


def _lock(file: int, shared: bool = False) -> bool:
    """Lock an open file until it is closed or the process ends, and return whether no other process has locked it.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        if sys.platform == "win32":
            os.lseek(file, 1 << 30, os.SEEK_SET)  # a byte far behind the text, which others can read then
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        os.lseek(file, 0, os.SEEK_SET)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _is_at(file: int, path: Path) -> bool:
    """Return whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
