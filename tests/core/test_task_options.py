from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

import ngym_core as ngym
from ngym_core.task_options import NAME, TASK, TaskChanges, TaskName, parse_toml, task_options, tasks_named, usage_errors

ID = "PerceptualDecisionMaking-v0"


@click.command()
@click.argument("task", type=TASK)
@task_options
def show(task, changes):
    click.echo(f"{task} {changes.parameters} {changes.wrappers} {changes.conditions}")
    click.echo(changes.make(task))


def invoke(*words):
    return CliRunner().invoke(show, list(words), catch_exceptions=False)


def test_options_change_a_task():
    words = ["--set", "timing.stimulus=500", "--set", "rewards.correct=2", "--set", "dt=50", "--set", "cohs=[0, 12.8]"]
    done = invoke("perceptualdecisionmaking", *words, "--wrapper", 'noise:{"std_noise": 0.2}', "--condition", "coh=12.8")
    first, second = done.output.splitlines()
    parameters = {"timing": {"stimulus": 500}, "rewards": {"correct": 2}, "dt": 50, "cohs": [0, 12.8]}
    assert first == f"{ID} {parameters} {[('Noise-v0', {'std_noise': 0.2})]} {{'coh': 12.8}}"
    assert second == "<FixConditions<Noise<PerceptualDecisionMaking>>>"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Nothing"], "Unknown task 'Nothing'"),
        (["gonogoo"], "Unknown task 'gonogoo'. Did you mean 'GoNogo-v0'?"),
        ([ID, "--set", "sigma"], "'sigma' must be NAME=VALUE"),
        ([ID, "--set", "=3"], "'=3' must be NAME=VALUE"),
        ([ID, "--set", "timing.=3"], "'timing.=3' must be NAME=VALUE"),
        ([ID, "--set", "sigma=[1"], "sigma=[1 is no TOML value, such as 500, 0.5"),
        ([ID, "--set", "sigma=1\ndt = 5"], "is no TOML value"),
        ([ID, "--set", "sigma=2020-01-01"], "sigma=2020-01-01 is no TOML value"),
        ([ID, "--set", "sigma=" + "[" * 100_000], "sigma=[[[[[[[[[[[[[[[[[[[[... is nested too deeply"),
        ([ID, "--set", "dt=1", "--set", "dt=2"], "'dt' is given twice"),
        ([ID, "--set", "timing=1", "--set", "timing.stimulus=2"], "'timing.stimulus' and 'timing' are both given"),
        ([ID, "--set", "wrappers=[]"], "'wrappers' is no parameter of a task; --wrapper is for it"),
        ([ID, "--set", "simga=1"], "unexpected keyword argument 'simga'. Did you mean 'sigma'?"),
        ([ID, "--set", "sigma=-1"], "sigma=-1 must be a finite number from 0"),
        ([ID, "--set", "timing.stimulsu=1"], "Unknown timing key 'stimulsu'. Did you mean 'stimulus'?"),
        ([ID, "--set", "rewards.corect=1"], "Unknown reward key 'corect'. Did you mean 'correct'?"),
        ([ID, "--wrapper", "Nois"], "Unknown wrapper 'Nois'. Did you mean 'Noise-v0'?"),
        ([ID, "--wrapper", "Noise:{3"], "'Noise:{3' must be NAME or NAME:JSON"),
        ([ID, "--wrapper", "Noise:3"], "'Noise:3' must have a JSON object of arguments"),
        ([ID, "--wrapper", 'Noise:{"std": 1}'], "unexpected keyword argument 'std'"),
        ([ID, "--condition", "choh=1"], "Unknown condition of <PerceptualDecisionMaking> 'choh'. Did you mean 'coh'?"),
        ([ID, "--condition", "ground_truth=5"], "'ground_truth' is forced to 5. Valid: '0', '1'"),
    ],
)
def test_what_a_task_cannot_have_is_an_error_of_usage(words, message):
    done = invoke(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_values_are_toml_and_bare_words_are_texts():
    assert [parse_toml("x", text) for text in ("1", "1.5", "true", "left", '"a b"', "[1, 2]", "{a = 1}", "ei-ctrnn")] == [
        *(1, 1.5, True, "left", "a b", [1, 2], {"a": 1}, "ei-ctrnn")
    ]


def test_changes_on_top_of_others_prevail():
    before = TaskChanges({"dt": 50, "timing": {"stimulus": 500, "delay": 1}}, [("PassReward-v0", {})], {"coh": 1})
    after = TaskChanges({"timing": {"stimulus": 800}, "dt": 20}, [("Noise-v0", {})], {"coh": 2}).on_top_of(before)
    assert after.parameters == {"dt": 20, "timing": {"stimulus": 800, "delay": 1}}
    assert after.wrappers == [("PassReward-v0", {}), ("Noise-v0", {})]
    assert after.conditions == {"coh": 2}
    assert TaskChanges().on_top_of(before) == before


def test_tasks_named_by_a_collection_are_its_tasks():
    assert tasks_named(["GoNogo-v0", "yang19"]) == ["GoNogo-v0", *ngym.plugins.registry.get_collection("yang19")]


def test_task_names_are_completed_in_any_case():
    found = [item.value for item in TaskName().shell_complete(None, None, "perceptualdecisionmaking-")]
    assert found == [ID]
    assert "yang19" in [item.value for item in TaskName().shell_complete(None, None, "YANG")]
    assert [item.value for item in TaskName().shell_complete(None, None, "passr")] == []
    assert [item.value for item in NAME.shell_complete(None, None, "passr")] == ["PassReward-v0"]


def test_usage_errors_leave_other_errors_alone():
    with pytest.raises(click.UsageError, match="TASK: no"), usage_errors("TASK: "):
        raise ValueError("no")
    with pytest.raises(OSError, match="disk"), usage_errors():
        raise OSError("disk")


@pytest.mark.filterwarnings("ignore:.*has no step")
def test_values_that_are_wrong_beside_others_are_found_before_a_command_works():
    done = CliRunner().invoke(show, [ID, "--set", "dt=100000"])
    assert (done.exit_code, done.output.splitlines()[-1].startswith(f"Error: {ID}: ")) == (2, True)
    assert "a trial has no step" in done.output
