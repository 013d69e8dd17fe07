"""Bandits: choices with random rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Count, Number
from ngym_core.env import Rewards, TrialEnv
from ngym_core.rules import Rule, TakeAtOnce
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class Bandit(TrialEnv):
    """Pull one of n arms that pay with different probabilities; each pull is a trial.

    The ground truth is the arm with the highest expected reward (the first of several), and choosing one
    of these is full performance, whatever its reward in this trial.

    Channels:
        none: 0. Always 0.

    Actions:
        arm: 0 to n - 1.

    Periods (ms):
        choice: One time step.

    Conditions:
        p: (n,). Probability that each arm pays.
        rewards: (n,). What each pays.
        payoff: (n,). What each would pay in this trial.
        value: (n,). What each pays on average.

    Args:
        dt: Time step in ms.
        n: Number of arms.
        p: Probability that each arm pays, by default 0.5.
        rewards: What each arm pays, by default 1.
        timing: No effect; a trial is one time step.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Not one probability and one reward for each arm.
    """

    metadata = {
        "paper_name": "Prefrontal cortex as a meta-reinforcement learning system",
        "paper_link": "https://www.nature.com/articles/s41593-018-0147-8",
        "tags": ["n-alternative"],
    }
    rule = TakeAtOnce()
    chance = 1.0  # the arms are equal by default
    sure_rewards = False
    observable_answer = False
    unused_channels = ("none",)
    fixed_parameters = ("n",)

    def __init__(
        self,
        dt: float = 100,
        n: Count = 2,
        p: Annotated[Sequence[float], ArrayOf(each=Number(0, 1))] | None = None,
        rewards: Annotated[Sequence[float], ArrayOf()] | None = None,
        timing: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, timing=timing, **kwargs)
        self.n = n
        self.p = _for_each_arm("p", n, 0.5, p)
        self.payments = _for_each_arm("rewards", n, 1.0, rewards)
        self.observation_space = named_box({"none": 0})
        self.action_space = Discrete(n, {"arm": range(n)})

    def _new_trials(self, trials: Trials) -> None:
        p = trials.choice("p", [_for_each_arm("p", self.n, 0.5, self.p)], allow=Number(0, 1))
        payments = trials.choice("rewards", [_for_each_arm("payments", self.n, 1.0, self.payments)], allow="any")
        luck = trials.draws.random("luck", trials.n)[:, None]
        trials.set("payoff", (luck < p) * payments)
        value = trials.set("value", p * payments)
        trials.add_period("choice", self.dt)
        trials.set_groundtruth(value.argmax(axis=1))


def _for_each_arm(name: str, n: int, default: float, given: Any) -> NDArray[Any]:
    values = np.full(n, default) if given is None else np.asarray(given, float)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ValueError(f"{name}={given!r} must have a number for each of the {n} arms.")
    return values


class TwoSteps(Rule):
    """Choose, see where the choice leads, and fixate.

    The first action leads to a state and earns the reward of this state; not choosing earns `abort` and ends the trial.
    In the second step any action but 0 earns `abort`, and the trial ends. Performance is full if the first
    choice is the one that leads to the better state more often.
    """

    is_interactive = True

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the state that each choice leads to, and the reward of each state."""
        transition, reward = trials.conditions["transition"], trials.conditions["reward"]
        facts = {f"to{a}": transition[:, a] for a in (1, 2)} | {f"pays{s}": reward[:, s - 1] for s in (1, 2)}
        return {**facts, "best": trials.conditions["hi_state"] + 1, "state": 0}

    def render(self, task: Any, now: Any, ob: NDArray[Any]) -> None:
        """Show the state."""
        ob[...] = np.arange(3) == np.asarray(now.state)[..., None]

    def ground_truth(self, task: Any, now: Any) -> Any:
        """Return the better choice in the first step, then 0."""
        return now.best * (now.step == 0)

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.step > 0:
            return (task.rewards["abort"] if action else 0.0), True
        if action == 0:
            return task.rewards["abort"], True
        now.state = now.to1 if action == 1 else now.to2
        now.performance = float(action == now.best)
        return float(now.pays1 if now.state == 1 else now.pays2), False

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        first = now.step == 0
        chooses = first & (action != 0)
        leads_to = np.where(action == 1, now.to1, now.to2)
        now.state[chooses] = leads_to[chooses]
        now.performance[chooses] = (action == now.best)[chooses]
        paid = np.where(leads_to == 1, now.pays1, now.pays2)
        wrong = first == (action == 0)  # no choice in the first step, or an action in the second
        return np.where(chooses, paid, np.where(wrong, task.rewards["abort"], 0.0)), ~chooses


class DawTwoStep(TrialEnv):
    """Choose between two actions that lead to two states, mostly to "their" one; the better state changes at times.

    The reward comes with the first choice; in the second step the agent fixates.

    Channels:
        start: 0. 1 before the choice.
        state1: 1. 1 if the choice led to state 1.
        state2: 2. 1 if it led to state 2.

    Actions:
        fixation: 0.
        choice: 1 to 2. Each leads to the state of its number with probability 0.8.

    Periods (ms):
        choice: One time step.
        outcome: One time step.

    Conditions:
        transition: (3,). Where each action leads in this trial; nothing for action 0.
        reward: (2,). What each state pays.
        hi_state: 0 or 1. The better state pays with probability 0.9, the other with 0.1; both change roles with
            probability 0.025 before each trial.

    Rewards:
        abort: -0.1. Not choosing, or acting in the second step; it ends the trial.
        correct: 1.0. What a state pays when it does.

    The ground truth is the action that leads to the better state more often, and choosing it is full
    performance, whatever the outcome.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; a trial is two time steps.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Model-Based Influences on Humans Choices and Striatal Prediction Errors",
        "paper_link": "https://www.sciencedirect.com/science/article/pii/S0896627311001255",
        "tags": ["two-alternative"],
    }
    default_rewards = {"abort": -0.1, "correct": 1.0}
    rule = TwoSteps()
    chance = 1 / 3
    sure_rewards = False
    observable_answer = False

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: None = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.p1 = self.p2 = 0.8
        self.p_switch = 0.025
        self.high_reward_p, self.low_reward_p = 0.9, 0.1
        self.observation_space = named_box({"start": 0, "state1": 1, "state2": 2})
        self.action_space = Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: Trials) -> None:
        u = {name: trials.draws.random(name, trials.n) for name in ("to1", "to2")}
        to = np.where(u["to1"] < self.p1, 1, 2), np.where(u["to2"] < self.p2, 2, 1)
        better = trials.switching("hi_state", self.p_switch)
        u |= {name: trials.draws.random(name, trials.n) for name in ("high", "low")}
        paid = np.where(u["high"] < self.high_reward_p, 1, 0), np.where(u["low"] < self.low_reward_p, 1, 0)
        reward = np.where(better == 0, paid, paid[::-1]) * self.rewards["correct"]
        trials.set("reward", reward.T)
        transition = trials.set("transition", np.stack([np.zeros(trials.n, int), *to], axis=1))
        trials.add_period(["choice", "outcome"], [self.dt, self.dt])
        trials.add_ob(1, "choice", where="start")
        trials.add_ob(np.eye(3)[transition[np.arange(trials.n), better + 1]], "outcome")
        trials.set_groundtruth(better + 1, "choice")
