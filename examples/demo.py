"""Train a recurrent agent, evaluate it, and plot its behaviour and its units.

Run it with ``python -m nox -s demo``. The task is PerceptualDecisionMaking with a stimulus of 500 ms, in which every action
before the decision costs something.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import click
import numpy as np

import ngym_core as ngym
from ngym_core.tasks.perceptual_decision_making import PerceptualDecisionMaking
from ngym_plot import plot_activity, plot_env, plot_psychometric
from ngym_sb3 import Trainer, TrainingConfig, record_activity

OUT = Path("demo-output")
TASK = "HeldDecision-v0"
PARAMETERS = {"timing": {"stimulus": 500}}


class HeldDecision(PerceptualDecisionMaking):
    """Fixate until the stimulus is over, then report its direction."""

    rule = ngym.FixateThenChoose(fixation=None)  # an action at any step before the decision earns `abort`, -0.1


ngym.register(ngym.TaskSpec(TASK, f"{__name__}:HeldDecision"))


def main() -> None:
    started = time.time()
    trainer = Trainer(TASK, TrainingConfig(steps=60_000, seed=0, task_kwargs=PARAMETERS))
    before = trainer.evaluate()
    print(f"Correct decisions before training: {before.performance:.1%}")
    with click.progressbar(length=trainer.config.steps, label="Training", file=sys.stderr) as bar:
        trainer.train(bar.update)
    after = trainer.evaluate()
    print(
        f"Correct decisions after training:  {after.performance:.1%} (expected of an ideal observer: {ideal_observer():.1%})"
    )
    broken = np.mean(after.table["reward"] < after.table["performance"])  # each early action has cost 0.1
    print(f"Trials with broken fixation: {broken:.1%}")
    print(after.by_condition())

    OUT.mkdir(exist_ok=True)
    behaviour = OUT / "behaviour.png"
    env = ngym.make(TASK, num_trials_before_reset=1, **PARAMETERS)
    traces = ["fixation", "stimulus 1", "stimulus 2"]
    plot_env(
        env,
        num_trials=6,
        model=trainer.model,
        name="A trained agent",
        ob_traces=traces,
        plot_config={"unit": "ms"},
        fname=behaviour,
        seed=1,
    )

    psychometric = OUT / "psychometric.png"
    table = after.table
    evidence = np.where(table["ground_truth"] == 1, table["coh"], -table["coh"])
    choice = np.where(table["choice"] == 0, np.nan, table["choice"] == 2)
    ax, fit = plot_psychometric(evidence, choice, title=f"{len(choice)} test trials")
    ax.set(xlabel="Signed coherence (%)", ylabel="P(choice 2)")
    ax.figure.savefig(psychometric, dpi=200)

    units = OUT / "activity.png"
    activity = record_activity(trainer.model, trainer.config.make_env(TASK, 16), num_trials=200, seed=2)
    choice_2 = (activity.table["choice"] == 2) & (activity.conditions["coh"] > 10)
    ax = plot_activity(activity, only=choice_2, title=f"{choice_2.sum()} trials with choice 2")
    ax.figure.savefig(units, dpi=200)
    print(f"Wrote {behaviour} (observations, actions and rewards of the trained agent),")
    print(f"      {psychometric} (its choices; slope {fit.slope:.2f} per %, bias {fit.bias:.1f} %)")
    print(f"and   {units} (its recurrent units) after {time.time() - started:.0f} s.")


def ideal_observer() -> float:
    """Return the share of correct decisions of an observer that sums all the evidence."""
    env = ngym.make(TASK, **PARAMETERS)
    steps = env.timing["stimulus"] / env.dt
    d = env.cohs / 100 * math.sqrt(steps) / (env.sigma * math.sqrt(2))
    return float(np.mean([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in d]))


if __name__ == "__main__":
    main()
