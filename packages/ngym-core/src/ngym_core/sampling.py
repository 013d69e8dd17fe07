"""Sampling: makes trials of an env with its wrappers, without changing the trial that is being played."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core._copying import copy_attributes
from ngym_core._malloc import raise_mmap_threshold
from ngym_core.arguments import AnyEnv, Having, Integer, explained
from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.trials.conditions import refuse_overruled
from ngym_core.trials.durations import has_own_state

if TYPE_CHECKING:
    from ngym_core.trials import Trials

__all__ = ["layers", "sample_as_data", "sample_trials", "silent_copy", "tasks_of"]

N = Integer(1)
"""Number of trials."""
raise_mmap_threshold()  # here, since lanes and data sets both make their trials by this module


ENV = Having("an env", "unwrapped")


def layers(env: gymnasium.Env[Any, Any]) -> list[gymnasium.Env[Any, Any]]:
    """Return an env and everything it wraps, from the outermost wrapper to the task (or tasks)."""
    ENV.check("env", env)
    found: list[gymnasium.Env[Any, Any]] = []
    todo = [env]
    while todo:
        layer = todo.pop(0)
        found.append(layer)
        if isinstance(layer, gymnasium.Wrapper):
            todo = [*vars(layer).get("envs", [layer.env]), *todo]
    return found


def played_layers(env: gymnasium.Env[Any, Any]) -> list[gymnasium.Env[Any, Any]]:
    """Return an env and what it wraps, from the outermost wrapper to the task that is being played."""
    found = [env]
    while isinstance(found[-1], gymnasium.Wrapper):
        found.append(found[-1].env)
    return found


def outermost_trial_layer(env: gymnasium.Env[Any, Any]) -> Any:
    """Return the outermost layer that makes trials: a `TrialWrapper` or the task; Gymnasium's own wrappers do not."""
    return next(layer for layer in layers(env) if hasattr(layer, "_generate"))


