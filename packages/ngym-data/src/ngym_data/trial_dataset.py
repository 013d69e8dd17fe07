"""TrialDataset: whole trials by number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Bytes, Count, Index, Integer, Keywords, Seed, checked
from ngym_core.trial_table import without_objects
from ngym_core.trials import Trials, concatenate, select
from ngym_data._streams import concatenate_conditions
from ngym_data.splits import SPLITS, Conditions, Split
from ngym_data.trial_source import MEMORY_BYTES, LossWeights, TrialSource, require_memory

if TYPE_CHECKING:
    from ngym_data.torch_loaders import TrialLoader

__all__ = ["TrialDataset"]

Array: TypeAlias = NDArray[Any]
Sample: TypeAlias = tuple[Array, Array, dict[str, Any]]
"""Observations, ground truth, and a dictionary of what else is known, see `TrialDataset.__getitem__`."""

MAX_SESSION_TRIALS, MAX_SESSION_BYTES = 128, 32 * 2**20
"""Bounds of the default of `session`: number of trials, and bytes of their observations and ground truth."""


class TrialDataset:
    """A map-style dataset of whole trials: trial i depends only on (task, parameters, seed, split, i).

    Trials come in sessions, as those of an animal: trial i is trial ``i % session`` of session ``i // session``, and a
    session is what ``make(id)`` plays under the seed ``dataset.session_seed(i // session)`` (without the trials outside
    its split). What a wrapper carries from trial to trial (a block, a history) is carried within a session only; where
    something is carried, trial i also depends on `session`. Batch size, order, workers and ranks do not matter.

    A session is generated at once and cached as long as `memory` has room. Trials in ascending order are therefore
    cheap; as they are independent of each other, they need no shuffling. In random order over more trials than the
    cache holds, each trial costs a session: shuffle with `to_torch(shuffle=True)`, which shuffles sessions, and the
    trials of some sessions at a time.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        trials: Number of trials.
        seed: Seed of all trials; by default that of the env.
        split: ``train``, ``val``, ``test`` (disjoint streams of one seed), or ``holdout``.
        holdout: Condition -> held-out values, which only the split ``holdout`` has, see `Dataset`.
        conditions: Condition -> a value to force in all trials, or a list of values; several lists are crossed.
            Of k combinations, any k consecutive trials have each once.
        loss_weights: Period -> weight of its steps in the loss, see `Dataset`.
        session: Number of trials in a session; by default 128, or fewer if these would take more than 32 MiB (images).
        memory: Bytes for all arrays of the cached sessions; 64 MiB by default. At least one session is cached.

    A parameter that is changed (an attribute of `dataset.env` or of one of its wrappers, an item of `timing`) counts for
    all trials that are asked for afterwards: trial i is then that of the changed parameters, as if the dataset had been
    made with them. Worker processes of a loader have copies, in which it counts from the next iteration on.

    Attributes:
        env: The env.
        periods: Names of the periods; `info["period"]` holds indices into it.
        session: Number of trials in a session.
        source: Source of the trials, for loaders.

    Raises:
        TypeError: See `Dataset`.
        ValueError: See `Dataset`, or a session of more than 4 GiB.
        UnknownNameError: A condition or a period that the task does not have.

    Example:
        >>> from ngym_data import TrialDataset
        >>> trials = TrialDataset("PerceptualDecisionMaking-v0", trials=100, seed=0, conditions={"coh": [0, 51.2]})
        >>> inputs, target, info = trials[7]
        >>> inputs.shape, target.shape, info["conditions"]["coh"]
        ((22, 3), (22,), 51.2)
        >>> inputs, target, info = trials[:10]
        >>> inputs.shape, info["mask"].shape, info["conditions"]["coh"][:4].tolist()
        ((10, 22, 3), (10, 22), [0.0, 51.2, 0.0, 51.2])
    """

    @checked
    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Keywords | None = None,
        trials: Annotated[int, Integer(1)] = 1000,
        *,
        seed: Seed = None,
        split: Split = "train",
        holdout: Conditions | None = None,
        conditions: Conditions | None = None,
        loss_weights: LossWeights | None = None,
        session: Count | None = None,
        memory: Bytes = MEMORY_BYTES,
    ) -> None:
        self.source = TrialSource(
            env, env_kwargs, seed=seed, split=split, holdout=holdout, conditions=conditions, loss_weights=loss_weights
        )
        self.env = self.source.env
        self.periods = self.source.periods
        self.session = self._default_session() if session is None else int(session)
        self._trials, self._memory = int(trials), int(memory)
        require_memory(f"A session of {self.session:,} trials", self.mean_bytes(self.session))
        self._cache: OrderedDict[int, SessionArrays] = OrderedDict()
        self._cached_bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the cache, so that copies in other processes are small."""
        self.renew()
        return {**self.__dict__, "_cache": OrderedDict(), "_cached_bytes": 0}

    def __len__(self) -> int:
        """Number of trials."""
        return self._trials

    @property
    def seed(self) -> int:
        """Seed of all trials."""
        return self.source.seed

    def _default_session(self) -> int:
        """Return the number of trials in a session within both bounds, at least 1."""
        return min(MAX_SESSION_TRIALS, max(1, int(MAX_SESSION_BYTES / self.mean_bytes(1))))

    def mean_bytes(self, trials: int) -> float:
        """Return how many bytes the observations and the ground truth of some trials have, estimated."""
        return float(trials * self.source.trial_len * self.source.step_bytes)

    @checked
    def session_seed(self, number: Index) -> int:
        """Return the seed of a session, numbered from 0."""
        return self.source.stream_seed(number)

    def __getitem__(self, i: Any) -> Sample:
        """Return one trial, or several as a batch.

        Args:
            i: The number of a trial, or several: a slice, or a sequence of numbers. Negative ones count from the end.

        Returns:
            For one trial, observations (steps, *observation shape), ground truth (steps, *action shape), and a
            dictionary:

            * `mask`: (steps,) bool, whether a step belongs to the trial;
            * `length`: number of steps of the trial;
            * `period`: (steps,) index of each step's period in `periods`, -1 outside all periods; int8 for up to 128
              periods;
            * `weight`: (steps,) float32 weight in the loss, 0 outside the mask, if there are `loss_weights`;
            * `conditions`: name -> value: a number or a text of Python, an array of numbers, or a list of texts.

            For several, all arrays get a first axis (trials, ...), `length` is (trials,), and shorter trials are padded
            with zeros (`period`: -1) to the longest. The caller may modify the arrays.

        Raises:
            IndexError: A number out of range.
            TypeError: A number that is no integer.
        """
        if isinstance(i, slice):
            return self._batch(np.arange(*i.indices(len(self))))
        if np.ndim(i):
            return self._batch(self._trial_numbers(i))
        inputs, target, info = self._batch(self._trial_numbers([i]))
        return _one_of(inputs, target, info, 0)

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return several trials as a list, padded to the longest; torch's `DataLoader` calls it for a batch.

        Each is what `dataset[i]` returns, but for the padding, and for conditions that are a number in one trial and a text,
        or nothing, in another, which torch cannot put into one batch: they are texts here (of nothing, an empty one).
        """
        inputs, target, info = self[list(indices)]
        info["conditions"] = {name: without_objects(column) for name, column in info["conditions"].items()}
        return [_one_of(inputs, target, info, k) for k in range(len(inputs))]

    def renew(self) -> None:
        """Make all trials with the present parameters of the env, if these have changed; each access does that.

        Raises:
            ValueError: They change a space.
        """
        if self.source.changed:
            self.source = self.source.renewed()
            self.periods = self.source.periods
            self._cache.clear()
            self._cached_bytes = 0

    @checked
    def played_trials(self, n: Count) -> Trials:
        """Return the first n trials as an env makes them that is played: for `ngym_data.score`.

        They differ from the data only where wrappers show in data what an agent does (the last action, its reward).

        Args:
            n: Number of trials.

        Raises:
            IndexError: There are not so many.
        """
        if n > len(self):
            raise IndexError(f"n={n}: the dataset has {len(self)} trials.")
        self.renew()
        sessions = range(-(-n // self.session))
        parts = [
            self.source.first_trials(self.session, self.source.stream_draws(k), k * self.session, played=True)
            for k in sessions
        ]
        return select(concatenate(parts), np.arange(n))

    @checked
    def order(self, epoch: Index) -> NDArray[np.int64]:
        """Return the numbers of all trials in a random order that needs few sessions at a time, (trials,).

        Sessions are shuffled, and then the trials of as many sessions at a time as half of `memory` holds.

        Args:
            epoch: Number of the order, from 0; each has its own.
        """
        key = (SPLITS.index(self.source.split), epoch, 0)  # three numbers: `stream_seed` has two
        rng = np.random.default_rng(np.random.SeedSequence(self.source.seed, spawn_key=key))
        sessions = rng.permutation(-(-len(self) // self.session))
        order = (sessions[:, None] * self.session + np.arange(self.session)).ravel()
        order = order[order < len(self)]
        trials_at_a_time = self.session * max(1, int(self._memory / 2 / self.mean_bytes(self.session)))
        for first in range(0, len(order), trials_at_a_time):
            rng.shuffle(order[first : first + trials_at_a_time])
        return order

    def to_torch(self, batch_size: Count = 64, **options: Any) -> TrialLoader:
        """Return a loader of torch tensors.

        Args:
            batch_size: Trials in a batch.
            **options: See `ngym_data.torch_loaders.TrialLoader`.

        Raises:
            ImportError: torch is not installed.
            ValueError: See `TrialLoader`.
        """
        from ngym_data.torch_loaders import TrialLoader

        return TrialLoader(self, batch_size, **options)

    # ---- sessions --------------------------------------------------------------------------------

    def _trial_numbers(self, indices: Any) -> NDArray[np.int64]:
        """Return indices as numbers from 0, (n,); raise if they are no integers or out of range."""
        array = np.asarray(indices)
        if array.size == 0:  # NumPy makes floats of an empty list
            array = array.astype(np.int64)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            raise TypeError(f"Trials are numbered by integers, not {indices!r}.")
        outside = (array < -len(self)) | (array >= len(self))
        if outside.any():
            raise IndexError(f"Trial {array[outside][0]} is out of range: the dataset has {len(self)} trials.")
        return np.where(array < 0, array + len(self), array).astype(np.int64)

    def _batch(self, numbers: NDArray[np.int64]) -> Sample:
        """Return trials as a batch, see `__getitem__`."""
        self.renew()
        session_numbers, session_index = np.unique(numbers // self.session, return_inverse=True)
        sessions = [self._session(int(number)) for number in session_numbers]
        within = numbers % self.session  # number of each trial within its session
        lengths = np.zeros(len(numbers), np.int64)
        rows = [np.nonzero(session_index == k)[0] for k in range(len(sessions))]  # rows of the batch from each session
        for session, some in zip(sessions, rows, strict=True):
            lengths[some] = session.lengths[within[some]]
        steps = int(lengths.max(initial=0))
        inputs = np.zeros((len(numbers), steps, *self.source.ob_like.shape[1:]), self.source.ob_like.dtype)
        target = np.zeros((len(numbers), steps, *self.source.gt_like.shape[1:]), self.source.gt_like.dtype)
        period = np.full((len(numbers), steps), -1, self.source.period_type)
        for session, some in zip(sessions, rows, strict=True):
            chosen, width = within[some], min(steps, session.period.shape[1])  # a session may be padded to more steps
            inputs[some, :width] = session.inputs[chosen, :width]
            target[some, :width] = session.target[chosen, :width]
            period[some, :width] = session.period[chosen, :width]
        mask = np.arange(steps) < lengths[:, None]
        info: dict[str, Any] = {"mask": mask, "length": lengths, "period": period}
        if self.source.weights is not None:
            info["weight"] = self.source.weights[period] * mask
        parts = [{n: c[within[r]] for n, c in s.conditions.items()} for s, r in zip(sessions, rows, strict=True)]
        columns = concatenate_conditions(parts, [len(r) for r in rows])
        # the parts follow by session: back to the order of the batch (the empty array is for an empty batch)
        order = np.argsort(np.concatenate([*rows, np.zeros(0, np.int64)]), kind="stable")
        info["conditions"] = {name: column[order] for name, column in columns.items()}
        return inputs, target, info

    def _session(self, number: int) -> SessionArrays:
        """Return the trials of a session from the cache, or generate them."""
        session = self._cache.get(number)
        if session is None:
            first = number * self.session
            trials = self.source.first_trials(self.session, self.source.stream_draws(number), first)
            session = self._cache[number] = SessionArrays(trials, self.source)
            self._cached_bytes += session.nbytes
            # least recently used first; the session itself stays, however large it is
            while self._cached_bytes > self._memory and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        else:
            self._cache.move_to_end(number)
        return session


class SessionArrays:
    """Arrays of the trials of one session, padded to the longest.

    Args:
        trials: The trials.
        source: Their source.

    Attributes:
        inputs: Observations, (trials, steps, *observation shape).
        target: Ground truth, (trials, steps, *action shape).
        lengths: Number of steps of each trial, (trials,).
        period: Number of each step's period, (trials, steps); -1 outside all periods.
        conditions: Name -> (trials, ...) values.
        nbytes: Bytes of all arrays.
    """

    def __init__(self, trials: Trials, source: TrialSource) -> None:
        self.inputs, self.target, self.lengths = trials.ob, trials.gt, trials.lengths
        self.period = source.period_of(trials)
        self.conditions = trials.conditions
        arrays = (self.inputs, self.target, self.lengths, self.period, *self.conditions.values())
        self.nbytes = sum(array.nbytes for array in arrays)


def _one_of(inputs: Array, target: Array, info: dict[str, Any], k: int) -> Sample:
    """Return one trial of a batch."""
    steps: dict[str, Any] = {name: info[name][k] for name in ("mask", "period", "weight") if name in info}
    conditions = {name: _python_value(column[k]) for name, column in info["conditions"].items()}
    return inputs[k], target[k], {**steps, "length": int(info["length"][k]), "conditions": conditions}


def _python_value(value: Any) -> Any:
    """Return a NumPy scalar, or an array that is not one of numbers, as a Python value, which torch can collate."""
    numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    return value if numbers or not isinstance(value, (np.generic, np.ndarray)) else value.tolist()
