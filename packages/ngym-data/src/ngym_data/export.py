"""Trials in files: arrays without pickles, and a manifest from which the same bytes can be made again."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.files import atomic_write
from ngym_data.dataset import joined, objects
from ngym_data.trial_dataset import TrialDataset

__all__ = ["Rerun", "SavedTrials", "export_trials", "load_trials", "rerun"]

Array: TypeAlias = NDArray[Any]
Progress: TypeAlias = Callable[[int], object]

FORMAT = "ngym trials 1"
TOGETHER = 1024
STEPS = ("inputs", "target", "length", "period")
KEYS = ("format", "task", "parameters", "trials", "seed", "split", "holdout", "conditions", "session", "periods", "json")
"""What a manifest must have beside `file`, `sha256` and `versions`."""


@dataclass
class SavedTrials:
    """Trials that were exported.

    Attributes:
        inputs: Observations, (trials, steps, *observation shape), float32; 0 after a trial's end.
        target: Ground truth, (trials, steps, *action shape).
        length: Number of steps of each trial, (trials,).
        period: Place of each step's period in `periods`, (trials, steps); -1 in none.
        conditions: Name -> (trials, ...) values.
        manifest: What they were made of.
    """

    inputs: Array
    target: Array
    length: NDArray[np.int64]
    period: NDArray[np.int8]
    conditions: dict[str, Array]
    manifest: dict[str, Any]

    def __len__(self) -> int:
        """Number of trials."""
        return len(self.length)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True at the steps that belong to a trial, (trials, steps)."""
        return np.asarray(np.arange(self.inputs.shape[1]) < self.length[:, None])

    @property
    def periods(self) -> tuple[str, ...]:
        """Names of the periods."""
        return tuple(self.manifest["periods"])


@dataclass(frozen=True)
class Rerun:
    """What came of making exported trials again.

    Attributes:
        same: Whether the bytes are the same.
        sha256: Hash of the new bytes.
        changed: Versions that are not those of the export: name -> (then, now).
    """

    same: bool
    sha256: str
    changed: dict[str, tuple[str, str]]


