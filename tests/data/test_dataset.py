from __future__ import annotations

import copy
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.wrappers.pass_reward import PassReward
from ngym_data import Dataset
from tests.data.streams import stream

from ..task_ids import IDS


def played(id_, seed, steps, **kwargs):
    """The steps of the trials that an env plays under a seed."""
    env = ngym.make(id_, **kwargs)
    env.reset(seed=seed)
    ob, gt = [env.ob.copy()], [env.gt.copy()]
    while sum(map(len, ob)) < steps:
        env.new_trial()
        ob.append(env.ob.copy())
        gt.append(env.gt.copy())
    return np.concatenate(ob)[:steps], np.concatenate(gt)[:steps]


@pytest.fixture
def toy_that_steps():
    class StepsByItself(type(ngym.make("ReadySetGo-v0"))):
        def _step(self, action):
            return super()._step(action)

    return PassReward(StepsByItself())


@pytest.mark.parametrize("id_", IDS)
def test_dataset_rows_deliver_the_trials_of_their_seeds(id_):
    dataset = Dataset(id_, batch_size=3, seq_len=50, seed=1)
    inputs, target = stream(dataset, 400)
    for row in (0, 2):
        ob, gt = played(id_, dataset.seeds[row], 400)
        own = inputs[row][..., : ob.shape[-1]]  # wrappers may append what was done and earned in the step before
        assert np.array_equal(own, ob)
        assert np.array_equal(target[row], gt)


def test_dataset_shows_what_an_agent_sees_that_plays_the_ground_truth():
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=["PassAction", "PassReward"], timing={"decision": 100})
    dataset = Dataset(env, batch_size=2, seq_len=60, seed=3)
    inputs, _ = stream(dataset, 200)
    for row in range(2):
        seen = [env.reset(seed=dataset.seeds[row])[0]]
        while len(seen) < 200:
            seen.append(env.step(env.unwrapped.gt_now)[0])
        assert np.array_equal(inputs[row], seen)


def test_dataset_adds_noise_of_the_given_strength():
    plain, _ = stream(Dataset("ReadySetGo-v0", batch_size=1, seq_len=500, seed=0), 5000)
    env = ngym.make("ReadySetGo-v0", wrappers=[("Noise", {"std_noise": 0.5})])
    noisy, _ = stream(Dataset(env, batch_size=1, seq_len=500, seed=0), 5000)
    assert np.std(noisy - plain) == pytest.approx(0.5, abs=0.02)


def test_dataset_rejects_pass_reward_around_a_task_with_its_own_step(toy_that_steps):
    with pytest.raises(TypeError, match="has a `_step` of its own: its rewards are known only when it is played"):
        Dataset(toy_that_steps)


@pytest.mark.parametrize("id_", ["ReadySetGo-v0", "PerceptualDecisionMaking-v0"])
@settings(max_examples=15)
@given(
    batch_size=st.integers(1, 5),
    seq_len=st.integers(1, 120),
    cache_len=st.one_of(st.none(), st.integers(1, 900), st.just(10_000)),
    batch_first=st.booleans(),
)
def test_dataset_streams_do_not_depend_on_batch_seq_and_cache_sizes(id_, batch_size, seq_len, cache_len, batch_first):
    reference, truth = stream(Dataset(id_, batch_size=5, seq_len=70, seed=9), 350)
    dataset = Dataset(id_, None, batch_size, seq_len, None, batch_first, cache_len, seed=9)
    inputs, target = stream(dataset, 350)
    assert np.array_equal(inputs, reference[:batch_size])
    assert np.array_equal(target, truth[:batch_size])


def test_dataset_batches_have_the_documented_shapes_and_types():
    for first, shape in ((False, (100, 16)), (True, (16, 100))):
        dataset = Dataset("PerceptualDecisionMaking-v0", {"dim_ring": 4}, batch_size=16, seq_len=100, batch_first=first)
        inputs, target = dataset()
        assert inputs.shape == (*shape, 5) == tuple(dataset.inputs_shape)
        assert target.shape == shape == tuple(dataset.target_shape)
        assert (inputs.dtype, target.dtype) == (np.float32, np.int64)
        assert inputs.flags.c_contiguous
        assert dataset.env.action_space.n == 5
    assert Dataset("ReadySetGo")()[0].shape == (1000, 1, 3)


