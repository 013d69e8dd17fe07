from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

import ngym_core as ngym
from ngym_core.cli import cli, main
from ngym_core.errors import TaskError
from ngym_core.info import facts_of
from ngym_core.plugins import registry
from ngym_core.testing import Check

from ..command_lines import NO_SUCH_OPTION, TASK, WRONG_CHANGES, WRONG_TASKS
from .plugins.sites import install
from .plugins.sites import run as run_with


def run(*args, ok=True):
    env = {**os.environ, "NGYM_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-m", "ngym_core", *args], capture_output=True, text=True, env=env)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def first_words(text):
    return [line.split()[0] for line in text.splitlines()]


def test_cli_list_prints_a_line_for_each_task_and_json():
    lines = run("list")
    assert first_words(lines) == ngym.all_envs(collections=True)
    assert "GoNogo-v0                                 Go or withhold after a delay, according to a cue.\n" in lines
    assert first_words(run("list", "--tag", "timing")) == ngym.all_envs("timing", collections=True)
    assert run("list", "--tag", "Timing") == run("list", "--tag", "timing")
    task = next(t for t in json.loads(run("list", "--json")) if t["id"] == "ReadySetGo-v0")
    assert task["tags"] == ["timing", "go-no-go", "supervised"]
    assert task["paper_link"].startswith("https://")
    assert task["purpose"].startswith("Measure the interval")
    assert "Unknown tag 'tming'. Did you mean 'timing'?" in run("list", "--tag", "tming", ok=False)


