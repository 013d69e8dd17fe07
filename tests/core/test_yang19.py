from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

MATCH = ["yang19.dms-v0", "yang19.dnms-v0", "yang19.dmc-v0", "yang19.dnmc-v0"]


def test_the_collection_keeps_its_order():
    names = "go rtgo dlygo anti rtanti dlyanti dm1 dm2 ctxdm1 ctxdm2 multidm dlydm1 dlydm2 ctxdlydm1 ctxdlydm2 multidlydm"
    assert ngym.get_collection("yang19") == [f"yang19.{n}-v0" for n in f"{names} dms dnms dmc dnmc".split()]


@pytest.mark.parametrize("id_", ["yang19.go-v0", "yang19.dmc-v0"])
def test_modalities_alternate_from_the_first_on(id_):
    trials = ngym.make(id_).sample_trials(6, seed=3)
    assert trials.conditions["modality"].tolist() == [0, 1, 0, 1, 0, 1]
    shown = [trials.ob[..., 1:17].any(axis=(1, 2)), trials.ob[..., 17:].any(axis=(1, 2))]
    assert np.array_equal(shown, [[True, False] * 3, [False, True] * 3])
    forced = ngym.make(id_).sample_trials(6, seed=3, modality=1)
    assert not forced.ob[..., 1:17].any()
    both = np.where(trials.ob[..., 1:17].any(axis=(1, 2))[:, None, None], trials.ob[..., 1:17], trials.ob[..., 17:])
    assert np.array_equal(forced.ob[..., 17:], both)


def test_a_delay_of_ones_own_keeps_the_other_periods():
    assert ngym.make("yang19.dlygo-v0", timing={"stimulus": 300}).timing["delay"] == 500


def test_any_number_of_directions_has_that_many_angles():
    for n in (61, 122, 343):
        assert ngym.make("yang19.go-v0", dim_ring=n).theta.shape == (n,)
    with pytest.raises(ValueError, match="dim_ring=15 must be even"):
        ngym.make("yang19.dms-v0", dim_ring=15)
    with pytest.raises(ValueError, match="dim_ring=1 must be at least 2"):
        ngym.make("yang19.dm1-v0", dim_ring=1)
    with pytest.raises(TypeError, match=r"yang19.go-v0 has no parameter 'dimring'. Did you mean 'dim_ring'"):
        ngym.make("yang19.go-v0", dimring=8)


@pytest.mark.parametrize("id_", MATCH)
def test_withholding_in_a_trial_without_response_is_rewarded(id_):
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


def test_categories_are_the_halves_of_the_ring():
    trials = ngym.make("yang19.dmc-v0").sample_trials(4000, seed=0)
    sample, test = (trials.conditions[f"{name}_theta"] >= np.pi for name in ("sample", "test"))
    assert np.array_equal(sample == test, trials.conditions["ground_truth"] == "match")
    assert np.isin(8, trials.conditions["sample"])


@pytest.mark.parametrize("id_", ["yang19.multidm-v0", "yang19.ctxdlydm2-v0", "yang19.dm1-v0"])
def test_a_forced_ground_truth_moves_the_stronger_stimulus(id_):
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


def test_the_modality_that_counts_decides():
    trials = ngym.make("yang19.ctxdm2-v0").sample_trials(300, seed=2)
    c = trials.conditions
    right = np.where(c["coh1_mod2"] > c["coh2_mod2"], c["i1"], c["i2"])
    assert np.array_equal(right, c["ground_truth"])
    assert (np.where(c["coh1_mod1"] > c["coh2_mod1"], c["i1"], c["i2"]) != c["ground_truth"]).any()
    with pytest.raises(ValueError, match=r"cohs=\[0.5\] must have at least two strengths"):
        ngym.make("yang19.dlydm1-v0", cohs=[0.5]).reset()


def test_blocks_of_the_international_brain_laboratory():
    trials = ngym.make("perceptualdecisionmaking.ibl20-v0").sample_trials(18_000, seed=0)
    block, side = trials.conditions["block"], trials.conditions["ground_truth"]
    assert np.array_equal(block, np.arange(18_000) // 90 % 2)
    # 9,000 trials each: four standard errors are 0.017
    assert abs(side[block == 0].mean() - 0.2) < 0.017
    assert abs(side[block == 1].mean() - 0.8) < 0.017


def test_early_answers_are_seen_by_data_sets():
    trials = ngym.make("perceptualdecisionmaking.roitman02-v0").sample_trials(5, seed=0)
    assert trials.gt.shape[1] == 21
    assert (trials.gt[:, 2:] == trials.conditions["ground_truth"][:, None] + 1).all()
    assert (trials.gt[:, :2] == 0).all()


def test_priors_change_the_number_of_choices():
    env = ngym.make("priors.priors_v0-v0", var_nch_kwargs={"block_nch": 50}, dim_ring=4)
    c = env.sample_trials(2000, seed=0).conditions
    assert set(c["n_choices"]) == {2, 3, 4}
    assert (c["ground_truth"] < c["n_choices"]).all()
    assert env.observation_space.shape == (7,)
    assert ngym.make("priors.priors_v0-v0", timing={"decision": 300}).timing["fixation"] == 500