def test_dataset_batches_can_be_modified():
    dataset = Dataset("PerceptualDecisionMaking", batch_size=2, seq_len=10, cache_len=1, seed=0)
    kept = [dataset() for _ in range(30)]
    copies = [(a.copy(), b.copy()) for a, b in kept]
    for inputs, target in kept[:5]:
        inputs += 5
        target += 5
    for _ in range(30):
        dataset()
    for one, two in zip(kept[5:], copies[5:], strict=True):
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
    again = Dataset("PerceptualDecisionMaking", batch_size=2, seq_len=10, cache_len=1, seed=0)
    assert all(np.array_equal(again()[0], inputs) for inputs, _ in copies)


def test_dataset_streams_are_set_by_the_seed():
    one, two, other = (Dataset("ReadySetGo", batch_size=3, seq_len=60, seed=s) for s in (0, 0, 1))
    assert np.array_equal(one()[0], two()[0])
    assert one.seeds == two.seeds
    assert not set(one.seeds) & set(other.seeds)
    first = one()[0]
    one.seed(0)
    two.seed(0)
    one()
    assert np.array_equal(one()[0], first)
    assert len(set(Dataset("ReadySetGo", batch_size=50, seq_len=1).seeds)) == 50


def test_dataset_takes_the_seed_of_an_env_and_leaves_its_trial():
    streams = []
    for _ in range(2):
        env = ngym.make("ReadySetGo")
        env.reset(seed=4)
        dataset = Dataset(env, batch_size=2, seq_len=80)
        playing = env.ob.copy()
        streams.append(dataset()[0])
        assert np.array_equal(env.ob, playing)
    assert np.array_equal(*streams)
    assert dataset.env is env


def test_dataset_applies_wrappers_and_forced_conditions():
    env = ngym.make("PerceptualDecisionMaking", wrappers=[("RandomGroundTruth", {"p": [1.0, 0.0]})])
    target = Dataset(env, batch_size=4, seq_len=220, seed=0)()[1]
    assert set(np.unique(target)) == {0, 1}
    strong = Dataset("PerceptualDecisionMaking", {"sigma": 0}, 4, 220, seed=0, conditions={"coh": 51.2})()[0]
    assert np.unique(strong[..., 1]).tolist() == pytest.approx([0, 0.244, 0.756])


def test_dataset_threads_may_share_an_env():
    env = ngym.make("PerceptualDecisionMaking", wrappers=[("TrialHistoryV2", {"probs": [[0.9, 0.1], [0.1, 0.9]]})])

    def batches(split, dataset):
        return [dataset() for _ in range(60)]

    splits = ["train", "val", "test"]
    made = {s: [Dataset(env, None, 4, 50, cache_len=50, seed=0, split=s, info=True) for _ in range(2)] for s in splits}
    alone = [batches(s, made[s][0]) for s in splits]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(batches, splits, [made[s][1] for s in splits]))
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a[0], b[0])
            assert np.array_equal(a[2]["conditions"]["previous"], b[2]["conditions"]["previous"])


def test_dataset_iteration_has_max_batch_batches():
    dataset = Dataset("ReadySetGo", batch_size=1, seq_len=10, max_batch=3, seed=0)
    assert len(dataset) == 3
    for _ in dataset:
        break
    assert len(list(dataset)) == 3
    assert len(list(dataset)) == 3
    for _ in range(10):
        dataset()
    with pytest.raises(TypeError, match="without max_batch has no end and no length"):
        len(Dataset("ReadySetGo"))


