from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "supervised.py"
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads, in Python 3.12


def test_supervised_example_learns_its_task():
    command = [sys.executable, str(EXAMPLE), "0.7", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert int(re.search(r"trained on (\d+) batches", done.stdout)[1]) < 400
    assert float(re.search(r"all test trials: (\S+) right", done.stdout)[1]) > 0.65


def test_readme_blocks_of_ngym_data_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "packages" / "ngym-data" / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["coherence"].shape == (100, 16)
    coherences = {
        split: set(names[split][:][2]["conditions"]["coh"].tolist()) for split in ("test", "probe", "psychometric")
    }
    assert coherences["probe"] == {12.8}
    assert 12.8 not in coherences["test"]
    assert len(coherences["psychometric"]) == 5
    assert names["table"]["performance"].shape == (1000,)


def test_example_of_many_tasks_prints_a_table_by_task():
    command = [sys.executable, str(EXAMPLE.with_name("many_tasks.py")), "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    rows = re.findall(r"^(yang19\.\w+-v0) +([\d.]+) right in (\d+) trials$", done.stdout, re.MULTILINE)
    assert len(rows) == 20
    assert sum(int(trials) for _, _, trials in rows) == 4000
