from __future__ import annotations

import pytest

from .running import figure, run_example

pytest.importorskip("lightning")


def test_lightning_example_answers_the_test_trials(example):
    assert figure(example("lightning"), r"(\S+)% of the test trials right") >= 85


def test_lightning_example_of_an_unknown_task_is_an_error_in_words_and_leaves_nothing_running():
    result = run_example("lightning", "PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean 'PerceptualDecisionMaking-v0'" in result.printed
    assert not result.left
