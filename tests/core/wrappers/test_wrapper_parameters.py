"""Parameters of wrappers: each may be changed by assignment, or says why not."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.scheduler import RandomBlockSchedule, SequentialBlockSchedule
from ngym_core.testing import _equal
from ngym_core.wrappers import MultiEnvs, ScheduleAttr, ScheduleEnvs

PDM = "PerceptualDecisionMaking-v0"


def schedule_attr(**arguments):
    sets = [{"coh": 0.0}, {"coh": 51.2}]
    given = {"schedule": SequentialBlockSchedule(2, [2, 3]), "attr_list": sets} | arguments
    return ScheduleAttr(ngym.make(PDM), **given)


def envs(kind, **arguments):
    return kind([ngym.make(PDM), ngym.make(PDM, timing={"stimulus": 500})], **arguments)


def wrapped(name, arguments):
    """A wrapper, with arguments beside those that it needs."""
    if name == "ScheduleAttr":
        return schedule_attr(**arguments)
    if name == "MultiEnvs":
        return envs(MultiEnvs, **arguments)
    if name == "ScheduleEnvs":
        return envs(ScheduleEnvs, **({"schedule": SequentialBlockSchedule(2, [2, 3])} | arguments))
    return ngym.make(PDM, wrappers=[(name, NEEDED.get(name, {}) | arguments)])


NEEDED = {
    "SideBias": {"probs": [[0.8, 0.2], [0.3, 0.7]]},
    "FollowCurriculum": {"curriculum": {"stages": [{}]}},
    "Delay": {"ms": 300},
    "FixConditions": {"conditions": {"coh": 51.2}},
}
"""Arguments that a wrapper cannot do without."""
FIXED = ("env_input", "pad", "names", "cues")
"""Parameters of wrappers of several tasks that cannot be changed."""
VALUES = {
    "FollowCurriculum": {"curriculum": {"stages": [{"parameters": {"timing": {"stimulus": 500}}}]}},
    "CatchTrials": {"catch_prob": 0.9, "period": "stimulus", "where": "stimulus"},
    "Delay": {"ms": 700},
    "FixConditions": {"conditions": {"coh": [6.4, 12.8]}},
    "Interval": {"ms": ("choice", (100, 300)), "direction": "left"},
    "Noise": {"std_noise": 2.0, "perf_th": 0.5, "w": 3, "step_noise": 0.5},
    "RandomGroundTruth": {"p": [0.9, 0.1]},
    "ReactionTime": {"urgency": -0.5, "end_on_stimulus": False, "stimulus": "fixation", "decision": "stimulus"},
    "ScheduleAttr": {"schedule": RandomBlockSchedule(2, [1, 1]), "attr_list": [{"coh": 6.4}, {"coh": 25.6}]},
    "ScheduleEnvs": {"schedule": RandomBlockSchedule(2, [1, 1]), **dict.fromkeys(FIXED)},
    "MultiEnvs": dict.fromkeys(FIXED),
    "Sequence": {"ms": 500, "direction": "left"},
    "SideBias": {"probs": [[0.5, 0.5], [0.1, 0.9], [0.9, 0.1]], "block_dur": 7},
    "TimeOut": {"time_out": 500},
    "TrialHistory": {"probs": 0.6, "habits": (1,), "block_dur": 3, "n_choices": (2, 2), "block_nch": 4},
    "TrialHistoryV2": {"probs": [[0.2, 0.8], [0.8, 0.2]]},
    "VariableMapping": {"block_dur": 2, "choice": "choice"},
}
"""Another value of each parameter; None where it cannot be changed."""
OTHERS = {"PassAction", "PassReward", "FullInput", "Monitor", "Anti", "Context", "GoCue"}
"""Wrappers without a parameter that changes what an agent sees."""
CASES = [(name, parameter, value) for name, values in VALUES.items() for parameter, value in values.items()]


def play(env, steps=300):
    return [env.step(0 if i % 3 else int(env.unwrapped.gt_now)) for i in range(steps)]


def test_values_of_all_parameters_are_tried():
    missing = {name.removesuffix("-v0") for name in ngym.all_wrappers()} ^ (set(VALUES) | OTHERS)
    assert missing == set(), "Give other values of their parameters in VALUES, or name them in OTHERS."
    for name, values in VALUES.items():
        parameters = set(inspect.signature(getattr(ngym.wrappers, name)).parameters) - {"env", "envs"}
        assert parameters == set(values), f"Give another value of each parameter of {name} in VALUES."


@pytest.mark.parametrize(("name", "parameter", "value"), CASES)
def test_parameter_of_a_wrapper_counts_as_if_given_at_first(name, parameter, value):
    later = wrapped(name, {})
    if value is None:
        with pytest.raises(AttributeError, match=f"{parameter}=True would change the (observation space|conditions): make "):
            setattr(later, parameter, True)
        return
    setattr(later, parameter, value)
    given = wrapped(name, {parameter: value})
    assert _equal([later.reset(seed=3), play(later)], [given.reset(seed=3), play(given)])


@pytest.mark.parametrize(("name", "parameter", "value"), [case for case in CASES if case[2] is not None])
def test_parameter_of_a_wrapper_changed_in_a_trial_counts_from_the_next_one(name, parameter, value):
    env, same = wrapped(name, {}), wrapped(name, {})
    for one in (env, same):
        one.reset(seed=3)
        one.step(0)
    setattr(env, parameter, value)
    ended = False
    while not ended:
        one, two = env.step(0), same.step(0)
        ended = one[4]["new_trial"]
        assert ended or _equal(one, two)  # the trial goes on as it began
    play(env)


FEWER = [
    ("SideBias", {"probs": [[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]]}, "probs", [[0.5, 0.5]]),
    ("TrialHistory", {"habits": (0, 1, -1)}, "habits", (0,)),
    ("ScheduleAttr", {}, "schedule", SequentialBlockSchedule(1, [2])),
    ("ScheduleEnvs", {}, "schedule", RandomBlockSchedule(1, [2])),
]


@pytest.mark.parametrize(("name", "arguments", "parameter", "value"), FEWER)
def test_blocks_that_are_no_more_end_when_a_wrapper_is_changed(name, arguments, parameter, value):
    for seed in range(10):
        env, draws = wrapped(name, arguments), ngym.Draws(seed)
        env.sample_trials(4, draws=draws)
        setattr(env, parameter, value)
        conditions = env.sample_trials(5, draws=draws).conditions
        assert set(conditions[{"TrialHistory": "habit", "ScheduleEnvs": "i_env"}.get(name, "block")]) == {0}


WRONG = [
    ("CatchTrials", "catch_prob", 2),
    ("CatchTrials", "catch_prob", "often"),
    ("FollowCurriculum", "curriculum", {"stages": []}),
    ("Delay", "ms", -1),
    ("Delay", "ms", "long"),
    ("Delay", "ms", lambda: 500),
    ("Interval", "direction", "up"),
    ("Interval", "ms", ("chioce", (100,))),
    ("Sequence", "direction", "rigth"),
    ("Sequence", "ms", 0),
    ("Noise", "std_noise", -1),
    ("Noise", "step_noise", np.nan),
    ("Noise", "perf_th", 1.5),
    ("Noise", "w", 2.5),
    ("ReactionTime", "urgency", np.inf),
    ("ScheduleAttr", "schedule", [0, 1]),
    ("SideBias", "block_dur", (5, 2)),
    ("SideBias", "probs", [[0.5, 0.6]]),
    ("TimeOut", "time_out", -5),
    ("TrialHistory", "probs", 2),
    ("TrialHistory", "habits", []),
    ("TrialHistory", "n_choices", 5),
    ("TrialHistory", "block_nch", 0),
    ("VariableMapping", "block_dur", 1.5),
    ("VariableMapping", "choice", "chioce"),
]


@pytest.mark.parametrize(("name", "parameter", "value"), WRONG)
def test_wrong_parameter_of_a_wrapper_is_refused_at_the_door_and_when_assigned(name, parameter, value):
    env = wrapped(name, {})
    before = getattr(env, parameter)
    for given in (lambda: wrapped(name, {parameter: value}), lambda: setattr(env, parameter, value)):
        with pytest.raises((ValueError, TypeError, KeyError), match=r"must be|must sum to 1|Did you mean"):
            given()
    assert getattr(env, parameter) is before
