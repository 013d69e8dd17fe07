from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.trials import (
    add_channels,
    add_period_channel,
    concatenate,
    end_trials,
    insert_period,
    map_answers,
    map_answers_by_step,
    map_channels,
    resize_period,
    select,
    set_period,
)
from ngym_core.trials.operations import join_columns, to_column

from ..toy import Toy, ragged_trials


def test_concatenate_pads_shorter_trials():
    task = Toy()
    parts = [task.sample_trials(n, seed=n) for n in (2, 1, 3)]
    joined = concatenate(parts)
    assert joined.n == 6
    for one, two in zip(joined, [t for p in parts for t in p], strict=True):
        assert np.array_equal(one.ob, two.ob)
        assert np.array_equal(one.gt, two.gt)
        assert one.conditions == two.conditions
        assert one.end == two.end


def test_concatenate_of_one_part_returns_it():
    part = Toy().sample_trials(2, seed=0)
    assert concatenate([part]) is part


def test_concatenate_fills_periods_and_conditions_that_some_parts_lack():
    one, two = Toy().sample_trials(2, seed=0), ragged_trials(3)
    joined = concatenate([one, two])
    np.testing.assert_array_equal(
        joined.conditions["ground_truth"], [*one.conditions["ground_truth"], np.nan, np.nan, np.nan]
    )
    assert joined.lengths.tolist() == [*one.lengths.tolist(), 4, 6, 5]
    assert joined.start["stimulus"].tolist() == [1, 1, 0, 0, 0]
    assert joined.end["stimulus"].tolist() == [4, 4, 0, 0, 0]
    assert joined.end["delay"].tolist() == [*one.end["delay"].tolist(), 2, 4, 3]


def test_select_returns_trials_in_another_order():
    trials = Toy().sample_trials(6, seed=0)
    rows = np.array([4, 0, 4])
    chosen = select(trials, rows)
    assert chosen.n == 3
    assert chosen.draws is trials.draws
    for one, i in zip(chosen, rows, strict=True):
        assert np.array_equal(one.ob, trials[i].ob)
        assert np.array_equal(one.gt, trials[i].gt)
        assert (one.conditions, one.start, one.end) == (trials[i].conditions, trials[i].start, trials[i].end)


def test_set_period_leaves_observations_and_other_periods_alone():
    trials = Toy().sample_trials(3, seed=0)
    before = trials.ob.copy(), trials.end["delay"].tolist(), trials.lengths.tolist()
    set_period(trials, "decision", (2, np.array([5, 6, 7])))
    assert trials.start["decision"].tolist() == [2, 2, 2]
    assert trials.end["decision"].tolist() == [5, 6, 7]
    assert (trials.end["delay"].tolist(), trials.lengths.tolist()) == before[1:]
    assert np.array_equal(trials.ob, before[0])


@pytest.mark.parametrize("end", [3, np.array([2, 5, 3, 4])])
def test_end_trials_cuts_each_trial_and_clears_the_rest(end):
    trials = ragged_trials(4)
    trials.add_ob(1)
    trials.set_groundtruth(2)
    end_trials(trials, end)
    ends = np.broadcast_to(end, 4)
    assert trials.lengths.tolist() == ends.tolist()
    inside = np.arange(ends.max()) < ends[:, None]
    assert np.array_equal(trials.mask, inside)
    assert np.array_equal(trials.ob, np.repeat(inside[..., None], 3, axis=2))
    assert np.array_equal(trials.gt, 2 * inside)


@pytest.mark.parametrize("values", [np.arange(8).reshape(4, 1, 2), np.arange(48).reshape(4, 6, 2)])
def test_add_channels_appends_values_within_each_trial(values):
    trials = ragged_trials(4)
    trials.add_ob(5)
    before = trials.ob.copy()
    add_channels(trials, values)
    assert trials.ob.dtype == before.dtype
    assert trials.ob.shape == (4, 6, 5)
    assert np.array_equal(trials.ob[..., :3], before)
    assert np.array_equal(trials.ob[..., 3:], np.broadcast_to(values, (4, 6, 2)) * trials.mask[..., None])


def test_to_column_of_values_of_different_shapes_holds_objects():
    assert to_column([1, 2]).dtype.kind == "i"
    ragged = to_column([[1, 2], [3]])
    assert ragged.dtype == object
    assert ragged.tolist() == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("columns", "expected", "kind"),
    [
        ([np.array([1, 2]), np.array([3])], [1, 2, 3], np.int64),
        ([np.array([1, 2]), np.array([0.5])], [1.0, 2.0, 0.5], np.float64),
        ([np.array([1]), None], [1.0, np.nan], np.float64),
        ([None, np.array([True])], [np.nan, 1.0], np.float64),
        ([np.array([[1, 2]]), None], [[1.0, 2.0], [np.nan, np.nan]], np.float64),
        ([np.array(["a"]), np.array(["long"])], ["a", "long"], np.dtype("<U4")),
    ],
)
def test_join_columns_keeps_types_and_leaves_missing_numbers_out(columns, expected, kind):
    joined = join_columns(columns, [1 if c is None else len(c) for c in columns])
    assert joined.dtype == kind
    np.testing.assert_array_equal(joined, expected)


def test_join_columns_never_turns_numbers_into_text():
    joined = join_columns([np.array([1, 8]), np.array(["match"]), np.array([0.5]), None], [2, 1, 1, 1])
    assert joined.tolist() == [1, 8, "match", 0.5, None]
    assert [type(value) for value in joined] == [int, int, str, float, type(None)]
    shapes = join_columns([np.array([1]), np.array([[1, 2]])], [1, 1])
    assert shapes[0] == 1
    assert shapes[1].tolist() == [1, 2]
    assert join_columns([np.array(["a"]), None], [1, 2]).tolist() == ["a", None, None]


