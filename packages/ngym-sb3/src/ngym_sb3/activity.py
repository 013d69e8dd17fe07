"""Recording of unit activity, values and logits in an agent or in any torch module, aligned to trials."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates
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
    Probability,
    Text,
    checked,
    shown,
)
from ngym_core.errors import unknown_name
from ngym_core.files import atomic_write
from ngym_core.networks import KeepsStateError, NetworkAgent
from ngym_core.playing import GivenTrials, deal_trials, play_trials
from ngym_core.random import Draws
from ngym_core.sampling import is_one_at_a_time, layers, sample_as_data, silent_copy, tasks_of
from ngym_core.trial_table import MEASURED_COLUMNS, TrialTable, without_objects
from ngym_core.trials import Trials, concatenate, select
from ngym_core.wrappers.base import StepBatch, TrialWrapper
from ngym_core.wrappers.schedule_envs import MultiEnvs
from ngym_sb3.cells import CELLS
from ngym_sb3.evaluation import DEFAULT_LANES, Evaluator, interleave_lanes, seeded_actions
from ngym_sb3.vec_env import NgymVecEnv, evaluation_env, make_sb3_env

__all__ = ["Activity", "record_activity"]

Array: TypeAlias = NDArray[Any]
Units: TypeAlias = Annotated[slice, InstanceOf(slice, "a slice")] | Integers
"""Units to record."""
Steps: TypeAlias = Annotated[Sequence[int], ArrayOf(length=2, each=Integer(0))]
"""(first step, step after the last)."""
Periods: TypeAlias = dict[str, tuple[int, int]]
"""Period -> (first step, step after the last) in a trial."""

PER_STEP = ("logits", "values", "log_probs", "rewards")
"""What is recorded at each step beside the activity."""
MAX_ACTIVITY_BYTES = 2**30
"""Default bound of recorded activity; about twice as much memory is needed while the array is made."""
MODULE_BATCH_EPISODES = 64
"""Number of episodes that a torch module is called with at a time."""
MODULE_LANES = 64
"""Number of lanes in which the rule of a task is asked about what a torch module answers."""
TRIED_LANES, TRIED_STEPS = 4, 6
"""Lanes and steps in which it is tried whether a wrapper shows what was done."""
NO_LIMIT_STEPS = 2**62
"""Last step to record where none is given: later than that of any trial."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of units in n trials of at most T steps; `record_activity` makes it.

    Attributes:
        activity: (n, T, units) float32: trial, step in the trial, unit; zero after the end of a trial. The activity at
            step t follows from the observation of step t and leads to the action of step t.
        mask: (n, T) bool, true at steps that were played. A trial that a response ended is shorter than its periods say;
            steps of a time-out before a trial are no steps of it.
        start: Period -> its first step in each trial, (n,). Where only some steps were recorded, it is below 0 if the period
            began before them.
        end: Period -> the step after its last one in each trial, (n,); the same as `start` in a trial without the period.
        table: One row per trial, column -> (n, ...): conditions and `ngym_core.trial_table.MEASURED_COLUMNS`; of modules
            that cannot act in the task, conditions alone.
        dt: Time step in ms.
        logits: (n, T, k) float32, logits of the k actions before each action, or the means of a `Box`: the decision variable
            of two choices is the difference of theirs. None for ``dqn``, and for modules whose outputs are no actions.
        values: (n, T) float32, what an agent's critic (for ``dqn`` its best action) expects from this step on; None for
            modules.
        log_probs: (n, T) float32, log-probability of the action that the agent took, before a policy that squashes scales it
            to the bounds of the space; None for ``dqn`` and modules.
        rewards: (n, T) float32, what the action earned; None for modules.

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
    logits: NDArray[np.float32] | None = None
    values: NDArray[np.float32] | None = None
    log_probs: NDArray[np.float32] | None = None
    rewards: NDArray[np.float32] | None = None

    @checked
    def prediction_errors(self, gamma: Probability) -> NDArray[np.float32]:
        """Return reward prediction errors: reward + gamma * value at the next step - value.

        After the last step of a trial nothing more is expected: there it is reward - value.

        Args:
            gamma: Discount factor of the agent, per step.

        Returns:
            (n, T) float32; zero after the end of a trial.

        Raises:
            ValueError: Without values, or where not all steps of the trials were recorded.

        Example:
            >>> from stable_baselines3 import PPO
            >>> from ngym_sb3 import make_sb3_env, record_activity
            >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=4)
            >>> agent = PPO("MlpPolicy", env, gamma=0.9, device="cpu", seed=0)
            >>> recorded = record_activity(agent, env, num_trials=8)
            >>> recorded.prediction_errors(agent.gamma).shape == recorded.mask.shape
            True
        """
        if self.values is None or self.rewards is None:
            raise ValueError("There are no values, and so no prediction errors: only agents with a critic have them.")
        if not np.array_equal(self.mask.sum(axis=1), self.table["steps"]):
            raise ValueError("Prediction errors need all steps of the trials: record without steps=(...).")
        following = np.zeros_like(self.values)
        following[:, :-1] = self.values[:, 1:]  # zero after the end of a trial
        errors: NDArray[np.float32] = np.where(self.mask, self.rewards + np.float32(gamma) * following - self.values, 0)
        return errors

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
        arrays |= {name: getattr(self, name) for name in PER_STEP if getattr(self, name) is not None}
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
            per_step = {name: arrays[name] for name in PER_STEP if name in arrays}
            return cls(arrays["activity"], arrays["mask"], start, end, table, float(arrays["dt"]), **per_step)
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
    batch_first: Flag | None = None,
    max_bytes: Bytes = MAX_ACTIVITY_BYTES,
    conditions: Keywords | None = None,
) -> Activity:
    """Record the activity of units in trials, and what leads to actions: values, logits, log-probabilities, rewards.

    An agent of Stable-Baselines3 plays the trials, as in `evaluate_policy`. Any other torch module is shown them, as in
    a data set: whole trials one after another, from a state of zero where the env's `carry` lets the state restart. Where
    its outputs fit the actions, they are recorded as logits, and the table says what the task's rule makes of them, as that
    of `ngym_data.score`; not where what is shown depends on the actions, by the task or by a wrapper such as `PassAction`.

    Args:
        model: An agent or policy of Stable-Baselines3, or a torch module that is called with observations
            (steps, trials, *observation shape), or (trials, steps, ...), see `ngym_core.networks.NetworkAgent`.
        env: The vector env of `make_sb3_env`, or a task id.
        num_trials: Number of trials, n.
        layer: Name of the module to record inside the model, as in ``named_modules()``. By default the state of an
            agent's recurrent cell (its last layer, with units that project to no other layer), or the only recurrent
            module, or the last hidden layer of an actor without memory.
        units: Units to record, a slice or indices; by default all.
        steps: Steps to record in each trial, (first, after the last); edges of periods then count from the first,
            below 0 before it.
        seed: Seed of the trials, and of actions that are drawn.
        deterministic: Whether an agent takes its best action instead of drawing one.
        batch_first: Whether a module is called with, and returns, (trials, steps, channels); by default this is found out.
        max_bytes: Bound of the size of the recorded activity.
        conditions: Conditions of the trials, see `evaluate_policy`.

    Returns:
        The activity.

    Raises:
        UnknownNameError: A layer that does not exist, or a condition that the task does not have.
        ValueError: More than `max_bytes` (the error says how to record less), fewer than one trial, units or steps that
            do not exist, a layer whose output is not one row for each step or is compiled, or a module that keeps a state
            of its own from call to call.
        TypeError: A model that is neither an agent nor a module, an env that `make_sb3_env` did not make, or one whose
            observations differ in shape from those of its trials.

    Example:
        >>> import torch
        >>> from ngym_sb3 import make_sb3_env, record_activity
        >>> env = make_sb3_env("PerceptualDecisionMaking-v0")
        >>> recorded = record_activity(torch.nn.GRU(3, 10), env, num_trials=5)
        >>> recorded.activity.shape  # trials, steps, units
        (5, 22, 10)
        >>> sorted(recorded.conditions), int(recorded.start["stimulus"][0])
        (['coh', 'ground_truth'], 1)
        >>> acting = record_activity(torch.nn.GRU(3, 3), env, num_trials=5)  # its three outputs are logits of the actions
        >>> acting.logits.shape, acting.table["choice"].shape
        ((5, 22, 3), (5,))
    """
    options = _RecordingOptions(num_trials, layer, units, steps, max_bytes)
    env = make_sb3_env(env, DEFAULT_LANES) if isinstance(env, str) else env
    if isinstance(model, (BaseAlgorithm, BasePolicy)):
        with seeded_actions(model, seed), evaluation_env(env, conditions, "Without a task id, a recording") as played:
            return _record_agent(model, played, options, seed, deterministic)
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

    def assemble(
        self, rows: list[Array], periods: list[Periods], table: TrialTable, dt: float, per_step: Mapping[str, list[Array]]
    ) -> Activity:
        """Return the activity, and what else is recorded, as padded arrays, cut to the steps to record.

        Args:
            rows: One (steps, units) array for each trial.
            periods: Periods of each trial.
            table: One row for each trial.
            dt: Time step in ms.
            per_step: Name in `PER_STEP` -> one (steps, ...) array for each trial.
        """
        longest = max(map(len, rows))
        first, last = self.steps or (0, NO_LIMIT_STEPS)
        n_steps = min(last, longest) - first
        if n_steps < 1:
            raise ValueError(f"steps={self.steps!r}: the longest trial has {longest} steps.")
        self.check_size(len(rows), longest, rows[0].shape[1])
        cut = slice(first, first + n_steps)
        mask = np.arange(n_steps) < np.array([len(row[cut]) for row in rows])[:, None]
        activity = _padded([row[cut] for row in rows], n_steps)
        others = {name: _padded([row[cut] for row in column], n_steps) for name, column in per_step.items()}
        names = dict.fromkeys(itertools.chain.from_iterable(periods))
        start, end = (
            # A trial without the period gets an empty one at its beginning. Edges before the steps to record are below 0: at
            # 0 they would be taken for what happens there.
            {p: np.array([trial.get(p, (0, 0))[side] - first for trial in periods]) for p in names}
            for side in (0, 1)
        )
        return Activity(activity, mask, start, end, table, float(dt), **others)


