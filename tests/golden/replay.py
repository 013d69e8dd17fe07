"""Compare our tasks with recorded trials and steps of the reference."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium.error
import numpy as np

import ngym_core as ngym

from . import stacks
from .reference import ReferenceDraws, draw_from

HERE = Path(__file__).parent
DATA = HERE / "data"
DIVERGENCES: list[dict[str, Any]] = tomllib.loads((HERE / "divergences.toml").read_text())["divergence"]
OB_TOLERANCE = 2e-6
REWARD_TOLERANCE = 1e-12  # the last bit of a power


def replay(path: str | Path) -> list[str]:
    """Compare one recording, and list the mismatches that no row of `divergences.toml` excuses.

    Each mismatch begins with its part: ``trials.conditions``, ``trials.periods``, ``trials.ob``,
    ``trials.gt``, ``steps.ob``, ``steps.reward``, ``steps.new_trial``, ``steps.gt`` or
    ``steps.performance``. Where ``trials.ob`` or ``trials.gt`` is excused, so is what steps show of it.
    """
    recording = np.load(path)
    meta = json.loads(str(recording["meta"]))
    excused = [part for row in rows_for(meta) for part in row["differs"]]
    return [m for m in mismatches(recording, meta) if not any(_covers(part, m) for part in excused)]


def rows_for(meta: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows that speak of a recording: of its id and time step, and not of parameters it sets."""
    id_ = meta.get("id", f"wrapper.{meta.get('stack')}")
    rows = [r for r in DIVERGENCES if id_ in ids(r) and not set(r.get("unless", ())) & set(meta.get("kwargs", ()))]
    return [r for r in rows if "dt_above" not in r or meta["dt"] > r["dt_above"]]


def ids(row: dict[str, Any]) -> list[str]:
    """The recordings that a row speaks of."""
    return [row["id"]] if isinstance(row["id"], str) else row["id"]


def _covers(part: str, mismatch: str) -> bool:
    found = mismatch.split(" ", 1)[0]
    shown_in_steps = {"trials.ob": "steps.ob", "trials.gt": "steps.gt"}
    return found in (part, shown_in_steps.get(part)) or found.startswith(f"{part}.")


def mismatches(recording: Any, meta: dict[str, Any]) -> Iterator[str]:
    """Compare everything, excused or not."""
    if "stack" not in meta:
        yield from _spaces(meta)
    for seed in meta["seeds"]:
        prefix = f"s{seed}"
        yield from _trials(recording, meta, seed, prefix)
        if f"{prefix}/step/action" in recording:
            yield from _steps(recording, meta, seed, prefix)


def make(meta: dict[str, Any], seed: int) -> Any:
    """Make the recorded task, or stack of wrappers, with the reference's randomness."""
    if "stack" in meta:
        return stacks.make(meta, seed)
    env = ngym.make(meta["id"], **meta["kwargs"])
    task = env.unwrapped
    draw_from(env, ReferenceDraws(seed))
    if "i_env" in meta[f"s{seed}"][0]:
        task._set_top(Twins(task, seed))
        return task
    return env


class Twins:
    """Two modalities in turn, each with a stream of its own that is seeded like the other's, as in the reference."""

    def __init__(self, task: Any, seed: int) -> None:
        self.unwrapped = task
        self.draws = [ReferenceDraws(seed), ReferenceDraws(seed)]
        self.modality = 1

    def new_trial(self, **kwargs: Any) -> None:
        """Begin a trial in the other modality."""
        self.modality = 1 - self.modality
        trials = self.unwrapped._generate(1, self.draws[self.modality], {"modality": self.modality, **kwargs})
        self.unwrapped._install(trials)


