"""Tasks that agents learn: training settings, criterion, and the performance that three seeds reached.

Three short ones run with the other tests; ``nox -s learn`` trains all of them and prints a table. With ``--curves`` the
first four learn with sb3-contrib's RecurrentPPO as well, and the table has the learning curves of both over five seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import sb3_contrib

import ngym_sb3
from ngym_core.curriculum import Curriculum, Gate, Stage
from ngym_core.trial_table import concatenate_tables
from ngym_sb3 import Trainer, TrainingConfig

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A task that agents learn.

    Attributes:
        task: The task's id.
        family: Kind of task.
        settings: Arguments of `TrainingConfig` that differ from the defaults.
        criterion: Mean performance in test trials that an agent must reach.
        reached: Mean performance that agents with the seeds in `SEEDS` reached.
        fails: Whether no agent may reach the criterion: another case shows what it takes.
        quick: Whether it runs with the other tests.
        trials: Number of test trials.
    """

    task: str
    family: str
    settings: Mapping[str, Any]
    criterion: float
    reached: tuple[float, float, float]
    quick: bool = False
    fails: bool = field(default=False, kw_only=True)
    trials: int = field(default=1000, kw_only=True)

    def learn(self, seed: int) -> tuple[float, float]:
        """Train an agent and return its mean performance in test trials before and after."""
        trainer = Trainer(self.task, TrainingConfig(seed=seed, **self.settings))
        before = trainer.evaluate(self.trials).performance
        trainer.train()
        return before, trainer.evaluate(self.trials).performance


PDM, ONE_STEP_BACK = "PerceptualDecisionMaking-v0", ("PassReward-v0", "PassAction-v0")
EASY = {"cohs": [51.2], "timing": {"stimulus": 300}}

LONG = {"rollout": 64, "batch_size": 1024}

# Nothing is earned before 15 steps of fixation and a right choice, which an agent does not find by chance.
HOLD = {"abort": True, "rewards": {"abort": 0.0}, "timing": {"fixation": 1500, "stimulus": 300}, "cohs": [25.6, 51.2]}
TO_HOLD: dict[str, Any] = {"steps": 60_000, "policy": "rnn", "ent_coef": 0.005, "task_kwargs": HOLD}
BACK = Gate("performance", 0.4, window=500)
LONGER = Curriculum(
    [
        *(
            Stage(
                {"timing": {"fixation": ("uniform", (100, longest))}},
                until=Gate("performance", 0.85, window=500),
                back=BACK if longest > 300 else None,
            )
            for longest in (300, 800, 1500)
        ),
        Stage(back=BACK),
    ]
)

CASES = [
    Case(PDM, "perceptual, easy", {"steps": 16_384, "task_kwargs": EASY}, 0.95, (1.0, 1.0, 1.0), quick=True),
    Case("GoNogo-v0", "go/no-go", {"steps": 24_576, "policy": "rnn"}, 0.95, (1.0, 1.0, 1.0), quick=True),
    Case(
        "DelayMatchSample-v0",
        "working memory",
        {"steps": 61_440, "policy": "rnn", "ent_coef": 0.01, **LONG},
        0.95,
        (1.0, 1.0, 1.0),
        quick=True,
    ),
    Case(PDM, "perceptual", {"steps": 60_000}, 0.85, (0.891, 0.892, 0.883)),
    Case(PDM, "perceptual, E/I", {"steps": 60_000, "policy": "ei-ctrnn"}, 0.83, (0.873, 0.888, 0.877)),
    Case("ContextDecisionMaking-v0", "context", {"steps": 120_000}, 0.8, (0.926, 0.918, 0.908)),
    Case(
        "IntervalDiscrimination-v0", "timing", {"steps": 480_000, "learning_rate": 1e-3, **LONG}, 0.8, (0.932, 0.981, 0.983)
    ),
    Case("ReachingDelayResponse-v0", "motor", {"steps": 160_000}, 0.75, (0.903, 0.858, 0.849)),
    Case("EconomicDecisionMaking-v0", "value", {"steps": 240_000, "policy": "gru"}, 0.9, (0.933, 0.935, 1.0)),
    Case(
        "DawTwoStep-v0",
        "two-step",
        {"steps": 160_000, "policy": "rnn", "trials_per_episode": 20, "wrappers": ONE_STEP_BACK},
        0.75,
        (0.822, 0.879, 0.873),
    ),
    Case(PDM, "fixation", TO_HOLD, 0.9, (0.0, 0.0, 0.0), fails=True),
    Case(PDM, "fixation, stages", {**TO_HOLD, "curriculum": LONGER}, 0.9, (0.999, 0.998, 1.0)),
]


CURVE_SEEDS, CURVE_CASES, POINTS = range(5), 4, 4
"""Of learning curves: seeds, how many cases, and parts of training of which they have the mean performance."""


def learning_curve(case: Case, seed: int, learner: type) -> list[float]:
    """Return the mean performance in each part of training, and in test trials after it, (POINTS + 1,)."""
    with mock.patch("ngym_sb3.config.RecurrentPPO", learner):
        trainer = Trainer(case.task, TrainingConfig(seed=seed, **case.settings))
        assert type(trainer.model) is learner
        trainer.train()
    performance = concatenate_tables(trainer._log.rows)["trial/performance"]
    parts = [float(np.nanmean(part)) for part in np.array_split(performance, POINTS)]
    return [*parts, trainer.evaluate(case.trials).performance]


def compare_learners() -> None:
    """Print learning curves with our RecurrentPPO and with sb3-contrib's: mean, least and most over the seeds."""
    for case in CASES[:CURVE_CASES]:
        for learner in (sb3_contrib.RecurrentPPO, ngym_sb3.RecurrentPPO):
            curves = np.array([learning_curve(case, seed, learner) for seed in CURVE_SEEDS])
            cells = [f"{curve.mean():.3f} ({curve.min():.3f} to {curve.max():.3f})" for curve in curves.T]
            name = learner.__module__.split(".")[0]
            print(f"{case.task:30} {case.family:16} {name:12} {'  '.join(cells)}", flush=True)


def main() -> None:
    """Train an agent for each case and seed, print what it reached, and fail if one misses its criterion, or should have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="task ids; by default all")
    parser.add_argument("--family", help="only cases of families that begin so")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--curves", action="store_true", help="compare learning curves with those of sb3-contrib")
    options = parser.parse_args()
    if options.curves:
        compare_learners()
        return
    missed = []
    print(f"{'task':32} {'family':16} {'steps':>8} {'criterion':>9}  {'seed':>4} {'before':>7} {'after':>7} {'seconds':>8}")
    for case in CASES:
        if (options.tasks and case.task not in options.tasks) or not case.family.startswith(options.family or ""):
            continue
        for seed in options.seeds:
            start = time.perf_counter()
            before, after = case.learn(seed)
            row = f"{case.task:32} {case.family:16} {case.settings['steps']:>8,} {case.criterion:>9.2f}  {seed:>4}"
            print(f"{row} {before:>7.3f} {after:>7.3f} {time.perf_counter() - start:>8.0f}", flush=True)
            if (after >= case.criterion) == case.fails:
                missed.append(f"{case.task}, {case.family}, with seed {seed}: {after:.3f} of {case.criterion}")
    if missed:
        raise SystemExit("\n".join(["Not as expected:", *missed]))


if __name__ == "__main__":
    main()
