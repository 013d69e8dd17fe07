"""record_activity: what the units of an agent or of any torch module do, aligned to trials."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from ngym_core.errors import unknown
from ngym_core.files import atomic_write
from ngym_core.random import Draws
from ngym_core.sampling import sample_as_data
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, without_objects
from ngym_sb3.cells import CELLS
from ngym_sb3.evaluation import Player, drawn_from, in_turns
from ngym_sb3.vec_env import NgymVecEnv, make_sb3_env

__all__ = ["Activity", "record_activity"]

Array: TypeAlias = NDArray[Any]
Periods: TypeAlias = dict[str, tuple[int, int]]

MAX_BYTES = 2**30
"""Bytes that recorded activity may take; about twice as much is needed while it is put together."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of units, aligned to trials.

    Attributes:
        activity: (n, T, units) float32: trial, step in the trial, unit; zero after a trial's end. At step t it is what
            the observation of step t leads to, and what the action of step t follows from.
        mask: (n, T) bool: true at steps that were played. A trial that a response ended is shorter than its periods say.
        start: Period -> its first step in each trial, (n,).
        end: Period -> the step after its last in each trial, (n,).
        table: One row for each trial, column -> (n, ...): conditions and, for agents, the `MEASURED_COLUMNS`.
        dt: Time step in ms.
    """

    activity: NDArray[np.float32]
    mask: NDArray[np.bool_]
    start: dict[str, NDArray[np.int64]]
    end: dict[str, NDArray[np.int64]]
    table: TrialTable
    dt: float

    @property
    def conditions(self) -> TrialTable:
        """Conditions of the trials, name -> (n, ...)."""
        return {name: column for name, column in self.table.items() if name not in MEASURED_COLUMNS}

    def save(self, path: str | Path) -> Path:
        """Save all as compressed arrays (``.npz``, without pickles), completely or not at all.

        Args:
            path: The file; ``.npz`` is added if it has no suffix.

        Returns:
            The file.
        """
        path = Path(path)
        path = path if path.suffix else path.with_suffix(".npz")
        arrays: dict[str, Any] = {"activity": self.activity, "mask": self.mask, "dt": np.array(self.dt)}
        for kind, columns in (("start", self.start), ("end", self.end), ("column", self.table)):
            arrays |= {f"{kind}_{name}": without_objects(np.asarray(values)) for name, values in columns.items()}
        with atomic_write(path) as aside, aside.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Activity:
        """Read what `save` wrote.

        Args:
            path: The file.

        Returns:
            The activity.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: A file that holds something else, or is damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}.")
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                arrays = {name: saved[name] for name in saved.files}
            start, end, table = (
                {name.removeprefix(kind): arrays[name] for name in arrays if name.startswith(kind)}
                for kind in ("start_", "end_", "column_")
            )
            return cls(arrays["activity"], arrays["mask"], start, end, table, float(arrays["dt"]))
        except Exception as error:
            raise ValueError(f"{path} is no recorded activity, or is damaged: {error}") from error


