from __future__ import annotations

import numpy as np

import ngym_core as ngym


def test_ibl20_blocks_bias_the_side():
    trials = ngym.make("perceptualdecisionmaking.ibl20-v0").sample_trials(18_000, seed=0)
    block, side = trials.conditions["block"], trials.conditions["ground_truth"]
    assert np.array_equal(block, np.arange(18_000) // 90 % 2)
    # 9,000 trials each: four standard errors are 0.017
    assert abs(side[block == 0].mean() - 0.2) < 0.017
    assert abs(side[block == 1].mean() - 0.8) < 0.017


def test_roitman02_ground_truth_starts_with_the_stimulus():
    trials = ngym.make("perceptualdecisionmaking.roitman02-v0").sample_trials(5, seed=0)
    assert trials.gt.shape[1] == 21
    assert (trials.gt[:, 2:] == trials.conditions["ground_truth"][:, None] + 1).all()
    assert (trials.gt[:, :2] == 0).all()


def test_roitman02_ends_trials_in_which_fixation_is_broken():
    env = ngym.make("perceptualdecisionmaking.roitman02-v0")
    env.reset(seed=0)
    *_, info = env.step(1)
    assert (bool(info["new_trial"]), info["performance"]) == (True, 0)
    assert not ngym.make("perceptualdecisionmaking.roitman02-v0", abort=False).unwrapped.abort


def test_priors_v0_changes_the_number_of_choices():
    env = ngym.make("priors.priors_v0-v0", var_nch_kwargs={"block_nch": 50}, dim_ring=4)
    c = env.sample_trials(2000, seed=0).conditions
    assert set(c["n_choices"]) == {2, 3, 4}
    assert (c["ground_truth"] < c["n_choices"]).all()
    assert env.observation_space.shape == (7,)
    assert ngym.make("priors.priors_v0-v0", timing={"decision": 300}).timing["fixation"] == 500
