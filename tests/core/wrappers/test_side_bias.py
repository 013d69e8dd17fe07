from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_side_bias_has_blocks_with_their_probabilities():
    env = make(("SideBias", {"probs": [[0.9, 0.1], [0.2, 0.8]], "block_dur": 50}))
    conditions = env.sample_trials(20_000, seed=1).conditions
    block, truth = conditions["block"], conditions["ground_truth"]
    assert np.array_equal(conditions["probs"], np.array([[0.9, 0.1], [0.2, 0.8]])[block])
    assert (np.diff(np.flatnonzero(np.diff(block))) == 50).all()
    for i, p in enumerate((0.1, 0.8)):
        assert truth[block == i].mean() == pytest.approx(p, abs=0.02)
    first = [env.sample_trials(60, seed=s).conditions["block"] for s in range(20)]
    assert {b[0] for b in first} == {0, 1}
    assert all((b[:50] == b[0]).all() and b[50] != b[0] for b in first)


@pytest.mark.parametrize(
    ("probs", "error", "message"),
    [
        (None, TypeError, r"probs=None must be a list of blocks, each with the probabilities of the 2 choices"),
        ([0.5, 0.5], TypeError, "must be a list of blocks"),
        ([["a", "b"]], TypeError, "must be a list of blocks"),
        ([], ValueError, "there are 2 choices"),
        ([[0.2, 0.3, 0.5]], ValueError, "there are 2 choices"),
        ([[1.2, -0.2]], ValueError, "must not have negative probabilities"),
        ([[0.5, 0.6]], ValueError, r"must sum to 1, not \[1\.1\]"),
    ],
)
def test_side_bias_rejects_invalid_probabilities(probs, error, message):
    with pytest.raises(error, match=message):
        make(("SideBias", {"probs": probs}))
    assert make(("SideBias", {"probs": np.array([[0.5, 0.5]]), "block_dur": 0.5})).n_block == 1


def test_side_bias_rejects_a_task_without_choices():
    with pytest.raises(AttributeError, match="SideBias requires task to have attribute choices"):
        make(("SideBias", {"probs": [[0.5, 0.5]]}), id_="ReadySetGo-v0")
