"""Imports that are under way, watched from inside and outside."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec

import pytest

from ngym_core.plugins.unfinished import missing_from, unfinished


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Write modules that can be imported in one test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(**sources):
        for name, source in sources.items():
            file = tmp_path / f"{name.replace('__', '/', 1)}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


NOTE = "from ngym_core.plugins.unfinished import *\n"


def test_unfinished_names_the_outermost_module_of_a_name(modules):
    modules(half____init__=NOTE + "import half.inner\n", half__inner=NOTE + "found = unfinished('half.inner.deep')\n")
    half = importlib.import_module("half")
    assert half.inner.found is half
    assert unfinished("half.inner") is None
    assert unfinished("a_module_that_nobody_has") is None


def test_when_imported_calls_after_the_last_line_and_leaves_the_spec_as_it_was(modules):
    code = NOTE + "import sys\nnow = sys.modules[__name__]\nseen = []\n"
    code += "when_imported(now, lambda: seen.append(last))\nwhen_imported(now, lambda: seen.append(unfinished(__name__)))\n"
    modules(half=code + "before = list(seen)\nlast = 'the last line'\n")
    half = importlib.import_module("half")
    assert (half.before, half.seen) == ([], ["the last line", None])
    assert type(half.__spec__) is ModuleSpec
    assert "_at_end" not in vars(half.__spec__)
    importlib.reload(half)


def test_when_imported_calls_where_the_import_fails(modules):
    code = "import sys\ncalls = sys.modules['calls'].found\nnow = sys.modules[__name__]\n"
    code += "when_imported(now, lambda: calls.append((__name__ in sys.modules, str(sys.exc_info()[1]))))\n1 / 0\n"
    modules(calls="found = []\n", half=NOTE + code)
    calls = importlib.import_module("calls")
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("half")
    assert calls.found == [(False, "division by zero")]


def test_missing_from_finds_circular_imports_only(modules):
    code = "try:\n    {}\nexcept Exception as error:\n    found = missing_from(error)\n"
    modules(
        half=NOTE + "import uses, asks, lacks\n",
        uses=NOTE + code.format("from half import later"),
        asks=NOTE + code.format("import half; half.later"),
        lacks=NOTE + code.format("import a_module_that_nobody_has"),
    )
    half = importlib.import_module("half")
    assert half.uses.found is half
    assert half.asks.found is half
    assert half.lacks.found is None
    assert missing_from(AttributeError("of no object")) is None
