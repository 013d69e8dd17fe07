"""Train a GRU with Lightning on an endless stream of trials until 85 % of all test trials are right.

pip install lightning "ngym-data[torch]"
python examples/engines/lightning.py
"""

import sys

sys.path.pop(0)  # the folder of this file, which would hide the lightning that it imports

import lightning
import torch
from torch import nn

from ngym_data import Dataset, TrialDataset

RIGHT = 0.85


class Decider(lightning.LightningModule):
    """GRU with a linear readout, tested on the last step of each trial, its decision."""

    def __init__(self, channels=3, actions=3, units=64):
        super().__init__()
        self.rnn, self.readout = nn.GRU(channels, units, batch_first=True), nn.Linear(units, actions)

    def forward(self, inputs):
        return self.readout(self.rnn(inputs)[0])

    def training_step(self, batch, index):
        inputs, target, info = batch
        losses = nn.functional.cross_entropy(self(inputs).flatten(0, 1), target.flatten(), reduction="none")
        return (losses * info["weight"].flatten()).mean()

    def validation_step(self, batch, index):
        inputs, target, info = batch
        decision = torch.arange(len(target)), info["length"] - 1
        right = self(inputs).argmax(-1)[decision] == target[decision]
        self.log("right", right.float().mean(), batch_size=len(target))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def main(task="PerceptualDecisionMaking-v0"):
    lightning.seed_everything(0)
    torch.set_num_threads(1)  # the fastest for a network of this size
    task = {"env": task, "env_kwargs": {"timing": {"stimulus": 500}}, "seed": 0}
    train = Dataset(**task, split="train", batch_size=64, seq_len=70, batch_first=True, loss_weights={"decision": 5.0})
    test = TrialDataset(**task, split="test", trials=4000)
    stop = lightning.pytorch.callbacks.EarlyStopping("right", mode="max", stopping_threshold=RIGHT, patience=100)
    trainer = lightning.Trainer(
        max_steps=3000,
        val_check_interval=100,
        check_val_every_n_epoch=None,
        callbacks=[stop],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(Decider(), train.to_torch(), test.to_torch(1000))
    right = trainer.callback_metrics["right"].item()
    print(f"{right:.1%} of the test trials right after {trainer.global_step} batches")
    sys.exit(0 if right >= RIGHT else f"Less than {RIGHT:.0%} are right.")


if __name__ == "__main__":
    main(*sys.argv[1:])
