"""Kills of what writes files (train, export, gallery, Monitor): the same again ends as if nothing had been killed.

Run it with ``nox -s faults``. Each process is killed (SIGKILL) at a random moment, and the same is run again in the same
folder, which may be killed as well, and so on; the last one ends by itself. Then the folder must hold what a run that nobody
interrupted makes, and nothing else. Processes are forked from one that has imported all, so that kills meet the work itself.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ngym_core as ngym
import ngym_plot.gallery  # noqa: F401
import ngym_sb3.training  # noqa: F401
from ngym_core.cli import main
from ngym_core.plugins import registry
from ngym_data import load_trials

ID = "PerceptualDecisionMaking-v0"
COMMANDS = {
    "train": f"train {ID} --algo ppo --steps 66000 --seed 3 --out out",
    "export": f"export {ID} --trials 20000 --seed 3 --out out/trials.npz",
    "gallery": "gallery --out out",
}
KINDS = [*COMMANDS, "monitor"]
TASKS_OF_GALLERY = [ID, "GoNogo-v0", "DelayComparison-v0", "ReadySetGo-v0"]
KILLS_IN_A_ROW, MAX_ATTEMPTS = 3, 5
NOT_COMPARED = {"data", "_stable_baselines3_version", "system_info.txt", "checkpoint.npz"}
"""Parts of a model file that hold times, or pickles of settings; and the file from which training goes on, which holds times
and trials made ahead: what comes of it is in all other files."""


# ---- processes -------------------------------------------------------------------------------------------


def play() -> None:
    """Play with a Monitor that saves often."""
    settings = {"save_dir": "out", "interval": 10, "verbose": False}
    with ngym.make(ID, wrappers=[("Monitor", settings)]) as env:
        env.reset(seed=3)
        for _ in range(8000):
            env.step(env.unwrapped.gt_now)


def work(kind: str) -> None:
    """Do what is killed, in the current folder."""
    if kind == "gallery":
        registry.unregister([name for name in ngym.all_envs(collections=True) if name not in TASKS_OF_GALLERY])
    if kind == "monitor":
        play()
    else:
        sys.argv = ["ngym", *COMMANDS[kind].split()]
        main()


def run(kind: str, folder: Path, seconds: float = np.inf) -> tuple[int, float]:
    """Work in a process of its own, killed after some seconds; return its status, negative for a signal, and the seconds."""
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chdir(folder)
            log = os.open(folder.parent / f"{folder.name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            work(kind)
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    while (passed := time.perf_counter() - start) < seconds:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), passed
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)  # it has not been waited for, so that the number is still its own
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), passed


# ---- what a folder holds ---------------------------------------------------------------------------------


def parts_of(path: Path) -> Iterator[tuple[str, Any]]:
    """Return what of a file must be the same in each run: arrays, tensors, or bytes."""
    if path.name in NOT_COMPARED:
        return
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as saved:
            yield from ((name, saved[name]) for name in saved.files)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in set(archive.namelist()) - NOT_COMPARED:
                if name.endswith(".pth"):
                    yield from flattened(name, torch.load(io.BytesIO(archive.read(name)), weights_only=True))
                else:
                    yield name, archive.read(name)
    else:
        yield "bytes", path.read_bytes()


def flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Return the leaves of nested dictionaries and lists, tensors as arrays."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flattened(f"{name}/{key}", item)
    elif isinstance(value, (list, tuple)):
        for k, item in enumerate(value):
            yield from flattened(f"{name}/{k}", item)
    else:
        yield name, value.numpy() if isinstance(value, torch.Tensor) else value


def differences(folder: Path, whole: Path) -> list[str]:
    """Return in which files a folder differs from that of an uninterrupted run."""
    names = {path.relative_to(base).as_posix() for base in (folder, whole) for path in base.rglob("*")}
    found = []
    for name in sorted(names):
        one, other = folder / name, whole / name
        if not (one.exists() and other.exists()):
            found.append(f"{name} is {'missing' if other.exists() else 'left over'}")
        elif one.is_file():
            parts, others = dict(parts_of(one)), dict(parts_of(other))
            differing = [
                k for k in {**parts, **others} if k not in parts or k not in others or not same(parts[k], others[k])
            ]
            found += [f"{name} differs in {', '.join(map(str, differing[:5]))}"] if differing else []
    return found


def same(one: Any, other: Any) -> bool:
    """Return whether two parts of files are the same, bit for bit."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return bool(one == other)


def faults_of_monitor(folder: Path, whole: Path) -> list[str]:
    """Return what is wrong with the folders of killed Monitors, and of the last one, which was not killed.

    Nothing that a Monitor recorded is ever removed: each run has a folder of its own.
    """
    runs = sorted(folder.iterdir(), key=lambda path: int(path.name.partition("-")[2] or 0))
    found = [f"the last Monitor: {text}" for text in differences(runs[-1], whole / "out")]
    columns = ngym.load_trial_table(whole / "out")
    for path in runs[:-1]:
        found += [f"a killed Monitor left {entry.name}" for entry in path.iterdir() if entry.name.startswith(".")]
        if list(path.glob("*.npz")):
            table = ngym.load_trial_table(path)
            found += [f"a killed Monitor: {n} differs" for n, c in table.items() if not same(c, columns[n][: len(c)])]
    return found


