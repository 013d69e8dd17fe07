"""Arguments: what an argument may be, declared as its type in a signature, and checked before anything is made.

A task or a wrapper declares an argument by its annotation, and needs nothing else::

    def __init__(self, dt: float = 100, sigma: NonNegative = 1.0, dim_ring: Size = 2, **kwargs): ...

What is given is checked before `__init__` runs, and again when an attribute with the name of the argument is assigned. Other
functions and classes take the decorator `checked`. ``ngym info`` shows the declarations.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import os
import reprlib
import traceback
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ngym_core.errors import nearest

__all__ = [
    "Amount",
    "AnyDraws",
    "AnyEnv",
    "AnyGenerator",
    "ArrayOf",
    "Bytes",
    "Callback",
    "Chance",
    "Column",
    "Count",
    "Duration",
    "Envs",
    "Expected",
    "FilePath",
    "Finite",
    "Flag",
    "Flags",
    "Having",
    "Index",
    "Indices",
    "InstanceOf",
    "Integer",
    "Integers",
    "Keywords",
    "Labels",
    "Milliseconds",
    "NetworkSeed",
    "NonNegative",
    "Number",
    "Numbers",
    "OneOf",
    "Options",
    "PathTo",
    "Positive",
    "Probabilities",
    "Probability",
    "RenderMode",
    "Seed",
    "Several",
    "Size",
    "TaskId",
    "Text",
    "Values",
    "check_arguments",
    "checked",
    "declared_arguments",
    "explained",
    "given_arguments",
    "hint_of_class",
    "require_finite",
    "sums_to_one",
]

P = ParamSpec("P")
R = TypeVar("R")

SUM_TOLERANCE = 1e-6
"""Difference from 1 that the sum of probabilities may have, by rounding."""
LARGE = 10**9
"""A number of elements that needs more memory, or time, than there is."""
MAX_CHARACTERS = 120
"""Number of characters of a value that an error message shows, at most."""


def given_arguments(parameters: Iterable[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; those too many are left to the call itself.

    Args:
        parameters: Names of the parameters, in order.
        args: Positional arguments.
        kwargs: Arguments by name.
    """
    return {**dict(zip(parameters, args, strict=False)), **kwargs}


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its arguments are looked at once it has failed: a wrong one explains the error.

    For functions that are called too often to check their arguments first. Any annotation counts, also plain types.

    Example:
        >>> from ngym_core.arguments import explained
        >>> @explained
        ... def shout(text: str) -> str:
        ...     return text.upper()
        >>> shout(5)
        Traceback (most recent call last):
        TypeError: text=5 must be a text.
    """
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except EXPLAINED as error:
            _explain(error, function, given_arguments(names, args, kwargs))
            raise

    return run


class Expected:
    """What an argument may be; the base of the kinds below.

    A subclass says in `description` what is expected, and in `problem` what is wrong.
    """

    description: str = "anything"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves (`TypeError` or `ValueError`), or None if it is right."""
        return None

    def hint(self, value: Any) -> str:
        """Return a further sentence for the message, such as the nearest valid name."""
        return ""

    def check(self, name: str, value: Any) -> None:
        """Raise if a value is none that the argument may be.

        Args:
            name: Name of the argument, for the message.
            value: What was given.

        Raises:
            TypeError: A value of another kind.
            ValueError: A value that the argument cannot have.
        """
        error = self.problem(value)
        if error is not None:
            raise error(f"{name}={shown(value)} must be {self.description}.{self.hint(value)}")


