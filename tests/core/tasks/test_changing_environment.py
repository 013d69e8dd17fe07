from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.wrappers.random_ground_truth import RandomGroundTruth
from tests.golden.reference import ReferenceDraws, draw_from

from .digests import digest


def changing_environment(p):
    """Six trials as the sheet says, context 0 before the first, without the cue."""
    rs, durations, context = np.random.RandomState(0), np.random.RandomState(0), 0
    for _ in range(6):
        context = 1 - context if rs.rand() < p else context
        side, coh = rs.choice([1, 2]), rs.choice(np.array([0, 6.4, 12.8, 25.6, 51.2]))
        while not 500 <= (ms := durations.exponential(1000)) < 1500:
            pass
        stop = 5 + int(ms // 100)
        ob, gt = np.zeros((stop + 5, 3), np.float32), np.zeros(stop + 5, np.int64)
        ob[:5, 0] = 1
        ob[5:stop, 1:] = (1 - coh / 100) / 2
        ob[5:stop, side] = (1 + coh / 100) / 2
        ob[5:stop, 1:] += rs.randn(stop - 5, 2) * (1 / np.sqrt(100))
        gt[stop:] = side + 2 * context
        yield ob, gt


@pytest.mark.parametrize(("p", "recorded"), [(0.001, "3b2f09b679722349"), (0.3, "8e820fd0fef3f372")])
def test_changing_environment_replays_the_reference(p, recorded):
    expected = list(changing_environment(p))
    assert digest(expected) == recorded
    env, draws = ngym.make("ChangingEnvironment", cxt_ch_prob=p), ReferenceDraws(0)
    draw_from(env, draws)
    draws.carried["context"] = 0
    for ob, gt in expected:
        (trial,) = env.sample_trials(1, draws=draws)
        assert np.allclose(trial.ob, ob, rtol=0, atol=2e-6)
        assert trial.gt.tolist() == gt.tolist()


def test_changing_environment_carries_its_context_and_restarts_it_with_the_seed():
    env = ngym.make("ChangingEnvironment", cxt_ch_prob=0.1)
    context = env.sample_trials(5000, seed=0).conditions["context"]
    assert abs((np.diff(context) != 0).mean() - 0.1) < 3 * np.sqrt(0.09 / 5000)
    firsts = [env.sample_trials(1, seed=s).conditions["context"][0] for s in range(200)]
    assert 70 < sum(firsts) < 130
    forced = env.sample_trials(200, seed=0, context=np.arange(200) % 2).conditions
    free = env.sample_trials(200, seed=0).conditions
    assert forced["context"].tolist() == [0, 1] * 100
    assert (forced["side"] == free["side"]).all()


def test_changing_environment_cue_adds_only_the_context_channel():
    plain, cued = (
        ngym.make("ChangingEnvironment", cxt_cue=cue, cxt_ch_prob=0.3).sample_trials(50, seed=0) for cue in (0, 1)
    )
    assert np.array_equal(plain.ob, cued.ob[..., 1:])
    assert np.array_equal(cued.ob[..., 0], cued.conditions["context"][:, None] * cued.mask)


def test_changing_environment_forced_ground_truth_sets_side_and_context():
    env = ngym.make("ChangingEnvironment", sigma=0)
    trials = env.sample_trials(4, seed=0, ground_truth=[1, 2, 3, 4], coh=51.2)
    assert trials.conditions["side"].tolist() == [1, 2, 1, 2]
    assert trials.conditions["context"].tolist() == [0, 0, 1, 1]
    assert trials.ob[:, 7, 1:].argmax(axis=1).tolist() == [0, 1, 0, 1]
    assert [trial.gt[-1] for trial in trials] == [1, 2, 3, 4]
    assert env.sample_trials(4, seed=0, side=2).conditions["side"].tolist() == [2] * 4
    with pytest.raises(ValueError, match="'ground_truth' is forced to 5"):
        env.sample_trials(4, ground_truth=5)
    wrapped = RandomGroundTruth(env, p=[0.1, 0.2, 0.3, 0.4])
    truths = wrapped.sample_trials(5000, seed=0).gt.max(axis=1)
    assert np.abs(np.bincount(truths) / 5000 - [0, 0.1, 0.2, 0.3, 0.4]).max() < 0.02
