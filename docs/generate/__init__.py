"""Pages that are generated: of tasks and wrappers from the registry, of public names, of the benchmark."""

from __future__ import annotations

import shutil
from pathlib import Path

from docs.generate.benchmarks import speed_page
from docs.generate.reference import write_reference_pages
from docs.generate.tasks import write_task_pages
from docs.generate.wrappers import write_wrapper_pages

__all__ = ["FOLDER", "write_pages"]

FOLDER = "generated"
"""Folder of generated pages, within `docs`; git ignores it."""


def write_pages(docs: Path) -> None:
    """Write the generated pages and their pictures, in place of those of an earlier build.

    Args:
        docs: The folder of the sources of the site.
    """
    folder = docs / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    contributing = (docs.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for link, page in {"docs/architecture.md": "../architecture.md", "CHANGELOG.md": "../changes.md"}.items():
        contributing = contributing.replace(f"]({link})", f"]({page})")
    (folder / "contributing.md").write_text(contributing, encoding="utf-8")
    (folder / "speed.md").write_text(speed_page(), encoding="utf-8")
    write_task_pages(folder)
    write_wrapper_pages(folder)
    write_reference_pages(folder)
