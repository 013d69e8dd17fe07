"""Figures of cognitive tasks, behaviour and activity. matplotlib is loaded when the first one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ngym_core.rollout import run_env
    from ngym_plot.config import PlotConfig
    from ngym_plot.images import plot_env_3dbox
    from ngym_plot.psychometric import PsychometricFit, fit_psychometric, plot_psychometric
    from ngym_plot.run import plot_env, plot_env_1dbox, visualize_run

__version__ = "0.1.0"

__all__ = [
    "PlotConfig",
    "PsychometricFit",
    "__version__",
    "fit_psychometric",
    "plot_env",
    "plot_env_1dbox",
    "plot_env_3dbox",
    "plot_psychometric",
    "run_env",
    "visualize_run",
]

_HOMES = {
    "PlotConfig": "ngym_plot.config",
    "PsychometricFit": "ngym_plot.psychometric",
    "fit_psychometric": "ngym_plot.psychometric",
    "plot_env": "ngym_plot.run",
    "plot_env_1dbox": "ngym_plot.run",
    "plot_env_3dbox": "ngym_plot.images",
    "plot_psychometric": "ngym_plot.psychometric",
    "run_env": "ngym_core.rollout",
    "visualize_run": "ngym_plot.run",
}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
