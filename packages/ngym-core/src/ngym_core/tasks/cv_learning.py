"""CVLearning: a delayed choice taught in stages, through which the agent's performance leads."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, Index, Integers, NonNegative, Probability, Size
from ngym_core.curriculum import Curriculum, Gate, Progress, Stage, Staircase
from ngym_core.env import Rewards, Step, Timing, TrialEnv
from ngym_core.errors import nearest
from ngym_core.rules import Rule
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasks._coherences import ScalesCoherences
from ngym_core.tasktools import two_inputs
from ngym_core.trials import Trials

Array: TypeAlias = NDArray[Any]

STAGES = (0, 1, 2, 3, 4)
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts of the full delay in stage 3."""


class Beyond(Gate):
    """A gate that opens beyond its threshold, not at it."""

    def reached_by(self, mean: float) -> bool:
        """Return whether a mean is beyond the threshold."""
        return not self.is_met_by(mean) and super().reached_by(mean)


@dataclass(frozen=True)
class GrowingDelay(Staircase):
    """The part of the full delay in stage 3: longer after good trials, shorter after bad ones, not below that of yesterday.

    Args:
        threshold: Mean performance from which it becomes longer; up to a half it becomes shorter.
        trials_day: Number of trials in a day.
        perf_len: Number of trials in the mean, the last ones, in any stage; in as many first trials of a day, the last ones
            of the day before. One more comes between two changes.
    """

    threshold: float = 0.0
    trials_day: int = 1
    perf_len: int = 1

    @property
    def span(self) -> int:  # type: ignore[override]
        """Number of trials that it looks back on."""
        return max(self.trials_day, 2 * self.perf_len) + 1

    def follow(self, progress: Progress, right: Array) -> tuple[int, int]:
        """Return the index of the part, see `Staircase.follow`; there is no streak."""
        scores, parts = progress.scores["performance"], np.nan_to_num(progress.scores["level"])  # none before stage 3
        now, today = self.levels[progress.level], progress.trials % self.trials_day
        if np.isnan(scores[-self.perf_len - 1]) or (parts[-self.perf_len - 1 :] != now).any():
            return progress.level, 0
        measured = scores[:-today] if 0 < today <= self.perf_len else scores
        mean = measured[-self.perf_len :].mean() if self.perf_len < self.trials_day else 0.0
        if mean >= self.threshold and now < 1:
            return progress.level + 1, 0
        return progress.level - int(mean <= 0.5 and now > parts[-1 - today]), 0


def make_curriculum(stages: tuple[int, ...], threshold: float, keep_days: int, trials_day: int, perf_len: int) -> Curriculum:
    """Return the curriculum through some stages; the arguments are those of `CVLearning`."""
    days: dict[str, Any] = {"day": trials_day, "days": keep_days + 1}
    passed, full = Gate("performance", threshold, trials_day, **days), Gate("level", 1, 1, at_least=trials_day, **days)
    recent: dict[str, Any] = {"window": perf_len, "at_least": perf_len + 1, "day": trials_day}
    rules: dict[str, Any] = {"threshold": threshold, "trials_day": trials_day, "perf_len": perf_len}
    reminds = [pair == (1, 2) and perf_len < trials_day for pair in pairwise((None, *stages, None))]
    return Curriculum(
        [
            Stage(
                conditions={"stage": stage},
                until=None if i == len(stages) - 1 else [passed, full] if stage == 3 else passed,
                back=Beyond("performance", 0.5, **recent) if reminds[i] else None,
                again=Beyond("performance", threshold, **recent) if reminds[i + 1] else None,
                staircase=GrowingDelay("conditions.delay", PARTS, **rules) if stage == 3 else None,
            )
            for i, stage in enumerate(stages)
        ]
    )


