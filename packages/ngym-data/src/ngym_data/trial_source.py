"""Source: the trials of one split of a task, with what a training needs to know of each step."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.errors import unknown
from ngym_core.sampling import sample_as_data, tasks
from ngym_core.trials import Trials
from ngym_core.trials.observations import FEW
from ngym_core.vector.batched_draws import can_batch
from ngym_data.splits import Holdout, SplitDraws, check_split, crossed, seed_of

__all__ = ["MEMORY", "Source", "size"]

Array: TypeAlias = NDArray[Any]

MEMORY = 64 * 2**20
"""Bytes that a data set may hold beside the batches it has handed out, unless told otherwise."""
WORTH = 2
"""So many steps are worth being kept as one stretch."""
NARROW = 8
"""Observations of up to so many bytes are kept step by step."""
SLACK = 3
"""Standard deviations."""
WIDE = 32
"""Of observations of more bytes, what is the same in all trials is kept once."""
PLACE = np.dtype(np.int64)
_making = threading.RLock()
"""Held while trials are made: wrappers note things in themselves, and several threads may use one env."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release)
HOLDOUT_PROBE = 1024


class Source:
    """The trials of one split of a task, as an agent sees them that plays the ground truth.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        seed: Seed of all streams; by default that of the env.
        split: One of ``train``, ``val``, ``test``, ``holdout``.
        holdout: Condition -> held-out values.
        conditions: Condition -> one value to force, or several of which each trial has one.
        loss_weights: Period -> weight of its steps.

    Attributes:
        env: The env.
        periods: Names of the periods; their places are the period numbers.
        trial_len: Mean length of a trial in steps.
        sets: Crossed conditions: name -> (combinations, ...) values.
        step_bytes: Bytes of what a step shows.
        stretch_bytes: Bytes for each step if stretches are kept, see `ngym_core.trials._segments`; 0 if that is not worth it.
        wide: Whether observations of stretches are kept apart from them.
        apart: Whether the ground truth changes where observations do not, so that it is kept step by step.
        together: Whether trials of several streams can be made at once: they follow from the streams alone.

    Raises:
        TypeError: `env` is neither an id nor an env of ours, or shows observations that its trials do not
            have; `env_kwargs` is no dictionary or given with an env.
        ValueError: An unknown split, conditions or holdouts that leave nothing, a weight below 0.
        UnknownNameError: A condition or a period that the task does not have.
    """

    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Mapping[str, Any] | None,
        *,
        seed: int | None,
        split: str,
        holdout: Mapping[str, Any] | None,
        conditions: Mapping[str, Any] | None,
        loss_weights: Mapping[str, float] | None,
    ) -> None:
        self.split = check_split(split, holdout)
        self.env = _env(env, env_kwargs)
        self.task: ngym.TrialEnv = self.env.unwrapped  # type: ignore[assignment]
        self.seed = self.task._draws.seed if seed is None else seed
        self._holdout = Holdout(holdout, split) if holdout else None
        known = self._holdout is not None and set(self._holdout.values) <= set(conditions or {})
        keeps = self._holdout.keeps if self._holdout is not None and known else None
        self._forced, self.sets = crossed(conditions or {}, keeps)
        self.combinations = len(next(iter(self.sets.values()))) if self.sets else 0
        self.kept = 1.0
        self._check()
        images = len(self.env.observation_space.shape or ()) > 1
        probe = self.exactly(max(FEW // 2 if images else FEW, self.combinations), self.draws(0), 0)
        stretches = probe.as_stretches()
        self.apart = stretches is not None and "gt" not in stretches
        own = 0 if stretches is None else sum(len(column) > 1 for column in stretches["ob"])
        if probe.ob.shape[2:] != self.env.observation_space.shape:
            raise TypeError(
                f"{self.env} shows observations of shape {self.env.observation_space.shape}, its trials have "
                f"{probe.ob.shape[2:]}: its wrappers must say in `on_data` what they show in a Dataset."
            )
        self.ob, self.gt = probe.ob[:0, 0], probe.gt[:0, 0]
        self.trial_len = float(probe.lengths.mean())
        self._spread = float(probe.lengths.std()) / self.trial_len
        self.wide = False
        self._made_trials, self._made_steps = probe.n / self.kept, float(probe.lengths.sum())
        self.step_bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        self.stretch_bytes = 0.0 if stretches is None else self._stretch_bytes(stretches.number, own)
        self.together = self._holdout is None and can_batch(
            lambda n, draws: self._made(n, draws, self.chosen(n, draws, None))
        )
        self.periods = tuple(dict.fromkeys([*probe.spans, *(p for task in tasks(self.env) for p in task.timing)]))
        self.weights = self._weights(loss_weights)

    # ---- streams ---------------------------------------------------------------------------------

    def stream_seed(self, number: int) -> int:
        """Give the seed of a stream (a row, a session) of this split."""
        return seed_of(self.seed, self.split, number)

    def draws(self, number: int) -> ngym.Draws:
        """Give the randomness of a stream at its beginning."""
        seed = self.stream_seed(number)
        return ngym.Draws(seed) if self._holdout is None else SplitDraws(seed, self._holdout)

    def _stretch_bytes(self, number: int, own: int) -> float:
        """Bytes for each step if so many stretches of a trial are kept, some with observations of their own; or 0."""
        ob, gt = (array.dtype.itemsize * math.prod(array.shape[1:]) for array in (self.ob, self.gt))
        if WORTH * number >= self.trial_len or ob <= NARROW:
            return 0.0
        self.wide = ob > WIDE
        shown = number * PLACE.itemsize + own * ob if self.wide else number * ob
        return (shown + number * PLACE.itemsize + number * gt * (not self.apart)) / self.trial_len + gt * self.apart

    def enough(self, steps: int) -> int:
        """Give a number of trials that will nearly always have so many steps together."""
        mean = steps * self._made_trials / self._made_steps
        return math.ceil(mean + SLACK * self._spread * math.sqrt(mean))

    def some(self, n: int, draws: ngym.Draws, combination: Array | None = None) -> Trials | None:
        """Make n consecutive trials and keep those that belong to the split.

        Args:
            n: How many to make.
            draws: The stream.
            combination: Which crossed conditions each has, (n,), counted from 0 and again after the last; by
                default drawn, each as likely as the others.

        Returns:
            The trials, at most n; None if there is none.
        """
        made = self._made(n, draws, self.chosen(n, draws, combination))
        trials: Trials | None = made
        if self._holdout is not None:
            keeps = self._holdout.keeps(made.conditions)
            if not keeps.all():
                trials = made.pick(np.nonzero(keeps)[0]) if keeps.any() else None
        self._made_trials += n
        self._made_steps += 0 if trials is None else int(trials.lengths.sum())
        return trials

    def chosen(self, n: int, draws: ngym.Draws, combination: Array | None) -> dict[str, Array]:
        """Give the crossed conditions of n trials, see `some`."""
        if not self.sets:
            return {}
        if combination is None:
            combination = draws.child("data").index("combination", n, self.combinations)
        return {name: values[combination % self.combinations] for name, values in self.sets.items()}

    def exactly(self, n: int, draws: ngym.Draws, first: int) -> Trials:
        """Make the first n trials of the split in a stream.

        Args:
            n: How many.
            draws: The stream at its beginning.
            first: Number of the first trial; trial i has the crossed conditions i, again from 0 after the last.

        Returns:
            The trials, in the order in which they were made.
        """
        parts, pending = [], np.arange(first, first + n)
        while len(pending):
            trials = self._made(len(pending), draws, self.chosen(len(pending), draws, pending))
            keeps = np.ones(len(pending), bool) if self._holdout is None else self._holdout.keeps(trials.conditions)
            if keeps.any():
                parts.append(trials if keeps.all() else trials.pick(np.nonzero(keeps)[0]))
            pending = pending[~keeps]
        return Trials.join(parts)

    def _made(self, n: int, draws: ngym.Draws, chosen: Mapping[str, Array]) -> Trials:
        with _making:
            return sample_as_data(self.env, n, draws, {**self._forced, **chosen})

    # ---- what a training needs to know ------------------------------------------------------------

    def period_of(self, trials: Trials, steps: Array | None = None) -> NDArray[np.int8]:
        """Give the place in `periods` of the period of steps, -1 in none. Later periods cover earlier ones.

        Args:
            trials: n trials.
            steps: Some steps of each, (n, k); by default all, (n, T).
        """
        steps = np.arange(trials.mask.shape[1])[None] if steps is None else steps
        shape = trials.n, steps.shape[1]
        number = np.full(shape, -1, np.int8)
        for name, (start, stop) in trials.spans.items():
            if name in self.periods:
                inside = (steps >= np.reshape(start, (-1, 1))) & (steps < np.reshape(stop, (-1, 1)))
                number[np.broadcast_to(inside, shape)] = self.periods.index(name)
        number[np.broadcast_to(steps >= trials.lengths[:, None], shape)] = -1
        return number

    def _weights(self, loss_weights: Mapping[str, float] | None) -> NDArray[np.float32] | None:
        """Put the weights in the order of `periods`, the last one for steps of no period; what is not named weighs 1."""
        if loss_weights is None:
            return None
        weights = np.ones(len(self.periods) + 1, np.float32)
        for period, weight in loss_weights.items():
            if period not in self.periods:
                raise unknown(f"period of {self.env}", period, self.periods)
            if not (isinstance(weight, (int, float, np.number)) and 0 <= weight < math.inf):
                raise ValueError(f"The weight of the period {period!r} must be a number from 0, not {weight!r}.")
            weights[self.periods.index(period)] = weight
        return weights

    def _check(self) -> None:
        """Refuse a holdout that the task does not have, or that leaves nothing."""
        if self._holdout is None or set(self._holdout.values) <= {*self._forced, *self.sets}:
            return
        n = HOLDOUT_PROBE * max(1, self.combinations)
        combination = np.arange(n) % max(1, self.combinations)
        draws = SplitDraws(self.seed, self._holdout)
        chosen = self.chosen(n, draws, combination)
        plain, left = (self._made(n, d, chosen).conditions for d in (ngym.Draws(self.seed), draws))
        self._holdout.check(plain, draws.options, self.env)
        keeps = self._holdout.keeps(left)
        if len(np.unique(combination[keeps])) < max(1, self.combinations):
            values = {name: held.tolist() for name, held in self._holdout.values.items()}
            raise ValueError(
                f"holdout={values} leaves no trial of {self.env} for the split {self.split!r}"
                f"{' and some of the conditions' if self.combinations else ''}."
            )
        self.kept = float(keeps.mean())


def _env(env: Any, env_kwargs: Any) -> gymnasium.Env[Any, Any]:
    if env_kwargs is not None and not isinstance(env_kwargs, Mapping):
        raise TypeError(f"env_kwargs={env_kwargs!r} must be a dictionary of the task's parameters; was batch_size meant?")
    if isinstance(env, str):
        return ngym.make(env, **(env_kwargs or {}))  # type: ignore[no-any-return]
    if not isinstance(env, gymnasium.Env) or not isinstance(env.unwrapped, ngym.TrialEnv):
        raise TypeError(f"type(env)={type(env)} must be `gym.Env` (a task of ngym) or `str`.")
    if env_kwargs:
        raise TypeError(f"env_kwargs={dict(env_kwargs)!r} goes with an id; {env} is an env already.")
    return env


def size(name: str, value: Any) -> int:
    """Check a size.

    Raises:
        ValueError: It is not an integer from 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or value < 1 or value != int(value):
        raise ValueError(f"{name}={value!r} must be an integer from 1.")
    return int(value)
