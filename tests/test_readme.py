"""What the README shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest

import ngym_core as ngym
from ngym_core.plugins import hookspecs

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


PYTHON = [k for k, (language, _) in enumerate(BLOCKS) if language == "python"]
(PACK,) = (k for k in PYTHON if "@ngym.hookimpl" in BLOCKS[k][1])
(TASK,) = (k for k in PYTHON if "(ngym.TrialEnv)" in BLOCKS[k][1])


@pytest.mark.parametrize("k", [k for k in PYTHON if k != PACK])
def test_a_block_runs_alone_and_prints_what_is_shown(k, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of it writes files
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(BLOCKS[k][1], "README.md", "exec"), {"__name__": "__main__"})
    assert BLOCKS[k + 1] == ("text", printed.getvalue())


def test_a_task_with_a_hook_below_it_is_a_pack():
    module: dict[str, object] = {"__name__": "my_pack"}
    exec(compile(BLOCKS[TASK][1] + BLOCKS[PACK][1], "README.md", "exec"), module)
    (spec,) = module["ngym_tasks"]()  # type: ignore[operator]
    assert spec.id == "Flash-v0"


def test_the_packs_project_file_is_one():
    (toml,) = (code for language, code in BLOCKS if language == "toml")
    assert tomllib.loads(toml)["project"]["entry-points"]["ngym"] == {"my-pack": "my_pack"}


def test_every_hook_is_named():
    text = (ROOT / "README.md").read_text()
    assert set(re.findall(r"`(ngym_\w+)`", text)) >= set(hookspecs.__all__) - {"hookimpl", "ngym_tasks"}


def test_the_commands_are_those_of_ci():
    commands = [code.strip() for language, code in BLOCKS if language == "console"]
    assert commands == ["python -m pip install nox && python -m nox -s demo", "python -m pip install nox && python -m nox"]
    assert commands[1] in (ROOT / ".ci" / "run").read_text()


def test_every_name_it_mentions_exists():
    text = (ROOT / "README.md").read_text()
    for package in ("ngym_core", "ngym_data", "ngym_plot", "ngym_sb3"):
        module = __import__(package)
        for name in set(re.findall(rf"`{package}\.(\w+)", text)):
            assert hasattr(module, name) or __import__(f"{package}.{name}"), name
    for name in set(re.findall(r"\bngym\.(\w+)\(", text)) - {"register"}:
        assert hasattr(ngym, name), name
    for path in set(re.findall(r"[`(]((?:tests|packages|docs)/[\w/.-]+)[`)]", text)):
        assert (ROOT / path).exists(), path
