"""What the README shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

import ngym_core as ngym

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_code_runs_and_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of it writes files
    names: dict[str, object] = {}
    compared = 0
    for k, (language, code) in enumerate(BLOCKS):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        if BLOCKS[k + 1][0] == "text":
            assert printed.getvalue() == BLOCKS[k + 1][1]
            compared += 1
    assert compared >= 5
    (spec,) = names["ngym_tasks"]()  # type: ignore[operator]
    assert spec.id == "Flash-v0"


def test_the_packs_project_file_is_one():
    (toml,) = (code for language, code in BLOCKS if language == "toml")
    assert tomllib.loads(toml)["project"]["entry-points"]["ngym"] == {"my-pack": "my_pack"}


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
