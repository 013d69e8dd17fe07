"""What the built distributions hold: one version, nothing that belongs to no user. Run by ``nox -s release``."""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "data", "plot", "sb3")
ABSOLUTE_PATH = re.compile(rb"""["'(\s](?:/home/|/root/|/Users/|/tmp/|/work/|[A-Z]:\\\\)[\w.-]+""")
"""A path of somebody's machine, in a text."""


def files_of(path: Path) -> dict[str, bytes]:
    """Return name -> content of the files of a wheel or sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(path) as sdist:
        members = [member for member in sdist.getmembers() if member.isfile()]
        return {member.name: sdist.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def metadata_of(files: dict[str, bytes]) -> Message:
    """Return the metadata among the files of a wheel or sdist."""
    (name,) = (name for name in files if re.fullmatch(r"[^/]+\.dist-info/METADATA|[^/]+/PKG-INFO", name))
    return Parser().parsestr(files[name].decode())


def problems(path: Path, version: str) -> list[str]:
    """Return what is wrong with a wheel or sdist, as texts."""
    files, found = files_of(path), []
    metadata, package = metadata_of(files), path.name.split("-")[0]
    if metadata["Version"] != version:
        found.append(f"version {metadata['Version']}, not {version}")
    needs = [need for need in metadata.get_all("Requires-Dist", []) if need.startswith("ngym")]
    if package != "ngym_core" and needs != [f"ngym-core>={version}"]:
        found.append(f"needs {needs}, not ngym-core>={version}")
    names = list(files)
    if path.suffix == ".whl":
        outside = [name for name in names if not re.match(rf"{package}/|{package}-[^/]+\.dist-info/", name)]
        found += [f"{name} is outside the package" for name in outside]
        if f"{package}/py.typed" not in files:
            found.append("no py.typed")
    if not any(name.endswith("/LICENSE") for name in names):
        found.append("no LICENSE")
    found += [f"{name} is a test" for name in names if re.search(r"(^|/)(tests?/|test_[^/]*\.py$|conftest\.py$)", name)]
    found += [f"{name} is no source" for name in names if re.search(r"\.pyc$|__pycache__|\.DS_Store$", name)]
    for name, content in files.items():
        if b"\0" not in content and (there := ABSOLUTE_PATH.search(content) or (str(ROOT).encode() in content)):
            where = there.group().decode().strip() if isinstance(there, re.Match) else str(ROOT)
            found.append(f"{name} has a path of a machine: {where}")
    return found


def repository_problems(version: str) -> list[str]:
    """Return in which files of the repository another version stands."""
    found = []
    for package in PACKAGES:
        project = tomllib.loads((ROOT / f"packages/ngym-{package}/pyproject.toml").read_text())["project"]
        if project["version"] != version:
            found.append(f"ngym-{package} has the version {project['version']}, ngym-core {version}")
    if f"\nversion: {version}\n" not in (ROOT / "CITATION.cff").read_text():
        found.append(f"CITATION.cff has another version than {version}")
    if not re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M):
        found.append(f"CHANGELOG.md has no section {version}")
    return found


def core_version() -> str:
    """Return the version of ngym-core, which all four have."""
    project = tomllib.loads((ROOT / "packages/ngym-core/pyproject.toml").read_text())["project"]
    return str(project["version"])


def main(folder: Path) -> None:
    """Print what is wrong, and exit with 1 if anything is."""
    version = core_version()
    found = repository_problems(version)
    built = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    if len(built) != 2 * len(PACKAGES):
        found.append(f"{len(built)} files in {folder.name}/, not {2 * len(PACKAGES)}")
    for path in built:
        wrong = problems(path, version)
        found += [f"{path.name}: {text}" for text in wrong]
        print(f"{path.name:40} {path.stat().st_size / 1024:7.0f} KiB  {len(files_of(path)):4} files")
    print("\n".join(found) or f"All {len(built)} files are of version {version}, with licence, and without tests or paths.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
