"""The examples in docstrings run; those of modules in NEED_TORCH run beside other tests that need torch."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_data

NEED_TORCH = {"ngym_data.torch_loaders", "ngym_data.scoring", "ngym_data.supervised"}
MODULES = sorted({f"ngym_data.{module.name}" for module in pkgutil.iter_modules(ngym_data.__path__)} - NEED_TORCH)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_of_ngym_data_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write files
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", ["Dataset", "TrialDataset", "export_trials", "load_trials", "rerun", "score"])
def test_public_names_of_ngym_data_have_an_example(name):
    documentation = getattr(ngym_data, name).__doc__
    assert "Example:\n" in documentation
    assert ">>> " in documentation
