"""States: what an env with its wrappers will do next, as plain data that can be saved, copied and put back.

A state consists of numbers, texts, lists, dictionaries and arrays without objects. So it survives `copy.deepcopy`, pickle,
and JSON with an ``.npz`` file beside it; `save_state` and `load_state` keep one in a single file. It says for which task,
wrappers, parameters and spaces it was taken, and has a checksum: another env's state, or a damaged one, is refused before
anything is changed.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import explained
from ngym_core.errors import StateError
from ngym_core.files import atomic_write
from ngym_core.plain_data import Decoder, checksum, encode
from ngym_core.random import Draws, TruncExp, plain_state
from ngym_core.sampling import layers, outermost_trial_layer, session_of

__all__ = [
    "State",
    "describe_stack",
    "draws_state",
    "get_state",
    "load_state",
    "open_state",
    "plain_draws_state",
    "raw_draws_state",
    "save_state",
    "seal_state",
    "set_draws_state",
    "set_state",
]

State: TypeAlias = dict[str, Any]

FORMAT = 1
"""Version of the layout of states."""
NOT_STATE = frozenset(
    {
        *("env", "envs", "spec", "_cached_spec", "metadata", "_metadata", "_saved_kwargs", "_parameters", "_is_made"),
        *("observation_space", "action_space", "_observation_space", "_action_space"),
        *("_np_random", "_rng", "_top", "_ob_source", "_ob_now", "_memory_draws", "_decided"),
        *("render_mode", "_recorder"),
    }
)
"""Attributes of a layer that describe it or follow from others."""


@explained
def get_state(env: gymnasium.Env[Any, Any]) -> State:
    """Return what an env and all that it wraps will do next; wrappers of other libraries are included.

    Args:
        env: The env.

    Returns:
        The state, plain data that shares nothing with the env.

    Raises:
        TypeError: A layer holds an iterator, whose position cannot be taken.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.state import get_state, set_state
        >>> env, other = (ngym.make("PerceptualDecisionMaking-v0") for _ in range(2))
        >>> _ = env.reset(seed=0)
        >>> set_state(other, get_state(env))
        >>> (env.step(0)[0] == other.step(0)[0]).all().item()
        True
    """
    task: Any = env.unwrapped
    content = {"layers": layer_states(env), "session": _session_state(env, task._draws)}
    if task._recorder is not None:
        content["played"] = task._recorder.get_lanes([0])
    return seal_state("env", describe_stack(env), content)


@explained
def set_state(env: gymnasium.Env[Any, Any], state: Mapping[str, Any]) -> None:
    """Let an env, and all that it wraps, go on from a state.

    Args:
        env: An env with the task, the wrappers, the parameters and the spaces of the one that the state was taken of.
        state: The state.

    Raises:
        StateError: A damaged state, or one of another env. Nothing is changed then.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("GoNogo-v0")
        >>> ob, _ = env.reset(seed=0)
        >>> state = ngym.get_state(env)
        >>> _ = env.step(1)
        >>> ngym.set_state(env, state)  # the step is undone
    """
    content = open_state("env", describe_stack(env), state)
    set_layer_states(env, content["layers"])
    task: Any = env.unwrapped
    _set_session_state(env, task._draws, content["session"])
    if task._recorder is not None:
        task._resume_record(content.get("played"))


# ---- the envelope of a state ----------------------------------------------------------------------


@explained
def seal_state(kind: str, described: Mapping[str, Any], content: Any) -> State:
    """Return a state: its content, what it was taken of, and a checksum.

    Args:
        kind: Kind of state, such as ``env``.
        described: What it was taken of, see `describe_stack`.
        content: Plain data.
    """
    from ngym_core import __version__

    state = {"format": FORMAT, "kind": kind, "version": __version__, **described, "content": content}
    return {**state, "checksum": checksum(state)}


@explained
def open_state(kind: str, described: Mapping[str, Any], state: Any) -> Any:
    """Check a state and return its content.

    Args:
        kind: The expected kind.
        described: What it has to go with.
        state: The state.

    Raises:
        StateError: It is none, is damaged, or goes with something else.
    """
    if not isinstance(state, Mapping) or not {"format", "kind", "version", "content", "checksum"} <= set(state):
        raise StateError(f"This is no state of ngym, but {_shortened(state)}; expected what get_state returned.")
    if state["format"] != FORMAT:
        raise StateError(f"The state has the format {state['format']!r} of ngym {state['version']}; expected {FORMAT}.")
    if state["kind"] != kind:
        raise StateError(f"This is the state of {state['kind']!r}; expected one of {kind!r}.")
    try:
        intact = state["checksum"] == checksum({name: part for name, part in state.items() if name != "checksum"})
    except (TypeError, ValueError, AttributeError):
        intact = False
    if not intact:
        raise StateError("The state is damaged: its checksum differs.")
    for name, expected in described.items():
        if state.get(name) != expected and state.get(name) != _without_numbers(expected):
            raise StateError(f"The state goes with other {name}: {_difference(state.get(name), expected)}.")
    return state["content"]


def _without_numbers(described: Any) -> Any:
    """Return a description whose texts lack the numbers of `TruncExp`, as in earlier states."""
    if isinstance(described, Mapping):
        return {name: _without_numbers(item) for name, item in described.items()}
    return re.sub(r"TruncExp\[.*?\]", "TruncExp", described) if isinstance(described, str) else described


def _shortened(value: Any) -> str:
    text = f"a {type(value).__name__}"
    return f"{text} with {sorted(map(str, value))[:6]}" if isinstance(value, Mapping) else text


def _difference(given: Any, expected: Any) -> str:
    """Return the first difference of two descriptions."""
    if isinstance(given, dict) and isinstance(expected, dict):
        name = next(k for k in [*given, *expected] if given.get(k) != expected.get(k))
        return f"{name}={given.get(name, 'none')}, here {name}={expected.get(name, 'none')}"
    return f"{given}, here {expected}"


class InitSignature:
    """Descriptor for a class whose `__new__` takes any arguments: `inspect.signature` shows those of `__init__`."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        """Return the signature of the class."""
        signature = inspect.signature(owner.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


@explained
def describe_stack(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Return what a state must agree in with an env: layers, parameters and spaces, as texts."""
    found = layers(env)
    parameters = {
        f"{type(layer).__name__}.{name}": _text(value)
        for layer in found
        for name, value in (vars(layer).get("_parameters") or vars(layer).get("_saved_kwargs") or {}).items()
    }
    return {
        "layers": [type(layer).__name__ for layer in found],
        "parameters": parameters,
        "spaces": [str(env.observation_space), str(env.action_space)],
    }


