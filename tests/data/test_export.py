from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import TrialDataset, export_trials, load_trials, rerun
from ngym_data.export import _manifest_text, read_manifest

ID = "DelayComparison-v0"
VARIED = {"timing": {"delay": ["choice", [100, 500, 1200]]}, "sigma": 0.5}


@pytest.fixture
def saved(tmp_path):
    """The manifest of a small export."""
    return export_trials(tmp_path / "small.npz", ID, VARIED, 40, seed=3, split="test")[1]


def change_manifest(path, **values):
    """Change entries as a stranger might, who can compute hashes."""
    path.write_text(_manifest_text({**json.loads(path.read_text()), **values}))


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


def test_trials_of_many_periods_are_exported(tmp_path):
    file = export_trials(tmp_path / "data.npz", "PulseDecisionMaking-v0", {"n_bin": 64}, 3, seed=0)[0]
    trials = load_trials(file)
    assert np.array_equal(trials.period, TrialDataset("PulseDecisionMaking-v0", {"n_bin": 64}, 3, seed=0)[:][2]["period"])
    assert trials.periods[trials.period.max()] == "decision"


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


STAIR = """
[[stages]]
conditions = {coh = 51.2}
until = {metric = "performance", threshold = 0.8}

[[stages]]
parameters = {timing = {stimulus = 300}}
"""


@pytest.mark.parametrize("given", [str, Path, ngym.curriculum.load_curriculum])
def test_export_keeps_the_curriculum_and_not_its_path(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    Path("stair.toml").write_text(STAIR)
    parameters = {"wrappers": ["PassReward", ("followcurriculum", {"curriculum": given("stair.toml")})]}
    _, manifest = export_trials("x.npz", "PerceptualDecisionMaking-v0", parameters, trials=5, seed=0)
    assert set(load_trials(manifest).conditions["coh"].tolist()) == {51.2}
    written = json.loads(manifest.read_text())["parameters"]["wrappers"][1]
    assert written == ["followcurriculum", {"curriculum": ngym.curriculum.load_curriculum("stair.toml").to_dict()}]
    Path("stair.toml").unlink()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert rerun(tmp_path / "x.json").same


def test_export_keeps_the_settings_of_a_monitor_and_not_their_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("monitor.toml").write_text('interval = 7\nname = "away"\n')
    parameters = {"wrappers": [("Monitor", {"config": "monitor.toml"})]}
    _, manifest = export_trials("x.npz", "PerceptualDecisionMaking-v0", parameters, trials=5, seed=0)
    written = json.loads(manifest.read_text())["parameters"]["wrappers"]
    assert written == [["Monitor", {"config": {"interval": 7, "name": "away"}}]]
    Path("monitor.toml").unlink()
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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"conditions": 5}, "is damaged: 'conditions' is 5, but must be an object with names"),
        ({"trials": "many"}, "is damaged: 'trials' is 'many', but must be an integer"),
        ({"seed": True}, "is damaged: 'seed' is True, but must be an integer"),
        ({"task": ["x"] * 999}, r"is damaged: 'task' is \['x', .{70,80}, but must be a text"),
        ({"periods": None}, "is damaged: 'periods' is None, but must be a list"),
    ],
)
def test_manifest_with_values_of_other_types_is_rejected(saved, values, message):
    change_manifest(saved, **values)
    for read in (load_trials, rerun):
        with pytest.raises(ValueError, match=message):
            read(saved)


def test_manifest_with_other_conditions_or_periods_than_its_trials_is_rejected(saved):
    text = saved.read_text()
    change_manifest(saved, json=["vpiar"])
    with pytest.raises(ValueError, match="are no exported trials: \"json\" names 'vpiar', which .* Did you mean 'vpair'"):
        load_trials(saved)
    with pytest.raises(ValueError, match=r"small.json has 'json': \['vpiar'\], but the trials have \[\]"):
        rerun(saved)
    change_manifest(saved, json=["vpair"])  # which are numbers
    with pytest.raises(ValueError, match="small.npz and .*small.json are no exported trials: the JSON object must be str"):
        load_trials(saved)
    saved.write_text(text)
    change_manifest(saved, periods=["fixation"])
    with pytest.raises(ValueError, match=r"has 'periods': \['fixation'\], but the trials have \['fixation', 'stimulus1'"):
        rerun(saved)