class ShapedChoice(Rule):
    """Fixate, then choose one of two sides; the first choice counts.

    An action other than 0 outside the decision earns `abort`. In the decision the right side earns `correct`
    and ends the trial, the other side earns what the stage pays for it and ends it unless the agent may try
    again. Performance is full if the first choice was right, or paid like a right one. Other actions are ignored.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of the decision, the reward of an error, and whether an error ends the trial."""
        opens, closes = trials.span("decision")
        fail, once = trials.conditions["fail"], trials.conditions["stage"] != 1
        return {"opens": opens, "closes": closes, "fail": fail.astype(float), "once": once, "chosen": 0}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if not now.opens <= now.step < now.closes:
            return (task.rewards["abort"] if action else 0.0), False
        if not 1 <= action <= 2:
            return 0.0, False
        right = action == now.gt
        reward = task.rewards["correct"] if right else now.fail
        if not now.chosen:
            now.chosen, now.performance = action, float(reward == task.rewards["correct"])
        return reward, bool(right or now.once)

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        inside = (now.opens <= now.step) & (now.step < now.closes)
        chooses, right = inside & (action >= 1) & (action <= 2), action == now.gt
        reward = np.where(right, task.rewards["correct"], now.fail)
        first = chooses & (now.chosen == 0)
        now.performance[first] = (reward == task.rewards["correct"])[first]
        now.chosen[first] = action[first]
        early = np.where(~inside & (action != 0), task.rewards["abort"], 0.0)
        return np.where(chooses, reward, early), chooses & (right | now.once)


