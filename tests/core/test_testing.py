"""The conformance kit finds the broken promise of each deliberately broken task."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.errors import TaskError
from ngym_core.testing import _limit_trials, check_task

from .neurogym_style import Dots
from .toy import Toy


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

    rule = Other()


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


class BreaksDown(Toy):
    def _new_trials(self, trials):
        raise RuntimeError("no stimulus today")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (BreaksDown, "RuntimeError: no stimulus today"),
        (OutsideItsSpace, r"the observation .* is not in Box\(0.0, 0.5"),
        (OtherType, "the observation .* is not in Box"),
        (TruthIsNoAction, r"the ground truth 7 is not in Discrete\(3\)"),
        (PaysAnotherChoice, r"the oracle's performance is 0 in trial 0 \(20 of 20 below 1\)"),
        (PaysMoreForMistakes, r"random actions earn [.\d]+ in trial \d+, the oracle 1"),
        (NeverEnds, "trial 0 of the oracle does not end within 20000 steps"),
        (IgnoresItsSeed, "seed 0 does not replay in a new env"),
        (AlwaysTheSame, "the seeds 0 and 1 make the same trials"),
        (DependsOnTheBatch, r"trial \d+ generated in batches of 1 differs"),
        (CarriesOverSeeds, "seed 1 does not replay in a used env"),
        (IgnoresWhatIsForced, "forcing the condition 'color' changes neither"),
        (LosesWhatIsForced, "the condition 'strength' forced to 0.5 is not kept"),
        (LanesDisagree, r"step \d+: the reward of lanes \(NextStep\) and of single envs with their seeds differ"),
        (SharesItsInfo, "steps 0 and 1 return the same array or dictionary"),
        (ReturnsNumpyBooleans, "must be Python booleans"),
        (RewardsNothing, "the reward nan is not a finite number"),
        (WrongChance, r"random actions score 0.\d+ \+- 0.\d+ in 600 trials, not 0.900"),
        (WarnsGymnasium, "Gymnasium's checker warns: WARN: this task does not like options"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not within the observation space")
def test_check_task_finds_each_broken_promise(task, message):
    with pytest.raises(TaskError, match=message) as caught:
        check_task(task)
    assert str(caught.value).startswith(f"<{task.__name__}> breaks ")
    assert str(caught.value).endswith("check again; help(ngym_core.testing) describes the checks.")


def test_check_task_reports_all_broken_promises_together():
    class Twice(WrongChance, ReturnsNumpyBooleans):
        pass

    with pytest.raises(TaskError, match=r"(?s)Python booleans.*not 0.900"):
        check_task(Twice)


@pytest.mark.parametrize("task", [Toy, Dots])
def test_check_task_passes_good_tasks(task):
    result = check_task(task)
    assert result.oracle == 1
    assert result.chance is None
    assert 0 < result.random < 1
    assert result.as_dict()["task"] == f"<{task.__name__}>"


def test_check_task_takes_an_id():
    assert check_task("PerceptualDecisionMaking-v0", trials=5).task == "PerceptualDecisionMaking-v0"


def test_check_task_reports_a_task_that_cannot_be_made():
    with pytest.raises(TaskError, match="cannot be made: ValueError: dt=-1 must be a positive number"):
        check_task(lambda: ngym.make("Null-v0", dt=-1))
    with pytest.raises(ngym.UnknownTaskError, match="Unknown task 'Nothing'"):
        check_task("Nothing")


def test_check_task_plays_fewer_films_than_other_trials():
    film, vector = (lambda: ngym.make("RandomDotMotion")), (lambda: ngym.make("SpatialSuppressMotion"))
    assert _limit_trials(film, 600, 100 * 137 * 30_000) == 100
    assert _limit_trials(film, 50, 100 * 137 * 30_000) == 50
    assert _limit_trials(film, 600, 1) == 4
    assert _limit_trials(vector, 600, 100 * 137 * 30_000) == 600
