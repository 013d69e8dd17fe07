"""Registry of tasks, wrappers and tags, with `make` and the functions that list them."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from ngym_core.arguments import Count, RenderMode, Text, checked, explained, shown
from ngym_core.docstrings import read_docstring
from ngym_core.errors import UnknownTaskError, nearest, unknown_name
from ngym_core.plugins.isolation import encodable, isolated, reason, warn

if TYPE_CHECKING:
    from ngym_core.env import TrialEnv
    from ngym_core.plugins.manager import PackManager
    from ngym_core.vector import TrialVectorEnv

__all__ = [
    "TaskSpec",
    "WrapperSpec",
    "all_collections",
    "all_envs",
    "all_tags",
    "all_wrappers",
    "check_tags",
    "full_name",
    "get_collection",
    "is_collection",
    "known_name",
    "make",
    "make_vec",
    "pack_manager",
    "parameters_of",
    "register",
    "register_all",
    "register_tags",
    "register_wrapper",
    "set_pack_manager",
    "tag_meaning",
    "task_metadata",
    "task_spec",
    "unregister",
    "wrapper_metadata",
    "wrapper_spec",
]


EPISODE_TRIALS = 1
"""Trials in an episode of an env that Gymnasium makes, unless its registration says otherwise."""

GYMNASIUM = "1.2.2"
"""The lowest version of Gymnasium that works, as in pyproject.toml."""

PARAMETERS_OF_MAKE = ("num_trials_before_reset", "max_episode_steps", "render_mode", "wrappers")
"""What `make` takes besides the parameters of a task."""

THIS_PROGRAM = "this program"
"""Who offers what no pack has registered, for error messages."""


def check_gymnasium(version: str) -> None:
    """Refuse a Gymnasium that is too old, which another package may have asked for (pip only warns then).

    Args:
        version: Its version.

    Raises:
        ImportError: It is older than `GYMNASIUM`.
    """
    numbers, least = ([int(number) for number in re.findall(r"\d+", text)[:3]] for text in (version, GYMNASIUM))
    if numbers < least:
        raise ImportError(
            f"ngym-core needs Gymnasium {GYMNASIUM} or later, and {version} is installed: "
            f"pip install 'gymnasium>={GYMNASIUM}'."
        )


check_gymnasium(gymnasium.__version__)


def load(what: str, target: str) -> Any:
    """Import the object that ``package.module:name`` names. What it prints meanwhile goes to stderr.

    Args:
        what: What it is, for the error.
        target: Where it is.

    Raises:
        ImportError: It cannot be imported, whatever its module raises.
    """
    module, _, name = target.partition(":")
    if module in sys.modules and (found := vars(sys.modules[module]).get(name)) is not None and callable(found):
        return found
    errors: list[BaseException] = []
    with isolated(f"ngym was importing {target}", errors.append):
        if not callable(found := getattr(importlib.import_module(module), name)):
            raise TypeError(f"{shown(found)} is neither a class nor a function.")
        return found
    raise ImportError(f"{what} cannot be imported from {target!r}: {reason(errors[0])}") from errors[0]


def _check_target(target: object) -> None:
    if not (isinstance(target, str) and all(target.partition(":"))):
        raise TypeError(f"target={target!r} must be a string such as 'package.module:Class'.")


def _check_text(what: str, text: object) -> None:
    if not (isinstance(text, str) and text.isprintable()):
        raise TypeError(f"The {what} {text!r} must be a text of one line that can be printed.")


@dataclass(frozen=True)
class TaskSpec:
    """The registration of a task: its id and where its class is.

    Args:
        id: Its id, for example ``MyTask-v0``; ``mycollection.task-v0`` belongs to a collection.
        target: ``package.module:Class``, imported by `make`; or a function that returns an env.
        kwargs: Parameters that `make` always passes.
        modifiers: Modifiers that `make` puts around it, as they stand in the id: ``MyTask-v0+anti+delay=500``.

    Raises:
        TypeError: An id that is no text, a target that is not such a string, or parameters that are no mapping.
        gymnasium.error.Error: An id that Gymnasium rejects.

    Example:
        >>> spec = TaskSpec("quick.timing-v0", "ngym_core.tasks.interval_production:ReadySetGo", {"dt": 20})
        >>> spec.collection, spec.load().__name__
        ('quick', 'ReadySetGo')
    """

    id: str
    target: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    modifiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check id, target and parameters."""
        _check_text("task id", self.id)
        gymnasium.envs.registration.parse_env_id(self.unmodified_id)
        _check_target(self.target)
        if not (isinstance(self.kwargs, Mapping) and all(isinstance(key, str) for key in self.kwargs)):
            raise TypeError(f"kwargs={self.kwargs!r} of {self.id} must be a mapping, parameter -> value.")

    @property
    def unmodified_id(self) -> str:
        """The id without modifiers, under which the task is registered."""
        return self.id.removesuffix("".join(f"+{modifier}" for modifier in self.modifiers))

    @property
    def collection(self) -> str | None:
        """The collection that the task belongs to, or None."""
        return self.id.partition(".")[0] if "." in self.id else None

    def load(self) -> Callable[..., TrialEnv]:
        """Import the class or function.

        Raises:
            ImportError: It cannot be imported. The message quotes why.
        """
        return load(f"The task {self.id!r} of {_owners.get(self.unmodified_id, THIS_PROGRAM)}", self.target)  # type: ignore[no-any-return]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the task: `paper_name`, `paper_link`, `tags`. A target without metadata is called to get it."""
        target = self.load()
        target = target if hasattr(target, "metadata") else inspect.unwrap(target)
        metadata: Mapping[str, Any] = (target if hasattr(target, "metadata") else make(self.id).unwrapped).metadata
        return metadata


