from __future__ import annotations

import pytest

from .running import figure, run_example

pytest.importorskip("torch")


def test_cleanrl_style_example_reaches_its_performance(example):
    assert figure(example("cleanrl_style"), r"performance (\S+) after") >= 0.8


def test_cleanrl_style_example_of_an_unknown_task_is_an_error_in_words_and_leaves_nothing_running():
    result = run_example("cleanrl_style", "ngym_core:PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean" in result.printed
    assert "PerceptualDecisionMaking" in result.printed
    assert not result.left
