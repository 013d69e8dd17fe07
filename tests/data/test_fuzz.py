"""Plausible mistakes with ngym_data: a slice of the fuzzer, see `tests/fuzz`."""

from __future__ import annotations

import pytest

from tests.fuzz.outcomes import CLEAR
from tests.fuzz.plausible import working

MISTAKES = {mistake.title: mistake for mistake in working("data")}


@pytest.mark.parametrize("title", MISTAKES)
def test_plausible_mistake_with_data_gets_a_clear_error(title):
    outcome = MISTAKES[title].outcome()
    assert outcome.kind == CLEAR, outcome
