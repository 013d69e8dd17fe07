"""Lazy imports: public names of a package are imported when they are first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["attach"]


def attach(
    package: str, homes: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` for a package, so that importing it imports none of its modules.

    Args:
        package: The package's `__name__`.
        homes: Module -> the public names that it defines. A module is relative (``.env``) or absolute.
        modules: Submodules that are public themselves.

    Returns:
        Both functions, to be assigned to `__getattr__` and `__dir__`.

    Example:
        >>> getattr_, dir_ = attach("ngym_core", {".env": ["TrialEnv"]}, modules=["spaces"])
        >>> getattr_("TrialEnv").__module__
        'ngym_core.env'
        >>> {"TrialEnv", "spaces"} <= set(dir_())
        True
    """
    home = {name: module for module, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:  # noqa: N807 (the package assigns it to this name)
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name], package), name)

    def __dir__() -> list[str]:  # noqa: N807
        module = vars(import_module(package))
        # What the package defines (hooks, too), not what it imports for itself.
        own = [n for n, value in module.items() if n.startswith("__") or getattr(value, "__module__", "") == package]
        return sorted({*own, *module.get("__all__", ()), *home, *modules})

    return __getattr__, __dir__
