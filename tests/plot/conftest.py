"""Fixtures of the tests of figures."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.plugins.registry import unregister


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def _registered(name):
    spec = ngym.TaskSpec(f"{name}-v0", f"tests.plot.tasks:{name}")
    ngym.register(spec)
    yield spec.id
    unregister([spec.id])


@pytest.fixture
def image_task():
    """Id of a task with image observations."""
    yield from _registered("MovingBar")


@pytest.fixture
def failing_task():
    """Id of a task that cannot make a trial."""
    yield from _registered("Failing")


class _Agent:
    """A saved agent that always takes the second choice; its file holds the name of its algorithm."""

    @classmethod
    def load(cls, path, device):
        if path.read_text() != cls.__name__:
            raise ValueError("another algorithm")
        return cls()

    def predict(self, ob, state=None, episode_start=None, deterministic=False):
        return np.array(2), state


@pytest.fixture
def sb3_algorithms(monkeypatch):
    """Stand-ins for the classes of Stable-Baselines3 and sb3-contrib that load agents: name -> class."""
    algorithms = {name: type(name, (_Agent,), {}) for name in ("RecurrentPPO", "PPO", "A2C", "DQN")}
    for module in ("sb3_contrib", "stable_baselines3"):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**algorithms))
    return algorithms
