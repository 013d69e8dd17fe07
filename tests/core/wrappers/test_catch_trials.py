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


def test_catch_trials_empty_the_second_modality_of_context_and_keep_its_cue():
    env = ngym.make("PerceptualDecisionMaking-v0+context", wrappers=[("CatchTrials", {"catch_prob": 0.5})])
    names, trials = env.observation_space.name, env.sample_trials(20, seed=0)
    catch = trials.conditions["catch"]
    assert 0 < catch.sum() < 20
    for name in ("stimulus", "stimulus_mod2"):
        assert not trials.ob[catch][..., names[name]].any()
        assert trials.ob[~catch][..., names[name]].any(axis=(1, 2)).all()
    assert (trials.ob[:, 0, names["context"]].sum(axis=1) == 1).all()


def test_catch_trials_around_a_mixture_empty_what_shows_stimuli_in_any_task():
    tasks = [ngym.make("PerceptualDecisionMaking-v0"), ngym.make("MultiSensoryIntegration-v0", timing={"stimulus": 300})]
    env = ngym.wrappers.CatchTrials(ngym.mix(tasks, pad=True), catch_prob=0.5)
    first = env.sample_trials(20, seed=1)
    env.reset(seed=0)
    while env.get_wrapper_attr("i_env") == 0:
        env.new_trial()
    again = env.sample_trials(20, seed=1)  # while the other task is played
    assert np.array_equal(first.ob, again.ob)
    stimuli = env.observation_space.name["stimulus"]
    assert not first.ob[first.conditions["catch"]][..., stimuli].any()
    assert first.ob[..., env.observation_space.name["env"]].any(axis=2)[first.mask].all()


def test_catch_trials_reject_a_mixture_in_which_any_task_decides_otherwise():
    tasks = [ngym.make("PerceptualDecisionMaking-v0"), ngym.make("EconomicDecisionMaking-v0")]
    with pytest.raises(ValueError, match="In <EconomicDecisionMaking> more than that decides which actions are right"):
        ngym.wrappers.CatchTrials(ngym.mix(tasks, pad=True))


def test_catch_trials_around_a_mixture_show_what_is_blank_in_each_task():
    class Lit(type(ngym.make(PDM).unwrapped)):
        blank = 7

    env = ngym.wrappers.CatchTrials(ngym.mix([ngym.make(PDM), Lit()]), catch_prob=1.0)
    trials = env.sample_trials(20, seed=0)
    for i, blank in enumerate((0, 7)):
        assert set(trials.ob[trials.conditions["i_env"] == i][..., 1:3].ravel().tolist()) == {blank}


def test_catch_trials_around_a_mixture_need_the_period_and_the_channels_in_all_tasks():
    def mixture():
        return ngym.mix([PDM, "yang19.go-v0", "yang19.rtgo-v0"], pad=True)

    with pytest.raises(
        AttributeError, match="CatchTrials wrapper requires 'stimulus' period, unlike <ScheduleAttr<ReactionGo"
    ):
        ngym.wrappers.CatchTrials(mixture(), period="stimulus")
    with pytest.raises(ngym.UnknownNameError, match="Unknown channel 'stimulus'. Did you mean 'stimulus_mod2' or"):
        ngym.wrappers.CatchTrials(mixture(), where="stimulus")
    parts = [ngym.make("yang19.go-v0"), ngym.make("yang19.dm1-v0")]
    env = ngym.wrappers.CatchTrials(ngym.mix(parts), 0.5, period="stimulus", where="stimulus_mod1")
    trials = env.sample_trials(40, seed=0)
    steps = np.arange(trials.ob.shape[1])
    inside = (steps >= trials.start["stimulus"][:, None]) & (steps < trials.end["stimulus"][:, None])
    channels = env.observation_space.name["stimulus_mod1"]
    catch = trials.conditions["catch"]
    assert not trials.ob[catch[:, None] & inside][:, channels].any()
    assert trials.ob[~catch[:, None] & inside][:, channels].any()


@pytest.mark.parametrize("inside", [0, 1, 2])
def test_catch_trials_around_a_mixture_of_tasks_with_catch_trials_know_those(inside):
    tasks = [ngym.make(PDM, wrappers=[("CatchTrials", {"catch_prob": 0.5})] if i < inside else []) for i in range(2)]
    trials = ngym.wrappers.CatchTrials(ngym.mix(tasks), 0.3).sample_trials(60, seed=0)
    assert trials.conditions["catch"].dtype == bool
    assert np.array_equal(trials.conditions["catch"], ~trials.gt.any(axis=1))
