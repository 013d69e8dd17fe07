"""Visual search: point to a remembered bar among others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import ArrayOf, Finite, Keywords, Options, Positive
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import Rule, broken, broken_many
from ngym_core.spaces import Box
from ngym_core.stimuli import GREY, Screen
from ngym_core.trials import Trials

Array = NDArray[Any]
NEAR_SQUARED = 0.01
"""Square of the distance, in half screens, up to which a position counts as the center or as the target."""


class PointTo(Rule):
    """Point to the center while fixating, then to the target.

    In the decision period the first action away from the center ends the trial: near the target it earns `correct` and
    full performance, otherwise `fail`. While fixating an action away from the center earns `abort`, and ends the
    trial if the task's `abort` is true. Near is a distance of 0.1.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both periods."""
        (hold_from, hold_to), (opens, closes) = trials.span("fixation"), trials.span("decision")
        return {"hold_from": hold_from, "hold_to": hold_to, "opens": opens, "closes": closes}

    def step_one(self, task: Any, now: Any, action: Array) -> tuple[float, bool]:
        """Evaluate one action."""
        x, y = action.tolist()
        if x * x + y * y <= NEAR_SQUARED:
            return 0.0, False
        if now.opens <= now.step < now.closes:
            x, y = x - float(now.gt[0]), y - float(now.gt[1])
            now.performance = float(x * x + y * y < NEAR_SQUARED)
            return task.rewards["correct" if now.performance else "fail"], True
        if now.hold_from <= now.step < now.hold_to:
            return broken(task, now)
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        away = _squared(action) > NEAR_SQUARED
        answers = away & (now.opens <= now.step) & (now.step < now.closes)
        right = _squared(action, now.gt) < NEAR_SQUARED
        np.copyto(now.performance, right, where=answers)
        reward = np.where(answers, np.where(right, task.rewards["correct"], task.rewards["fail"]), 0.0)
        early = away & ~answers & (now.hold_from <= now.step) & (now.step < now.hold_to)
        return reward, broken_many(task, now, early, reward, answers)


def _squared(position: Array, origin: ArrayLike = 0.0) -> Any:
    """Return the squared distances of positions (..., 2) from others."""
    x, y = np.moveaxis(np.asarray(position, float) - origin, -1, 0)
    return x * x + y * y


