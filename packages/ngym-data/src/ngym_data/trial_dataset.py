"""TrialDataset: whole trials, each at its number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.trials import Trials
from ngym_data.dataset import joined
from ngym_data.splits import SPLITS
from ngym_data.trial_source import MEMORY_BYTES, TrialSource, check_size

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

__all__ = ["TrialDataset"]

Array: TypeAlias = NDArray[Any]
Sample: TypeAlias = tuple[Array, Array, dict[str, Any]]
"""Observations, ground truth, and what is known of them."""

SESSION, SESSION_BYTES = 128, 32 * 2**20
"""Trials in a session, and bytes that it may take, unless told otherwise."""


class TrialDataset:
    """A number of whole trials, each at its number: trial i is the same whatever is asked for before or beside it.

    Trials come in sessions, as those of an animal: trial i is trial ``i % session`` of session ``i // session``,
    and a session is what ``make(id)`` plays under the seed ``dataset.session_seed(i // session)`` (without the trials
    that its split does not have). What a wrapper carries from trial to trial (a block, a history) is carried within a
    session and begins anew with the next. So trial i follows from (task, parameters, seed, split, i) and, where
    something is carried, from `session`; batch size, order, workers and ranks do not matter.

    A session is made at once and kept as long as `memory` has room. Trials in their order are therefore cheap; they
    are independent of each other, so that no shuffling is needed. In random order over more trials than `memory`
    holds, each of them costs a session: shuffle with `to_torch(shuffle=True)`, which shuffles sessions, and
    trials within some sessions.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        trials: Number of trials.
        seed: Seed of all trials. By default that of the env.
        split: ``train``, ``val``, ``test`` (disjoint streams of one seed), or ``holdout``.
        holdout: Condition -> values that appear in the split ``holdout`` only, and no others there, see `Dataset`.
        conditions: Condition -> a value to force in all trials, or a list of values; several lists are crossed.
            Any k trials in a row have each of k combinations once.
        loss_weights: Period -> weight of its steps in the loss, see `Dataset`.
        session: Number of trials in a session; by default 128, fewer where they would take more than 32 MiB (images).
        memory: Bytes that kept sessions may take.

    Attributes:
        env: The env.
        periods: Names of the periods; `info["period"]` has places in it.
        session: Number of trials in a session.

    Raises:
        TypeError: See `Dataset`.
        ValueError: See `Dataset`.
        UnknownNameError: A condition or a period that the task does not have.
    """

    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Mapping[str, Any] | None = None,
        trials: int = 1000,
        *,
        seed: int | None = None,
        split: str = "train",
        holdout: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        session: int | None = None,
        memory: int = MEMORY_BYTES,
    ) -> None:
        self._source = TrialSource(
            env, env_kwargs, seed=seed, split=split, holdout=holdout, conditions=conditions, loss_weights=loss_weights
        )
        self.env = self._source.env
        self.periods = self._source.periods
        self.session = check_size("session", self._usual_session() if session is None else session)
        self._trials = check_size("trials", trials)
        self._memory = check_size("memory", memory)
        self._kept: OrderedDict[int, Session] = OrderedDict()
        self._bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        """Copies in other processes begin with nothing kept."""
        return {**self.__dict__, "_kept": OrderedDict(), "_bytes": 0}

    def __len__(self) -> int:
        """Number of trials."""
        return self._trials

    @property
    def seed(self) -> int:
        """Seed of all trials of all splits."""
        return self._source.seed

    def _usual_session(self) -> int:
        return min(SESSION, max(1, int(SESSION_BYTES / (self._source.trial_len * self._source.step_bytes))))

    def session_seed(self, number: int) -> int:
        """Give the seed of a session."""
        return self._source.stream_seed(number)

    def __getitem__(self, i: Any) -> Sample:
        """Give one trial, or several as a batch.

        Args:
            i: The number of a trial, or several: a slice, or a sequence of numbers. Negative ones count from the end.

        Returns:
            Of one trial, observations (steps, *observation shape), ground truth (steps, *action shape), and a
            dictionary:

            * `mask` (steps,): whether a step belongs to the trial;
            * `length`: number of its steps;
            * `period` (steps,): place of each step's period in `periods`, -1 in none;
            * `weight` (steps,): float32 weight in the loss, 0 outside the mask, if there are `loss_weights`;
            * `conditions`: name -> value.

            Of several, the same with one more axis before all others, and filled up with zeros (`period`: -1) to
            the longest of them. The arrays are the caller's own.

        Raises:
            IndexError: There is no such trial.
            TypeError: What is no number.
        """
        if isinstance(i, slice):
            return self._batch(np.arange(*i.indices(len(self))))
        if np.ndim(i):
            return self._batch(self._numbers(i))
        inputs, target, info = self._batch(self._numbers([i]))
        conditions = {name: _plain(column[0]) for name, column in info["conditions"].items()}
        steps: dict[str, Any] = {name: info[name][0] for name in ("mask", "period", "weight") if name in info}
        return inputs[0], target[0], {**steps, "length": int(info["length"][0]), "conditions": conditions}

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Give several trials at once, one by one but equally long, as torch's `DataLoader` asks for them."""
        inputs, target, info = self[list(indices)]
        columns = info.pop("conditions")
        return [
            (
                inputs[k],
                target[k],
                {n: v[k] for n, v in info.items()} | {"conditions": {n: c[k] for n, c in columns.items()}},
            )
            for k in range(len(inputs))
        ]

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Give all numbers in a random order that needs few sessions at a time, (trials,); another one in each epoch.

        Sessions are shuffled, and trials within as many sessions as half of `memory` holds.
        """
        key = (SPLITS.index(self._source.split), epoch, 0)
        rng = np.random.default_rng(np.random.SeedSequence(self._source.seed, spawn_key=key))
        sessions = rng.permutation(-(-len(self) // self.session))
        order = (sessions[:, None] * self.session + np.arange(self.session)).ravel()
        order = order[order < len(self)]
        session_bytes = self.session * self._source.trial_len * self._source.step_bytes
        together = self.session * max(1, int(self._memory / 2 / session_bytes))
        for first in range(0, len(order), together):
            rng.shuffle(order[first : first + together])
        return order

    def to_torch(self, batch_size: int = 64, **options: Any) -> DataLoader[Any]:
        """Give a loader of torch tensors, see `ngym_data.torch_loaders.trial_loader`; needs ``ngym-data[torch]``."""
        from ngym_data.torch_loaders import trial_loader

        return trial_loader(self, batch_size, **options)

    # ---- sessions --------------------------------------------------------------------------------

    def _numbers(self, indices: Any) -> NDArray[np.int64]:
        array = np.asarray(indices)
        if array.size == 0:
            array = array.astype(np.int64)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            raise TypeError(f"Trials have integer numbers, not {indices!r}.")
        wrong = (array < -len(self)) | (array >= len(self))
        if wrong.any():
            raise IndexError(f"Trial {array[wrong][0]} of {len(self)} trials.")
        return np.where(array < 0, array + len(self), array).astype(np.int64)

    def _batch(self, numbers: NDArray[np.int64]) -> Sample:
        sessions, place = np.unique(numbers // self.session, return_inverse=True)
        found = [self._session(int(s)) for s in sessions]
        within = numbers % self.session
        lengths = np.zeros(len(numbers), np.int64)
        rows = [np.nonzero(place == k)[0] for k in range(len(sessions))] if len(sessions) > 1 else [np.arange(len(numbers))]
        for session, some in zip(found, rows, strict=False):
            lengths[some] = session.lengths[within[some]]
        steps = int(lengths.max(initial=0))
        inputs = np.zeros((len(numbers), steps, *self._source.ob.shape[1:]), self._source.ob.dtype)
        target = np.zeros((len(numbers), steps, *self._source.gt.shape[1:]), self._source.gt.dtype)
        period = np.full((len(numbers), steps), -1, np.int8)
        for session, some in zip(found, rows, strict=False):
            inner, wide = within[some], min(steps, session.period.shape[1])
            inputs[some, :wide] = session.inputs[inner, :wide]
            target[some, :wide] = session.target[inner, :wide]
            period[some, :wide] = session.period[inner, :wide]
        mask = np.arange(steps) < lengths[:, None]
        info: dict[str, Any] = {"mask": mask, "length": lengths, "period": period}
        if self._source.weights is not None:
            info["weight"] = self._source.weights[period] * mask
        picked = [{n: c[within[r]] for n, c in s.conditions.items()} for s, r in zip(found, rows, strict=False)]
        order = np.argsort(np.concatenate([*rows, np.zeros(0, np.int64)]), kind="stable")
        columns = joined(picked, [len(r) for r in rows])
        info["conditions"] = {name: column[order] for name, column in columns.items()}
        return inputs, target, info

    def _session(self, number: int) -> Session:
        session = self._kept.get(number)
        if session is None:
            first = number * self.session
            trials = self._source.first_trials(self.session, self._source.draws(number), first)
            session = self._kept[number] = Session(trials, self._source)
            self._bytes += session.bytes
            while self._bytes > self._memory and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].bytes
        else:
            self._kept.move_to_end(number)
        return session


class Session:
    """The trials of a session, (n, T, ...) each."""

    def __init__(self, trials: Trials, source: TrialSource) -> None:
        self.inputs, self.target, self.lengths = trials.ob, trials.gt, trials.lengths
        self.period = source.period_of(trials)
        self.conditions = trials.conditions
        arrays = (self.inputs, self.target, self.lengths, self.period, *self.conditions.values())
        self.bytes = sum(array.nbytes for array in arrays)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
