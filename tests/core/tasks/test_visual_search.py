from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngym_core as ngym

from .images import SMALL, recorded


def test_visual_search_conditions_are_those_recorded():
    found, truth = recorded("VisualSearch", 3)
    angles = [
        [3.448296944257913, 3.448296944257913, 3.448296944257913, 4.076615474975872],
        [3.3231447888333756, 3.3231447888333756, 2.694826258115417, 3.9514633195513342],
        [2.899560348474227, 2.899560348474227, 2.899560348474227, 3.5278788791921856],
    ]
    centers = [
        [[0.5, 0.5], [-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5]],
        [[-0.5, 0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, -0.5]],
        [[0.5, -0.5], [-0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]],
    ]
    assert np.array([c["angles"] for c in found]) == pytest.approx(np.array(angles), abs=1e-14)
    assert [c["centers"] for c in found] == centers
    first = [0.7151893663724195, 0.6027633760716439, 0.5448831829968969]
    other = [0.6151893663724195, 0.8027633760716439, 0.4448831829968969]
    assert np.array(found[0]["colors"]) == pytest.approx(np.array([first, other, other, first]), abs=1e-14)
    for gt, where in zip(truth, centers, strict=True):
        assert gt.dtype == np.float32
        assert gt.tolist() == [[0, 0]] * 124 + [where[0]] * 31


def slow_bars(size, bars):
    """Bars one over the other, pixel after pixel, by the rule of the sheet."""
    width, height = size
    image = np.full((height, width, 3), 128.0)
    for (cx, cy), a, color in bars:
        ends = [(cx + s * 0.3 * math.cos(a), cy + s * 0.3 * math.sin(a)) for s in (-1, 1)]
        (x0, y0), (x1, y1) = [(width / 2 * (1 + x), height / 2 * (1 - y)) for x, y in ends]
        for row in range(height):
            for column in range(width):
                x, y = column + 0.5, row + 0.5
                t = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
                t = min(max(t, 0), 1)
                distance = math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
                cover = min(max(2 - distance, 0), 1)
                image[row, column] += cover * (255 * np.array(color) - image[row, column])
    return image


@pytest.mark.parametrize("size", [(40, 40), (50, 30)])
def test_visual_search_bars_follow_the_rule(size):
    trials = ngym.make("VisualSearch", win_kwargs={"size": size}).sample_trials(2, seed=4)
    for trial in trials:
        bars = list(zip(*(trial.conditions[name] for name in ("centers", "angles", "colors")), strict=True))
        wanted = {
            "fixation": np.full((*size[::-1], 3), 128.0),
            "sample": slow_bars(size, [((0, 0), *bars[0][1:])]),
            "delay": np.full((*size[::-1], 3), 128.0),
            "decision": slow_bars(size, bars),
        }
        for period, image in wanted.items():
            shown = trial.ob[trial.start[period] : trial.end[period]]
            assert (shown == shown[0]).all()
            assert np.abs(shown[0] - image).max() <= 0.501
        row, column = (int(v) for v in (size[1] / 2, size[0] / 2))
        assert trial.ob[40, row, column].tolist() == np.rint(255 * trial.conditions["colors"][0]).tolist()


def test_visual_search_other_bars_differ_in_angle_or_color():
    c = ngym.make("VisualSearch").sample_trials(2000, seed=0).conditions
    angle = (c["angles"][:, 1:] - c["angles"][:, :1] + np.pi) % (2 * np.pi) - np.pi
    turned = np.abs(angle) > 1e-9
    assert np.abs(angle[turned]) == pytest.approx(0.2 * np.pi)
    assert (angle[turned] > 0).mean() == pytest.approx(0.5, abs=0.03)
    assert turned.mean() == pytest.approx(0.5, abs=0.03)
    assert (np.any(c["colors"][:, 1:] != c["colors"][:, :1], axis=2) == ~turned).mean() > 0.99
    assert 0 <= c["colors"].min() <= c["colors"].max() <= 1
    assert np.array_equal(np.sort(c["centers"].sum(axis=2), axis=1), np.tile([-1.0, 0, 0, 1], (2000, 1)))
    same = ngym.make("VisualSearch", delta_angle=0, delta_color=np.zeros(3), **SMALL).sample_trials(5, seed=0).conditions
    assert (same["angles"] == same["angles"][:, :1]).all()
    assert (same["colors"] == same["colors"][:, :1]).all()
    alone = ngym.make("VisualSearch", target_centers=[(0.5, 0)], **SMALL).sample_trials(2, seed=0)
    assert alone.conditions["angles"].shape == (2, 1)


