"""What image tasks draw: dots, bars and plaids, pixel by pixel, against the rules written out slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.stimuli import GREY, WHITE, MovingDots, Screen, plaid
from ngym_core.tasks.spatial_suppress_image import ENVELOPE

SMALL = {"win_kwargs": {"size": (24, 16)}}


# ---- dots --------------------------------------------------------------------------------------------


def slow_film(direction, coherence, begin, again):
    """The dots of one trial by the rule of the sheet, dot after dot: (frames, dots, 2)."""
    film = np.empty((len(again) - 1, len(begin), 2))
    for i, (r, a, life, own) in enumerate(begin.astype(float)):
        x, y = 0.5 * math.sqrt(r) * math.cos(2 * math.pi * a), 0.5 * math.sqrt(r) * math.sin(2 * math.pi * a)
        angle, left = direction if i < round(len(begin) * coherence) else 2 * math.pi * own, 10 * life
        for k, places in enumerate(again.astype(float)):
            left -= 1
            x, y = x + 0.05 * math.cos(angle), y + 0.05 * math.sin(angle)
            if left <= 0 or math.hypot(x, y) > 0.5:
                left = 10 if left <= 0 else left
                r, a = places[i]
                x, y = 0.5 * math.sqrt(r) * math.cos(2 * math.pi * a), 0.5 * math.sqrt(r) * math.sin(2 * math.pi * a)
            if k:
                film[k - 1, i] = x, y
    return film


def test_dots_move_by_the_rule():
    dots = MovingDots()
    begin, again = dots.draw(ngym.Draws(0), 40, 6)
    coherence = np.array([0, 6.4, 12.8, 25.6, 51.2, 100]) / 100
    direction = np.arange(6) * np.pi / 3
    x, y = dots.film(direction, coherence, begin, again)
    assert x.shape == (6, 40, 30)
    for i in range(6):
        slow = slow_film(direction[i], coherence[i], begin[i], again[i])
        assert x[i] == pytest.approx(slow[..., 0], abs=1e-5)
        assert y[i] == pytest.approx(slow[..., 1], abs=1e-5)


def test_dots_are_everywhere_in_the_disc_and_some_move_together():
    draw = MovingDots().draw(ngym.Draws(1), 60, 200)
    way, together = np.full(200, np.pi), np.full(200, 0.512)
    x, y = MovingDots(speed=0).film(way, together, *draw)
    assert (np.hypot(x, y) < 0.5 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.01)  # as many in half of the area
    assert (np.arctan2(y, x) > 0.5 * np.pi).mean() == pytest.approx(0.25, abs=0.01)
    assert (np.diff(x, axis=1) != 0).mean() == pytest.approx(0.1, abs=0.005)  # a life of 10 frames
    x, y = MovingDots().film(way, together, *draw)
    assert np.hypot(x, y).max() <= 0.5 + 1e-6
    moved = np.diff(x, axis=1)[..., :15]
    assert np.median(moved) == pytest.approx(-0.05, abs=1e-6)
    assert (np.abs(moved + 0.05) < 1e-6).mean() == pytest.approx(0.82, abs=0.03)  # the others went on somewhere else
    assert np.median(np.diff(x, axis=1)[..., 15:]) == pytest.approx(0, abs=2e-3)


def test_points_are_where_the_screen_has_them():
    x, y = np.array([0, 0.5, -1, -1, 1, 0.019]), np.array([0, 0.5, -1, 1, 1, 0.021])
    rows, columns = Screen().pixels(x, y)
    assert rows.tolist() == [50, 25, 99, 0, 0, 48]
    assert columns.tolist() == [50, 75, 0, 0, 99, 50]
    assert Screen({"size": (30, 10)}).pixels(x, y)[1].tolist() == [15, 22, 0, 0, 29, 15]


def test_films_of_random_dot_motion():
    trials = ngym.make("RandomDotMotion").sample_trials(4, seed=2, coh=100, ground_truth=[0, 1, 0, 1])
    assert (trials.ob[:, :6] == GREY).all()
    assert (trials.ob[:, 131:] == GREY).all()
    film = trials.ob[:, 6:131]
    assert set(np.unique(film)) == {GREY, WHITE}
    lit = film[..., 0] == WHITE
    assert (film == film[..., :1]).all()
    assert 25 < lit.sum(axis=(2, 3)).mean() < lit.sum(axis=(2, 3)).max() <= 30
    rows, columns = np.nonzero(lit.any(axis=(0, 1)))
    assert np.hypot(rows + 0.5 - 50, columns + 0.5 - 50).max() < 26
    assert (rows.min(), columns.max()) == (25, 74)
    follow = [
        [(lit[i, :-2] & np.roll(lit[i, 2:], -way, axis=2)).sum() for way in (5, -5)] for i in range(4)
    ]  # 5 pixels in 2 frames
    assert [int(np.argmax(pair)) for pair in follow] == [0, 1, 0, 1]
    assert min(max(pair) / min(pair) for pair in follow) > 4


# ---- bars --------------------------------------------------------------------------------------------


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
def test_bars_are_drawn_by_the_rule(size):
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


def test_other_bars_differ_in_angle_or_color():
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


def test_forced_centers_move_bars_and_ground_truth():
    centers = np.array([(-0.5, 0.25), (0.5, 0.5), (0.5, -0.5), (-0.5, -0.75)])
    env = ngym.make("VisualSearch")
    free, forced = env.sample_trials(3, seed=0), env.sample_trials(3, seed=0, centers=centers)
    assert (forced.gt[:, 124:] == centers[0]).all()
    assert np.array_equal(forced.conditions["colors"], free.conditions["colors"])
    for trial in forced:
        for center, color in zip(centers, trial.conditions["colors"], strict=True):
            row, column = int(50 - 50 * center[1]), int(50 + 50 * center[0])
            assert trial.ob[130, row, column].tolist() == np.rint(255 * color).tolist()


# ---- plaids ------------------------------------------------------------------------------------------


def slow_plaid(frame, direction, contrast, diameter, *, dt=8.3, side=100):
    """One frame by the rule of the sheet, (side, side) levels before they are rounded."""
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    x, y = (column + 0.5 - side / 2) / (side / 2), (side / 2 - row - 0.5) / (side / 2)
    r = np.hypot(x, y) / (diameter / 2)
    m = np.select([r < 0.8, r <= 1], [1, 0.5 * (1 + np.cos(np.pi * (r - 0.8) / 0.2))], 0)
    c = contrast * ENVELOPE[frame]
    waves = []
    for orientation, sign in zip((45, 135), {1: (-1, 1), 2: (1, -1), 3: (-1, -1), 4: (1, 1)}[direction], strict=True):
        o = math.radians(orientation)
        u = (x * math.cos(o) - y * math.sin(o)) / diameter
        waves.append(np.cos(2 * np.pi * (12.8 * u - sign * 3.2 * frame * dt / 1000)))
    first = (1 - m) * 0.5 + m * (1 + c * waves[0]) / 2
    return 255 * ((1 - 0.5 * m) * first + 0.5 * m * (1 + c * waves[1]) / 2)


@pytest.mark.parametrize(("contrast", "diameter"), [(0.99, 1.0), (0.05, 1.0), (0.5, 1.6), (0.8, 3.0)])
def test_plaids_are_drawn_by_the_rule(contrast, diameter):
    env = ngym.make("SpatialSuppressMotionImage")
    trials = env.sample_trials(4, seed=0, direction=[1, 2, 3, 4], contrast=contrast, diameter=diameter)
    assert trials.ob.shape == (4, 36, 100, 100, 3)
    assert (trials.ob == trials.ob[..., :1]).all()
    for i in range(4):
        for frame in (0, 2, 5, 18, 31, 35):
            wanted = slow_plaid(frame, i + 1, contrast, diameter)
            assert np.abs(trials.ob[i, frame, ..., 0] - wanted).max() <= 0.501
    outside = slow_plaid(18, 1, contrast, diameter) == 127.5
    assert (trials.ob[:, 18][:, outside & (np.arange(100) < 20)] == GREY).all()


def test_the_envelope_is_the_one_of_the_sheet():
    edge = [0.8204562529275833, 0.45312885319614127, 0.1684608017090699, 0.04215866673354177, 0.007102082796917947]
    assert pytest.approx([*edge[::-1], *[1] * 27, *edge], abs=1e-15) == ENVELOPE.tolist()


def test_plaids_move_where_their_direction_says():
    trials = ngym.make("SpatialSuppressMotionImage").sample_trials(4, seed=0, direction=[1, 2, 3, 4], contrast=0.99)
    shown = trials.ob[..., 0].astype(float) - GREY
    ways = {(0, -2): 1, (0, 2): 2, (-2, 0): 3, (2, 0): 4}  # (rows down, columns right) in 12 frames, 1.8 pixels
    for i in range(4):
        before, after = shown[i, 8], shown[i, 20]
        center = slice(35, 65)
        fit = {
            way: (np.roll(before, shift, axis=(0, 1))[center, center] * after[center, center]).sum()
            for shift, way in ways.items()
        }
        assert max(fit, key=fit.get) == i + 1


def test_a_plaid_of_every_contrast_lasts_as_many_steps_as_it_should():
    env = ngym.make("SpatialSuppressMotionImage", timing={"stimulus": 400})
    trials = env.sample_trials(3, seed=0, contrast=[0, 0.3, 0.7])
    assert trials.lengths.tolist() == [48] * 3
    assert (trials.ob[0] == GREY).all()
    assert trials.ob[2, 20].std() > 1.5 * trials.ob[1, 20].std() > 5
    assert (trials.ob[:, 37:] == GREY).all()
    env = ngym.make("SpatialSuppressMotionImage", **SMALL)
    env.reset(seed=0)
    ends = [env.step(env.gt_now)[4]["new_trial"] for _ in range(72)]
    assert np.nonzero(ends)[0].tolist() == [35, 71]


def test_a_patch_smaller_than_a_pixel_shows_nothing():
    frames = plaid(Screen({"size": (4, 4)}), np.zeros((1, 1, 2)), np.ones((1, 1)), np.array([0.1]), cycles=1)
    assert frames.shape == (1, 1, 4, 4, 3)
    assert (frames == GREY).all()
