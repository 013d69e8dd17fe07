"""Pages of tasks, from the registry: what a task is, a picture of a trial, its tables, paper, chance and deviations."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docs.generate.markdown import as_markdown, table
from docs.generate.papers import bibtex

import ngym_core as ngym
from ngym_core.docstrings import read_docstring
from ngym_core.info import facts_of, indices_text, levels_text
from ngym_core.plugins import registry
from ngym_plot.gallery import TaskCard, gallery_page, task_card
from ngym_plot.players import Oracle

__all__ = ["task_page", "task_paths", "write_task_pages"]

ROOT = Path(__file__).parent.parent.parent
DIVERGENCES: list[dict[str, Any]] = tomllib.loads((ROOT / "tests/golden/divergences.toml").read_text(encoding="utf-8"))[
    "divergence"
]
NAMES: dict[str, dict[str, list[str]]] = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
TRIAL_ENV = "[`TrialEnv`](../reference/ngym_core.md#trialenv)"
ORACLE_TRIALS = 20
"""Number of trials that are played with the ground truth."""


def task_paths() -> dict[str, str]:
    """Return where the page of each registered task is: id -> path within the folder of generated pages."""
    return {id_: f"tasks/{id_}.md" for id_ in registry.all_envs(collections=True)}


def write_task_pages(folder: Path) -> None:
    """Write the page and the pictures of each registered task, their index, and the gallery.

    Args:
        folder: The folder of generated pages.

    Raises:
        RuntimeError: A task that cannot be drawn.
    """
    paths, cards = task_paths(), []
    (folder / "tasks").mkdir(parents=True, exist_ok=True)
    for id_, path in paths.items():
        card = task_card(id_)
        if card.problem:
            raise RuntimeError(f"{id_} cannot be drawn: {card.problem}")
        (folder / path).write_text(task_page(card), encoding="utf-8")
        (folder / "tasks" / f"{id_}.png").write_bytes(card.image)
        for name, image in card.figures.items():
            (folder / "tasks" / f"{id_}-{name}.png").write_bytes(image)
        cards.append(card)
    gallery = folder / "extra" / "gallery"
    gallery.mkdir(parents=True)
    (gallery / "index.html").write_text(gallery_page(cards, pages="../generated/tasks/"), encoding="utf-8")
    (folder / "tasks" / "index.md").write_text(_index(paths), encoding="utf-8")


def task_page(card: TaskCard) -> str:
    """Return the text of a task's page, in Markdown.

    Args:
        card: What the gallery shows of it.
    """
    env = ngym.make(card.id)
    facts = facts_of(card.id)
    names = known_as(card.id, card.tags)
    parts = [
        f"# {card.id}",
        as_markdown(facts["purpose"]),
        as_markdown(facts["text"]),
        f"**People also call it:** {', '.join(names)}." if names else "",
        f"![A trial of {card.id}: observations, actions and ground truth, reward]({card.id}.png)",
        f'```python\nimport ngym_core as ngym\n\nenv = ngym.make("{card.id}")\n```',
        f'<a href="../../gallery/index.html#{card.id}">In the gallery of all tasks</a>',
        "## Periods",
        table(
            ["period", "duration (ms)", "what happens"],
            [[f"`{found['name']}`", str(found["duration"]), as_markdown(found["meaning"])] for found in facts["periods"]],
        ),
        _other_timings(facts["timings"]),
        "## Channels",
        _space(env.observation_space, facts["observation"]["names"], "channels"),
        "## Actions",
        _space(env.action_space, facts["action"]["names"], "actions"),
        "## Conditions",
        table(
            ["condition", "values", "what it is"],
            [[f"`{found['name']}`", levels_text(found), as_markdown(found["meaning"])] for found in facts["conditions"]],
        ),
        "## Rewards",
        table(
            ["event", "reward", "when"],
            [[f"`{found['name']}`", f"{found['reward']:g}", as_markdown(found["meaning"])] for found in facts["rewards"]],
        ),
        "## Parameters",
        parameters_table(facts["parameters"]),
        f"Its time step is {facts['dt']:g} ms. All tasks also take the other arguments of {TRIAL_ENV}.",
        "## Performance",
        _performance(facts, env),
        "## Paper",
        _paper(card),
        _figures(card),
        "## What differs from NeuroGym",
        _differences(card.id),
        "## Tags",
        ", ".join(f"{tag} ({registry.tag_meaning(tag)})" if registry.tag_meaning(tag) else tag for tag in card.tags)
        or "None.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def known_as(id_: str, tags: Iterable[str]) -> list[str]:
    """Return what people call a task: the names of its tags and its own."""
    found = [name for tag in tags for name in NAMES["tags"].get(tag, [])]
    unmodified = f"yang19.{id_.partition('.')[2]}" if id_.startswith("modcog.") else id_
    found += NAMES["tasks"].get(id_, NAMES["tasks"].get(unmodified, []))
    return list(dict.fromkeys([*tags, *found]))


def parameters_table(parameters: list[dict[str, Any]]) -> str:
    """Return the table of the parameters of a task or a wrapper.

    Args:
        parameters: What `ngym_core.info.parameter_facts` says of them.
    """
    rows = [
        [
            f"`{found['name']}`",
            "" if found["required"] else f"`{found['default']!r}`",
            found["expected"],
            as_markdown(found["meaning"]),
        ]
        for found in parameters
    ]
    return table(["parameter", "default", "may be", "what it is"], rows)


def _space(space: Any, names: list[dict[str, Any]], kind: str) -> str:
    rows = [[f"`{n['name']}`", indices_text(n["indices"]), as_markdown(n["meaning"])] for n in names]
    if not hasattr(space, "n"):
        size = f"{' x '.join(map(str, space.shape))} numbers from {_bound(space.low)} to {_bound(space.high)}."
    else:
        size = f"{space.n} {kind}, from {getattr(space, 'start', 0)}."
    return f"{size}\n\n{table(['name', kind, 'what it is'], rows)}" if rows else size


def _other_timings(timings: list[dict[str, Any]]) -> str:
    if not timings:
        return ""
    rows = [[f"`{found['name']}`", str(found["duration"]), as_markdown(found["meaning"])] for found in timings]
    return f"## Other timings\n\n{table(['timing', 'value (ms)', 'what it is'], rows)}"


def _bound(values: Any) -> str:
    least, most = float(values.min()), float(values.max())
    return f"{least:g}" if least == most else f"({least:g} to {most:g})"


def _performance(facts: dict[str, Any], env: Any) -> str:
    """Return what chance, the ground truth and trained networks reach."""
    chance = facts["chance"]
    run = ngym.run_env(env, num_trials=ORACLE_TRIALS, model=Oracle(env), seed=0)
    ended = run["trial_end"].astype(bool)
    rows = [
        ["random actions (chance, as the task states it)", "not stated" if chance is None else f"{chance:.3g}", ""],
        [
            f"the ground truth (oracle, in {ORACLE_TRIALS} trials)",
            f"{run['perf'][ended].mean():.3g}",
            f"{run['rewards'].sum() / ended.sum():.3g}",
        ],
    ]
    said = "\n".join(f"* Certificate, {found['summary']}" for found in facts["certificates"])
    none = "Certificate: none in this version. A certificate says what a network reaches that is trained by a stated recipe."
    return f"{table(['agent', 'mean performance', 'mean reward of a trial'], rows)}\n\n{said or none}"


def _paper(card: TaskCard) -> str:
    name, link = card.paper
    if not (name or link):
        return "None."
    title = name or link
    return f"{f'[{title}]({link})' if link else title}\n\n```bibtex\n{bibtex(name, link)}\n```"


def _figures(card: TaskCard) -> str:
    if not card.figures:
        return ""
    pictures = [f"![{name}, of trials with the ground truth]({card.id}-{name}.png)" for name in card.figures]
    return "\n\n".join(["## Figures of packs", *pictures])


def _differences(id_: str) -> str:
    rows = [row for row in DIVERGENCES if id_ in ([row["id"]] if isinstance(row["id"], str) else row["id"])]
    lines = []
    for row in rows:
        line = f"* {', '.join(row['differs'])}: {row['why']}."
        line += f" Equal with {', '.join(f'`{name}`' for name in row['unless'])} given." if "unless" in row else ""
        line += f" Equal for `dt` up to {row['dt_above']} ms." if "dt_above" in row else ""
        lines.append(line)
    return "\n".join(lines) or (
        "Nothing beyond what [differs in all tasks](../../migrating.md): with NeuroGym's draws its trials and steps are "
        "those that were recorded from NeuroGym 2.3.1, if NeuroGym has it."
    )


def _index(paths: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for id_ in paths:
        groups.setdefault(registry.task_spec(id_).collection or "", []).append(id_)
    parts = ["# Tasks", "One page for each task, made from the registry."]
    for collection, ids in groups.items():
        rows = []
        for id_ in ids:
            spec = registry.task_spec(id_)
            tags = ", ".join(sorted(map(str, spec.metadata.get("tags", ()))))
            rows.append([f"[{id_}]({id_}.md)", as_markdown(read_docstring(spec.load()).purpose), tags])
        title = f"The collection `{collection}`" if collection else "Tasks by themselves"
        toctree = "\n".join(ids)
        parts += [f"## {title}", table(["task", "what it is", "tags"], rows), f"```{{toctree}}\n:hidden:\n\n{toctree}\n```"]
    return "\n\n".join(parts) + "\n"
