"""Descriptions of tasks, wrappers and tags as text."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import gymnasium

from ngym_core.arguments import declared_arguments, explained, shown
from ngym_core.errors import UnknownNameError, nearest
from ngym_core.plugins import registry
from ngym_core.plugins.isolation import encodable
from ngym_core.spaces import names_of
from ngym_core.trials.durations import duration_name

__all__ = ["describe", "show_all_tags", "show_all_tasks", "show_all_wrappers", "show_info"]


NO_PARAMETERS = frozenset({"env", "envs", "timing", "rewards"})
"""Arguments of constructors that are described elsewhere."""
MAX_PURPOSE_CHARACTERS = 2000
"""Length of the first paragraph of a docstring that is shown, at most."""


@explained
def show_all_tasks(tag: str | None = None, *, collections: bool = True) -> None:
    """Print the ids of all tasks, including those of installed packs.

    Args:
        tag: Print only tasks with this tag.
        collections: Include the tasks of collections.

    Raises:
        UnknownNameError: A tag that no task has.

    Example:
        >>> show_all_tasks("confidence")
        Available tasks with tag 'confidence':
          PostDecisionWager-v0
    """
    _show(
        f"Available tasks with tag '{tag}':" if tag else "Available tasks:", registry.all_envs(tag, collections=collections)
    )


def show_all_wrappers() -> None:
    """Print the names of all wrappers.

    Example:
        >>> show_all_wrappers()  # doctest: +ELLIPSIS
        Available wrappers:
          Anti-v0
        ...
    """
    _show("Available wrappers:", registry.all_wrappers())


def show_all_tags() -> None:
    """Print all tags with their meanings.

    Example:
        >>> show_all_tags()  # doctest: +ELLIPSIS
        Available tags:
          Lymnaea Stagnalis              the subject is the great pond snail
        ...
    """
    tags = registry.all_tags()
    width = max(map(len, tags), default=0)
    _show("Available tags:", [f"{tag:{width}}  {registry.tag_meaning(tag)}".rstrip() for tag in tags])


@explained
def show_info(obj_: Any) -> None:
    """Print the description of a task or a wrapper.

    Args:
        obj_: An id, a wrapper's name, or an env.

    Raises:
        ValueError: A name that is neither a task's nor a wrapper's.
        TypeError: Neither a name nor an env.

    Example:
        >>> show_info("RandomGroundTruth-v0")  # doctest: +ELLIPSIS
        RandomGroundTruth-v0
        ...
    """
    print(describe(obj_))


@explained
def describe(obj_: Any) -> str:
    """Describe a task or a wrapper.

    Args:
        obj_: An id, a wrapper's name, or an env.

    Returns:
        Several lines: purpose, paper, tags, for a task its spaces, periods and rewards, the parameters with their defaults
        and what they may be, and what networks reach on it (`ngym_core.certificates`).

    Raises:
        ValueError: A name that is neither a task's nor a wrapper's.
        TypeError: Neither a name nor an env.

    Example:
        >>> print(describe("PassReward-v0"))
        PassReward-v0
        Appends the last reward to the observation.
        Paper: Prefrontal cortex as a meta-reinforcement learning system <https://www.nature.com/articles/s41593-018-0147-8>
        Parameters: none
    """
    if isinstance(obj_, gymnasium.Env):
        return encodable(_describe_task(obj_))
    if not isinstance(obj_, str):
        raise TypeError(f"obj_={shown(obj_)} must be the name of a task or wrapper, or an env.")
    try:
        return encodable(_describe_wrapper(registry.wrapper_spec(obj_)))
    except UnknownNameError:
        pass
    if registry.is_collection(obj_):
        ids = registry.get_collection(obj_)
        return encodable(
            "\n".join([obj_, f"The mixture of {len(ids)} tasks, see `ngym_core.mix`:", *(f"  {id_}" for id_ in ids)])
        )
    try:
        env = registry.make(obj_)
    except UnknownNameError as error:
        if "+" in obj_:  # the error says which part of the id is unknown
            raise
        names = [*registry.all_envs(collections=True), *registry.all_wrappers()]
        raise ValueError(f"Unknown environment or wrapper: {obj_}. {nearest(obj_, names)}") from error
    spec = registry.task_spec(obj_)
    return encodable("\n".join([_describe_task(env, spec.load()), *_certificates(spec.id)]))


def _show(title: str, lines: Iterable[str]) -> None:
    print("\n".join([title, *(f"  {line}" for line in lines)]))


def _describe_task(env: gymnasium.Env[Any, Any], target: Any = None) -> str:
    task: Any = env.unwrapped
    lines = [type(task).__name__, _first_paragraph(target or type(task)), "", *_paper(task.metadata)]
    if tags := registry.check_tags(task.metadata.get("tags", ())):
        lines += [f"Tags: {', '.join(tags)}."]
    lines += ["", f"Time step: {task.dt} ms"]
    for title, space in (("Observation", env.observation_space), ("Action", env.action_space)):
        lines += [f"{title}: {space}", *(f"  {name}: {_indices(index)}" for name, index in names_of(space).items())]
    lines += ["Periods (ms):", *(f"  {period}: {duration_name(value)}" for period, value in task.timing.items())]
    if len(task.rewards):
        lines += ["Rewards:", *(f"  {event}: {value}" for event, value in _items(task.rewards))]
    return "\n".join([*lines, *_parameters(target or type(task))])


def _certificates(task: str) -> list[str]:
    """Return what networks reach on a task, and why a certificate does not count any more."""
    from ngym_core.certificates import certificates_of  # here: only descriptions of tasks need it

    lines = []
    for certificate in certificates_of(task):
        lines.append(f"  {certificate.summary()}")
        lines += [f"    {remark}" for remark in (certificate.note, certificate.outdated) if remark]
    return ["Certificates:", *lines] if lines else ["Certificates: none"]


def _describe_wrapper(spec: registry.WrapperSpec) -> str:
    target: Any = spec.load()
    metadata = dict(getattr(target, "metadata", {}))
    lines = [spec.name, metadata.get("description") or _first_paragraph(target), *_paper(metadata, missing=False)]
    return "\n".join([*lines, *(_parameters(target) or ["Parameters: none"])])


def _parameters(target: Any) -> list[str]:
    """Return the parameters of a task or a wrapper, with their defaults and what they may be."""
    declared, lines = declared_arguments(inspect.unwrap(target)), []
    for name, parameter in inspect.signature(target).parameters.items():
        if name not in NO_PARAMETERS and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            default = "" if parameter.default is parameter.empty else f" = {shown(parameter.default)}"
            lines.append(f"  {name}{default}{f': {declared[name].description}' if name in declared else ''}")
    return ["Parameters:", *lines] if lines else []


def _first_paragraph(cls: Any) -> str:
    text = " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
    return text if len(text) <= MAX_PURPOSE_CHARACTERS else f"{text[:MAX_PURPOSE_CHARACTERS]} ..."


def _paper(metadata: Any, missing: bool = True) -> list[str]:
    name, link = (" ".join(str(metadata.get(k) or "").split()) for k in ("paper_name", "paper_link"))
    if not (name or link):
        return ["Paper: none"] if missing else []
    return [f"Paper: {name or 'name missing'} <{link}>" if link else f"Paper: {name}"]


def _indices(index: Any) -> str:
    if isinstance(index, int):
        return str(index)
    index = list(map(int, index))
    contiguous = len(index) > 3 and index == list(range(index[0], index[-1] + 1))
    return f"{index[0]} to {index[-1]}" if contiguous else ", ".join(map(str, index))


def _items(rewards: Any) -> Iterable[tuple[Any, Any]]:
    return rewards.items() if hasattr(rewards, "items") else enumerate(rewards)
