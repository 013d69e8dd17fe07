"""PlotConfig: size, unit of time and resolution of figures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from ngym_core.arguments import Positive, Text, check_arguments
from ngym_core.errors import nearest

__all__ = ["PlotConfig", "TimeUnit"]

TimeUnit: TypeAlias = Literal["steps", "ms"]
"""Unit of a time axis."""


@dataclass(frozen=True)
class PlotConfig:
    """Settings of a figure.

    Args:
        width: Width of the figure in inches.
        panel_height: Height of a panel in inches.
        unit: Time axis in ``steps`` or ``ms``.
        font_size: Size of labels in points; other text is scaled with it.
        dpi: Resolution of saved figures in dots per inch.
        legend_location: Position of legends in the column beside the panels, as in matplotlib's ``loc``.

    Raises:
        TypeError: A size that is no number.
        ValueError: A size that is not positive and finite, or another unit.

    Example:
        >>> from ngym_plot import plot_trial
        >>> figure = plot_trial("GoNogo-v0", seed=0, plot_config=PlotConfig(width=5, unit="steps"))
        >>> figure = plot_trial("GoNogo-v0", seed=0, plot_config={"width": 5, "unit": "steps"})  # the same
    """

    width: Positive = 9.0
    panel_height: Positive = 1.2
    unit: TimeUnit = "steps"
    font_size: Positive = 9.0
    dpi: Positive = 200.0
    legend_location: Text = "upper left"

    def __post_init__(self) -> None:
        """Check the values."""
        check_arguments(type(self), vars(self))

    @classmethod
    def of(cls, config: Any) -> PlotConfig:
        """Return a config as it is, the default for None, or one made from a dictionary.

        Raises:
            TypeError: Something else, or a key that is not a setting.
        """
        if config is None:
            return cls()
        if isinstance(config, cls):
            return config
        if not isinstance(config, dict):
            raise TypeError(f"plot_config={config!r} must be a PlotConfig, a dictionary or None.")
        settings = [field.name for field in fields(cls)]
        for name in config:
            if name not in settings:
                raise TypeError(f"PlotConfig has no setting {name!r}. {nearest(name, settings)}")
        return cls(**config)

    @property
    def rc(self) -> dict[Any, float]:
        """The matplotlib settings (rcParams) for these sizes."""
        scale = self.font_size / 9  # the sizes below are those of the style, where labels have 9 points
        sizes = {"font.size": 9, "axes.labelsize": 9, "axes.titlesize": 10, "legend.fontsize": 8}
        sizes |= {"xtick.labelsize": 8, "ytick.labelsize": 8}
        return {**{key: size * scale for key, size in sizes.items()}, "savefig.dpi": self.dpi}
