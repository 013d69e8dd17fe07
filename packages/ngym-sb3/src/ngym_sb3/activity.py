"""Recording of unit activity in an agent or in any torch module, aligned to trials."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from ngym_core.arguments import (
    ArrayOf,
    Bytes,
    Count,
    FilePath,
    Flag,
    Index,
    InstanceOf,
    Integer,
    Integers,
    Keywords,
    Text,
    checked,
    shown,
)
from ngym_core.errors import unknown_name
from ngym_core.files import atomic_write
from ngym_core.random import Draws
from ngym_core.sampling import sample_as_data
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, without_objects
from ngym_sb3.cells import CELLS
from ngym_sb3.evaluation import DEFAULT_LANES, Evaluator, interleave_lanes, seeded_actions
from ngym_sb3.vec_env import NgymVecEnv, make_sb3_env, unwrap_vec_env

__all__ = ["Activity", "record_activity"]

Array: TypeAlias = NDArray[Any]
Units: TypeAlias = Annotated[slice, InstanceOf(slice, "a slice")] | Integers
"""Units to record."""
Steps: TypeAlias = Annotated[Sequence[int], ArrayOf(length=2, each=Integer(0))]
"""(first step, step after the last)."""
Periods: TypeAlias = dict[str, tuple[int, int]]
"""Period -> (first step, step after the last) in a trial."""

MAX_ACTIVITY_BYTES = 2**30
"""Default bound of recorded activity; about twice as much memory is needed while the array is made."""
MODULE_BATCH_EPISODES = 64
"""Number of episodes that a torch module is called with at a time."""
NO_LIMIT_STEPS = 2**62
"""Last step to record where none is given: later than that of any trial."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of units in n trials of at most T steps; `record_activity` makes it.

    Attributes:
        activity: (n, T, units) float32: trial, step in the trial, unit; zero after the end of a trial. The activity at
            step t follows from the observation of step t and leads to the action of step t.
        mask: (n, T) bool, true at steps that were played. A trial that a response ended is shorter than its periods say.
        start: Period -> its first step in each trial, (n,).
        end: Period -> the step after its last one in each trial, (n,).
        table: One row per trial, column -> (n, ...): conditions and, for agents, `ngym_core.trial_table.MEASURED_COLUMNS`.
        dt: Time step in ms.

    Example:
        >>> import torch
        >>> from ngym_sb3 import Activity, record_activity
        >>> recorded = record_activity(torch.nn.RNN(3, 10), "PerceptualDecisionMaking-v0", num_trials=5)
        >>> path = recorded.save("activity.npz")
        >>> loaded = Activity.load(path)
        >>> loaded.activity.shape, loaded.mask.shape, list(loaded.start), loaded.dt
        ((5, 22, 10), (5, 22), ['fixation', 'stimulus', 'delay', 'decision'], 100.0)
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

    @checked
    def save(self, path: FilePath) -> Path:
        """Save as compressed arrays (``.npz``, without pickles), completely or not at all.

        Args:
            path: The file; ``.npz`` is added if it has no suffix.

        Returns:
            The file.
        """
        path = Path(path)
        path = path if path.suffix else path.with_suffix(".npz")
        arrays: dict[str, Any] = {"activity": self.activity, "mask": self.mask, "dt": np.array(self.dt)}
        # A prefix tells the dictionaries apart, and keeps their names from clashing with the arrays above.
        for prefix, columns in (("start", self.start), ("end", self.end), ("column", self.table)):
            arrays |= {f"{prefix}_{name}": without_objects(np.asarray(values)) for name, values in columns.items()}
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    @checked
    def load(cls, path: FilePath) -> Activity:
        """Load a file that `save` wrote.

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
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:  # NumPy leaves damaged files open
                arrays = {name: saved[name] for name in saved.files}
            start, end, table = (
                {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
                for prefix in ("start_", "end_", "column_")
            )
            return cls(arrays["activity"], arrays["mask"], start, end, table, float(arrays["dt"]))
        except Exception as error:
            raise ValueError(f"{path} is not recorded activity, or is damaged: {error}") from error


@checked
def record_activity(
    model: Any,
    env: Any,
    num_trials: Count = 100,
    *,
    layer: Text | None = None,
    units: Units | None = None,
    steps: Steps | None = None,
    seed: Index = 0,
    deterministic: Flag = True,
    batch_first: Flag = False,
    max_bytes: Bytes = MAX_ACTIVITY_BYTES,
    conditions: Keywords | None = None,
) -> Activity:
    """Record the activity of units in trials.

    An agent of Stable-Baselines3 plays the trials, as in `evaluate_policy`. Any other torch module is shown them, as in
    a data set: whole trials one after another, from a state of zero where the env's `carry` lets the state restart.

    Args:
        model: An agent or policy of Stable-Baselines3, or a torch module that is called with observations
            (steps, trials, channels).
        env: The vector env of `make_sb3_env`, or a task id.
        num_trials: Number of trials, n.
        layer: Name of the module to record inside the model, as in ``named_modules()``. By default the state of an
            agent's recurrent cell (its last layer, with units that project to no other layer), or the only recurrent
            module, or the last hidden layer of an actor without memory.
        units: Units to record, a slice or indices; by default all.
        steps: Steps to record in each trial, (first, after the last); edges of periods then count from the first.
        seed: Seed of the trials, and of actions that are drawn.
        deterministic: Whether an agent takes its best action instead of drawing one.
        batch_first: Whether a module is called with, and returns, (trials, steps, channels).
        max_bytes: Bound of the size of the recorded activity.
        conditions: Conditions of the trials, see `evaluate_policy`.

    Returns:
        The activity.

    Raises:
        UnknownNameError: A layer that does not exist, or a condition that the task does not have.
        ValueError: More than `max_bytes` (the error says how to record less), fewer than one trial, units or steps that
            do not exist, or a layer whose output is not one row for each step.
        TypeError: A model that is neither an agent nor a module, or an env that `make_sb3_env` did not make.

    Example:
        >>> import torch
        >>> from ngym_sb3 import make_sb3_env, record_activity
        >>> env = make_sb3_env("PerceptualDecisionMaking-v0")
        >>> recorded = record_activity(torch.nn.GRU(3, 10), env, num_trials=5)
        >>> recorded.activity.shape  # trials, steps, units
        (5, 22, 10)
        >>> sorted(recorded.conditions), int(recorded.start["stimulus"][0])
        (['coh', 'ground_truth'], 1)
    """
    options = _RecordingOptions(num_trials, layer, units, steps, max_bytes)
    env = make_sb3_env(env, DEFAULT_LANES) if isinstance(env, str) else env
    if isinstance(model, (BaseAlgorithm, BasePolicy)):
        with seeded_actions(model, seed), unwrap_vec_env(env, "Without a task id, a recording").conditions_fixed(conditions):
            return _record_agent(model, env, options, seed, deterministic)
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Activity is recorded of agents and torch modules, not of {type(model).__name__}: model={shown(model)}."
        )
    if not isinstance(env, NgymVecEnv):  # wrappers would change what an agent sees, but a module is shown raw trials
        raise TypeError(f"For a module, record_activity needs the env of make_sb3_env itself, not {type(env).__name__}.")
    with env.conditions_fixed(conditions):
        return _record_module(model, env, options, seed, batch_first)


@dataclass(frozen=True)
class _RecordingOptions:
    """Which trials, layer, units and steps to record; see `record_activity`."""

    num_trials: int
    layer: str | None
    units: Units | None
    steps: Steps | None
    max_bytes: int

    def __post_init__(self) -> None:
        if self.steps is not None and not self.steps[0] < self.steps[1]:
            raise ValueError(f"steps={self.steps!r} must be (first, after the last) with 0 <= first < after the last.")

    def select_units(self, rows: Array) -> NDArray[np.float32]:
        """Return a copy of the units to record, of all units (..., units)."""
        if self.units is None:
            return np.array(rows, np.float32)
        try:
            selected = np.array(rows[..., self.units], np.float32)
        except IndexError as error:
            raise ValueError(f"units={self.units!r}: the layer has {rows.shape[-1]} units.") from error
        if not selected.shape[-1]:
            raise ValueError(f"units={self.units!r} are none of the {rows.shape[-1]} units of the layer.")
        return selected

    def check_size(self, trials: float, steps: float, units: int) -> None:
        """Raise if an array of this shape would be larger than `max_bytes`."""
        if self.steps is not None:
            steps = min(steps, self.steps[1]) - self.steps[0]
        needed_bytes = trials * max(steps, 0) * units * np.dtype(np.float32).itemsize
        if needed_bytes > self.max_bytes:
            raise ValueError(
                f"{trials:,.0f} trials of {steps:,.0f} steps and {units:,} units take {needed_bytes / 2**20:,.0f} MiB, more "
                f"than the bound of {self.max_bytes / 2**20:,.0f} MiB. Ask for fewer trials, for some `units` or `steps`, "
                "or raise max_bytes."
            )

    def assemble(self, rows: list[Array], periods: list[Periods], table: TrialTable, dt: float) -> Activity:
        """Return the activity as one padded array, cut to the steps to record.

        Args:
            rows: One (steps, units) array for each trial.
            periods: Periods of each trial.
            table: One row for each trial.
            dt: Time step in ms.
        """
        longest = max(map(len, rows))
        first, last = self.steps or (0, NO_LIMIT_STEPS)
        n_steps = min(last, longest) - first
        if n_steps < 1:
            raise ValueError(f"steps={self.steps!r}: the longest trial has {longest} steps.")
        self.check_size(len(rows), longest, rows[0].shape[1])
        activity = np.zeros((len(rows), n_steps, rows[0].shape[1]), np.float32)
        mask = np.zeros((len(rows), n_steps), bool)
        for i, row in enumerate(rows):
            recorded = row[first : first + n_steps]
            activity[i, : len(recorded)], mask[i, : len(recorded)] = recorded, True
        names = dict.fromkeys(itertools.chain.from_iterable(periods))
        start, end = (
            # A trial without the period gets an empty one at its beginning.
            {p: np.array([np.clip(trial.get(p, (0, 0))[side] - first, 0, last - first) for trial in periods]) for p in names}
            for side in (0, 1)
        )
        return Activity(activity, mask, start, end, table, float(dt))


def _record_agent(model: Any, env: Any, options: _RecordingOptions, seed: int, deterministic: bool) -> Activity:
    """Record an agent while it plays."""
    evaluator = Evaluator(model, env, options.num_trials, seed, deterministic)
    vector_env = evaluator.vec_env.vector_env
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    max_trial_steps = vector_env.task.trial_length_stats(100)["max"]
    n = len(evaluator.episode_starts)
    # Units of all lanes, (N, units) at each step since the oldest trial that some lane is still in. Earlier steps are
    # dropped, so step s since the beginning is kept_steps[s - dropped_steps].
    kept_steps: list[Array] = []
    dropped_steps = 0
    trial_start = np.zeros(n, int)  # step since the beginning at which each lane's trial began
    # Read before the trial ends: a lane shows its current one.
    current_periods = [vector_env.periods(lane) for lane in range(n)]
    rows: list[Array] = []
    periods: list[Periods] = []
    with _hook_layer(policy, options.layer) as read_output:
        while not evaluator.finished:
            ended = evaluator.step()
            units = _last_layer_state(evaluator.state) if read_output is None else read_output().reshape(n, -1)
            kept_steps.append(options.select_units(units))
            if len(kept_steps) == 1 and not dropped_steps:  # the number of units is known now
                options.check_size(options.num_trials, max_trial_steps, kept_steps[0].shape[1])
            for lane in np.nonzero(ended)[0].tolist():
                # Lanes with short trials play more than their share while others finish; these trials are not returned,
                # but have to keep their place beside the rows of the table.
                wanted = evaluator.trials_played[lane] <= evaluator.trials_per_lane
                trial_steps = kept_steps[trial_start[lane] - dropped_steps :] if wanted else []
                rows.append(np.array([step[lane] for step in trial_steps]))
                periods.append(current_periods[lane])
                trial_start[lane], current_periods[lane] = dropped_steps + len(kept_steps), vector_env.periods(lane)
            unused = int(trial_start.min()) - dropped_steps
            del kept_steps[:unused]
            dropped_steps += unused
    table = evaluator.recorder.pop()
    order = interleave_lanes(table["lane"], options.num_trials)
    table = {name: column[order] for name, column in table.items()} | {"trial": np.arange(options.num_trials)}
    return options.assemble([rows[i] for i in order], [periods[i] for i in order], table, vector_env.task.dt)


def _last_layer_state(state: Any) -> Array:
    """Return the last layer of a recurrent agent's state (h, c), (N, units)."""
    rows: Array = state[0][-1]
    return rows


