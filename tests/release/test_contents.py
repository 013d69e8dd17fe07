from __future__ import annotations

import zipfile

import pytest

from . import contents

METADATA = "Metadata-Version: 2.4\nName: ngym-data\nVersion: {version}\nRequires-Dist: {needs}\n"


def wheel(folder, *, version="0.1.0", needs="ngym-core>=0.1.0", **files):
    path = folder / f"ngym_data-{version}-py3-none-any.whl"
    info = f"ngym_data-{version}.dist-info"
    inside = {f"{info}/METADATA": METADATA.format(version=version, needs=needs), f"{info}/licenses/LICENSE": "MIT"}
    inside |= {"ngym_data/py.typed": "", "ngym_data/__init__.py": "x = 1\n"} | files
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in inside.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def test_repository_has_one_version():
    assert contents.repository_problems(contents.core_version()) == []
    assert len(contents.repository_problems("9.9.9")) == 6


def test_a_right_wheel_has_no_problems(tmp_path):
    assert contents.problems(wheel(tmp_path), "0.1.0") == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"version": "0.0.9"}, "version 0.0.9, not 0.1.0"),
        ({"needs": "ngym-core>=0.0.1"}, r"needs \['ngym-core>=0.0.1'\]"),
        ({"tests/test_x.py": ""}, "is outside the package"),
        ({"ngym_data/tests/conftest.py": ""}, "is a test"),
        ({"ngym_data/__pycache__/x.pyc": ""}, "is no source"),
        ({"ngym_data/py.typed": None}, "no py.typed"),
        ({"ngym_data/_x.py": "FOLDER = '/home/somebody/ngym'\n"}, "has a path of a machine: '/home/somebody"),
        ({"ngym_data/_x.py": f"# {contents.ROOT}\n"}, "has a path of a machine"),
    ],
)
def test_what_belongs_in_no_wheel_is_found(tmp_path, changed, problem):
    found = "\n".join(contents.problems(wheel(tmp_path, **changed), "0.1.0"))
    with pytest.raises(AssertionError, match=problem):
        assert not found, found