def test_dataset_info_describes_each_step():
    dataset = Dataset("DelayComparison", {"timing": {"delay": ("choice", [100, 700])}}, 3, 90, seed=2, info=True)
    batches = [dataset() for _ in range(12)]
    inputs, target = (np.concatenate(part) for part in list(zip(*batches, strict=True))[:2])
    plain = stream(Dataset("DelayComparison", {"timing": {"delay": ("choice", [100, 700])}}, 3, 90, seed=2), 1080)
    assert np.array_equal(inputs.swapaxes(0, 1), plain[0])
    assert "weight" not in batches[0][2]
    assert all(batch[2]["mask"].all() for batch in batches)
    infos = [batch[2] for batch in batches]
    start, period = (np.concatenate([info[name] for info in infos]) for name in ("start", "period"))
    pairs = np.concatenate([info["conditions"]["vpair"] for info in infos])
    assert pairs.shape == (1080, 3, 2)
    for row in range(3):
        env = ngym.make("DelayComparison", timing={"delay": ("choice", [100, 700])})
        env.reset(seed=dataset.seeds[row])
        begins = np.nonzero(start[:, row])[0]
        for first, stop in pairwise(begins):
            assert stop - first == len(env.gt)
            assert np.array_equal(target[first:stop, row], env.gt)
            assert (pairs[first:stop, row] == env.trial["vpair"]).all()
            names = [dataset.periods[k] for k in period[first:stop, row]]
            assert names == [
                next(p for p in reversed(dataset.periods) if env.start_ind[p] <= t < env.end_ind[p])
                for t in range(len(env.gt))
            ]
            env.new_trial()


@settings(max_examples=15)
@given(
    batch_size=st.integers(1, 4),
    seq_len=st.integers(1, 90),
    cache_len=st.one_of(st.none(), st.integers(1, 900)),
    first=st.booleans(),
)
def test_dataset_info_does_not_depend_on_batch_seq_and_cache_sizes(batch_size, seq_len, cache_len, first):
    wanted = Dataset("ReadySetGo", None, 4, 300, seed=4, loss_weights={"set": 2.0})()[2]
    dataset = Dataset("ReadySetGo", None, batch_size, seq_len, None, first, cache_len, seed=4, loss_weights={"set": 2.0})
    infos = [dataset()[2] for _ in range(-(-300 // seq_len))]
    for name in ("mask", "start", "period", "weight", "measure"):
        whole = wanted["conditions"][name] if name == "measure" else wanted[name]
        parts = [info["conditions"][name] if name == "measure" else info[name] for info in infos]
        joined = np.concatenate(parts, axis=1 if first else 0)
        assert np.array_equal((joined.T if first else joined)[:300], whole[:, :batch_size])
    assert wanted["weight"].dtype == np.float32
    assert np.array_equal(wanted["weight"] == 2, wanted["period"] == dataset.periods.index("set"))


def test_dataset_info_can_be_modified():
    dataset = Dataset("ReadySetGo", batch_size=2, seq_len=20, seed=0, info=True)
    again = Dataset("ReadySetGo", batch_size=2, seq_len=20, seed=0, info=True)
    for _ in range(10):
        info, other = dataset()[2], again()[2]
        assert np.array_equal(info["start"], other["start"])
        assert np.array_equal(info["conditions"]["measure"], other["conditions"]["measure"])
        for array in (*info["conditions"].values(), info["start"], info["period"], info["mask"]):
            array[...] = 0


def test_dataset_conditions_that_some_trials_lack_are_missing():
    class Sometimes(ngym.TrialEnv):
        def __init__(self):
            super().__init__(dt=100)
            self.observation_space = ngym.spaces.Box(-1, 1, shape=(1,), dtype=np.float32)
            self.action_space = ngym.spaces.Discrete(2)
            self.made = 0

        def _new_trial(self, **kwargs):
            self.made += 1
            self.add_period("only", 100 * (1 + self.made % 2))
            self.set_groundtruth(1, "only")
            return {"odd": [1, 2][: self.made % 2 + 1]} if self.made % 2 else {"other": 3}

    dataset = Dataset(Sometimes(), batch_size=2, seq_len=6, cache_len=1, seed=0, info=True)
    conditions = dataset()[2]["conditions"]
    assert np.array_equal(conditions["other"][:, 0], [np.nan, np.nan, 3, np.nan, np.nan, 3], equal_nan=True)
    assert list(conditions["odd"][0, 0]) == [1, 2]


def test_dataset_parts_have_the_rows_of_the_whole():
    whole = Dataset("ReadySetGo", batch_size=6, seq_len=200, seed=0)
    inputs = whole()[0]
    assert np.array_equal(whole.part(range(4, 6))()[0], inputs[:, 4:])
    assert np.array_equal(whole.part([5, 0])()[0], inputs[:, [5, 0]])
    assert np.array_equal(Dataset("ReadySetGo", batch_size=2, seq_len=200, seed=0).part(range(2, 4))()[0], inputs[:, 2:4])
    assert not np.array_equal(whole()[0], inputs)
    part = whole.part([0])
    part.seed(1)
    assert np.array_equal(part()[0], Dataset("ReadySetGo", batch_size=1, seq_len=200, seed=1)()[0])
    assert np.array_equal(whole.part([0])()[0], inputs[:, :1])
    with pytest.raises(ValueError, match=r"rows=\[\] must be a sequence of one or more integers from 0"):
        whole.part([])


@pytest.mark.parametrize("info", [False, True])
def test_dataset_memory_is_bounded(info):
    Dataset("PerceptualDecisionMaking", batch_size=64, seq_len=100)()  # what is loaded and kept once for all
    tracemalloc.start()
    dataset = Dataset("PerceptualDecisionMaking", batch_size=64, seq_len=100, info=info, memory=4 * 2**20)
    for _ in range(200):
        dataset()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * 4 * 2**20


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Dataset("ReadySetGoo"), KeyError, "Unknown task 'ReadySetGoo'"),
        (lambda: Dataset("ReadySetGo", batch_size=0), ValueError, "batch_size=0 must be an integer from 1"),
        (lambda: Dataset("ReadySetGo", seq_len=2.5), TypeError, "seq_len=2.5 must be an integer from 1"),
        (lambda: Dataset("ReadySetGo", max_batch=-1), ValueError, "max_batch=-1 must be an integer from 1"),
        (lambda: Dataset("ReadySetGo", conditions={"coh": 3}), KeyError, "Unknown condition of <ReadySetGo> 'coh'"),
    ],
)
def test_dataset_rejects_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_dataset_loader_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ngym_data.torch_loaders", raising=False)
    with pytest.raises(ImportError, match=r"Torch loaders need torch: pip install 'ngym-data\[torch\]'"):
        Dataset("ReadySetGo").to_torch()