def _padded(rows: list[Array], steps: int) -> NDArray[np.float32]:
    """Return arrays (steps of each, ...) as one, (n, steps, ...) float32, with zeros after their ends."""
    padded = np.zeros((len(rows), steps, *rows[0].shape[1:]), np.float32)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded


class _Readout:
    """What a policy of Stable-Baselines3 thinks of observations: values, and logits of actions.

    Args:
        policy: The policy.

    Attributes:
        critic_state: State of the critic's own recurrent layer, which `predict` does not keep.
    """

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.critic_state: Any = None

    def read(self, observations: Any, state: Any, starts: Array) -> tuple[dict[str, Array], Any]:
        """Return what the policy thinks before an action of n lanes.

        Args:
            observations: What the agent sees, (n, ...).
            state: Its state before this step; None at the beginning.
            starts: Where that restarts, (n,) bool.

        Returns:
            Name in `PER_STEP` -> (n, ...), and the distribution of actions, or None.
        """
        policy = self.policy
        policy.set_training_mode(False)
        tensor, _ = policy.obs_to_tensor(observations)
        with torch.no_grad():
            if hasattr(policy, "q_net"):  # dqn
                return {"values": policy.q_net(tensor).max(dim=1).values.cpu().numpy()}, None
            if not hasattr(policy, "value_net"):  # an actor alone
                return {}, None
            with _hook_layer(policy, "action_net") as read_logits:
                assert read_logits is not None
                if hasattr(policy, "lstm_actor"):
                    distribution, values = self._recurrent(tensor, state, starts)
                else:
                    distribution, values = policy.get_distribution(tensor), policy.predict_values(tensor)
                logits = read_logits()
        return {"values": values[:, 0].cpu().numpy(), "logits": logits.reshape(len(logits), -1)}, distribution

    def _recurrent(self, tensor: Tensor, state: Any, starts: Array) -> tuple[Any, Tensor]:
        """Return the distribution of actions and values, (n, 1), of a recurrent policy."""
        policy, n = self.policy, len(starts)
        layers, _, units = policy.lstm_hidden_state_shape
        zeros = torch.zeros(layers, n, units, device=policy.device)
        actor = (zeros, zeros) if state is None else tuple(torch.as_tensor(part, device=policy.device) for part in state)
        begin = torch.as_tensor(starts, dtype=torch.float32, device=policy.device)
        critic = (zeros, zeros) if self.critic_state is None else self.critic_state
        _, values, _, after = policy.forward(tensor, RNNStates(actor, critic), begin, deterministic=True)
        self.critic_state = after.vf
        return policy.get_distribution(tensor, actor, begin)[0], values

    def log_probs(self, distribution: Any, actions: Array) -> Array:
        """Return the log-probabilities of actions, (n,)."""
        # What a policy that squashes its actions has drawn is scaled to the bounds of the space.
        drawn = self.policy.scale_action(actions) if self.policy.squash_output else actions
        taken = torch.as_tensor(drawn, device=self.policy.device)
        with torch.no_grad():
            found: Array = distribution.log_prob(taken).cpu().numpy()
        return found


