"""The plugin of ngym-plot: figures for `Monitor`, frames for `render`, and the commands `ngym plot` and `ngym gallery`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngym_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    import click
    import numpy as np
    from numpy.typing import NDArray

    from ngym_core.rendering import PlayedTrial

# matplotlib is imported inside the hooks: plugins are loaded whenever ngym_core is imported.


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym plot` and `ngym gallery`."""
    from ngym_plot.cli import gallery, plot

    group.add_command(plot)
    group.add_command(gallery)


@hookimpl
def ngym_figure(run: Mapping[str, Any], env: Any, fname: Path) -> Path:
    """Draw a run and save the figure, as `plot_env` does."""
    from ngym_plot.config import PlotConfig
    from ngym_plot.rollout import run_figure, task_name

    name = task_name(env, run.get("trials", ()))
    run_figure({**run, "states": None}, env, PlotConfig()).draw(True, None, name, fname, {})
    return fname


@hookimpl
def ngym_frame(trial: PlayedTrial, env: Any) -> NDArray[np.uint8]:
    """Draw a trial as it was played so far, see `draw_frame`."""
    from ngym_plot.frames import draw_frame

    return draw_frame(trial, env)
