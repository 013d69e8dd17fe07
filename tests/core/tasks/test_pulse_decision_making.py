from __future__ import annotations

import numpy as np

import ngym_core as ngym


def test_pulse_decision_making_swaps_sides_for_a_forced_ground_truth():
    env = ngym.make("PulseDecisionMaking")
    free, forced = env.sample_trials(500, seed=0), env.sample_trials(500, seed=0, ground_truth=1)
    first, second = (forced.conditions[f"pulse{i}"].sum(axis=1) for i in (1, 2))
    assert (first <= second).all()
    assert (forced.gt.max(axis=1) == 2).all()
    same = free.conditions["ground_truth"] == 1
    assert np.array_equal(free.ob[same], forced.ob[same])
    assert np.array_equal(
        free.ob[~same][..., [0, 2, 1]][first[~same] != second[~same]], forced.ob[~same][first[~same] != second[~same]]
    )
