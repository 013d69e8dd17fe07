"""The page with the benchmark's tables, from the file that ``nox -s bench`` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.markdown import table

__all__ = ["RESULTS", "benchmark_numbers", "speed_page", "speeds_in"]

RESULTS = Path(__file__).parent.parent / "benchmarks.json"
"""The results that the site shows: a copy of ``bench-output/benchmarks.json``."""
UNITS = r"x\b|times\b|M\b|million|(?:time )?steps per second|steps/s|trials per second|trials/s|MiB\b"
SPEED = re.compile(rf"(\d[\d.,]*)\s*(?:{UNITS})")
"""A number that says how fast or how large something is."""


def speeds_in(text: str) -> list[str]:
    """Return the numbers of a page that say how fast or how large something is, as they are written.

    Example:
        >>> speeds_in("It takes 3 steps, makes 2.5 million steps per second and is 12 x as fast.")
        ['2.5', '12']
    """
    text = re.sub(r"```.*?```|\d+ x \d+ pixels", "", text, flags=re.DOTALL)
    return SPEED.findall(text)


def benchmark_numbers(results: dict[str, Any]) -> set[str]:
    """Return all numbers of the results, as the tables of the page write them."""
    return set(re.findall(r"\d[\d.,]*", _tables(results)))


def speed_page() -> str:
    """Return the text of the page."""
    head = "# Speed\n\n```{include} ../generate/speed.md\n```\n\n"
    if not RESULTS.exists():
        return (
            head
            + "No results are kept in this version: run `nox -s bench`, and copy `bench-output/benchmarks.json` to `docs`.\n"
        )
    return head + _tables(json.loads(RESULTS.read_text(encoding="utf-8"))) + "\n"


def _tables(results: dict[str, Any]) -> str:
    made = results["made"]
    parts = [
        f"Measured on {made['date']}: {made['processor']}, {made['cores']} cores, Python {made['python']}, "
        + ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        + ".",
        "## What was aimed at, and what was measured",
        table(["work", "budget", "measured"], results["budgets"]),
        "## Data",
        "Million time steps of a batch per second, one thread.",
        table(
            ["task", "ngym", "NeuroGym", "ratio", "% of a training step of a GRU-64"],
            [
                [
                    f"`{row['task']}`",
                    f"{row['ours'] / 1e6:.2f}",
                    f"{row['neurogym'] / 1e6:.3f}" if "neurogym" in row else "",
                    f"{row['ratio']:.0f}" if "ratio" in row else "",
                    f"{row['training_share']:.1f}" if "training_share" in row else "",
                ]
                for row in results["data"]["tasks"]
            ],
        ),
        "## Lanes",
        "Steps per second over all lanes.",
        *_rows(results["stepping"]["stepping"]),
        "## Training",
        "Steps per second of RecurrentPPO, 64 units.",
        *_rows(results["stepping"]["training"]),
        "The same by stage, with `ngym_sb3.RecurrentPPO` and that of sb3-contrib on the same env and network.",
        *_rows(results["stepping"]["learners"]),
        "## Mixtures and modifiers",
        table(
            ["mixture or modified task", "share of the speed of its parts, or of the task"],
            [
                *([name, f"{results['mixtures'][name]:.2f}"] for name in ("mixture", "mixture with info")),
                *([f"`{name}`", f"{ratio:.2f}"] for name, ratio in results["mixtures"]["modifiers"].items()),
            ],
        ),
    ]
    return "\n\n".join(parts)


def _rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    yield table(columns, [[_cell(row.get(key, "")) for key in columns] for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
