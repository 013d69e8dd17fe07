from __future__ import annotations

import subprocess
import sys


def test_plugin_adds_its_command_without_loading_torch():
    code = """
import sys
from ngym_core import cli
from ngym_core.plugins import registry

registry.pack_manager().add_commands(cli.cli)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ngym_sb3.cli" in done.stdout.split()
    assert "torch" not in done.stdout.split()
