"""Model states: what an algorithm of Stable-Baselines3 will do next between two rollouts, as plain data without pickles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from ngym_core.plain_data import decode, encode

__all__ = ["get_model_state", "set_model_state"]

# `_last_obs` and so on have no public names in Stable-Baselines3, but its own files of models hold them as well.
COUNTS = ("num_timesteps", "_episode_num", "_n_updates", "_n_calls", "exploration_rate")
"""Attributes that are numbers; those from the third on are of some algorithms only."""
RUNNING = ("_last_obs", "_last_episode_starts", "ep_info_buffer", "ep_success_buffer")
"""Attributes that are arrays, or the episodes of which the logger writes means."""
REPLAYED = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
"""Arrays of a replay buffer, (steps, N, ...) each."""


def get_model_state(model: Any) -> dict[str, Any]:
    """Return the state of an algorithm, of its env and of the generators that it draws from.

    Args:
        model: An algorithm of Stable-Baselines3 or `RecurrentPPO`, between two rollouts. Its env is of `make_sb3_env`.

    Returns:
        Plain data, see `ngym_core.state`: weights, state of the optimizer, counts, last observations and recurrent states,
        replay buffer (of ``dqn``), values that the logger has not written yet, env, and generators.

    Example:
        >>> from stable_baselines3 import A2C
        >>> from stable_baselines3.common.logger import Logger
        >>> from ngym_sb3 import make_sb3_env
        >>> from ngym_sb3.model_state import get_model_state, set_model_state
        >>> one, two = (A2C("MlpPolicy", make_sb3_env("GoNogo-v0", 2), seed=i, device="cpu") for i in range(2))
        >>> _ = one.learn(20)
        >>> two.set_logger(Logger(None, []))
        >>> set_model_state(two, get_model_state(one))
        >>> two.num_timesteps
        20
    """
    optimizer = model.policy.optimizer.state_dict()["state"]
    state = {
        "weights": {name: _to_array(value) for name, value in model.policy.state_dict().items()},
        "optimizer": {str(i): {name: _to_array(value) for name, value in held.items()} for i, held in optimizer.items()},
        "counts": {name: getattr(model, name) for name in COUNTS if hasattr(model, name)},
        "running": {name: encode(getattr(model, name)) for name in RUNNING},
        "logged": {name: encode(v) for name, v in model.logger.name_to_value.items() if not name.startswith("time/")},
        "env": model.env.get_state(),
        "generators": {
            "numpy": encode(np.random.get_state()),
            "torch": torch.get_rng_state().numpy().copy(),
            "actions": model.action_space.np_random.bit_generator.state,
        },
    }
    if getattr(model, "_last_lstm_states", None) is not None:
        state["recurrent"] = [_to_array(part) for cell in model._last_lstm_states for part in cell]
    if getattr(model, "replay_buffer", None) is not None:
        buffer = model.replay_buffer
        steps = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: getattr(buffer, name)[:steps].copy() for name in REPLAYED}
        state["replay"] = {"position": buffer.pos, "full": buffer.full, "arrays": arrays}
    return state


def set_model_state(model: Any, state: Mapping[str, Any]) -> None:
    """Let an algorithm, its env and the generators that it draws from go on from a state.

    Args:
        model: An algorithm with a logger, that was made as the one of which the state is. The next `learn`, with
            ``reset_num_timesteps=False``, goes on.
        state: What `get_model_state` returned.

    Raises:
        StateError: The state is of another env.
    """
    model.env.set_state(state["env"])
    model.policy.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state["weights"].items()})
    optimizer = model.policy.optimizer.state_dict()
    optimizer["state"] = {
        int(i): {name: torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for name, v in held.items()}
        for i, held in state["optimizer"].items()
    }
    model.policy.optimizer.load_state_dict(optimizer)
    for name, value in state["counts"].items():
        setattr(model, name, value)
    for name, value in state["running"].items():
        setattr(model, name, decode(value))
    for name, value in state["logged"].items():
        model.logger.record(name, decode(value))
    if "recurrent" in state:
        parts = [torch.from_numpy(part.copy()) for part in state["recurrent"]]
        model._last_lstm_states = RNNStates(tuple(parts[:2]), tuple(parts[2:]))
    if "replay" in state:
        buffer, saved = model.replay_buffer, state["replay"]
        buffer.pos, buffer.full = saved["position"], saved["full"]
        for name, array in saved["arrays"].items():
            getattr(buffer, name)[: len(array)] = array
    np.random.set_state(decode(state["generators"]["numpy"]))
    torch.set_rng_state(torch.from_numpy(state["generators"]["torch"].copy()))
    model.action_space.np_random.bit_generator.state = state["generators"]["actions"]


def _to_array(value: Any) -> Any:
    """Return a tensor as an array of its own, and anything else as it is."""
    return value.detach().cpu().numpy().copy() if isinstance(value, torch.Tensor) else value
