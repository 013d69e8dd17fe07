from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.arguments import Integer, Number

from ..toy import Toy


def test_conditions_are_drawn_or_forced():
    task = Toy()
    free = task.sample_trials(20, seed=0)
    forced = task.sample_trials(20, seed=0, ground_truth=1, strength=np.linspace(0, 1, 20))
    assert set(free.conditions["ground_truth"]) == {0, 1}
    assert (forced.conditions["ground_truth"] == 1).all()
    assert forced.conditions["strength"].tolist() == np.linspace(0, 1, 20).tolist()
    assert forced.end["decision"].tolist() == free.end["decision"].tolist()
    assert (forced.gt.max(axis=1) == 2).all()
    assert forced[3].conditions == {"ground_truth": 1, "strength": pytest.approx(3 / 19)}


@pytest.mark.parametrize("value", [1.0, np.float32(1), np.int8(1), [0.0, 1.0, 1.0]])
def test_forced_values_have_the_type_of_the_options(value):
    truth = Toy().sample_trials(3, seed=0, ground_truth=value).conditions["ground_truth"]
    assert (truth == value).all()
    assert truth.dtype == Toy().sample_trials(3, seed=0).conditions["ground_truth"].dtype
    ring = ngym.make("yang19.go-v0+anti")
    assert ring.sample_trials(2, seed=0, ground_truth=3.0).conditions["ground_truth"].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("forced", "error", "message"),
    [
        ({"ground_truth": 2}, ValueError, "'ground_truth' is forced to 2. .*Valid: '0', '1'"),
        ({"ground_truth": [0, 1]}, ValueError, "forced to 2 values for 5 trials"),
        ({"ground_truth": [[0], [1]]}, ValueError, r"value of shape \(2, 1\)"),
        ({"strength": np.nan}, ValueError, "not finite"),
        ({"strengh": 1}, KeyError, "Unknown condition of <Toy> 'strengh'. Did you mean 'strength'"),
    ],
)
def test_conditions_reject_invalid_forced_values(forced, error, message):
    with pytest.raises(error, match=message):
        Toy().sample_trials(5, seed=0, **forced)


class Follows(Toy):
    """A task whose condition `double` follows from another one, unless the caller forces it."""

    def _new_trials(self, trials):
        super()._new_trials(trials)
        double = trials.forced_value("double")
        trials.set("double", trials.conditions["ground_truth"] * 2 if double is None else double)
        trials.condition("share", np.zeros(trials.n), Number(0, 1))
        trials.condition("whole", np.zeros(trials.n, int), Integer(1))


@pytest.mark.parametrize(
    ("forced", "message"),
    [
        ({"double": np.inf}, "'double' is forced to inf, which is not finite"),
        ({"double": [0, 1]}, "'double' is forced to 2 values for 5 trials"),
        ({"double": np.zeros((5, 2))}, r"'double' is forced to a value of shape \(5, 2\); expected \(\) or \(5,\)"),
        ({"share": [0, 1, 0, 1, 1.5]}, r"'share' is forced to 1.5; expected a finite number from 0 to 1\."),
        ({"whole": 0.5}, r"'whole' is forced to 0.5; expected an integer from 1\."),
    ],
)
def test_forced_values_that_are_no_condition_are_refused(forced, message):
    with pytest.raises(ValueError, match=message):
        Follows().sample_trials(5, seed=0, **forced)


def test_forced_values_within_bounds_are_played():
    played = Follows().sample_trials(3, seed=0, share=[0, 0.5, 1], whole=2.0, double=7).conditions
    assert played["share"].tolist() == [0, 0.5, 1]
    assert played["whole"].tolist() == [2, 2, 2]
    assert played["whole"].dtype == int
    assert played["double"].tolist() == [7, 7, 7]


class Overwrites(Toy):
    """A task that overwrites a condition after it was drawn."""

    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.set("strength", 0.25)


def test_forced_values_that_trials_do_not_have_are_refused():
    with pytest.raises(ValueError, match=r"'strength' of <Overwrites> is forced to 0.5, but a trial has 0.25: the task has"):
        Overwrites().sample_trials(5, seed=0, strength=0.5)
    with pytest.raises(
        ValueError, match=r"'strength' of .* is forced to 1.0, but a trial has 0.25: no trial can have all that"
    ):
        Overwrites().sample_trials(2, seed=0, strength=[0.25, 1], ground_truth=1)
