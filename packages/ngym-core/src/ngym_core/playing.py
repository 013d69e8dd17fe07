"""Playing trials: an agent plays some trials of each of several lanes, which may be given, and a table says what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import AnyEnv, ArrayOf, Count, Flag, Having, Integer, Seed, Several, checked, explained, shown
from ngym_core.random import Draws
from ngym_core.sampling import is_one_at_a_time
from ngym_core.trial_table import TrialRecorder, TrialTable, reported_times
from ngym_core.trials import Trials, select
from ngym_core.vector._lane_info import condition_columns
from ngym_core.vector.env import TrialVectorEnv
from ngym_core.wrappers.base import StepBatch, TrialWrapper

__all__ = ["Carry", "GivenTrials", "check_agent", "count_cut_episodes", "deal_trials", "play_trials"]

Array: TypeAlias = NDArray[Any]
Carry: TypeAlias = Literal["trial", "stream"]
"""How long an agent keeps its state: for a trial, or for all trials of a lane."""


class _NumbersOfLanes(Several):
    """For each of at least one lane the numbers of its trials, at least one."""

    def __init__(self) -> None:
        super().__init__(ArrayOf(each=Integer(0)), "a list of numbers of trials for each of at least one lane")

    def problem(self, value: Any) -> type[Exception] | None:
        return super().problem(value) or (None if len(value) else ValueError)


Rows: TypeAlias = Annotated[Sequence[Array], _NumbersOfLanes()]
"""For each lane the numbers of the trials that it plays, in their order."""
Agent: TypeAlias = Annotated[Any, Having("an agent with `predict`", "predict")]

ENDLESS = 2**62
"""Number of trials of an episode, where none is to end."""
MAX_CUT_EPISODES = 1000
"""Episodes that may end one after another before any trial of them does."""


@checked
def deal_trials(num_trials: Count, lanes: Count) -> list[Array]:
    """Deal trials out to lanes in turns, and return the numbers of those of each lane.

    Example:
        >>> from ngym_core.playing import deal_trials
        >>> [numbers.tolist() for numbers in deal_trials(5, 2)]
        [[0, 2, 4], [1, 3]]
    """
    return [np.arange(lane, num_trials, lanes) for lane in range(min(lanes, num_trials))]


@explained
def check_agent(agent: Any, env: AnyEnv, task: str, spaces: Sequence[str] = ("observation_space", "action_space")) -> None:
    """Check that an agent is one, and was made for the spaces of an env. Agents that do not say so are believed.

    Args:
        agent: The agent.
        env: The env that it is to play.
        task: Name of the env, for the message.
        spaces: Names of the spaces to compare.

    Raises:
        TypeError: A class in the place of an agent.
        ValueError: An agent that was made for other spaces.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.playing import check_agent
        >>> try:
        ...     check_agent(ngym.make("GoNogo-v0"), ngym.make("PerceptualDecisionMaking-v0"), "the task", ["action_space"])
        ... except ValueError as error:
        ...     print(str(error).split(";")[0])
        The agent was made for the action_space Discrete(2), and the task has Discrete(3)
    """
    if isinstance(agent, type):
        raise TypeError(f"The agent {shown(agent)} is a class, which cannot act: make an object of it.")
    for name in spaces:
        made_for = getattr(agent, name, None)
        if made_for is not None and made_for != getattr(env, name):
            raise ValueError(
                f"The agent was made for the {name} {made_for}, and {task} has {getattr(env, name)}; give it the task (and "
                "the wrappers) it was trained on."
            )


@explained
def count_cut_episodes(counts: Array, over: ArrayLike, ended: ArrayLike, env: Any) -> Array:
    """Count the episodes of each lane that ended one after another before any trial did, after a step.

    An env whose episodes are shorter than its trials would be played for ever.

    Args:
        counts: What this returned after the step before, (N,) integers; at first zeros.
        over: Whether an episode ended with the step, (N,) bool.
        ended: Whether a trial did, (N,) bool.
        env: The env, for the message.

    Raises:
        TypeError: `counts` are no integers.
        ValueError: A thousand such episodes in a lane.

    Example:
        >>> import numpy as np
        >>> from ngym_core.playing import count_cut_episodes
        >>> count_cut_episodes(np.array([0, 1, 2]), over=[True, False, False], ended=[False, False, True], env=None).tolist()
        [1, 1, 0]
    """
    if np.asarray(counts).dtype.kind not in "iu":
        raise TypeError(f"counts={shown(counts)} must be integers.")
    counts = np.where(ended, 0, counts + np.asarray(over, bool))
    if counts.max() >= MAX_CUT_EPISODES:
        raise ValueError(
            f"{env}: {MAX_CUT_EPISODES:,} episodes ended one after another before any trial did; let episodes last longer "
            "(`max_episode_steps`, TimeLimit)."
        )
    return counts


class _Shared:
    """Trials of several lanes, which nobody changes: copies of an env share them.

    Args:
        trials: The trials.
        rows: For each lane the numbers of its trials.
    """

    def __init__(self, trials: Trials, rows: Sequence[Array]) -> None:
        self.trials, self.rows = trials, rows

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self


class GivenTrials(TrialWrapper):
    """Wrapper whose trials are given: under seed k those of lane k, one after another, and then again from the first.

    Wrappers inside change steps as ever, but make no trials and do not edit any.

    Args:
        env: The env whose trials they are, with the same wrappers. It plays only these from then on.
        trials: The trials, as `TrialEnv.sample_trials` returns them.
        rows: For each lane the numbers of the trials that it plays.

    Raises:
        ValueError: A task or a wrapper in NeuroGym's style: what it knows of a trial is in attributes, not in the trials.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.playing import GivenTrials
        >>> env = ngym.make("PerceptualDecisionMaking-v0")
        >>> trials = env.sample_trials(3, seed=5, coh=51.2)
        >>> lanes = ngym.TrialVectorEnv(GivenTrials(env, trials, [[0], [2]]), 2)
        >>> ob, info = lanes.reset(seed=0)
        >>> (ob[1] == trials.ob[2, 0]).all().item(), info["trial"]["coh"].tolist()
        (True, [51.2, 51.2])
    """

    _serves_lanes = True

    def __init__(
        self, env: AnyEnv, trials: Annotated[Trials, Having("Trials", "conditions", "flat_steps")], rows: Rows
    ) -> None:
        if is_one_at_a_time(env):
            raise ValueError(
                f"{env} is written in NeuroGym's style: it keeps what it knows of a trial in attributes, so trials that "
                "were made earlier cannot be played. Let the env make the trials."
            )
        super().__init__(env)
        self._given = _Shared(trials, [np.asarray(numbers) for numbers in rows])

    def _generate(self, n: int, draws: Draws, forced: Mapping[str, Any], factors: Any = ()) -> Trials:
        """Return the next n trials of the lane, or of all lanes, to which the draws belong."""
        rows = []
        for stream, k in self.own_draws(draws).per_stream(n):
            own = self._given.rows[stream.seed % len(self._given.rows)]
            first = stream.carried.get("played", 0)
            stream.carried["played"] = first + k
            rows.append(own[np.arange(first, first + k) % len(own)])
        return select(self._given.trials, np.concatenate(rows))


@checked
def play_trials(
    agent: Agent,
    env: AnyEnv,
    rows: Rows,
    *,
    carry: Carry = "trial",
    seed: Seed = 0,
    deterministic: Flag = True,
) -> TrialTable:
    """Let an agent play trials, a lane for each list of them, and return a table with one row per trial.

    Args:
        agent: The agent: ``predict(observations, state=..., episode_start=..., deterministic=...)``.
        env: The task with its wrappers. It serves the lanes, and is not to be used by others.
        rows: For each lane the numbers of the trials that it plays: their rows in the table.
        carry: Whether the agent's state restarts with each ``trial``, or is kept for all trials of a lane (``stream``).
        seed: Lane i plays the trials of seed + i.
        deterministic: Whether the agent takes its best action.

    Returns:
        Column -> (trials,) array: the conditions of the trials, and `ngym_core.trial_table.MEASURED_COLUMNS`.

    Example:
        >>> import ngym_core as ngym, numpy as np
        >>> from ngym_core.playing import deal_trials, play_trials
        >>> class Still:
        ...     def predict(self, ob, state=None, episode_start=None, deterministic=True):
        ...         return np.zeros(len(ob), int), None
        >>> table = play_trials(Still(), ngym.make("GoNogo-v0"), deal_trials(4, 2))
        >>> table["lane"].tolist(), table["choice"].tolist()
        ([0, 1, 0, 1], [0, 0, 0, 0])
    """
    check_agent(agent, env, str(env), ["action_space"])  # agents may take observations in other forms
    n = len(rows)
    lanes = TrialVectorEnv(env, n, autoreset_mode=AutoresetMode.SAME_STEP)
    lanes.trials_per_episode, lanes.max_episode_steps = ENDLESS, None
    recorder = TrialRecorder(n, lanes.task.dt)
    to_play = np.array([len(numbers) for numbers in rows])
    played, starts, state = np.zeros(n, int), np.ones(n, bool), None
    ob, _ = lanes.reset(seed=seed)
    while (played < to_play).any():
        actions, state = agent.predict(ob, state=state, episode_start=starts, deterministic=deterministic)
        taken = lanes.step_lanes(actions)
        ob, over = taken.observations, taken.terminated | taken.truncated
        batch = _step_batch(ob, taken.reward, actions, taken.info)
        recorder.add(batch)
        if len(taken.restarted):  # the task itself ended an episode, perhaps within a trial
            recorder.add(StepBatch.at_reset(taken.restarted, ob[taken.restarted]))
        played += batch.ended
        starts = batch.ended | over if carry == "trial" else over
    table = recorder.pop()
    number = np.full(len(table["lane"]), -1)  # of each trial: lanes that have played theirs go on while others play
    for lane, numbers in enumerate(rows):
        in_lane = np.nonzero(table["lane"] == lane)[0][: len(numbers)]
        number[in_lane] = numbers
    kept = np.nonzero(number >= 0)[0]
    order = kept[np.argsort(number[kept], kind="stable")]
    return {name: column[order] for name, column in table.items()} | {"trial": np.sort(number[kept])}


def _step_batch(ob: Array, reward: Array, actions: Array, info: Mapping[str, Any]) -> StepBatch:
    """Return one step of all lanes for a recorder."""
    ended = info["new_trial"]
    times = reported_times(info)
    batch = StepBatch(np.arange(len(ob)), ob, reward, actions, info["gt"], ended, info["performance"], times)
    if ended.any():
        batch.conditions.update(condition_columns(info["ended_trial"], ended))
    return batch
