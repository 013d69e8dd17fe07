"""Conformance kit: `check_task` checks that a task keeps the promises of every task, built-in or from a pack."""

from __future__ import annotations

import contextlib
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from ngym_core.env import TrialEnv
from ngym_core.errors import TaskError, UnknownTaskError
from ngym_core.plugins.registry import make
from ngym_core.random import Draws
from ngym_core.sampling import sample_trials, tasks_of
from ngym_core.trials import Trials
from ngym_core.vector import TrialVectorEnv

__all__ = ["Check", "check_task"]

Array: TypeAlias = NDArray[Any]
MAX_TRIAL_STEPS = 20_000
"""A trial that lasts longer counts as one that never ends."""
PLAYED_BYTES = 32 * 2**20
"""Size of the observations of the trials that are played for each seed, at most."""
TIMED_BYTES = 64 * 2**20
"""Size of the observations of the trials that are generated to measure the speed, at most."""
RANDOM_BYTES = 512 * 2**20
"""Size of the observations of the trials that are played with random actions, at most."""
EXPECTED_WARNINGS = (
    "minimum value is -infinity",  # Gaussian noise has no bounds
    "maximum value is infinity",
    "we recommend using a symmetric and normalized space",  # actions may have units
    "is different from the unwrapped version",  # some tasks are composed of a task and wrappers
    "Official support for the `seed` function is dropped",  # NeuroGym's users call it
)
"""Parts of warnings of Gymnasium's checker that are no fault of a task."""
NEXT = "Mend the first one (the others may follow from it) and check again; help(ngym_core.testing) describes the checks."
RETURN_NAMES = ("observation", "reward", "terminated", "truncated", "info")


