from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
EXAMPLE = Path(__file__).parents[3] / "examples" / "supervised.py"


def test_the_example_learns_its_task():
    command = [sys.executable, str(EXAMPLE), "--criterion", "0.7", "--most", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert int(re.search(r"trained on (\d+) batches", done.stdout)[1]) < 400
    assert float(re.search(r"all test trials: (\S+) right", done.stdout)[1]) > 0.65
