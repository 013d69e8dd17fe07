"""Any two wrappers, in both orders: one env, lanes, and blocks of trials give the same trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.testing import _check_gymnasium

from ..task_ids import IDS
from .comparison import assert_same, compare
from .neurogym_style import Dots
from .stacks import CHOICE, MODIFIERS, STEP, TRIAL, WRAPPERS, both_time_answers, build, goes_with, pairs


def everything(trials):
    return [(t.ob, t.gt, t.conditions, t.start, t.end) for t in trials]


def same_trials(one, two):
    for a, b in zip(everything(one), everything(two), strict=True):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)


@pytest.mark.parametrize("id_", IDS)
@settings(max_examples=6)
@given(data=st.data())
def test_stack_of_any_two_wrappers_gives_the_same_trials_in_env_lanes_and_blocks(id_, data):
    kinds = data.draw(st.sampled_from([TRIAL, STEP, WRAPPERS]), "kinds")
    stacks = pairs(id_, kinds)
    if not stacks:
        return
    names = data.draw(st.sampled_from(stacks), "wrappers")
    seed = data.draw(st.integers(0, 2**32), "seed")
    compare(lambda: build(id_, names, num_trials_before_reset=4), "SameStep", steps=40)
    env = build(id_, names)
    whole = list(env.sample_trials(12, seed=seed))
    draws = ngym.Draws(seed)
    same_trials(whole, [t for n in (1, 4, 7) for t in build(id_, names).sample_trials(n, draws=draws)])
    if env.unwrapped.can_prefetch:
        env.reset(seed=seed)
        for trial in whole[:5]:
            assert_same(trial.ob, env.unwrapped.ob)
            assert_same(trial.gt, env.unwrapped.gt)
            env.unwrapped._next_trial()


@pytest.mark.parametrize("name", WRAPPERS)
def test_stack_passes_the_checks_of_gymnasium(name):
    for id_ in ("PerceptualDecisionMaking-v0", "yang19.dms-v0", "Bandit-v0"):
        if goes_with(name, id_):
            for outer in STEP:
                if outer != name and goes_with(outer, id_) and not both_time_answers(name, outer):
                    assert list(_check_gymnasium(lambda o=outer, i=id_: build(i, (name, o)))) == []


def play(env, seed, steps=150):
    ob, info = env.reset(seed=seed)
    seen = [(ob, 0.0, info)]
    rng = np.random.default_rng(1)
    for _ in range(steps):
        action = env.unwrapped.gt_now if rng.random() < 0.6 else env.action_space.sample()
        ob, reward, _, _, info = env.step(action)
        seen.append((ob, reward, info))
    return seen


@pytest.mark.parametrize("name", WRAPPERS)
def test_stack_of_three_wrappers_replays_from_its_seed(name):
    others = [n for n in ("Noise", "TrialHistory", "TimeOut") if n != name and not (name == "ScheduleAttr" and n in CHOICE)]
    stack = (name, *others[:2]) if name in ("Context", "GoCue") else (others[0], name, others[1])
    env = build("PerceptualDecisionMaking-v0", stack, num_trials_before_reset=20)
    runs = []
    for _ in range(2):
        env.action_space.seed(3)
        runs.append(play(env, 5))
    for one, two in zip(*runs, strict=True):
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)


NOT_IN_STYLE = ("CatchTrials", "VariableMapping", "MultiEnvs", "ScheduleEnvs", *MODIFIERS)


@pytest.mark.parametrize("name", [n for n in WRAPPERS if n not in NOT_IN_STYLE])
def test_stack_of_a_wrapper_and_a_task_in_neurogyms_style_plays_in_lanes(name):
    wrapper = WRAPPERS[name]

    def wrapped():
        env = Dots()
        env.num_tr_exp = 4
        if isinstance(wrapper, (str, tuple)):
            kind, arguments = (wrapper, {}) if isinstance(wrapper, str) else wrapper
            return ngym.plugins.registry.wrapper_spec(kind).load()(env, **arguments)
        return wrapper(env)

    compare(wrapped, "SameStep", steps=60)


def test_stack_wrappers_go_with_at_least_ten_tasks():
    counts = {name: sum(goes_with(name, id_) for id_ in IDS) for name in WRAPPERS}
    images = [id_ for id_ in IDS if len(ngym.make(id_).observation_space.shape or ()) == 3]
    assert len(images) == 3
    assert counts["Noise"] == counts["TimeOut"] == counts["MultiEnvs"] == len(IDS)
    assert counts["PassAction"] == counts["ScheduleEnvs"] == len(IDS) - len(images)
    assert min(counts.values()) >= 10, counts
