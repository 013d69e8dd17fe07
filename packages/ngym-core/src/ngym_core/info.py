"""Facts about tasks, wrappers and tags: as plain data, and as text."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from ngym_core.arguments import AnyEnv, declared_arguments, explained, shown
from ngym_core.docstrings import Docstring, read_docstring
from ngym_core.errors import UnknownTaskError
from ngym_core.plugins import registry
from ngym_core.plugins.isolation import encodable, isolated, reason
from ngym_core.sampling import layers, played_layers, sample_trials, tasks_of
from ngym_core.spaces import names_of
from ngym_core.trials.durations import duration_name

if TYPE_CHECKING:
    from ngym_core.trials import Trials

__all__ = [
    "added_by",
    "condition_facts",
    "describe",
    "facts_of",
    "indices_text",
    "levels_text",
    "parameter_facts",
    "show_all_tags",
    "show_all_tasks",
    "show_all_wrappers",
    "show_info",
    "timing_facts",
]


NO_PARAMETERS = frozenset({"env", "envs", "timing", "rewards"})
"""Arguments of constructors that are described elsewhere: the env of a wrapper, periods, rewards."""
MAX_PURPOSE_CHARACTERS = 2000
"""Length of the first paragraph of a docstring that is shown, at most."""
MAX_LEVELS = 8
"""Of a condition with more different values only the least and the greatest are told."""
ADDED = {"channels": "Channels", "periods": "Periods (ms)", "conditions": "Conditions", "rewards": "Rewards"}
"""What a wrapper may add to a task -> the section of its docstring that says so."""
SAMPLED_TRIALS = 200
"""Number of trials that are sampled to find the values of conditions."""
BY_TASK = "decided by the task"
"""Duration of a period that `timing` does not have."""
WIDTH = 100
"""Characters of a line of text, at most; a name and its value may be longer."""
MAX_HEAD = 40
"""Length of a name and its value up to which what is said of it begins in the same column as of others."""


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
def facts_of(obj_: Any) -> dict[str, Any]:
    """Return what there is to know about a task, a wrapper or a collection as plain data: what `describe` shows.

    Numbers that JSON does not know (infinite ones, NaN) are texts, and so is a default that is no plain data.

    Args:
        obj_: An id, a wrapper's name, the name of a collection, or an env.

    Returns:
        Of a task: `kind` ("task"), `id`, `purpose`, `text`, `modifiers` (those around it, of whose task the purpose and the
        text speak), `paper`, `tags`, `dt` (ms), `observation` and `action` (with
        `names`: channels or actions with their indices), `periods` and `timings` (ms, see `timing_facts`), `conditions`
        (see `condition_facts`; None if no trial can be drawn, and `problem` says why; all timings count as periods then),
        `rewards`, `parameters` (see `parameter_facts`), `chance`, `certificates`. Of a wrapper: `kind` ("wrapper"), `name`,
        `purpose`, `text`, `paper`, `channels`, `periods`, `conditions` and `rewards` that its docstring says it adds to the
        task's, `parameters`, `reports` (names in `info`). Of a collection: `kind` ("collection"),
        `name`, `tasks`. What is named has a `meaning`, a text that may be empty.

    Raises:
        ValueError: A name that is neither a task's nor a wrapper's.
        TypeError: Neither a name nor an env.

    Example:
        >>> from ngym_core.info import facts_of
        >>> facts = facts_of("PerceptualDecisionMaking-v0")
        >>> facts["dt"], facts["periods"][1]
        (100, {'name': 'stimulus', 'duration': 2000, 'meaning': ''})
        >>> facts["conditions"][1]["levels"], facts["parameters"][3]["meaning"]
        ([0.0, 6.4, 12.8, 25.6, 51.2], 'Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).')
    """
    if isinstance(obj_, gymnasium.Env):
        return _task_facts(obj_)
    if not isinstance(obj_, str):
        raise TypeError(f"obj_={shown(obj_)} must be the name of a task or wrapper, or an env.")
    try:
        name = registry.known_name(obj_)
    except UnknownTaskError as error:
        raise ValueError(str(error)) from error
    if name in registry.all_wrappers():
        return _wrapper_facts(registry.wrapper_spec(name))
    if registry.is_collection(name):
        return {"kind": "collection", "name": name, "tasks": registry.get_collection(name)}
    spec = registry.task_spec(name)
    return {**_task_facts(registry.make(name), spec), "certificates": _certificates(spec.id)}


@explained
def describe(obj_: Any) -> str:
    """Describe a task, a wrapper or a collection.

    Args:
        obj_: An id, a wrapper's name, the name of a collection, or an env.

    Returns:
        Several lines: purpose, paper, tags, for a task its channels and actions, periods, conditions and rewards, the
        parameters with their defaults and what they may be, and what networks reach on it (`ngym_core.certificates`).

    Raises:
        ValueError: A name that is neither a task's nor a wrapper's.
        TypeError: Neither a name nor an env.

    Example:
        >>> print(describe("PassReward-v0"))
        PassReward-v0
        Appends the last reward to the observation.
        Paper: Prefrontal cortex as a meta-reinforcement learning system <https://www.nature.com/articles/s41593-018-0147-8>
        Channels:
          reward  behind those of the task. The reward of the step before.
        Parameters: none
        Reports in info: nothing
    """
    facts = facts_of(obj_)
    as_lines = {"task": _task_lines, "wrapper": _wrapper_lines, "collection": _collection_lines}[facts["kind"]]
    return encodable("\n".join(as_lines(facts)))


# ---- facts ---------------------------------------------------------------------------------------


@explained
def parameter_facts(target: Any, docs: Iterable[Docstring] | None = None) -> list[dict[str, Any]]:
    """Return the parameters of a task or a wrapper, without those that are periods and rewards.

    Args:
        target: Its class, or the function that makes it.
        docs: Docstrings that say what they mean; by default that of the target.

    Returns:
        For each `name`, `required` or `default`, `expected` (what it may be, in words; empty if nothing is declared) and
        `meaning`. Of a task, those that all tasks have are left out unless its own class names them.

    Example:
        >>> from ngym_core.info import parameter_facts
        >>> from ngym_core.wrappers import PassReward, SideBias
        >>> parameter_facts(PassReward), parameter_facts(SideBias)[0]["required"]
        ([], True)
    """
    own = inspect.signature(target).parameters
    declared, docs = declared_arguments(inspect.unwrap(target)), list(docs or [read_docstring(target)])
    found = []
    for name, parameter in {**own, **_handed_on(target)}.items():
        if name in NO_PARAMETERS or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        parameter = own.get(name, parameter)
        required = parameter.default is parameter.empty
        default = {"required": True} if required else {"required": False, "default": _plain(parameter.default)}
        expected = declared[name].description if name in declared else ""
        found.append({"name": name, **default, "expected": expected, "meaning": _said(docs, "Args", name, whole=True)})
    return found


def _handed_on(target: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters that the class of a task hands on to its bases, up to those of all tasks."""
    from ngym_core.env import TrialEnv

    target = inspect.unwrap(target)
    if not (inspect.isclass(target) and issubclass(target, TrialEnv)):
        return {}
    of_all_tasks = inspect.signature(TrialEnv).parameters
    all_ = registry.parameters_of(target) or {}
    return {name: parameter for name, parameter in all_.items() if name not in of_all_tasks}


