"""Runs of a task: observations, actions, rewards, performance and hidden states on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike, NDArray

import ngym_core as ngym
from ngym_core.arguments import AnyEnv, Count, Flag, Keywords, Labels, Seed, Text, checked, shown
from ngym_core.wrappers.modifiers import short_name
from ngym_plot import panels
from ngym_plot.config import PlotConfig
from ngym_plot.figure import FigureFile, TimeAxis, new_figure, save_figure, style

__all__ = ["plot_env", "plot_env_1dbox", "visualize_run"]

Array: TypeAlias = NDArray[Any]


@checked
def plot_env(
    env: Any,
    num_steps: Count = 200,
    num_trials: Count | None = None,
    def_act: Any = None,
    model: Any = None,
    name: Text | None = None,
    legend: Flag = True,
    ob_traces: Labels | None = None,
    fig_kwargs: Keywords | None = None,
    fname: FigureFile | None = None,
    plot_performance: Flag = True,
    plot_config: PlotConfig | dict[str, Any] | None = None,
    *,
    seed: Seed = None,
    conditions: Keywords | None = None,
) -> Figure:
    """Play a task and draw the run.

    Args:
        env: A task, an env around one, a vector env with one env, or an id.
        num_steps: Number of steps.
        num_trials: Stop after this number of trials instead.
        def_act: An action to repeat; without it and without a model actions are random.
        model: What acts: an agent, a torch module whose outputs are logits (or the numbers of a `Box`), or a function, see
            `run_env`. The hidden states of a recurrent model are drawn too.
        name: Title; by default the task's name.
        legend: Whether to show legends.
        ob_traces: A label for each channel: draw lines instead of an image.
        fig_kwargs: Passed to `matplotlib.pyplot.figure`, for example ``{"figsize": (6, 4)}``; `sharex` as in
            `matplotlib.pyplot.subplots`.
        fname: Save the figure there (and close it).
        plot_performance: Whether to draw the performance of each trial.
        plot_config: Sizes and unit of time.
        seed: Seed of the run.
        conditions: Conditions of the trials, name -> a value, or a list of values one of which is drawn for each trial.

    Returns:
        The figure.

    Raises:
        ValueError: See `run_env` and `visualize_run`.
        UnknownNameError: A condition that the task does not have.

    Example:
        >>> figure = plot_env("PerceptualDecisionMaking-v0", num_trials=3, def_act=0, seed=0)
        >>> [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
        ['Observation', 'Action', 'Reward', 'Perform.']
    """
    env = ngym.make(env) if isinstance(env, str) else env
    data = ngym.run_env(env, num_steps, num_trials, def_act, model, seed=seed, conditions=conditions)
    figure = run_figure(data if plot_performance else {**data, "perf": None}, env, PlotConfig.of(plot_config))
    title = task_name(env, data["trials"]) if name is None else name
    return figure.draw(legend, ob_traces, title, fname, fig_kwargs or {})


def run_figure(run: Mapping[str, Any], env: Any, config: PlotConfig) -> RunFigure:
    """Return the figure of what `run_env` returned, with a line wherever a trial began."""
    starts = np.append(run["trial_start"][1:], run["trial_end"][-1])
    return RunFigure(
        run["ob_before"],
        run["actions"],
        run["gt"],
        run["rewards"],
        run["perf"],
        run.get("states"),
        env,
        np.nonzero(starts)[0] + 2,  # counted from 1
        config,
    )


@checked
def visualize_run(
    ob: ArrayLike,
    actions: ArrayLike,
    gt: ArrayLike | None = None,
    rewards: ArrayLike | None = None,
    performance: ArrayLike | None = None,
    states: ArrayLike | None = None,
    legend: Flag = True,
    ob_traces: Labels | None = None,
    name: Text = "",
    fname: FigureFile | None = None,
    fig_kwargs: Keywords | None = None,
    env: AnyEnv | None = None,
    initial_ob: ArrayLike | None = None,
    trial_starts: ArrayLike | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Figure:
    """Draw a recorded run, each action below the observation before it.

    Args:
        ob: Observations after each step: (T,), (T, k), or images (T, H, W) or (T, H, W, C).
        actions: (T,) or (T, k).
        gt: Ground truth, (T,) or (T, k).
        rewards: (T,).
        performance: (T,), NaN where no trial ended.
        states: Hidden states, (T, units).
        legend: Whether to show legends.
        ob_traces: A label for each channel: draw lines instead of an image.
        name: Title.
        fname: Save the figure there (and close it).
        fig_kwargs: See `plot_env`.
        env: The task, for the names of channels and actions and for the time step.
        initial_ob: The observation before the first step; by default the first of `ob`.
        trial_starts: Steps (counted from 1) at which trials begin.
        plot_config: Sizes and unit of time.

    Returns:
        The figure.

    Raises:
        ValueError: No steps, arrays of different length, or observations of another shape.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("GoNogo-v0")
        >>> data = ngym.run_env(env, num_steps=50, seed=0)
        >>> ob, initial_ob = data["ob"], data["initial_ob"]
        >>> figure = visualize_run(ob, data["actions"], data["gt"], data["rewards"], env=env, initial_ob=initial_ob)
    """
    ob = np.asarray(ob)
    if ob.ndim not in (1, 2, 3, 4):
        raise ValueError(f"ob.shape={ob.shape} not supported; expected (T,), (T, k), (T, H, W) or (T, H, W, C).")
    if len(ob) == 0:
        raise ValueError("There is no step to draw: ob is empty.")
    first = ob[:1] if initial_ob is None else np.asarray(initial_ob)[None]
    if first.shape != ob[:1].shape or first.dtype.kind not in "biuf":
        raise ValueError(f"initial_ob={shown(initial_ob)} must be an observation, of shape {ob.shape[1:]}.")
    before = np.concatenate([first, ob[:-1]])
    run = RunFigure(before, actions, gt, rewards, performance, states, env, trial_starts, PlotConfig.of(plot_config))
    return run.draw(legend, ob_traces, name, fname, fig_kwargs or {})


@checked
def plot_env_1dbox(
    ob: ArrayLike,
    actions: ArrayLike,
    gt: ArrayLike | None = None,
    rewards: ArrayLike | None = None,
    performance: ArrayLike | None = None,
    states: ArrayLike | None = None,
    legend: Flag = True,
    ob_traces: Labels | None = None,
    name: Text = "",
    fname: FigureFile | None = None,
    fig_kwargs: Keywords | None = None,
    env: AnyEnv | None = None,
    trial_starts: ArrayLike | None = None,
    plot_config: PlotConfig | dict[str, Any] | None = None,
) -> Figure:
    """Draw a run of a task whose observation is a vector; row t of `ob` is the observation before action t.

    The other arguments are those of `visualize_run`.

    Raises:
        ValueError: Observations that are not (T, k), or see `visualize_run`.

    Example:
        >>> import numpy as np
        >>> figure = plot_env_1dbox(np.eye(10), np.zeros(10, int), rewards=np.ones(10))
    """
    ob = np.asarray(ob)
    if ob.ndim != 2:
        raise ValueError(f"ob must be 2-dimensional, (T, k), not of shape {ob.shape}.")
    if len(ob) == 0:
        raise ValueError("There is no step to draw: ob is empty.")
    run = RunFigure(ob, actions, gt, rewards, performance, states, env, trial_starts, PlotConfig.of(plot_config))
    return run.draw(legend, ob_traces, name, fname, fig_kwargs or {})


class RunFigure:
    """Checked arrays of T steps and how to draw them; row t of `ob` is the observation before action t.

    The arguments are those of `visualize_run`; `periods`, those of a single trial, are shaded.
    """

    def __init__(
        self,
        ob: Array,
        actions: Any,
        gt: Any,
        rewards: Any,
        performance: Any,
        states: Any,
        env: Any,
        trial_starts: Any,
        config: PlotConfig,
        periods: panels.Periods | None = None,
    ) -> None:
        self.ob = ob
        self.actions = self._checked("actions", actions)
        self.gt = None if gt is None else self._checked("gt", gt)
        self.rewards = None if rewards is None else self._checked("rewards", rewards).astype(float)
        self.performance = None if performance is None else self._checked("performance", performance).astype(float)
        self.states = None if states is None else self._checked("states", states)
        if self.states is not None and self.states.ndim != 2:
            raise ValueError(f"states must be (T, units), not of shape {self.states.shape}.")
        self.env = env
        self.trial_starts = np.asarray([] if trial_starts is None else trial_starts)
        if self.trial_starts.ndim != 1 or self.trial_starts.dtype.kind not in "iuf":
            raise TypeError(f"trial_starts={shown(trial_starts)} must be a sequence of steps.")
        self.config = config
        self.periods = periods or {}
        dt = _task_attribute(env, "dt")
        if config.unit == "ms" and dt is None:
            raise ValueError("A time axis in ms needs env, for its time step.")
        self.time_axis = TimeAxis(len(ob), 1 if dt is None else dt, config.unit)

    def _checked(self, name: str, given: Any) -> Array:
        values: Array = np.asarray(given)
        if values.ndim == 0 or len(values) != len(self.ob):
            raise ValueError(f"{name} must have one row for each of the {len(self.ob)} steps, not shape {values.shape}.")
        return values

    def draw(
        self,
        legend: bool,
        traces: Sequence[str] | None,
        name: str,
        fname: Any,
        fig_kwargs: Mapping[str, Any],
        into: Figure | SubFigure | None = None,
    ) -> Figure:
        """Draw all panels into a given figure or a new one; with `fname`, save and close it."""
        rows = 2 + sum(x is not None for x in (self.rewards, self.performance, self.states))
        heights = [1.6, 1.2, *[1.0] * (rows - 2)]
        size = (self.config.width, self.config.panel_height * sum(heights) + 0.4)
        options = {"figsize": size, **fig_kwargs}
        shared = {"sharex": options.pop("sharex", "col"), "squeeze": False}
        ratios = {"height_ratios": heights, "width_ratios": (1, 0.16)}
        with style(self.config):
            figure: Any = new_figure(**options) if into is None else into
            grid = figure.subplots(rows, 2, gridspec_kw=ratios, **shared)
            for side in grid[:, 1]:
                side.axis("off")
            self._observations(grid[0, 0], grid[0, 1], traces)
            panels.draw_actions(grid[1, 0], self.time_axis, self.actions, self.gt, _space(self.env, "action_space"))
            rest = iter(grid[2:].tolist())
            if self.rewards is not None:
                panels.draw_rewards(next(rest)[0], self.time_axis, self.rewards)
            if self.performance is not None:
                panels.draw_performance(next(rest)[0], self.time_axis, self.performance)
            if self.states is not None:
                ax, side = next(rest)
                panels.draw_heat_map(ax, side, self.time_axis, self.states, None, "Unit")
            self._finish(figure, grid, legend, name)
            if fname is not None:
                save_figure(figure.figure, fname)
                plt.close(figure.figure)
        return figure  # type: ignore[no-any-return]

    def _observations(self, ax: Axes, side: Axes, traces: Sequence[str] | None) -> None:
        space = _space(self.env, "observation_space")
        if self.ob.ndim > 2:
            panels.draw_images(ax, self.time_axis, self.ob, space, "Observation")
            return
        channels = self.ob.reshape(len(self.ob), -1)
        if traces is None and self.ob.ndim == 2:
            panels.draw_heat_map(ax, side, self.time_axis, channels, space, "Observation")
            return
        traces = ["observation"] if traces is None else list(traces)
        if len(traces) != channels.shape[1]:
            raise ValueError(
                f"Please provide label for each of the {channels.shape[1]} traces in the observations; there are "
                f"{len(traces)}: {traces}."
            )
        panels.draw_traces(ax, self.time_axis, channels, traces, "Observation")

    def _finish(self, figure: Any, grid: Any, legend: bool, name: str) -> None:
        for ax, side in grid:
            self.time_axis.apply_to(ax)
            for start in self.trial_starts:
                linestyle, width = ((0, (4, 3)), 0.8) if len(self.trial_starts) <= 30 else ("-", 0.3)
                ax.axvline(self.time_axis.start_of(start), color="0.5", linestyle=linestyle, linewidth=width, zorder=0.5)
            handles, labels = ax.get_legend_handles_labels()
            if legend and handles:
                side.legend(handles, labels, loc=self.config.legend_location, borderaxespad=0)
        if self.periods:
            panels.shade_periods(grid[:, 0].tolist(), self.time_axis, self.periods)
        grid[-1, 0].set_xlabel(self.time_axis.label)
        if name:
            grid[0, 0].set_title(name)
        figure.align_ylabels(grid[:, 0].tolist())


def _task_attribute(env: Any, name: str) -> Any:
    """Return an attribute of the task, None if it has none; the env may be the task, wrapped, or a vector env."""
    if env is None:
        return None
    if hasattr(env, "get_attr"):
        return env.get_attr(name)[0]
    return getattr(getattr(env, "unwrapped", env), name, None)


def _space(env: Any, name: str) -> Any:
    return None if env is None else getattr(env, name)


def task_name(env: Any, trials: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the name of the task with its modifiers; the env may be the task, wrapped, or a vector env.

    Args:
        env: The env.
        trials: Conditions of the trials that are shown: those of a mixture say which task they belong to.
    """
    if hasattr(env, "vector_env"):  # of make_sb3_env
        env = env.vector_env.env
    elif hasattr(env, "get_attr"):  # another vector env of Stable-Baselines3: of a list of envs, or in other processes
        env = env.envs[0] if hasattr(env, "envs") else env.get_attr("unwrapped")[0]
    return short_name(env, [trial["task"] for trial in trials if isinstance(trial.get("task"), str)])
