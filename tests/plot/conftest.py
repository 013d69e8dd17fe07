"""Tasks that tests of figures register for a while."""

from __future__ import annotations

import pytest

import ngym_core as ngym
from ngym_core.plugins.registry import unregister


def _registered(name):
    spec = ngym.TaskSpec(f"{name}-v0", f"tests.plot.tasks:{name}")
    ngym.register(spec)
    yield spec.id
    unregister([spec.id])


@pytest.fixture
def film():
    """A task that shows images."""
    yield from _registered("Film")


@pytest.fixture
def broken():
    """A task that cannot be drawn."""
    yield from _registered("Undrawable")
