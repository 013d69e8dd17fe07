"""Figures look like the images in `baseline/`: shapes and colours, whatever the fonts."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import ngym_plot as p
from ngym_core.errors import UnknownNameError

from . import figures
from .figures import BASELINE, FIGURES, TOLERANCE, difference, figure_of, read_image, run, session, to_image, write_images
from .observers import recording, table
from .tasks import Plain


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    assert plt.get_fignums() == []


def baseline(name):
    return read_image(BASELINE / f"{name}.png")


@pytest.mark.parametrize("name", FIGURES)
def test_figure_matches_its_baseline_image(name):
    assert difference(to_image(figure_of(FIGURES[name]())), baseline(name)) < TOLERANCE


def test_every_baseline_image_belongs_to_a_figure():
    assert sorted(path.stem for path in BASELINE.iterdir()) == sorted(FIGURES)


@pytest.mark.parametrize("name", ["trial", "session", "psychometric", "activity"])
def test_comparison_ignores_fonts(name):
    with mpl.rc_context({"font.family": "serif", "mathtext.fontset": "stix"}):
        figure = figure_of(FIGURES[name]())
        for ax in figure.axes:
            for label in [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]:
                label.set(family="serif", size=13)
        assert difference(to_image(figure), baseline(name)) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("run", lambda: p.visualize_run(**run(actions=np.roll(run()["actions"], 1)))),
        ("run", lambda: p.visualize_run(**run(ob=np.roll(run()["ob"], 1, axis=0)))),
        ("trial", lambda: p.plot_trial(Plain(timing={"delay": 300, "decision": 300}), seed=0)),
        ("trial", lambda: p.plot_trial(Plain(), seed=0, def_act=0)),
        ("session", lambda: p.plot_session({**session(), "block": np.zeros(150)}, window=20)),
        ("session", lambda: p.plot_session(session(), window=60)),
        ("psychometric", lambda: p.plot_psychometric_curves(table(1500, shift=1.5))),
        ("activity", lambda: p.plot_activity(recording(), align="decision")),
        ("unit", lambda: p.plot_unit_traces(recording(), 4, "ground_truth")),
        ("population", lambda: p.plot_population_state(recording(), "ground_truth", components=(2, 3))),
    ],
)
def test_comparison_detects_changed_data_and_options(name, changed):
    assert difference(to_image(figure_of(changed())), baseline(name)) > TOLERANCE


def test_comparison_detects_changed_colours():
    figure = figure_of(FIGURES["psychometric"]())
    for line in figure.axes[0].lines:
        line.set_color("black")
    assert difference(to_image(figure), baseline("psychometric")) > TOLERANCE


def test_images_are_written_where_they_are_missing_or_differ(tmp_path, monkeypatch):
    names = ["run", "session", "trial"]
    monkeypatch.setattr(figures, "FIGURES", {name: FIGURES[name] for name in names})
    files = {name: tmp_path / f"{name}.png" for name in names}
    assert write_images(folder=tmp_path) == list(files.values())
    drawn = {name: read_image(file) for name, file in files.items()}
    near, far = drawn["run"] ^ 1, 255 - drawn["session"]  # what another version of matplotlib draws; another figure
    Image.fromarray(near).save(files["run"])
    Image.fromarray(far).save(files["session"])
    assert write_images(folder=tmp_path) == [files["session"]]
    np.testing.assert_array_equal(read_image(files["session"]), drawn["session"])
    np.testing.assert_array_equal(read_image(files["run"]), near)
    assert write_images("run", folder=tmp_path) == [files["run"]]
    np.testing.assert_array_equal(read_image(files["run"]), drawn["run"])
    with pytest.raises(UnknownNameError, match="Unknown figure 'rum'. Did you mean 'run'"):
        write_images("trial", "rum", folder=tmp_path)
