from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.trials.durations import duration_name

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
def test_every_kind_of_timing_value(value, expected):
    assert set(durations(value)) == expected


def test_two_truncated_exponentials_are_independent():
    timing = {"stimulus": ngym.TruncExp(600, 100, 5000), "delay": ngym.TruncExp(600, 100, 5000)}
    trials = Toy(dt=1, timing=timing).sample_trials(500, seed=0)
    lengths = [trials.end[p] - trials.start[p] for p in timing]
    assert abs(np.corrcoef(lengths)[0, 1]) < 4 / np.sqrt(500)


def test_a_changed_timing_shows_in_the_next_trial():
    env = Toy(timing={"delay": 100})
    env.reset(seed=0)
    before = len(env.ob)
    env.timing["delay"] = 500
    assert len(env.ob) == before
    env.new_trial()
    assert len(env.ob) == before + 4


@pytest.mark.parametrize(
    ("timing", "error", "message"),
    [
        ({"fixatoin": 100}, KeyError, "Unknown timing key 'fixatoin'. Did you mean 'fixation'"),
        ({"delay": -1}, ValueError, r"timing\['delay'\]=-1 must hold finite numbers"),
        ({"delay": np.inf}, ValueError, "must hold finite numbers"),
        ({"delay": [100, np.nan]}, ValueError, "must hold finite numbers"),
        ({"delay": []}, ValueError, r"timing\['delay'\] is empty"),
        ({"delay": ("unifrm", (1, 2))}, ValueError, "Distribution unifrm not found.* Did you mean 'uniform'"),
        ({"delay": ("uniform",)}, ValueError, "must be a pair"),
        ({"delay": None}, TypeError, r"timing\['delay'\]=None must be a number of ms"),
        ({"delay": "long"}, TypeError, "must be a number of ms"),
    ],
)
def test_wrong_timing_is_refused(timing, error, message):
    with pytest.raises(error, match=message):
        Toy(timing=timing)
    env = Toy()
    with pytest.raises(error, match=message):
        env.timing.update(timing)


def test_wrong_rewards_are_refused():
    with pytest.raises(KeyError, match="Unknown reward key 'corect'. Did you mean 'correct'"):
        Toy(rewards={"corect": 1})
    with pytest.raises(ValueError, match="reward 'correct' must be a finite number, not nan"):
        Toy(rewards={"correct": np.nan})


def test_parameters_can_be_copied():
    timing = Toy(timing={"delay": 700}).timing
    for copied in (copy.deepcopy(timing), pickle.loads(pickle.dumps(timing))):
        assert copied == timing
        with pytest.raises(KeyError):
            copied["other"] = 1


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
def test_durations_are_said_in_words(value, name):
    assert duration_name(value) == name
