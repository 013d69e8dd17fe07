"""Randomness: named random streams, and the distributions that tasks draw from."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core._scan import scan_states
from ngym_core.arguments import (
    AnyGenerator,
    Finite,
    Having,
    InstanceOf,
    Integer,
    Number,
    Positive,
    Seed,
    Values,
    checked,
    explained,
    require_finite,
    shown,
    sums_to_one,
)
from ngym_core.errors import nearest
from ngym_core.plain_data import VALUES, decode, encode

__all__ = ["Draws", "Sampled", "TruncExp", "random_number_fn", "random_number_name", "trunc_exp"]

Array = NDArray[Any]
DISTRIBUTIONS = ("uniform", "choice", "truncated_exponential", "constant")
MIN_PROBABILITY_TO_REJECT = 1e-3
"""Draws from a window with a smaller probability are made by inversion: nearly all would be rejected."""


SAMPLED = Having("an object with a `sample` method, such as TruncExp", "sample")


class Sampled(Protocol):
    """A duration given as an object with a `sample` method, such as `TruncExp`."""

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Draw n durations in ms, shape (n,)."""
        ...


_scratch = threading.local()  # data sets may draw in several threads


def scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an uninitialised float32 array of a shape, in memory that the next call of this thread returns again.

    Noise is drawn in many blocks, each of which is added to observations at once and then not needed any more. In the
    same memory it is in the processor's cache already; a new array would have to be fetched, or even cleared, each time.
    """
    size = math.prod(shape)
    if getattr(_scratch, "size", -1) < size:
        _scratch.size, _scratch.memory = size, np.empty(size, np.float32)
    memory: NDArray[np.float32] = _scratch.memory[:size].reshape(shape)
    return memory


@lru_cache(maxsize=4096)
def _spawn_key(name: str) -> tuple[int, ...]:
    """Return a key of a stream that depends on its name alone (unlike `hash`, which differs between processes)."""
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))


NAME, SIZE = InstanceOf(str, "a text"), Integer(0)
Generator: TypeAlias = Annotated[np.random.Generator, InstanceOf(np.random.Generator, "a numpy.random.Generator")]


class Draws:
    """The randomness of one sequence of trials (an env, a lane, a row of a data set), as named streams.

    Each named draw has its own random stream, which depends on the seed and the name alone, and
    each trial takes a fixed number of values of it. So the sequence of trials is the same drawn one at a
    time or a thousand at a time, a draw added to a task leaves all others as they were, and two seeds
    share nothing.

    What a task or a wrapper carries from trial to trial (a block, the previous choice) lives in
    `carried`, so that it restarts with the seed too.

    Args:
        seed: Any integer from 0; None takes one from the operating system.
        np_random: The generator that Gymnasium calls `np_random`; by default made from the seed.

    Attributes:
        seed: The seed.
        np_random: Gymnasium's generator, for tasks written in NeuroGym's style.
        carried: State that goes from trial to trial, name -> value.

    Example:
        >>> from ngym_core import Draws
        >>> draws = Draws(0)
        >>> draws.choice("side", 3, [0, 1]).tolist() + draws.choice("side", 2, [0, 1]).tolist()
        [0, 0, 1, 1, 1]
        >>> Draws(0).choice("side", 5, [0, 1]).tolist()  # the same, however many are drawn in one call
        [0, 0, 1, 1, 1]
    """

    @checked
    def __init__(self, seed: Seed = None, *, np_random: Generator | None = None) -> None:
        sequence = np.random.SeedSequence(seed)
        self.seed: int = sequence.entropy  # type: ignore[assignment]
        self.carried: dict[str, Any] = {}
        self._np_random = np_random
        self._streams: dict[str, np.random.Generator] = {}
        self._saved_streams: dict[str, NDArray[np.uint64]] = {}  # states of streams that were not used since they were set
        self._root: Draws = self
        self._prefix = ""

    @property
    def np_random(self) -> np.random.Generator:
        """Gymnasium's generator, for tasks written in NeuroGym's style."""
        if self._root._np_random is None:
            self._root._np_random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed)))
        return self._root._np_random

    @property
    def state(self) -> dict[str, Any]:
        """All streams and all that is carried, as plain data; draws with this state set go on as these do.

        The session of a task that keeps its state in attributes is not part of it, see `ngym_core.sampling.draws_state`.
        """
        return plain_state(self.raw_state())

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        root = self._root
        root.seed = state["seed"]
        root._np_random = None
        if state["np_random"] is not None:
            bits = getattr(np.random, state["np_random"]["bit_generator"])()
            bits.state = decode(state["np_random"])
            root._np_random = np.random.Generator(bits)
        root._streams.clear()
        root._saved_streams = dict(state["streams"])  # a stream is made when it is drawn from: that takes time
        carried = decode(state["carried"])
        for name, value in carried.items():
            kept = root.carried.get(name)
            if isinstance(kept, dict) and isinstance(value, dict):  # of a child, which holds on to it
                kept.clear()
                kept.update(value)
                carried[name] = kept
        root.carried.clear()
        root.carried.update(carried)

    def raw_state(self) -> dict[str, Any]:
        """Return the state with all streams in one array, for `plain_state`: read in half the time."""
        root = self._root
        states: list[Any] = [stream.bit_generator.state for stream in root._streams.values()]
        words = np.empty((len(states), 6), np.uint64)
        if states:
            words[:, :4] = [state["state"]["state"] for state in states]
            words[:, 4:] = [(state["has_uint32"], state["uinteger"]) for state in states]
        streams = (*root._saved_streams.items(),), (*root._streams,), words
        carried = {key: value for key, value in root.carried.items() if key != "session"}
        np_random = None if root._np_random is None else encode(root._np_random.bit_generator.state)
        return {"seed": self.seed, "np_random": np_random, "streams": streams, "carried": encode(carried)}

    def child(self, name: str) -> Draws:
        """Return the draws of a wrapper: its own names and its own `carried`, with the same seed and state."""
        child = object.__new__(type(self))
        child.__dict__.update(self.__dict__)
        child._prefix = f"{self._prefix}{name}/"
        child.carried = self._root.carried.setdefault(child._prefix, {})
        return child

    @property
    def root(self) -> Draws:
        """The draws that these are a `child` of, or these."""
        return self._root

    @property
    def prefix(self) -> str:
        """What the names of streams begin with; ``""`` but for draws that `child` returned."""
        return self._prefix

    def at(self, prefix: str) -> Draws:
        """Return these draws, with the prefix of those of a `child`, or of a child of one."""
        draws = self
        for name in prefix.split("/")[:-1]:
            draws = draws.child(name)
        return draws

    def per_stream(self, n: int) -> list[tuple[Draws, int]]:
        """Return the draws of each sequence that n trials belong to, in order, with its number among the n trials.

        These are all from one sequence here; in `BatchedDraws` each lane has its own. For state that is carried on.
        """
        return [(self, n)]

    def of_trials(self, rows: Array, n: int) -> Draws:
        """Return the draws of some of n trials, (k,) ascending indices. All trials are of one sequence here: these draws."""
        return self

    @explained
    def previous(self, name: str, values: Array, first: ArrayLike | Callable[[Draws], ArrayLike]) -> Array:
        """Return the value of the trial before each trial; that of the last one is carried on.

        Args:
            name: Name under which the last value is carried (`carried`).
            values: (n, ...) values of the trials.
            first: The value before the first trial of a sequence, or a function that draws it.

        Returns:
            (n, ...) values.

        Example:
            >>> import numpy as np
            >>> from ngym_core import Draws
            >>> draws = Draws(0)
            >>> draws.previous("side", np.array([1, 2, 3]), 0), draws.previous("side", np.array([4, 5]), 0)
            (array([0, 1, 2]), array([3, 4]))
        """
        before, start = np.empty_like(values), 0
        before[1:] = values[:-1]
        for stream, k in self.per_stream(len(values)):
            before[start] = stream._carried(name, first)
            start += k
            stream.carried[name] = values[start - 1].tolist()
        return before

    @explained
    def follow(self, name: str, after: Array, first: int | Callable[[Draws], ArrayLike]) -> tuple[Array, Array]:
        """Return the states of a chain in which each trial's state follows on that of the trial before.

        Args:
            name: Name under which the last state is carried (`carried`).
            after: (n, states). For each trial, the state that follows on each state.
            first: The state before the first trial of a sequence, or a function that draws it.

        Returns:
            The state before each trial, and its own, (n,) each.

        Example:
            >>> import numpy as np
            >>> from ngym_core import Draws
            >>> Draws(0).follow("context", np.array([[1, 0], [0, 1], [1, 0]]), 0)  # change, stay, change
            (array([0, 1, 1]), array([1, 1, 0]))
        """
        states, firsts, start = [], [], 0
        for stream, k in self.per_stream(len(after)):
            firsts.append(int(stream._carried(name, first)))
            states.append(scan_states(after[start : start + k], firsts[-1]))
            stream.carried[name] = int(states[-1][-1])
            start += k
        own = np.concatenate(states)
        before = np.concatenate([[0], own[:-1]])
        before[np.cumsum([0, *map(len, states[:-1])])] = firsts
        return before, own

    def _carried(self, name: str, first: Any) -> Any:
        """Return what is carried under a name; at the first trial the first value, which may have to be drawn."""
        if name not in self.carried:
            return first(self) if callable(first) else first
        return self.carried[name]

    def stream(self, name: str) -> np.random.Generator:
        """Return the generator of a named draw, which is made from the seed and the name at its first use."""
        try:
            name = self._prefix + name
            return self._streams[name]
        except (KeyError, TypeError):
            NAME.check("name", name)
            sequence = np.random.SeedSequence(self._root.seed, spawn_key=_spawn_key(name))
            stream = self._streams.setdefault(name, np.random.Generator(np.random.SFC64(sequence)))
            saved = self._root._saved_streams.pop(name, None)
            if saved is not None:
                _set_stream_state(stream, saved)
            return stream

    @explained
    def random(self, name: str, n: int, size: int | None = None) -> Array:
        """Draw uniform numbers in [0, 1), shape (n,) or (n, size)."""
        try:
            return self.stream(name).random(n if size is None else (n, size))
        except (TypeError, ValueError):  # only then, since this is called for each batch
            _check_sizes(n, size)
            raise

    @explained
    def uniform(self, name: str, n: int, low: ArrayLike, high: ArrayLike) -> Array:
        """Draw uniform numbers between low and high (numbers or (n,) arrays), shape (n,)."""
        drawn = np.asarray(low) + (np.asarray(high) - low) * self.random(name, n)
        require_finite(drawn, low=low, high=high)
        return np.asarray(drawn)

    @explained
    def choice(self, name: str, n: int, options: ArrayLike, p: ArrayLike | None = None, size: int | None = None) -> Array:
        """Draw among options with equal or given probabilities.

        Args:
            name: Name of the draw.
            n: How many trials.
            options: (k,) options, or (k, m) options of m numbers each.
            p: (k,) probabilities, or (n, k) for each trial; each row sums to 1.
            size: How many independent draws for each trial; None for one draw, without that axis.

        Returns:
            (n,), (n, size) or, for options of m numbers, (n, m) chosen options.
        """
        options = np.asarray(options)
        if options.dtype.kind == "f":
            require_finite(options, options=options)
        return np.asarray(options[self.index(name, n, len(options), p, size)])

    @explained
    def index(self, name: str, n: int, k: ArrayLike, p: ArrayLike | None = None, size: int | None = None) -> Array:
        """Draw indices from 0 to k - 1 (k is a number or (n,)), evenly or with given probabilities, (n,) or (n, size)."""
        if isinstance(k, int):  # first, since most are
            right = k >= 1
        else:
            numbers = np.asarray(k)
            right = numbers.dtype.kind in "iuf" and bool((numbers >= 1).all())
        if not right:
            raise ValueError(f"k={shown(k)} must be an integer from 1, or one for each trial.")
        if p is None and isinstance(k, int) and k == 1:
            _check_sizes(n, size)
            return np.zeros(n if size is None else (n, size), np.int64)
        u = self.random(name, n, size)
        if p is None:
            return np.asarray(u * k).astype(np.int64)
        edges = np.cumsum(_probabilities(p, k), axis=-1)
        edges /= edges[..., -1:]  # a last edge below 1 by rounding could give the index k
        return np.asarray((u[..., None] >= edges).sum(axis=-1))

    @explained
    def other(self, name: str, n: int, k: int, than: ArrayLike) -> Array:
        """Draw indices from 0 to k - 1 that differ from `than` ((n,) indices), shape (n,)."""
        drawn = self.index(name, n, k - 1)
        return drawn + (drawn >= np.asarray(than))

    @explained
    def permutation(self, name: str, n: int, k: int) -> Array:
        """Draw orders of 0 to k - 1, one for each trial, shape (n, k)."""
        # A stable sort, so that ties have the same order on every machine.
        return np.argsort(self.random(name, n, k), axis=1, kind="stable")

    @explained
    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Array | None = None) -> NDArray[np.float32]:
        """Draw standard normal numbers.

        Args:
            name: Name of the draw.
            shape: The shape. Its first axis counts trials, or rows that belong to trials.
            first: The trial that is counted as 0.
            rows: The trial of each row, (shape[0],) in order; by default the first axis counts trials.

        Returns:
            float32 numbers of this shape, in memory that the next call overwrites, see `scratch`: copy what is to be kept.
        """
        noise = scratch(shape)
        self.stream(name).standard_normal(dtype=np.float32, out=noise)
        return noise

    @explained
    def truncated_exponential(self, name: str, n: int, mean: float, low: float = 0, high: float = math.inf) -> Array:
        """Draw from an exponential with this mean, cut to [low, high), shape (n,)."""
        _check_window(mean, low, high)
        return _invert(self.random(name, n), mean, low, high)

    @explained
    def sample(self, name: str, n: int, distribution: Annotated[Sampled, SAMPLED]) -> Array:
        """Draw n values from an object with a `sample` method, shape (n,)."""
        return np.asarray(distribution.sample(self.stream(name), n), float)


def plain_state(raw: dict[str, Any]) -> dict[str, Any]:
    """Return what `Draws.raw_state` returned as plain data, which `Draws.state` is and may be set to.

    Example:
        >>> from ngym_core.random import Draws, plain_state
        >>> plain_state(Draws(3).raw_state())
        {'seed': 3, 'np_random': None, 'streams': {}, 'carried': {}}
    """
    if isinstance(raw["streams"], dict):  # it is plain already
        return raw
    saved, names, words = raw["streams"]
    # of each stream (6,): four words, whether half a word is left, and that half
    return {**raw, "streams": {**dict(saved), **{name: row.copy() for name, row in zip(names, words, strict=True)}}}


def _set_stream_state(stream: np.random.Generator, saved: NDArray[np.uint64]) -> None:
    """Set the state of a named stream."""
    words = {"state": np.array(saved[:4], np.uint64)}
    state = {"bit_generator": "SFC64", "state": words, "has_uint32": int(saved[4]), "uinteger": int(saved[5])}
    stream.bit_generator.state = state


def _check_sizes(n: Any, size: Any) -> None:
    """Raise if numbers of trials and of draws for each are none."""
    SIZE.check("n", n)
    if size is not None:
        SIZE.check("size", size)


def _probabilities(p: ArrayLike, k: ArrayLike) -> Array:
    """Return probabilities as an array, (k,) or (n, k), after a check."""
    try:
        array = np.asarray(p, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if not (array.ndim in (1, 2) and array.shape[-1] == k and array.min() >= 0 and sums_to_one(array)):
        raise ValueError(f"p={shown(p)} must be {k!r} probabilities that sum to 1, or a row of them for each trial.")
    return array


def _check_window(mean: float, low: float, high: float) -> None:
    """Raise if a mean or a window is not one of a truncated exponential."""
    if not (math.isfinite(mean) and mean > 0):
        raise ValueError(f"The mean of a truncated exponential must be a positive number, not {mean!r}.")
    if not math.isfinite(low) or math.isnan(high):
        raise ValueError(f"The window of a truncated exponential must be two numbers, not {low!r} to {high!r}.")


def _invert(u: ArrayLike, mean: float, low: float, high: float) -> Array:
    """Turn uniform numbers in [0, 1) into draws, by the inverse of the distribution function.

    One number makes one draw, so that each trial takes as many numbers of its stream as any other.
    """
    if low >= high:
        return np.full(np.shape(u), float(high))
    low = max(low, 0.0)
    drawn = low - mean * np.log1p(np.asarray(u) * math.expm1((low - high) / mean))
    return np.asarray(np.minimum(drawn, np.nextafter(high, -math.inf)))  # rounding may reach the excluded upper end


class TruncExp:
    """An exponential distribution cut to a window, for durations in ms.

    As a value in a task's `timing` it draws from the task's streams. It can also be called, as
    in NeuroGym, and then draws from its own generator.

    Args:
        vmean: Mean of the exponential before it is cut, in ms.
        vmin: Lower end of the window, included.
        vmax: Upper end, excluded. If it equals `vmin`, every draw does.

    Raises:
        ValueError: The mean is not a positive number, or the ends are not two numbers in order.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.random import TruncExp
        >>> env = ngym.make("GoNogo-v0", timing={"delay": TruncExp(800, 300, 1500)})
        >>> steps = env.sample_trials(50, seed=0).lengths  # of 100 ms
        >>> bool(steps.max() - steps.min() <= 12)
        True
    """

    @checked
    def __init__(self, vmean: Positive, vmin: Finite = 0, vmax: Annotated[float, Number(infinite=True)] = math.inf) -> None:
        if vmin > vmax:
            raise ValueError(f"vmin={vmin!r} must not be above vmax={vmax!r}.")
        self.vmean, self.vmin, self.vmax = vmean, vmin, vmax
        self.rng = np.random.RandomState()

    def __repr__(self) -> str:
        """Show the distribution as it is written in code."""
        return f"TruncExp({self.vmean}, {self.vmin}, {self.vmax})"

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same mean and window."""
        return isinstance(other, TruncExp) and (self.vmean, self.vmin, self.vmax) == (other.vmean, other.vmin, other.vmax)

    def __hash__(self) -> int:
        """Hash by mean and window."""
        return hash((self.vmean, self.vmin, self.vmax))

    @explained
    def seed(self, seed: int | None = None) -> None:
        """Restart the object's own generator, which calls draw from."""
        self.rng = np.random.RandomState(seed)

    def __call__(self, *args: object) -> float:
        """Draw one value in ms from the object's own generator."""
        return trunc_exp(self.rng, self.vmean, self.vmin, self.vmax)

    @explained
    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Draw n durations in ms, one uniform number each, shape (n,)."""
        return _invert(rng.random(n), self.vmean, self.vmin, self.vmax)


VALUES[TruncExp.__name__] = TruncExp  # states have its numbers, though it can be called


@checked
def trunc_exp(
    rng: AnyGenerator, vmean: Positive, vmin: Finite = 0, vmax: Annotated[float, Number(infinite=True)] = math.inf
) -> float:
    """Draw one value from an exponential cut to [vmin, vmax).

    With the same generator it returns NeuroGym's number, which is drawn by rejection; a window that
    holds less than a thousandth of the exponential, for which rejection would take very long or never
    end, is drawn by inversion.

    Args:
        rng: A `numpy.random.RandomState` or `Generator`.
        vmean: Mean before the cut.
        vmin: Lower end, included.
        vmax: Upper end, excluded. If it is not above `vmin`, the result is `vmax`.

    Returns:
        The value, in the unit of the arguments (ms in tasks).

    Raises:
        ValueError: The mean is not a positive number, or an end is not a number.

    Example:
        >>> import numpy as np
        >>> from ngym_core.random import trunc_exp
        >>> 300 <= trunc_exp(np.random.RandomState(0), 800, 300, 1500) < 1500
        True
    """
    if vmin >= vmax:
        return vmax
    below = max(vmin, 0.0)
    if math.exp(-below / vmean) - math.exp(-vmax / vmean) < MIN_PROBABILITY_TO_REJECT:
        return float(_invert(rng.random(), vmean, vmin, vmax))
    while True:
        value = rng.exponential(vmean)
        if vmin <= value < vmax:
            return float(value)


@explained
def random_number_fn(dist: str, args: Any, rng: Any) -> Callable[[], Any]:
    """Return a function that draws one number each time it is called.

    Args:
        dist: ``uniform``, ``choice``, ``truncated_exponential`` or ``constant``.
        args: (low, high); the options; (mean[, min[, max]]); or the constant.
        rng: A `numpy.random.RandomState` or `Generator`.

    Returns:
        A function without arguments.

    Raises:
        ValueError: Another distribution.

    Example:
        >>> import numpy as np
        >>> from ngym_core.random import random_number_fn
        >>> draw = random_number_fn("uniform", (200, 500), np.random.RandomState(0))
        >>> 200 <= draw() < 500
        True
    """
    if dist == "uniform":
        return lambda: rng.uniform(*args)
    if dist == "choice":
        return lambda: rng.choice(args)
    if dist == "truncated_exponential":
        return lambda: trunc_exp(rng, *args)
    if dist == "constant":
        return lambda: args
    raise ValueError(f"Unknown distribution: {dist}. {nearest(dist, DISTRIBUTIONS)}")


@explained
def random_number_name(dist: str, args: Values) -> str:
    """Return a distribution in words, for tables and figures.

    Args:
        dist: ``uniform``, ``choice``, ``truncated_exponential`` or ``constant``.
        args: Its arguments, as for `random_number_fn`.

    Returns:
        For example ``uniform between 200 and 500``.

    Raises:
        ValueError: Another distribution.
    """
    if dist == "uniform":
        return f"uniform between {args[0]} and {args[1]}"
    if dist == "choice":
        return f"choice within {list(args) if isinstance(args, Sequence) else args}"
    if dist == "truncated_exponential":
        words = ("mean", "min", "max")
        return "truncated exponential with " + ", ".join(f"{w} {a}" for w, a in zip(words, args, strict=False))
    if dist == "constant":
        return f"constant {args}"
    raise ValueError(f"Unknown distribution: {dist}. {nearest(dist, DISTRIBUTIONS)}")
