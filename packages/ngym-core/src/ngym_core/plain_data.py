"""Plain data: values of Python and NumPy as numbers, texts, lists and arrays, and back, without pickles."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np

from ngym_core.errors import StateError

__all__ = ["VALUES", "Decoder", "checksum", "decode", "encode"]

KIND = "$"
"""Key of a dictionary that stands for a value of another kind."""
KEPT = {KIND: "kept"}
"""Stands for what is no data, such as a space: the object that has it keeps its own."""
SEQUENCES: dict[str, Callable[..., Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
GENERATORS = (np.random.Generator, np.random.RandomState)
VALUES: dict[str, type[Any]] = {}
"""Classes, by name, whose objects are values: they are made from plain data whatever there was before."""


def encode(value: Any, packages: frozenset[str] = frozenset(), seen: dict[int, Any] | None = None) -> Any:
    """Return a value as plain data: None, booleans, numbers, texts, lists, arrays without objects, and dictionaries of them.

    Tuples, sets, NumPy's scalars, random generators and objects become dictionaries that say what they are. An object is its
    `state` if it has such a property that can be set, else its attributes. Functions, classes, spaces, envs, and objects of
    foreign packages are no data: they become a mark, that of a function with the generators that it draws from.

    Args:
        value: The value.
        packages: Packages besides ngym_core and dataclasses whose objects are taken apart.
        seen: Objects that were encoded before, by `id`, so that each is encoded once.

    Returns:
        The plain data; arrays are copies.

    Raises:
        TypeError: An iterator, whose position cannot be taken.

    Example:
        >>> import numpy as np
        >>> from ngym_core.plain_data import decode, encode
        >>> encode({"side": (1, 2), "coh": [0.5, None]})
        {'side': {'$': 'tuple', 'items': [1, 2]}, 'coh': [0.5, None]}
        >>> decode(encode({"side": (1, 2)}))
        {'side': (1, 2)}
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    seen = {} if seen is None else seen
    if kind is dict and KIND not in value and all(type(key) is str for key in value):  # early, since most are
        return {key: encode(item, packages, seen) for key, item in value.items()}

    def parts(values: Any) -> list[Any]:
        return [encode(item, packages, seen) for item in values]

    if isinstance(value, np.ndarray):
        if not value.dtype.hasobject:
            return np.array(value, order="C")
        return {KIND: "objects", "shape": list(value.shape), "items": parts(value.ravel().tolist())}
    if isinstance(value, np.generic):
        return {KIND: "scalar", "value": np.array(value)}
    if kind is list:
        return parts(value)
    if kind.__name__ in SEQUENCES and kind in SEQUENCES.values():
        return {KIND: kind.__name__, "items": parts(value)}
    if kind is deque:
        return {KIND: "deque", "items": parts(value), "most": value.maxlen}
    if isinstance(value, dict) and not _has_state(value):
        if KIND not in value and all(type(key) is str for key in value):
            return {key: encode(item, packages, seen) for key, item in value.items()}
        return {KIND: "dict", "keys": parts(value), "values": parts(value.values())}
    if isinstance(value, GENERATORS):
        # a RandomState makes normal numbers in pairs, and keeps the second
        state = value.get_state(legacy=False) if isinstance(value, np.random.RandomState) else value.bit_generator.state
        return {KIND: "generator", "class": kind.__name__, "state": encode(state)}
    if hasattr(kind, "__next__"):
        raise TypeError(f"{value!r} is an iterator: its position is no value that can be saved.")
    function, data = _is_function(value), _is_data(value, packages)
    if not function and not data:
        return dict(KEPT)
    if id(value) in seen:
        return {KIND: "seen", "number": seen[id(value)][0]}
    seen[id(value)] = (number := len(seen), value)  # the value too: no other object can get its address
    if function:
        held = [item if isinstance(item, GENERATORS) else None for item in _held(value)]
        return {KIND: "function", "number": number, "held": parts(held) if any(item is not None for item in held) else []}
    if _has_state(value):
        content = {"state": encode(value.state, packages, seen)}
    else:
        content = {"attributes": {name: encode(item, packages, seen) for name, item in vars(value).items()}}
    return {KIND: "object", "class": kind.__name__, "number": number, **content}


def _held(function: Any) -> list[Any]:
    """Return what a function, method or callable object may draw from: what it has taken from where it was made, its
    defaults, the globals that it names, the object of a method, or its attributes.
    """
    if isinstance(function, type):
        return []
    if isinstance(function, FunctionType):
        named = [function.__globals__.get(name) for name in function.__code__.co_names]
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        return [*(cell.cell_contents for cell in function.__closure__ or ()), *defaults, *named]
    if isinstance(function, partial):
        return [*_held(function.func), *function.args, *function.keywords.values()]
    owner = getattr(function, "__self__", function)  # of a method its object
    return [owner] if isinstance(owner, GENERATORS) else list(getattr(owner, "__dict__", {}).values())


def _is_function(value: Any) -> bool:
    """Return whether a value is a function, or an object that is called like one; a class is none."""
    kind = type(value)
    return callable(value) and not isinstance(value, type) and kind not in VALUES.values() and not hasattr(kind, "state")


def _is_data(value: Any, packages: frozenset[str]) -> bool:
    """Return whether an object is taken apart."""
    kind = type(value)
    if kind in VALUES.values():
        return True
    if isinstance(value, (gymnasium.Env, gymnasium.Space, Enum, type)) or (callable(value) and not hasattr(kind, "state")):
        return False
    own = kind.__module__.partition(".")[0] in packages | {"ngym_core"} or kind is SimpleNamespace or is_dataclass(value)
    return own and hasattr(value, "__dict__")


