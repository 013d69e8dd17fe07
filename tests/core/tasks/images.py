"""Small image tasks, and their conditions with the draws of the reference."""

from __future__ import annotations

import ngym_core as ngym
from tests.golden.reference import ReferenceDraws, draw_from

IDS = ["RandomDotMotion-v0", "SpatialSuppressMotionImage-v0", "VisualSearch-v0"]
SMALL = {"win_kwargs": {"size": (24, 16)}}


def recorded(id_, n):
    """Conditions of n trials with the draws of the reference after seed 0, and the ground truth."""
    env, draws = ngym.make(id_, **SMALL), ReferenceDraws(0)
    draw_from(env, draws)
    trials = [env.sample_trials(1, draws=draws) for _ in range(n)]
    return [{k: v[0].tolist() for k, v in t.conditions.items()} for t in trials], [t.gt[0] for t in trials]
