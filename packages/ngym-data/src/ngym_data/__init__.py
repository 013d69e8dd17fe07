"""Data sets of cognitive-task trials for supervised training. Modules are loaded when a name is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core.lazy import attach

if TYPE_CHECKING:
    from ngym_data.dataset import Dataset
    from ngym_data.export import SavedTrials, export_trials, load_trials, rerun
    from ngym_data.scoring import score
    from ngym_data.trial_dataset import TrialDataset

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "SavedTrials",
    "TrialDataset",
    "__version__",
    "export_trials",
    "load_trials",
    "rerun",
    "score",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        ".dataset": ["Dataset"],
        ".export": ["SavedTrials", "export_trials", "load_trials", "rerun"],
        ".scoring": ["score"],
        ".trial_dataset": ["TrialDataset"],
    },
)
