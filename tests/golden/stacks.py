"""The recorded stacks of wrappers, made with the reference's randomness and the state it had before it was seeded."""

from __future__ import annotations

from typing import Any

import numpy as np

import ngym_core as ngym
from ngym_core.scheduler import BaseSchedule, SequentialBlockSchedule
from ngym_core.wrappers.schedule_attr import ScheduleAttr

from .reference import ReferenceDraws, draw_from

TWO = [[0.8, 0.2], [0.2, 0.8]]
SCHEDULE = {"schedule": SequentialBlockSchedule(2, [3, 2]), "attr_list": [{"p": (0.8, 0.2)}, {"p": (0.2, 0.8)}]}
STACKS: dict[str, list[Any]] = {
    "Noise": [("Noise", {"std_noise": 0.1})],
    "PassAction": ["PassAction"],
    "PassReward": ["PassReward"],
    "PassAction+PassReward": ["PassAction", "PassReward"],
    "RandomGroundTruth": [("RandomGroundTruth", {"p": [0.9, 0.1]})],
    "ReactionTime": [("ReactionTime", {"urgency": -0.01})],
    "ReactionTime-full": [("ReactionTime", {"end_on_stimulus": False})],
    "ScheduleAttr": ["RandomGroundTruth", (ScheduleAttr, SCHEDULE)],
    "SideBias-fixed": [("SideBias", {"probs": [*TWO, [0.4, 0.6]], "block_dur": 5})],
    "SideBias-prob": [("SideBias", {"probs": TWO, "block_dur": 0.2})],
    "SideBias-range": [("SideBias", {"probs": TWO, "block_dur": (2, 6)})],
    "TrialHistoryV2": [("TrialHistoryV2", {"probs": [[0.9, 0.1], [0.3, 0.7]]})],
}


def make(meta: dict[str, Any], seed: int) -> Any:
    """Make a recorded stack; the reference draws its first block and choice before it is seeded."""
    env = ngym.make(meta["base"], wrappers=STACKS[meta["stack"]])
    draws = ReferenceDraws(seed)
    draw_from(env, draws)
    before = meta[f"s{seed}/initial"]
    carried = env.own_draws(draws).carried
    carried["previous"] = before["prev_trial"]
    if before.get("remaining_trials"):
        carried["blocks"] = [before["curr_block"]], [before["remaining_trials"] - 1]  # the first is one trial short there
    elif "remaining_trials" in before:
        env.schedule = EachTrial(before["curr_block"], len(env.choice_prob), env.block_dur)
    return env


class EachTrial(BaseSchedule):
    """Blocks that may end before each trial: the reference draws whether they do, ours draws their lengths."""

    def __init__(self, block: int, n: int, p: float) -> None:
        super().__init__(n)
        self.i, self.p = block, p

    def take(self, n: int, draws: Any) -> Any:
        if draws.random("end", n)[0] < self.p:
            self.i = int(draws.other("next", n, self.n, self.i)[0]) if self.n > 2 else 1 - self.i
        return np.array([self.i])
