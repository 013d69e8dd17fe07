"""New packs: what is written, what is refused, and a pack that was built and installed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from ngym_core.cli import cli
from ngym_core.plugins import hookspecs, new_pack
from ngym_core.plugins.new_pack import write_pack

from .sites import run

FILES = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "README.md",
    "noxfile.py",
    "pyproject.toml",
    "src/two_lights/__init__.py",
    "src/two_lights/tasks.py",
    "tests/test_tasks.py",
}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pip(*arguments):
    command = [sys.executable, "-m", "pip", *arguments]
    subprocess.run([*command, "-q", "--no-deps", "--disable-pip-version-check"], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A new pack, and a folder into which its wheel is installed."""
    source, site = tmp_path_factory.mktemp("source") / "pack", tmp_path_factory.mktemp("site")
    write_pack("two_lights", source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(source.parent), str(source))
    (wheel,) = source.parent.glob("*.whl")
    assert wheel.name == "two_lights-0.1.0-py3-none-any.whl"
    pip("install", "--target", str(site), str(wheel))
    return source, site


def test_write_pack_returns_the_files_it_writes(tmp_path, monkeypatch):
    written = write_pack("two_lights", tmp_path / "pack")
    assert {str(file.relative_to(tmp_path / "pack")) for file in written} == FILES == set(contents(tmp_path / "pack"))
    project = tomllib.loads((tmp_path / "pack" / "pyproject.toml").read_text())
    assert project["project"]["name"] == "two-lights"
    assert project["project"]["entry-points"]["ngym"] == {"two_lights": "two_lights"}
    for name, text in contents(tmp_path / "pack").items():
        assert b"$" not in text.replace(b"${{ matrix.python }}", b""), name
    readme = (tmp_path / "pack" / "README.md").read_text()
    assert set(re.findall(r"`(ngym_\w+)`", readme)) == set(hookspecs.__all__) - {"hookimpl"}
    monkeypatch.chdir(tmp_path)
    assert str(write_pack("two_lights")[0]) == "two_lights/README.md"


def test_new_pack_writes_a_pack_and_says_how_to_check_it(tmp_path):
    out = str(tmp_path / "a pack")
    result = CliRunner().invoke(cli, ["new-pack", "two_lights", "--out", out])
    assert result.exit_code == 0
    assert result.output.endswith(f"\n\nCheck it:  cd '{out}' && python -m pip install nox && python -m nox\n")
    assert set(contents(tmp_path / "a pack")) == FILES


def test_built_pack_is_listed(built):
    _, site = built
    assert "\nTwoLights-v0  " in run(site, "-m", "ngym_core", "list", "--tag", "two-alternative")[0]
    (pack,) = (p for p in json.loads(run(site, "-m", "ngym_core", "plugins", "--json")[0]) if p["name"] == "two_lights")
    assert (pack["distribution"], pack["version"], pack["state"]) == ("two-lights", "0.1.0", "ok")
    assert pack["tasks"] == ["TwoLights-v0"]
    code = "import two_lights.tasks, gymnasium as gym; print(gym.make('ngym_core:TwoLights-v0').reset(seed=0)[0])"
    assert run(site, "-c", code)[0] == "[1. 0. 0.]\n"
    assert "TwoLights-v0" in run(site, "-m", "ngym_core", "check", "TwoLights")[0]


def test_tests_of_a_built_pack_pass_and_can_fail(built):
    source, site = built
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(source / "pyproject.toml"), str(source / "tests")]
    out, _ = run(site, *command, PYTHONDONTWRITEBYTECODE="1")
    assert "7 passed" in out
    task = site / "two_lights" / "tasks.py"
    right = task.read_text()
    wrong = right.replace("np.eye(2)[side]", "np.eye(2)[1 - side]").replace("fixation=None", 'fixation="fixation"')
    try:
        task.write_text(wrong)
        assert "3 failed, 4 passed" in run(site, *command, code=1, PYTHONDONTWRITEBYTECODE="1")[0]
    finally:
        task.write_text(right)


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed; `nox -s pack` checks this")
@pytest.mark.parametrize("name", ["x", "two_lights", "a_name_of_twenty_eight_chars"])
def test_style_of_a_new_pack_is_its_own(tmp_path, name):
    write_pack(name, tmp_path / "pack")
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path / "pack", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-pack", "name='my-pack' is not the name of a package: lower-case letters, .*, such as 'my_pack'"),
        ("MyPack", "such as 'my_pack'"),
        ("2nd task!", "such as 'nd_task'"),
        ("_", "such as 'my_pack'"),
        ("", "name='' is not the name of a package"),
        ("../away", "such as 'away'"),
        ("tâche", "name='tâche' is not the name of a package"),
        ("a__b", "such as 'a_b'"),
        ("x" * 29, "has 29 characters; 28 are the most"),
        ("class", "name='class' belongs to Python itself; take another, such as 'class_tasks'"),
        ("random", "name='random' belongs to Python itself"),
        ("numpy", "name='numpy': a package of this name is installed already"),
        ("ngym_core", "a package of this name is installed already"),
        ("bandit", "name='bandit': the task 'Bandit-v0' exists already; take another, such as 'bandit_pack'"),
    ],
)
def test_write_pack_refuses_a_name(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        write_pack(name)
    assert not list(tmp_path.iterdir())


def test_write_pack_refuses_what_is_no_text(tmp_path):
    with pytest.raises(TypeError, match="name=5 must be a text"):
        write_pack(5, tmp_path)
    with pytest.raises(TypeError, match="folder=5 must be"):
        write_pack("two_lights", 5)


def test_write_pack_overwrites_nothing(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "README.md").write_text("mine")
    for folder in (tmp_path / "pack", tmp_path / "pack" / "README.md"):
        with pytest.raises(FileExistsError, match=f"{folder.name} holds something already; name a new folder"):
            write_pack("two_lights", folder)
    assert contents(tmp_path) == {"pack/README.md": b"mine"}
    done = run(tmp_path, "-m", "ngym_core", "new-pack", "two_lights", "--out", str(tmp_path / "pack"), code=1)
    assert done[1] == f"Error: {tmp_path / 'pack'} holds something already; name a new folder.\n"


def test_write_pack_that_fails_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(new_pack, "TEMPLATES", {**new_pack.TEMPLATES, "last.txt": "no_such_template"})
    with pytest.raises(FileNotFoundError):
        write_pack("two_lights", tmp_path / "pack")
    assert contents(tmp_path) == {}
    monkeypatch.undo()
    assert len(write_pack("two_lights", tmp_path / "pack")) == len(FILES)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="whoever may write everywhere is refused nowhere")
def test_write_pack_says_where_it_cannot_write(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="locked"):
        write_pack("two_lights", tmp_path / "locked" / "pack")