class Number(Expected):
    """A finite number.

    Args:
        low: The least value.
        high: The greatest value.
        above: A value that it must be greater than.
        below: A value that it must be less than.
        infinite: Whether it may be infinite.
        unit: Unit, for messages: ``ms``.

    Attributes:
        noun: What such a number is called in messages.
    """

    noun = "a finite number"

    @explained
    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        infinite: bool = False,
        unit: str = "",
    ) -> None:
        self.low, self.high, self.above, self.below, self.infinite = low, high, above, below, infinite
        noun = "a number" if infinite else self.noun
        self.description = f"{noun}{f' of {unit}' if unit else ''}{self._bounds()}"

    def _bounds(self) -> str:
        parts = [("from", self.low), ("above", self.above), ("to", self.high), ("below", self.below)]
        texts = {word: bound if isinstance(bound, int) else f"{bound:g}" for word, bound in parts if bound is not None}
        return "".join(f" {word} {text}" for word, text in texts.items())

    def _is_kind(self, value: Any) -> bool:
        return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        if not self._is_kind(value):
            return TypeError
        if math.isnan(value) or (math.isinf(value) and not self.infinite):
            return ValueError
        inside = (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        return None if inside else ValueError


class Integer(Number):
    """An integer: Python's or NumPy's, but no bool and no float; see `Number`."""

    noun = "an integer"

    def _is_kind(self, value: Any) -> bool:
        return isinstance(value, Integral) and super()._is_kind(value)


class Amount(Integer):
    """A number of trials, steps, channels: an `Integer` that is not so large that counting to it would take for ever."""

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        return super().problem(value) or (ValueError if value > LARGE else None)

    def hint(self, value: Any) -> str:
        """Say that a number is too large."""
        if super().problem(value):
            return ""
        return f" More than {LARGE} would take too long, or more memory than there is."


class Chance(Number):
    """A probability, see `Number`."""

    noun = "a probability"


class Boolean(Expected):
    """True or False; 1 and 0 are taken for them."""

    description = "True or False"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        if not isinstance(value, (Integral, np.bool_)):
            return TypeError
        return None if value in (0, 1) else ValueError


class InstanceOf(Expected):
    """An object of a class.

    Args:
        kind: The class, or several.
        description: What it is, for messages.
    """

    def __init__(self, kind: type | tuple[type, ...], description: str) -> None:
        self.kind, self.description = kind, description

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        return None if isinstance(value, self.kind) else TypeError

    def hint(self, value: Any) -> str:
        """Say that a class is no object yet."""
        return hint_of_class(value)


def hint_of_class(value: Any) -> str:
    """Return what to write in the place of a class of envs or agents, as a further sentence; empty if a value is none.

    Args:
        value: What was given where an env or an agent is expected.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.arguments import hint_of_class
        >>> hint_of_class(ngym.TrialEnv)
        ' It is a class: make an object of it, such as TrialEnv().'
    """
    if not isinstance(value, type) or not (hasattr(value, "reset") or hasattr(value, "predict")):
        return ""
    return f" It is a class: make an object of it, such as {value.__name__}()."


class Having(Expected):
    """An object of any class that has some attributes, such as an env or a generator of random numbers; not a class itself.

    Args:
        description: What it is, for messages.
        *attributes: The names that it has.
    """

    def __init__(self, description: str, *attributes: str) -> None:
        self.description, self.attributes = description, attributes

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        right = not isinstance(value, type) and all(hasattr(value, name) for name in self.attributes)
        return None if right else TypeError

    def hint(self, value: Any) -> str:
        """Return what to write in the place of a class, or what a Gymnasium env lacks, in its own words."""
        if isinstance(value, type):
            return hint_of_class(value)
        try:
            for name in self.attributes if hasattr(value, "unwrapped") else ():
                getattr(value, name)
        except AttributeError as error:
            return f" {error}"
        return ""


class OneOf(Expected):
    """One of several values; an annotation ``Literal["a", "b"]`` is the same.

    Args:
        *values: The values.
    """

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.description = "one of " + ", ".join(map(repr, values))

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        same = any(type(value) is type(valid) and value == valid for valid in self.values)
        return None if same else ValueError

    def hint(self, value: Any) -> str:
        """Return the nearest valid value."""
        return f" {nearest(value, self.values).partition('Valid:')[0]}".rstrip()


class PathTo(Expected):
    """A path, as a text or a `Path`.

    Args:
        *suffixes: The suffixes that it may have, such as ``.npz``, and "" for none; by default any.
    """

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes
        self.description = "a path"
        if suffixes:
            self.description += f" that ends in {' or '.join(repr(suffix) for suffix in suffixes if suffix)}"
        if "" in suffixes:
            self.description += ", or has no suffix"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        if not isinstance(value, (str, Path)):
            return TypeError
        return None if not self.suffixes or Path(value).suffix in self.suffixes else ValueError

    def hint(self, value: Any) -> str:
        """Return the nearest suffix."""
        suffix = Path(value).suffix if isinstance(value, (str, Path)) else ""
        return OneOf(*filter(None, self.suffixes)).hint(suffix) if suffix and self.suffixes else ""


def _is_sequence(value: Any) -> bool:
    """Return whether a value has several parts in order: lists, arrays, ranges, but no texts and no dictionaries."""
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping))


