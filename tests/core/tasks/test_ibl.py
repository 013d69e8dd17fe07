from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_ibl_stimulus_has_the_drawn_coherence():
    trials = ngym.make("IBL").sample_trials(20_000, seed=0)
    side, coh = trials.conditions["ground_truth"], trials.conditions["coh"]
    shown = trials.ob[np.arange(20_000), 0, side] - trials.ob[np.arange(20_000), 0, 1 - side]
    for c in np.unique(coh):
        differences = shown[coh == c]
        assert abs(differences.mean() - c / 100) < 4 * 0.1 * np.sqrt(2 / len(differences))
    assert abs(side.mean() - 0.5) < 3 * np.sqrt(0.25 / 20_000)
    assert (trials.lengths == 1).all()
    assert (trials.conditions["block"] == 0).all()


def test_ibl_block_biases_the_side():
    trials = ngym.make("IBL_Block").sample_trials(40_000, seed=0)
    block, side = trials.conditions["block"], trials.conditions["ground_truth"]
    blocks = block.reshape(200, 200)
    assert (blocks == blocks[:, :1]).all()
    for index, p in enumerate((0.8, 0.2, 0.5)):
        assert abs((blocks[:, 0] == index).mean() - 1 / 3) < 0.1
        assert abs(side[block == index].mean() - p) < 0.02
    assert (ngym.make("IBL_Block").sample_trials(300, seed=0, block=1).conditions["block"] == 1).all()


@pytest.mark.parametrize("id_", ["IBL", "IBL_Block"])
def test_ibl_rewards_the_side_that_was_shown(id_):
    env = ngym.make(id_)
    env.reset(seed=0)
    for k in range(50):
        truth = env.gt_now
        _, reward, _, _, info = env.step(k % 2)
        assert reward == float(truth == k % 2)
        assert (info["new_trial"], info["performance"]) == (True, reward)
