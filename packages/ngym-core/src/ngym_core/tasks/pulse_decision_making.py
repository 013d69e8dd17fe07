"""Pulse-based decisions: report the side with more brief pulses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Count, Number
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class PulseDecisionMaking(TrialEnv):
    """Count brief pulses on two sides and report the side with more.

    Channels:
        fixation: 0. 1 until the decision.
        stimulus: 1 to 2. 1 during a pulse on that side.

    Actions:
        fixation: 0.
        choice: 1 to 2. The side with more pulses.

    Periods (ms):
        fixation: 500.
        cue{i}: 10. The i-th time at which there may be pulses, i from 0 to n_bin - 1; at least one time step.
        bin{i}: 240. The pause after it.
        decision: 500.

    Conditions:
        pulse1: (n_bin,), 0 or 1. Pulses on the first side.
        pulse2: (n_bin,), 0 or 1. Pulses on the second.
        ground_truth: 0 or 1. The side with more pulses, one of them by chance if there are equally many; if it is
            forced, the sides change places where needed.

    Rewards:
        abort: -0.1. An action other than 0 before the decision.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. The other choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        p_pulse: Probability of a pulse on the poorer and the richer side.
        n_bin: How many times there may be pulses.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Not two probabilities.
    """

    metadata = {
        "paper_name": "Sources of noise during accumulation of evidence in "
        "unrestrained and voluntarily head-restrained rats",
        "paper_link": "https://elifesciences.org/articles/11308",
        "tags": ["perceptual", "two-alternative", "supervised"],
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose(fixation=None)
    chance = (1 - 3**-50) / 2
    fixed_parameters = ("n_bin",)

    def __init__(
        self,
        dt: float = 10,
        rewards: Rewards = None,
        timing: Timing = None,
        p_pulse: Annotated[Sequence[float], ArrayOf(length=2, each=Number(0, 1))] = (0.3, 0.7),
        n_bin: Count = 6,
        **kwargs: Any,
    ) -> None:
        self.n_bin = n_bin
        self.stimuli = [f"{name}{i}" for i in range(n_bin) for name in ("cue", "bin")]
        durations = {name: 10 if name.startswith("cue") else 240 for name in self.stimuli}
        self.default_timing = {"fixation": 500, **durations, "decision": 500}
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.p_pulse = np.asarray(p_pulse, float)
        self.choices = [0, 1]
        self.observation_space = named_box({"fixation": 0, "stimulus": [1, 2]})
        self.action_space = Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: Trials) -> None:
        swapped = trials.draws.random("swap", trials.n)[:, None] < 0.5
        p_pulse = np.asarray(self.p_pulse, float)
        p = np.where(swapped, p_pulse[::-1], p_pulse)
        drawn = [trials.draws.random(f"pulse{i + 1}", trials.n, self.n_bin) < p[:, i, None] for i in (0, 1)]
        tie = trials.draws.uniform("tie", trials.n, -0.1, 0.1)
        wanted = trials.forced_value("ground_truth", self.choices)
        if wanted is not None:  # swap the sides where the other one has more
            other = (_more(drawn, tie) != wanted)[:, None]
            drawn = [np.where(other, there, here) for here, there in zip(drawn, drawn[::-1], strict=True)]
        pulses = [trials.condition(f"pulse{i + 1}", side.astype(int), [0, 1]) for i, side in enumerate(drawn)]
        more, equal = _more(pulses, tie), pulses[0].sum(axis=1) == pulses[1].sum(axis=1)
        ground_truth = trials.set("ground_truth", more if wanted is None else np.where(equal, wanted, more))
        trials.add_period("fixation")
        for before, period in zip(["fixation", *self.stimuli], self.stimuli, strict=False):
            trials.add_period(period, after=before, at_least=period.startswith("cue"))
        trials.add_period("decision", after=self.stimuli[-1])
        trials.add_ob(1, ["fixation", *self.stimuli], where="fixation")
        for i in range(self.n_bin):
            trials.add_ob(np.stack([side[:, i] for side in pulses], axis=1), f"cue{i}", where="stimulus")
        trials.set_groundtruth(ground_truth, "decision", where="choice")


def _more(pulses: Sequence[NDArray[Any]], tie: NDArray[Any]) -> NDArray[np.int64]:
    """Return 1 where the second side has more pulses (n, bins), else 0. `tie` (n,) decides between equal numbers."""
    return np.where(pulses[0].sum(axis=1) < pulses[1].sum(axis=1) + tie, 1, 0)
