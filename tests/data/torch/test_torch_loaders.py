from __future__ import annotations

import copy
import doctest
import pickle
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_data import Dataset, TrialDataset
from tests.data.streams import same

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, get_worker_info  # noqa: E402

from ngym_data import torch_loaders  # noqa: E402

from ...task_ids import IDS  # noqa: E402

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
        (lambda: Dataset(ID).to_torch(prefetch=1.5), TypeError, "prefetch=1.5 must be an integer from 0"),
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


# ---- states, copies and changed parameters -----------------------------------------------------------


def plain_batches(tensors):
    """Batches of tensors as arrays."""
    if isinstance(tensors, dict):
        return {name: plain_batches(part) for name, part in tensors.items()}
    if isinstance(tensors, (tuple, list)):
        return type(tensors)(map(plain_batches, tensors))
    return tensors.numpy() if isinstance(tensors, torch.Tensor) else tensors


STREAM = {"batch_size": 5, "seq_len": 30, "seed": 3, "info": True, "cache_len": 70}


@pytest.mark.parametrize("workers", [(0, 0), (0, 2), (2, 0), (2, 1)])
@pytest.mark.parametrize("batches", [0, 1, 5])
def test_stream_loader_goes_on_from_a_state_and_as_a_copy(workers, batches):
    loader, other = (Dataset(ID, VARIED, **STREAM).to_torch(num_workers=n) for n in workers)
    list(islice(loader, batches))
    state = loader.state_dict()
    dataset = Dataset(ID, VARIED, **STREAM)
    for _ in range(batches):
        dataset()
    assert same(dataset.state_dict()["content"]["rows"]["left"], state["content"]["rows"]["left"])
    copied = copy.deepcopy(loader) if batches else pickle.loads(pickle.dumps(loader))
    other.load_state_dict(state)
    alone = Dataset(ID, VARIED, **STREAM)
    alone.load_state_dict(state)
    for one, two, three in islice(zip(loader, other, copied, strict=False), 6):
        expected = dataset()
        assert equal(one, expected)
        assert equal(two, expected)
        assert equal(three, expected)
        assert same(alone(), expected)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_stream_loader_state_has_the_batches_left_of_an_iteration(num_workers):
    loader = Dataset(ID, batch_size=2, seq_len=30, seed=3, max_batch=5).to_torch(num_workers=num_workers)
    other = Dataset(ID, batch_size=2, seq_len=30, max_batch=5).to_torch()
    batches = iter(loader)
    list(islice(batches, 3))
    other.load_state_dict(loader.state_dict())
    assert same(plain_batches(list(other)), plain_batches(list(batches)))
    assert len(list(other)) == 5
    other.load_state_dict(loader.state_dict())
    assert len(list(other)) == 5


def test_stream_loader_refuses_the_state_of_other_rows_and_goes_on():
    loaders = [Dataset(ID, batch_size=2, seq_len=30, seed=3).to_torch(rank=rank) for rank in (0, 1)]
    dataset = Dataset(ID, batch_size=2, seq_len=30, seed=3)
    assert equal(next(iter(loaders[0])), dataset())
    with pytest.raises(StateError, match="other data: rows=2 to 3, here rows=0 to 1"):
        loaders[0].load_state_dict(loaders[1].state_dict())
    assert equal(next(iter(loaders[0])), dataset())


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("batches", [0, 1, 4])
def test_stream_loader_follows_changed_parameters_from_the_next_trial_on(num_workers, batches):
    loader, dataset = Dataset(ID, VARIED, **STREAM).to_torch(num_workers=num_workers), Dataset(ID, VARIED, **STREAM)
    for batch in islice(loader, batches):
        assert equal(batch, dataset())
    for level in (300, 700):
        for data in (loader.dataset, dataset):
            data.env.unwrapped.timing["delay"] = level
        for batch in islice(loader, 4):
            assert equal(batch, dataset())


