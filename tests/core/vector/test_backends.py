from __future__ import annotations

import copy
import functools
import pickle

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


def copied(env):
    return copy.deepcopy(env)


def pickled(env):
    return pickle.loads(pickle.dumps(env))


def from_a_state(env):
    other = ngym.make_vec(env.task.spec.id, env.num_envs)
    other.reset(seed=9)
    other.set_state(env.get_state())
    return other


def from_a_state_with_its_parameters(env):
    other = ngym.make_vec(env.task.spec.id, env.num_envs)
    other.reset(seed=9)
    for name, value in PARAMETERS[env.task.spec.id].items():
        setattr(other.task, name, value)
    for _ in range(60):
        other.step(np.zeros(env.num_envs, int))
    other = copy.deepcopy(other)  # whose types are those of the parameters
    other.set_state(env.get_state())
    return other


def from_states_of_single_lanes(env):
    other = from_a_state_with_its_parameters(env)
    other.reset(seed=9)
    other = copy.deepcopy(other)
    for lane in range(env.num_envs):
        other.set_state(env.get_state(lanes=[lane]), lanes=[lane])
    return other


PARAMETERS = {"PerceptualDecisionMaking-v0": {"cohs": [0]}, "EconomicDecisionMaking-v0": {"B_to_A": 2}}
"""Parameters under which conditions, and what rules know of trials, are integers; they are floats by default."""


@pytest.mark.parametrize("id_", PARAMETERS)
@pytest.mark.parametrize(
    "copy_of",
    [copied, pickled, from_a_state, from_a_state_with_its_parameters, from_states_of_single_lanes],
    ids=lambda function: function.__name__,
)
def test_lanes_go_on_from_running_trials_of_another_type(id_, copy_of):
    env = ngym.make_vec(id_, 6)
    env.reset(seed=0)
    for name, value in PARAMETERS[id_].items():
        setattr(env.task, name, value)
    other = copy_of(copy_of(env))
    rng = np.random.default_rng(0)
    for step in range(120):
        actions = rng.integers(1, 3, 6) * (step % 50 > 35)
        first, second = env.step(actions), other.step(actions)
        np.testing.assert_array_equal(first[1], second[1])
        for entry in ("trial", "ended_trial"):
            for name in first[4][entry]:
                np.testing.assert_array_equal(first[4][entry][name], second[4][entry][name])


def test_lanes_pay_what_a_forced_condition_of_another_type_is_worth():
    single, lanes = ngym.make("EconomicDecisionMaking-v0"), ngym.make_vec("EconomicDecisionMaking-v0", 1)
    single.unwrapped.B_to_A = lanes.task.B_to_A = 2
    lanes.reset(seed=0)
    lanes = copy.deepcopy(lanes)
    lanes.step([0])
    lanes = copy.deepcopy(lanes)  # whose types are those of the parameter
    options = {"conditions": {"offer": (0.5, 1.5)}}
    single.reset(seed=0, options=options)
    lanes.reset(seed=0, options=options)
    go = lanes.periods(0)["decision"][0]
    for step in range(go + 1):
        reward = single.step(2 * (step == go))[1]
        assert lanes.step([2 * (step == go)])[1].tolist() == [reward]
    assert reward in (0.22, 0.33)


class Worth(Counts):
    """Pays what the offer of a trial is worth, with the type that it has."""

    def prepare(self, task, trials):
        return {"pay": trials.conditions["offer"][:, 0]}


def test_lanes_of_a_mixture_pay_what_a_forced_condition_of_another_type_is_worth():
    class Paid(type(ngym.make("EconomicDecisionMaking-v0").unwrapped)):
        rule = Worth()

    env = ngym.TrialVectorEnv(ngym.mix([Paid(), Paid()]), 2)
    assert isinstance(env._backend, backends.RuleBackend)
    env.reset(seed=0, options={"conditions": {"offer": (0.5, 1.5)}})
    assert env.step(np.zeros(2, int))[1].tolist() == [0.5, 0.5]


def test_lanes_go_on_where_a_condition_gets_another_shape():
    class Shaped(type(ngym.make("GoNogo-v0").unwrapped)):
        size = 2

        def _new_trials(self, trials):
            super()._new_trials(trials)
            trials.set("place", np.arange(trials.n * self.size).reshape(trials.n, self.size) + 0.5)

    env = ngym.TrialVectorEnv(Shaped(), 2)
    env.reset(seed=0)
    env.task.size = 3
    lengths = set()
    for _ in range(60):
        info = env.step(np.zeros(2, int))[4]
        lengths |= {len(place) for place in info["trial"]["place"]}
    assert lengths == {2, 3}


class Halves(ngym.Rule):
    """Begins with an integer, and sets what it is told to."""

    def __init__(self, value):
        self.value = value

    def prepare(self, task, trials):
        return {"count": 1}

    def step_one(self, task, now, action):
        now.count = self.value
        return now.count, False

    def step_many(self, task, now, action):
        now.count = np.full(len(action), self.value)
        return np.array(now.count, float), np.zeros(len(action), bool)


def test_rule_backend_refuses_values_that_a_fact_of_another_type_cannot_have():
    class Halved(type(ngym.make("GoNogo-v0").unwrapped)):
        rule = Halves(2.0)

    env = ngym.TrialVectorEnv(Halved(), 2)
    env.reset(seed=0)
    assert env.step(np.zeros(2, int))[1].tolist() == [2.0, 2.0]
    env.task.rule = Halves(0.5)
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"sets now\.count to .*0\.5.*but `prepare` returned int64"):
        env.step(np.zeros(2, int))
