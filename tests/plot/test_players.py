from __future__ import annotations

import pytest

from ngym_plot.players import load_player


@pytest.mark.parametrize("name", ["RecurrentPPO", "PPO", "DQN"])
def test_load_player_finds_the_algorithm_that_saved_an_agent(sb3_algorithms, tmp_path, name):
    (tmp_path / "model.zip").write_text(name)
    assert isinstance(load_player(tmp_path / "model.zip"), sb3_algorithms[name])


def test_load_player_rejects_a_file_that_is_not_an_agent(sb3_algorithms, tmp_path):
    (tmp_path / "model.zip").write_text("something")
    with pytest.raises(ValueError, match=r"model.zip is not an agent .* damaged \(RecurrentPPO, PPO, A2C, DQN: another"):
        load_player(tmp_path / "model.zip")
