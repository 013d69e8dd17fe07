"""Train on most combinations of tasks and modifiers, and test on the others: ``python examples/held_out.py [batches]``."""

import sys
from itertools import product

import numpy as np
import torch
from supervised import Network, train

import ngym_core as ngym
from ngym_data import Dataset, TrialDataset

TASKS = ["yang19.go-v0", "yang19.dlygo-v0", "yang19.dm1-v0", "yang19.dm2-v0", "yang19.dlydm1-v0"]
MODIFIERS = ["", "+anti", "+sequence=right", "+sequence=left", "+anti+sequence=right"]
SHARE_HELD_OUT, TEST_TRIALS = 0.2, 4000

if __name__ == "__main__":
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    torch.manual_seed(0)
    # Each part of an id has a cue of its own: what is learned of a modifier with some tasks may serve with others.
    env = ngym.mix([task + modifier for task, modifier in product(TASKS, MODIFIERS)], cue="parts")
    modified = [name for name in env.names if "+" in name]
    held_out = np.random.default_rng(0).choice(modified, int(SHARE_HELD_OUT * len(env.names)), replace=False).tolist()
    split = {"seed": 0, "holdout": {"task": held_out}}
    data = Dataset(env, batch_size=32, seq_len=100, split="train", loss_weights={"decision": 5.0}, **split)
    network = Network(env.observation_space.shape[0], int(env.action_space.n), units=128)
    train(network, data.to_torch(), 1.0, batches, lr=0.003)
    for name, part in (("trained", "test"), ("held out", "holdout")):
        trials = TrialDataset(env, trials=TEST_TRIALS, split=part, **split)
        inputs, target, info = next(iter(trials.to_torch(TEST_TRIALS)))
        with torch.no_grad():
            answers = network(inputs.transpose(0, 1)).argmax(-1).T
        due = target > 0  # the steps of the decision; all answers of a sequence count
        right = (((answers == target) & due).sum(1) / due.sum(1)).numpy()
        task = info["conditions"]["i_env"].numpy()
        for i in np.unique(task):
            print(f"{name:9} {env.names[int(i)]:40} {right[task == i].mean():.2f} right in {(task == i).sum()} trials")
        print(f"{name:9} {'all':40} {right.mean():.2f}")
