"""New packs: writes a package with a task, its tests and all that is needed to check and to publish it."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from string import Template

from ngym_core import __version__
from ngym_core.arguments import FilePath, Text, checked
from ngym_core.files import atomic_write, claim_folder
from ngym_core.plugins import hookspecs, registry

__all__ = ["write_pack"]

MAX_NAME_CHARACTERS = 28
"""Length of a name, at most: the lines that hold it stay as the formatter wants them."""
TEMPLATES = {
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "noxfile.py": "noxfile.py",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci.yml",
    "src/$module/__init__.py": "init.py",
    "src/$module/tasks.py": "tasks.py",
    "tests/test_tasks.py": "test_tasks.py",
}
"""File of a pack -> its template."""


@checked
def write_pack(name: Text, folder: FilePath | None = None) -> list[Path]:
    """Write a pack: a package with one task and its tests, whose `nox` passes as it is.

    Args:
        name: Name of the package that is imported, such as ``my_pack``. The task is named after it: ``MyPack-v0``.
        folder: A new or empty folder; by default one of this name in the current folder.

    Returns:
        The files.

    Raises:
        ValueError: A name that no package should have, or whose task exists already.
        FileExistsError: The folder is not empty. Nothing is written then.

    Example:
        >>> [str(file) for file in write_pack("my_pack")][:3]
        ['my_pack/README.md', 'my_pack/pyproject.toml', 'my_pack/noxfile.py']
    """
    task = "".join(part.capitalize() for part in name.split("_"))
    _check_name(name, f"{task}-v0")
    names = {"module": name, "distribution": name.replace("_", "-"), "task": task, "task_id": f"{task}-v0"}
    names["version"] = __version__
    names["hooks"] = ", ".join(f"`{hook}`" for hook in hookspecs.__all__ if hook not in ("hookimpl", "ngym_tasks"))
    folder = Path(name if folder is None else folder).expanduser()
    templates = files("ngym_core.plugins").joinpath("pack_template")
    written: list[Path] = []
    with claim_folder(folder):
        try:
            for path, template in TEMPLATES.items():
                file = folder / Template(path).substitute(names)
                text = Template(templates.joinpath(f"{template}.template").read_text(encoding="utf-8")).substitute(names)
                with atomic_write(file) as temporary:
                    temporary.write_text(text, encoding="utf-8", newline="\n")
                written.append(file)
        except BaseException:  # half a pack helps nobody
            for file in written:
                file.unlink()
            for made in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
                with suppress(OSError):  # it is not empty
                    made.rmdir()
            raise
    return written


def _check_name(name: str, task_id: str) -> None:
    """Raise if no package should have a name, or if its task exists already."""
    if not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        words = re.findall("[a-z0-9]+", re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower())
        better = "_".join(words).lstrip("0123456789_") or "my_pack"
        raise ValueError(
            f"name={name!r} is not the name of a package: lower-case letters, digits and single underscores, the first a "
            f"letter, such as {better!r}."
        )
    if len(name) > MAX_NAME_CHARACTERS:
        raise ValueError(f"name={name!r} has {len(name)} characters; {MAX_NAME_CHARACTERS} are the most.")
    if name in sys.stdlib_module_names or keyword.iskeyword(name):
        raise ValueError(f"name={name!r} belongs to Python itself; take another, such as {name + '_tasks'!r}.")
    found = importlib.util.find_spec(name)
    if found is not None and found.origin is not None:  # else it is a mere folder
        raise ValueError(f"name={name!r}: a package of this name is installed already; take another.")
    if task_id in registry.all_envs(collections=True):
        raise ValueError(f"name={name!r}: the task {task_id!r} exists already; take another, such as {name + '_pack'!r}.")
