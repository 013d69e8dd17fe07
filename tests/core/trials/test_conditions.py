from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

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
