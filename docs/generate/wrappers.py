"""Pages of wrappers, from the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docs.generate.markdown import as_markdown, table
from docs.generate.papers import bibtex
from docs.generate.tasks import parameters_table

from ngym_core.docstrings import read_docstring
from ngym_core.info import added_by, parameter_facts
from ngym_core.plugins import registry

__all__ = ["wrapper_page", "wrapper_paths", "write_wrapper_pages"]


def wrapper_paths() -> dict[str, str]:
    """Return where the page of each registered wrapper is: name -> path within the folder of generated pages."""
    return {name: f"wrappers/{name}.md" for name in registry.all_wrappers()}


def write_wrapper_pages(folder: Path) -> None:
    """Write the page of each registered wrapper, and their index.

    Args:
        folder: The folder of generated pages.
    """
    paths = wrapper_paths()
    (folder / "wrappers").mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        (folder / path).write_text(wrapper_page(name), encoding="utf-8")
    rows = [
        [f"[{name}]({name}.md)", as_markdown(read_docstring(registry.wrapper_spec(name).load()).purpose)] for name in paths
    ]
    toctree = "\n".join(paths)
    text = f"# Wrappers\n\n{table(['wrapper', 'what it does'], rows)}\n\n```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"
    (folder / "wrappers" / "index.md").write_text(text, encoding="utf-8")


def wrapper_page(name: str) -> str:
    """Return the text of a wrapper's page, in Markdown."""
    target: Any = registry.wrapper_spec(name).load()
    doc = read_docstring(target)
    metadata = dict(getattr(target, "metadata", {}) or {})
    paper, link = (" ".join(str(metadata.get(key) or "").split()) for key in ("paper_name", "paper_link"))
    example = doc.sections.get("Example", "")
    reports = list(getattr(target, "reports", ()))
    adds = [
        f"## {kind.capitalize()}\n\n"
        + table(["name", "meaning"], [[added["name"], as_markdown(added["meaning"])] for added in found])
        for kind, found in added_by(doc).items()
        if found
    ]
    parts = [
        f"# {name}",
        as_markdown(doc.purpose),
        as_markdown(doc.text),
        *adds,
        "## Parameters",
        parameters_table(parameter_facts(target, [doc])),
        f"## Example\n\n```pycon\n{example}\n```" if example else "",
        f"## What it reports in `info`\n\n{', '.join(f'`{key}`' for key in reports)}" if reports else "",
        f"## Paper\n\n{f'[{paper or link}]({link})' if link else paper}\n\n```bibtex\n{bibtex(paper, link)}\n```"
        if paper or link
        else "",
        "## Its class",
        f"```{{eval-rst}}\n.. autoclass:: {target.__module__}.{target.__qualname__}\n   :members:\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
