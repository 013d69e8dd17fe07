"""Figures of cognitive tasks, behaviour and activity. Modules, and matplotlib, are loaded when a name is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core.lazy import attach

if TYPE_CHECKING:
    from ngym_core.rollout import run_env
    from ngym_plot.activity import Recording, plot_activity, plot_population_state, plot_unit_traces
    from ngym_plot.animation import plot_env_3dbox
    from ngym_plot.behaviour import HistoryKernel, fit_history, plot_confusion, plot_delay_dependence, plot_history_kernel
    from ngym_plot.chronometric import plot_chronometric
    from ngym_plot.config import PlotConfig
    from ngym_plot.psychometric import (
        FitWarning,
        PsychometricFit,
        fit_psychometric,
        plot_psychometric,
        plot_psychometric_curves,
    )
    from ngym_plot.rollout import plot_env, plot_env_1dbox, visualize_run
    from ngym_plot.session import plot_session
    from ngym_plot.training import plot_training
    from ngym_plot.trial import plot_trial
    from ngym_plot.trial_table import signed_choices, stages

__version__ = "0.1.0"

__all__ = [
    "FitWarning",
    "HistoryKernel",
    "PlotConfig",
    "PsychometricFit",
    "Recording",
    "__version__",
    "fit_history",
    "fit_psychometric",
    "plot_activity",
    "plot_chronometric",
    "plot_confusion",
    "plot_delay_dependence",
    "plot_env",
    "plot_env_1dbox",
    "plot_env_3dbox",
    "plot_history_kernel",
    "plot_population_state",
    "plot_psychometric",
    "plot_psychometric_curves",
    "plot_session",
    "plot_training",
    "plot_trial",
    "plot_unit_traces",
    "run_env",
    "signed_choices",
    "stages",
    "visualize_run",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        ".activity": ["Recording", "plot_activity", "plot_population_state", "plot_unit_traces"],
        ".animation": ["plot_env_3dbox"],
        ".behaviour": ["HistoryKernel", "fit_history", "plot_confusion", "plot_delay_dependence", "plot_history_kernel"],
        ".chronometric": ["plot_chronometric"],
        ".config": ["PlotConfig"],
        ".psychometric": [
            "FitWarning",
            "PsychometricFit",
            "fit_psychometric",
            "plot_psychometric",
            "plot_psychometric_curves",
        ],
        ".rollout": ["plot_env", "plot_env_1dbox", "visualize_run"],
        ".session": ["plot_session"],
        ".training": ["plot_training"],
        ".trial": ["plot_trial"],
        ".trial_table": ["signed_choices", "stages"],
        "ngym_core.rollout": ["run_env"],
    },
)
