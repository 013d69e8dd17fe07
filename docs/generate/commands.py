"""The `ngym` command with the commands of all installed packs, for the page of commands."""

from __future__ import annotations

from ngym_core.cli import cli as ngym
from ngym_core.plugins import registry

__all__ = ["ngym"]

registry.pack_manager().add_commands(ngym)
