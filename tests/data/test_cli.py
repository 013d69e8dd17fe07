from __future__ import annotations

from click.testing import CliRunner

from ngym_data import load_trials
from ngym_data.cli import export, rerun
from tests.data.test_export import change_manifest


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
