from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("cohs", [[], [np.nan], "high"])
def test_perceptual_decision_making_rejects_invalid_coherences(cohs):
    with pytest.raises((ValueError, TypeError), match="cohs=.* must be a sequence of one or more finite numbers"):
        ngym.make("PerceptualDecisionMaking", cohs=cohs)
