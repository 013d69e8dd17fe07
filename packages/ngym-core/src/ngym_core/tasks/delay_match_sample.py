"""Delayed match to sample: compare a stimulus with one that is remembered."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, NonNegative
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose, RespondWhenDue, Rule, broken, broken_many
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class DelayMatchSample(TrialEnv):
    """Report whether a test stimulus equals a sample shown before a delay.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to dim_ring. 0.5 + 0.5 * cos(distance to the shown direction), with noise.

    Actions:
        fixation: 0.
        match: 1. The test equals the sample.
        non-match: 2. It is the opposite direction.

    Periods (ms):
        fixation: 300.
        sample: 500.
        delay: 1000.
        test: 500.
        decision: 900.

    Conditions:
        ground_truth: 1 (match) or 2 (non-match).
        sample_theta: One of the directions, in radians.
        test_theta: Follows from the others.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        dim_ring: Number of directions.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Neural Mechanisms of Visual Working Memory in Prefrontal Cortex of the Macaque",
        "paper_link": "https://www.jneurosci.org/content/jneuro/16/16/5154.full.pdf",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 3**-9) / 2

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        dim_ring: Count = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.theta = ring(dim_ring)
        self.choices = [1, 2]
        name = {"fixation": 0, "stimulus": range(1, dim_ring + 1)}
        self.observation_space = named_box(name)
        self.action_space = Discrete(3, {"fixation": 0, "match": 1, "non-match": 2})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        sample = trials.choice("sample_theta", self.theta, allow="any")
        test = trials.set("test_theta", np.where(ground_truth == 1, sample, (sample + np.pi) % (2 * np.pi)))
        trials.add_period(["fixation", "sample", "delay", "test", "decision"])
        trials.add_ob(1, ["fixation", "sample", "delay", "test"], where="fixation")
        for period, angle in (("sample", sample), ("test", test)):
            trials.add_ob(0.5 * tuning(self.theta, angle) + 0.5, period, where="stimulus")
        trials.add_randn(0, self.sigma, ["sample", "test"], where="stimulus")
        trials.set_groundtruth(ground_truth, "decision")


