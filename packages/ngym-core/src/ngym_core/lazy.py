"""Lazy exports: public names of a package that are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["attach"]


def attach(
    package: str, homes: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package (PEP 562), so that importing it loads nothing else.

    Args:
        package: The package's `__name__`.
        homes: Module -> public names that live in it. A module is relative (``.env``) or absolute.
        modules: Submodules that are public themselves.

    Returns:
        Both functions; assign them to `__getattr__` and `__dir__`.

    Example:
        ``__getattr__, __dir__ = attach(__name__, {".env": ["TrialEnv"]}, modules=["spaces"])``
    """
    home = {name: module for module, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:  # noqa: N807 (it becomes the package's)
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name], package), name)

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(import_module(package)), *home, *modules})

    return __getattr__, __dir__
