from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("id_", ["yang19.multidm-v0", "yang19.ctxdlydm2-v0", "yang19.dm1-v0"])
def test_decision_forced_ground_truth_moves_the_stronger_stimulus(id_):
    env = ngym.make(id_)
    free, forced = env.sample_trials(300, seed=1), env.sample_trials(300, seed=1, ground_truth=5)
    assert np.array_equal(free.lengths, forced.lengths)
    last = forced.gt[np.arange(300), forced.lengths - 1]
    assert (last == 6).all()
    assert (forced.conditions["i1"] != forced.conditions["i2"]).all()
    assert ((forced.conditions["i1"] == 5) | (forced.conditions["i2"] == 5)).all()
    for m in (1, 2):
        if f"coh1_mod{m}" in free.conditions:
            assert np.array_equal(free.conditions[f"coh1_mod{m}"], forced.conditions[f"coh1_mod{m}"])


@pytest.mark.parametrize("id_", ["yang19.dm1-v0", "yang19.dlydm1-v0"])
def test_decision_draws_the_first_direction_among_those_that_a_forced_second_leaves(id_):
    env = ngym.make(id_)
    free, forced = env.sample_trials(3000, seed=0), env.sample_trials(3000, seed=0, i2=3)
    assert (forced.conditions["i2"] == 3).all()
    counts = np.bincount(forced.conditions["i1"], minlength=16)
    assert counts[3] == 0
    assert np.abs(np.delete(counts, 3) - 200).max() < 60
    others = free.conditions["i1"] != 3  # what need not change does not
    assert np.array_equal(free.conditions["i1"][others], forced.conditions["i1"][others])
    assert np.array_equal(free.lengths, forced.lengths)


def test_decision_follows_the_relevant_modality():
    trials = ngym.make("yang19.ctxdm2-v0").sample_trials(300, seed=2)
    c = trials.conditions
    right = np.where(c["coh1_mod2"] > c["coh2_mod2"], c["i1"], c["i2"])
    assert np.array_equal(right, c["ground_truth"])
    assert (np.where(c["coh1_mod1"] > c["coh2_mod1"], c["i1"], c["i2"]) != c["ground_truth"]).any()
    with pytest.raises(ValueError, match=r"cohs=\[0.5\] must have at least two strengths"):
        ngym.make("yang19.dlydm1-v0", cohs=[0.5]).reset()
