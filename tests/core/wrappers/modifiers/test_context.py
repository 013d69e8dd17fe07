from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("id_", ["yang19.go-v0", "yang19.dms-v0", "yang19.dm1-v0", "yang19.dm2-v0"])
@pytest.mark.parametrize("n", [4, 200])
def test_context_shows_the_stimulus_in_one_modality_and_a_turned_one_in_the_other(id_, n):
    plain, trials = ngym.make(id_).sample_trials(n, seed=0), ngym.make(f"{id_}+context").sample_trials(n, seed=0)
    for old, new in zip(plain, trials, strict=True):
        context, turn = new.conditions["context"], new.conditions["distractor"]
        used = old.conditions.get("modality", int(id_ == "yang19.dm2-v0"))
        assert context == old.conditions.get("modality", context)
        stimulus = old.ob[:, 1 + 16 * used : 17 + 16 * used]
        np.testing.assert_array_equal(new.ob[:, 1 + 16 * context : 17 + 16 * context], stimulus)
        other = new.ob[:, 17 - 16 * context : 33 - 16 * context]
        np.testing.assert_array_equal(other, np.roll(stimulus, turn, axis=1))
        np.testing.assert_array_equal(new.ob[:, 33:], np.eye(2)[[context] * len(new.ob)])
        np.testing.assert_array_equal(new.ob[:, 0], old.ob[:, 0])
        np.testing.assert_array_equal(new.gt, old.gt)
    if n > 100:
        assert set(trials.conditions["distractor"]) == set(range(16))
        assert abs(trials.conditions["context"].mean() - 0.5) < 0.1


def test_context_adds_a_second_ring_where_there_is_one():
    plain = ngym.make("PerceptualDecisionMaking-v0").sample_trials(60, seed=0)
    env = ngym.make("PerceptualDecisionMaking-v0+context")
    trials = env.sample_trials(60, seed=0)
    context, turn = trials.conditions["context"], trials.conditions["distractor"]
    for k in range(60):
        shown = plain.ob[k, :, 1:3]
        rings = [trials.ob[k, :, 1:3], trials.ob[k, :, 3:5]]
        np.testing.assert_array_equal(rings[context[k]], shown)
        np.testing.assert_array_equal(rings[1 - context[k]], np.roll(shown, turn[k], axis=1))
    assert env.observation_space.shape == (7,)


def test_answer_follows_the_modality_that_the_cue_names():
    trials = ngym.make("yang19.go-v0+context").sample_trials(200, seed=0)
    rows = np.arange(200)
    shown = trials.ob[rows, trials.start["stimulus"]]
    places = np.stack([shown[:, 1:17].argmax(axis=1), shown[:, 17:33].argmax(axis=1)], axis=1)
    counts = shown[:, 33:].argmax(axis=1)
    np.testing.assert_array_equal(places[rows, counts] + 1, trials.gt[rows, trials.start["decision"]])
    assert (places[rows, 1 - counts] != places[rows, counts]).mean() > 0.85


@pytest.mark.parametrize(
    ("id_", "message"),
    [
        ("yang19.multidm-v0+context", "shows both modalities already; Context needs a task that shows one at a time"),
        ("yang19.go-v0+context+context", "has two modalities and a cue already: use one modifier Context"),
        ("ContextDecisionMaking-v0+context", "Context needs a ring of stimulus channels, called 'stimulus'"),
        ("RandomDotMotion-v0+context", "Context adds channels to a vector of them"),
        ("GoNogo-v0+context", "Context needs choices on a ring"),
    ],
)
def test_context_refuses_what_makes_no_sense(id_, message):
    with pytest.raises(ValueError, match=message):
        ngym.make(id_)


def test_context_refuses_a_wrapper_inside_that_changes_steps():
    with pytest.raises(ValueError, match="Context adds channels to trials, and Noise inside of it works step by step"):
        ngym.make("yang19.go-v0", wrappers=["Noise", "Context"])
