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
