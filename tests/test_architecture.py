"""docs/architecture.md and CONTRIBUTING.md name what exists: modules, paths, classes, functions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(init.parent for init in (ROOT / "packages").glob("*/src/*/__init__.py"))
PAGES = ["docs/architecture.md", "CONTRIBUTING.md"]


def text_of(page):
    return (ROOT / page).read_text()


def blocks_of(text):
    return re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


# ---- the map ------------------------------------------------------------------------------------


def paths_of(tree):
    """The paths of a tree in which two more spaces are one folder deeper, and the text after two spaces is a remark."""
    folders, paths = [], []
    for line in tree.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        folders = folders[: len(indent) // 2]
        paths.append("".join(folders) + name)
        folders.append(name)
    return paths


def missing_from(paths, modules):
    """Modules that a map lacks; a folder stands for its `__init__.py`, `*.py` for public modules of its folder."""
    folders = {path.rstrip("/") for path in paths if path.endswith("/")}
    globbed = {path.removesuffix("/*.py") for path in paths if path.endswith("/*.py")}
    missing = []
    for module in modules:
        folder, _, name = module.rpartition("/")
        in_glob = folder in globbed and not name.startswith("_")
        if not (module in paths or (name == "__init__.py" and folder in folders) or in_glob):
            missing.append(module)
    return missing


def map_of_packages():
    (tree,) = (block for block in blocks_of(text_of("docs/architecture.md")) if block.startswith("packages/"))
    return paths_of(tree)


MODULES = [path.relative_to(ROOT).as_posix() for source in SOURCES for path in sorted(source.rglob("*.py"))]


def test_map_has_every_module():
    assert len(MODULES) > 100
    assert missing_from(map_of_packages(), MODULES) == []


def test_map_has_no_path_that_does_not_exist():
    paths = map_of_packages()
    assert sorted(set(paths)) == sorted(paths)
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/"))), path
        assert (ROOT / path).is_dir() == path.endswith("/"), path


def test_map_lacks_a_new_module_but_not_one_of_a_globbed_folder():
    paths = paths_of("p/\n  a.py   remark: b.py\n  q/\n    _h.py\n    *.py\n")
    assert paths == ["p/", "p/a.py", "p/q/", "p/q/_h.py", "p/q/*.py"]
    modules = ["p/__init__.py", "p/a.py", "p/b.py", "p/q/new.py", "p/q/_h.py", "p/q/_new.py", "p/r/__init__.py"]
    assert missing_from(paths, modules) == ["p/b.py", "p/q/_new.py", "p/r/__init__.py"]


# ---- names --------------------------------------------------------------------------------------


def test_each_public_class_has_a_name_of_its_own():
    places = {}
    for module in MODULES:
        body = ast.parse((ROOT / module).read_text()).body
        lists = [node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
        public = {name.value for names in lists for name in ast.walk(names) if isinstance(name, ast.Constant)}
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name in public:
                places.setdefault(node.name, []).append(module)
    assert len(places) > 100
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def members_of(body):
    """Names that statements define or import, also within `if`."""
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.If):
            names |= members_of(node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def attributes_of(tree):
    """Class -> its names, those that its methods set on `self`, and its bases."""
    classes = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = members_of(node.body) | {base.id for base in node.bases if isinstance(base, ast.Name)}
            for child in ast.walk(node):
                if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
                    names.add(child.attr)
            classes[node.name] = names
    return classes


def identifiers_of(tree):
    """Every identifier, keyword and short string of a module."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(getattr(node, field, None), str):
                yield from getattr(node, field).split(".")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:
            yield node.value


def index_of(modules):
    """What the packages define: module -> names, class -> names, and all identifiers."""
    by_module, by_class, identifiers = {}, {}, set()
    for path in modules:
        tree = ast.parse((ROOT / path).read_text())
        dotted = path.split("/src/")[1].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        by_module[dotted] = members_of(tree.body)
        for name, names in attributes_of(tree).items():
            by_class.setdefault(name, set()).update(names)
        identifiers.update(identifiers_of(tree))
    return by_module, by_class, identifiers


BY_MODULE, BY_CLASS, IDENTIFIERS = index_of(MODULES)
for test in (ROOT / "tests").rglob("*.py"):
    if test != Path(__file__):  # which has names that do not exist
        IDENTIFIERS.update(identifiers_of(ast.parse(test.read_text())))


def has_attribute(kind, name):
    """Whether a class of ours, or one of its bases, has a name."""
    return name in BY_CLASS[kind] or any(has_attribute(base, name) for base in BY_CLASS[kind] & set(BY_CLASS) - {kind})


def exists(name):
    """Whether a name is one of the code, with its module (`ngym_core.trials.Trials`), its class (`Trials.ob`) or neither."""
    first, *rest = name.split(".")
    if first in {source.name for source in SOURCES}:
        parts = name.split(".")
        module = next(k for k in range(len(parts), 0, -1) if ".".join(parts[:k]) in BY_MODULE)
        rest = parts[module:]
        if not rest:
            return True
        if rest[0] not in BY_MODULE[".".join(parts[:module])]:
            return False
        first, *rest = rest
    if first not in BY_CLASS:
        return first in IDENTIFIERS and not rest
    return not rest or (len(rest) == 1 and has_attribute(first, rest[0]))


def names_in(text):
    """Names in code type in the prose, and names with a class or a package in the pictures."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    quoted = [re.sub(r"\(.*\)$", "", code) for code in re.findall(r"`([^`\n]+)`", prose)]
    pictured = [name for block in blocks_of(text) for name in re.findall(r"\b(?:[A-Z]\w+|ngym_\w+)(?:\.\w+)+\b(?!/)", block)]
    return sorted({name for name in quoted if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", name)} | set(pictured))


def is_path(name):
    return name.endswith((".py", ".md", ".toml", ".txt"))


@pytest.mark.parametrize("page", PAGES)
def test_names_on_a_page_are_names_of_the_code(page):
    names = [name for name in names_in(text_of(page)) if not is_path(name)]
    assert len(names) > 20
    assert [name for name in names if not exists(name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_paths_on_a_page_exist(page):
    text = text_of(page)
    for path in re.findall(r"`([\w./-]+)`", text):
        if is_path(path) or path.startswith(("tests/", "packages/")):
            assert (ROOT / path).exists() or any(module.endswith(f"/{path}") for module in MODULES), path
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https:") or ((ROOT / page).parent / link).exists(), link


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("ngym_core.trials.Trials", True),
        ("ngym_core.trials.Trials.flat_steps", True),
        ("ngym_core.trials.Tirals", False),
        ("ngym_core.trials.Trials.flat_step", False),
        ("ngym_core.timing", False),
        ("TrialWrapper.draw_conditions", True),
        ("TrialWrapper.decide", False),
        ("RuleBackend.num_tr", True),  # of its base class
        ("Dataset.seeds", True),
        ("Receipt", False),
        ("draw_conditions", True),
    ],
)
def test_a_name_exists_where_it_is_defined(name, there):
    assert exists(name) == there


def test_names_are_found_in_prose_and_pictures():
    text = "Call `Trials.add_ob(1)`, not `no name`.\n```text\nRule.step_one -> x\n```\n```python\nFoo.bar\n```\n"
    assert names_in(text) == ["Rule.step_one", "Trials.add_ob"]
