"""Outcomes: what a call with a bad argument comes to, and whether its error says what is wrong."""

from __future__ import annotations

import contextlib
import itertools
import re
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import ngym_core as ngym
from ngym_core.arguments import shown

CLEAR, CRYPTIC, ACCEPTED, NONSENSE, HUNG, MEMORY = "clear", "cryptic", "accepted", "nonsense", "hung", "memory"
KINDS = [CLEAR, CRYPTIC, ACCEPTED, NONSENSE, HUNG, MEMORY]
SPEAKING = (TypeError, ValueError, KeyError, AttributeError, IndexError, OSError, ImportError, gymnasium.error.Error)
"""Classes of errors whose message counts, beside our own."""
MAX_STEPS = 5
"""Number of steps that an accepted env is played, at most."""

BINDING = re.compile(r"unexpected keyword argument|missing \d+ required|multiple values for|takes .* positional argument")
"""What Python says of arguments that do not fit a signature."""


class NonsenseError(Exception):
    """A call that was accepted and gives what is no result, such as observations that are NaN."""


@dataclass(frozen=True)
class Outcome:
    """What a call came to.

    Args:
        kind: One of `KINDS`.
        text: The error with its message, or what was returned.
        at: Last frame of our own in the traceback, ``file:line``.
    """

    kind: str
    text: str = ""
    at: str = ""


def outcome_of(call: Callable[[], Any], names: Iterable[str], values: Iterable[Any] = ()) -> Outcome:
    """Call, use what is returned, and sort what comes of it.

    An error is clear if we raise it, on purpose, with a message that has one of the names or values in it, or if it says
    that the arguments do not fit the signature, or if that of a library has one of the names in it.

    Args:
        call: The call.
        names: Names one of which a clear error has in its message.
        values: The bad values, whose text will do as well.
    """
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            result = call()
            use(result)
        return Outcome(ACCEPTED, " ".join(shown(result).split()))
    except MemoryError as error:
        return Outcome(MEMORY, described(error), place(error))
    except NonsenseError as error:
        return Outcome(NONSENSE, str(error))
    except (Exception, SystemExit) as error:
        kind = CLEAR if is_clear(error, names, values) else CRYPTIC
        return Outcome(kind, described(error), place(error))


def is_clear(error: BaseException, names: Iterable[str], values: Iterable[Any]) -> bool:
    """Return whether an error says which argument is wrong."""
    message = str(error)
    if BINDING.search(message):
        return isinstance(error, TypeError)
    if not (isinstance(error, SPEAKING) or is_ours(type(error).__module__)):
        return False
    named = any(stands_in(name, message) for name in names)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if is_our_file(frame.filename):  # Python's own errors of a line of ours, such as `'<' not supported`, say nothing
        return (frame.line or "").startswith("raise") and (
            named or any(stands_in(text, message) for text in texts_of(values))
        )
    return named and not re.search(r"object has no attribute|not supported between|unsupported operand", message)


def stands_in(text: str, message: str) -> bool:
    """Return whether a text is in a message, and no part of a longer word or number."""
    return re.search(rf"(?<![\w.]){re.escape(text)}(?!\w|\.\d)", message) is not None


def texts_of(values: Iterable[Any]) -> Iterator[str]:
    """The texts by which messages show values."""
    for value in values:
        for text in (repr(value), str(value), shown(value)):
            if text:
                yield text


def described(error: BaseException) -> str:
    """Return class and message of an error, on a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def is_ours(module: str) -> bool:
    """Return whether a module is of one of the packages."""
    return module.startswith("ngym_")


def is_our_file(path: str) -> bool:
    """Return whether a source file is of one of the packages."""
    return any(part.startswith("ngym_") for part in Path(path).parts)


def place(error: BaseException) -> str:
    """Return the last frame of ours in a traceback: ``module/file.py:line``."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if is_our_file(frame.filename)]
    if not ours:
        return ""
    parts = Path(ours[-1].filename).parts
    start = max(i for i, part in enumerate(parts) if part.startswith("ngym_") and i < len(parts) - 1)
    return f"{'/'.join(parts[start:])}:{ours[-1].lineno}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Throw away what is printed."""
    with Path("/dev/null").open("w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def use(result: Any) -> None:
    """Do with a result what a caller would: play an env, take of an iterator, enter a context; raise if it is nonsense."""
    if isinstance(result, (gymnasium.Env, ngym.TrialVectorEnv)):
        play(result)
    elif isinstance(result, types.GeneratorType):
        for part in itertools.islice(result, 3):
            use(part)
    elif isinstance(result, contextlib.AbstractContextManager) and hasattr(result, "gen"):
        with result:
            pass
    elif isinstance(result, (float, np.ndarray)):
        require_numbers("the result", result)
    elif isinstance(result, (tuple, list)):
        for part in result[:20]:
            use(part)


def play(env: Any) -> None:
    """Reset an env, play a few steps and sample trials; raise if there is NaN, or a reward that is no number."""
    task = getattr(env, "unwrapped", env)
    env.action_space.seed(0)
    ob, _ = env.reset(seed=0)
    require_numbers("the observation", ob)
    for _ in range(MAX_STEPS):
        ob, reward, *_ = env.step(env.action_space.sample())
        require_numbers("the observation", ob)
        require_numbers("the reward", reward)
    if isinstance(task, ngym.TrialEnv):
        trials = env.get_wrapper_attr("sample_trials")(3, seed=0)
        require_numbers("the sampled observations", trials.ob)
        require_numbers("the ground truth", trials.gt)
        for name, value in task.rewards.items():
            require_numbers(f"reward {name!r}", value)


def require_numbers(what: str, values: Any) -> None:
    """Raise unless all values are finite, or none of them is a number at all (text, objects)."""
    array = np.asarray(values)
    if array.dtype.kind in "cO" and what != "the result":
        raise NonsenseError(f"{what} is {shown(values)}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise NonsenseError(f"{what} has NaN")
    if what != "the result" and array.dtype.kind == "f" and np.isinf(array).any():
        raise NonsenseError(f"{what} is infinite")
