from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.wrappers import VariableMapping

from ..toy import Toy

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


def test_variable_mapping_of_two_wrappers_reports_what_holds():
    trials = make(("VariableMapping", {"block_dur": 7}), ("VariableMapping", {"block_dur": 5})).sample_trials(60, seed=0)
    mapping, last = trials.conditions["mapping"], trials.gt[np.arange(60), trials.lengths - 1]
    assert np.array_equal(last, mapping[np.arange(60), trials.conditions["ground_truth"]])
    assert len(np.unique(mapping, axis=0)) == 2


def test_variable_mapping_refuses_another_of_other_actions():
    env = Toy()
    env.action_space = ngym.spaces.Discrete(4, {"fixation": 0, "choice": [1, 2], "late": [2, 3]})
    inner = VariableMapping(env, choice="choice")
    with pytest.raises(ValueError, match=r"must change the same actions, not \[2, 3\] and \[1, 2\]"):
        VariableMapping(inner, choice="late")


def test_variable_mapping_refuses_a_mixture_in_which_a_task_lacks_the_answers():
    mixture = ngym.mix(["PerceptualDecisionMaking-v0", "GoNogo-v0"], pad=True)
    with pytest.raises(
        ValueError, match=r"would give the answers \[1, 2\] to <GoNogo>, which has the actions {.*'go': 1}: put"
    ):
        ngym.wrappers.VariableMapping(mixture)
