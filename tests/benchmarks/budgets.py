"""The budgets of the project beside what was measured; the last part of ``nox -s bench``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

IMPORT_ROUNDS = 7


def import_ratio() -> float:
    """Time of ``import ngym_core`` over that of ``import gymnasium``, in programs that take turns."""
    spent: dict[str, list[float]] = {"ngym_core": [], "gymnasium": []}
    # Both compiled, as pip installs them: without a cache, Python would compile the files of this repository each time.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", "import ngym_core"], check=True, env=env)
    for _ in range(IMPORT_ROUNDS):
        for module, seconds in spent.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=env)
            seconds.append(time.perf_counter() - start)
    return median(spent["ngym_core"]) / median(spent["gymnasium"])


def budgets(data: dict[str, Any], stepping: dict[str, Any], mixtures: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is measured, the budget, and the measured value."""
    full = [row for row in data["tasks"] if row["batch_size"] == 128]  # images come in smaller batches
    shares = {row["task"]: row["training_share"] for row in full}
    worst = max(shares, key=lambda task: shares[task])
    over = sum(share > 6 for share in shares.values())
    yield "a batch / a training step of a GRU-64, every id", "<= 6 %", f"{shares[worst]:.1f} % ({worst})"
    yield "ids above 6 %", "none", f"{over} of {len(shares)}"
    yield "a batch / a training step, median", "<= 1 %", f"{median(shares.values()):.2f} %"
    ratios = {row["task"]: row["ratio"] for row in data["tasks"] if "ratio" in row}
    if ratios:
        least = min(ratios, key=lambda task: ratios[task])
        yield "Dataset / NeuroGym, median of shared ids", ">= 100 x", f"{median(ratios.values()):.0f} x ({len(ratios)} ids)"
        yield "Dataset / NeuroGym, every id", ">= 30 x", f"{ratios[least]:.0f} x ({least})"
    for row in data["braintools"]:
        if row["batch"] >= 128:
            yield f"PerceptualDecisionMaking / braintools, batch {row['batch']}", ">= 2 x", f"{row['ratio']:.1f} x"
    for name, goal in (("mixture", 0.7), ("mixture with info", 0.5)):
        yield f"yang19 as a {name} / harmonic mean of its parts", f">= {goal}", f"{mixtures[name]:.2f}"
    slowest = min(mixtures["modifiers"], key=lambda name: mixtures["modifiers"][name])
    yield "a modified task / the task", ">= 0.67", f"{mixtures['modifiers'][slowest]:.2f} ({slowest})"
    for lanes, goal in ((64, 20), (1024, 60)):
        rows = [row for row in stepping["stepping"] if row["lanes"] == lanes and row["actions"] == "random"]
        times = [row["times"] for row in rows if "times" in row]
        if times:
            yield f"lanes / NeuroGym in DummyVecEnv, {lanes} lanes, random", f">= {goal} x", f"{median(times):.0f} x"
        if lanes == 64:
            beneath = [row["ngym in SB3"] / row["ngym"] for row in rows]
            yield "the SB3 env / the lanes beneath it, 64 lanes", ">= 0.5", f"{median(beneath):.2f}"
    for lanes, goal in ((64, "1.5"), (1024, "2.5")):
        rows = [row for row in stepping["learners"] if row["lanes"] == lanes]
        row = min(rows, key=lambda row: row["all, times"])
        measured = f"{row['all, times']:.2f} x ({row['cell']}, {row['trials in an episode']} trials in an episode)"
        yield f"RecurrentPPO / that of sb3-contrib, {lanes} lanes, least of {len(rows)}", f">= {goal} x", measured
    yield "import ngym_core / import gymnasium", "<= 1.3 x", f"{import_ratio():.2f} x"


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE) if info.exists() else []
    return " ".join(names[0].split()) if names else platform.machine()


def made() -> dict[str, Any]:
    """When and with what the results were made."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("ngym-core", "numpy", "torch")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder with data.json, stepping.json and mixtures.json")
    out = parser.parse_args().out
    data, stepping, mixtures = (json.loads((out / f"{name}.json").read_text()) for name in ("data", "stepping", "mixtures"))
    rows = list(budgets(data, stepping, mixtures))
    lines = ["| work | budget | measured |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    (out / "budgets.md").write_text("\n".join(lines) + "\n")
    results = {"made": made(), "budgets": rows, "data": data, "stepping": stepping, "mixtures": mixtures}
    (out / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")  # copied to docs/ for the site
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
