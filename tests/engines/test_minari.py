from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from .tasks import EVERY_ID

minari = pytest.importorskip("minari")


def text_or_number(value):
    """Minari's HDF5 files give texts back as bytes."""
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("id_", EVERY_ID)
def test_a_collector_records_the_infos_of_whole_episodes(id_, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(gym.make(f"ngym_core:{id_}", max_episode_steps=200), record_infos=True)
    env.action_space.seed(0)
    seen = []
    for episode in range(2):
        _, info = env.reset(seed=episode)
        seen.append([info])
        over = False
        while not over:
            *_, terminated, truncated, info = env.step(env.action_space.sample())
            seen[-1].append(info)
            over = terminated or truncated
    name = f"ngym/{id_.replace('.', '-').lower()}"
    env.create_dataset(name, algorithm_name="random", eval_env=env.spec)
    episodes = list(minari.load_dataset(name).iterate_episodes())
    assert len(episodes) == 2
    for episode, infos in zip(episodes, seen, strict=True):
        assert set(episode.infos) == set(infos[0]) >= {"new_trial", "gt", "performance", "trial", "ended_trial"}
        for key in ("new_trial", "gt", "performance"):
            np.testing.assert_array_equal(episode.infos[key], [info[key] for info in infos])
        assert set(episode.infos["trial"]) == set(infos[0]["trial"])
        for name, column in episode.infos["trial"].items():
            first = infos[0]["trial"][name]
            if isinstance(first, (str, int, float, np.generic)):
                assert [text_or_number(v) for v in column] == pytest.approx([i["trial"][name] for i in infos], nan_ok=True)
