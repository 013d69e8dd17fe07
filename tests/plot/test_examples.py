"""The examples in docstrings run and show what is returned."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ngym_plot

MODULES = [module.name for module in pkgutil.iter_modules(ngym_plot.__path__, "ngym_plot.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_of_ngym_plot_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write files
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_of_ngym_plot_is_in_an_example():
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    source = "".join(example.source for test in tests for example in test.examples)
    with_example = {test.name.rpartition(".")[2] for test in tests if test.examples}
    for name in set(ngym_plot.__all__) - {"__version__", "run_env"}:
        assert name in with_example or f"{name}(" in source, name
