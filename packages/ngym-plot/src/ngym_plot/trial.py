"""One trial of a task: what is seen, what is right, what is done, what it earns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.plugins.registry import task_spec
from ngym_plot.config import PlotConfig
from ngym_plot.panels import channel_names
from ngym_plot.players import Oracle
from ngym_plot.rollout import Run, task_name

__all__ = ["plot_trial"]

LINES = 8
"""So many channels are drawn as lines; more of them as an image."""


def plot_trial(
    env: Any,
    model: Any = None,
    def_act: Any = None,
    *,
    seed: int | None = None,
    fig: Figure | SubFigure | None = None,
    name: str | None = None,
    legend: bool = True,
    fname: str | Path | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Any:
    """Play one trial of a task and draw it: observations, actions and ground truth, rewards, over shaded periods.

    Args:
        env: A task, an env around one, or an id. It is reset.
        model: What acts, see `ngym_core.run_env`; by default the ground truth is played.
        def_act: An action to repeat instead.
        seed: Seed of the trial.
        fig: Where to draw, a figure or a subfigure; a new figure by default.
        name: Title; by default the task's name.
        legend: Whether to show legends.
        fname: Save the figure there (and close it).
        plot_config: Sizes and unit of time; by default 6.5 inches wide and in ms.

    Returns:
        The figure that was drawn into.

    Raises:
        ValueError: See `ngym_core.run_env`; or a vector env, which does not say what its periods are.
    """
    if isinstance(env, str):
        name = task_spec(env).id.removesuffix("-v0") if name is None else name
        env = ngym.make(env)
    if hasattr(env, "num_envs"):
        raise ValueError(f"plot_trial plays one env, not the vector env {env}; plot_env draws those with one lane.")
    if model is None and def_act is None:
        model = Oracle(env)
    data = ngym.run_env(env, num_trials=1, def_act=def_act, model=model, seed=seed)
    seen = np.concatenate([np.asarray(data["initial_ob"])[None], data["ob"][:-1]])
    config = PlotConfig(width=6.5, unit="ms") if plot_config is None else PlotConfig.of(plot_config)
    run = Run(
        seen, data["actions"], data["gt"], data["rewards"], None, data["states"], env, None, config, data["periods"][0]
    )
    lines = seen.ndim == 2 and seen.shape[1] <= LINES
    traces = channel_names(env.observation_space, seen.shape[1]) if lines else None
    title = task_name(env) if name is None else name
    conditions = say(data["trials"][0], round(9 * config.width))
    return run.draw(legend, traces, f"{title}\n{conditions}".strip(), fname, {}, fig)


def say(conditions: dict[str, Any], width: int) -> str:
    """Say the conditions of a trial in a line; what would make it longer is left out."""
    parts: list[str] = []
    length = 0
    for key, value in conditions.items():
        array = np.asarray(value)
        if array.ndim > 1 or array.size > 4:
            continue
        part = f"{key} = {_short(array)}"
        length += len(part) + 3
        if length > width:
            return " · ".join([*parts, "…"])
        parts.append(part)
    return " · ".join(parts)


def _short(value: NDArray[Any]) -> str:
    if value.ndim:
        return f"({', '.join(_short(v) for v in value)})"
    return f"{value.item():.3g}" if value.dtype.kind == "f" else str(value.item())