@explained
def condition_facts(env: AnyEnv) -> list[dict[str, Any]]:
    """Return the conditions of an env and their values, found by drawing trials. The env goes on as if none were drawn.

    Args:
        env: A task, with its wrappers.

    Returns:
        For each `name`, `kind` and `dtype`. The kind is ``levels``, with the few values that there are in order (`levels`);
        ``range`` (of numbers, with `least` and `greatest`); ``array`` (with the `shape` that it has in a trial); or
        ``objects``.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.info import condition_facts
        >>> condition_facts(ngym.make("GoNogo-v0"))
        [{'name': 'ground_truth', 'kind': 'levels', 'dtype': 'int64', 'levels': [0, 1]}]
    """
    return _condition_facts(_sampled(env))


@explained
def timing_facts(env: AnyEnv) -> dict[str, list[dict[str, Any]]]:
    """Return the periods of an env's trials, found by drawing trials, and its other timings. The env goes on as before.

    Args:
        env: A task, with its wrappers.

    Returns:
        `periods`: those of a trial in the order in which they come, each with `name` and `duration` (ms; a random one in
        words, and ``decided by the task`` where `timing` has none of this name). `timings`: the values of `timing` that
        are those of no period, likewise.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.info import timing_facts
        >>> facts = timing_facts(ngym.make("MotorTiming-v0"))
        >>> facts["periods"][2:], facts["timings"]
        ([{'name': 'set', 'duration': 50}, {'name': 'production', 'duration': 'decided by the task'}], [])
    """
    return _timing_facts(env, _sampled(env))


