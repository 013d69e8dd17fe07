from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core import UnknownNameError
from ngym_core.trial_table import save_trial_table
from ngym_plot import plot_training


def progress(folder, rows, names="time/total_timesteps,rollout/ep_rew_mean,eval/mean_reward"):
    path = folder / "progress.csv"
    path.write_text("\n".join([names, *rows]) + "\n")
    return path


def test_plot_training_smooths_a_trial_table():
    values = np.random.default_rng(0).random(500)
    ax = plot_training({"performance": values}, window=100, label="a run", title="Training")
    mean, whole_and_start = ax.lines
    assert mean.get_xdata().tolist() == list(range(100, 501))
    assert mean.get_ydata()[-1] == pytest.approx(values[-100:].mean())
    assert len(whole_and_start.get_xdata()) == 500
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Trial", "Mean performance of 100 trials")
    assert plot_training({"reward": values}, "reward", window=0.1, ax=ax) is ax
    assert ax.get_ylabel() == "Mean reward of 50 trials"


def test_plot_training_draws_a_measure_that_is_missing_in_all_trials():
    ax = plot_training({"reaction_time": np.full(20, np.nan)}, "reaction_time", window=5)
    assert np.isnan(ax.lines[0].get_ydata()).all()


def test_plot_training_reads_tables_of_monitor(tmp_path):
    with ngym.make(
        "PerceptualDecisionMaking-v0", wrappers=[("Monitor-v0", {"save_dir": tmp_path / "run", "verbose": False})]
    ) as env:
        ngym.run_env(env, num_trials=30, seed=0)
    for source in (tmp_path / "run", next((tmp_path / "run").glob("*.npz"))):
        ax = plot_training(source, window=10)
        assert ax.lines[0].get_xdata()[-1] == 30
        assert ax.get_ylim() == (-0.05, 1.05)


