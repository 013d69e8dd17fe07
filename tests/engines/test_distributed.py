from __future__ import annotations

import sys

import pytest

from .running import EXAMPLES, figure, run

pytest.importorskip("torch.distributed")

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2)

ONE_DIES = """
import os, runpy, sys, torch

step = torch.optim.Adam.step

def dying(self, *args, **kwargs):
    dying.calls += 1
    if os.environ["RANK"] == "1" and dying.calls == 3:
        raise ArithmeticError("the second process has had enough")
    return step(self, *args, **kwargs)

dying.calls, torch.optim.Adam.step = 0, dying
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


def test_two_ranks_share_nothing_and_the_loss_falls(say):
    result = run(*TORCHRUN, EXAMPLES / "distributed.py")
    say(f"distributed: {result.seconds:.0f} s. {result.printed.strip().splitlines()[-1]}")
    assert result.code == 0, result.printed
    assert "2 ranks of 32 rows each, none shared" in result.printed
    assert figure(result, r"(\S+) at last") < figure(result, r"(\S+) at first") / 2
    assert not result.left


def test_a_rank_that_dies_ends_the_run_with_its_error(tmp_path):
    script = tmp_path / "one_dies.py"
    script.write_text(ONE_DIES)
    result = run(*TORCHRUN, script, EXAMPLES / "distributed.py", seconds=120)
    assert result.code != 0
    assert "ArithmeticError: the second process has had enough" in result.printed
    assert not result.left
