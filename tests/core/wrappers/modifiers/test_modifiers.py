"""Modifiers as they are written in ids, and what holds for all of them."""

from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.errors import UnknownNameError, UnknownTaskError
from ngym_core.plugins import registry
from ngym_core.testing import _equal, check_task
from ngym_core.wrappers import FixConditions, FollowCurriculum
from ngym_core.wrappers.modifiers import MODIFIERS, wrapper_of

PDM = "PerceptualDecisionMaking-v0"
STACKED = "yang19.go-v0+anti+delay=500+interval=left+sequence+go_cue"


def all_of(env, n=40, seed=0, **forced):
    return [(t.ob, t.gt, t.conditions, t.start, t.end) for t in env.sample_trials(n, seed=seed, **forced)]


@pytest.mark.parametrize(
    ("id_", "wrappers"),
    [
        ("yang19.go-v0+anti", ["Anti"]),
        ("yang19.go+delay=500", [("Delay", {"ms": 500})]),
        ("yang19.go-v0+delay=162.5", [("Delay", {"ms": 162.5})]),
        ("yang19.go-v0+interval", ["Interval"]),
        ("yang19.go-v0+interval=left", [("Interval", {"direction": "left"})]),
        ("yang19.go-v0+sequence=left", [("Sequence", {"direction": "left"})]),
        ("yang19.go-v0+context+go_cue", ["Context", "GoCue"]),
        ("PerceptualDecisionMaking+anti+sequence", ["Anti", "Sequence"]),
    ],
)
def test_id_with_modifiers_and_wrappers_make_the_same_env(id_, wrappers):
    one, two = ngym.make(id_), ngym.make(id_.partition("+")[0], wrappers=wrappers)
    assert str(one) == str(two)
    assert _equal(all_of(one), all_of(two))
    one.reset(seed=1)
    two.set_state(one.get_state())  # a state says with which wrappers and parameters it goes
    assert _equal(one.step(0), two.step(0))


def test_modifiers_are_put_around_the_task_before_the_wrappers_of_the_caller():
    env = ngym.make("yang19.go-v0+go_cue+anti", wrappers=["PassReward"])
    assert str(env) == "<PassReward<Anti<GoCue<ScheduleAttr<Go>>>>>"
    lanes = ngym.make_vec("yang19.go-v0+go_cue", 3, wrappers=["PassReward"])
    assert lanes.reset(seed=0)[0].shape == (3, 35)


@pytest.mark.parametrize(
    ("id_", "error", "message"),
    [
        (
            "yang19.go-v0+antii",
            UnknownNameError,
            r"Unknown modifier 'antii'\. Did you mean 'anti'\? Valid: 'anti', 'context'",
        ),
        ("yang19.go-v0+", UnknownNameError, "Unknown modifier ''. Valid: 'anti'"),
        ("yang19.goo-v0+anti", UnknownTaskError, "Unknown task 'yang19.goo-v0'.*Did you mean 'yang19.go-v0'"),
        ("yang19.go-v0+delay", ValueError, "The modifier 'delay' needs a number of ms, such as 'delay=500'"),
        ("yang19.go-v0+delay=long", ValueError, "The modifier 'delay=long' must have a number of ms"),
        ("yang19.go-v0+delay=-3", ValueError, r"-3 must be a finite number of ms from 0"),
        ("yang19.go-v0+anti=1", ValueError, "The modifier 'anti' takes no value, but came as 'anti=1'"),
        ("yang19.go-v0+sequence=up", ValueError, "direction='up' must be .*'left'.*'right'|direction='up'.*right"),
        ("yang19.go-v0+interval=lefft", ValueError, "Did you mean 'left'"),
    ],
)
def test_ids_with_wrong_modifiers_are_refused_in_words(id_, error, message):
    with pytest.raises(error, match=message):
        ngym.make(id_)


def test_every_modifier_is_a_wrapper_with_the_argument_that_its_value_stands_for():
    for name, (wrapper, argument) in MODIFIERS.items():
        parameters = registry.parameters_of(registry.wrapper_spec(wrapper).load())
        assert argument is None or argument in parameters
        assert wrapper_of(name if argument != "ms" else f"{name}=300")[0] == wrapper


def test_task_spec_of_a_modified_task_is_that_of_the_task():
    spec = registry.task_spec("yang19.go+anti+delay=500")
    assert (spec.id, spec.unmodified_id, spec.collection) == ("yang19.go-v0+anti+delay=500", "yang19.go-v0", "yang19")
    assert registry.task_spec(spec.id) == spec
    with pytest.raises(gymnasium.error.Error):
        registry.TaskSpec("my.task+x-v0", "a:b")


