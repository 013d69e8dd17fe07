from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_random_ground_truth_has_its_probabilities():
    truth = make(("RandomGroundTruth", {"p": [0.9, 0.1]})).sample_trials(10_000, seed=0).conditions["ground_truth"]
    assert (truth == 0).mean() == pytest.approx(0.9, abs=0.015)  # five errors
    forced = make("RandomGroundTruth").sample_trials(1000, seed=0, p=(1.0, 0.0), coh=25.6).conditions
    assert set(forced["ground_truth"]) == {0}
    assert set(forced["coh"]) == {25.6}


def test_random_ground_truth_samples_the_trials_that_are_played():
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("RandomGroundTruth-v0", {"p": [0.9, 0.1]})])
    sampled = env.sample_trials(2000, seed=0)
    assert sampled.conditions["ground_truth"].mean() == pytest.approx(0.1, abs=0.03)
    env.reset(seed=0)
    played = [env.trial["ground_truth"], *(env.new_trial()["ground_truth"] for _ in range(30))]
    assert played == sampled.conditions["ground_truth"][:31].tolist()
    assert env.sample_trials(50, seed=0, p=[0.0, 1.0], coh=0).conditions["ground_truth"].min() == 1
    plain = ngym.make("PerceptualDecisionMaking-v0").sample_trials(50, seed=0)
    assert np.array_equal(plain.conditions["coh"], sampled.conditions["coh"][:50])


@pytest.mark.parametrize("p", [[0.5], [1.0], [0.5, 0.6], [1.5, -0.5], [-0.5, 1.5]])
def test_random_ground_truth_rejects_invalid_probabilities(p):
    with pytest.raises(ValueError, match="must be 2 probabilities that sum to 1, one for each choice"):
        make(("RandomGroundTruth", {"p": p}))


def test_random_ground_truth_rejects_a_task_without_choices():
    with pytest.raises(AttributeError, match="RandomGroundTruth requires task to have attribute choices"):
        make("RandomGroundTruth", id_="ReadySetGo-v0")
