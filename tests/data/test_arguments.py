from __future__ import annotations

import math

import pytest

from ngym_data import Dataset, TrialDataset, export_trials, load_trials, rerun
from ngym_data.splits import Holdout

ID = "GoNogo-v0"
NAN, INF = math.nan, math.inf
NOT_A_COUNT = (0, -5, 1.5, 16.0, NAN, INF, True, "x", None)
NOT_AN_INDEX = (-1, 1.5, NAN, INF, True, "x")
NOT_A_FLAG = ("yes", 2, 0.5)
SHARED = {
    "env_kwargs": (5, "dt"),
    "seed": NOT_AN_INDEX,
    "split": ("tarin", None, 3),
    "holdout": (5, ["coh"]),
    "conditions": (5, "coh"),
    "loss_weights": (5, ["decision"]),
    "memory": NOT_A_COUNT[:-1],
}
WRONG = {
    "Dataset": {
        **SHARED,
        "batch_size": NOT_A_COUNT,
        "seq_len": NOT_A_COUNT[:-1],
        "max_batch": NOT_A_COUNT[:-1],
        "cache_len": NOT_A_COUNT[:-1],
        "batch_first": NOT_A_FLAG,
        "info": NOT_A_FLAG,
    },
    "TrialDataset": {**SHARED, "trials": NOT_A_COUNT, "session": NOT_A_COUNT[:-1]},
    "Dataset.seed": {"seed": NOT_AN_INDEX},
    "Dataset.part": {"rows": ([], 5, [-1], [0.5], [True], "0")},
    "TrialDataset.session_seed": {"number": NOT_AN_INDEX},
    "TrialDataset.order": {"epoch": NOT_AN_INDEX},
    "StreamLoader": {
        "num_workers": NOT_AN_INDEX,
        "prefetch": NOT_AN_INDEX,
        "rank": NOT_AN_INDEX,
        "pin_memory": NOT_A_FLAG,
    },
    "TrialLoader": {
        "batch_size": NOT_A_COUNT,
        "shuffle": NOT_A_FLAG,
        "rank": NOT_AN_INDEX,
        "world_size": NOT_A_COUNT[:-1],
    },
    "export_trials": {
        "file": (5, "x.txt", "x"),
        "task": (5, None),
        "parameters": (5,),
        "trials": NOT_A_COUNT,
        "seed": NOT_AN_INDEX,
        "split": ("tset",),
        "holdout": (5,),
        "conditions": (5,),
        "session": NOT_A_COUNT[:-1],
        "progress": (5,),
    },
    "load_trials": {"file": (5, None)},
    "rerun": {"manifest": (5, None), "out": (5, "x.txt"), "progress": (5,)},
    "Holdout": {"values": (5,), "split": ("tset",)},
}
CALLS = {
    "Dataset": lambda **wrong: Dataset(ID, **wrong),
    "TrialDataset": lambda **wrong: TrialDataset(ID, **wrong),
    "Dataset.seed": lambda seed: Dataset(ID).seed(seed),
    "Dataset.part": lambda rows: Dataset(ID).part(rows),
    "TrialDataset.session_seed": lambda number: TrialDataset(ID).session_seed(number),
    "TrialDataset.order": lambda epoch: TrialDataset(ID).order(epoch),
    "StreamLoader": lambda **wrong: Dataset(ID).to_torch(**wrong),
    "TrialLoader": lambda **wrong: TrialDataset(ID).to_torch(**wrong),
    "export_trials": lambda **wrong: export_trials(**{"file": "x.npz", "task": ID, **wrong}),
    "load_trials": load_trials,
    "rerun": lambda **wrong: rerun(**{"manifest": "x.json", **wrong}),
    "Holdout": lambda **wrong: Holdout(**{"values": {}, "split": "train", **wrong}),
}


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, names in WRONG.items() for name in names])
def test_wrong_argument_of_data_is_refused_by_its_name(call, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "Loader" in call:
        pytest.importorskip("torch")
    for value in WRONG[call][name]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}=.* must be "):
            CALLS[call](**{name: value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Dataset(ID, batch_size=10**9),
            "A batch of 1,000,000,000 rows of 1,000 steps needs 21,0.* bytes, more",
        ),
        (
            lambda: Dataset(ID, seq_len=10**9),
            "A batch of 1 rows of 1,000,000,000 steps needs 20,000,001,024 bytes, more than 4,",
        ),
        (lambda: Dataset(ID).part(range(10**9)), "A batch of 1,000,000,000 rows .* needs .* bytes"),
        (lambda: TrialDataset(ID, session=10**9), "A session of 1,000,000,000 trials needs .* bytes"),
    ],
)
def test_sizes_beyond_memory_are_refused_with_their_bytes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_batch_beyond_the_default_is_made_where_memory_allows_it():
    assert Dataset(ID, seq_len=10**9, memory=2**35).seq_len == 10**9


def test_loader_batches_beyond_memory_are_refused_with_their_bytes():
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="prefetch=1,000,000,000 needs .* bytes"):
        Dataset(ID).to_torch(prefetch=10**9)
    with pytest.raises(ValueError, match="batch_size=1,000,000,000 needs .* bytes"):
        TrialDataset(ID, trials=10**12).to_torch(batch_size=10**9)