class DelayMatchCategory(TrialEnv):
    """Report whether the directions of sample and test lie in the same half of the circle.

    Channels:
        fixation: 0. 1 until the test.
        stimulus: 1 to dim_ring. 0.5 + 0.5 * cos(distance to the shown direction), with noise.

    Actions:
        fixation: 0.
        match: 1. The same half.
        non-match: 2. Different halves.

    Periods (ms):
        fixation: 500.
        sample: 650.
        first_delay: 1000.
        test: 650. The test is answered while it is shown.

    Conditions:
        ground_truth: match or non-match.
        sample_category: 0 or 1. The half in which the sample lies.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the test period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        dim_ring: Number of directions; with fewer than 3 (NeuroGym's default is 2) the halves look alike.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Experience-dependent representation of visual categories in parietal cortex",
        "paper_link": "https://www.nature.com/articles/nature05078",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 500, "sample": 650, "first_delay": 1000, "test": 650}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose(decision="test")
    chance = (1 - 3**-6) / 2

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        dim_ring: Count = 16,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        if dim_ring < 3:
            warnings.warn(f"{self}: with dim_ring={dim_ring} both categories look alike.", stacklevel=2)
        self.sigma = sigma / np.sqrt(dt)
        self.theta = ring(dim_ring)
        self.choices = ["match", "non-match"]
        self.observation_space = named_box({"fixation": 0, "stimulus": range(1, dim_ring + 1)})
        self.action_space = Discrete(3, {"fixation": 0, "match": 1, "non-match": 2})

    def _new_trials(self, trials: Trials) -> None:
        match = trials.choice("ground_truth", self.choices) == "match"
        category = trials.choice("sample_category", [0, 1])
        shown = {"sample": category, "test": np.where(match, category, 1 - category)}
        angles = {period: (half + trials.draws.random(period, trials.n)) * np.pi for period, half in shown.items()}
        trials.add_period(["fixation", "sample", "first_delay", "test"])
        trials.add_ob(1, ["fixation", "sample", "first_delay"], where="fixation")
        for period, angle in angles.items():
            trials.add_ob(0.5 * tuning(self.theta, angle) + 0.5, period, where="stimulus")
        trials.add_randn(0, self.sigma, ["sample", "test"], where="stimulus")
        trials.set_groundtruth(np.where(match, 1, 2), "test")


class DelayMatchSampleDistractor1D(TrialEnv):
    """See up to three tests after a sample and respond only to the one that matches it.

    Channels:
        fixation: 0. 1 during fixation.
        stimulus: 1 to 32. cos(distance to the shown direction).

    Actions:
        fixation: 0.
        match: 1. The test that is shown matches.

    Periods (ms):
        fixation: 300.
        sample: 500.
        delay1: 1000.
        test1: 500.
        delay2: 1000.
        test2: 500.
        delay3: 1000.
        test3: 500.

    Conditions:
        ground_truth: 1, 2 or 3. Which test matches.
        sample: 0 to 2 pi. Direction of the sample.
        test{i}: Direction of the i-th test.

    Rewards:
        abort: -0.1. An action during fixation or the sample.
        correct: 1.0. Responding to the matching test; it ends the trial.
        fail: -1.0. Responding at another time; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli, by default none (NeuroGym has none either); its standard deviation
            per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = DelayMatchSample.metadata
    default_timing = {
        "fixation": 300,
        "sample": 500,
        "delay1": 1000,
        "test1": 500,
        "delay2": 1000,
        "test2": 500,
        "delay3": 1000,
        "test3": 500,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -1.0}
    rule = RespondWhenDue(fixation=("fixation", "sample"))
    chance = 2**-10 * (1 - 2**-5) * (1 + 2**-15 + 2**-30) / 3

    def __init__(
        self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, sigma: NonNegative = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.theta = ring(32)
        self.choices = [1, 2, 3]
        self.observation_space = named_box({"fixation": 0, "stimulus": range(1, 33)})
        self.action_space = Discrete(2, {"fixation": 0, "match": 1})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        sample = trials.uniform("sample", 0, 2 * np.pi)
        shown = {"sample": sample}
        for i in self.choices:
            other = trials.draws.uniform(f"test{i}", trials.n, 0, 2 * np.pi)
            shown[f"test{i}"] = trials.set(f"test{i}", np.where(ground_truth == i, sample, other))
        trials.add_period(list(self.timing))
        trials.add_ob(1, "fixation", where="fixation")
        for period, angle in shown.items():
            trials.add_ob(tuning(self.theta, angle), period, where="stimulus")
        if self.sigma:
            trials.add_randn(0, self.sigma, list(shown), where="stimulus")
        for i in self.choices:
            trials.set_groundtruth(ground_truth == i, f"test{i}")


class AnswerBothTests(Rule):
    """Answer two tests; the first answer does not end the trial, the second does.

    Answers earn `correct` or `fail` at each step of the tests, an action elsewhere `abort` (and ends
    the trial if the task's `abort` is true). Performance is full if the last answer to the first test and that to
    the second are right.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both tests."""
        spans = [trials.span(test) for test in ("test1", "test2")]
        return {"from1": spans[0][0], "to1": spans[0][1], "from2": spans[1][0], "to2": spans[1][1], "first": 0.0}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if action == 0:
            return 0.0, False
        second = now.from2 <= now.step < now.to2
        if not (second or now.from1 <= now.step < now.to1):
            return broken(task, now)
        right = action == now.gt
        if second:
            now.performance = now.first * right
        else:
            now.first = float(right)
        return task.rewards["correct" if right else "fail"], second

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        acted, right = action != 0, action == now.gt
        first = acted & (now.from1 <= now.step) & (now.step < now.to1)
        second = acted & (now.from2 <= now.step) & (now.step < now.to2)
        now.performance[second] = (now.first * right)[second]
        now.first[first] = right[first]
        reward = np.where(first | second, np.where(right, task.rewards["correct"], task.rewards["fail"]), 0.0)
        return reward, broken_many(task, now, acted & ~first & ~second, reward, second)


class DualDelayMatchSample(TrialEnv):
    """See two samples at once; a cue before each of two tests says which sample it is compared with.

    Channels:
        fixation: 0. Always 1. All channels have noise during samples and tests.
        stimulus1: 1 to 2. The first item: cos and sin of pi times its value.
        stimulus2: 3 to 4. The second.
        cue1: 5. 1 if the first item is tested next.
        cue2: 6. 1 if the second is.

    Actions:
        fixation: 0.
        match: 1. The test equals the sample of the item.
        non-match: 2. It does not.

    Periods (ms):
        fixation: 500.
        sample: 500.
        delay1: 500.
        cue1: 500.
        test1: 500.
        delay2: 500.
        cue2: 500.
        test2: 500.

    Conditions:
        ground_truth1: 1 (match) or 2 (non-match), for the first item.
        ground_truth2: 1 or 2, for the second.
        sample1: 0 or 0.5. Value of the first item.
        sample2: 0 or 0.5. Value of the second.
        test_order: 0 (the first item is tested first) or 1.
        test1: Value of the first item when it is tested.
        test2: Value of the second.

    Rewards:
        abort: -0.1. An action other than 0 outside the tests.
        correct: 1.0. A right answer; in the first test at each step, in the second it ends the trial.
        fail: 0.0. A wrong answer, likewise.

    Full performance is answering both tests right (the first by its last answer).

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise during samples and tests; its standard deviation per step is sigma / sqrt(dt).
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Reactivation of latent working memories with transcranial magnetic stimulation",
        "paper_link": "https://science.sciencemag.org/content/354/6316/1136",
        "tags": ["perceptual", "working memory", "two-alternative", "supervised"],
    }
    default_timing = dict.fromkeys(("fixation", "sample", "delay1", "cue1", "test1", "delay2", "cue2", "test2"), 500)
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = AnswerBothTests()
    chance = ((1 - 3**-5) / 2) ** 2

    def __init__(
        self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, sigma: NonNegative = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.choices = [1, 2]
        name = {"fixation": 0, "stimulus1": [1, 2], "stimulus2": [3, 4], "cue1": 5, "cue2": 6}
        self.observation_space = named_box(name)
        self.action_space = Discrete(3, {"fixation": 0, "match": 1, "non-match": 2})

    def _new_trials(self, trials: Trials) -> None:
        truths = [trials.choice(f"ground_truth{i}", self.choices) for i in (1, 2)]
        samples = [trials.choice(f"sample{i}", [0, 0.5]) for i in (1, 2)]
        second_first = trials.choice("test_order", [0, 1]) == 1
        trials.add_period(["fixation", "sample", "delay1", "cue1", "test1", "delay2", "cue2", "test2"])
        trials.add_ob(1, where="fixation")
        for i, (truth, sample) in enumerate(zip(truths, samples, strict=True), start=1):
            test = trials.set(f"test{i}", np.where(truth == 1, sample, 0.5 - sample))
            trials.add_ob(_circle(sample), "sample", where=f"stimulus{i}")
            for slot in (1, 2):
                here = (slot == i) ^ second_first
                trials.add_ob(here, f"cue{slot}", where=f"cue{i}")
                trials.add_ob(_circle(test) * here[:, None], f"test{slot}", where=f"stimulus{i}")
        trials.add_randn(0, self.sigma, ["sample", "test1", "test2"])
        trials.set_groundtruth(np.where(second_first, truths[1], truths[0]), "test1")
        trials.set_groundtruth(np.where(second_first, truths[0], truths[1]), "test2")


def _circle(value: NDArray[Any]) -> NDArray[Any]:
    """Return points (n, 2) on a circle for values (n,), of which 2 is a full turn."""
    return np.stack([np.cos(np.pi * value), np.sin(np.pi * value)], axis=1)
