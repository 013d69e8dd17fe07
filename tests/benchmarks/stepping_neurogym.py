"""NeuroGym's side of the stepping benchmark, run by a Python that has NeuroGym 2.3.1.

It reads one JSON request a line and answers each with one line. ``{"step": id, "lanes": n, "steps": k, "act": how}`` gives
the seconds of k steps of n lanes in Stable-Baselines3's DummyVecEnv, ``{"train": id, ...}`` those of training RecurrentPPO.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from other_python import serve

made: dict[tuple[str, int], Any] = {}


def vec_env(task: str, n: int) -> Any:
    import neurogym
    from stable_baselines3.common.vec_env import DummyVecEnv

    if (task, n) not in made:
        made.clear()
        made[task, n] = DummyVecEnv([lambda: neurogym.make(task) for _ in range(n)])
        made[task, n].reset()
    return made[task, n]


def stepped(task: str, lanes: int, steps: int, act: str) -> float:
    env = vec_env(task, lanes)
    actions = np.random.default_rng(0).integers(0, env.action_space.n if act == "random" else 1, (steps, lanes))
    start = time.perf_counter()
    for row in actions:
        env.step(row)
    return time.perf_counter() - start


def trained(task: str, lanes: int, steps: int, settings: dict[str, Any]) -> float:
    import torch
    from sb3_contrib import RecurrentPPO

    torch.set_num_threads(1)
    model = RecurrentPPO("MlpLstmPolicy", vec_env(task, lanes), device="cpu", seed=0, **settings)
    start = time.perf_counter()
    model.learn(steps)
    return time.perf_counter() - start


if __name__ == "__main__":
    serve({"step": stepped, "train": trained})