def _text(value: Any) -> str:
    """Return a parameter as text: equal values have equal texts, however they are written."""
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_text(item)}' for name, item in sorted(value.items(), key=str))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, TruncExp):
        return f"TruncExp{_text([value.vmean, value.vmin, value.vmax])}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(float(value))
    return str(value) if isinstance(value, (str, bool, type(None))) else getattr(value, "__name__", type(value).__name__)


# ---- the layers of an env ---------------------------------------------------------------------------


def layer_states(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """Return the attributes of an env and all that it wraps as plain data, the outermost layer first."""
    seen: dict[int, Any] = {}
    found = layers(env)
    packages = frozenset(type(layer).__module__.partition(".")[0] for layer in found)
    states = []
    for layer in found:
        try:
            state = {name: encode(v, packages, seen) for name, v in vars(layer).items() if name not in NOT_STATE}
        except TypeError as error:
            raise TypeError(f"The state of {layer} cannot be taken: {error}") from error
        if "_rng" in vars(layer):
            state["_rng"] = layer._legacy_normal()  # type: ignore[attr-defined]
        if "_memory_draws" in vars(layer):
            state["_memory_draws"] = layer._memory_draws is layer.task._draws  # type: ignore[attr-defined]
        states.append(state)
    return states


def set_layer_states(env: gymnasium.Env[Any, Any], states: list[Any]) -> None:
    """Set the attributes of an env and all that it wraps; nothing is changed if any of them cannot be set.

    Raises:
        StateError: The states do not fit the layers.
    """
    found, decoder, decoded = layers(env), Decoder(), []
    for layer, state in zip(found, states, strict=True):
        old = dict(vars(layer))
        if state.get("_memory") is not None and old.get("_memory") is None:
            old["_memory"] = layer.init_memory(1)  # type: ignore[attr-defined]
        kept = {name: value for name, value in vars(layer).items() if name in NOT_STATE}
        decoded.append({**kept, **{name: decoder.decode(plain, old.get(name)) for name, plain in state.items()}})
    for layer, attributes in zip(found, decoded, strict=True):
        vars(layer).clear()
        vars(layer).update(attributes)
    decoder.commit()
    for layer in reversed(found):  # the innermost first: outer ones may look at the task
        if hasattr(type(layer), "_state_was_set"):
            layer._state_was_set()


@explained
def draws_state(env: gymnasium.Env[Any, Any], draws: Draws) -> State:
    """Return where a sequence of trials stands that `sample_trials` makes with these draws, as plain data.

    Args:
        env: The env, with its wrappers.
        draws: The randomness of the sequence.

    Returns:
        The state of the draws and, for an env in NeuroGym's style, that of its attributes in this sequence.
    """
    return plain_draws_state(raw_draws_state(env, draws))


@explained
def raw_draws_state(env: gymnasium.Env[Any, Any], draws: Draws) -> dict[str, Any]:
    """Return what `draws_state` returns in NumPy's form, for `plain_draws_state`: read in a third of the time."""
    return {"draws": draws.raw_state(), "session": _session_state(env, draws)}


def plain_draws_state(raw: Mapping[str, Any]) -> State:
    """Return what `raw_draws_state` returned as plain data."""
    return {**raw, "draws": plain_state(raw["draws"])}


@explained
def set_draws_state(env: gymnasium.Env[Any, Any], draws: Draws, state: Mapping[str, Any]) -> None:
    """Let a sequence of trials go on from a state.

    Args:
        env: The env, with its wrappers.
        draws: The randomness of the sequence; it stays the same object.
        state: What `draws_state` returned.
    """
    draws.state = state["draws"]
    _set_session_state(env, draws, state["session"])


def _session_state(env: gymnasium.Env[Any, Any], draws: Draws) -> list[Any] | None:
    """Return the attributes of an env in NeuroGym's style in the sequence of trials that is sampled with these draws."""
    session = draws.carried.get("session")
    if session is None:
        return None
    with session:
        return layer_states(outermost_trial_layer(env))


def _set_session_state(env: gymnasium.Env[Any, Any], draws: Draws, state: list[Any] | None) -> None:
    """Set the attributes that `_session_state` returned."""
    if state is not None:
        layer = outermost_trial_layer(env)
        session = session_of(layer, draws)
        with session:
            set_layer_states(layer, state)
        draws.carried["session"] = session  # setting the state of the draws has removed it


# ---- files --------------------------------------------------------------------------------------------


@explained
def save_state(path: str | Path, state: Mapping[str, Any]) -> Path:
    """Save a state in one file: JSON and arrays in NumPy's ``.npz`` format, completely or not at all.

    Args:
        path: The file; the suffix ``.npz`` is added if it is missing.
        state: The state.

    Returns:
        The file.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.state import load_state, save_state
        >>> env = ngym.make("GoNogo-v0")
        >>> _ = env.reset(seed=0)
        >>> env.set_state(load_state(save_state("state.npz", env.get_state())))
    """
    path = Path(path)
    path = path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")
    arrays: dict[str, NDArray[Any]] = {}

    def without_arrays(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays[str(len(arrays))] = value
            return {"array": len(arrays) - 1}
        if isinstance(value, Mapping):
            return {"items": {key: without_arrays(item) for key, item in value.items()}}
        return [without_arrays(item) for item in value] if isinstance(value, (list, tuple)) else value

    text = json.dumps(without_arrays(state))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, json=np.array(text), **arrays)  # type: ignore[arg-type]
    return path


@explained
def load_state(path: str | Path) -> State:
    """Load a state that `save_state` saved.

    Args:
        path: The file.

    Raises:
        StateError: The file holds no state, or is damaged.
        OSError: The file cannot be read.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("GoNogo-v0")
        >>> _ = env.reset(seed=0)
        >>> _ = ngym.save_state("state.npz", env.get_state())
        >>> env.set_state(ngym.load_state("state.npz"))
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}

        def with_arrays(value: Any) -> Any:
            if isinstance(value, dict):
                array = value.get("array")
                return {k: with_arrays(v) for k, v in value["items"].items()} if array is None else arrays[str(array)]
            return [with_arrays(item) for item in value] if isinstance(value, list) else value

        state: State = with_arrays(json.loads(str(arrays["json"])))
    except OSError:
        raise
    except Exception as error:  # a file may be damaged in any way
        raise StateError(f"{path} holds no state of ngym, or is damaged: {error}") from error
    return state
