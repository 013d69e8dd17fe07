"""BibTeX entries of the papers that tasks and wrappers name."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["bibtex"]


def bibtex(name: str, link: str) -> str:
    """Return a BibTeX entry of what is known of a paper: its title and address.

    Args:
        name: The title; may be empty.
        link: The address; may be empty.

    Example:
        >>> print(bibtex("A study", "https://example.org"))
        @misc{a-study,
          title = {A study},
          url = {https://example.org},
        }
    """
    plain = unicodedata.normalize("NFKD", name or link).encode("ascii", "ignore").decode().lower()
    key = "-".join(re.findall(r"[a-z0-9]+", plain)[:4])
    fields = {"title": name, "url": link}
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
