"""Unfinished imports: finds modules that are still being imported, and runs a function when such an import ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["missing_from", "unfinished", "when_imported"]


def unfinished(name: str) -> ModuleType | None:
    """Return the outermost of a module and its packages that is being imported at this moment, or None.

    Example:
        >>> unfinished("ngym_core.plugins.registry") is None
        True
    """
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:depth]))
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            return module
    return None


def missing_from(error: BaseException) -> ModuleType | None:
    """Return the module that is being imported and therefore lacks what an error says; None for any other error."""
    name = error.name if isinstance(error, ImportError) else getattr(getattr(error, "obj", None), "__name__", None)
    return unfinished(name) if isinstance(name, str) else None


def when_imported(module: ModuleType, function: Callable[[], None]) -> None:
    """Call a function when the import of a module has ended, well or not.

    Whoever imported it goes on only afterwards. Python has no public event for this; its import machinery sets
    ``module.__spec__._initializing`` to False.

    Args:
        module: A module that is being imported, see `unfinished`.
        function: The function.
    """
    spec: ModuleSpec = module.__spec__  # type: ignore[assignment]
    if not isinstance(spec, _WatchedSpec):
        vars(spec)["_at_end"] = []
        spec.__class__ = type("ModuleSpec", (_WatchedSpec, type(spec)), {})
    vars(spec)["_at_end"].append(function)


class _WatchedSpec:
    """The spec of a module that is being imported; it is an ordinary spec again afterwards."""

    @property
    def _initializing(self) -> bool:
        return vars(self)["_initializing"]  # type: ignore[no-any-return]

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        vars(self)["_initializing"] = value
        if not value:
            functions = vars(self).pop("_at_end")
            self.__class__ = type(self).__bases__[1]
            for function in functions:
                function()
