"""Plugin of ngym-core: adds the command `ngym train`, without importing torch before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym train` to the group of commands."""
    from ngym_sb3.cli import train

    group.add_command(train)
