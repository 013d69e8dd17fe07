"""How fast data are made: every task beside NeuroGym 2.3.1, beside the noise alone and beside the training step that uses
the batch, perceptual decisions beside braintools, and the supervised example end to end. Run it with ``nox -s bench``.

All sides take turns, so that a slow batch of the machine meets each of them; medians are shown. Ours are measured over
whole rounds of the cache, so that making trials ahead counts in full. The noise floor is the time that NumPy takes to fill
as many float32 normal numbers; what cannot be saved is that and one copy of the batch. The training step is forward,
backward and Adam of a GRU with 64 units on that batch, on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from generation import CountingDraws
from gymnasium import spaces
from other_python import Other

import ngym_core as ngym
from ngym_core.sampling import sample_as_data
from ngym_data import Dataset

EXAMPLES = Path(__file__).parents[2] / "examples"
PDM = "PerceptualDecisionMaking-v0"
BATCH = {"batch_size": 128, "seq_len": 100}
IMAGES = {"batch_size": 4, "seq_len": 100}
"""For observations of more than so many numbers, that NeuroGym does not have."""
MANY_NUMBERS = 1000
ROUNDS, ROUND_SECONDS = 5, 0.15
THEIR_CYCLE = 12  # NeuroGym makes 1, 2 or 3 of these batches at a time
SIZES, TRIAL = (16, 128, 1024), 22
TRAINING = {"batch_size": 64, "seq_len": 110, "criterion": 0.87, "most": 1000}
SEEDS = 3


def seconds(function: Callable[[], object], times: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(times):
        function()
    return time.perf_counter() - start


def times_for(once: float) -> int:
    """How often to do what takes so long once."""
    return max(1, int(ROUND_SECONDS / max(once, 1e-9)))


def shape(env: Any) -> dict[str, int]:
    """Shape of the batches of a task."""
    return IMAGES if np.prod(env.observation_space.shape) > MANY_NUMBERS else BATCH


def noise_per_step(env: Any) -> float:
    """How many normal numbers a step takes."""
    draws = CountingDraws(0)
    trials = sample_as_data(env, 500 if shape(env) is BATCH else 2, draws, {})
    return draws.normals / int(trials.lengths.sum())


def peak(task: str) -> float:
    """Peak of what Python and NumPy hold while a data set is made and asked, in MiB."""
    tracemalloc.start()
    made = Dataset(task, **shape(ngym.make(task)))
    for _ in range(3):
        made()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held / 2**20


def training_step(env: Any, inputs: Any, target: Any) -> Callable[[], object]:
    """Make a function that takes one training step of a GRU with 64 units on a batch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    discrete = isinstance(env.action_space, spaces.Discrete)
    outputs = int(env.action_space.n) if discrete else int(np.prod(env.action_space.shape))
    x, y = torch.as_tensor(inputs).flatten(2).float(), torch.as_tensor(target)
    gru, readout = torch.nn.GRU(x.shape[2], 64), torch.nn.Linear(64, outputs)
    optimizer = torch.optim.Adam([*gru.parameters(), *readout.parameters()])

    def step() -> None:
        said = readout(gru(x)[0]).flatten(0, 1)
        goal = y.flatten() if discrete else y.reshape(said.shape).float()
        loss = (torch.nn.functional.cross_entropy if discrete else torch.nn.functional.mse_loss)(said, goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def of_task(task: str, neurogym: Other) -> dict[str, Any]:
    """Measure one task."""
    env = ngym.make(task)
    batch = shape(env)
    steps = batch["batch_size"] * batch["seq_len"]
    ours = Dataset(env, **batch, seed=0)
    ours()
    cycle = max(1, ours.cycle)
    noise = np.empty(max(1, round(steps * noise_per_step(env))), np.float32)
    generator = np.random.Generator(np.random.SFC64(0))
    fill = lambda: generator.standard_normal(dtype=np.float32, out=noise)  # noqa: E731
    written = ours()
    write = lambda: [part.copy() for part in written]  # noqa: E731
    train = training_step(env, *written)
    train()
    row: dict[str, Any] = {"task": task, "batch_size": batch["batch_size"]}
    theirs = None
    try:
        theirs = neurogym.ask(seconds_of=task, batches=THEIR_CYCLE, **BATCH)
    except RuntimeError as error:
        row["neurogym_error"] = str(error)
    rounds = []
    for _ in range(ROUNDS):
        times = cycle * times_for(seconds(ours, cycle))
        one = seconds(ours, times) / times
        other = None
        if theirs is not None:
            batches = THEIR_CYCLE * times_for(theirs)
            other = neurogym.ask(seconds_of=task, batches=batches, **BATCH) / batches
        floor, least = (seconds(work, times) / times for work in (fill, write) for times in [times_for(seconds(work))])
        rounds.append((one, other, floor if len(noise) > 1 else 0.0, least, seconds(train, 2) / 2))
    row["ours"] = steps / median(r[0] for r in rounds)
    row["training_share"] = 100 * median(r[0] / r[4] for r in rounds)
    if len(noise) > 1:
        row["noise_share"] = 100 * median(r[2] / r[4] for r in rounds)
    if theirs is not None:
        row["neurogym"] = steps / median(r[1] for r in rounds)
        row["ratio"] = median(r[1] / r[0] for r in rounds)
        row["most"] = median(r[1] / (r[2] + r[3]) for r in rounds)
        row["neurogym_mib"] = neurogym.ask(memory_of=task, **BATCH)
    if len(noise) > 1:
        row["floor"] = median(r[0] / r[2] for r in rounds)
    row["mib"] = peak(task)
    return row


def of_braintools(size: int, braintools: Other) -> dict[str, Any]:
    """Measure perceptual decisions in batches of whole trials."""
    ours = Dataset(PDM, batch_size=size, seq_len=TRIAL, seed=0)
    ours()
    cycle = max(1, ours.cycle)
    steps = size * TRIAL
    compile_seconds = braintools.ask(compile=size)
    times = times_for(braintools.ask(seconds_of=size, batches=5) / 5)
    rounds = [
        (seconds(ours, cycle) / cycle, braintools.ask(seconds_of=size, batches=times) / times) for _ in range(2 * ROUNDS)
    ]
    begin = seconds(lambda: Dataset(PDM, batch_size=size, seq_len=TRIAL, seed=0)())
    first = 100
    one, other = median(r[0] for r in rounds), median(r[1] for r in rounds)
    return {
        "batch": size,
        "ours": steps / one,
        "braintools": steps / other,
        "ratio": median(b / a for a, b in rounds),
        "begin_seconds": begin,
        "compile_seconds": compile_seconds,
        "ratio_of_first_100_batches": (compile_seconds + (first - 1) * other) / (begin + (first - 1) * one),
    }


def training(seed: int, batch_size: int, seq_len: int, criterion: float, most: int) -> list[float]:
    """Seconds of training the example's network, from making the data set on, and the number of batches."""
    sys.path.insert(0, str(EXAMPLES))
    import supervised
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    start = time.perf_counter()
    data = Dataset(PDM, batch_size=batch_size, seq_len=seq_len, seed=seed, loss_weights={"decision": 5.0})
    number = supervised.train(supervised.Network(), data.to_torch(), criterion, most)
    return [time.perf_counter() - start, number]


def of_training(neurogym: Other) -> list[dict[str, Any]]:
    """Train with our data and with NeuroGym's, in turns."""
    rows = []
    for seed in range(SEEDS):
        ours = training(seed, **TRAINING)
        theirs = neurogym.ask(train=PDM, seed=seed, **TRAINING)
        row = {"seed": seed, "ours_seconds": ours[0], "ours_batches": ours[1]}
        if theirs is not None:
            row |= {"neurogym_seconds": theirs[0], "neurogym_batches": theirs[1]}
            row["ratio_per_batch"] = theirs[0] / theirs[1] / (ours[0] / ours[1])
        rows.append(row)
    return rows


def cell(value: Any, form: str) -> str:
    """Write a value in a format, ``M`` for millions; what is missing is a dash."""
    if value is None or not form:
        return value or "-"
    return format(value / 1e6, form[:-1]) if form.endswith("M") else format(value, form)


def table(rows: Sequence[dict[str, Any]], columns: dict[str, tuple[str, str]]) -> str:
    """Write rows as a Markdown table: column -> heading and format."""
    lines = [[heading for heading, _ in columns.values()], ["---"] * len(columns)]
    lines += [[cell(row.get(name), form) for name, (_, form) in columns.items()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(result: dict[str, Any]) -> str:
    """Write all that was measured as Markdown."""
    tasks = result["tasks"]
    parts = [
        "# Data\n\n`Dataset`, 128 rows x 100 steps (images: 4 rows); million time steps per second.\n",
        table(
            tasks,
            {
                "task": ("task", ""),
                "ours": ("ours", ".2fM"),
                "neurogym": ("NeuroGym 2.3.1", ".3fM"),
                "ratio": ("ours / NeuroGym", ".0f"),
                "most": ("if only noise and the batch itself took time", ".0f"),
                "floor": ("time / noise floor", ".1f"),
                "training_share": ("% of a training step", ".1f"),
                "noise_share": ("% for the noise alone", ".1f"),
                "mib": ("peak MiB", ".1f"),
                "neurogym_mib": ("NeuroGym's", ".1f"),
            },
        ),
    ]
    ratios = [row["ratio"] for row in tasks if "ratio" in row]
    if ratios:
        low = [row["task"] for row in tasks if row.get("ratio", 30) < 30]
        most = [row["most"] for row in tasks if "most" in row]
        parts.append(
            f"\nours / NeuroGym over {len(ratios)} tasks: median {median(ratios):.0f}, least {min(ratios):.0f}; "
            f"below 30: {', '.join(low) or 'none'}.\nIf only noise and the batch itself took time: median "
            f"{median(most):.0f}, {sum(m < 150 for m in most)} below 150."
        )
    if result["braintools"]:
        columns = {
            "batch": ("batch", "d"),
            "ours": ("ours", ".2fM"),
            "braintools": ("braintools (JAX)", ".2fM"),
            "ratio": ("ours / braintools", ".2f"),
            "begin_seconds": ("our first batch (s)", ".3f"),
            "compile_seconds": ("its compilation (s)", ".2f"),
            "ratio_of_first_100_batches": ("ours / braintools, first 100 batches", ".0f"),
        }
        parts.append(
            f"\n{PDM}, batches of 22 steps; million time steps per second.\n\n{table(result['braintools'], columns)}"
        )
    columns = {
        "seed": ("seed", "d"),
        "ours_seconds": ("ours (s)", ".1f"),
        "ours_batches": ("batches", "d"),
        "neurogym_seconds": ("NeuroGym (s)", ".1f"),
        "neurogym_batches": ("batches", "d"),
        "ratio_per_batch": ("ours / NeuroGym, per batch", ".1f"),
    }
    parts.append(f"\n`examples/supervised.py`, end to end until 87 % are right.\n\n{table(result['training'], columns)}")
    return "\n".join(parts) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure how fast data are made.")
    parser.add_argument("--neurogym", help="Python of an environment with NeuroGym 2.3.1")
    parser.add_argument("--braintools", help="Python of an environment with braintools and JAX")
    parser.add_argument("--out", type=Path, help="folder for data.json and data.md")
    parser.add_argument("--tasks", nargs="*", help="ids to measure; all by default")
    given = parser.parse_args(argv)
    neurogym, braintools = (
        Other(given.neurogym, "data_neurogym.py"),
        Other(given.braintools, "data_braintools.py"),
    )
    result: dict[str, Any] = {"tasks": []}
    for task in given.tasks or ngym.all_envs(collections=True):
        result["tasks"].append(of_task(task, neurogym))
        row = result["tasks"][-1]
        print(f"{task:45} {row['ours'] / 1e6:7.2f} M steps/s  x {row.get('ratio', float('nan')):5.0f}", file=sys.stderr)
    result["braintools"] = [of_braintools(size, braintools) for size in SIZES] if given.braintools else []
    result["training"] = of_training(neurogym)
    for other in (neurogym, braintools):
        other.close()
    print(report(result))
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "data.json").write_text(json.dumps(result, indent=2) + "\n")
        (given.out / "data.md").write_text(report(result))


if __name__ == "__main__":
    main()
