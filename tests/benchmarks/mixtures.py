"""How fast mixed and modified tasks are as data, beside the tasks they are made of. Run it with ``nox -s bench``.

All data sets take turns, and run through whole refills of their buffers. The harmonic mean of the steps per second of the
parts of a mixture is what batches of each in turn would reach.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import median
from typing import Any

from ngym_core.plugins.registry import get_collection
from ngym_data import Dataset

COLLECTION = "yang19"
MODIFIED = {
    "yang19.go-v0": ["anti", "delay=500", "sequence", "go_cue", "context"],
    "yang19.dlygo-v0": ["interval", "interval+sequence"],
    "PerceptualDecisionMaking-v0": ["delay=500", "go_cue"],
}
LEAST_BATCHES, ROUNDS = 150, 5


def seconds(data: Dataset) -> float:
    """Seconds of a batch, over many: as many whole refills of the buffer as it takes, each with its first batch."""
    batches = data.cycle * math.ceil(LEAST_BATCHES / data.cycle)
    start = time.perf_counter()
    for _ in range(batches):
        data()
    return (time.perf_counter() - start) / batches


def measured(names: list[str], **options: Any) -> dict[str, float]:
    """Seconds of a batch of 128 x 100 of each task, which take turns: the median of several rounds."""
    data = {name: Dataset(name, batch_size=128, seq_len=100, seed=0, **options) for name in names}
    spent: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, of_task in data.items():
            spent[name].append(seconds(of_task))
    return {name: median(rounds) for name, rounds in spent.items()}


def mixture(info: bool) -> float:
    """Steps per second of the mixture over the harmonic mean of its parts."""
    parts = get_collection(COLLECTION)
    spent = measured([COLLECTION, *parts], info=info)
    return sum(spent[part] for part in parts) / len(parts) / spent[COLLECTION]


def modifiers() -> dict[str, float]:
    """Steps per second of modified tasks over those of the task: id with its modifiers -> ratio."""
    names = [f"{base}+{modifier}" for base, modifiers in MODIFIED.items() for modifier in modifiers]
    spent = measured([*MODIFIED, *names])
    return {name: spent[name.partition("+")[0]] / spent[name] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for mixtures.json")
    out: Path = parser.parse_args().out
    found = {"mixture": mixture(info=False), "mixture with info": mixture(info=True), "modifiers": modifiers()}
    print(f"{COLLECTION} with its cue / harmonic mean of its parts: {found['mixture']:.2f}")
    print(f"the same with info: {found['mixture with info']:.2f}")
    for name, ratio in found["modifiers"].items():  # type: ignore[attr-defined]
        print(f"{name:45} {ratio:.2f} of the task's steps per second")
    out.mkdir(parents=True, exist_ok=True)
    (out / "mixtures.json").write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