def test_stream_loader_loses_no_batch_if_one_fails():
    class Breaks(type(ngym.make("ReadySetGo-v0"))):
        calls = 0

        def _new_trials(self, trials):
            Breaks.calls += 1
            if Breaks.calls == 12:
                raise RuntimeError("broken")
            super()._new_trials(trials)

    loader = Dataset(Breaks(), batch_size=2, seq_len=10, cache_len=10, memory=500, seed=0).to_torch()
    batches, failed = [], 0
    while len(batches) < 20:
        try:
            batches += islice(loader, 1)
        except RuntimeError:
            failed += 1
            loader.state_dict()
    assert failed == 1
    dataset = Dataset("ReadySetGo-v0", batch_size=2, seq_len=10, seed=0)
    assert all(equal(batch, dataset()) for batch in batches)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_trial_loader_goes_on_from_a_state(num_workers, shuffle):
    loader, other = (TrialDataset(ID, VARIED, 50, seed=1, session=8).to_torch(8, shuffle=shuffle) for _ in range(2))
    list(loader)
    batches = iter(loader)
    list(islice(batches, 3))
    state = loader.state_dict()
    left = TrialDataset(ID, VARIED, 50, seed=1, session=8).to_torch(8, shuffle=shuffle, num_workers=num_workers)
    for loaded in (other, left):
        loaded.load_state_dict(state)
    expected = plain_batches(list(batches))
    assert len(expected) == 4
    next_one = plain_batches(list(loader))
    for loaded in (other, left):
        assert same(plain_batches(list(loaded)), expected)
        assert same(plain_batches(list(loaded)), next_one)


def test_trial_loader_refuses_the_state_of_another():
    state = TrialDataset(ID, trials=50, seed=1).to_torch(8).state_dict()
    for loader, message in (
        (TrialDataset(ID, trials=50, seed=2).to_torch(8), "other data: seed=1, here seed=2"),
        (TrialDataset(ID, trials=50, seed=1).to_torch(9), "other data: batch_size=8, here batch_size=9"),
        (TrialDataset(ID, trials=50, seed=1).to_torch(8, shuffle=True), "shuffle=False, here shuffle=True"),
    ):
        with pytest.raises(StateError, match=message):
            loader.load_state_dict(state)
        assert len(list(loader)) == len(loader)
    with pytest.raises(StateError, match="the state of 'trials'; expected one of 'data'"):
        Dataset(ID).load_state_dict(state)


@pytest.mark.parametrize("options", [{}, {"num_workers": 1, "persistent_workers": True}])
def test_trial_loader_follows_changed_parameters(options):
    dataset, other = (TrialDataset(ID, trials=20, seed=1) for _ in range(2))
    loader = dataset.to_torch(10, **options)
    before = list(loader)
    for data in (dataset, other):
        data.env.unwrapped.timing["delay"] = 300
    after = list(loader)
    assert not equal(before[0], other[:10])
    assert equal(after[0], other[:10])
    assert equal(after[1], other[10:])


# ---- loaders of others ---------------------------------------------------------------------------------


class Rows(IterableDataset):
    """What a user may write: an iterable over a dataset."""

    def __init__(self, dataset, part=False):
        self.dataset, self.part = dataset, part

    def __iter__(self):
        worker = get_worker_info()
        if self.part and worker is not None:
            yield from islice(self.dataset.part(range(worker.id, self.dataset.batch_size, worker.num_workers)), 3)
        else:
            yield from islice(self.dataset, 3)


class Passes(Rows):
    def __iter__(self):
        return iter(self.dataset)

    def state_dict(self):
        return self.dataset.state_dict()

    def load_state_dict(self, state):
        self.dataset.load_state_dict(state)


class Calls(Rows):
    def __iter__(self):
        yield self.dataset()


class Loads(Rows):
    def __iter__(self):
        yield from islice(self.dataset, 3)


@pytest.mark.parametrize("kind", [Rows, Passes, Calls, Loads])
def test_dataset_refuses_to_be_copied_to_several_workers(kind):
    dataset = Dataset(ID, batch_size=4, seq_len=10, seed=0)
    rows = kind(dataset.to_torch() if kind is Loads else dataset)
    message = r"copied to each of 2 torch workers[\s\S]*to_torch\(num_workers=...\)[\s\S]*dataset.part\(rows\)"
    with pytest.raises(RuntimeError, match=message):
        list(DataLoader(rows, batch_size=None, num_workers=2))


