from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.wrappers import Modifier


class Turn(Modifier):
    def __init__(self, env):
        super().__init__(env)
        self.require_ring()

    def draw_conditions(self, n, draws, forced):
        return self.turn_back(forced, np.arange(n)), {}

    def edit_trials(self, trials, draws):
        return self.turn_answers(trials, np.arange(trials.n))


def test_answers_of_each_trial_turn_by_its_own_number_of_places():
    inside, outside = (env.sample_trials(40, seed=0) for env in (ngym.make("AntiReach-v0"), Turn(ngym.make("AntiReach-v0"))))
    due = inside.gt > 0
    turned = np.where(due, 1 + (inside.gt - 1 + np.arange(40)[:, None]) % 32, 0)
    np.testing.assert_array_equal(outside.gt, turned)
    np.testing.assert_array_equal(
        outside.conditions["ground_truth"], (inside.conditions["ground_truth"] + np.arange(40)) % 32
    )
    np.testing.assert_array_equal(outside.ob, inside.ob)


def test_condition_that_does_not_name_the_answer_stays():
    trials = Turn(ngym.make("yang19.dms-v0")).sample_trials(64, seed=0)
    assert set(trials.conditions["ground_truth"]) == {"match", "non-match"}
    np.testing.assert_array_equal((trials.gt > 0).any(axis=1), trials.conditions["ground_truth"] == "match")


def test_condition_that_counts_choices_from_1_is_turned_as_well():
    trials = Turn(ngym.make("ContextDecisionMaking-v0")).sample_trials(64, seed=0)
    np.testing.assert_array_equal(trials.conditions["ground_truth"], trials.gt[np.arange(64), trials.start["decision"]])


@pytest.mark.parametrize(
    ("id_", "message"),
    [
        (
            "GoNogo-v0",
            r"Turn needs choices on a ring: actions called 'choice', two or more.*<GoNogo> has the actions \{'fixation'",
        ),
        ("DelayComparison-v0", "as many angles"),
        (
            "Bandit-v0",
            "Turn needs a task in which an action is right if it equals the ground truth.* In <Bandit> more than that",
        ),
    ],
)
def test_tasks_without_a_ring_are_refused(id_, message):
    with pytest.raises(ValueError, match=message):
        Turn(ngym.make(id_))
