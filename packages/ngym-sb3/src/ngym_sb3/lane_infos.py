"""Lane infos: the infos of a step of N lanes as arrays, and as the list of dictionaries that Stable-Baselines3 expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LaneInfos", "StepEnds", "split_info"]

Array: TypeAlias = NDArray[Any]


@dataclass
class StepEnds:
    """What ended in a step of N lanes.

    Attributes:
        info: The info of the step, see `ngym_core.TrialVectorEnv.step_lanes`.
        lanes: Lanes where a trial or an episode ended, (k,).
        episode_lanes: Lanes where an episode ended, (m,).
        episode_rewards, episode_steps: Of these episodes, (m,) each.
        seconds: Since the env was made.
        done_lanes: Lanes where "done" is set, (d,).
        terminal_observations: Last observation in these lanes, (d, ...).
        truncated: Whether the task itself went on, (d,) bool.
        success: Share of trials with full performance, (d,).
    """

    info: dict[str, Any]
    lanes: Array
    episode_lanes: Array
    episode_rewards: Array
    episode_steps: Array
    seconds: float
    done_lanes: Array
    terminal_observations: Array
    truncated: Array
    success: Array

    def episodes(self) -> list[dict[str, float]]:
        """Return reward `r`, length `l` and time `t` of each episode that ended."""
        ended = zip(self.episode_rewards.tolist(), self.episode_steps.tolist(), strict=True)
        return [{"r": reward, "l": steps, "t": self.seconds} for reward, steps in ended]

    def dictionaries(self) -> dict[int, dict[str, Any]]:
        """Return the infos of the lanes where anything ended."""
        infos = dict(zip(self.lanes.tolist(), split_info(self.info, self.lanes), strict=True))
        at_done = self.done_lanes.tolist(), self.terminal_observations, self.truncated.tolist(), self.success.tolist()
        for lane, last, truncated, success in zip(*at_done, strict=True):
            # Unless the task has a terminal state, it goes on: algorithms are to add the value of what follows.
            infos[lane] |= {"terminal_observation": last, "TimeLimit.truncated": truncated, "is_success": success}
        for lane, episode in zip(self.episode_lanes.tolist(), self.episodes(), strict=True):
            infos[lane]["episode"] = episode
        return infos


class LaneInfos(list[dict[str, Any]]):
    """One info for each lane, (N,); a list whose dictionaries are made when it is first read.

    It is read, compared, changed, copied and pickled as the list of dictionaries that it is; a copy is a plain list.
    Most algorithms read the infos of the few lanes where an episode ended, and code of ours reads `ends` instead.
    Only calls that pass by its methods find None in it: ``operator.concat(a_list, infos)`` and ``list.copy(infos)``, for
    which ``a_list + infos`` and ``infos.copy()`` are right. To fill it at each step would double the time of a step.

    Args:
        ends: What ended in the step.

    Attributes:
        ends: The same.

    Example:
        >>> import numpy as np
        >>> from ngym_sb3 import make_sb3_env
        >>> env = make_sb3_env("PerceptualDecisionMaking-v0", n_envs=4, seed=0)
        >>> _ = env.reset()
        >>> infos = env.step(np.zeros(4, int))[3]
        >>> len(infos), infos[-1], isinstance(infos, list)
        (4, {'new_trial': False, 'gt': 0}, True)
    """

    def __init__(self, ends: StepEnds) -> None:
        super().__init__([None] * len(ends.info["gt"]))  # type: ignore[list-item]
        self.ends = ends
        self._made = self._ended_made = False

    @property
    def read(self) -> bool:
        """Whether dictionaries were read of lanes where anything ended, which whoever read them may have changed."""
        return self._ended_made

    def _make(self) -> list[dict[str, Any]]:
        """Make all dictionaries that were not made yet."""
        if not self._made:
            self._make_ended()
            for lane, info in enumerate(super().__iter__()):
                if info is None:
                    super().__setitem__(lane, self._of_running_trial(lane))
            self._made = True
        return self

    def _of_running_trial(self, lane: int) -> dict[str, Any]:
        """Return the info of a lane where nothing ended; `paused` is there where a wrapper skipped its step."""
        gt, paused = self.ends.info["gt"][lane], self.ends.info.get("paused")
        info = {"new_trial": False, "gt": gt.item() if np.ndim(gt) == 0 else gt}
        return info if paused is None or not paused[lane] else {**info, "paused": 1.0}

    def _make_ended(self) -> None:
        """Make those of the lanes where anything ended."""
        if not self._ended_made:
            self._ended_made = True
            for lane, info in self.ends.dictionaries().items():
                super().__setitem__(lane, info)

    def __getitem__(self, index: Any) -> Any:
        """Return the info of a lane, or a list of those of a slice."""
        if not self._made:
            if isinstance(index, slice):
                self._make()
            else:
                self._make_ended()
                if super().__getitem__(index) is None:
                    super().__setitem__(index, self._of_running_trial(index))
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the infos of all lanes."""
        self._make()
        return super().__iter__()

    def __reduce__(self) -> Any:
        """Be copied and pickled as a plain list."""
        return list, (list(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Be copied and pickled as a plain list."""
        return self.__reduce__()

    def __radd__(self, other: list[Any]) -> list[Any]:
        """Append to a plain list."""
        return [*other, *self] if isinstance(other, list) else NotImplemented


def _reading(name: str) -> Any:
    """Return a method of lists that makes the dictionaries before it does what it does."""
    method = getattr(list, name)

    def call(self: LaneInfos, *args: Any, **kwargs: Any) -> Any:
        for infos in (self, *args):
            if isinstance(infos, LaneInfos):
                infos._make()
        return method(self, *args, **kwargs)

    call.__name__, call.__qualname__, call.__doc__ = name, f"LaneInfos.{name}", method.__doc__
    return call


READING = (
    *("__add__", "__contains__", "__delitem__", "__eq__", "__ge__", "__gt__", "__iadd__", "__imul__", "__le__", "__lt__"),
    *("__mul__", "__ne__", "__repr__", "__reversed__", "__rmul__", "__setitem__", "append", "clear", "copy", "count"),
    *("extend", "index", "insert", "pop", "remove", "reverse", "sort"),
)
"""Methods of lists that read or change what a list holds."""
for _name in READING:
    setattr(LaneInfos, _name, _reading(_name))


def split_info(info: dict[str, Any], lanes: Array) -> list[dict[str, Any]]:
    """Split the info of a vector env into one dictionary for each of some lanes (indices)."""
    lane_infos: list[dict[str, Any]] = [{} for _ in lanes]
    for key, value in info.items() if len(lanes) else ():
        if key.startswith("_"):
            continue
        if isinstance(value, dict):
            values: Iterable[Any] = split_info(value, lanes)
        else:  # Python numbers for scalars; rows and objects stay what they are
            values = value[lanes].tolist() if value.ndim == 1 and value.dtype != object else value[lanes]
        # Gymnasium's convention: `_key` is the mask of the lanes that have `key`.
        for lane_info, has_key, lane_value in zip(lane_infos, info[f"_{key}"][lanes].tolist(), values, strict=True):
            if has_key:
                lane_info[key] = lane_value
    return lane_infos