@dataclass(frozen=True)
class Check:
    """The measurements of `check_task`.

    Attributes:
        task: Id or name.
        chance: The mean performance of random actions that the task states, or None.
        oracle: Mean performance of an agent that plays the ground truth.
        random: Mean performance of random actions.
        trials_per_second: Trials that `sample_trials` generates per second, 1,024 at a time (fewer of images).
    """

    task: str
    chance: float | None
    oracle: float
    random: float
    trials_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return all attributes as a dictionary, for JSON."""
        return asdict(self)


def check_task(
    task: str | Callable[[], Any], *, seeds: tuple[int, ...] = (0, 1), trials: int = 20, random_trials: int = 600
) -> Check:
    """Check that a task keeps its promises.

    Whole trials are played with the oracle agent (which plays the ground truth: full performance in every
    trial, and at least the reward of any random agent), and with random agents (the stated chance
    level). The task must replay from `reset(seed)`, keep to its spaces and types at every step, generate
    the same trials one at a time, many at a time and in lanes, apply forced conditions, share no
    array or dictionary between returns, and pass Gymnasium's own checker without a warning.

    Args:
        task: An id, or a function that makes the env.
        seeds: Seeds to play.
        trials: Trials for each seed; fewer if their observations are large, such as images.
        random_trials: Trials of random actions to compare with the chance level; fewer if they are large.

    Returns:
        The measurements.

    Raises:
        TaskError: The task breaks promises, which the message lists, or cannot be made.
        UnknownTaskError: An id that no installed package offers.

    Example:
        >>> check = check_task("Null-v0", trials=5, random_trials=20)
        >>> check.task, check.oracle
        ('Null-v0', 1.0)
    """
    build: Callable[[], Any] = (lambda: make(task)) if isinstance(task, str) else task
    try:
        env = build()
    except UnknownTaskError:
        raise
    except Exception as error:  # the constructor is the task's own code
        raise TaskError(f"{task} cannot be made: {type(error).__name__}: {error}") from error
    name = task if isinstance(task, str) else str(env)
    trials, random_trials = _limit_trials(build, trials, PLAYED_BYTES), _limit_trials(build, random_trials, RANDOM_BYTES)
    checks: list[Callable[[], Iterator[str]]] = [
        lambda: _check_spaces(build, seeds[0], trials),
        lambda: _check_oracle(build, seeds, trials),
        lambda: _check_replay(build, seeds, trials),
        lambda: _check_batches(build, seeds[0]),
        lambda: _check_forced(build, seeds[0]),
        lambda: _check_lanes(build, seeds[0], trials),
        lambda: _check_gymnasium(build),
    ]
    measured: dict[str, Any] = {}

    def check_chance() -> Iterator[str]:
        measured["chance"] = getattr(build(), "chance", None)
        measured["random"] = _performance(build, seeds, random_trials // len(seeds), oracle=False)
        yield from _check_chance(measured["chance"], measured["random"])

    breaches: list[str] = []
    for check in [*checks, check_chance]:
        try:
            breaches += check()
        except Exception as error:  # a task may break in any way; all of them are reported together
            breaches.append(f"{type(error).__name__}: {error}")
    if breaches:
        title = f"{name} breaks {len(breaches)} promise{'s' if len(breaches) > 1 else ''}:"
        raise TaskError("\n".join([title, *(f"  - {breach}" for breach in breaches), NEXT]))
    oracle = _performance(build, seeds, trials, oracle=True)
    return Check(name, measured["chance"], float(oracle.mean()), float(measured["random"].mean()), _speed(build()))


def _limit_trials(build: Callable[[], Any], n: int, max_bytes: int) -> int:
    """Return how many of n trials have observations of at most so many bytes together; 4 are always allowed."""
    space, lengths = build().observation_space, np.ones(1, np.int64)
    with contextlib.suppress(Exception):  # a task that cannot make trials is reported by the checks
        lengths = sample_trials(build(), 4, 0, None, {}).lengths
    step = math.prod(space.shape or ()) * np.dtype(space.dtype or float).itemsize
    return min(n, max(4, int(max_bytes / (step * np.mean(lengths)))))


@dataclass
class _Played:
    """Trials that an agent played: (trials,) arrays, and what `reset` and `step` returned, if kept."""

    performance: Array
    reward: Array
    returns: list[tuple[Any, ...]]


def _play(env: Any, seed: int, trials: int, *, oracle: bool, agent_seed: int = 0, keep: bool = False) -> _Played:
    """Play whole trials; stop after `MAX_TRIAL_STEPS` steps in a trial."""
    rng = np.random.default_rng([agent_seed, seed])
    space = env.action_space
    space.seed(int(rng.integers(2**31)))
    ob, info = env.reset(seed=seed)
    returns: list[tuple[Any, ...]] = [(ob, 0.0, False, False, info)] if keep else []
    performance: list[float] = []
    rewards: list[float] = []
    reward, steps = 0.0, 0
    while len(performance) < trials and steps < MAX_TRIAL_STEPS:
        action = np.array(env.unwrapped.gt_now) if oracle else space.sample()
        back = env.step(action if space.shape else int(action))
        if keep:
            returns.append(back)
        reward += float(back[1])
        steps += 1
        if back[4]["new_trial"]:
            performance.append(float(back[4]["performance"]))
            rewards.append(reward)
            reward, steps = 0.0, 0
    return _Played(np.array(performance), np.array(rewards), returns)


def _performance(build: Callable[[], Any], seeds: tuple[int, ...], trials: int, *, oracle: bool) -> Array:
    return np.concatenate([_play(build(), seed, trials, oracle=oracle).performance for seed in seeds])


def _check_spaces(build: Callable[[], Any], seed: int, trials: int) -> Iterator[str]:
    """Check observations, ground truth and types at every step, and that returns share nothing."""
    env = build()
    truths = (gt for trial in sample_trials(env, trials, seed, None, {}) for gt in trial.gt)
    wrong = next((gt for gt in truths if not env.action_space.contains(gt)), None)
    if wrong is not None:
        yield f"the ground truth {wrong} is not in {env.action_space}"
        return
    for oracle in (True, False):
        played = _play(env, seed, trials, oracle=oracle, keep=True)
        for step, (ob, reward, terminated, truncated, _) in enumerate(played.returns):
            if not env.observation_space.contains(ob):
                yield f"step {step}: the observation {_shown(ob)} is not in {env.observation_space}"
            if not np.isfinite(reward) or not isinstance(reward, (int, float, np.floating)):
                yield f"step {step}: the reward {reward!r} is not a finite number"
            if type(terminated) is not bool or type(truncated) is not bool:
                yield f"step {step}: terminated={terminated!r} and truncated={truncated!r} must be Python booleans"
        for step, (one, two) in enumerate(zip(played.returns, played.returns[1:], strict=False)):
            if np.shares_memory(one[0], two[0]) or _share(one[4], two[4]):
                yield f"steps {step} and {step + 1} return the same array or dictionary"
                break


def _share(one: Any, two: Any) -> bool:
    """Return whether two infos share a dictionary or an array."""
    mine = {id(v) for v in _parts(one)}
    return any(id(v) in mine for v in _parts(two))


def _parts(info: dict[str, Any]) -> Iterator[Any]:
    yield info
    for value in info.values():
        if isinstance(value, dict):
            yield from _parts(value)
        elif isinstance(value, (np.ndarray, list)):
            yield value


def _check_oracle(build: Callable[[], Any], seeds: tuple[int, ...], trials: int) -> Iterator[str]:
    """Check that the ground truth earns full performance, and at least the reward of random actions."""
    sure = getattr(build().unwrapped, "sure_rewards", True)
    for seed in seeds:
        oracle = _play(build(), seed, trials, oracle=True)
        if len(oracle.performance) < trials:
            yield f"seed {seed}: trial {len(oracle.performance)} of the oracle does not end within {MAX_TRIAL_STEPS} steps"
            continue
        short = np.nonzero(oracle.performance < 1 - 1e-9)[0]
        if len(short):
            yield (
                f"seed {seed}: the oracle's performance is {oracle.performance[short[0]]:g} in trial {short[0]} "
                f"({len(short)} of {trials} below 1)"
            )
        for agent in range(3) if sure else ():
            random = _play(build(), seed, trials, oracle=False, agent_seed=agent).reward
            better = np.nonzero(random > oracle.reward[: len(random)] + 1e-9)[0]
            if len(better):
                k = better[0]
                yield f"seed {seed}: random actions earn {random[k]:g} in trial {k}, the oracle {oracle.reward[k]:g}"
                break


def _check_replay(build: Callable[[], Any], seeds: tuple[int, ...], trials: int) -> Iterator[str]:
    """Check that a seed replays, in a new env and in a used one, and that another seed makes other trials."""
    used = build()
    for seed in seeds:
        first = _play(build(), seed, trials, oracle=False, keep=True)
        for which, env in (("a new env", build()), ("a used env", used)):
            again = _play(env, seed, trials, oracle=False, keep=True)
            if not _equal(first.returns, again.returns):
                yield f"seed {seed} does not replay in {which}"
    made = [sample_trials(build(), trials, seed, None, {}) for seed in seeds[:2]]
    if len(made) == 2 and made[0].draws.state["streams"] and _equal(*[(m.ob, m.conditions) for m in made]):
        yield f"the seeds {seeds[0]} and {seeds[1]} make the same trials"


def _check_batches(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that trials do not depend on how many are generated at a time."""
    whole = list(sample_trials(build(), 24, seed, None, {}))
    for sizes in ([1] * 24, [7, 7, 7, 3], [16, 8]):
        env, draws = build(), Draws(seed)
        parts = [trial for n in sizes for trial in sample_trials(env, n, None, draws, {})]
        for k, (one, two) in enumerate(zip(whole, parts, strict=True)):
            if not _equal((one.ob, one.gt, one.conditions, one.end), (two.ob, two.gt, two.conditions, two.end)):
                yield f"trial {k} generated in batches of {sizes[0]} differs from the same trial generated in a batch of 24"
                break
    if getattr(build().unwrapped, "can_prefetch", True):
        env = build()
        env.reset(seed=seed)
        for k, trial in enumerate(whole[:8]):
            if not _equal((trial.ob, trial.gt), (env.unwrapped.ob, env.unwrapped.gt)):
                yield f"trial {k} of sample_trials(seed={seed}) is not the trial that reset(seed={seed}) plays"
                break
            env.new_trial()


