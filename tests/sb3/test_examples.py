from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_sb3

MODULES = sorted(f"ngym_sb3.{module.name}" for module in pkgutil.iter_modules(ngym_sb3.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_of_ngym_sb3(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write files
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", sorted(set(ngym_sb3.__all__) - {"__version__"}))
def test_public_names_of_ngym_sb3_have_an_example(name):
    assert ">>> " in getattr(ngym_sb3, name).__doc__
