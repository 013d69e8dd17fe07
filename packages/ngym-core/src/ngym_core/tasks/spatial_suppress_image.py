"""Spatial suppression of motion with images of a moving plaid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Keywords, Number
from ngym_core.env import Rewards, Timing
from ngym_core.stimuli import GREY, Screen, plaid
from ngym_core.tasks.spatial_suppress_motion import SpatialSuppressMotion
from ngym_core.trials import Trials

Array = NDArray[Any]
CYCLES = 0.8 * 16
"""Cycles of a grating over the patch: 0.8 in each of 16 degrees."""
CYCLES_PER_MS = 0.8 * 4 / 1000
"""Speed of the drift: 0.8 cycles per degree at 4 degrees per second."""
DRIFT_SIGNS = np.array([(-1, 1), (1, -1), (-1, -1), (1, 1)])
"""Signs of the drift of the two gratings when the plaid moves left, right, up and down."""
EDGE = np.exp(-((np.arange(1, 6) / (np.sqrt(2) * 1.5895270917085327)) ** 2))
ENVELOPE = np.concatenate([EDGE[::-1], np.ones(27), EDGE])
"""Contrast of each frame relative to the maximum: a Gaussian of 100 ms with a plateau, at 120 frames per second."""


class SpatialSuppressMotionImage(SpatialSuppressMotion):
    """Report the probabilities of four directions of motion of a plaid, as they develop over the first 300 ms.

    The plaid fades in and out within 37 steps; afterwards nothing is shown.

    Channels:
        image: Rows from the top, columns from the left, and red, green and blue, from 0 to 255. The background is 128.

    Conditions:
        direction: 1 to 4. Direction of the motion: left, right, up or down.
        contrast: 0.05 or 0.99. Another one, from 0 to 1, may be forced.
        diameter: 1. That of the plaid, in units of half the screen; another one may be forced.

    Args:
        dt: Time step in ms, the time of one frame.
        win_kwargs: ``{"size": (width, height)}`` of the screen in pixels, by default (100, 100).
        timing: Durations (ms) that replace the defaults.
        rewards: Values that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: An invalid size of the screen, a contrast that is not from 0 to 1, or a diameter that is not positive.
        UnknownNameError: An unknown option in `win_kwargs`.
    """

    blank = GREY

    def __init__(
        self,
        dt: float = 8.3,
        win_kwargs: Keywords | None = None,
        timing: Timing = None,
        rewards: Rewards = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, timing=timing, rewards=rewards, **kwargs)
        self.screen = Screen(win_kwargs)
        self.observation_space = self.screen.space

    def _new_trials(self, trials: Trials) -> None:
        direction, contrast = self._motion(trials)
        diameter = trials.condition("diameter", np.ones(trials.n), Number(above=0))
        trials.paint_later(self._film, direction, contrast, diameter)

    def _film(self, trials: Trials, direction: Array, contrast: Array, diameter: Array) -> None:
        steps = np.arange(trials.gt.shape[1])
        kinds, which = np.unique(np.stack([direction, contrast, diameter]), axis=1, return_inverse=True)
        envelope = np.where(steps < len(ENVELOPE), ENVELOPE[np.minimum(steps, len(ENVELOPE) - 1)], 0)
        shift = DRIFT_SIGNS[kinds[0].astype(int)][:, None] * (CYCLES_PER_MS * self.dt * steps)[:, None]
        frames = plaid(self.screen, shift, kinds[1][:, None] * envelope, kinds[2], cycles=CYCLES)
        trials.set_ob(frames[which], "stimulus")
