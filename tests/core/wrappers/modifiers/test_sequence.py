from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.rules import AnswerInSequence


@pytest.mark.parametrize("dt", [20, 50, 100])
@pytest.mark.parametrize(("direction", "sign"), [("right", 1), ("left", -1)])
@pytest.mark.parametrize(
    "id_", ["yang19.go-v0", "yang19.rtanti-v0", "yang19.dm1-v0", "yang19.dnmc-v0", "ContextDecisionMaking-v0"]
)
def test_sequence_goes_on_by_one_choice_each_100_ms(id_, direction, sign, dt):
    trials = ngym.make(f"{id_}+sequence={direction}", dt=dt).sample_trials(40, seed=0)
    k = 2 if id_.startswith("Context") else 16
    first = ngym.make(id_, dt=dt).sample_trials(40, seed=0)
    for trial, plain in zip(trials, first, strict=True):
        start, answer = trial.start["decision"], plain.gt[plain.start["decision"]]
        assert not trial.gt[:start].any()
        steps = np.arange(1000 // dt)
        expected = (answer - 1 + sign * (steps * dt // 100)) % k + 1 if answer else 0 * steps
        np.testing.assert_array_equal(trial.gt[start:], expected)


def test_sequence_keeps_the_duration_of_the_decision_where_it_is_told_to():
    env = ngym.make("yang19.go-v0", wrappers=[("Sequence", {"ms": None})])
    assert env.sample_trials(1, seed=0)[0].gt.tolist()[10:] == [9, 10, 11, 12, 13]
    env.timing["decision"] = 200
    assert env.sample_trials(1, seed=0).lengths.tolist() == [12]


def test_sequence_is_judged_and_paid_answer_by_answer_in_one_env_and_in_lanes():
    env, lanes = ngym.make("yang19.go-v0+sequence"), ngym.make_vec("yang19.go-v0+sequence", 4)
    env.reset(seed=0)
    rewards = [env.step(a if k % 2 else 0)[1] for k, a in enumerate(env.gt.tolist())]
    assert rewards == [0.0] * 10 + [0.0, 0.1] * 5
    lanes.reset(seed=[0, 1, 2, 3])
    gt = np.stack([ngym.make("yang19.go-v0+sequence").sample_trials(1, seed=seed).gt[0] for seed in range(4)])
    for step in range(20):
        _, reward, _, _, info = lanes.step(gt[:, step] * (step > 14))
        np.testing.assert_allclose(reward, 0.1 * (step > 14))
    assert info["performance"].tolist() == [0.5] * 4


def test_sequence_takes_over_fixation_and_pay_for_withholding():
    rule = ngym.make("yang19.dms-v0+sequence").unwrapped.rule
    assert rule == AnswerInSequence("fixation", "decision", True)
    assert ngym.make("yang19.dms-v0+sequence").chance == 1 / 17


def test_sequence_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="asks for a sequence of answers already"):
        ngym.make("yang19.go-v0+sequence+sequence")
    with pytest.raises(ValueError, match="Sequence needs choices on a ring"):
        ngym.make("DelayComparison-v0+sequence")
    with pytest.raises(ValueError, match=r"ms=0 must be a finite number of ms above 0"):
        ngym.make("yang19.go-v0", wrappers=[("Sequence", {"ms": 0})])


def test_duration_of_the_decision_that_the_caller_gives_prevails_over_the_default():
    env = ngym.make("yang19.go-v0+sequence", timing={"decision": 300})
    trial = env.sample_trials(1, seed=0)[0]
    assert (env.ms, env.timing["decision"], trial.end["decision"] - trial.start["decision"]) == (300, 300, 3)
    env.timing["decision"] = 500
    assert env.ms == 500
    with pytest.raises(
        ValueError, match="timing={'decision': 300} and the modifier 'Sequence' both set the duration of 'dec"
    ):
        ngym.make("yang19.go-v0", timing={"decision": 300}, wrappers=[("Sequence", {"ms": 600})])
