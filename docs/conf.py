"""Configuration of the site, which Sphinx reads: ``python -m nox -s docs``, which runs ``python -m docs.generate`` first."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("MPLBACKEND", "Agg")

import ngym_core  # noqa: E402

project = "ngym"
author = "the ngym authors"
copyright = author  # noqa: A001
version = release = ngym_core.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_click", "myst_nb"]
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

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [
    (name, "params_style") for name in ("Channels", "Actions", "Periods (ms)", "Conditions", "Rewards", "Memory")
]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 240
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
        default = "" if parameter.default is parameter.empty else f"{' = ' if annotation else '='}{_source(parameter.default)}"
        parts.append(f"{prefix}{name}{annotation}{default}")
    returned = signature.return_annotation
    arrow = "" if what in ("class", "exception") or returned is signature.empty else f" -> {_source(returned)}"
    return f"({', '.join(parts)})", arrow.removeprefix(" -> ")


def _source(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    if callable(value):
        return getattr(value, "__name__", type(value).__name__).replace("<lambda>", "...")
    return repr(value)


def setup(app: Any) -> None:
    """Connect what this file defines."""
    app.connect("autodoc-process-signature", signature_of)
