from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.trials.durations import check_duration, draw_duration, duration_name, to_steps

from ..toy import Toy


class Fixed:
    """A distribution of one's own."""

    def sample(self, rng, n):
        return np.full(n, 500.0)


def durations(value, n=400, dt=100, seed=0):
    trials = Toy(timing={"delay": value}, dt=dt).sample_trials(n, seed=seed)
    return (trials.end["delay"] - trials.start["delay"]) * dt


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (250, {200}),
        (250.0, {200}),
        (np.int64(300), {300}),
        (np.float32(300), {300}),
        ((200, 400), {200, 400}),
        ([200, 300, 400], {200, 300, 400}),
        (np.array([200, 400]), {200, 400}),
        (("constant", 400), {400}),
        (("choice", [200, 500]), {200, 500}),
        (("uniform", (200, 400)), {200, 300}),
        (("truncated_exponential", (300, 100, 400)), {100, 200, 300}),
        (("until", 900), {500}),
        (ngym.TruncExp(300, 100, 400), {100, 200, 300}),
        (Fixed(), {500}),
        (lambda: 300, {300}),
    ],
)
def test_draw_duration_takes_every_kind_of_timing_value(value, expected):
    assert set(durations(value)) == expected


def test_draw_duration_of_two_periods_is_independent():
    timing = {"stimulus": ngym.TruncExp(600, 100, 5000), "delay": ngym.TruncExp(600, 100, 5000)}
    trials = Toy(dt=1, timing=timing).sample_trials(500, seed=0)
    lengths = [trials.end[p] - trials.start[p] for p in timing]
    assert abs(np.corrcoef(lengths)[0, 1]) < 4 / np.sqrt(500)


def test_draw_duration_until_fills_up_to_a_time():
    task = Toy(timing={"delay": (100, 200, 300), "decision": ("until", 900)})
    trials = ngym.Trials(task, 50, ngym.Draws(0))
    trials.add_period(["delay", "decision"])
    assert set(trials.lengths) == {9}
    task = Toy(timing={"decision": ("until", 100)})
    late = ngym.Trials(task, 5, ngym.Draws(0))
    with pytest.raises(ValueError, match=r"timing\['decision'\] lasts until 100 ms, but the period begins at 300 ms"):
        late.add_period(["stimulus", "decision"])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-1, ValueError, r"timing\['delay'\]=-1 must be a finite number of ms from 0\."),
        (np.inf, ValueError, r"timing\['delay'\]=inf must be a finite number of ms from 0\."),
        ([100, np.nan], ValueError, "must be a sequence of one or more finite numbers of ms from 0"),
        ([[1, 2], [3, 4]], ValueError, "must be a sequence of one or more finite numbers of ms"),
        (("uniform", 5), ValueError, "must hold the least and the greatest number of ms, such as"),
        (("uniform", (1, 2, 3)), ValueError, "must hold the least and the greatest number of ms"),
        (("uniform", (900, 100)), ValueError, "must hold the least and the greatest number of ms"),
        (("choice", []), ValueError, "must hold numbers of ms, such as"),
        (("choice", 5), ValueError, "must hold numbers of ms, such as"),
        (("truncated_exponential", 5), ValueError, "must hold a mean and a window in ms"),
        (("truncated_exponential", (0,)), ValueError, "must hold a mean and a window in ms"),
        (("truncated_exponential", (300, 900, 100)), ValueError, "must hold a mean and a window in ms"),
        (("truncated_exponential", (np.inf, 0, 100)), ValueError, "must hold a mean and a window in ms"),
        (("truncated_exponential", (300, 0, 100, 5)), ValueError, "must hold a mean and a window in ms"),
        (("constant", (5,)), ValueError, "must hold a number of ms, such as"),
        (("until", "noon"), ValueError, "must hold a number of ms since the trial began"),
        (True, TypeError, "must be a finite number of ms from 0"),
        ([], ValueError, r"timing\['delay'\]=\[\] must be a sequence of one or more finite numbers of ms from 0\."),
        (("unifrm", (1, 2)), ValueError, "Distribution unifrm not found.* Did you mean 'uniform'"),
        (("uniform",), ValueError, "must be a pair"),
        (None, TypeError, r"timing\['delay'\]=None must be a number of ms"),
        ("long", TypeError, "must be a number of ms"),
    ],
)
def test_check_duration_rejects_invalid_timing_values(value, error, message):
    with pytest.raises(error, match=message):
        Toy(timing={"delay": value})
    env = Toy()
    with pytest.raises(error, match=message):
        env.timing.update({"delay": value})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (100, "100"),
        ((100, 200), "choice within [100, 200]"),
        (("uniform", (1, 2)), "uniform between 1 and 2"),
        (("until", 900), "until 900"),
        (ngym.TruncExp(600, 300), "TruncExp(600, 300, inf)"),
        (Fixed(), "Fixed"),
    ],
)
def test_duration_name_says_a_timing_value_in_words(value, name):
    assert duration_name(value) == name


@pytest.mark.parametrize(
    ("ms", "dt", "steps"),
    [
        (0.3, 0.1, 3),  # 0.3 / 0.1 is 2.9999999999999996
        (250, 100, 2),
        (99.9, 100, 0),
        (0, 20, 0),
        (np.array([300.0]), 100, 3),
        (np.array([310, 390]), 100, 3),
    ],
)
def test_to_steps_cuts_times_to_an_integer(ms, dt, steps):
    found = to_steps(ms, dt)
    assert isinstance(found, int)
    assert found == steps


def test_to_steps_of_different_times_is_an_array():
    found = to_steps(np.array([0.3, 0.7, 0.25]), 0.1)
    assert found.dtype == np.int64
    assert found.tolist() == [3, 7, 2]


@given(
    steps=st.lists(st.integers(0, 100_000), min_size=1, max_size=5),
    dt=st.integers(1, 99_999),
    digits=st.integers(0, 4),
)
def test_to_steps_loses_no_step_of_a_multiple_of_dt(steps, dt, digits):
    """Times and time step have some decimal digits, so that their quotient may lie just below an integer."""
    ms = [k * dt / 10**digits for k in steps]
    assert [to_steps(one, dt / 10**digits) for one in ms] == steps
    assert np.broadcast_to(to_steps(np.array(ms), dt / 10**digits), len(steps)).tolist() == steps


@pytest.mark.parametrize("ms", [-1, np.nan, np.inf, np.array([1, -1]), np.array([1, np.nan]), np.array([np.inf, 1])])
def test_to_steps_rejects_negative_and_infinite_times(ms):
    with pytest.raises(ValueError, match="A duration must be a finite number of ms from 0, not .*(-1|nan|inf)"):
        to_steps(ms, 100)


def test_draws_are_no_distribution_of_durations():
    with pytest.raises(TypeError, match=r"^timing\['delay'\]=.* must be a number of ms"):
        check_duration("delay", ngym.Draws(0))
    with pytest.raises(ValueError, match=r"^timing\['delay'\]=nan must be a finite number of ms from 0.$"):
        draw_duration("delay", float("nan"), 2, ngym.Draws(0), 0)
