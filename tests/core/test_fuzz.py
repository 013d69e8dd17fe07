"""Plausible mistakes with ngym_core: a slice of the fuzzer, see `tests/fuzz`."""

from __future__ import annotations

import math

import gymnasium
import numpy as np
import pytest

import ngym_core as ngym
from tests.fuzz.outcomes import ACCEPTED, CLEAR, CRYPTIC, MEMORY, NONSENSE, outcome_of
from tests.fuzz.plausible import TASK, working

MISTAKES = {mistake.title: mistake for mistake in working("core")}


@pytest.mark.parametrize("title", MISTAKES)
def test_plausible_mistake_with_core_gets_a_clear_error(title):
    outcome = MISTAKES[title].outcome()
    assert outcome.kind == CLEAR, outcome


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: ngym.make(TASK, sigma=-1), CLEAR),
        (lambda: ngym.make(TASK, sigmma=1), CLEAR),
        (lambda: ngym.make("PerceptualDecisonMaking-v0"), CRYPTIC),  # an error of ours, but of another argument
        (lambda: len(5), CRYPTIC),
        (lambda: ngym.make(TASK, sigma=1), ACCEPTED),
        (lambda: np.zeros(10**15), MEMORY),
        (lambda: [1.0, math.nan], NONSENSE),
        (lambda: gymnasium.wrappers.TransformReward(ngym.make(TASK), lambda reward: math.nan), NONSENSE),
    ],
)
def test_outcome_of_a_call_is(call, kind):
    assert outcome_of(call, ["sigma"]).kind == kind
