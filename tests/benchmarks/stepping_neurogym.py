"""NeuroGym's side of the stepping benchmark, run by a Python that has NeuroGym 2.3.1.

It reads one JSON request a line and answers each with one line. ``{"step": id, "lanes": n, "steps": k, "act": how}`` gives
the seconds of k steps of n lanes in Stable-Baselines3's DummyVecEnv, ``{"train": id, ...}`` those of training RecurrentPPO.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

import numpy as np

lanes: dict[tuple[str, int], Any] = {}


def vec_env(task: str, n: int) -> Any:
    import neurogym
    from stable_baselines3.common.vec_env import DummyVecEnv

    if (task, n) not in lanes:
        lanes.clear()
        lanes[task, n] = DummyVecEnv([lambda: neurogym.make(task) for _ in range(n)])
        lanes[task, n].reset()
    return lanes[task, n]


def stepped(task: str, n: int, steps: int, act: str) -> float:
    env = vec_env(task, n)
    actions = np.random.default_rng(0).integers(0, env.action_space.n if act == "random" else 1, (steps, n))
    start = time.perf_counter()
    for row in actions:
        env.step(row)
    return time.perf_counter() - start


def trained(task: str, n: int, steps: int, settings: dict[str, Any]) -> float:
    import torch
    from sb3_contrib import RecurrentPPO

    torch.set_num_threads(1)
    model = RecurrentPPO("MlpLstmPolicy", vec_env(task, n), device="cpu", seed=0, **settings)
    start = time.perf_counter()
    model.learn(steps)
    return time.perf_counter() - start


def answer(request: dict[str, Any]) -> float:
    if "step" in request:
        return stepped(request["step"], request["lanes"], request["steps"], request["act"])
    return trained(request["train"], request["lanes"], request["steps"], request["settings"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            given: dict[str, Any] = {"answer": answer(json.loads(line))}
        except Exception as error:  # the parent shows it
            given = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(given), file=out, flush=True)
