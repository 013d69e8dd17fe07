from __future__ import annotations

import pytest

from ngym_core.progress import progress_bar


def test_progress_bar_appears_with_the_first_progress(capsys):
    with progress_bar("counting", 2) as update:
        assert capsys.readouterr().out == ""
        update(1)
        update(1)
    assert capsys.readouterr().out == "counting\n"


def test_progress_bar_shows_nothing_where_work_never_begins(capsys):
    with pytest.raises(FileExistsError), progress_bar("counting", 2):
        raise FileExistsError
    assert capsys.readouterr().out == ""


def test_progress_bar_shows_the_share_of_things_done_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("click._termui_impl.isatty", lambda stream: True)
    with progress_bar("counting", 4) as update:
        update(1)
        update(1)
    assert " 50%" in capsys.readouterr().out
