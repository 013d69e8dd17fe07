"""Examples in docstrings: those of every module of ngym_core run, and the main public names have one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_core as ngym

MODULES = sorted(module.name for module in pkgutil.walk_packages(ngym.__path__, "ngym_core."))
MAIN = """
    describe info.show_all_tasks register make make_vec all_envs get_collection run_env load_trial_table TaskSpec
    testing.check_task spaces.Box spaces.Discrete wrappers.Monitor wrappers.Noise wrappers.PassAction wrappers.PassReward
    wrappers.TimeOut wrappers.FullInput scheduler.SequentialSchedule scheduler.RandomSchedule
    scheduler.SequentialBlockSchedule scheduler.RandomBlockSchedule trial_table.save_trial_table stimuli.Screen
    stimuli.MovingDots
""".split()


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", MAIN)
def test_main_public_name_has_an_example(name):
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(f"ngym_core.{module}".rstrip(".")), attribute)
    assert "Example:\n" in found.__doc__
    assert ">>> " in found.__doc__