def _record_agent(model: Any, env: Any, options: _RecordingOptions, seed: int, deterministic: bool) -> Activity:
    """Record an agent while it plays."""
    evaluator = Evaluator(model, env, options.num_trials, seed, deterministic)
    vector_env = evaluator.vec_env.vector_env
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    max_trial_steps = vector_env.task.trial_length_stats(100)["max"]
    n = len(evaluator.episode_starts)
    readout = _Readout(policy)
    # What is recorded of all lanes, name -> (N, ...) at each step since the oldest trial that some lane is still in. Earlier
    # steps are dropped, so step s since the beginning is kept_steps[s - dropped_steps].
    kept_steps: list[dict[str, Array]] = []
    dropped_steps = 0
    trial_start = np.zeros(n, int)  # step since the beginning at which each lane's trial began
    # Read before the trial ends: a lane shows its current one.
    current_periods = [vector_env.periods(lane) for lane in range(n)]
    rows: list[dict[str, Array]] = []
    periods: list[Periods] = []
    with _hook_layer(policy, options.layer) as read_output:
        while not evaluator.finished:
            read, distribution = readout.read(evaluator.observations, evaluator.state, evaluator.episode_starts)
            ended = evaluator.step()
            units = _last_layer_state(evaluator.state) if read_output is None else read_output().reshape(n, -1)
            read |= {"activity": options.select_units(units), "rewards": evaluator.vec_env.last_rewards.copy()}
            read["paused"] = evaluator.paused
            if distribution is not None:
                read["log_probs"] = readout.log_probs(distribution, evaluator.actions)
            kept_steps.append(read)
            if len(kept_steps) == 1 and not dropped_steps:  # the number of units is known now
                options.check_size(options.num_trials, max_trial_steps, read["activity"].shape[1])
            for lane in np.nonzero(ended)[0].tolist():
                # Lanes with short trials play more than their share while others finish; these trials are not returned,
                # but have to keep their place beside the rows of the table.
                wanted = evaluator.trials_played[lane] <= evaluator.trials_per_lane
                trial_steps = kept_steps[trial_start[lane] - dropped_steps :] if wanted else []
                trial_steps = [step for step in trial_steps if not step["paused"][lane]]
                rows.append({name: np.array([step[name][lane] for step in trial_steps]) for name in read})
                periods.append(current_periods[lane])
            # Where an episode ended, the trial in which that was, if any, is abandoned.
            for lane in np.nonzero(ended | evaluator.episode_starts)[0].tolist():
                trial_start[lane], current_periods[lane] = dropped_steps + len(kept_steps), vector_env.periods(lane)
            unused = int(trial_start.min()) - dropped_steps
            del kept_steps[:unused]
            dropped_steps += unused
    table = evaluator.recorder.pop()
    order = interleave_lanes(table["lane"], options.num_trials)
    table = {name: column[order] for name, column in table.items()} | {"trial": np.arange(options.num_trials)}
    activity = [rows[i]["activity"] for i in order]
    per_step = {name: [rows[i][name] for i in order] for name in PER_STEP if name in rows[order[0]]}
    return options.assemble(activity, [periods[i] for i in order], table, vector_env.task.dt, per_step)


