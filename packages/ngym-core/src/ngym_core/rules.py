"""Reward rules: what an action earns and whether it ends the trial, for one env and for N lanes.

A rule is declared on a task (`rule = FixateThenChoose()`). When trials are made, `prepare` returns what
the rule needs to know about each of them; at each step `step_one` (one env, plain Python) or `step_many`
(N lanes, arrays) returns what the action earns and whether it ends the trial. Both get a `now` with

* `step` and `gt`: step in the trial and the ground truth of this step,
* `performance`: the score of the trial so far, which they may change,
* `timeout`: the reward added if the trial runs out of steps,
* `reaction_time`, of a rule that measures it: NaN until they set it, in ms (the info of a trial's end has it),
* whatever `prepare` returned, under its names. A rule may change these; they restart with each trial.

They are numbers for `step_one` and (N,) arrays for `step_many`. Where what the agent sees or should do
depends on what it did before in the trial, the rule sets `is_interactive` and defines `render` and
`ground_truth`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import shown
from ngym_core.trials._kernels import Span

if TYPE_CHECKING:
    from ngym_core.trials import Trials

__all__ = ["AnswerAtOnce", "AnswerInSequence", "FixateThenChoose", "ProduceInterval", "RespondWhenDue", "Rule", "TakeAtOnce"]


class Rule:
    """Base of all rules: no action earns anything and none ends a trial.

    A subclass defines both `step_one` and `step_many`, which must agree (`testing.check_task` compares them), and
    `prepare` if it needs to know more about a trial than its ground truth.

    Attributes:
        optional_rewards: Rewards that a user may set for the rule beside those the task has.
        is_interactive: Whether actions change what the agent sees or should do later in the trial.
        pays_ground_truth: Whether an action is right if it equals the ground truth, and withholding is where that
            is 0, so that wrappers may change the ground truth.

    Raises:
        TypeError: A subclass that defines only one of `step_one` and `step_many`.

    Example:
        >>> import numpy as np, ngym_core as ngym
        >>> class EndOnAction(ngym.Rule):
        ...     def step_one(self, task, now, action):
        ...         return float(action == now.gt), action != 0
        ...     def step_many(self, task, now, action):
        ...         return (action == now.gt).astype(float), action != 0
        >>> from types import SimpleNamespace
        >>> EndOnAction().step_one(None, SimpleNamespace(gt=2), 2)
        (1.0, True)
    """

    optional_rewards: ClassVar[tuple[str, ...]] = ()
    is_interactive: ClassVar[bool] = False
    pays_ground_truth: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Require that single envs and lanes pay the same."""
        super().__init_subclass__(**kwargs)
        _require_both(cls, Rule, "step_one", "step_many")

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return what `step_one` and `step_many` need to know about each trial.

        Args:
            task: The task.
            trials: The n trials that were made.

        Returns:
            Name -> a value shared by all trials, or (n, ...). The names `performance` (the score of a trial
            in which nothing happens) and `timeout` (the reward when it runs out of steps) default to 0. A rule that
            returns `reaction_time` (that of a trial in which nothing happens: NaN) measures it; by default trial tables
            have the time from the first step whose ground truth is not 0.
        """
        return {}

    def _r_tmax(self, task: Any, now: Any) -> Any:
        """Return what is added when trials run out of steps, beside `timeout`: one number, or one for each lane, (N,)."""
        return task.r_tmax

    def render(self, task: Any, now: Any, ob: NDArray[Any]) -> None:
        """Write what depends on the agent into observations, in place; by default nothing.

        Args:
            task: The task.
            now: See the module.
            ob: Observations of this step, (channels,) or (N, channels).
        """

    def ground_truth(self, task: Any, now: Any) -> Any:
        """Return the ground truth of this step where it depends on the agent, a number or (N,).

        Raises:
            NotImplementedError: An interactive rule that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__}.is_interactive is true; it must define `ground_truth`.")

    def step_one(self, task: Any, now: Any, action: Any) -> tuple[float, bool]:
        """Evaluate one action.

        Args:
            task: The task; its rewards are read at each step, so that a changed one counts at once (`miss` with the next
                trial).
            now: See the module.
            action: The action: an integer, or an array for a `Box`.

        Returns:
            The reward, and whether the trial ends.
        """
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes.

        Args:
            task: The task.
            now: See the module.
            action: (N,) actions, or (N, k).

        Returns:
            Rewards, (N,) float64, and which trials end, (N,) bool.
        """
        return np.zeros(len(action)), np.zeros(len(action), bool)


def _require_both(cls: type[Rule], owner: type[Rule], for_one: str, for_many: str) -> None:
    """Raise if a subclass of `owner` replaces only one of two methods that must agree.

    Raises:
        TypeError: It replaces that for single envs but not that for lanes, or the other way round.
    """
    extended = next(base for base in cls.__mro__[1:] if issubclass(base, owner))
    own = [name for name in (for_one, for_many) if getattr(cls, name) is not getattr(extended, name)]
    if len(own) == 1:
        missing, users = (for_many, "lanes use") if own == [for_one] else (for_one, "single envs use")
        raise TypeError(
            f"{cls.__name__} defines {own[0]} but not {missing}, which {users}: define both, so that they pay the same."
        )


def checked_facts(rule: Rule, task: Any, trials: Trials) -> Mapping[str, Any]:
    """Return what `Rule.prepare` says of n trials, after a check: name -> one value, or (n, ...).

    Raises:
        TypeError: It is no dictionary.
        ValueError: A name that is set at each step, or not one value for each trial.
    """
    facts = rule.prepare(task, trials)
    if not isinstance(facts, Mapping):
        raise TypeError(f"{type(rule).__name__}.prepare must return a dictionary, name -> values, not {shown(facts)}.")
    for name, value in facts.items():
        if name in ("step", "gt"):
            raise ValueError(f"{type(rule).__name__}.prepare returns {name!r}, which is set at each step: use another name.")
        if np.ndim(value) and len(value) != trials.n:
            raise ValueError(
                f"{type(rule).__name__}.prepare returns {len(value)} values of {name!r} for {trials.n} trials; expected one "
                "for each, or one for all."
            )
    return facts


def prepare_trials(task: Any, trials: Trials, rule: Rule | None = None) -> dict[str, NDArray[Any]]:
    """Return what a rule, by default the task's, needs to know about n trials: name -> (n, ...), see `Rule.prepare`."""
    facts: dict[str, Any] = {"performance": 0.0, "timeout": 0.0, **checked_facts(rule or task.rule, task, trials)}
    facts |= {name: np.asarray(facts[name], float) for name in ("performance", "timeout")}  # also where rewards are integers
    if "reaction_time" in facts:
        facts.setdefault("_reaction_time", True)  # of a mixture, false in trials of tasks whose rules do not measure it
    return {k: np.broadcast_to(v, trials.n) if np.ndim(v) == 0 else np.asarray(v) for k, v in facts.items()}


