"""Rollout buffer of recurrent agents: arrays by step and lane, from which minibatches of whole sequences are taken."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.buffers import RolloutBuffer
from torch import Tensor

__all__ = ["Minibatch", "SequenceRolloutBuffer"]

Observations: TypeAlias = Any
"""A tensor, or a dictionary of tensors."""


class Minibatch(NamedTuple):
    """The same steps of some lanes; m lanes, t steps.

    Attributes:
        observations: (t, m, *observation shape), or a dictionary of these.
        actions: (t * m, *action shape); integers for `Discrete`.
        old_values, old_log_probs, advantages, returns: (t * m,) each.
        starts: 1 where an episode starts, (t, m).
        states: Of actor and critic before the first step, (layers, m, units) each.
    """

    observations: Observations
    actions: Tensor
    old_values: Tensor
    old_log_probs: Tensor
    advantages: Tensor
    returns: Tensor
    starts: Tensor
    states: RNNStates


class SequenceRolloutBuffer(RolloutBuffer):
    """Rollout of N lanes, (steps, N, ...) each; recurrent states are kept where sequences begin, and nowhere else.

    Sequences are as long as the rollout or, where a minibatch has fewer steps than that, as a part of it: the rollout is
    then cut into as few parts of nearly equal length as fit. A minibatch is one part of some lanes, without any padding.

    Args:
        buffer_size: Steps of each lane.
        observation_space: Space of observations.
        action_space: Space of actions.
        device: Where minibatches are made.
        gae_lambda: Of generalised advantage estimation.
        gamma: Discount factor.
        n_envs: N, the number of lanes.
        batch_size: Steps in a minibatch; None for all.
    """

    observations: Any
    actions: Any
    starts: Tensor

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: Any = "auto",
        gae_lambda: float = 1,
        gamma: float = 0.99,
        n_envs: int = 1,
        batch_size: int | None = None,
    ) -> None:
        parts = 1 if batch_size is None else math.ceil(buffer_size / batch_size)
        edges = [round(i * buffer_size / parts) for i in range(parts + 1)]
        self.parts = [slice(start, stop) for start, stop in pairwise(edges)]
        steps_of_part = buffer_size / parts
        lanes = n_envs if batch_size is None else min(n_envs, max(1, round(batch_size / steps_of_part)))
        self.groups = math.ceil(n_envs / lanes)
        self.actor_states: list[tuple[Tensor, Tensor]] = []
        self.critic_states: list[tuple[Tensor, Tensor]] = []
        super().__init__(buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs)

    def reset(self) -> None:
        """Empty the buffer. What minibatches were made of before stays as it is."""
        shape = (self.buffer_size, self.n_envs)
        space = self.observation_space
        if isinstance(space, spaces.Dict):
            self.observations = {name: _zeros(shape, part) for name, part in space.items()}
        else:
            self.observations = _zeros(shape, space)
        discrete = isinstance(self.action_space, spaces.Discrete)
        self.actions = torch.zeros(shape, dtype=torch.long) if discrete else torch.zeros(*shape, self.action_dim)
        for name in ("rewards", "values", "log_probs", "advantages", "returns", "episode_starts"):
            setattr(self, name, np.zeros(shape, np.float32))
        self.starts = torch.from_numpy(self.episode_starts)
        self.actor_states, self.critic_states = [], []
        self.pos, self.full = 0, False

    def add(  # type: ignore[override]
        self,
        observations: Observations,
        actions: Tensor,
        rewards: NDArray[Any],
        episode_starts: NDArray[Any],
        log_probs: Tensor,
        actor_state: tuple[Tensor, Tensor],
    ) -> None:
        """Add a step of all lanes.

        Args:
            observations: What the agent saw, (N, ...) tensor, or a dictionary of these.
            actions: (N,) or (N, *action shape).
            rewards: (N,).
            episode_starts: Where the state was restarted before the step, (N,).
            log_probs: Logarithm of the probability of the actions, (N,).
            actor_state: The actor's state before the step, (layers, N, units) each.
        """
        at = self.pos
        if isinstance(self.observations, dict):
            for name, kept in self.observations.items():
                kept[at] = observations[name]
        else:
            self.observations[at] = observations
        self.actions[at] = actions.reshape(self.actions[at].shape)
        self.rewards[at], self.episode_starts[at] = rewards, episode_starts
        self.log_probs[at] = log_probs.cpu().numpy()
        if at == self.parts[len(self.actor_states) - 1].stop or not at:
            self.actor_states.append(actor_state)
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def get(self, batch_size: int | None = None) -> Iterator[Minibatch]:  # type: ignore[override]
        """Yield each step of the rollout once, in minibatches of random lanes in random order.

        They are drawn from NumPy's global generator, as Stable-Baselines3 does.

        Args:
            batch_size: Ignored: the buffer was made for one.
        """
        chosen = []
        for part in range(len(self.parts)):
            lanes = np.random.permutation(self.n_envs)
            chosen += [(part, group) for group in np.array_split(lanes, self.groups)]
        order = np.random.permutation(len(chosen)) if len(self.parts) > 1 else range(len(chosen))
        arrays = [torch.from_numpy(array) for array in (self.values, self.log_probs, self.advantages, self.returns)]
        for i in order:
            part, lanes = chosen[i]
            yield self._minibatch(part, torch.from_numpy(lanes), arrays)

    def _minibatch(self, part: int, lanes: Tensor, arrays: list[Tensor]) -> Minibatch:
        """Return a part of some lanes (indices)."""

        def select(array: Tensor) -> Tensor:
            return array[self.parts[part]].index_select(1, lanes).to(self.device)

        at = lanes.to(self.device)
        states = [
            tuple(state.index_select(1, at) for state in pair)
            for pair in (self.actor_states[part], self.critic_states[part])
        ]
        seen = self.observations
        observations = {name: select(part) for name, part in seen.items()} if isinstance(seen, dict) else select(seen)
        values, log_probs, advantages, returns = (select(array).flatten() for array in arrays)
        actions = select(self.actions).flatten(end_dim=1)
        starts = select(self.starts)
        return Minibatch(observations, actions, values, log_probs, advantages, returns, starts, RNNStates(*states))


def _zeros(shape: tuple[int, int], space: spaces.Space[Any]) -> Tensor:
    """Return room for elements of a space, (*shape, ...)."""
    return torch.from_numpy(np.zeros((*shape, *(space.shape or ())), space.dtype))