@dataclass(frozen=True)
class WrapperSpec:
    """The registration of a wrapper: its name and where its class is.

    Args:
        name: Its name, for example ``MyWrapper-v0``.
        target: ``package.module:Class``, imported when it is used.

    Raises:
        TypeError: A name that is no text, or a target that is not such a string.

    Example:
        >>> spec = WrapperSpec("MyNoise-v0", "ngym_core.wrappers.noise:Noise")
        >>> spec.load().__name__
        'Noise'
    """

    name: str
    target: str

    def __post_init__(self) -> None:
        """Check name and target."""
        _check_text("wrapper name", self.name)
        _check_target(self.target)

    def load(self) -> Callable[..., gymnasium.Env[Any, Any]]:
        """Import the class.

        Raises:
            ImportError: It cannot be imported. The message quotes why.
        """
        return load(f"The wrapper {self.name!r} of {_owners.get(self.name, THIS_PROGRAM)}", self.target)  # type: ignore[no-any-return]


_tasks: dict[str, TaskSpec] = {}
_wrappers: dict[str, WrapperSpec] = {}
_tags: dict[str, str] = {}
_owners: dict[str, str] = {}
_pack_manager: PackManager | None = None


def set_pack_manager(manager: PackManager) -> None:
    """Set the packs of this program, see `pack_manager`. `import ngym_core` calls this once."""
    global _pack_manager
    _pack_manager = manager


def pack_manager() -> PackManager:
    """Return the packs of this program: what they offer, which of them failed, and which draw figures."""
    assert _pack_manager is not None  # nothing can be imported from ngym_core before it is set
    return _pack_manager


