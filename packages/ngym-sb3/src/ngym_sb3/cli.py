"""The command `ngym train`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["train"]

ALGOS = ("recurrent-ppo", "ppo", "a2c", "dqn")
POLICIES = ("rnn", "gru", "lstm", "ctrnn", "ei-ctrnn", "mlp")


@click.command()
@click.argument("task")
@click.option("--algo", type=click.Choice(ALGOS), default=ALGOS[0], show_default=True, help="Only the first has memory.")
@click.option("--policy", type=click.Choice(POLICIES), help="The network; by default ctrnn, or mlp without memory.")
@click.option("--steps", default=100_000, show_default=True, help="Time steps to train for, over all lanes.")
@click.option("--envs", default=64, show_default=True, help="Lanes that play at the same time.")
@click.option("--seed", default=0, show_default=True, help="Seed of agent, training and test.")
@click.option("--trials-per-episode", default=1, show_default=True, help="Trials in an episode.")
@click.option(
    "--carry",
    type=click.Choice(["episode", "trial"]),
    default="episode",
    show_default=True,
    help="How long the agent's memory lasts.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for agent, tables and figure; a run in it goes on.")
def train(
    task: str,
    algo: str,
    policy: str | None,
    steps: int,
    envs: int,
    seed: int,
    trials_per_episode: int,
    carry: str,
    out: Path | None,
) -> None:
    """Train an agent on TASK and test it.

    Prints what it does before and after, by condition. With --out all is saved; the same command again goes on where it
    was stopped, and more --steps prolong a run.
    """
    from ngym_sb3.config import Recipe
    from ngym_sb3.training import Run

    recipe = Recipe(
        steps=steps, algo=algo, policy=policy, envs=envs, seed=seed, trials_per_episode=trials_per_episode, carry=carry
    )
    run = Run(task, recipe, out=out)
    if run.steps:
        click.echo(f"{out} has a run of {run.steps:,} steps; it goes on.")
    click.echo(f"before: {run.test().summary()}")
    with click.progressbar(length=max(steps - run.steps, 0), label="training") as bar:
        run.train(bar.update)
    report = run.test()
    click.echo(f"after:  {report.summary()}")
    click.echo(report.by_condition())
    if out is not None:
        click.echo(f"In {out}: {', '.join(path.name for path in run.save(report))}")
