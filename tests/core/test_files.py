from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ngym_core.files import (
    CLAIM,
    atomic_write,
    claim_file,
    claim_folder,
    holds_something,
    remove_leftovers,
    require_free_folder,
    require_writable_file,
    require_writable_folder,
)


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


def begin(program, *arguments):
    """Start a program in a process of its own, with pipes for its input and output."""
    command = [sys.executable, "-c", "import sys; from pathlib import Path; from ngym_core.files import *\n" + program]
    return subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


CLAIM_AND_WAIT = """
try:
    with claim_folder(Path(sys.argv[1])):
        Path(sys.argv[1], "result.txt").touch()
        print("claimed", flush=True)
        sys.stdin.read()
except FileExistsError as error:
    print(error, flush=True)
    sys.stdin.read()
"""
WRITE_AND_WAIT = """
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed():
    """Function that runs a program until it prints a line, kills it, and returns the line."""

    def run(program, *arguments):
        with begin(program, *arguments) as process:
            line = process.stdout.readline().strip()
            process.kill()
        return line

    return run


def test_require_free_folder_accepts_new_empty_and_marked_folders_only(tmp_path):
    require_free_folder(tmp_path)
    require_free_folder(tmp_path / "new")
    (tmp_path / "file").touch()
    require_free_folder(tmp_path, mark="file")
    for used in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
            require_free_folder(used, mark="other")


def test_temporary_files_of_killed_processes_do_not_count_and_are_removed(tmp_path, killed):
    leftover = Path(killed(WRITE_AND_WAIT, tmp_path / "table.npz"))
    assert list(tmp_path.iterdir()) == [leftover]
    require_free_folder(tmp_path)
    with atomic_write(tmp_path / "file.txt") as temporary:
        assert not leftover.exists()
        with atomic_write(tmp_path / "file.txt") as other:
            other.write_text("other")
        temporary.write_text("text")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file.txt", "text")]


def test_temporary_files_of_living_processes_count_and_are_kept(tmp_path):
    with begin(WRITE_AND_WAIT, tmp_path / "table.npz") as process:
        path = Path(process.stdout.readline().strip())
        with pytest.raises(FileExistsError, match="holds something already"):
            require_free_folder(tmp_path)
        with atomic_write(tmp_path / "file.txt"):
            assert path.read_text() == "half"
        process.stdin.close()
    assert process.returncode == 0
    assert (tmp_path / "table.npz").read_text() == "half"


def test_hidden_files_of_others_count_and_are_kept(tmp_path):
    for name in (".1234.table.npz", ".ngym-notes.txt", ".ngym-0123456.a"):
        (tmp_path / name).touch()
        with atomic_write(tmp_path / "file.txt"):
            pass
        (tmp_path / "file.txt").unlink()
        assert holds_something(tmp_path)
        (tmp_path / name).unlink()


def test_of_processes_that_claim_one_folder_at_once_one_succeeds(tmp_path):
    folder = tmp_path / "new" / "run"
    processes = [begin(CLAIM_AND_WAIT, folder) for _ in range(6)]
    lines = [process.stdout.readline().strip() for process in processes]
    winners = [process for process, line in zip(processes, lines, strict=True) if line == "claimed"]
    assert len(winners) == 1
    message = (
        rf"{re.escape(str(folder))} (holds something already|is in use by (process {winners[0].pid} on|another process))"
    )
    assert all(re.match(message, line) for line in lines if line != "claimed")
    with pytest.raises(FileExistsError, match=rf"run is in use by process {winners[0].pid} on .* since .*; wait until"):
        claim_folder(folder, mark="result.txt").__enter__()
    assert holds_something(folder)
    for process in processes:
        process.communicate()
    assert [path.name for path in folder.iterdir()] == ["result.txt"]


def test_claim_of_a_killed_process_blocks_nobody(tmp_path, killed):
    folder = tmp_path / "run"
    assert killed(CLAIM_AND_WAIT, folder) == "claimed"
    assert {path.name for path in folder.iterdir()} == {"result.txt", CLAIM}
    (folder / "result.txt").unlink()
    assert not holds_something(folder)
    with claim_folder(folder), claim_folder(folder):  # claims of one process nest
        (folder / "result.txt").touch()
    assert [path.name for path in folder.iterdir()] == ["result.txt"]


CLAIM_FILE_AND_WAIT = """
with claim_file(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_claim_of_a_file_keeps_others_from_it_and_ends_with_its_process(tmp_path, killed):
    path = tmp_path / "table.npz"
    with begin(CLAIM_FILE_AND_WAIT, path) as process:
        assert process.stdout.readline().strip() == "claimed"
        with pytest.raises(
            FileExistsError, match=rf"table.npz is in use by process {process.pid} on .*; .* name a new file"
        ):
            claim_file(path).__enter__()
        with atomic_write(tmp_path / "other.npz"), claim_file(tmp_path / "other.npz"):  # which removes leftovers
            pass
        assert (tmp_path / f"{CLAIM}.table.npz").exists()
        process.stdin.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.npz"]
    for name in ("third.npz", "table.npz"):
        assert killed(CLAIM_FILE_AND_WAIT, tmp_path / name) == "claimed"
        assert (tmp_path / f"{CLAIM}.{name}").exists()
    with atomic_write(tmp_path / "other.npz"):  # removes leftovers
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.npz"]
    assert killed(CLAIM_FILE_AND_WAIT, path) == "claimed"
    with claim_file(path):
        path.touch()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.npz", "table.npz"]


def test_claim_folder_refuses_used_folders_and_leaves_them_as_they_are(tmp_path):
    (tmp_path / "file").touch()
    for used in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
            claim_folder(used).__enter__()
    with claim_folder(tmp_path, mark="file"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_claim_folder_removes_a_new_folder_in_which_nothing_was_put(tmp_path):
    with pytest.raises(ZeroDivisionError), claim_folder(tmp_path / "run"):
        _ = 1 / 0
    with claim_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_fork_of_a_process_does_not_have_its_claims(tmp_path):
    program = """
import os
with claim_folder(Path(sys.argv[1])):
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    try:
        claim_folder(Path(sys.argv[1])).__enter__()
    except FileExistsError:
        os._exit(3)
"""
    with begin(program, tmp_path) as process:
        pass
    assert process.returncode == 3


def test_files_are_written_with_a_warning_where_the_file_system_has_no_locks(tmp_path, monkeypatch):
    def fail(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", fail)
    with (
        pytest.warns(UserWarning, match=r"cannot be locked \(Function not implemented\): start no second run in it"),
        claim_folder(tmp_path),
        atomic_write(tmp_path / "file.txt") as temporary,
        atomic_write(tmp_path / "other.txt"),
    ):
        temporary.write_text("text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "other.txt"]


def test_atomic_write_syncs_the_content_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def record(number):
        synced.append((stat.S_ISDIR(os.fstat(number).st_mode), (tmp_path / "file.txt").exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("text")
    assert synced == [(False, False), (True, True)]


def test_remove_leftovers_spares_files_that_a_process_writes(tmp_path):
    (tmp_path / ".ngym-0123abcd.table.csv").touch()
    with atomic_write(tmp_path / "table.csv") as temporary:
        remove_leftovers(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [temporary.name]


def test_require_writable_folder_makes_the_folder_and_leaves_nothing_there(tmp_path):
    require_writable_folder(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_require_writable_folder_refuses_what_lies_in_a_file_and_a_full_disk(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="'.*file"):
        require_writable_folder(tmp_path / "file" / "new")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb", buffering=0) as full:
            monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: full)
            with pytest.raises(OSError, match="No space left"):
                require_writable_folder(tmp_path)


def test_a_folder_that_cannot_be_written_is_named_itself(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(errno.EACCES, "Permission denied", f"{dir}/tmp0123")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(PermissionError) as refused:
        require_writable_folder(tmp_path)
    assert refused.value.filename == str(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as refused:
        require_writable_folder(tmp_path / "file")
    assert refused.value.filename == str(tmp_path / "file")


def test_require_writable_file_refuses_a_folder_and_looks_at_its_own(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file.$"):
        require_writable_file(tmp_path)
    require_writable_file(tmp_path / "new" / "figure.png")
    assert [path.name for path in tmp_path.rglob("*")] == ["new"]
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        require_writable_file(tmp_path / "file" / "figure.png")


def test_what_writes_and_claims_a_file_wants_a_path():
    with pytest.raises(TypeError, match="^path=5 must be a Path.$"), atomic_write(5):
        pass
    with pytest.raises(TypeError, match="^path=5 must be a Path.$"), claim_file(5):
        pass
