"""N lanes of one task, array in, array out."""

from __future__ import annotations

from ngym_core.vector.env import TrialVectorEnv

__all__ = ["TrialVectorEnv"]