def _last_layer_state(state: Any) -> Array:
    """Return the last layer of a recurrent agent's state (h, c), (N, units)."""
    rows: Array = state[0][-1]
    return rows


def _record_module(
    module: nn.Module, env: NgymVecEnv, options: _RecordingOptions, seed: int, batch_first: bool | None
) -> Activity:
    """Record a torch module that is shown trials, a batch of episodes at a time."""
    # Trials that follow one another without a restart of the state are one sequence.
    trials_per_sequence = env.trials_per_episode if env.carry == "episode" else 1
    draws, task = Draws(seed), env.vector_env.task
    shown_module = _ShownModule(module, env, batch_first)
    rows: list[Array] = []
    logits: list[Array] = []
    periods: list[Periods] = []
    batches: list[Trials] = []
    with _hook_layer(module, options.layer or _find_recurrent_layer(module)) as read_output:
        assert read_output is not None
        while len(rows) < options.num_trials:
            trials = sample_as_data(env.vector_env.env, MODULE_BATCH_EPISODES * trials_per_sequence, draws, {})
            batches.append(trials)
            observations = [trial.ob for trial in trials]
            if observations[0].shape[1:] != env.observation_space.shape:
                raise TypeError(
                    f"{env.vector_env.env} shows observations of shape {env.observation_space.shape}, but its trials have "
                    f"shape {observations[0].shape[1:]}: its wrappers must define in `on_data` what a module is shown."
                )
            sequences = [
                np.concatenate(observations[i : i + trials_per_sequence])
                for i in range(0, len(observations), trials_per_sequence)
            ]
            units, outputs = shown_module.run(sequences, read_output)
            for i, trial in enumerate(trials):
                if len(rows) == options.num_trials:
                    break
                sequence, place = divmod(i, trials_per_sequence)
                first = sum(map(len, observations[i - place : i]))  # step of the sequence at which the trial begins
                rows.append(options.select_units(units[sequence, first : first + trial.length]))
                if outputs is not None:
                    logits.append(outputs[sequence, first : first + trial.length])
                periods.append({p: (trial.start[p], trial.end[p]) for p in trial.start})
            options.check_size(options.num_trials, trials.lengths.max(), rows[0].shape[1])
    every = select(concatenate(batches), np.arange(len(rows)))
    if shown_module.agent is None or not _can_be_asked(env.vector_env.env):
        table: TrialTable = {"trial": np.arange(len(rows))}
        for name, values in every.conditions.items():
            # Conditions with the name of a measure are prefixed, as in tables of agents.
            table[f"condition_{name}" if name in MEASURED_COLUMNS else name] = values
    else:
        numbers = deal_trials(len(rows), MODULE_LANES)
        given = GivenTrials(silent_copy(env.vector_env.env), every, numbers)
        table = play_trials(_Answers([shown_module.agent.act(one) for one in logits], numbers), given, numbers)
    return options.assemble(rows, periods, table, task.dt, {"logits": logits} if logits else {})


