from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import TrialDataset, export_trials, load_trials, rerun

ID = "DelayComparison-v0"
VARIED = {"timing": {"delay": ["choice", [100, 500, 1200]]}, "sigma": 0.5}


@pytest.fixture
def saved(tmp_path):
    """The manifest of a small export."""
    return export_trials(tmp_path / "small.npz", ID, VARIED, 40, seed=3, split="test")[1]


def change_manifest(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_load_trials_reads_what_was_exported(tmp_path):
    made = []
    files = export_trials(tmp_path / "a" / "data.npz", ID, VARIED, 1500, seed=3, split="val", progress=made.append)
    assert files == [tmp_path / "a" / "data.npz", tmp_path / "a" / "data.json"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["data.json", "data.npz"]
    assert sum(made) == 1500
    inputs, target, info = TrialDataset(ID, VARIED, 1500, seed=3, split="val")[:]
    for file in files:
        trials = load_trials(file)
        assert len(trials) == 1500
        assert np.array_equal(trials.inputs, inputs)
        assert np.array_equal(trials.target, target)
        assert np.array_equal(trials.mask, info["mask"])
        assert np.array_equal(trials.length, info["length"])
        assert np.array_equal(trials.period, info["period"])
        assert trials.conditions.keys() == info["conditions"].keys()
        assert np.array_equal(trials.conditions["vpair"], info["conditions"]["vpair"])
        assert trials.periods == ("fixation", "stimulus1", "delay", "stimulus2", "decision")
    manifest = trials.manifest
    assert (manifest["task"], manifest["parameters"], manifest["seed"], manifest["split"]) == (ID, VARIED, 3, "val")
    assert manifest["sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert manifest["versions"]["numpy"] == np.__version__


def test_rerun_generates_the_same_bytes(tmp_path, saved):
    again = export_trials(tmp_path / "again.npz", ID, VARIED, 40, seed=3, split="test")[0]
    assert again.read_bytes() == saved.with_suffix(".npz").read_bytes()
    assert rerun(saved) == rerun(tmp_path / "again.json")
    done = rerun(saved, out=tmp_path / "other.npz")
    assert done.same
    assert done.changed == {}
    assert (tmp_path / "other.npz").read_bytes() == again.read_bytes()
    assert len(load_trials(tmp_path / "other.json")) == 40
    with zipfile.ZipFile(again) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(again, allow_pickle=False) as plain:
        assert plain["inputs"].dtype == np.float32


def test_rerun_reports_other_bytes_and_versions(saved, tmp_path):
    change_manifest(saved, seed=4)
    done = rerun(saved, out=tmp_path / "not.npz")
    assert not done.same
    assert not (tmp_path / "not.npz").exists()
    versions = json.loads(saved.read_text())["versions"]
    change_manifest(saved, seed=3, versions={**versions, "numpy": "1.0"})
    done = rerun(saved)
    assert done.same
    assert done.changed == {"numpy": ("1.0", np.__version__)}


def test_export_with_holdout_and_crossed_conditions(tmp_path):
    options = {
        "seed": 1,
        "split": "holdout",
        "holdout": {"coh": [12.8]},
        "conditions": {"ground_truth": [0, 1]},
        "session": 7,
    }
    _, manifest = export_trials(tmp_path / "x.npz", "PerceptualDecisionMaking", trials=20, **options)
    trials = load_trials(manifest)
    assert set(trials.conditions["coh"].tolist()) == {12.8}
    assert trials.conditions["ground_truth"].tolist() == [0, 1] * 10
    assert rerun(manifest).same


def test_export_without_seed_records_the_one_drawn(tmp_path):
    _, manifest = export_trials(tmp_path / "x.npz", "ReadySetGo", trials=3)
    assert json.loads(manifest.read_text())["seed"] >= 0
    assert rerun(manifest).same


class Sometimes(ngym.TrialEnv):
    """A task in NeuroGym's style, with conditions that are no numbers."""

    def __init__(self, dt=100, **kwargs):
        super().__init__(dt, **kwargs)
        self.observation_space = ngym.spaces.Box(-1, 1, shape=(1,), dtype=np.float32)
        self.action_space = ngym.spaces.Discrete(2)

    def _new_trial(self, **kwargs):
        which = int(self.rng.randint(2))
        self.add_period("only", 100 * (1 + which))
        self.set_groundtruth(1, "only")
        return {"odd": [1, 2] if which else None, "name": "left"}


def test_export_keeps_conditions_that_are_not_numbers(tmp_path):
    ngym.register(ngym.TaskSpec("Sometimes-v0", f"{__name__}:Sometimes"))
    _, manifest = export_trials(tmp_path / "x.npz", "Sometimes-v0", trials=10, seed=0)
    trials = load_trials(manifest)
    assert {str(value) for value in trials.conditions["odd"]} == {"None", "[1, 2]"}
    assert trials.conditions["name"].tolist() == ["left"] * 10
    assert rerun(manifest).same


def test_export_overwrites_no_file(tmp_path, saved):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match=r"small.npz exists already; name another file"):
        export_trials(tmp_path / "small.npz", ID)
    saved.with_suffix(".npz").rename(tmp_path / "moved.npz")
    with pytest.raises(FileExistsError, match=r"small.json exists already"):
        export_trials(tmp_path / "small.npz", ID)
    with pytest.raises(FileExistsError, match=r"moved.npz exists already"):
        rerun(saved, out=tmp_path / "moved.npz")
    (tmp_path / "moved.npz").rename(tmp_path / "small.npz")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_export_that_fails_leaves_no_file(tmp_path):
    def stop(made):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_trials(tmp_path / "x.npz", ID, progress=stop)
    with pytest.raises(KeyError, match="Unknown task 'Nothing-v0'"):
        export_trials(tmp_path / "x.npz", "Nothing-v0")
    assert list(tmp_path.iterdir()) == []


def test_load_trials_and_rerun_reject_foreign_and_damaged_files(tmp_path, saved):
    file = saved.with_suffix(".npz")
    data, text = file.read_bytes(), saved.read_text()
    for damaged in (data[:-100], data[:2000], b"", data[:500] + b"x" + data[501:]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"small.npz is damaged, or is not the file of .*small.json"):
            load_trials(file)
    file.write_bytes(data)
    for damaged, message in (
        (text[:-50], "is not a manifest of exported trials, or is damaged"),
        ("[1]", "is not a manifest of exported trials: it lacks"),
        ("{}", "is not a manifest of exported trials: it lacks \"format\": 'ngym trials 1'"),
        ('{"format": "ngym trials 1"}', "is damaged: it lacks 'task', 'parameters'"),
    ):
        saved.write_text(damaged)
        for read in (load_trials, rerun):
            with pytest.raises(ValueError, match=message):
                read(saved)
    saved.write_text(text)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"There is no .*small.npz; `ngym rerun .*small.json --out"):
        load_trials(saved)
    with pytest.raises(FileNotFoundError, match=r"There is no manifest .*nothing.json"):
        load_trials(tmp_path / "nothing.npz")
    np.savez(tmp_path / "foreign.npz", x=np.zeros(3))
    with pytest.raises(FileNotFoundError, match=r"There is no manifest .*foreign.json"):
        load_trials(tmp_path / "foreign.npz")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"file": "x.txt"}, ValueError, "must be named NAME.npz"),
        (
            {"parameters": {"timing": {"delay": ngym.TruncExp(300)}}},
            TypeError,
            r"parameters=.* cannot be written .* TruncExp",
        ),
        ({"conditions": {"ground_truth": [float("nan")]}}, TypeError, "conditions=.* cannot be written to a manifest"),
        ({"trials": 0}, ValueError, "trials=0 must be an integer from 1"),
        ({"split": "tset"}, ValueError, "Unknown split 'tset'. Did you mean 'test'"),
    ],
)
def test_export_rejects_invalid_arguments(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export_trials(tmp_path / options.pop("file", "x.npz"), ID, **options)
    assert list(tmp_path.iterdir()) == []
