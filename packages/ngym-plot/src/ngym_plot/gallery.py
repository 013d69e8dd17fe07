"""Gallery: an HTML page with a figure of a trial, and the facts, of every task."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import ngym_core as ngym
from ngym_core.arguments import Callback, FilePath, InstanceOf, Several, Text, checked
from ngym_core.docstrings import read_docstring
from ngym_core.files import atomic_write, claim_folder
from ngym_core.info import condition_facts, levels_text, timing_facts
from ngym_core.plugins import registry
from ngym_core.plugins.isolation import encodable, reason
from ngym_core.spaces import names_of
from ngym_plot.config import PlotConfig
from ngym_plot.players import Oracle
from ngym_plot.trial import plot_trial
from ngym_plot.trial_table import table_from_run

__all__ = ["TaskCard", "gallery_page", "task_card", "write_gallery"]

_PLOT_CONFIG = PlotConfig(width=4.8, panel_height=1.0, unit="ms", dpi=150)
_SAMPLED_TRIALS = 200
"""Number of trials from which packs draw their figures."""


@dataclass
class TaskCard:
    """What the gallery, and a task's page in the documentation, show of a task.

    Attributes:
        id: Id of the task.
        purpose: The first paragraph of its docstring.
        tags: Its tags.
        facts: Heading -> lines.
        paper: Name and link of the paper; either may be empty.
        image: The figure as a PNG.
        figures: Those that packs add (hook `ngym_figures`), of trials with the ground truth: name -> PNG.
        problem: Why there is no figure; empty if there is one.
    """

    id: str
    purpose: str = ""
    tags: list[str] = field(default_factory=list)
    facts: dict[str, list[str]] = field(default_factory=dict)
    paper: tuple[str, str] = ("", "")
    image: bytes = b""
    figures: dict[str, bytes] = field(default_factory=dict)
    problem: str = ""


Cards: TypeAlias = Annotated[Sequence[TaskCard], Several(InstanceOf(TaskCard, "a TaskCard"), "a sequence of TaskCards")]


@checked
def write_gallery(
    folder: FilePath,
    ids: Iterable[str] | None = None,
    progress: Callback = lambda _: None,
    make: Callback = registry.make,
) -> tuple[Path, dict[str, str]]:
    """Write a page with a figure of a trial of each task, ``index.html``; figures and styles are inside this file.

    Args:
        folder: A new or empty folder; what a killed process left there does not count.
        ids: Ids of tasks; by default all registered tasks, those of packs included.
        progress: Called with 1 after each task.
        make: Called with an id, makes the task; by default `ngym_core.make`.

    Returns:
        The page, and the tasks that could not be drawn: id -> reason. Their entries have no figure.

    Raises:
        FileExistsError: The folder is not empty, or another process writes to it.
        OSError: The folder cannot be written. This and the above are seen before tasks are drawn.
        UnknownTaskError: An id that no installed package offers.
    """
    folder = Path(folder).expanduser()
    names = registry.all_envs(collections=True) if ids is None else [registry.task_spec(name).id for name in ids]
    page = folder / "index.html"
    with claim_folder(folder):
        cards = []
        for name in names:
            cards.append(task_card(name, make))
            progress(1)
        with atomic_write(page) as temporary:
            temporary.write_text(encodable(gallery_page(cards)), encoding="utf-8")
    return page, {card.id: card.problem for card in cards if card.problem}


@checked
def task_card(name: Text, make: Callback = registry.make) -> TaskCard:
    """Describe a task and draw one of its trials. An error in the task leaves the rest of the card empty, and says why.

    Args:
        name: Its id, with the version.
        make: Called with the id, makes the task; by default `ngym_core.make`.

    Returns:
        The card.

    Example:
        >>> card = task_card("GoNogo-v0")
        >>> card.facts["Conditions"], card.image[1:4], card.problem
        (['ground_truth: 0, 1'], b'PNG', '')
    """
    card = TaskCard(name)
    figures_before = set(plt.get_fignums())
    try:
        spec = registry.task_spec(name)
        target = spec.load()
        card.purpose = read_docstring(target).purpose
        card.tags = sorted(map(str, spec.metadata.get("tags", ())))
        card.paper = tuple(" ".join(str(spec.metadata.get(k) or "").split()) for k in ("paper_name", "paper_link"))  # type: ignore[assignment]
        env = make(name)
        card.facts = _facts(env)
        card.image = _draw(env)
        card.figures = _figures_of_packs(env)
    except Exception as error:  # tasks of packs may fail in any way
        card.problem = reason(error)
    finally:
        for number in set(plt.get_fignums()) - figures_before:
            plt.close(number)
    return card


def _facts(env: Any) -> dict[str, list[str]]:
    """Describe periods, spaces, conditions and rewards: heading -> lines."""
    task, timing = env.unwrapped, timing_facts(env)
    return {
        "Periods (ms)": [f"{found['name']}: {found['duration']}" for found in timing["periods"]],
        "Other timings (ms)": [f"{found['name']}: {found['duration']}" for found in timing["timings"]],
        "Observation": [_describe_space(env.observation_space), *_channel_names(env.observation_space)],
        "Action": [_describe_space(env.action_space), *_channel_names(env.action_space)],
        "Conditions": [f"{found['name']}: {levels_text(found)}" for found in condition_facts(env)],
        "Rewards": [f"{event}: {value}" for event, value in getattr(task.rewards, "items", list)()],
        "Time step": [f"{task.dt:g} ms"],
    }


def _describe_space(space: Any) -> str:
    if hasattr(space, "n"):
        return f"{space.n} actions" if not space.shape else str(space)
    return f"{' x '.join(map(str, space.shape))} numbers"


def _channel_names(space: Any) -> list[str]:
    """Return the names of channels or actions, with the number that share each."""
    return [f"{name} ({np.size(index)})" if np.size(index) > 1 else name for name, index in names_of(space).items()]


def _draw(env: Any) -> bytes:
    """Draw a trial and return a PNG with a palette of 256 colours, a fraction of the size of matplotlib's."""
    figure = plot_trial(env, seed=0, name="", plot_config=_PLOT_CONFIG)
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=_PLOT_CONFIG.dpi)
    with Image.open(raw) as image:
        image.convert("RGB").quantize(256).save(small, "PNG", optimize=True)
    return small.getvalue()


