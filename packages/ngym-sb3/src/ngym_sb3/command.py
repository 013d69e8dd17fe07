"""The command `ngym train`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["train"]


@click.command()
@click.argument("task")
@click.option("--steps", default=100_000, show_default=True, help="Time steps to train for.")
@click.option("--envs", default=64, show_default=True, help="Lanes that play at the same time.")
@click.option("--seed", default=0, show_default=True, help="Seed of agent, training and test.")
@click.option("--trials-per-episode", default=1, show_default=True, help="The agent's memory restarts after so many trials.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the model and its table; it must be new.")
def train(task: str, steps: int, envs: int, seed: int, trials_per_episode: int, out: Path | None) -> None:
    """Train a recurrent agent (LSTM, RecurrentPPO) on TASK and test it."""
    from ngym_sb3.training import Recipe, Run

    run = Run(task, Recipe(steps=steps, envs=envs, seed=seed, trials_per_episode=trials_per_episode), out=out)
    click.echo(f"before: {run.test().summary()}")
    with click.progressbar(length=steps, label="training") as bar:
        run.train(bar.update)
    report = run.test()
    click.echo(f"after:  {report.summary()}")
    click.echo(report.by_condition())
    if out is not None:
        click.echo(f"wrote {', '.join(str(p) for p in run.save(report))}")
