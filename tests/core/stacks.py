"""Wrappers with arguments that suit any task, and which tasks they go with."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools

import numpy as np

import ngym_core as ngym
from ngym_core.plugins.registry import wrapper_spec
from ngym_core.sampling import layers, tasks_of
from ngym_core.scheduler import RandomBlockSchedule, SequentialBlockSchedule
from ngym_core.wrappers import FixConditions, FollowCurriculum, MultiEnvs, ScheduleAttr, ScheduleEnvs, SideBias


def side_bias(env):
    uneven = np.arange(1, len(env.choices) + 1) / np.arange(1, len(env.choices) + 1).sum()
    return SideBias(env, [uneven.tolist(), uneven[::-1].tolist()], block_dur=(2, 4))


def schedule_attr(env):
    choices = env.choices
    return ScheduleAttr(env, RandomBlockSchedule(2, [2, 3]), [{"ground_truth": choices[0]}, {"ground_truth": choices[1]}])


def twin(env):
    """Another env of the same task with the same wrappers."""
    return copy.deepcopy(env)


def schedule_envs(env):
    return ScheduleEnvs([env, twin(env)], SequentialBlockSchedule(2, [2, 3]), env_input=True)


def follow_curriculum(env):
    """Three stages for any task, in each lane by itself, so that lanes play what single envs play."""
    periods = [] if len(tasks_of(env)) > 1 else list(env.unwrapped.timing)
    longer = {"timing": {periods[0]: 500}} if periods else {}
    gate, back = ({"metric": "steps", "threshold": 0, "window": n, "below": False} for n in (2, 3))
    stages = [{"until": gate}, {"parameters": longer, "until": gate}, {"back": back}]
    return FollowCurriculum(env, {"stages": stages, "pooled": False})


def fixable(env):
    """Some values of each condition but the ground truth, which other wrappers decide."""
    trials = env.sample_trials(8, seed=0)
    names = [name for name in sorted(trials.forceable - {"ground_truth"}) if trials.conditions[name].ndim == 1]
    return {name: list(dict.fromkeys(trials.conditions[name].tolist()))[:2] for name in names}


def fix_conditions(env):
    return FixConditions(env, dict(list(fixable(env).items())[:1]))


TRIAL = {
    "Anti": "Anti",
    "CatchTrials": ("CatchTrials", {"catch_prob": 0.4}),
    "Context": "Context",
    "Delay": ("Delay", {"ms": ("choice", (100, 300))}),
    "FixConditions": fix_conditions,
    "GoCue": "GoCue",
    "Interval": ("Interval", {"direction": "left", "ms": ("choice", (0, 100, 300))}),
    "MultiEnvs": lambda env: MultiEnvs([env, twin(env)]),
    "RandomGroundTruth": "RandomGroundTruth",
    "ScheduleAttr": schedule_attr,
    "ScheduleEnvs": schedule_envs,
    "Sequence": ("Sequence", {"direction": "left", "ms": 300}),
    "SideBias": side_bias,
    "TrialHistory": ("TrialHistory", {"block_dur": 4}),
    "TrialHistoryV2": "TrialHistoryV2",
    "VariableMapping": ("VariableMapping", {"block_dur": 3}),
}
STEP = {
    "FollowCurriculum": follow_curriculum,
    "Noise": ("Noise", {"perf_th": 0.6, "w": 3, "step_noise": 0.1}),
    "PassAction": "PassAction",
    "PassReward": "PassReward",
    "ReactionTime": ("ReactionTime", {"urgency": -0.01}),
    "TimeOut": ("TimeOut", {"time_out": 300}),
}
WRAPPERS = TRIAL | STEP
CHOICE = {"RandomGroundTruth", "SideBias", "TrialHistory", "TrialHistoryV2"}


def appends(env):
    """Whether channels can be appended: not to images."""
    return not env.observation_space.shape or len(env.observation_space.shape) == 1


def accepts(name, env):
    """Whether a modifier accepts a task: what each refuses is tested in tests/core/wrappers/modifiers."""
    with contextlib.suppress(ValueError):
        which, arguments = (WRAPPERS[name], {}) if isinstance(WRAPPERS[name], str) else WRAPPERS[name]
        wrapper_spec(which).load()(env, **arguments)
        return True
    return False


NEEDS = {  # what a task must have, for each wrapper that does not go with all
    **dict.fromkeys(["PassAction", "PassReward", "ScheduleEnvs"], appends),
    "FixConditions": lambda env: bool(fixable(env)),
    "CatchTrials": lambda env: env.rule.pays_ground_truth,
    "VariableMapping": lambda env: env.rule.pays_ground_truth and 2 <= env.action_space.n - 1 <= 6,
    "ReactionTime": lambda env: (
        {"stimulus", "decision"} <= set(env.sample_trials(1, seed=0).start)
        and not any(getattr(layer, "times_answer", False) for layer in layers(env))
    ),
    **dict.fromkeys(
        ["RandomGroundTruth", "SideBias", "TrialHistory", "TrialHistoryV2"],
        lambda env: hasattr(env, "choices") and "ground_truth" in env.sample_trials(1, seed=0).forceable,
    ),
    "ScheduleAttr": lambda env: (
        hasattr(env, "choices")
        and "ground_truth" in env.sample_trials(1, seed=0).forceable
        and not any(type(layer).__name__ in CHOICE for layer in layers(env))
    ),
}


MODIFIERS = ("Anti", "Context", "Delay", "GoCue", "Interval", "Sequence")
for _name in MODIFIERS:
    NEEDS[_name] = functools.partial(accepts, _name)


@functools.cache
def goes_with(name, id_):
    return name not in NEEDS or bool(NEEDS[name](ngym.make(id_)))


def both_time_answers(one, other):
    """Whether both wrappers say when the answer is due, so that they refuse each other."""
    return "ReactionTime" in (one, other) and bool({"Delay", "GoCue", "Interval", "Sequence"} & {one, other})


def pairs(id_, kinds):
    """All pairs of wrappers of some kinds that go with a task and with each other, in both orders."""
    found = [p for p in itertools.permutations(kinds, 2) if all(goes_with(name, id_) for name in p)]
    found = [p for p in found if not ("ScheduleAttr" in p and CHOICE & set(p))]  # these decide the same condition
    found = [p for p in found if not (p[0] == "TimeOut" and p[1] in ("MultiEnvs", "ScheduleEnvs"))]
    found = [p for p in found if not (p[1] in MODIFIERS and p[0] in ("MultiEnvs", "ScheduleEnvs"))]
    found = [p for p in found if not (p[1] in ("Context", "GoCue") and p[0] in STEP)]
    found = [p for p in found if not both_time_answers(*p)]
    found = [p for p in found if not (p[1] in ("Anti", "Interval") and p[0] in CHOICE | {"VariableMapping"})]
    draws_choice = any(type(layer).__name__ in CHOICE for layer in layers(ngym.make(id_)))
    kept_apart = ("MultiEnvs", "ScheduleEnvs", "Anti", "Interval")
    return [p for p in found if not (draws_choice and p[0] in kept_apart and p[1] in CHOICE)]


def build(id_, names, **kwargs):
    return ngym.make(id_, wrappers=[WRAPPERS[name] for name in names], **kwargs)
