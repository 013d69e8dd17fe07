"""BibTeX entries of the papers that tasks and wrappers name."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["bibtex", "doi_of"]

DOIS = (
    (r"doi\.org/(10\.\d{4,9}/[^?#\s]+)", "{0}"),
    (r"journals\.plos\.org/\w+/article\?id=(10\.1371/[\w.]+)", "{0}"),
    (r"arxiv\.org/abs/(\d{4}\.\d{4,5})", "10.48550/arXiv.{0}"),
    (r"elifesciences\.org/articles/(\d{5})", "10.7554/eLife.{0}"),
    # Journals that changed their publisher are at the same address, hence these prefixes only.
    (r"nature\.com/articles/((?:nature|nn|nrn)\d+|s415(?:83|86|93)-\d{3}-\d{4}-[\dx])", "10.1038/{0}"),
    (r"science\.sciencemag\.org/content/\d+/\d+/e(a[a-z]{2}[a-z]?\d+)", "10.1126/science.{0}"),
)
"""What of an address decides the DOI, and the DOI. Addresses of ScienceDirect or PNAS, among others, do not."""
OLD_JNEUROSCI = r"jneurosci\.org/content/(?:jneuro/)?(\d+)/(\d+)/(\d+)"
LAST_OLD_VOLUME = 22
"""Up to here DOIs of the Journal of Neuroscience are made of volume, issue and page; later ones of another number."""


def doi_of(link: str) -> str:
    """Return the DOI of a paper, where its address alone decides it; else an empty text.

    Args:
        link: The address.

    Example:
        >>> doi_of("https://www.jneurosci.org/content/12/12/4745"), doi_of("https://example.org")
        ('10.1523/JNEUROSCI.12-12-04745.1992', '')
    """
    address = re.sub(r"^https?://(www\.)?", "", link)
    for pattern, doi in DOIS:
        if found := re.fullmatch(f"{pattern}/?", address):
            return doi.format(*found.groups())
    if (found := re.match(OLD_JNEUROSCI, address)) and int(found[1]) <= LAST_OLD_VOLUME:
        volume, issue, page = map(int, found.groups())
        return f"10.1523/JNEUROSCI.{volume:02}-{issue:02}-{page:05}.{1980 + volume}"
    return ""


def bibtex(name: str, link: str) -> str:
    """Return a BibTeX entry of what is known of a paper: its title and address, and its DOI where the address decides it.

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
    fields = {"title": name, "doi": doi_of(link), "url": link}
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
