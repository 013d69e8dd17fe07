from __future__ import annotations

import copy
import pickle
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.sampling import tasks_of
from ngym_data import TrialDataset

from ..task_ids import IDS

ID = "DelayComparison-v0"
VARIED = {"timing": {"delay": ("choice", [100, 500, 1200])}}


def same(one, two):
    """Whether two samples hold the same."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, tuple):
        return all(same(a, b) for a, b in zip(one, two, strict=True))
    return np.array_equal(one, two)


def cut(batch, k):
    """Trial k of a batch, cut to its length, as `dataset[i]` gives it."""
    inputs, target, info = batch
    n = int(info["length"][k])
    steps = {name: info[name][k, :n] for name in ("mask", "period", "weight") if name in info}
    conditions = {name: column[k] for name, column in info["conditions"].items()}
    return inputs[k, :n], target[k, :n], {**steps, "length": n, "conditions": conditions}


REFERENCE = TrialDataset(ID, VARIED, 300, seed=5, session=20)


@given(
    indices=st.lists(st.integers(-300, 299), max_size=40), trials=st.sampled_from([300, 301, 10_000]), small=st.booleans()
)
def test_trial_dataset_trial_is_a_function_of_its_number(indices, trials, small):
    dataset = TrialDataset(ID, VARIED, trials, seed=5, session=20, memory=1 if small else 2**26)
    wanted = [i % 300 for i in indices]
    batch = dataset[wanted]
    for k, i in enumerate(wanted):
        assert same(cut(batch, k), REFERENCE[i])
    assert batch[0].shape[1] == max((REFERENCE[i][2]["length"] for i in wanted), default=0)
    for k, sample in enumerate(dataset.__getitems__(wanted)):
        assert same(sample[0], batch[0][k])
        assert same(sample[2]["conditions"], cut(batch, k)[2]["conditions"])
    assert same(dataset[-1], dataset[trials - 1])


@pytest.mark.parametrize("id_", IDS)
def test_trial_dataset_sessions_are_what_an_env_plays_under_their_seed(id_):
    dataset = TrialDataset(id_, trials=12, seed=3, session=6)
    env = ngym.make(id_)
    env.reset(seed=dataset.session_seed(1))
    for i in range(6, 9):
        inputs, target, info = dataset[i]
        assert np.array_equal(inputs[..., : env.ob.shape[-1]], env.ob)
        assert np.array_equal(target, env.gt)
        assert info["length"] == len(env.gt) == info["mask"].sum()
        env.new_trial()


def test_trial_dataset_carries_nothing_between_sessions():
    env = ngym.make("PerceptualDecisionMaking", wrappers=[("TrialHistoryV2", {"probs": [[1, 0], [0, 1]]})])
    dataset = TrialDataset(env, trials=400, seed=0, session=8)
    sides = dataset[:][2]["conditions"]["ground_truth"].reshape(-1, 8)
    assert (sides == sides[:, :1]).all()
    assert set(sides[:, 0]) == {0, 1}


def test_trial_dataset_shapes_mask_and_padding():
    inputs, target, info = TrialDataset(ID, VARIED, 50, seed=1)[:]
    mask = np.arange(inputs.shape[1]) < info["length"][:, None]
    assert inputs.shape == (50, info["length"].max(), 2)
    assert target.shape == info["period"].shape == mask.shape
    assert (inputs.dtype, target.dtype, info["period"].dtype) == (np.float32, np.int64, np.int8)
    assert len(set(info["length"])) == 3
    assert np.array_equal(info["mask"], mask)
    assert (inputs[~mask] == 0).all()
    assert (target[~mask] == 0).all()
    assert (info["period"][~mask] == -1).all()
    assert (info["period"][mask] >= 0).all()


def test_trial_dataset_periods_and_weights():
    dataset = TrialDataset("PerceptualDecisionMaking", trials=3, seed=0, loss_weights={"decision": 5.0, "fixation": 0})
    _, target, info = dataset[0]
    assert dataset.periods[:2] == ("fixation", "stimulus")
    names = [dataset.periods[k] for k in info["period"]]
    assert names == ["fixation"] + ["stimulus"] * 20 + ["decision"]
    assert info["weight"].tolist() == [0.0] + [1.0] * 20 + [5.0]
    assert info["weight"].dtype == np.float32
    assert (target > 0).tolist() == [name == "decision" for name in names]
    varied = TrialDataset(ID, VARIED, trials=9, seed=0, loss_weights={"delay": 3})[:][2]
    assert (varied["weight"][~varied["mask"]] == 0).all()


@pytest.mark.parametrize(("n_bin", "dtype"), [(63, np.int8), (64, np.int16)])
def test_trial_dataset_numbers_any_number_of_periods(n_bin, dtype):
    dataset = TrialDataset("PulseDecisionMaking", {"n_bin": n_bin}, trials=3, seed=0, loss_weights={"decision": 5})
    assert len(dataset.periods) == 2 * n_bin + 2
    info = dataset[:][2]
    assert info["period"].dtype == dataset[0][2]["period"].dtype == dtype
    found = [dataset.periods[k] for k in dict.fromkeys(info["period"][0].tolist())]
    assert found == [name for name in dataset.periods if name in found]
    assert found[-1] == "decision"
    assert info["weight"][0][-1] == 5


def test_trial_dataset_crossed_conditions_are_balanced():
    crossed = {"coh": [0, 12.8, 51.2], "ground_truth": [0, 1]}
    dataset = TrialDataset("PerceptualDecisionMaking", trials=90, seed=0, session=16, conditions={**crossed})
    conditions = dataset[:][2]["conditions"]
    pairs = list(zip(conditions["coh"].tolist(), conditions["ground_truth"].tolist(), strict=True))
    for first in (0, 5, 41):
        assert len(set(pairs[first : first + 6])) == 6
    assert {pairs.count(pair) for pair in pairs} == {15}
    for i in (0, 17, 89):
        assert dataset[i][2]["conditions"]["coh"] == pairs[i][0]


@pytest.mark.parametrize("split", ["train", "holdout"])
def test_trial_dataset_has_each_combination_once_in_consecutive_trials_where_some_are_held_out(split):
    crossed, held = {"coh": [0, 12.8, 51.2]}, {"coh": [0, 12.8, 51.2], "ground_truth": [1]}
    args = {"trials": 60, "seed": 0, "conditions": crossed, "holdout": held, "split": split, "session": 20}
    dataset = TrialDataset("PerceptualDecisionMaking-v0", **args)
    inputs, target, info = dataset[:]
    conditions = info["conditions"]
    assert conditions["coh"].tolist() == [0, 12.8, 51.2] * 20
    assert set(conditions["ground_truth"]) == {split == "holdout"}
    assert (target.max(axis=1) == 1 + conditions["ground_truth"]).all()
    shown = inputs[:, 1:21, 1:].mean(axis=1)  # of strong evidence, the mean of a trial shows the side
    strong = conditions["coh"] == 51.2
    assert (shown[strong].argmax(axis=1) == conditions["ground_truth"][strong]).all()
    assert dataset.played_trials(60).conditions["coh"].tolist() == [0, 12.8, 51.2] * 20


def test_trial_dataset_crosses_conditions_of_several_numbers():
    pairs = [[18, 10], [22, 14]]
    conditions = TrialDataset(ID, trials=10, seed=0, conditions={"vpair": pairs})[:][2]["conditions"]
    assert conditions["vpair"].tolist() == pairs * 5


def test_trial_dataset_arrays_can_be_modified():
    dataset = TrialDataset(ID, trials=20, seed=0)
    kept = dataset[3]
    copy = (kept[0].copy(), kept[1].copy())
    inputs, target, info = dataset[:]
    inputs += 1
    target += 1
    info["conditions"]["ground_truth"][:] = 9
    for array in (info["mask"], info["period"], info["length"]):
        array[:] = 0
    again = dataset[3]
    assert same(again, kept)
    assert same((kept[0], kept[1]), copy)
    again[2]["mask"][:] = False
    again[0][:] = 7
    assert same(dataset[3], kept)


def test_trial_dataset_order_has_each_trial_once_and_needs_few_sessions():
    dataset = TrialDataset(ID, trials=1000, seed=0, session=10, memory=10_000)
    orders = [dataset.order(epoch) for epoch in (0, 1, 0)]
    assert np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[1])
    assert all(np.array_equal(np.sort(order), np.arange(1000)) for order in orders)
    assert not np.array_equal(orders[0] // 10, np.sort(orders[0] // 10))
    assert max(len(set(orders[0][k : k + 10] // 10)) for k in range(0, 1000, 10)) <= 8


def test_trial_dataset_pickles_are_small_and_equal():
    dataset = TrialDataset(ID, trials=10_000, seed=0)
    dataset[:]
    text = pickle.dumps(dataset)
    assert len(text) < 50_000
    assert same(pickle.loads(text)[77], dataset[77])


def test_trial_dataset_memory_is_bounded():
    dataset = TrialDataset(ID, trials=10**6, seed=0, memory=2**20)
    dataset[0]
    tracemalloc.start()
    for first in range(0, 20_000, 100):
        dataset[first : first + 100]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 2**20


@settings(max_examples=5)
@given(seed=st.integers(0, 2**80))
def test_trial_dataset_trials_are_set_by_the_seed(seed):
    one, two, other = (TrialDataset(ID, trials=5, seed=s) for s in (seed, seed, seed + 1))
    assert same(one[:], two[:])
    assert not same(one[0], other[0])
    env = ngym.make(ID)
    env.seed(seed)
    assert same(TrialDataset(env, trials=5)[:], one[:])


def test_trial_dataset_of_a_task_in_neurogym_style(neurogym_style):
    dataset = TrialDataset(neurogym_style(), trials=30, seed=0, session=7, conditions={"ground_truth": [1, 2]})
    conditions = dataset[:][2]["conditions"]
    assert conditions["ground_truth"].tolist() == [1, 2] * 15
    alone = TrialDataset(neurogym_style(), trials=30, seed=0, session=7, conditions={"ground_truth": [1, 2]})
    assert same(alone[20], dataset[20])


@pytest.fixture
def neurogym_style():
    class Style(ngym.TrialEnv):
        default_timing = {"fixation": 200, "decision": ngym.TruncExp(300, 100, 500)}

        def __init__(self):
            super().__init__(dt=100)
            self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(1,), dtype=np.float32)
            self.action_space = ngym.spaces.Discrete(3)

        def _new_trial(self, **kwargs):
            trial = {"ground_truth": self.rng.choice([1, 2]), **kwargs}
            self.add_period(["fixation", "decision"])
            self.add_ob(trial["ground_truth"], "decision")
            self.add_randn(0, 1, "decision")
            self.set_groundtruth(trial["ground_truth"], "decision")
            return trial

        def _step(self, action):
            return self.ob_now, 0.0, False, False, {"new_trial": False, "gt": self.gt_now}

    return Style


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TrialDataset(ID, trials=0), ValueError, "trials=0 must be an integer from 1"),
        (lambda: TrialDataset(ID, trials=3, session=1.5), TypeError, "session=1.5 must be an integer from 1"),
        (lambda: TrialDataset(ID, trials=3, memory=-1), ValueError, "memory=-1 must be an integer from 1"),
        (lambda: TrialDataset(ID, trials=3)[3], IndexError, "Trial 3 is out of range: the dataset has 3 trials"),
        (lambda: TrialDataset(ID, trials=3)[[0, -4]], IndexError, "Trial -4 is out of range: the dataset has 3 trials"),
        (lambda: TrialDataset(ID, trials=3)[0.5], TypeError, r"Trials are numbered by integers, not \[0.5\]"),
        (lambda: TrialDataset(ID, trials=3)[[True]], TypeError, r"Trials are numbered by integers, not \[True\]"),
        (lambda: TrialDataset(ID, trials=3)["a"], TypeError, r"Trials are numbered by integers, not \['a'\]"),
        (lambda: TrialDataset(ID, conditions={"ground_truth": []}), ValueError, "leave no combination"),
        (lambda: TrialDataset(ID, conditions={"coh": [1, 2]}), KeyError, "Unknown condition of <.*> 'coh'"),
        (lambda: TrialDataset(ID, conditions={"ground_truth": [1, 7]}), ValueError, "'ground_truth' is forced to 7"),
    ],
)
def test_trial_dataset_rejects_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_trial_dataset_sessions_of_images_are_short_and_conditions_are_python_values():
    images = TrialDataset("RandomDotMotion-v0", trials=20, seed=0)
    assert 1 <= images.session <= 8
    assert TrialDataset(ID, trials=20, seed=0).session == 128
    conditions = TrialDataset(ID, trials=20, seed=0)[3][2]["conditions"]
    assert conditions
    assert not any(isinstance(value, np.generic) for value in conditions.values())


def test_trial_dataset_loader_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ngym_data.torch_loaders", raising=False)
    with pytest.raises(ImportError, match=r"Torch loaders need torch: pip install 'ngym-data\[torch\]'"):
        TrialDataset("ReadySetGo").to_torch()


@pytest.mark.parametrize("id_", IDS)
def test_trial_dataset_follows_changed_parameters(id_):
    def change(env):
        for task in tasks_of(env):
            for period, duration in task.timing.items():
                if isinstance(duration, (int, float)) and duration > 0:
                    task.timing[period] = duration + 3 * task.dt

    dataset, other = (TrialDataset(id_, trials=8, seed=0, session=4) for _ in range(2))
    dataset[:]
    copied = copy.deepcopy(dataset)
    before = dataset[5]
    change(dataset.env)
    change(other.env)
    assert same(dataset[5], other[5])
    assert same(copied[5], before)
    assert same(pickle.loads(pickle.dumps(dataset))[6], other[6])


def test_trial_dataset_refuses_a_change_of_a_space():
    dataset = TrialDataset(ID, trials=8, seed=0)
    dataset.env.unwrapped.action_space = ngym.spaces.Discrete(7)
    with pytest.raises(ValueError, match=r"The action space of <.*> was changed from .* make a new data set"):
        dataset[0]
