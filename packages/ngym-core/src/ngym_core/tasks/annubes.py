"""Annubes: detect stimuli of several senses, among catch trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Finite, Flag, Index, Integers, NonNegative, Positive, Probability
from ngym_core.env import Rewards, TrialEnv
from ngym_core.random import Draws
from ngym_core.rules import Rule
from ngym_core.spaces import Box, Discrete
from ngym_core.trials import Trials

Array = NDArray[Any]
CATCH = "catch"
"""Name of catch trials beside those of the modalities."""


class ReportThroughout(Rule):
    """Report at every step whether a stimulus is on.

    In the stimulus period a step whose action is the ground truth earns `correct`, any other `fail`; one
    right step is full performance. An action other than 0 elsewhere earns `abort`.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of the stimulus period."""
        opens, closes = trials.span("stimulus")
        return {"opens": opens, "closes": closes}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if not now.opens <= now.step < now.closes:
            return (task.rewards["abort"] if action != 0 else 0.0), False
        if action != now.gt:
            return task.rewards["fail"], False
        now.performance = 1.0
        return task.rewards["correct"], False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        inside, right = (now.opens <= now.step) & (now.step < now.closes), action == now.gt
        now.performance[inside & right] = 1.0
        paid = np.where(right, task.rewards["correct"], task.rewards["fail"])
        reward = np.where(inside, paid, np.where(action != 0, task.rewards["abort"], 0.0))
        return reward, np.zeros(len(action), bool)


class Timed:
    """Descriptor of a parameter that is a duration: that of a period in `timing`.

    Args:
        period: The period.
    """

    def __init__(self, period: str) -> None:
        self.period = period

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the duration."""
        return self if instance is None else instance.timing[self.period]

    def __set__(self, instance: Any, value: Any) -> None:
        """Change the duration, after a check."""
        instance.timing[self.period] = value


