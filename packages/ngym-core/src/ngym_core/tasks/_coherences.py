"""Coherences that the parameter `stim_scale` of several tasks scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngym_core.arguments import Number

COHERENCES = np.array([0, 6.4, 12.8, 25.6, 51.2])
"""Coherences in percent, before they are scaled."""


FACTOR = Number(0)


class ScalesCoherences:
    """Descriptor of `stim_scale`, which is kept in the instance: what is assigned scales the attribute `cohs` of a task."""

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the factor."""
        return self if instance is None else vars(instance)["stim_scale"]

    def __set__(self, instance: Any, value: Any) -> None:
        """Set factor and coherences, after a check."""
        FACTOR.check("stim_scale", value)
        vars(instance).update(stim_scale=value, cohs=COHERENCES * value)
