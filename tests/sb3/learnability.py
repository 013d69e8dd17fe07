"""Which tasks an agent is known to learn: recipe, criterion, and what was reached with three seeds.

Three short ones run with the other tests; ``nox -s learn`` trains all of them and prints the table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ngym_sb3 import Recipe, Run

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A task that an agent learns.

    Attributes:
        task: The task's id.
        family: What it is about.
        recipe: Arguments of `Recipe` that differ from the defaults.
        criterion: Mean performance in test trials that an agent must reach.
        reached: What agents with the seeds of `SEEDS` reached.
        quick: Whether it runs with the other tests.
    """

    task: str
    family: str
    recipe: Mapping[str, Any]
    criterion: float
    reached: tuple[float, float, float]
    quick: bool = False
    trials: int = field(default=1000, kw_only=True)

    def learn(self, seed: int) -> tuple[float, float]:
        """Train an agent; its performance before and after, in trials it has not seen."""
        run = Run(self.task, Recipe(seed=seed, **self.recipe))
        before = run.test(self.trials).performance
        run.train()
        return before, run.test(self.trials).performance


CASES: list[Case] = []


def main() -> None:
    """Train every agent with every seed, and say what it reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="ids; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    options = parser.parse_args()
    missed = []
    print(f"{'task':32} {'family':16} {'steps':>8} {'criterion':>9}  {'seed':>4} {'before':>7} {'after':>7} {'seconds':>8}")
    for case in CASES:
        if options.tasks and case.task not in options.tasks:
            continue
        for seed in options.seeds:
            start = time.perf_counter()
            before, after = case.learn(seed)
            print(
                f"{case.task:32} {case.family:16} {case.recipe['steps']:>8,} {case.criterion:>9.2f}  {seed:>4} {before:>7.3f} "
                f"{after:>7.3f} {time.perf_counter() - start:>8.0f}",
                flush=True,
            )
            if after < case.criterion:
                missed.append(f"{case.task} with seed {seed}: {after:.3f} of {case.criterion}")
    if missed:
        raise SystemExit("\n".join(["Not reached:", *missed]))


if __name__ == "__main__":
    main()
