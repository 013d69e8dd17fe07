from __future__ import annotations

import functools

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
