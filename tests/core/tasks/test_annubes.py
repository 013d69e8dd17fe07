from __future__ import annotations

import pytest

import ngym_core as ngym


def test_annubes_rejects_limits_that_leave_no_stimulus():
    with pytest.raises(ValueError, match="The limits of max_sequential leave nothing to show after some trials"):
        ngym.make("AnnubesEnv", session={"a": 1.0}, catch_prob=0, max_sequential={"a": 2}).sample_trials(5, seed=0)


def test_limits_that_take_too_many_states_are_refused():
    with pytest.raises(ValueError, match=r"^The limits of max_sequential take more than 10,000 states; give smaller ones.$"):
        ngym.make("AnnubesEnv-v0", max_sequential=10**12)