@checked
def register(spec: TaskSpec, owner: Text = THIS_PROGRAM) -> None:
    """Register a task for `make`, `gymnasium.make` and all listings.

    Args:
        spec: The task.
        owner: Who offers it, for error messages.

    Raises:
        ValueError: The id is registered already.

    Example:
        >>> register(TaskSpec("LongReadySetGo-v0", "ngym_core.tasks.interval_production:ReadySetGo", {"gain": 2}))
        >>> make("LongReadySetGo-v0").gain
        2
        >>> unregister(["LongReadySetGo-v0"])
    """
    if spec.id in _tasks:
        raise ValueError(f"The task id {spec.id!r} belongs to {_owners[spec.id]} already.")
    if spec.id not in gymnasium.registry:
        _register_with_gymnasium(spec)
    else:
        import logging

        message = "Gymnasium has an env %r of its own; only ngym_core.make gives the task of %s."
        logging.getLogger("ngym").warning(message, spec.id, owner)
    _tasks[spec.id] = spec
    _owners[spec.id] = owner


def _register_with_gymnasium(spec: TaskSpec) -> None:
    id_ = spec.id
    made_by: dict[str, Any] = {
        "entry_point": "ngym_core.plugins.registry:_make_registered",
        "vector_entry_point": "ngym_core.plugins.registry:_make_vec_registered",
        # A task checks itself that it was reset, and actions. Gymnasium's wrappers would only hide its attributes.
        "order_enforce": False,
        "disable_env_checker": True,
        "kwargs": {"ngym_id": id_, "num_trials_before_reset": spec.kwargs.get("num_trials_before_reset", EPISODE_TRIALS)},
    }
    entry = EnvSpec(id_, **made_by)
    if entry.version is None or id_.removesuffix(f"-v{entry.version}") in gymnasium.registry:
        gymnasium.register(id_, **made_by)
    else:  # `gymnasium.register` would compare it with every other id: for 10,000 tasks that takes 6 s
        gymnasium.registry[id_] = entry


@checked
def register_wrapper(spec: WrapperSpec, owner: Text = THIS_PROGRAM) -> None:
    """Register a wrapper, which `make` then finds by name.

    Args:
        spec: The wrapper.
        owner: Who offers it, for error messages.

    Raises:
        ValueError: The name is registered already.
    """
    if spec.name in _wrappers:
        raise ValueError(f"The wrapper {spec.name!r} belongs to {_owners[spec.name]} already.")
    _wrappers[spec.name] = spec
    _owners[spec.name] = owner


@explained
def register_tags(tags: Mapping[str, str], owner: str = THIS_PROGRAM) -> None:
    """Register the meaning of tags.

    Args:
        tags: Tag -> meaning.
        owner: Who gives the meaning, for error messages.

    Raises:
        TypeError: A tag or a meaning that is no text.
        ValueError: A tag that has another meaning already.
    """
    for tag, meaning in tags.items():
        _check_text("tag", tag)
        _check_text(f"meaning of the tag {tag!r}", meaning)
        if _tags.setdefault(tag, meaning) != meaning:
            raise ValueError(f"The tag {tag!r} means {_tags[tag]!r} already.")


@explained
def register_all(
    tasks: Iterable[TaskSpec], wrappers: Iterable[WrapperSpec], tags: Iterable[Mapping[str, str]], owner: str
) -> None:
    """Register everything that a pack offers, or nothing if any of it cannot be registered.

    Args:
        tasks: Its tasks.
        wrappers: Its wrappers.
        tags: Its dictionaries of tags, each tag -> meaning.
        owner: The pack, for error messages.

    Raises:
        ValueError: An id or a name is registered already, or a tag has another meaning.
    """
    done: list[str] = []
    tags_before = dict(_tags)
    try:
        for task in tasks:
            register(task, owner)
            done.append(task.id)
        for wrapper in wrappers:
            register_wrapper(wrapper, owner)
            done.append(wrapper.name)
        for meanings in tags:
            register_tags(meanings, owner)
    except Exception:
        unregister(done)
        _tags.clear()
        _tags.update(tags_before)
        raise


