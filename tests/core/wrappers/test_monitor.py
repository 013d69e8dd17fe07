from __future__ import annotations

import copy
import csv
import functools
import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import ngym_core as ngym
from ngym_core.plugins.manager import PackManager
from ngym_core.testing import _equal
from ngym_core.trial_table import MEASURED_COLUMNS, load_trial_table
from ngym_core.wrappers.monitor import MARK, Monitor

from ..neurogym_style import Dots
from ..test_state import through_json
from ..toy import Toy


def monitored(tmp_path, env=None, **kwargs):
    return Monitor(env or Toy(), save_dir=tmp_path / "run", verbose=False, **kwargs)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def play(env, steps, seed=0):
    """Play at random and by the ground truth in turn, and note what each trial was."""
    rng = np.random.default_rng(seed)
    env.action_space.seed(seed)
    env.reset(seed=seed)
    trials, rewards = [], []
    for _ in range(steps):
        action = env.unwrapped.gt_now if rng.random() < 0.8 else int(env.action_space.sample())
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
        if info["new_trial"]:
            trials.append({**info["ended_trial"], "choice": action, "performance": info["performance"], "rewards": rewards})
            rewards = []
    return trials


def test_monitor_writes_one_row_per_trial(tmp_path):
    env = monitored(tmp_path, interval=10**6)
    trials = play(env, 300)
    env.close()
    table = load_trial_table(tmp_path / "run")
    assert list(table) == [
        "trial", "lane", "ground_truth", "strength", "choice", "gt", "correct", "performance", "reaction_time", "reward",
        "cumulative_reward", "steps",
    ]  # fmt: skip
    assert table["trial"].tolist() == list(range(len(trials)))
    for name in ("ground_truth", "strength", "choice", "performance"):
        assert table[name].tolist() == [t[name] for t in trials], name
    assert table["correct"].tolist() == [t["performance"] == 1 for t in trials]
    assert table["reward"] == pytest.approx([sum(t["rewards"]) for t in trials])
    assert table["cumulative_reward"] == pytest.approx(np.cumsum(table["reward"]))
    assert table["steps"].tolist() == [len(t["rewards"]) for t in trials]
    assert set(table) <= set(MEASURED_COLUMNS) | {"ground_truth", "strength"}


def test_monitor_counts_reaction_times_from_when_a_response_is_due(tmp_path):
    env = monitored(tmp_path, Toy(timing={"delay": 100, "decision": 500}))
    env.reset(seed=0)
    for wait in (0, 2, 99):  # steps of the decision before the answer
        ended = False
        while not ended:
            due = env.t_ind - env.start_ind["decision"]
            ended = env.step(env.gt_now if due >= wait else 0)[4]["new_trial"]
    env.close()
    assert load_trial_table(tmp_path / "run")["reaction_time"] == pytest.approx([0, 200, np.nan], nan_ok=True)


@pytest.mark.parametrize(("trigger", "interval", "files"), [("trial", 10, 5), ("step", 100, 4), ("trial", 1000, 1)])
def test_monitor_tables_of_many_saves_equal_those_of_one_save(tmp_path, trigger, interval, files):
    plain = monitored(tmp_path / "one", interval=10**6)
    plain_trials = play(plain, 400)
    plain.close()
    env = monitored(tmp_path / "many", trigger=trigger, interval=interval)
    assert play(env, 400) == plain_trials
    saved_before_close = len(list((tmp_path / "many/run").glob("*.npz")))
    env.close()
    assert saved_before_close >= files - 1
    one, many = load_trial_table(tmp_path / "one/run"), load_trial_table(tmp_path / "many/run")
    for name, column in one.items():
        assert np.array_equal(column, many[name], equal_nan=column.dtype.kind == "f"), name


def test_monitor_writes_equal_csv_and_npz_files(tmp_path):
    env = monitored(tmp_path)
    play(env, 200)
    (text, arrays) = env.save()
    assert (text.name, arrays.name) == ("trials-000000000.csv", "trials-000000000.npz")
    table = load_trial_table(arrays)
    with text.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["reward"]) for r in rows] == table["reward"].tolist()
    assert [int(r["ground_truth"]) for r in rows] == table["ground_truth"].tolist()
    np.load(arrays, allow_pickle=False)["column_strength"]


