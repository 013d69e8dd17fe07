from __future__ import annotations

import numpy as np

import ngym_core as ngym


def test_context_switch_reverses_the_mapping():
    env = ngym.make("ContextSwitch")
    trials = env.sample_trials(20_000, seed=0)
    context, cue = trials.conditions["context"], trials.conditions["cue"]
    assert (trials.gt[:, 0] == np.where(context == 0, cue, 1 - cue)).all()
    assert (trials.ob[:, 0].argmax(axis=1) == cue).all()
    assert abs((np.diff(context) != 0).mean() - 0.1) < 3 * np.sqrt(0.09 / 20_000)
    first = [ngym.make("ContextSwitch").sample_trials(1, seed=s).conditions["context"][0] for s in range(400)]
    assert abs(np.mean(first) - 0.1) < 3 * np.sqrt(0.09 / 400)
