"""Runs scripts as a user would, says how long they took, and finds what they left running."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples" / "engines"
SECONDS = 900
"""After which a script hangs; each engine is to reach its figure in 300 s on two cores that do nothing else."""


class Result(NamedTuple):
    """What a finished script printed, how it ended, and which of its processes still ran five seconds later."""

    code: int
    printed: str
    seconds: float
    left: list[str]


def run(*command: object, seconds: float = SECONDS, **env: str) -> Result:
    """Run a command of this environment in the folder of the repository, and wait for its end."""
    mark = f"NGYM_RUN={uuid.uuid4().hex}"
    started = time.time()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **env, "RAY_USAGE_STATS_ENABLED": "0", **dict([mark.split("=")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        printed, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
    took = time.time() - started
    while (left := still_running(mark)) and time.time() - started < took + 5:
        time.sleep(0.2)
    return Result(process.returncode, printed, took, left)


def run_example(name: str, *arguments: str, seconds: float = SECONDS) -> Result:
    """Run an example of this folder."""
    return run(sys.executable, EXAMPLES / f"{name}.py", *arguments, seconds=seconds)


def still_running(mark: str) -> list[str]:
    """Return the commands of processes that have a mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile, or is not ours
            continue
    return [command for command in found if command]


def figure(result: Result, pattern: str) -> float:
    """Return the last number that a pattern finds in what was printed."""
    found = re.findall(pattern, result.printed)
    assert found, f"Nothing in the output matches {pattern!r}:\n{result.printed[-3000:]}"
    return float(found[-1])