def _can_be_asked(env: Any) -> bool:
    """Return whether the rule of a task can be asked about answers to trials that were shown as they are."""
    if is_one_at_a_time(env) or any(task.rule.is_interactive for task in tasks_of(env)):
        return False
    return not any(_shows_actions(layer) for layer in layers(silent_copy(env)) if isinstance(layer, TrialWrapper))


def _shows_actions(wrapper: Any) -> bool:
    """Return whether what a wrapper shows depends on actions, their rewards or performance.

    Its `on_step` is called with the same observations and other actions, rewards and performance.
    """
    kind = type(wrapper)
    # A mixture only lets the wrappers inside it, which are asked themselves, show the first observation of a trial.
    if kind.step not in (TrialWrapper.step, MultiEnvs.step) or kind.paused is not TrialWrapper.paused:
        return True
    if kind.on_step is TrialWrapper.on_step:
        return False
    space, action_space = wrapper.env.observation_space, copy.deepcopy(wrapper.action_space)
    n, lanes = TRIED_LANES, np.arange(TRIED_LANES)
    action_space.seed(0)
    found: list[list[Array]] = []
    for outcome in (0.0, 1.0):
        memory = wrapper.init_memory(n)
        for lane in range(n):
            wrapper.seed_memory(memory, lane, wrapper.own_draws(Draws(lane)))
        batch = StepBatch.at_reset(lanes, np.zeros((n, *space.shape), space.dtype))
        shown_here: list[Array] = []
        try:
            for step in range(TRIED_STEPS):
                wrapper.on_step(memory, batch)
                shown_here.append(batch.ob)
                ob, actions = np.zeros((n, *space.shape), space.dtype), np.array([action_space.sample() for _ in range(n)])
                earned, ended = np.full(n, outcome), np.full(n, step == TRIED_STEPS // 2)
                batch = StepBatch(lanes, ob, earned, actions, np.zeros_like(actions), ended, earned.copy())
        except Exception:  # it needs to know more of a step, and what it shows may depend on that
            return True
        found.append(shown_here)
    return not all(np.array_equal(one, other, equal_nan=True) for one, other in zip(*found, strict=True))


@dataclass
class _Answers:
    """An agent whose actions are known already.

    Args:
        actions: Actions at each step of each trial, (steps, ...).
        numbers: For each lane the numbers of the trials that it plays.
    """

    actions: list[Array]
    numbers: list[NDArray[np.int64]]

    def predict(
        self, observations: Array, state: Array | None = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Array, Array]:
        """Return the actions of all lanes; the state has the turn and the step in the trial of each, (n, 2)."""
        state = np.full((len(self.numbers), 2), -1) if state is None else state
        state = np.where(np.asarray(episode_start)[:, None], (state + 1) * [1, 0], state + np.array([0, 1]))
        trials = [own[turn % len(own)] for own, turn in zip(self.numbers, state[:, 0].tolist(), strict=True)]
        return np.array([self.actions[t][step] for t, step in zip(trials, state[:, 1].tolist(), strict=True)]), state


class _ShownModule:
    """A torch module that is shown sequences of observations.

    Args:
        module: The module.
        env: The env whose observations these are.
        batch_first: Whether it is called with (sequences, steps, ...); None: as it works.

    Attributes:
        agent: What reads its outputs as actions; None where they do not fit or depend on later steps.
    """

    def __init__(self, module: nn.Module, env: NgymVecEnv, batch_first: bool | None) -> None:
        self.module = module
        self.agent: NetworkAgent | None = None
        self.batch_first = batch_first
        if batch_first is None:
            self.batch_first = any(getattr(part, "batch_first", False) is True for part in module.modules())
        try:
            self.agent = NetworkAgent(module, env.observation_space, env.action_space, batch_first=batch_first)
        except KeepsStateError:  # its activity would depend on what it was shown before
            raise
        except (TypeError, ValueError):
            pass

    def run(self, sequences: list[Array], read_output: Callable[[], Array]) -> tuple[Array, Array | None]:
        """Return the layer's output, (sequences, steps, units), and the module's own, (sequences, steps, k), or None."""
        longest = max(map(len, sequences))
        padded = _padded(sequences, longest).swapaxes(0, 1)
        if self.agent is None:
            outputs, batch_first = None, bool(self.batch_first)
            self._call(padded.swapaxes(0, 1) if batch_first else padded)
        else:
            outputs, batch_first = self.agent.outputs(padded).swapaxes(0, 1), self.agent.batch_first
        units = read_output()
        expected = (len(sequences), longest) if batch_first else (longest, len(sequences))
        if units.shape[:2] != expected or units.ndim < 3:
            order = "(trials, steps, units)" if batch_first else "(steps, trials, units)"
            raise ValueError(
                f"The layer gives an array of shape {units.shape}; expected {order} starting with {expected}; "
                "see batch_first."
            )
        units = units.reshape(*expected, -1)
        return (units if batch_first else units.swapaxes(0, 1)), outputs

    def _call(self, observations: Array) -> None:
        """Call a module that cannot act."""
        like = next(self.module.parameters(), torch.zeros(0))
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                self.module(torch.as_tensor(observations, device=like.device, dtype=like.dtype))
        finally:
            self.module.train(was_training)


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

    if isinstance(modules[layer], torch.jit.ScriptModule):
        raise ValueError(
            f"The layer {layer!r} of {type(module).__name__} is compiled by torch.jit and does not show its output: record "
            "the module that was compiled."
        )
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
