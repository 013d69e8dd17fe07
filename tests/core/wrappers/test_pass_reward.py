from __future__ import annotations

import pytest

import ngym_core as ngym
from ngym_core.sampling import sample_as_data

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_pass_reward_has_no_data_of_a_task_with_its_own_step():
    with pytest.raises(TypeError, match="has a `_step` of its own: its rewards are known only when it is played"):
        sample_as_data(make("PassReward", id_="CVLearning-v0"), 3, ngym.Draws(0), {})
