"""Loaders: data as torch tensors, made in the background, shared among workers and ranks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ngym_data.trial_source import check_size

try:
    import torch
    from torch.utils.data import DataLoader, IterableDataset, Sampler, get_worker_info
except ImportError as error:
    raise ImportError("Loaders of tensors need torch: pip install 'ngym-data[torch]'.") from error

if TYPE_CHECKING:
    from ngym_data.dataset import Dataset
    from ngym_data.trial_dataset import TrialDataset

__all__ = ["StreamLoader", "trial_loader"]


class StreamLoader:
    """The batches of a `Dataset` as tensors, made ahead in the background.

    Each rank has rows of its own: rank k of a distributed training has the rows k * batch_size to
    (k + 1) * batch_size - 1, each at its beginning. Worker processes share the rows of a batch among them. So
    rows share nothing, and what a row delivers does not depend on how many workers or ranks there are. Each process
    holds as much as the dataset may (its `memory`).

    An iteration gives `max_batch` batches; the next one, also after a break, goes on where the streams are. What is
    not a number (a condition that is missing in some trials) is left out.

    Args:
        dataset: The rows, for one rank.
        num_workers: Processes that make data; with 0 a thread of this process does.
        prefetch: Batches that are made ahead; with 0 and no workers, none is.
        pin_memory: Put batches where they can be copied to an accelerator at once; by default if there is one
            and `device` is not the processor.
        device: Where batches go, without waiting for the copy (`non_blocking`); by default they stay.
        rank: Which rank this is; by default that of `torch.distributed`, if it is initialised, or 0.

    Attributes:
        dataset: The rows of this rank.

    Raises:
        ImportError: torch is not installed.
        ValueError: A number below 0, or more workers than rows.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        num_workers: int = 0,
        prefetch: int = 2,
        pin_memory: bool | None = None,
        device: str | torch.device | None = None,
        rank: int | None = None,
    ) -> None:
        rank = ranks()[0] if rank is None else rank
        for name, value in (("num_workers", num_workers), ("prefetch", prefetch), ("rank", rank)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name}={value!r} must be an integer from 0.")
        if num_workers > dataset.batch_size:
            raise ValueError(
                f"num_workers={num_workers} are more than the {dataset.batch_size} rows of a batch that they share."
            )
        self.dataset = dataset.part(range(rank * dataset.batch_size, (rank + 1) * dataset.batch_size))
        self._num_workers, self._prefetch = num_workers, prefetch
        self._device = None if device is None else torch.device(device)
        self._pin = self._device is not None and self._device.type != "cpu" if pin_memory is None else pin_memory
        self._axis = 0 if dataset.batch_first else 1
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: deque[Future[Any]] = deque()
        self._parts: Iterator[Any] | None = None

    def __len__(self) -> int:
        """Number of batches of one iteration, see `Dataset`."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        """Give `max_batch` batches, or batches without end: observations, ground truth and, with `info`, a dictionary."""
        given = 0
        while self.dataset.max_batch is None or given < self.dataset.max_batch:
            given += 1
            batch = self._of_workers() if self._num_workers else self._of_thread()
            yield batch if self._device is None else mapped(lambda t: t.to(self._device, non_blocking=True), batch)

    def _make(self) -> Any:
        return self._pinned(tensors(self.dataset()))

    def _of_thread(self) -> Any:
        """Give a batch that a thread of this process has made."""
        if self._prefetch == 0:
            return self._make()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "ngym-data")
        while len(self._ahead) <= self._prefetch:
            self._ahead.append(self._thread.submit(self._make))
        batch = self._ahead[0].result()
        self._ahead.popleft()
        return batch

    def _of_workers(self) -> Any:
        """Put a batch together of the rows that each worker has made; workers are asked in turn."""
        if self._parts is None:
            rows = Rows(self.dataset)
            options = {"num_workers": self._num_workers, "prefetch_factor": max(1, self._prefetch)}
            self._parts = iter(DataLoader(rows, batch_size=None, collate_fn=tensors, **options))  # type: ignore[arg-type]
        return self._pinned(joined_rows([next(self._parts) for _ in range(self._num_workers)], self._axis))

    def _pinned(self, batch: Any) -> Any:
        return mapped(lambda tensor: tensor.pin_memory(), batch) if self._pin else batch


class Rows(IterableDataset[Any]):
    """Batches, without end, of the rows of a dataset that fall to the worker which asks."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        """Begin the streams."""
        worker = get_worker_info()
        rows = self.dataset.rows
        part = self.dataset.part(rows if worker is None else np.array_split(rows, worker.num_workers)[worker.id].tolist())
        while True:
            yield part()


class Batches(Sampler[Any]):
    """The numbers of the trials of each batch of one rank.

    All ranks together give each trial once in each iteration. Each gives as many batches as the others, unless fewer
    trials are left at the end than there are ranks.

    Args:
        dataset: The trials.
        batch_size: Trials in a batch of one rank.
        shuffle: Shuffle sessions, and trials within some sessions, anew in each iteration.
        rank: This rank and the number of ranks.
    """

    def __init__(self, dataset: TrialDataset, batch_size: int, shuffle: bool, rank: tuple[int, int]) -> None:
        self.dataset, self.batch_size, self.shuffle = dataset, check_size("batch_size", batch_size), shuffle
        self.rank, self.ranks = rank
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; without, each iteration takes the next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches."""
        whole, left = divmod(len(self.dataset), self.batch_size * self.ranks)
        return whole + (left > self.rank)

    def __iter__(self) -> Iterator[list[int]]:
        """Give the batches of one iteration."""
        order = self.dataset.order(self.epoch) if self.shuffle else np.arange(len(self.dataset))
        self.epoch += 1
        for batch in self._batches(order):
            yield batch.tolist()

    def _batches(self, order: Any) -> Iterator[Any]:
        together = self.batch_size * self.ranks
        for first in range(0, len(order), together):
            batch = np.array_split(order[first : first + together], self.ranks)[self.rank]
            if len(batch):
                yield batch


