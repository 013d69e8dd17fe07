"""Torch loaders: batches as tensors, generated in the background and divided among workers and ranks."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ngym_core.arguments import Count, Flag, Having, Index, checked
from ngym_core.state import State, describe_stack, open_state, seal_state
from ngym_data._positions import RowPosition, positions_from_state, positions_state
from ngym_data.trial_source import require_memory

try:
    import torch
    from torch.utils.data import DataLoader, IterableDataset, Sampler, get_worker_info
except ImportError as error:
    raise ImportError("Torch loaders need torch: pip install 'ngym-data[torch]'.") from error

if TYPE_CHECKING:
    from ngym_data._streams import Place
    from ngym_data.dataset import Dataset
    from ngym_data.trial_dataset import TrialDataset

__all__ = ["StreamLoader", "TrialLoader"]


class StreamLoader:
    """The batches of a `Dataset` as tensors, prefetched in the background.

    Rank k of a distributed training has the rows k * batch_size to (k + 1) * batch_size - 1, each from its first
    step. Worker processes divide the rows of a batch among them. So what a row delivers does not depend on the number
    of workers or ranks. See `Dataset` for the memory of each process.

    An iteration has `max_batch` batches, of the parts and shapes of `Dataset.__call__`; the next iteration, also after
    a break, continues the streams. Conditions that are not numbers (for example, missing in some trials) are left out.

    A state, a copy and a changed parameter go on from the batches that were returned; prefetched ones are made again. With
    workers, each of these costs as much as a refill of the buffer, in this process; a change also starts new workers.

    Args:
        dataset: The rows, for one rank.
        num_workers: Number of processes that generate data; with 0 a thread of this process does.
        prefetch: Batches that are prefetched; 0, without workers, generates each when it is requested.
        pin_memory: Whether batches are in pinned memory, which is copied to an accelerator faster; by default if
            `device` is given and is not the CPU.
        device: Device to which batches are copied with `non_blocking`; by default they are not copied.
        rank: Number of this rank; by default that of `torch.distributed`, if it is initialised, or 0.

    Attributes:
        dataset: The rows of this rank.

    Raises:
        ImportError: torch is not installed.
        ValueError: A number below 0, more workers than rows, or batches to prefetch that need more than 4 GiB and `memory`.

    Example:
        >>> from ngym_data import Dataset
        >>> loader = Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=50, max_batch=3, seed=0).to_torch()
        >>> [tuple(inputs.shape) for inputs, target in loader]
        [(50, 4, 3), (50, 4, 3), (50, 4, 3)]
    """

    @checked
    def __init__(
        self,
        dataset: Annotated[Dataset, Having("a Dataset", "batch_size", "streams", "part")],
        *,
        num_workers: Index = 0,
        prefetch: Index = 2,
        pin_memory: Flag | None = None,
        device: str | torch.device | None = None,
        rank: Index | None = None,
    ) -> None:
        rank = _rank_and_world_size()[0] if rank is None else int(rank)
        if num_workers > dataset.batch_size:
            raise ValueError(
                f"num_workers={num_workers} is more than the {dataset.batch_size} rows of a batch, which workers divide."
            )
        require_memory(f"prefetch={prefetch:,}", (prefetch + 1) * dataset.streams.batch_bytes, dataset.streams.memory)
        self.dataset = dataset.part(range(rank * dataset.batch_size, (rank + 1) * dataset.batch_size))
        self._num_workers, self._prefetch = num_workers, prefetch
        self._device = None if device is None else torch.device(device)
        self._pin = self._device is not None and self._device.type != "cpu" if pin_memory is None else pin_memory
        self._axis = 0 if dataset.batch_first else 1
        self._thread: ThreadPoolExecutor | None = None
        self._prefetched: deque[Future[tuple[Place, Any]]] = deque()
        self._worker_batches: Iterator[Any] | None = None
        self._worker_marks: list[tuple[State, int]] = []  # of each: a state of its rows, and the batches returned since then
        self._num_batches, self._continues = 0, False

    def __len__(self) -> int:
        """Number of batches of one iteration, see `Dataset`."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        """Yield `max_batch` batches, or batches without end."""
        self.dataset.streams.check_process()
        num_batches, self._continues = self._num_batches if self._continues else 0, False
        while self.dataset.max_batch is None or num_batches < self.dataset.max_batch:
            self._follow_changes()
            batch = self._next_from_workers() if self._num_workers else self._next_from_thread()
            self._num_batches = num_batches = num_batches + 1
            yield batch if self._device is None else _map_tensors(lambda t: t.to(self._device, non_blocking=True), batch)
        self._num_batches = 0

    def state_dict(self) -> State:
        """Return where the rows stand after the batches that were returned, see `Dataset.state_dict`."""
        self._follow_changes()
        streams = self.dataset.streams
        return seal_state("data", streams.describe(), streams.state_at(self._positions(), self._num_batches))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the rows go on from a state, see `Dataset.load_state_dict`; the numbers of workers may differ.

        Args:
            state: What `state_dict` of a loader or a dataset returned.

        Raises:
            StateError: A damaged state, or one of something else. Nothing is changed then.
        """
        wait(self._prefetched)
        content = open_state("data", self.dataset.streams.describe(), state)
        self.dataset.streams.set_state(content)
        self._num_batches, self._continues = content["batches"], True
        self._forget_prefetched()

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of a copy, which prefetches its own batches."""
        self._follow_changes()
        dataset = copy.copy(self.dataset)
        dataset.streams = copy.copy(self.dataset.streams)
        dataset.streams.go_to(self._positions())
        prefetched: dict[str, Any] = {"_thread": None, "_prefetched": deque(), "_worker_batches": None, "_worker_marks": []}
        return {**self.__dict__, **prefetched, "dataset": dataset}

    def _positions(self) -> list[RowPosition]:
        """Return where each row stands after the batches that were returned."""
        if self._worker_batches is not None and self._worker_marks:
            positions = []
            for indices, (state, num_batches) in zip(self._shares(), self._worker_marks, strict=True):
                part = self.dataset.streams.share(indices)
                part.go_to(positions_from_state(state))
                for _ in range(num_batches):
                    part.next_batch()
                positions += part.positions()
            return positions
        wait(self._prefetched)
        # one that failed has left the rows where they were
        places = (future.result()[0] for future in self._prefetched if future.exception() is None)
        place = next(places, None)
        return self.dataset.streams.positions() if place is None else place.positions()

    def _shares(self) -> list[list[int]]:
        """Return the indices of the rows of each worker."""
        return [rows.tolist() for rows in np.array_split(np.arange(self.dataset.batch_size), self._num_workers)]

    def _follow_changes(self) -> None:
        """Make all trials that have not begun with the present parameters of the env, if these have changed."""
        if self.dataset.streams.source.changed:
            self.dataset.streams.go_to(self._positions())
            self._forget_prefetched()
            self.dataset.streams.renew()

    def _forget_prefetched(self) -> None:
        """Begin to prefetch anew, from where the dataset stands."""
        self._prefetched.clear()
        self._worker_batches, self._worker_marks = None, []

    def _generate(self) -> tuple[Place, Any]:
        """Generate the next batch, in pinned memory if wanted; return it and where the rows stood before."""
        place = self.dataset.streams.place()
        return place, self._pinned(_to_tensors(self.dataset.streams.next_batch()))

    def _next_from_thread(self) -> Any:
        """Return the next batch, generated by a thread of this process."""
        if self._prefetch == 0:
            return self._generate()[1]
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "ngym-data")  # one thread, so that batches keep their order
        while len(self._prefetched) <= self._prefetch:
            self._prefetched.append(self._thread.submit(self._generate))
        return self._prefetched.popleft().result()[1]  # after an error, the next in the queue is the batch that failed

    def _next_from_workers(self) -> Any:
        """Return the next batch, whose rows are concatenated from those of each worker."""
        if self._worker_batches is None:
            rows = _WorkerRows(self.dataset, self._shares())
            options = {"num_workers": self._num_workers, "prefetch_factor": max(1, self._prefetch)}
            loader: DataLoader[Any] = DataLoader(rows, batch_size=None, collate_fn=_second_to_tensors, **options)  # type: ignore[arg-type]
            self._worker_batches, self._worker_marks = iter(loader), []
        # a DataLoader takes the batches of its workers in turn, so these are one of each
        states, parts = zip(*[next(self._worker_batches) for _ in range(self._num_workers)], strict=True)
        before = self._worker_marks or [({}, 0)] * self._num_workers
        self._worker_marks = [(s, n + 1) if new is None else (new, 1) for new, (s, n) in zip(states, before, strict=True)]
        return self._pinned(_concatenate_rows(list(parts), self._axis))

    def _pinned(self, batch: Any) -> Any:
        """Return a batch in pinned memory, if wanted."""
        return _map_tensors(lambda tensor: tensor.pin_memory(), batch) if self._pin else batch


class _WorkerRows(IterableDataset[Any]):
    """Endless batches of the rows of a dataset that the current worker has, from where they stand.

    Args:
        dataset: The dataset.
        shares: Indices of the rows of each worker.
    """

    def __init__(self, dataset: Dataset, shares: list[list[int]]) -> None:
        self.dataset, self.shares = dataset, shares

    def __iter__(self) -> Iterator[tuple[State | None, Any]]:
        """Yield where the rows stand, before the buffer is refilled (else None), and a batch."""
        worker = get_worker_info()
        part = self.dataset.streams.share(self.shares[0 if worker is None else worker.id])
        while True:
            state = positions_state(part.positions()) if part.is_buffer_used_up else None
            yield state, part.next_batch()


class _TrialBatchSampler(Sampler[Any]):
    """Sampler of the trial numbers of each batch of one rank.

    In one iteration, all ranks together yield each trial once. Each rank yields as many batches as the others, unless
    fewer trials than ranks are left for the last batch.

    Args:
        dataset: The trials.
        batch_size: Number of trials in a batch of one rank.
        shuffle: Whether the order is that of `TrialDataset.order`, another one in each iteration; else ascending.
        rank: Number of this rank, and number of ranks.

    Attributes:
        epoch: Number of the order of the next iteration.
        first: Number of the first batch of the next iteration.

    """

    def __init__(self, dataset: TrialDataset, batch_size: int, shuffle: bool, rank: tuple[int, int]) -> None:
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.rank, self.ranks = rank
        self.epoch = self.first = 0

    @checked
    def set_epoch(self, epoch: Index) -> None:
        """Set the order of the next iteration; each iteration also adds 1 to it."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches."""
        whole, left = divmod(len(self.dataset), self.batch_size * self.ranks)
        return whole + (left > self.rank)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the trial numbers of each batch of one iteration."""
        order = self.dataset.order(self.epoch) if self.shuffle else np.arange(len(self.dataset))
        self.epoch, first, self.first = self.epoch + 1, self.first, 0
        for batch in islice(self._batches(order), first, None):
            yield batch.tolist()

    def _batches(self, order: Any) -> Iterator[Any]:
        """Yield the batches of this rank: its share of each group of consecutive trials in an order."""
        trials_of_all_ranks = self.batch_size * self.ranks
        for first in range(0, len(order), trials_of_all_ranks):
            batch = np.array_split(order[first : first + trials_of_all_ranks], self.ranks)[self.rank]
            if len(batch):
                yield batch


class TrialLoader(DataLoader[Any]):
    """A torch `DataLoader` of batches of whole trials, as tensors.

    A batch has observations (batch, steps, *observation shape), ground truth (batch, steps, *action shape) and a dictionary,
    see `TrialDataset.__getitem__`. Conditions that are not numbers are left out.

    ``DataLoader(dataset, batch_size=64, num_workers=2)`` works as well (with Lightning's sampler, for example), and so does
    torchdata's `StatefulDataLoader`: conditions that are texts are lists of texts there, and so are those of a mixture that
    are numbers in some trials only, such as the `ground_truth` of ``yang19``. This loader is faster, because it gets batches
    as such instead of collating single trials, and because it shuffles session by session.

    Args:
        dataset: The trials.
        batch_size: Number of trials in a batch of one rank.
        shuffle: Whether sessions, and trials within some sessions at a time, are shuffled in each iteration, alike in
            all ranks.
        rank: Number of this rank; by default that of `torch.distributed`, if it is initialised, or 0.
        world_size: Number of ranks; by default that of `torch.distributed`, or 1.
        **options: Options of `DataLoader`: `num_workers`, `prefetch_factor`, `pin_memory`, ...

    Raises:
        ValueError: A batch size below 1, batches of more than 4 GiB, or a rank that does not exist.

    Example:
        >>> from ngym_data import TrialDataset
        >>> loader = TrialDataset("PerceptualDecisionMaking-v0", trials=100, seed=0).to_torch(batch_size=64, shuffle=True)
        >>> [tuple(inputs.shape) for inputs, target, info in loader]
        [(64, 22, 3), (36, 22, 3)]
    """

    @checked
    def __init__(
        self,
        dataset: Annotated[TrialDataset, Having("a TrialDataset", "mean_bytes")],
        batch_size: Count = 64,
        *,
        shuffle: Flag = False,
        rank: Index | None = None,
        world_size: Count | None = None,
        **options: Any,
    ) -> None:
        default_rank, default_world_size = _rank_and_world_size()
        rank = default_rank if rank is None else rank
        world_size = default_world_size if world_size is None else world_size
        if rank >= world_size:
            raise ValueError(f"rank={rank!r} must lie between 0 and world_size - 1 = {world_size - 1}.")
        require_memory(f"batch_size={batch_size:,}", dataset.mean_bytes(min(batch_size, len(dataset))))
        self._batches = _TrialBatchSampler(dataset, int(batch_size), bool(shuffle), (rank, world_size))
        self._epoch, self._num_batches = 0, 0  # the iteration that began last, and the batches that it has returned
        super().__init__(
            dataset,  # type: ignore[arg-type]
            batch_size=None,  # the sampler yields batches, so that torch does not collate trials
            sampler=self._batches,
            collate_fn=_to_tensors,
            **options,
        )

    def __iter__(self) -> Any:
        """Yield the batches of an iteration, or those that are left of that of a loaded state."""
        trials: Any = self.dataset
        if trials.source.changed:
            self._iterator = None  # persistent workers have copies of the trials as they were
            trials.renew()
        self._epoch, self._num_batches = self._batches.epoch, self._batches.first
        for batch in super().__iter__():
            self._num_batches += 1
            yield batch
        self._epoch, self._num_batches = self._batches.epoch, 0

    def state_dict(self) -> State:
        """Return which batches are left of the iteration, as plain data."""
        return seal_state("trials", self._describe(), {"epoch": self._epoch, "batches": self._num_batches})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration have the batches that were left of that of a state.

        Args:
            state: What `state_dict` returned, of a loader with the same trials, batch size, shuffling and ranks.

        Raises:
            StateError: A damaged state, or one of something else. Nothing is changed then.
        """
        content = open_state("trials", self._describe(), state)
        self._epoch, self._num_batches = self._batches.epoch, self._batches.first = content["epoch"], content["batches"]

    def _describe(self) -> dict[str, Any]:
        """Return what a state must agree in with this loader."""
        batches, trials = self._batches, self._batches.dataset
        own = {"trials": len(trials), "seed": trials.seed, "session": trials.session}
        order = {"batch_size": batches.batch_size, "shuffle": batches.shuffle, "rank": batches.rank, "ranks": batches.ranks}
        return {**describe_stack(trials.env), "data": {**trials.source.describe(), **own, **order}}


def _rank_and_world_size() -> tuple[int, int]:
    """Return the number of this rank and the number of ranks of `torch.distributed`; 0 and 1 if it is not initialised."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _to_tensors(batch: Any) -> Any:
    """Return the arrays of a batch as tensors that share their memory, without those that are not numbers."""
    if isinstance(batch, tuple):
        return tuple(_to_tensors(part) for part in batch)
    if isinstance(batch, dict):
        return {
            name: _to_tensors(part) for name, part in batch.items() if isinstance(part, dict) or part.dtype.kind in "biuf"
        }
    return torch.as_tensor(batch)


def _second_to_tensors(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return a pair of anything and a batch with the batch as tensors."""
    return pair[0], _to_tensors(pair[1])


def _map_tensors(function: Any, batch: Any) -> Any:
    """Return a batch with a function applied to each tensor."""
    if isinstance(batch, tuple):
        return tuple(_map_tensors(function, part) for part in batch)
    if isinstance(batch, dict):
        return {name: _map_tensors(function, part) for name, part in batch.items()}
    return function(batch)


def _concatenate_rows(parts: list[Any], axis: int) -> Any:
    """Concatenate the rows of several batches along an axis; conditions that a part lacks are left out."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(_concatenate_rows(list(arrays), axis) for arrays in zip(*parts, strict=True))
    if isinstance(first, dict):
        names = [name for name in first if all(name in part for part in parts)]
        return {name: _concatenate_rows([part[name] for part in parts], axis) for name in names}
    return torch.cat(parts, dim=axis)
