"""Train a recurrent network on a perceptual decision, with plain torch: ``python examples/supervised.py``."""

import sys
from collections import deque

import torch
from torch import nn

TASK, COHS = "PerceptualDecisionMaking-v0", [0, 6.4, 12.8, 25.6, 51.2]


class Network(nn.Module):
    """Recurrent layer with a linear readout."""

    def __init__(self, channels=3, actions=3, units=64):
        super().__init__()
        self.rnn, self.readout = nn.GRU(channels, units), nn.Linear(units, actions)

    def forward(self, inputs):
        """Map inputs (steps, batch, channels) to scores of the actions (steps, batch, actions)."""
        return self.readout(self.rnn(inputs)[0])


def train(network, batches, criterion, max_batches, lr=0.01):
    """Train until the mean accuracy of the last 20 batches reaches a criterion, and return the number of batches."""
    optimiser, recent = torch.optim.Adam(network.parameters(), lr), deque(maxlen=20)
    for number, (inputs, target, info) in enumerate(batches, 1):
        actions = network(inputs)
        losses = nn.functional.cross_entropy(actions.flatten(0, 1), target.flatten(), reduction="none")
        optimiser.zero_grad()
        (losses * info["weight"].flatten()).mean().backward()
        optimiser.step()
        recent.append((actions.argmax(-1) == target)[target > 0].float().mean().item())
        if number == max_batches or (len(recent) == 20 and sum(recent) / 20 >= criterion):
            break
    return number


if __name__ == "__main__":
    from ngym_data import Dataset, TrialDataset, score

    criterion, max_batches = map(float, sys.argv[1:] or (0.87, 2000))
    torch.manual_seed(0)
    network = Network()
    data = Dataset(TASK, batch_size=64, seq_len=110, seed=0, split="train", loss_weights={"decision": 5.0})
    print(f"trained on {train(network, data.to_torch(), criterion, max_batches)} batches")
    probe = TrialDataset(TASK, trials=2000, seed=0, split="test", conditions={"coh": COHS, "ground_truth": [0, 1]})
    table = score(network, probe)  # one row per trial, as for an agent: figures and fits take it
    for coh in COHS:
        print(f"coherence {coh:4}: {table['performance'][table['coh'] == coh].mean():.2f} right")
    print(f"all test trials: {table['performance'].mean():.2f} right")