def _figures_of_packs(env: Any) -> dict[str, bytes]:
    """Let packs draw figures of trials with the ground truth: name -> PNG."""
    packs = registry.pack_manager()
    if not packs.draws_figures_of_tables:
        return {}
    table = table_from_run(ngym.run_env(env, num_trials=_SAMPLED_TRIALS, model=Oracle(env), seed=0))
    with tempfile.TemporaryDirectory() as folder:
        return {path.stem: path.read_bytes() for path in packs.draw_figures(table, env, Path(folder))}


@checked
def gallery_page(cards: Cards, pages: Text = "") -> str:
    """Return the HTML of the gallery: one page with everything in it.

    Args:
        cards: What it shows of each task.
        pages: Where tasks have pages of their own: the address of that of a task is this, its id and ``.html``.

    Example:
        >>> page = gallery_page([task_card("GoNogo-v0")], pages="../tasks/")
        >>> '<a href="../tasks/GoNogo-v0.html">' in page
        True
    """
    counts: dict[str, int] = {}
    for card in cards:
        for tag in card.tags:
            counts[tag] = counts.get(tag, 0) + 1
    chips = [
        f'<button type="button" class="chip" data-tag="{escape(tag)}" aria-pressed="false" '
        f'title="{escape(registry.tag_meaning(tag))}">{escape(tag)} <span>{n}</span></button>'
        for tag, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].lower()))
    ]
    template = Template(files("ngym_plot").joinpath("gallery.html").read_text(encoding="utf-8"))
    return template.substitute(
        count=len(cards),
        version=escape(ngym.__version__),
        chips="\n".join(chips),
        cards="\n".join(_html(card, pages) for card in cards),
    )


def _html(card: TaskCard, pages: str) -> str:
    """Return the HTML of one entry."""
    words = " ".join([card.id, card.purpose, *card.tags, *card.paper, *(f for facts in card.facts.values() for f in facts)])
    if card.image:
        data = base64.b64encode(card.image).decode()
        image = f'<img alt="A trial of {escape(card.id)}" src="data:image/png;base64,{data}">'
    else:
        image = f'<p class="problem">No figure: {escape(card.problem)}</p>'
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(map(escape, lines))}</dd>" for name, lines in card.facts.items() if lines
    )
    name, link = card.paper
    paper = escape(name or link)
    if link.startswith(("https://", "http://")):
        paper = f'<a href="{escape(link)}">{paper}</a>'
    tags = escape("|".join(card.tags))
    for name, figure in card.figures.items():
        picture = base64.b64encode(figure).decode()
        image += f'<img class="of-pack" alt="{escape(name)}" src="data:image/png;base64,{picture}">'
    page = f'<p class="page"><a href="{escape(pages)}{escape(card.id)}.html">Its page</a></p>' if pages else ""
    purpose = re.sub("`([^`]*)`", r"<code>\1</code>", escape(card.purpose))
    return f"""<article class="card" id="{escape(card.id)}" data-tags="{tags}" data-words="{escape(words.lower())}">
<h2><a href="#{escape(card.id)}">{escape(card.id)}</a></h2>
<p class="purpose">{purpose}</p>
<figure>{image}</figure>
<p class="tags">{"".join(f"<span>{escape(tag)}</span>" for tag in card.tags)}</p>
<p class="paper">{paper}</p>
{page}
<details><summary>Periods, spaces, conditions</summary><dl>{facts}</dl></details>
</article>"""
