"""Detection of a signal in noise: respond when it appears, or report when it did."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Duration, NonNegative, Number
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import TruncExp
from ngym_core.rules import RespondWhenDue, Rule
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class Detection(TrialEnv):
    """Go as soon as a brief stimulus appears in noise; withhold if none does.

    In trials without a stimulus the noise is drawn twice, so that it is stronger by sqrt(2), as in NeuroGym.

    Channels:
        fixation: 0. 1 during fixation.
        stimulus: 1. Noise, and 0.5 more while the stimulus is on.

    Actions:
        fixation: 0.
        go: 1. There is a stimulus.

    Periods (ms):
        fixation: 500.
        stimulus: TruncExp(1000, 500, 1500). The stimulus may appear in it, and is to be answered until it ends.

    Conditions:
        ground_truth: 0 (no stimulus) or 1.
        onset: ms. When it appears, counted from the start of the stimulus period; 0 if it does not.

    Rewards:
        abort: -0.1. An action during fixation.
        correct: 1.0. Going after the onset; it ends the trial.
        fail: -1.0. Going before, or without a stimulus; it ends the trial.
        miss: -1.0. Not going though there is one. Withholding where there is none earns nothing but full performance.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise; its standard deviation per step is sigma / sqrt(dt).
        delay: Onset in ms; random by default.
        stim_dur: How long the stimulus is on, in ms.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A negative onset or duration.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["perceptual", "reaction time", "go-no-go", "supervised"]}
    default_timing = {"fixation": 500, "stimulus": TruncExp(1000, 500, 1500)}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": -1.0, "miss": -1.0}
    rule = RespondWhenDue()

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        delay: Duration | None = None,
        stim_dur: Duration = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.delay, self.stim_dur = delay, stim_dur
        if not _steps(stim_dur, dt):
            warnings.warn(f"{self}: a stimulus of {stim_dur} ms is shorter than the time step and not seen.", stacklevel=2)
        self.choices = [0, 1]
        self.observation_space = named_box({"fixation": 0, "stimulus": 1})
        self.action_space = Discrete(2, {"fixation": 0, "go": 1})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        trials.add_period(["fixation", "stimulus"])
        trials.add_ob(1, "fixation", where="fixation")
        trials.add_randn(0, self.sigma, "stimulus", where="stimulus")
        start, end = (np.broadcast_to(edge, trials.n) for edge in trials.span("stimulus"))
        shown = _steps(self.stim_dur, self.dt)
        if self.delay is None:
            room = np.maximum(end - start - shown - (shown == 1), 1)
            onset = trials.draws.index("onset", trials.n, room)
        else:
            onset = np.full(trials.n, _steps(self.delay, self.dt))
        trials.set("onset", np.where(ground_truth == 1, onset, 0) * self.dt)
        trials.add_randn(0, self.sigma, "stimulus", where="stimulus", only=ground_truth == 0)
        onset = np.minimum(start + onset, end)
        trials.add_ob(0.5 * ground_truth, (onset, np.minimum(onset + shown, end)), where="stimulus")
        trials.set_groundtruth(ground_truth, (onset, end))


def _steps(ms: float, dt: float) -> int:
    """Return the number of whole steps in a time."""
    return int(ms / dt + 1e-9)


class AnswerAtTheEnd(Rule):
    """Only the last step counts: the ground truth earns `correct` and full performance, 0 instead earns `noresp`."""

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the last step."""
        return {"last": trials.lengths - 1}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.step < now.last:
            return 0.0, False
        now.performance = float(action == now.gt)
        return task.rewards["correct"] if action == now.gt else task.rewards["noresp"] if action == 0 else 0.0, True

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        ends, right = now.step >= now.last, action == now.gt
        now.performance[ends] = right[ends]
        wrong = np.where(action == 0, task.rewards["noresp"], 0.0)
        return np.where(ends, np.where(right, task.rewards["correct"], wrong), 0.0), ends


class ToneDetection(TrialEnv):
    """Report whether, and at which of three times, a short tone sounded in noise.

    Channels:
        sound: 0. 1 during the tone, with noise.

    Actions:
        none: 0. There was no tone.
        choice: 1 to 3. The time of the tone.

    Periods (ms):
        stimulus: 2000.
        toneTiming: [500, 1000, 1500]. When the tone may begin.
        toneDur: 50. How long it lasts.

    Conditions:
        ground_truth: 0 (no tone) to 3.

    Rewards:
        abort: -0.1. Not used.
        correct: 1.0. The right answer in the last step.
        noresp: -0.1. No answer in the last step though there was a tone; a wrong answer earns nothing.

    The ground truth stands in all steps, for supervised training; only the answer in the last step earns
    reward and performance.

    Args:
        dt: Time step in ms, at most the duration of the tone.
        sigma: Noise; its standard deviation per step is sigma / sqrt(dt).
        timing: Durations and onsets (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A time step longer than the tone.
    """

    metadata = {
        "paper_name": "Representation of Tones in Noise in the Responses of Auditory Nerve Fibers in Cats",
        "paper_link": "https://www.jneurosci.org/content/jneuro/5/12/3261.full.pdf",
        "tags": ["auditory", "perceptual", "supervised", "decision"],
    }
    default_timing: Any = {"stimulus": 2000, "toneTiming": [500, 1000, 1500], "toneDur": 50}
    default_rewards = {"abort": -0.1, "correct": 1.0, "noresp": -0.1}
    rule = AnswerAtTheEnd()
    chance = 1 / 4

    def __init__(self, dt: float = 50, sigma: NonNegative = 0.2, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.choices = np.arange(1 + len(self._tone()[1]))
        self.observation_space = named_box({"sound": 0})
        self.action_space = Discrete(len(self.choices), {"none": 0, "choice": self.choices[1:]})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        trials.add_period("stimulus")
        shown, onsets = self._tone()
        if len(onsets) != len(self.choices) - 1:
            given = self.timing["toneTiming"]
            raise ValueError(
                f"timing['toneTiming']={given!r} must have {len(self.choices) - 1} onsets: their number is fixed when "
                f"{self} is made."
            )
        onset = np.minimum(np.array([0, *onsets])[ground_truth], trials.lengths)
        trials.add_ob(ground_truth > 0, (onset, np.minimum(onset + shown, trials.lengths)))
        trials.add_randn(0, self.sigma)
        trials.set_groundtruth(ground_truth)

    def _tone(self) -> tuple[int, list[int]]:
        """Return the duration of the tone and its onsets in steps, after a check."""
        duration, onsets = self.timing["toneDur"], self.timing["toneTiming"]
        Number(unit="ms").check("timing['toneDur']", duration)
        ArrayOf(each=Number(unit="ms")).check("timing['toneTiming']", onsets)
        if self.dt > duration:
            raise ValueError(f"dt={self.dt} ms is longer than the tone, {duration} ms.")
        return _steps(duration, self.dt), [_steps(ms, self.dt) for ms in onsets]
