"""Figures look as the pictures in `baseline/`: shapes and colours, whatever the fonts."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import ngym_plot as p

from .figures import BASELINE, FIGURES, difference, of, picture, run, session
from .observers import recording, table
from .tasks import Plain

TOLERANCE = 6.0
"""Root mean square difference, of 255. Another font makes 0, an older matplotlib (3.9) up to 5."""


def kept(name):
    with Image.open(BASELINE / f"{name}.png") as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name):
    assert difference(picture(of(FIGURES[name]())), kept(name)) < TOLERANCE


def test_every_picture_belongs_to_a_figure():
    assert sorted(path.stem for path in BASELINE.iterdir()) == sorted(FIGURES)


@pytest.mark.parametrize("name", ["trial", "session", "psychometric", "activity"])
def test_fonts_do_not_matter(name):
    with mpl.rc_context({"font.family": "serif", "mathtext.fontset": "stix"}):
        figure = of(FIGURES[name]())
        for ax in figure.axes:
            for label in [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]:
                label.set(family="serif", size=13)
        assert difference(picture(figure), kept(name)) < TOLERANCE


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
def test_what_changes_a_figure_is_seen(name, changed):
    assert difference(picture(of(changed())), kept(name)) > TOLERANCE


def test_other_colours_are_seen():
    figure = of(FIGURES["psychometric"]())
    for line in figure.axes[0].lines:
        line.set_color("black")
    assert difference(picture(figure), kept("psychometric")) > TOLERANCE
    assert plt.get_fignums() == []
