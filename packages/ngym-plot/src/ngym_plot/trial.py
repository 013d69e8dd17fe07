"""One trial of a task: observations, actions and ground truth, rewards, over shaded periods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.arguments import Count, Flag, Keywords, Seed, Text, checked
from ngym_plot.config import PlotConfig
from ngym_plot.figure import FigureFile, GivenFigure
from ngym_plot.panels import channel_names
from ngym_plot.players import Oracle
from ngym_plot.rollout import RunFigure, task_name

__all__ = ["describe_conditions", "plot_trial"]

_MAX_CHANNELS_AS_LINES = 8
"""Observations of more channels are drawn as an image."""
_CHARACTERS_PER_INCH = 9
"""Characters of the title that fit into an inch of width."""


@checked
def plot_trial(
    env: Any,
    model: Any = None,
    def_act: Any = None,
    *,
    seed: Seed = None,
    fig: GivenFigure | None = None,
    name: Text | None = None,
    legend: Flag = True,
    fname: FigureFile | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Any:
    """Play one trial of a task and draw observations, actions and ground truth, and rewards, over shaded periods.

    Args:
        env: A task, an env around one, or an id. It is reset.
        model: What acts, see `ngym_core.run_env`; by default the ground truth is played.
        def_act: An action to repeat instead.
        seed: Seed of the trial.
        fig: A figure or a subfigure to draw into; a new figure by default.
        name: Title; by default the task's name.
        legend: Whether to show legends.
        fname: Save the figure there (and close it).
        plot_config: Sizes and unit of time; by default 6.5 inches wide and in ms.

    Returns:
        The figure or subfigure.

    Raises:
        UnknownTaskError: An id that no installed package offers.
        ValueError: A vector env (it does not report the periods of its trials); see also `ngym_core.run_env`.

    Example:
        >>> figure = plot_trial("PerceptualDecisionMaking-v0", seed=0)
        >>> [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
        ['Observation', 'Action', 'Reward']
    """
    env = ngym.make(env) if isinstance(env, str) else env
    if hasattr(env, "num_envs"):
        raise ValueError(f"plot_trial plays a single env, as `ngym_core.make` returns it, not the vector env {env}.")
    if model is None and def_act is None:
        model = Oracle(env)
    data = ngym.run_env(env, num_trials=1, def_act=def_act, model=model, seed=seed)
    ob = data["ob_before"]
    config = PlotConfig(width=6.5, unit="ms") if plot_config is None else PlotConfig.of(plot_config)
    run = RunFigure(
        ob, data["actions"], data["gt"], data["rewards"], None, data["states"], env, None, config, data["periods"][0]
    )
    as_lines = ob.ndim == 2 and ob.shape[1] <= _MAX_CHANNELS_AS_LINES
    traces = channel_names(env.observation_space, ob.shape[1]) if as_lines else None
    title = task_name(env, data["trials"]) if name is None else name
    conditions = describe_conditions(data["trials"][0], round(_CHARACTERS_PER_INCH * config.width))
    return run.draw(legend, traces, f"{title}\n{conditions}".strip(), fname, {}, fig)


@checked
def describe_conditions(conditions: Keywords, max_characters: Count) -> str:
    """List the conditions of a trial in one line, the `task` of a mixture first, cut off where it would get too long."""
    parts: list[str] = []
    length = 0
    for key, value in sorted(conditions.items(), key=lambda item: item[0] != "task"):
        array = np.asarray(value)
        if array.ndim > 1 or array.size > 4:
            continue
        part = f"{key} = {_format_value(array)}"
        length += len(part) + 3
        if length > max_characters:
            return " · ".join([*parts, "…"])
        parts.append(part)
    return " · ".join(parts)


def _format_value(value: NDArray[Any]) -> str:
    if value.ndim:
        return f"({', '.join(_format_value(v) for v in value)})"
    return f"{value.item():.3g}" if value.dtype.kind == "f" else str(value.item())
