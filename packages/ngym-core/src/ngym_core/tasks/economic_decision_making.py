"""Economic decisions: choose the offer that is worth more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials


class ChooseByValue(FixateThenChoose):
    """Fixate, then choose an offer: it earns what it is worth, and full performance if it is worth more."""

    pays_ground_truth = False

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the value of each offer, in drops of the better juice."""
        return {
            **super().prepare(task, trials),
            "worth1": trials.conditions["worth1"],
            "worth2": trials.conditions["worth2"],
        }

    def pay_one(self, task: Any, now: Any, action: int) -> tuple[float, float]:
        """Return reward and performance of the chosen offer."""
        chosen, other = (now.worth1, now.worth2) if action == 1 else (now.worth2, now.worth1)
        return chosen * task.rewards["correct"], float(chosen > other)

    def pay_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rewards and performance of the chosen offers."""
        chosen = np.where(action == 1, now.worth1, now.worth2)
        other = np.where(action == 1, now.worth2, now.worth1)
        return chosen * task.rewards["correct"], (chosen > other).astype(float)


class EconomicDecisionMaking(TrialEnv):
    """Choose between two offers of juice that differ in kind and amount.

    Channels:
        fixation: 0. 1 until the decision.
        a1: 1. 1 if juice a is offered on side 1.
        b1: 2. 1 if juice b is offered there.
        a2: 3. 1 if juice a is offered on side 2.
        b2: 4. 1 if juice b is offered there.
        n1: 5. A fifth of the drops offered on side 1.
        n2: 6. A fifth of those on side 2.

    Actions:
        fixation: 0.
        choice1: 1. Side 1.
        choice2: 2. Side 2.

    Periods (ms):
        fixation: 1500.
        offer_on: ("uniform", (1000, 2000)).
        decision: 750.

    Conditions:
        juice: (a, b) or (b, a). The kinds of juice on sides 1 and 2.
        offer: (0, 1), (1, 3), (1, 2), (1, 1), (2, 1), (3, 1), (4, 1), (6, 1) or (2, 0). Drops of b and of a.
        worth1: What the offer on side 1 is worth, in drops of a.
        worth2: What that on side 2 is worth.

    Rewards:
        abort: -0.1. An action other than 0 before the decision.
        correct: 0.22. For each drop of a that the chosen offer is worth; the choice ends the trial.

    Full performance is choosing the offer that is worth more: a drop of b is worth 1 / 2.2 drops of a.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Neurons in the orbitofrontal cortex encode economic value",
        "paper_link": "https://www.nature.com/articles/nature04676",
        "tags": ["perceptual", "value-based"],
    }
    default_timing = {"fixation": 1500, "offer_on": ("uniform", (1000, 2000)), "decision": 750}
    default_rewards = {"abort": -0.1, "correct": 0.22}
    rule = ChooseByValue(fixation=("fixation", "offer_on"))
    chance = (1 - 3**-7) / 2

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.B_to_A = 1 / 2.2
        self.juices = [("a", "b"), ("b", "a")]
        self.offers = [(0, 1), (1, 3), (1, 2), (1, 1), (2, 1), (3, 1), (4, 1), (6, 1), (2, 0)]
        name = ("fixation", "a1", "b1", "a2", "b2", "n1", "n2")
        self.observation_space = named_box({label: i for i, label in enumerate(name)})
        self.action_space = Discrete(3, {"fixation": 0, "choice1": 1, "choice2": 2})

    @property
    def R_A(self) -> float:  # noqa: N802 (the name is NeuroGym's)
        """What a drop of juice A earns; NeuroGym's name, like that of B."""
        return self.rewards["correct"]  # type: ignore[no-any-return]

    @property
    def R_B(self) -> float:  # noqa: N802 (the name is NeuroGym's)
        """What a drop of juice B earns."""
        return self.B_to_A * self.R_A

    def _new_trials(self, trials: Trials) -> None:
        juice = trials.choice("juice", self.juices)
        n_b, n_a = trials.choice("offer", self.offers, allow="any").T
        a_first = juice[:, 0] == "a"
        drops = np.where(a_first, (n_a, n_b), (n_b, n_a))
        worth = np.where(a_first, (n_a, n_b * self.B_to_A), (n_b * self.B_to_A, n_a))
        trials.set("worth1", worth[0])
        trials.set("worth2", worth[1])
        trials.add_period(["fixation", "offer_on", "decision"])
        trials.add_ob(1, ["fixation", "offer_on"], where="fixation")
        kinds = np.stack([a_first, ~a_first, ~a_first, a_first], axis=1)
        trials.add_ob(np.concatenate([kinds, drops.T / 5], axis=1), "offer_on", where=slice(1, None))
        trials.set_groundtruth(np.where(worth[0] > worth[1], 1, 2), "decision")
