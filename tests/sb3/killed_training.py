"""Program that runs `ngym train` in forks of itself, kills them, and prints as JSON what their folders hold at the end.

A fork needs no time to import torch, so that many runs fit into a test. ``python killed_training.py SCENARIO FOLDER``.
"""

from __future__ import annotations

import csv
import hashlib
import inspect
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ngym_core.state import load_state
from ngym_sb3 import load_model, training
from ngym_sb3.cli import train
from ngym_sb3.config import ALGORITHMS

ID = "PerceptualDecisionMaking-v0"
STEPS = {"a2c": 3328}  # of which the logger writes a line for every 50 updates of 64 steps
CURRICULUM = """
[[stages]]
parameters.timing.stimulus = 200
until = {metric = "performance", threshold = 0.0, window = 30}

[[stages]]
parameters.timing.stimulus = 300
staircase = {path = "conditions.coh", levels = [51.2, 25.6, 12.8], down = 1}
until = {metric = "steps", threshold = 0, window = 60}

[[stages]]
"""
REFUSED = 7
"""Exit status of a run that was refused with FileExistsError."""


def begin(folder: Path, algo: str, *options: Any, steps: int | None = None, die_at_sync: int = 0) -> int:
    """Run `ngym train` in a fork, which kills itself at a call of `os.fsync`: before and after each file gets its name."""
    process = os.fork()
    if process:
        return process
    status, syncs, fsync = 1, 0, os.fsync

    def fsync_or_die(file: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == die_at_sync:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    try:
        os.fsync = fsync_or_die
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        words = [ID, "--algo", algo, "--envs", 8, "--steps", steps or STEPS.get(algo, 1280), *options, "--out", folder]
        train.main([str(word) for word in words], standalone_mode=False)
        status = 0
    except FileExistsError as error:
        print(error, file=sys.stderr)
        status = REFUSED
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    finally:
        os._exit(status)


def end(process: int) -> int:
    """Wait for a fork and return its exit status, negative if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def digest(folder: Path) -> dict[str, str]:
    """Return a hash of each file in which two runs must agree, and the names of all files."""
    state = load_state(folder / "checkpoint.npz")["content"]["model"]
    algo = json.loads((folder / "config.json").read_text())["algo"]
    agent = {name: value.numpy() for name, value in load_model(folder / "model.zip", algo).policy.state_dict().items()}
    weights = [b"".join(w[name].tobytes() for name in sorted(w)) for w in (state["weights"], agent)]
    names = " ".join(sorted(path.name for path in folder.iterdir())).encode()
    content = {"weights": weights[0], "agent": weights[1], "names": names}
    content |= {name: (folder / name).read_bytes() for name in ("config.json", "progress.csv", "trials.csv")}
    return {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}


def at_random_moments(folder: Path) -> dict[str, Any]:
    """Kill a run of each algorithm at five moments, let it end, and compare it with one that was not killed."""
    rng, report = np.random.default_rng(), {}
    for algo in ALGORITHMS:
        start = time.perf_counter()
        assert end(begin(folder / algo, algo)) == 0
        seconds = time.perf_counter() - start
        ends = []
        for share in rng.uniform(0.02, 0.5, 5).tolist():
            process = begin(folder / f"{algo}-killed", algo)
            time.sleep(share * seconds)
            os.kill(process, signal.SIGKILL)
            ends.append(end(process))
        ends.append(end(begin(folder / f"{algo}-killed", algo)))
        report[algo] = {"ends": ends, "whole": digest(folder / algo), "killed": digest(folder / f"{algo}-killed")}
    return report


def in_a_curriculum(folder: Path) -> dict[str, Any]:
    """Kill a run that follows a curriculum at five moments, let it end, and compare it with one that was not killed."""
    folder.mkdir(exist_ok=True)
    (folder / "stages.toml").write_text(CURRICULUM)
    options = "--curriculum", folder / "stages.toml"
    rng, start = np.random.default_rng(), time.perf_counter()
    assert end(begin(folder / "whole", "recurrent-ppo", *options)) == 0
    seconds, ends = time.perf_counter() - start, []
    for share in rng.uniform(0.02, 0.5, 5).tolist():
        process = begin(folder / "killed", "recurrent-ppo", *options)
        time.sleep(share * seconds)
        os.kill(process, signal.SIGKILL)
        ends.append(end(process))
    ends.append(end(begin(folder / "killed", "recurrent-ppo", *options)))
    with (folder / "whole" / "progress.csv").open() as file:
        stages = [float(row["trial/stage"]) for row in csv.DictReader(file)]
    return {"ends": ends, "whole": digest(folder / "whole"), "killed": digest(folder / "killed"), "stages": stages}


def at_every_write(folder: Path) -> dict[str, Any]:
    """Kill a run before and after each of its files gets its name, let it end, and compare it with one that was not."""
    assert end(begin(folder / "whole", "ppo", steps=256)) == 0
    killed = []
    while True:
        run = folder / str(len(killed) + 1)
        if end(begin(run, "ppo", steps=256, die_at_sync=len(killed) + 1)) == 0:
            return {"whole": digest(folder / "whole"), "killed": killed}
        assert end(begin(run, "ppo", steps=256)) == 0
        killed.append(digest(run))


def at_once(folder: Path) -> list[Any]:
    """Begin runs with different seeds and one new folder; return exit statuses, and the seed that the folder ends with."""
    processes = [begin(folder, "ppo", "--seed", seed, steps=256) for seed in range(4)]
    statuses = [end(process) for process in processes]
    return [statuses, json.loads((folder / "config.json").read_text())["seed"], end(begin(folder, "ppo", "--seed", 9))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1)])  # the first optimizer imports much, which forks need not do again then
    training.STEPS_BETWEEN_SAVES = 256
    inspect.unwrap(training.Trainer.evaluate).__defaults__ = (20,)
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