def test_stranger_can_make_the_file_of_a_manifest_but_load_trials_says_what_is_wrong(saved):
    file = saved.with_suffix(".npz")
    with file.open("wb") as opened:
        np.savez(opened, inputs=np.zeros(3))
    change_manifest(saved, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match="are no exported trials: 'target'"):
        load_trials(saved)


def test_every_change_of_a_byte_of_a_manifest_is_noticed(saved):
    data = saved.read_bytes()
    rng = np.random.default_rng(0)
    for k in range(300):
        at = int(rng.integers(len(data)))
        new = bytes(rng.integers(256, size=1, dtype=np.uint8))
        changed = [data[:at] + new + data[at + 1 :], data[:at] + data[at + 1 :], data[:at] + new + data[at:], data[:at]][
            k % 4
        ]
        saved.write_bytes(changed)
        if changed != data:
            with pytest.raises(ValueError, match=r"small.json (is|was) "):
                read_manifest(saved)
    saved.write_bytes(data.replace(b"\n", b"\r\n"))  # as Git may write it
    assert rerun(saved.with_suffix(".npz")).same


WITH_OBJECTS = ["MultiEnvs-v0", "ScheduleAttr-v0", "ScheduleEnvs-v0"]
"""Wrappers with arguments that no manifest can hold."""
ARGUMENTS = {
    "CatchTrials-v0": {"catch_prob": 0.4},
    "Delay-v0": {"ms": 300},
    "FixConditions-v0": {"conditions": {"coh": 12.8}},
    "FollowCurriculum-v0": {"curriculum": {"stages": [{"conditions": {"coh": 51.2}}]}},
    "Monitor-v0": {"save_dir": "run", "interval": 1},
    "SideBias-v0": {"probs": [[0.9, 0.1], [0.1, 0.9]], "block_dur": 5},
}


@pytest.mark.parametrize("name", [name for name in ngym.all_wrappers() if name not in WITH_OBJECTS])
def test_rerun_of_a_manifest_with_any_wrapper_writes_nothing_but_out(tmp_path, monkeypatch, name):
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    parameters = {"wrappers": [[name, ARGUMENTS.get(name, {})]]}
    _, manifest = export_trials(tmp_path / "data.npz", "PerceptualDecisionMaking", parameters, 5, seed=0)
    assert list(folder.iterdir()) == []
    assert rerun(manifest, out="again.npz").same
    gc.collect()
    assert sorted(path.name for path in folder.iterdir()) == ["again.json", "again.npz"]


KILLED = """
import os, signal, sys
from pathlib import Path
from ngym_data import export_trials

replace = Path.replace
def die(self, target):
    if target.suffix == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = die
export_trials(sys.argv[1], "DelayComparison-v0", trials=40, seed=3)
"""


@pytest.mark.parametrize(("suffix", "left"), [(".json", []), (".npz", ["x.json"])])
def test_killed_export_leaves_nothing_that_blocks_the_same_one(tmp_path, suffix, left):
    path = tmp_path / "x.npz"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), suffix], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == left
    if left:
        with pytest.raises(FileExistsError, match="x.json exists already"):
            export_trials(path, ID, trials=41, seed=3)
        path.with_name("y.json").mkdir()
        with pytest.raises(FileExistsError, match="y.json exists already"):
            export_trials(path.with_name("y.npz"), ID, trials=40, seed=3)
        path.with_name("y.json").rmdir()
        with pytest.raises(FileNotFoundError, match=r"There is no .*x.npz; `ngym rerun .*x.json --out"):
            load_trials(path)
    export_trials(path, ID, trials=40, seed=3)
    whole = export_trials(tmp_path / "whole.npz", ID, trials=40, seed=3)
    assert path.read_bytes() == whole[0].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["whole.json", "whole.npz", "x.json", "x.npz"]
    path.unlink()
    assert rerun(path.with_suffix(".json"), out=path).same
    assert len(load_trials(path)) == 40


