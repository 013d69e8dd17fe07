"""Export of trials: a file of arrays without pickles, and a manifest from which the same bytes can be generated again."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ngym_core.arguments import Callback, Count, FilePath, Keywords, PathTo, Seed, TaskId, checked, explained
from ngym_core.curriculum import Curriculum, as_curriculum
from ngym_core.errors import nearest
from ngym_core.files import atomic_write, claim_file, require_writable_folder
from ngym_core.plugins.registry import wrapper_spec
from ngym_data._streams import concatenate_conditions, object_array
from ngym_data.splits import Conditions, Split
from ngym_data.trial_dataset import Sample, TrialDataset

__all__ = ["Rerun", "SavedTrials", "export_trials", "load_trials", "read_manifest", "rerun"]

Array: TypeAlias = NDArray[Any]
ExportFile: TypeAlias = Annotated[str | Path, PathTo(".npz")]
"""The file of an export; its manifest has the same name with ``.json``."""

FORMAT = "ngym trials 1"
"""Name and version of the format, in each manifest."""
TRIALS_PER_BATCH = 1024
"""Number of trials that are generated between two calls of `progress`."""
ARRAYS = ("inputs", "target", "length", "period")
"""Names of the arrays in each file; the columns of conditions are beside them, as ``condition_NAME``."""
ARGUMENTS: dict[str, type] = {
    "task": str,
    "parameters": dict,
    "trials": int,
    "seed": int,
    "split": str,
    "holdout": dict,
    "conditions": dict,
    "session": int,
}
"""Arguments of `export_trials` in a manifest, and their types."""
ENTRIES: dict[str, type] = {
    "format": str,
    **ARGUMENTS,
    "periods": list,
    "json": list,
    "versions": dict,
    "sha256": str,
    "file": str,
    "manifest_sha256": str,
}
"""All entries of a manifest, and their types: `sha256` is the hash of the file, `manifest_sha256` that of all else."""
TYPE_NAMES = {str: "a text", int: "an integer", list: "a list", dict: "an object with names"}


@dataclass
class SavedTrials:
    """Exported trials, read back by `load_trials`.

    Attributes:
        inputs: Observations, (trials, steps, *observation shape), float32; 0 after the end of a trial.
        target: Ground truth, (trials, steps, *action shape); 0 after the end of a trial.
        length: Number of steps of each trial, (trials,).
        period: Index of each step's period in `periods`, (trials, steps); -1 outside all periods.
        conditions: Name -> (trials, ...) values.
        manifest: The manifest: task, parameters, seed, split, versions, hash, ...

    Example:
        >>> from ngym_data import export_trials, load_trials
        >>> _ = export_trials("saved.npz", "GoNogo-v0", trials=20, seed=0)
        >>> saved = load_trials("saved.npz")
        >>> len(saved), saved.inputs.shape[0], saved.periods[:2]
        (20, 20, ('fixation', 'stimulus'))
    """

    inputs: Array
    target: Array
    length: NDArray[np.int64]
    period: NDArray[np.signedinteger[Any]]
    conditions: dict[str, Array]
    manifest: dict[str, Any]

    def __len__(self) -> int:
        """Number of trials."""
        return len(self.length)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Whether each step belongs to its trial, (trials, steps)."""
        return np.asarray(np.arange(self.inputs.shape[1]) < self.length[:, None])

    @property
    def periods(self) -> tuple[str, ...]:
        """Names of the periods."""
        return tuple(self.manifest["periods"])


@dataclass(frozen=True)
class Rerun:
    """Result of generating exported trials again.

    Attributes:
        same: Whether the bytes are the same.
        sha256: Hash of the new bytes.
        changed: Versions that differ from those of the export: name -> (then, now).
    """

    same: bool
    sha256: str
    changed: dict[str, tuple[str, str]]


