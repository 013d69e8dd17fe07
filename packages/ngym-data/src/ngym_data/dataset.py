"""Dataset: batches of observations and ground truth from endless streams of consecutive trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium

import ngym_core as ngym
from ngym_core.arguments import Bytes, Count, Flag, Indices, Keywords, Seed, checked
from ngym_core.state import State, open_state, seal_state
from ngym_data._streams import LOADER, RowStreams
from ngym_data.splits import Conditions, Split
from ngym_data.trial_source import MEMORY_BYTES, LossWeights, TrialSource

if TYPE_CHECKING:
    from ngym_data.torch_loaders import StreamLoader

__all__ = ["Dataset"]

MAX_SHARES = 4
"""The memory of a mixture is that of this many tasks, at most."""


class Dataset:
    """Batches of observations and ground truth; each row is an endless stream of consecutive trials.

    Row r delivers the trials that ``make(id)`` plays under the seed ``dataset.seeds[r]``, one after
    another (without those outside its split). The stream does not depend on `batch_size`, `seq_len`,
    `cache_len` or `memory`: a batch continues where the one before it ended, so that the state of a
    network can be carried over. Batches are new arrays, which the caller may modify.

    A parameter that is changed (an attribute of `dataset.env` or of one of its wrappers, an item of `timing`) counts in each
    row from the trial on that begins next, as in an env that is changed in the same trial; assign a new array to change
    one. `state_dict` and copies (`copy.deepcopy`, pickle) go on at the step where the rows stand.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        batch_size: Number of rows.
        seq_len: Steps in a batch; 1000 by default.
        max_batch: Number of batches in one iteration; endless by default.
        batch_first: Whether the first axis of a batch is the row instead of the step.
        cache_len: Steps of each row that are generated at a time, at most; by default as many as `memory` allows.
        seed: Seed of all rows; by default that of the env.
        conditions: Condition -> a value to force in all trials, for example ``{"coh": 51.2}``, or a list of
            values, one of which is drawn for each trial; several lists are crossed.
        split: ``train``, ``val``, ``test`` (disjoint streams of one seed), or ``holdout``.
        holdout: Condition -> held-out values, for example ``{"coh": [12.8]}``. The split ``holdout`` has exactly the
            trials with a held-out value in every condition named here; the other splits have all others.
        info: Whether a batch has a third part, the `info` of each step; by default if there are `loss_weights`.
        loss_weights: Period -> weight of its steps in the loss, for example ``{"decision": 5.0}``; others weigh 1.
        memory: Bytes for steps that were generated but not returned yet; by default 64 MiB for each task, up to 256 MiB for
            mixtures: of several tasks fewer trials of each fit, and so cost more. About three quarters are
            for the buffer: observations and ground truth of all rows and, with `info`, `start`, `period` and trial
            number of each step and the conditions of each trial. The rest is for trials that are being generated,
            and for those of their steps that did not fit into the buffer. Sizes are estimated from a few trials; at
            least one batch is buffered, however large it is; but one of more than 4 GiB is refused unless `memory` allows
            it. Not counted: batches that were returned or that a loader
            has prefetched, and what the env holds. Each worker process of a loader may take as much.

    Attributes:
        env: The env. Its `observation_space` and `action_space` are those of the data.
        batch_size: Number of rows.
        seq_len: Steps in a batch.
        max_batch: Number of batches in one iteration, or None.
        batch_first: Whether the first axis of a batch is the row.
        info: Whether a batch has a third part.
        seeds: Seed of each row.
        periods: Names of the periods; `info["period"]` holds indices into it.
        rows: Number of each row, from 0; a stream is named by it.
        streams: What generates the steps of the rows, for loaders.

    Raises:
        TypeError: `env` is neither an id nor an env of ngym, or its observations differ in shape from those of its
            trials (a wrapper that changes steps but has no `on_data`); `env_kwargs` is no dictionary or comes with an env.
        ValueError: A size below 1, a batch that needs too much memory, an unknown split, conditions or holdouts that leave
            no trials, or a weight below 0.
        UnknownNameError: A condition or a period that the task does not have.

    Example:
        >>> from ngym_data import Dataset
        >>> dataset = Dataset("PerceptualDecisionMaking-v0", batch_size=16, seq_len=100, seed=0)
        >>> inputs, target = dataset()
        >>> inputs.shape, target.shape
        ((100, 16, 3), (100, 16))
        >>> weighted = Dataset("PerceptualDecisionMaking-v0", max_batch=2, seed=0, loss_weights={"decision": 5.0})
        >>> for inputs, target, info in weighted:
        ...     print(inputs.shape, info["weight"].max().item(), sorted(info["conditions"]))
        (1000, 1, 3) 5.0 ['coh', 'ground_truth']
        (1000, 1, 3) 5.0 ['coh', 'ground_truth']
    """

    @checked
    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Keywords | None = None,
        batch_size: Count = 1,
        seq_len: Count | None = None,
        max_batch: Count | None = None,
        batch_first: Flag = False,
        cache_len: Count | None = None,
        *,
        seed: Seed = None,
        conditions: Conditions | None = None,
        split: Split = "train",
        holdout: Conditions | None = None,
        info: Flag | None = None,
        loss_weights: LossWeights | None = None,
        memory: Bytes | None = None,
    ) -> None:
        source = TrialSource(
            env, env_kwargs, seed=seed, split=split, holdout=holdout, conditions=conditions, loss_weights=loss_weights
        )
        self.batch_size, self.max_batch = int(batch_size), max_batch
        self.streams = RowStreams(
            source,
            range(self.batch_size),
            seq_len=1000 if seq_len is None else int(seq_len),
            batch_first=batch_first,
            info=loss_weights is not None if info is None else info,
            cache_len=cache_len,
            memory=MEMORY_BYTES * min(source.num_tasks, MAX_SHARES) if memory is None else int(memory),
        )
        self.env, self.batch_first = source.env, batch_first
        self.seq_len, self.info = self.streams.seq_len, self.streams.info
        self._num_batches, self._ended, self._continues = 0, False, False

    @property
    def periods(self) -> tuple[str, ...]:
        """Names of the periods."""
        return self.streams.source.periods

    @property
    def rows(self) -> Sequence[int]:
        """Number of each row."""
        return self.streams.rows

    @property
    def seeds(self) -> list[int]:
        """Seed of each row."""
        return self.streams.seeds

    @checked
    def seed(self, seed: Seed = None) -> None:
        """Restart all rows with another seed.

        Args:
            seed: Any integer from 0; None takes one from the operating system.
        """
        self.streams.renew()
        self.streams.restart(ngym.Draws(seed).seed)
        self._num_batches, self._ended, self._continues = 0, False, False

    @checked
    def part(self, rows: Indices) -> Dataset:
        """Return a dataset of some rows, each at its first step.

        Rows are independent, so subsets can be generated in different processes: ``dataset.part(range(0, 64))`` in
        one, ``dataset.part(range(64, 128))`` in another.

        Args:
            rows: Numbers of the rows, from 0; they may exceed those of this dataset.

        Raises:
            ValueError: There are no rows, or too many, see `memory`.
        """
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        part.batch_size = len(rows)
        part.streams = self.streams.part(rows)
        part._num_batches, part._ended, part._continues = 0, False, False
        return part

    @property
    def cycle(self) -> int:
        """Number of batches that are generated at a time."""
        return self.streams.cycle

    @property
    def inputs_shape(self) -> list[int]:
        """Shape of the observations of a batch."""
        return [*self.streams.leading_shape, *self.streams.source.ob_like.shape[1:]]

    @property
    def target_shape(self) -> list[int]:
        """Shape of the ground truth of a batch."""
        return [*self.streams.leading_shape, *self.streams.source.gt_like.shape[1:]]

    def __iter__(self) -> Iterator[Any]:
        """Begin an iteration of `max_batch` batches, or go on with that of a loaded state; the streams continue.

        Raises:
            RuntimeError: In one of several worker processes of torch, see `__call__`.
        """
        self.streams.check_process()
        if not self._continues:
            self._num_batches = 0
        self._ended = self._continues = False
        return self

    def __len__(self) -> int:
        """Number of batches of one iteration.

        Raises:
            TypeError: There is no `max_batch`.
        """
        if self.max_batch is None:
            raise TypeError(f"A Dataset without max_batch has no end and no length. {LOADER}")
        return self.max_batch

    def __getitem__(self, i: Any) -> Any:
        """Raise: batches follow each other, and have no numbers.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"A Dataset has no numbered items, such as {i!r}. {LOADER} `TrialDataset` has trials by number.")

    def __next__(self) -> Any:
        """Return the next batch of an iteration, see `__call__`."""
        if self.max_batch is not None and self._num_batches >= self.max_batch:
            self._ended = True
            raise StopIteration
        batch = self()
        self._num_batches += 1
        self._continues = False
        return batch

    def __call__(self) -> Any:
        """Return the next batch.

        Returns:
            Observations (seq_len, batch_size, *observation shape) and ground truth (seq_len, batch_size, *action
            shape); with `batch_first` (batch_size, seq_len, ...). With `info` also a dictionary of arrays
            (seq_len, batch_size) or (batch_size, seq_len):

            * `mask`: bool, whether the step belongs to a trial (all steps of a stream do);
            * `start`: bool, whether it is the first step of a trial;
            * `period`: index of its period in `periods`, -1 outside all periods; int8 for up to 128 periods;
            * `weight`: float32 weight in the loss, if there are `loss_weights`;
            * `conditions`: name -> value in the step's trial, (..., *value shape).

        Raises:
            RuntimeError: In one of several worker processes of torch each of which would return the same batches.
            ValueError: A parameter was changed that changes a space.
        """
        self.streams.check_process()
        self.streams.renew()
        return self.streams.next_batch()

    def to_torch(self, **options: Any) -> StreamLoader:
        """Return a loader of torch tensors, in which all rows begin at their first step.

        Args:
            **options: See `ngym_data.torch_loaders.StreamLoader`.

        Raises:
            ImportError: torch is not installed.
            ValueError: See `StreamLoader`.
        """
        from ngym_data.torch_loaders import StreamLoader

        return StreamLoader(self, **options)

    # ---- state -----------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return where the rows stand, as plain data: numbers, texts, lists, arrays and dictionaries of them.

        It contains the parameters of the env, and does not depend on `seq_len`, `batch_first`, `cache_len` and `memory`.
        `ngym_core.state.save_state` keeps it in a file.

        Raises:
            TypeError: The env holds an iterator, whose position cannot be taken.

        Example:
            >>> from ngym_data import Dataset
            >>> dataset = Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=50, seed=0)
            >>> inputs, target = dataset()
            >>> state = dataset.state_dict()
            >>> other = Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=50)
            >>> other.load_state_dict(state)
            >>> bool((other()[0] == dataset()[0]).all())
            True
        """
        self.streams.renew()
        num_batches = 0 if self._ended else self._num_batches
        return seal_state("data", self.streams.describe(), self.streams.state_at(self.streams.positions(), num_batches))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the rows go on from a state, under its seed, and the env have the parameters that it had then.

        The next iteration has the batches that were left of that of the state.

        Args:
            state: What `state_dict` of a dataset or a `StreamLoader` returned that has the same env, rows, split, holdout,
                conditions, loss weights and `info`.

        Raises:
            StateError: A damaged state, or one of something else. Nothing is changed then.
        """
        content = open_state("data", self.streams.describe(), state)
        self.streams.set_state(content)
        self._num_batches, self._ended, self._continues = content["batches"], False, True
