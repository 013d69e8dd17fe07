"""Hierarchical reasoning: answer by a hidden rule that flips between blocks, and report the rule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import Draws, TruncExp
from ngym_core.rules import Rule, broken, broken_many
from ngym_core.spaces import Discrete, named_box
from ngym_core.trials import Trials
from ngym_core.trials.durations import draw_duration, to_steps


class ReportRuleThenChoose(Rule):
    """Report the rule at the rule targets (the last step counts), then choose.

    A choice ends the trial; it earns `correct` and full performance if it and the reported rule are
    right, otherwise `fail`. An action elsewhere earns `abort`, and ends the trial if the task's `abort` is true.
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both periods."""
        (report_from, report_to), (opens, closes) = trials.span("rule_target"), trials.span("decision")
        return {"report_from": report_from, "report_to": report_to, "opens": opens, "closes": closes, "reported": 0.0}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.report_from <= now.step < now.report_to:
            now.reported = float(action == now.gt)
            return 0.0, False
        if action == 0:
            return 0.0, False
        if now.opens <= now.step < now.closes:
            now.performance = now.reported * (action == now.gt)
            return task.rewards["correct" if now.performance else "fail"], True
        return broken(task, now)

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        reports = (now.report_from <= now.step) & (now.step < now.report_to)
        now.reported[reports] = (action == now.gt)[reports]
        acted = (action != 0) & ~reports
        answers = acted & (now.opens <= now.step) & (now.step < now.closes)
        right = now.reported * (action == now.gt)
        now.performance[answers] = right[answers]
        reward = np.where(answers, np.where(right, task.rewards["correct"], task.rewards["fail"]), 0.0)
        return reward, broken_many(task, now, acted & ~answers, reward, answers)


class HierarchicalReasoning(TrialEnv):
    """Judge whether the time between two flashes is long or short, and answer toward the flashes or away from them.

    Which of the two a long interval means is a hidden rule that flips after blocks of 10 to 20 trials; the
    agent reports the rule, too.

    Channels:
        fixation: 0. 1 until the decision.
        rule: 1 to 2. Both 1 while the rule is to be reported.
        stimulus: 3 to 4. 1 during the flashes, on their side.

    Actions:
        fixation: 0.
        rule: 1 to 2. Rule 0 (short: toward, long: away) or 1 (the reverse).
        choice: 3 to 4. The side.

    Periods (ms):
        fixation: TruncExp(600, 400, 800).
        rule_target: 1000.
        fixation2: TruncExp(600, 400, 900).
        flash1: 100.
        delay: (530, 610, 690, 770, 850, 930, 1010, 1090, 1170). The interval.
        flash2: 100.
        decision: 700.

    Conditions:
        interval: ms. The interval.
        rule: 0 or 1. That of the block, from 1; it may be forced.
        stimulus: 0 or 1. The side of the flashes.
        long_interval: Whether the interval is longer than the median; by chance if it is the median.
        pro_choice: Whether the answer is toward the flashes.

    Rewards:
        abort: -0.1. An action other than 0 outside rule targets and decision.
        correct: 1.0. The right choice after the right report; it ends the trial.
        fail: 0.0. Another choice, or one after the wrong report; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        **kwargs: Arguments of `TrialEnv`.
    """

    metadata = {
        "paper_name": "Hierarchical reasoning by neural circuits in the frontal cortex",
        "paper_link": "https://science.sciencemag.org/content/364/6441/eaav8911",
        "tags": ["perceptual", "two-alternative", "supervised"],
    }
    default_timing = {
        "fixation": TruncExp(600, 400, 800),
        "rule_target": 1000,
        "fixation2": TruncExp(600, 400, 900),
        "flash1": 100,
        "delay": (530, 610, 690, 770, 850, 930, 1010, 1090, 1170),
        "flash2": 100,
        "decision": 700,
    }
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ReportRuleThenChoose()
    chance = (1 - 5**-7) / 20
    _median: tuple[Any, float] | None = None  # of which intervals, and what it is
    observable_answer = False  # the rule of the block is hidden

    def __init__(self, dt: float = 100, rewards: Rewards = None, timing: Timing = None, **kwargs: Any) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.observation_space = named_box({"fixation": 0, "rule": [1, 2], "stimulus": [3, 4]})
        self.action_space = Discrete(5, {"fixation": 0, "rule": [1, 2], "choice": [3, 4]})

    @property
    def mid_delay(self) -> float:
        """Median of the intervals that `timing` has, in ms."""
        delay = self.timing["delay"]
        if self._median is None or self._median[0] is not delay:
            drawn = draw_duration("delay", delay, 9999, Draws(0), 0)
            self._median = delay, float(np.median(to_steps(drawn, self.dt))) * self.dt
        return self._median[1]

    def _new_trials(self, trials: Trials) -> None:
        interval = trials.duration("delay", "interval")
        rule = trials.condition("rule", self._rules_of_blocks(trials), [0, 1])
        side = trials.choice("stimulus", [0, 1])
        coin = trials.draws.random("coin", trials.n) - 0.5
        long = trials.set("long_interval", interval > self.mid_delay + coin)
        toward = trials.set("pro_choice", long == rule)
        periods = ["fixation", "rule_target", "fixation2", "flash1", "delay", "flash2", "decision"]
        trials.add_period(periods, [interval if period == "delay" else None for period in periods])
        trials.add_ob(1, periods[:-1], where="fixation")
        trials.add_ob(1, "rule_target", where="rule")
        trials.add_ob(np.eye(2)[side], ["flash1", "flash2"], where="stimulus")
        trials.set_groundtruth(rule, "rule_target", where="rule")
        trials.set_groundtruth(np.where(toward, side, 1 - side), "decision", where="choice")

    def _rules_of_blocks(self, trials: Trials) -> NDArray[Any]:
        """Return the rule of each trial, (n,). The rest of the last block is carried to later trials."""
        return np.concatenate([_rules(n, draws) for draws, n in trials.draws.per_stream(trials.n)])


def _rules(n: int, draws: Draws) -> NDArray[np.int64]:
    """Return the rules of n trials from one set of streams, (n,)."""
    rule, left = draws.carried.get("block", (0, 0))
    sizes, total = [np.array([left])], left
    while total < n:
        # Blocks have at most 20 trials: so many of them are needed in any case, and no number is drawn in vain.
        sizes.append(10 + draws.index("block_size", max(1, (n - total) // 20), 11))
        total += int(sizes[-1].sum())
    lengths = np.concatenate(sizes)
    rules = (rule + np.arange(len(lengths))) % 2
    draws.carried["block"] = int(rules[-1]), total - n
    return np.repeat(rules, lengths)[:n]
