from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.rules import AnswerAtOnce, AnswerInSequence, RespondWhenDue

from .toy import Toy

TASK = SimpleNamespace(
    rewards={"abort": -0.1, "correct": 1.3, "fail": -0.7, "miss": -0.5}, abort=False, prod_margin=0.2, dt=80
)
RULES = {
    "fixate-then-choose": (ngym.FixateThenChoose(), 3),
    "fixate everywhere": (ngym.FixateThenChoose(fixation=None), 3),
    "two fixations": (ngym.FixateThenChoose(fixation=("fixation", "delay")), 3),
    "withholding is paid": (ngym.FixateThenChoose(pays_withholding=True), 3),
    "sequence": (AnswerInSequence(), 3),
    "sequence, fixate everywhere, withholding is paid": (AnswerInSequence(fixation=None, pays_withholding=True), 3),
    "answer at once": (AnswerAtOnce(), 3),
    "respond when due": (RespondWhenDue(), 3),
    "respond when due, two fixations": (RespondWhenDue(fixation=("fixation", "delay")), 3),
    "interval": (ngym.ProduceInterval("interval", clock="fixation", window="decision"), 2),
    "interval, two windows": (ngym.ProduceInterval("interval", "fixation", ("delay", "decision"), fixation=None), 2),
}


def trials_of(lengths, gt):
    """Trials of three periods whose lengths (steps) differ."""
    n = len(gt)

    class Task(ngym.TrialEnv):
        default_timing = dict.fromkeys(("fixation", "delay", "decision"), 100)
        observation_space = ngym.spaces.Box(0, 1, shape=(1,))
        action_space = ngym.spaces.Discrete(3)

    trials = ngym.Trials(Task(dt=80), n, ngym.Draws(0))
    trials.set("interval", np.linspace(80, 700, n))
    trials.add_period(["fixation", "delay", "decision"], [80 * np.array(row) for row in lengths])
    trials.set_groundtruth(gt, "decision")
    return trials


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("abort", [False, True])
@given(data=st.data())
def test_rule_step_one_and_step_many_agree(name, abort, data):
    rule, actions = RULES[name]
    task = SimpleNamespace(**{**vars(TASK), "abort": abort})
    n = data.draw(st.integers(1, 6))
    steps = st.lists(st.integers(1, 5), min_size=n, max_size=n)
    trials = trials_of(
        data.draw(st.tuples(steps, steps, steps)), data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    )
    at = np.array([data.draw(st.integers(0, int(length) - 1)) for length in trials.lengths])
    action = np.array(data.draw(st.lists(st.integers(0, actions - 1), min_size=n, max_size=n)))
    facts = {"performance": 0.0, "timeout": 0.0, **rule.prepare(task, trials)}
    columns = {key: np.array(np.broadcast_to(value, n)) for key, value in facts.items()}
    lanes = SimpleNamespace(step=at, gt=trials.gt[np.arange(n), at], **{k: v.copy() for k, v in columns.items()})
    rewards, ends = rule.step_many(task, lanes, action)
    for i in range(n):
        one = SimpleNamespace(step=int(at[i]), gt=int(lanes.gt[i]), **{k: v[i].item() for k, v in columns.items()})
        reward, end = rule.step_one(task, one, int(action[i]))
        assert (reward, bool(end), one.performance) == (rewards[i], ends[i], lanes.performance[i])


def play(rule, gt, actions, abort=False, task=TASK):
    """Play a trial: fixation 2 steps, delay 1 step, decision 3 steps."""
    task = SimpleNamespace(**{**vars(task), "abort": abort})
    facts = {"performance": 0.0, "timeout": 0.0, **rule.prepare(task, trials := trials_of(([2], [1], [3]), [gt]))}
    now = SimpleNamespace(**{k: np.ravel(v)[0] for k, v in facts.items()})
    rewards = []
    for step, action in enumerate(actions):
        now.step, now.gt = step, trials.gt[0, step]
        reward, ends = rule.step_one(task, now, action)
        rewards.append(reward)
        if ends:
            return rewards, now.performance, step
    return [*rewards[:-1], rewards[-1] + now.timeout], now.performance, None