def test_spec_of_a_modified_env_makes_the_same_env():
    env = ngym.make(STACKED)
    again = gymnasium.make(env.spec)
    assert _equal(
        all_of(env), all_of(next(layer for layer in ngym.sampling.layers(again) if hasattr(layer, "sample_trials")))
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_and_states_go_on_as_the_env(copied):
    env = ngym.make(STACKED)
    env.reset(seed=3)
    for action in env.gt[:18].tolist():
        env.step(action)
    other, fresh = copied(env), ngym.make(STACKED)
    fresh.set_state(env.get_state())
    for _ in range(60):
        results = [one.step(int(one.unwrapped.gt_now)) for one in (env, other, fresh)]
        assert _equal(results[0], results[1])
        assert _equal(results[0], results[2])


@pytest.mark.parametrize(
    "id_", [STACKED, "yang19.dms-v0+context+delay=300", "PerceptualDecisionMaking-v0+interval+anti+go_cue"]
)
def test_stacked_modifiers_keep_the_promises_of_tasks(id_):
    assert check_task(id_).oracle == 1


def test_several_tasks_are_refused():
    env = ngym.wrappers.MultiEnvs([ngym.make("yang19.go-v0"), ngym.make("yang19.anti-v0")])
    with pytest.raises(ValueError, match="Anti changes one task, not the 2 of MultiEnvs: put it around each of them"):
        ngym.wrappers.Anti(env)


@pytest.mark.parametrize("modifier", ["anti", "interval"])
def test_forced_answers_are_those_that_are_paid(modifier):
    env = ngym.make(f"yang19.dm1-v0+{modifier}")
    wanted = np.arange(40) % 16
    trials = env.sample_trials(40, seed=0, ground_truth=wanted)
    np.testing.assert_array_equal(trials.conditions["ground_truth"], wanted)
    np.testing.assert_array_equal(trials.gt[np.arange(40), trials.start["decision"]], wanted + 1)
    with pytest.raises(ValueError, match="'ground_truth' is forced to 99"):
        env.sample_trials(3, ground_truth=99)


def test_probabilities_of_answers_hold_outside_of_what_turns_them():
    env = ngym.make("PerceptualDecisionMaking-v0+anti", wrappers=[("RandomGroundTruth", {"p": [0.9, 0.1]})])
    trials = env.sample_trials(2000, seed=0)
    assert abs((trials.gt[:, -1] == 1).mean() - 0.9) < 0.03


ZERO_OR_MORE = ("choice", (0, 300))


@pytest.mark.parametrize(
    ("id_", "wrappers"),
    [
        ("yang19.dlygo-v0+interval", []),
        ("yang19.dlygo-v0+interval+sequence", []),
        ("yang19.dlydm1-v0+interval=left", []),
        ("yang19.dms-v0+interval+context", []),
        ("yang19.go-v0", [("Delay", {"ms": ZERO_OR_MORE})]),
        ("yang19.go-v0", [("Delay", {"ms": ZERO_OR_MORE}), ("Delay", {"ms": ZERO_OR_MORE}), "Context"]),
        ("PerceptualDecisionMaking-v0", [("Delay", {"ms": ZERO_OR_MORE}), "GoCue"]),
    ],
)
def test_trials_with_and_without_a_delay_are_the_same_in_any_number(id_, wrappers):
    env, draws = ngym.make(id_, wrappers=wrappers), ngym.Draws(0)
    many = env.sample_trials(120, seed=0)  # encoded, as few are not
    delays = many.end["delay"] - many.start["delay"]
    assert (delays == 0).any()
    assert (delays > 0).any()
    for one, other in zip(many, (env.sample_trials(1, draws=draws)[0] for _ in range(120)), strict=True):
        assert np.array_equal(one.ob, other.ob)
        assert np.array_equal(one.gt, other.gt)
        assert (one.start, one.end) == (other.start, other.end)


@pytest.mark.parametrize("modifier", ["Anti", ("Interval", {"ms": ("choice", (100, 300))})])
def test_turned_answers_turn_all_conditions_that_name_choices(modifier):
    env = ngym.make("ContextDecisionMaking-v0", wrappers=[modifier], sigma=0, dim_ring=4)
    trials = env.sample_trials(400, seed=0, coh_1=50, coh_2=50)
    same = trials.conditions["ground_truth"] == trials.conditions["other_choice"]
    evidence = trials.ob[np.arange(400), trials.start["stimulus"]][:, 1:9].reshape(400, 2, 4).argmax(axis=2)
    assert 0 < same.sum() < 400
    assert np.array_equal(same, evidence[:, 0] == evidence[:, 1])
    forced = env.sample_trials(50, seed=1, other_choice=3, ground_truth=2).conditions
    assert set(forced["other_choice"].tolist()) == {3}
    assert set(forced["ground_truth"].tolist()) == {2}


INSIDE = {
    "SideBias": {"probs": [[0.8, 0.2]]},
    "TrialHistory": {},
    "TrialHistoryV2": {"probs": np.array([[0.8, 0.2], [0.2, 0.8]])},
    "RandomGroundTruth": {},
    "VariableMapping": {},
}


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("modifier", ["Anti", "Interval"])
def test_modifiers_that_turn_answers_refuse_wrappers_of_choices_inside(name, modifier):
    message = f"^{modifier} turns the answers, and {name} inside of it would .*: put {name} around {modifier}"
    for between in ([], ["Monitor"], ["PassReward"]):
        with pytest.raises(ValueError, match=message):
            ngym.make(PDM, wrappers=[(name, INSIDE[name]), *between, modifier])
    trials = ngym.make(PDM, wrappers=[modifier, (name, INSIDE[name])]).sample_trials(500, seed=0)
    if "previous" in trials.conditions:
        assert np.array_equal(trials.conditions["previous"][1:], trials.conditions["ground_truth"][:-1])


def test_go_cue_refuses_reaction_times():
    for wrappers in (["GoCue", "ReactionTime"], ["ReactionTime", "GoCue"]):
        with pytest.raises(ValueError, match="says when the answer is due, and so does .*: use one of them"):
            ngym.make(PDM, wrappers=wrappers)


OWN_CONDITIONS = [
    ("yang19.go-v0+delay=500", {"delay": [200, 0, 700]}),
    ("yang19.dlygo-v0+interval", {"delay": [300, 1100, 0]}),
    ("yang19.go-v0+delay=500+interval", {"Interval_delay": [300, 1100, 0], "delay": 400, "ground_truth": 5}),
    ("PerceptualDecisionMaking-v0+context", {"context": [0, 1, 1], "distractor": [1, 0, 1]}),
    ("yang19.dms-v0+context", {"distractor": [3, 0, 15]}),
    ("yang19.dm1-v0+context+delay=500", {"context": 1, "delay": [100, 200, 300]}),
]


@pytest.mark.parametrize(("id_", "forced"), OWN_CONDITIONS)
def test_condition_that_a_modifier_draws_is_forced_like_those_of_tasks(id_, forced):
    env = ngym.make(id_)
    drawn, made = env.sample_trials(3, seed=0), env.sample_trials(3, seed=0, **forced)
    assert made.forceable >= set(forced)
    assert list(made.conditions) == list(drawn.conditions)
    for name, value in forced.items():
        assert made.conditions[name].tolist() == np.broadcast_to(value, 3).tolist()
    same = {name: drawn.conditions[name] for name in forced}
    assert _equal(all_of(env, 3, 0, **same), all_of(env, 3, 0))
    for k in range(3):  # as single env, in lanes and fixed by a wrapper
        options = {"conditions": {name: np.broadcast_to(value, 3)[k] for name, value in forced.items()}}
        env.reset(seed=0, options=options)
        assert env.unwrapped.trial.items() >= options["conditions"].items()
        info = ngym.TrialVectorEnv(ngym.make(id_), 2).reset(seed=0, options=options)[1]
        assert all((info["trial"][name] == value).all() for name, value in options["conditions"].items())
        fixed = FixConditions(ngym.make(id_), options["conditions"]).sample_trials(4, seed=1)
        assert all((fixed.conditions[name] == value).all() for name, value in options["conditions"].items())


@pytest.mark.parametrize(
    ("id_", "forced", "message"),
    [
        (
            "yang19.go-v0+delay=500",
            {"delay": [100, 250]},
            "'delay' is forced to 250; expected whole steps of 100 ms",
        ),
        ("yang19.go-v0+delay=500", {"delay": -100}, "'delay' is forced to -100; expected a finite number from 0"),
        ("yang19.go-v0+delay=500", {"delay": "long"}, "'delay' is forced to 'long', which is not a number"),
        ("yang19.go-v0+delay=500", {"delay": [1, 2, 3]}, "'delay' is forced to 3 values for 2 trials"),
        ("PerceptualDecisionMaking-v0+context", {"context": 2}, "'context' is forced to 2. Valid: '0', '1'"),
        ("PerceptualDecisionMaking-v0+context", {"distractor": 2}, "'distractor' is forced to 2. Valid: '0', '1'"),
        ("yang19.go-v0+context", {"context": 1}, "Unknown condition of <Go> 'context'. Valid: .*'modality'"),
    ],
)
def test_condition_of_a_modifier_is_checked_where_it_is_forced(id_, forced, message):
    with pytest.raises((ValueError, KeyError), match=message):
        ngym.make(id_).sample_trials(2, seed=0, **forced)


def test_delay_that_is_forced_may_be_any_number_of_steps_of_a_short_dt():
    for dt, ms in [(0.1, [0.3, 0.7]), (7, [21, 700]), (100, [300.0, 1e5])]:
        trials = ngym.make("yang19.go-v0+delay=500", dt=dt).sample_trials(2, seed=0, delay=ms)
        assert trials.conditions["delay"].tolist() == ms
        assert (trials.end["delay"] - trials.start["delay"]).tolist() == np.rint(np.divide(ms, dt)).tolist()


def test_staircase_goes_over_a_condition_that_a_modifier_draws():
    stage = {"staircase": {"path": "conditions.delay", "levels": [200, 500, 1000], "down": 1, "up": 1}}
    env = FollowCurriculum(ngym.make("yang19.go-v0+delay=500"), {"stages": [stage]})
    env.reset(seed=0)
    played = []
    while len(played) < 8:
        info = env.step(int(env.unwrapped.gt_now))[4]
        if info["new_trial"]:
            played.append(info["ended_trial"]["delay"])
    assert (played[0], played[-1]) == (200, 1000)
