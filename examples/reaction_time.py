"""Train an agent that answers when it is sure: ``python examples/reaction_time.py [seed]``, about 15 seconds on one core.

The task is that of Roitman and Shadlen (2002): a noisy stimulus for at most 2 s, and an answer at any time.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ngym_plot import plot_chronometric, plot_psychometric
from ngym_sb3 import Trainer, TrainingConfig

TASK, STEPS, TRIALS = "perceptualdecisionmaking.roitman02-v0", 120_000, 4000
# An error costs what a right answer earns, so a guess earns nothing.
PARAMETERS = {"sigma": 3.0, "rewards": {"abort": -0.1, "fail": -1.0}}


def train(seed, steps=STEPS):
    """Return the trial table of a trained agent: test trials, in which it takes its best action."""
    config = TrainingConfig(
        steps=steps,
        seed=seed,
        policy="gru",
        gamma=0.99,
        learning_rate=2e-3,
        ent_coef=0.02,
        task_kwargs=PARAMETERS,
        # Each trial counts for itself. By default the next one counts too, which comes sooner to those who guess at once.
        episode_end="terminal",
    )
    trainer = Trainer(TASK, config)
    trainer.train()
    return trainer.evaluate(TRIALS).table


def draw(table, file):
    """Draw choices and reaction times against coherence."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    evidence = np.where(table["ground_truth"] == 1, table["coh"], -table["coh"])
    choice = np.where(np.isnan(table["reaction_time"]), np.nan, table["choice"] == 2)  # NaN: no answer
    plot_psychometric(evidence, choice, ax=left)
    left.set(xlabel="Signed coherence (%)", ylabel="P(choice 2)")
    plot_chronometric(table, ax=right)
    right.set_xlabel("Coherence (%)")
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    table = train(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    answered = np.isfinite(table["reaction_time"])
    for coh in np.unique(table["coh"]):
        of_coh = table["coh"] == coh
        time, right = (np.nanmean(table[name][of_coh & answered]) for name in ("reaction_time", "performance"))
        print(
            f"coherence {coh:4}: {time:4.0f} ms, {right:.2f} right, an answer in {answered[of_coh].mean():.2f} of the trials"
        )
    broken = ~answered & (table["choice"] != 0)
    print(f"broken fixation in {broken.mean():.1%} of the trials")
    draw(table, Path("reaction-time.png"))
