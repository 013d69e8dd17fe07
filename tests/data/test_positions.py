"""Where a data set stands: states, copies and changed parameters, for all tasks and at any step."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_core.state import load_state, save_state
from ngym_data import Dataset
from tests.data.streams import same, steps_of

from ..task_ids import IDS

ID = "PerceptualDecisionMaking-v0"
VARIED = {"timing": {"stimulus": ("choice", [200, 500, 1500])}}
CASES = {
    "plain": {},
    "batch_first": {"batch_first": True},
    "crossed": {"conditions": {"coh": [0, 12.8, 51.2], "ground_truth": [0, 1]}},
    "split": {"split": "val"},
    "other values": {"holdout": {"coh": [12.8, 0]}},
    "held-out values": {"holdout": {"coh": [12.8, 0]}, "split": "holdout"},
    "held-out pair": {"holdout": {"coh": [12.8], "ground_truth": [1]}, "split": "holdout"},
    "rest of pairs": {"holdout": {"coh": [12.8, 25.6], "ground_truth": [1]}},
    "weights": {"loss_weights": {"decision": 5.0}},
}


class Style(ngym.TrialEnv):
    """A task in NeuroGym's style, which keeps a state and parameters in attributes."""

    default_timing = {"fixation": 200, "decision": ngym.TruncExp(300, 100, 500)}

    def __init__(self, level=1.0):
        super().__init__(dt=100)
        self.level, self.count = level, 0
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,), dtype=np.float32)
        self.action_space = ngym.spaces.Discrete(3)

    def _new_trial(self, **kwargs):
        self.count += 1
        trial = {"ground_truth": self.rng.choice([1, 2]), **kwargs}
        self.add_period(["fixation", "decision"])
        self.add_ob(self.level * trial["ground_truth"], "decision", where=0)
        self.add_ob(self.count, "decision", where=1)
        self.add_randn(0, 1, "decision", where=0)
        self.set_groundtruth(trial["ground_truth"], "decision")
        return trial

    def _step(self, action):
        return self.ob_now, 0.0, False, False, {"new_trial": False, "gt": self.gt_now}


def plain(state):
    """Whether a state is plain data."""
    if isinstance(state, dict):
        return all(type(key) is str and plain(value) for key, value in state.items())
    if isinstance(state, (list, tuple)):
        return all(map(plain, state))
    if isinstance(state, np.ndarray):
        return not state.dtype.hasobject
    return state is None or type(state) in (bool, int, float, str)