def _sampled(env: gymnasium.Env[Any, Any]) -> Trials:
    return sample_trials(env, SAMPLED_TRIALS, 0, None, {})


def _condition_facts(trials: Trials) -> list[dict[str, Any]]:
    return [{"name": name, **_values(np.asarray(values))} for name, values in trials.conditions.items()]


def _timing_facts(env: gymnasium.Env[Any, Any], trials: Trials | None) -> dict[str, list[dict[str, Any]]]:
    """Return the periods of trials and the other timings; without trials, all timings as periods."""
    timing = {name: value for layer in [*tasks_of(env), env.unwrapped] for name, value in _timing_of(layer).items()}
    for layer in played_layers(env):
        timing |= getattr(layer, "added_periods", {})
    periods = list(timing) if trials is None else _in_order(trials)
    others = [name for name in timing if name not in periods]
    return {
        "periods": [{"name": name, "duration": _duration(timing[name]) if name in timing else BY_TASK} for name in periods],
        "timings": [{"name": name, "duration": _duration(timing[name])} for name in others],
    }


def _timing_of(task: Any) -> Mapping[str, Any]:
    return dict(getattr(task, "timing", None) or {})


def _duration(value: Any) -> Any:
    return _plain(value) if isinstance(value, (int, float)) else duration_name(value)


def _in_order(trials: Trials) -> list[str]:
    """Return the periods of trials in the order in which they begin; those that have steps in no trial, too."""
    starts, ends = trials.start, trials.end

    def place(name: str) -> float:
        there = ends[name] > starts[name]
        return float(starts[name][there].mean() if there.any() else starts[name].mean())

    return sorted(starts, key=place)


def _values(values: Any) -> dict[str, Any]:
    """Describe the values (n, ...) of a condition in n trials."""
    if values.dtype == object:
        return {"kind": "objects", "dtype": "object"}
    if values.ndim > 1:
        return {"kind": "array", "dtype": str(values.dtype), "shape": list(values.shape[1:])}
    different = np.unique(values)
    if len(different) <= MAX_LEVELS or values.dtype.kind not in "iuf":
        return {"kind": "levels", "dtype": _dtype_name(values.dtype), "levels": _plain(different)}
    return {"kind": "range", "dtype": str(values.dtype), "least": _plain(different[0]), "greatest": _plain(different[-1])}


def _dtype_name(dtype: Any) -> str:
    return "text" if dtype.kind == "U" else str(dtype)