def test_monitor_records_all_lanes(tmp_path):
    env = ngym.TrialVectorEnv(monitored(tmp_path), 3)
    env.reset(seed=4)
    env.action_space.seed(0)
    for _ in range(200):
        env.step(env.action_space.sample())
    env.close()
    table = load_trial_table(tmp_path / "run")
    assert set(table["lane"]) == {0, 1, 2}
    lane0 = monitored(tmp_path / "single")
    lane0.reset(seed=4)
    env.action_space.seed(0)
    for _ in range(200):
        lane0.step(int(env.action_space.sample()[0]))
    lane0.close()
    own = load_trial_table(tmp_path / "single/run")
    for name in ("ground_truth", "choice", "reward", "steps", "reaction_time"):
        assert np.array_equal(table[name][table["lane"] == 0], own[name], equal_nan=True), name


class Ragged(Toy):
    """Trials with conditions of all sorts: rows that differ in length, text, and one that only some trials have."""

    def _new_trial(self, **kwargs):
        k = int(self.rng.randint(1, 4))
        self.add_period(["fixation", "stimulus", "delay", "decision"])
        self.set_groundtruth(1, "decision")
        trial = {"pulses": np.arange(k), "word": "ab"[: k % 3], "file": k}
        return trial if k > 1 else {**trial, "rare": 2.5}


def test_monitor_pads_ragged_conditions(tmp_path):
    env = monitored(tmp_path, Ragged())
    env.reset(seed=0)
    for _ in range(300):
        env.step(1)
    env.close()
    table = load_trial_table(tmp_path / "run")
    assert table["pulses"].shape == (len(table["trial"]), 3)
    for pulses, k in zip(table["pulses"], table["file"], strict=True):
        assert pulses[:k].tolist() == list(range(k))
        assert np.isnan(pulses[k:]).all()
    assert set(table["word"]) <= {"", "a", "ab"}
    assert np.array_equal(np.isnan(table["rare"]), table["file"] > 1)


def test_monitor_records_blocks_as_a_column(tmp_path):
    bias = ("SideBias", {"probs": [[0.9, 0.1], [0.1, 0.9]], "block_dur": 5})
    env = monitored(tmp_path, ngym.make("PerceptualDecisionMaking", wrappers=[bias]))
    trials = play(env, 900)
    env.close()
    table = load_trial_table(tmp_path / "run")
    assert table["block"].tolist() == [t["block"] for t in trials]
    assert table["probs"].shape == (len(trials), 2)


def test_monitor_saves_the_rest_when_a_with_block_ends(tmp_path):
    with monitored(tmp_path) as env:
        trials = play(env, 100)
    assert len(load_trial_table(tmp_path / "run")["trial"]) == len(trials)


# ---- configuration ------------------------------------------------------------------------------


def test_monitor_reads_its_config_from_a_file_or_a_dictionary(tmp_path):
    (tmp_path / "monitor.toml").write_text('name = "mine"\ninterval = 7\nverbose = false\n')
    for i, config in enumerate((tmp_path / "monitor.toml", {"name": "mine", "interval": 7, "verbose": False})):
        env = Monitor(Toy(), config, trigger="step", save_dir=tmp_path / str(i))
        assert (env.name, env.config["interval"], env.config["trigger"]) == ("mine", 7, "step")
    with pytest.raises(ngym.UnknownNameError, match="Unknown setting of Monitor 'intervall'. Did you mean 'interval'"):
        Monitor(Toy(), {"intervall": 3}, save_dir=tmp_path / "no")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trigger": "minute"}, "trigger='minute' must be 'trial' or 'step'"),
        ({"interval": 0}, "interval=0 must be an integer from 1"),
        ({"interval": True}, "interval=True must be an integer from 1"),
        ({"interval_seconds": 0}, "interval_seconds=0 must be a number above 0"),
        ({"interval_seconds": float("nan")}, "interval_seconds=nan must be a number above 0"),
        ({"interval_seconds": "1"}, "interval_seconds='1' must be a number above 0"),
        ({"plot_steps": 2.5}, r"plot_steps=2\.5 must be an integer from 1"),
    ],
)
def test_monitor_rejects_invalid_settings(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        monitored(tmp_path, **wrong)


def test_monitor_plot_create_needs_a_pack_that_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(PackManager, "can_draw_figures", False)
    with pytest.raises(ImportError, match="plot_create=True needs a package that draws figures: pip install ngym-plot"):
        monitored(tmp_path, plot_create=True)


def test_monitor_default_folders_differ_between_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = set()
    for _ in range(3):
        env = Monitor(Toy(), interval=5)
        play(env, 100)
        folders.add(env.save_dir)
    assert len(folders) == 3
    assert all(folder.is_relative_to("monitor/Toy") for folder in folders)
    assert "Toy: 5 trials saved in monitor" in capsys.readouterr().out


def test_monitor_rejects_a_folder_with_files_that_no_monitor_wrote(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").touch()
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        monitored(tmp_path)


# ---- folders ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*WARN")  # advice of `check_env`
@pytest.mark.parametrize("save_dir", [None, "run", ".", "../run"])
def test_monitor_touches_no_file_before_the_first_row(tmp_path, monkeypatch, save_dir):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("Monitor", {"save_dir": save_dir, "verbose": False})])
    gymnasium.make(env.spec).reset(seed=0)
    check_env(copy.deepcopy(env), skip_render_check=True)
    pickle.loads(pickle.dumps(env)).get_state()
    ngym.TrialVectorEnv(env, 2).close()
    env.reset(seed=0)
    env.step(0)
    env.close()
    assert names_in(tmp_path) == ["cwd"]
    assert names_in(tmp_path / "cwd") == []
    with env:
        play(env, 100)
    assert len(ngym.load_trial_table(env.save_dir)["trial"])


