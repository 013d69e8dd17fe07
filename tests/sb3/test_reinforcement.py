from __future__ import annotations

import numpy as np
import pytest

from ngym_core.certificates import certify, find_recipe
from ngym_core.curriculum import Stage
from ngym_core.plugins import registry
from ngym_sb3 import TrainingConfig
from ngym_sb3.config import make_model
from ngym_sb3.reinforcement import DEVIATIONS, RLRecipe, recipe_of

QUICK = {"envs": 32, "rollout": 16, "units": 16, "batch_size": 256, "policy": "gru"}


def test_agent_learns_and_stops_when_it_has():
    recipe = RLRecipe(task="IBL-v0", config=TrainingConfig(steps=60_000, **QUICK))
    trained = recipe.train(100, 0.65)
    assert 8192 <= trained.steps < 60_000
    assert np.mean(trained.table["performance"]) > 0.65


def test_same_seed_trains_the_same_agent():
    recipe = RLRecipe(task="IBL-v0", config=TrainingConfig(steps=1024, **QUICK))
    one, two, other = (recipe.train(seed, 2.0).table["choice"] for seed in (100, 100, 101))
    assert (one == two).all()
    assert (one != other).any()


def test_every_task_outside_the_collections_has_a_recipe():
    ids = registry.all_envs(collections=True)
    assert set(DEVIATIONS) <= set(ids)
    for id_ in ids:
        recipe = recipe_of(id_)
        assert (recipe is None) == (id_.partition(".")[0] in ("yang19", "modcog"))
        if recipe is not None:
            assert recipe.share == 0.8 or recipe.note, f"{id_}: say why the criterion is lower"
    assert isinstance(find_recipe("ReadySetGo", "rl"), RLRecipe)


def test_episodes_of_several_trials_are_played_whole():
    recipe = RLRecipe(task="ContextSwitch-v0", config=TrainingConfig(trials_per_episode=3, **QUICK))
    model = make_model(recipe.config, recipe.config.make_env(recipe.task))
    table = recipe.play(model, trials=1000, streams=4, seed=0)
    assert np.unique(table["lane"], return_counts=True)[1].tolist() == [3] * 4


def test_curricula_end_with_the_task_itself():
    recipes = [recipe_of(id_) for id_ in DEVIATIONS if "curriculum" in DEVIATIONS[id_]]
    assert len(recipes) > 3
    assert all(recipe.config.curriculum.stages[-1] == Stage() for recipe in recipes)


def test_settings_are_those_that_differ_from_the_default():
    recipe = RLRecipe(task="IBL-v0", config=TrainingConfig(steps=1024, policy="rnn", units=8), share=0.5)
    assert recipe.settings == {
        "steps": 1024,
        "policy": "rnn",
        "units": 8,
        "measure": "performance",
        "share": 0.5,
        "random_chance": False,
    }
    assert recipe.network == "RNN of 8 units, recurrent-ppo"
    assert recipe_of("RandomDotMotion-v0").network == "convolutions and a GRU of 64 units, recurrent-ppo"


def test_rl_recipe_rejects_invalid_settings():
    with pytest.raises((ValueError, TypeError), match="share=0 must be"):
        RLRecipe(task="IBL-v0", share=0)
    with pytest.raises(TypeError, match="a TrainingConfig"):
        RLRecipe(task="IBL-v0", config={"steps": 3})


def test_certificate_of_an_rl_recipe():
    certificate = certify(RLRecipe(task="IBL-v0", config=TrainingConfig(steps=512, **QUICK)), [0])
    assert certificate.kind == "rl"
    assert certificate.unit == "steps"
    assert certificate.steps == [512]
    assert certificate.settings["steps"] == 512