def trial_loader(
    dataset: TrialDataset,
    batch_size: int = 64,
    *,
    shuffle: bool = False,
    rank: int | None = None,
    world_size: int | None = None,
    **options: Any,
) -> DataLoader[Any]:
    """Give a torch `DataLoader` of batches of whole trials.

    A `DataLoader` of one's own (with Lightning's sampler, for example) works as well: ``DataLoader(dataset,
    batch_size=64, num_workers=2)``. This one is faster, because trials are not taken apart and put together again, and
    it keeps to the sessions when it shuffles.

    Args:
        dataset: The trials.
        batch_size: Trials in a batch of one rank.
        shuffle: Shuffle sessions, and trials within some sessions, anew in each iteration; all ranks alike.
        rank: Which rank this is; by default that of `torch.distributed`, if it is initialised, or 0.
        world_size: How many ranks there are, likewise.
        **options: Those of `DataLoader`: `num_workers`, `prefetch_factor`, `pin_memory`, ...

    Returns:
        A loader of observations (batch, steps, *observation shape), ground truth (batch, steps, *action shape) and a
        dictionary, see `TrialDataset.__getitem__`, as tensors. What is not a number is left out.

    Raises:
        ValueError: A batch size below 1, or a rank that does not exist.
    """
    here, world = ranks()
    here, world = here if rank is None else rank, world if world_size is None else world_size
    if not 0 <= here < world:
        raise ValueError(f"rank={here!r} must lie within 0 and world_size - 1 = {world - 1}.")
    return DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=None,
        sampler=Batches(dataset, batch_size, shuffle, (here, world)),
        collate_fn=tensors,
        **options,
    )


def ranks() -> tuple[int, int]:
    """Give this rank and the number of ranks of `torch.distributed`; 0 and 1 if it is not initialised."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def tensors(batch: Any) -> Any:
    """Turn the arrays of a batch into tensors that share their memory; leave out what is not a number."""
    if isinstance(batch, tuple):
        return tuple(tensors(part) for part in batch)
    if isinstance(batch, dict):
        return {name: tensors(part) for name, part in batch.items() if isinstance(part, dict) or part.dtype.kind in "biuf"}
    return torch.as_tensor(batch)


def mapped(function: Any, batch: Any) -> Any:
    """Apply a function to all tensors of a batch."""
    if isinstance(batch, tuple):
        return tuple(mapped(function, part) for part in batch)
    if isinstance(batch, dict):
        return {name: mapped(function, part) for name, part in batch.items()}
    return function(batch)


def joined_rows(parts: list[Any], axis: int) -> Any:
    """Put the rows of several batches side by side."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(joined_rows(list(some), axis) for some in zip(*parts, strict=True))
    if isinstance(first, dict):
        names = [name for name in first if all(name in part for part in parts)]
        return {name: joined_rows([part[name] for part in parts], axis) for name in names}
    return torch.cat(parts, dim=axis)
