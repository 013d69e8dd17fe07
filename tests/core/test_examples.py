"""Runs the examples in the docstrings of every module of ngym_core."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_core

MODULES = sorted(module.name for module in pkgutil.walk_packages(ngym_core.__path__, "ngym_core."))


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0
