from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core import Draws, scheduler
from ngym_core.scheduler import BaseSchedule

RECORDED = json.loads((Path(__file__).parent.parent / "golden/data/utils.json").read_text())["schedules"]
FIRST_SKIPPED = ("SequentialSchedule", "RandomSchedule")


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_schedule_calls_return_the_recorded_indices(case):
    options = {"skip_first": True} if case["class"] in FIRST_SKIPPED else {}
    schedule = getattr(scheduler, case["class"])(*case["args"], **options)
    schedule.seed(case["seed"])
    assert [schedule() for _ in case["values"]] == case["values"]


def test_schedule_reset_restarts_the_position():
    schedule = scheduler.SequentialSchedule(3)
    assert [schedule() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    schedule.reset()
    assert schedule() == 0
    firsts = set()
    for seed in range(40):
        random = scheduler.RandomSchedule(3)
        random.seed(seed)
        firsts.add(random())
    assert firsts == {0, 1, 2}


def test_random_schedule_never_repeats_and_replays_its_seed():
    schedule = scheduler.RandomSchedule(4)
    runs = []
    for _ in range(2):
        schedule.reset()
        schedule.seed(5)
        runs.append([schedule() for _ in range(200)])
    assert runs[0] == runs[1]
    assert (np.diff(runs[0]) != 0).all()
    assert schedule.total_count == 200


@pytest.mark.parametrize("kind", [scheduler.SequentialBlockSchedule, scheduler.RandomBlockSchedule])
def test_block_schedule_rejects_wrong_numbers_of_lengths(kind):
    with pytest.raises(ValueError, match=r"len\(block_lens\)=1 must be equal to n=2"):
        kind(2, [3])
    with pytest.raises(ValueError, match="block length=0 must be an integer from 1"):
        kind(2, [3, 0])


def test_schedule_rejects_no_options_and_no_next():
    with pytest.raises(ValueError, match="n=0 must be an integer from 1"):
        scheduler.RandomSchedule(0)
    with pytest.raises(NotImplementedError, match="BaseSchedule must define `_next`, which returns the next index"):
        scheduler.BaseSchedule(2)()


def test_schedules_with_equal_arguments_are_equal():
    made = [
        lambda: scheduler.SequentialSchedule(2),
        lambda: scheduler.SequentialSchedule(2, skip_first=True),
        lambda: scheduler.RandomSchedule(3, p=[1, 2, 3]),
        lambda: scheduler.RandomSchedule(3, p=[1, 2, 4]),
        lambda: scheduler.RandomBlockSchedule(2, [2, (3, 4)]),
        lambda: scheduler.SequentialBlockSchedule(2, [2, (3, 4)]),
        lambda: scheduler.RandomBlockSchedule(2, [2, (3, 5)]),
    ]
    for i, one in enumerate(made):
        for j, other in enumerate(made):
            moved = one()
            moved.take(3, Draws(0))
            assert (moved == other()) == (i == j)
    assert len({make() for make in made}) == len(made)


def take(schedule, sizes, draws=None):
    draws = draws or Draws(4)
    return np.concatenate([schedule.take(n, draws) for n in sizes])


SCHEDULES = {
    "sequential": lambda: scheduler.SequentialSchedule(3),
    "random": lambda: scheduler.RandomSchedule(4),
    "random with repeats": lambda: scheduler.RandomSchedule(4, allow_repeat=True, p=[4, 3, 2, 1]),
    "weighted": lambda: scheduler.RandomSchedule(4, p=[4, 3, 2, 1]),
    "blocks": lambda: scheduler.SequentialBlockSchedule(3, [2, 3, 4]),
    "random blocks": lambda: scheduler.RandomBlockSchedule(3, [2, 3, 4], random_start=True),
    "random lengths": lambda: scheduler.RandomBlockSchedule(3, [(2, 6), (1, 3), (5, 5)]),
    "ended by chance": lambda: scheduler.RandomBlockSchedule(2, [0.2, 0.5]),
    "all sorts": lambda: scheduler.SequentialBlockSchedule(3, [3, (1, 4), 0.3]),
}


@pytest.mark.parametrize("kind", SCHEDULES)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 2**32))
def test_schedule_take_does_not_depend_on_the_batch(kind, sizes, seed):
    schedule = SCHEDULES[kind]()
    whole = schedule.take(sum(sizes), Draws(seed))
    assert np.array_equal(take(schedule, sizes, Draws(seed)), whole)
    assert whole.min() >= 0
    assert whole.max() < schedule.n


@pytest.mark.parametrize("kind", SCHEDULES)
def test_schedule_state_resumes_where_it_was_saved(kind):
    schedule = SCHEDULES[kind]()
    draws = Draws(1)
    schedule.take(37, draws)
    saved = json.loads(json.dumps(draws.state, default=lambda x: x.tolist()))
    resumed = Draws(99)
    resumed.state = saved
    assert np.array_equal(schedule.take(100, resumed), SCHEDULES[kind]().take(100, draws))
    if kind in ("sequential", "random", "blocks", "random blocks"):
        schedule.seed(3)
        for _ in range(7):
            schedule()
        again = SCHEDULES[kind]()
        again.state = json.loads(json.dumps(schedule.state))
        assert [schedule() for _ in range(50)] == [again() for _ in range(50)]


def runs_of(indices):
    edges = np.flatnonzero(np.diff(indices)) + 1
    parts = np.split(indices, edges)
    return [(int(p[0]), len(p)) for p in parts[:-1]]


