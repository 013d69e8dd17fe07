"""Copies of attributes that functions refer to: a deep copy alone leaves functions with the originals."""

from __future__ import annotations

import copy
from types import CellType, FunctionType, ModuleType
from typing import Any

__all__ = ["copy_attributes"]


def copy_attributes(attributes: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    """Return a deep copy of an object's attributes.

    Functions among them, or in dictionaries among them (such as a task's `timing`), refer to the copies of what they have
    taken from where they were made: of the task itself, or of a random generator.

    Args:
        attributes: Name -> value.
        memo: That of `copy.deepcopy`, in which the object's copy is known already.
    """
    copied = copy.deepcopy(attributes, memo)
    for values in [copied, *copied.values()]:
        if isinstance(values, dict):
            for name, value in list(values.items()):
                if isinstance(value, FunctionType) and value.__closure__:
                    dict.__setitem__(values, name, _copied_function(value, memo))
    return copied


def _copied_function(function: FunctionType, memo: dict[int, Any]) -> FunctionType:
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    shared = (ModuleType, FunctionType, type)
    cells = tuple(CellType(value if isinstance(value, shared) else copy.deepcopy(value, memo)) for value in held)
    copied = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, cells)
    copied.__kwdefaults__, copied.__dict__ = function.__kwdefaults__, dict(function.__dict__)
    return copied
