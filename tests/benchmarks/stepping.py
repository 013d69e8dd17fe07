"""How fast N lanes are stepped and a recurrent agent is trained, beside NeuroGym 2.3.1. Run it with ``nox -s bench``.

All sides take turns, so that a slow batch of the machine meets each of them. Actions are drawn before: at random, which
ends many trials early, so that it is mostly about making trials; or always 0 (fixate), so that trials run their course,
which is mostly about steps. Ours are stepped for many trials of each lane, so that drawing trials ahead counts in full.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from other_python import Other

import ngym_core as ngym

TASKS = ["PerceptualDecisionMaking-v0", "ReadySetGo-v0", "yang19.ctxdm1-v0", "DelayMatchSample-v0"]
ACTS = ("random", "fixate")
GOALS = {64: 20, 1024: 60}
SETTINGS: dict[str, Any] = {"n_steps": 32, "batch_size": 512, "n_epochs": 4, "policy_kwargs": {"lstm_hidden_size": 64}}
"""Of RecurrentPPO, the same for both."""
ROUNDS = 3
OURS, THEIRS, TRAINING = 3000, {64: 400, 1024: 100}, 16_384
"""Steps of each lane in a round: ours, NeuroGym's (by lanes); steps of training."""


def seconds(step: Callable[[Any], object], n_actions: int, lanes: int, steps: int) -> float:
    """Seconds of some steps."""
    actions = np.random.default_rng(0).integers(0, n_actions, (steps, lanes))
    start = time.perf_counter()
    for row in actions:
        step(row)
    return time.perf_counter() - start


def stepping(other: Other) -> list[dict[str, Any]]:
    """Steps per second over all lanes: ours, ours as Stable-Baselines3 sees them, NeuroGym's, Gymnasium's CartPole."""
    rows = []
    for act, lanes in itertools.product(ACTS, GOALS):
        poles = gymnasium.make_vec("CartPole-v1", lanes, vectorization_mode="vector_entry_point")
        poles.reset(seed=0)
        for task in TASKS:
            rows.append(_stepped(other, poles, task, lanes, act))
            _print(rows[-1])
    return rows