def _record_module(module: nn.Module, env: NgymVecEnv, options: _RecordingOptions, seed: int, batch_first: bool) -> Activity:
    """Record a torch module that is shown trials, a batch of episodes at a time."""
    # Trials that follow one another without a restart of the state are one sequence.
    trials_per_sequence = env.trials_per_episode if env.carry == "episode" else 1
    draws, task = Draws(seed), env.vector_env.task
    rows: list[Array] = []
    periods: list[Periods] = []
    conditions: dict[str, list[Any]] = {}
    was_training = module.training
    module.eval()
    try:
        layer = options.layer or _find_recurrent_layer(module)
        with _hook_layer(module, layer) as read_output, torch.no_grad():
            assert read_output is not None
            while len(rows) < options.num_trials:
                trials = sample_as_data(env.vector_env.env, MODULE_BATCH_EPISODES * trials_per_sequence, draws, {})
                observations = [trial.ob for trial in trials]
                sequences = [
                    np.concatenate(observations[i : i + trials_per_sequence])
                    for i in range(0, len(observations), trials_per_sequence)
                ]
                outputs = _run_module(module, sequences, read_output, batch_first)
                for i, trial in enumerate(trials):
                    if len(rows) == options.num_trials:
                        break
                    sequence, place = divmod(i, trials_per_sequence)
                    first = sum(map(len, observations[i - place : i]))  # step of the sequence at which the trial begins
                    rows.append(options.select_units(outputs[sequence, first : first + trial.length]))
                    periods.append({p: (trial.start[p], trial.end[p]) for p in trial.start})
                    for name, value in trial.conditions.items():
                        conditions.setdefault(name, []).append(value)
                options.check_size(options.num_trials, trials.lengths.max(), rows[0].shape[1])
    finally:
        module.train(was_training)
    table: TrialTable = {"trial": np.arange(len(rows))}
    for name, values in conditions.items():
        # Conditions with the name of a measure are prefixed, as in tables of agents.
        table[f"condition_{name}" if name in MEASURED_COLUMNS else name] = np.array(values)
    return options.assemble(rows, periods, table, task.dt)