def record_activity(
    model: Any,
    env: Any,
    num_trials: int = 100,
    *,
    layer: str | None = None,
    units: slice | Sequence[int] | None = None,
    steps: tuple[int, int] | None = None,
    seed: int = 0,
    deterministic: bool = True,
    batch_first: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Activity:
    """Record what units do in trials.

    An agent of Stable-Baselines3 plays the trials, as in `evaluate_policy`. Any other torch module is shown them, as in
    a data set: whole trials one after another, from a state of zero where the env's `carry` says that the state restarts.

    Args:
        model: An agent or policy of Stable-Baselines3, or a torch module that is called with observations
            (steps, trials, channels).
        env: The vector env of `make_sb3_env`, or a task's id.
        num_trials: How many trials.
        layer: Name of the module inside to record, as in ``named_modules()``. By default the state of an agent's
            recurrent cell (the last layer; before an inhibitory unit is cut off from what follows), or the only
            recurrent module, or the last hidden layer of an actor without memory.
        units: Which units, a slice or indices; by default all.
        steps: Which steps of each trial, (first, after the last); edges of periods then count from the first.
        seed: Seed of the trials, and of actions that are drawn.
        deterministic: Whether an agent takes its best action instead of drawing one.
        batch_first: Whether a module is called with (trials, steps, channels) and gives the like.
        max_bytes: The most that the activity may take.

    Returns:
        The activity.

    Raises:
        UnknownNameError: A layer that does not exist.
        ValueError: More than `max_bytes` would be recorded (the error says how to ask for less), no trial, units or
            steps that do not exist, or a layer whose output is not one row for each step.
        TypeError: A model that is neither an agent nor a module, or an env that is not made by `make_sb3_env`.
    """
    request = _Request(num_trials, layer, units, steps, max_bytes)
    env = make_sb3_env(env, 16) if isinstance(env, str) else env
    if isinstance(model, (BaseAlgorithm, BasePolicy)):
        with drawn_from(model, seed):
            return _of_agent(model, env, request, seed, deterministic)
    if not isinstance(model, nn.Module):
        raise TypeError(f"Activity is recorded of agents and torch modules, not of {type(model).__name__}.")
    base = env.unwrapped if isinstance(env, NgymVecEnv) else env
    if not isinstance(base, NgymVecEnv):
        raise TypeError(f"record_activity needs the env of make_sb3_env, or a task's id, not {type(base).__name__}.")
    return _of_module(model, base, request, seed, batch_first)


@dataclass(frozen=True)
class _Request:
    """What is to be recorded."""

    num_trials: int
    layer: str | None
    units: slice | Sequence[int] | None
    steps: tuple[int, int] | None
    max_bytes: int

    def __post_init__(self) -> None:
        if isinstance(self.num_trials, bool) or not isinstance(self.num_trials, (int, np.integer)) or self.num_trials < 1:
            raise ValueError(f"num_trials={self.num_trials!r} must be an integer from 1.")
        if self.steps is not None and not 0 <= self.steps[0] < self.steps[1]:
            raise ValueError(f"steps={self.steps!r} must be (first, after the last) with 0 <= first < after the last.")

    def cut(self, rows: Array) -> NDArray[np.float32]:
        """Take the wanted units of (..., units)."""
        if self.units is None:
            return np.array(rows, np.float32)
        try:
            taken = np.array(rows[..., self.units], np.float32)
        except IndexError as error:
            raise ValueError(f"units={self.units!r}: the layer has {rows.shape[-1]} units.") from error
        if not taken.shape[-1]:
            raise ValueError(f"units={self.units!r} are none of the {rows.shape[-1]} units of the layer.")
        return taken

    def check(self, trials: float, steps: float, units: int) -> None:
        """Refuse more than the bound."""
        if self.steps is not None:
            steps = min(steps, self.steps[1]) - self.steps[0]
        needed = trials * max(steps, 0) * units * 4
        if needed > self.max_bytes:
            raise ValueError(
                f"{trials:,.0f} trials of {steps:,.0f} steps and {units:,} units take {needed / 2**20:,.0f} MiB, more than "
                f"the bound of {self.max_bytes / 2**20:,.0f} MiB. Ask for fewer trials, for some `units` or `steps`, or "
                "raise max_bytes."
            )

    def put_together(self, rows: list[Array], periods: list[Periods], table: TrialTable, dt: float) -> Activity:
        """Make the result of one (steps, units) array and the periods of each trial."""
        played = max(map(len, rows))
        first, last = self.steps or (0, 2**62)
        longest = min(last, played) - first
        if longest < 1:
            raise ValueError(f"steps={self.steps!r}: the longest trial has {played} steps.")
        self.check(len(rows), played, rows[0].shape[1])
        activity = np.zeros((len(rows), longest, rows[0].shape[1]), np.float32)
        mask = np.zeros((len(rows), longest), bool)
        for i, row in enumerate(rows):
            part = row[first : first + longest]
            activity[i, : len(part)], mask[i, : len(part)] = part, True
        names = dict.fromkeys(itertools.chain.from_iterable(periods))
        start, end = (
            {p: np.array([np.clip(spans.get(p, (0, 0))[side] - first, 0, last - first) for spans in periods]) for p in names}
            for side in (0, 1)
        )
        return Activity(activity, mask, start, end, table, float(dt))


def _of_agent(model: Any, env: Any, request: _Request, seed: int, deterministic: bool) -> Activity:
    player = Player(model, env, request.num_trials, seed, deterministic)
    task, lanes = player.base.lanes.task, player.base.lanes.lanes
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    longest = task.trial_length_stats(100)["max"]
    steps: list[Array] = []
    began, forgotten = np.zeros(len(player.starts), int), 0
    now = [lanes.periods(lane) for lane in range(len(began))]
    rows: list[Array] = []
    periods: list[Periods] = []
    with _watched(policy, request.layer) as seen:
        while player.goes_on:
            ended = player.step()
            units = _state(player.state) if seen is None else seen().reshape(len(began), -1)
            steps.append(request.cut(units))
            if len(steps) == 1 and not forgotten:
                request.check(request.num_trials, longest, steps[0].shape[1])
            for lane in np.nonzero(ended)[0].tolist():
                wanted = player.played[lane] <= player.each  # lanes with short trials play more than their share
                rows.append(np.array([step[lane] for step in steps[began[lane] - forgotten :]] if wanted else []))
                periods.append(now[lane])
                began[lane], now[lane] = forgotten + len(steps), lanes.periods(lane)
            done = int(began.min()) - forgotten
            del steps[:done]
            forgotten += done
    table = player.recorder.pop()
    order = in_turns(table["lane"], request.num_trials)
    table = {name: column[order] for name, column in table.items()} | {"trial": np.arange(request.num_trials)}
    return request.put_together([rows[i] for i in order], [periods[i] for i in order], table, task.dt)


def _state(state: Any) -> Array:
    """The state of the last layer of a recurrent agent, (N, units)."""
    rows: Array = state[0][-1]
    return rows


def _of_module(module: nn.Module, base: NgymVecEnv, request: _Request, seed: int, batch_first: bool) -> Activity:
    """Show trials to a module, some episodes at a time."""
    together = base.trials_per_episode if base.carry == "episode" else 1
    draws, task = Draws(seed), base.lanes.task
    rows: list[Array] = []
    periods: list[Periods] = []
    conditions: dict[str, list[Any]] = {}
    was_training = module.training
    module.eval()
    try:
        with _watched(module, request.layer or _only_recurrent(module)) as seen, torch.no_grad():
            assert seen is not None
            while len(rows) < request.num_trials:
                trials = sample_as_data(base.lanes.env, 64 * together, draws, {})
                obs = [trial.ob for trial in trials]
                episodes = [np.concatenate(obs[i : i + together]) for i in range(0, len(obs), together)]
                out = _shown(module, episodes, seen, batch_first)
                for i, trial in enumerate(trials):
                    if len(rows) == request.num_trials:
                        break
                    at = sum(map(len, obs[i - i % together : i]))
                    rows.append(request.cut(out[i // together, at : at + trial.length]))
                    periods.append({p: (trial.start[p], trial.end[p]) for p in trial.start})
                    for name, value in trial.conditions.items():
                        conditions.setdefault(name, []).append(value)
                request.check(request.num_trials, trials.lengths.max(), rows[0].shape[1])
    finally:
        module.train(was_training)
    table: TrialTable = {"trial": np.arange(len(rows))}
    for name, values in conditions.items():
        table[f"condition_{name}" if name in MEASURED_COLUMNS else name] = np.array(values)
    return request.put_together(rows, periods, table, task.dt)


def _shown(module: nn.Module, episodes: list[Array], seen: Callable[[], Array], batch_first: bool) -> Array:
    """Show episodes to a module; what the watched layer did, (episodes, steps, units)."""
    longest = max(map(len, episodes))
    ob = np.zeros((len(episodes), longest, *episodes[0].shape[1:]), np.float32)
    for i, episode in enumerate(episodes):
        ob[i, : len(episode)] = episode
    like = next(module.parameters(), torch.zeros(0))
    shown = torch.as_tensor(ob, device=like.device, dtype=like.dtype)
    module(shown if batch_first else shown.transpose(0, 1))
    out = seen()
    expected = (len(episodes), longest) if batch_first else (longest, len(episodes))
    if out.shape[:2] != expected or out.ndim < 3:
        order = "(trials, steps, units)" if batch_first else "(steps, trials, units)"
        raise ValueError(f"The layer gives an array of shape {out.shape} for {expected}; expected {order}.")
    out = out.reshape(*expected, -1)
    return out if batch_first else out.swapaxes(0, 1)


@contextmanager
def _watched(module: nn.Module, layer: str | None) -> Iterator[Callable[[], Array] | None]:
    """Watch a layer while a module runs; gives a function that gives its last output, or None for an agent's state."""
    if layer is None and hasattr(module, "lstm_actor"):
        yield None
        return
    if layer is None and hasattr(module, "mlp_extractor"):
        layer = "mlp_extractor.policy_net"
    named = dict(module.named_modules())
    if layer is None:
        raise ValueError(f"Which layer of {type(module).__name__}? Give one as layer=: {', '.join(filter(None, named))}.")
    if layer not in named:
        raise unknown("layer", layer, filter(None, named))
    outputs: list[Tensor] = []

    def note(_: nn.Module, __: Any, output: Any) -> None:
        outputs[:] = [output[0] if isinstance(output, tuple) else output]

    def last() -> Array:
        if not outputs:
            raise ValueError(f"The layer {layer!r} was not called.")
        array: Array = outputs.pop().detach().cpu().numpy()
        return array

    handle = named[layer].register_forward_hook(note)
    try:
        yield last
    finally:
        handle.remove()


def _only_recurrent(module: nn.Module) -> str | None:
    """Name of the recurrent layer of a module, if it has one."""
    kinds: list[Any] = [nn.RNNBase, *CELLS.values()]
    found = [name for name, part in module.named_modules() if any(isinstance(part, kind) for kind in kinds)]
    found = [name for name in found if not any(name != other and name.startswith(f"{other}.") for other in found)]
    if "" in found:
        return ""
    return found[0] if len(found) == 1 else None