class ArrayOf(Expected):
    """An array (or nested lists) of finite numbers.

    Args:
        ndim: Number of dimensions; None for any from 1.
        length: Length of the first dimension.
        each: What each number must be, a `Number` or an `Integer`.
    """

    @explained
    def __init__(self, ndim: int | None = 1, length: int | None = None, each: Number | None = None) -> None:
        self.ndim, self.length = ndim, length
        self.each = each or Number()
        size = "one or more" if length is None else str(length)
        what = self.each.description.replace("a finite number", "finite numbers").replace("an integer", "integers")
        rows = "rows of " if ndim == 2 else ""
        self.description = f"a sequence of {size} {rows}{what}{', or of rows of them' if ndim is None else ''}"

    def _array(self, value: Any) -> Any:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError):  # ragged lists; a tensor that needs a gradient
            return None
        return array if array.dtype.kind in "iuf" and array.ndim else None

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        if not _is_sequence(value):
            return TypeError
        if len(value) == 0:
            return ValueError
        # The ends of a range say all, and it may be long.
        array = self._array(value[:: max(1, len(value) - 1)] if isinstance(value, range) else value)
        if array is None:
            return TypeError
        if not array.size:
            return ValueError
        if self.ndim is not None and array.ndim != self.ndim:
            return ValueError
        if self.length not in (None, len(value)):
            return ValueError
        return ValueError if any(self.each.problem(number) for number in (array.min(), array.max())) else None


class NumbersOrMissing(Expected):
    """A sequence of numbers, (n,), with NaN where one is missing; it may be empty."""

    description = "a sequence of numbers, NaN where one is missing"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        try:
            array = np.asarray(value)
            # Objects may be numbers; texts are none, though NumPy would read them.
            if array.dtype.kind not in "biufO" or not _is_sequence(value):
                return TypeError
            return None if array.astype(float).ndim == 1 else ValueError
        except (TypeError, ValueError, RuntimeError):
            return TypeError


class Several(Expected):
    """A sequence of things, such as texts or envs; it may be empty.

    Args:
        each: What each of them must be.
        description: What they are, for messages.
    """

    def __init__(self, each: Expected, description: str) -> None:
        self.each, self.description = each, description

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        return None if _is_sequence(value) and all(self.each.problem(one) is None for one in value) else TypeError

    def hint(self, value: Any) -> str:
        """Return the hint to the first one that is wrong."""
        return next((self.each.hint(one) for one in value if self.each.problem(one)), "") if _is_sequence(value) else ""


class Flags(Expected):
    """A sequence of True and False.

    Args:
        length: How many.
    """

    def __init__(self, length: int) -> None:
        self.length, self.description = length, f"{length} times True or False"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        if not _is_sequence(value):
            return TypeError
        flags = len(value) == self.length and all(isinstance(one, (bool, np.bool_)) for one in value)
        return None if flags else ValueError


def sums_to_one(p: NDArray[Any]) -> bool:
    """Return whether probabilities sum to 1 along the last dimension, but for rounding; they may be NaN."""
    return bool(np.abs(p.sum(axis=-1) - 1).max() <= SUM_TOLERANCE)