def in_stages():
    gate = {"metric": "performance", "threshold": 0.8, "window": 3}
    steps = {"path": "conditions.coh", "levels": [51.2, 12.8], "down": 2}
    stages = [{"parameters": {"timing": {"stimulus": 300}}, "until": gate}, {"staircase": steps}]
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("FollowCurriculum", {"curriculum": {"stages": stages}})])
    return Dataset(env, batch_size=8, seq_len=60, seed=0, info=True)


def test_dataset_follows_a_curriculum_by_scores_and_goes_on_in_mid_stage():
    dataset, seen = in_stages(), []
    for _ in range(6):
        info = dataset()[2]
        dataset.env.score([1.0])
        seen.append((set(info["conditions"]["stage"][-1].tolist()), set(info["conditions"]["level"][-1].tolist())))
    assert [stages for stages, _ in seen] == [{0}, {0}, {0}, {1}, {1}, {1}]
    assert [levels for _, levels in seen[3:]] == [{51.2}, {51.2}, {12.8}]
    other = in_stages()
    other.load_state_dict(dataset.state_dict())
    assert (other.env.stage, other.env.level) == (1, 12.8)
    for one in (dataset, other):
        one.env.score([0.0])
    assert other.env.level == dataset.env.level == 51.2
    for one, two in zip(dataset(), other(), strict=True):
        if isinstance(one, dict):
            one, two = one["conditions"]["coh"], two["conditions"]["coh"]
        assert np.array_equal(one, two)


@pytest.mark.parametrize(("task", "mebibytes"), [("PerceptualDecisionMaking-v0", 64), ("yang19", 256)])
def test_mixtures_may_keep_more_steps_by_default(task, mebibytes):
    assert Dataset(task, batch_size=2, seq_len=10, seed=0).streams.memory == mebibytes * 2**20


def test_state_of_draws_is_read_once_in_a_thousand_trials(monkeypatch):
    dataset = Dataset("PerceptualDecisionMaking-v0", batch_size=2, seq_len=2_200, seed=0, cache_len=2_200)
    read = []
    mark = type(dataset.streams)._mark
    monkeypatch.setattr(type(dataset.streams), "_mark", lambda self, draws: read.append(1) or mark(self, draws))
    for _ in range(20):  # 100 trials of each row in a batch
        dataset()
    assert len(read) == 2 * 2
    copied = copy.deepcopy(dataset)
    for _ in range(3):
        assert all((a == b).all() for a, b in zip(dataset(), copied(), strict=True))
