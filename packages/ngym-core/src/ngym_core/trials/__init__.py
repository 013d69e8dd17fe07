"""Trials: from what a task says in `_new_trials` to arrays."""

from __future__ import annotations

from ngym_core.trials.batch import Trial, Trials

__all__ = ["Trial", "Trials"]
