"""A conversation with another Python, which has another library: one side asks, the other serves. Standard library only."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Other:
    """Another Python with another library; without one it answers nothing."""

    def __init__(self, python: str | None, worker: str) -> None:
        command = [python, str(Path(__file__).with_name(worker))]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = None if python is None else subprocess.Popen(command, stderr=subprocess.DEVNULL, **pipes)
        self.worker = worker

    def ask(self, **request: Any) -> Any:
        if self.process is None:
            return None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        given = json.loads(line) if line else {"error": f"it ended without an answer to {request}"}
        if "error" in given:
            raise RuntimeError(f"{self.worker}: {given['error']}")
        return given["answer"]

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()


def serve(answers: Mapping[str, Callable[..., Any]]) -> None:
    """Answer requests, one on each line: the key of an answer with its first argument, and the others by name."""
    warnings.simplefilter("ignore")
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        (kind,) = answers.keys() & request.keys()
        try:
            given = {"answer": answers[kind](request.pop(kind), **request)}
        except Exception as error:  # the parent shows it
            given = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(given), file=out, flush=True)