def test_monitor_takes_a_numbered_folder_where_another_env_has_the_one_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Monitor(Toy(), save_dir="run", verbose=False)
    spec_env = Monitor(Toy(), save_dir="run", verbose=False)
    monkeypatch.chdir("/")
    expected = {}
    for name, env in {"run": first, "run-1": spec_env, "run-2": copy.deepcopy(first)}.items():
        expected[name] = [t["ground_truth"] for t in play(env, 150, seed=len(expected))]
    later = Monitor(Toy(), save_dir=tmp_path / "run", verbose=False)
    expected["run-3"] = [t["ground_truth"] for t in play(later, 100, seed=9)]
    for env in (first, spec_env, later):
        env.close()
    del env
    gc.collect()
    for name, truths in expected.items():
        assert load_trial_table(tmp_path / name)["ground_truth"].tolist() == truths


@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("lanes", [0, 3])
def test_monitor_copies_write_their_own_trials_only(tmp_path, how, lanes):
    env = monitored(tmp_path, ngym.make("PerceptualDecisionMaking-v0"))
    env = ngym.TrialVectorEnv(env, lanes) if lanes else env
    env.reset(seed=0)
    action = np.zeros(lanes, int) if lanes else 0
    for _ in range(100):
        env.step(action)
    other = how(env)
    for each in (other, env):
        for _ in range(100):
            each.step(action)
        each.close()
    copied, table = load_trial_table(tmp_path / "run-1"), load_trial_table(tmp_path / "run")
    after = len(table["trial"]) - len(copied["trial"])
    assert after > 3
    for name, column in copied.items():
        assert np.array_equal(table[name][after:], column, equal_nan=column.dtype.kind == "f"), name


# ---- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("task", [lambda: ngym.make("PerceptualDecisionMaking-v0"), Dots])
@pytest.mark.parametrize("lanes", [0, 3])
def test_monitor_goes_on_from_a_state_with_every_played_trial_once(tmp_path, lanes, task, saved):
    def make(name):
        env = Monitor(task(), save_dir=tmp_path / name, verbose=False)
        return ngym.TrialVectorEnv(env, lanes) if lanes else env

    def steps(env):
        return [copy.deepcopy(env.step(np.zeros(lanes, int) if lanes else 0)) for _ in range(100)]

    env, other = make("one"), make("two")
    env.reset(seed=0)
    steps(env)
    state = env.get_state()
    expected = steps(env)
    if saved:
        (env.env if lanes else env).save()
    env.set_state(state)
    other.set_state(through_json(state))
    assert _equal(steps(env), expected)
    assert _equal(steps(other), expected)
    env.close()
    other.close()
    table, rest = load_trial_table(tmp_path / "one"), load_trial_table(tmp_path / "two")
    n, m = len(table["trial"]), len(rest["trial"])
    assert m > 3
    for name, column in rest.items():
        assert np.array_equal(table[name][n - m :], column, equal_nan=column.dtype.kind == "f"), name
        assert np.array_equal(table[name][n - 2 * m : n - m], column, equal_nan=column.dtype.kind == "f"), name
    assert table["trial"][: n - m].tolist() == list(range(n - m))


