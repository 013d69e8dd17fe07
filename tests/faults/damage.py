"""Damaged files: a changed manifest is refused, and no file that we read is different in silence.

Run it with ``nox -s faults``. Whatever comes in must be refused in words (ValueError or OSError). Only a byte that means
nothing, such as one of a date inside an archive, may pass, if what is read is the same bit for bit.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3 import PPO

import ngym_core as ngym
from ngym_core.state import load_state, save_state
from ngym_core.trial_table import save_trial_table
from ngym_data import export_trials, load_trials, rerun
from ngym_sb3 import load_model, make_sb3_env

ID = "PerceptualDecisionMaking-v0"
VALUES: list[Any] = [None, True, 0, -1, 5, 2.5, "x", [], ["nope"], {}, {"x": 1}, [[[[]]]], 10**40]


def leaves(value: Any, name: str = "") -> dict[str, bytes]:
    """Return what nested dictionaries, lists and arrays hold, as name -> bytes."""
    if isinstance(value, dict):
        return {n: leaf for key, item in value.items() for n, leaf in leaves(item, f"{name}/{key}").items()}
    if isinstance(value, (list, tuple)):
        return {n: leaf for k, item in enumerate(value) for n, leaf in leaves(item, f"{name}/{k}").items()}
    if isinstance(value, np.ndarray) and value.dtype != object:
        return {name: f"{value.dtype} {value.shape}".encode() + value.tobytes()}
    return {name: repr(value).encode()}


def changed_text(text: str, rng: np.random.Generator) -> str | bytes:
    """Return a manifest with a byte, an entry, or the place of an entry changed."""
    data = text.encode()
    at, byte = int(rng.integers(len(data))), bytes([int(rng.integers(256))])
    manifest = json.loads(text)
    names = list(manifest)
    name, other = rng.choice(names, 2, replace=False).tolist()
    entries = [(key, manifest[key]) for key in rng.permutation(names).tolist()]
    without = {key: value for key, value in manifest.items() if key != name}
    value = VALUES[int(rng.integers(len(VALUES)))]
    return [
        data[:at] + byte + data[at + 1 :],
        data[:at] + byte + data[at:],
        data[:at] + data[at + 1 :],
        data[:at],
        json.dumps({**manifest, name: value}, indent=2) + "\n",
        json.dumps({**manifest, name: manifest[other]}, indent=2) + "\n",
        json.dumps(without, indent=2) + "\n",
        json.dumps({**without, name[::-1]: manifest[name]}, indent=2) + "\n",
        json.dumps({**manifest, "more": value}, indent=2) + "\n",
        json.dumps(dict(entries), indent=2) + "\n",
        text.replace("{\n", f'{{\n  "{name}": {json.dumps(value)},\n', 1),
        json.dumps(manifest),
    ][int(rng.integers(12))]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes that are cut off, flipped in one bit, or partly zero, as after a loss of power."""
    at = int(rng.integers(len(data)))
    bit = bytes([data[at] ^ 1 << int(rng.integers(8))])
    return [data[:at], data[:at] + bit + data[at + 1 :], data[:at] + bytes(len(data[at : at + 512])) + data[at + 512 :]][
        int(rng.integers(3))
    ]


def files(folder: Path) -> dict[Path, Callable[[Path], Any]]:
    """Make one file of each kind, and return them with what reads them."""
    trials = export_trials(folder / "trials.npz", ID, trials=50, seed=3)[0]
    env = ngym.make(ID)
    env.reset(seed=0)
    state = save_state(folder / "state.npz", env.get_state())
    table = {"trial": np.arange(200), "coh": np.random.default_rng(0).random(200)}
    PPO("MlpPolicy", make_sb3_env(ID, 2), device="cpu", n_steps=4, batch_size=8).save(folder / "model.zip")
    return {
        trials: lambda path: vars(load_trials(path)),
        save_trial_table(folder / "table", table)[1]: ngym.load_trial_table,
        state: load_state,
        folder / "model.zip": lambda path: {k: v.numpy() for k, v in load_model(path, "ppo").policy.state_dict().items()},
    }


def attempt(read: Callable[[Path], Any], path: Path, expected: dict[str, bytes]) -> str:
    """Read a damaged file and return what came of it."""
    try:
        found = leaves(read(path))
    except (ValueError, OSError):
        return "refused"
    except Exception as error:
        return f"fault: {type(error).__name__}: {error}"
    return "the same bit for bit" if found == expected else "fault: different in silence"


def damage_all(manifests: int, outputs: int, seed: int, folder: Path) -> list[str]:
    """Damage a number of manifests and files, print counts, and return what is wrong."""
    rng = np.random.default_rng(seed)
    readers = files(folder)
    faults = []
    manifest = folder / "trials.json"
    text = manifest.read_text()
    counts: Counter[str] = Counter()
    while counts.total() < manifests:
        changed = changed_text(text, rng)
        changed = changed.encode() if isinstance(changed, str) else changed
        if changed == text.encode():
            continue
        manifest.write_bytes(changed)
        results = [attempt(read, manifest, {}) for read in (load_trials, rerun)]
        if results != ["refused", "refused"]:
            faults.append(f"manifest {changed!r}: {results}")
        counts["refused" if results == ["refused", "refused"] else "faults"] += 1
    manifest.write_text(text)
    print(f"manifests: {dict(counts)}", flush=True)
    for path, read in readers.items():
        data, expected = path.read_bytes(), leaves(read(path))
        counts = Counter()
        while counts.total() < outputs // len(readers):
            changed = damaged(data, rng)
            if changed == data:
                continue
            path.write_bytes(changed)
            result = attempt(read, path, expected)
            counts[result.partition(":")[0]] += 1
            if result.startswith("fault"):
                at = next((k for k, (one, two) in enumerate(zip(changed, data, strict=False)) if one != two), len(changed))
                faults.append(f"{path.name}, {len(changed)} of {len(data)} bytes, changed at {at}: {result}")
        path.write_bytes(data)
        print(f"{path.name}: {dict(counts)}", flush=True)
    return faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifests", type=int, default=300)
    parser.add_argument("--outputs", type=int, default=200, help="damaged files of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = damage_all(arguments.manifests, arguments.outputs, arguments.seed, Path(place))
    sys.exit("\n".join(found) or 0)  # an empty text would be a failure, too
