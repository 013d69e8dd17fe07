"""Noise: adds Gaussian noise to observations, with a strength that can follow performance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import Count, NonNegative, Probability
from ngym_core.random import Draws
from ngym_core.spaces import Box, names_of
from ngym_core.trials import Trials
from ngym_core.wrappers.base import StepBatch, TrialWrapper

STEPS_PER_DRAW = 64
"""Number of steps for which a lane draws noise at a time."""


class Noise(TrialWrapper):
    """Add Gaussian noise to each observation. The levels of images are rounded and clipped to their bounds.

    With `perf_th` the noise follows the agent's performance: after each trial it rises by `step_noise` if the
    mean performance over the last `w` trials is above `perf_th`, and falls otherwise. `info` reports it
    as `std_noise`. Other observations than images have no bounds then.

    Args:
        env: A task with a `Box` observation.
        std_noise: Standard deviation of the noise (at first), in units of the observation. Another value that is assigned
            counts from the next trial on.
        perf_th: Mean performance to keep, from 0 to 1; None for constant noise.
        w: Number of trials in the mean performance.
        step_noise: Change of the standard deviation after each trial.

    Raises:
        ValueError: A negative deviation or step, a performance outside 0 to 1, `w` below 1, or an observation space
            that is not a box.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("Noise", {"std_noise": 0.5})])
        >>> _ = env.reset(seed=0)
        >>> float(env.step(0)[4]["std_noise"])
        0.5
    """

    metadata = {"description": "Adds Gaussian noise to the observations.", "paper_link": None}
    reports = ("std_noise",)

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        std_noise: NonNegative = 0.1,
        perf_th: Probability | None = None,
        w: Count = 200,
        step_noise: NonNegative = 0.0001,
    ) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gymnasium.spaces.Box):
            raise ValueError(f"Noise can be added to a Box of observations, not to {space}.")
        if np.issubdtype(space.dtype, np.floating) and (np.isfinite(space.low).any() or np.isfinite(space.high).any()):
            self.observation_space = Box(-np.inf, np.inf, names_of(space) or None, shape=space.shape, dtype=space.dtype)
        self.std_noise, self.perf_th, self.w, self.step_noise = std_noise, perf_th, w, step_noise

    def init_memory(self, n: int) -> Any:
        """Return drawn noise, standard deviations and recent performance of n lanes."""
        shape = self.env.observation_space.shape or ()
        return SimpleNamespace(
            drawn=np.zeros((n, STEPS_PER_DRAW, *shape), np.float32),
            used=np.full(n, STEPS_PER_DRAW),  # steps of `drawn` that are used up: all, so that noise is drawn first
            streams=[None] * n,
            std=np.full(n, self.std_noise),
            given=np.full(n, self.std_noise),  # `std_noise` in the trial, from which `std` began
            window=np.full((n, self.w), np.nan),
            trials=np.zeros(n, int),
        )

    def seed_memory(self, memory: Any, lane: int, draws: Draws) -> None:
        """Restart a lane with a new stream and the first standard deviation."""
        memory.streams[lane] = draws.stream("noise")
        memory.used[lane], memory.trials[lane] = STEPS_PER_DRAW, 0
        memory.std[lane] = memory.given[lane] = self.std_noise
        memory.window[lane] = np.nan

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Add noise, and adapt it in lanes in which a trial ended."""
        lanes = batch.lanes
        for lane in lanes[memory.used[lanes] >= STEPS_PER_DRAW].tolist():
            memory.streams[lane].standard_normal(dtype=np.float32, out=memory.drawn[lane])
            memory.used[lane] = 0
        noise = memory.drawn[lanes, memory.used[lanes]]
        memory.used[lanes] += 1
        if self.perf_th is not None and batch.ended.any():
            self._adapt(memory, lanes[batch.ended], batch.performance[batch.ended])
        changed = lanes[(batch.ended | batch.is_reset) & (memory.given[lanes] != self.std_noise)]
        memory.std[changed] = memory.given[changed] = self.std_noise
        std = memory.std[lanes]
        noise *= std.reshape(-1, *[1] * (noise.ndim - 1))
        batch.ob = self._as_type(batch.ob + noise, batch.ob.dtype)
        if not batch.is_reset:
            batch.info["std_noise"] = std

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Add noise with the first standard deviation to n trials."""
        steps = int(trials.lengths.sum())
        noise = draws.stream("noise").standard_normal((steps, *trials.ob.shape[2:]), np.float32)
        trials.ob[trials.mask] = self._as_type(trials.ob[trials.mask] + self.std_noise * noise, trials.ob.dtype)
        return trials

    def _as_type(self, noisy: Any, dtype: Any) -> Any:
        """Convert noisy observations to their type. Integers, as in images, are rounded and clipped to their bounds."""
        if np.issubdtype(dtype, np.integer):
            space: Any = self.env.observation_space
            noisy = np.clip(np.rint(noisy), space.low, space.high)
        return noisy.astype(dtype)

    def _adapt(self, memory: Any, lanes: Any, performance: Any) -> None:
        memory.window[lanes, memory.trials[lanes] % self.w] = performance
        memory.trials[lanes] += 1
        mean = np.nanmean(memory.window[lanes], axis=1)
        step = np.where(mean > self.perf_th, self.step_noise, -self.step_noise)
        memory.std[lanes] = np.maximum(memory.std[lanes] + step, 0.0)