def _check_forced(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that each condition can be forced, and that forcing it changes the trials."""
    env = build()
    drawn = sample_trials(env, 64, seed, None, {})
    for name in sorted(drawn.forceable):
        values = drawn.conditions[name]
        rows, first = np.unique(values.reshape(len(values), -1), axis=0, return_index=True)
        made = [sample_trials(env, 16, seed, None, {name: values[first[k]]}) for k in sorted({0, len(rows) - 1})]
        for trials, k in zip(made, sorted({0, len(rows) - 1}), strict=True):
            if not (trials.conditions[name] == values[first[k]]).all():
                yield f"the condition {name!r} forced to {_shown(values[first[k]])} is not kept"
        if len(made) == 2 and _same_trials(env.unwrapped, *made):
            yield f"forcing the condition {name!r} changes neither observations nor ground truth nor rewards"


def _same_trials(task: TrialEnv, one: Trials, two: Trials) -> bool:
    same = one.ob.shape == two.ob.shape and np.array_equal(one.ob, two.ob) and np.array_equal(one.gt, two.gt)
    return same and _equal(task.rule.prepare(task, one), task.rule.prepare(task, two))


def _check_lanes(build: Callable[[], Any], seed: int, trials: int) -> Iterator[str]:
    """Check that lanes return what Gymnasium's own vector env returns around single envs with their seeds."""

    def short() -> Any:
        env = build()
        for task in tasks_of(env):
            task.num_tr_exp = 4
        return env

    rng = np.random.default_rng(seed)
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        lanes, singles = TrialVectorEnv(short(), 3, autoreset_mode=mode), SyncVectorEnv([short] * 3, autoreset_mode=mode)
        lanes.action_space.seed(seed)
        back: tuple[Any, ...] = lanes.reset(seed=seed)
        if not _equal(back, singles.reset(seed=seed)):
            yield f"lanes ({mode.value}) begin otherwise than single envs with their seeds"
            return
        for step in range(10 * trials):
            actions = lanes.action_space.sample()
            if rng.random() < 0.7:  # random actions alone often abort, and would never reach the end of a trial
                actions = np.array([env.unwrapped.gt_now for env in singles.envs], actions.dtype)  # type: ignore[attr-defined]
            before, back = back, lanes.step(actions)
            for name, one, two in zip(RETURN_NAMES, back, singles.step(actions), strict=True):
                if not _equal(one, two):
                    yield f"step {step}: the {name} of lanes ({mode.value}) and of single envs with their seeds differ"
                    return
            if not lanes.observation_space.contains(back[0]):
                yield f"step {step}: the observations of lanes are not in {lanes.observation_space}"
                return
            if np.shares_memory(before[0], back[0]):
                yield f"steps {step - 1} and {step} of lanes return the same array"
                return


def _check_gymnasium(build: Callable[[], Any]) -> Iterator[str]:
    """Run Gymnasium's own checker. Every warning counts but those of `EXPECTED_WARNINGS`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(ImportError):
            check_env(build(), skip_render_check=True)
    for warning in caught:
        message = " ".join(re.sub(r"\x1b\[\d+m", "", str(warning.message)).split())
        if not any(expected in message for expected in EXPECTED_WARNINGS):
            yield f"Gymnasium's checker warns: {message}"


def _check_chance(chance: float | None, performance: Array) -> Iterator[str]:
    """Check that random actions score the stated chance level, within 3.5 standard errors."""
    if chance is None or len(performance) == 0:
        return
    error = 3.5 * np.sqrt(max(float(performance.var()), chance * (1 - chance), 1e-4) / len(performance))
    if abs(performance.mean() - chance) > error:
        yield f"random actions score {performance.mean():.3f} +- {error:.3f} in {len(performance)} trials, not {chance:.3f}"


def _speed(env: Any) -> float:
    draws = Draws(0)
    times = []
    n = _limit_trials(lambda: env, 1024, TIMED_BYTES)
    for _ in range(3):
        start = time.perf_counter()
        _ = sample_trials(env, n, None, draws, {}).ob  # images are drawn at the first access
        times.append(time.perf_counter() - start)
    return n / min(times)


def _equal(one: Any, two: Any) -> bool:
    """Return whether nested tuples, lists and dictionaries of arrays and scalars are equal, bit by bit."""
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(_equal(one[k], two[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(_equal, one, two))
    one, two = np.asarray(one), np.asarray(two)
    if one.dtype.kind == "O" and one.ndim:
        return one.shape == two.shape and all(map(_equal, one, two))
    floats = one.dtype.kind == "f" and two.dtype.kind == "f"
    return one.shape == two.shape and np.array_equal(one, two, equal_nan=floats)


def _shown(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=8, precision=4)
