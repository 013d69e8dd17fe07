from __future__ import annotations

import pytest

import ngym_core as ngym
from tests.sb3.learnability import CASES, SEEDS

QUICK = [case for case in CASES if case.quick]


@pytest.mark.parametrize("case", QUICK, ids=[case.task for case in QUICK])
def test_agents_learn_the_quick_cases(case):
    before, after = case.learn(seed=0)
    assert before < case.criterion - 0.2
    assert after >= case.criterion


def test_recorded_performances_reach_their_criteria():
    assert len(QUICK) == 3
    assert len({case.task for case in CASES}) >= 8
    for case in CASES:
        assert ngym.make(case.task)
        assert len(case.reached) == len(SEEDS)
        if case.fails:
            assert max(case.reached) < case.criterion - 0.2, case.task
        else:
            assert min(case.reached) >= case.criterion, case.task
