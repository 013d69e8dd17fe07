from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.testing import _equal


def test_delay_of_go_is_the_task_with_a_delay():
    modified, task = ngym.make("yang19.go-v0+delay=500"), ngym.make("yang19.dlygo-v0")
    one, two = modified.sample_trials(40, seed=0), task.sample_trials(40, seed=0)
    assert _equal((one.ob, one.gt, one.start, one.end), (two.ob, two.gt, two.start, two.end))
    assert one.conditions["delay"].tolist() == [500] * 40


def test_delay_replaces_the_delay_of_the_task():
    one = ngym.make("yang19.dms-v0+delay=300").sample_trials(40, seed=0)
    two = ngym.make("yang19.dms-v0", timing={"delay": 300}).sample_trials(40, seed=0)
    assert _equal((one.ob, one.gt, one.start, one.end), (two.ob, two.gt, two.start, two.end))


@pytest.mark.parametrize("id_", ["yang19.dm1-v0", "PerceptualDecisionMaking-v0", "DelayMatchCategory-v0", "GoNogo-v0"])
@pytest.mark.parametrize("n", [5, 100])  # few trials are stored otherwise
def test_delay_inserts_steps_before_the_decision_without_a_stimulus(id_, n):
    plain, env = ngym.make(id_), ngym.make(id_, wrappers=[("Delay", {"ms": ("choice", (0, 200, 700))})])
    task = plain.unwrapped
    fixation = np.atleast_1d(task.observation_space.name["fixation"])
    decision = task.rule.decision
    delays = set()
    for old, new in zip(plain.sample_trials(n, seed=1), env.sample_trials(n, seed=1), strict=True):
        ms = new.conditions["delay"]
        k, at = int(ms // task.dt), old.start[decision]
        replaced = old.end["delay"] - old.start["delay"] if "delay" in old.start else 0
        at -= replaced
        delays.add(ms)
        assert new.end["delay"] - new.start["delay"] == k
        assert new.start[decision] == at + k
        np.testing.assert_array_equal(new.ob[:at], old.ob[:at])
        np.testing.assert_array_equal(new.ob[at + k :], old.ob[at + replaced :])
        np.testing.assert_array_equal(new.gt[at + k :], old.gt[at + replaced :])
        assert not new.gt[: at + k].any()
        others = np.setdiff1d(np.arange(new.ob.shape[1]), fixation)
        assert not new.ob[at : at + k, others].any()
        assert (new.ob[at : at + k, fixation] == old.ob[at - 1, fixation]).all()
    assert len(delays) == 3 or n == 5


def delays(env):
    return sorted(set(env.sample_trials(40, seed=0).conditions["delay"].tolist()))


@pytest.mark.parametrize("id_", ["yang19.go-v0+delay=500", "yang19.dlygo-v0+interval", "modcog.dlygointr-v0"])
def test_delay_is_what_was_assigned_last_to_the_timing_or_to_the_modifier(id_):
    env = ngym.make(id_)
    env.timing["delay"] = 300
    assert (env.ms, delays(env)) == (300, [300])
    env.ms = ("choice", (200, 400))
    assert (env.timing["delay"], delays(env)) == (("choice", (200, 400)), [200, 400])
    env.timing["delay"] = lambda: 500
    with pytest.raises(TypeError, match="not a function with a state of its own"):
        env.sample_trials(1, seed=0)


def test_delay_that_the_caller_gives_prevails_over_the_default_and_not_over_another_one():
    timing = {"delay": 300}
    env = ngym.make("yang19.go-v0+interval", timing=timing)
    assert delays(env) == delays(ngym.make("yang19.go-v0", timing=timing, wrappers=["Interval"])) == [300]
    assert delays(gymnasium.make(env.spec)) == [300]
    for id_, wrappers, name in (
        ("yang19.go-v0+delay=500", [], "delay=500"),
        ("yang19.go-v0", [("Delay", {"ms": 5})], "Delay"),
    ):
        with pytest.raises(
            ValueError, match=rf"^timing={{'delay': 300}} and the modifier '{name}' both set the duration of 'd"
        ):
            ngym.make(id_, timing=timing, wrappers=wrappers)
    both = ngym.make("yang19.go-v0+interval+delay=500", timing=timing).sample_trials(1, seed=0).conditions
    assert (both["delay"].tolist(), both["Delay_delay"].tolist()) == ([300], [500])


def test_delay_that_is_refused_leaves_the_task_as_it_is():
    env = ngym.make("yang19.rtgo-v0")
    with pytest.raises(ValueError, match="shows no stimulus before"):
        ngym.wrappers.Delay(env, 700)
    assert env.timing == ngym.make("yang19.rtgo-v0").timing


def test_delays_add_up_where_another_modifier_has_set_one():
    trial = ngym.make("yang19.go-v0+delay=500+delay=300").sample_trials(1, seed=0)[0]
    assert trial.end["delay"] - trial.start["delay"] == 5
    assert trial.end["Delay_delay"] - trial.start["Delay_delay"] == 3
    assert trial.start["decision"] == 18
    assert (trial.conditions["delay"], trial.conditions["Delay_delay"]) == (500, 300)
    assert list(trial.start) == ["fixation", "stimulus", "delay", "Delay_delay", "decision"]


def test_delay_keeps_channels_that_other_modifiers_have_added():
    env = ngym.make("yang19.go-v0+context+go_cue+delay=400")
    trials = env.sample_trials(40, seed=0)
    names, rows = env.observation_space.name, np.arange(40)
    held = trials.ob[:, 10:14]
    np.testing.assert_array_equal(held[rows, :, 33 + trials.conditions["context"]], 1)
    assert not held[..., names["go_cue"]].any()
    assert not held[..., 1:33].any()
    assert (trials.ob[:, 14:, names["go_cue"]] == 1).all()
    single = ngym.make("PerceptualDecisionMaking-v0+context+delay=400").sample_trials(5, seed=0)
    assert not single.ob[:, 21:25, 1:5].any()


@pytest.mark.parametrize(
    ("id_", "ms", "error", "message"),
    [
        (
            "yang19.rtgo-v0",
            500,
            ValueError,
            "Delay needs something to remember, but <ReactionGo> shows no stimulus before 'deci",
        ),
        ("Detection-v0", 500, ValueError, "takes answers in a decision period.*<Detection> has the rule RespondWhenDue"),
        ("yang19.go-v0", "long", TypeError, "must be a number of ms"),
        ("yang19.go-v0", ("unifrom", (1, 2)), ValueError, "Did you mean 'uniform'"),
        ("yang19.go-v0", lambda: 500, TypeError, "ms=<function .* not a function with a state of its own"),
        ("yang19.dm1-v0", None, ValueError, "ms=None: <Decide1> has no duration of this delay in its timing; give a number"),
    ],
)
def test_delay_refuses_what_makes_no_sense(id_, ms, error, message):
    with pytest.raises(error, match=message):
        ngym.make(id_, wrappers=[("Delay", {"ms": ms})])


def test_delay_of_more_steps_than_a_trial_may_have_is_refused():
    with pytest.raises(ValueError, match="10,000,000,000 steps of 'delay' a trial has .* at most 1,000,000 are possible"):
        ngym.make("yang19.dm1-v0", wrappers=[("Delay", {"ms": 10**12})]).sample_trials(2, seed=0)
    with pytest.raises(ValueError, match="2 trials of up to 10,000,000,015 steps .* The longest period is 'delay'"):
        ngym.make("yang19.go-v0", wrappers=[("Delay", {"ms": 10**12})]).sample_trials(2, seed=0)
