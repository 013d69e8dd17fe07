"""Train one recurrent network on the twenty tasks of Yang et al. (2019): ``python examples/many_tasks.py [batches]``."""

import sys

import torch
from supervised import Network, train

from ngym_data import Dataset, TrialDataset

COLLECTION, TEST_TRIALS = "yang19", 4000

if __name__ == "__main__":
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    torch.manual_seed(0)
    data = Dataset(COLLECTION, batch_size=32, seq_len=100, seed=0, split="train", loss_weights={"decision": 5.0})
    channels, actions = data.env.observation_space.shape[0], int(data.env.action_space.n)
    network = Network(channels, actions, units=128)
    train(network, data.to_torch(), 1.0, batches, lr=0.003)
    trials = TrialDataset(COLLECTION, trials=TEST_TRIALS, seed=0, split="test")
    inputs, target, info = next(iter(trials.to_torch(TEST_TRIALS)))
    with torch.no_grad():
        answers = network(inputs.transpose(0, 1)).argmax(-1).T
    last = info["mask"].sum(1) - 1  # of each trial, a step of its decision
    right = (answers == target)[torch.arange(TEST_TRIALS), last].numpy()
    task = info["conditions"]["i_env"].numpy()
    for i, name in enumerate(data.env.names):
        print(f"{name:22} {right[task == i].mean():.2f} right in {(task == i).sum()} trials")
    print(f"{'all':22} {right.mean():.2f}")