# ---- processes ----------------------------------------------------------------------------------

PLAY = """
import atexit, gc, os, signal, sys
import ngym_core as ngym

def play(steps):
    played = 0
    for _ in range(steps):
        played += env.step(env.unwrapped.gt_now)[4]["new_trial"]
    return played

settings = {"save_dir": "run", "interval": INTERVAL, "verbose": False}
env = ngym.make("PerceptualDecisionMaking", wrappers=[("Monitor", settings)])
env.reset(seed=0)
print(play(500), flush=True)
"""
ENDS = {
    "return": "",
    "exit": "sys.exit(3)",
    "exception": "raise ValueError('over')",
    "interrupt": "os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(60)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(60)",
    "hangup": "os.kill(os.getpid(), signal.SIGHUP); import time; time.sleep(60)",
    "handler": "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); os.kill(os.getpid(), signal.SIGTERM)",
    "garbage": "del env; gc.collect(); os._exit(0)",
    "fork": "pid = os.fork(); pid and os.waitpid(pid, 0); pid or sys.exit()",
    "fork closes": "pid = os.fork(); pid and os.waitpid(pid, 0); pid or (env.close(), os._exit(0))",
}
STATUS = {"exit": 3, "exception": 1, "interrupt": -signal.SIGINT, "terminate": -signal.SIGTERM, "hangup": -signal.SIGHUP}


