"""Rules over all packages: who imports what, which names are public, and how files and tests are named."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent.parent / "packages"
NAMES = ["core", "data", "plot", "sb3"]
HEAVY = {"matplotlib", "torch", "scipy", "stable_baselines3", "sb3_contrib", "pandas"}

PRIVATE_IN_SB3 = {
    *("_get_action_dist_from_latent", "_last_lstm_states", "_process_sequence"),
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
}
"""Private attributes of Stable-Baselines3, and of PyTorch's modules, that have no public counterpart, besides those listed
in `model_state.py`."""


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
def test_package_imports_core_and_no_other_package(name):
    ours = {f"ngym_{other}" for other in NAMES}
    allowed = {f"ngym_{name}", "ngym_core"}
    for path in sources(name):
        found = set(imported(path))
        assert not found & ours - allowed, path
        if name == "core":
            assert not found & HEAVY - {"pandas"}, path  # `load_trial_table` makes a data frame where pandas is installed


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def private_imports(tree):
    """Imports from core with a private module or name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ngym_core":
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names if alias.name.startswith("ngym_core") for part in alias.name.split(".")]
        else:
            continue
        yield from (f"line {node.lineno}: {name}" for name in names if is_private(name))


def private_attributes(tree):
    """Reads and writes of private attributes that the module's own classes and functions do not define."""
    own, found = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            base = node.value
            if isinstance(base, ast.Name) and base.id in ("self", "cls"):
                own.add(node.attr)
            elif not (isinstance(base, ast.Call) and getattr(base.func, "id", "") == "super"):
                found.append((node.attr, node.lineno))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "hasattr", "setattr")
        ):
            name = getattr(node.args[1], "value", "")
            if isinstance(name, str) and is_private(name):
                found.append((name, node.lineno))
    return [f"line {line}: {name}" for name, line in found if name not in own]


@pytest.mark.parametrize("name", NAMES[1:])
def test_package_uses_only_public_names_of_core(name):
    assert len(sources(name)) > 10
    for path in sources(name):
        tree = ast.parse(path.read_text())
        assert list(private_imports(tree)) == [], path
        used = [use for use in private_attributes(tree) if use.split()[-1] not in (PRIVATE_IN_SB3 if name == "sb3" else ())]
        assert used == [], path


@pytest.mark.parametrize(
    ("code", "private"),
    [
        ("from ngym_core._scan import scan_states", ["line 1: _scan"]),
        ("from ngym_core.trials._kernels import paint", ["line 1: _kernels"]),
        ("from ngym_core.sampling import _locks", ["line 1: _locks"]),
        ("from ngym_core.trials import _kernels", ["line 1: _kernels"]),
        ("import ngym_core.vector._struct_array as s", ["line 1: _struct_array"]),
        ("trials._periods.spans", ["line 1: _periods"]),
        ("self.trials._periods", ["line 1: _periods"]),
        ("getattr(env, '_draws')", ["line 1: _draws"]),
        ("from ngym_core import __version__; self._x = super()._y; other._x, env.__dict__", []),
    ],
)
def test_private_names_are_found_in_a_module(code, private):
    tree = ast.parse(code)
    assert [*private_imports(tree), *private_attributes(tree)] == private


@pytest.mark.parametrize("name", NAMES)
def test_package_import_loads_nothing_heavy(name):
    code = f"import sys, ngym_{name}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {m.split(".")[0] for m in modules} & HEAVY
    assert not {"click", "ngym_core.env", "ngym_core.trials"} & set(modules)  # nor do packs that are found
    assert not [m for m in modules if re.match(r"ngym_core\.(tasks|wrappers)\.", m)]


def test_packages_share_a_version_and_declare_lower_bounds():
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
def test_package_has_its_public_names_with_docstrings(name):
    module = __import__(f"ngym_{name}")
    for public in module.__all__:
        assert getattr(module, public) is not None
        assert public.startswith("__") or getattr(module, public).__doc__
    with pytest.raises(AttributeError):
        _ = module.something_else


@pytest.mark.parametrize("name", NAMES)
def test_package_dir_lists_public_names_and_modules_only(name):
    module = importlib.import_module(f"ngym_{name}")
    listed = set(dir(module))
    assert set(module.__all__) <= listed
    for other in listed - set(module.__all__):
        special = other.startswith("__") and other.endswith("__")
        assert special or (not is_private(other) and importlib.util.find_spec(f"ngym_{name}.{other}")), other


def types_of(package):
    """What a package imports for type checkers alone (name -> module), and the names that it has at once."""
    types, at_once = {}, set()
    for node in ast.parse(Path(package.__file__).read_text()).body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            for part in (part for part in node.body if isinstance(part, ast.ImportFrom)):
                types |= {alias.asname or alias.name: part.module for alias in part.names}
        elif isinstance(node, ast.ImportFrom):
            at_once |= {alias.asname or alias.name for alias in node.names}
    return types, at_once


@pytest.mark.parametrize("name", [*(f"ngym_{name}" for name in NAMES), "ngym_core.wrappers"])
def test_type_checkers_see_the_lazy_names_of_a_package(name):
    """A name that the block lacks is `Any` for mypy, without a word."""
    package = importlib.import_module(name)
    types, at_once = types_of(package)
    listed = getattr(package, "__all__", None) or {
        other for other in dir(package) if not other.startswith("__") and other not in vars(package)
    }
    assert set(types) == {other for other in listed if not other.startswith("__")} - at_once
    for other, module in types.items():
        home = importlib.import_module(module)
        assert getattr(package, other) is getattr(home, other), other


def test_public_name_in_two_packages_is_one_object():
    packages = [importlib.import_module(f"ngym_{name}") for name in NAMES]
    for one, other in combinations(packages, 2):
        for name in {*one.__all__} & {*other.__all__} - {"__version__"}:
            assert getattr(one, name) is getattr(other, name), (one.__name__, other.__name__, name)


def test_names_of_tests_stand_in_one_file_each():
    tests = Path(__file__).parent
    files = defaultdict(set)
    for path in tests.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                files[node.name].add(str(path.relative_to(tests)))
    assert {name: sorted(found) for name, found in files.items() if len(found) > 1} == {}


def test_sources_have_no_folder_for_anything():
    for path in [p for name in NAMES for p in sources(name)]:
        assert not {"utils", "common", "misc", "contrib"} & set(path.parts), path


def test_sources_name_no_path_of_one_machine():
    root = PACKAGES.parent
    files = [root / "README.md", root / "noxfile.py", *[p for name in NAMES for p in sources(name)]]
    for path in files:
        assert not re.search(r"/(home|root|tmp|work)/", path.read_text()), path
