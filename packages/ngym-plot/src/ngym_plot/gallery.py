"""A page with every task: a picture of a trial, and what there is to know about it."""

from __future__ import annotations

import base64
import inspect
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import ngym_core as ngym
from ngym_core.files import atomic_write, require_empty_folder
from ngym_core.plugins import registry
from ngym_core.spaces import names_of
from ngym_core.trials.durations import duration_name
from ngym_plot.config import PlotConfig
from ngym_plot.trial import plot_trial

__all__ = ["write_gallery"]

LOOK = PlotConfig(width=4.8, panel_height=1.0, unit="ms", dpi=150)
SHOWN = 8
"""A condition with more different values is shown by its least and greatest."""


@dataclass
class Card:
    """What the page says about a task.

    Attributes:
        id: Its id.
        purpose: A sentence or two.
        tags: Its tags.
        facts: Name -> lines.
        paper: Name and link of the paper; either may be missing.
        picture: A PNG.
        problem: Why there is no picture.
    """

    id: str
    purpose: str = ""
    tags: list[str] = field(default_factory=list)
    facts: dict[str, list[str]] = field(default_factory=dict)
    paper: tuple[str, str] = ("", "")
    picture: bytes = b""
    problem: str = ""


def write_gallery(
    folder: str | Path, ids: Iterable[str] | None = None, progress: Callable[[int], None] = lambda _: None
) -> tuple[Path, dict[str, str]]:
    """Write a page with a picture of a trial of each task; everything is in the one file.

    Args:
        folder: A new or empty folder.
        ids: Which tasks; by default all, those of packs included.
        progress: Called with 1 after each task.

    Returns:
        The page, and why some tasks could not be drawn: id -> reason. They are on the page, without a picture.

    Raises:
        FileExistsError: The folder holds something already.
        UnknownTaskError: An id that no package offers.
    """
    folder = Path(folder).expanduser()
    require_empty_folder(folder)
    names = registry.all_envs(collections=True) if ids is None else [registry.task_spec(name).id for name in ids]
    cards = []
    for name in names:
        cards.append(_card(name))
        progress(1)
    page = folder / "index.html"
    with atomic_write(page) as aside:
        aside.write_text(_page(cards), encoding="utf-8")
    return page, {card.id: card.problem for card in cards if card.problem}


def _card(name: str) -> Card:
    """Find out about a task; a fault costs what depends on it."""
    card = Card(name)
    try:
        spec = registry.task_spec(name)
        target = spec.load()
        card.purpose = " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
        card.tags = sorted(map(str, spec.metadata.get("tags", ())))
        card.paper = tuple(" ".join(str(spec.metadata.get(k) or "").split()) for k in ("paper_name", "paper_link"))  # type: ignore[assignment]
        env = registry.make(name)
        card.facts = _facts(env)
        card.picture = _picture(env)
    except Exception as error:  # a task of somebody else may fail in any way
        card.problem = f"{type(error).__name__}: {error}"
        plt.close("all")
    return card


def _facts(env: Any) -> dict[str, list[str]]:
    """Periods, spaces, conditions and rewards in words."""
    task = env.unwrapped
    conditions = env.sample_trials(200, seed=0).conditions
    return {
        "Periods (ms)": [f"{period}: {duration_name(value)}" for period, value in task.timing.items()],
        "Observation": [_space(env.observation_space), *_names(env.observation_space)],
        "Action": [_space(env.action_space), *_names(env.action_space)],
        "Conditions": [f"{name}: {_values(values)}" for name, values in conditions.items()],
        "Rewards": [f"{event}: {value}" for event, value in getattr(task.rewards, "items", list)()],
        "Time step": [f"{task.dt:g} ms"],
    }


def _space(space: Any) -> str:
    if hasattr(space, "n"):
        return f"{space.n} actions" if not space.shape else str(space)
    return f"{' x '.join(map(str, space.shape))} numbers"


def _names(space: Any) -> list[str]:
    """Names of channels or actions, with how many share each."""
    return [f"{name} ({np.size(index)})" if np.size(index) > 1 else name for name, index in names_of(space).items()]


def _values(values: Any) -> str:
    """The values of a condition, (n, ...)."""
    array = np.asarray(values)
    if array.dtype == object or array.ndim > 1:
        return f"{' x '.join(map(str, array.shape[1:]))} values" if array.ndim > 1 else "varies"
    different = np.unique(array)
    said = [f"{v:.4g}" if array.dtype.kind == "f" else str(v) for v in different.tolist()]
    return ", ".join(said) if len(said) <= SHOWN else f"{said[0]} to {said[-1]}"


def _picture(env: Any) -> bytes:
    figure = plot_trial(env, seed=0, name="", plot_config=LOOK)
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=LOOK.dpi)
    plt.close(figure)
    with Image.open(raw) as picture:
        picture.convert("RGB").quantize(256).save(small, "PNG", optimize=True)
    return small.getvalue()


def _page(cards: list[Card]) -> str:
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
        count=len(cards), version=escape(ngym.__version__), chips="\n".join(chips), cards="\n".join(map(_html, cards))
    )


def _html(card: Card) -> str:
    """One task of the page."""
    words = " ".join([card.id, card.purpose, *card.tags, *card.paper, *(f for facts in card.facts.values() for f in facts)])
    if card.picture:
        data = base64.b64encode(card.picture).decode()
        picture = f'<img alt="A trial of {escape(card.id)}" src="data:image/png;base64,{data}">'
    else:
        picture = f'<p class="problem">No picture: {escape(card.problem)}</p>'
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(map(escape, lines))}</dd>" for name, lines in card.facts.items() if lines
    )
    name, link = card.paper
    paper = escape(name or link)
    if link.startswith(("https://", "http://")):
        paper = f'<a href="{escape(link)}">{paper}</a>'
    tags = escape("|".join(card.tags))
    purpose = re.sub("`([^`]*)`", r"<code>\1</code>", escape(card.purpose))
    return f"""<article class="card" id="{escape(card.id)}" data-tags="{tags}" data-words="{escape(words.lower())}">
<h2><a href="#{escape(card.id)}">{escape(card.id)}</a></h2>
<p class="purpose">{purpose}</p>
<figure>{picture}</figure>
<p class="tags">{"".join(f"<span>{escape(tag)}</span>" for tag in card.tags)}</p>
<p class="paper">{paper}</p>
<details><summary>Periods, spaces, conditions</summary><dl>{facts}</dl></details>
</article>"""
