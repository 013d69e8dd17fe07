"""How fast trials are made, beside the time NumPy needs to fill the same noise. Run it with ``nox -s bench``.

Ours and the floor are measured in turns, so that a slow batch of the machine meets both; medians are shown.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import ngym_core as ngym
from ngym_data import Dataset

TASKS = ["PerceptualDecisionMaking-v0", "ContextDecisionMaking-v0", "ReadySetGo-v0", "DelayMatchSample-v0"]
SIZES = (1, 16, 128, 1024)


def timed(function: Callable[[], object], times: int) -> float:
    """Seconds for one call."""
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times


class CountingDraws(ngym.Draws):
    """Draws that count how many normal numbers are taken."""

    normals = 0

    def normal(self, name, shape, first=0, rows=None):  # type: ignore[no-untyped-def]
        self._root.normals += int(np.prod(shape))
        return super().normal(name, shape, first, rows)


def noise_of(task: str, n: int) -> tuple[int, ...]:
    """How many normal numbers n trials of a task take."""
    draws = CountingDraws(0)
    ngym.make(task).sample_trials(n, draws=draws)
    return (draws.normals,)


def generation() -> None:
    print(f"{'task':30} {'n':>5} {'us/trial':>9} {'floor':>7} {'ratio':>6} {'trials/s':>10}")
    for task in TASKS:
        env = ngym.make(task)
        for n in SIZES:
            draws, generator = ngym.Draws(0), np.random.Generator(np.random.SFC64(0))
            noise = np.empty(noise_of(task, n), np.float32)
            times = max(1, 3000 // n)
            pairs = [
                (
                    timed(lambda: env.sample_trials(n, draws=draws), times),
                    timed(lambda: generator.standard_normal(dtype=np.float32, out=noise), times),
                )
                for _ in range(9)
            ]
            ours, floor = (median(column) for column in zip(*pairs, strict=True))
            ratio = f"{median(a / b for a, b in pairs):6.1f}" if noise.size else "     -"
            print(f"{task:30} {n:5} {1e6 * ours / n:9.2f} {1e6 * floor / n:7.2f} {ratio} {n / ours:10,.0f}")


def stepping() -> None:
    print(f"\n{'task':30} {'new trial (us)':>15} {'step alone (us)':>16} {'with trials (us)':>17}")
    for task in TASKS:
        env = ngym.make(task)
        env.reset(seed=0)
        rounds = []
        for _ in range(9):
            trial = timed(env.new_trial, 300)
            steps = timed(lambda: env.step(0), 3000)
            rounds.append((trial, steps - trial / env.trial_length_stats(500)["mean"], steps))
        print(f"{task:30} {1e6 * median(r[0] for r in rounds):15.1f} {1e6 * median(r[1] for r in rounds):16.2f} ", end="")
        print(f"{1e6 * median(r[2] for r in rounds):16.2f}")


def lanes() -> None:
    print(f"\n{'task':30} {'64 lanes':>14} {'1,024 lanes':>14}   million steps/s")
    for task in TASKS:
        speeds = []
        for n in (64, 1024):
            env = ngym.make_vec(task, n)
            env.reset(seed=0)
            actions = np.zeros(n, int)
            speeds.append(n / median(timed(lambda env=env, actions=actions: env.step(actions), 200) for _ in range(9)) / 1e6)
        print(f"{task:30} {speeds[0]:14.2f} {speeds[1]:14.2f}")


def batches() -> None:
    print(f"\n{'task':30} {'Dataset, 128 x 100: million steps/s':>36}")
    for task in TASKS:
        dataset = Dataset(task, batch_size=128, seq_len=100, seed=0)
        dataset()
        print(f"{task:30} {12.8e3 / median(timed(dataset, 150) for _ in range(9)) / 1e6:36.1f}")


def imports() -> None:
    def seconds(module: str) -> float:
        return timed(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True), 1)

    rounds = [(seconds("ngym_core"), seconds("gymnasium")) for _ in range(11)]
    ours, theirs = (median(column) for column in zip(*rounds, strict=True))
    print(f"\nimport ngym_core {ours:.3f} s, gymnasium {theirs:.3f} s, ratio {median(a / b for a, b in rounds):.2f}")


if __name__ == "__main__":
    generation()
    stepping()
    lanes()
    batches()
    imports()
