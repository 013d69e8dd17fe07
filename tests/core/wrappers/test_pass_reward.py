from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.sampling import sample_as_data

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_pass_reward_has_no_data_of_a_task_with_its_own_step():
    with pytest.raises(TypeError, match="has a `_step` of its own: its rewards are known only when it is played"):
        sample_as_data(make("PassReward", id_="CVLearning-v0"), 3, ngym.Draws(0), {})


@pytest.mark.parametrize("nested", [False, True], ids=["mixture", "mixture in a mixture"])
@pytest.mark.parametrize("wrapper", ["PassReward", "FullInput"])
def test_pass_reward_around_a_mixture_shows_in_data_what_each_task_pays(wrapper, nested):
    def mixture():
        short, long = make(timing={"decision": 100}), make(timing={"decision": 400}, rewards={"correct": 5.0})
        inner = ngym.mix([long, make("Sequence", id_="yang19.go-v0")], pad=True) if nested else long
        return getattr(ngym.wrappers, wrapper)(ngym.mix([short, inner], pad=True))

    seen = sample_as_data(mixture(), 60, ngym.Draws(0), {})
    for task in range(2):  # the task that is played now does not matter
        env = mixture()
        env.unwrapped.seed(0)
        env.reset(options={"conditions": {"i_env": task}})
        assert np.array_equal(sample_as_data(env, 60, ngym.Draws(0), {}).ob, seen.ob)
    env, shown = mixture(), set()
    env.reset(seed=0)
    for _ in range(60):
        ended = False
        while not ended:
            _, reward, _, _, info = env.step(env.unwrapped.gt_now)
            ended = info["new_trial"]
            shown.add(round(reward, 6))
    channel = env.observation_space.name["reward"]
    assert {round(float(reward), 6) for reward in np.unique(seen.ob[..., channel])} == shown


def test_pass_reward_has_no_data_of_a_task_with_an_urgency():
    sample_as_data(make("ReactionTime", "PassReward"), 3, ngym.Draws(0), {})
    with pytest.raises(TypeError, match="ReactionTime adds an urgency to the reward of each step"):
        sample_as_data(make(("ReactionTime", {"urgency": -0.1}), "Monitor", "PassReward"), 3, ngym.Draws(0), {})
