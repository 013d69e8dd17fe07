from __future__ import annotations

import pytest

import ngym_core as ngym
from ngym_core.scheduler import SequentialBlockSchedule, SequentialSchedule
from ngym_core.wrappers import ScheduleAttr

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_schedule_attr_forces_the_conditions_of_its_schedule():
    attributes = [{"ground_truth": 0, "coh": 51.2}, {"ground_truth": 1, "coh": 0.0}]
    env = ScheduleAttr(make(), SequentialBlockSchedule(2, [3, 2]), attributes)
    conditions = env.sample_trials(10, seed=0).conditions
    assert conditions["block"].tolist() == [0, 0, 0, 1, 1] * 2
    assert conditions["ground_truth"].tolist() == [0, 0, 0, 1, 1] * 2
    assert conditions["coh"].tolist() == [51.2] * 3 + [0.0] * 2 + [51.2] * 3 + [0.0] * 2
    assert set(env.sample_trials(10, seed=0, coh=6.4).conditions["coh"]) == {6.4}
    with pytest.raises(ValueError, match="attr_list has 2 entries, the schedule chooses from 3"):
        ScheduleAttr(make(), SequentialSchedule(3), attributes)
    with pytest.raises(ValueError, match="must have the same names"):
        ScheduleAttr(make(), SequentialSchedule(2), [{"coh": 1}, {"ground_truth": 1}])


@pytest.mark.parametrize("attr_list", [5, [1, 2], "ab"])
def test_what_is_no_sequence_of_dictionaries_is_refused(attr_list):
    with pytest.raises(TypeError, match="^attr_list=.* must be a sequence of dictionaries.$"):
        ScheduleAttr(ngym.make("GoNogo-v0"), SequentialBlockSchedule(2, [3, 2]), attr_list)
