"""Public names that are imported when they are first used, so that importing a package costs little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["attach"]


def attach(package: str, homes: Mapping[str, Sequence[str]], modules: Sequence[str] = ()) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package.

    Args:
        package: The package's `__name__`.
        homes: Module -> public names that live in it. A module is a submodule of the package, or named in full.
        modules: Submodules that are public themselves.

    Returns:
        The function; assign it to `__getattr__`.
    """
    home = {name: module if "." in module else f"{package}.{module}" for module, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:  # noqa: N807 (it becomes the package's)
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name]), name)

    return __getattr__
