"""run_env: plays an env with a model, a fixed action or random actions, and records every step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from ngym_core.arguments import Count, Keywords, Seed, checked, explained, hint_of_class, shown
from ngym_core.networks import NetworkAgent, NetworkState, is_network
from ngym_core.playing import check_agent, count_cut_episodes
from ngym_core.plugins.registry import make
from ngym_core.wrappers.fix_conditions import conditions_fixed

__all__ = ["run_env", "trial_rewards"]


@checked
def run_env(
    env: Any,
    num_steps: Count = 200,
    num_trials: Count | None = None,
    def_act: Any = None,
    model: Any = None,
    *,
    seed: Seed = None,
    conditions: Keywords | None = None,
) -> dict[str, Any]:
    """Play an env and record every step.

    Args:
        env: A task, a Gymnasium env around one, a Stable-Baselines3 `VecEnv` with one env, or an id.
        num_steps: Number of steps to play.
        num_trials: Number of trials to play, instead of `num_steps`.
        def_act: An action to repeat.
        model: The agent: an object with ``predict(ob, state=..., episode_start=..., deterministic=...)``,
            as in Stable-Baselines3, a torch module (see `ngym_core.networks.NetworkAgent`), or a function of the
            observation. Its recurrent state is carried over trials and restarts with each episode. Without model and
            `def_act`, actions are random.
        seed: Seed of `reset` and, for random actions, of the action space.
        conditions: Conditions of the trials, name -> a value, or a list of values one of which is drawn for each trial, see
            `ngym_core.wrappers.FixConditions`.

    Returns:
        Arrays with one row for each step:

        * `ob`: observation after the step, (T, *observation shape);
        * `ob_before`: observation before the step, which the action answers: after the end of an episode that of the reset;
        * `ob_cum`: sum of the observations since the trial began, (T, *observation shape);
        * `actions`, `rewards`, `gt`: (T, ...);
        * `perf`: performance at the end of a trial, else NaN, (T,);
        * `trial_end`: whether a trial ended, (T,) bool;
        * `trial_start`: whether a trial began with the step: after another one, or by a reset, (T,) bool;
        * `actions_end_of_trial`: the action at the end of a trial, else NaN;
        * `states`: hidden states of a recurrent model, (T, units), or None;

        and `initial_ob`, the observation after reset, `trials`, one dictionary of conditions for
        each trial that ended, and `periods`, for each trial that began (not all of them end: a reset may begin the
        next), period -> its first step in the trial and the step after its last (empty for a vector env).

    Raises:
        ValueError: `num_steps` or `num_trials` below 1, more than one env, an env that reports no trials or whose episodes
            are too short for one, or a torch module or an agent whose outputs do not fit the actions.
        UnknownNameError: A condition that the task does not have.
        TypeError: A vector env of Gymnasium, observations that are no arrays, conditions for a vector env that
            `make_sb3_env` did not make, or a model without `predict` that is neither a torch module nor a function, or a
            class.

    Example:
        >>> data = run_env("PerceptualDecisionMaking-v0", num_trials=3, def_act=0, seed=0)
        >>> data["ob"].shape, data["trial_end"].sum(), sorted(data["trials"][0])
        ((66, 3), np.int64(3), ['coh', 'ground_truth'])
    """
    if not (isinstance(env, str) or hasattr(env, "reset")) or isinstance(env, type):
        raise TypeError(f"env={shown(env)} must be an env, or the id of a task.{hint_of_class(env)}")
    if isinstance(env, str):
        env = make(env)
    with _fixed(env, conditions) as played:
        return _record(_Player(played, def_act, model, seed), num_steps, num_trials)


@explained
def trial_rewards(run: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the sum of the rewards of each trial of a run that ended, (trials,).

    Steps of trials that the end of an episode cut short belong to none.

    Args:
        run: What `run_env` returns.

    Example:
        >>> from ngym_core.rollout import run_env, trial_rewards
        >>> trial_rewards(run_env("PerceptualDecisionMaking-v0", num_trials=2, def_act=0, seed=0)).tolist()
        [0.0, 0.0]
    """
    starts, ends = np.flatnonzero(run["trial_start"]), np.flatnonzero(run["trial_end"])
    first = starts[np.searchsorted(starts, ends, side="right") - 1]
    edges = np.column_stack([first, ends + 1]).ravel()
    return np.add.reduceat(np.append(run["rewards"], 0.0), edges)[::2]


def _fixed(env: Any, conditions: Mapping[str, Any] | None) -> AbstractContextManager[Any]:
    """Return what fixes conditions of an env for a while, and gives the env to play."""
    if not conditions:
        return nullcontext(env)
    if not hasattr(env, "num_envs"):
        return conditions_fixed(env, conditions)
    fix = getattr(env, "conditions_fixed", None)
    if fix is None:
        raise TypeError(
            f"conditions={shown(conditions)} need a single env, or a vector env of make_sb3_env, not {shown(env)}."
        )
    return cast("AbstractContextManager[Any]", fix(conditions))


