"""Style, colours, time axis and saving: what all figures share."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
from matplotlib import colormaps, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.colors import to_hex
from matplotlib.figure import Figure, FigureBase, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.arguments import Count, InstanceOf, PathTo, checked, explained, require_finite
from ngym_core.files import atomic_write
from ngym_plot.config import PlotConfig

__all__ = [
    "FIGURE_SUFFIXES",
    "MAX_POINTS",
    "FigureFile",
    "GivenAxes",
    "GivenFigure",
    "TimeAxis",
    "axes_or_new",
    "draw_reference_line",
    "group_colors",
    "new_figure",
    "palette_color",
    "save_figure",
    "style",
]

Array: TypeAlias = NDArray[Any]

FIGURE_SUFFIXES = tuple(f".{name}" for name in FigureCanvasBase.get_supported_filetypes())
"""Suffixes of the files that matplotlib can write."""
FigureFile: TypeAlias = Annotated[str | Path, PathTo(*FIGURE_SUFFIXES, "")]
"""A file for a figure; without a suffix it gets ``.png``."""
GivenAxes: TypeAlias = Annotated[Axes, InstanceOf(Axes, "axes of matplotlib")]
"""Axes of the caller to draw into."""
GivenFigure: TypeAlias = Annotated[Figure | SubFigure, InstanceOf(FigureBase, "a figure or a subfigure of matplotlib")]
"""A figure of the caller to draw into."""
MAX_POINTS = 12
"""Up to this many values of evidence get a point each in a curve; more of them are put into bins."""


_MAX_OPEN_FIGURES = 10
"""pyplot keeps this many of our figures where no window shows them; matplotlib warns of more than 20 figures."""
_FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Backends of matplotlib whose figures nobody sees, and so nobody closes."""
_open_figures: deque[weakref.ref[Figure]] = deque()
"""Our figures that pyplot keeps, the oldest first."""


@checked
@contextmanager
def style(config: Annotated[PlotConfig, InstanceOf(PlotConfig, "a PlotConfig")] | None = None) -> Iterator[None]:
    """Draw in the style of ngym; the caller's matplotlib settings are restored afterwards."""
    with matplotlib.style.context("ngym_plot.ngym"), rc_context((config or PlotConfig()).rc):
        yield


@cache
def _palette() -> list[str]:
    with style():
        return list(rcParams["axes.prop_cycle"].by_key()["color"])


@explained
def palette_color(k: int) -> str:
    """Return the k-th colour of the style, starting again after the last."""
    # Not f"C{k}": matplotlib resolves that when the figure is drawn, in whatever style is active then.
    colors = _palette()
    return colors[k % len(colors)]


@checked
def group_colors(n: Count) -> list[str]:
    """Return n different colours: those of the style or, where there are too few, n steps of a colour map."""
    if n <= len(_palette()):
        return _palette()[:n]
    # The brightest 8 % of the map are too pale on white.
    return [to_hex(colormaps["viridis"](k / (n - 1) * 0.92)) for k in range(n)]


@checked
def axes_or_new(ax: GivenAxes | None, figsize: tuple[float, float] = (4.0, 3.2)) -> Axes:
    """Return the caller's axes or, for None, those of a new figure (width, height in inches)."""
    return new_figure(figsize=figsize).add_subplot() if ax is None else ax


def new_figure(**options: Any) -> Figure:
    """Make the current figure of pyplot.

    Without windows pyplot would keep every figure for good: it forgets our oldest ones, which stay what they are for
    whoever holds them.

    Args:
        options: Passed to `matplotlib.pyplot.figure`.

    Returns:
        The figure.
    """
    figure = plt.figure(**options)
    if plt.get_backend().lower() in _FILE_BACKENDS:
        _open_figures.append(weakref.ref(figure))
        while len(_open_figures) > _MAX_OPEN_FIGURES:
            oldest = _open_figures.popleft()()
            if oldest is not None and oldest is not figure:
                plt.close(oldest)
    return figure


@explained
def draw_reference_line(ax: Axes, *, x: float | None = None, y: float | None = None) -> None:
    """Draw a dashed grey line behind the data, for example at chance level or at zero evidence."""
    options: dict[str, Any] = {"color": "0.7", "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 0.5}
    if x is not None:
        ax.axvline(x, **options)
    if y is not None:
        ax.axhline(y, **options)


@dataclass(frozen=True)
class TimeAxis:
    """The x axis of T time steps, in steps or in ms.

    In steps, step k (counted from 1) is centred on k; in ms, it lasts from (k - 1) dt to k dt.

    Args:
        steps: Number of steps T.
        dt: Time step in ms; an axis in steps ignores it.
        unit: ``steps`` or ``ms``.
        steps_before_zero: Number of steps before time 0.
    """

    steps: int
    dt: float
    unit: str
    steps_before_zero: int = 0

    @property
    def centers(self) -> Array:
        """Centre of each step, (T,)."""
        return np.asarray(self.start_of(np.arange(1, self.steps + 1)) + (0.5 * self.dt if self.unit == "ms" else 0.5))

    @property
    def edges(self) -> tuple[float, float]:
        """Start of the first step and end of the last."""
        return float(self.start_of(1)), float(self.start_of(self.steps + 1))

    @explained
    def start_of(self, step: Any) -> Any:
        """Return the position at which a step begins; the first of the T steps is 1."""
        require_finite(step, step=step)
        steps_since_zero = np.asarray(step) - 1 - self.steps_before_zero
        return steps_since_zero * self.dt if self.unit == "ms" else steps_since_zero + 0.5

    def staircase(self, values: Array) -> tuple[Array, Array]:
        """Return the line that holds each of (T,) values for its whole step: x (2 T,) and y (2 T,)."""
        return np.repeat(self.start_of(np.arange(1, self.steps + 2)), 2)[1:-1], np.repeat(values, 2)

    @property
    def label(self) -> str:
        """Label of the axis."""
        return "Time (ms)" if self.unit == "ms" else "Time (steps)"

    @explained
    def apply_to(self, ax: Axes) -> None:
        """Set the limits and ticks of the x axis."""
        ax.set_xlim(*self.edges)
        ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 2.5, 5, 10]))


@checked
def save_figure(figure: Figure, fname: FigureFile) -> Path:
    """Save a figure; the file is complete or absent.

    Args:
        figure: The figure.
        fname: The file, in a format that matplotlib writes; ``.png`` is added to a name without a suffix. Missing folders
            are made.

    Returns:
        The file that was written.

    Raises:
        ValueError: A suffix that is no format, or no name of a file.
    """
    path = Path(fname).expanduser()
    if not path.name:
        raise ValueError(f"fname={str(fname)!r} must name a file, such as 'figure.png', not a folder.")
    path = path if path.suffix else path.with_suffix(".png")
    with atomic_write(path) as temporary:
        figure.savefig(temporary)
    return path
