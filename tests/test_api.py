"""The functions of NeuroGym exist with its parameters, in its order, with its defaults."""

from __future__ import annotations

import importlib
import inspect
import math

import pytest

import ngym_core

API = {
    "ngym_data.Dataset": "env env_kwargs=None batch_size=1 seq_len=None max_batch=None batch_first=False cache_len=None",
    "ngym_core.info.show_all_tasks": "tag=None",
    "ngym_core.info.show_all_wrappers": "",
    "ngym_core.info.show_all_tags": "",
    "ngym_core.info.show_info": "obj_",
    "ngym_plot.plot_env": "env num_steps=200 num_trials=None def_act=None model=None name=None legend=True ob_traces=None "
    "fig_kwargs=None fname=None plot_performance=True plot_config=None",
    "ngym_plot.run_env": "env num_steps=200 num_trials=None def_act=None model=None",
    "ngym_plot.visualize_run": "ob actions gt=None rewards=None performance=None states=None legend=True ob_traces=None "
    "name='' fname=None fig_kwargs=None env=None initial_ob=None trial_starts=None plot_config=None",
    "ngym_plot.plot_env_1dbox": "ob actions gt=None rewards=None performance=None states=None legend=True ob_traces=None "
    "name='' fname=None fig_kwargs=None env=None trial_starts=None plot_config=None",
    "ngym_plot.plot_env_3dbox": "ob fname='' env=None",
    "ngym_core.random.TruncExp": "vmean vmin=0 vmax=inf",
    "ngym_core.random.trunc_exp": "rng vmean vmin=0 vmax=inf",
    "ngym_core.random.random_number_fn": "dist args rng",
    "ngym_core.random.random_number_name": "dist args",
    "ngym_core.scheduler.BaseSchedule": "n",
    "ngym_core.scheduler.SequentialSchedule": "n",
    "ngym_core.scheduler.RandomSchedule": "n",
    "ngym_core.scheduler.SequentialBlockSchedule": "n block_lens",
    "ngym_core.scheduler.RandomBlockSchedule": "n block_lens",
    "ngym_core.spaces.Box": "low high name=None **kwargs",
    "ngym_core.spaces.Discrete": "n name=None **kwargs",
    "ngym_core.tasktools.to_map": "*args",
    "ngym_core.tasktools.get_idx": "t start_end",
    "ngym_core.tasktools.get_periods_idx": "dt periods",
    "ngym_core.tasktools.minmax_number": "dist args",
    "ngym_core.tasktools.circular_dist": "original_dist",
    "ngym_core.tasktools.correct_2AFC": "perf",
}


@pytest.mark.parametrize("name", API)
def test_signature_has_neurogyms_parameters(name):
    module, _, attribute = name.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters.values()
    words = []
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY:
            continue
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else f"={'inf' if p.default == math.inf else repr(p.default)}"
        words.append(f"{star}{p.name}{default}")
    assert " ".join(words) == API[name]


def test_core_modules_with_neurogyms_names_can_be_imported():
    for module in ("info", "random", "scheduler", "spaces", "tasktools", "testing", "rules"):
        assert importlib.import_module(f"ngym_core.{module}")
    assert ngym_core.spaces.Box