class Distribution(ArrayOf):
    """Probabilities that sum to 1, along the last dimension; see `ArrayOf`."""

    def __init__(self, ndim: int | None = 1, length: int | None = None) -> None:
        super().__init__(ndim, length, each=Number(0, 1))
        self.description = f"{'' if length is None else f'{length} '}probabilities that sum to 1"
        if ndim == 2:
            self.description = "rows of probabilities, each of which sums to 1"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        error = super().problem(value)
        return error or (None if sums_to_one(np.asarray(value, float)) else ValueError)


class AnyOf(Expected):
    """One of several kinds, as an annotation ``A | B`` says it."""

    def __init__(self, *kinds: Expected) -> None:
        self.kinds = kinds
        self.description = ", or ".join(kind.description for kind in kinds)

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        errors = [kind.problem(value) for kind in self.kinds]
        if None in errors:
            return None
        return ValueError if ValueError in errors else TypeError

    def hint(self, value: Any) -> str:
        """Return the first hint that one of the kinds has."""
        return next(filter(None, (kind.hint(value) for kind in self.kinds)), "")


NOTHING = InstanceOf(type(None), "None")
Finite: TypeAlias = Annotated[float, Number()]
"""A finite number."""
Positive: TypeAlias = Annotated[float, Number(above=0)]
"""A finite number above 0."""
NonNegative: TypeAlias = Annotated[float, Number(low=0)]
"""A finite number from 0."""
Milliseconds: TypeAlias = Annotated[float, Number(above=0, unit="ms")]
"""A duration in ms, above 0."""
Duration: TypeAlias = Annotated[float, Number(0, unit="ms")]
"""A duration in ms, from 0."""
Probability: TypeAlias = Annotated[float, Chance(0, 1)]
"""A number from 0 to 1."""
Count: TypeAlias = Annotated[int, Amount(1)]
"""An integer from 1."""
Size: TypeAlias = Annotated[int, Amount(2)]
"""An integer from 2, such as the number of choices."""
Bytes: TypeAlias = Annotated[int, Integer(1)]
"""A bound of memory in bytes, from 1, as large as one likes."""
Index: TypeAlias = Annotated[int, Integer(0)]
"""An integer from 0."""
Seed: TypeAlias = Annotated[int, Integer(0)] | None
"""A seed: an integer from 0, or None for one of the operating system's."""
MAX_NETWORK_SEED = 2**32 - 1
"""The largest seed of a network: NumPy's older generators, which libraries seed too, take no larger one."""
NetworkSeed: TypeAlias = Annotated[int, Integer(0, high=MAX_NETWORK_SEED)]
"""A seed of a network and its training: an integer from 0."""
Flag: TypeAlias = Annotated[bool, Boolean()]
"""True or False."""
Text: TypeAlias = Annotated[str, InstanceOf(str, "a text")]
"""A text."""
FilePath: TypeAlias = Annotated[str | Path, PathTo()]
"""A path of a file or folder."""
Callback: TypeAlias = Annotated[Callable[..., Any], InstanceOf(Callable, "a function")]
"""A function of the caller."""
AnyEnv: TypeAlias = Annotated[Any, Having("an env", "observation_space", "action_space")]
"""An env: a task, wrapped or not, or lanes of one."""
Envs: TypeAlias = Annotated[Sequence[Any], Several(Having("an env", "observation_space"), "a sequence of envs")]
"""Several envs."""
AnyDraws: TypeAlias = Annotated[Any, Having("draws, such as ngym_core.Draws(0)", "per_stream", "previous")]
"""A source of randomness, see `ngym_core.Draws`."""
AnyGenerator: TypeAlias = Annotated[Any, Having("a random generator of NumPy", "uniform", "exponential")]
"""A `numpy.random.RandomState` or `numpy.random.Generator`."""
TaskId: TypeAlias = Annotated[str, InstanceOf(str, "the id of a task")]
"""The id of a task."""
RenderMode: TypeAlias = Literal["rgb_array"] | None
"""What `render` returns: an array of pixels, or nothing."""
Labels: TypeAlias = Annotated[Sequence[str], Several(InstanceOf(str, "a text"), "a sequence of texts")]
"""Several texts."""
Keywords: TypeAlias = Annotated[Mapping[str, Any], InstanceOf(Mapping, "a dictionary of arguments")]
"""Arguments for something else, by name."""
Numbers: TypeAlias = Annotated[ArrayLike, ArrayOf()]
"""At least one finite number, (k,)."""
Column: TypeAlias = Annotated[ArrayLike, NumbersOrMissing()]
"""A column of measurements, one number for each trial, NaN where it is missing, (n,)."""
Integers: TypeAlias = Annotated[Sequence[int], ArrayOf(each=Integer())]
"""At least one integer, (k,)."""
Indices: TypeAlias = Annotated[Sequence[int], ArrayOf(each=Integer(0))]
"""At least one integer from 0, (k,)."""
Options: TypeAlias = Annotated[ArrayLike, ArrayOf(ndim=None)]
"""The options of a condition: at least one finite number, or row of them, (k,) or (k, m)."""
Probabilities: TypeAlias = Annotated[ArrayLike, Distribution()]
"""Probabilities that sum to 1, (k,)."""


