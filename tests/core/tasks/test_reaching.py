from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from tests.golden.reference import ReferenceDraws, draw_from

from .digests import digest


def reference():
    """Six trials as the sheet says, without the pointer; the reference cuts the angles in its labels to integers."""
    rs, theta = np.random.RandomState(0), np.arange(0, 2 * np.pi, 2 * np.pi / 16)
    for _ in range(6):
        angles = rs.uniform(0, 2 * np.pi), rs.uniform(0, 2 * np.pi)
        ob, gt = np.zeros((35, 34), np.float32), np.zeros(35, np.int64)
        for i, angle in enumerate(angles):
            ob[5 + 10 * i : 10 + 10 * i, :16] = np.cos(theta - angle)
            ob[25 + 5 * i : 30 + 5 * i, 32 + i] = 1
            gt[25 + 5 * i : 30 + 5 * i] = int(angle)
        yield angles, ob, gt


def test_angle_reproduction_stimuli_replay_the_reference():
    expected = list(reference())
    assert digest([(ob, gt) for _, ob, gt in expected]) == "c8371dca2a96d53a"
    env, draws = ngym.make("AngleReproduction"), ReferenceDraws(0)
    draw_from(env, draws)
    shown = [*range(16), 32, 33]
    for angles, ob, _ in expected:
        (trial,) = env.sample_trials(1, draws=draws)
        assert [trial.conditions[f"ground_truth{i}"] for i in (1, 2)] == pytest.approx(angles)
        assert np.allclose(trial.ob[:, shown], ob[:, shown], rtol=0, atol=2e-6)


def test_angle_reproduction_shows_turns_and_rewards_the_pointer():
    env = ngym.make("AngleReproduction")
    env.reset(seed=0)
    env.new_trial(ground_truth1=np.pi + 0.2, ground_truth2=np.pi - 0.1)
    pointer, rewards = np.pi, []
    for step in range(35):
        if step == 30:
            pointer = np.pi
        action = 1 if 5 <= step < 8 else 2 if step >= 30 else 0
        ob, reward, _, _, info = env.step(action)
        pointer += {0: 0, 1: 0.05, 2: -0.05}[action]
        if not info["new_trial"] and step != 29:
            assert ob[16:32] == pytest.approx(np.cos(env.theta - pointer), abs=1e-5)
        rewards.append(reward)
    assert rewards[:25] == [0] * 25
    assert rewards[25:30] == pytest.approx([1 - 0.05] * 5)
    assert rewards[30:] == pytest.approx([1 - 0.05, 1, 1 - 0.05, 1 - 0.1, 1 - 0.15])
    assert info["performance"] == pytest.approx(0.2)  # nearest to its angle as early as can be: the first two of go2