@explained
def unregister(ids: Iterable[str]) -> None:
    """Remove tasks and wrappers from the registry, and from Gymnasium's if they were registered there by `register`."""
    for id_ in ids:
        known = gymnasium.registry.get(id_)
        if _tasks.pop(id_, None) is not None and known is not None and known.kwargs.get("ngym_id") == id_:
            del gymnasium.registry[id_]
        _wrappers.pop(id_, None)
        _owners.pop(id_, None)


def _full_name(name: str, known: Collection[str]) -> str | None:
    """Return the name that is meant: itself, with a version, or the only one that differs from these in its case."""
    for exact in (name, f"{name}-v0"):
        if exact in known:
            return exact
    folded = name.casefold()
    found = [other for other in known if other.casefold() in (folded, f"{folded}-v0")]
    return found[0] if len(found) == 1 else None


@explained
def task_spec(id_: str) -> TaskSpec:
    """Look up a task.

    Args:
        id_: Its id; the version may be omitted, and its case may differ. Modifiers may follow:
            ``yang19.go-v0+anti+delay=500``.

    Returns:
        Its registration, with the modifiers.

    Raises:
        UnknownTaskError: There is no such task. The message names the nearest ids and the packs that failed.
        UnknownNameError: There is no such modifier.
        ValueError: A modifier with a value that it does not take.
    """
    id_, *modifiers = id_.split("+")
    if modifiers:
        from ngym_core.wrappers.modifiers import wrapper_of  # not at the top: only ids with modifiers need it

        spec = task_spec(id_)
        for modifier in modifiers:
            wrapper_of(modifier)
        return replace(spec, id="+".join([spec.id, *modifiers]), modifiers=tuple(modifiers))
    if (found := _full_name(id_, _tasks)) is not None:
        return _tasks[found]
    if (found := _full_name(id_, all_collections())) is not None:
        raise UnknownTaskError(
            f"{id_!r} is a collection, no task: name one of its tasks, such as {get_collection(found)[0]!r}."
        )
    if (found := _full_name(id_, _wrappers)) is not None:
        raise UnknownTaskError(f"{id_!r} is no task: {found!r} is a wrapper, which is put around one.")
    reasons = _pack_manager.why_missing(id_) if _pack_manager is not None else ""
    raise UnknownTaskError(f"Unknown task {id_!r}. {reasons}{nearest(id_, [*_tasks, *all_collections()])}")


@explained
def task_metadata(spec: TaskSpec) -> dict[str, Any]:
    """Read what listings show of a task. If that fails, the task is named in a `PluginWarning`, and nothing is shown of it.

    Args:
        spec: A registered task. Its class is imported.

    Returns:
        `purpose`, the first paragraph of its docstring, in one line; `tags`, a list; `paper_name` and `paper_link`, one line
        each.

    Example:
        >>> task_metadata(task_spec("ReadySetGo-v0"))["tags"]
        ['timing', 'go-no-go', 'supervised']
    """
    found: dict[str, Any] = {"purpose": "", "tags": [], "paper_name": "", "paper_link": ""}
    with _reading(f"task {spec.id!r}", spec.unmodified_id):
        purpose, metadata = read_docstring(spec.load()).purpose, spec.metadata
        found = {"purpose": purpose, "tags": check_tags(metadata.get("tags", ())), **_paper(metadata)}
    return {key: encodable(value) if isinstance(value, str) else value for key, value in found.items()}


@explained
def wrapper_metadata(spec: WrapperSpec) -> dict[str, Any]:
    """Read what listings show of a wrapper. If that fails, it is named in a `PluginWarning`, and nothing is shown of it.

    Args:
        spec: A registered wrapper. Its class is imported.

    Returns:
        `purpose`, what its metadata or its docstring say it does, `paper_name` and `paper_link`, one line each.

    Example:
        >>> wrapper_metadata(wrapper_spec("PassReward-v0"))["purpose"]
        'Appends the last reward to the observation.'
    """
    found = {"purpose": "", "paper_name": "", "paper_link": ""}
    with _reading(f"wrapper {spec.name!r}", spec.name):
        target: Any = spec.load()
        metadata = dict(getattr(target, "metadata", None) or {})
        purpose = metadata.get("description") or read_docstring(target).purpose
        found = {"purpose": " ".join(str(purpose).split()), **_paper(metadata)}
    return {key: encodable(value) for key, value in found.items()}


