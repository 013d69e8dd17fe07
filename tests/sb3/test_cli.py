from __future__ import annotations

import sys

from ngym_core import cli
from ngym_sb3.cells import CELLS
from ngym_sb3.cli import ALGORITHM_NAMES, POLICY_NAMES
from ngym_sb3.config import ALGORITHMS

ID = "PerceptualDecisionMaking-v0"


def test_train_offers_all_algorithms_and_cells():
    assert list(ALGORITHM_NAMES) == list(ALGORITHMS)
    assert list(POLICY_NAMES) == [*CELLS, "mlp"]


def test_train_saves_continues_and_rejects_other_settings(tmp_path, monkeypatch, capsys):
    def command(*words):
        """Return the exit code of `ngym` and what it printed."""
        monkeypatch.setattr(sys, "argv", ["ngym", *map(str, words)])
        try:
            cli.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().err
        return 0, capsys.readouterr().out

    code, out = command("train", "--help")
    assert "can run code when it is loaded: load no stranger's." in " ".join(out.split())
    words = ["train", "Bandit-v0", "--envs", 8, "--policy", "rnn", "--out", tmp_path / "run", "--steps"]
    code, out = command(*words, 1024)
    assert code == 0
    assert "before: performance" in out
    assert "after:  performance" in out
    assert "\nall   " in out
    files = {"model.zip", "progress.csv", "progress.npz", "config.json", "checkpoint.npz", "trials.csv", "trials.npz"}
    assert files <= {p.name for p in (tmp_path / "run").iterdir()} <= files | {"behaviour.png"}
    code, out = command(*words, 1536)
    assert code == 0
    assert "holds training of 1,024 steps; it continues" in out
    code, error = command(*words, 1536, "--seed", 1)
    assert code == 1
    assert error.startswith("Error: ")
    assert "holds training with other settings: seed 0 (now 1)" in error
    text = '[[stages]]\nconditions.coh = 51.2\nuntil = {metric = "steps", threshold = 0, window = 4}\n[[stages]]\n'
    (tmp_path / "stages.toml").write_text(text)
    words = ["train", ID, "--envs", 8, "--policy", "rnn", "--steps", 2048, "--curriculum"]
    code, out = command(*words, tmp_path / "stages.toml")
    assert code == 0
    assert "\nstage:  1 of 0 to 1\n" in out
    (tmp_path / "stages.toml").write_text(text.replace("conditions.coh", "conditions.cohs"))
    code, error = command(*words, tmp_path / "stages.toml")
    assert code == 1
    assert "stages.toml, line 2: Unknown condition of <PerceptualDecisionMaking> 'cohs'. Did you mean 'coh'?" in error
    code, error = command("train", ID, "--algo", "ppo", "--policy", "gru")
    assert code == 1
    assert "Unknown policy of ppo 'gru'. Valid: 'mlp'" in error
