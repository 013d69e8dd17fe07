from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.spaces import names_of

from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


@pytest.mark.parametrize("names", [("PassAction", "PassReward"), ("PassReward", "PassAction")])
def test_pass_action_and_pass_reward_append_in_the_order_of_wrapping(names):
    env = make(*names)
    assert env.observation_space.shape == (5,)
    assert {n.lower().removeprefix("pass"): 3 + i for i, n in enumerate(names)}.items() <= names_of(
        env.observation_space
    ).items()
    ob, _ = env.reset(seed=0)
    assert ob[3:].tolist() == [0, 0]
    for action in (0, 1, 2, 0):
        ob, reward, _, _, _ = env.step(action)
        assert ob[3 + names.index("PassAction")] == action
        assert ob[3 + names.index("PassReward")] == np.float32(reward)
        assert ob.dtype == np.float32
        assert env.observation_space.contains(ob)


def test_pass_action_appends_all_numbers_of_an_action():
    env = make("PassAction", id_="ReachingDelayResponse-v0")
    env.reset(seed=0)
    action = np.array([-0.5, 1.5], np.float32)
    assert env.step(action)[0][-2:].tolist() == action.tolist()


def test_pass_action_makes_numbered_observations_one_hot():
    class Numbered(Toy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.observation_space = ngym.spaces.Discrete(4)

        def _new_trials(self, trials):
            trials.choice("ground_truth", [0, 1])
            trials.add_period(["fixation", "stimulus", "delay", "decision"])
            trials.add_ob(3, "stimulus")

    env = ngym.plugins.registry.wrapper_spec("PassAction").load()(Numbered())
    env.reset(seed=0)
    assert env.step(0)[0].tolist() == [0, 0, 0, 1, 0]
