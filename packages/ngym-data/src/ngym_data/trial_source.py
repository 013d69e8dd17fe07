"""TrialSource: the trials of one split of a task, and what a training needs to know of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.errors import unknown_name
from ngym_core.sampling import sample_as_data, tasks_of
from ngym_core.trials import Trials, concatenate, select
from ngym_core.vector import can_batch
from ngym_data._chunks import StepChunk
from ngym_data.splits import Holdout, SplitDraws, check_split, crossed, seed_of

__all__ = ["MEMORY_BYTES", "TrialSource", "check_size"]

Array: TypeAlias = NDArray[Any]

MEMORY_BYTES = 64 * 2**20
"""Memory of a data set beside the batches that it has handed out, by default."""
PROBE_TRIALS, PROBE_IMAGE_TRIALS = 32, 16
"""Trials that are made to see how long and how large they are."""
HOLDOUT_PROBE_TRIALS = 1024
"""Trials that are made to see which values the held-out conditions have."""
SPARE_DEVIATIONS = 3
"""So many standard deviations more steps are made than are needed on average: then one call nearly always suffices."""


class TrialSource:
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
        periods: Names of the periods; a period's number is its index among them.
        trial_len: Mean length of a trial in steps.
        sets: Crossed conditions: name -> (combinations, ...) values.
        ob: An empty array with the type and (after the first axis) the shape of an observation.
        gt: Likewise of a ground truth.
        step_bytes: Bytes of an observation and a ground truth.
        kept_bytes: Bytes for each step that a `WindowBuffer` needs to keep many steps.
        batched: Whether trials of several streams can be made in one call: they follow from the streams alone.

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
        self.seed = self.task.np_random_seed if seed is None else seed
        self._holdout = Holdout(holdout, split) if holdout else None
        known = self._holdout is not None and set(self._holdout.values) <= set(conditions or {})
        keeps = self._holdout.keeps if self._holdout is not None and known else None
        self._forced, self.sets = crossed(conditions or {}, keeps)
        self.combinations = len(next(iter(self.sets.values()))) if self.sets else 0
        self.kept = 1.0
        self._check()
        images = len(self.env.observation_space.shape or ()) > 1
        probe = self.first_trials(max(PROBE_IMAGE_TRIALS if images else PROBE_TRIALS, self.combinations), self.draws(0), 0)
        chunk = StepChunk.split(probe, 1, None)[0]  # before `ob` is read, which decodes the trials
        if probe.ob.shape[2:] != self.env.observation_space.shape:
            raise TypeError(
                f"{self.env} shows observations of shape {self.env.observation_space.shape}, its trials have "
                f"{probe.ob.shape[2:]}: its wrappers must say in `on_data` what they show in a Dataset."
            )
        self.trial_len = float(probe.lengths.mean())
        self._deviation = float(probe.lengths.std()) / self.trial_len
        self._made_trials, self._made_steps = probe.n / self.kept, float(probe.lengths.sum())
        self.kept_bytes = chunk.nbytes / len(chunk)
        self.ob, self.gt = probe.ob[:0, 0], probe.gt[:0, 0]
        self.step_bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        self.batched = self._holdout is None and can_batch(lambda n, draws: self._sample(n, draws, self.crossed(n, draws)))
        self.periods = tuple(dict.fromkeys([*probe.start, *(p for task in tasks_of(self.env) for p in task.timing)]))
        self.weights = self._weights(loss_weights)

    # ---- streams ---------------------------------------------------------------------------------

    def stream_seed(self, number: int) -> int:
        """Give the seed of a stream (a row, a session) of this split."""
        return seed_of(self.seed, self.split, number)

    def draws(self, number: int) -> ngym.Draws:
        """Give the randomness of a stream at its beginning."""
        seed = self.stream_seed(number)
        return ngym.Draws(seed) if self._holdout is None else SplitDraws(seed, self._holdout)

    def enough(self, steps: int) -> int:
        """Return a number of trials that nearly always have so many steps together."""
        mean = steps * self._made_trials / self._made_steps
        return math.ceil(mean + SPARE_DEVIATIONS * self._deviation * math.sqrt(mean))

    def sample(self, n: int, draws: ngym.Draws, combination: Array | None = None) -> Trials | None:
        """Make n consecutive trials and keep those that belong to the split.

        Args:
            n: How many to make.
            draws: The stream.
            combination: Which crossed conditions each has, (n,), counted from 0 and again after the last; by
                default drawn, each as likely as the others.

        Returns:
            The trials, at most n; None if there is none.
        """
        made = self._sample(n, draws, self.crossed(n, draws, combination))
        trials: Trials | None = made
        if self._holdout is not None:
            keeps = self._holdout.keeps(made.conditions)
            if not keeps.all():
                trials = select(made, np.nonzero(keeps)[0]) if keeps.any() else None
        self._made_trials += n
        self._made_steps += 0 if trials is None else int(trials.lengths.sum())
        return trials

    def crossed(self, n: int, draws: ngym.Draws, combination: Array | None = None) -> dict[str, Array]:
        """Return the crossed conditions of n trials, see `sample`."""
        if not self.sets:
            return {}
        if combination is None:
            combination = draws.child("data").index("combination", n, self.combinations)
        return {name: values[combination % self.combinations] for name, values in self.sets.items()}

    def first_trials(self, n: int, draws: ngym.Draws, first: int) -> Trials:
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
            trials = self._sample(len(pending), draws, self.crossed(len(pending), draws, pending))
            keeps = np.ones(len(pending), bool) if self._holdout is None else self._holdout.keeps(trials.conditions)
            if keeps.any():
                parts.append(trials if keeps.all() else select(trials, np.nonzero(keeps)[0]))
            pending = pending[~keeps]
        return concatenate(parts)

    def _sample(self, n: int, draws: ngym.Draws, chosen: Mapping[str, Array]) -> Trials:
        return sample_as_data(self.env, n, draws, {**self._forced, **chosen})

    # ---- what a training needs to know ------------------------------------------------------------

    def period_of(self, trials: Trials) -> NDArray[np.int8]:
        """Return the number of the period of each step, (n, T); -1 in none. Later periods cover earlier ones."""
        steps = np.arange(trials.mask.shape[1])
        number = np.full(trials.mask.shape, -1, np.int8)
        end = trials.end
        for name, start in trials.start.items():
            if name in self.periods:
                number[(steps >= start[:, None]) & (steps < end[name][:, None])] = self.periods.index(name)
        number[~trials.mask] = -1
        return number

    def _weights(self, loss_weights: Mapping[str, float] | None) -> NDArray[np.float32] | None:
        """Put the weights in the order of `periods`, the last one for steps of no period; what is not named weighs 1."""
        if loss_weights is None:
            return None
        weights = np.ones(len(self.periods) + 1, np.float32)
        for period, weight in loss_weights.items():
            if period not in self.periods:
                raise unknown_name(f"period of {self.env}", period, self.periods)
            if not (isinstance(weight, (int, float, np.number)) and 0 <= weight < math.inf):
                raise ValueError(f"The weight of the period {period!r} must be a number from 0, not {weight!r}.")
            weights[self.periods.index(period)] = weight
        return weights

    def _check(self) -> None:
        """Refuse a holdout that the task does not have, or that leaves nothing."""
        if self._holdout is None or set(self._holdout.values) <= {*self._forced, *self.sets}:
            return
        n = HOLDOUT_PROBE_TRIALS * max(1, self.combinations)
        combination = np.arange(n) % max(1, self.combinations)
        draws = SplitDraws(self.seed, self._holdout)
        chosen = self.crossed(n, draws, combination)
        plain, left = (self._sample(n, d, chosen).conditions for d in (ngym.Draws(self.seed), draws))
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


def check_size(name: str, value: Any) -> int:
    """Check a size.

    Raises:
        ValueError: It is not an integer from 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or value < 1 or value != int(value):
        raise ValueError(f"{name}={value!r} must be an integer from 1.")
    return int(value)
