"""Examples that need several packages run; what they reach when they are trained to the end is in the README."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A function that returns an example as a module."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def test_reaction_time_example_trains_and_draws(load, tmp_path):
    example = load("reaction_time")
    table = example.train(seed=0, steps=4096)
    assert len(table["reaction_time"]) == example.TRIALS
    assert set(table["coh"]) == {0, 6.4, 12.8, 25.6, 51.2}
    early = np.isnan(table["reaction_time"]) & (table["choice"] != 0)
    assert (table["reward"][early] == example.PARAMETERS["rewards"]["abort"]).all()
    assert set(table["reward"].tolist()) <= {0, 1, *example.PARAMETERS["rewards"].values()}
    # An untrained agent may always do the same, which no curve fits; so the figure is of made-up answers.
    rng = np.random.default_rng(0)
    shown = rng.random(example.TRIALS) < 0.5 + 0.5 * np.tanh(table["coh"] / 20)
    made_up = {"choice": np.where(shown, table["ground_truth"] + 1, 2 - table["ground_truth"]), "correct": shown}
    example.draw({**table, **made_up, "reaction_time": 900 - 9 * table["coh"]}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_demo_task_asks_for_fixation_until_the_decision(load):
    demo = load("demo")
    env = demo.ngym.make(demo.TASK, **demo.PARAMETERS)
    env.reset(seed=0)
    rewards = [env.step(1)[1] for _ in range(env.start_ind["decision"])]
    assert rewards == [-0.1] * 6
