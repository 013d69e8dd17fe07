"""What can be made: tasks and wrappers by id, tags, and `make`."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gymnasium

from ngym_core.errors import UnknownTaskError, nearest, unknown

if TYPE_CHECKING:
    from ngym_core.env import TrialEnv
    from ngym_core.plugins.manager import Plugins
    from ngym_core.vector import TrialVectorEnv

__all__ = [
    "TaskSpec",
    "WrapperSpec",
    "all_envs",
    "all_tags",
    "all_wrappers",
    "get_collection",
    "make",
    "make_vec",
    "register",
    "task_spec",
    "wrapper_spec",
]

log = logging.getLogger("ngym")


def load(target: str) -> Any:
    """Import what ``package.module:name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _check_target(target: object) -> None:
    if not (isinstance(target, str) and all(target.partition(":"))):
        raise TypeError(f"target={target!r} must be a string such as 'package.module:Class'.")


@dataclass(frozen=True)
class TaskSpec:
    """A task that can be made.

    Args:
        id: Its id, for example ``MyTask-v0``; ``mycollection.task-v0`` belongs to a collection.
        target: ``package.module:Class``, imported at `make`; or a function that returns an env.
        kwargs: Parameters that are always given.

    Raises:
        TypeError: A target that is no such string.
        gymnasium.error.Error: An id that Gymnasium does not take.
    """

    id: str
    target: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check id and target."""
        gymnasium.envs.registration.parse_env_id(self.id)
        _check_target(self.target)

    @property
    def collection(self) -> str | None:
        """The collection that the task belongs to."""
        return self.id.partition(".")[0] if "." in self.id else None

    def load(self) -> Callable[..., TrialEnv]:
        """Import the class or function."""
        return load(self.target)  # type: ignore[no-any-return]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the task: `paper_name`, `paper_link`, `tags`. A target that has none itself is called."""
        target = inspect.unwrap(self.load())
        metadata: Mapping[str, Any] = (target if hasattr(target, "metadata") else make(self.id).unwrapped).metadata
        return metadata


@dataclass(frozen=True)
class WrapperSpec:
    """A wrapper that can be put around a task by name.

    Args:
        name: Its name, for example ``MyWrapper-v0``.
        target: ``package.module:Class``, imported when it is used.

    Raises:
        TypeError: A target that is no such string.
    """

    name: str
    target: str

    def __post_init__(self) -> None:
        """Check the target."""
        _check_target(self.target)

    def load(self) -> Callable[..., gymnasium.Env[Any, Any]]:
        """Import the class."""
        return load(self.target)  # type: ignore[no-any-return]


_tasks: dict[str, TaskSpec] = {}
_wrappers: dict[str, WrapperSpec] = {}
_tags: dict[str, str] = {}
_owners: dict[str, str] = {}
plugins: Plugins | None = None


def register(spec: TaskSpec, owner: str = "this program") -> None:
    """Make a task known to `make`, `gymnasium.make` and all listings.

    Args:
        spec: The task.
        owner: Who offers it, for errors.

    Raises:
        ValueError: The id exists.
    """
    if spec.id in _tasks:
        raise ValueError(f"The task id {spec.id!r} belongs to {_owners[spec.id]} already.")
    _tasks[spec.id] = spec
    _owners[spec.id] = owner
    if spec.id in gymnasium.registry:
        log.warning("Gymnasium has an env %r of its own; only ngym_core.make gives the task of %s.", spec.id, owner)
        return
    gymnasium.register(
        spec.id,
        entry_point="ngym_core.plugins.registry:_make_registered",
        vector_entry_point="ngym_core.plugins.registry:_make_vec_registered",
        kwargs={"ngym_id": spec.id},
    )


def register_wrapper(spec: WrapperSpec, owner: str = "this program") -> None:
    """Make a wrapper known by name.

    Args:
        spec: The wrapper.
        owner: Who offers it, for errors.

    Raises:
        ValueError: The name exists.
    """
    if spec.name in _wrappers:
        raise ValueError(f"The wrapper {spec.name!r} belongs to {_owners[spec.name]} already.")
    _wrappers[spec.name] = spec
    _owners[spec.name] = owner


def register_tags(tags: Mapping[str, str], owner: str = "this program") -> None:
    """Say what tags mean.

    Args:
        tags: Tag -> meaning.
        owner: Who says so, for errors.

    Raises:
        ValueError: A tag that has another meaning already.
    """
    for tag, meaning in tags.items():
        if _tags.setdefault(tag, meaning) != meaning:
            raise ValueError(f"The tag {tag!r} means {_tags[tag]!r} already.")


def register_all(
    tasks: Iterable[TaskSpec], wrappers: Iterable[WrapperSpec], tags: Iterable[Mapping[str, str]], owner: str
) -> None:
    """Make all that a pack offers known, or, if some of it cannot be, nothing of it.

    Raises:
        ValueError: An id or a name exists, or a tag has another meaning.
    """
    done: list[str] = []
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
        raise


def unregister(ids: Iterable[str]) -> None:
    """Forget tasks and wrappers."""
    for id_ in ids:
        known = gymnasium.registry.get(id_)
        if _tasks.pop(id_, None) is not None and known is not None and known.kwargs.get("ngym_id") == id_:
            del gymnasium.registry[id_]
        _wrappers.pop(id_, None)
        _owners.pop(id_, None)


