"""Core imports nothing heavy; the other packages import core and never each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent.parent / "packages"
NAMES = ["core", "data", "plot", "sb3"]
HEAVY = {"matplotlib", "torch", "scipy", "stable_baselines3", "sb3_contrib", "pandas"}


def sources(name):
    return sorted((PACKAGES / f"ngym-{name}" / "src").rglob("*.py"))


def imported(path):
    """Top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("name", NAMES)
def test_imports_go_one_way(name):
    ours = {f"ngym_{other}" for other in NAMES}
    allowed = {f"ngym_{name}", "ngym_core"}
    for path in sources(name):
        found = set(imported(path))
        assert not found & ours - allowed, path
        if name == "core":
            assert not found & HEAVY - {"pandas"}, path  # `load_trial_table` makes a data frame where pandas is installed


@pytest.mark.parametrize("name", NAMES)
def test_importing_a_package_loads_nothing_heavy(name):
    code = f"import sys, ngym_{name}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {m.split(".")[0] for m in modules} & HEAVY
    assert not {"click", "ngym_core.env", "ngym_core.trials"} & set(modules)  # nor do packs that are found
    assert not [m for m in modules if re.match(r"ngym_core\.(tasks|wrappers)\.", m)]


def test_the_four_packages_share_a_version_and_declare_what_they_need():
    versions = set()
    for name in NAMES:
        folder = PACKAGES / f"ngym-{name}"
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        versions.add(project["version"])
        versions.add(re.search(r'__version__ = "(.*)"', (folder / "src" / f"ngym_{name}" / "__init__.py").read_text())[1])
        assert (folder / "src" / f"ngym_{name}" / "py.typed").exists()
        assert len((folder / "README.md").read_text().splitlines()) >= 5
        for requirement in project["dependencies"]:
            assert ">=" in requirement
            assert "==" not in requirement
    assert len(versions) == 1


@pytest.mark.parametrize("name", NAMES)
def test_public_names_exist(name):
    module = __import__(f"ngym_{name}")
    for public in module.__all__:
        assert getattr(module, public) is not None
        assert public.startswith("__") or getattr(module, public).__doc__
    with pytest.raises(AttributeError):
        _ = module.something_else


def test_no_folder_or_file_is_named_after_nothing_in_particular():
    for path in [p for name in NAMES for p in sources(name)]:
        assert not {"utils", "common", "misc", "contrib"} & set(path.parts), path


def test_nothing_names_a_place_on_one_machine():
    root = PACKAGES.parent
    files = [root / "README.md", root / "noxfile.py", *[p for name in NAMES for p in sources(name)]]
    for path in files:
        assert not re.search(r"/(home|root|tmp|work)/", path.read_text()), path
