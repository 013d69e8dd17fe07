"""Site folders with installed packs, written as pip writes them, and programs that find them."""

from __future__ import annotations

import os
import subprocess
import sys

GOOD = """
from ngym_core import TaskSpec, hookimpl

@hookimpl
def ngym_tasks():
    return [TaskSpec("GoodSite-v0", "ngym_core.tasks.delay_match_sample:DelayMatchSample")]
"""


METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
POINTS = "[ngym]\n{name} = {name}\n"


def install(folder, name, code, metadata=METADATA, points=POINTS):
    """Install a module as a pack. Texts may be bytes, for files that pip did not finish."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    for file, text in (("METADATA", metadata), ("entry_points.txt", points)):
        if text is not None:
            (info / file).write_bytes(text if isinstance(text, bytes) else text.format(name=name).encode())
    return info


def start(folder, *args, **variables):
    """Start Python with the packs of a folder."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {key: value for key, value in os.environ.items() if not key.startswith("NGYM_")}
    env |= {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen([sys.executable, *args], env=env, **pipes)


def run(folder, *args, code=0, **variables):
    """Run Python with the packs of a folder, and return what it prints to stdout and stderr."""
    process = start(folder, *args, **variables)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err
