"""TrialVectorEnv: N lanes of one task as a Gymnasium vector env, arrays in and arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple, TypeAlias

import gymnasium.error
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from ngym_core.arguments import Count, Index, InstanceOf, Integer, checked, explained, shown
from ngym_core.env import conditions_of_reset
from ngym_core.plain_data import decode, encode
from ngym_core.plugins.registry import pack_manager
from ngym_core.rendering import PlayedTrial, PlayedTrialRecorder
from ngym_core.sampling import tasks_of
from ngym_core.state import describe_stack, layer_states, open_state, seal_state, set_layer_states
from ngym_core.trial_table import reported_times
from ngym_core.vector._lane_info import condition_columns, info_of, merge_info, with_room_for
from ngym_core.vector._lane_state import put_lanes, take_lanes
from ngym_core.vector.backends import Backend, LoopBackend, RuleBackend, can_step_by_rule, split_wrappers
from ngym_core.wrappers.base import StepBatch

__all__ = ["LaneStep", "TrialVectorEnv"]

Array: TypeAlias = NDArray[Any]
Info: TypeAlias = dict[str, Any]

MEMORY_BYTES = 64 * 2**20
"""Default bound of the memory of prefetched trials, over all lanes."""

NO_LANES = np.zeros(0, np.int64)
"""Indices of no lanes."""
SEED = Integer(0)
"""What a seed of a lane may be."""


class LaneStep(NamedTuple):
    """A step of N lanes; `TrialVectorEnv.step_lanes` returns one, with an example.

    Attributes:
        observations: What the lanes see next, (N, *observation shape).
        reward: (N,) float64.
        terminated, truncated: Whether the episode ended, (N,) bool each.
        info: The info of the step as `TrialVectorEnv.step` returns it, but of the step alone also where lanes restarted.
        restarted: Lanes (indices) that began an episode in the same step, as with autoreset mode ``SAME_STEP``, (k,).
        last_observations: The last ones of the episodes that ended there, (k, *observation shape).
    """

    observations: Array
    reward: Array
    terminated: Array
    truncated: Array
    info: Info
    restarted: Array
    last_observations: Array


class TrialVectorEnv(VectorEnv[Any, Any, Any]):
    """N lanes of one task, as a Gymnasium vector env; `make_vec` makes one from a task's id.

    Lane i after ``reset(seed=s)`` plays what the single env plays after ``reset(seed=s + i)``. A step is
    a fixed number of array operations, whatever N is; tasks with a `_step` of their own, and those in
    NeuroGym's style, are stepped one lane after another instead. Rewards are (N,) float64; `info` holds
    (N,) arrays, each with a mask under the same name with an underscore, as Gymnasium's own vector envs do.

    Args:
        env: The task with its trial wrappers, perhaps in a `TimeLimit`. It serves all lanes and is not to be stepped itself.
        num_envs: N, the number of lanes.
        autoreset_mode: What happens after an episode's end (`num_trials_before_reset` trials by default).
        memory: Bound of the memory of prefetched trials in bytes, over all lanes.

    Attributes:
        env: The task with its trial wrappers.
        task: The task alone.
        trials_per_episode: Number of trials of an episode.
        max_episode_steps: Number of steps after which an episode ends in any case, by the outermost `TimeLimit`; or None.

    Raises:
        ValueError: Less than one lane.

    Example:
        >>> import numpy as np, ngym_core as ngym
        >>> env = ngym.TrialVectorEnv(ngym.make("PerceptualDecisionMaking-v0"), 4)
        >>> ob, info = env.reset(seed=0)
        >>> ob, reward, terminated, truncated, info = env.step(np.zeros(4, int))
        >>> ob.shape, reward.tolist(), info["gt"].tolist()
        ((4, 3), [0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0])
        >>> env.periods(0)["stimulus"]
        (1, 21)
    """

    closed = True  # until it is made: Gymnasium before 1.3 closes also what could not be made

    @checked
    def __init__(
        self,
        env: Annotated[Any, InstanceOf(gymnasium.Env, "a task, or a wrapper around one")],
        num_envs: Count,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        memory: Index = MEMORY_BYTES,
    ) -> None:
        self.max_episode_steps: int | None = None
        if isinstance(env, TimeLimit):  # counted here, for all lanes at once
            self.max_episode_steps, env = env._max_episode_steps, env.env
        self.env = env
        self.task = env.unwrapped
        for task in tasks_of(env):
            vars(task).pop("_recorder", None)  # lanes are recorded here, all at once
        self.spec = self.task.spec
        self.num_envs = num_envs
        self.single_observation_space = env.observation_space
        self.single_action_space = env.action_space
        self.observation_space = batch_space(env.observation_space, num_envs)
        self.action_space = batch_space(env.action_space, num_envs)
        self._n_actions = np.full(num_envs, getattr(env.action_space, "n", 0), np.uint64)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.task.metadata, "autoreset_mode": self.autoreset_mode}
        self.trials_per_episode: int = self.task.num_tr_exp
        self._backend: Backend = (
            RuleBackend(env, num_envs, memory) if can_step_by_rule(env) else LoopBackend(env, num_envs, self._add_info)
        )
        self._wrappers = [(w, w.init_memory(num_envs)) for w in split_wrappers(env)[0] if w._changes_steps]
        self._can_pause = any(w._pauses for w, _ in self._wrappers)
        self._last_ob: dict[int, Array] = {}  # what a pausing wrapper saw last, (N, ...), by its index
        self._max_trials = 1  # no lane has begun more in its episode: few steps need to look at all lanes
        self._episode_over = np.zeros(num_envs, bool)
        # Where an episode is over after its number of trials, the first trial of the next has begun, see `TrialEnv.step`.
        self._next_begun = np.zeros(num_envs, bool)
        self._episode_steps = np.zeros(num_envs, np.int64)
        self._started = np.zeros(num_envs, bool)
        self._all_started = False
        self.render_mode = env.render_mode
        self._recorder = None if env.render_mode is None else PlayedTrialRecorder(num_envs)
        self.closed = False

    @explained
    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, Info]:
        """Begin an episode in all lanes, or in those of ``options["reset_mask"]``.

        Args:
            seed: An integer s seeds lane i with s + i; a list has one seed for each lane.
            options: ``reset_mask``, (N,) bool: the lanes to reset; ``conditions``, a dictionary: conditions to force on the
                first trial of each of these lanes, name -> value.

        Returns:
            Observations (N, *observation shape), and `info`, see `step`.

        Raises:
            ValueError: Not one seed for each lane, or a mask of another shape or without any lane.
            TypeError: A mask that is no boolean array, or conditions that are no dictionary.
            UnknownNameError: Another option, or a condition that the task does not have.
        """
        forced = conditions_of_reset(options, "reset_mask")
        mask = self._reset_mask(options)
        seeds = [None] * self.num_envs if seed is None else seed
        if not isinstance(seeds, (list, tuple, np.ndarray)):
            SEED.check("seed", seeds)
            seeds = [int(seeds) + i for i in range(self.num_envs)]  # type: ignore[arg-type]
        if len(seeds) != self.num_envs:
            raise ValueError(f"There are {len(seeds)} seeds for {self.num_envs} lanes.")
        for lane, one in enumerate(seeds):
            if one is not None:
                SEED.check(f"seed[{lane}]", one)
        seeds = [None if one is None else int(one) for one in seeds]
        if seed is not None:
            super().reset(seed=seeds[0])
        lanes = np.nonzero(mask)[0]
        for lane in lanes.tolist():
            if seeds[lane] is not None:
                self._backend.seed(lane, seeds[lane])
                self._next_begun[lane] = False
            if seeds[lane] is not None or not self._started[lane]:
                for wrapper, memory in self._wrappers:
                    wrapper.seed_memory(memory, lane, wrapper.own_draws(self._backend.draws(lane)))
        self._backend.begin(lanes if forced else lanes[~self._next_begun[lanes]], forced)
        self._backend.num_tr[lanes], self._episode_steps[lanes] = 1, 0
        self._episode_over[lanes] = self._next_begun[lanes] = False
        self._started[lanes] = True
        self._all_started = bool(self._started.all())
        ob = self._backend.observe()
        ob, reported = self._apply_wrappers_at_reset(ob, ob, lanes)
        if self._recorder is not None:
            self._recorder.begin(lanes, ob, self._records_of_trials(lanes))
        return ob, info_of({**self._backend.idle_info(), **reported}, mask)

    def step(self, actions: Any) -> tuple[Array, Array, Array, Array, Info]:
        """Take one step in all lanes.

        Args:
            actions: (N,) integers, or (N, *action shape) numbers.

        Returns:
            Observations (N, *observation shape), rewards (N,), `terminated` (N,), `truncated` (N,) and
            `info` with the keys of `TrialEnv.step`: (N, ...) arrays, each with a mask under the same name
            with an underscore; conditions are arrays with masks in the dictionaries `trial` and
            `ended_trial`. With autoreset mode ``SAME_STEP``, `final_info` has the same of lanes whose episode ended.

        Raises:
            gymnasium.error.ResetNeeded: A lane that was not reset, or whose episode is over where
                `autoreset_mode` is disabled.
            gymnasium.error.InvalidAction: Actions of another shape or outside the space.
        """
        taken = self.step_lanes(actions)
        info = taken.info
        if len(taken.restarted):
            over = taken.terminated | taken.truncated
            final_ob = np.full(self.num_envs, None, object)
            for lane, last in zip(taken.restarted.tolist(), taken.last_observations, strict=True):
                final_ob[lane] = last  # one by one: NumPy would take apart rows that are set together
            final = {"final_obs": final_ob, "final_info": info_of(info, over)}
            masks = {f"_{name}": over.copy() for name in final}
            reported = self._reported(taken.restarted, {})
            info = {**self._backend.info_after_reset(info, reported, over), **final, **masks}
        return taken.observations, taken.reward, taken.terminated, taken.truncated, info

    def step_lanes(self, actions: Any) -> LaneStep:
        """Take one step in all lanes, for adapters to engines that have a form of their own for what ended.

        `step` puts this together in Gymnasium's form, which with autoreset mode ``SAME_STEP`` takes longer than the step.

        Args:
            actions: (N,) integers, or (N, *action shape) numbers.

        Returns:
            The step.

        Raises:
            gymnasium.error.ResetNeeded: See `step`.
            gymnasium.error.InvalidAction: See `step`.

        Example:
            >>> import numpy as np, ngym_core as ngym
            >>> env = ngym.make_vec("PerceptualDecisionMaking-v0", 2, autoreset_mode="SameStep", num_trials_before_reset=1)
            >>> _ = env.reset(seed=0)
            >>> for _ in range(22):  # a trial of 2.2 s in steps of 100 ms
            ...     taken = env.step_lanes(np.zeros(2, int))
            >>> taken.restarted, taken.last_observations.shape, taken.info["new_trial"]
            (array([0, 1]), (2, 3), array([ True,  True]))
        """
        actions = self._check_actions(actions)
        over = self._episode_over
        waiting = np.count_nonzero(over)
        if not self._all_started or (waiting and self.autoreset_mode == AutoresetMode.DISABLED):
            which = np.nonzero(~self._started | over)[0].tolist()
            raise gymnasium.error.ResetNeeded(f"Reset the lanes {which} before stepping them.")
        pausing = self._pausing_wrappers()
        paused = over if pausing is None else over | (pausing > 0)
        reward, ends, stopped, info = self._backend.step(actions, paused if waiting or pausing is not None else None)
        gt, performance = info["gt"], info["performance"]
        terminated, truncated = (
            (np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)) if stopped is None else stopped
        )
        if np.count_nonzero(ends):
            if self._max_trials >= self.trials_per_episode:
                finished = ends & (self._backend.num_tr >= self.trials_per_episode)
                self._next_begun |= finished
                truncated |= finished
                self._max_trials = int(self._backend.num_tr.max())
            self._backend.num_tr += ends
            self._max_trials += 1
        if self.max_episode_steps is not None:
            self._episode_steps += ~over
            truncated |= ~over & (self._episode_steps >= self.max_episode_steps)
        task_ob = ob = self._backend.observe()
        if self._wrappers:
            ob = self._apply_wrappers(task_ob, reward, actions, info, ends, np.nonzero(~over)[0], pausing)
        if waiting:  # next-step autoreset: these lanes took no step, they begin an episode
            ob, begun, changed = self._restart_lanes(ob, task_ob, np.nonzero(over)[0])
            info = merge_info(info, info_of({**self._backend.idle_info(), **begun} if changed else begun, over))
        self._episode_over, restarted = terminated | truncated, over
        begun_lanes, last = NO_LANES, ob[:0]
        if self.autoreset_mode == AutoresetMode.SAME_STEP and np.count_nonzero(self._episode_over):
            restarted, begun_lanes = self._episode_over & ~self._next_begun, self._episode_over.nonzero()[0]
            last = ob[begun_lanes]
            ob = self._restart_lanes(ob, task_ob, begun_lanes)[0]
            self._episode_over = np.zeros(self.num_envs, bool)
        if self._recorder is not None:
            self._record_step(actions, reward, gt, ob, ends, performance, np.nonzero(restarted)[0])
        return LaneStep(ob, reward, terminated, truncated, info, begun_lanes, last)

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return an image of the trial so far of each lane, see `TrialEnv.render`.

        Returns:
            N times (H, W, 3) uint8; None, with a warning of Gymnasium, without a `render_mode`.

        Raises:
            gymnasium.error.ResetNeeded: A lane that was never reset.
        """
        if self._recorder is None:
            gymnasium.logger.warn(
                "These lanes have no render_mode, so render() returns nothing. Make them with render_mode='rgb_array'."
            )
            return None
        return tuple(pack_manager().draw_frame(self._recorder.trial(lane), self.env) for lane in range(self.num_envs))

    def _records_of_trials(self, lanes: Array) -> list[PlayedTrial]:
        """Return the trials that some lanes (indices) play, for the recorder."""
        if not len(lanes):
            return []
        entry, trials = self._backend.idle_info()["trial"], []
        for lane in lanes.tolist():
            row = {name: column[lane] for name, column in entry.items() if name[0] != "_" and entry[f"_{name}"][lane]}
            conditions = {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
            trials.append(PlayedTrial(int(self._backend.num_tr[lane]), conditions, self.periods(lane)))
        return trials

    def _record_step(
        self, actions: Array, reward: Array, gt: Array, ob: Array, ends: Array, performance: Array, restarted: Array
    ) -> None:
        """Record a step of all lanes, of which some (indices) began an episode instead."""
        lanes = np.nonzero(ends)[0]
        upcoming = self._records_of_trials(lanes)
        ended = {lane: (float(performance[lane]), trial) for lane, trial in zip(lanes.tolist(), upcoming, strict=True)}
        self._recorder.step(actions, reward, gt, ob, ended)  # type: ignore[union-attr]
        if len(restarted):
            self._recorder.begin(restarted, ob, self._records_of_trials(restarted))  # type: ignore[union-attr]

    def get_state(self, lanes: Sequence[int] | None = None) -> dict[str, Any]:
        """Return what lanes will do next, as plain data, see `ngym_core.state`.

        Args:
            lanes: Indices of some lanes; by default all.

        Raises:
            TypeError: A wrapper's memory that cannot be divided among lanes, or an attribute whose state cannot be taken.

        Example:
            >>> import numpy as np, ngym_core as ngym
            >>> env = ngym.make_vec("PerceptualDecisionMaking-v0", 3)
            >>> _ = env.reset(seed=0)
            >>> env.set_state(env.get_state(lanes=[2]), lanes=[0])  # lane 0 goes on as lane 2 does
            >>> ob = env.step(np.zeros(3, int))[0]
            >>> (ob[0] == ob[2]).all().item()
            True
        """
        self._backend.follow_changes()
        chosen = self._lane_indices(lanes)
        content = {
            "layers": layer_states(self.env),
            "backend": self._backend.get_lanes(chosen),
            "wrappers": [encode(take_lanes(memory, chosen, self.num_envs)) for _, memory in self._wrappers],
            "last_ob": {str(number): ob[chosen] for number, ob in self._last_ob.items()},
            "episode_over": self._episode_over[chosen],
            "next_begun": self._next_begun[chosen],
            "episode_steps": self._episode_steps[chosen],
            "started": self._started[chosen],
        }
        if self._recorder is not None:
            content["played"] = self._recorder.get_lanes(chosen)
        return seal_state("lanes", self._described(len(chosen)), content)

    def set_state(self, state: Mapping[str, Any], lanes: Sequence[int] | None = None) -> None:
        """Let lanes go on from a state; nothing else of them changes.

        Args:
            state: What `get_state` returned, of lanes of the same task with the same wrappers and parameters. Parameters
                that were changed since the env was made are set only with the state of all lanes.
            lanes: The lanes that go on from it, as many as it has; by default all.

        Raises:
            StateError: A damaged state, or one of another env or of more or fewer lanes. Nothing is changed then.
        """
        chosen = self._lane_indices(lanes)
        content = open_state("lanes", self._described(len(chosen)), state)
        if lanes is None:
            set_layer_states(self.env, content["layers"])
            if self._backend.watch.changed:
                self._backend.watch.remember()
                self._backend.restart(content["backend"])
        self._backend.set_lanes(chosen, content["backend"])
        for (_, memory), plain in zip(self._wrappers, content["wrappers"], strict=True):
            put_lanes(memory, chosen, decode(plain, take_lanes(memory, chosen, self.num_envs)))
        for number, ob in content["last_ob"].items():
            self._last_ob.setdefault(int(number), np.zeros((self.num_envs, *ob.shape[1:]), ob.dtype))[chosen] = ob
        self._episode_over[chosen], self._started[chosen] = content["episode_over"], content["started"]
        self._next_begun[chosen], self._episode_steps[chosen] = content["next_begun"], content["episode_steps"]
        self._all_started = bool(self._started.all())
        self._max_trials = max(1, int(self._backend.num_tr.max()))
        if self._recorder is not None:
            self._resume_record(chosen, content.get("played"))

    def _described(self, lanes: int) -> dict[str, Any]:
        """Return what a state of some lanes must agree in with this env."""
        return {**describe_stack(self.env), "number": lanes, "max_episode_steps": self.max_episode_steps}

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from, by `copy.deepcopy` or pickle: it goes on as this env would."""
        self._backend.follow_changes()
        return self.__dict__.copy()

    def _resume_record(self, lanes: Array, records: Any) -> None:
        """Go on with the records of a state; without them, what lanes (indices) saw and did before is not known."""
        if records is not None:
            self._recorder.set_lanes(lanes, records)  # type: ignore[union-attr]
        elif len(lanes := lanes[self._started[lanes]]):
            unknown = np.full(self.observation_space.shape or (), np.nan)
            trials = zip(lanes.tolist(), self._records_of_trials(lanes), strict=True)
            begun = [replace(trial, first_step=self._backend.step_in_trial(lane)) for lane, trial in trials]
            self._recorder.begin(lanes, unknown, begun)  # type: ignore[union-attr]

    def _lane_indices(self, lanes: Sequence[int] | None) -> Array:
        """Return indices of lanes, (m,), after a check."""
        chosen = np.arange(self.num_envs) if lanes is None else np.asarray(lanes)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or len(np.unique(chosen)) != len(chosen):
            raise ValueError(f"lanes={lanes!r} must be different indices of lanes.")
        if not len(chosen) or chosen.min() < 0 or chosen.max() >= self.num_envs:
            raise IndexError(f"lanes={lanes!r}: there are lanes 0 to {self.num_envs - 1}.")
        return chosen

    @explained
    def periods(self, lane: int) -> dict[str, tuple[int, int]]:
        """Return the periods of the trial that a lane is playing.

        Args:
            lane: Index of the lane.

        Returns:
            Period -> its first step in the trial, and the step after its last.
        """
        return self._backend.periods(lane)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the env and its wrappers."""
        self.env.close()

    @property
    def np_random(self) -> np.random.Generator:
        """The generator of Gymnasium's vector envs, which no lane draws from."""
        return super().np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        raise AttributeError("Each lane has random streams of its own: seed them by reset(seed=...), not by np_random.")

    def _pausing_wrappers(self) -> Array | None:
        """Return the number of the outermost wrapper that pauses each lane, (N,).

        Wrappers are numbered from 1, the innermost first; 0 where none pauses the lane. None if no wrapper ever pauses.
        """
        if not self._can_pause:
            return None
        pausing = np.zeros(self.num_envs, int)
        for number, (wrapper, memory) in enumerate(self._wrappers, 1):
            if wrapper._pauses:
                pausing[wrapper.paused(memory)] = number
        return pausing

    def _apply_wrappers(
        self, task_ob: Array, reward: Array, actions: Array, info: Info, ends: Array, lanes: Array, pausing: Array | None
    ) -> Array:
        """Let the wrappers change a step of the given lanes: rewards and info in place; return the observations."""
        if not len(lanes):
            info.update(self._reported(lanes, {}))
            return task_ob
        if pausing is None:
            pausing = np.zeros(self.num_envs, int)
        gt, performance = info["gt"][lanes], info["performance"][lanes]
        times = reported_times(info, lanes)
        batch = StepBatch(lanes, task_ob[lanes], reward[lanes], actions[lanes], gt, ends[lanes], performance, times)
        if np.count_nonzero(ends):
            conditions = condition_columns(info["ended_trial"], ends)
            batch.conditions = {name: column[lanes] for name, column in conditions.items()}
        self._run_on_step(batch, pausing[lanes])
        reward[lanes] = batch.reward
        info.update(self._reported(lanes, batch.info))
        return self._write_ob(np.zeros(self.observation_space.shape or (), batch.ob.dtype), batch)

    def _run_on_step(self, batch: StepBatch, pausing: Array) -> None:
        """Call `on_step` of the wrappers, the innermost first; those inside a pausing wrapper do not see its lanes.

        Args:
            batch: The step of m lanes, changed in place.
            pausing: Number of the outermost wrapper that pauses each of them, (m,), see `_pausing_wrappers`.
        """
        for number, (wrapper, memory) in enumerate(self._wrappers, 1):
            shape = wrapper.env.observation_space.shape or ()
            if batch.ob.shape[1:] != shape:
                batch.ob = np.zeros((len(batch.lanes), *shape), batch.ob.dtype)
            if wrapper._pauses:
                # A paused lane took no step: the wrapper that pauses it sees the last observation again.
                last = self._last_ob.setdefault(number, np.zeros((self.num_envs, *shape), batch.ob.dtype))
                paused = pausing == number
                batch.ob[paused] = last[batch.lanes[paused]]
                last[batch.lanes] = batch.ob
            visible = pausing <= number
            part = batch if visible.all() else batch.select(visible)
            if visible.any():
                wrapper._call_on_step(memory, part)
            if part is not batch:
                batch.update(part, visible)

    def _reported(self, lanes: Array, values: Mapping[str, Array]) -> Info:
        """Return entries of `info` with what wrappers report of m lanes (indices): name -> (m,) values; 0 elsewhere."""
        info: Info = {}
        for wrapper, _ in self._wrappers:
            for name in wrapper.reports:
                info[name], info[f"_{name}"] = np.zeros(self.num_envs), np.ones(self.num_envs, bool)
                info[name][lanes] = values.get(name, 0.0)
        return info

    def _apply_wrappers_at_reset(self, ob: Array, task_ob: Array, lanes: Array) -> tuple[Array, Info]:
        """Let the wrappers change the first observations of episodes in the given lanes.

        Returns:
            All observations, and what the wrappers report.
        """
        if not self._wrappers:
            return ob, {}
        batch = StepBatch.at_reset(lanes, task_ob[lanes])
        self._run_on_step(batch, np.zeros(len(lanes), int))
        shape = self.observation_space.shape or ()
        ob = self._write_ob(ob if ob.shape == shape else np.zeros(shape, batch.ob.dtype), batch)
        return ob, self._reported(lanes, {})

    def _restart_lanes(self, ob: Array, task_ob: Array, lanes: Array) -> tuple[Array, Info, bool]:
        """Begin episodes in the given lanes, with the trials that have begun there already or new ones.

        Returns:
            All observations, what the wrappers report, and whether trials may be others than after the last step.
        """
        begun = self._next_begun[lanes]
        first = self._backend.begin_episode(lanes[begun])
        if first is not None:
            task_ob[lanes[begun]] = first
        if not begun.all():
            self._backend.begin(lanes[~begun])
            task_ob[lanes[~begun]] = self._backend.observe()[lanes[~begun]]
        self._backend.num_tr[lanes], self._episode_steps[lanes], self._next_begun[lanes] = 1, 0, False
        ob, reported = self._apply_wrappers_at_reset(ob, task_ob, lanes)
        return ob, reported, first is not None or not begun.all()

    @staticmethod
    def _write_ob(ob: Array, batch: StepBatch) -> Array:
        """Write the observations of a batch into those of all lanes."""
        ob[batch.lanes] = batch.ob
        return ob

    def _add_info(self, vector_infos: Info, env_info: Info, env_num: int) -> Info:
        """Add the info of one lane, as Gymnasium does; values of another type than the first lane's stay as they are."""
        for key, value in env_info.items():
            if isinstance(column := vector_infos.get(key), np.ndarray):
                added = np.asarray(value)
                vector_infos[key] = with_room_for(column, vector_infos[f"_{key}"], added.dtype, added.shape)
        return super()._add_info(vector_infos, env_info, env_num)

    def _reset_mask(self, options: dict[str, Any] | None) -> Array:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"options['reset_mask'] must be an array of booleans, not {mask!r}.")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"options['reset_mask'] must be ({self.num_envs},) with at least one lane, not {mask!r}.")
        return mask

    def _check_actions(self, given: Any) -> Array:
        space: Any = self.single_action_space
        actions: Array = np.asarray(given)
        if isinstance(space, spaces.Discrete):
            if actions.shape == (self.num_envs,) and actions.dtype.kind in "iu":
                indices = (actions - space.start if space.start else actions).astype(np.int64, copy=False).view(np.uint64)
                if not np.count_nonzero(indices >= self._n_actions):  # unsigned, a negative index is a very large one
                    return actions
        elif actions.shape == (self.num_envs, *space.shape) and actions.dtype.kind in "fiu":
            return actions.astype(space.dtype, copy=False)
        raise gymnasium.error.InvalidAction(
            f"Actions must be ({self.num_envs},) elements of {space}, not an array of shape {actions.shape} and type "
            f"{actions.dtype}"
            + (f" from {actions.min()} to {actions.max()}" if actions.size and actions.dtype.kind in "iuf" else "")
            + f": actions={shown(given)}."
        )
