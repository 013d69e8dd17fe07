from __future__ import annotations

import pytest
from click.testing import CliRunner

from ngym_data import export_trials, load_trials
from ngym_data.cli import export, rerun
from tests.data.test_export import change_manifest

from ..command_lines import TASK, WRONG_WORDS


def test_export_and_rerun_commands(tmp_path, python):
    def ngym_command(*words, ok=True):
        return python("\0".join(["ngym_core", *map(str, words)]), ok=ok, command=("-m",))

    file = tmp_path / "t.npz"
    words = ["export", "PerceptualDecisionMaking", "--trials", 60, "--split", "test", "--seed", 5, "--set", "sigma=0.5"]
    out, _ = ngym_command(*words, "--condition", "coh=[0, 12.8]", "--out", file)
    assert f"wrote {file}, {file.with_suffix('.json')}" in out
    trials = load_trials(file)
    assert trials.conditions["coh"].tolist() == [0, 12.8] * 30
    assert trials.manifest["parameters"] == {"sigma": 0.5}
    assert f"the same bytes: sha256 {trials.manifest['sha256']}" in ngym_command("rerun", file.with_suffix(".json"))[0]
    assert f"{file} exists already" in ngym_command(*words, "--out", file, ok=False)[1]
    assert "'sigma' must be NAME=VALUE" in ngym_command(*words, "--set", "sigma", "--out", tmp_path / "u.npz", ok=False)[1]
    change_manifest(file.with_suffix(".json"), seed=6)
    assert (
        "The bytes differ (no version has changed): sha256" in ngym_command("rerun", file.with_suffix(".json"), ok=False)[1]
    )
    assert "none.json' does not exist" in ngym_command("rerun", tmp_path / "none.json", ok=False)[1]
    named = ngym_command(
        "export", "PerceptualDecisionMaking", "--trials", 3, "--holdout", "coh=12.8", "--out", tmp_path / "v.npz"
    )
    assert "wrote" in named[0]


def test_export_command_rejects_values_that_are_nested_too_deeply():
    done = CliRunner().invoke(export, ["GoNogo", "--set", "sigma=" + "[" * 100_000, "--out", "x.npz"])
    assert done.exit_code == 2
    assert "sigma=[[[[[[[[[[[[[[[[[[[[... is nested too deeply." in done.output


def test_rerun_command_says_what_a_manifest_of_a_stranger_can_do():
    text = " ".join(CliRunner().invoke(rerun, ["--help"]).output.split())
    assert "It runs only tasks and wrappers of installed packages, and writes nothing but --out" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        *WRONG_WORDS,
        ([TASK, "--trials", "0"], 2, "'--trials': 0 is not in the range x>=1."),
        ([TASK, "--trials", "1.5"], 2, "'--trials'"),
        ([TASK, "--trials", "nan"], 2, "'--trials'"),
        ([TASK, "--session", "0"], 2, "'--session': 0 is not in the range x>=1."),
        ([TASK, "--seed", "-1"], 2, "'--seed': -1 is not in the range x>=0."),
        ([TASK, "--split", "tran"], 2, "'tran' is not one of 'train', 'val', 'test', 'holdout'."),
        ([TASK, "--split", "holdout"], 2, "needs held-out conditions"),
        ([TASK, "--holdout", "choh=1"], 2, "Unknown condition of <PerceptualDecisionMaking> 'choh'. Did you mean 'coh'?"),
        ([TASK, "--holdout", "coh"], 2, "'coh' must be NAME=VALUE."),
        ([TASK, "--holdout", "coh=high"], 2, "'coh' of <PerceptualDecisionMaking> never has the value high. Valid: "),
        ([TASK, "--holdout", "coh=nan"], 2, "'coh' of <PerceptualDecisionMaking> never has the value nan. Valid: "),
        ([TASK, "--holdout", "coh=[]"], 2, "names no value of 'coh'."),
        ([TASK, "--holdout", "coh=12.8", "--condition", "coh=12.8"], 2, "leave no combination in this split."),
        ([TASK, "--out"], 2, "Option '--out' requires an argument."),
        ([TASK, "--out", ""], 1, "must be a path that ends in '.npz'."),
        ([TASK, "--out", "t.txt"], 1, "file='t.txt' must be a path that ends in '.npz'."),
        ([TASK, "--out", "full"], 1, "file='full' must be a path that ends in '.npz'."),
        ([TASK, "--out", "taken.npz"], 1, "taken.npz exists already; name another file."),
        ([TASK, "--out", "folder.npz"], 1, "folder.npz exists already; name another file."),
        ([TASK, "--out", "file/t.npz"], 1, "file: Not a directory."),
        ([TASK, "--out", "file/new/t.npz"], 1, "file/new: Not a directory."),
    ],
)
def test_export_command_refuses_before_trials_are_generated(monkeypatch, refused, words, code, message):
    monkeypatch.setattr("ngym_data.export._generate", lambda *args: pytest.fail("trials are generated"))
    found, line = refused("export", *words, *([] if "--out" in words else ["--out", "t.npz"]))
    assert message in line
    assert found == code


def test_export_command_needs_a_file(refused):
    assert refused("export", TASK) == (2, "Error: Missing option '--out'. See ngym export --help.\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "Missing argument 'MANIFEST'."),
        (["none.json"], 2, "'none.json' does not exist."),
        (["full"], 2, "'full' is a directory."),
        (["file"], 1, "file is not a manifest of exported trials, or is damaged"),
        (["taken.npz"], 1, "There is no manifest taken.json."),
        (["manifest", "--out", "t.txt"], 1, "out='t.txt' must be a path that ends in '.npz', or None."),
        (["manifest", "--out", "taken.npz"], 1, "taken.npz exists already; name another file."),
        (["manifest", "--out", "file/t.npz"], 1, "file: Not a directory."),
    ],
)
def test_rerun_command_refuses_before_trials_are_generated(monkeypatch, refused, tmp_path_factory, words, code, message):
    _, manifest = export_trials(tmp_path_factory.mktemp("exported") / "t.npz", "GoNogo", trials=2, seed=0)
    monkeypatch.setattr("ngym_data.export._generate", lambda *args: pytest.fail("trials are generated"))
    found, line = refused("rerun", *(str(manifest) if word == "manifest" else word for word in words))
    assert message in line
    assert found == code
