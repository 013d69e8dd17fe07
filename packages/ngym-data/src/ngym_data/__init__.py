"""Batches of cognitive-task trials for supervised training, seeded and fast."""

from ngym_data.dataset import Dataset
from ngym_data.trial_dataset import TrialDataset

__version__ = "0.1.0"

__all__ = ["Dataset", "TrialDataset", "__version__"]
