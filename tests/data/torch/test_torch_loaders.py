from __future__ import annotations

import doctest
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import Dataset, TrialDataset

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, DistributedSampler  # noqa: E402

from ngym_data import torch_loaders  # noqa: E402

ID = "DelayComparison-v0"
VARIED = {"timing": {"delay": ("choice", [100, 500, 1200])}}
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads, in Python 3.12


def equal(tensors, arrays):
    """Whether tensors hold what arrays hold; conditions that are no numbers are left out."""
    if isinstance(arrays, dict):
        return all(equal(tensors[name], arrays[name]) for name in tensors)
    if isinstance(arrays, tuple):
        return len(tensors) == len(arrays) and all(equal(t, a) for t, a in zip(tensors, arrays, strict=True))
    return isinstance(tensors, torch.Tensor) and np.array_equal(tensors.numpy(), arrays)


@pytest.mark.parametrize("num_workers", [0, 1, 2])
@pytest.mark.parametrize("first", [False, True])
def test_stream_loader_does_not_depend_on_workers(num_workers, first):
    options = {
        "batch_size": 5,
        "seq_len": 30,
        "max_batch": 6,
        "batch_first": first,
        "seed": 3,
        "loss_weights": {"decision": 2.0},
    }
    loader = Dataset(ID, VARIED, **options).to_torch(num_workers=num_workers)
    expected = iter(Dataset(ID, VARIED, **options))
    assert len(loader) == 6
    for k, batch in enumerate(loader):
        assert equal(batch, expected())
        if k == 2:
            break
    for batch in loader:  # an iteration that was left, or has ended, loses nothing
        assert equal(batch, expected())
    assert [equal(batch, expected()) for batch in loader] == [True] * 6


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_stream_loader_does_not_depend_on_prefetch(prefetch):
    dataset = Dataset(ID, batch_size=2, seq_len=30, seed=3)
    for batch in islice(dataset.to_torch(prefetch=prefetch), 20):
        assert equal(batch, dataset())


def test_stream_loader_without_max_batch_has_no_length():
    with pytest.raises(TypeError, match="without max_batch has no end"):
        len(Dataset(ID).to_torch())


def test_stream_loader_ranks_have_different_rows():
    whole = Dataset(ID, batch_size=6, seq_len=50, seed=0)()[0]
    loaders = [Dataset(ID, batch_size=2, seq_len=50, seed=0).to_torch(rank=rank, num_workers=1) for rank in range(3)]
    assert equal(torch.cat([next(iter(loader))[0] for loader in loaders], dim=1), whole)


def test_stream_loader_copies_batches_to_a_device_without_waiting(monkeypatch):
    pinned, moved = [], []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self.shape) or self)
    move = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *to, **how: moved.append((to, how)) or move(self, *to, **how))
    loader = Dataset(ID, batch_size=2, seq_len=30, seed=3, info=True).to_torch(device="meta", prefetch=0)
    inputs, _, info = next(iter(loader))
    assert {inputs.device.type, info["start"].device.type} == {"meta"}
    assert torch.Size([30, 2, 2]) in pinned
    assert moved
    assert all(to == (torch.device("meta"),) and how == {"non_blocking": True} for to, how in moved)
    pinned.clear()
    next(iter(Dataset(ID, batch_size=2, seq_len=30, seed=3).to_torch(device="cpu", prefetch=0)))
    assert not pinned
    next(iter(Dataset(ID, batch_size=2, seq_len=30, seed=3).to_torch(pin_memory=True, prefetch=0)))
    assert len(pinned) == 2


def test_stream_loader_raises_the_errors_of_its_thread():
    class Breaks(type(ngym.make("ReadySetGo-v0"))):
        broken = False

        def _new_trials(self, trials):
            if self.broken:
                raise RuntimeError("broken")
            super()._new_trials(trials)

    env = Breaks()
    loader = Dataset(env, batch_size=1, seq_len=10, cache_len=10, seed=0).to_torch(prefetch=1)
    batches = iter(loader)
    next(batches)
    env.broken = True
    with pytest.raises(RuntimeError, match="broken"):
        list(islice(batches, 100))