@pytest.mark.parametrize(
    ("gt", "actions", "abort", "expected"),
    [
        (2, [0, 0, 0, 0, 2], False, ([0, 0, 0, 0, 1.3], 1, 4)),
        (2, [0, 0, 0, 1], False, ([0, 0, 0, -0.7], 0, 3)),
        (2, [1, 0, 1, 2], False, ([-0.1, 0, 0, 1.3], 1, 3)),
        (2, [0, 1], True, ([0, -0.1], 0, 1)),
        (2, [0] * 6, False, ([0, 0, 0, 0, 0, -0.5], 0, None)),
        (0, [0] * 6, False, ([0] * 6, 1, None)),
        (0, [0, 0, 0, 1], False, ([0, 0, 0, -0.7], 0, 3)),
        (0, [1], True, ([-0.1], 0, 0)),
    ],
)
def test_fixate_then_choose_pays_the_right_choice_when_due(gt, actions, abort, expected):
    assert play(ngym.FixateThenChoose(), gt, actions, abort) == expected


@pytest.mark.parametrize(
    ("gt", "actions", "abort", "expected"),
    [
        (2, [1, 0, 0, 2], False, ([-0.1, 0, 0, 1.3], 1, 3)),
        (2, [0, 0, 0, 2], False, ([0, 0, 0, 1.3], 1, 3)),
        (2, [0, 0, 2], False, ([0, 0, -0.7], 0, 2)),  # not due yet
        (0, [0] * 6, False, ([0] * 6, 1, None)),
        (0, [0, 0, 1], False, ([0, 0, -0.7], 0, 2)),
        (2, [0] * 6, False, ([0, 0, 0, 0, 0, -0.5], 0, None)),
        (0, [1], True, ([-0.1], 0, 0)),
    ],
)
def test_respond_when_due_pays_a_response_at_its_time(gt, actions, abort, expected):
    assert play(RespondWhenDue(), gt, actions, abort) == expected


@pytest.mark.parametrize(("gt", "action"), [(0, 0), (0, 1), (2, 2), (2, 0)])
def test_answer_at_once_pays_the_first_action(gt, action):
    now = SimpleNamespace(gt=gt, performance=0)
    right = gt == action
    assert AnswerAtOnce().step_one(TASK, now, action) == ((1.3 if right else -0.7), True)
    assert now.performance == right


@pytest.mark.parametrize(("step", "reward", "performance"), [(3, 0.1 * 1.3, 1), (4, -0.7, 0)])
def test_produce_interval_pays_by_its_error(step, reward, performance):
    rule = ngym.ProduceInterval("interval", clock="fixation", window=("delay", "decision"))
    # the interval is 80 ms, the clock starts at step 2, the margin is 0.2 * 80 + 25 = 41 ms
    got = play(rule, 0, [0] * step + [1])
    expected = ([0.0] * step + [1.3], 1, step) if step == 3 else ([0.0] * step + [reward], performance, step)
    assert got == expected


def test_every_rule_can_be_imported_from_ngym_core():
    assert set(ngym.rules.__all__) <= set(ngym.__all__)
    defined = {name for name, value in vars(ngym.rules).items() if isinstance(value, type) and issubclass(value, ngym.Rule)}
    assert defined == set(ngym.rules.__all__)


def test_rule_pays_nothing_by_default():
    assert ngym.Rule().step_one(TASK, None, 1) == (0, False)
    rewards, ends = ngym.Rule().step_many(TASK, None, np.zeros(3))
    assert rewards.tolist() == [0, 0, 0]
    assert ends.tolist() == [False] * 3


def method(self, *args):
    """A method of a rule in a test."""


class Twice:
    """Not a rule itself: it changes what a rule beside it pays in single envs."""

    def step_one(self, task, now, action):
        reward, ends = super().step_one(task, now, action)
        return 2 * reward, ends


@pytest.mark.parametrize(
    ("bases", "methods", "message"),
    [
        ((ngym.Rule,), ["step_one"], "Half defines step_one but not step_many, which lanes use: define both, so that they"),
        ((ngym.FixateThenChoose,), ["step_many"], "Half defines step_many but not step_one, which single envs use"),
        ((AnswerInSequence,), ["step_one"], "Half defines step_one but not step_many"),
        ((Twice, ngym.FixateThenChoose), [], "Half defines step_one but not step_many"),
        ((ngym.FixateThenChoose,), ["pay_one"], "Half defines pay_one but not pay_many, which lanes use"),
        ((ngym.FixateThenChoose,), ["step_one", "step_many", "pay_many"], "Half defines pay_many but not pay_one"),
    ],
)
def test_rule_that_pays_otherwise_in_lanes_is_refused(bases, methods, message):
    with pytest.raises(TypeError, match=message):
        type("Half", bases, dict.fromkeys(methods, method))


