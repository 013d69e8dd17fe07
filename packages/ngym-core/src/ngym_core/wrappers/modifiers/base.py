"""Modifier: base of the wrappers that make another task of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import Number
from ngym_core.random import Draws
from ngym_core.rules import FixateThenChoose
from ngym_core.sampling import layers, sample_trials, tasks_of
from ngym_core.spaces import names_of
from ngym_core.trials import Trials, map_answers
from ngym_core.trials.conditions import Conditions
from ngym_core.wrappers.base import TrialWrapper

__all__ = ["Modifier"]

Array: TypeAlias = NDArray[Any]
PROBED_TRIALS = 32
"""Trials that a modifier looks at when it is made, to know what the task shows and asks for."""
WHEN_DUE = "says when the answer is due, and so does"
"""What a modifier with `times_answer` and `ReactionTime` have in common, for errors."""


class Modifier(TrialWrapper):
    """Base of wrappers that make another task of a task: another answer, other periods, more channels.

    A subclass says in its constructor what it needs (`require_ring`, `require_decision`), in `draw_conditions` what it
    draws, and in `edit_trials` what it changes of n trials. One that turns the answer on the ring calls `turn_answers`, and
    `turn_back` for what is forced: the condition `ground_truth` is always the answer that is paid.

    Args:
        env: A task in which an answer is right if it equals the ground truth (`Rule.pays_ground_truth`).

    Attributes:
        turns_answers: Whether the answer is another one than that of the env inside.
        times_answer: Whether it says when the answer is due, or when each of several is, so that `ReactionTime` cannot.

    Raises:
        ValueError: Another task, or several; `ReactionTime` inside of a modifier that says when the answer is due; a wrapper
            that decides or records choices inside of one that turns them.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers.modifiers.base import Modifier
        >>> class OneToTheRight(Modifier):
        ...     def __init__(self, env):
        ...         super().__init__(env)
        ...         self.require_ring()
        ...     def draw_conditions(self, n, draws, forced):
        ...         return self.turn_back(forced, 1), {}
        ...     def edit_trials(self, trials, draws):
        ...         return self.turn_answers(trials, 1)
        >>> env = OneToTheRight(ngym.make("yang19.go-v0"))
        >>> env.sample_trials(2, seed=0, ground_truth=3).gt[:, -1].tolist()
        [4, 4]
    """

    turns_answers: ClassVar[bool] = False
    times_answer: ClassVar[bool] = False

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if (number := len(tasks_of(env))) > 1:
            raise ValueError(
                f"{type(self).__name__} changes one task, not the {number} of {type(env).__name__}: put it around each of "
                "them."
            )
        self.require_ground_truth_rule()
        for layer in layers(env):
            if self.turns_answers and getattr(type(layer), "names_choices", False):
                raise ValueError(
                    f"{type(self).__name__} turns the answers, and {type(layer).__name__} inside of it would speak of them "
                    f"as they were before: put {type(layer).__name__} around {type(self).__name__}."
                )
            if self.times_answer and getattr(type(layer), "moves_decision", False):
                raise ValueError(f"{type(self).__name__} {WHEN_DUE} {type(layer).__name__}: use one of them.")
        self._choices: Array = np.zeros(0, np.int64)
        self._first_choice: int | None = None

    @classmethod
    def timed_period(cls, env: gymnasium.Env[Any, Any]) -> str | None:
        """Return the period of the task's `timing` that the argument `ms` sets, if put around an env; None by default."""
        return None

    @property
    def added_periods(self) -> dict[str, Any]:
        """Periods that trials have beside those of the task's `timing`: name -> duration in ms; none by default."""
        return {}

    def probe(self, n: int = PROBED_TRIALS) -> Trials:
        """Return trials of the env inside that nobody plays."""
        return sample_trials(self.env, n, None, Draws(0), {})

    # ---- what a modifier needs ---------------------------------------------------------------------

    def require_ring(self, even: bool = False) -> None:
        """Raise if the task has no ring of choices, so that no answer is turned from another.

        Args:
            even: Whether each choice must have an opposite one.

        Raises:
            ValueError: Such a task.
        """
        names = names_of(self.task.action_space)
        choices = np.atleast_1d(np.asarray(names.get("choice", [])))
        theta = getattr(self.task, "theta", None)
        if len(choices) < 2 or theta is None or len(theta) != len(choices):
            raise ValueError(
                f"{type(self).__name__} needs choices on a ring: actions called 'choice', two or more, and as many angles "
                f"(`theta`). {self.task} has the actions {names or self.task.action_space}."
            )
        if even and len(choices) % 2:
            raise ValueError(
                f"{type(self).__name__} needs an even number of choices, so that each has an opposite one; {self.task} has "
                f"{len(choices)}."
            )
        self._choices = choices
        trials = self.probe()
        named = trials.conditions.get("ground_truth")
        if named is not None and named.dtype.kind in "iu" and named.ndim == 1:
            places = self._places(trials.gt)
            first = places[np.arange(trials.n), (places >= 0).argmax(axis=1)]
            offsets = np.unique((named - first)[first >= 0])
            self._first_choice = int(offsets[0]) if len(offsets) == 1 else None

    def require_channels(self) -> int:
        """Return the number of channels that trials have, to which others may be added.

        Raises:
            ValueError: Observations that are no vector of channels, or a wrapper inside that works step by step: it would
                not know the added ones.
        """
        space = self.env.observation_space
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"{type(self).__name__} adds channels to a vector of them, not to {space}.")
        for layer in layers(self.env):
            if getattr(layer, "_changes_steps", False):
                raise ValueError(
                    f"{type(self).__name__} adds channels to trials, and {type(layer).__name__} inside of it works step by "
                    f"step, without these: put {type(layer).__name__} around it instead."
                )
        return int(space.shape[0])

    def require_decision(self) -> str:
        """Return the name of the period in which the task takes answers.

        Raises:
            ValueError: It has none.
        """
        rule = self.task.rule
        if not isinstance(rule, FixateThenChoose):
            raise ValueError(
                f"{type(self).__name__} needs a task that takes answers in a decision period (the rule FixateThenChoose). "
                f"{self.task} has the rule {type(rule).__name__}."
            )
        return rule.decision

    def condition_name(self, name: str) -> str:
        """Return the name under which a condition of this wrapper is recorded, see `TrialWrapper`."""
        known = self.probe(1).conditions
        while name in known:
            name = f"{type(self).__name__}_{name}"
        return name

    def forced_or_drawn(
        self, name: str, drawn: Array, forced: dict[str, Any], options: ArrayLike | Number | None = None
    ) -> Array:
        """Return the values of a condition of this wrapper: what the caller forces, after a check, or what is drawn.

        Args:
            name: Its name, see `condition_name`.
            drawn: (n,) drawn values.
            forced: What the caller forces; the condition is taken out of it, since the env inside does not know it.
            options: What may be forced, see `Trials.condition`.

        Returns:
            (n,) values, to be recorded.

        Raises:
            ValueError: A value that may not be forced.
        """
        own = {name: forced.pop(name)} if name in forced else {}
        return Conditions(len(drawn), own).record(name, drawn, options)

    # ---- answers on a ring -------------------------------------------------------------------------

    def turn_answers(self, trials: Trials, places: ArrayLike) -> Trials:
        """Turn the answers of n trials on the ring, and the conditions that name choices if `ground_truth` names the answer.

        Args:
            trials: The trials.
            places: By how many choices, upwards: a number, or (n,).
        """
        by = np.broadcast_to(places, trials.n)

        def turned(actions: Array, trial: Array) -> Array:
            place, changed = self._places(actions), actions.copy()
            due = np.nonzero(place >= 0)[0]  # a small part of all
            changed[due] = self._choices[(place[due] + by[trial[due]]) % len(self._choices)]
            return changed

        map_answers(trials, turned)
        if self._first_choice is not None:
            for name in self.task.choice_conditions:
                turned_on: Any = trials.conditions[name] - self._first_choice + by
                trials.set(name, turned_on % len(self._choices) + self._first_choice)
        return trials

    def turn_back(self, forced: Mapping[str, Any], places: ArrayLike) -> dict[str, Any]:
        """Return the forced conditions for the env inside: of a forced answer, the one from which it is turned."""
        first, changed = self._first_choice, dict(forced)
        for name in self.task.choice_conditions:
            if first is None or name not in forced:
                continue
            named = np.asarray(forced[name])
            valid = named.dtype.kind in "iuf" and np.isin(named, np.arange(first, self._end)).all()
            if valid and not (named.ndim and np.ndim(places) and named.shape != np.shape(places)):
                place: Any = named.astype(np.int64) - first - np.asarray(places)
                changed[name] = place % len(self._choices) + first
        return changed  # the task says what is wrong with others

    @property
    def _end(self) -> int:
        """The number after the last choice in the condition `ground_truth`."""
        return (self._first_choice or 0) + len(self._choices)

    def _places(self, actions: Array) -> Array:
        """Return the place on the ring of each action, -1 where it is none of the choices."""
        places = np.full(int(self.task.action_space.n), -1)  # type: ignore[attr-defined]
        places[self._choices] = np.arange(len(self._choices))
        return places[actions]

    def _decide(
        self, n: int, draws: Draws, forced: dict[str, Any], factors: Any
    ) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Draw the conditions of n trials. A forced answer is another one inside, which overrules nothing."""
        to_force, recorded = self.draw_conditions(n, self.own_draws(draws), dict(forced))
        return to_force, recorded, factors