class _Shortened(reprlib.Repr):
    """Shows values in messages: short, and without an error of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = MAX_CHARACTERS
        self.maxlist = self.maxtuple = self.maxarray = 8

    def repr_float64(self, value: Any, level: int) -> str:
        """Show a number of NumPy's like one of Python's."""
        return repr(value.item())

    def repr1(self, value: Any, level: int) -> str:
        """Show a path like its text, and anything else like its class."""
        return super().repr1(str(value) if isinstance(value, Path) else value, level)


shown = _Shortened().repr


# ---- declarations in signatures -------------------------------------------------------------------


@functools.cache
def declared_arguments(function: Callable[..., Any]) -> Mapping[str, Expected]:
    """Return what the arguments of a function, or of the constructor of a class, may be, as their annotations say it.

    Of a class, the declarations of its bases hold for the arguments that it hands on to them.

    Args:
        function: The function or class.

    Returns:
        Name -> what is expected; arguments whose annotation does not say it are left out.

    Example:
        >>> from ngym_core.arguments import Count, declared_arguments
        >>> def repeat(times: Count = 2): ...
        >>> {name: expected.description for name, expected in declared_arguments(repeat).items()}
        {'times': 'an integer from 1'}
    """
    if isinstance(function, type):
        inits = [vars(base)["__init__"] for base in reversed(function.__mro__) if "__init__" in vars(base)]
        return {name: expected for init in inits for name, expected in declared_arguments(init).items()}
    function = inspect.unwrap(function)
    if not isinstance(function, types.FunctionType):  # the `__init__` of object
        return {}
    declared = {}
    for parameter in inspect.signature(function).parameters.values():
        expected = _expected(_resolved(parameter.annotation, function.__globals__))
        if expected is not None:
            default = parameter.default
            # The default is always right: None, most often, for what the function chooses by itself.
            if default is None and expected.problem(None) is not None:
                expected = AnyOf(expected, NOTHING)
            declared[parameter.name] = expected
    return declared


class _Names(dict[str, Any]):
    """The names of a module, and `Any` for those that exist for type checkers only."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Any)


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """Return an annotation that may be a text, or None if it cannot be evaluated without a name that is missing."""
    if not isinstance(annotation, str):
        return annotation
    try:
        # As `typing.get_type_hints` does, for one annotation. Compiled first: where an interrupt ends the program, Python
        # would forget that when it evaluates a text at exit, and exit with 1.
        return eval(compile(annotation, "<annotation>", "eval"), names, _Names(names))
    except Exception:
        return None