@contextmanager
def _reading(what: str, name: str) -> Iterator[None]:
    """Within ``with``, read what a listing shows; an error becomes a warning."""

    def fail(error: BaseException) -> None:
        if _pack_manager is not None and _pack_manager.strict:
            raise error
        warn(f"The {what} of {_owners[name]} is listed by its name alone: {reason(error.__cause__ or error)}")

    with isolated(f"ngym was reading the metadata of the {what}", fail):
        yield


def _paper(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: " ".join(str(metadata.get(key) or "").split()) for key in ("paper_name", "paper_link")}


@explained
def check_tags(tags: object) -> list[str]:
    """Return the tags of a task as a list, or raise a TypeError if they are not several texts."""
    if isinstance(tags, str) or not isinstance(tags, Collection):
        raise TypeError(f"tags={tags!r} must be a list of texts.")
    for tag in tags:
        _check_text("tag", tag)
    return list(tags)


@explained
def wrapper_spec(name: str) -> WrapperSpec:
    """Look up a wrapper by name; the version may be omitted, and its case may differ.

    Raises:
        UnknownNameError: There is no such wrapper.
    """
    if (found := _full_name(name, _wrappers)) is not None:
        return _wrappers[found]
    raise unknown_name("wrapper", name, _wrappers)


@checked
def make(
    id_: Text,
    *,
    wrappers: Sequence[Any] = (),
    num_trials_before_reset: Count | None = None,
    max_episode_steps: Count | None = None,
    render_mode: RenderMode = None,
    **kwargs: Any,
) -> Any:
    """Make a task, or the mixture of a collection of tasks.

    Its episodes have 10,000,000 trials, as in NeuroGym, unless `num_trials_before_reset` says otherwise. Of an env that
    Gymnasium makes (`gymnasium.make`, `gymnasium.make_vec`, and so in every engine) each trial is an episode by default,
    whose return engines report.

    Args:
        id_: Its id; the version may be omitted. ``ngym_core:<id>`` works too. Modifiers may follow it, which are put
            around the task before the wrappers: ``yang19.go-v0+anti+delay=500``, see `ngym_core.wrappers.modifiers`. The
            name of a collection, such as ``yang19``, makes `ngym_core.mix` of it.
        wrappers: Wrappers to put around it, the first innermost: a name, a class (or function), or a
            pair of one of these and a dictionary of its arguments.
        num_trials_before_reset: Number of trials after which an episode ends.
        max_episode_steps: Number of steps after which an episode ends in any case, by Gymnasium's `TimeLimit`.
        render_mode: What `render` returns: nothing, or an image (``"rgb_array"``) of the trial so far.
        **kwargs: Parameters of the task, and those of `TrialEnv` such as `dt`; of a collection those of `ngym_core.mix`,
            which hands on what it does not know to each task.

    Returns:
        The task, a `TrialEnv`, or the outermost wrapper.

    Raises:
        UnknownTaskError: There is no such task.
        UnknownNameError: There is no such wrapper, or modifier.
        TypeError: A parameter that the task does not have, or wrappers that are no list of them.
        ValueError: Another `render_mode`, a number of steps below 1, or a modifier that makes no sense around the task.
        ImportError: The task cannot be imported, or no installed pack draws images.

    Example:
        >>> env = make("PerceptualDecisionMaking-v0", dt=50, wrappers=["PassReward", ("Noise", {"std_noise": 0.2})])
        >>> env
        <Noise<PassReward<PerceptualDecisionMaking>>>
        >>> ob, info = env.reset(seed=0)
        >>> ob.shape, sorted(info["trial"])
        ((4,), ['coh', 'ground_truth'])
    """
    # Not at the top of this file: `import ngym_core` would load all that makes trials.
    from ngym_core.rendering import record_trials

    pairs, name = _wrapper_pairs(wrappers), id_.removeprefix("ngym_core:")
    episodes: dict[str, Any] = (
        {} if num_trials_before_reset is None else {"num_trials_before_reset": num_trials_before_reset}
    )
    if is_collection(name):
        from ngym_core.mixtures import mix

        env: Any = mix(name, **{**episodes, **kwargs})
    else:
        env = _make_task(task_spec(name), episodes, render_mode, kwargs)
    for which, arguments in pairs:
        target = wrapper_spec(which).load() if isinstance(which, str) else which
        _check_parameters(target, arguments, parameters_of(target) if inspect.isclass(target) else None)
        env = _put_around(env, target, arguments, kwargs.get("timing"), getattr(target, "__name__", str(target)))
    if render_mode is not None:
        record_trials(env, render_mode)
    return env if max_episode_steps is None else gymnasium.wrappers.TimeLimit(env, max_episode_steps)


