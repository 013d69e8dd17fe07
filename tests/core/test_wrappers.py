"""What all wrappers have in common. That they stack is shown in test_stacks."""

from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.scheduler import RandomBlockSchedule
from ngym_core.spaces import names_of
from ngym_core.testing import check_task
from ngym_core.wrappers import ScheduleAttr

from .stacks import STEP, TRIAL, build

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


@pytest.mark.parametrize("name", [*TRIAL, *STEP])
def test_a_wrapped_task_keeps_its_promises(name):
    for id_ in ("PerceptualDecisionMaking-v0", "yang19.dms-v0"):
        if id_ == "yang19.dms-v0" and name in ("VariableMapping", "ReactionTime", "SideBias", "ScheduleAttr"):
            continue
        assert check_task(lambda i=id_: build(i, (name,)), trials=10, random_trials=200).oracle == 1


def test_wrappers_are_made_by_name_or_class_with_arguments(capsys):
    env = ngym.make(PDM, wrappers=["Noise-v0", ("SideBias", {"probs": [[1.0, 0.0]]}), (ScheduleAttr, {
        "schedule": RandomBlockSchedule(1, [3]), "attr_list": [{"coh": 0.0}]})])  # fmt: skip
    assert str(env) == "<ScheduleAttr<SideBias<Noise<PerceptualDecisionMaking>>>>"
    with pytest.raises(ngym.UnknownNameError, match="Unknown wrapper 'Noize'. Did you mean 'Noise-v0'"):
        ngym.make(PDM, wrappers=["Noize"])
    ngym.show_all_wrappers()
    ngym.show_info("CatchTrials-v0")
    printed = capsys.readouterr().out
    assert "VariableMapping-v0" in printed
    assert "Shows nothing in some trials" in printed


def test_seeds_and_options_pass_through_every_layer():
    env = build(PDM, ("Noise", "PassAction", "TrialHistoryV2", "ReactionTime", "PassReward"))
    one = env.reset(seed=11, options={"anything": 1})
    for _ in range(37):
        env.step(env.action_space.sample())
    two = env.reset(seed=11, options={})
    assert np.array_equal(one[0], two[0])
    assert names_of(env.observation_space) == {"fixation": 0, "stimulus": range(1, 3), "action": 3, "reward": 4}