def _has_state(value: Any) -> bool:
    """Return whether an object has a property `state` that can be set."""
    return isinstance(state := getattr(type(value), "state", None), property) and state.fset is not None


def decode(plain: Any, current: Any = None) -> Any:
    """Return the value that plain data stand for, see `Decoder`."""
    decoder = Decoder()
    value = decoder.decode(plain, current)
    decoder.commit()
    return value


class Decoder:
    """Makes values from plain data. Objects that are to change do so only when all is decoded, by `commit`."""

    def __init__(self) -> None:
        self._later: list[Callable[[], object]] = []
        self._made: dict[int, Any] = {}

    def commit(self) -> None:
        """Set the state of the objects that keep their identity."""
        for change in self._later:
            change()

    def decode(self, plain: Any, current: Any = None) -> Any:
        """Return the value that plain data stand for.

        Args:
            plain: What `encode` returned; lists may have come from JSON.
            current: The value in the same place of what is to get the data. It says the class of objects; those with a
                `state` stay the same ones, as does what is no data. What was in two places is what the first of them has.

        Raises:
            StateError: Data that `encode` did not make, or that do not go with the current value, such as a function with a
                number.
        """
        if isinstance(plain, np.ndarray):
            same = isinstance(current, np.ndarray) and current.dtype == plain.dtype and np.array_equal(current, plain)
            return current if same else plain.copy()  # what did not change may stay shared with others
        if isinstance(plain, list):
            return self._items(plain, current)
        if not isinstance(plain, Mapping):
            return plain
        if KIND not in plain:
            old = current if isinstance(current, Mapping) else {}
            return {key: self.decode(item, old.get(key)) for key, item in plain.items()}
        try:
            return self._decode_kind(plain, current)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(f"The state is damaged: {plain[KIND]!r} cannot be read ({error}).") from error

    def _items(self, plain: list[Any], current: Any) -> list[Any]:
        old = list(current) if isinstance(current, (list, tuple, deque)) else []
        return [self.decode(item, old[i] if i < len(old) else None) for i, item in enumerate(plain)]

    def _decode_kind(self, plain: Mapping[str, Any], current: Any) -> Any:
        kind = plain[KIND]
        if kind == "kept":
            return current
        if kind == "seen":
            return self._made[plain["number"]]
        if kind == "scalar":
            return plain["value"][()]
        if kind == "dict":
            keys, old = self._items(plain["keys"], None), current if isinstance(current, Mapping) else {}
            return dict(zip(keys, self._items(plain["values"], [old.get(key) for key in keys]), strict=True))
        if kind == "deque":
            return deque(self._items(plain["items"], current), plain["most"])
        if kind in SEQUENCES:
            return SEQUENCES[kind](self._items(plain["items"], current))
        if kind == "objects":
            array = np.empty(len(plain["items"]), object)
            array[:] = self._items(plain["items"], current.ravel().tolist() if isinstance(current, np.ndarray) else None)
            return array.reshape(plain["shape"])
        if kind == "generator":  # a new one, which is right also where the current one is shared
            state = self.decode(plain["state"])
            bits = getattr(np.random, state["bit_generator"])()
            made = {made.__name__: made for made in GENERATORS}[plain["class"]](bits)
            _set_generator_state(made, state)
            return made
        if kind == "function":
            return self._function(plain, current)
        if kind == "object":
            return self._object(plain, current)
        raise StateError(f"The state is damaged: there is no kind of value {kind!r}.")

    def _function(self, plain: Mapping[str, Any], current: Any) -> Any:
        """Return the current function, which gets the state of the generators that it draws from."""
        own = _held(current) if callable(current) else []
        fits = len(own) == len(plain["held"]) and all(
            held is None or isinstance(generator, GENERATORS) for held, generator in zip(plain["held"], own, strict=True)
        )
        if not (fits if plain["held"] else _is_function(current) or current is None):
            here = "one that draws from other generators here" if _is_function(current) else f"{current!r} here"
            raise StateError(
                f"The state has a function where there is {here}. A function is no data: give the env the same one first."
            )
        for held, generator in zip(plain["held"], own, strict=False):
            if held is not None:
                self._later.append(partial(_set_generator_state, generator, self.decode(held["state"])))
        if "number" in plain:
            self._made[plain["number"]] = current
        return current

    def _object(self, plain: Mapping[str, Any], current: Any) -> Any:
        """Return an object of the class of the current one, or a value: the same one if it has a `state`, else a new one."""
        if kind := VALUES.get(plain["class"]):
            current = current if type(current) is kind else object.__new__(kind)
        if type(current).__name__ != plain["class"]:
            raise StateError(f"The state has a {plain['class']} where there is {type(current).__name__} here.")
        if "state" in plain:
            self._made[plain["number"]] = current
            state = self.decode(plain["state"], current.state)
            self._later.append(lambda: setattr(current, "state", state))
            return current
        made = self._made[plain["number"]] = type(current).__new__(type(current))  # type: ignore[call-overload]
        vars(made).update({name: self.decode(item, vars(current).get(name)) for name, item in plain["attributes"].items()})
        return made


def _set_generator_state(generator: Any, state: Any) -> None:
    """Set the state of a random generator."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state


def checksum(plain: Any) -> int:
    """Return a checksum of plain data (CRC-32): the same for a tuple and a list, as in JSON.

    Raises:
        TypeError: What is no plain data.
    """
    return zlib.crc32(json.dumps(plain, sort_keys=True, default=_checksum_of_array).encode())


def _checksum_of_array(array: Any) -> Any:
    """Return what stands for an array in the text of which a checksum is made."""
    if isinstance(array, Mapping):
        return dict(array)
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        raise TypeError(f"A {type(array).__name__} is no plain data.")
    return [array.dtype.str, array.shape, zlib.crc32(array.tobytes())]
