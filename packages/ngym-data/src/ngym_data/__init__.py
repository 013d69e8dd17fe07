"""Batches of cognitive-task trials for supervised training, seeded and fast."""

from ngym_data.dataset import Dataset

__version__ = "0.1.0"

__all__ = ["Dataset", "__version__"]