def _make_task(spec: TaskSpec, episodes: dict[str, Any], render_mode: RenderMode, kwargs: dict[str, Any]) -> Any:
    """Make a task without further wrappers, see `make`; `episodes` has `num_trials_before_reset` if it is given."""
    from ngym_core.sampling import layers, tasks_of
    from ngym_core.wrappers.modifiers import wrapper_of

    target = spec.load()
    parameters = parameters_of(target)
    _check_parameters(target, kwargs, parameters, PARAMETERS_OF_MAKE)
    accepted = episodes if parameters is None or episodes.keys() <= parameters.keys() else {}
    env: Any = target(**{**spec.kwargs, **kwargs, **accepted})
    for task in tasks_of(env) if episodes else ():  # also of a task that has no parameter for it
        task.num_tr_exp = episodes["num_trials_before_reset"]
    if spec.unmodified_id in gymnasium.registry:
        registered = gymnasium.spec(spec.unmodified_id)
        episodes = {"num_trials_before_reset": env.unwrapped.num_tr_exp}
        rendering = {} if render_mode is None else {"render_mode": render_mode}
        env.unwrapped.spec = replace(registered, kwargs={**registered.kwargs, **kwargs, **episodes, **rendering})
    for layer in layers(env):
        if isinstance(layer, gymnasium.Wrapper):
            layer._comes_with_task = True  # type: ignore[attr-defined]
    for modifier in spec.modifiers:
        name, arguments = wrapper_of(modifier)
        env = _put_around(env, wrapper_spec(name).load(), arguments, kwargs.get("timing"), modifier)
    return env


def _put_around(env: Any, target: Any, arguments: Mapping[str, Any], timing: Any, written: str) -> Any:
    """Put a wrapper around an env; a duration that the caller gives in `timing` prevails over the default of a modifier.

    Raises:
        ValueError: The modifier is given a duration as well.
    """
    period = target.timed_period(env) if hasattr(target, "timed_period") else None
    if period is not None and isinstance(timing, Mapping) and period in timing:
        if arguments.get("ms") is not None:
            raise ValueError(
                f"timing={{{period!r}: {shown(timing[period])}}} and the modifier {written!r} both set the duration of "
                f"{period!r}: give one of them."
            )
        arguments = {**arguments, "ms": None}
    return target(env, **arguments)


