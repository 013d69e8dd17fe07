"""Figures that are compared with the images in `baseline/`.

``python -m tests.plot.figures`` draws the images that are missing and those that differ from their figures by more than the
tests allow; ``python -m tests.plot.figures NAME ...`` draws those of these figures. Look at them before you commit them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import ngym_plot as p
from ngym_core.errors import unknown_name

from .observers import recording, table
from .tasks import MovingBar, Plain

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 6.0
"""Root mean square difference, from 0 to 255. Another font makes 0, an older matplotlib (3.9) up to 5."""


def run(**changes):
    """Keywords of `visualize_run`; no random numbers."""
    t = np.arange(60)
    data = {"ob": np.stack([t % 20 < 18, np.sin(t / 5), np.cos(t / 7)], axis=1), "actions": t // 3 % 3, "gt": t // 4 % 3}
    data |= {"rewards": np.where(t % 20 == 19, 1.0 - t // 20, 0), "performance": np.where(t % 20 == 19, t // 20 / 2, np.nan)}
    states = np.sin(t[:, None] / 6 + np.arange(12))
    return {**data, "states": states, "trial_starts": [21, 41], **changes}


def session():
    """A trial table of three blocks; no random numbers."""
    t = np.arange(150)
    choice, gt = 1 + (t * 7 % 11 > 5), 1 + (t * 5 % 13 > 6)
    choice = np.where(t % 17 == 0, 0, choice)
    right = (choice == gt) * 1.0
    return {"choice": choice, "gt": gt, "performance": right, "reward": 2 * right - 0.5, "block": t // 50 % 2}


def figure_of(drawn: Any) -> Figure:
    """The figure of what a function returned: a figure, axes, or axes and something else."""
    drawn = drawn[0] if isinstance(drawn, tuple) else drawn
    return drawn if isinstance(drawn, Figure) else drawn.figure


FIGURES = {
    "run": lambda: p.visualize_run(**run()),
    "run_traces_ms": lambda: p.visualize_run(
        **run(states=None), env=Plain(), ob_traces=["a", "b", "c"], plot_config={"unit": "ms", "width": 6}
    ),
    "trial": lambda: p.plot_trial(Plain(), seed=0),
    "trial_many_channels": lambda: p.plot_trial(Plain(channels=20), def_act=1, seed=0, plot_config={"unit": "steps"}),
    "trial_images": lambda: p.plot_trial(MovingBar(), seed=0),
    "session": lambda: p.plot_session(session(), window=20),
    "psychometric": lambda: p.plot_psychometric_curves(table(1500, shift=1.5), by="block"),
    "chronometric": lambda: p.plot_chronometric(table(1500)),
    "training": lambda: p.plot_training(session(), window=30, label="a run"),
    "history": lambda: p.plot_history_kernel(table(1500, after_correct=(0.8, 0.3)), strength="coh"),
    "confusion": lambda: p.plot_confusion(table(300)),
    "delay": lambda: p.plot_delay_dependence(table(600), by="block", chance=0.5),
    "activity": lambda: p.plot_activity(recording()),
    "unit": lambda: p.plot_unit_traces(recording(), 4, "ground_truth", align="decision"),
    "population": lambda: p.plot_population_state(recording(), "ground_truth"),
}
"""Name of the baseline image -> function that draws the figure."""


def to_image(figure: Figure) -> np.ndarray:
    """Draw a figure without text, so that fonts do not matter, at a quarter of its size; (height, width, 3)."""
    if figure._suptitle is not None:
        figure.suptitle("")
    for ax in [*figure.axes, *(child for parent in figure.axes for child in parent.child_axes)]:
        ax.tick_params(which="both", labelleft=False, labelbottom=False, labeltop=False, labelright=False)
        ax.set(xlabel="", ylabel="")
        for side in ("left", "center", "right") if hasattr(ax, "get_title") else ():
            ax.set_title("", loc=side)
        for text in ax.texts:
            text.set_text("")
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    with mpl.rc_context({"savefig.dpi": 100, "savefig.bbox": None}):
        figure.set_dpi(100)
        figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    plt.close(figure)
    return np.asarray(pixels.resize((pixels.width // 4, pixels.height // 4), Image.Resampling.BOX))


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference of two images, from 0 to 255."""
    if one.shape != other.shape:
        return 255.0
    return float(np.sqrt(np.mean((one.astype(float) - other) ** 2)))


def read_image(path: Path) -> np.ndarray:
    """Read a baseline image, (height, width, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def write_images(*names: str, folder: Path = BASELINE) -> list[Path]:
    """Draw the images of the named figures; without names, those that are missing or differ by more than the tolerance.

    What differs less is another version of a library, not another figure. Returns the files that were written.
    """
    for name in names:
        if name not in FIGURES:
            raise unknown_name("figure", name, FIGURES)
    written = []
    for name in names or FIGURES:
        image, path = to_image(figure_of(FIGURES[name]())), folder / f"{name}.png"
        if names or not path.exists() or difference(image, read_image(path)) >= TOLERANCE:
            Image.fromarray(image).save(path, optimize=True)
            written.append(path)
    return written


if __name__ == "__main__":
    print(*(write_images(*sys.argv[1:]) or ["Every figure looks like its image."]), sep="\n")
