"""Appended channels: the functions that PassAction, PassReward and FullInput share."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.spaces import Box, names_of
from ngym_core.trials import Trials, add_channels

Array = NDArray[Any]


def extend_space(space: gymnasium.Space[Any], name: str, k: int) -> Box:
    """Return the space of observations with k more channels at the end, called `name`.

    Raises:
        ValueError: A space that is neither a vector of channels nor discrete.
    """
    if isinstance(space, spaces.Discrete):
        size, names = int(space.n), {}
    elif isinstance(space, spaces.Box) and len(space.shape) == 1:
        size, names = space.shape[0], names_of(space)
    else:
        raise ValueError(f"Channels can be appended to a vector of channels or a discrete observation, not to {space}.")
    added = size if k == 1 else range(size, size + k)
    return Box(-np.inf, np.inf, {**names, name: added}, shape=(size + k,))


def append_channels(space: gymnasium.Space[Any], ob: Array, values: Array) -> NDArray[np.float32]:
    """Append values (m,) or (m, ...) to observations (m, ...) of a space, (m, channels) float32."""
    if isinstance(space, spaces.Discrete):
        ob = np.eye(int(space.n))[ob - space.start]
    return np.concatenate([ob, np.reshape(values, (len(ob), -1))], axis=1, dtype=np.float32)


def append_previous_step(trials: Trials, values: Array, draws: Draws) -> Trials:
    """Append to observations the values (n, steps, k) of the step before; `draws.carried` holds those of the last trial."""
    before = np.empty_like(values)
    before[:, 1:] = values[:, :-1]
    # The first step of a trial follows the last step of the trial before.
    before[:, 0] = draws.previous("last", values[np.arange(trials.n), trials.lengths - 1], 0)
    add_channels(trials, before)
    return trials