def faults_of(kind: str, folder: Path, whole: Path) -> list[str]:
    """Return what is wrong with a folder in which the last run was not killed."""
    if kind == "monitor":
        return faults_of_monitor(folder, whole)
    found = differences(folder, whole)
    if kind == "export" and not found:
        load_trials(folder / "out" / "trials.npz")
    return found


# ---- rows of kills ---------------------------------------------------------------------------------------


def killed_in_a_row(
    kind: str, fractions: list[float], seconds: float, whole: Path, place: Path
) -> tuple[Counter[str], list[str]]:
    """Kill at some fractions of the duration, run once more, and return the counts and what is wrong.

    Args:
        kind: What is killed.
        fractions: Moments of the kills, of the duration of an uninterrupted run.
        seconds: This duration.
        whole: Folder of an uninterrupted run.
        place: Where to make a folder.
    """
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    found: list[str] = []

    def new_folder() -> Path:
        return Path(tempfile.mkdtemp(dir=place))

    def check(folder: Path, status: int, complete: bool = False) -> None:
        log = folder.with_name(f"{folder.name}.log").read_text()
        counts["runs to the end"] += 1
        if status and complete and "already" in log:  # the kill came when all was done: nothing is overwritten
            counts["complete at the kill"] += 1
        elif status:
            found.append(f"the same again ended with {status}: {log[-300:]}")
        found.extend(faults_of(kind, folder, whole))
        shutil.rmtree(folder)

    folder = new_folder()
    for fraction in fractions:
        for _ in range(MAX_ATTEMPTS):
            complete = is_complete(kind, folder, whole)
            status, passed = run(kind, folder, fraction * seconds)
            if status == -signal.SIGKILL:
                counts["killed"] += 1
                break
            counts["ended before the kill"] += 1  # it was quicker than without a kill, on a machine that is busy
            check(folder, status, complete)
            folder, seconds = new_folder(), seconds if complete else min(seconds, passed)
    complete = is_complete(kind, folder, whole)
    check(folder, run(kind, folder)[0], complete)
    return counts, [f"{kind}, killed at {', '.join(f'{f:.3f}' for f in fractions)}: {text}" for text in found]


def is_complete(kind: str, folder: Path, whole: Path) -> bool:
    """Return whether a folder holds all that a command writes once."""
    return kind in ("export", "gallery") and not differences(folder, whole)


def moments(rng: np.random.Generator, n: int) -> list[float]:
    """Return n moments: half of them anywhere, half of them near the end, where files are written."""
    anywhere = rng.uniform(0.02, 0.98, n)
    return np.where(np.arange(n) % 2, 1 - 0.25 * anywhere, anywhere).tolist()


def measured(kind: str, place: Path) -> tuple[float, Path]:
    """Run something twice without a kill; return the seconds of the faster one, and its folder."""
    durations = []
    for name in ("whole", "again"):
        folder = place / f"{kind}-{name}"
        folder.mkdir()
        status, passed = run(kind, folder)
        durations.append(passed)
        if status:
            sys.exit(f"{kind} fails without a kill: {folder.with_name(f'{folder.name}.log').read_text()[-1000:]}")
    if found := differences(place / f"{kind}-again", place / f"{kind}-whole"):
        sys.exit(f"{kind} differs from run to run: {found}")
    return min(durations), place / f"{kind}-whole"


def kill_all(kills: int, seed: int, kinds: list[str], place: Path) -> list[str]:
    """Kill a number of processes in all, print counts, and return what is wrong."""
    rng = np.random.default_rng(seed)
    found: list[str] = []
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        whole = dict(zip(kinds, pool.map(measured, kinds, [place] * len(kinds)), strict=True))
        print(", ".join(f"{kind} {seconds:.1f} s" for kind, (seconds, _) in whole.items()), flush=True)
        rows = {}
        for kind in kinds:
            left = kills // len(kinds)
            while left > 0:
                n = min(left, int(rng.integers(1, KILLS_IN_A_ROW + 1)))
                rows[pool.submit(killed_in_a_row, kind, moments(rng, n), *whole[kind], place)] = kind
                left -= n
        for kind in kinds:
            results = [row.result() for row, of in rows.items() if of == kind]
            counts = sum((result[0] for result in results), Counter())
            faults = [text for result in results for text in result[1]]
            print(f"{kind}: {', '.join(f'{name} {n}' for name, n in counts.items())}, with faults {len(faults)}", flush=True)
            found += faults
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60, help="number of kills, shared out among what is killed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, action="append")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # with another number of threads, sums are rounded otherwise
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        faults = kill_all(arguments.kills, arguments.seed, arguments.only or KINDS, Path(place))
    print(f"{time.perf_counter() - start:.0f} s")
    sys.exit("\n".join(faults) or 0)