class VisualSearch(TrialEnv):
    """Remember the color and orientation of a bar, and after a delay point to it among others.

    Positions are in units of half the screen: -1 to 1 from left to right and from bottom to top.

    Channels:
        image: Rows from the top, columns from the left, and red, green and blue, from 0 to 255. The background is 128.

    Actions:
        Position (x, y) to point to; (0, 0) to fixate.

    Periods (ms):
        fixation: 500.
        sample: 1000.
        delay: 500.
        decision: 500.

    Conditions:
        angles: 0 to 2 pi. Orientation of each bar, in radians from the right, counter-clockwise; the target comes first.
        colors: 0 to 1. Red, green and blue of each bar.
        centers: The `target_centers` in some order. Position of each bar in the decision period.

    Rewards:
        abort: -0.1. Pointing away from the center during fixation.
        correct: 1.0. Pointing to the target in the decision period, within 0.1; it ends the trial.
        fail: 0.0. Pointing elsewhere but to the center; it ends the trial.

    Each other bar differs from the target in its orientation or in its color, with equal probability.

    Args:
        dt: Time step in ms, the time of one frame.
        win_kwargs: ``{"size": (width, height)}`` of the screen in pixels, by default (100, 100).
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        target_centers: (bars, 2) positions of the bars, by default the centers of the four quadrants.
        length: From the center of a bar to an end.
        delta_angle: By how much another bar's orientation differs from the target's, in radians; 0.2 pi by default.
        delta_color: By how much its red, green and blue differ, in any order; (0.2, -0.1, -0.1) by default.
        line_width: Width of a bar in pixels.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Positions outside the screen or within 0.1 of its center, or invalid differences or sizes.
        UnknownNameError: An unknown option in `win_kwargs`.
    """

    metadata = {
        "paper_name": "Top-down versus bottom-up control of attention in the prefrontal and posterior parietal cortices",
        "paper_link": "https://science.sciencemag.org/content/315/5820/1860",
        "tags": ["perceptual", "supervised"],
    }
    default_timing = {"fixation": 500, "sample": 1000, "delay": 500, "decision": 500}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = PointTo()
    chance = 1 / (4 / (np.pi * NEAR_SQUARED) - 1)
    blank = GREY

    def __init__(
        self,
        dt: float = 16,
        win_kwargs: Keywords | None = None,
        rewards: Rewards = None,
        timing: Timing = None,
        target_centers: Options | None = None,
        length: Positive = 0.3,
        delta_angle: Finite | None = None,
        delta_color: Annotated[Sequence[float], ArrayOf(length=3)] | None = None,
        line_width: Positive = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        quadrants = [(0.5, 0.5), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5)]
        self.target_centers = _check_centers(np.asarray(quadrants if target_centers is None else target_centers))
        self.delta_angle = 0.2 * np.pi if delta_angle is None else delta_angle
        self.delta_color = np.array([0.2, -0.1, -0.1] if delta_color is None else delta_color)
        self.length, self.line_width = length, line_width
        self.screen = Screen(win_kwargs)
        self.observation_space = self.screen.space
        self.action_space = Box(-1, 1, shape=(2,), dtype=np.float32)

    def _new_trials(self, trials: Trials) -> None:
        angles, colors = self._bars(trials)
        targets = _check_centers(np.asarray(self.target_centers))
        order = trials.draws.permutation("centers", trials.n, len(targets))
        centers = _check_centers(trials.condition("centers", targets[order]))
        trials.add_period(["fixation", "sample", "delay", "decision"])
        trials.paint_later(self._film, angles, colors, centers)
        trials.set_groundtruth(centers[:, 0], "decision")

    def _bars(self, trials: Trials) -> tuple[Array, Array]:
        """Return orientations (n, bars) and colors (n, bars, 3). Each later bar differs from the first in one of them."""
        n, draws = trials.n, trials.draws
        angles = [draws.uniform("angle", n, 0, 2 * np.pi)]
        colors = [draws.random("color", n, 3)]
        for i in range(1, len(self.target_centers)):
            turned = draws.random(f"turned {i}", n) > 0.5
            angle = self.delta_angle * draws.choice(f"sense {i}", n, [1, -1])
            color = np.asarray(self.delta_color)[draws.permutation(f"delta_color {i}", n, 3)]
            angles.append(np.where(turned, (angles[0] + angle) % (2 * np.pi), angles[0]))
            colors.append(np.where(turned[:, None], colors[0], np.clip(colors[0] + color, 0, 1)))
        levels = trials.condition("colors", np.stack(colors, axis=1))
        if not ((levels >= 0) & (levels <= 1)).all():
            raise ValueError("The condition 'colors' must be red, green and blue of each bar, each from 0 to 1.")
        return trials.condition("angles", np.stack(angles, axis=1)), levels

    def _film(self, trials: Trials, angles: Array, colors: Array, centers: Array) -> None:
        trials.set_ob(GREY)
        frames = np.full((2, trials.n, *trials.ob.shape[2:]), GREY, np.float32)
        size = {"length": self.length, "width": self.line_width}
        self.screen.bars(frames[0], np.zeros((trials.n, 2)), angles[:, 0], colors[:, 0], **size)
        for i in range(angles.shape[1]):
            self.screen.bars(frames[1], centers[:, i], angles[:, i], colors[:, i], **size)
        for period, shown in zip(("sample", "decision"), np.rint(frames).astype(np.uint8), strict=True):
            trials.set_ob(shown, period)


def _check_centers(centers: Array) -> Array:
    """Return positions (..., 2), or raise if an action cannot point to all of them."""
    if (
        centers.shape[-1] != 2
        or centers.ndim < 2
        or not (np.abs(centers) <= 1).all()
        or (_squared(centers) <= NEAR_SQUARED).any()
    ):
        raise ValueError(
            f"Bars must be at positions (x, y) from -1 to 1 and more than 0.1 away from the center, not {centers.tolist()}."
        )
    return centers
