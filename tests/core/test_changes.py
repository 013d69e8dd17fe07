from __future__ import annotations

import copy

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.changes import ParameterWatch

PDM = "PerceptualDecisionMaking-v0"


def setting(name, value):
    return lambda env: setattr(env.unwrapped, name, value)


CHANGES = {
    "list": setting("cohs", [6.4]),
    "array": setting("cohs", np.array([6.4])),
    "number": setting("sigma", 0.0),
    "in a list": lambda env: env.unwrapped.choices.append(3),
    "timing": lambda env: env.unwrapped.timing.__setitem__("stimulus", 300),
    "rewards": lambda env: env.unwrapped.rewards.__setitem__("fail", -1.0),
    "new attribute": setting("curriculum", 3),
    "wrapper": lambda env: setattr(env, "time_out", 500),
}


@pytest.mark.parametrize("name", CHANGES)
def test_watch_notices_a_change_and_shows_the_parameters_before_it(name):
    env = ngym.make(PDM, wrappers=["TimeOut"])
    task = env.unwrapped
    task.choices = list(task.choices)
    watch = ParameterWatch(env)

    def parameters():
        layers = (env, task)
        return copy.deepcopy(
            [{k: v for k, v in vars(x).items() if k in {*vars(task), "time_out"} - {"env"}} for x in layers]
        )

    def shown(values):
        return [{k: str(v) for k, v in layer.items() if not k.startswith("_")} for layer in values]

    before = parameters()
    assert not watch.changed
    CHANGES[name](env)
    after = parameters()
    assert shown(after) != shown(before)
    assert watch.changed
    assert sum(map(len, watch.changes())) == 1
    with watch.before():
        assert shown(parameters()) == shown(before)
    assert shown(parameters()) == shown(after)
    assert watch.changed
    watch.remember()
    assert not watch.changed


def test_watch_does_not_take_play_for_a_change():
    env = ngym.make(PDM, wrappers=["TimeOut", "PassReward"])
    watch = ParameterWatch(env)
    env.reset(seed=0)
    for _ in range(100):
        env.step(0)
    assert not watch.changed


def test_watch_notices_a_removed_attribute_and_puts_it_back():
    env = ngym.make(PDM).unwrapped
    watch = ParameterWatch(env)
    del env.sigma
    assert watch.changed
    with watch.before():
        assert env.sigma > 0
    assert "sigma" not in vars(env)


def test_copied_watch_watches_the_copy():
    env = ngym.make(PDM)
    env, watch = copy.deepcopy((env, ParameterWatch(env)))
    assert not watch.changed
    env.unwrapped.cohs = [1.6]
    assert watch.changed
