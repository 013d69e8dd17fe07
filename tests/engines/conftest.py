from __future__ import annotations

import re

import pytest

from .running import run_example


@pytest.fixture
def say(capsys):
    """Print a line in spite of pytest."""

    def say(line):
        with capsys.disabled():
            print(f"\n    {line}", flush=True)

    return say


@pytest.fixture
def example(say):
    """Run an example, print its last line and its time, and check that it ended well and left nothing running."""

    def example(name):
        result = run_example(name)
        reached = [line for line in result.printed.splitlines() if re.search("performance|return|right", line)]
        say(f"{name}: {result.seconds:.0f} s. {' '.join(reached[-1:]).strip()}")
        assert result.code == 0, result.printed[-3000:]
        assert not result.left
        return result

    return example
