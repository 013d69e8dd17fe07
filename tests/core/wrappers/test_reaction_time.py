from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dt", [20, 50])
def test_reaction_time_counts_from_the_onset_of_the_stimulus(full, dt):
    timing = {"fixation": 200, "stimulus": 500, "delay": 100, "decision": 200}
    env = make(("ReactionTime", {"urgency": -0.01, "end_on_stimulus": not full}), timing=timing, dt=dt)
    _, info = env.reset(seed=0)
    onset = env.start_ind["stimulus"]
    assert env.tmax == (1000 if full else 700)
    assert env.start_ind["decision"] == onset + 1
    gt = env.gt
    assert (gt[: onset + 1] == 0).all()
    assert (gt[onset + 1 :] == gt[onset + 1]).all()
    assert gt[onset + 1] > 0
    for wait in (1, 3, 7):  # steps from the onset of the stimulus to the response
        while env.t_ind < onset + wait:
            env.step(0)
        right = env.unwrapped.gt_now
        _, reward, _, _, info = env.step(right)
        assert info["new_trial"]
        assert reward == pytest.approx(1 - 0.01)
        assert info["reaction_time"] == wait * dt
        assert info["tr_dur"] == onset + wait + 1
    info = env.step(0)[4]
    assert (info["reaction_time"], info["tr_dur"]) == (0, 0)  # no trial ended
    while not info["new_trial"]:
        info = env.step(0)[4]
    assert np.isnan(info["reaction_time"])  # no response
    assert info["tr_dur"] == env.tmax / dt


def test_reaction_time_rejects_a_task_without_its_periods_which_can_be_named():
    for id_ in ("ReadySetGo-v0", "yang19.rtgo-v0"):
        with pytest.raises(AttributeError, match="ReactionTime wrapper requires 'stimulus' and 'decision' periods"):
            make("ReactionTime", id_=id_)
    env = make(("ReactionTime", {"stimulus": "test", "decision": "decision"}), id_="yang19.dms-v0")
    env.reset(seed=0)
    assert env.start_ind["decision"] == env.start_ind["test"] + 1


@pytest.mark.parametrize("abort", [False, True])
def test_reaction_time_lets_answers_without_evidence_cost(abort):
    env = make("ReactionTime", abort=abort, timing={"fixation": 200})
    for step in range(3):  # two steps of fixation, and the first of the stimulus
        env.reset(seed=0)
        for _ in range(step):
            assert env.step(0)[1] == 0
        _, reward, _, _, info = env.step(env.gt[3])
        assert (reward, bool(info["new_trial"]), info["performance"]) == (-0.1, abort, 0)
    lanes = ngym.make_vec(PDM, 2, wrappers=["ReactionTime"], abort=abort)
    lanes.reset(seed=0)
    lanes.step(np.zeros(2, int))
    _, reward, _, _, info = lanes.step(np.array([0, 1]))
    assert reward.tolist() == [0, -0.1]
    assert info["new_trial"].tolist() == [False, abort]


def test_reaction_time_holds_fixation_where_a_period_varies():
    env = make("ReactionTime", id_=PDM, timing={"fixation": ("choice", [100, 300])})
    trials = env.sample_trials(50, seed=0)
    assert len(set(trials.start["stimulus"].tolist())) == 2
    assert np.array_equal(trials.end["fixation"], trials.start["stimulus"] + 1)
    assert np.array_equal(trials.end["fixation"], trials.start["decision"])


@pytest.mark.parametrize("modifier", [("Delay", {"ms": 500}), "Interval", "Sequence"])
def test_reaction_time_refuses_modifiers_that_say_when_the_answer_is_due(modifier):
    name = modifier if isinstance(modifier, str) else modifier[0]
    for wrappers, pair in (
        ([modifier, "ReactionTime"], ("ReactionTime", name)),
        (["ReactionTime", modifier], (name, "ReactionTime")),
    ):
        with pytest.raises(
            ValueError, match="^{} says when the answer is due, and so does {}: use one of them".format(*pair)
        ):
            ngym.make("PerceptualDecisionMaking-v0", wrappers=wrappers)


def test_reaction_time_refuses_a_mixture_with_a_task_of_sequences():
    with pytest.raises(ValueError, match="ReactionTime says when the answer is due, and so does Sequence"):
        ngym.wrappers.ReactionTime(ngym.mix(["modcog.dlygo-v0", "modcog.dlygoseqr-v0"]))


@pytest.mark.parametrize("stimulus", [100, 0, ("choice", [100, 500])])
@pytest.mark.parametrize("delay", [0, 300])
def test_reaction_time_gives_one_step_to_answer_in_however_short_the_stimulus_is(stimulus, delay):
    trials = make("ReactionTime", timing={"stimulus": stimulus, "delay": delay, "decision": 200}).sample_trials(50, seed=0)
    start, end = trials.start["stimulus"], trials.end["stimulus"]
    assert np.array_equal(trials.end["decision"], np.maximum(end, start + 2))
    assert np.array_equal(trials.end["decision"], trials.lengths)
    assert np.array_equal(trials.gt[np.arange(50), start + 1], trials.conditions["ground_truth"] + 1)


def test_reaction_time_refuses_trials_that_end_with_the_first_step_of_the_stimulus():
    with pytest.raises(ValueError, match="in a trial that ends with the first step of 'stimulus' there is no step in which"):
        make("ReactionTime", timing={"stimulus": 0}).sample_trials(50, seed=0)


def test_reaction_time_refuses_a_mixture_with_a_task_without_its_periods():
    def tasks(*ids):
        return [ngym.make(id_, dt=100) for id_ in ids]

    nested = [*tasks(PDM), ngym.mix(tasks("Detection-v0", "GoNogo-v0"), pad=True)]
    for parts in (tasks("Detection-v0", "GoNogo-v0"), nested):
        with pytest.raises(AttributeError, match="requires 'stimulus' and 'decision' periods, unlike <Detection>"):
            ngym.wrappers.ReactionTime(ngym.mix(parts, pad=True))


def test_reaction_time_around_a_mixture_holds_fixation_in_the_periods_of_each_task():
    class HoldsDelay(type(ngym.make(PDM).unwrapped)):
        rule = ngym.FixateThenChoose(fixation=("fixation", "delay"))

    parts = [ngym.make(PDM), HoldsDelay()]
    env = ngym.wrappers.ReactionTime(ngym.mix(parts))
    trials = env.sample_trials(40, seed=0)
    holds = trials.conditions["i_env"] == 1
    alone = [ngym.wrappers.ReactionTime(part).sample_trials(1, seed=0) for part in (ngym.make(PDM), HoldsDelay())]
    for i, rows in enumerate((~holds, holds)):
        for name in ("fixation", "delay"):
            assert set(trials.end[name][rows].tolist()) == set(alone[i].end[name].tolist())
    env.reset(options={"conditions": {"i_env": 1}})  # whichever task is played
    assert np.array_equal(env.sample_trials(40, seed=0).end["fixation"], trials.end["fixation"])
