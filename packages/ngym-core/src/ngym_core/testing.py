"""Conformance kit: `check_task` checks that a task keeps the promises of every task, built-in or from a pack."""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Count, Integer, checked
from ngym_core.env import TrialEnv
from ngym_core.errors import TaskError, UnknownTaskError
from ngym_core.plugins.registry import make
from ngym_core.random import Draws
from ngym_core.rules import FixateThenChoose, ProduceInterval, RespondWhenDue, TakeAtOnce, edges
from ngym_core.sampling import is_one_at_a_time, sample_trials, tasks_of
from ngym_core.spaces import channels, names_of, nearest_to_zero
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
RANDOM_LANES = 50
"""Lanes in which trials are played with random actions."""
LATE_STEPS = 200
"""Steps in which the observations of a task's own `_step` are compared with those of the trial."""
PROBED_TRIALS = 1200
"""Trials without noise from which the channels and the probe of the answer are judged."""
PROBED_BYTES = 16 * 2**20
"""Size of the observations of those trials that are generated at a time, at most."""
BINS = 4
"""Parts of a period whose mean observations the probe sees."""
PROBE_ERRORS = 5.0
"""Standard errors above chance from which on a probe tells the answer; built-in tasks reach more than 10."""
RIDGE = 1e-4
"""Weight of the penalty in the regressions of the probe, relative to the mean square of the features."""
EXPECTED_WARNINGS = (
    "minimum value is -infinity",  # Gaussian noise has no bounds
    "maximum value is infinity",
    "we recommend using a symmetric and normalized space",  # actions may have units
    "is different from the unwrapped version",  # some tasks are composed of a task and wrappers
    "Official support for the `seed` function is dropped",  # NeuroGym's users call it
)
"""Parts of warnings of Gymnasium's checker that are no fault of a task."""
NEXT = "Mend the first one (the others may follow from it) and check again; help(ngym_core.testing) describes the checks."
PLAIN = (bool, int, float, str, np.bool_, np.int64, np.float32, np.float64)
"""Types of single values, which are compared as they are."""
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