def task_spec(id_: str) -> TaskSpec:
    """Look a task up.

    Args:
        id_: Its id; the version may be left out.

    Returns:
        What is registered.

    Raises:
        UnknownTaskError: There is no such task; the error names the nearest ids, and the packs that failed.
    """
    for known in (id_, f"{id_}-v0"):
        if known in _tasks:
            return _tasks[known]
    reasons = plugins.why_missing(id_) if plugins is not None else ""
    raise UnknownTaskError(f"Unknown task {id_!r}. {reasons}{nearest(id_, _tasks)}")


def wrapper_spec(name: str) -> WrapperSpec:
    """Look a wrapper up by name; the version may be left out.

    Raises:
        UnknownNameError: There is no such wrapper.
    """
    for known in (name, f"{name}-v0"):
        if known in _wrappers:
            return _wrappers[known]
    raise unknown("wrapper", name, _wrappers)


def make(id_: str, *, wrappers: Sequence[Any] = (), **kwargs: Any) -> Any:
    """Make a task.

    Args:
        id_: Its id; the version may be left out. ``ngym_core:<id>`` works too.
        wrappers: Wrappers to put around it, the first innermost: a name, a class (or function), or a
            pair of one of these and a dictionary of its arguments.
        **kwargs: Parameters of the task, and those of `TrialEnv` such as `num_trials_before_reset`.

    Returns:
        The task, a `TrialEnv`, or the outermost wrapper.

    Raises:
        UnknownTaskError: There is no such task.
        UnknownNameError: There is no such wrapper.
        TypeError: A parameter that the task does not have.
    """
    spec = task_spec(id_.removeprefix("ngym_core:"))
    target = spec.load()
    _check_parameters(spec.id, target, kwargs)
    env: Any = target(**{**spec.kwargs, **kwargs})
    if spec.id in gymnasium.registry:
        registered = gymnasium.spec(spec.id)
        env.unwrapped.spec = replace(registered, kwargs={**registered.kwargs, **kwargs})
    for wrapper in wrappers:
        which, arguments = wrapper if isinstance(wrapper, tuple) else (wrapper, {})
        env = (wrapper_spec(which).load() if isinstance(which, str) else which)(env, **arguments)
    return env


def make_vec(id_: str, num_envs: int, *, wrappers: Sequence[Any] = (), **kwargs: Any) -> TrialVectorEnv:
    """Make N lanes of a task.

    Args:
        id_: Its id.
        num_envs: N.
        wrappers: Trial wrappers, see `make`.
        **kwargs: Parameters of the task, and `autoreset_mode` and `memory` of `TrialVectorEnv`.

    Returns:
        The lanes.

    Raises:
        UnknownTaskError: There is no such task.
        ValueError: Less than one lane.
    """
    from ngym_core.vector import TrialVectorEnv

    vector = {key: kwargs.pop(key) for key in ("autoreset_mode", "memory") if key in kwargs}
    return TrialVectorEnv(make(id_, wrappers=wrappers, **kwargs), num_envs, **vector)


def _make_registered(ngym_id: str, **kwargs: Any) -> Any:
    """What `gymnasium.make` calls."""
    return make(ngym_id, **kwargs)


def _make_vec_registered(ngym_id: str, num_envs: int = 1, **kwargs: Any) -> TrialVectorEnv:
    """What `gymnasium.make_vec` calls."""
    return make_vec(ngym_id, num_envs, **kwargs)


def _check_parameters(id_: str, target: Any, given: Mapping[str, Any]) -> None:
    """Name the nearest parameter where one is misspelled."""
    valid: dict[str, Any] = {}
    target = inspect.unwrap(target)
    for layer in inspect.getmro(target) if inspect.isclass(target) else (target,):
        parameters = inspect.signature(layer).parameters
        valid |= {n: p for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
        if all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
            break
    else:
        return
    for name in given:
        if name not in valid:
            raise TypeError(f"{id_} has no parameter {name!r}. {nearest(name, valid)}")


def all_envs(tag: str | None = None, psychopy: bool = False, contrib: bool = False, collections: bool = False) -> list[str]:
    """List task ids.

    Args:
        tag: Only tasks with this tag.
        psychopy: Without meaning; NeuroGym's signature.
        contrib: Without meaning; such tasks are tasks like all others.
        collections: The tasks of collections (``yang19.go-v0``) too.

    Returns:
        Sorted ids.

    Raises:
        TypeError: A tag that is no string.
        UnknownNameError: A tag that no task has.
    """
    specs = [s for s in _tasks.values() if collections or s.collection is None]
    if tag is not None:
        if not isinstance(tag, str):
            raise TypeError(f"tag={tag!r} must be a string, not {type(tag).__name__}.")
        if tag not in all_tags():
            raise unknown("tag", tag, all_tags())
        specs = [s for s in specs if tag in s.metadata.get("tags", ())]
    return sorted(s.id for s in specs)


def all_tags() -> list[str]:
    """List the tags of all tasks, and those that packs explain, sorted."""
    return sorted({tag for s in _tasks.values() for tag in s.metadata.get("tags", ())} | set(_tags))


def tag_meaning(tag: str) -> str:
    """Say what a tag means, or nothing."""
    return _tags.get(tag, "")


def all_wrappers() -> list[str]:
    """List the names of all wrappers, sorted."""
    return sorted(_wrappers)


def get_collection(collection: str) -> list[str]:
    """List the tasks of a collection, in its own order.

    Args:
        collection: For example ``yang19``; nothing gives nothing.

    Returns:
        Ids.

    Raises:
        ValueError: There is no such collection.
    """
    if not collection:
        return []
    ids = [s.id for s in _tasks.values() if s.collection == collection]
    if not ids:
        known = {s.collection for s in _tasks.values() if s.collection}
        raise ValueError(f"Unknown collection of envs, {collection}. {nearest(collection, known)}")
    return ids
