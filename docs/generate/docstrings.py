"""Docstrings in Google style, as the parts that pages show."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any, NamedTuple

__all__ = ["Docstring", "as_markdown", "read_docstring", "table"]

SECTION = re.compile(r"^([A-Z][A-Za-z]+(?: \([a-z]+\))?):$")
ITEM = re.compile(r"^(\*{0,2}[A-Za-z_][\w.]*(?:, [\w.]+)*): (.*)$")


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
        """Return the entries of a section, name -> what is said about it; empty if it has none."""
        found: dict[str, str] = {}
        name = ""
        for line in self.sections.get(title, "").splitlines():
            if match := ITEM.match(line):
                name = match[1]
                found[name] = match[2]
            elif name and line.startswith(" "):
                found[name] += f" {line.strip()}"
        return found


def read_docstring(obj: Any) -> Docstring:
    """Read the docstring of an object, or of the one that it wraps."""
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


def as_markdown(text: str) -> str:
    """Return the text of a docstring as Markdown: literals of reStructuredText have one backtick there."""
    return text.replace("``", "`")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown, or the word "None." if it has no rows."""
    if not rows:
        return "None."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