def _task_facts(env: gymnasium.Env[Any, Any], spec: registry.TaskSpec | None = None) -> dict[str, Any]:
    from ngym_core.wrappers.modifiers import modifier_of  # here: at import nothing that makes trials is loaded
    from ngym_core.wrappers.modifiers.base import Modifier

    task: Any = env.unwrapped
    target = type(task) if spec is None else spec.load()
    docs = _docstrings(env, target)
    modifiers = [layer for layer in reversed(played_layers(env)) if isinstance(layer, Modifier)]
    facts: dict[str, Any] = {
        "kind": "task",
        "id": type(task).__name__ if spec is None else spec.id,
        **_texts(read_docstring(target), ""),
        "modifiers": [
            {"name": modifier_of(layer) or type(layer).__name__, "meaning": layer.metadata.get("description") or ""}
            for layer in modifiers
            if not layer._comes_with_task
        ],
        "paper": _paper(task.metadata),
        "tags": registry.check_tags(task.metadata.get("tags", ())),
        "dt": _plain(task.dt),
        "observation": _space_facts(env.observation_space, docs, "Channels"),
        "action": _space_facts(env.action_space, docs, "Actions"),
        "periods": [],
        "timings": [],
        "rewards": [
            {"name": event, "reward": _plain(value), "meaning": _said(docs, "Rewards", str(event))}
            for event, value in _items(task.rewards)
        ],
        "parameters": parameter_facts(target, _docstrings(env, target, modifiers=False)),
        "chance": _plain(getattr(env, "chance", None)),
        "conditions": None,
    }

    passed = {} if spec is None else spec.kwargs  # by `make`
    for parameter in facts["parameters"]:
        if parameter["name"] in passed:
            parameter.update(required=False, default=_plain(passed[parameter["name"]]))

    def fail(error: BaseException) -> None:
        facts["problem"] = reason(error)

    trials = None
    with isolated(f"ngym was drawing trials of {facts['id']!r}", fail):
        trials = _sampled(env)
        facts["conditions"] = [
            {**condition, "meaning": _said(docs, "Conditions", condition["name"], whole=True)}
            for condition in _condition_facts(trials)
        ]
    for kind, found in _timing_facts(env, trials).items():
        facts[kind] = [
            {**row, "meaning": _said(docs, "Periods (ms)", row["name"], whole=row["duration"] == BY_TASK)} for row in found
        ]
    return facts


def _docstrings(env: Any, target: Any, modifiers: bool = True) -> list[Docstring]:
    """Return the docstrings that speak of an env: of modifiers, of what makes it, of its task and its bases, of wrappers."""
    from ngym_core.env import TrialEnv
    from ngym_core.wrappers.modifiers.base import Modifier

    cls, wrappers = type(env.unwrapped), [type(layer) for layer in layers(env)]
    bases = [base for base in cls.__mro__ if issubclass(base, TrialEnv) and base is not TrialEnv]
    # First modifiers, which change what others say.
    first = [layer for layer in reversed(wrappers) if modifiers and issubclass(layer, Modifier)]
    return [read_docstring(found) for found in (*first, target, *bases, *wrappers)]


def _texts(doc: Docstring, description: str) -> dict[str, str]:
    purpose = description or doc.purpose
    if len(purpose) > MAX_PURPOSE_CHARACTERS:
        purpose = f"{purpose[:MAX_PURPOSE_CHARACTERS]} ..."
    return {"purpose": encodable(purpose), "text": encodable(doc.text)}


def _space_facts(space: Any, docs: list[Docstring], title: str) -> dict[str, Any]:
    names = [
        {"name": name, "indices": np.atleast_1d(np.asarray(index)).tolist(), "meaning": _said(docs, title, name)}
        for name, index in names_of(space).items()
    ]
    return {"space": str(space), "shape": _plain(space.shape), "dtype": str(space.dtype), "names": names}


def _said(docs: list[Docstring], title: str, name: str, whole: bool = False) -> str:
    """Return what docstrings say of a name; of channels, periods and rewards without the value in front."""
    said = next((found for doc in docs if (found := doc.said_of(title, name))), "")
    return encodable(said if whole else said.partition(". ")[2])


