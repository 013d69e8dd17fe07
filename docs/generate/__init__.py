"""Pages that are generated: one for each task and wrapper of the registry, and one for each module with public names."""

from __future__ import annotations

import shutil
from pathlib import Path

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
    write_task_pages(folder)
    write_wrapper_pages(folder)
    write_reference_pages(folder)
