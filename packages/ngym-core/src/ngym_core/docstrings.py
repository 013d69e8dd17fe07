"""Docstrings in Google style, as the parts that `ngym info` and the pages of tasks and wrappers show."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any, NamedTuple

__all__ = ["Docstring", "read_docstring"]

SECTION = re.compile(r"^([A-Z][A-Za-z]+(?: \([a-z]+\))?):$")
NAME = r"\*{0,2}[A-Za-z_][\w.{}-]*"
ITEM = re.compile(rf"^({NAME}(?:, {NAME})*): (.*)$")


class Docstring(NamedTuple):
    """The parts of a docstring.

    Attributes:
        purpose: The first paragraph, in one line.
        text: The paragraphs between it and the sections.
        sections: Title -> its lines, without their indent.
    """

    purpose: str
    text: str
    sections: dict[str, str]

    def items(self, title: str) -> dict[str, str]:
        """Return the entries of a section, name -> what is said about it; empty if it has none.

        Args:
            title: The section's title, such as ``Args``.
        """
        found: dict[str, str] = {}
        names: list[str] = []
        for line in self.sections.get(title, "").splitlines():
            if match := ITEM.match(line):
                names = match[1].split(", ")
                found |= dict.fromkeys(names, match[2])
            elif names and line.startswith(" "):
                found |= dict.fromkeys(names, f"{found[names[0]]} {line.strip()}")
        return found

    def said_of(self, title: str, name: str) -> str:
        """Return what a section says of a name; empty if it says nothing.

        Args:
            title: The section's title.
            name: The name. Numbers in it may be letters in braces there: ``loc{i}`` speaks of ``loc0`` and ``loc1``.
        """
        items = self.items(title)
        if name in items:
            return items[name]
        patterns = {re.sub(r"\\\{\w+\\\}", r"\\d+", re.escape(item)): said for item, said in items.items() if "{" in item}
        return next((said for pattern, said in patterns.items() if re.fullmatch(pattern, name)), "")


def read_docstring(obj: Any) -> Docstring:
    """Read the docstring of an object, or the one that it inherits.

    Args:
        obj: A class or a function.

    Example:
        >>> from ngym_core.docstrings import read_docstring
        >>> from ngym_core.tasks.go_nogo import GoNogo
        >>> read_docstring(GoNogo).items("Args")["dt"]
        'Time step in ms.'
    """
    lines = (inspect.getdoc(obj) or "").splitlines()
    sections: dict[str, list[str]] = {}
    before: list[str] = []
    current = before
    for line in lines:
        if match := SECTION.match(line):
            current = sections.setdefault(match[1], [])
        elif current is not before and line and not line.startswith(" "):
            before.append(line)
            current = before
        else:
            current.append(line)
    purpose, _, text = "\n".join(before).partition("\n\n")
    bodies = {title: textwrap.dedent("\n".join(body)).strip("\n") for title, body in sections.items()}
    return Docstring(" ".join(purpose.split()), text.strip(), bodies)