def export_trials(
    file: str | Path,
    task: str,
    parameters: Mapping[str, Any] | None = None,
    trials: int = 1000,
    *,
    seed: int | None = None,
    split: str = "train",
    holdout: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Any] | None = None,
    session: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the trials of a `TrialDataset` to a file, and beside it a manifest (``.json``) of what they were made of.

    All trials are held in memory while they are written.

    Args:
        file: The file, ``NAME.npz``.
        task: The task's id.
        parameters: Parameters of the task, of kinds that JSON has.
        trials: Number of trials.
        seed: Seed of all trials; by default one from the operating system, which the manifest tells.
        split: See `TrialDataset`.
        holdout: See `TrialDataset`.
        conditions: See `TrialDataset`.
        session: See `TrialDataset`.
        progress: Called with the number of trials made since it was last called.

    Returns:
        The two files. Either is complete or absent.

    Raises:
        FileExistsError: One of the files exists.
        TypeError: A parameter or condition that JSON does not have.
        ValueError: A name without ``.npz``, or see `TrialDataset`.
    """
    files = _pair(Path(file))
    for path in files:
        if path.exists():
            raise FileExistsError(f"{path} exists already; name another file.")
    recipe = {
        "task": task,
        "parameters": _plain("parameters", parameters),
        "trials": trials,
        "seed": seed,
        "split": split,
        "holdout": _plain("holdout", holdout),
        "conditions": _plain("conditions", conditions),
        "session": session,
    }
    manifest, data = _make(recipe, progress)
    _write(files, manifest, data)
    return files


def load_trials(file: str | Path) -> SavedTrials:
    """Read exported trials.

    (`ngym_core.load_trial_table` reads something else: the table of trials that an agent has played.)

    Args:
        file: The file or its manifest.

    Raises:
        FileNotFoundError: There is no such file, or no manifest beside it.
        ValueError: A file that is no export, is damaged, or belongs to another manifest.
    """
    path, manifest_path = _pair(Path(file).with_suffix(".npz"))
    manifest = read_manifest(manifest_path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}; `ngym rerun {manifest_path} --out {path}` makes it again.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
        raise ValueError(f"{path} is damaged, or is not the file of {manifest_path}: its bytes have another hash.")
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    columns = {name.removeprefix("condition_"): arrays[name] for name in arrays if name.startswith("condition_")}
    for name in manifest["json"]:
        columns[name] = objects([json.loads(text) for text in columns[name].tolist()])
    inputs, target, length, period = (arrays[name] for name in STEPS)
    return SavedTrials(inputs, target, length, period, columns, manifest)


def rerun(manifest: str | Path, *, out: str | Path | None = None, progress: Progress | None = None) -> Rerun:
    """Make exported trials again from their manifest and compare the bytes.

    Args:
        manifest: The manifest.
        out: Also write them (and a manifest) here, if the bytes are the same.
        progress: See `export_trials`.

    Raises:
        FileExistsError: `out` exists.
        FileNotFoundError: There is no such manifest.
        ValueError: A file that is no manifest of an export.
    """
    then = read_manifest(Path(manifest))
    files = None if out is None else _pair(Path(out))
    for path in files or []:
        if path.exists():
            raise FileExistsError(f"{path} exists already; name another file.")
    now, data = _make({name: then[name] for name in KEYS if name not in ("format", "periods", "json")}, progress)
    same = now["sha256"] == then["sha256"]
    if same and files is not None:
        _write(files, now, data)
    versions = {name: (then["versions"].get(name, "absent"), here) for name, here in now["versions"].items()}
    return Rerun(same, now["sha256"], {name: pair for name, pair in versions.items() if pair[0] != pair[1]})


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no manifest of an export.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no manifest {path}.")
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is no manifest of exported trials, or is damaged: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f'{path} is no manifest of exported trials: it lacks "format": {FORMAT!r}.')
    missing = [name for name in (*KEYS, "sha256", "versions") if name not in manifest]
    if missing:
        raise ValueError(f"{path} is damaged: it lacks {', '.join(map(repr, missing))}.")
    return manifest


def _pair(path: Path) -> list[Path]:
    if path.suffix != ".npz":
        raise ValueError(f"{path} must be called NAME.npz; the manifest is NAME.json beside it.")
    return [path, path.with_suffix(".json")]


def _plain(what: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Turn values into what JSON gives back."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(values or {}), default=_as_list, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}={values!r} cannot be written to a manifest, which is JSON: {error}") from error
    return plain


def _as_list(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")


def _make(recipe: dict[str, Any], progress: Progress | None) -> tuple[dict[str, Any], bytes]:
    """Make trials; give the manifest and the bytes of the file."""
    options = {name: recipe[name] for name in ("seed", "split", "holdout", "conditions", "session")}
    dataset = TrialDataset(recipe["task"], recipe["parameters"], recipe["trials"], **options)
    parts = []
    for first in range(0, len(dataset), TOGETHER):
        parts.append(dataset[first : first + TOGETHER])
        if progress is not None:
            progress(len(parts[-1][0]))
    arrays, texts = _arrays(parts)
    data = _zipped(arrays)
    manifest = {
        "format": FORMAT,
        **recipe,
        "seed": dataset.seed,
        "session": dataset.session,
        "periods": list(dataset.periods),
        "json": texts,
        "versions": _versions(type(dataset.env.unwrapped).__module__),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return manifest, data


def _versions(module: str) -> dict[str, str]:
    """Give the versions of all that the trials depend on, also of the pack that has the task."""
    pack = packages_distributions().get(module.partition(".")[0], [])
    names = dict.fromkeys(["ngym-core", "ngym-data", "numpy", "gymnasium", *pack])
    return {**{name: version(name) for name in names}, "python": platform.python_version()}


def _arrays(parts: list[Any]) -> tuple[dict[str, Array], list[str]]:
    """Put batches one under another, filled up to the longest; and say which columns were turned into JSON texts."""
    steps = max(part[0].shape[1] for part in parts)
    arrays = {
        "inputs": np.concatenate([_filled(part[0], steps, 0) for part in parts]),
        "target": np.concatenate([_filled(part[1], steps, 0) for part in parts]),
        "length": np.concatenate([part[2]["length"] for part in parts]),
        "period": np.concatenate([_filled(part[2]["period"], steps, -1) for part in parts]),
    }
    columns = joined([part[2]["conditions"] for part in parts], [len(part[0]) for part in parts])
    texts = [name for name, column in columns.items() if column.dtype == object]
    for name in texts:
        columns[name] = np.array([json.dumps(value, default=_as_list) for value in columns[name]])
    return arrays | {f"condition_{name}": column for name, column in columns.items()}, texts


def _filled(array: Array, steps: int, value: float) -> Array:
    if array.shape[1] == steps:
        return array
    filled = np.full((len(array), steps, *array.shape[2:]), value, array.dtype)
    filled[:, : array.shape[1]] = array
    return filled


def _zipped(arrays: Mapping[str, Array]) -> bytes:
    """Write arrays as a ``.npz`` whose bytes follow from the arrays alone: no times, no compression, no pickles."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return file.getvalue()


def _write(files: list[Path], manifest: dict[str, Any], data: bytes) -> None:
    """Write the file, then the manifest."""
    with atomic_write(files[1]) as manifest_aside, atomic_write(files[0]) as aside:
        manifest_aside.write_text(json.dumps({**manifest, "file": files[0].name}, indent=2) + "\n")
        aside.write_bytes(data)
