"""Pneumostome opening: a pond snail chooses where and how to breathe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Text
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.errors import unknown_name
from ngym_core.rules import Rule
from ngym_core.spaces import Box, Discrete
from ngym_core.trials import Trials

Array = NDArray[Any]
NUM_DEPTHS = 4
MIN_OXYGEN = 0.25
"""Oxygen below which the trial ends; a breath through the skin adds 1."""
PNEUMOSTOME, SKIN, UP, DOWN = range(4)
PHASES: Mapping[str, Mapping[str, float]] = {
    "set_default_behavior": {"swim": 0.1, "skin": 0.5, "pneumostome": 1.0},
    "training_session": {"swim": 0.1, "skin": 1.0, "pneumostome": -1.0},
    "testing_session": {"swim": 0.0, "skin": 0.0, "pneumostome": 0.0},
}


class Breathe(Rule):
    """Breathe through the pneumostome at the surface, breathe through the skin anywhere, or swim up and down.

    Each of them earns its reward; the pneumostome earns nothing below the surface. Oxygen rises with each breath and
    decays while swimming; if it is used up, the trial ends. Performance is the share of the steps of the trial in
    which the snail does what earns the most.
    """

    is_interactive = True

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the initial depth and oxygen of the snail, and the length of the trial."""
        return {"depth": trials.conditions["depth"], "oxygen": 10.0, "steps": trials.lengths, "hits": 0}

    def render(self, task: Any, now: Any, ob: Array) -> None:
        """Write the depth to the observation."""
        ob[...] = np.arange(NUM_DEPTHS) == np.asarray(now.depth)[..., None]

    def ground_truth(self, task: Any, now: Any) -> Any:
        """Return the action that earns the most in the rest of the trial."""
        return task.best_action(now.depth, now.steps - now.step)

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        now.hits += int(action == now.gt)
        now.performance = now.hits / now.steps
        earned = 0.0
        if action == SKIN:
            earned, now.oxygen = task.rewards["skin"], now.oxygen + 1
        elif action != PNEUMOSTOME:
            earned, now.oxygen = task.rewards["swim"], now.oxygen * task.decay
            now.depth = min(max(now.depth + (1 if action == DOWN else -1), 0), NUM_DEPTHS - 1)
        elif now.depth == 0:
            earned, now.oxygen = task.rewards["pneumostome"], now.oxygen + 5
        return earned, now.oxygen < MIN_OXYGEN

    def step_many(self, task: Any, now: Any, action: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        now.hits += action == now.gt
        now.performance[:] = now.hits / now.steps
        skin, swims, opens = action == SKIN, action >= UP, (action == PNEUMOSTOME) & (now.depth == 0)
        now.oxygen[:] = np.where(swims, now.oxygen * task.decay, now.oxygen + skin + 5.0 * opens)
        now.depth[:] = np.clip(now.depth + (action == DOWN) - (action == UP), 0, NUM_DEPTHS - 1)
        paid = [task.rewards["skin"], task.rewards["swim"], task.rewards["pneumostome"]]
        return np.select([skin, swims, opens], paid, 0.0), now.oxygen < MIN_OXYGEN


class Pneumostomeopening(TrialEnv):
    """Be a pond snail that breathes through its skin, swims, or opens its pneumostome at the surface to breathe air.

    Conditioning punishes the opening of the pneumostome. The oxygen, which is not shown, starts at 10; a breath of
    air adds 5, one through the skin 1, and swimming uses it up with a time constant of one second. If less than
    0.25 is left, the trial ends.

    Channels:
        depth1: 0. 1 at the surface.
        depth2: 1. 1 below it.
        depth3: 2. 1 further below.
        depth4: 3. 1 at the bottom.

    Actions:
        breathingpneumostome: 0. At the surface; without effect elsewhere.
        breathingskin: 1.
        up: 2. At the surface the snail stays where it is.
        down: 3. At the bottom, too.

    Periods (ms):
        session: 5000.

    Conditions:
        depth: 0 to 3. Where the snail starts, from the surface.

    Rewards:
        swim: 0.1. Swimming up or down; 0.1 in training, 0 in testing.
        skin: 0.5. A breath through the skin; 1 in training, 0 in testing.
        pneumostome: 1.0. A breath at the surface; -1 in training, 0 in testing.

    The ground truth earns the most that can be earned in the rest of the trial; in testing it is what training
    teaches. Performance is the share of the steps of the trial in which the snail does that. In the observations of
    `sample_trials` and data sets the snail follows the ground truth.

    Args:
        dt: Time step in ms.
        rewards: Values that replace those of the phase.
        timing: Durations (ms) that replace the defaults.
        phase: ``set_default_behavior``, ``training_session`` or ``testing_session``.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        UnknownNameError: An unknown phase.
    """

    metadata = {
        "paper_name": "Operant conditioning of aerial respiratory behaviour in Lymnaea stagnalis",
        "paper_link": "https://jeb.biologists.org/content/199/3/683.long",
        "tags": [
            "operant conditioning",
            "learning",
            "Lymnaea Stagnalis",
            "associative learning",
            "aerial respiratory behaviour",
            "hypoxia",
            "molluscan model",
            "system",
            "snail",
        ],
    }
    default_timing = {"session": 5000}
    default_rewards = PHASES["set_default_behavior"]
    rule = Breathe()
    fixed_parameters = ("phase",)  # it decides the rewards
    chance = 1 / 4

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        phase: Text = "set_default_behavior",
        **kwargs: Any,
    ) -> None:
        if phase not in PHASES:
            raise unknown_name("phase", phase, PHASES)
        super().__init__(dt, rewards={**PHASES[phase], **(rewards or {})}, timing=timing, **kwargs)
        self.phase = phase
        self.decay = math.exp(-dt / 1000)
        self.observation_space = Box(0, 1, {f"depth{k + 1}": k for k in range(NUM_DEPTHS)}, shape=(NUM_DEPTHS,))
        names = ("breathingpneumostome", "breathingskin", "up", "down")
        self.action_space = Discrete(4, {name: action for action, name in enumerate(names)})

    def best_action(self, depth: Any, left: Any) -> Any:
        """Return the action that earns the most at a depth with so many steps left, for numbers or arrays."""
        pays = PHASES["training_session"] if self.phase == "testing_session" else self.rewards
        climbs = np.minimum(depth, left) * pays["swim"] + np.maximum(left - depth, 0) * pays["pneumostome"]
        stay = SKIN if pays["skin"] >= pays["swim"] else UP
        stays = left * max(pays["skin"], pays["swim"])
        return np.where(climbs > stays, np.where(depth == 0, PNEUMOSTOME, UP), stay)[()]

    def _new_trials(self, trials: Trials) -> None:
        start = trials.choice("depth", range(NUM_DEPTHS))[:, None]
        trials.add_period("session")
        steps = np.arange(trials.gt.shape[1])
        rises = self.best_action(start, trials.lengths[:, None]) == UP
        depth = np.where(rises, np.maximum(0, start - steps), start)
        trials.ob[:] = np.arange(NUM_DEPTHS) == depth[..., None]
        trials.ob[~trials.mask] = 0
        trials.gt[:] = self.best_action(depth, trials.lengths[:, None] - steps) * trials.mask