@checked
def check_task(
    task: str | Callable[[], Any],
    *,
    seeds: Annotated[Sequence[int], ArrayOf(each=Integer(0))] = (0, 1),
    trials: Count = 20,
    random_trials: Count = 600,
) -> Check:
    """Check that a task keeps its promises.

    Whole trials are played with the oracle agent (which plays the ground truth: full performance in every
    trial, and at least the reward of any random agent), and with random agents (the stated chance
    level). Performance is from 0 to 1. The task must replay from `reset(seed)`, keep to its spaces and types at
    every step, generate the same trials one at a time, many at a time and in lanes, apply forced conditions,
    share no array or dictionary between returns, and pass Gymnasium's own checker without a warning.

    It must also be what it is for: have a ground truth that stands where its rule pays it, and a reward to
    earn; write to every channel, and show what decides the answer (a simple classifier must predict it from
    trials without Gaussian noise better than chance; images are not judged, nor is when to answer). A task
    says in its class where it means something else: `has_answer`, `observable_answer`, `unused_channels`,
    `sure_rewards`, `can_prefetch`, see `TrialEnv`. A mistake is named once, with what to do: checks that
    it would break too wait until it is mended.

    Args:
        task: An id, or a function that makes the env.
        seeds: Seeds to play.
        trials: Trials for each seed; fewer if their observations are large, such as images.
        random_trials: Trials of random actions to compare with the chance level, at least, played in lanes; fewer if they
            are large.

    Returns:
        The measurements.

    Raises:
        TypeError: An env in the place of what makes it.
        TaskError: The task breaks promises, which the message lists, or cannot be made.
        UnknownTaskError: An id that no installed package offers.

    Example:
        >>> check = check_task("Null-v0", trials=5, random_trials=20)
        >>> check.task, check.oracle
        ('Null-v0', 1.0)
    """
    if not callable(task) and not isinstance(task, str):
        raise TypeError(f"task={task} must be an id, or a function (or class) that makes the env, not an env.")
    build: Callable[[], Any] = (lambda: make(task)) if isinstance(task, str) else task
    try:
        env = build()
        env.observation_space, env.action_space  # noqa: B018  # the constructor must set them
    except UnknownTaskError:
        raise
    except Exception as error:  # the constructor is the task's own code
        raise TaskError(f"{task} cannot be made: {type(error).__name__}: {error}") from error
    name = task if isinstance(task, str) else str(env)
    trials, random_trials = _limit_trials(build, trials, PLAYED_BYTES), _limit_trials(build, random_trials, RANDOM_BYTES)
    measured: dict[str, Any] = {}

    def check_oracle() -> Iterator[str]:
        measured["oracle"] = played = [_play(build(), seed, trials, _play_oracle) for seed in seeds]
        yield from _check_oracle(build, seeds, trials, played)

    def check_chance() -> Iterator[str]:
        measured["chance"] = getattr(build(), "chance", None)
        measured["random"] = _random_performance(build(), seeds[0], random_trials)
        breaches = list(_check_scale("random actions score", measured["random"]))
        yield from breaches or _check_chance(measured["chance"], measured["random"])

    # Name -> a check, and those whose breach would break it too: a mistake is named once.
    checks: dict[str, tuple[Callable[[], Iterator[str]], tuple[str, ...]]] = {
        "trials": (lambda: _check_trials(build, seeds[0], trials), ()),
        "ground truth": (lambda: _check_ground_truth(build, seeds[0]), ("trials",)),
        "returns": (lambda: _check_returns(build, seeds[0], trials), ("trials",)),
        "oracle": (check_oracle, ("ground truth",)),
        "rewards": (lambda: _check_rewards(build, seeds[0], measured["oracle"][0].reward), ("oracle", "returns")),
        "replay": (lambda: _check_replay(build, seeds, trials), ("trials",)),
        "batches": (lambda: _check_batches(build, seeds[0]), ("replay",)),
        "forced": (lambda: _check_forced(build, seeds[0]), ("batches",)),
        "observations": (lambda: _check_observations(build, seeds[0]), ("ground truth", "returns", "forced")),
        "lanes": (lambda: _check_lanes(build, seeds[0], trials), ("returns", "oracle", "batches")),
        "gymnasium": (lambda: _check_gymnasium(build), ("returns", "replay")),
        "chance": (check_chance, ("oracle",)),
    }
    breaches: list[str] = []
    broken: set[str] = set()
    for check_name, (check, needs) in checks.items():
        if not broken.isdisjoint(needs):
            broken.add(check_name)
            continue
        try:
            for breach in check():
                broken.add(check_name)
                if breach not in breaches:
                    breaches.append(breach)
        except Exception as error:  # a task may break in any way; the checks that follow would break alike
            breaches.append(f"{type(error).__name__}: {error}{_place(error, env)}")
            break
    if breaches:
        title = f"{name} breaks {len(breaches)} promise{'s' if len(breaches) > 1 else ''}:"
        raise TaskError("\n".join([title, *(f"  - {breach}" for breach in breaches), NEXT]))
    oracle = np.concatenate([played.performance for played in measured["oracle"]])
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


def _play_oracle(env: Any) -> Any:
    """Return the ground truth."""
    return np.array(env.unwrapped.gt_now)


def _play_randomly(env: Any) -> Any:
    """Return an action, each as likely as the others."""
    return env.action_space.sample()


def _play_nothing(env: Any) -> Any:
    """Return the action 0, or numbers as near to 0 as the space has."""
    return nearest_to_zero(env.action_space)


def _play(
    env: Any, seed: int, trials: int, agent: Callable[[Any], Any], *, agent_seed: int = 0, keep: bool = False
) -> _Played:
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
        action = agent(env)
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


def _random_performance(env: Any, seed: int, trials: int) -> Array:
    """Return the performance of random actions in so many trials at least, as many in each of `RANDOM_LANES` lanes."""
    lanes = TrialVectorEnv(env, min(RANDOM_LANES, trials))
    lanes.action_space.seed(seed)
    lanes.reset(seed=seed)
    each = math.ceil(trials / lanes.num_envs)
    played: list[list[float]] = [[] for _ in range(lanes.num_envs)]
    for _ in range(each * MAX_TRIAL_STEPS):
        info = lanes.step(lanes.action_space.sample())[4]
        for lane in np.flatnonzero(info["new_trial"]):
            played[lane].append(float(info["performance"][lane]))
        if min(map(len, played)) >= each:
            break
    return np.array([performance for of_lane in played for performance in of_lane[:each]])