@pytest.mark.parametrize("id_", IDS)
def test_dataset_goes_on_from_a_state_and_as_a_copy(id_):
    dataset = Dataset(id_, batch_size=3, seq_len=7, cache_len=60, seed=1, info=True)
    other = Dataset(id_, batch_size=3, seq_len=11, info=True, batch_first=True)
    steps_of(dataset, 7 * (1 + len(id_) % 5))
    for batches in (0, 1, 12):
        for _ in range(batches):
            dataset()
        state = dataset.state_dict()
        assert plain(state)
        other.load_state_dict(copy.deepcopy(state))
        loaded = Dataset(id_, batch_size=3, seq_len=7, cache_len=200, info=True)
        loaded.load_state_dict(other.state_dict())  # before anything was generated from the state
        expected = steps_of(copy.deepcopy(dataset), 120)
        assert same(steps_of(other, 120), expected)
        assert same(steps_of(loaded, 120), expected)
    assert same(steps_of(pickle.loads(pickle.dumps(dataset)), 120), steps_of(dataset, 120))


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=15)
@given(
    steps=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    seq_lens=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    cache_lens=st.tuples(*[st.one_of(st.none(), st.integers(1, 300))] * 2),
    memory=st.sampled_from([1, 20_000, 2**26]),
)
def test_dataset_state_holds_at_every_step(case, steps, seq_lens, cache_lens, memory):
    options = {"batch_size": 2, "info": True, **CASES[case]}
    expected = steps_of(Dataset(ID, VARIED, seed=3, seq_len=400, **options), 400)
    at, state = 0, None
    for more, seq_len, cache_len in zip(steps, seq_lens, cache_lens, strict=True):
        dataset = Dataset(ID, VARIED, seq_len=seq_len, cache_len=cache_len, memory=memory, seed=3, **options)
        if state is not None:
            dataset.load_state_dict(state)
        if more:
            assert same(steps_of(dataset, more), part(expected, at, at + more))
            at += -(-more // seq_len) * seq_len
        state = dataset.state_dict()
    last = Dataset(ID, VARIED, seq_len=100, **options)
    last.load_state_dict(state)
    assert same(steps_of(last, 100), part(expected, at, at + 100))


@pytest.mark.parametrize("case", CASES)
def test_dataset_state_survives_files_and_json(case, tmp_path):
    options = {"batch_size": 3, "seq_len": 9, "info": True, **CASES[case]}
    dataset, other = (Dataset(ID, VARIED, **options) for _ in range(2))
    steps_of(dataset, 45)
    other.load_state_dict(load_state(save_state(tmp_path / "state", dataset.state_dict())))
    assert same(steps_of(other, 200), steps_of(dataset, 200))


def test_dataset_state_goes_on_in_another_process(tmp_path):
    dataset = Dataset(ID, VARIED, batch_size=3, seq_len=9, seed=0)
    steps_of(dataset, 45)
    with (tmp_path / "both.pickle").open("wb") as file:
        pickle.dump((dataset.state_dict(), dataset), file)
    code = f"""
import pickle, sys
from ngym_data import Dataset
state, copied = pickle.load(open("both.pickle", "rb"))
loaded = Dataset({ID!r}, {VARIED!r}, batch_size=3, seq_len=9)
loaded.load_state_dict(state)
pickle.dump([[d() for _ in range(20)] for d in (loaded, copied)], open("batches.pickle", "wb"))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    with (tmp_path / "batches.pickle").open("rb") as file:
        loaded, copied = pickle.load(file)
    expected = [dataset() for _ in range(20)]
    assert same(loaded, expected)
    assert same(copied, expected)


def test_dataset_state_of_many_rows_is_small(tmp_path):
    dataset = Dataset(ID, batch_size=128, seq_len=100, seed=0)
    dataset()
    assert save_state(tmp_path / "state", dataset.state_dict()).stat().st_size < 200_000
    assert len(pickle.dumps(dataset)) < 400_000


def test_dataset_copies_are_independent():
    dataset = Dataset(ID, batch_size=2, seq_len=10, seed=0)
    dataset()
    copied = copy.deepcopy(dataset)
    copied.env.unwrapped.cohs = np.array([51.2])
    copied.seed(1)
    other = Dataset(ID, batch_size=2, seq_len=10, seed=0)
    other()
    assert copied.env is not dataset.env
    for _ in range(5):
        copied()
        assert same(dataset(), other())


@pytest.mark.parametrize("left", [0, 1])
def test_dataset_state_has_the_batches_left_of_an_iteration(left):
    dataset = Dataset(ID, batch_size=1, seq_len=10, max_batch=5, seed=0)
    other = Dataset(ID, batch_size=1, seq_len=10, max_batch=5)
    iter(dataset)
    for _ in range(5 - left):
        next(dataset)
    other.load_state_dict(dataset.state_dict())
    assert same(list(other), [next(dataset) for _ in range(left)])
    assert next(dataset, None) is None
    other.load_state_dict(dataset.state_dict())  # an iteration that has ended: the next one is whole
    assert len(list(other)) == 5
    assert len(list(other)) == 5


def test_dataset_state_of_a_task_in_neurogym_style():
    dataset, other = (Dataset(Style(), batch_size=2, seq_len=7, cache_len=30, seed=0, info=True) for _ in range(2))
    for _ in range(9):
        dataset()
    other.load_state_dict(dataset.state_dict())
    copied = copy.deepcopy(dataset)
    expected = steps_of(dataset, 100)
    assert same(steps_of(other, 100), expected)
    assert same(steps_of(copied, 100), expected)


OTHERS = {
    "layers": (lambda: Dataset("ReadySetGo-v0", batch_size=2), "other layers: .*PerceptualDecisionMaking.*ReadySetGo"),
    "parameters": (lambda: Dataset(ID, {"sigma": 2}, batch_size=2), "other parameters: .*sigma=1.0, here .*sigma=2.0"),
    "rows": (lambda: Dataset(ID, batch_size=3), "other data: rows=0 to 1, here rows=0 to 2"),
    "part": (lambda: Dataset(ID).part([3, 1]), r"other data: rows=0 to 1, here rows=\[3, 1\]"),
    "info": (lambda: Dataset(ID, batch_size=2, info=True), "other data: info=False, here info=True"),
    "split": (lambda: Dataset(ID, batch_size=2, split="val"), "other data: split=train, here split=val"),
    "holdout": (lambda: Dataset(ID, batch_size=2, holdout={"coh": [0]}), r"holdout=None, here holdout={coh: \[0\]}"),
    "conditions": (lambda: Dataset(ID, batch_size=2, conditions={"coh": 0}), "conditions=None, here conditions={coh: 0}"),
    "loss_weights": (
        lambda: Dataset(ID, batch_size=2, loss_weights={"decision": 5}, info=False),
        "loss_weights=None, here loss_weights={decision: 5}",
    ),
}


def damaged(state, name):
    """A state of which one part was changed."""
    state = copy.deepcopy(state)
    if name == "content":
        state["content"]["rows"]["skip"][0] += 1
    elif name == "missing":
        del state["content"]
    else:
        state[name] = 0
    return state


@pytest.mark.parametrize("other", OTHERS)
def test_dataset_refuses_the_state_of_another_and_does_not_change(other):
    state = Dataset(ID, batch_size=2, seed=0).state_dict()
    make, message = OTHERS[other]
    dataset = make()
    before = dataset.state_dict()
    with pytest.raises(StateError, match=message):
        dataset.load_state_dict(state)
    assert same(dataset.state_dict(), before)


@pytest.mark.parametrize("name", ["content", "missing", "checksum", "kind", "format"])
def test_dataset_refuses_a_damaged_state_and_does_not_change(name):
    dataset = Dataset(ID, batch_size=2, seed=0)
    before = dataset.state_dict()
    other = Dataset(ID, batch_size=2, seed=1)
    with pytest.raises(StateError, match="state"):
        dataset.load_state_dict(damaged(other.state_dict(), name))
    with pytest.raises(StateError, match="no state of ngym"):
        dataset.load_state_dict({"seed": 1})
    assert same(dataset.state_dict(), before)


# ---- parameters that change --------------------------------------------------------------------------


def played(env, seed, changed_in, change, steps):
    """Steps of the trials that an env plays that is changed in a trial (None: before the first one)."""
    if changed_in is None:
        change(env)
    env.reset(seed=seed)
    parts, number = [], 0
    while True:
        parts.append((env.ob.copy(), env.gt.copy()))
        if sum(len(gt) for _, gt in parts) >= steps:
            return tuple(np.concatenate(column)[:steps] for column in zip(*parts, strict=True))
        if number == changed_in:
            change(env)
        number += 1
        env.new_trial()


def lengths(env, seed, steps):
    """Ends of the trials that an env plays, up to some step."""
    env.reset(seed=seed)
    ends = [len(env.gt)]
    while ends[-1] < steps:
        env.new_trial()
        ends.append(ends[-1] + len(env.gt))
    return ends


def lengthen(env):
    """Change the durations of a task, where they are numbers."""
    for task in ngym.sampling.tasks_of(env):
        for period, duration in task.timing.items():
            if isinstance(duration, (int, float)) and duration > 0:
                task.timing[period] = duration + 3 * task.dt


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("step", [0, 30])
def test_dataset_follows_a_changed_parameter_from_the_next_trial_on(id_, step):
    dataset = Dataset(id_, batch_size=3, seq_len=5, seed=2)
    seen = steps_of(dataset, step) if step else None
    lengthen(dataset.env)
    rest = steps_of(dataset, 150)
    for row in (0, 2):
        seed = dataset.seeds[row]
        ends = lengths(ngym.make(id_), seed, step) if step else []
        expected = played(ngym.make(id_), seed, len(ends) - 1 if ends else None, lengthen, step + 150)
        for k, part_ in enumerate(expected):
            got = rest[k][row] if seen is None else np.concatenate([seen[k][row], rest[k][row]])
            assert np.array_equal(got[..., : part_.shape[-1]] if k == 0 else got, part_)


@pytest.mark.parametrize("steps", [0, 1, 21, 22, 23, 150])
@pytest.mark.parametrize("cache_len", [1, None])
def test_dataset_follows_changes_at_every_step_and_several_times(steps, cache_len):
    dataset = Dataset(ID, VARIED, batch_size=2, seq_len=1, cache_len=cache_len, seed=4)
    seen = [steps_of(dataset, steps)] if steps else []
    dataset.env.unwrapped.cohs = np.array([6.4])
    seen.append(steps_of(dataset, 40))
    dataset.env.unwrapped.timing["stimulus"] = 300
    dataset.env.unwrapped.cohs = np.array([51.2])
    seen.append(steps_of(dataset, 60))
    whole = [np.concatenate(column, axis=1) for column in zip(*seen, strict=True)]

    for row in range(2):
        env, todo, count = ngym.make(ID, **VARIED), [steps, steps + 40], 0
        todo = [(steps, [6.4], None), (steps + 40, [51.2], 300)]
        if steps == 0:
            env.cohs = np.array(todo.pop(0)[1])
        env.reset(seed=dataset.seeds[row])
        while count < steps + 100:
            n = min(len(env.gt), steps + 100 - count)
            assert np.array_equal(whole[0][row, count : count + n], env.ob[:n])
            assert np.array_equal(whole[1][row, count : count + n], env.gt[:n])
            count += len(env.gt)
            while todo and todo[0][0] <= count:
                _, cohs, stimulus = todo.pop(0)
                env.cohs = np.array(cohs)
                if stimulus is not None:
                    env.timing["stimulus"] = stimulus
            env.new_trial()


def test_dataset_follows_changes_in_a_task_of_neurogym_style():
    dataset, reference = Dataset(Style(), batch_size=2, seq_len=5, cache_len=40, seed=0), Style()
    seen = steps_of(dataset, 15)[0]
    dataset.env.level = 7.0
    dataset.env.timing["fixation"] = 400
    dataset.env.count = 99  # what the task itself changes is the state of each row, no parameter
    seen = np.concatenate([seen, steps_of(dataset, 60)[0]], axis=1)
    reference.reset(seed=dataset.seeds[1])
    count, changed = 0, False
    while count < 75:
        n = min(len(reference.gt), 75 - count)
        assert np.array_equal(seen[1, count : count + n], reference.ob[:n])
        count += len(reference.gt)
        if count >= 15 and not changed:
            reference.level, changed = 7.0, True
            reference.timing["fixation"] = 400
        reference.new_trial()


def test_dataset_holdouts_follow_changes():
    dataset = Dataset(ID, VARIED, batch_size=2, seq_len=10, seed=0, holdout={"coh": [12.8]}, info=True)
    dataset()
    dataset.env.unwrapped.cohs = np.array([6.4, 12.8])
    first = dataset()[2]["conditions"]["coh"]
    later = steps_of(dataset, 200)[2]["conditions"]["coh"]
    assert first.shape == (10, 2)
    assert set(later.ravel()) == {6.4}
    dataset.env.unwrapped.cohs = np.array([12.8])
    with pytest.raises(ValueError, match=r"holdout=.* leaves no trial"):
        dataset()


def test_dataset_wrappers_follow_changes():
    env = ngym.make(ID, wrappers=[("SideBias", {"probs": [[0.5, 0.5]], "block_dur": 10})])
    dataset = Dataset(env, batch_size=2, seq_len=30, seed=0)
    dataset()
    env.env.sigma = 0
    later = steps_of(dataset, 200)[0][:, 30:, 1:]
    assert len(np.unique(later)) < 30


def test_dataset_follows_the_task_that_multi_envs_is_set_to():
    env = ngym.wrappers.MultiEnvs([ngym.make(ID), ngym.make("PulseDecisionMaking-v0", dt=100)])
    dataset = Dataset(env, batch_size=1, seq_len=30, seed=0, info=True)
    assert set(dataset()[2]["conditions"]["i_env"].ravel()) == {0}
    env.set_i(1)
    assert set(steps_of(dataset, 200)[2]["conditions"]["i_env"][0, 30:]) == {1}


def test_dataset_state_contains_changed_parameters():
    dataset, other = (Dataset(ID, batch_size=2, seq_len=30, seed=0, info=True) for _ in range(2))
    dataset()
    dataset.env.unwrapped.cohs = np.array([6.4])
    dataset.env.unwrapped.timing["stimulus"] = 300
    state = dataset.state_dict()
    other.load_state_dict(state)
    assert other.env.unwrapped.cohs.tolist() == [6.4]
    copied = copy.deepcopy(dataset)
    expected = steps_of(dataset, 200)
    assert same(steps_of(other, 200), expected)
    assert same(steps_of(copied, 200), expected)


def test_dataset_refuses_a_change_of_a_space():
    dataset, other = (Dataset(ID, batch_size=2, seq_len=30, seed=0) for _ in range(2))
    dataset()
    other()
    space = dataset.env.unwrapped.action_space
    dataset.env.unwrapped.action_space = ngym.spaces.Discrete(5)
    for call in (dataset, dataset.state_dict, lambda: copy.deepcopy(dataset)):
        with pytest.raises(ValueError, match=r"The action space of <.*> was changed from .*Discrete\(3.* to .*make a new"):
            call()
    dataset.env.unwrapped.action_space = space
    assert same(dataset(), other())


def test_dataset_rows_stay_where_they_are_if_a_trial_fails():
    class Breaks(type(ngym.make("ReadySetGo-v0"))):
        calls = 0

        def _new_trials(self, trials):
            Breaks.calls += 1
            if Breaks.calls == 12:
                raise RuntimeError("broken")
            super()._new_trials(trials)

    dataset = Dataset(Breaks(), batch_size=3, seq_len=40, cache_len=40, memory=2000, seed=0)
    batches, failed = [], 0
    while len(batches) < 12:
        try:
            batches.append(dataset())
        except RuntimeError:
            failed += 1
    assert failed == 1
    whole = Dataset("ReadySetGo-v0", batch_size=3, seq_len=40, seed=0)
    assert same(batches, [whole() for _ in range(12)])


def test_dataset_pays_one_refill_for_a_change():
    generated = []

    class Counts(type(ngym.make(ID))):
        def _new_trials(self, trials):
            generated.append(trials.n)
            super()._new_trials(trials)

    dataset = Dataset(Counts(), batch_size=16, seq_len=20, seed=0, memory=2**20)
    dataset()
    refill = sum(generated)
    for _ in range(dataset.cycle - 1):
        dataset()
    generated.clear()
    dataset.env.cohs = np.array([6.4])
    dataset()
    assert sum(generated) < 2.5 * refill


def test_dataset_of_a_task_that_holds_an_iterator_has_no_state():
    class Listed(Style):
        def __init__(self):
            super().__init__()
            self.sides = iter([1, 2] * 10_000)

        def _new_trial(self, **kwargs):
            return super()._new_trial(ground_truth=next(self.sides))

    dataset = Dataset(Listed(), batch_size=2, seq_len=30, cache_len=60, seed=0)
    assert set(steps_of(dataset, 300)[1].ravel()) == {0, 1, 2}
    with pytest.raises(TypeError, match="is an iterator: its position is no value that can be saved"):
        dataset.state_dict()


def part(steps, first, last):
    """Some of the steps that `steps_of` returned."""
    if isinstance(steps, dict):
        return {name: part(column, first, last) for name, column in steps.items()}
    if isinstance(steps, tuple):
        return tuple(part(column, first, last) for column in steps)
    return steps[:, first:last]
