from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import ngym_core as ngym


def run(*args, ok=True):
    env = {**os.environ, "NGYM_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-m", "ngym_core", *args], capture_output=True, text=True, env=env)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def test_list():
    assert run("list").split() == ngym.all_envs(collections=True)
    assert run("list", "--tag", "timing").split() == ngym.all_envs("timing", collections=True)
    task = next(t for t in json.loads(run("list", "--json")) if t["id"] == "ReadySetGo-v0")
    assert task["tags"] == ["timing", "go-no-go", "supervised"]
    assert task["paper_link"].startswith("https://")
    assert "Unknown tag 'tming'" in run("list", "--tag", "tming", ok=False)


def test_info():
    assert run("info", "ReadySetGo").startswith("ReadySetGo\n")
    assert run("info", "RandomGroundTruth").startswith("RandomGroundTruth-v0\n")
    assert run("info", "Nothing", ok=False).startswith("Error: Unknown environment or wrapper: Nothing.")


def test_tags_and_wrappers():
    assert json.loads(run("tags", "--json"))["timing"] == "an interval is measured or produced"
    assert "timing" in run("tags")
    assert json.loads(run("wrappers", "--json")) == ngym.all_wrappers()
    assert "RandomGroundTruth-v0" in run("wrappers")


def test_plugins():
    assert "tasks  (ngym-core" in run("plugins")
    packs = json.loads(run("plugins", "--json"))
    assert packs[0]["hooks"] == ["ngym_tags", "ngym_tasks"]


def test_check():
    lines = run("check", "ReadySetGo-v0", "PerceptualDecisionMaking-v0").splitlines()
    assert lines[0].split() == ["task", "chance", "oracle", "random", "trials/s"]
    assert lines[2].split()[:3] == ["PerceptualDecisionMaking-v0", "0.333", "1.000"]
    assert json.loads(run("check", "ReadySetGo", "--json"))[0]["oracle"] == 1
    assert "Name tasks to check, or give --all" in run("check", ok=False)
    assert "Unknown task 'Nothing'" in run("check", "Nothing", ok=False)


@pytest.mark.parametrize("args", [["--version"], ["--help"]])
def test_help(args):
    assert "ngym" in run(*args)
    assert "No such command" in run("nothing", ok=False)
