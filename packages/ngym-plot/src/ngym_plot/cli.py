"""The commands `ngym plot` and `ngym gallery`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ngym_core.plugins import registry
from ngym_core.progress import progress_bar
from ngym_core.task_options import TASK, TaskChanges, task_options, tasks_named

__all__ = ["gallery", "plot"]

# matplotlib is imported inside the commands, so that `ngym --help` is quick.

_ANIMATION_SUFFIXES = (".mp4", ".gif")
_MAX_TRIALS_AS_RUN = 20
"""Up to this many trials are drawn step by step; more of them as a session, with one mark for each."""


@click.command()
@click.argument("task", type=TASK)
@click.option("--trials", default=1, show_default=True, type=click.IntRange(1), help="Trials to draw.")
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True),
    help="An agent that Stable-Baselines3 saved, to play the trials; or a folder of `ngym train`, with parameters and "
    "wrappers of its training. Loading it can run any code: take none from strangers.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file, such as NAME.png or NAME.pdf; by default TASK.png. With .mp4 or .gif, image observations are animated.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the trials.")
@click.option(
    "--trials-per-episode",
    type=click.IntRange(1),
    help="Trials until the memory of the agent restarts; by default as in the training of a folder, else 1.",
)
@task_options
def plot(
    task: str,
    trials: int,
    model: Path | None,
    out: Path | None,
    seed: int,
    trials_per_episode: int | None,
    changes: TaskChanges,
) -> None:
    """Draw trials of TASK: observations, actions and ground truth, rewards.

    Without a model the ground truth is played. One trial is drawn with its periods, several as a run, and more than 20 as a
    session with one mark for each.
    """
    import matplotlib as mpl

    import ngym_core as ngym
    from ngym_core.trial_table import no_response

    mpl.use("Agg")  # figures go to files: no window, no display
    from ngym_plot.animation import plot_env_3dbox
    from ngym_plot.figure import save_figure, style
    from ngym_plot.players import Oracle, load_player, read_training
    from ngym_plot.rollout import plot_env
    from ngym_plot.session import plot_session
    from ngym_plot.trial import plot_trial
    from ngym_plot.trial_table import table_from_run

    path = Path(f"{task.removesuffix('-v0')}.png") if out is None else out.expanduser()
    if out is None and path.exists():
        raise click.ClickException(f"{path} exists already; name another file with --out.")
    if model is not None and model.is_dir():
        trained = read_training(model)
        if trained.task != task:
            raise click.UsageError(f"{model} is an agent of {trained.task}, and the task to draw is {task}.")
        changes = changes.on_top_of(trained.changes)
        trials_per_episode = trials_per_episode or trained.trials_per_episode
    options: dict[str, Any] = {} if model is None else {"num_trials_before_reset": trials_per_episode or 1}
    env = changes.make(task, **options)
    _check_file(path)
    try:
        agent: Any = Oracle(env) if model is None else load_player(model)
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    for name in ("observation_space", "action_space"):
        made_for = getattr(agent, name, None)
        if made_for is not None and made_for != getattr(env, name):
            raise click.ClickException(
                f"{model} is an agent for the {name} {made_for}, and {task} has {getattr(env, name)}: name the task that it "
                "was trained on, with its parameters (--set) and wrappers (--wrapper)."
            )
    name = task.removesuffix("-v0") + (f", {model.name}" if model else "")
    if path.suffix in _ANIMATION_SUFFIXES:
        if len(env.observation_space.shape) not in (2, 3):
            raise click.ClickException(
                f"{task} has no image observations to animate; give --out a name such as {path.stem}.png."
            )
        run = ngym.run_env(env, num_trials=trials, model=agent, seed=seed)
        plot_env_3dbox(run["ob_before"], path, env)
    else:
        if trials == 1:
            figure = plot_trial(env, agent, seed=seed, name=name)
        elif trials <= _MAX_TRIALS_AS_RUN:
            figure = plot_env(env, num_trials=trials, model=agent, seed=seed, name=name)
        else:
            run = ngym.run_env(env, num_trials=trials, model=agent, seed=seed)
            figure = plot_session(table_from_run(run), title=name, no_response=no_response(env.action_space))
        with style():
            path = save_figure(figure, path)
    click.echo(f"wrote {path}")


def _check_file(path: Path) -> None:
    """Raise unless a figure or animation can be saved as a file, before trials are played."""
    from matplotlib.animation import FFMpegWriter

    from ngym_core.errors import nearest
    from ngym_core.files import require_writable_file
    from ngym_plot.figure import FIGURE_SUFFIXES

    suffixes = (*FIGURE_SUFFIXES, *_ANIMATION_SUFFIXES)
    if path.suffix not in suffixes:
        raise click.ClickException(f"{path} has no suffix of a figure or an animation. {nearest(path.suffix, suffixes)}")
    if path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise click.ClickException(
            f"{path.name} needs ffmpeg, which is not installed; give --out a name such as {path.stem}.gif."
        )
    require_writable_file(path)


@click.command()
@click.argument("tasks", nargs=-1, type=TASK)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder, new or empty.")
@task_options
def gallery(tasks: tuple[str, ...], out: Path, changes: TaskChanges) -> None:
    """Write a page with a figure of a trial of TASKS (by default all) to OUT/index.html.

    It needs no server and no network. The name of a collection stands for its tasks. Fails if a task could not be drawn,
    which the page then says.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from ngym_plot.gallery import write_gallery

    ids = tasks_named(tasks) or registry.all_envs(collections=True)
    is_changed = changes != TaskChanges()
    for task in ids if is_changed else ():
        changes.make(task)  # what no task can have is an error before any of them is drawn
    with progress_bar("drawing", len(ids)) as update:
        path, failed = write_gallery(out, ids, progress=update, make=changes.make)
    for name, reason in failed.items():
        click.echo(f"{name} could not be drawn: {reason}", err=True)
    click.echo(f"wrote {path}")
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(ids)} tasks could not be drawn: {', '.join(failed)}")
