"""The built-in wrappers, one line each: name, and where its class is. Nothing is imported before it is used."""

from __future__ import annotations

from collections.abc import Iterable

from ngym_core.hookspecs import hookimpl
from ngym_core.registry import WrapperSpec

WRAPPERS = {
    "RandomGroundTruth-v0": "random_ground_truth:RandomGroundTruth",
}


@hookimpl
def ngym_wrappers() -> Iterable[WrapperSpec]:
    """Offer the built-in wrappers."""
    return [WrapperSpec(name, f"ngym_core.wrappers.{target}") for name, target in WRAPPERS.items()]
