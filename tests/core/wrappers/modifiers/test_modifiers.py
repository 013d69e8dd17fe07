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
from ngym_core.wrappers.modifiers import MODIFIERS, wrapper_of

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
    with pytest.raises(ValueError, match="They combine where Anti is not between them"):
        ngym.make("PerceptualDecisionMaking-v0", wrappers=["RandomGroundTruth", "Anti", "RandomGroundTruth"])


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