def test_cli_list_prints_collections_with_their_tasks():
    lines = run("list", "--collections")
    assert "yang19 (20 tasks)\n  yang19.go-v0          Respond toward a cue that was seen before.\n" in lines
    assert json.loads(run("list", "--collections", "--json"))["yang19"] == registry.get_collection("yang19")


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("command", ["list", "wrappers"])
def test_cli_lines_fit_a_terminal_and_are_whole_elsewhere(monkeypatch, capsys, command, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    cli([command], standalone_mode=False)
    whole = capsys.readouterr().out.splitlines()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    cli([command], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    longest = max(len(line.split()[0]) for line in lines)
    assert max(map(len, lines)) <= max(columns, longest + 22)
    shortened = [(line, all_) for line, all_ in zip(lines, whole, strict=True) if line != all_]
    assert shortened
    for line, all_ in shortened:
        assert line.endswith(" ...")
        assert all_.startswith(line.removesuffix(" ..."))


def test_cli_info_describes_tasks_wrappers_and_collections_as_text_and_json():
    assert run("info", "readysetgo").startswith("ReadySetGo-v0\n")
    assert run("info", "RandomGroundTruth").startswith("RandomGroundTruth-v0\n")
    assert run("info", "Yang19").startswith("yang19\n")
    text = run("info", "PerceptualDecisionMaking")
    facts = json.loads(run("info", "PerceptualDecisionMaking", "--json"))
    assert facts == facts_of("PerceptualDecisionMaking-v0")
    assert "  sigma = 1.0    Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt). (a" in text
    assert "  coh: 0, 6.4, 12.8, 25.6, 51.2  One of `cohs`, in percent." in text
    assert json.loads(run("info", "Noise", "--json"))["parameters"][0]["name"] == "std_noise"
    assert json.loads(run("info", "yang19", "--json"))["tasks"][0] == "yang19.go-v0"


def test_cli_tags_and_wrappers_print_lists_and_json():
    assert json.loads(run("tags", "--json"))["timing"] == "an interval is measured or produced"
    assert "timing" in run("tags")
    assert [found["name"] for found in json.loads(run("wrappers", "--json"))] == ngym.all_wrappers()
    lines = run("wrappers")
    assert first_words(lines) == ngym.all_wrappers()
    assert "PassReward-v0         Appends the last reward to the observation.\n" in lines


def test_cli_plugins_lists_packs():
    assert "tasks  (ngym-core" in run("plugins")
    packs = json.loads(run("plugins", "--json"))
    assert packs[0]["hooks"] == ["ngym_tags", "ngym_tasks"]


def test_cli_check_prints_measurements():
    lines = run("check", "ReadySetGo-v0", "PerceptualDecisionMaking-v0").splitlines()
    assert lines[0].split() == ["task", "chance", "oracle", "random", "trials/s"]
    assert lines[2].split()[:3] == ["PerceptualDecisionMaking-v0", "0.333", "1.000"]
    assert json.loads(run("check", "ReadySetGo", "--json"))[0]["oracle"] == 1
    assert "Name tasks to check, or give --all" in run("check", ok=False)
    assert "Unknown task 'Nothing'" in run("check", "Nothing", ok=False)


def test_cli_check_all_checks_every_task_and_reports_failures(monkeypatch, capsys):
    checked = []

    def check_task(name):
        checked.append(name)
        if name == "Null-v0":
            raise TaskError("Null-v0 breaks 1 promises:\n  - it does nothing")
        if name == "Bandit-v0":
            raise SystemExit("not here")
        print("a task that prints")
        return Check(name, None, 1.0, 0.5, 1000.0)

    monkeypatch.setattr("ngym_core.testing.check_task", check_task)
    for options in ([], ["--json"]):
        checked.clear()
        with pytest.raises(click.ClickException, match="tasks break a promise: Bandit-v0, Null-v0"):
            cli(["check", "--all", *options], standalone_mode=False)
        assert checked == ngym.all_envs(collections=True)
        out, err = capsys.readouterr()
        assert "it does nothing" in err
        assert "Bandit-v0 cannot be checked: SystemExit: not here" in err
        assert "a task that prints" not in out
    told = {task["task"]: task for task in json.loads(out)}
    assert list(told) == checked
    assert told["Null-v0"]["error"].endswith("it does nothing")
    assert told["IBL-v0"] == {"task": "IBL-v0", "chance": None, "oracle": 1.0, "random": 0.5, "trials_per_second": 1000.0}


@pytest.mark.parametrize("args", [["--version"], ["--help"]])
def test_cli_help_and_unknown_commands(args):
    assert "ngym" in run(*args)
    assert "No such command" in run("nothing", ok=False)


def test_cli_check_needs_ids_or_all():
    assert "Name tasks to check, or give --all." in run("check", ok=False)


def test_cli_shows_texts_of_packs_that_a_terminal_cannot(tmp_path):
    code = """
import ngym_core as n
@n.hookimpl
def ngym_commands(group):
    @group.command(help="half " + chr(0xd800))
    def odd(): print(chr(0xd800))
"""
    install(tmp_path, "odd_texts", code)
    assert "half \\ud800" in run_with(tmp_path, "-m", "ngym_core", "--help")[0]
    assert run_with(tmp_path, "-m", "ngym_core", "odd") == ("\\ud800\n", "")


def test_main_can_be_called_again(monkeypatch, capsys):
    before = set(cli.commands)
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["ngym", "list"])
        main()
        assert "GoNogo-v0" in capsys.readouterr().out
    assert set(cli.commands) == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["info", "SideBiass"], 2, "Unknown environment or wrapper: SideBiass. Did you mean 'SideBias-v0'?"),
        (["info", "yang19.go+antt"], 2, "Unknown modifier 'antt'. Did you mean 'anti'?"),
        (["info", "GoNogo", "extra"], 2, "Got unexpected extra argument (extra). See ngym info --help."),
        (["list", "--tag", "tming"], 2, "Unknown tag 'tming'. Did you mean 'timing'?"),
        (["list", "--tag", "timing", "--collections"], 2, "give one of them"),
        (["check", "gonogoo"], 2, "Did you mean 'GoNogo-v0'?"),
        (["check", "--all", "GoNogo"], 2, "give it or TASKS"),
        (["check"], 2, "Name tasks to check, or give --all."),
        (["check", "GoNogo", "PerceptualDecisionMaking", "--set", "sigma=1"], 2, "GoNogo-v0: GoNogo.__init__() got"),
        (["check", "yang19", "--set", "raction=1"], 2, "unexpected keyword argument 'raction'. Did you mean 'reaction'"),
        (["check", "GoNogo", "--jsn"], 2, NO_SUCH_OPTION),
        (["certify"], 2, "Name tasks to certify, or give --all."),
        (["certify", "--all", "GoNogo"], 2, "give it or TASKS"),
        (["certify", "GoNogo", "Nothing"], 2, "Unknown task 'Nothing'"),
        (["certify", "GoNogo", "--kind", "rll"], 2, "'rll' is not one of 'supervised', 'rl'."),
        (["certify", "GoNogo", "--workers", "0"], 2, "'--workers'"),
        (["certify", "GoNogo", "--workers", "nan"], 2, "'--workers'"),
        (["certify", "GoNogo", "--seed", "-1"], 2, "'--seed'"),
        (["certify", "GoNogo", "--seed", "7", "--seed", "7"], 2, "--seed 7 is given twice"),
        (["certify", "GoNogo", "--seed", str(2**32)], 2, "'--seed'"),
        (["certify", "GoNogo", "--set", "sigma=1"], 2, NO_SUCH_OPTION),
        (["certify", "GoNogo", "--out", "file/c.json"], 1, "file: Not a directory."),
        (["new-pack", "My Pack"], 2, "is not the name of a package"),
        (["new-pack", "my_pack", "--out", "file"], 1, "file holds something already"),
        (["new-pack", "my_pack", "--out", "file/x"], 1, "file/x: Not a directory."),
        *((["check", "GoNogo", name], 2, message) for name, message in WRONG_TASKS),
        *((["certify", name], 2, message) for name, message in WRONG_TASKS),
        *((["check", TASK, *options], 2, message) for options, message in WRONG_CHANGES),
    ],
)
def test_error_of_the_user_is_one_line_before_any_work(monkeypatch, refused, words, code, message):
    for work in ("certificates.renew", "testing.check_task"):
        monkeypatch.setattr(f"ngym_core.{work}", lambda *args, **kwargs: pytest.fail("it begins to work"))
    found, line = refused(*words)
    assert message in line
    assert found == code


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("full", "full is a folder; name a file."),
        ("", ". is a folder; name a file."),
        ("file", "file is no file of certificates, or is damaged"),
    ],
)
def test_certify_looks_at_its_file_before_networks_are_trained(monkeypatch, refused, out, message):
    monkeypatch.setattr("ngym_core.certificates.ProcessPoolExecutor", lambda *args: pytest.fail("networks are trained"))
    code, line = refused("certify", "GoNogo", "--out", out)
    assert message in line
    assert code == 1


def test_certify_and_check_take_collections_and_names_in_any_case_each_task_once(monkeypatch, capsys):
    taken = []
    monkeypatch.setattr("ngym_core.certificates.renew", lambda names, *args, **kwargs: taken.append(names) or [1])
    monkeypatch.setattr("ngym_core.testing.check_task", lambda name: taken[-1].append(name) or Check(name, None, 1, 1, 1))
    cli(["certify", "gonogo", "YANG19", "yang19.go-v0"], standalone_mode=False)
    expected = ["GoNogo-v0", *registry.get_collection("yang19")]
    assert taken.pop() == expected
    taken.append([])
    cli(["check", "GONOGO-V0", "yang19", "GoNogo"], standalone_mode=False)
    assert taken == [expected]