def _run_module(module: nn.Module, sequences: list[Array], read_output: Callable[[], Array], batch_first: bool) -> Array:
    """Run a module on sequences of observations, and return the layer's output, (sequences, steps, units)."""
    longest = max(map(len, sequences))
    padded = np.zeros((len(sequences), longest, *sequences[0].shape[1:]), np.float32)
    for i, sequence in enumerate(sequences):
        padded[i, : len(sequence)] = sequence
    like = next(module.parameters(), torch.zeros(0))
    inputs = torch.as_tensor(padded, device=like.device, dtype=like.dtype)
    module(inputs if batch_first else inputs.transpose(0, 1))
    outputs = read_output()
    expected = (len(sequences), longest) if batch_first else (longest, len(sequences))
    if outputs.shape[:2] != expected or outputs.ndim < 3:
        order = "(trials, steps, units)" if batch_first else "(steps, trials, units)"
        raise ValueError(
            f"The layer gives an array of shape {outputs.shape}; expected {order} starting with {expected}; see batch_first."
        )
    outputs = outputs.reshape(*expected, -1)
    return outputs if batch_first else outputs.swapaxes(0, 1)


@contextmanager
def _hook_layer(module: nn.Module, layer: str | None) -> Iterator[Callable[[], Array] | None]:
    """Keep the output of a layer while a module runs.

    Args:
        module: The module.
        layer: Name of the layer, as in ``named_modules()``; None for the default of a policy.

    Yields:
        A function that returns the layer's last output, or None if the state of a recurrent agent is to be recorded.
    """
    if layer is None and hasattr(module, "lstm_actor"):  # a recurrent policy: `predict` returns its state
        yield None
        return
    if layer is None and hasattr(module, "mlp_extractor"):  # an actor without memory
        layer = "mlp_extractor.policy_net"
    modules = dict(module.named_modules())
    if layer is None:
        raise ValueError(f"Which layer of {type(module).__name__}? Give one as layer=: {', '.join(filter(None, modules))}.")
    if layer not in modules:
        raise unknown_name("layer", layer, filter(None, modules))
    outputs: list[Tensor] = []

    def keep_output(_: nn.Module, __: Any, output: Any) -> None:
        outputs[:] = [output[0] if isinstance(output, tuple) else output]  # recurrent modules return their state as well

    def read_output() -> Array:
        if not outputs:
            raise ValueError(f"The layer {layer!r} was not called.")
        array: Array = outputs.pop().detach().cpu().numpy()
        return array

    handle = modules[layer].register_forward_hook(keep_output)
    try:
        yield read_output
    finally:
        handle.remove()


def _find_recurrent_layer(module: nn.Module) -> str | None:
    """Return the name of a module's only recurrent layer, or None if it has none or several."""
    kinds: list[Any] = [nn.RNNBase, *CELLS.values()]
    found = [name for name, part in module.named_modules() if any(isinstance(part, kind) for kind in kinds)]
    # Cells are made of torch's recurrent modules: only the outer one counts.
    found = [name for name in found if not any(name != other and name.startswith(f"{other}.") for other in found)]
    if "" in found:  # the module itself
        return ""
    return found[0] if len(found) == 1 else None
