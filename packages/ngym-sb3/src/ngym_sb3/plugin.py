"""Plugin of ngym-core: adds the command `ngym train` and RL recipes, without importing torch before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core import hookimpl

if TYPE_CHECKING:
    import click

    from ngym_core.certificates import Kind, Recipe


@hookimpl
def ngym_commands(group: click.Group) -> None:
    """Add `ngym train` to the group of commands."""
    from ngym_sb3.cli import train

    group.add_command(train)


@hookimpl
def ngym_recipe(task: str, kind: Kind) -> Recipe | None:
    """Say how a network is trained on its rewards."""
    if kind != "rl":
        return None
    from ngym_sb3.reinforcement import recipe_of

    return recipe_of(task)