@explained
def tasks_of(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """Return the tasks inside an env: one, or those of a wrapper that combines several, such as `MultiEnvs`."""
    return [layer for layer in layers(env) if layer.unwrapped is layer]


def rows_of_tasks(
    env: gymnasium.Env[Any, Any], trials: Trials, rows: NDArray[np.int64] | None = None
) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    """Yield each task inside an env that trials come from, and which of `rows` do (indices; by default of all trials).

    Which task the env plays now makes no difference.
    """
    rows = np.arange(trials.n) if rows is None else rows
    mixture: Any = next((layer for layer in layers(env) if "envs" in vars(layer)), None)
    if mixture is None:
        yield env.unwrapped, rows
        return
    index = trials.conditions[mixture._index_name][rows]
    for i, inner in enumerate(mixture.envs):
        if (index == i).any():
            yield from rows_of_tasks(inner, trials, rows[index == i])


def parts_of(env: gymnasium.Env[Any, Any]) -> list[gymnasium.Env[Any, Any]]:
    """Return the env, and those that a wrapper inside combines, such as `MultiEnvs`, with theirs."""
    return [env, *(part for layer in layers(env) for part in vars(layer).get("envs", []))]


def silent_copy(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Return a copy of an env for trials that are only looked at: what its wrappers record of the env stays as it is.

    Arrays are shared: a task may have large ones, and only replaces them.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.sampling import silent_copy
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["Monitor"])
        >>> copied = silent_copy(env)
        >>> ob, info = copied.reset(seed=0)  # whatever is played now, no Monitor saves it
    """
    arrays = {id(value): value for layer in layers(env) for value in vars(layer).values() if isinstance(value, np.ndarray)}
    copied = copy.deepcopy(env, arrays)
    for layer in layers(copied):
        if hasattr(layer, "_record_nothing"):
            layer._record_nothing()
    return copied


def is_one_at_a_time(env: gymnasium.Env[Any, Any]) -> bool:
    """Return whether the task or a wrapper is written in NeuroGym's style, which makes one trial at a time."""
    return any(getattr(layer, "_one_at_a_time", False) for layer in layers(env))


PROBED_TRIALS = 8
"""Number of trials in NeuroGym's style that are looked at to know their conditions: some are in some trials only."""
_known_conditions: WeakKeyDictionary[Any, dict[str, int | None]] = WeakKeyDictionary()  # task -> name -> see `axes_of`
_locks: WeakKeyDictionary[Any, tuple[int, threading.RLock]] = WeakKeyDictionary()


class IsolatedState:
    """A second state of an env written in NeuroGym's style: within ``with state:`` the env has these attributes.

    Such a task keeps its state in attributes that only it knows, so a second sequence of trials (a lane, a row of data)
    needs a copy of all of them. They are copied when this object is made, and exchanged with those of the env when it is
    entered and left. The env stays the same object, so that a function in `timing` that closes over it draws from the
    generator of this state, not from the env's own.

    Args:
        env: The env, with its wrappers.
        shared: Objects that are not copied.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], shared: list[Any]) -> None:
        self._layers = layers(env)
        # What is in the memo of `deepcopy` is not copied: the layers stay the same objects, only their attributes differ.
        memo: dict[int, Any] = {id(thing): thing for thing in [*self._layers, *shared]}
        self._states = [copy.deepcopy(layer.__dict__, memo) for layer in self._layers]

    def __deepcopy__(self, memo: dict[int, Any]) -> IsolatedState:
        """Return a second state of the copied env."""
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied._layers = copy.deepcopy(self._layers, memo)
        copied._states = [copy_attributes(state, memo) for state in self._states]
        return copied

    def __enter__(self) -> None:
        """Exchange the attributes of the env with these; other threads that want to do so wait."""
        self._lock().acquire()
        self._exchange()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Exchange them back."""
        self._exchange()
        self._lock().release()

    def _exchange(self) -> None:
        """Exchange the attributes of the env with those kept here."""
        for i, layer in enumerate(self._layers):
            layer.__dict__, self._states[i] = self._states[i], layer.__dict__

    def update(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Change attributes in this state: for each layer, name -> value. Values are copied."""
        memo: dict[int, Any] = {id(layer): layer for layer in self._layers}
        for attributes, changed in zip(self._states, changes, strict=True):
            attributes.update(copy.deepcopy(dict(changed), memo))

    def _lock(self) -> threading.RLock:
        """Return the lock of the task: several data sets may sample one env, each in its own thread."""
        task, process = self._layers[-1], os.getpid()
        known = _locks.get(task)
        if known is None or known[0] != process:  # a fork may have copied a lock that another thread held
            known = _locks[task] = (process, threading.RLock())
        return known[1]


@explained
def sample_trials(env: AnyEnv, n: int, seed: int | None, draws: Draws | None, conditions: Mapping[str, Any]) -> Trials:
    """Return n consecutive trials of an env with its wrappers, see `TrialEnv.sample_trials`."""
    N.check("n", n)
    env_draws: Draws = env.unwrapped._draws
    env = outermost_trial_layer(env)
    if draws is not None and seed is not None:
        raise TypeError(f"seed={seed!r} and draws={draws} are two sources of randomness: give one of them.")
    if draws is None:
        draws = env_draws if seed is None else Draws(seed)
    refuse_unknown_conditions(env, conditions)
    if not (is_one_at_a_time(env) or any(has_own_state(v) for task in tasks_of(env) for v in task.timing.values())):
        return env._generate(int(n), draws, conditions)  # type: ignore[no-any-return]
    with session_of(env, draws):
        trials: Trials = env._generate(int(n), draws, conditions)
    refuse_overruled_conditions(env.unwrapped, trials.conditions, conditions)
    return trials


def refuse_overruled_conditions(task: Any, played: Mapping[str, Any], forced: Mapping[str, Any]) -> None:
    """Raise if a task or wrapper in NeuroGym's style has not passed on what is forced.

    Args:
        task: The task.
        played: The conditions of the trials: name -> value, of one or of each.
        forced: What was forced on them.

    Raises:
        ValueError: They have other values.
    """
    reason = "what `_new_trial` (or a wrapper's `new_trial`) is called with must prevail, as by `trial.update(kwargs)`"
    refuse_overruled(task, played, forced, reason)


def refuse_unknown_conditions(env: Any, forced: Mapping[str, Any]) -> None:
    """Raise if conditions are forced that no trial of an env in NeuroGym's style has; it would record any name.

    Other tasks refuse such names themselves, see `Trials.condition`.

    Raises:
        UnknownNameError: There is such a name.
    """
    if not forced or not is_one_at_a_time(env):
        return
    task = env.unwrapped
    if not _known_conditions.get(task, {}).keys() >= forced.keys():
        # Again if there is an unknown one: what trials have may have changed with the task's parameters.
        _known_conditions[task] = axes_of(sample_trials(env, PROBED_TRIALS, None, Draws(0), {}).conditions)
    for name in forced:
        if name not in _known_conditions[task]:
            raise unknown_name(f"condition of {task}", name, sorted(_known_conditions[task]))


def session_of(env: Any, draws: Draws) -> IsolatedState:
    """Return the state in which an env in NeuroGym's style makes a sequence of trials; it is made at the first call.

    Args:
        env: The outermost layer that makes trials. Its state lives in attributes: each sequence has a copy of them.
        draws: The randomness of the sequence, with which the state is kept.
    """
    state: IsolatedState | None = draws.carried.get("session")
    if state is None:
        state = IsolatedState(env, shared=[env.unwrapped._draws])
        with state:
            for task in tasks_of(env):
                task._draw_from(draws)
        draws.carried["session"] = state
    return state


@explained
def sample_as_data(env: AnyEnv, n: int, draws: Draws, conditions: Mapping[str, Any]) -> Trials:
    """Return n consecutive trials as an agent sees them that plays the ground truth.

    Args:
        env: The env, with its wrappers; what they change step by step is added by `TrialWrapper.on_data`.
        n: Number of trials.
        draws: The source of randomness; the next call with it returns the trials that follow.
        conditions: Conditions to force: name -> one value, or one for each trial.

    Returns:
        The trials.

    Raises:
        ValueError: n below 1, or a value that a condition cannot have.
        UnknownNameError: A condition that the task does not have.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.sampling import sample_as_data
        >>> env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["PassReward-v0"])
        >>> trials = sample_as_data(env, 5, ngym.Draws(0), {})
        >>> trials.ob.shape, trials[0].ob.shape  # the last channel shows the reward of the step before
        ((5, 22, 4), (22, 4))
    """
    return shown_as_data(env, sample_trials(env, n, None, draws, conditions), draws)


def shown_as_data(env: Any, trials: Trials, draws: Draws) -> Trials:
    """Return trials of an env with what its wrappers change step by step, the inner ones first, see `sample_as_data`."""
    if not hasattr(env, "on_data"):
        return trials
    if "envs" in vars(env):
        return env._shown_as_data(trials, draws)  # type: ignore[no-any-return]
    return env.on_data(shown_as_data(env.env, trials, draws), env.own_draws(draws))  # type: ignore[no-any-return]


def axes_of(conditions: Mapping[str, NDArray[Any]]) -> dict[str, int | None]:
    """Return how many axes one trial's value of each condition has, from those of n trials; None: any number of them."""
    return {name: None if column.dtype == object else column.ndim - 1 for name, column in conditions.items()}


def known_axes(task: Any) -> Mapping[str, int | None]:
    """Return `axes_of` the conditions of a task in NeuroGym's style that were forced before, if any were."""
    return _known_conditions.get(task, {})


def conditions_of_trials(
    forced: Mapping[str, Any], rows: NDArray[np.int64], n: int, axes: Mapping[str, int | None]
) -> dict[str, Any]:
    """Return the conditions that are forced on the trials with these indices, of n; `axes` as from `axes_of`."""
    return {k: np.asarray(v)[rows] if is_by_trial(k, v, n, axes) else v for k, v in forced.items()}


def conditions_of_trial(forced: Mapping[str, Any], i: int, n: int, axes: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the conditions that are forced on trial i of n; `axes` as from `axes_of`."""
    return {k: v[i] if is_by_trial(k, v, n, axes) else v for k, v in forced.items()}


def is_by_trial(name: str, value: Any, n: int, axes: Mapping[str, int | None]) -> bool:
    """Return whether a forced value is one for each of n trials.

    Raises:
        ValueError: There are more or fewer of them.
    """
    number, own = np.ndim(value), axes.get(name)
    if own is None or not number:
        return number > 0 and len(value) == n
    if number > own and len(value) != n:
        raise ValueError(f"The condition {name!r} is forced to {len(value)} values for {n} trials.")
    return number > own
