"""What ngym-sb3 adds to ngym: the command `ngym train`. Nothing heavy is imported before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym train`."""
    from ngym_sb3.cli import train

    group.add_command(train)
