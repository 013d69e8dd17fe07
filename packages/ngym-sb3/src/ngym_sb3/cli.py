"""Command line interface: `ngym train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ngym_sb3.config import Algorithm
    from ngym_sb3.vec_env import Carry

__all__ = ["train"]

# Spelled out rather than imported from config.py and cells.py, so that `ngym --help` does not load torch.
ALGORITHM_NAMES = ("recurrent-ppo", "ppo", "a2c", "dqn")
POLICY_NAMES = ("rnn", "gru", "lstm", "ctrnn", "ei-ctrnn", "mlp")


@click.command()
@click.argument("task")
@click.option(
    "--algo",
    type=click.Choice(ALGORITHM_NAMES),
    default=ALGORITHM_NAMES[0],
    show_default=True,
    help="Algorithm; only recurrent-ppo trains agents with memory.",
)
@click.option(
    "--policy", type=click.Choice(POLICY_NAMES), help="Network; by default ctrnn for recurrent-ppo and mlp for the others."
)
@click.option("--steps", default=100_000, show_default=True, help="Time steps to train for, summed over all lanes.")
@click.option("--envs", default=64, show_default=True, help="Number of lanes that are stepped at the same time.")
@click.option("--seed", default=0, show_default=True, help="Seed of agent, training and test trials.")
@click.option("--trials-per-episode", default=1, show_default=True, help="Trials in an episode.")
@click.option(
    "--carry",
    type=click.Choice(["episode", "trial"]),
    default="episode",
    show_default=True,
    help="How long the agent keeps its recurrent state.",
)
@click.option(
    "--curriculum",
    type=click.Path(path_type=Path),
    help="TOML file with the stages through which training leads, see ngym_core.curriculum. Test trials are those of the "
    "task itself.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for agent, tables and figure; training that it holds is continued. Like every model of Stable-Baselines3, "
    "the agent (model.zip) can run code when it is loaded: load no stranger's.",
)
def train(
    task: str,
    algo: Algorithm,
    policy: str | None,
    steps: int,
    envs: int,
    seed: int,
    trials_per_episode: int,
    carry: Carry,
    curriculum: Path | None,
    out: Path | None,
) -> None:
    """Train an agent on TASK and evaluate it.

    Prints how well it performs before and after training, and at each value of each condition. With --out everything is
    saved; the same command again continues where training was stopped or killed and ends with the same agent, and more
    --steps extend it.
    """
    from ngym_core.curriculum import as_curriculum
    from ngym_sb3.config import TrainingConfig
    from ngym_sb3.training import Trainer, claim_training_folder

    config = TrainingConfig(
        steps=steps,
        algo=algo,
        policy=policy,
        envs=envs,
        seed=seed,
        trials_per_episode=trials_per_episode,
        carry=carry,
        curriculum=curriculum,
    )
    with claim_training_folder(out):
        trainer = Trainer(task, config, out=out)
        if trainer.steps:
            click.echo(f"{out} holds training of {trainer.steps:,} steps; it continues.")
        click.echo(f"before: {trainer.evaluate().summary()}")
        with click.progressbar(length=max(steps - trainer.steps, 0), label="training") as bar:
            trainer.train(bar.update)
        if config.curriculum is not None and trainer.stage is not None:
            click.echo(f"stage:  {trainer.stage} of 0 to {len(as_curriculum(config.curriculum).stages) - 1}")
        report = trainer.evaluate()
        click.echo(f"after:  {report.summary()}")
        click.echo(report.by_condition())
        if out is not None:
            click.echo(f"In {out}: {', '.join(path.name for path in trainer.save(report))}")
