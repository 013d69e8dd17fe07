"""Figures of cognitive tasks, behaviour and activity. matplotlib is loaded when the first one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core.lazy import attach

if TYPE_CHECKING:
    from ngym_core.rollout import run_env
    from ngym_plot.config import PlotConfig
    from ngym_plot.images import plot_env_3dbox
    from ngym_plot.psychometric import PsychometricFit, fit_psychometric, plot_psychometric
    from ngym_plot.run import plot_env, plot_env_1dbox, visualize_run
    from ngym_plot.session import plot_session
    from ngym_plot.trial import plot_trial

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
    "plot_session",
    "plot_trial",
    "run_env",
    "visualize_run",
]

__getattr__ = attach(
    __name__,
    {
        "config": ["PlotConfig"],
        "images": ["plot_env_3dbox"],
        "ngym_core.rollout": ["run_env"],
        "psychometric": ["PsychometricFit", "fit_psychometric", "plot_psychometric"],
        "run": ["plot_env", "plot_env_1dbox", "visualize_run"],
        "session": ["plot_session"],
        "trial": ["plot_trial"],
    },
)