def rewards_of_ground_truth(task: Any, trials: Trials) -> NDArray[np.float64]:
    """Return what the ground truth of n trials earns at each step, (n, steps) float64; 0 after a trial's end.

    It is played step by step, in all trials at once.
    """
    now = SimpleNamespace(**{name: value.copy() for name, value in prepare_trials(task, trials).items()})
    rewards = np.zeros(trials.gt.shape[:2])
    playing, last = np.ones(trials.n, bool), trials.lengths - 1
    for step in range(trials.gt.shape[1]):
        now.step = np.full(trials.n, step)
        now.gt = task.rule.ground_truth(task, now) if task.rule.is_interactive else trials.gt[:, step]
        reward, ends = task.rule.step_many(task, now, now.gt)
        late = ~ends & (step == last)
        rewards[:, step] = np.where(playing, reward + np.where(late, now.timeout + task.r_tmax, 0.0), 0.0)
        playing &= ~ends & ~late
    return rewards


def edges(trials: Trials, periods: str | tuple[str, ...] | None) -> Span:
    """Return the first step, and the step after the last, of one or several periods; of the whole trial for None."""
    if periods is None:
        return 0, trials.gt.shape[1]
    return trials.span(*([periods] if isinstance(periods, str) else periods))


@lru_cache
def _reward_pair(wrong: float, right: float) -> NDArray[np.float64]:
    """Return both rewards as an array, whose `take` with booleans is faster than `np.where`."""
    return np.array([wrong, right], float)


def broken(task: Any, now: Any) -> tuple[float, bool]:
    """Evaluate an action that breaks fixation: return its reward, and whether it ends the trial."""
    if task.abort:
        now.performance = 0.0
    return task.rewards["abort"], task.abort