def _record(player: _Player, num_steps: int, num_trials: int | None) -> dict[str, Any]:
    """Play, and return what `run_env` returns."""
    initial_ob = player.reset()
    rows: list[dict[str, Any]] = []
    trials: list[dict[str, Any]] = []
    periods = [player.periods()]
    total = np.array(initial_ob, float)
    cut = np.zeros(1, int)
    while len(rows) < num_steps if num_trials is None else len(trials) < num_trials:
        row, ended = player.step()
        total = total + row["ob"]
        rows.append({**row, "ob_cum": total})
        if num_trials is not None:
            cut = count_cut_episodes(cut, player.start, row["trial_end"], player.env)
        if row["trial_end"]:
            trials.append(ended)
        if player.trial_starts:
            periods.append(player.periods())
            total = np.zeros_like(total)
    data: dict[str, Any] = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    ends = data["trial_end"].reshape(-1, *[1] * (data["actions"].ndim - 1))
    data["actions_end_of_trial"] = np.where(ends, data["actions"], np.nan)
    data["states"] = None if data["states"].dtype == object else data["states"]
    return {**data, "initial_ob": initial_ob, "trials": trials, "periods": periods}


class _Player:
    """An env and an agent, each with the interface of Gymnasium or of Stable-Baselines3."""

    def __init__(self, env: Any, def_act: Any, model: Any, seed: int | None) -> None:
        self.env, self.def_act, self.model, self.seed = env, def_act, model, seed
        self.vector = hasattr(env, "num_envs")
        if self.vector and env.num_envs != 1:
            raise ValueError(f"run_env plays one env, not {env.num_envs}.")
        if isinstance(env, VectorEnv):
            raise TypeError(
                f"run_env plays a single env, as `make` returns it, or a vector env of Stable-Baselines3, not {env}, "
                "a vector env of Gymnasium."
            )
        if model is not None and not (hasattr(model, "predict") or callable(model)):
            raise TypeError(f"The model {model!r} has no `predict` and is no function.")
        if env.observation_space.shape is None:
            raise TypeError(
                f"run_env records observations that are arrays, not {env.observation_space} of {env}: flatten them with "
                "gymnasium.wrappers.FlattenObservation, for example."
            )
        check_agent(model, env, str(env), ["action_space"])
        if is_network(model):
            self.model = NetworkAgent(model, env.observation_space, env.action_space)
        if seed is not None:
            env.action_space.seed(seed)
        self.state: Any = None
        self.start = True  # of an episode
        self.trial_starts = True

    def reset(self) -> Any:
        if self.vector:
            if self.seed is not None:
                self.env.seed(self.seed)
            self.ob = self.env.reset()[0]
        else:
            self.ob = self.env.reset(seed=self.seed)[0]
        return np.array(self.ob)

    def periods(self) -> dict[str, tuple[int, int]]:
        """Return the first step and the step after the last of each period of the present trial."""
        if self.vector:
            return {}
        starts, ends = (getattr(self.env.unwrapped, name, {}) for name in ("start_ind", "end_ind"))
        return {period: (int(starts[period]), int(ends[period])) for period in starts}

    def step(self) -> tuple[dict[str, Any], dict[str, Any]]:
        action = self._action()
        before = {"ob_before": np.array(self.ob), "trial_start": self.trial_starts}
        if self.vector:
            obs, rewards, dones, infos = self.env.step(np.asarray(action)[None])
            ob, reward, info, self.start = obs[0], float(rewards[0]), infos[0], bool(dones[0])
        else:
            ob, reward, terminated, truncated, info = self.env.step(action)
            self.start = terminated or truncated
        if "new_trial" not in info:
            raise ValueError(f"{self.env} reports no trials (info has no 'new_trial'); is it a trial-based task?")
        row = {
            **before,
            "ob": np.array(info.get("terminal_observation", ob)),  # a vector env returns the next episode's first
            "actions": np.array(action),
            "rewards": float(reward),
            "gt": np.array(info.get("gt", 0)),
            "perf": float(info["performance"]) if info["new_trial"] else np.nan,
            "trial_end": bool(info["new_trial"]),
            "states": _units(self.state),
        }
        self.ob = self.env.reset()[0] if self.start and not self.vector else ob
        self.trial_starts = self.start or row["trial_end"]
        return row, dict(info.get("ended_trial", {}))

    def _action(self) -> Any:
        if self.model is None:
            return self.env.action_space.sample() if self.def_act is None else self.def_act
        if not hasattr(self.model, "predict"):
            action = self.model(self.ob)
        elif self.vector:
            starts = np.array([self.start])
            actions, self.state = self.model.predict(
                self.ob[None], state=self.state, episode_start=starts, deterministic=True
            )
            action = actions[0]
        else:
            predicted = self.model.predict(
                self.ob, state=self.state, episode_start=np.array([self.start]), deterministic=True
            )
            action, self.state = predicted
        if isinstance(self.env.action_space, spaces.Discrete):
            return int(np.asarray(action).reshape(-1)[0])
        return np.asarray(action)


def _units(state: Any) -> Any:
    """Return the hidden state of the last recurrent layer, (units,), from the state that a model returned."""
    if state is None:
        return None
    if isinstance(state, NetworkState):
        return None if state.hidden is None else state.hidden[0].copy()
    hidden = np.asarray(state[0] if isinstance(state, tuple) else state)
    return hidden.reshape(-1, hidden.shape[-1])[-1].copy()