AS_AT_A_TERMINAL = """
import signal  # jobs in the background ignore some signals
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


def run_script(tmp_path, script, interval=10**6):
    command = [sys.executable, "-c", AS_AT_A_TERMINAL + script.replace("INTERVAL", str(interval))]
    return subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("end", ENDS)
def test_monitor_has_saved_all_trials_however_a_program_ends(tmp_path, end):
    done = run_script(tmp_path, PLAY + ENDS[end])
    assert done.returncode == STATUS.get(end, 3 if end == "handler" else 0), done.stderr
    assert load_trial_table(tmp_path / "run")["trial"].tolist() == list(range(int(done.stdout.split()[0])))
    assert names_in(tmp_path) == ["run"]
    assert sorted(path.suffix for path in (tmp_path / "run").iterdir()) == [".csv", ".json", ".npz"]


def test_monitor_in_a_forked_process_saves_its_own_trials_only(tmp_path):
    done = run_script(tmp_path, PLAY + "pid = os.fork()\npid and os.waitpid(pid, 0)\nprint(play(300), flush=True)")
    parent, *later = map(int, done.stdout.split())
    assert len(load_trial_table(tmp_path / "run")["trial"]) == parent + later[1]
    assert load_trial_table(tmp_path / "run-1")["trial"].tolist() == list(range(parent, parent + later[0]))


def test_monitor_in_a_process_of_multiprocessing_saves_when_it_ends(tmp_path):
    end = "import multiprocessing; env.close(); p = multiprocessing.get_context('fork').Process(target=play, args=[300])\n"
    done = run_script(tmp_path, PLAY + end + "p.start(); p.join(); sys.exit(p.exitcode)")
    assert done.returncode == 0, done.stderr
    assert len(load_trial_table(tmp_path / "run-1")["trial"]) > 3


def test_killed_monitor_loses_at_most_the_trials_since_the_last_save(tmp_path):
    done = run_script(tmp_path, PLAY + "os.kill(os.getpid(), signal.SIGKILL)", 5)
    assert done.returncode == -signal.SIGKILL
    played = int(done.stdout)
    assert load_trial_table(tmp_path / "run")["trial"].tolist() == list(range(played - played % 5))


@pytest.mark.parametrize("terminate", [False, True])
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_monitor_in_processes_of_a_vector_env_has_one_folder_each(tmp_path, context, terminate):
    settings = {"save_dir": tmp_path / "run", "verbose": False}
    make = functools.partial(ngym.make, "PerceptualDecisionMaking-v0", wrappers=[("Monitor", settings)])
    env = gymnasium.vector.AsyncVectorEnv([make] * 3, context=context)
    assert names_in(tmp_path) == []
    env.reset(seed=[5, 6, 7])
    ended = np.zeros(3, int)
    for _ in range(200):
        ended += env.step(np.zeros(3, int))[4]["new_trial"]
    env.close(terminate=terminate)
    folders = names_in(tmp_path)
    assert folders == ["run", "run-1", "run-2"]
    tables = [load_trial_table(tmp_path / folder) for folder in folders]
    assert sorted(len(table["trial"]) for table in tables) == sorted(ended)
    assert len({str(table["coh"]) for table in tables}) == 3


def test_monitor_saves_after_an_interval_of_seconds(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("ngym_core.wrappers.monitor.time.monotonic", lambda: now[0])
    env = monitored(tmp_path, interval_seconds=20)
    play(env, 100)
    assert not list((tmp_path / "run").glob("trials*"))
    now[0] = 20.0
    play(env, 100)
    assert len(list((tmp_path / "run").glob("trials*.npz"))) == 1
    env.close()


# ---- failures -----------------------------------------------------------------------------------


def test_monitor_keeps_the_trials_of_a_failed_save(tmp_path, monkeypatch):
    env = monitored(tmp_path, interval=5)
    monkeypatch.setattr(np, "savez_compressed", refuse)
    with pytest.warns(UserWarning, match="Toy: the trials are kept for the next save; this one failed: no space left"):
        trials = play(env, 300)
    with pytest.raises(OSError, match="no space left"):
        env.save()
    monkeypatch.undo()
    env.close()
    table = load_trial_table(tmp_path / "run")
    assert table["trial"].tolist() == list(range(len(trials)))
    assert table["ground_truth"].tolist() == [t["ground_truth"] for t in trials]


def test_monitor_warns_once_of_a_full_disk_and_tries_less_and_less_often(tmp_path, monkeypatch):
    env, tries, now, truths = monitored(tmp_path, interval=1), [], [100.0], []
    monkeypatch.setattr("ngym_core.wrappers.monitor.time.monotonic", lambda: now[0])
    env.reset(seed=0)

    def play_a_step_each_second(steps):
        for _ in range(steps):
            info = env.step(env.gt_now)[4]
            now[0] += 1
            if info["new_trial"]:
                truths.append(info["ended_trial"]["ground_truth"])

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", lambda *args, **kwargs: (tries.append(now[0]), refuse()))
        with pytest.warns(UserWarning, match="this one failed: no space left") as warned:
            play_a_step_each_second(6000)
    assert len(warned) == 1
    waits = np.diff(tries)
    assert waits[:6] == pytest.approx([10, 20, 40, 80, 160, 320], abs=20)  # a save waits for the end of a trial
    assert waits[6:] == pytest.approx([640] * 8, abs=20)
    play_a_step_each_second(700)
    assert len(load_trial_table(tmp_path / "run")["trial"]) > 6000 / 20
    env.close()
    assert load_trial_table(tmp_path / "run")["ground_truth"].tolist() == truths


FULL_DISK = """
import resource, warnings, sys
import ngym_core as ngym

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def play(steps):
    return sum(env.step(env.unwrapped.gt_now)[4]["new_trial"] for _ in range(steps))