def test_visual_search_forced_centers_move_bars_and_ground_truth():
    centers = np.array([(-0.5, 0.25), (0.5, 0.5), (0.5, -0.5), (-0.5, -0.75)])
    env = ngym.make("VisualSearch")
    free, forced = env.sample_trials(3, seed=0), env.sample_trials(3, seed=0, centers=centers)
    assert (forced.gt[:, 124:] == centers[0]).all()
    assert np.array_equal(forced.conditions["colors"], free.conditions["colors"])
    for trial in forced:
        for center, color in zip(centers, trial.conditions["colors"], strict=True):
            row, column = int(50 - 50 * center[1]), int(50 + 50 * center[0])
            assert trial.ob[130, row, column].tolist() == np.rint(255 * color).tolist()


def test_visual_search_rewards_pointing_to_the_target():
    env = ngym.make("VisualSearch", **SMALL)
    assert env.action_space == ngym.spaces.Box(-1, 1, shape=(2,), dtype=np.float32)

    def after(*actions, delay=124):
        """Rewards of some actions, those after the first in the decision; performance of the trial if it ended."""
        env.reset(seed=0)
        target = env.gt[-1]
        back = [env.step(actions[0])]
        back += [env.step(np.zeros(2)) for _ in range(delay - 1)]
        back += [env.step(action(target)) for action in actions[1:]]
        return [b[1] for b in (back[0], *back[delay:])], back[-1][4]["performance"], back[-1][4]["new_trial"]

    center, away = np.zeros(2), np.array([0.11, 0])
    near = np.array([0.06, -0.06])
    assert after(center, lambda t: t) == ([0, 1], 1, True)
    assert after(away, lambda t: t + near) == ([-0.1, 1], 1, True)
    assert after(near, lambda t: near, lambda t: t + 2 * near) == ([0, 0, 0], 0, True)
    assert after(center, lambda t: -t) == ([0, 0], 0, True)
    assert after(center, *[lambda t: near] * 30) == ([0] * 31, 0, False)
    assert after(center, *[lambda t: near] * 31) == ([0] * 32, 0, True)


@given(data=st.data(), step=st.sampled_from([0, 30, 31, 123, 124, 154]))
def test_visual_search_rule_scores_one_and_many_points_alike(data, step):
    env = ngym.make("VisualSearch", **SMALL)
    trials = env.sample_trials(5, seed=0)
    number = st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.0, 0.1, 0.05, 0.4, 0.5, 0.6, -0.4, -0.5]))
    actions = np.array(data.draw(st.lists(st.tuples(number, number), min_size=5, max_size=5)), np.float32)
    many = SimpleNamespace(**ngym.rules.prepare_trials(env, trials))
    many.performance = many.performance.copy()
    many.step, many.gt = np.full(5, step), trials.gt[:, step]
    reward, ends = env.rule.step_many(env, many, actions)
    for i in range(5):
        one = SimpleNamespace(**{k: v[i] for k, v in ngym.rules.prepare_trials(env, trials).items()})
        one.step, one.gt = step, trials.gt[i, step]
        assert env.rule.step_one(env, one, actions[i]) == (reward[i], ends[i])
        assert one.performance == many.performance[i]
