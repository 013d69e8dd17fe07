"""Lever pressing: sequences of presses that earn a reward when they are complete."""

from __future__ import annotations

from math import comb
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Chance, Count, Flag, Integer
from ngym_core.env import Rewards, TrialEnv
from ngym_core.rules import Rule
from ngym_core.spaces import Box, Discrete
from ngym_core.trials import Trials

Array = NDArray[Any]
MAX_LENGTH_FACTOR = 10
"""Greatest length of a trial, in multiples of the steps that a perfect agent needs."""


class PressWhenDue(Rule):
    """Follow the ground truth in every step.

    The last step earns `correct` and full performance. Anything else ends the trial; pressing too
    early earns `early`.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the last step."""
        return {"last": trials.lengths - 1}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if action != now.gt:
            return (task.rewards["early"] if action else 0.0), True
        now.performance = float(now.step == now.last)
        return task.rewards["correct"] * now.performance, bool(now.performance)

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        wrong = action != now.gt
        done = ~wrong & (now.step == now.last)
        now.performance[:] = done
        return np.where(
            done, task.rewards["correct"], np.where(wrong & (action == 1), task.rewards["early"], 0.0)
        ), wrong | done


class LeverPress(TrialEnv):
    """Wait for a cue, then press the lever several times in a row.

    Channels:
        cue: 0. 1 when it is time to press.

    Actions:
        wait: 0.
        press: 1.

    Periods (ms):
        wait: One or more time steps; after each the cue comes with probability `signal_prob`.
        press: One time step for each press; the cue is shown in the first.

    Conditions:
        wait: 1 or more. The number of steps before the cue.

    Rewards:
        correct: 10.0. The last press of the sequence; it ends the trial.
        early: -1.0. A press before the cue; it ends the trial.

    Not pressing during the sequence ends the trial, too. Performance is full if the sequence is complete.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; trials are counted in steps.
        n_press: Number of presses.
        signal_prob: Probability that the cue comes after a step of waiting.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: `n_press` below 1, or a `signal_prob` that is not a probability, or 0.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["operant conditioning", "motor"]}
    default_rewards = {"correct": 10.0, "early": -1.0}
    rule = PressWhenDue()
    chance = 1 / 48  # waiting until the cue: 1/3 (sum of 4**-k); then four presses: 1/16

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: None = None,
        n_press: Count = 4,
        signal_prob: Annotated[float, Chance(above=0, high=1)] = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.n_press = int(n_press)
        self.signal_prob = signal_prob
        self.observation_space = Box(-1, 1, {"cue": 0}, shape=(1,))
        self.action_space = Discrete(2, {"wait": 0, "press": 1})

    def _new_trials(self, trials: Trials) -> None:
        u = trials.draws.random("wait", trials.n)
        with np.errstate(divide="ignore"):
            drawn = 1 + np.floor(np.log1p(-u) / np.log1p(-self.signal_prob)).astype(int)
        wait = trials.condition("wait", drawn, Integer(1))
        trials.add_period(["wait", "press"], [wait * self.dt, self.n_press * self.dt])
        opens = trials.span("press")[0]
        trials.add_ob(1, (opens, opens + 1), where="cue")
        trials.set_groundtruth(1, "press")

    @property
    def optimal_reward(self) -> float:
        """Reward per step of an agent that plays the ground truth."""
        return float(self.rewards["correct"] / (1 / self.signal_prob + self.n_press))


class PressThenPoke(Rule):
    """Press the lever several times, then poke the port once; a poke before that does nothing.

    The poke after the last press ends the trial and earns `correct` times the thirst. Each press and each poke
    also earns `effort` if the task has such a reward. Performance is the smallest possible number of presses and
    pokes, divided by how many it took, times the thirst.
    """

    is_interactive = True

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the number of presses to make, and the thirst at each step."""
        return {"left": task.n_press, "acts": 0, "thirst": trials.conditions["thirst"]}

    def render(self, task: Any, now: Any, ob: Array) -> None:
        """Write the number of presses that are left to the observation."""
        if task.observe_state:
            ob[..., 1] = now.left

    def ground_truth(self, task: Any, now: Any) -> Any:
        """Return the action of the best strategy: press, then rest while the thirst grows, then poke."""
        thirst = now.thirst[now.step] if now.thirst.ndim == 1 else now.thirst[np.arange(len(now.step)), now.step]
        return np.where(np.asarray(now.left) > 0, 1, np.where(thirst < 1, 2, 0))[()]

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        effort = task.rewards.get("effort", 0.0) * (action != 2)
        now.acts += action != 2
        if action == 0 and now.left == 0:
            thirst = float(now.thirst[now.step])
            now.performance = (task.n_press + 1) / now.acts * thirst
            return effort + task.rewards["correct"] * thirst, True
        now.left = max(0, now.left - (action == 1))
        return effort, False

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        effort = task.rewards.get("effort", 0.0) * (action != 2)
        now.acts += action != 2
        done = (action == 0) & (now.left == 0)
        thirst = now.thirst[np.arange(len(action)), now.step]
        now.performance[done] = ((task.n_press + 1) / np.maximum(now.acts, 1) * thirst)[done]
        now.left[:] = np.maximum(0, now.left - (action == 1))
        return effort + np.where(done, task.rewards["correct"] * thirst, 0.0), done