def _certificates(task: str) -> list[dict[str, Any]]:
    """Return what networks reach on a task, and why a certificate does not count any more."""
    from ngym_core.certificates import certificates_of  # here: only descriptions of tasks need it

    return [
        {
            "kind": certificate.kind,
            "reached": certificate.reached,
            "summary": certificate.summary(),
            "note": certificate.note,
            "outdated": certificate.outdated,
        }
        for certificate in certificates_of(task)
    ]


def _wrapper_facts(spec: registry.WrapperSpec) -> dict[str, Any]:
    target: Any = spec.load()
    metadata, doc = dict(getattr(target, "metadata", None) or {}), read_docstring(target)
    return {
        "kind": "wrapper",
        "name": spec.name,
        **_texts(doc, metadata.get("description") or ""),
        "paper": _paper(metadata),
        **added_by(doc),
        "parameters": parameter_facts(target, [doc]),
        "reports": list(getattr(target, "reports", ())),
    }


def added_by(doc: Docstring) -> dict[str, list[dict[str, str]]]:
    """Return what a wrapper's docstring says that it adds to a task, or changes in it.

    Args:
        doc: The docstring.

    Returns:
        `channels`, `periods`, `conditions` and `rewards`, each a list of `name` and `meaning`.

    Example:
        >>> from ngym_core.docstrings import read_docstring
        >>> from ngym_core.info import added_by
        >>> from ngym_core.wrappers import CatchTrials
        >>> added_by(read_docstring(CatchTrials))["conditions"]
        [{'name': 'catch', 'meaning': 'Whether it is a catch trial.'}]
    """
    return {
        kind: [{"name": name, "meaning": encodable(said)} for name, said in doc.items(title).items()]
        for kind, title in ADDED.items()
    }


def _paper(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: encodable(" ".join(str(metadata.get(f"paper_{key}") or "").split())) for key in ("name", "link")}


def _items(rewards: Any) -> Iterable[tuple[Any, Any]]:
    return rewards.items() if hasattr(rewards, "items") else enumerate(rewards)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; what it cannot, as a text."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {encodable(str(key)): _plain(part) for key, part in value.items()}
    return encodable(shown(value))


# ---- text ----------------------------------------------------------------------------------------


def indices_text(indices: list[int]) -> str:
    """Return indices of channels or actions in words.

    Args:
        indices: The indices.

    Example:
        >>> from ngym_core.info import indices_text
        >>> indices_text([1, 2]), indices_text([1, 2, 3])
        ('1, 2', '1 to 3')
    """
    contiguous = len(indices) > 2 and indices == list(range(indices[0], indices[-1] + 1))
    return f"{indices[0]} to {indices[-1]}" if contiguous else ", ".join(map(str, indices))


