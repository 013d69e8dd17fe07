"""What the blocks of the site print is what stands below them."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
PAIR = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text() for path in [DOCS / "start.md", *sorted(DOCS.glob("howto/*.md"))]
}
BLOCKS = [(page, *pair) for page, text in PAGES.items() for pair in PAIR.findall(text)]


def printed(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "block", "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize(("page", "code", "shown"), BLOCKS, ids=[f"{page}-{k}" for k, (page, *_) in enumerate(BLOCKS)])
def test_a_block_of_the_site_runs_alone_and_prints_what_is_shown(page, code, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of it writes files
    assert printed(code) == shown


def test_each_block_of_python_has_its_output():
    for page, text in PAGES.items():
        assert text.count("```python\n") == len(PAIR.findall(text)), page
    assert len(BLOCKS) > 12
