"""Command line interface: `ngym train`."""

from __future__ import annotations

import itertools
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ngym_core.task_options import TASK, TaskChanges, task_options, usage_errors

if TYPE_CHECKING:
    from ngym_sb3.training import Trainer

__all__ = ["train"]

# Spelled out rather than imported from config.py and cells.py, so that `ngym --help` does not load torch.
ALGORITHM_NAMES = ("recurrent-ppo", "ppo", "a2c", "dqn")
POLICY_NAMES = ("rnn", "gru", "lstm", "ctrnn", "ei-ctrnn", "mlp")
RUNS = Path("runs")
"""Where training is saved if no folder is named."""
SECONDS_BETWEEN_LINES = 10.0
"""How often a line shows the progress where there is no terminal."""


@click.command()
@click.argument("task", type=TASK)
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
@click.option(
    "--units", default=64, show_default=True, help="Units of the recurrent layer, or of each of two hidden layers."
)
@click.option("--lr", "learning_rate", default=2e-3, show_default=True, help="Step size of the optimizer.")
@click.option("--gamma", default=0.9, show_default=True, help="Discount factor of future rewards, per step.")
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
    "--episode-end",
    type=click.Choice(["truncated", "terminal"]),
    default="truncated",
    show_default=True,
    help="Whether the agent reckons with the episodes that follow (truncated), so that time counts, or not (terminal).",
)
@click.option(
    "--curriculum",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with the stages through which training leads, see ngym_core.curriculum. Test trials are those of the "
    "task itself.",
)
@task_options
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with settings under the names of TrainingConfig, such as learning_rate or task_kwargs; options prevail.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help=f"Folder for agent, tables and figure; training that it holds is continued. By default a new one in {RUNS}. Like "
    "every model of Stable-Baselines3, the agent (model.zip) can run code when it is loaded: load no stranger's.",
)
def train(task: str, changes: TaskChanges, config: Path | None, out: Path | None, **options: Any) -> None:
    """Train an agent on TASK and evaluate it.

    Prints how well it performs before and after training, and at each value of each condition, and saves everything to a
    folder. The same command again with that folder as --out continues where training was stopped or killed and ends with the
    same agent, and more --steps extend it. `ngym plot TASK --model FOLDER` draws what the agent does.
    """
    from ngym_core.curriculum import as_curriculum
    from ngym_sb3.config import TrainingConfig, load_settings
    from ngym_sb3.training import Trainer, claim_training_folder

    with usage_errors():
        settings = _settings({} if config is None else load_settings(config), options, changes)
        training = TrainingConfig(**settings)
    with usage_errors(f"{task}: "), warnings.catch_warnings(action="ignore"):  # training gives the same warnings
        training.make_env(task, 1)  # before a folder is made
    folder = _new_folder(task) if out is None else out
    with claim_training_folder(folder):
        trainer = Trainer(task, training, out=folder)
        if trainer.steps:
            click.echo(f"{folder} holds training of {trainer.steps:,} steps; it continues.")
        elif out is None:
            click.echo(f"Saving to {folder}; --out names another folder.")
        click.echo(f"before: {trainer.evaluate().summary()}")
        with _progress(trainer) as update:
            trainer.train(update)
        if training.curriculum is not None and trainer.stage is not None:
            click.echo(f"stage:  {trainer.stage} of 0 to {len(as_curriculum(training.curriculum).stages) - 1}")
        report = trainer.evaluate()
        click.echo(f"after:  {report.summary()}")
        click.echo(report.by_condition())
        click.echo(f"In {folder}: {', '.join(path.name for path in trainer.save(report))}")


def _settings(from_file: dict[str, Any], options: dict[str, Any], changes: TaskChanges) -> dict[str, Any]:
    """Return the settings of a file, changed by the options that the command line names."""
    source = click.get_current_context().get_parameter_source
    named = {name: value for name, value in options.items() if source(name) is not ParameterSource.DEFAULT}
    parts = (from_file.get("task_kwargs", {}), [*from_file.get("wrappers", [])], from_file.get("conditions", {}))
    task = changes.on_top_of(TaskChanges(*parts))
    return {
        **from_file,
        **named,
        "task_kwargs": task.parameters,
        "wrappers": task.wrappers,
        "conditions": task.conditions,
    }


def _new_folder(task: str) -> Path:
    """Return a folder that there is not yet, named after the task."""
    names = (RUNS / f"{task.removesuffix('-v0')}-{i}" for i in itertools.count(1))
    return next(folder for folder in names if not folder.exists())


@contextmanager
def _progress(trainer: Trainer) -> Iterator[Any]:
    """Show steps, performance and the time left: in a terminal as a bar, else as a line now and then.

    Returns:
        Function to call with the number of steps taken since the last call.
    """
    done, total = trainer.steps, trainer.config.steps
    if sys.stdout.isatty():

        def show(_: object) -> str:
            return _performance(trainer)

        length = max(total - done, 0)
        with click.progressbar(
            length=length, label="training", item_show_func=show, update_min_steps=max(length // 1000, 1)
        ) as bar:
            yield lambda steps: bar.update(steps, steps)
        return
    first, began = done, time.monotonic()
    shown = began

    def update(steps: int) -> None:
        nonlocal done, shown
        done += steps
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES and done < total:
            shown, seconds = now, (now - began) / (done - first) * (total - done)
            click.echo(f"training: {done:,} of {total:,} steps, {_performance(trainer)}, {seconds:,.0f} s left")

    yield update


def _performance(trainer: Trainer) -> str:
    """Return the performance of training in words."""
    performance = trainer.performance
    return "no trial yet" if performance is None else f"performance {performance:.3f}"
