from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


@pytest.mark.parametrize("dt", [20, 50, 100])
@pytest.mark.parametrize(("direction", "sign"), [("right", 1), ("left", -1)])
@pytest.mark.parametrize("id_", ["yang19.go-v0", "yang19.dlygo-v0", "yang19.dm2-v0", "yang19.dms-v0", "AntiReach-v0"])
def test_interval_turns_the_answer_by_the_delay(id_, direction, sign, dt):
    plain = ngym.make(id_, dt=dt).sample_trials(60, seed=0)
    trials = ngym.make(f"{id_}+interval={direction}", dt=dt).sample_trials(60, seed=0)
    k = int(plain.gt.max())
    k = 32 if id_ == "AntiReach-v0" else 16
    delay = trials.conditions["delay"]
    assert set(delay) <= set(range(0, 1200, 100))
    assert len(set(delay)) > 8
    np.testing.assert_array_equal((trials.end["delay"] - trials.start["delay"]) * dt, delay)
    before = plain.gt[np.arange(60), plain.start["decision"]]
    after = trials.gt[np.arange(60), trials.start["decision"]]
    np.testing.assert_array_equal(after, np.where(before > 0, (before - 1 + sign * delay // 100) % k + 1, 0))
    assert not trials.gt[np.arange(trials.gt.shape[1]) < trials.start["decision"][:, None]].any()


@pytest.mark.parametrize(("ms", "places"), [(240, 2), (250, 3), (260, 3), (350, 4), (450, 5), (950, 10)])
def test_interval_takes_any_delay_and_the_nearest_place(ms, places):
    env = ngym.make("yang19.go-v0", wrappers=[("Interval", {"ms": ms})], dt=10)
    plain = ngym.make("yang19.go-v0", dt=10).sample_trials(9, seed=0).conditions["ground_truth"]
    np.testing.assert_array_equal(env.sample_trials(9, seed=0).conditions["ground_truth"], (plain + places) % 16)


def test_intervals_stack():
    env = ngym.make("yang19.go-v0+interval=right+interval=left")
    plain, trials = ngym.make("yang19.go-v0").sample_trials(30, seed=0), env.sample_trials(30, seed=0)
    turned = (trials.conditions["delay"] - trials.conditions["Interval_delay"]) // 100
    np.testing.assert_array_equal(trials.conditions["ground_truth"], (plain.conditions["ground_truth"] + turned) % 16)


def test_interval_refuses_tasks_without_a_ring_or_a_delay():
    with pytest.raises(ValueError, match="Interval needs choices on a ring"):
        ngym.make("GoNogo-v0+interval")
    with pytest.raises(ValueError, match="Interval needs something to remember"):
        ngym.make("yang19.rtgo-v0+interval")