def _wrapper_pairs(wrappers: Sequence[Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    """Return each wrapper with its arguments, after a check of how they are written."""
    pairs = []
    for wrapper in wrappers if isinstance(wrappers, (list, tuple)) else [None]:
        which, arguments = wrapper if isinstance(wrapper, (tuple, list)) and len(wrapper) == 2 else (wrapper, {})
        if not (isinstance(which, str) or callable(which)) or not isinstance(arguments, Mapping):
            raise TypeError(
                f"wrappers={shown(wrappers)} must be a list of names, classes, or pairs of one of these and a dictionary of "
                "its arguments, such as ['PassReward', ('Noise', {'std_noise': 0.2})]."
            )
        pairs.append((which, arguments))
    return pairs


@checked
def make_vec(id_: Text, num_envs: Count, *, wrappers: Sequence[Any] = (), **kwargs: Any) -> TrialVectorEnv:
    """Make a vector env: N lanes of a task, stepped as arrays.

    Args:
        id_: Its id.
        num_envs: Number of lanes, N.
        wrappers: Trial wrappers, see `make`.
        **kwargs: Other arguments of `make`, and `autoreset_mode` and `memory` of `TrialVectorEnv`.

    Returns:
        The lanes.

    Raises:
        UnknownTaskError: There is no such task.
        ValueError: `num_envs` below 1.

    Example:
        >>> lanes = make_vec("PerceptualDecisionMaking-v0", 16)
        >>> ob, info = lanes.reset(seed=0)
        >>> ob, reward, terminated, truncated, info = lanes.step(lanes.action_space.sample())
        >>> ob.shape, reward.shape
        ((16, 3), (16,))
    """
    from ngym_core.vector import TrialVectorEnv

    vector = {key: kwargs.pop(key) for key in ("autoreset_mode", "memory") if key in kwargs}
    return TrialVectorEnv(make(id_, wrappers=wrappers, **kwargs), num_envs, **vector)


def _make_registered(ngym_id: str, **kwargs: Any) -> Any:
    """Make a task for `gymnasium.make`."""
    return make(ngym_id, **kwargs)


def _make_vec_registered(ngym_id: str, num_envs: int = 1, **kwargs: Any) -> TrialVectorEnv:
    """Make lanes of a task for `gymnasium.make_vec`."""
    return make_vec(ngym_id, num_envs, **kwargs)


def parameters_of(target: Any) -> dict[str, inspect.Parameter] | None:
    """Return the parameters of a class or function, with those that it hands on to its bases; None if it takes any.

    Args:
        target: The class or function.
    """
    parameters: dict[str, inspect.Parameter] = {}
    target = inspect.unwrap(target)
    # A class whose `__init__` has **kwargs hands them on to the next class: collect names up to the first that does not.
    for layer in inspect.getmro(target) if inspect.isclass(target) else (target,):
        own = inspect.signature(layer).parameters
        parameters = {n: p for n, p in own.items() if p.kind is not p.VAR_KEYWORD} | parameters
        if all(p.kind is not p.VAR_KEYWORD for p in own.values()):
            return parameters
    return None


def _check_parameters(
    target: Any, given: Mapping[str, Any], valid: Mapping[str, Any] | None, also: Collection[str] = ()
) -> None:
    """Raise if a parameter does not exist, in Python's own words, and name the nearest that does."""
    for name in given if valid is not None else ():
        if name not in valid:  # type: ignore[operator]
            called = f"{target.__name__}.__init__" if inspect.isclass(target) else getattr(target, "__name__", target)
            names = {*valid, *also} - {"env"}  # type: ignore[misc]
            raise TypeError(f"{called}() got an unexpected keyword argument {name!r}. {nearest(name, names)}")


@explained
def all_envs(tag: str | None = None, psychopy: bool = False, contrib: bool = False, collections: bool = False) -> list[str]:
    """List task ids.

    Args:
        tag: List only tasks with this tag, in any case.
        psychopy: No effect; kept for NeuroGym's signature.
        contrib: No effect; kept for NeuroGym's signature.
        collections: Include the tasks of collections, such as ``yang19.go-v0``.

    Returns:
        Sorted ids.

    Raises:
        TypeError: A tag that is not a string.
        UnknownNameError: A tag that no task has.

    Example:
        >>> all_envs("timing")[:3]
        ['IntervalDiscrimination-v0', 'MotorTiming-v0', 'OneTwoThreeGo-v0']
    """
    specs = [s for s in _tasks.values() if collections or s.collection is None]
    if tag is not None:
        if not isinstance(tag, str):
            raise TypeError(f"tag={tag!r} must be a string, not {type(tag).__name__}.")
        tags = {s.id: task_metadata(s)["tags"] for s in _tasks.values()}
        known = {*_tags, *(t for found in tags.values() for t in found)}
        if (meant := _full_name(tag, known)) is None:
            raise unknown_name("tag", tag, known)
        specs = [s for s in specs if meant in tags[s.id]]
    return sorted(s.id for s in specs)


def all_tags() -> list[str]:
    """List the tags of all tasks and those that packs explain, sorted.

    Example:
        >>> "working memory" in all_tags()
        True
    """
    return sorted({tag for s in _tasks.values() for tag in task_metadata(s)["tags"]} | set(_tags))


@explained
def tag_meaning(tag: str) -> str:
    """Return the meaning of a tag, or an empty text."""
    return _tags.get(tag, "")


def all_wrappers() -> list[str]:
    """List the names of all wrappers, sorted.

    Example:
        >>> all_wrappers()[:2]
        ['Anti-v0', 'CatchTrials-v0']
    """
    return sorted(_wrappers)


def all_collections() -> list[str]:
    """List the names of all collections of tasks, sorted."""
    return sorted({spec.collection for spec in _tasks.values() if spec.collection})


@checked
def is_collection(name: Text) -> bool:
    """Return whether a name is that of a collection, in any case, and not the id of a task."""
    # Ids first: each `make` asks, and only for other names all tasks are gone through.
    if name in _tasks or f"{name}-v0" in _tasks:
        return False
    return _full_name(name, _tasks) is None and _full_name(name, all_collections()) is not None


@checked
def full_name(name: Text) -> str:
    """Return the id of a task, whose version may have been omitted and whose case may differ, or the name of a collection.

    Args:
        name: What `make` takes.

    Raises:
        UnknownTaskError: There is neither.

    Example:
        >>> full_name("gonogo"), full_name("yang19")
        ('GoNogo-v0', 'yang19')
    """
    name = name.removeprefix("ngym_core:")
    return str(_full_name(name, all_collections())) if is_collection(name) else task_spec(name).id


@checked
def known_name(name: Text) -> str:
    """Return the full name of a wrapper, a task or a collection, whose version may be omitted and whose case may differ.

    Args:
        name: The name.

    Raises:
        UnknownTaskError: There is neither.
        UnknownNameError: There is no such modifier.

    Example:
        >>> known_name("passreward"), known_name("gonogo"), known_name("YANG19")
        ('PassReward-v0', 'GoNogo-v0', 'yang19')
    """
    if (found := _full_name(name, _wrappers)) is not None:
        return found
    try:
        return full_name(name)
    except UnknownTaskError:
        names = [*_tasks, *all_collections(), *_wrappers]
        reasons = _pack_manager.why_missing(name) if _pack_manager is not None else ""
        raise UnknownTaskError(f"Unknown environment or wrapper: {name}. {reasons}{nearest(name, names)}") from None


@explained
def get_collection(collection: str) -> list[str]:
    """List the tasks of a collection, in its own order.

    Args:
        collection: Its name; an empty name has no tasks.

    Returns:
        Ids.

    Raises:
        ValueError: There is no such collection.

    Example:
        >>> get_collection("yang19")[:3]
        ['yang19.go-v0', 'yang19.rtgo-v0', 'yang19.dlygo-v0']
    """
    if not collection:
        return []
    found = _full_name(collection, all_collections())
    if found is None:
        raise ValueError(f"Unknown collection of envs, {collection}. {nearest(collection, all_collections())}")
    return [s.id for s in _tasks.values() if s.collection == found]
