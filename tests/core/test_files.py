from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from ngym_core.files import atomic_write, require_empty_folder


def test_atomic_write_makes_the_folder_and_replaces_the_file(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    for text in ("one", "two"):
        with atomic_write(path) as temporary:
            assert (temporary.parent, temporary.suffix) == (path.parent, ".txt")
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_atomic_write_keeps_the_old_file_after_an_error(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_require_empty_folder_takes_new_and_empty_folders_only(tmp_path):
    require_empty_folder(tmp_path)
    require_empty_folder(tmp_path / "new")
    (tmp_path / "file").touch()
    for used in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
            require_empty_folder(used)


def pid_of_the_dead():
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_temporary_files_of_killed_processes_do_not_count_and_are_removed(tmp_path):
    for pid in (pid_of_the_dead(), os.getpid()):
        leftover = tmp_path / f".{pid}.table.npz"
        leftover.write_bytes(b"half")
        require_empty_folder(tmp_path)
        with atomic_write(tmp_path / "file.txt") as temporary:
            temporary.touch()
            with atomic_write(tmp_path / "other.txt") as other:
                other.touch()
            assert temporary.exists()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "other.txt"]
        for path in tmp_path.iterdir():
            path.unlink()


def test_temporary_files_of_living_processes_count_and_are_kept(tmp_path):
    path = tmp_path / f".{os.getppid()}.table.npz"
    path.touch()
    with pytest.raises(FileExistsError, match="holds something already"):
        require_empty_folder(tmp_path)
    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.touch()
    assert path.exists()


def test_atomic_write_syncs_the_content_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def record(number):
        synced.append((stat.S_ISDIR(os.fstat(number).st_mode), (tmp_path / "file.txt").exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("text")
    assert synced == [(False, False), (True, True)]