def test_block_schedule_blocks_have_their_lengths():
    assert runs_of(take(SCHEDULES["blocks"](), [40]))[:4] == [(0, 2), (1, 3), (2, 4), (0, 2)]
    lengths = {i: {n for j, n in runs_of(take(SCHEDULES["random lengths"](), [4000])) if j == i} for i in range(3)}
    assert lengths == {0: {2, 3, 4, 5, 6}, 1: {1, 2, 3}, 2: {5}}
    by_chance = runs_of(take(SCHEDULES["ended by chance"](), [60_000]))
    means = [np.mean([n for j, n in by_chance if j == i]) for i in range(2)]
    assert means[0] == pytest.approx(5, abs=0.25)  # about 8,500 blocks each with standard deviation 4.5: five errors
    assert means[1] == pytest.approx(2, abs=0.08)


def test_random_schedule_follows_its_weights():
    taken = take(SCHEDULES["random with repeats"](), [40_000])
    assert np.bincount(taken) / len(taken) == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.0125)  # five errors
    weighted = take(SCHEDULES["weighted"](), [40_000])
    assert (np.diff(weighted) != 0).all()
    after_first = weighted[1:][weighted[:-1] == 0]
    assert np.bincount(after_first)[1:] / len(after_first) == pytest.approx([3 / 6, 2 / 6, 1 / 6], abs=0.025)


@pytest.mark.parametrize("p", [[1, 2], [1, -1, 1], [0, 0, 1], [np.nan, 1, 1], [np.inf, 1, 1], ["a", 1, 1]])
def test_random_schedule_rejects_invalid_weights(p):
    message = "must have at least 2 of its 3 weights above 0" if p == [0, 0, 1] else "must be a sequence of 3 finite numbers"
    with pytest.raises((TypeError, ValueError), match=rf"^p=\[.*\] {message}"):
        scheduler.RandomSchedule(3, p=p)


def test_weights_may_be_so_large_that_their_sum_is_infinite():
    assert scheduler.RandomSchedule(3, p=[1e308, 1e308, 0]).p.tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("length", "error", "message"),
    [
        ((3, 2), ValueError, "must be an integer from 1, two such integers"),
        ((0, 2), ValueError, "two such integers"),
        ((1, 2, 3), ValueError, "two such integers"),
        ((1.5, 2), ValueError, "two such integers"),
        (1.5, ValueError, "block length=1.5 must be .* or a probability between 0 and 1"),
        ("3", TypeError, "block length=.3. must be an integer from 1"),
    ],
)
def test_block_schedule_rejects_lengths_of_other_kinds(length, error, message):
    with pytest.raises(error, match=message):
        scheduler.SequentialBlockSchedule(1, [length])


def test_block_schedule_calls_reject_random_lengths():
    with pytest.raises(TypeError, match=r"Calls need a number of trials for each block, not 0\.2; use `take`"):
        scheduler.RandomBlockSchedule(2, [0.2, 0.5])()


def test_schedule_take_calls_a_subclass_that_defines_only_next():
    class Twos(scheduler.BaseSchedule):
        def _next(self):
            return (self.total_count // 2) % self.n

    assert Twos(3).take(8, Draws(0)).tolist() == [0, 0, 1, 1, 2, 2, 0, 0]


def test_a_block_may_be_much_longer_than_the_trials_that_are_taken():
    schedule = scheduler.SequentialBlockSchedule(2, [10**12, 3])
    assert schedule.take(4, Draws(0)).tolist() == [0] * 4
    with pytest.raises(ValueError, match="^n=1000000000000 takes more memory than there is"):
        schedule.take(10**12, Draws(0))


class Alternate(BaseSchedule):
    """A schedule that defines only `_next`."""

    def _next(self):
        return (self.i + 1) % self.n


class Drawn(BaseSchedule):
    def _next(self):
        return int(self.rng.choice(self.n))


@pytest.mark.parametrize("kind", [Alternate, Drawn])
def test_schedule_with_next_alone_has_a_place_in_each_sequence_of_trials(kind):
    def make():
        env = ngym.make("PerceptualDecisionMaking-v0")
        return ngym.wrappers.ScheduleAttr(env, kind(3), [{"coh": 0.0}, {"coh": 12.8}, {"coh": 51.2}])

    env = make()
    expected = env.sample_trials(12, seed=0).conditions["coh"].tolist()
    assert env.sample_trials(12, seed=0).conditions["coh"].tolist() == expected
    draws = Draws(0)
    parts = [env.sample_trials(n, draws=draws).conditions["coh"].tolist() for n in (1, 4, 7)]
    assert parts[0] + parts[1] + parts[2] == expected
    for _ in range(3):
        assert env.reset(seed=0)[1]["trial"]["coh"] == expected[0]
    lanes = ngym.TrialVectorEnv(make(), 4)
    firsts = lanes.reset(seed=0)[1]["trial"]["coh"]
    assert firsts.tolist() == [make().reset(seed=i)[1]["trial"]["coh"] for i in range(4)]
    state = env.get_state()
    other = make()
    other.set_state(state)
    assert [env.new_trial()["coh"] for _ in range(9)] == [other.new_trial()["coh"] for _ in range(9)]


def test_schedule_that_keeps_its_place_elsewhere_is_refused():
    class Counts(BaseSchedule):
        own = 0

        def _next(self):
            self.own += 1
            return self.own % self.n

    with pytest.raises(TypeError, match="Counts._next keeps its place in attributes that no state has: use `i`, `count`"):
        Counts(2).take(3, Draws(0))