class AnnubesEnv(TrialEnv):
    """Report whenever a stimulus of any sense is on; in catch trials none is.

    Channels:
        fixation: 0. fix_intensity during fixation.
        start: 1. 1 in the stimulus period, in catch trials too.
        a: 2. With the default session: intensity of the auditory stimulus, with noise; one channel for each modality.
        v: 3. That of the visual stimulus.

    Actions:
        fixation: 0.
        choice: 1. There is a stimulus.

    Periods (ms):
        fixation: 500.
        stimulus: 1000.
        iti: 0.

    Conditions:
        catch: Whether there is no stimulus; it may be forced.
        stim_types: The modalities of the stimulus, joined by +; empty in catch trials. It may be forced.
        stim_values: (modalities,). Their intensities, 0 where there is none.
        sequential_count: (modalities + 1,). How often in a row each modality, and catch, has come.

    Rewards:
        abort: -0.1. An action other than 0 outside the stimulus period.
        correct: 1.0. The right report, at each step of the stimulus period.
        fail: 0.0. Another report.

    Full performance is reporting right in at least one step.

    Args:
        session: Modality, or several shown together -> relative probability; by default v and a equally.
        catch_prob: Probability of a catch trial.
        intensities: Intensities of all modalities, or modality -> intensities; by default 0.8, 0.9 and 1.
        stim_time: Duration of the stimulus (ms), or any timing value.
        max_sequential: How often a modality may come in a row: a number for all, or modality (or catch) -> number.
        fix_intensity: Value of the fixation channel.
        fix_time: Duration of fixation (ms), or any timing value.
        iti: Duration after the stimulus (ms), or any timing value.
        dt: Time step in ms.
        tau: Time constant of the noise in ms.
        output_behavior: One entry for each action.
        noise_std: Noise of the stimulus; its standard deviation per step is noise_std * sqrt(2 * tau / dt).
        rewards: Values that replace the defaults.
        random_seed: Seed, like that of `reset`.
        frozen_seed: No effect; a copy of the env always continues like the original.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        TypeError: A session, intensities or limits of another type.
        ValueError: Invalid probabilities, modalities or limits.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["n-alternative", "perceptual", "supervised"]}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ReportThroughout()
    chance = 1 - 2**-10
    unused_channels = ("fixation",)  # `fix_intensity` is 0 by default
    fixed_parameters = ("session",)  # its modalities are channels
    fix_time: Any = Timed("fixation")
    stim_time: Any = Timed("stimulus")
    iti: Any = Timed("iti")

    def __init__(
        self,
        session: Mapping[Any, float] | None = None,
        catch_prob: Probability = 0.5,
        intensities: Mapping[str, Sequence[float]] | Sequence[float] | None = None,
        stim_time: Any = 1000,
        max_sequential: Mapping[str, int | None] | int | None = None,
        fix_intensity: Finite = 0,
        fix_time: Any = 500,
        iti: Any = 0,
        dt: float = 100,
        tau: Positive = 100,
        output_behavior: Integers | None = None,
        noise_std: NonNegative = 0.01,
        rewards: Rewards = None,
        random_seed: Index | None = None,
        frozen_seed: Flag = False,
        **kwargs: Any,
    ) -> None:
        self.default_timing = {"fixation": 500, "stimulus": 1000, "iti": 0}
        if "timing" in kwargs:
            raise TypeError("The durations of AnnubesEnv are its arguments fix_time, stim_time and iti; it has no timing.")
        given = {"fixation": fix_time, "stimulus": stim_time, "iti": iti}
        super().__init__(dt, rewards=rewards, timing=given, **kwargs)
        self.session = _session({"v": 0.5, "a": 0.5} if session is None else session)
        self.modalities = sorted({m for kind in self.session for m in kind})
        self.catch_prob, self.tau, self.noise_std = catch_prob, tau, noise_std
        self.intensities = _intensities(intensities, self.modalities)
        self.limits = _limits(max_sequential, [*self.modalities, CATCH])
        self.fix_intensity = fix_intensity
        actions = [0, 1] if output_behavior is None else output_behavior
        if len(actions) < 2:
            raise ValueError(f"output_behavior={output_behavior!r} must be two or more actions, the first for no response.")
        names = {"fixation": 0, "start": 1, **{m: 2 + i for i, m in enumerate(self.modalities)}}
        self.observation_space = Box(0.0, 1.0, names, shape=(2 + len(self.modalities),))
        self.action_space = Discrete(len(actions), {"fixation": 0, "choice": range(1, len(actions))})
        self._prepare()
        if random_seed is not None:
            self._draw_from(Draws(random_seed))

    def _prepare(self) -> None:
        """Make the tables of trial kinds (the stimuli, then catch) and of the kinds that the limits allow."""
        self.kinds = [*self.session, ()]
        self.names = np.array(["+".join(kind) for kind in self.kinds])
        self.shown = np.array([[m in kind for m in self.modalities] for kind in self.kinds])
        counted = np.column_stack([self.shown, [False] * (len(self.kinds) - 1) + [True]])
        self.machine = _Limits(counted, np.array([*(p > 0 for p in self.session.values()), True]), self.limits)
        self._probabilities()

    def _probabilities(self) -> Array:
        """Return the probability of each kind in each state of the limits, (states, kinds)."""
        weights = np.array([*((1 - self.catch_prob) * p for p in self.session.values()), self.catch_prob])
        return self.machine.probabilities(weights)

    @property
    def noise_factor(self) -> float:
        """Standard deviation of the noise per step."""
        return self.noise_std * math.sqrt(2 * self.tau / self.dt)

    def _new_trials(self, trials: Trials) -> None:
        trials.add_period(["fixation", "stimulus", "iti"])
        kind = self._kinds(trials)
        caught = trials.set("catch", kind == len(self.kinds) - 1)
        trials.set("stim_types", self.names[kind])
        intensities = _intensities(self.intensities, self.modalities)
        options = [trials.draws.choice(f"intensity/{m}", trials.n, intensities[m]) for m in self.modalities]
        values = trials.set("stim_values", np.stack(options, axis=1) * self.shown[kind])
        trials.add_ob(self.fix_intensity, "fixation", where="fixation")
        trials.add_ob(1, "stimulus", where="start")
        for i, modality in enumerate(self.modalities):
            trials.add_ob(values[:, i], "stimulus", where=modality)
            trials.add_randn(0, self.noise_factor, "stimulus", where=modality, only=self.shown[kind, i])
        np.clip(trials.ob, 0, 1, out=trials.ob)
        trials.set_groundtruth(~caught, "stimulus")

    def _kinds(self, trials: Trials) -> Array:
        """Return the kind of each trial, (n,), forced or drawn within the limits. Counts are carried to later trials."""
        u = trials.draws.random("kind", trials.n)
        # The kind that each state would choose; the scan then finds the state of each trial.
        p = self._probabilities()
        kinds = np.stack([_choose(of_state, u) for of_state in p], axis=1)
        catch, types = trials.forced_value("catch", [False, True]), trials.forced_value("stim_types", self.names)
        if types is not None:
            known = {name: i for i, name in enumerate(self.names.tolist())}
            kinds[:] = np.array([known[name] for name in types.tolist()])[:, None]
        elif catch is not None:
            stimulus = _choose(p[0], u, catch=False)[:, None]
            kinds = np.where(catch[:, None], len(self.kinds) - 1, np.where(kinds == len(self.kinds) - 1, stimulus, kinds))
        after = self.machine.after[np.arange(len(self.machine.counts)), kinds]
        before, states = trials.draws.follow("state", after, 0)
        trials.set("sequential_count", self.machine.counts[states])
        return np.asarray(kinds[np.arange(trials.n), before])


MAX_STATES = 10_000
"""States of the limits, at most; each limit of a modality in a row takes one."""


class _Limits:
    """State machine of the kinds that may come next: its state counts how often each modality (and catch) came in a row.

    Attributes:
        counts: (states, modalities + 1) times in a row; at most 1 without a limit.
        after: (states, kinds) the state after a trial of each kind.
        allowed: (states, kinds) whether the limits allow each kind.

    Args:
        counted: (kinds, modalities + 1) what each kind counts for.
        possible: (kinds,) which of them may come at all.
        limits: How often each modality, and catch, may come in a row.
    """

    def __init__(self, counted: Array, possible: Array, limits: Sequence[int | None]) -> None:
        cap = np.array([1 if limit is None else limit for limit in limits])
        states: dict[tuple[int, ...], int] = {(0,) * len(cap): 0}
        after: list[list[int]] = []
        allowed: list[Array] = []
        # All states that can be reached from the empty counts, breadth first.
        queue = [(0,) * len(cap)]
        while queue:
            if len(states) > MAX_STATES:
                raise ValueError(f"The limits of max_sequential take more than {MAX_STATES:,} states; give smaller ones.")
            counts = np.array(queue.pop(0))
            full = np.array([limit is not None and c >= limit for c, limit in zip(counts, limits, strict=True)])
            allowed.append(~(counted & full).any(axis=1))
            row: list[int] = []
            for kind in counted:
                new = tuple(np.where(kind, np.minimum(counts + 1, cap), 0).tolist())
                if new not in states and (allowed[-1] & possible)[len(row)]:
                    queue.append(new)
                    states[new] = len(states)
                row.append(states.get(new, 0))
            after.append(row)
        self.counts, self.after, self.allowed = np.array(list(states)), np.array(after), np.array(allowed)

    def probabilities(self, weights: Array) -> Array:
        """Return the probability of each kind in each state, (states, kinds), for their weights, (kinds,).

        Raises:
            ValueError: A state in which no kind with a weight above 0 is allowed.
        """
        weighted = np.where(self.allowed, weights, 0.0)
        total = weighted.sum(axis=1, keepdims=True)
        if total.min() <= 0:
            raise ValueError("The limits of max_sequential leave nothing to show after some trials; loosen them.")
        return np.asarray(weighted / total)


def _choose(p: Array, u: Array, *, catch: bool = True) -> Array:
    """Return the kinds (n,) that uniform numbers u (n,) choose by probabilities (kinds,), with or without catch trials."""
    p = p if catch else np.append(p[:-1], 0.0)
    edges = np.cumsum(p) / (p.sum() or 1)
    return np.minimum(np.searchsorted(edges, u, side="right"), len(p) - 1 - (not catch))


def _session(session: Any) -> dict[tuple[str, ...], float]:
    """Check a session and return sorted modalities -> probability, with an entry for each single modality."""
    if not isinstance(session, Mapping):
        raise TypeError(f"session={session!r} must be a dictionary of modalities and probabilities.")
    kinds = {kind: list(kind) if isinstance(kind, tuple) else [kind] for kind in session}
    if not kinds or any(not isinstance(m, str) for kind in kinds.values() for m in kind):
        raise TypeError(f"session={session!r} must have names of modalities, or tuples of these.")
    given = {tuple(sorted(kind)): session[name] for name, kind in kinds.items()}
    if any(m.lower() == CATCH for kind in given for m in kind):
        raise ValueError(f"No modality may be called {CATCH!r}.")
    total = sum(given.values())
    if min(given.values()) < 0 or not 0 < total < math.inf:
        raise ValueError(f"session={session!r} must have probabilities from 0 that are not all 0.")
    prepared: dict[tuple[str, ...], float] = {}
    for kind, p in given.items():
        for m in kind:
            if (m,) not in given:
                prepared.setdefault((m,), 0.0)
        prepared[kind] = p / total
    return prepared


def _intensities(given: Any, modalities: Sequence[str]) -> dict[str, list[float]]:
    if given is None:
        given = [0.8, 0.9, 1.0]
    if isinstance(given, Sequence) and not isinstance(given, str):
        given = dict.fromkeys(modalities, given)
    if not isinstance(given, Mapping):
        raise TypeError(f"intensities={given!r} must be a list, or a dictionary of modalities and lists.")
    if set(given) != set(modalities):
        raise ValueError(f"intensities are given for {sorted(given)}; the modalities are {list(modalities)}.")
    lists = {m: np.atleast_1d(np.asarray(values, float)).tolist() for m, values in given.items()}
    if not all(values and all(map(math.isfinite, values)) for values in lists.values()):
        raise ValueError(f"intensities={given!r} must be finite numbers.")
    return lists


def _limits(given: Any, names: Sequence[str]) -> list[int | None]:
    if given is None or isinstance(given, int):
        given = {name: given for name in names if name != CATCH}
    if not isinstance(given, Mapping):
        raise TypeError(f"max_sequential={given!r} must be a number, a dictionary of modalities and numbers, or None.")
    wrong = {k: v for k, v in given.items() if k not in names or not (v is None or (isinstance(v, int) and v >= 1))}
    if wrong:
        raise ValueError(f"max_sequential has {wrong}; expected numbers from 1 (or None) for {list(names)}.")
    return [given.get(name) for name in names]
