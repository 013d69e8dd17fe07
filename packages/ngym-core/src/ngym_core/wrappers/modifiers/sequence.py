"""Sequence: a modifier that asks for a sequence of answers."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Milliseconds, Number
from ngym_core.random import Draws
from ngym_core.rules import AnswerInSequence
from ngym_core.sampling import layers
from ngym_core.trials import Trials, map_answers_by_step
from ngym_core.wrappers.modifiers.base import Modifier
from ngym_core.wrappers.modifiers.interval import MS_PER_PLACE, Direction, sign_of

Array: TypeAlias = NDArray[Any]
MS = Number(above=0, unit="ms")
ROUNDING = 1e-9
"""Added before a time is cut to whole elements: 0.3 ms / 0.1 ms is a little below 3."""


class Sequence(Modifier):
    """Ask for a sequence of answers: the task's answer first, then one choice further on the ring each 100 ms.

    The rule of the task becomes `AnswerInSequence`, which judges and pays each step of the decision. Where the task asks to
    withhold, that is right throughout. The condition `ground_truth` is the first answer.

    Rewards:
        correct: default of the task. For the whole sequence; each right answer earns its share, and the trial goes on.
        fail: default of the task. For a decision without a right answer; each wrong one costs its share.

    Args:
        env: A task with choices on a ring and a decision period.
        direction: Which way: ``right`` to higher numbers, ``left`` to lower ones.
        ms: Duration of the decision period, a new value of the task's `timing`; None leaves that as it is.

    Raises:
        ValueError: A task without these, another direction, or a second sequence.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("yang19.go-v0", wrappers=[("Sequence", {"direction": "left", "ms": 600})])
        >>> trial = env.sample_trials(1, seed=0, ground_truth=2)[0]
        >>> trial.gt[trial.start["decision"] :].tolist()
        [3, 2, 1, 16, 15, 14]
        >>> _ = env.reset(seed=0)
        >>> round(sum(env.step(env.gt_now)[1] for _ in range(16)), 6)  # the whole sequence earns `correct`
        1.0
    """

    metadata = {
        "description": "Asks for a sequence of answers.",
        "paper_name": "Winning the lottery with neurobiology: faster learning on many cognitive tasks with fixed sparse "
        "RNNs",
        "paper_link": "https://arxiv.org/abs/2207.03523",
    }

    times_answer = True

    def __init__(self, env: gymnasium.Env[Any, Any], direction: Direction = "right", ms: Milliseconds | None = 1000) -> None:
        super().__init__(env)
        self.require_ring()
        self._decision = self.require_decision()
        if any(isinstance(layer, Sequence) for layer in layers(env)):
            raise ValueError(f"{self.task} asks for a sequence of answers already: use one modifier Sequence, not two.")
        self.direction = direction
        task = self.task
        task.rule = AnswerInSequence(task.rule.fixation, task.rule.decision, task.rule.pays_withholding)  # type: ignore[attr-defined]
        self.ms = ms
        self.chance = 1 / int(task.action_space.n)  # type: ignore[attr-defined]

    @classmethod
    def timed_period(cls, env: gymnasium.Env[Any, Any]) -> str | None:
        """Return the name of the decision period."""
        return getattr(getattr(env.unwrapped, "rule", None), "decision", None)

    @property
    def ms(self) -> Any:
        """Duration of the decision period, that of the task's `timing`; a number that is assigned becomes it."""
        return self.task.timing[self._decision]

    @ms.setter
    def ms(self, value: float | None) -> None:
        if value is not None:
            MS.check("ms", value)
            self.task.timing[self._decision] = value

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Let each step of the decision ask for an answer further on."""

        def further_on(actions: Array, trial: Array, step: Array) -> Array:
            further = np.floor(step * self.task.dt / MS_PER_PLACE + ROUNDING).astype(np.int64)
            places = self._places(actions)
            turned = self._choices[(places + sign_of(self.direction) * further) % len(self._choices)]
            return np.where(places >= 0, turned, actions)

        map_answers_by_step(trials, self._decision, further_on)
        return trials