def _spaces(meta: dict[str, Any]) -> Iterator[str]:
    env = ngym.make(meta["id"], **meta["kwargs"])
    if env.dt != meta["dt"]:
        yield f"spaces dt is {env.dt}, recorded {meta['dt']}"
    ours, theirs = env.observation_space, meta["observation_space"]
    if list(ours.shape) != theirs["shape"]:
        yield f"spaces observation shape is {ours.shape}, recorded {theirs['shape']}"
    if dict(env.rewards) != meta["rewards"]:
        yield f"spaces rewards are {dict(env.rewards)}, recorded {meta['rewards']}"
    if repr(env.action_space) != meta["action_space"]["repr"]:
        yield f"spaces action space is {env.action_space}, recorded {meta['action_space']['repr']}"
    for space, recorded in ((ours, theirs["name"]), (env.action_space, meta["action_space"]["name"])):
        names = {k: np.asarray(v).tolist() for k, v in getattr(space, "name", {}).items()}
        if recorded and names != recorded:
            yield f"spaces.names are {names}, recorded {recorded}"


def _trials(recording: Any, meta: dict[str, Any], seed: int, prefix: str) -> Iterator[str]:
    env = make(meta, seed)
    seen: dict[str, list[Any]] = {}
    for k, recorded in enumerate(meta[prefix]):
        env.unwrapped._top.new_trial()
        where = f"seed {seed} trial {k}"
        for name, value in recorded["trial"].items():
            if name not in env.trial or not _equal(env.trial[name], value):
                yield f"trials.conditions {where}: {name} is {env.trial.get(name)!r}, recorded {value!r}"
        for name in recorded["start_ind"]:
            ours = env.start_ind.get(name), env.end_ind.get(name)
            theirs = recorded["start_ind"][name], recorded["end_ind"][name]
            # the reference keeps the edges of a period that a trial does not have from an earlier trial
            left_over = ours[0] == ours[1] and theirs in seen.get(name, [])
            seen.setdefault(name, []).append(theirs)
            if ours != theirs and not left_over:
                yield f"trials.periods {where}: {name} is {ours}, recorded {theirs}"
        if abs(env.tmax - recorded["tmax"]) > 1e-6:
            yield f"trials.periods {where}: tmax is {env.tmax}, recorded {recorded['tmax']}"
        for name, tolerance in (("ob", OB_TOLERANCE), ("gt", 0 if env.gt.dtype.kind == "i" else OB_TOLERANCE)):
            if f"{prefix}/{name}{k}" in recording:
                yield from _arrays(f"trials.{name} {where}", getattr(env, name), recording[f"{prefix}/{name}{k}"], tolerance)


def _steps(recording: Any, meta: dict[str, Any], seed: int, prefix: str) -> Iterator[str]:
    env = make(meta, seed)
    env.reset()
    recorded = {key: recording[f"{prefix}/step/{key}"] for key in ("ob", "reward", "new_trial", "gt", "performance")}
    recorded["performance"] = np.where(recorded["new_trial"], recorded["performance"], np.nan)  # of trials that ended
    rows = []
    for action in recording[f"{prefix}/step/action"]:
        try:
            ob, reward, _, _, info = env.step(action)
        except gymnasium.error.InvalidAction as error:
            yield f"steps.action seed {seed}: {error}"
            return
        performance = info["performance"] if info["new_trial"] else np.nan
        rows.append((ob, reward, info["new_trial"], info["gt"], performance))
    tolerances = {"ob": OB_TOLERANCE, "reward": REWARD_TOLERANCE, "performance": REWARD_TOLERANCE}
    for key, column in zip(recorded, zip(*rows, strict=True), strict=True):
        yield from _arrays(f"steps.{key} seed {seed}", np.array(column), recorded[key], tolerances.get(key, 0))


def _arrays(where: str, ours: Any, theirs: Any, tolerance: float) -> Iterator[str]:
    if ours.shape != theirs.shape:
        yield f"{where}: shape {ours.shape}, recorded {theirs.shape}"
    elif not np.allclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True):
        wrong = ~np.isclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        yield f"{where}: {wrong.sum()} of {wrong.size} differ, first at {first}: {ours[first]!r}, recorded {theirs[first]!r}"


def _equal(ours: Any, theirs: Any) -> bool:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind in "fiub" and theirs.dtype.kind in "fiub":
        return bool(np.allclose(ours.astype(float), theirs.astype(float), rtol=1e-12, atol=1e-12))
    return bool((ours == theirs).all())
