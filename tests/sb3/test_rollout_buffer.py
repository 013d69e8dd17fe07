from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from ngym_sb3.rollout_buffer import SequenceRolloutBuffer


def filled(steps, lanes, batch_size):
    """A buffer whose observations are (step, lane), and whose states are the step they are of."""
    space = spaces.Box(0, 100, (2,))
    buffer = SequenceRolloutBuffer(steps, space, spaces.Discrete(3), "cpu", n_envs=lanes, batch_size=batch_size)
    buffer.reset()
    for step in range(steps):
        ob = torch.stack([torch.full((lanes,), float(step)), torch.arange(lanes).float()], dim=1)
        state = torch.full((1, lanes, 2), float(step))
        zeros = torch.zeros(lanes)
        buffer.add(ob, torch.full((lanes,), step % 3), np.full(lanes, 0.5), np.zeros(lanes), zeros, (state, state))
    buffer.critic_states = buffer.actor_states
    assert buffer.full
    return buffer


@pytest.mark.parametrize(
    ("steps", "lanes", "batch_size", "shapes"),
    [
        (8, 6, 16, [(8, 2)] * 3),
        (8, 6, None, [(8, 6)]),
        (8, 5, 16, [(8, 1), (8, 2), (8, 2)]),
        (8, 2, 4, [(4, 1)] * 4),
        (7, 2, 4, [(3, 1), (3, 1), (4, 1), (4, 1)]),
        (4, 3, 1000, [(4, 3)]),
    ],
)
def test_minibatches_are_whole_sequences_and_have_each_step_once(steps, lanes, batch_size, shapes):
    buffer = filled(steps, lanes, batch_size)
    for _ in range(2):
        batches = list(buffer.get())
        assert sorted(tuple(batch.starts.shape) for batch in batches) == sorted(shapes)
        seen = torch.cat([batch.observations.flatten(end_dim=1) for batch in batches]).tolist()
        assert sorted(seen) == [[step, lane] for step in range(steps) for lane in range(lanes)]
        for batch in batches:
            first = batch.observations[0, :, 0]
            assert (batch.observations[:, :, 0] == first + torch.arange(len(batch.starts)).unsqueeze(1)).all()
            assert (batch.states.pi[0][0, :, 0] == first).all()
            assert (batch.actions == batch.observations[..., 0].flatten() % 3).all()
            assert batch.returns.shape == batch.actions.shape


def test_states_are_kept_where_sequences_begin_and_nowhere_else():
    assert len(filled(8, 6, 16).actor_states) == 1
    assert len(filled(9, 2, 4).actor_states) == 3


def test_order_of_lanes_follows_numpys_generator():
    buffer = filled(4, 8, 8)
    orders = []
    for seed in (0, 0, 1):
        np.random.seed(seed)
        orders.append(torch.cat([b.observations[0, :, 1] for b in buffer.get()]).tolist())
    assert orders[0] == orders[1] != orders[2]