def _place(error: Exception, env: Any) -> str:
    """Return where in the file of its task an error was raised, if it was raised there."""
    file = getattr(sys.modules.get(type(env.unwrapped).__module__), "__file__", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (in {frames[-1].name}, line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""


def _check_trials(build: Callable[[], Any], seed: int, trials: int) -> Iterator[str]:
    """Check that trials can be generated, and that their ground truth can be played."""
    env = build()
    truths = (gt for trial in sample_trials(env, trials, seed, None, {}) for gt in trial.gt)
    wrong = next((gt for gt in truths if not env.action_space.contains(gt)), None)
    if wrong is not None:
        yield f"the ground truth {wrong} is not in {env.action_space}: set an action that the space has"


def _check_returns(build: Callable[[], Any], seed: int, trials: int) -> Iterator[str]:
    """Check what `reset` and `step` return: spaces, types, that returns share nothing, and that none is late."""
    env = build()
    for agent in (_play_oracle, _play_randomly):
        returns = _play(env, seed, trials, agent, keep=True).returns
        breaches = list(_check_types(env, returns))
        if breaches:
            yield from breaches
            return
    yield from _check_late(build(), seed)


def _check_types(env: Any, returns: list[tuple[Any, ...]]) -> Iterator[str]:
    """Check spaces and types at every step, and that returns share nothing; name the first step for each mistake."""
    for step, (ob, *_) in enumerate(returns):
        if not env.observation_space.contains(ob):
            space = f"{env.observation_space} ({np.dtype(env.observation_space.dtype)})"
            yield (
                f"step {step}: the observation {_shown(ob)} ({np.asarray(ob).dtype}) is not in {space}: widen the space, or "
                "return observations of its shape, type and bounds"
            )
            break
    for step, (_, reward, *_) in enumerate(returns):
        if not isinstance(reward, (int, float, np.floating)) or not np.isfinite(reward):
            yield f"step {step}: the reward {reward!r} is not a finite number: return one at every step"
            break
    for step, (_, _, terminated, truncated, _) in enumerate(returns):
        if type(terminated) is not bool or type(truncated) is not bool:
            yield (
                f"step {step}: terminated={terminated!r} and truncated={truncated!r} must be Python booleans: "
                "convert them with bool()"
            )
            break
    for step, (one, two) in enumerate(itertools.pairwise(returns)):
        if np.shares_memory(one[0], two[0]) or _share(one[4], two[4]):
            yield f"steps {step} and {step + 1} return the same array or dictionary: return a new one at each step"
            break


def _check_late(env: Any, seed: int) -> Iterator[str]:
    """Check that a task's own `_step` returns the observation after the step, not the one before."""
    task = env.unwrapped
    if type(task)._step is TrialEnv._step:
        return
    env.reset(seed=seed)
    late = []
    for _ in range(LATE_STEPS):
        before = task.ob[task.t_ind].copy()
        action = _play_oracle(task)
        ob = task.step(action if task.action_space.shape else int(action))[0]
        if not np.array_equal(before, task.ob[task.t_ind]):
            late.append(np.array_equal(ob, before))
    if late and all(late):
        yield (
            "the observations are one step late: `_step` returns a copy of that before the step; return `self.ob_now` "
            "itself, not a copy (`step` returns the observation after the step in its place)"
        )


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


def _check_ground_truth(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that there is a ground truth, and that it stands where the rule pays it."""
    env = build()
    task = env.unwrapped
    if not task.has_answer or isinstance(task.rule, TakeAtOnce):  # what an action earns is a condition there
        return
    trials = sample_trials(task, _limit_trials(build, 64, PLAYED_BYTES), seed, None, {})
    due = (trials.gt != 0).reshape(*trials.gt.shape[:2], -1).any(axis=2)
    if task.rule.is_interactive:
        if not any(np.any(back[4]["gt"]) for back in _play(env, seed, 4, _play_oracle, keep=True).returns[1:]):
            rule = type(task.rule).__name__
            yield f"there is no ground truth: it is 0 at every step; return it from `{rule}.ground_truth`"
        return
    if not due.any():
        yield (
            f"there is no ground truth: it is 0 at every step of {trials.n} trials; set the right action with "
            "set_groundtruth, or say `has_answer = False` in the class if no action is right"
        )
        return
    name, (opens, closes) = _time_to_answer(task, trials)
    steps = np.arange(due.shape[1])
    inside = (steps >= np.reshape(opens, (-1, 1))) & (steps < np.reshape(closes, (-1, 1)))
    outside = (due & ~inside).any(axis=1) & ~(due & inside).any(axis=1)
    if outside.any():
        k = int(outside.argmax())
        step = int(due[k].argmax())
        period = next((p for p in trials.start if trials.start[p][k] <= step < trials.end[p][k]), f"step {step}")
        yield (
            f"the ground truth stands outside the time to answer in {outside.sum()} of {trials.n} trials: it asks for an "
            f"action in {period!r}, but {type(task.rule).__name__} pays answers in {name} only; set it there"
        )


def _time_to_answer(task: TrialEnv, trials: Trials) -> tuple[str, tuple[Any, Any]]:
    """Return the name and the edges of the steps in which a rule of ours pays an answer; of other rules, all steps."""
    rule = task.rule
    if isinstance(rule, FixateThenChoose):
        return repr(rule.decision), trials.span(rule.decision)
    if isinstance(rule, ProduceInterval):
        return repr(rule.window), edges(trials, rule.window)
    if isinstance(rule, RespondWhenDue):
        return f"the steps after {rule.fixation!r}", (edges(trials, rule.fixation)[1], trials.gt.shape[1])
    return "the trial", (0, trials.gt.shape[1])


def _check_oracle(build: Callable[[], Any], seeds: Sequence[int], trials: int, played: Sequence[_Played]) -> Iterator[str]:
    """Check that the ground truth, as played, earns full performance, and at least the reward of random actions."""
    sure = getattr(build().unwrapped, "sure_rewards", True)
    for seed, oracle in zip(seeds, played, strict=True):
        if len(oracle.performance) < trials:
            yield (
                f"seed {seed}: trial {len(oracle.performance)} of the oracle does not end within {MAX_TRIAL_STEPS} steps: "
                'return {"new_trial": True} from `_step`, or shorten the periods'
            )
            return
        breach = next(_check_scale(f"seed {seed}: the oracle scores", oracle.performance), None)
        if breach is not None:
            yield breach
            return
        short = np.nonzero(oracle.performance < 1 - 1e-9)[0]
        if len(short):
            yield (
                f"seed {seed}: the oracle's performance is {oracle.performance[short[0]]:g} in trial {short[0]} "
                f"({len(short)} of {trials} below 1): give full performance to an agent that plays the ground truth"
            )
            return
        for agent in range(3) if sure else ():
            random = _play(build(), seed, trials, _play_randomly, agent_seed=agent).reward
            better = np.nonzero(random > oracle.reward[: len(random)] + 1e-9)[0]
            if len(better):
                k = better[0]
                yield (
                    f"seed {seed}: random actions earn {random[k]:g} in trial {k}, the oracle {oracle.reward[k]:g}: pay the "
                    "ground truth the most, or say `sure_rewards = False` in the class if chance decides"
                )
                return


def _check_scale(scores: str, performance: Array) -> Iterator[str]:
    """Check that performance is from 0 to 1 in every trial; the message begins with whose it is."""
    off = np.nonzero(~((performance >= -1e-9) & (performance <= 1 + 1e-9)))[0]  # what is no number is neither
    if len(off):
        yield (
            f"{scores} {performance[off[0]]:g} in trial {off[0]} ({len(off)} of {len(performance)} not from 0 to 1): set "
            "`performance` to the part of the trial that was right, 1 if all of it was"
        )


def _check_rewards(build: Callable[[], Any], seed: int, oracle: Array) -> Iterator[str]:
    """Check that something can be earned: a reward above 0, or less loss than by doing nothing."""
    task = build().unwrapped
    if not task.has_answer or oracle.max() > 0:
        return
    idle = _play(build(), seed, len(oracle), _play_nothing).reward
    if oracle.mean() <= idle.mean() + 1e-9:
        yield (
            f"no reward can be earned: the ground truth earns {oracle.max():g} at best in {len(oracle)} trials, and doing "
            f"nothing {idle.mean():g} on average, with the rewards {dict(task.rewards)}; pay the right action more, or say "
            "`has_answer = False` in the class"
        )


class _NoiselessDraws(Draws):
    """Draws whose Gaussian noise is 0."""

    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Array | None = None) -> NDArray[np.float32]:
        noise = super().normal(name, shape, first, rows)
        noise.fill(0)
        return noise


def _check_observations(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that every channel is written, and that the observations tell the answer; of the task without its wrappers.

    Images are not checked: what they show may need more than a simple classifier, and more trials.
    """
    env = build()
    task = env.unwrapped
    space = task.observation_space
    if not task.has_answer or len(space.shape or ()) != 1:
        return
    chunk = min(PROBED_TRIALS, _limit_trials(lambda: task, PROBED_TRIALS, PROBED_BYTES))
    draws = _NoiselessDraws(seed)
    written, features, answers = np.zeros(space.shape, bool), [], []
    for _ in range(0, PROBED_TRIALS, chunk):
        trials = sample_trials(task, chunk, None, draws, {})
        ob = trials.ob
        written |= (ob != 0).any(axis=(0, 1)) & (ob != task.blank)[trials.mask].any(axis=0)
        features.append(_features(trials))
        answers.append(_answers(trials))
    if task.rule.is_interactive:  # what the rule shows is not in the trials
        for agent in (_play_oracle, _play_randomly):
            shown = [back[0][: len(written)] for back in _play(env, seed, 4, agent, keep=True).returns]
            written |= np.any(np.array(shown) != 0, axis=0)
    names = names_of(space)
    for name in task.unused_channels:
        written[channels(space, name)] = True
    blank = np.nonzero(~written)[0]
    if len(blank):
        named = [name for name in names if np.isin(np.atleast_1d(names[name]), blank).any()]
        yield (
            f"nothing is ever written to the channels {blank.tolist()} of {named or 'the observations'}: show something "
            "there, take them out of the space, or name them in `unused_channels` of the class"
        )
    elif task.observable_answer and not task.rule.is_interactive:
        yield from _check_answer(np.concatenate(features), np.concatenate(answers))


def _features(trials: Trials) -> Array:
    """Return what the probe sees of n trials: of each period, the mean of each of its parts and the sum, (n, features)."""
    ob = trials.ob
    sums = np.concatenate([np.zeros((trials.n, 1, ob.shape[2])), np.cumsum(ob, axis=1, dtype=float)], axis=1)
    rows, found = np.arange(trials.n), []
    starts, ends = trials.start or {"": np.zeros(trials.n, int)}, trials.end or {"": trials.lengths}
    for period, start in starts.items():
        cuts = [start + (ends[period] - start) * part // BINS for part in range(BINS + 1)]
        for first, last in itertools.pairwise(cuts):
            found.append((sums[rows, last] - sums[rows, first]) / np.maximum(last - first, 1)[:, None])
        found.append(sums[rows, ends[period]] - sums[rows, start])
    return np.concatenate(found, axis=1)


def _answers(trials: Trials) -> Array:
    """Return the last ground truth of each trial that is not 0, (n,) or (n, k); 0 in trials without one."""
    due = trials.mask & (trials.gt != 0).reshape(*trials.gt.shape[:2], -1).any(axis=2)
    last = np.where(due.any(axis=1), due.shape[1] - 1 - due[:, ::-1].argmax(axis=1), trials.lengths - 1)
    return trials.gt[np.arange(trials.n), last]


def _check_answer(features: Array, answers: Array) -> Iterator[str]:
    """Check that a simple classifier, or a regression for continuous actions, tells the answers better than chance."""
    if discrete := answers.ndim == 1:
        if np.unique(answers[answers != 0]).size > 1:  # whether there is an answer is easier to tell than which
            features, answers = features[answers != 0], answers[answers != 0]
        answers = answers[:, None] == np.unique(answers)
    answers = answers.reshape(len(answers), -1).astype(float)
    half = len(answers) // 2
    train, test = answers[:half], answers[half:]
    score, chance, error = 0.0, 0.0, 1 / math.sqrt(len(test))  # of correlations
    if discrete:
        chance = test.mean(axis=0).max()
        error = math.sqrt(chance * (1 - chance) / len(test))
    if 1 - chance < 2 * PROBE_ERRORS * error or not (answers.std(axis=0) > 0).any():
        return  # the answer is nearly always the same: only its time may differ, which the probe cannot tell
    for predicted in _predict(features[:half], train, features[half:]):
        if discrete:
            score = max(score, float((predicted.argmax(axis=1) == test.argmax(axis=1)).mean()))
        else:
            score = max(score, *(_correlation(one, two) for one, two in zip(predicted.T, test.T, strict=True)))
    if score < chance + PROBE_ERRORS * error:
        kind = "accuracy" if discrete else "correlation"
        yield (
            f"the observations do not tell the answer: a classifier predicts the ground truth of {len(test)} trials "
            f"without noise with {kind} {score:.2f}, chance is {chance:.2f}; show what decides it, or say "
            "`observable_answer = False` in the class if it is hidden"
        )


def _predict(train: Array, answers: Array, test: Array) -> Iterator[Array]:
    """Return the predictions of ridge regressions on the features, and on all their products up to three."""
    varied = train.std(axis=0) > 1e-9
    if not varied.any():
        return
    mean, scale = train[:, varied].mean(axis=0), train[:, varied].std(axis=0) * math.sqrt(varied.sum())
    train, test = (train[:, varied] - mean) / scale, (test[:, varied] - mean) / scale
    for degree in (1, 3):
        kernel = (1 + train @ train.T) ** degree
        ridge = RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
        yield (1 + test @ train.T) ** degree @ np.linalg.solve(kernel + ridge, answers)


def _correlation(one: Array, two: Array) -> float:
    return float(np.corrcoef(one, two)[0, 1]) if min(one.std(), two.std()) > 1e-9 else 0.0


def _check_replay(build: Callable[[], Any], seeds: Sequence[int], trials: int) -> Iterator[str]:
    """Check that a seed replays, in a new env and in a used one, and that another seed makes other trials."""
    used = build()
    for seed in seeds:
        first = _play(build(), seed, trials, _play_randomly, keep=True)
        for which, env in (("a new env", build()), ("a used env", used)):
            again = _play(env, seed, trials, _play_randomly, keep=True)
            if not _equal(first.returns, again.returns):
                yield (
                    f"seed {seed} does not replay in {which}: draw all that is random from the trials (or `rng`), and carry "
                    "nothing over a reset but in `carried`"
                )
                return
    made = [sample_trials(build(), trials, seed, None, {}) for seed in seeds[:2]]
    if len(made) == 2 and made[0].draws.state["streams"] and _equal(*[(m.ob, m.conditions) for m in made]):
        yield f"the seeds {seeds[0]} and {seeds[1]} make the same trials: draw from the trials' own `draws`"


def _check_batches(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that trials do not depend on how many are generated at a time."""
    whole = list(sample_trials(build(), 24, seed, None, {}))
    for sizes in ([1] * 24, [7, 7, 7, 3], [16, 8]):
        env, draws = build(), Draws(seed)
        parts = [trial for n in sizes for trial in sample_trials(env, n, None, draws, {})]
        for k, (one, two) in enumerate(zip(whole, parts, strict=True)):
            if not _equal((one.ob, one.gt, one.conditions, one.end), (two.ob, two.gt, two.conditions, two.end)):
                yield (
                    f"trial {k} generated in batches of {sizes[0]} differs from the same trial generated in a batch of 24: "
                    "let trials depend on those before only by what is `carried`"
                )
                return
    if getattr(build().unwrapped, "can_prefetch", True):
        env = build()
        env.reset(seed=seed)
        for k, trial in enumerate(whole[:8]):
            if not _equal((trial.ob, trial.gt), (env.unwrapped.ob, env.unwrapped.gt)):
                yield (
                    f"trial {k} of sample_trials(seed={seed}) is not the trial that reset(seed={seed}) plays: say "
                    "`can_prefetch = False` in the class if trials depend on what the agent does"
                )
                return
            env.new_trial()


def _check_forced(build: Callable[[], Any], seed: int) -> Iterator[str]:
    """Check that each condition can be forced, and that forcing it changes the trials."""
    env = build()
    drawn = sample_trials(env, 64, seed, None, {})
    if is_one_at_a_time(env):  # which of its conditions can be forced, such a task does not say: those of one number or text
        for name, values in drawn.conditions.items():
            if values.ndim == 1 and values.dtype != object:
                try:
                    sample_trials(env, 16, seed, None, {name: values[0]})
                except ValueError as error:
                    yield str(error)
        return
    for name in sorted(drawn.forceable):
        values = drawn.conditions[name]
        rows, first = np.unique(values.reshape(len(values), -1), axis=0, return_index=True)
        try:
            made = [sample_trials(env, 16, seed, None, {name: values[first[k]]}) for k in sorted({0, len(rows) - 1})]
        except ValueError as error:
            yield str(error)
            continue
        for trials, k in zip(made, sorted({0, len(rows) - 1}), strict=True):
            if not (trials.conditions[name] == values[first[k]]).all():
                yield (
                    f"the condition {name!r} forced to {_shown(values[first[k]])} is not kept: do not overwrite it after "
                    "it is drawn"
                )
                break
        if len(made) == 2 and _same_trials(env.unwrapped, *made):
            yield (
                f"forcing the condition {name!r} changes neither observations nor ground truth nor rewards: use what "
                "`choice` (or another draw) returns, or record it with `set`"
            )


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
            yield f"lanes ({mode.value}) begin otherwise than single envs with their seeds: keep no state but in `carried`"
            return
        for step in range(10 * trials):
            actions = lanes.action_space.sample()
            if rng.random() < 0.7:  # random actions alone often abort, and would never reach the end of a trial
                actions = np.array([env.unwrapped.gt_now for env in singles.envs], actions.dtype)  # type: ignore[attr-defined]
            before, back = back, lanes.step(actions)
            for name, one, two in zip(RETURN_NAMES, back, singles.step(actions), strict=True):
                if not _equal(one, two):
                    yield (
                        f"step {step}: the {name} of lanes ({mode.value}) and of single envs with their seeds differ: make "
                        "`step_one` and `step_many` of the rule agree"
                    )
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
            check_env(_WithoutNan(build()), skip_render_check=True)
    for warning in caught:
        message = " ".join(re.sub(r"\x1b\[\d+m", "", str(warning.message)).split())
        if not any(expected in message for expected in EXPECTED_WARNINGS):
            yield f"Gymnasium's checker warns: {message}"


class _WithoutNan(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Puts None in the place of NaN in infos, which Gymnasium's checker compares by ``==``: NaN is not equal to itself."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        ob, info = self.env.reset(**kwargs)
        return ob, _without_nan(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        *others, info = self.env.step(action)
        return *others, _without_nan(info)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def _check_chance(chance: float | None, performance: Array) -> Iterator[str]:
    """Check that random actions score the stated chance level, within 3.5 standard errors."""
    if chance is None or len(performance) == 0:
        return
    error = 3.5 * np.sqrt(max(float(performance.var()), chance * (1 - chance), 1e-4) / len(performance))
    if abs(performance.mean() - chance) > error:
        yield (
            f"random actions score {performance.mean():.3f} +- {error:.3f} in {len(performance)} trials, not {chance:.3f}: "
            "correct `chance` of the class, or say None if it is not known"
        )


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
    if type(one) is type(two) and type(one) in PLAIN:  # most values are; NumPy would take ten times as long to compare them
        return bool(one == two or (one != one and two != two))
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(_equal(one[k], two[k]) for k in one)
    if isinstance(one, (list, tuple)):  # an array may hold the same texts as a tuple: lanes have arrays
        return hasattr(two, "__len__") and len(one) == len(two) and all(map(_equal, one, two))
    if isinstance(two, tuple):
        return _equal(two, one)
    one, two = np.asarray(one), np.asarray(two)
    if (
        one.ndim == 2 and one.dtype.kind == "U" and two.dtype == object and two.ndim == 1
    ):  # rows of texts, and tuples of them
        return _equal(one.tolist(), [[""] * one.shape[1] if texts is None else texts for texts in two])
    if one.dtype.kind == "O" and one.ndim:
        return one.shape == two.shape and all(map(_equal, one, two))
    if one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes():
        return True
    floats = one.dtype.kind == "f" and two.dtype.kind == "f"
    return one.shape == two.shape and np.array_equal(one, two, equal_nan=floats)


def _shown(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=8, precision=4)
