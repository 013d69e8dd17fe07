from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.trials import Trials

from ..toy import Toy, equal_trials, ragged_trials


def test_periods_added_together_follow_one_another():
    trials = ragged_trials()
    assert trials.lengths.tolist() == [4, 6, 5, 4]
    assert trials.start["decision"].tolist() == [2, 4, 3, 2]
    assert trials.end["delay"].tolist() == [2, 4, 3, 2]
    assert trials.mask.sum(axis=1).tolist() == [4, 6, 5, 4]
    assert len(trials) == 4


def test_periods_can_overlap_and_lie_before_or_after_others():
    trials = equal_trials()
    trials.add_period("delay", 100, before="stimulus")
    trials.add_period("decision", np.array([100, 200, 300, 400]), after=100)
    assert trials.span("delay") == (1, 2)
    assert trials.end["decision"].tolist() == [2, 3, 4, 5]
    assert trials.span("fixation", "stimulus") == (0, 5)
    assert trials.lengths.tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("paint", "error", "message"),
    [
        (lambda t: t.add_period("dely"), KeyError, "Unknown period 'dely'. Did you mean 'delay'"),
        (lambda t: t.add_period("delay", after="fixtion"), KeyError, "Unknown period 'fixtion'"),
        (lambda t: t.add_period("delay", 300, before="stimulus"), ValueError, "would begin 100 ms before the trial"),
        (lambda t: t.add_period("delay", -100), ValueError, "finite number of ms from 0, not -100"),
        (lambda t: t.add_period("delay", np.array([1, np.nan, 1, 1])), ValueError, "finite number of ms from 0, not .*nan"),
    ],
)
def test_periods_reject_unknown_names_and_invalid_durations(paint, error, message):
    with pytest.raises(error, match=message):
        paint(equal_trials())


def test_periods_reject_trials_without_a_step():
    with pytest.raises(ValueError, match="<Toy>: a trial needs a period"):
        ngym.Trials(Toy(), 2, ngym.Draws(0)).add_ob(1)
    task = Toy(timing={"fixation": 0, "stimulus": 0, "delay": 0, "decision": 0})
    with pytest.raises(ValueError, match="a trial has no step: its periods .* are shorter than dt=100 ms"):
        task.reset()


def test_periods_warn_of_a_period_shorter_than_a_step():
    with pytest.warns(UserWarning, match="<Toy>: the period 'stimulus' is shorter than the time step of 100 ms"):
        Toy(timing={"stimulus": 99}).reset()


@given(
    dt=st.one_of(st.integers(1, 300), st.floats(0.5, 300)),
    durations=st.lists(st.one_of(st.integers(0, 2000), st.floats(0, 2000)), min_size=4, max_size=4),
)
@pytest.mark.filterwarnings("ignore:.*shorter than the time step")
def test_periods_have_whole_steps_for_any_time_step(dt, durations):
    timing = dict(zip(("fixation", "stimulus", "delay", "decision"), durations, strict=True))
    steps = [int(d / dt + 1e-9) for d in durations]
    task = Toy(dt=dt, timing=timing)
    if steps[-1] == 0:  # nobody could answer
        with pytest.raises(ValueError, match=r"a trial has no step|ground truth is set in 'decision', which has no step of"):
            task.sample_trials(2, seed=0)
        return
    trials = task.sample_trials(2, seed=0)
    assert trials.lengths.tolist() == [sum(steps)] * 2
    assert [int(trials.end[p][0] - trials.start[p][0]) for p in timing] == steps


@pytest.mark.parametrize(("only", "n"), [("some", 3), ([0.5, 1, 0], 3), ([True, False], 3)])
def test_add_period_rejects_other_than_one_flag_for_each_trial(only, n):
    trials = Trials(Toy(), n, ngym.Draws(0))
    with pytest.raises(ValueError, match=f"only=.* must be True or False for each of {n} trials"):
        trials.add_period("delay", only=only)


@pytest.mark.parametrize("n", [1, 100])
def test_durations_that_no_memory_holds_are_refused_before_anything_is_made(n):
    task = Toy(timing={"delay": 1e12})
    with pytest.raises(
        ValueError,
        match=rf"{n} trials of up to 10,.*GiB. At most 1,000,000 steps and 4 GiB .* period is .delay.",
    ):
        task.sample_trials(n, seed=0)
