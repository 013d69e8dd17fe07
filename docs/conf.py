"""Configuration of the site, which Sphinx reads: ``python -m nox -s docs``, which runs ``python -m docs.generate`` first."""

from __future__ import annotations

import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # else tutorials show the names of figures

import ngym_core

project = "ngym"
author = "the ngym authors"
copyright = author
version = release = ngym_core.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "myst_nb"]
exclude_patterns = ["generate", "generated/extra"]
html_extra_path = ["generated/extra"]
html_static_path = ["_static"]
html_theme = "pydata_sphinx_theme"
html_title = "ngym"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_css_files = ["site.css"]
html_sidebars = {"*": [], "generated/*": []}  # pages by themselves: there is nothing beside them to lead to
smartquotes = False  # quotes and dashes of commands stay as they are typed

default_role = "py:obj"
suppress_warnings = ["ref.python"]  # a short name that several classes have leads to the first of them
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [
    (name, "params_style") for name in ("Channels", "Actions", "Periods (ms)", "Conditions", "Rewards", "Memory")
]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 240
nb_execution_in_temp = True  # what tutorials write is no page of the site
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True


def signature_of(_app: Any, what: str, _name: str, obj: Any, *_rest: Any) -> tuple[str, str] | None:
    """Return the signature as it stands in the source: annotations are the names that readers can look up."""
    if what not in ("function", "class", "method", "exception"):
        return None
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    parts, kinds = [], inspect.Parameter
    star = False
    for name, parameter in signature.parameters.items():
        if name in ("self", "cls") and not parts:
            continue
        if parameter.kind is kinds.KEYWORD_ONLY and not star:
            parts.append("*")
        star = star or parameter.kind in (kinds.KEYWORD_ONLY, kinds.VAR_POSITIONAL)
        prefix = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        annotation = "" if parameter.annotation is parameter.empty else f": {_source(parameter.annotation)}"
        default = (
            "" if parameter.default is parameter.empty else f"{' = ' if annotation else '='}{_source(parameter.default)}"
        )
        parts.append(f"{prefix}{name}{annotation}{default}")
    returned = signature.return_annotation
    arrow = "" if what in ("class", "exception") or returned is signature.empty else f" -> {_source(returned)}"
    return f"({', '.join(parts)})", arrow.removeprefix(" -> ")


STAR = re.compile(r"(`+[^`]*`+)|(?<![\\\w*])(\*{1,2})(?=[\w(])")
FENCE = re.compile(r"^(\s*)```(\w*)$")


def as_rst(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Make reStructuredText of what our docstrings have of Markdown: fences, and stars that are no emphasis."""
    found: list[str] = []
    fence: str | None = None
    in_example = False
    for line in lines:
        if match := FENCE.match(line):
            found += ["", f"{match[1]}.. code-block:: {match[2]}", ""] if fence is None else [""]
            fence = match[1] if fence is None else None
        elif fence is not None:
            found.append(f"    {line}" if line.strip() else "")
        else:
            in_example = line.strip().startswith(">>>") or (in_example and bool(line.strip()))
            found.append(line if in_example else STAR.sub(lambda m: m[1] or "\\*" * len(m[2]), line))
    lines[:] = found


def without_types_doc(_app: Any, what: str, _name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Say nothing of a constant that has no docstring: what it inherits is that of its type."""
    if what == "data" and " ".join(lines).split() == (getattr(obj, "__doc__", None) or "").split():
        lines.clear()


def in_site(_app: Any, docname: str, source: list[str]) -> None:
    """Point links of pages that are read in the repository, too, to the pages of the site."""
    if docname == "architecture":
        source[0] = source[0].replace("](../CONTRIBUTING.md)", "](generated/contributing.md)")


def _source(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    if callable(value):
        return getattr(value, "__name__", type(value).__name__).replace("<lambda>", "...")
    return repr(value)


def setup(app: Any) -> None:
    """Connect what this file defines."""
    app.connect("autodoc-process-signature", signature_of)
    app.connect("autodoc-process-docstring", without_types_doc, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", as_rst, priority=600)  # after napoleon
    app.connect("source-read", in_site)