class CVLearning(TrialEnv):
    """Report after a delay which of two noisy inputs was larger; learn it in stages.

    Stage 0: no stimulus; either side is right, but after `max_num_reps` answers to one side only the other is.
    Stage 1: a clear stimulus, no delay; the agent may try again. Stage 2: one choice. Stage 3: a delay that grows
    with performance. Stage 4: the full task, with noise. A stage is passed by days of `trials_day` trials
    with a performance of at least `th_stage`; if the last `perf_len` trials of stage 2 fail, a stage 1 right
    before it returns for a while. So the stages depend on the agent, and only played trials count. `sample_trials`
    and data sets generate trials of the present stage, at the beginning the first one; `th_stage=-1` begins with the last.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to 2. (1 + coh / 100) / 2 on the larger side, (1 - coh / 100) / 2 on the other, with noise in stage 4.
        distractor: 3 to n_ch. 0.5 during the stimulus, with noise in stage 4.

    Actions:
        fixation: 0.
        choice: 1 to 2. Which input was larger.
        distractor: 3 to n_ch. Nothing.

    Periods (ms):
        fixation: 200.
        stimulus: 1150. None in stage 0.
        delay: ("uniform", (1000, 3000)). In stage 4 only; in stage 3 a part of 1000 or 3000.
        decision: 1500.

    Conditions:
        stage: 0 to 4. The stage of the curriculum.
        ground_truth: 1 or 2. The side.
        coh: One of the coherences, in percent; 100 in stages 1 to 3, 0 in stage 0, which has no stimulus.
        sigma: Standard deviation of the noise per step; 0 before stage 4.
        fail: What a wrong choice pays.

    Rewards:
        abort: -0.1. An action other than 0 before the decision.
        correct: 1.0. The right choice; it ends the trial.
        fail: -1.0. The other choice from stage 2 on, where it ends the trial; it pays 0 in stage 1, and in stage 0 what
            a right one pays, or 0 after too many repeats.

    Performance is full if the first choice was right; in stage 0, if it was paid.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        stim_scale: Factor of the coherences 0, 6.4, 12.8, 25.6 and 51.2 %.
        sigma: Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).
        max_num_reps: Number of answers to one side in a row that are accepted in stage 0.
        th_stage: Performance that passes a stage; -1 begins with the last stage.
        keep_days: Number of days for which a stage is kept after it was passed.
        trials_day: Number of trials in a day.
        perf_len: Number of trials over which the present performance is measured.
        stages: The stages to go through, in order; by default 0 to 4.
        n_ch: Number of channels and of actions in addition to fixation, at least 2.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Unknown stages, an invalid threshold, or a number of trials or channels that is too low.
    """

    metadata = {
        "paper_name": "Discrete attractor dynamics underlies persistent activity in the frontal cortex",
        "paper_link": "https://www.nature.com/articles/s41586-019-0919-7",
        "tags": ["perceptual", "delayed response", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 200, "stimulus": 1150, "delay": ("uniform", (1000, 3000)), "decision": 1500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -1.0}
    rule = ShapedChoice()
    can_prefetch = False
    observable_answer = False  # in stage 0 nothing is shown
    unused_channels = ("stimulus", "distractor")
    stim_scale: Any = ScalesCoherences()
    cohs: Array

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        stim_scale: NonNegative = 1.0,
        sigma: NonNegative = 1.0,
        max_num_reps: Count = 3,
        th_stage: Probability | Literal[-1] = 0.7,
        keep_days: Index = 1,
        trials_day: Count = 300,
        perf_len: Count = 20,
        stages: Integers | None = None,
        n_ch: Size = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        stages = STAGES if stages is None else tuple(stages)
        if not stages or not set(stages) <= set(STAGES):
            wrong = next((stage for stage in stages if stage not in STAGES), stages)
            raise ValueError(
                f"stages={list(stages)!r} must be stages of the curriculum, not {wrong!r}. {nearest(wrong, STAGES)}"
            )
        self.curriculum = make_curriculum(stages, th_stage, keep_days, trials_day, perf_len)
        self._first = len(stages) - 1 if th_stage == -1 else 0
        self.max_num_reps = max_num_reps
        self.stim_scale = stim_scale
        self.sigma = sigma / np.sqrt(dt)
        self.delay_durs = [1000, 3000]
        self.choices = [1, 2]
        others = {"distractor": range(3, n_ch + 1)} if n_ch > 2 else {}
        self.observation_space = named_box({"fixation": 0, "stimulus": [1, 2], **others})
        self.action_space = Discrete(n_ch + 1, {"fixation": 0, "choice": self.choices, **others})

    def _new_trials(self, trials: Trials) -> None:
        if "learning" not in trials.carried:
            progress = self.curriculum.enter(self._first)
            trials.carried["learning"] = {"progress": vars(progress), "side": 0, "repeats": 0}
        state = trials.carried["learning"]
        progress = Progress(**state["progress"])
        shown = self.curriculum.stages[progress.stage].flat_conditions(self.curriculum.level(progress))
        stage = shown["stage"]
        stuck = stage == 0 and state["repeats"] >= self.max_num_reps
        side = trials.choice("ground_truth", [3 - state["side"]] if stuck else self.choices, allow=self.choices)
        coh = trials.draws.choice("coh", trials.n, self.cohs)
        coh = coh if stage == 4 else np.full(trials.n, 100.0 * (stage > 0))
        note = trials.condition if stage else trials.set
        coh, sigma = note("coh", coh), note("sigma", np.full(trials.n, self.sigma if stage == 4 else 0.0))
        fail = self.rewards["correct" if stage == 0 else "fail"]
        trials.set("fail", 0.0 if stuck or stage == 1 else fail)
        trials.set("stage", stage)

        delay = None if stage == 4 else 0
        if stage == 3:
            delay = shown["delay"] * trials.draws.choice("delay", trials.n, self.delay_durs)
        periods = ["fixation", "stimulus", "delay", "decision"]
        trials.add_period(periods, [None, None if stage else 0, delay, None])
        trials.add_ob(1, periods[:-1], where="fixation")
        trials.add_ob(two_inputs(side == 1, coh), "stimulus", where="stimulus")
        trials.add_ob(0.5, "stimulus", where=slice(3, None))
        trials.add_randn(0, sigma, "stimulus", where=slice(1, None))
        trials.set_groundtruth(side, "decision")

    def _step(self, action: Any) -> Step:
        """Evaluate an action, and update the curriculum if the trial ended."""
        stepped = super()._step(action)
        if stepped[4]["new_trial"] or (self.t_ind + 1) * self.dt >= self.tmax:
            state, chosen = self.carried["learning"], self._now.chosen
            if chosen and self.trial["stage"] == 0:
                state["repeats"] = 1 + (state["repeats"] if chosen == state["side"] else 0)
                state["side"] = chosen
            progress = self.curriculum.advance(Progress(**state["progress"]), {"performance": [self.performance == 1]})
            state["progress"] = vars(progress)
        return stepped
