"""NeuroGym's side of the data benchmark, run by a Python that has NeuroGym 2.3.1.

It reads a JSON request from each line and answers with one: ``{"seconds_of": id, ...}`` with the seconds of some batches,
``{"memory_of": id, ...}`` with the peak of memory in MiB, ``{"train": id, ...}`` with the seconds of a training.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import neurogym
import numpy as np
from other_python import serve

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

kept: dict[str, Any] = {}


def seconds(task: str, batches: int, batch_size: int, seq_len: int) -> float:
    """Seconds of some batches; the data set is made, and asked once, before."""
    if task not in kept:
        kept.clear()
        kept[task] = neurogym.Dataset(task, batch_size=batch_size, seq_len=seq_len)
        kept[task]()
    start = time.perf_counter()
    for _ in range(batches):
        kept[task]()
    return time.perf_counter() - start


def memory(task: str, batch_size: int, seq_len: int) -> float:
    """Peak of what Python and NumPy hold while a data set is made and asked, in MiB."""
    tracemalloc.start()
    made = neurogym.Dataset(task, batch_size=batch_size, seq_len=seq_len)
    for _ in range(3):
        made()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def training(task: str, batch_size: int, seq_len: int, seed: int, criterion: float, most: int) -> list[float]:
    """Seconds of training the example's network, from making the data set on, and the number of batches."""
    import supervised
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    start = time.perf_counter()
    data = neurogym.Dataset(task, batch_size=batch_size, seq_len=seq_len)
    data.seed(seed)

    def batches() -> Any:
        while True:
            inputs, target = data()
            weight = np.where(target > 0, 5.0, 1.0).astype(np.float32)  # the decision period is where an action is due
            yield torch.from_numpy(inputs), torch.from_numpy(target), {"weight": torch.from_numpy(weight)}

    number = supervised.train(supervised.Network(), batches(), criterion, most)
    return [time.perf_counter() - start, number]


if __name__ == "__main__":
    serve({"seconds_of": seconds, "memory_of": memory, "train": training})
