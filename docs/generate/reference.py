"""Pages of the reference: one for each public module, with all its public names."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

from ngym_core.plugins import registry

__all__ = ["PACKAGES", "public_names", "reference_pages", "write_reference_pages"]

PACKAGES = ["ngym_core", "ngym_data", "ngym_plot", "ngym_sb3"]


def public_modules() -> list[str]:
    """Return the modules whose names have no part with an underscore in front, packages first."""
    found = []
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        names = sorted(module.name for module in pkgutil.walk_packages(path, f"{package}."))
        found += [package, *(name for name in names if not any(part.startswith("_") for part in name.split(".")))]
    return found


def public_names() -> dict[str, list[str]]:
    """Return the public names of each module where they are documented: module -> names.

    A name that a package exports (`ngym_core.make`) is documented there, and no second time in its module. Classes of
    registered wrappers are on the pages of wrappers.
    """
    documented: set[Any] = {id(registry.wrapper_spec(name).load()) for name in registry.all_wrappers()}
    names: dict[str, list[str]] = {}
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        listed = getattr(module, "__all__", None)
        own = (
            listed
            if listed is not None
            else [
                name
                for name, value in vars(module).items()
                if not name.startswith("_") and getattr(value, "__module__", "") == module_name
            ]
        )
        here = []
        for name in own:
            value = getattr(module, name)
            if inspect.ismodule(value) or name.startswith("__"):
                continue
            # Constants that are equal may be one object, but have other names.
            key = id(value) if inspect.isclass(value) or inspect.isroutine(value) else (name, id(value))
            if key not in documented:
                documented.add(key)
                here.append(name)
        names[module_name] = sorted(here)
    return names


def reference_pages() -> dict[str, str]:
    """Return the pages: path within the folder of generated pages -> text."""
    names = public_names()
    pages = {f"reference/{module}.md": _page(module, found) for module, found in names.items() if found}
    toctree = "\n".join(path.removeprefix("reference/").removesuffix(".md") for path in pages)
    text = f"# Reference\n\nAll public names, by module.\n\n```{{toctree}}\n:maxdepth: 1\n\n{toctree}\n```\n"
    pages["reference/index.md"] = text
    return pages


def write_reference_pages(folder: Path) -> None:
    """Write the pages.

    Args:
        folder: The folder of generated pages.
    """
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    for path, text in reference_pages().items():
        (folder / path).write_text(text, encoding="utf-8")


def _page(module_name: str, names: list[str]) -> str:
    module = importlib.import_module(module_name)
    parts = [f"# {module_name}", f"```{{eval-rst}}\n.. automodule:: {module_name}\n```"]
    for name in names:
        parts.append(f"## {name}\n\n```{{eval-rst}}\n{_directive(module_name, name, getattr(module, name))}\n```")
    return "\n\n".join(parts) + "\n"


def _directive(module: str, name: str, value: Any) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {module}.{name}\n   :members:"
    if inspect.isroutine(value):
        return f".. autofunction:: {module}.{name}"
    return f".. autodata:: {module}.{name}\n   :no-value:"