def test_plot_training_reads_the_log_of_stable_baselines(tmp_path):
    path = progress(tmp_path, ["100,0.5,", "200,,0.7", "300,0.9,0.8"])
    for source in (path, tmp_path, str(path)):
        ax = plot_training(source)
        assert ax.lines[0].get_xydata().tolist() == [[100, 0.5], [300, 0.9]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time step", "rollout/ep_rew_mean")
    assert plot_training(path, "eval/mean_reward").lines[0].get_xydata().tolist() == [[200, 0.7], [300, 0.8]]


def test_plot_training_reads_the_log_of_ngym_train(tmp_path):
    progress(tmp_path, ["2048,0.3,nan,nan", "4096,0.6,0.5,0.1"], "steps,trial/performance,rollout/ep_rew_mean,train/loss")
    np.savez(tmp_path / "trials.npz", column_performance=[1.0])  # the test of the trained agent is no training
    ax = plot_training(tmp_path)
    assert ax.lines[0].get_xydata().tolist() == [[2048, 0.3], [4096, 0.6]]
    assert ax.get_ylabel() == "trial/performance"
    assert plot_training(tmp_path, "train/loss").lines[0].get_xydata().tolist() == [[4096, 0.1]]


def test_plot_training_reads_either_form_of_a_saved_table(tmp_path):
    save_trial_table(tmp_path / "trials", {"performance": np.arange(9) / 9})
    save_trial_table(tmp_path / "progress", {"steps": np.array([1, 2]), "trial/performance": np.array([0.5, 0.6])})
    for name in ("trials", "progress"):
        one, other = (plot_training(tmp_path / f"{name}{form}").lines[0].get_xydata().tolist() for form in (".csv", ".npz"))
        assert one == other
    (tmp_path / "trials.npz").unlink()
    with pytest.raises(FileNotFoundError, match="There is no trial table in .*trials.npz"):
        plot_training(tmp_path / "trials.csv")


def test_plot_training_marks_a_level_of_one_trial_and_counts_the_trials_there_are():
    ax = plot_training({"performance": np.ones(60), "level": np.r_[np.full(59, np.nan), 4.0]})
    assert ax.get_ylabel() == "Mean performance of 60 trials"
    assert [line.get_marker() for line in ax.figure.axes[1].lines] == ["."]


def test_plot_training_names_stages_by_whole_numbers():
    for stage in (np.zeros(9), np.ones(9), np.repeat([0, 1, 2], 3)):
        _, stages = plot_training({"performance": np.ones(9), "stage": stage}, window=1).figure.axes
        low, high = stages.get_ylim()
        ticks = [tick for tick in stages.get_yticks().tolist() if low <= tick <= high]
        assert ticks == sorted(set(stage.tolist()))


def test_plot_training_draws_stages_and_levels_on_the_right(tmp_path):
    stage, level = np.repeat([0, 1], 50), np.repeat([np.nan, 4.0], 50)
    table = {"performance": np.ones(100), "stage": stage, "level": level}
    ax = plot_training(table, window=1)
    _, stages, levels = ax.figure.axes
    assert (stages.get_ylabel(), levels.get_ylabel()) == ("Stage (dashed)", "Level (dotted)")
    assert stages.lines[0].get_ydata().tolist() == stage.tolist()
    assert levels.lines[0].get_xdata().tolist() == list(range(51, 101))
    smooth = plot_training({**table, "stage": np.where(np.arange(100) == 9, -1, stage)}, window=40).figure.axes
    assert smooth[1].lines[0].get_ydata().tolist() == np.delete(stage, 9).tolist()
    assert {axes.lines[0].get_drawstyle() for axes in smooth[1:]} == {"steps-pre"}
    plot_training({"performance": np.ones(9), "stage": np.zeros(9)}, window=1, ax=ax)
    assert [len(axes.lines) for axes in ax.figure.axes] == [4, 2, 1]
    assert len(plot_training(table, "level", window=1).figure.axes) == 2
    assert len(plot_training({"performance": np.ones(9), "level": np.full(9, np.nan)}).figure.axes) == 1
    assert len(plot_training({"performance": np.ones(2), "level": np.array(["low", "high"])}).figure.axes) == 1
    progress(tmp_path, ["100,0.5,0.0,nan", "200,0.6,0.4,"], "steps,trial/performance,trial/stage,trial/level")
    _, stages = plot_training(tmp_path).figure.axes
    assert stages.lines[0].get_xydata().tolist() == [[100, 0], [200, 0.4]]


def test_plot_training_reads_evaluations_of_stable_baselines(tmp_path):
    results = np.random.default_rng(0).random((4, 5))
    np.savez(tmp_path / "evaluations.npz", timesteps=np.arange(4) * 1000, results=results)
    ax = plot_training(tmp_path)
    assert ax.lines[0].get_ydata() == pytest.approx(results.mean(axis=1))
    assert ax.collections[0].get_paths()[0].vertices[:, 1].max() > results.mean(axis=1).max()


def write_evaluations(folder, **arrays):
    np.savez(folder / "evaluations.npz", **arrays)
    return folder


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda path: plot_training(path), FileNotFoundError, r"no trials-\*.npz, progress.csv or evaluations.npz in"),
        (lambda path: plot_training(path / "none.csv"), FileNotFoundError, "There is no trials"),
        (lambda path: plot_training({}), UnknownNameError, "Unknown column 'performance'"),
        (lambda path: plot_training({"performance": []}), ValueError, "The table has no trial"),
        (lambda path: plot_training({"performance": [1]}, "reward"), UnknownNameError, "Unknown column 'reward'"),
        (lambda path: plot_training({"performance": [1]}, window=0), ValueError, "window=0 must be a finite number above 0"),
        (lambda path: plot_training(progress(path, [])), ValueError, "progress.csv has no row"),
        (
            lambda path: plot_training(progress(path, ["1,2,3"]), "rollout/ep_rew"),
            UnknownNameError,
            "Unknown column 'rollout/ep_rew'. Did you mean 'rollout/ep_rew_mean'",
        ),
        (lambda path: plot_training(write_evaluations(path, steps=[1])), UnknownNameError, "Unknown array 'timesteps'"),
        (lambda path: plot_training(write_evaluations(path, timesteps=[], results=[])), ValueError, "has no evaluation"),
    ],
)
def test_plot_training_rejects_missing_and_empty_logs(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)