def levels_text(condition: Mapping[str, Any]) -> str:
    """Return the values of a condition in words.

    Args:
        condition: One of `condition_facts`.

    Example:
        >>> from ngym_core.info import levels_text
        >>> levels_text({"kind": "range", "least": 0.25, "greatest": 3.0}), levels_text({"kind": "array", "shape": [6]})
        ('0.25 to 3', '6 values')
    """
    if condition["kind"] == "array":
        return f"{' x '.join(map(str, condition['shape']))} values"
    if condition["kind"] == "objects":
        return "varies"
    if condition["kind"] == "range":
        return f"{_number(condition['least'])} to {_number(condition['greatest'])}"
    return ", ".join(map(_number, condition["levels"]))


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _task_lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [facts["id"], facts["purpose"]]
    if facts["modifiers"]:
        lines += ["Modified by:", *_table([(modifier["name"], modifier["meaning"]) for modifier in facts["modifiers"]])]
    lines += ["", _paper_line(facts["paper"]) or "Paper: none"]
    if facts["tags"]:
        lines += [f"Tags: {', '.join(facts['tags'])}."]
    lines += ["", f"Time step: {facts['dt']} ms"]
    for title in ("observation", "action"):
        names = [(f"{n['name']}: {indices_text(n['indices'])}", n["meaning"]) for n in facts[title]["names"]]
        lines += [f"{title.capitalize()}: {facts[title]['space']}", *_table(names)]
    lines += ["Periods (ms):" if facts["periods"] else "Periods (ms): none"]
    lines += _table([(f"{p['name']}: {p['duration']}", p["meaning"]) for p in facts["periods"]])
    if facts["timings"]:
        lines += ["Other timings (ms):"]
        lines += _table([(f"{t['name']}: {t['duration']}", t["meaning"]) for t in facts["timings"]])
    if facts["conditions"] is None:
        lines += [f"Conditions: not known, because no trial can be drawn: {facts['problem']}"]
    else:
        lines += ["Conditions:" if facts["conditions"] else "Conditions: none"]
        conditions = [(f"{c['name']}: {levels_text(c)}", _joined(c["meaning"], c["dtype"])) for c in facts["conditions"]]
        lines += _table(conditions)
    if facts["rewards"]:
        lines += ["Rewards:", *_table([(f"{r['name']}: {r['reward']}", r["meaning"]) for r in facts["rewards"]])]
    lines += _parameter_lines(facts["parameters"])
    if facts["chance"] is not None:
        lines += [f"Chance (mean performance of random actions): {facts['chance']:.3g}"]
    if "certificates" in facts:
        lines += ["Certificates:" if facts["certificates"] else "Certificates: none"]
    for certificate in facts.get("certificates", ()):
        lines.append(f"  {certificate['summary']}")
        lines += [f"    {remark}" for remark in (certificate["note"], certificate["outdated"]) if remark]
    return lines


def _wrapper_lines(facts: Mapping[str, Any]) -> list[str]:
    paper = _paper_line(facts["paper"])
    lines = [facts["name"], facts["purpose"], *([paper] if paper else [])]
    for kind, title in ADDED.items():
        if facts[kind]:
            lines += [f"{title}:", *_table([(added["name"], added["meaning"]) for added in facts[kind]])]
    lines += _parameter_lines(facts["parameters"])
    return [*lines, f"Reports in info: {', '.join(facts['reports']) or 'nothing'}"]


def _collection_lines(facts: Mapping[str, Any]) -> list[str]:
    ids = facts["tasks"]
    return [facts["name"], f"The mixture of {len(ids)} tasks, see `ngym_core.mix`:", *(f"  {id_}" for id_ in ids)]


def _paper_line(paper: Mapping[str, str]) -> str:
    name, link = paper["name"], paper["link"]
    return f"Paper: {name or 'name missing'} <{link}>" if link else f"Paper: {name}" if name else ""


def _parameter_lines(parameters: list[dict[str, Any]]) -> list[str]:
    rows = []
    for found in parameters:
        default = "" if found["required"] else f" = {found['default']!r}"
        rows.append((f"{found['name']}{default}", _joined(found["meaning"], found["expected"])))
    return ["Parameters:", *_table(rows)] if rows else ["Parameters: none"]


def _joined(meaning: str, what: str) -> str:
    """Return what is said of a name, with what it may be in brackets."""
    return " ".join(part for part in (meaning, f"({what})" if what else "") if part)


def _table(rows: list[tuple[str, str]]) -> list[str]:
    """Return lines, indented: in front names and values, and beside them what is said of each, folded."""
    column = 2 + max((len(head) for head, said in rows if said and len(head) <= MAX_HEAD), default=2) + 2
    lines = []
    for head, said in rows:
        beside = f"  {head}".ljust(column) if len(head) <= MAX_HEAD else " " * column
        if not said or len(head) > MAX_HEAD:
            lines.append(f"  {head}")
        lines += textwrap.wrap(
            said,
            WIDTH,
            initial_indent=beside,
            subsequent_indent=" " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _show(title: str, lines: Iterable[str]) -> None:
    print("\n".join([title, *(f"  {line}" for line in lines)]))
