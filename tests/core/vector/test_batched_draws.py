from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.vector.batched_draws import BatchedDraws, can_batch

from ..stacks import build


def three(each):
    return BatchedDraws([ngym.Draws(s) for s in (4, 5, 6)], each)


def apart(each, draw):
    return np.concatenate([draw(ngym.Draws(s), each) for s in (4, 5, 6)])


@given(each=st.integers(1, 9), size=st.one_of(st.none(), st.integers(1, 3)))
def test_batched_draws_numbers_are_those_of_each_lane(each, size):
    def uniform(draws, n):
        return draws.child("a").child("b").random("x", n, size)

    assert np.array_equal(uniform(three(each), 3 * each), apart(each, uniform))
    long = ngym.TruncExp(400, 100, 900)
    assert np.array_equal(three(each).sample("t", 3 * each, long), apart(each, lambda d, n: d.sample("t", n, long)))


@given(each=st.integers(1, 9))
def test_batched_draws_carry_states_of_each_lane(each):
    def walk(draws, n):
        before, own = draws.follow("s", np.argsort(draws.random("x", n, 3), axis=1), lambda lane: lane.index("f", 1, 3)[0])
        return np.stack([before, own, draws.previous("p", own, -1)], axis=1)

    def twice(draws, n):
        parts = [walk(draws, n).reshape(-1, each, 3) for _ in range(2)]
        return np.concatenate(parts, axis=1).reshape(-1, 3)

    assert np.array_equal(twice(three(each), 3 * each), apart(each, twice))


@given(counts=st.lists(st.integers(0, 5), min_size=6, max_size=6), cut=st.integers(0, 6))
def test_batched_draws_noise_by_rows_is_that_of_each_lane(counts, cut):
    """Two trials in each lane, with so many rows each, drawn in two pieces."""
    trial = np.repeat(np.arange(6), counts)
    together, lanes = three(2), [ngym.Draws(s) for s in (4, 5, 6)]
    pieces = [(0, trial[trial < cut]), (cut, trial[trial >= cut] - cut)]
    drawn = np.concatenate([together.normal("n", (len(rows), 3), first, rows).copy() for first, rows in pieces])
    for i, lane in enumerate(lanes):
        own = drawn[trial // 2 == i]
        assert np.array_equal(own, lane.normal("n", own.shape))


def test_batched_draws_noise_by_trials_is_that_of_each_lane():
    together, lanes = three(2), [ngym.Draws(s) for s in (4, 5, 6)]
    drawn = np.concatenate([together.normal("n", (n, 2, 2), first).copy() for first, n in ((0, 1), (1, 4), (5, 1))])
    assert np.array_equal(drawn, np.concatenate([lane.normal("n", (2, 2, 2)).copy() for lane in lanes]))


@pytest.mark.parametrize(
    "look",
    [
        lambda d: d.stream("x"),
        lambda d: d.carried["x"],
        lambda d: d.child("a").carried.get("x"),
        lambda d: "x" in d.carried,
        lambda d: d.random("x", 5),
        lambda d: d.per_stream(7),
    ],
)
def test_batched_draws_reject_what_lanes_do_not_share(look):
    with pytest.raises(NotImplementedError, match="Several lanes share neither a stream nor `carried` state"):
        look(three(2))


@pytest.mark.parametrize(
    ("id_", "wrappers", "together"),
    [
        ("PerceptualDecisionMaking-v0", (), True),
        ("PerceptualDecisionMaking-v0", ("SideBias", "TrialHistoryV2", "CatchTrials", "VariableMapping"), True),
        ("PerceptualDecisionMaking-v0", ("TrialHistory",), True),
        ("yang19.go-v0", (), True),
        ("HierarchicalReasoning-v0", (), True),
        ("priors.priors_v0-v0", (), True),
        ("ContextSwitch-v0", (), True),
        ("LeverPressWithPokeRest-v0", (), True),
        ("CVLearning-v0", (), False),
        ("RandomDotMotion-v0", (), False),
    ],
)
def test_can_batch_envs_whose_task_carries_nothing(id_, wrappers, together):
    env = build(id_, wrappers)
    assert can_batch(lambda n, draws: env.sample_trials(n, draws=draws)) is together
