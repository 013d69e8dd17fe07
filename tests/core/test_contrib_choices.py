from __future__ import annotations

import hashlib

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.vector.backends import LoopBackend, RuleBackend
from ngym_core.wrappers.random_ground_truth import RandomGroundTruth
from tests.golden.reference import ReferenceDraws, draw_from


def digest(trials):
    whole = hashlib.sha256()
    for ob, gt in trials:
        whole.update(ob.tobytes() + gt.tobytes())
    return whole.hexdigest()[:16]


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


def test_the_context_is_carried_from_trial_to_trial_and_restarts_with_the_seed():
    env = ngym.make("ChangingEnvironment", cxt_ch_prob=0.1)
    context = env.sample_trials(5000, seed=0).conditions["context"]
    assert abs((np.diff(context) != 0).mean() - 0.1) < 3 * np.sqrt(0.09 / 5000)
    firsts = [env.sample_trials(1, seed=s).conditions["context"][0] for s in range(200)]
    assert 70 < sum(firsts) < 130
    forced = env.sample_trials(200, seed=0, context=np.arange(200) % 2).conditions
    free = env.sample_trials(200, seed=0).conditions
    assert forced["context"].tolist() == [0, 1] * 100
    assert (forced["side"] == free["side"]).all()


def test_the_cue_shows_the_context_and_leaves_the_rest_as_it_is():
    plain, cued = (
        ngym.make("ChangingEnvironment", cxt_cue=cue, cxt_ch_prob=0.3).sample_trials(50, seed=0) for cue in (0, 1)
    )
    assert np.array_equal(plain.ob, cued.ob[..., 1:])
    assert np.array_equal(cued.ob[..., 0], cued.conditions["context"][:, None] * cued.mask)


def test_a_forced_ground_truth_decides_side_and_context():
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


def test_ibl_shows_the_side_faintly():
    trials = ngym.make("IBL").sample_trials(20_000, seed=0)
    side, coh = trials.conditions["ground_truth"], trials.conditions["coh"]
    shown = trials.ob[np.arange(20_000), 0, side] - trials.ob[np.arange(20_000), 0, 1 - side]
    for c in np.unique(coh):
        differences = shown[coh == c]
        assert abs(differences.mean() - c / 100) < 4 * 0.1 * np.sqrt(2 / len(differences))
    assert abs(side.mean() - 0.5) < 3 * np.sqrt(0.25 / 20_000)
    assert (trials.lengths == 1).all()
    assert (trials.conditions["block"] == 0).all()


def test_ibl_blocks_bias_the_side():
    trials = ngym.make("IBL_Block").sample_trials(40_000, seed=0)
    block, side = trials.conditions["block"], trials.conditions["ground_truth"]
    blocks = block.reshape(200, 200)
    assert (blocks == blocks[:, :1]).all()
    for index, p in enumerate((0.8, 0.2, 0.5)):
        assert abs((blocks[:, 0] == index).mean() - 1 / 3) < 0.1
        assert abs(side[block == index].mean() - p) < 0.02
    assert (ngym.make("IBL_Block").sample_trials(300, seed=0, block=1).conditions["block"] == 1).all()


@pytest.mark.parametrize(
    ("id_", "forced"),
    [
        ("IBL", {"block": 1}),
        ("IBL_Block", {"block": 3}),
        ("ChangingEnvironment", {"context": 2}),
        ("ContextSwitch", {"cue": 2}),
    ],
)
def test_forced_conditions_are_checked(id_, forced):
    with pytest.raises(ValueError, match=f"{next(iter(forced))!r} is forced to"):
        ngym.make(id_).sample_trials(3, **forced)


@pytest.mark.parametrize("id_", ["IBL", "IBL_Block"])
def test_ibl_pays_for_the_side_that_was_shown(id_):
    env = ngym.make(id_)
    env.reset(seed=0)
    for k in range(50):
        truth = env.gt_now
        _, reward, _, _, info = env.step(k % 2)
        assert reward == float(truth == k % 2)
        assert (info["new_trial"], info["performance"]) == (True, reward)


def test_the_opponent_plays_against_the_mean_of_the_actions():
    env = ngym.make("MatchingPenny", learning_rate=0.3)
    rng, mean = np.random.default_rng(0), 0.0
    ob, _ = env.reset(seed=0)
    for _ in range(300):
        opponent = int(mean <= 0.5)
        assert env.gt_now == opponent
        action = int(rng.random() < 0.7)
        ob, reward, _, _, info = env.step(action)
        mean += 0.3 * (action - mean)
        assert reward == float(action == opponent)
        assert ob.tolist() == np.eye(2)[opponent].tolist()
        assert info["trial"]["mean_action"] == pytest.approx(mean)
    env.reset(seed=0)
    assert env.trial["mean_action"] == 0


def test_an_agent_who_repeats_itself_loses_and_one_who_follows_the_truth_wins():
    env = ngym.make("MatchingPenny")
    env.reset(seed=0)
    assert [env.step(1)[1] for _ in range(10)] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    env.reset(seed=0)
    played = [(env.gt_now, env.step(env.gt_now)[1]) for _ in range(40)]
    assert [reward for _, reward in played] == [1] * 40
    assert env.sample_trials(40, seed=0).gt[:, 0].tolist() == [truth for truth, _ in played]


def test_the_random_opponent_is_fair():
    trials = ngym.make("MatchingPenny", opponent_type="random").sample_trials(5000, seed=0)
    opponent = trials.conditions["opponent_action"]
    assert abs(opponent.mean() - 0.5) < 3 * np.sqrt(0.25 / 5000)
    assert (trials.ob[1:, 0].argmax(axis=1) == opponent[:-1]).all()
    assert (ngym.make("MatchingPenny", opponent_type="random").sample_trials(9, opponent_action=1).gt == 1).all()
    with pytest.raises(ValueError, match="Unknown opponent_type='mean'"):
        ngym.make("MatchingPenny", opponent_type="mean")
    with pytest.raises(ValueError, match="learning_rate=2 must be a probability"):
        ngym.make("MatchingPenny", learning_rate=2)


@pytest.mark.parametrize(
    "id_", [*ngym.all_envs("operant conditioning"), "IBL_Block-v0", "ChangingEnvironment-v0", "MemoryRecall-v0"]
)
def test_what_depends_on_the_agent_within_a_trial_only_is_stepped_by_arrays(id_):
    assert isinstance(ngym.make_vec(id_, 2).lanes, RuleBackend)


@pytest.mark.parametrize("id_", ["CVLearning-v0", "MatchingPenny-v0"])
def test_what_depends_on_earlier_trials_of_the_agent_is_not_drawn_ahead(id_):
    assert isinstance(ngym.make_vec(id_, 2).lanes, LoopBackend)
    assert not ngym.make(id_).can_prefetch