@checked
def export_trials(
    file: ExportFile,
    task: TaskId,
    parameters: Keywords | None = None,
    trials: Count = 1000,
    *,
    seed: Seed = None,
    split: Split = "train",
    holdout: Conditions | None = None,
    conditions: Conditions | None = None,
    session: Count | None = None,
    progress: Callback | None = None,
) -> list[Path]:
    """Write the trials of a `TrialDataset` to a file, and a manifest (``NAME.json``) beside it.

    All trials are in memory while they are written.

    Args:
        file: The file, ``NAME.npz``.
        task: The task's id.
        parameters: Parameters of the task, of types that JSON has. Of a curriculum, or a file that an argument of a wrapper
            names, the manifest has the contents.
        trials: Number of trials.
        seed: Seed of all trials; by default one from the operating system. The manifest holds it.
        split: See `TrialDataset`.
        holdout: See `TrialDataset`.
        conditions: See `TrialDataset`.
        session: See `TrialDataset`.
        progress: Function that is called with the number of trials generated since its last call.

    Returns:
        The file and the manifest. Each is complete or absent; what a killed export left is no hindrance to the same one.

    Raises:
        FileExistsError: One of the files exists, or another process is making them.
        OSError: The folder cannot be written; this is seen before trials are generated.
        TypeError: A parameter or condition that JSON cannot represent, or a task that is no id.
        ValueError: A file name without ``.npz``, or see `TrialDataset`.

    Example:
        >>> from ngym_data import export_trials, load_trials, rerun
        >>> file, manifest = export_trials("delays.npz", "DelayComparison-v0", trials=20, seed=0, split="test")
        >>> load_trials(file).conditions["vpair"].shape
        (20, 2)
        >>> rerun(manifest).same
        True
    """
    files = _file_and_manifest(Path(file))
    arguments = {
        "task": task,
        "parameters": _json_values("parameters", _without_files(parameters)),
        "trials": trials,
        "seed": seed,
        "split": split,
        "holdout": _json_values("holdout", holdout),
        "conditions": _json_values("conditions", conditions),
        "session": session,
    }
    dataset = _dataset(arguments)
    arguments |= {"trials": len(dataset), "seed": int(dataset.seed), "session": int(dataset.session)}
    with _claim(files, arguments):
        _write_files(files, *_generate(arguments, dataset, progress))
    return files


@checked
def load_trials(file: FilePath) -> SavedTrials:
    """Read exported trials.

    `ngym_core.load_trial_table` reads another kind of file: the table of the trials that an agent has played.

    Args:
        file: The file or its manifest.

    Returns:
        The trials.

    Raises:
        FileNotFoundError: There is no such file, or no manifest beside it.
        ValueError: The file or the manifest is damaged, or they do not belong together.

    Example:
        >>> from ngym_data import export_trials, load_trials
        >>> _ = export_trials("trials.npz", "PerceptualDecisionMaking-v0", trials=20, seed=0)
        >>> trials = load_trials("trials.npz")
        >>> len(trials), trials.inputs.shape, trials.periods
        (20, (20, 22, 3), ('fixation', 'stimulus', 'delay', 'decision'))
    """
    path, manifest_path = _file_and_manifest(Path(file).with_suffix(".npz"))
    manifest = read_manifest(manifest_path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}; `ngym rerun {manifest_path} --out {path}` generates it again.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
        raise ValueError(f"{path} is damaged, or is not the file of {manifest_path}: the hash of its bytes differs.")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
        inputs, target, length, period = (arrays.pop(name) for name in ARRAYS)
        columns = {name.removeprefix("condition_"): column for name, column in arrays.items()}
        for name in manifest["json"]:
            if name not in columns:
                raise ValueError(f'"json" names {name!r}, which is no condition of the file. {nearest(name, columns)}')
            columns[name] = object_array([json.loads(text) for text in columns[name].tolist()])
    except Exception as error:  # the hashes are right, but anybody can make such files
        raise ValueError(f"{path} and {manifest_path} are no exported trials: {error}") from error
    return SavedTrials(inputs, target, length, period, columns, manifest)


@checked
def rerun(manifest: FilePath, *, out: ExportFile | None = None, progress: Callback | None = None) -> Rerun:
    """Generate exported trials again from their manifest and compare the bytes.

    Args:
        manifest: The manifest, ``NAME.json``, or the file beside it. It may be a stranger's: nothing but `out` is written,
            and only tasks and wrappers of installed packages run.
        out: File ``NAME.npz`` to which the trials are written too, with a manifest, if the bytes are the same.
        progress: See `export_trials`.

    Returns:
        Whether the bytes are the same, their hash, and the versions that have changed.

    Raises:
        FileExistsError: `out` or its manifest exists, or another process is making them.
        FileNotFoundError: There is no such manifest.
        OSError: The folder of `out` cannot be written.
        ValueError: The file is not the manifest of an export, was changed after it, or `out` has a name without ``.npz``.

    Example:
        >>> from ngym_data import export_trials, rerun
        >>> _, manifest = export_trials("first.npz", "PerceptualDecisionMaking-v0", trials=20, seed=0)
        >>> result = rerun(manifest, out="second.npz")
        >>> result.same, result.changed
        (True, {})
    """
    then = read_manifest(Path(manifest))
    arguments = {name: then[name] for name in ARGUMENTS}
    files = None if out is None else _file_and_manifest(Path(out))
    dataset = _dataset(arguments)
    with nullcontext() if files is None else _claim(files, arguments):
        now, data = _generate(arguments, dataset, progress)
        same = now["sha256"] == then["sha256"]
        for name in ("periods", "json"):
            if same and now[name] != then[name]:
                raise ValueError(f"{manifest} has {name!r}: {then[name]}, but the trials have {now[name]}.")
        if same and files is not None:
            _write_files(files, now, data)
    versions = {name: (then["versions"].get(name, "absent"), here) for name, here in now["versions"].items()}
    return Rerun(same, now["sha256"], {name: pair for name, pair in versions.items() if pair[0] != pair[1]})


