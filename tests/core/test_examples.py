"""Examples in docstrings: those of every module of ngym_core run, and the main public names have one.

Those of `networks` run beside the tests that need torch.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_core as ngym

MODULES = sorted({module.name for module in pkgutil.walk_packages(ngym.__path__, "ngym_core.")} - {"ngym_core.networks"})
MAIN = {
    "": [
        "describe",
        "register",
        "make",
        "make_vec",
        "all_envs",
        "run_env",
        "load_trial_table",
        "TaskSpec",
        "TrialEnv",
        "TrialVectorEnv",
        "TrialWrapper",
        "StepBatch",
        "Draws",
    ],
    "rules": ngym.rules.__all__,
    "random": ["TruncExp", "trunc_exp", "random_number_fn"],
    "sampling": ["sample_as_data"],
    "vector": ["BatchedDraws"],
    "parameters": ["Parameters"],
    "info": ["show_all_tasks"],
    "testing": ["check_task"],
    "spaces": ["Box", "Discrete"],
    "wrappers": [
        "Monitor",
        "Noise",
        "PassAction",
        "PassReward",
        "TimeOut",
        "FullInput",
        "SideBias",
        "TrialHistory",
        "TrialHistoryV2",
        "CatchTrials",
        "RandomGroundTruth",
        "VariableMapping",
        "ScheduleAttr",
        "MultiEnvs",
        "ScheduleEnvs",
        "ReactionTime",
    ],
    "scheduler": ["SequentialSchedule", "RandomSchedule", "SequentialBlockSchedule", "RandomBlockSchedule"],
    "trial_table": ["save_trial_table"],
    "stimuli": ["Screen", "MovingDots"],
}


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in MAIN.items() for name in names])
def test_main_public_name_has_an_example(module, name):
    found = getattr(importlib.import_module(f"ngym_core.{module}".rstrip(".")), name)
    assert "Example:\n" in found.__doc__
    assert ">>> " in found.__doc__
