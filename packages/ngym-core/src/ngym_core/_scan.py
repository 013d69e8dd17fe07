"""Prefix scan of a finite state machine: all states of a long sequence with a few array operations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["scan_states"]


def scan_states(transitions: NDArray[np.int64], initial: int) -> NDArray[np.int64]:
    """Return the states of a machine after each of n inputs.

    Args:
        transitions: (n, states). For each input, the state that follows each state.
        initial: The state before the first input.

    Returns:
        (n,) the state after each input.

    Example:
        >>> toggle, stay = [1, 0], [0, 1]
        >>> scan_states(np.array([toggle, stay, toggle, toggle]), 0)
        array([1, 1, 0, 1])
    """
    # Row i becomes the map over the last 1, 2, 4, ... inputs: each round composes it with the map that ends before it.
    composed, covered = transitions.copy(), 1
    while covered < len(composed):
        composed[covered:] = np.take_along_axis(composed[covered:], composed[:-covered], axis=1)
        covered *= 2
    return np.asarray(composed[:, initial])
