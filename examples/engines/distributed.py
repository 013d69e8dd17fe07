"""Train a GRU on two processes, which draw other trials and average their gradients.

    pip install "ngym-data[torch]"
    torchrun --nproc-per-node 2 examples/engines/distributed.py

On several machines: the same, with torchrun's `--nnodes` and `--rdzv-endpoint`.
"""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.parallel import DistributedDataParallel

from ngym_data import Dataset

BATCHES = 150


class Network(nn.Module):
    """GRU with a linear readout."""

    def __init__(self, channels=3, actions=3, units=64):
        super().__init__()
        self.rnn, self.readout = nn.GRU(channels, units), nn.Linear(units, actions)

    def forward(self, inputs):
        return self.readout(self.rnn(inputs)[0])


@record  # torchrun then shows the error of the process that failed first
def main(task="PerceptualDecisionMaking-v0"):
    dist.init_process_group("gloo")
    torch.manual_seed(0)  # the same network in each process
    task = {"env": task, "env_kwargs": {"timing": {"stimulus": 500}}, "seed": 0}
    data = Dataset(**task, batch_size=32, seq_len=70, max_batch=BATCHES, loss_weights={"decision": 5.0}).to_torch()
    seeds = [None] * dist.get_world_size()
    dist.all_gather_object(seeds, list(data.dataset.seeds))
    if len({seed for rank in seeds for seed in rank}) < 32 * len(seeds):
        raise RuntimeError("Two ranks have the same row.")
    network = DistributedDataParallel(Network())
    optimizer, means = torch.optim.Adam(network.parameters(), lr=0.01), []
    for inputs, target, info in data:
        losses = nn.functional.cross_entropy(network(inputs).flatten(0, 1), target.flatten(), reduction="none")
        loss = (losses * info["weight"].flatten()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = loss.detach()
        dist.all_reduce(mean)
        means.append(mean.item() / len(seeds))
    first, last = sum(means[:10]) / 10, sum(means[-10:]) / 10
    if dist.get_rank() == 0:
        print(f"{len(seeds)} ranks of 32 rows each, none shared; loss {first:.3f} at first, {last:.3f} at last")
    dist.destroy_process_group()
    sys.exit(0 if last < first / 2 else "The loss does not fall.")


if __name__ == "__main__":
    main(*sys.argv[1:])
