from __future__ import annotations

import pytest

from .running import figure, run_example

pytest.importorskip("skrl")


def test_skrl_example_reaches_its_performance(example):
    assert figure(example("skrl"), r"performance (\S+) after") >= 0.8


def test_skrl_example_of_an_unknown_task_is_an_error_in_words_and_leaves_nothing_running():
    result = run_example("skrl", "ngym_core:PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean" in result.printed
    assert "PerceptualDecisionMaking" in result.printed
    assert not result.left
