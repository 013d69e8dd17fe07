from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym

from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_catch_trials_show_nothing_and_reward_withholding():
    trials = make(("CatchTrials", {"catch_prob": 0.3})).sample_trials(4000, seed=0)
    catch = trials.conditions["catch"]
    assert catch.mean() == pytest.approx(0.3, abs=0.036)  # five errors
    assert (trials.gt[catch] == 0).all()
    assert (trials.ob[catch][..., 1:] == 0).all()
    assert (trials.ob[catch][:, 0, 0] == 1).all()
    plain = make().sample_trials(4000, seed=0)
    assert np.array_equal(plain.ob[~catch], trials.ob[~catch])
    only = make(("CatchTrials", {"catch_prob": 1, "period": "stimulus", "where": "stimulus"})).sample_trials(5, seed=0)
    assert (only.ob[..., 1:] == 0).all()


@pytest.mark.parametrize(
    ("id_", "arguments", "error", "message"),
    [
        (PDM, {"catch_prob": 2}, ValueError, "catch_prob=2 must be a probability"),
        (PDM, {"where": "stimulos"}, ngym.UnknownNameError, "Unknown channel 'stimulos'. Did you mean 'stimulus'"),
        (
            "ReadySetGo-v0",
            {},
            ValueError,
            "CatchTrials needs a task in which an action is right .* In <ReadySetGo> more than that",
        ),
        ("EconomicDecisionMaking-v0", {}, ValueError, "such as one with the rule FixateThenChoose"),
    ],
)
def test_catch_trials_reject_invalid_arguments_and_tasks(id_, arguments, error, message):
    with pytest.raises(error, match=message):
        make(("CatchTrials", arguments), id_=id_)


def test_catch_trials_reject_an_observation_space_that_is_not_a_box():
    env = Toy()
    env.observation_space = gym.spaces.Discrete(3)
    with pytest.raises(ValueError, match=r"CatchTrials empties channels of a Box, not Discrete\(3\)"):
        ngym.plugins.registry.wrapper_spec("CatchTrials").load()(env)


def test_catch_trials_of_two_wrappers_are_all_reported():
    trials = make(("CatchTrials", {"catch_prob": 0.4}), ("CatchTrials", {"catch_prob": 0.3})).sample_trials(3000, seed=0)
    assert np.array_equal(trials.conditions["catch"], ~trials.gt.any(axis=1))
    assert trials.conditions["catch"].mean() == pytest.approx(1 - 0.6 * 0.7, abs=0.045)


def test_period_is_a_name_or_several():
    with pytest.raises(TypeError, match="^period=5 must be a text, or a sequence of texts, or None.$"):
        ngym.make("GoNogo-v0", wrappers=[("CatchTrials", {"period": 5})])