@explained
def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a manifest.

    Args:
        path: The manifest, or the file beside it.

    Raises:
        FileNotFoundError: There is no manifest.
        ValueError: It is not the manifest of an export, or was changed after it.
    """
    path = path.with_suffix(".json") if path.suffix == ".npz" else path
    if not path.is_file():
        raise FileNotFoundError(f"There is no manifest {path}.")
    data = path.read_bytes()
    try:
        manifest = json.loads(data)
        text = _manifest_text(manifest).encode() if isinstance(manifest, dict) else b""
    except (ValueError, RecursionError) as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else error
        raise ValueError(f"{path} is not a manifest of exported trials, or is damaged: {why}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f'{path} is not a manifest of exported trials: it lacks "format": {FORMAT!r}.')
    for name in manifest:
        if name not in ENTRIES:
            raise ValueError(f"{path} is damaged: it has an unknown entry {name!r}. {nearest(name, ENTRIES)}")
    missing = [name for name in ENTRIES if name not in manifest]
    if missing:
        raise ValueError(f"{path} is damaged: it lacks {', '.join(map(repr, missing))}.")
    for name, kind in ENTRIES.items():
        if type(manifest[name]) is not kind:
            raise ValueError(f"{path} is damaged: {name!r} is {manifest[name]!r:.80}, but must be {TYPE_NAMES[kind]}.")
    if data not in (text, text.replace(b"\n", b"\r\n")):  # Git may write the ends of lines of Windows
        raise ValueError(f"{path} was changed after the export, or is damaged: the hash of its entries differs.")
    return manifest


def _manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return the text of a manifest, with the hash of its other entries at the end."""
    entries = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    entries["manifest_sha256"] = hashlib.sha256(json.dumps(entries, indent=2).encode()).hexdigest()
    return json.dumps(entries, indent=2) + "\n"


def _file_and_manifest(path: Path) -> list[Path]:
    """Return the paths of a file and its manifest."""
    return [path, path.with_suffix(".json")]


@contextmanager
def _claim(files: list[Path], arguments: Mapping[str, Any]) -> Iterator[None]:
    """Keep other exports from a file and its manifest while this one makes them; raise if it cannot, see `_require_free`."""
    _require_free(files, arguments)  # before a folder is made
    require_writable_folder(files[0].parent)
    with claim_file(files[0]):
        _require_free(files, arguments)  # once more: another export may have made them in between
        yield


def _require_free(files: list[Path], arguments: Mapping[str, Any]) -> None:
    """Raise if a file or its manifest exists; the manifest of an export with the same arguments that was killed may."""
    file, manifest = files
    if file.exists():
        raise FileExistsError(f"{file} exists already; name another file.")
    if manifest.exists():
        with suppress(ValueError, FileNotFoundError):  # it is something else
            left = read_manifest(manifest)
            if all(left[name] == value for name, value in arguments.items()):
                return
        raise FileExistsError(f"{manifest} exists already; name another file.")


