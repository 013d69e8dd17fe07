from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.trials import _kernels, concatenate

from ..toy import Toy, toy_trials


def shared(n=4):
    """Trials whose periods have the same edges: a (2 steps), b (3 steps)."""
    trials = ngym.Trials(Toy(timing={"fixation": 200, "stimulus": 300}), n, ngym.Draws(0))
    trials.add_period(["fixation", "stimulus"])
    return trials


def ragged(n=4):
    """Trials with a fixation of 1 step, a delay of 1, 3, 2, 1 steps and a decision of 2."""
    trials = toy_trials(n)
    trials.add_period(["fixation", "delay", "decision"])
    return trials


def test_periods_follow_one_another():
    trials = ragged()
    assert trials.lengths.tolist() == [4, 6, 5, 4]
    assert trials.start["decision"].tolist() == [2, 4, 3, 2]
    assert trials.end["delay"].tolist() == [2, 4, 3, 2]
    assert trials.mask.sum(axis=1).tolist() == [4, 6, 5, 4]
    assert len(trials) == 4


def test_periods_can_overlap_and_count_from_both_sides():
    trials = shared()
    trials.add_period("delay", 100, before="stimulus")
    trials.add_period("decision", np.array([100, 200, 300, 400]), after=100)
    assert trials.span("delay") == (1, 2)
    assert trials.end["decision"].tolist() == [2, 3, 4, 5]
    assert trials.span("fixation", "stimulus") == (0, 5)
    assert trials.lengths.tolist() == [5, 5, 5, 5]


def test_until_fills_up_to_a_time():
    task = Toy(timing={"delay": (100, 200, 300), "decision": ("until", 900)})
    trials = ngym.Trials(task, 50, ngym.Draws(0))
    trials.add_period(["delay", "decision"])
    assert set(trials.lengths) == {9}
    task = Toy(timing={"decision": ("until", 100)})
    late = ngym.Trials(task, 5, ngym.Draws(0))
    with pytest.raises(ValueError, match=r"timing\['decision'\] lasts until 100 ms, but the period begins at 300 ms"):
        late.add_period(["stimulus", "decision"])


def test_values_of_every_shape_are_painted():
    trials = shared()
    trials.add_ob(2)
    trials.add_ob([1, 2, 3, 4], "stimulus", where="fixation")
    trials.add_ob(np.arange(8).reshape(4, 2), "stimulus", where="stimulus")
    trials.add_ob([[10, 20]], "fixation", where="stimulus")
    trials.set_ob(np.full((4, 3, 2), 7), "stimulus", where=[0, 2])
    assert trials.ob.shape == (4, 5, 3)
    assert trials.ob.dtype == np.float32
    assert (trials.ob[:, :2] == [2, 12, 22]).all()
    assert (trials.ob[:, 2:, 0] == 7).all()
    assert (trials.ob[:, 2:, 2] == 7).all()
    assert (trials.ob[:, 2:, 1] == 2 + np.array([0, 2, 4, 6])[:, None]).all()


def test_trials_of_different_length_are_painted_through_a_mask():
    trials = ragged()
    trials.add_ob([1, 2, 3, 4], where="fixation")
    trials.add_ob(np.arange(8).reshape(4, 2) + 1, ["delay"], where="stimulus")
    trials.set_ob(9, "decision", where=[0, 2])
    for i, trial in enumerate(trials):
        delay, decision = slice(trial.start["delay"], trial.end["delay"]), slice(trial.start["decision"], None)
        assert (trial.ob[: trial.start["decision"], 0] == i + 1).all()
        assert (trial.ob[delay, 1:] == [2 * i + 1, 2 * i + 2]).all()
        assert (trial.ob[decision] == [9, 0, 9]).all()
    assert (trials.ob[~trials.mask] == 0).all()


def test_a_span_of_steps_can_be_painted():
    trials = ragged()
    first = np.array([0, 1, 2, 3])
    trials.set_groundtruth(1, (first, first + 1))
    assert (np.argmax(trials.gt, axis=1) == first).all()
    assert (trials.gt.sum(axis=1) == 1).all()


def test_ground_truth_is_translated_by_the_names_of_actions():
    trials = shared()
    trials.set_groundtruth([0, 1, 1, 0], "stimulus", where="choice")
    trials.set_groundtruth(0, "fixation", where="fixation")
    assert trials.gt[:, -1].tolist() == [1, 2, 2, 1]
    assert trials.gt.dtype == np.int64
    assert (trials.gt[:, :2] == 0).all()
    with pytest.raises(KeyError, match="Unknown action 'chioce'. Did you mean 'choice'"):
        trials.set_groundtruth(0, where="chioce")


