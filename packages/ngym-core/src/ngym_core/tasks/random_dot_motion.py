"""Random-dot motion with images: report the direction of moving dots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, Keywords, NonNegative
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete
from ngym_core.stimuli import GREY, WHITE, MovingDots, Screen, set_pixels
from ngym_core.tasks._coherences import ScalesCoherences
from ngym_core.tasktools import ring
from ngym_core.trials import Trials

Array = NDArray[Any]


class RandomDotMotion(TrialEnv):
    """Report the direction of a film of moving dots.

    There are 30 white dots of one pixel in a disc of half the screen's width. A share of
    them, the coherence, moves in one direction, the others each in a random direction, all of them by 0.05 half screens
    per step. A dot continues at a random position after 10 steps, or when it leaves the disc.

    Channels:
        image: Rows from the top, columns from the left, and red, green and blue, from 0 to 255. The background is 128.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction that was shown.

    Periods (ms):
        fixation: 100.
        stimulus: 2000.
        decision: 100.

    Conditions:
        ground_truth: 0 to dim_ring - 1. The direction, counter-clockwise from the right.
        coh: 0, 6.4, 12.8, 25.6 or 51.2, times `stim_scale`. Percent of the dots that move in it; another one may be forced.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms, the time of one frame. Dots move by frames, whatever it is.
        win_kwargs: ``{"size": (width, height)}`` of the screen in pixels, by default (100, 100).
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        stim_scale: Factor of the coherences.
        dim_ring: Number of directions.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: A coherence that is not from 0 to 100 percent, or an invalid size of the screen.
        UnknownNameError: An unknown option in `win_kwargs`.
    """

    metadata = {
        "paper_name": "The analysis of visual motion: a comparison of neuronal and psychophysical performance",
        "paper_link": "https://www.jneurosci.org/content/12/12/4745",
        "tags": ["perceptual", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 100, "stimulus": 2000, "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    chance = (1 - 3**-6) / 2
    blank = GREY
    stim_scale: Any = ScalesCoherences()
    cohs: Array

    def __init__(
        self,
        dt: float = 16,
        win_kwargs: Keywords | None = None,
        rewards: Rewards = None,
        timing: Timing = None,
        stim_scale: NonNegative = 1.0,
        dim_ring: Count = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.stim_scale = stim_scale
        _percent(self.cohs)
        self.theta = ring(dim_ring)
        self.choices = np.arange(dim_ring)
        self.screen, self.dots = Screen(win_kwargs), MovingDots()
        self.observation_space = self.screen.space
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": range(1, dim_ring + 1)})

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        coh = _percent(trials.choice("coh", _percent(np.asarray(self.cohs)), allow="any"))
        trials.add_period(["fixation", "stimulus", "decision"])
        start, stop = trials.span("stimulus")
        dots = self.dots.draw(trials.draws, stop - start, trials.n)
        trials.paint_later(self._film, self.theta[ground_truth], coh / 100, *dots)
        trials.set_groundtruth(ground_truth, "decision", where="choice")

    def _film(self, trials: Trials, direction: Array, coherence: Array, begin: Array, again: Array) -> None:
        trials.set_ob(GREY)
        x, y = self.dots.film(direction, coherence, begin, again)
        set_pixels(trials, *self.screen.pixels(x, y), WHITE, "stimulus")


def _percent(coh: Array) -> Array:
    wrong = coh[~((coh >= 0) & (coh <= 100))]
    if wrong.size:
        raise ValueError(f"A coherence must be from 0 to 100 percent of the dots, not {wrong[0]:g}.")
    return coh
