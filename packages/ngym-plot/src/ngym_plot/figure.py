"""What every figure shares: the style, the time axis, and saving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
from matplotlib import colormaps, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.files import atomic_write
from ngym_plot.config import PlotConfig

__all__ = ["Clock", "color", "new_axes", "reference_line", "save", "shades", "style"]

Array: TypeAlias = NDArray[Any]


@contextmanager
def style(config: PlotConfig | None = None) -> Iterator[None]:
    """Draw in the style of ngym; the settings of the caller come back afterwards."""
    with matplotlib.style.context("ngym_plot.ngym"), rc_context((config or PlotConfig()).rc):
        yield


@cache
def _palette() -> list[str]:
    with style():
        return list(rcParams["axes.prop_cycle"].by_key()["color"])


def color(k: int) -> str:
    """Give the k-th colour of the style. (``C0`` would be looked up when the figure is drawn, in whatever style then.)"""
    colors = _palette()
    return colors[k % len(colors)]


def shades(n: int) -> list[str]:
    """Give colours for n groups of trials: those of the style, or, if there are not enough of them, steps of one scale."""
    if n <= len(_palette()):
        return _palette()[:n]
    return [to_hex(colormaps["viridis"](k / (n - 1) * 0.92)) for k in range(n)]


def new_axes(ax: Axes | None, size: tuple[float, float] = (4.0, 3.2)) -> Axes:
    """Give the axes that the caller chose, or those of a new figure of some size (inches)."""
    return plt.subplots(figsize=size)[1] if ax is None else ax


def reference_line(ax: Axes, *, x: float | None = None, y: float | None = None) -> None:
    """Draw a dashed grey line behind the data: at chance, at no evidence, where a period begins."""
    look: dict[str, Any] = {"color": "0.7", "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 0.5}
    if x is not None:
        ax.axvline(x, **look)
    if y is not None:
        ax.axhline(y, **look)


@dataclass(frozen=True)
class Clock:
    """The time axis: T steps, the first from 0 to one step.

    Args:
        steps: T.
        dt: Time step in ms, or 1 for an axis in steps.
        unit: ``steps`` or ``ms``.
        zero: So many steps stand before time 0.
    """

    steps: int
    dt: float
    unit: str
    zero: int = 0

    @property
    def centers(self) -> Array:
        """Middle of each step, (T,)."""
        return np.asarray(self.start_of(np.arange(1, self.steps + 1)) + (0.5 * self.dt if self.unit == "ms" else 0.5))

    @property
    def edges(self) -> tuple[float, float]:
        """Start of the first step and end of the last."""
        return float(self.start_of(1)), float(self.start_of(self.steps + 1))

    def start_of(self, step: Any) -> Any:
        """Where a step begins on the axis; the first of the T steps is 1."""
        since = np.asarray(step) - 1 - self.zero
        return since * self.dt if self.unit == "ms" else since + 0.5

    def held(self, values: Array) -> tuple[Array, Array]:
        """Give the line of values that are held during each step: (2 T,) times, (2 T,) of the (T,) values."""
        return np.repeat(self.start_of(np.arange(1, self.steps + 2)), 2)[1:-1], np.repeat(values, 2)

    @property
    def label(self) -> str:
        """Label of the axis."""
        return "Time (ms)" if self.unit == "ms" else "Time (steps)"

    def put_on(self, ax: Axes) -> None:
        """Set limits and ticks of an x axis."""
        ax.set_xlim(*self.edges)
        ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 2.5, 5, 10]))


def save(figure: Figure, fname: str | Path) -> Path:
    """Save a figure, completely or not at all.

    Args:
        figure: The figure.
        fname: A file; without a known extension ``.png`` is added. Folders are made.

    Returns:
        The file that was written.
    """
    path = Path(fname).expanduser()
    if path.suffix.lower().lstrip(".") not in figure.canvas.get_supported_filetypes():
        path = path.with_name(path.name + ".png")
    with atomic_write(path) as aside:
        figure.savefig(aside)
    return path
