"""Vector envs: N lanes of one task, and the randomness that they share a call for."""

from __future__ import annotations

from ngym_core.vector.batched_draws import BatchedDraws, can_batch
from ngym_core.vector.env import LaneStep, TrialVectorEnv

__all__ = ["BatchedDraws", "LaneStep", "TrialVectorEnv", "can_batch"]
