"""Rendering: records the trials that are being played, for packs that draw them (see `hookspecs.ngym_frame`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import explained
from ngym_core.plain_data import decode, encode

__all__ = ["MAX_FPS", "PlayedTrial", "PlayedTrialRecorder", "frames_per_second", "record_trials"]

Array: TypeAlias = NDArray[Any]
Lanes: TypeAlias = Sequence[int] | NDArray[np.int_]
"""Indices of lanes."""

MAX_FPS = 50
"""Frames a second of a film of trials, at most."""
MOMENTS_KEPT = 64
"""Moments before all trials that are being played are dropped when there are this many of them."""


@explained
def frames_per_second(dt: float) -> float:
    """Return the frames a second at which a film of steps of dt ms runs as fast as the trials do, at most `MAX_FPS`.

    Example:
        >>> frames_per_second(100), frames_per_second(1)
        (10.0, 50.0)
    """
    return float(min(1000 / dt, MAX_FPS))


@dataclass(frozen=True)
class PlayedTrial:
    """A trial as it was played so far, which `hookspecs.ngym_frame` draws.

    Attributes:
        number: Its number in the episode, from 1.
        conditions: Its conditions, name -> value.
        periods: Period -> its first step, and the step after its last.
        first_step: The step at which the record begins; above 0 where an env went on from a state without a record.
        ob: What the agent saw, (m, ...): of each step, and of the present one unless the trial has ended.
        actions: What it did, (s, ...).
        rewards: What it got, (s,).
        gt: What would have been right, (s, ...).
        performance: Performance in the trial; None until it has ended.
    """

    number: int
    conditions: Mapping[str, Any]
    periods: Mapping[str, tuple[int, int]]
    first_step: int = 0
    ob: Array = field(default_factory=lambda: np.zeros((0, 0)))
    actions: Array = field(default_factory=lambda: np.zeros(0))
    rewards: Array = field(default_factory=lambda: np.zeros(0))
    gt: Array = field(default_factory=lambda: np.zeros(0))
    performance: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the trial has ended."""
        return self.performance is not None

    @property
    def steps(self) -> int:
        """Number of steps until the end of its last period, or until now if that is later."""
        return max([self.first_step + len(self.ob), *(end for _, end in self.periods.values())])


