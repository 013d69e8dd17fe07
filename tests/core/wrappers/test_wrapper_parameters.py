"""Parameters of wrappers: each may be changed by assignment, or says why not."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.changes import PLAYED, ParameterWatch
from ngym_core.sampling import layers
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


PROPERTIES = {"SideBias": {"schedule": SequentialBlockSchedule(2, [1, 1])}}
"""Another value of each property that can be set and is no parameter."""
CHANGED = [case for case in CASES if case[2] is not None] + [
    (name, attribute, value) for name, values in PROPERTIES.items() for attribute, value in values.items()
]


def settable(kind):
    """The properties of a class that can be set; what is played changes with each trial, and the rest says what it is."""
    found = {name for name in dir(kind) if name[0] != "_" and isinstance(getattr(kind, name), property)}
    return {name for name in found if getattr(kind, name).fset} - PLAYED - {"observation_space", "action_space"}


@pytest.mark.parametrize("id_", ngym.all_envs(collections=True))
def test_values_of_all_properties_of_layers_of_a_task_are_tried(id_):
    for layer in layers(ngym.make(id_)):
        name = type(layer).__name__
        assert settable(type(layer)) <= {*VALUES.get(name, {}), *PROPERTIES.get(name, {})}


@pytest.mark.parametrize("name", sorted(VALUES.keys() | OTHERS))
def test_values_of_all_properties_of_wrappers_are_tried(name):
    tried = {*VALUES.get(name, {}), *PROPERTIES.get(name, {})}
    assert settable(getattr(ngym.wrappers, name)) <= tried, "Give another value of each property in PROPERTIES."


@pytest.mark.parametrize(("name", "attribute", "value"), CHANGED)
def test_watch_notices_what_is_assigned_to_a_wrapper(name, attribute, value):
    env = wrapped(name, {})
    watch, before = ParameterWatch(env), copy.deepcopy(getattr(env, attribute))
    assert not watch.changed
    setattr(env, attribute, value)
    assert watch.changed
    after = str(getattr(env, attribute))
    assert after != str(before)
    with watch.before():
        shown = getattr(env, attribute)
        assert type(shown) is type(before)
        assert str(shown) == str(before) or type(shown).__str__ is object.__str__
    assert str(getattr(env, attribute)) == after


def play_beside(single, lanes, steps):
    for i in range(steps):
        action = 0 if i % 3 else int(single.unwrapped.gt_now)
        one, many = single.step(action), lanes.step([action])
        assert np.array_equal(one[0], many[0][0])
        assert (one[1], one[4]["new_trial"]) == (many[1][0], many[4]["new_trial"][0])
        for condition, given in one[4]["trial"].items():
            assert _equal(np.asarray(given), np.asarray(many[4]["trial"][condition][0])), condition


@pytest.mark.parametrize(("name", "attribute", "value"), CHANGED)
def test_what_is_assigned_to_a_wrapper_counts_in_lanes_copies_and_states(name, attribute, value):
    single, lanes, other = (wrapped(name, {}) for _ in range(3))
    lanes, other = ngym.TrialVectorEnv(lanes, 1), ngym.TrialVectorEnv(other, 1)
    single.reset(seed=3)
    lanes.reset(seed=3)
    other.reset(seed=4)
    play_beside(single, lanes, 2)
    for env in (single, lanes.env):
        setattr(env, attribute, value)
    copied = copy.deepcopy(lanes)
    if attribute in ("schedule", "curriculum"):  # of a state, lanes take what has happened in one that they have
        setattr(other.env, attribute, copy.deepcopy(value))
    other.set_state(lanes.get_state())
    for env in (copied, other, lanes):
        play_beside(copy.deepcopy(single), env, 200)


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
