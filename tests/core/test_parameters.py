from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.parameters import Parameters

from .toy import Toy


def test_parameters_reject_an_unknown_timing_key():
    message = "Unknown timing key 'fixatoin'. Did you mean 'fixation'"
    with pytest.raises(KeyError, match=message):
        Toy(timing={"fixatoin": 100})
    env = Toy()
    with pytest.raises(KeyError, match=message):
        env.timing.update({"fixatoin": 100})


def test_parameters_reject_unknown_and_infinite_rewards():
    with pytest.raises(KeyError, match="Unknown reward key 'corect'. Did you mean 'correct'"):
        Toy(rewards={"corect": 1})
    with pytest.raises(ValueError, match=r"rewards\['correct'\]=nan must be a finite number\."):
        Toy(rewards={"correct": np.nan})


def test_parameters_keep_their_checks_when_copied():
    timing = Toy(timing={"delay": 700}).timing
    for copied in (copy.deepcopy(timing), pickle.loads(pickle.dumps(timing))):
        assert copied == timing
        with pytest.raises(KeyError):
            copied["other"] = 1


DOORS = {
    "item": lambda p, key, value: p.__setitem__(key, value),
    "update with a mapping": lambda p, key, value: p.update({key: value}),
    "update with pairs": lambda p, key, value: p.update([(key, value)]),
    "update with a name": lambda p, key, value: p.update(**{key: value}),
    "|=": lambda p, key, value: p.__ior__({key: value}),
    "|= with pairs": lambda p, key, value: p.__ior__([(key, value)]),
    "setdefault": lambda p, key, value: p.setdefault(key, value) if key not in p else p.update({key: value}),
    "constructor": lambda p, key, value: type(p)(p.kind, p, {key: value}),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("kind", "key", "value", "error", "message"),
    [
        ("timing", "stimulos", 100, KeyError, "Unknown timing key 'stimulos'. Did you mean 'stimulus'"),
        ("timing", "set", 83, KeyError, "Unknown timing key 'set'"),
        ("timing", "self", 83, KeyError, "Unknown timing key 'self'"),
        ("timing", "stimulus", -1, ValueError, r"timing\['stimulus'\]=-1 must be a finite number of ms from 0\."),
        ("timing", "stimulus", object(), TypeError, "must be a number of ms, a sequence"),
        ("rewards", "corect", 1, KeyError, "Unknown reward key 'corect'. Did you mean 'correct'"),
        ("rewards", "correct", float("nan"), ValueError, r"rewards\['correct'\]=nan must be a finite number\."),
        *(
            ("rewards", "correct", wrong, TypeError, r"rewards..correct..=.* must be a finite number")
            for wrong in ("a", None, 1j, [1])
        ),
    ],
)
def test_parameters_check_keys_and_values_whatever_way_they_come_in(door, kind, key, value, error, message):
    parameters = getattr(Toy(), kind)
    before = dict(parameters)
    with pytest.raises(error, match=message):
        DOORS[door](parameters, key, value)
    assert parameters == before


@pytest.mark.parametrize("door", [d for d in DOORS if d != "constructor"])
def test_parameters_take_right_values_whatever_way_they_come_in(door):
    timing = Toy().timing
    DOORS[door](timing, "stimulus", 700)
    assert timing["stimulus"] == 700


def test_parameters_change_nothing_if_one_of_several_values_is_wrong():
    timing = Toy().timing
    before = dict(timing)
    with pytest.raises(ValueError, match="timing"):
        timing.update({"stimulus": 700, "delay": -5})
    assert timing == before


def test_parameters_keep_the_keys_that_the_task_needs():
    rewards = Toy(rewards={"miss": -1.0}).rewards
    for remove in (lambda: rewards.pop("correct"), rewards.popitem, rewards.clear, lambda: rewards.__delitem__("correct")):
        with pytest.raises(TypeError, match=r"reward keys \[.*'correct'.*\] cannot be removed: the task needs them"):
            remove()
    assert rewards.pop("miss") == -1.0
    assert rewards.pop("miss", 5) == 5
    with pytest.raises(KeyError):
        del rewards["miss"]
    assert rewards.setdefault("miss", -2.0) == -2.0
    assert rewards.setdefault("miss", -3.0) == -2.0
    assert type(rewards | {"x": 1}) is type(rewards.copy()) is dict


