from __future__ import annotations

import functools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import ngym_core as ngym
from ngym_core.vector import backends

from ..comparison import compare
from ..neurogym_style import Dots
from ..toy import Toy


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_loop_backend_steps_tasks_in_neurogyms_style(mode):
    class Short(Dots):
        def __init__(self):
            super().__init__()
            self.num_tr_exp = 4

    assert not backends.can_step_by_rule(Short())
    compare(Short, mode, steps=200)


def test_loop_backend_steps_a_task_with_its_own_step():
    class Own(Toy):
        def _step(self, action):
            ends = self.in_period("decision") and action != 0
            return self.ob_now, float(action), False, False, {"new_trial": ends}

    compare(lambda: Own(num_trials_before_reset=3), "NextStep", steps=200)


def test_rule_backend_applies_trial_wrappers_to_each_lane():
    def build():
        return ngym.make(
            "PerceptualDecisionMaking", wrappers=[("RandomGroundTruth", {"p": [0.9, 0.1]})], num_trials_before_reset=3
        )

    compare(build, "SameStep", steps=300)


def test_a_reset_that_does_something_is_called_in_lanes_too():
    calls = []

    class Counting(ngym.TrialWrapper):
        @functools.wraps(ngym.TrialWrapper.reset)
        def reset(self, **kwargs):
            calls.append(kwargs)
            return super().reset(**kwargs)

    ngym.TrialVectorEnv(Counting(ngym.make("PerceptualDecisionMaking-v0")), 2).reset(seed=0)
    assert len(calls) == 2


@pytest.mark.parametrize(("first", "second"), [(-0.5, -1), (-1, -0.5), (-2, -3.5)])
def test_rule_backend_pays_the_timeout_of_a_trial_that_runs_while_its_type_changes(first, second):
    single, lanes = (
        ngym.make("Detection-v0", rewards={"miss": first}),
        ngym.make_vec("Detection-v0", 3, rewards={"miss": first}),
    )
    single.reset(seed=0)
    lanes.reset(seed=0)
    paid = []
    for step in range(400):
        if step == 3:
            single.unwrapped.rewards["miss"] = lanes.task.rewards["miss"] = second
        reward = single.step(0)[1]
        assert lanes.step(np.zeros(3, int))[1][0] == reward
        paid += [reward] if reward else []
    assert set(paid) <= {first, second}
    assert second in paid


class Counts(ngym.Rule):
    """Pays a number that it knew when the trial was made."""

    def prepare(self, task, trials):
        return {"pay": task.rewards["pay"]}

    def step_one(self, task, now, action):
        return now.pay, False

    def step_many(self, task, now, action):
        return np.array(now.pay, float), np.zeros(len(action), bool)


def test_rule_backend_keeps_facts_of_trials_that_run_while_their_type_changes():
    class Paid(type(ngym.make("GoNogo-v0").unwrapped)):
        rule = Counts()
        default_rewards = {"pay": 0.5}

    env = ngym.TrialVectorEnv(Paid(), 2)
    env.reset(seed=0)
    env.step(np.zeros(2, int))
    env.task.rewards["pay"] = 1
    assert env.step(np.zeros(2, int))[1].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("miss", [-1, -1.5])
def test_lanes_of_a_mixture_pay_timeouts_of_all_types(miss):
    parts = [ngym.make("Detection-v0", rewards={"miss": miss}), ngym.make("Detection-v0", rewards={"miss": -1}, r_tmax=-0.5)]
    env = ngym.TrialVectorEnv(ngym.mix(parts), 4)
    env.reset(seed=0)
    rewards = np.array([env.step(np.zeros(4, int))[1] for _ in range(300)])
    assert set(np.unique(rewards)) == {0, miss, -0.5, -1.5}
