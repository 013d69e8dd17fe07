"""The conformance kit finds the broken promise of each deliberately broken task."""

from __future__ import annotations

import re

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.errors import TaskError
from ngym_core.testing import _limit_trials, check_task

from .neurogym_style import Dots
from .toy import Toy, TwoChoices


class OutsideItsSpace(Toy):
    def __init__(self):
        super().__init__()
        self.observation_space = ngym.spaces.Box(0, 0.5, {"fixation": 0, "stimulus": [1, 2]}, shape=(3,))


class OtherType(Toy):
    def post_step(self, ob, reward, terminated, truncated, info):
        return ob.astype(float), reward, terminated, truncated, info


class TruthIsNoAction(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.set_groundtruth(7, "decision")


class PaysAnotherChoice(Toy):
    class Other(ngym.FixateThenChoose):
        def step_one(self, task, now, action):
            now.gt = 3 - now.gt if now.gt else 0
            return super().step_one(task, now, action)

        def step_many(self, task, now, action):
            now.gt = np.where(now.gt, 3 - now.gt, 0)
            return super().step_many(task, now, action)

    rule = Other()


class ScoresAnswers(Toy):
    """Sets the performance of answers."""

    right, wrong = 1.0, 0.0

    def _step(self, action):
        result = super()._step(action)
        if result[4]["new_trial"]:
            self.performance = self.right if action == result[4]["gt"] else self.wrong
        return result


class ScoresInPercent(ScoresAnswers):
    right = 100.0


class ScoresNoNumber(ScoresAnswers):
    right = np.nan


class ScoresMistakesBelowNothing(ScoresAnswers):
    wrong = -1.0


class ScoresMistakesAsInfinite(ScoresAnswers):
    wrong = np.inf


class PaysMoreForMistakes(Toy):
    default_rewards = {"abort": 0.3, "correct": 1.0, "fail": 2.0}


class NeverEnds(Toy):
    def _step(self, action):
        self.t_ind = 0
        return self.ob_now, 0.0, False, False, {}


class IgnoresItsSeed(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.ob[:] += np.random.random()


class AlwaysTheSame(Toy):
    def _generate(self, n, draws, forced):
        return super()._generate(n, ngym.Draws(0), forced)


class DependsOnTheBatch(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.ob[-1] += 1


class CarriesOverSeeds(Toy):
    count = 0

    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.ob[..., 0] += np.arange(self.count, self.count + trials.n)[:, None]
        self.count += trials.n


class IgnoresWhatIsForced(Toy):
    def _new_trials(self, trials):
        trials.choice("color", [1, 2])
        super()._new_trials(trials)


class LosesWhatIsForced(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.conditions["strength"] = 1.5 - trials.conditions["strength"]


class LanesDisagree(Toy):
    class Stingy(ngym.FixateThenChoose):
        def step_one(self, task, now, action):
            return super().step_one(task, now, action)

        def step_many(self, task, now, action):
            reward, ends = super().step_many(task, now, action)
            return reward / 2, ends

    rule = Stingy()


class SharesItsInfo(Toy):
    def __init__(self):
        super().__init__()
        self.shared = {"a": 1}

    def post_step(self, ob, reward, terminated, truncated, info):
        return ob, reward, terminated, truncated, {**info, "shared": self.shared}


class ReturnsNumpyBooleans(Toy):
    def post_step(self, ob, reward, terminated, truncated, info):
        return ob, reward, np.bool_(False), truncated, info


class RewardsNothing(Toy):
    def post_step(self, ob, reward, terminated, truncated, info):
        return ob, np.nan, terminated, truncated, info


class WrongChance(Toy):
    chance = 0.9


class WarnsGymnasium(Toy):
    def reset(self, *, seed=None, options=None):
        if options is not None:
            gym.logger.warn("this task does not like options")
        return super().reset(seed=seed)


class NoGroundTruth(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.gt[:] = 0


class GroundTruthInTheStimulus(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.set_groundtruth(0, "decision")
        trials.set_groundtruth(trials.conditions["ground_truth"], "stimulus", where="choice")


class GroundTruthInTheFixation(GroundTruthInTheStimulus):
    rule = ngym.RespondWhenDue(fixation=("fixation", "stimulus"))


class NothingToEarn(Toy):
    default_rewards = {"abort": -0.1, "correct": 0.0, "fail": 0.0}


class OnlyLosses(Toy):
    default_rewards = {"abort": -0.1, "correct": -1.0, "fail": -2.0, "miss": -1.0}


class UnwrittenChannel(Toy):
    def __init__(self):
        super().__init__()
        self.observation_space = ngym.spaces.Box(
            -np.inf, np.inf, {"fixation": 0, "stimulus": [1, 2], "context": 3}, shape=(4,)
        )


class OnlyNoiseInAChannel(UnwrittenChannel):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        trials.add_randn(0, 1, "delay", where="context")


class StimulusTellsNothing(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        other = trials.choice("shown", [0, 1], allow="any")
        trials.set_ob(np.eye(2)[other] * trials.conditions["strength"][:, None], "stimulus", where="stimulus")


class StimulusOfTheTrialBefore(Toy):
    def _new_trials(self, trials):
        super()._new_trials(trials)
        before = trials.draws.previous("side", trials.conditions["ground_truth"], 0)
        trials.set_ob(np.eye(2)[before] * trials.conditions["strength"][:, None], "stimulus", where="stimulus")


class PositionTellsNothing(Toy):
    class Point(ngym.Rule):
        def prepare(self, task, trials):
            return {"last": trials.lengths - 1}

        def step_one(self, task, now, action):
            now.performance = float(np.abs(action - now.gt).max() < 0.1)
            return now.performance, bool(now.step >= now.last)

        def step_many(self, task, now, action):
            now.performance[:] = np.abs(action - now.gt).max(axis=1) < 0.1
            return now.performance.astype(float), now.step >= now.last

    rule = Point()

    def __init__(self):
        super().__init__()
        self.action_space = ngym.spaces.Box(-1, 1, shape=(2,))

    def _new_trials(self, trials):
        shown = trials.choice("shown", [0, 1], allow="any")
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, "fixation", where="fixation")
        trials.add_ob(np.eye(2)[shown], "stimulus", where="stimulus")
        position = trials.uniform("position", -1, 1)
        trials.set_groundtruth(np.stack([position, -position], axis=1), "decision")


class LateByACopy(Toy):
    def _step(self, action):
        _, *rest = super()._step(action)
        return self.ob_now.copy(), *rest


class LateByAnIndex(Dots):
    def _step(self, action):
        _, *rest = super()._step(action)
        return self.ob[self.t_ind], *rest


class BreaksDownInAStep(Toy):
    def _step(self, action):
        raise RuntimeError("no step today")


class BreaksDown(Toy):
    def _new_trials(self, trials):
        raise RuntimeError("no stimulus today")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (BreaksDown, r"RuntimeError: no stimulus today \(in _new_trials, line \d+ of test_testing.py\)"),
        (BreaksDownInAStep, r"RuntimeError: no step today \(in _step, line \d+ of test_testing.py\)"),
        (
            NoGroundTruth,
            "no ground truth: it is 0 at every step of 64 trials; set the right action with set_groundtruth",
        ),
        (
            GroundTruthInTheStimulus,
            "in 64 of 64 trials: it asks for an action in 'stimulus', .* in 'decision' only; set it there",
        ),
        (
            GroundTruthInTheFixation,
            r"RespondWhenDue pays answers in the steps after \('fixation', 'stimulus'\) only",
        ),
        (
            NothingToEarn,
            "the ground truth earns 0 at best in 20 trials, and doing nothing 0 on average, with .*; pay",
        ),
        (OnlyLosses, "no reward can be earned: the ground truth earns -1 at best"),
        (UnwrittenChannel, r"nothing is ever written to the channels \[3\] of \['context'\]: show something there, take"),
        (OnlyNoiseInAChannel, r"nothing is ever written to the channels \[3\] of \['context'\]"),
        (
            StimulusTellsNothing,
            r"observations do not tell the answer: .* with accuracy 0\.\d\d, chance is 0\.5\d; show what",
        ),
        (StimulusOfTheTrialBefore, "the observations do not tell the answer"),
        (PositionTellsNothing, r"the observations do not tell the answer: .* with correlation 0\.\d\d, chance is 0\.00"),
        (LateByACopy, "the observations are one step late: .* return `self.ob_now` itself, not a copy"),
        (LateByAnIndex, "the observations are one step late"),
        (OutsideItsSpace, r"the observation .* is not in Box\(0.0, 0.5"),
        (OtherType, "the observation .* is not in Box"),
        (TruthIsNoAction, r"the ground truth 7 is not in Discrete\(3\)"),
        (PaysAnotherChoice, r"the oracle's performance is 0 in trial 0 \(20 of 20 below 1\)"),
        (ScoresInPercent, r"seed 0: the oracle scores 100 in trial 0 \(20 of 20 not from 0 to 1\): set `performance` to"),
        (ScoresNoNumber, r"seed 0: the oracle scores nan in trial 0 \(20 of 20 not from 0 to 1\)"),
        (ScoresMistakesBelowNothing, r"- random actions score -1 in trial \d+ \(\d+ of 600 not from 0 to 1\)"),
        (ScoresMistakesAsInfinite, r"- random actions score inf in trial \d+"),
        (PaysMoreForMistakes, r"random actions earn [.\d]+ in trial \d+, the oracle 1"),
        (NeverEnds, "trial 0 of the oracle does not end within 20000 steps"),
        (IgnoresItsSeed, "seed 0 does not replay in a new env"),
        (AlwaysTheSame, "the seeds 0 and 1 make the same trials"),
        (DependsOnTheBatch, r"trial \d+ generated in batches of 1 differs"),
        (CarriesOverSeeds, "seed 1 does not replay in a used env"),
        (IgnoresWhatIsForced, "forcing the condition 'color' changes neither"),
        (LosesWhatIsForced, "'strength' of .* is forced to 0.5, but a trial has 1.0: the task has overwritten it"),
        (LanesDisagree, r"step \d+: the reward of lanes \(NextStep\) and of single envs with their seeds differ"),
        (SharesItsInfo, "steps 0 and 1 return the same array or dictionary"),
        (ReturnsNumpyBooleans, "must be Python booleans"),
        (RewardsNothing, "the reward nan is not a finite number"),
        (WrongChance, r"random actions score 0.\d+ \+- 0.\d+ in 600 trials, not 0.900"),
        (WarnsGymnasium, "Gymnasium's checker warns: WARN: this task does not like options"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not within the observation space")
def test_check_task_names_each_broken_promise_once(task, message):
    with pytest.raises(TaskError) as caught:
        check_task(task)
    title, *breaches, hint = str(caught.value).splitlines()
    assert title == f"<{task.__name__}> breaks 1 promise:"
    assert len(breaches) == 1
    assert re.search(message, breaches[0])
    assert hint.endswith("check again; help(ngym_core.testing) describes the checks.")


@pytest.mark.parametrize(
    ("task", "meant"),
    [
        (NoGroundTruth, {"has_answer": False}),
        (NothingToEarn, {"has_answer": False}),
        (UnwrittenChannel, {"unused_channels": ("context",)}),
        (StimulusTellsNothing, {"observable_answer": False}),
    ],
)
def test_check_task_passes_what_a_task_says_it_means(task, meant):
    assert check_task(type("Meant", (task,), meant)).oracle == 1


def test_check_task_reports_a_channel_that_is_not_the_unused_one():
    task = type("Meant", (UnwrittenChannel,), {"unused_channels": ("stimulus",)})
    with pytest.raises(TaskError, match=r"the channels \[3\] of \['context'\]"):
        check_task(task)


def test_check_task_reports_all_broken_promises_together():
    class Twice(WrongChance, ReturnsNumpyBooleans):
        pass

    with pytest.raises(TaskError, match=r"(?s)Python booleans.*not 0.900"):
        check_task(Twice)


def test_check_task_asks_for_what_makes_an_env():
    with pytest.raises(TypeError, match=r"task=<GoNogo> must be an id, or a function \(or class\) that makes the env"):
        ngym.check_task(ngym.make("GoNogo-v0"))


@pytest.mark.parametrize("task", [Toy, Dots, TwoChoices])
def test_check_task_passes_good_tasks(task):
    result = check_task(task)
    assert result.oracle == 1
    assert result.chance is None
    assert 0 < result.random < 1
    assert result.as_dict()["task"] == f"<{task.__name__}>"


def test_check_task_takes_an_id():
    assert check_task("PerceptualDecisionMaking-v0", trials=5).task == "PerceptualDecisionMaking-v0"


def test_check_task_reports_a_task_that_cannot_be_made():
    with pytest.raises(TaskError, match="cannot be made: ValueError: dt=-1 must be a finite number"):
        check_task(lambda: ngym.make("Null-v0", dt=-1))
    with pytest.raises(ngym.UnknownTaskError, match="Unknown task 'Nothing'"):
        check_task("Nothing")


def test_check_task_plays_fewer_films_than_other_trials():
    film, vector = (lambda: ngym.make("RandomDotMotion")), (lambda: ngym.make("SpatialSuppressMotion"))
    assert _limit_trials(film, 600, 100 * 137 * 30_000) == 100
    assert _limit_trials(film, 50, 100 * 137 * 30_000) == 50
    assert _limit_trials(film, 600, 1) == 4
    assert _limit_trials(vector, 600, 100 * 137 * 30_000) == 600


def test_check_task_reports_conditions_that_a_task_in_neurogyms_style_forgets():
    class Deaf(Dots):
        def _new_trial(self, **kwargs):
            return super()._new_trial()

    with pytest.raises(TaskError, match=r"(?s)The condition '(coh|ground_truth)' of <Deaf> is forced to"):
        check_task(Deaf)