def test_dataset_parts_in_workers_and_a_single_worker_are_taken():
    dataset = Dataset(ID, batch_size=4, seq_len=10, seed=0)
    parts = list(DataLoader(Rows(dataset, part=True), batch_size=None, num_workers=2))
    whole = list(DataLoader(Rows(dataset), batch_size=None, num_workers=1))
    assert len(parts) == 6
    assert len(whole) == 3
    expected = [dataset() for _ in range(3)]
    for k, batch in enumerate(whole):
        assert equal(tuple(batch), expected[k])
        for worker in range(2):
            assert torch.equal(parts[2 * k + worker][0], batch[0][:, worker::2])


@pytest.mark.parametrize("max_batch", [None, 4])
@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.filterwarnings("ignore:Exception ignored in")  # torch destroys an iterator that was made in part
def test_dataset_in_a_data_loader_names_its_own_loader(max_batch, num_workers):
    loader = DataLoader(Dataset(ID, max_batch=max_batch), batch_size=None, num_workers=num_workers)
    with pytest.raises(TypeError, match=r"to_torch\(num_workers=...\)"):
        list(loader)


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_torch_data_loader_collates_conditions_that_are_numbers_in_some_trials_only(batch_size):
    dataset = TrialDataset("yang19", trials=128, seed=0)
    expected = dataset[:][2]["conditions"]["ground_truth"].tolist()
    assert {type(value) for value in expected} == {int, str}
    found = []
    for batch in DataLoader(dataset, batch_size=batch_size):
        found += batch[2]["conditions"]["ground_truth"]
    assert found == [str(value) for value in expected]
    assert [dataset[k][2]["conditions"]["ground_truth"] for k in range(128)] == expected


def test_torch_data_loader_collates_conditions_that_are_missing_in_some_trials():
    class Labelled(type(ngym.make(ID))):
        def _new_trials(self, trials):
            super()._new_trials(trials)
            labels = np.full(trials.n, None, object)
            labels[::2] = "easy"
            trials.set("label", labels)

    dataset = TrialDataset(Labelled(), trials=8, seed=0)
    for batch in DataLoader(dataset, batch_size=4):
        assert batch[2]["conditions"]["label"] == ["easy", ""] * 2


@pytest.mark.parametrize("id_", IDS)
def test_torch_data_loader_collates_trials_of_all_tasks(id_):
    dataset = TrialDataset(id_, trials=6, seed=0)
    inputs, target, info = next(iter(DataLoader(dataset, batch_size=6)))
    expected = dataset[:]
    assert np.array_equal(inputs, expected[0])
    assert np.array_equal(target, expected[1])
    for name, column in expected[2]["conditions"].items():
        got = info["conditions"][name]
        texts = [list(texts) for texts in zip(*got, strict=True)] if column.ndim > 1 else got
        assert np.array_equal(got if isinstance(got, torch.Tensor) else texts, column)


@pytest.mark.parametrize("id_", IDS)
def test_trial_dataset_items_have_the_same_types_by_both_roads(id_):
    dataset = TrialDataset(id_, trials=6, seed=0)
    for one, other in zip((dataset[2], dataset[4]), dataset.__getitems__([2, 4]), strict=True):
        assert one[2].keys() == other[2].keys()
        for name, value in {**one[2], **one[2]["conditions"]}.items():
            assert type(value) is type({**other[2], **other[2]["conditions"]}[name])
            assert not isinstance(value, np.generic)
            assert not isinstance(value, np.ndarray) or value.dtype.kind in "biuf"


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata calls it
def test_torchdata_stateful_data_loader_goes_on_from_a_state():
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    for make in (
        lambda: stateful(Passes(Dataset(ID, batch_size=2, seq_len=10, seed=0, max_batch=4)), batch_size=None),
        lambda: stateful(TrialDataset(ID, trials=30, seed=0), batch_size=10),
        lambda: stateful(TrialDataset(ID, trials=30, seed=0), batch_size=10, num_workers=2),
    ):
        loader, other = make(), make()
        batches = iter(loader)
        next(batches)
        other.load_state_dict(loader.state_dict())
        assert same(plain_batches(list(other)), plain_batches(list(batches)))
