"""The rules of CVLearning's stages, written out: what its curriculum is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INITIAL_STATE: dict[str, Any] = {
    "stage": 0,  # index into the curriculum's stages
    "recent": [],  # the last outcomes, 1 or 0
    "performance": 0.0,  # their mean, as long as the day has enough trials
    "today": [],  # outcomes of the day
    "reminder": False,  # sent back from stage 2 to stage 1
    "days_left": 1,  # days to keep a stage that was passed
    "delay": 0.0,  # share of the full delay in stage 3
    "delay_before": 0.0,  # the same at the last day's end
    "since_delay": 0,  # trials since it changed
    "side": 0,  # last answer in stage 0
    "repeats": 0,  # how often it was given in a row
}
"""State of the curriculum before the first trial. It is carried from trial to trial."""


@dataclass(frozen=True)
class Shaping:
    """The rules by which outcomes of trials change the stage. Its parameters are those of `CVLearning`."""

    stages: tuple[int, ...]
    threshold: float
    keep_days: int
    trials_day: int
    perf_len: int

    def begin(self) -> dict[str, Any]:
        """Return the state before the first trial."""
        last = len(self.stages) - 1 if self.threshold == -1 else 0
        return {**INITIAL_STATE, "recent": [], "today": [], "stage": last, "days_left": self.keep_days}

    def learn(self, state: dict[str, Any], right: bool) -> None:
        """Update the state, in place, with the outcome of a trial."""
        state["today"].append(int(right))
        state["recent"] = [*state["recent"], int(right)][-self.perf_len :]
        state["since_delay"] += 1
        if len(state["today"]) > self.perf_len:
            state["performance"] = sum(state["recent"]) / self.perf_len
            self._remind(state)
        if len(state["today"]) >= self.trials_day:
            self._end_day(state)
        if self.stages[state["stage"]] == 3 and state["since_delay"] > self.perf_len:
            self._adapt_delay(state)

    def _remind(self, state: dict[str, Any]) -> None:
        """Return from stage 2 to stage 1 if performance is below a half, and go back to stage 2 above the threshold."""
        if state["performance"] < 0.5 and self.stages[state["stage"]] == 2 and 1 in self.stages:
            state["stage"], state["reminder"] = self.stages.index(1), True
        elif state["performance"] > self.threshold and state["reminder"]:
            state["stage"], state["reminder"] = self.stages.index(2), False

    def _end_day(self, state: dict[str, Any]) -> None:
        """End the day: advance the stage if performance passed the threshold on enough days."""
        passed = sum(state["today"]) / len(state["today"]) >= self.threshold
        full = self.stages[state["stage"]] != 3 or state["delay"] >= 1
        state["today"], state["delay_before"] = [], state["delay"]
        if not (passed and full):
            state["days_left"] = self.keep_days
        elif state["days_left"] > 0 or state["stage"] == len(self.stages) - 1:
            state["days_left"] -= 1
        else:
            state["stage"] += 1
            state["days_left"] = self.keep_days

    def _adapt_delay(self, state: dict[str, Any]) -> None:
        """Lengthen the delay of stage 3 if performance is above the threshold, shorten it below a half."""
        if state["performance"] >= self.threshold and state["delay"] < 1:
            state["delay"], state["since_delay"] = state["delay"] + 0.25, 0
        elif state["performance"] <= 0.5 and state["delay"] > state["delay_before"]:
            state["delay"], state["since_delay"] = state["delay"] - 0.25, 0
