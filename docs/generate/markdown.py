"""Markdown of the parts of docstrings."""

from __future__ import annotations

__all__ = ["as_markdown", "table"]


def as_markdown(text: str) -> str:
    """Return the text of a docstring as Markdown: literals of reStructuredText have one backtick there."""
    return text.replace("``", "`")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown, without columns that are empty in all rows, or the word "None." if it has no rows."""
    if not rows:
        return "None."
    filled = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[line[i] for i in filled] for line in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