@pytest.mark.parametrize(
    ("bases", "methods"),
    [
        ((ngym.Rule,), ["step_one", "step_many"]),
        ((ngym.FixateThenChoose,), ["pay_one", "pay_many"]),
        ((ngym.FixateThenChoose,), ["prepare"]),
        ((ngym.Rule,), ["pay_one"]),  # a helper of its own
        ((Twice, ngym.Rule), ["step_many"]),
    ],
)
def test_rule_may_change_what_is_paid_in_envs_and_lanes(bases, methods):
    type("Whole", bases, dict.fromkeys(methods, method))


@pytest.mark.parametrize(
    ("rule", "gt", "actions", "rewards", "performance", "ends"),
    [
        (AnswerInSequence(), 2, [0, 0, 0, 2, 2, 2], [0, 0, 0, 1.3 / 3, 1.3 / 3, 1.3 / 3], 1, 5),
        (AnswerInSequence(), 2, [1, 0, 1, 2, 0, 1], [-0.1, 0, 0, 1.3 / 3, -0.7 / 3, -0.7 / 3], 1 / 3, 5),
        (AnswerInSequence(fixation=None), 2, [0, 0, 1, 1, 1, 1], [0, 0, -0.1, -0.7 / 3, -0.7 / 3, -0.7 / 3], 0, 5),
        (AnswerInSequence(), 0, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, -0.7 / 3], 2 / 3, 5),
        (AnswerInSequence(pays_withholding=True), 0, [0] * 6, [0, 0, 0, 1.3 / 3, 1.3 / 3, 1.3 / 3], 1, 5),
    ],
)
def test_answer_in_sequence_judges_and_pays_each_step_of_the_decision(rule, gt, actions, rewards, performance, ends):
    assert play(rule, gt, actions) == (pytest.approx(rewards), pytest.approx(performance), ends)


def test_answer_in_sequence_ends_where_fixation_is_broken_and_the_task_aborts():
    assert play(AnswerInSequence(), 2, [1, 0, 0, 2, 2, 2], abort=True) == ([-0.1], 0, 0)


def wrong(**methods):
    """A task whose rule has wrong methods."""
    rule = type("Wrong", (ngym.FixateThenChoose,), methods)()
    return type("Task", (Toy,), {"rule": rule})()


def step_one(self, task, now, action):
    return ngym.FixateThenChoose.step_one(self, task, now, action)


def step_many(self, task, now, action):
    return ngym.FixateThenChoose.step_many(self, task, now, action)


def with_facts(change):
    def prepare(self, task, trials):
        return change(ngym.FixateThenChoose.prepare(self, task, trials), trials.n)

    return {"prepare": prepare}


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        (with_facts(lambda facts, n: None), TypeError, r"Wrong\.prepare must return a dictionary, name -> values, not None"),
        (
            with_facts(lambda facts, n: {**facts, "gt": 0}),
            ValueError,
            "Wrong.prepare returns 'gt', which is set at each step",
        ),
        (
            with_facts(lambda facts, n: {**facts, "side": np.zeros(n + 1)}),
            ValueError,
            r"Wrong\.prepare returns \d+ values of 'side' for \d+ trials; expected one for each, or one for all",
        ),
    ],
)
def test_facts_of_a_rule_that_do_not_fit_are_refused_in_env_and_lanes(methods, error, message):
    with pytest.raises(error, match=message):
        wrong(**methods).reset(seed=0)
    with pytest.raises(error, match=message):
        ngym.TrialVectorEnv(wrong(**methods), 2).reset(seed=0)


@pytest.mark.parametrize("returned", [1.0, (1.0,), [1.0, True]])
def test_step_one_must_return_two_values(returned):
    env = wrong(step_one=lambda self, task, now, action: returned, step_many=step_many)
    env.reset(seed=0)
    with pytest.raises(
        TypeError, match=r"Wrong\.step_one must return two values, the reward and whether the trial ends, not"
    ):
        env.step(0)


@pytest.mark.parametrize("returned", [0.0, ([0.0, 0.0], [False, False]), (np.zeros(2), False), (np.zeros(2),)])
def test_step_many_must_return_two_arrays(returned):
    env = ngym.TrialVectorEnv(wrong(step_one=step_one, step_many=lambda self, task, now, action: returned), 2)
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"Wrong\.step_many must return two arrays, rewards \(n,\) and whether trials end"):
        env.step(np.zeros(2, int))


def test_rule_that_is_a_class_is_refused():
    class Task(Toy):
        rule = ngym.FixateThenChoose

    with pytest.raises(
        TypeError, match=r"Task\.rule is the class FixateThenChoose; expected an object of it: rule = Fixate"
    ):
        Task()
