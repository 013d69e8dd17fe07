"""Plugin of ngym-data: the commands `ngym export` and `ngym rerun`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym export` and `ngym rerun` to the `ngym` command."""
    from ngym_data.cli import export, rerun

    group.add_command(export)
    group.add_command(rerun)