def broken_many(
    task: Any, now: Any, early: NDArray[np.bool_], reward: NDArray[Any], ends: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Evaluate the actions that break fixation in N lanes.

    Args:
        task: The task.
        now: See the module.
        early: Which actions break fixation, (N,) bool.
        reward: Rewards, (N,), changed in place.
        ends: Which trials end for other reasons, (N,) bool.

    Returns:
        Which trials end, (N,) bool.
    """
    if not np.count_nonzero(early):
        return ends
    np.putmask(reward, early, task.rewards["abort"])
    if not task.abort:
        return ends
    now.performance[early] = 0.0
    return ends | early


@dataclass(frozen=True)
class FixateThenChoose(Rule):
    """Reward rule: withhold any action while fixating, then answer once.

    In the decision period the first action other than 0 ends the trial: if it equals the ground truth
    it earns `correct` and full performance, otherwise `fail`. While fixating an action other than 0
    earns `abort`, and ends the trial if the task's `abort` is true. Where the ground truth of the
    decision is 0 (no-go), withholding to the end is full performance; where it is not, running out of
    steps earns `miss` if the task has such a reward.

    Args:
        fixation: The period (or periods, one after another) to fixate in; None for all but the decision.
        decision: The period to answer in.
        pays_withholding: Whether withholding to the end earns `correct` where the ground truth is 0.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0")
        >>> env.unwrapped.rule
        FixateThenChoose(fixation='fixation', decision='decision', pays_withholding=False)
        >>> _ = env.reset(seed=0)
        >>> env.step(1)[1]  # an action while fixating
        -0.1
    """

    fixation: str | tuple[str, ...] | None = "fixation"
    decision: str = "decision"
    pays_withholding: bool = False
    optional_rewards: ClassVar[tuple[str, ...]] = ("abort", "correct", "fail", "miss")
    pays_ground_truth = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Require that single envs and lanes pay an answer the same."""
        super().__init_subclass__(**kwargs)
        _require_both(cls, FixateThenChoose, "pay_one", "pay_many")

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both periods, and in which trials a response is due."""
        opens, closes = trials.span(self.decision)
        hold = edges(trials, self.fixation)
        first = np.minimum(opens, trials.gt.shape[1] - 1)
        due = trials.gt[np.arange(trials.n), first] != 0
        facts = {"opens": opens, "closes": closes, "hold_from": hold[0], "hold_to": hold[1]}
        withheld = task.rewards["correct"] if self.pays_withholding else 0.0
        timeout = np.where(due, task.rewards.get("miss", 0.0), withheld)
        return {**facts, "performance": (~due).astype(float), "timeout": timeout}

    def pay_one(self, task: Any, now: Any, action: int) -> tuple[float, float]:
        """Return reward and performance of an answer."""
        right = action == now.gt
        return task.rewards["correct"] if right else task.rewards.get("fail", 0.0), float(right)

    def pay_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rewards and performance of answers, (N,) each."""
        right = action == now.gt
        return _reward_pair(task.rewards.get("fail", 0.0), task.rewards["correct"]).take(right), right

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if action == 0:
            return 0.0, False
        if now.opens <= now.step < now.closes:
            reward, now.performance = self.pay_one(task, now, action)
            return reward, True
        if now.hold_from <= now.step < now.hold_to:
            return broken(task, now)
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        acted, reward, step = action.astype(bool), np.zeros(len(action)), now.step
        if not np.count_nonzero(acted):
            return reward, acted
        answers = acted & (now.opens <= step) & (step < now.closes)
        paid, performance = self.pay_many(task, now, action)
        np.copyto(reward, paid, where=answers)
        np.copyto(now.performance, performance, where=answers)
        early = (acted ^ answers) & (now.hold_from <= step) & (step < now.hold_to)
        return reward, broken_many(task, now, early, reward, answers)


@dataclass(frozen=True)
class RespondWhenDue(Rule):
    """Reward rule: respond as long as a response is due, and never before.

    An action while fixating earns `abort`, and ends the trial if the task's `abort` is true. Any other
    action ends the trial: where it equals the ground truth it earns `correct` and full performance,
    otherwise `fail`. Where no response is ever due, withholding to the end is full performance; where
    one is, running out of steps earns `miss` if the task has such a reward.

    Args:
        fixation: The period (or periods, one after another) to fixate in.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("Detection-v0")
        >>> env.unwrapped.rule
        RespondWhenDue(fixation='fixation')
        >>> _ = env.reset(seed=0)
        >>> env.step(1)[1]  # an action while fixating
        -0.1
    """

    fixation: str | tuple[str, ...] = "fixation"
    optional_rewards = ("abort", "correct", "fail", "miss")
    pays_ground_truth = True

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of fixation, and in which trials a response is due."""
        hold = edges(trials, self.fixation)
        due = (trials.gt != 0).any(axis=1)
        facts = {"hold_from": hold[0], "hold_to": hold[1], "performance": (~due).astype(float)}
        return {**facts, "timeout": due * task.rewards.get("miss", 0.0)}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if action == 0:
            return 0.0, False
        if now.hold_from <= now.step < now.hold_to:
            return broken(task, now)
        now.performance = float(action == now.gt)
        return task.rewards["correct" if action == now.gt else "fail"], True

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        acted, reward = action.astype(bool), np.zeros(len(action))
        if not np.count_nonzero(acted):
            return reward, acted
        early = acted & (now.hold_from <= now.step) & (now.step < now.hold_to)
        answers = acted ^ early
        right = action == now.gt
        np.copyto(reward, _reward_pair(task.rewards["fail"], task.rewards["correct"]).take(right), where=answers)
        np.copyto(now.performance, right, where=answers)
        return reward, broken_many(task, now, early, reward, answers)


@dataclass(frozen=True)
class AnswerInSequence(FixateThenChoose):
    """Reward rule: withhold any action while fixating, then give one answer at each step of the decision period.

    At each step of the decision the action is right if it equals the ground truth of that step: it earns its share of
    `correct`, otherwise its share of `fail`. Performance is the share of right steps. The trial ends with the decision.
    Fixation is as in `FixateThenChoose`. Where the ground truth is 0 at all steps of the decision (no-go), withholding is
    right, and earns `correct` only if `pays_withholding`.

    Args:
        fixation: The period (or periods, one after another) to fixate in; None for all but the decision.
        decision: The period to answer in.
        pays_withholding: Whether withholding earns `correct` where the ground truth is 0.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("yang19.go-v0+sequence=right")
        >>> env.unwrapped.rule
        AnswerInSequence(fixation='fixation', decision='decision', pays_withholding=False)
        >>> _, info = env.reset(seed=0)
        >>> results = [env.step(env.gt_now if step < 15 else 0) for step in range(20)]  # the first half is right
        >>> float(results[-1][4]["performance"]), bool(results[-1][4]["new_trial"])
        (0.5, True)
    """

    optional_rewards = ("abort", "correct", "fail")

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of both periods; nothing is right before the first step."""
        opens, closes = trials.span(self.decision)
        hold = edges(trials, self.fixation)
        facts = {"opens": opens, "closes": closes, "hold_from": hold[0], "hold_to": hold[1]}
        return {**facts, "right": 0, "performance": 0.0}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.opens <= now.step < now.closes:
            steps, right = now.closes - now.opens, action == now.gt
            now.right += right
            now.performance = now.right / steps
            paid = task.rewards["correct"] if action or self.pays_withholding else 0.0
            return (paid if right else task.rewards.get("fail", 0.0)) / steps, bool(now.step == now.closes - 1)
        if action != 0 and now.hold_from <= now.step < now.hold_to:
            return broken(task, now)
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        step = now.step
        inside = (now.opens <= step) & (step < now.closes)
        steps, right = np.where(inside, now.closes - now.opens, 1), inside & (action == now.gt)
        now.right[:] += right
        np.copyto(now.performance, now.right / steps, where=inside)
        paid = np.where((action != 0) | self.pays_withholding, task.rewards["correct"], 0.0)
        reward = np.where(inside, np.where(right, paid, task.rewards.get("fail", 0.0)) / steps, 0.0)
        early = (action != 0) & ~inside & (now.hold_from <= step) & (step < now.hold_to)
        return reward, broken_many(task, now, early, reward, inside & (step == now.closes - 1))


class AnswerAtOnce(Rule):
    """Reward rule: any action is an answer and ends the trial.

    If it equals the ground truth it earns `correct` and full performance, otherwise `fail`.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("IBL-v0")
        >>> _ = env.reset(seed=0)
        >>> _, reward, _, _, info = env.step(env.unwrapped.gt_now)
        >>> reward, bool(info["new_trial"])
        (1.0, True)
    """

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        now.performance = float(action == now.gt)
        return task.rewards["correct" if action == now.gt else "fail"], True

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        right = action == now.gt
        now.performance[:] = right
        return np.where(right, task.rewards["correct"], task.rewards["fail"]), np.ones(len(action), bool)


class TakeAtOnce(Rule):
    """Reward rule: any action ends the trial and earns what it pays: the trial's condition `payoff`, (n, actions).

    Performance is full if the action is one of those worth the most: the condition `value`, (n, actions).

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("Bandit-v0")
        >>> _, info = env.reset(seed=0)
        >>> _, reward, _, _, _ = env.step(1)
        >>> bool(reward == info["trial"]["payoff"][1])
        True
    """

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return what each action pays and whether it is best, (n, actions) each."""
        value = trials.conditions["value"]
        return {"payoff": trials.conditions["payoff"].astype(float), "best": value == value.max(axis=1, keepdims=True)}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        now.performance = float(now.best[action])
        return float(now.payoff[action]), True

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        rows = np.arange(len(action))
        now.performance[:] = now.best[rows, action]
        return now.payoff[rows, action], np.ones(len(action), bool)


@dataclass(frozen=True)
class ProduceInterval(Rule):
    """Reward rule: respond when an interval has passed.

    Action 1 within the window ends the trial. The time since the clock started is compared with the
    interval: if it is off by at most ``prod_margin * interval + 25`` ms (`prod_margin` is the task's),
    the response earns `correct`, scaled down to a tenth with the error, and full performance;
    otherwise `fail`. Before that an action other than 0 earns `abort`, and ends the trial if the
    task's `abort` is true.

    The reaction time of a response is the time from the first step whose ground truth is not 0: below 0
    where it came too early.

    Args:
        interval: The condition that holds the interval in ms.
        clock: The period whose end starts the clock.
        window: The period (or periods, one after another) in which a response counts.
        fixation: The period (or periods) in which an action earns `abort`; None for all but the window.

    Example:
        >>> import ngym_core as ngym
        >>> ngym.make("ReadySetGo-v0").unwrapped.rule
        ProduceInterval(interval='production', clock='measure', window='production', fixation='fixation')
    """

    interval: str
    clock: str
    window: str | tuple[str, ...]
    fixation: str | tuple[str, ...] | None = "fixation"

    def prepare(self, task: Any, trials: Trials) -> dict[str, Any]:
        """Return the edges of window and fixation, when the interval has passed (ms) and how far one may be off (ms).

        Also the first step at which the ground truth asks for a response; NaN if it never does.
        """
        opens, closes = edges(trials, self.window)
        hold = edges(trials, self.fixation)
        facts = {"opens": opens, "closes": closes, "hold_from": hold[0], "hold_to": hold[1]}
        interval = trials.conditions[self.interval].astype(float)
        due = trials.span(self.clock)[1] * task.dt + interval
        asks = trials.gt != 0
        asked = np.where(asks.any(axis=1), asks.argmax(axis=1), np.nan)
        return {**facts, "due": due, "margin": task.prod_margin * interval + 25, "asked": asked, "reaction_time": np.nan}

    def step_one(self, task: Any, now: Any, action: int) -> tuple[float, bool]:
        """Evaluate one action."""
        if now.opens <= now.step < now.closes:
            if action != 1:
                return 0.0, False
            now.reaction_time = (now.step - now.asked) * task.dt
            error = abs(now.step * task.dt - now.due) / now.margin
            if error > 1:
                return task.rewards["fail"], True
            now.performance = 1.0
            return max((1 - error) * math.sqrt(1 - error), 0.1) * task.rewards["correct"], True
        if action != 0 and now.hold_from <= now.step < now.hold_to:
            return broken(task, now)
        return 0.0, False

    def step_many(self, task: Any, now: Any, action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Evaluate one action in each of N lanes."""
        acted, reward, step = action.astype(bool), np.zeros(len(action)), now.step
        if not np.count_nonzero(acted):
            return reward, acted
        inside = acted & (now.opens <= step) & (step < now.closes)
        early = (acted ^ inside) & (now.hold_from <= step) & (step < now.hold_to)
        answers = inside & (action == 1)
        rows = answers.nonzero()[0]
        if len(rows):
            error = np.abs(step[rows] * task.dt - now.due[rows]) / now.margin[rows]
            near = error <= 1
            accuracy = np.maximum(1 - error, 0.0)
            # The same operations as in `step_one`, so that a lane earns the same to the last bit.
            paid = np.maximum(accuracy * np.sqrt(accuracy), 0.1) * task.rewards["correct"]
            paid[~near] = task.rewards["fail"]
            reward[rows], now.performance[rows] = paid, near
            now.reaction_time[rows] = (step[rows] - now.asked[rows]) * task.dt
        return reward, broken_many(task, now, early, reward, answers)