class PlayedTrialRecorder:
    """The trials that N lanes are playing, step by step.

    A trial that has ended stays the one that is shown until the lane's next step or reset: what an agent did last, and what
    it got for it, would never be seen otherwise.

    Args:
        n: Number of lanes, N.

    Example:
        >>> import numpy as np
        >>> from ngym_core.rendering import PlayedTrial, PlayedTrialRecorder
        >>> recorder = PlayedTrialRecorder(1)
        >>> recorder.begin([0], np.array([[1.0, 0.0]]), [PlayedTrial(1, {}, {"decision": (0, 2)})])
        >>> one = np.ones(1)
        >>> recorder.step(np.array([0]), 0 * one, np.array([0]), np.array([[0.0, 1.0]]), {})
        >>> trial = recorder.trial(0)
        >>> trial.ob.tolist(), trial.actions.tolist(), trial.ended, trial.steps
        ([[1.0, 0.0], [0.0, 1.0]], [0], False, 2)
    """

    @explained
    def __init__(self, n: int) -> None:
        self.n = n
        # Moments: what was seen then, (N, ...), and the step that was taken then: action, reward, ground truth. The present
        # moment has no step yet.
        self._seen: list[Array] = []
        self._taken: list[tuple[Array, Array, Array]] = []
        self._first = np.zeros(n, int)  # moment at which the trial that is shown began, in each lane
        self._next = np.full(n, -1)  # moment at which the trial after it began, where it has ended
        self._trials: list[PlayedTrial | None] = [None] * n
        self._upcoming: list[PlayedTrial | None] = [None] * n

    def begin(self, lanes: Lanes, ob: Array, trials: Sequence[PlayedTrial]) -> None:
        """Show new trials in some lanes (indices).

        Args:
            lanes: The lanes.
            ob: What all lanes see, (N, ...); only that of these lanes is read.
            trials: The trial of each of these lanes.
        """
        chosen = np.asarray(lanes)
        if not self._seen or len(chosen) == self.n:
            self._seen[-1:] = [np.array(ob)]
        else:
            self._seen[-1] = np.array(self._seen[-1])
            self._seen[-1][chosen] = ob[chosen]
        self._first[chosen], self._next[chosen] = len(self._seen) - 1, -1
        for lane, trial in zip(chosen.tolist(), trials, strict=True):
            self._trials[lane], self._upcoming[lane] = trial, None

    def step(
        self, actions: Array, rewards: Array, gt: Array, ob: Array, ended: Mapping[int, tuple[float, PlayedTrial]]
    ) -> None:
        """Record a step of all lanes.

        Args:
            actions: (N, ...).
            rewards: (N,).
            gt: (N, ...).
            ob: What the lanes see after it, (N, ...).
            ended: Lane whose trial ended -> performance in it, and the trial that has begun.
        """
        for lane in np.nonzero(self._next >= 0)[0].tolist():
            self._first[lane], self._next[lane] = self._next[lane], -1
            self._trials[lane], self._upcoming[lane] = self._upcoming[lane], None
        self._forget()
        self._taken.append((np.array(actions), np.array(rewards, float), np.array(gt)))
        self._seen.append(np.array(ob))
        for lane, (performance, upcoming) in ended.items():
            self._next[lane], self._upcoming[lane] = len(self._seen) - 1, upcoming
            shown = self._trials[lane]
            self._trials[lane] = None if shown is None else replace(shown, performance=performance)

    def change(self, ob: Array, rewards: Array | None = None) -> None:
        """Replace what the lanes see, (N, ...), and the rewards of the last step, (N,): a wrapper has changed them."""
        self._seen[-1] = np.array(ob)
        if rewards is not None:
            actions, _, gt = self._taken[-1]
            self._taken[-1] = actions, np.array(rewards, float), gt

    def trial(self, lane: int) -> PlayedTrial:
        """Return the trial that is shown of a lane.

        Raises:
            gymnasium.error.ResetNeeded: There is none yet.
        """
        trial = self._trials[lane]
        if trial is None:
            raise gymnasium.error.ResetNeeded("Call reset() before render(): no trial has begun.")
        first, last = int(self._first[lane]), int(self._next[lane]) if self._next[lane] >= 0 else len(self._seen) - 1
        seen = [ob[lane] for ob in self._seen[first : last + (not trial.ended)]]
        taken = [[column[lane] for column in step] for step in self._taken[first:last]]
        actions, rewards, gt = (np.array(column) for column in zip(*taken, strict=True)) if taken else (np.zeros(0),) * 3
        return replace(trial, ob=np.array(seen), actions=actions, rewards=rewards, gt=gt)

    @explained
    def get_lanes(self, lanes: Lanes) -> list[Any]:
        """Return the records of some lanes (indices) as plain data."""
        found: list[Any] = []
        for lane in np.asarray(lanes).tolist():
            if self._trials[lane] is None:
                found.append(None)
                continue
            trial, upcoming = vars(self.trial(lane)), self._upcoming[lane]
            now = None if upcoming is None else {"trial": vars(upcoming), "ob": self._seen[-1][lane]}
            found.append(encode({"shown": trial, "upcoming": now}))
        return found

    def set_lanes(self, lanes: Lanes, records: Sequence[Any]) -> None:
        """Set the records of some lanes (indices) to what `get_lanes` returned."""
        for lane, plain in zip(np.asarray(lanes).tolist(), records, strict=True):
            if plain is None:
                self._trials[lane] = self._upcoming[lane] = None
                continue
            record = decode(plain)
            shown, upcoming = PlayedTrial(**record["shown"]), record["upcoming"]
            seen = [*shown.ob, *([] if upcoming is None else [upcoming["ob"]])]
            self._make_room(len(seen), seen[-1], shown)
            first = len(self._seen) - len(seen)
            for at, ob in enumerate(seen, first):
                self._seen[at] = _with_row(self._seen[at], lane, ob)
            for at, row in enumerate(zip(shown.actions, shown.rewards, shown.gt, strict=True), first):
                self._taken[at] = tuple(_with_row(old, lane, new) for old, new in zip(self._taken[at], row, strict=True))  # type: ignore[assignment]
            self._first[lane], self._next[lane] = first, -1 if upcoming is None else len(self._seen) - 1
            self._trials[lane] = shown
            self._upcoming[lane] = None if upcoming is None else PlayedTrial(**upcoming["trial"])

    def _make_room(self, moments: int, ob: Array, trial: PlayedTrial) -> None:
        """Put empty moments before the present ones until there are as many as a lane needs."""
        missing = moments - len(self._seen)
        if missing > 0:
            steps = max(0, moments - 1 - len(self._taken))
            empty = [np.zeros((self.n, *np.shape(ob)), np.asarray(ob).dtype) for _ in range(missing)]
            taken = [_empty_step(self.n, trial) for _ in range(steps)]
            self._seen[:0], self._taken[:0] = empty, taken
            self._first += missing
            self._next[self._next >= 0] += missing

    def _forget(self) -> None:
        """Drop the moments before all trials that are being played."""
        before = int(self._first.min())
        if before >= MOMENTS_KEPT:
            del self._seen[:before], self._taken[:before]
            self._first -= before


def _empty_step(n: int, trial: PlayedTrial) -> tuple[Array, Array, Array]:
    """Return a step that no lane has taken, with values of the types of a trial's."""
    actions, gt = (np.zeros((n, *column.shape[1:]), column.dtype) for column in (trial.actions, trial.gt))
    return actions, np.zeros(n), gt


def _with_row(values: Array, lane: int, row: Any) -> Array:
    """Return a copy of (N, ...) values with that of one lane."""
    if values.shape[1:] != np.shape(row):  # no lane has taken this step
        values = np.zeros((len(values), *np.shape(row)), np.asarray(row).dtype)
    copied = values.astype(np.result_type(values, row))
    copied[lane] = row
    return copied


def record_trials(env: gymnasium.Env[Any, Any], render_mode: str) -> None:
    """Have the task inside an env record what is played, so that `render` can show it.

    Args:
        env: The env with its wrappers.
        render_mode: What `render` is to return.

    Raises:
        ImportError: No installed pack draws frames.
    """
    from ngym_core.plugins.registry import pack_manager
    from ngym_core.sampling import tasks_of  # not at the top: `import ngym_core` loads no trials

    pack_manager().require_frames(render_mode)
    recorder = PlayedTrialRecorder(1)  # one for all tasks of a wrapper that combines several
    for task in tasks_of(env):
        task.render_mode, task._recorder = render_mode, recorder
