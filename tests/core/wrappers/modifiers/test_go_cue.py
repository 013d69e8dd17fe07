from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("id_", ["yang19.dm1-v0", "yang19.go-v0", "DelayMatchCategory-v0", "ContextDecisionMaking-v0"])
@pytest.mark.parametrize("n", [4, 100])
def test_go_cue_is_on_in_the_decision_only(id_, n):
    plain, env = ngym.make(id_), ngym.make(f"{id_}+go_cue")
    decision, channel = plain.unwrapped.rule.decision, env.observation_space.name["go_cue"]
    for old, new in zip(plain.sample_trials(n, seed=0), env.sample_trials(n, seed=0), strict=True):
        step = np.arange(len(new.ob))
        on = (step >= new.start[decision]) & (step < new.end[decision])
        np.testing.assert_array_equal(new.ob[:, channel], on)
        np.testing.assert_array_equal(new.ob[:, :channel], old.ob)
        np.testing.assert_array_equal(new.gt, old.gt)


def test_go_cues_have_different_names():
    assert list(ngym.make("yang19.go-v0+go_cue+go_cue").observation_space.name)[-2:] == ["go_cue", "GoCue_go_cue"]


@pytest.mark.parametrize(
    ("id_", "message"),
    [
        ("Detection-v0+go_cue", "GoCue needs a task that takes answers in a decision period"),
        ("RandomDotMotion-v0+go_cue", "GoCue adds channels to a vector of them"),
        (
            "Bandit-v0+go_cue",
            "^GoCue needs a task in which an action is right if it equals the ground truth, such as one with",
        ),
        (
            "priors.priors_v0-v0+go_cue",
            "and PassReward inside of it works step by step, without these: put PassReward around it",
        ),
    ],
)
def test_go_cue_refuses_what_makes_no_sense(id_, message):
    with pytest.raises(ValueError, match=message):
        ngym.make(id_)