def _stepped(other: Other, poles: Any, task: str, lanes: int, act: str) -> dict[str, Any]:
    from ngym_sb3 import make_sb3_env

    vec, sb3 = ngym.make_vec(task, lanes), make_sb3_env(task, lanes, seed=0)
    vec.reset(seed=0)
    sb3.reset()
    n = int(vec.single_action_space.n) if act == "random" else 1
    spent: dict[str, list[float]] = {"ngym": [], "ngym in SB3": [], "NeuroGym in SB3": [], "CartPole": []}
    for _ in range(ROUNDS):
        spent["ngym"].append(seconds(vec.step, n, lanes, OURS) / OURS)
        spent["ngym in SB3"].append(seconds(sb3.step, n, lanes, OURS // 3) / (OURS // 3))
        spent["CartPole"].append(seconds(poles.step, 2, lanes, OURS // 3) / (OURS // 3))
        theirs = other.ask(step=task, lanes=lanes, steps=THEIRS[lanes], act=act)
        if theirs is not None:
            spent["NeuroGym in SB3"].append(theirs / THEIRS[lanes])
    means = {name: float(np.mean(s)) for name, s in spent.items() if s}
    row: dict[str, Any] = {"actions": act, "task": task, "lanes": lanes, **{k: lanes / s for k, s in means.items()}}
    if "NeuroGym in SB3" in means:
        row["times"] = means["NeuroGym in SB3"] / means["ngym"]
        row["times in SB3"] = means["NeuroGym in SB3"] / means["ngym in SB3"]
    return row


def training(other: Other) -> list[dict[str, Any]]:
    """Steps per second of RecurrentPPO with 64 recurrent units, 64 lanes.

    NeuroGym's episodes never end, so the agent's state never restarts: the like of ours are episodes of 1,000 trials.
    Where the state restarts with every trial, sequences are short and of many lengths, and there is more to do.
    """
    import torch
    from sb3_contrib import RecurrentPPO

    from ngym_sb3 import MlpRnnPolicy, make_sb3_env

    torch.set_num_threads(1)
    agents: dict[str, tuple[Any, dict[str, Any]]] = {
        "ngym, LSTM": (MlpRnnPolicy, {"cell": "lstm"}),
        "ngym, LSTM of sb3-contrib": ("MlpLstmPolicy", {}),
        "ngym, leaky CTRNN": (MlpRnnPolicy, {"cell": "ctrnn"}),
    }
    theirs = "NeuroGym, LSTM of sb3-contrib"
    task, rows = TASKS[0], []
    for lanes, trials in ((64, 1000), (64, 1), (1024, 1000)):
        spent: dict[str, list[float]] = {name: [] for name in [*agents, theirs]}
        steps = max(TRAINING, SETTINGS["n_steps"] * lanes)
        for _ in range(ROUNDS):
            for name, (policy, own) in agents.items():
                settings: dict[str, Any] = {**SETTINGS, "policy_kwargs": {**SETTINGS["policy_kwargs"], **own}}
                env = make_sb3_env(task, lanes, trials_per_episode=trials)
                model = RecurrentPPO(policy, env, device="cpu", seed=0, **settings)
                start = time.perf_counter()
                model.learn(steps)
                spent[name].append(time.perf_counter() - start)
            took = other.ask(train=task, lanes=lanes, steps=steps, settings=SETTINGS) if lanes == 64 else None
            if took is not None:
                spent[theirs].append(took)
        row: dict[str, Any] = {"task": task, "lanes": lanes, "trials in an episode": trials}
        row |= {name: steps / median(s) for name, s in spent.items() if s}
        row["times sb3-contrib"] = row["ngym, LSTM"] / row["ngym, LSTM of sb3-contrib"]
        if theirs in row:
            row["times"] = row["ngym, LSTM"] / row[theirs]
        rows.append(row)
        _print(row)
    return rows


def learners() -> list[dict[str, Any]]:
    """Steps per second of our RecurrentPPO and of sb3-contrib's, by stage, on the same env and network, in turns."""
    import sb3_contrib
    import torch

    import ngym_sb3

    torch.set_num_threads(1)
    sides = {"sb3-contrib": sb3_contrib.RecurrentPPO, "ngym": ngym_sb3.RecurrentPPO}
    rows = []
    for cell, lanes, trials in itertools.product(("ctrnn", "gru"), GOALS, (1, 1000)):
        best: dict[str, dict[str, float]] = {name: {} for name in sides}
        for _, (name, side) in itertools.product(range(ROUNDS), sides.items()):
            for stage, speed in _stages(side, cell, lanes, trials).items():
                best[name][stage] = max(speed, best[name].get(stage, 0.0))
        row: dict[str, Any] = {"cell": cell, "lanes": lanes, "trials in an episode": trials}
        for stage in best["ngym"]:
            row |= {f"{stage}, {name}": best[name][stage] for name in sides}
            row[f"{stage}, times"] = best["ngym"][stage] / best["sb3-contrib"][stage]
        rows.append(row)
        _print(row)
    return rows


def _stages(learner: Any, cell: str, lanes: int, trials: int) -> dict[str, float]:
    """Steps per second of processor time: in rollouts, in updates, and in all."""
    from ngym_sb3 import MlpRnnPolicy, make_sb3_env

    settings: dict[str, Any] = {**SETTINGS, "policy_kwargs": {**SETTINGS["policy_kwargs"], "cell": cell}}
    env = make_sb3_env(TASKS[0], lanes, trials_per_episode=trials)
    model = learner(MlpRnnPolicy, env, device="cpu", seed=0, **settings)
    steps = max(TRAINING, SETTINGS["n_steps"] * lanes)
    spent = {"rollout": 0.0, "update": 0.0}

    def timed(stage: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            result = method(*args, **kwargs)
            spent[stage] += time.process_time() - start
            return result

        return call

    model.collect_rollouts = timed("rollout", model.collect_rollouts)
    model.train = timed("update", model.train)
    start = time.process_time()
    model.learn(steps)
    spent["all"] = time.process_time() - start
    return {stage: steps / seconds for stage, seconds in spent.items()}


def _print(row: dict[str, Any]) -> None:
    print("  ".join(f"{name} {_short(value)}" for name, value in row.items()), flush=True)


def _short(value: Any) -> str:
    return str(value) if not isinstance(value, float) else f"{value:,.0f}" if value > 99 else f"{value:.1f}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_short(row[name]) if name in row else "-" for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdicts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say the medians over the tasks, beside what was promised."""
    said = []
    for act, (lanes, goal) in itertools.product(ACTS, GOALS.items()):
        times = [row["times"] for row in rows if (row["actions"], row["lanes"]) == (act, lanes) and "times" in row]
        if times:
            said.append(
                f"{act}, {lanes} lanes: {median(times):.0f} times NeuroGym (median of {len(times)} tasks; goal {goal})"
            )
    return said


def main(argv: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Measure, print, and write what was measured.

    Args:
        argv: ``--neurogym PYTHON`` (without it only ours are measured), ``--out DIR`` for stepping.json and stepping.md.

    Returns:
        The rows of ``stepping``, ``training`` and ``learners``, in steps per second over all lanes.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurogym", help="Python of an environment with NeuroGym 2.3.1")
    parser.add_argument("--out", type=Path, help="folder for stepping.json and stepping.md")
    options = parser.parse_args(argv)
    other = Other(options.neurogym, "stepping_neurogym.py")
    try:
        print("Steps per second over all lanes:")
        rows = {"stepping": stepping(other)}
        said = verdicts(rows["stepping"])
        print(*said, sep="\n")
        print("Steps per second of training RecurrentPPO, 64 units, 64 lanes:")
        rows["training"] = training(other)
        print("Steps per second of RecurrentPPO, 64 units, by stage:")
        rows["learners"] = learners()
    finally:
        other.close()
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "stepping.json").write_text(json.dumps({**rows, "medians": said}, indent=2))
        parts = ["Steps per second over all lanes.", table(rows["stepping"]), *said, "Training:", table(rows["training"])]
        parts += ["RecurrentPPO by stage:", table(rows["learners"])]
        (options.out / "stepping.md").write_text("\n\n".join(parts) + "\n")
    return rows


if __name__ == "__main__":
    main()
