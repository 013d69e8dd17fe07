"""Dataset: endless streams of consecutive trials, cut into batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.sessions import data_trials

__all__ = ["Dataset"]

Array: TypeAlias = NDArray[Any]

MEMORY = 64 * 2**20
"""Bytes that a dataset may hold beside the batches it has handed out."""
TRIALS_AT_ONCE = 1024


class Dataset:
    """Batches of observations and ground truth; each row is an endless stream of consecutive trials.

    Row r delivers the trials that ``make(id)`` plays under the seed ``dataset.seeds[r]``, one after
    another. The stream does not depend on `batch_size`, `seq_len` or `cache_len`: a batch goes on where
    the one before it stopped, so that the state of a network can be carried over. Every batch is the
    caller's own.

    Args:
        env: A task's id, or an env with trial wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        batch_size: Number of rows.
        seq_len: Time steps in a batch; 1000 by default.
        max_batch: Batches that one iteration gives; endless by default.
        batch_first: Whether the batch is the first axis instead of time.
        cache_len: Steps of each row that are made at a time; by default as many as 64 MiB hold.
        seed: Seed of all rows. By default that of the env.
        conditions: Conditions to force in all trials, for example ``{"coh": 51.2}``.

    Attributes:
        env: The env. Its `observation_space` and `action_space` are those of the data.
        seeds: Seed of each row.

    Raises:
        TypeError: `env` is neither an id nor an env of ours, or shows observations that its trials do not
            have (a wrapper that changes steps but has no `as_data`); `env_kwargs` is no dictionary or given with an env.
        ValueError: A size below 1.
    """

    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Mapping[str, Any] | None = None,
        batch_size: int = 1,
        seq_len: int | None = None,
        max_batch: int | None = None,
        batch_first: bool = False,
        cache_len: int | None = None,
        *,
        seed: int | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        self.env = _env(env, env_kwargs)
        self.batch_size = _size("batch_size", batch_size)
        self.seq_len = _size("seq_len", 1000 if seq_len is None else seq_len)
        self.max_batch = None if max_batch is None else _size("max_batch", max_batch)
        self.batch_first = batch_first
        self._conditions = dict(conditions or {})
        probe = data_trials(self.env, 16, ngym.Draws(0), self._conditions)
        if probe.ob.shape[2:] != self.env.observation_space.shape:
            raise TypeError(
                f"{self.env} shows observations of shape {self.env.observation_space.shape}, its trials have "
                f"{probe.ob.shape[2:]}: its wrappers must say in `as_data` what they show in a Dataset."
            )
        self._trial_len = float(probe.lengths.mean())
        self._bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        windows = self._windows(cache_len)
        leading = (self.batch_size, windows * self.seq_len)
        self._inputs = np.empty((*leading, *probe.ob.shape[2:]), probe.ob.dtype)
        self._target = np.empty((*leading, *probe.gt.shape[2:]), probe.gt.dtype)
        shape = (*leading[:1], self.seq_len) if batch_first else (self.seq_len, self.batch_size)
        self.inputs_shape = [*shape, *probe.ob.shape[2:]]
        self.target_shape = [*shape, *probe.gt.shape[2:]]
        self.seed(self.env.unwrapped._draws.seed if seed is None else seed)  # type: ignore[attr-defined]

    def seed(self, seed: int | None = None) -> None:
        """Begin anew with another seed.

        Args:
            seed: Any integer from 0; None takes one from the operating system.
        """
        sequence = np.random.SeedSequence(seed)
        self.seeds = [
            int(np.random.SeedSequence(sequence.entropy, spawn_key=(row,)).generate_state(1, np.uint64)[0] >> 1)
            for row in range(self.batch_size)
        ]
        self._draws = [ngym.Draws(s) for s in self.seeds]
        self._left: list[tuple[Array, Array]] = [(self._inputs[0, :0], self._target[0, :0])] * self.batch_size
        self._at = self._inputs.shape[1]
        self._i_batch = 0

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Begin an iteration of `max_batch` batches; the streams go on where they are."""
        self._i_batch = 0
        return self

    def __len__(self) -> int:
        """Number of batches of one iteration.

        Raises:
            TypeError: Without `max_batch` it has no end.
        """
        if self.max_batch is None:
            raise TypeError("A Dataset without max_batch has no end and no length.")
        return self.max_batch

    def __next__(self) -> tuple[Array, Array]:
        """Give the next batch of an iteration, see `__call__`."""
        if self.max_batch is not None and self._i_batch >= self.max_batch:
            raise StopIteration
        self._i_batch += 1
        return self()

    def __call__(self) -> tuple[Array, Array]:
        """Give the next batch.

        Returns:
            Observations (seq_len, batch, *observation shape) and ground truth (seq_len, batch, *action
            shape); with `batch_first` (batch, seq_len, ...).
        """
        if self._at >= self._inputs.shape[1]:
            self._refill()
            self._at = 0
        window = slice(self._at, self._at + self.seq_len)
        self._at += self.seq_len
        return self._copy(self._inputs[:, window]), self._copy(self._target[:, window])

    def _copy(self, window: Array) -> Array:
        return np.array(window if self.batch_first else window.swapaxes(0, 1), order="C")

    def _windows(self, cache_len: float | None) -> int:
        """How many windows are made at a time."""
        steps = MEMORY / 2 / (self.batch_size * self._bytes)
        steps = min(steps, TRIALS_AT_ONCE * self._trial_len, math.inf if cache_len is None else max(cache_len, 1))
        return max(1, int(steps / self.seq_len))

    def _refill(self) -> None:
        length = self._inputs.shape[1]
        for row, draws in enumerate(self._draws):
            filled = 0
            while filled < length:
                inputs, target = self._left[row]
                if len(inputs) == 0:
                    inputs, target = self._more(draws, length - filled)
                take = min(len(inputs), length - filled)
                self._inputs[row, filled : filled + take] = inputs[:take]
                self._target[row, filled : filled + take] = target[:take]
                self._left[row] = inputs[take:], target[take:]
                filled += take

    def _more(self, draws: ngym.Draws, steps: int) -> tuple[Array, Array]:
        """Make trials for about so many steps of a row, joined end to end."""
        trials = data_trials(self.env, max(1, math.ceil(steps / self._trial_len)), draws, self._conditions)
        inside = trials.mask
        if inside.all():
            return (x.reshape(-1, *x.shape[2:]) for x in (trials.ob, trials.gt))  # type: ignore[return-value]
        return trials.ob[inside], trials.gt[inside]


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


def _size(name: str, value: float) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or value < 1 or value != int(value):
        raise ValueError(f"{name}={value!r} must be an integer from 1.")
    return int(value)
