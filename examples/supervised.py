"""Train a recurrent network on a perceptual decision, with plain torch: ``python examples/supervised.py``."""

from __future__ import annotations

import argparse
from collections import deque

import torch
from torch import nn

TASK, COHS = "PerceptualDecisionMaking-v0", [0, 6.4, 12.8, 25.6, 51.2]


class Network(nn.Module):
    """Recurrent units and a readout: (steps, batch, channels) -> (steps, batch, actions)."""

    def __init__(self, channels: int = 3, actions: int = 3, units: int = 64) -> None:
        super().__init__()
        self.rnn, self.read = nn.GRU(channels, units), nn.Linear(units, actions)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give the actions' scores."""
        return self.read(self.rnn(inputs)[0])


def train(network, batches, criterion: float, most: int) -> int:
    """Train until the choices of the last 20 batches are right often enough; give the number of batches."""
    optimiser, recent = torch.optim.Adam(network.parameters(), lr=0.01), deque(maxlen=20)
    for number, (inputs, target, info) in enumerate(batches, 1):
        actions = network(inputs)
        losses = nn.functional.cross_entropy(actions.flatten(0, 1), target.flatten(), reduction="none")
        optimiser.zero_grad()
        (losses * info["weight"].flatten()).mean().backward()
        optimiser.step()
        recent.append((actions.argmax(-1) == target)[target > 0].float().mean().item())
        if number == most or (len(recent) == 20 and sum(recent) / 20 >= criterion):
            break
    return number


def main(criterion: float, most: int) -> float:
    from ngym_data import Dataset, TrialDataset

    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a network does not gain from more
    network = Network()
    data = Dataset(TASK, batch_size=64, seq_len=110, seed=0, split="train", loss_weights={"decision": 5.0})
    print(f"trained on {train(network, data.to_torch(), criterion, most)} batches")
    probe = TrialDataset(TASK, trials=2000, seed=0, split="test", conditions={"coh": COHS, "ground_truth": [0, 1]})
    inputs, target, info = next(iter(probe.to_torch(len(probe))))
    with torch.no_grad():
        right = (target == network(inputs.transpose(0, 1)).argmax(-1).T)[:, -1].float()  # a trial ends with its decision
    for coh in COHS:
        print(f"coherence {coh:4}: {right[info['conditions']['coh'] == coh].mean():.2f} right")
    print(f"all test trials: {right.mean():.2f} right")
    return right.mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--criterion", type=float, default=0.87, help="share of right choices at which training ends")
    parser.add_argument("--most", type=int, default=2000, help="batches after which it ends anyway")
    main(**vars(parser.parse_args()))