def test_dictionary_assigned_to_a_task_is_checked_like_one_that_is_given():
    env = Toy()
    env.timing = {"decision": 300}
    assert isinstance(env.timing, Parameters)
    assert env.timing == {**Toy.default_timing, "decision": 300}
    for name, wrong, error in (
        ("timing", {"decision": -1}, ValueError),
        ("timing", {"decison": 1}, KeyError),
        ("timing", 5, TypeError),
        ("rewards", {"correct": "much"}, TypeError),
        ("rewards", [1, 2], TypeError),
    ):
        before = dict(getattr(env, name))
        with pytest.raises(error, match="must be|Did you mean"):
            setattr(env, name, wrong)
        assert getattr(env, name) == before


def test_task_in_neurogyms_style_may_assign_any_keys_but_no_wrong_values():
    class Style(ngym.TrialEnv):
        def __init__(self):
            super().__init__()
            self.timing = {"anything": 100}
            self.timing.update({"more": ("uniform", (100, 200))})

    env = Style()
    assert env.timing == {"anything": 100, "more": ("uniform", (100, 200))}
    with pytest.raises(ValueError, match="must be a finite number of ms from 0"):
        env.timing["more"] = -5


def test_task_without_timing_or_rewards_refuses_others():
    for id_, name, value in (("IBL-v0", "timing", {"choice": 300}), ("Bandit-v0", "rewards", [1, 2])):
        env = ngym.make(id_)
        with pytest.raises(AttributeError, match=f"{env} has no {name} that could be changed"):
            setattr(env, name, value)
        assert getattr(env, name) == {}


def test_task_that_does_not_call_the_constructor_of_all_tasks_is_told_so():
    class Forgetful(Toy):
        def __init__(self):
            self.sigma = 1.0

    with pytest.raises(AttributeError, match=r"A task has no `timing` before its `__init__` has called `super\(\)"):
        Forgetful().reset(seed=0)


class PaysSome(Toy):
    default_rewards = {"correct": 1.0}


def test_reward_that_the_rule_needs_is_named_when_it_is_missing():
    message = (
        "There is no reward 'abort', which FixateThenChoose, the rule of <PaysSome>, needs: add it to `default_rewards`"
    )
    env = PaysSome()
    env.reset(seed=0)
    for pays in (copy.deepcopy(env), env):
        with pytest.raises(ngym.UnknownNameError, match=message):
            pays.step(1)
    lanes = ngym.TrialVectorEnv(PaysSome(), 2)
    lanes.reset(seed=0)
    with pytest.raises(KeyError, match=message):
        lanes.step(np.ones(2, int))
    assert pickle.loads(pickle.dumps(env.rewards)) == {"correct": 1.0}
    with pytest.raises(KeyError, match="There is no timing 'go'. There are 'fixation', 'delay'"):
        Parameters("timing", {"fixation": 1, "delay": 2})["go"]


class NoSpaces(ngym.TrialEnv):
    def _new_trials(self, trials):
        trials.add_period("fixation", 100)
        trials.add_ob(1)


def test_task_without_spaces_is_told_to_set_them():
    message = "<NoSpaces> has no observation_space: set `self.observation_space` in its constructor"
    for use in (lambda env: env.sample_trials(2), lambda env: env.reset(), lambda env: ngym.run_env(env, num_steps=3)):
        with pytest.raises((AttributeError, TypeError), match=message):
            use(NoSpaces())
    with pytest.raises(ngym.TaskError, match=f"cannot be made: AttributeError: {message}"):
        ngym.check_task(NoSpaces)
    env = NoSpaces()
    assert not hasattr(env, "action_space")
    env.observation_space, env.action_space = ngym.spaces.Box(0, 1, shape=(2,)), ngym.spaces.Discrete(2)
    assert env.sample_trials(2).ob.shape == (2, 1, 2)
