"""What all tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ngym", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("ngym")

PACKS = Path(__file__).parent / "packs"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Folders with one installed pack each."""
    folders = {}
    for pack in sorted(p.name for p in PACKS.iterdir() if p.is_dir()):
        folders[pack] = tmp_path_factory.mktemp("packs") / pack
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
        subprocess.run([*command, str(folders[pack]), str(PACKS / pack)], check=True)
    return folders


@pytest.fixture
def python(installed):
    """Run Python code in a program in which some packs are installed."""

    def run(code, *packs, ok=True, command=("-c",), **variables):
        path = os.pathsep.join([*(str(installed[p]) for p in packs), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = {k: v for k, v in os.environ.items() if not k.startswith("NGYM_")} | {"PYTHONPATH": path, **variables}
        done = subprocess.run([sys.executable, *command, *code.split("\0")], capture_output=True, text=True, env=env)
        assert (done.returncode == 0) == ok, done.stderr
        return done.stdout, done.stderr

    return run


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run `ngym` in a folder that holds some things: an error in one line is all that it prints, and it writes nothing."""
    from ngym_core.cli import main

    for folder in ("full/within", "folder.npz", "folder.png"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("file", "empty.toml", "taken.npz", "taken.png"):
        (tmp_path / file).touch()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        """Return the exit code and the line."""
        monkeypatch.setattr(sys, "argv", ["ngym", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, line = capsys.readouterr()
        assert (out, line.count("\n"), line[:7]) == ("", 1, "Error: "), (out, line)
        assert sorted(tmp_path.rglob("*")) == before
        return end.value.code, line

    return run