@pytest.mark.parametrize("num_workers", [0, 1, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_trial_loader_does_not_depend_on_workers(num_workers, shuffle):
    dataset = TrialDataset(ID, VARIED, 50, seed=1, session=8, loss_weights={"decision": 2.0})
    loader = dataset.to_torch(16, shuffle=shuffle, num_workers=num_workers)
    assert len(loader) == 4
    for epoch in range(2):
        order = dataset.order(epoch) if shuffle else np.arange(50)
        batches = list(loader)
        assert [len(batch[0]) for batch in batches] == [16, 16, 16, 2]
        for k, batch in enumerate(batches):
            assert equal(batch, dataset[order[16 * k : 16 * (k + 1)]])


@pytest.mark.parametrize(("trials", "batch_size"), [(50, 7), (48, 8), (9, 4), (1, 4)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_trial_loader_ranks_share_and_lose_no_trial(trials, batch_size, shuffle):
    dataset = TrialDataset(ID, trials=trials, seed=1, session=8)
    loaders = [dataset.to_torch(batch_size, shuffle=shuffle, rank=rank, world_size=2) for rank in range(2)]
    batches = [list(loader.sampler) for loader in loaders]
    assert [len(loader) for loader in loaders] == [len(b) for b in batches]
    assert abs(len(batches[0]) - len(batches[1])) <= (trials % (2 * batch_size) == 1)
    assert sorted(i for rank in batches for batch in rank for i in batch) == list(range(trials))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_torch_data_loader_takes_a_trial_dataset(num_workers):
    dataset = TrialDataset(ID, VARIED, 40, seed=1)
    for rank in (0, 1):
        sampler = DistributedSampler(dataset, 2, rank, shuffle=False)
        batches = list(DataLoader(dataset, batch_size=5, sampler=sampler, num_workers=num_workers))
        assert len(batches) == 4
        assert all(equal(b, dataset[range(rank + 10 * k, rank + 10 * k + 10, 2)]) for k, b in enumerate(batches))
    shuffled = DataLoader(dataset, batch_size=8, shuffle=True, num_workers=num_workers)
    lengths = torch.cat([batch[2]["length"] for batch in shuffled])
    assert sorted(lengths.tolist()) == sorted(dataset[:][2]["length"].tolist())


def test_trial_loader_with_spawned_workers():
    dataset = TrialDataset(ID, trials=10, seed=1)
    loader = dataset.to_torch(5, num_workers=1, multiprocessing_context="spawn")
    assert [equal(batch, dataset[5 * k : 5 * k + 5]) for k, batch in enumerate(loader)] == [True, True]


def test_trial_loader_tensors_can_be_modified():
    dataset = TrialDataset(ID, trials=10, seed=1)
    for batch in dataset.to_torch(5):
        for tensor in batch[:2]:
            tensor.zero_()
    assert (dataset[:][0] != 0).any()


def test_trial_loader_leaves_out_conditions_that_are_not_numbers():
    info = next(iter(TrialDataset("EconomicDecisionMaking", trials=4, seed=0).to_torch(4)))[2]
    assert "juice" not in info["conditions"]
    assert info["conditions"]["offer"].shape == (4, 2)


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """What the two ranks of a real distributed run got."""
    folder = tmp_path_factory.mktemp("ranks")
    script = Path(__file__).with_name("ranks.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


def test_stream_loader_of_two_distributed_processes(two_ranks):
    dataset = Dataset(ID, batch_size=6, seq_len=200, seed=7)
    assert np.array_equal(np.concatenate([rank["inputs"] for rank in two_ranks], axis=1), dataset()[0])


def test_trial_loader_of_two_distributed_processes(two_ranks):
    dataset = TrialDataset(ID, trials=50, seed=7, session=8)
    assert [float(rank["total"]) for rank in two_ranks] == [100.0, 100.0]
    for epoch in range(2):
        numbers = [rank[f"n{epoch}"] for rank in two_ranks]
        assert sorted(np.concatenate(numbers).tolist()) == list(range(50))
        for rank, own in zip(two_ranks, numbers, strict=True):
            assert np.array_equal(rank[f"t{epoch}"], dataset[own][1][:, -1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: Dataset(ID, batch_size=2).to_torch(num_workers=3),
            ValueError,
            "num_workers=3 is more than the 2 rows of a batch, which workers divide",
        ),
        (lambda: Dataset(ID).to_torch(num_workers=-1), ValueError, "num_workers=-1 must be an integer from 0"),
        (lambda: Dataset(ID).to_torch(prefetch=1.5), ValueError, "prefetch=1.5 must be an integer from 0"),
        (lambda: Dataset(ID).to_torch(rank=-1), ValueError, "rank=-1 must be an integer from 0"),
        (lambda: TrialDataset(ID).to_torch(0), ValueError, "batch_size=0 must be an integer from 1"),
        (
            lambda: TrialDataset(ID).to_torch(rank=2, world_size=2),
            ValueError,
            "rank=2 must lie between 0 and world_size - 1 = 1",
        ),
    ],
)
def test_torch_loaders_reject_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_docstring_examples_of_torch_loaders_run():
    done = doctest.testmod(torch_loaders)
    assert done.failed == 0
    assert done.attempted > 0
