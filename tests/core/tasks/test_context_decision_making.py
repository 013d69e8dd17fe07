from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_context_decision_making_go_cue_extends_fixation():
    plain, cued = (ngym.make("ContextDecisionMaking", go_cue=cue).sample_trials(5, seed=0) for cue in (False, True))
    assert np.array_equal(plain.ob[..., 1:], cued.ob[..., 1:])
    for trial in cued:
        assert (trial.ob[:, 0] == 1).tolist() == [True] * trial.start["decision"] + [False]
    with pytest.raises(ValueError, match=r"impl_context_modality=2 must be an integer from 0 to 1\."):
        ngym.make("ContextDecisionMaking", impl_context_modality=2)