def test_of_two_exports_into_one_new_file_the_second_is_refused(tmp_path):
    path = tmp_path / "x.npz"

    def begin_others(_):
        with pytest.raises(FileExistsError, match=r"x.npz is in use by process \d+ on .*; .* name a new file"):
            export_trials(path, ID, trials=40, seed=4)
        with pytest.raises(FileExistsError, match="x.npz is in use by process"):
            rerun(other, out=path)

    _, other = export_trials(tmp_path / "other.npz", ID, trials=20, seed=5)
    export_trials(path, ID, trials=40, seed=3, progress=begin_others)
    assert load_trials(path).manifest["seed"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.json", "other.npz", "x.json", "x.npz"]


def test_export_that_cannot_write_says_so_before_trials_are_generated(tmp_path, saved, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no space left")

    made = []
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match="no space left"):
        export_trials(tmp_path / "x.npz", ID, progress=made.append)
    with pytest.raises(OSError, match="no space left"):
        rerun(saved, out=tmp_path / "x.npz", progress=made.append)
    assert made == []


def test_export_into_a_file_that_another_export_makes_is_refused(tmp_path):
    refused = []

    def overtake(made):
        if not refused:
            with pytest.raises(FileExistsError, match="x.npz is in use by process") as error:
                export_trials(tmp_path / "x.npz", ID, trials=20, seed=1)
            refused.append(error)

    export_trials(tmp_path / "x.npz", ID, trials=20, seed=0, progress=overtake)
    assert refused
    assert load_trials(tmp_path / "x.npz").manifest["seed"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.npz"]


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
        ("[" * 100_000, "is not a manifest of exported trials, or is damaged: maximum recursion depth"),
        (text.replace('"seed"', '"sede"'), "is damaged: it has an unknown entry 'sede'. Did you mean 'seed'"),
        (text.replace('"seed": 3,', ""), "is damaged: it lacks 'seed'"),
        (text.replace('"seed": 3', '"seed": 4'), "was changed after the export, or is damaged: the hash of its entries"),
    ):
        saved.write_text(damaged)
        for read in (load_trials, rerun):
            with pytest.raises(ValueError, match=message):
                read(saved)
    saved.write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"small.json is not a manifest of .*, or is damaged: it is no text\.$"):
        rerun(saved)
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
        ({"file": "x.txt"}, ValueError, r"file=.*x.txt' must be a path that ends in '.npz'"),
        (
            {"parameters": {"timing": {"delay": ngym.TruncExp(300)}}},
            TypeError,
            r"parameters=.* cannot be written .* TruncExp",
        ),
        (
            {"holdout": functools.reduce(lambda x, _: {"x": x}, range(100_000), {})},
            TypeError,
            "holdout .* is nested too deeply",
        ),
        ({"conditions": {"ground_truth": [float("nan")]}}, TypeError, "conditions=.* cannot be written to a manifest"),
        ({"task": ngym.make(ID)}, TypeError, r"task=<.*DelayComparison.*> must be the id of a task"),
        ({"trials": 0}, ValueError, "trials=0 must be an integer from 1"),
        ({"split": "tset"}, ValueError, "split='tset' must be one of .*Did you mean 'test'"),
    ],
)
def test_export_rejects_invalid_arguments(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export_trials(tmp_path / options.pop("file", "x.npz"), **{"task": ID, **options})
    assert list(tmp_path.iterdir()) == []