@given(n=st.integers(1, 60), sigma=st.floats(0.1, 2), seed=st.integers(0, 1000))
def test_noise_is_the_same_however_many_trials_are_painted(n, sigma, seed):
    def paint(draws, sizes):
        parts = []
        for size in sizes:
            trials = ngym.Trials(Toy(sigma=sigma), size, draws)
            Toy(sigma=sigma)._new_trials(trials)
            parts += [trial.ob.copy() for trial in trials]
        return parts

    one, two = paint(ngym.Draws(seed), [n]), paint(ngym.Draws(seed), [1] * n)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_noise_does_not_depend_on_the_blocks_it_is_drawn_in(monkeypatch):
    whole = Toy().sample_trials(200, seed=1).ob
    monkeypatch.setattr(_kernels, "NOISE_BLOCK_NUMBERS", 17)
    assert np.array_equal(Toy().sample_trials(200, seed=1).ob, whole)


def test_noise_level_leaves_all_draws_as_they_were():
    quiet, loud = Toy(sigma=0.1).sample_trials(50, seed=2), Toy(sigma=0.2).sample_trials(50, seed=2)
    mean = Toy(sigma=0).sample_trials(50, seed=2).ob
    assert np.array_equal(quiet.gt, loud.gt)
    assert np.allclose((loud.ob - mean), 2 * (quiet.ob - mean), atol=1e-6)


def test_noise_has_the_mean_and_the_deviation_asked_for():
    trials = shared(4000)
    trials.add_randn(3, 0.5, "fixation", where=0)
    trials.add_randn(0, np.repeat([0.1, 1.0], 2000), "stimulus", where=[0, 2])
    fixation, stimulus = trials.ob[:, :2, 0], trials.ob[:, 2:, 2]
    assert fixation.mean() == pytest.approx(3, abs=0.03)
    assert fixation.std() == pytest.approx(0.5, abs=0.02)
    assert stimulus[:2000].std() == pytest.approx(0.1, abs=0.005)
    assert stimulus[2000:].std() == pytest.approx(1.0, abs=0.05)
    assert (trials.ob[:, :, 1] == 0).all()


def test_noise_twice_on_the_same_period_is_not_the_same_noise():
    trials = shared()
    trials.add_randn(0, 1, "fixation")
    once = trials.ob[:, :2].copy()
    trials.add_randn(0, 1, "fixation")
    assert not np.allclose(trials.ob[:, :2], 2 * once)


def test_conditions_are_drawn_forced_or_set():
    task = Toy()
    free = task.sample_trials(20, seed=0)
    forced = task.sample_trials(20, seed=0, ground_truth=1, strength=np.linspace(0, 1, 20))
    assert set(free.conditions["ground_truth"]) == {0, 1}
    assert (forced.conditions["ground_truth"] == 1).all()
    assert forced.conditions["strength"].tolist() == np.linspace(0, 1, 20).tolist()
    assert forced.end["decision"].tolist() == free.end["decision"].tolist()
    assert (forced.gt.max(axis=1) == 2).all()
    assert forced[3].conditions == {"ground_truth": 1, "strength": pytest.approx(3 / 19)}


@pytest.mark.parametrize("first", [0, 1, None])
def test_a_condition_that_switches_is_carried_on(first):
    def switches(n, draws, **forced):
        return ngym.Trials(Toy(), n, draws, forced).switching("context", 0.3, first=first)

    whole, draws = switches(60, ngym.Draws(4)), ngym.Draws(4)
    assert np.concatenate([switches(n, draws) for n in (1, 19, 40)]).tolist() == whole.tolist()
    assert 5 < (np.diff(whole) != 0).sum() < 30
    begins = [switches(1, ngym.Draws(seed))[0] for seed in range(300)]
    assert abs(np.mean(begins) - {0: 0.3, 1: 0.7, None: 0.5}[first]) < 0.1
    draws = ngym.Draws(4)
    assert switches(20, draws, context=1).tolist() == [1] * 20
    assert switches(40, draws).tolist() == whole[20:].tolist()
    with pytest.raises(ValueError, match="The condition 'context' is forced to 2. Valid: '0', '1'"):
        switches(20, draws, context=2)


@pytest.mark.parametrize(
    ("forced", "error", "message"),
    [
        ({"ground_truth": 2}, ValueError, "'ground_truth' is forced to 2. .*Valid: '0', '1'"),
        ({"ground_truth": [0, 1]}, ValueError, "forced to 2 values for 5 trials"),
        ({"ground_truth": [[0], [1]]}, ValueError, r"value of shape \(2, 1\)"),
        ({"strength": np.nan}, ValueError, "not finite"),
        ({"strengh": 1}, KeyError, "Unknown condition of <Toy> 'strengh'. Did you mean 'strength'"),
    ],
)
def test_conditions_that_cannot_be_are_refused(forced, error, message):
    with pytest.raises(error, match=message):
        Toy().sample_trials(5, seed=0, **forced)