settings = {"save_dir": "run", "interval": 1, "verbose": False}
env = ngym.make("PerceptualDecisionMaking", wrappers=[("Monitor", settings)])
env.reset(seed=0)
played = play(100 * int(sys.argv[1]))
limit(0)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    played += play(3000)
print(played, *[w.message for w in warned], sep="\\n")
"""


def on_a_full_disk(tmp_path, end, had_folder=0):
    code = [sys.executable, "-c", FULL_DISK + end, str(had_folder)]
    done = subprocess.run(code, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=120)
    played, *warned = done.stdout.splitlines()
    assert len(warned) == 1
    assert warned[0].startswith("PerceptualDecisionMaking: the trials are kept for the next save; this one failed: ")
    return int(played), done


@pytest.mark.skipif(os.name != "posix", reason="needs limits of file sizes")
@pytest.mark.parametrize("had_folder", [0, 1])
def test_monitor_writes_all_trials_when_the_disk_is_back(tmp_path, had_folder):
    played, done = on_a_full_disk(tmp_path, "limit(resource.RLIM_INFINITY)\nenv.close()", had_folder)
    assert done.returncode == 0, done.stderr
    assert load_trial_table(tmp_path / "run")["trial"].tolist() == list(range(played))
    assert json.loads((tmp_path / "run" / MARK).read_text())["interval"] == 1
    assert names_in(tmp_path) == ["run"]
    assert not [name for name in names_in(tmp_path / "run") if name.startswith(".")]


@pytest.mark.skipif(os.name != "posix", reason="needs limits of file sizes")
def test_monitor_says_what_is_lost_on_a_full_disk_and_marks_no_folder(tmp_path):
    played, done = on_a_full_disk(tmp_path, "")
    assert f"PerceptualDecisionMaking: {played} trials could not be saved: " in done.stderr
    assert names_in(tmp_path / "run") == []


def test_monitor_closes_the_env_also_if_trials_cannot_be_saved(tmp_path, monkeypatch):
    closed = []
    env = monitored(tmp_path)
    play(env, 100)
    monkeypatch.setattr(env.env, "close", lambda: closed.append(True), raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", refuse)
        with pytest.raises(OSError, match="no space left"):
            env.close()
    assert closed == [True]


def test_monitor_warns_of_a_figure_that_cannot_be_saved_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(PackManager, "can_draw_figures", True)
    monkeypatch.setattr(PackManager, "draw_figure", refuse)
    env = monitored(tmp_path, interval=10, plot_create=True)
    with pytest.warns(UserWarning, match="Toy: a figure could not be saved and is lost: no space left"):
        trials = play(env, 200)
    monkeypatch.setattr(PackManager, "draw_figure", lambda self, run, env, path: path)
    env.close()
    assert len(load_trial_table(tmp_path / "run")["trial"]) == len(trials)


def test_monitor_says_at_exit_how_many_trials_could_not_be_saved(tmp_path):
    script = PLAY + "import shutil; shutil.rmtree('run'); open('run', 'w').close()"
    done = run_script(tmp_path, script)
    assert f"PerceptualDecisionMaking: {int(done.stdout)} trials could not be saved: " in done.stderr


def refuse(*args, **kwargs):
    raise OSError("no space left")


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
import ngym_core as ngym

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def half(file, **columns):
    file.write(b"PK half of an archive")
    file.flush()
    die()

env = ngym.make("PerceptualDecisionMaking", wrappers=[("Monitor", {"save_dir": sys.argv[1], "verbose": False})])
env.reset(seed=0)
for k in range(3000):
    env.step(env.unwrapped.gt_now)
    if k == 1000:
        env.save()
if sys.argv[2] == "writing":
    np.savez_compressed = half
else:
    Path.replace = die
env.save()
"""


@pytest.mark.parametrize("when", ["writing", "renaming"])
def test_killed_monitor_leaves_only_complete_files(tmp_path, when):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "run"), when], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    left = [p for p in (tmp_path / "run").iterdir() if not p.name.startswith(".")]
    assert {p.suffix for p in left} == {".csv", ".npz", ".json"}
    table = load_trial_table(tmp_path / "run")
    assert len(table["trial"]) > 30
    assert (table["performance"] == 1).all()
    for path in left:
        if path.suffix == ".csv":
            with path.open() as file:
                assert len({len(row) for row in csv.reader(file)}) == 1


@pytest.mark.parametrize(("name", "value"), [("save_dir", 5), ("config", 5), ("verbose", np.zeros(3))])
def test_arguments_of_another_kind_are_named(name, value):
    with pytest.raises(TypeError, match=f"^{name}=.* must be "):
        Monitor(ngym.make("GoNogo-v0"), **{name: value})


def test_monitor_gives_figures_what_the_agent_saw_across_resets(tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(PackManager, "can_draw_figures", True)
    monkeypatch.setattr(PackManager, "draw_figure", lambda self, run, env, path: runs.append(run) or path)
    settings = {"save_dir": tmp_path / "run", "plot_create": True, "verbose": False}
    wrappers = ["PassAction", "PassReward", ("Monitor", settings)]
    env = ngym.make("IBL-v0", wrappers=wrappers, num_trials_before_reset=1)
    data = ngym.run_env(env, num_trials=4, def_act=1, seed=0)
    env.close()
    assert np.array_equal(runs[0]["ob_before"], data["ob_before"])
    assert runs[0]["trial_start"].tolist() == data["trial_start"].tolist()
