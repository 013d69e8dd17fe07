from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

from ..toy import Toy, equal_trials


@pytest.mark.parametrize("first", [0, 1, None])
def test_switching_carries_the_condition_on(first):
    def switches(n, draws, **forced):
        return ngym.Trials(Toy(), n, draws, forced).switching("context", 0.3, first=first)

    whole, draws = switches(60, ngym.Draws(4)), ngym.Draws(4)
    assert np.concatenate([switches(n, draws) for n in (1, 19, 40)]).tolist() == whole.tolist()
    assert 5 < (np.diff(whole) != 0).sum() < 30
    begins = [switches(1, ngym.Draws(seed))[0] for seed in range(300)]
    assert abs(np.mean(begins) - {0: 0.3, 1: 0.7, None: 0.5}[first]) < 0.1
    draws = ngym.Draws(4)
    assert switches(20, draws, context=1).tolist() == [1] * 20
    assert switches(40, draws).tolist() == whole[20:].tolist()
    with pytest.raises(ValueError, match="The condition 'context' is forced to 2. Valid: '0', '1'"):
        switches(20, draws, context=2)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda t: t.add_period(["delay", "decision"], [100]), r"len\(duration\)=1 and len\(period\)=2"),
        (lambda t: t.add_period(["delay"], before="fixation"), "goes with one period"),
    ],
)
def test_add_period_rejects_arguments_that_do_not_fit_several_periods(add, message):
    with pytest.raises(ValueError, match=message):
        add(equal_trials())


def test_add_period_says_that_several_periods_are_a_list():
    message = r"duration='decision' must be a number of ms, not a text. Several periods are a list: \['delay', 'decision'\]"
    with pytest.raises(TypeError, match=message):
        equal_trials().add_period("delay", "decision")


def test_add_period_rejects_painted_trials():
    for paint in (lambda t: t.add_ob(1), lambda t: t.set_groundtruth(1)):
        trials = equal_trials()
        paint(trials)
        with pytest.raises(ngym.errors.InvalidOperationError, match="'delay' is added to a trial that is painted already"):
            trials.add_period("delay")


def test_trials_reject_the_index_of_no_trial():
    with pytest.raises(IndexError, match="Trial 4 of 4 trials"):
        _ = equal_trials()[4]


def test_trials_are_of_a_task():
    with pytest.raises(TypeError, match="^task=5 must be a task.$"):
        ngym.Trials(5, 3, ngym.Draws(0))


@pytest.mark.parametrize("value", [[1, 2, 3], np.zeros((5, 2))])
def test_a_condition_is_set_to_one_value_for_each_trial(value):
    trials = equal_trials(4)
    with pytest.raises(ValueError, match=f"The condition 'side' is set to {len(value)} values for 4 trials"):
        trials.set("side", value)
    assert trials.set("side", np.zeros((4, 2))).shape == (4, 2)
    assert trials.set("side", 1).tolist() == [1, 1, 1, 1]