class PokeTask(TrialEnv):
    """Base class of the tasks in which a port is poked after several presses.

    Periods (ms):
        work: 10 * (n_press + 1) time steps; the trial ends before, with the reward.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; trials are counted in steps.
        n_press: Number of presses.
        observe_state: Whether the agent sees how many presses are left.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: `n_press` below 1.
    """

    metadata = {"paper_name": None, "paper_link": None, "tags": ["operant conditioning", "motor", "working memory"]}
    rule = PressThenPoke()
    fixed_parameters = ("n_press", "observe_state")
    shown: ClassVar[str]

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: None = None,
        n_press: Count = 4,
        observe_state: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.n_press, self.observe_state = int(n_press), observe_state
        self.patience = MAX_LENGTH_FACTOR * (self.n_press + 1)
        names = {self.shown: 0, "left": 1} if observe_state else {self.shown: 0}
        self.observation_space = Box(-1, max(1, self.n_press) if observe_state else 1, names, shape=(len(names),))

    def _new_trials(self, trials: Trials) -> None:
        thirst = trials.set("thirst", self._thirst(trials))
        trials.add_period("work", self.patience * self.dt)
        left = np.maximum(0, self.n_press - np.arange(self.patience))
        trials.ob[..., 0] = thirst
        if self.observe_state:
            trials.ob[..., 1] = left
        trials.gt[:] = np.where(left > 0, 1, np.where(thirst < 1, 2, 0))

    def _thirst(self, trials: Trials) -> Array:
        """Return the factor of the reward at each step, (n, steps) from 0 to 1."""
        raise NotImplementedError


class LeverPressWithPoke(PokeTask):
    """Press the lever several times, then poke the port for the reward; the number of presses is not shown.

    Channels:
        box: 0. Always 1.
        left: 1. With `observe_state` only: how many presses are left.

    Actions:
        poke: 0. Without effect while presses are left.
        press: 1. Without effect when none is left.

    Conditions:
        thirst: (steps,). How much the reward is worth at each step, always 1.

    Rewards:
        correct: 1.0. The first poke after the last press; it ends the trial.

    Performance is the number of actions of a perfect agent, divided by how many it took; 0 without a reward.
    """

    default_rewards = {"correct": 1.0}
    chance = sum(5 / t * comb(t - 1, 4) * 0.5**t for t in range(5, 51))  # the step of the reward: negative binomial
    shown = "box"

    def __init__(self, dt: float = 100, **kwargs: Any) -> None:
        super().__init__(dt, **kwargs)
        self.action_space = Discrete(2, {"poke": 0, "press": 1})

    def _thirst(self, trials: Trials) -> Array:
        return np.ones((trials.n, self.patience))

    @property
    def optimal_reward(self) -> float:
        """Reward per step of an agent that plays the ground truth."""
        return float(self.rewards["correct"] / (self.n_press + 1))

    @property
    def optimal_chance_reward(self) -> float:
        """Reward per step of the best agent that presses with the same probability in all steps."""
        n = self.n_press
        p = np.sqrt(n) / (1 + np.sqrt(n))
        return float(self.rewards["correct"] * p * (1 - p) / (n * (1 - p) + p))


class LeverPressWithPokeRest(PokeTask):
    """Press the lever several times, then poke the port; both cost effort, and the reward grows with thirst.

    The reward sets the thirst to 0, where it stays for about eight steps; then it grows to 1 within one step. The best
    strategy is to press, to rest until the thirst is 1, and to poke. The first trial after a seed begins with thirst 1.

    Channels:
        thirst: 0. From 0 to 1.
        left: 1. With `observe_state` only: how many presses are left.

    Actions:
        poke: 0. Without effect, but an effort, while presses are left.
        press: 1. Without effect, but an effort, when none is left.
        rest: 2.

    Conditions:
        thirst: (steps,). The thirst at each step, whatever the agent does.

    Rewards:
        correct: 2.0. Times the thirst: the first poke after the last press; it ends the trial.
        effort: -0.1. Each press and each poke.

    Performance is the number of presses and pokes of a perfect agent, divided by how many it took, times the thirst
    at the reward; 0 without a reward.
    """

    default_rewards = {"correct": 2.0, "effort": -0.1}
    shown = "thirst"

    def __init__(self, dt: float = 100, **kwargs: Any) -> None:
        super().__init__(dt, **kwargs)
        self.action_space = Discrete(3, {"poke": 0, "press": 1, "rest": 2})

    def _thirst(self, trials: Trials) -> Array:
        growth = np.cumsum(0.8 + 0.4 * trials.draws.random("thirst", trials.n, self.patience), axis=1)
        first = trials.draws.previous("thirsty", np.zeros(trials.n, bool), True)
        return np.clip(np.where(first, 1, -8)[:, None] + growth, 0, 1)

    @property
    def optimal_reward(self) -> float:
        """Reward per step of an agent that plays the ground truth; the thirst is full after 9.5 steps on average."""
        earned = self.rewards["correct"] + (self.n_press + 1) * self.rewards["effort"]
        return float(earned / max(self.n_press + 1, 9.5))
