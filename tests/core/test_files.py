from __future__ import annotations

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
