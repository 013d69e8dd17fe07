"""docs/migrating.md says what `tests/golden/divergences.toml` records, and its examples and names exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import ngym_core.compat

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "migrating.md").read_text()
ROWS = tomllib.loads((ROOT / "tests" / "golden" / "divergences.toml").read_text())["divergence"]


def expected_row(row):
    """The line of the page for a recorded divergence."""
    ids = [row["id"]] if isinstance(row["id"], str) else row["id"]
    where = f" Equal with {', '.join(f'`{name}`' for name in row['unless'])} given." if "unless" in row else ""
    where += f" Equal for `dt` up to {row['dt_above']} ms." if "dt_above" in row else ""
    return f"| {', '.join(f'`{id_}`' for id_ in ids)} | {', '.join(row['differs'])} | {row['why']}.{where} |"


def test_page_lists_the_recorded_divergences_and_no_others():
    table = PAGE.partition("| task | differs | why |\n|---|---|---|\n")[2].splitlines()
    assert table == [expected_row(row) for row in ROWS]
    assert len(table) > 20


def test_examples_of_the_page_run():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True)


def test_old_names_of_the_page_are_names_of_compat():
    old = set(re.findall(r"`neurogym\.([\w.]+)", PAGE))
    assert len(old) > 8
    for name in old:
        found = ngym_core.compat._module("")
        for part in name.split("."):
            found = getattr(found, part)
