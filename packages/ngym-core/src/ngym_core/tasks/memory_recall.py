"""Memory recall: store marked patterns and complete them from corrupted versions."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Count, Flag, GivenArgument, Number, Size
from ngym_core.env import TrialEnv
from ngym_core.rules import Rule
from ngym_core.spaces import Box, named_box
from ngym_core.trials import Trials

Array = NDArray[Any]


class Recall(Rule):
    """During recall, each step costs the mean distance to the pattern.

    Performance is the share of the elements of all recalled patterns that are closer to the right value
    than to the wrong one.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of the recall period."""
        opens, closes = trials.span("recall")
        return {"opens": opens, "closes": closes, "hits": 0, "all": (closes - opens) * task.stim_dim, "middle": task.middle}

    def step_one(self, task: Any, now: Any, action: Array) -> tuple[float, bool]:
        """Evaluate one action."""
        if not now.opens <= now.step < now.closes:
            return 0.0, False
        now.hits += int(((action > now.middle) == (now.gt > now.middle)).sum())
        now.performance = now.hits / now.all
        return -float(np.abs(now.gt - action).mean()), False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        recalls = (now.opens <= now.step) & (now.step < now.closes)
        middle = now.middle[:, None]
        now.hits += ((action > middle) == (now.gt > middle)).sum(axis=1) * recalls
        now.performance[:] = now.hits / now.all
        return np.where(recalls, -np.abs(now.gt - action).mean(axis=1), 0.0), np.zeros(len(action), bool)


class MemoryRecall(TrialEnv):
    """Watch a series of random patterns, store those that are marked, and complete each from a corrupted version.

    Channels:
        pattern: 0 to stim_dim - 1. The pattern, 1 or -1 (`balanced`), else 1 or 0; while recalling, the pattern in
            which elements are unknown (0, `balanced`) or flipped.
        store: stim_dim to stim_dim + store_signal_dim - 1. 1 when the pattern is to be stored.

    Actions:
        pattern: 0 to stim_dim - 1. While recalling, the whole pattern.

    Periods (ms):
        storage: The rest of the trial, one step for each pattern.
        recall: A share `p_recall` of the trial (at least one step), one step for each stored pattern, in random order.

    Conditions:
        t: t_min to t_max. Length of the trial in steps.

    The ground truth is 0 in storage. While recalling, each step costs the mean distance between action and pattern
    (reward 0 at best). Performance is the share of the elements of all recalled patterns that are nearer to the
    right value than to the other.

    Args:
        dt: Time step in ms.
        stim_dim: Elements of a pattern.
        store_signal_dim: Channels that mark a pattern.
        t_min: Least length of a trial in steps.
        t_max: Greatest length, by default `t_min`.
        t_distribution: ``uniform``.
        p_recall: Share of the trial in which patterns are recalled, at most a half.
        chance: Share of the elements that are right by chance: `balanced`, all known elements and half of the
            unknown ones; else, those that are not flipped.
        balanced: Whether elements are 1 or -1 and may be unknown, or 1 or 0 and may be flipped.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Sizes, lengths or shares that are outside of these ranges, or another distribution.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["working memory", "supervised", "continuous action space"]}
    rule = Recall()
    chance: ClassVar[Any] = GivenArgument("chance", 1 / 2)  # of an agent that acts at random, whatever the argument is
    fixed_parameters = ("stim_dim", "store_signal_dim")

    def __init__(
        self,
        dt: float = 1,
        stim_dim: Count = 10,
        store_signal_dim: Count = 1,
        t_min: Size = 15,
        t_max: Size | None = 25,
        t_distribution: Literal["uniform"] = "uniform",
        p_recall: Annotated[float, Number(0, 0.5)] = 0.1,
        chance: Annotated[float, Number(0.5, 1)] = 0.7,
        balanced: Flag = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, **kwargs)
        t_max = t_min if t_max is None else t_max
        if t_max < t_min:
            raise ValueError(f"t_max={t_max} must not be below t_min={t_min}.")
        self.t_min, self.t_max, self.p_recall, self.balanced = t_min, t_max, p_recall, balanced
        self.stim_dim, self.store_signal_dim = stim_dim, store_signal_dim
        marks = range(stim_dim, stim_dim + store_signal_dim)
        self.observation_space = named_box({"pattern": range(stim_dim), "store": marks})
        self.action_space = Box(-1, 1, {"pattern": range(stim_dim)}, shape=(stim_dim,))

    @property
    def low(self) -> int:
        """The lower value of an element; the higher one is 1."""
        return -1 if self.balanced else 0

    @property
    def middle(self) -> float:
        """The number between both values of an element."""
        return (1 + self.low) / 2

    @property
    def p_changed(self) -> float:
        """Probability that an element is unknown, or flipped."""
        return (1 - self._parameters["chance"]) * (2 if self.balanced else 1)  # type: ignore[no-any-return]

    def _new_trials(self, trials: Trials) -> None:
        n, draws, cells = trials.n, trials.draws, (trials.n, self.t_max, self.stim_dim)
        t = trials.choice("t", np.arange(self.t_min, self.t_max + 1))
        recalled = np.maximum(1, (self.p_recall * t).astype(int))
        stored = t - recalled
        # One byte for each element: many more are drawn and moved than in other tasks.
        high = (draws.random("pattern", n, cells[1] * cells[2]) > 0.5).view(np.int8).reshape(-1, self.stim_dim)
        pattern = high * np.int8(1 - self.low) + np.int8(self.low)
        changed = draws.random("change", n, cells[1] * cells[2]).reshape(cells) < self.p_changed
        order = draws.random("order", n, self.t_max)
        order = np.argsort(np.where(np.arange(self.t_max) < stored[:, None], order, 2), axis=1)
        trials.add_period(["storage", "recall"], [stored * self.dt, recalled * self.dt])

        step = np.arange(int(t.max()))
        recalls = (step >= stored[:, None]) & (step < t[:, None])
        source = np.take_along_axis(order, np.where(recalls, step - stored[:, None], 0), axis=1)
        first = np.arange(0, n * self.t_max, self.t_max)[:, None]  # of each trial among the patterns of all
        shown = pattern.take(first + np.where(recalls, source, step), axis=0)
        hidden = recalls[..., None] & changed[:, : len(step)]
        seen = shown * ~hidden if self.balanced else shown ^ hidden  # a hidden element is unknown, or flipped
        trials.ob[..., : self.stim_dim] = seen * trials.mask[..., None]
        marked = np.argsort(order, axis=1)[:, : len(step)] < recalled[:, None]
        trials.ob[..., self.stim_dim :] = (marked & ~recalls)[..., None]
        trials.gt[:] = shown * recalls[..., None]
