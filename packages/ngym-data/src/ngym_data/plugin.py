"""Plugin of ngym-data: the commands `ngym export` and `ngym rerun`, and supervised recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core import hookimpl

if TYPE_CHECKING:
    import click

    from ngym_core.certificates import Kind, Recipe


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym export` and `ngym rerun` to the `ngym` command."""
    from ngym_data.cli import export, rerun

    group.add_command(export)
    group.add_command(rerun)


@hookimpl
def ngym_recipe(task: str, kind: Kind) -> Recipe | None:
    """Say how a network is trained on its ground truth."""
    if kind != "supervised":
        return None
    from ngym_data.supervised import recipe_of

    return recipe_of(task)
