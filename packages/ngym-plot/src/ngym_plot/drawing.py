"""What every figure shares: the style, the time axis, and saving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.style
import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ngym_core.saving import complete_or_absent
from ngym_plot.config import PlotConfig

__all__ = ["Clock", "save", "style"]

Array: TypeAlias = NDArray[Any]


@contextmanager
def style(config: PlotConfig | None = None) -> Iterator[None]:
    """Draw in the style of ngym; the settings of the caller come back afterwards."""
    with matplotlib.style.context("ngym_plot.ngym"), rc_context((config or PlotConfig()).rc):
        yield


@dataclass(frozen=True)
class Clock:
    """The time axis: T steps, the first from 0 to one step.

    Args:
        steps: T.
        dt: Time step in ms, or 1 for an axis in steps.
        unit: ``steps`` or ``ms``.
    """

    steps: int
    dt: float
    unit: str

    @property
    def centers(self) -> Array:
        """Middle of each step, (T,)."""
        return (np.arange(self.steps) + 0.5) * self.dt if self.unit == "ms" else np.arange(1.0, self.steps + 1)

    @property
    def edges(self) -> tuple[float, float]:
        """Start of the first step and end of the last."""
        return (0.0, self.steps * self.dt) if self.unit == "ms" else (0.5, self.steps + 0.5)

    def start_of(self, step: Any) -> Any:
        """Where a step begins on the axis; steps count from 1."""
        return (np.asarray(step) - 1) * self.dt if self.unit == "ms" else np.asarray(step) - 0.5

    @property
    def label(self) -> str:
        """Label of the axis."""
        return "Time (ms)" if self.unit == "ms" else "Time (steps)"

    def put_on(self, ax: Axes) -> None:
        """Set limits and ticks of an x axis."""
        ax.set_xlim(*self.edges)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))


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
    with complete_or_absent(path) as aside:
        figure.savefig(aside)
    return path
