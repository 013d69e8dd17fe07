"""IBL: one-step visual detection, with blocks of biased sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ngym_core.env import Rewards, TrialEnv
from ngym_core.random import Draws
from ngym_core.rules import AnswerAtOnce
from ngym_core.scheduler import SequentialBlockSchedule
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import two_inputs
from ngym_core.trials import Trials


class RandomBlocks(SequentialBlockSchedule):
    """Blocks in random order, in which a block may follow itself."""

    def _blocks(self, last: int | None, m: int, draws: Draws) -> NDArray[np.int64]:
        return draws.index("block", m, self.n)


class IBL(TrialEnv):
    """Report on which side a faint stimulus is shown; each time step is a trial.

    Channels:
        stimulus: 0 to 1. 0.5 + coh / 200 on the side of the stimulus, 0.5 - coh / 200 on the other, with noise
            (standard deviation 0.1).

    Actions:
        choice: 0 to 1. The side.

    Periods (ms):
        choice: One time step.

    Conditions:
        block: The index of the block's probabilities; always 0.
        ground_truth: 0 or 1. The side.
        coh: 1.6, 3.2, 6.4, 12.8, 25.6 or 51.2 %.

    Rewards:
        correct: 1.0. The right choice.
        fail: 0.0. The other.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; a trial is one time step.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "An International Laboratory for Systems and Computational Neuroscience",
        "paper_link": "https://www.sciencedirect.com/science/article/pii/S0896627317311364",
        "tags": ["perceptual", "two-alternative"],
    }
    default_rewards = {"correct": 1.0, "fail": 0.0}
    rule = AnswerAtOnce()
    chance = 1 / 2
    block_size: ClassVar[int] = 10_000
    probs: ClassVar[Sequence[tuple[float, float]]] = ((0.5, 0.5),)

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: None = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = 0.1
        self.choices = [0, 1]
        self.cohs = np.array([1.6, 3.2, 6.4, 12.8, 25.6, 51.2])
        self.blocks = RandomBlocks(len(self.probs), [self.block_size] * len(self.probs))
        self.observation_space = named_box({"stimulus": [0, 1]})
        self.action_space = Discrete(2, {"choice": self.choices})

    def _new_trials(self, trials: Trials) -> None:
        block = trials.condition("block", self.blocks.take(trials.n, trials.draws), range(len(self.probs)))
        side = trials.choice("ground_truth", self.choices, np.asarray(self.probs)[block])
        coh = trials.choice("coh", self.cohs, allow="any")
        trials.add_period("choice", self.dt)
        trials.add_ob(two_inputs(side == 0, coh), where="stimulus")
        trials.add_randn(0, self.sigma, where="stimulus")
        trials.set_groundtruth(side)


class IBLBlock(IBL):
    """Report on which side a faint stimulus is shown; in blocks of 200 trials one side is likelier than the other.

    Conditions:
        block: 0, 1 or 2. The probability of side 0 in the block is 0.2, 0.8 or 0.5; the next block may be the same.

    All else is as in `IBL`.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: No effect; a trial is one time step.
        **kwargs: Arguments of `TrialEnv`.
    """

    block_size = 200
    probs = ((0.2, 0.8), (0.8, 0.2), (0.5, 0.5))