def _expected(hint: Any) -> Expected | None:
    """Return what an annotation declares about values, or None."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return next((part for part in hint.__metadata__ if isinstance(part, Expected)), None)
    if origin is Literal:
        return OneOf(*typing.get_args(hint))
    if origin in (typing.Union, types.UnionType):
        kinds = [NOTHING if part is type(None) else _expected(part) for part in typing.get_args(hint)]
        return AnyOf(*[kind for kind in kinds if kind]) if all(kinds) else None
    return None


class _Sequence(Expected):
    """Several values in order."""

    description = "a sequence"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        return None if _is_sequence(value) else TypeError


class _ArrayLike(Expected):
    """A number, or an array of numbers or texts."""

    description = "a number or an array"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        try:
            kind = np.asarray(value).dtype.kind
        except (TypeError, ValueError, RuntimeError):
            return TypeError
        return None if kind in "biufU" else TypeError


class _DType(Expected):
    """A type of numbers of NumPy."""

    description = "a type of NumPy, such as float32"

    def problem(self, value: Any) -> type[Exception] | None:
        """Return the error that a value deserves, or None."""
        try:
            np.dtype(value)
        except TypeError:
            return TypeError
        return None


Values: TypeAlias = Annotated[Any, _ArrayLike()]
"""A number, or an array of numbers or texts, of which a function finds out what it is."""

PLAIN: dict[Any, Expected] = {
    float: Number(infinite=True),
    int: Integer(),
    bool: Boolean(),
    str: InstanceOf(str, "a text"),
    type(None): NOTHING,
    np.ndarray: InstanceOf(np.ndarray, "an array"),
    Mapping: InstanceOf(Mapping, "a dictionary"),
    dict: InstanceOf(dict, "a dictionary"),
    Callable: InstanceOf(Callable, "a function"),  # type: ignore[arg-type]
    Path: InstanceOf(Path, "a path"),
    type: InstanceOf(type, "a class"),
    **dict.fromkeys((Sequence, Iterable, Collection, Iterator, list, tuple), _Sequence()),
}
"""What plain types say about values, for `explained`."""


def _meant(hint: Any) -> Expected | None:
    """Return what any annotation says about values, also one that declares nothing, or None."""
    if (declared := _expected(hint)) is not None:
        return declared
    if hint == ArrayLike:
        return _ArrayLike()
    if hint == DTypeLike:
        return _DType()
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [_meant(part) for part in typing.get_args(hint)]
        return AnyOf(*[kind for kind in kinds if kind]) if all(kinds) else None
    kind = hint if origin is None else origin
    if kind in PLAIN:
        return PLAIN[kind]
    if not isinstance(kind, type) or kind in (Any, object, inspect.Parameter.empty) or getattr(kind, "_is_protocol", False):
        return None
    return InstanceOf(kind, f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}")


@functools.cache
def _meant_arguments(function: Callable[..., Any]) -> Mapping[str, Expected]:
    """Return what all annotations of a function say about its arguments: name -> what is expected."""
    meant = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.annotation is parameter.empty or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        expected = _meant(_resolved(parameter.annotation, inspect.unwrap(function).__globals__))
        if expected is not None:
            may_be_none = parameter.default is None and expected.problem(None) is not None
            meant[parameter.name] = AnyOf(expected, NOTHING) if may_be_none else expected
    return meant


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raise if an argument is none that its declaration allows.

    Args:
        function: What is called; its declarations count.
        given: The arguments by name.

    Raises:
        TypeError: A value of another kind.
        ValueError: A value that the argument cannot have.
    """
    declared = declared_arguments(function)
    for name, value in given.items():
        if name in declared:
            declared[name].check(name, value)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its arguments are checked before it runs, as their annotations declare them.

    Example:
        >>> from ngym_core.arguments import Count, checked
        >>> @checked
        ... def repeat(text: str, times: Count = 2) -> str:
        ...     return text * times
        >>> repeat("a", times=0)
        Traceback (most recent call last):
        ValueError: times=0 must be an integer from 1.
    """
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        check_arguments(function, given_arguments(names, args, kwargs))
        return function(*args, **kwargs)

    return explained(run)


EXPLAINED = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, MemoryError)
"""Errors that wrong arguments lead to."""
TOO_LARGE = (ValueError, ArithmeticError, MemoryError)
"""Errors that numbers of elements lead to which are too large."""


def _explain(error: Exception, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raise an error that names a wrong argument, if there is one, unless the given error was raised on purpose."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if (frame.line or "").startswith("raise ") and f"{os.sep}ngym_" in frame.filename:
        return
    for name, expected in _meant_arguments(function).items():
        if name in given:
            expected.check(name, given[name])
    for name, value in given.items():
        if isinstance(value, (int, np.integer)) and value > LARGE and isinstance(error, TOO_LARGE):
            raise ValueError(f"{name}={shown(value)} takes more memory than there is: {str(error) or 'out of memory'}.")


def require_finite(result: Any, **given: Any) -> None:
    """Raise if a result is not finite, by naming the argument that made it so.

    Args:
        result: Numbers, of any shape.
        **given: The arguments that it was computed from.

    Raises:
        ValueError: A number of the result is NaN or infinite.

    Example:
        >>> from ngym_core.arguments import require_finite
        >>> require_finite(float("nan") + 1, dt=float("nan"))
        Traceback (most recent call last):
        ValueError: dt=nan must consist of finite numbers.
    """
    if np.isfinite(result).all():
        return
    for name, value in given.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise ValueError(f"{name}={shown(value)} must consist of finite numbers.")
    raise ValueError(f"{' and '.join(f'{name}={shown(value)}' for name, value in given.items())} give no finite numbers.")


def refuse_fixed(instance: Any, name: str, value: Any) -> None:
    """Raise if a parameter is assigned to a task that was made with it and has kept nothing that could be replaced.

    A task says of what it keeps that it is fixed by `fixed_parameters`, see `ngym_core.TrialEnv`.

    Raises:
        AttributeError: A parameter whose new value would have no effect, or not all effects.
    """
    attributes = vars(instance)
    if not attributes.get("_is_made"):
        return
    fixed = any(name in vars(base).get("fixed_parameters", ()) for base in type(instance).__mro__)
    if fixed or name not in attributes:
        raise AttributeError(
            f"{name} is fixed when {instance} is made: make another one, ngym.make(..., {name}={shown(value)})."
        )


class GivenArgument:
    """Descriptor that returns the argument with which an object was made, until it has an attribute of that name.

    The arguments are those that the object keeps in `_parameters`. It is no `__getattr__`, with which Python would read all
    attributes of the object two to four times as slowly. What is assigned is kept in the instance under the same name.

    Args:
        name: Name of the argument, and of the attribute.
        other: What the attribute is instead, where it means something else than the argument.
    """

    def __init__(self, name: str, other: Any = None) -> None:
        self.name, self.other = name, other

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the value."""
        if self.other is not None:
            return self.other
        if instance is None:
            return self
        attributes = instance.__dict__
        if self.name in attributes:
            return attributes[self.name]
        try:
            return attributes["_parameters"][self.name]
        except KeyError:
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}") from None

    def __set__(self, instance: Any, value: Any) -> None:
        """Keep a value in the instance, unless the argument is fixed."""
        refuse_fixed(instance, self.name, value)
        vars(instance)[self.name] = value

    def __delete__(self, instance: Any) -> None:
        """Remove the attribute."""
        del vars(instance)[self.name]


class CheckedAttribute(GivenArgument):
    """Descriptor that also checks what is assigned.

    Args:
        name: Name of the attribute.
        expected: What it may be.
    """

    def __init__(self, name: str, expected: Expected) -> None:
        super().__init__(name)
        self.expected = expected

    def __set__(self, instance: Any, value: Any) -> None:
        """Check a value and keep it in the instance."""
        self.expected.check(self.name, value)
        super().__set__(instance, value)


def check_attributes(cls: type) -> None:
    """Let assignments of attributes that are named like declared arguments be checked; what the class defines stays."""
    for name, expected in declared_arguments(cls).items():
        if isinstance(getattr(cls, name, None), GivenArgument) or not hasattr(cls, name):
            setattr(cls, name, CheckedAttribute(name, expected))
