from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_trial_history_v2_follows_its_probabilities():
    probs = [[0.9, 0.1], [0.3, 0.7]]
    conditions = make(("TrialHistoryV2", {"probs": probs})).sample_trials(20_000, seed=2).conditions
    truth, previous = conditions["ground_truth"], conditions["previous"]
    assert np.array_equal(previous[1:], truth[:-1])
    for i in range(2):
        assert (truth[previous == i] == 1).mean() == pytest.approx(probs[i][1], abs=0.025)
    forced = make("TrialHistoryV2").sample_trials(100, seed=0, probs=[[1, 0], [1, 0]]).conditions
    assert set(forced["ground_truth"]) == {0}
    assert forced["probs"].shape == (100, 2, 2)
    with pytest.raises(ValueError, match=r"must be \(2, 2\) probabilities, and each row must sum to 1"):
        make(("TrialHistoryV2", {"probs": [[0.5, 0.6], [0.5, 0.5]]}))


def test_trial_history_changes_habits_and_number_of_choices_in_blocks():
    wrapper = ("TrialHistory", {"probs": 0.8, "habits": (0, 1), "block_dur": 30, "n_choices": (2, 4), "block_nch": 70})
    conditions = make(wrapper, id_="MultiSensoryIntegration-v0", dim_ring=4).sample_trials(30_000, seed=3).conditions
    truth, previous, habit, k = (conditions[n] for n in ("ground_truth", "previous", "habit", "n_choices"))
    assert np.array_equal(previous[1:], truth[:-1])
    assert (truth < k).all()
    assert set(np.diff(np.flatnonzero(np.diff(habit)))) == {30}
    assert set(np.diff(np.flatnonzero(np.diff(k)))) == {70}
    in_use = previous < k
    followed = truth == (previous + habit) % k
    for h in (0, 1):
        assert followed[in_use & (habit == h)].mean() == pytest.approx(0.8, abs=0.025)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probs": 1.5}, r"probs=1\.5 must be a probability"),
        ({"n_choices": (2, 3)}, r"n_choices=\(2, 3\) must be a least and a greatest number from 2 to 2"),
        ({"habits": ()}, r"habits=\(\) must be a sequence of one or more integers\."),
    ],
)
def test_trial_history_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(("TrialHistory", arguments))


@pytest.mark.parametrize("name", ["TrialHistory", "TrialHistoryV2"])
def test_trial_history_rejects_a_task_without_choices(name):
    with pytest.raises(AttributeError, match=f"{name} requires task to have attribute choices"):
        make(name, id_="ReadySetGo-v0")
