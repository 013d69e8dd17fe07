from __future__ import annotations

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from ngym_plot import plot_confusion, plot_delay_dependence, plot_env, visualize_run
from ngym_plot.figure import TimeAxis, axes_or_new, group_colors, new_figure, save_figure, style

from .figures import FIGURES, figure_of
from .inspection import panels
from .observers import random_run

ID = "PerceptualDecisionMaking-v0"


def test_style_leaves_global_settings_unchanged():
    before = dict(mpl.rcParams)
    plot_env(ID, 30, seed=0)
    assert dict(mpl.rcParams) == before


def test_palette_colors_stay_when_a_figure_is_drawn_in_another_style():
    figure = visualize_run(**random_run(performance=np.full(60, 0.5)))
    with plt.style.context("grayscale"):
        figure.canvas.draw()
        drawn = {mpl.colors.to_hex(line.get_color()) for ax in figure.axes for line in ax.lines}
    assert drawn >= {"#0072b2", "#d55e00", "#009e73"}


@pytest.mark.parametrize(
    ("unit", "steps_before_zero", "edges", "centers", "starts"),
    [
        ("steps", 0, (0.5, 3.5), [1, 2, 3], [0.5, 1.5]),
        ("ms", 0, (0, 60), [10, 30, 50], [0, 20]),
        ("steps", 2, (-1.5, 1.5), [-1, 0, 1], [-1.5, -0.5]),
        ("ms", 2, (-40, 20), [-30, -10, 10], [-40, -20]),
    ],
)
def test_time_axis_positions_of_steps(unit, steps_before_zero, edges, centers, starts):
    axis = TimeAxis(3, 20, unit, steps_before_zero)
    assert axis.edges == edges
    assert axis.centers.tolist() == centers
    assert axis.start_of(np.array([1, 2])).tolist() == starts
    x, y = axis.staircase(np.array([5, 6, 7]))
    assert (x[0], x[-1]) == edges
    assert x[1:-1:2].tolist() == x[2::2].tolist()  # a value ends where the next begins
    assert y.tolist() == [5, 5, 6, 6, 7, 7]


def test_time_axis_has_few_ticks_in_a_long_run():
    figure = plot_env(ID, num_steps=2000, seed=0)
    figure.canvas.draw()
    assert len(panels(figure)["Perform."].get_xticks()) < 15


@pytest.mark.parametrize(
    ("name", "written"), [("a.pdf", "a.pdf"), ("a.svg", "a.svg"), ("a", "a.png"), ("task-v0", "task-v0.png")]
)
def test_save_figure_adds_an_extension_and_closes_the_figure(tmp_path, name, written):
    figure = plot_env(ID, 20, fname=tmp_path / "new" / name, seed=0)
    assert [p.name for p in (tmp_path / "new").iterdir()] == [written]
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(("name", "hint"), [("p.xyz", ""), ("p.pngg", "Did you mean '.png'")])
def test_save_figure_refuses_a_suffix_that_is_no_format(tmp_path, name, hint):
    message = rf"fname=.*{name}' must be a path that ends in .*'.pdf'.*'.png'.*, or has no suffix.\s?{re.escape(hint)}"
    with pytest.raises(ValueError, match=message):
        save_figure(plt.figure(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FIGURES)
def test_figures_without_a_window_do_not_stay_open_in_pyplot(name):
    own = plt.figure()
    first = figure_of(FIGURES[name]())
    for _ in range(25):  # matplotlib warns of more than 20 open figures
        figure = new_figure()
    assert len(plt.get_fignums()) <= 11
    assert plt.gcf() is figure
    assert plt.fignum_exists(own.number)
    assert not plt.fignum_exists(first.number)
    first.canvas.draw()  # who holds a figure can still draw it


def test_figures_with_windows_stay_open(monkeypatch):
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    for _ in range(12):
        new_figure()
    assert len(plt.get_fignums()) == 12


def test_save_figure_leaves_no_file_when_it_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, path: path.write_text("half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plot_env(ID, 20, fname=tmp_path / "a.png", seed=0)
    assert list(tmp_path.iterdir()) == []


def test_too_many_colors_and_what_is_no_axes_are_refused():
    with pytest.raises(ValueError, match="^n=1000000000000 must be an integer from 1. More than"):
        group_colors(10**12)
    with pytest.raises(TypeError, match="^ax=nan must be "):
        axes_or_new(float("nan"))
    with pytest.raises(TypeError, match="^config=5 must be a PlotConfig, or None.$"), style(5):
        pass
    with pytest.raises(ValueError, match="^step=nan must consist of finite numbers.$"):
        TimeAxis(5, 100.0, "steps").start_of(float("nan"))


def test_dollar_signs_are_no_formulas(tmp_path):
    table = {
        "correct": np.arange(60) % 3 > 0,
        "delay": np.tile([0.0, 100.0, 200.0], 20),
        "offer": np.repeat(["$5", "$10"], 30),
    }
    ax = plot_delay_dependence(table, by="offer", title="50$ and $^")
    names = {1: "$5", 2: "$1^"}
    confusion = plot_confusion({"gt": [1, 2, 2, 1], "choice": [1, 2, 1, 2]}, names=names, title="$^$")
    for one in (ax, confusion):
        save_figure(one.figure, tmp_path / "figure.png")
        texts = [*one.get_xticklabels(), *one.get_yticklabels(), one.title, *(one.get_legend() or one).findobj(Text)]
        assert not any(text.get_parse_math() for text in texts if "$" in text.get_text())


@pytest.mark.parametrize("fname", [".", "/"])
def test_a_figure_needs_the_name_of_a_file(fname):
    with pytest.raises(ValueError, match=f"^fname='{fname}' must name a file, such as 'figure.png', not a folder.$"):
        plot_env(ID, 30, seed=0, fname=fname)
