from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ngym_core import UnknownNameError
from ngym_plot import plot_session


def session(n=60, lanes=1, **columns):
    rng = np.random.default_rng(0)
    choice, gt = rng.integers(0, 3, n), rng.integers(1, 3, n)
    table = {"trial": np.arange(n), "lane": np.arange(n) % lanes, "choice": choice, "gt": gt, "correct": choice == gt}
    return {**table, "performance": (choice == gt) * 1.0, "reward": (choice == gt) * 2.0 - 1, **columns}


def test_plot_session_draws_choices_by_outcome():
    table = session()
    figure = plot_session(table)
    marks = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(marks) == ["correct", "error", "no response"]
    assert np.array_equal(marks["correct"].get_xdata(), np.nonzero(table["correct"])[0] + 1)
    assert np.array_equal(marks["no response"].get_xdata(), np.nonzero(table["choice"] == 0)[0] + 1)
    assert np.array_equal(np.round(marks["error"].get_ydata()), table["choice"][marks["error"].get_xdata() - 1])
    every = plot_session(table, no_response=None).axes[0].lines
    assert [line.get_label() for line in every] == ["correct", "error"]


def test_plot_session_leaves_out_what_is_missing():
    table = session(choice=np.tile([1.0, 2.0, np.nan], 20), block=np.repeat([np.nan, 1.0], 30))
    correct = np.where(np.arange(60) < 30, np.nan, np.arange(60) % 2)
    figure = plot_session({**table, "correct": correct})
    marks = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(marks) == ["correct", "error"]
    assert marks["correct"].get_xdata().tolist() == (np.nonzero(correct == 1)[0] + 1).tolist()
    assert marks["error"].get_xdata().tolist() == (np.nonzero(correct == 0)[0] + 1).tolist()
    assert figure.axes[0].get_yticks().tolist() == [1, 2]
    assert [text.get_text() for text in figure.axes[0].texts] == ["block nan", "1.0"]
    unknown = {name: column for name, column in table.items() if name not in ("correct", "block")}
    performance = np.where(np.arange(60) < 30, np.nan, 1.0)
    marks = plot_session({**unknown, "performance": performance}).axes[0].lines
    assert [(line.get_label(), len(line.get_xdata())) for line in marks] == [("correct", 30)]
    no_choice = plot_session({**unknown, "choice": np.full(60, np.nan)}).axes[0]
    assert np.isfinite(no_choice.get_ylim()).all()
    names = plot_session(session(block=np.array([None, "a"] * 30, object))).axes[0].patches
    assert len(names) == 60


def test_plot_session_of_a_constant_choice_has_one_tick():
    ax = plot_session(session(choice=np.ones(60, int))).axes[0]
    assert ax.get_yticks().tolist() == [1]


def test_plot_session_draws_running_means_of_reward_and_performance():
    table = session()
    _, reward, performance = plot_session(table, window=10).axes
    assert reward.lines[1].get_ydata()[-1] == pytest.approx(table["reward"][-10:].mean())
    assert performance.lines[1].get_ydata()[4] == pytest.approx(table["performance"][:5].mean())
    assert performance.get_title(loc="left") == f"Mean {table['performance'].mean():.2f}; lines: running mean of 10 trials"
    assert performance.get_xlabel() == "Trial"
    assert {ax.get_xlim() for ax in (reward, performance)} == {(0.5, 60.5)}


def test_plot_session_shades_and_labels_blocks():
    block = np.repeat([1, 0, 1], 20)
    figure = plot_session(session(block=block))
    for ax in figure.axes[:3]:
        assert sorted(round(patch.get_x(), 3) for patch in ax.patches) == [0.5, 20.5, 40.5]
    first, second, third = figure.axes[0].patches
    assert first.get_facecolor() == third.get_facecolor() != second.get_facecolor()
    assert [text.get_text() for text in figure.axes[0].texts] == ["block 1", "0", "1"]
    named = plot_session(session(habit=np.repeat(["repeat", "alternate"], 30)), block="habit")
    assert [text.get_text() for text in named.axes[0].texts] == ["habit repeat", "alternate"]


def test_plot_session_shades_blocks_of_one_lane_only():
    table = session(lanes=2, block=np.tile([0, 1], 30))
    assert not plot_session(table).axes[0].patches
    one = plot_session(table, lane=1)
    assert len(one.axes[0].patches) == 1
    assert one.axes[2].get_xlim() == (0.5, 30.5)


@pytest.mark.parametrize("n", [1, 20, 2000])
def test_plot_session_draws_any_number_of_trials(n):
    figure = plot_session(session(n))
    figure.canvas.draw()
    assert len(figure.axes[2].get_xticks()) < 15


def test_plot_session_draws_actions_of_several_numbers():
    figure = plot_session(session(choice=np.random.default_rng(0).random((60, 3))))
    assert [line.get_label() for line in figure.axes[0].lines] == ["action 0", "action 1", "action 2"]


def test_plot_session_draws_into_a_given_figure_and_saves_it(tmp_path):
    figure = plt.figure()
    assert plot_session(session(), fig=figure, title="Mine", fname=tmp_path / "s.pdf") is figure
    assert [p.name for p in tmp_path.iterdir()] == ["s.pdf"]
    assert figure.axes[0].get_title(loc="left") == "Mine"


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        ({}, {}, UnknownNameError, "Unknown column 'choice'. There are no valid names."),
        (session(0), {}, ValueError, "The table has no trial."),
        ({"choice": [1], "reward": [1]}, {}, UnknownNameError, "Unknown column 'performance'. Valid: 'choice', 'reward'."),
        (session(reward=np.zeros(3)), {}, ValueError, r"column 'reward' has shape \(3,\); .* each of the 60 trials"),
        (
            session(reward=np.zeros((60, 2))),
            {},
            ValueError,
            r"'reward' must hold one number for each trial, not shape \(60, 2\)",
        ),
        (session(reward=np.array(["a"] * 60)), {}, ValueError, "'reward' must hold numbers, not"),
        (session(), {"block": "blok"}, UnknownNameError, "Unknown column 'blok'"),
        (session(lanes=3), {"lane": 3}, ValueError, "lane 3 played no trial. Valid: '0', '1', '2'."),
        (session(), {"window": 0}, ValueError, "window=0 must be an integer from 1"),
    ],
)
def test_plot_session_rejects_invalid_tables_and_arguments(table, options, error, message):
    with pytest.raises(error, match=message):
        plot_session(table, **options)
