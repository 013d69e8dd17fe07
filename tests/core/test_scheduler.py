from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ngym_core import scheduler

RECORDED = json.loads((Path(__file__).parent.parent / "golden/data/utils.json").read_text())["schedules"]
FIRST_SKIPPED = ("SequentialSchedule", "RandomSchedule")


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_schedules_give_the_recorded_indices(case):
    options = {"skip_first": True} if case["class"] in FIRST_SKIPPED else {}
    schedule = getattr(scheduler, case["class"])(*case["args"], **options)
    schedule.seed(case["seed"])
    assert [schedule() for _ in case["values"]] == case["values"]


def test_schedules_begin_with_the_first_and_start_again_after_reset():
    schedule = scheduler.SequentialSchedule(3)
    assert [schedule() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    schedule.reset()
    assert schedule() == 0
    firsts = set()
    for seed in range(40):
        random = scheduler.RandomSchedule(3)
        random.seed(seed)
        firsts.add(random())
    assert firsts == {0, 1, 2}


def test_random_schedules_never_repeat_and_replay():
    schedule = scheduler.RandomSchedule(4)
    runs = []
    for _ in range(2):
        schedule.reset()
        schedule.seed(5)
        runs.append([schedule() for _ in range(200)])
    assert runs[0] == runs[1]
    assert (np.diff(runs[0]) != 0).all()
    assert schedule.total_count == 200


@pytest.mark.parametrize("kind", [scheduler.SequentialBlockSchedule, scheduler.RandomBlockSchedule])
def test_block_lengths_are_checked(kind):
    with pytest.raises(ValueError, match=r"len\(block_lens\)=1 must be equal to n=2"):
        kind(2, [3])
    with pytest.raises(ValueError, match=r"at least one trial, not 0"):
        kind(2, [3, 0])


def test_a_schedule_needs_something_to_choose_from():
    with pytest.raises(ValueError, match="not n=0"):
        scheduler.RandomSchedule(0)
    with pytest.raises(NotImplementedError, match="BaseSchedule does not say what comes next"):
        scheduler.BaseSchedule(2)()
