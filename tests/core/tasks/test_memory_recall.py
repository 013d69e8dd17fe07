from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("p_recall", [0.05, 0.1, 0.5])
def test_memory_recall_shows_corrupted_versions_of_marked_patterns(balanced, p_recall):
    env = ngym.make("MemoryRecall", balanced=balanced, p_recall=p_recall, t_min=16, t_max=24, stim_dim=12)
    known = []
    for trial in env.sample_trials(300, seed=0):
        t = trial.length
        recalled = max(1, int(p_recall * t))
        stored = t - recalled
        assert (trial.end["storage"], trial.end["recall"]) == (stored, t)
        patterns, marks = trial.ob[:, :12], trial.ob[:, 12]
        assert set(np.unique(patterns[:stored])) == ({-1, 1} if balanced else {0, 1})
        assert marks.sum() == recalled
        assert marks[stored:].sum() == 0
        assert (trial.gt[:stored] == 0).all()
        marked = patterns[:stored][marks[:stored] == 1]
        assert sorted(marked.tolist()) == sorted(trial.gt[stored:].tolist())
        same = patterns[stored:] == trial.gt[stored:]
        known.append(same.mean())
        if balanced:
            assert (patterns[stored:][~same] == 0).all()
    share = 0.4 if balanced else 0.7  # of the unknown 0.6, half would be right by chance: 0.7 again
    assert abs(np.mean(known) - share) < 0.03


def test_memory_recall_rewards_distance_and_scores_elements():
    env = ngym.make("MemoryRecall", t_min=20, t_max=None, p_recall=0.2)
    env.reset(seed=0)
    rewards = []
    for step in range(20):
        action = np.zeros(10) if step < 16 else env.gt_now * np.where(np.arange(10) < step - 15, -0.5, 1)
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
    assert rewards == pytest.approx([0] * 16 + [-0.15, -0.3, -0.45, -0.6])
    assert info["performance"] == pytest.approx(1 - (1 + 2 + 3 + 4) / 40)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"t_distribution": "normal"},
            "t_distribution='normal' must be one of 'uniform'.",
        ),
        ({"stim_dim": 0}, r"stim_dim=0 must be an integer from 1\."),
        ({"t_min": 20, "t_max": 10}, r"t_max=10 must not be below t_min=20\."),
        ({"p_recall": 0.6}, r"p_recall=0\.6 must be a finite number from 0 to 0\.5\."),
        ({"chance": 0.2}, r"chance=0\.2 must be a finite number from 0\.5 to 1\."),
    ],
)
def test_memory_recall_rejects_invalid_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        ngym.make("MemoryRecall", **wrong)
