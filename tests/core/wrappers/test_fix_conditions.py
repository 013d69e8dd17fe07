from __future__ import annotations

import copy

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.wrappers import FixConditions, ScheduleAttr
from ngym_core.wrappers.fix_conditions import conditions_fixed

ID = "PerceptualDecisionMaking-v0"


def test_fixed_condition_holds_and_the_others_are_drawn_as_before():
    plain = ngym.make(ID).sample_trials(50, seed=0).conditions
    fixed = FixConditions(ngym.make(ID), {"coh": 12.8}).sample_trials(50, seed=0).conditions
    assert set(fixed["coh"].tolist()) == {12.8}
    assert np.array_equal(fixed["ground_truth"], plain["ground_truth"])


def test_one_of_several_values_is_drawn_for_each_trial():
    env = FixConditions(ngym.make(ID), {"coh": [6.4, 51.2]})
    coh = env.sample_trials(1000, seed=0).conditions["coh"]
    assert set(coh.tolist()) == {6.4, 51.2}
    assert abs((coh == 51.2).mean() - 0.5) < 0.06


def test_fixed_condition_prevails_over_wrappers_inside_and_a_caller_over_it():
    schedule = ngym.scheduler.SequentialBlockSchedule(2, [1, 1])
    env = FixConditions(ScheduleAttr(ngym.make(ID), schedule, [{"coh": 0}, {"coh": 51.2}]), {"coh": 12.8})
    assert set(env.sample_trials(10, seed=0).conditions["coh"].tolist()) == {12.8}
    assert env.new_trial(coh=6.4)["coh"] == 6.4
    biased = FixConditions(ngym.make(ID, wrappers=[("SideBias", {"probs": [[0.0, 1.0]]})]), {"ground_truth": 0})
    assert set(biased.sample_trials(10, seed=0).conditions["ground_truth"].tolist()) == {0}


@pytest.mark.parametrize(
    ("conditions", "error", "message"),
    [
        ({"choh": 1}, ngym.UnknownNameError, "Unknown condition of <PerceptualDecisionMaking> 'choh'. Did you mean 'coh'"),
        ({"ground_truth": 7}, ValueError, "'ground_truth' is forced to 7. Valid: '0', '1'"),
        ({"ground_truth": [0, 1, 7]}, ValueError, "'ground_truth' is forced to 7"),
        ({"coh": "high"}, ValueError, "'coh' is forced to .*, which is not a number"),
        (3, TypeError, "conditions=3 must be a dictionary"),
    ],
)
def test_what_no_trial_can_have_is_refused_when_the_env_is_made(conditions, error, message):
    with pytest.raises(error, match=message):
        FixConditions(ngym.make(ID), conditions)


def test_conditions_of_a_mixture_are_tried_in_all_of_its_tasks():
    mixed = ngym.mix(["yang19.dm1", "yang19.go"])
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of <Go> 'coh1_mod1'"):
        FixConditions(mixed, {"coh1_mod1": 0.1})
    FixConditions(mixed, {"ground_truth": 1})


def test_condition_that_a_task_in_neurogym_style_ignores_is_refused():
    class Simple(ngym.TrialEnv):
        observation_space = ngym.spaces.Box(0, 1, shape=(1,))
        action_space = ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            self.add_period("all", 200)
            return {"side": kwargs.get("side", 0)}

        def _step(self, action):
            return self.ob_now, 0.0, False, False, {"new_trial": False, "gt": 0}

    assert FixConditions(Simple(), {"side": 1}).reset()[1]["trial"] == {"side": 1}
    assert Simple().reset(options={"conditions": {"side": 1}})[1]["trial"] == {"side": 1}
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of <Simple> 'sid'. Did you mean 'side'"):
        FixConditions(Simple(), {"sid": 1})
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of <Simple> 'sid'. Did you mean 'side'"):
        Simple().reset(options={"conditions": {"sid": 1}})


def test_conditions_are_fixed_for_a_while():
    env = ngym.make(ID, wrappers=["PassReward"])
    with conditions_fixed(env, {"coh": 12.8}) as fixed:
        assert [fixed.new_trial()["coh"] for _ in range(5)] == [12.8] * 5
    env.reset(seed=0)
    assert len({env.unwrapped._next_trial().trial["coh"] for _ in range(20)}) > 2
    with pytest.raises(ngym.UnknownNameError), conditions_fixed(env, {"choh": 12.8}):
        pass
    assert len({env.unwrapped._next_trial().trial["coh"] for _ in range(20)}) > 2
    with conditions_fixed(env, None) as same:
        assert same is env


@pytest.mark.parametrize("assign", [True, False])
def test_what_is_fixed_later_is_refused_like_at_first_where_a_wrapper_outside_decides_it(assign):
    biased = ("SideBias", {"probs": [[1, 0], [0, 1]], "block_dur": 5})

    def made():
        return ngym.make(ID, wrappers=[("FixConditions", {"conditions": {"coh": 51.2}}), biased, "PassReward"])

    def fix(env):
        if assign:
            env.env.env.conditions = {"ground_truth": 1}
        else:
            env.env.env.conditions["ground_truth"] = 1

    refused = pytest.raises(ValueError, match="SideBias and FixConditions both decide 'ground_truth'")
    env = made()
    env.reset(seed=0)
    copied = copy.deepcopy(env)
    fix(env)
    with refused:
        env.sample_trials(3, seed=0)
    with refused:
        env.reset()
    copied.reset(seed=0)
    fix(copied)
    with refused:
        copied.reset()
    lanes = ngym.TrialVectorEnv(made(), 2)
    lanes.reset(seed=0)
    fix(lanes.env)
    with refused:
        lanes.reset()
    env.env.env.conditions = {"coh": 6.4}  # goes with the wrapper outside
    assert set(env.sample_trials(20, seed=0).conditions["coh"]) == {6.4}
