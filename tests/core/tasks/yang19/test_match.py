from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

MATCH = ["yang19.dms-v0", "yang19.dnms-v0", "yang19.dmc-v0", "yang19.dnmc-v0"]


@pytest.mark.parametrize("id_", MATCH)
def test_match_tasks_reward_withholding_without_a_response_due(id_):
    env = ngym.make(id_)
    go = "match" if id_ in MATCH[::2] else "non-match"
    paid = {}
    for truth in ("match", "non-match"):
        env.reset(seed=0)
        env.new_trial(ground_truth=truth)
        steps = [env.step(0) for _ in range(32)]
        paid[truth] = steps[-1][1], steps[-1][4]["performance"], sum(s[1] for s in steps)
    other = {"match": "non-match", "non-match": "match"}[go]
    assert paid == {go: (0.0, 0.0, 0.0), other: (1.0, 1.0, 1.0)}


def test_dmc_categories_are_the_halves_of_the_ring():
    trials = ngym.make("yang19.dmc-v0").sample_trials(4000, seed=0)
    sample, test = (trials.conditions[f"{name}_theta"] >= np.pi for name in ("sample", "test"))
    assert np.array_equal(sample == test, trials.conditions["ground_truth"] == "match")
    assert np.isin(8, trials.conditions["sample"])
