from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_variable_mapping_changes_in_blocks():
    plain = make().sample_trials(100, seed=4)
    mapped = make(("VariableMapping", {"block_dur": 10})).sample_trials(100, seed=4)
    mapping = mapped.conditions["mapping"]
    assert mapping[0].tolist() == [1, 2]
    assert mapping[10].tolist() == [2, 1]
    swapped = mapping[:, 0] == 2
    assert np.array_equal(mapped.gt[~swapped], plain.gt[~swapped])
    assert np.array_equal(mapped.gt[swapped], np.array([0, 2, 1])[plain.gt[swapped]])
    assert np.array_equal(mapped.ob, plain.ob)
    assert make("VariableMapping", id_="DelayMatchSample-v0").answers.tolist() == [1, 2]


@pytest.mark.parametrize(("id_", "k"), [("yang19.go-v0", 16), ("GoNogo-v0", 1)])
def test_variable_mapping_rejects_too_few_and_too_many_actions(id_, k):
    with pytest.raises(ValueError, match=f"needs 2 to 6 actions that change their meaning, not {k}; name them"):
        make("VariableMapping", id_=id_)