def _without_files(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return parameters with the contents of files in place of their paths: `rerun` may be elsewhere, or later."""
    found = dict(parameters or {})
    if isinstance(found.get("wrappers"), list | tuple):
        found["wrappers"] = [_wrapper_without_files(wrapper) for wrapper in found["wrappers"]]
    return found


def _wrapper_without_files(wrapper: Any) -> Any:
    """Return a wrapper of `make` with the contents of the files that its arguments name."""
    named = isinstance(wrapper, list | tuple) and len(wrapper) == 2 and isinstance(wrapper[0], str)
    if not (named and isinstance(wrapper[1], Mapping)):
        return wrapper
    which, arguments = wrapper[0], dict(wrapper[1])
    name = wrapper_spec(which).name
    if name == "FollowCurriculum-v0" and isinstance(arguments.get("curriculum"), Curriculum | str | Path):
        arguments["curriculum"] = as_curriculum(arguments["curriculum"]).to_dict()
    if name == "Monitor-v0" and isinstance(arguments.get("config"), str | Path):
        arguments["config"] = tomllib.loads(Path(arguments["config"]).read_text(encoding="utf-8"))
    return which, arguments


def _json_values(argument: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return values as JSON reads them back, so that `rerun` gets the same ones; raise TypeError if it has none for them."""
    try:
        text = json.dumps(dict(values or {}), default=_array_to_list, allow_nan=False, indent=2)
        plain: dict[str, Any] = json.loads(text)
    except RecursionError as error:
        raise TypeError(f"{argument} cannot be written to a manifest: it is nested too deeply.") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{argument}={values!r} cannot be written to a manifest, which is JSON: {error}") from error
    return plain


def _array_to_list(value: Any) -> Any:
    """Return an array as a list and a NumPy scalar as a number, for `json.dumps`; raise TypeError for anything else."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")


def _dataset(arguments: Mapping[str, Any]) -> TrialDataset:
    """Return the data set with the trials of an export."""
    options = {name: arguments[name] for name in ("seed", "split", "holdout", "conditions", "session")}
    return TrialDataset(arguments["task"], arguments["parameters"], arguments["trials"], **options)


def _generate(
    arguments: Mapping[str, Any], dataset: TrialDataset, progress: Callback | None
) -> tuple[dict[str, Any], bytes]:
    """Generate trials; return the manifest, without the entries `file` and `manifest_sha256`, and the bytes of the file."""
    batches = []
    for first in range(0, len(dataset), TRIALS_PER_BATCH):
        batches.append(dataset[first : first + TRIALS_PER_BATCH])
        if progress is not None:
            progress(len(batches[-1][0]))
    arrays, json_columns = _concatenate_batches(batches)
    data = _npz_bytes(arrays)
    manifest = {
        "format": FORMAT,
        **arguments,
        "periods": list(dataset.periods),
        "json": json_columns,
        "versions": _installed_versions(type(dataset.env.unwrapped).__module__),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return manifest, data


def _installed_versions(module: str) -> dict[str, str]:
    """Return the versions on which trials depend: of ngym, NumPy, Gymnasium, Python and the pack with the task's module."""
    pack = packages_distributions().get(module.partition(".")[0], [])
    names = dict.fromkeys(["ngym-core", "ngym-data", "numpy", "gymnasium", *pack])
    return {**{name: version(name) for name in names}, "python": platform.python_version()}


def _concatenate_batches(batches: list[Sample]) -> tuple[dict[str, Array], list[str]]:
    """Concatenate batches, padded to the longest.

    Returns:
        The arrays of the file, and the names of the conditions that are stored as JSON texts: those of type object, which
        a file without pickles cannot hold.
    """
    steps = max(inputs.shape[1] for inputs, _, _ in batches)
    arrays = {
        "inputs": np.concatenate([_pad_steps(inputs, steps, 0) for inputs, _, _ in batches]),
        "target": np.concatenate([_pad_steps(target, steps, 0) for _, target, _ in batches]),
        "length": np.concatenate([info["length"] for _, _, info in batches]),
        "period": np.concatenate([_pad_steps(info["period"], steps, -1) for _, _, info in batches]),
    }
    columns = concatenate_conditions(
        [info["conditions"] for _, _, info in batches], [len(inputs) for inputs, _, _ in batches]
    )
    json_columns = [name for name, column in columns.items() if column.dtype == object]
    for name in json_columns:
        columns[name] = np.array([json.dumps(value, default=_array_to_list) for value in columns[name]])
    return arrays | {f"condition_{name}": column for name, column in columns.items()}, json_columns


def _pad_steps(array: Array, steps: int, value: float) -> Array:
    """Return an array (trials, up to `steps`, ...) padded with a value to (trials, steps, ...)."""
    if array.shape[1] == steps:
        return array
    padded = np.full((len(array), steps, *array.shape[2:]), value, array.dtype)
    padded[:, : array.shape[1]] = array
    return padded


def _npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as a ``.npz`` whose bytes depend on the arrays alone: no times, no compression, no pickles."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, rw-r--r--, on every system
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return file.getvalue()


def _write_files(files: list[Path], manifest: dict[str, Any], data: bytes) -> None:
    """Write the file and the manifest; each is complete or absent."""
    # Contexts end in reverse: the manifest gets its name first, since it tells a killed export from a stranger's file.
    with atomic_write(files[0]) as new_file, atomic_write(files[1]) as new_manifest:
        new_file.write_bytes(data)
        new_manifest.write_bytes(_manifest_text({**manifest, "file": files[0].name}).encode())
        _require_free(files, {name: manifest[name] for name in ARGUMENTS})  # another process may have been quicker
