"""What each rank of a distributed training gets; started by torchrun with a folder to write to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch.distributed

from ngym_data import Dataset, TrialDataset

if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    stream = Dataset("DelayComparison", batch_size=3, seq_len=40, max_batch=5, seed=7).to_torch(num_workers=1)
    inputs = torch.cat([inputs for inputs, _ in stream])
    trials = TrialDataset("DelayComparison", trials=50, seed=7, session=8)
    numbers, first = [], []
    for epoch in range(2):
        loader = trials.to_torch(batch_size=6, shuffle=epoch == 1, num_workers=1)
        numbers.append(np.concatenate(list(loader.sampler)))
        loader.sampler.set_epoch(0)
        first.append(torch.cat([target[:, -1] for _, target, _ in loader]).numpy())
    total = torch.tensor(float(sum(map(len, numbers))))
    torch.distributed.all_reduce(total)
    folder = Path(sys.argv[1])
    np.savez(
        folder / f"{rank}.npz",
        inputs=inputs.numpy(),
        total=total.numpy(),
        **{f"n{i}": n for i, n in enumerate(numbers)},
        **{f"t{i}": t for i, t in enumerate(first)},
    )
    torch.distributed.destroy_process_group()
