"""PlotConfig: how large, in which unit of time, and at which resolution figures are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["PlotConfig"]


@dataclass(frozen=True)
class PlotConfig:
    """Settings of a figure.

    Args:
        width: Width of the figure in inches.
        panel_height: Height of a panel in inches.
        unit: Time axis in ``steps`` or ``ms``.
        font_size: Size of all text in points, relative to the style's 9.
        dpi: Resolution of saved pictures.
        legend_location: Where legends stand beside their panel, as matplotlib names it.

    Raises:
        ValueError: A size that is not a positive number, or another unit.
    """

    width: float = 9.0
    panel_height: float = 1.2
    unit: str = "steps"
    font_size: float = 9.0
    dpi: float = 200.0
    legend_location: str = "upper left"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.unit not in ("steps", "ms"):
            raise ValueError(f"unit={self.unit!r} must be 'steps' or 'ms'.")
        for name in ("width", "panel_height", "font_size", "dpi"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise ValueError(f"{name}={value!r} must be a positive number.")

    @classmethod
    def of(cls, config: Any) -> PlotConfig:
        """Give the config itself, the default for None, or one made of a dictionary.

        Raises:
            TypeError: Something else, or a key that is no setting.
        """
        if config is None:
            return cls()
        if isinstance(config, cls):
            return config
        if isinstance(config, dict):
            wrong = set(config) - {f.name for f in fields(cls)}
            if not wrong:
                return cls(**config)
            raise TypeError(f"PlotConfig has no {sorted(wrong)}; it has {[f.name for f in fields(cls)]}.")
        raise TypeError(f"plot_config={config!r} must be a PlotConfig, a dictionary or None.")

    @property
    def rc(self) -> dict[Any, float]:
        """The matplotlib settings that follow from it."""
        scale = self.font_size / 9
        sizes = {"font.size": 9, "axes.labelsize": 9, "axes.titlesize": 10, "legend.fontsize": 8}
        sizes |= {"xtick.labelsize": 8, "ytick.labelsize": 8}
        return {**{key: size * scale for key, size in sizes.items()}, "savefig.dpi": self.dpi}