@pytest.mark.parametrize(
    ("paint", "error", "message"),
    [
        (
            lambda t: t.add_ob(np.ones(3)),
            ValueError,
            r"shape \(3,\) cannot be painted on 4 trials and channels of shape \(3,\)",
        ),
        (
            lambda t: t.add_ob(np.ones((4, 3)), "stimulus", where="stimulus"),
            ValueError,
            r"\(4, 3\) cannot be painted .* \(2,\)",
        ),
        (lambda t: t.add_ob(np.ones((4, 2, 3)), "stimulus"), ValueError, "painted on 4 trials of 3 steps"),
        (lambda t: t.add_ob(1, "stimulos"), KeyError, "Unknown period 'stimulos'. Did you mean 'stimulus'"),
        (lambda t: t.add_ob(1, where="stim"), KeyError, "Unknown channel 'stim'. Did you mean 'stimulus'"),
        (lambda t: t.add_period("dely"), KeyError, "Unknown period 'dely'. Did you mean 'delay'"),
        (lambda t: t.add_period("delay", after="fixtion"), KeyError, "Unknown period 'fixtion'"),
        (lambda t: t.add_period("delay", 300, before="stimulus"), ValueError, "would begin 100 ms before the trial"),
        (lambda t: t.add_period(["delay", "decision"], [100]), ValueError, r"len\(duration\)=1 and len\(period\)=2"),
        (lambda t: t.add_period(["delay"], before="fixation"), ValueError, "goes with one period"),
        (lambda t: t.add_period("delay", -100), ValueError, "finite number of ms from 0, not -100"),
        (lambda t: t.add_period("delay", np.array([1, np.nan, 1, 1])), ValueError, "finite number of ms from 0, not .*nan"),
        (lambda t: t[4], IndexError, "Trial 4 of 4 trials"),
    ],
)
def test_wrong_painting_is_refused(paint, error, message):
    with pytest.raises(error, match=message):
        paint(shared())


def test_no_period_after_painting():
    for paint in (lambda t: t.add_ob(1), lambda t: t.set_groundtruth(1)):
        trials = shared()
        paint(trials)
        with pytest.raises(ngym.errors.InvalidOperationError, match="'delay' is added to a trial that is painted already"):
            trials.add_period("delay")


def test_a_trial_needs_a_step():
    with pytest.raises(ValueError, match="<Toy>: a trial needs a period"):
        ngym.Trials(Toy(), 2, ngym.Draws(0)).add_ob(1)
    task = Toy(timing={"fixation": 0, "stimulus": 0, "delay": 0, "decision": 0})
    with pytest.raises(ValueError, match="a trial has no step: its periods .* are shorter than dt=100 ms"):
        task.reset()


def test_a_lost_period_warns_by_name():
    with pytest.warns(UserWarning, match="<Toy>: the period 'stimulus' is shorter than the time step of 100 ms"):
        Toy(timing={"stimulus": 99}).reset()


def test_parts_are_joined_and_padded():
    task = Toy()
    parts = [task.sample_trials(n, seed=n) for n in (2, 1, 3)]
    joined = concatenate(parts)
    assert joined.n == 6
    for one, two in zip(joined, [t for p in parts for t in p], strict=True):
        assert np.array_equal(one.ob, two.ob)
        assert np.array_equal(one.gt, two.gt)
        assert one.conditions == two.conditions
        assert one.end == two.end


@given(
    dt=st.one_of(st.integers(1, 300), st.floats(0.5, 300)),
    durations=st.lists(st.one_of(st.integers(0, 2000), st.floats(0, 2000)), min_size=4, max_size=4),
)
@pytest.mark.filterwarnings("ignore:.*shorter than the time step")
def test_times_are_whole_steps_for_any_time_step(dt, durations):
    timing = dict(zip(("fixation", "stimulus", "delay", "decision"), durations, strict=True))
    steps = [int(d / dt + 1e-9) for d in durations]
    task = Toy(dt=dt, timing=timing)
    if sum(steps) == 0:
        with pytest.raises(ValueError, match="a trial has no step"):
            task.sample_trials(2, seed=0)
        return
    trials = task.sample_trials(2, seed=0)
    assert trials.lengths.tolist() == [sum(steps)] * 2
    assert [int(trials.end[p][0] - trials.start[p][0]) for p in timing] == steps
