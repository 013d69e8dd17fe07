"""Mixtures: several tasks in one env, from one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import ArrayOf, Flag, Number, Values, checked, shown
from ngym_core.plugins.registry import full_name, get_collection, make
from ngym_core.scheduler import BlockLength, RandomBlockSchedule, RandomSchedule, Schedule

if TYPE_CHECKING:
    from ngym_core.wrappers.schedule_envs import ScheduleEnvs

__all__ = ["mix"]


@checked
def mix(
    tasks: Sequence[str | gymnasium.Env[Any, Any]] | str,
    *,
    weights: Values | None = None,
    cue: Literal["one_hot", "parts"] | None = "one_hot",
    block: BlockLength | Sequence[BlockLength] = 1,
    schedule: Schedule | None = None,
    pad: Flag = False,
    **kwargs: Any,
) -> ScheduleEnvs:
    """Mix several tasks into one env, for one network that learns them all.

    The env is one like any other: alone, in lanes, in data sets, for agents and figures. Each task has the trials that it
    has alone, under random streams of its own. Of each trial the condition `task` is the id of its task and `i_env` its
    index; conditions that only other tasks have are missing: NaN (numbers) or None.

    Args:
        tasks: Ids, envs, or the name of a collection such as ``"yang19"``.
        weights: How often trials (or blocks) come from each task, (tasks,); equally often by default.
        cue: Show which task it is by further channels, named `env`: one for each task (``"one_hot"``), one for each part of
            their ids, such as `yang19.go-v0` and `anti` of ``yang19.go-v0+anti`` (``"parts"``: what a network learned of the
            parts may serve it in a task that it has not seen), or none.
        block: Number of consecutive trials of one task, see `SequentialBlockSchedule`: one number for all tasks, a pair
            (least, greatest), or a list (or an array) of one for each task.
        schedule: Which task each trial comes from, instead of weights and blocks.
        pad: Let tasks differ in the number of channels and actions, see `MultiEnvs`.
        **kwargs: Arguments of `make` for each id, such as `dt`.

    Returns:
        The env.

    Raises:
        ValueError: No task, an unknown collection, tasks with different spaces without `pad`, or with different time steps,
            an env that is part of a mixture already, weights or blocks that are not one for each task, or these together
            with a schedule, or tasks whose ids have the same parts with ``cue="parts"``.
        UnknownTaskError: An unknown id.
        TypeError: Arguments of `make` beside envs that are made already.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.mix("yang19")
        >>> env.observation_space.shape, env.action_space.n.item()  # 33 channels, and a cue of 20
        ((53,), 17)
        >>> env.sample_trials(4, seed=0).conditions["task"].tolist()
        ['yang19.ctxdm1-v0', 'yang19.go-v0', 'yang19.dlygo-v0', 'yang19.ctxdm2-v0']
    """
    from ngym_core.sampling import ENV
    from ngym_core.wrappers.modifiers import task_name  # here: at import nothing that makes trials is loaded
    from ngym_core.wrappers.schedule_envs import ScheduleEnvs

    ids = get_collection(tasks) if isinstance(tasks, str) else tasks
    if not isinstance(ids, (list, tuple)) or not ids:
        raise ValueError(f"tasks={shown(tasks)} must be the name of a collection, or a list of at least one id or env.")
    ready = [task for task in ids if not isinstance(task, str)]
    for task in ready:
        ENV.check("tasks", task)
    if ready and kwargs:
        raise TypeError(f"{', '.join(kwargs)}: arguments go with ids, and {ready[0]} is an env already.")
    envs = [make(task, **kwargs) if isinstance(task, str) else task for task in ids]
    if weights is not None:
        ArrayOf(length=len(envs), each=Number(0)).check("weights", weights)
        if not np.any(weights):
            raise ValueError(f"weights={shown(weights)} must have at least one number above 0.")
    block = block.tolist() if isinstance(block, np.ndarray) else block
    if isinstance(block, list) and len(block) != len(envs):
        raise ValueError(f"block={shown(block)} must have {len(envs)} lengths, one for each task.")
    if schedule is not None:
        if weights is not None or block != 1:
            raise ValueError("Give a schedule, or weights and blocks, not both.")
    elif block == 1:
        schedule = RandomSchedule(len(envs), allow_repeat=True, p=weights)
    else:
        lengths = block if isinstance(block, list) else [block] * len(envs)
        schedule = RandomBlockSchedule(len(envs), lengths, random_start=True, p=weights)  # type: ignore[arg-type]
    names = [full_name(task) if isinstance(task, str) else task_name(task) for task in ids]
    cues = _cues_of_parts(names) if cue == "parts" else None
    return ScheduleEnvs(envs, schedule, env_input=cue is not None, pad=pad, names=names, cues=cues)


def _cues_of_parts(names: Sequence[str]) -> NDArray[np.float64]:
    """Return a cue for each id, (ids, parts): 1 for each part that it has, its task and each modifier."""
    parts = list(dict.fromkeys(part for name in names for part in name.split("+")))
    cues = np.array([[part in name.split("+") for part in parts] for name in names], float)
    for i, cue in enumerate(cues):
        same = [names[j] for j in range(i + 1) if np.array_equal(cues[j], cue)]
        if len(same) > 1:
            raise ValueError(
                f"cue='parts' shows the same for the tasks {same[0]!r} and {same[1]!r}, whose ids have the same parts: "
                "choose other tasks, or cue='one_hot'."
            )
    return cues