@pytest.mark.parametrize("parts", [[float("nan")], 5])
def test_concatenate_refuses_what_are_no_trials(parts):
    with pytest.raises(TypeError, match="^parts=.* must be a sequence of trials.$"):
        concatenate(parts)


# ---- periods that are resized, channels that are added --------------------------------------------------


def stored(how, n=40):
    """Trials of a task with a delay of 2 steps (or none), stored as segments, densely, or as runs."""
    id_, timing = (
        ("yang19.dms-v0", {"delay": 200}) if how == "dense" else ("yang19.go-v0", {"delay": 0 if "empty" in how else 200})
    )
    if how == "variable":
        timing["fixation"] = ("uniform", (100, 600))
    trials = ngym.make(id_, timing=timing).sample_trials(n, seed=0)
    return concatenate([trials, trials]) if how == "runs" else trials


HOWS = ["segments", "segments, empty", "variable", "dense", "runs", "runs, empty"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("varies", [False, True])
def test_resize_period_replaces_its_steps_and_moves_what_follows(how, varies):
    before, trials = stored(how), stored(how)
    steps = np.arange(trials.n) % 5 if varies else 3
    resize_period(trials, "delay", steps, blank=np.arange(1, 33))
    for k, (old, new) in enumerate(zip(before, trials, strict=True)):
        start, stop, length = old.start["delay"], old.end["delay"], int(np.broadcast_to(steps, trials.n)[k])
        shown = old.ob[start : start + 1] if stop > start else old.ob[start - 1 : start] * (np.arange(33) == 0)
        np.testing.assert_array_equal(new.ob, np.concatenate([old.ob[:start], shown.repeat(length, 0), old.ob[stop:]]))
        np.testing.assert_array_equal(new.gt, np.concatenate([old.gt[:start], [0] * length, old.gt[stop:]]))
        longer = length - (stop - start)
        assert new.start == {p: s + longer * (p in ("test", "decision")) for p, s in old.start.items()}
        assert new.end == {p: e + longer * (p in ("delay", "test", "decision")) for p, e in old.end.items()}


@pytest.mark.parametrize("how", HOWS)
def test_insert_period_adds_one_without_steps_before_another(how):
    trials = stored(how)
    insert_period(trials, "gap", "decision")
    names = list(trials.start)
    assert names[names.index("gap") + 1] == "decision"
    np.testing.assert_array_equal(trials.start["gap"], trials.start["decision"])
    resize_period(trials, "gap", 4, blank=np.arange(1, 33))
    np.testing.assert_array_equal(trials.start["decision"] - trials.start["gap"], 4)


@pytest.mark.parametrize("how", HOWS)
def test_add_period_channel_is_1_in_the_period(how):
    before, trials = stored(how), stored(how)
    add_period_channel(trials, "decision")
    step = np.arange(trials.ob.shape[1])
    on = (step >= trials.start["decision"][:, None]) & (step < trials.end["decision"][:, None])
    np.testing.assert_array_equal(trials.ob[..., 33], on)
    np.testing.assert_array_equal(trials.ob[..., :33], before.ob)


@pytest.mark.parametrize("how", HOWS)
def test_map_channels_and_map_answers_know_the_trial_of_each_value(how):
    before, trials = stored(how), stored(how)
    map_channels(trials, lambda values, trial: values[:, :2] + trial[:, None])
    map_answers(trials, lambda actions, trial: actions * trial)
    number = np.arange(trials.n)[:, None]
    np.testing.assert_array_equal(trials.ob, (before.ob[..., :2] + number[..., None]) * trials.mask[..., None])
    np.testing.assert_array_equal(trials.gt, before.gt * number)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("period", ["delay", "decision"])
def test_map_answers_by_step_knows_the_trial_and_the_step_of_each_answer(how, period):
    before, trials = stored(how), stored(how)
    map_answers_by_step(trials, period, lambda actions, trial, step: actions + 100 * trial + step + 1)
    step = np.arange(before.gt.shape[1]) - before.start[period][:, None]
    inside = (step >= 0) & (step < (before.end[period] - before.start[period])[:, None])
    expected = before.gt + inside * (100 * np.arange(trials.n)[:, None] + step + 1)
    np.testing.assert_array_equal(trials.gt, expected)
    np.testing.assert_array_equal(trials.ob, before.ob)
    for old, new in zip(before, trials, strict=True):
        assert (new.start, new.end) == (old.start, old.end)


def test_select_takes_masks():
    trials = ngym.make("GoNogo-v0").sample_trials(6, seed=0)
    mask = np.array([True, False, False, True, False, True])
    for one, two in zip(select(trials, mask), select(trials, np.array([0, 3, 5])), strict=True):
        assert np.array_equal(one.ob, two.ob)
        assert one.conditions == two.conditions
    assert select(trials, mask).n == 3


@pytest.mark.parametrize("end", [100, np.array([3, 100, 3])])
def test_end_trials_refuses_to_make_trials_longer(end):
    trials = ngym.make("PerceptualDecisionMaking-v0").sample_trials(3, seed=0)
    with pytest.raises(ValueError, match=r"^end=.*100.*: trials can be ended earlier, and theirs are .*22, 22, 22"):
        end_trials(trials, end)
