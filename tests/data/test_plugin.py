from __future__ import annotations

import click

from ngym_data.cli import export, rerun
from ngym_data.plugin import ngym_commands


def test_plugin_of_ngym_data_adds_its_commands():
    group = click.Group()
    ngym_commands(group)
    assert group.commands == {"export": export, "rerun": rerun}
