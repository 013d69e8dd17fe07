"""Image stimuli against their rules, written out slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.stimuli import GREY, MovingDots, Screen, plaid


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


def test_moving_dots_follow_the_rule():
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


def test_moving_dots_fill_the_disc_and_move_coherently():
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


def test_screen_pixels_are_rows_and_columns_of_points():
    x, y = np.array([0, 0.5, -1, -1, 1, 0.019]), np.array([0, 0.5, -1, 1, 1, 0.021])
    rows, columns = Screen().pixels(x, y)
    assert rows.tolist() == [50, 25, 99, 0, 0, 48]
    assert columns.tolist() == [50, 75, 0, 0, 99, 50]
    assert Screen({"size": (30, 10)}).pixels(x, y)[1].tolist() == [15, 22, 0, 0, 29, 15]


def test_plaid_smaller_than_a_pixel_is_grey():
    frames = plaid(Screen({"size": (4, 4)}), np.zeros((1, 1, 2)), np.ones((1, 1)), np.array([0.1]), cycles=1)
    assert frames.shape == (1, 1, 4, 4, 3)
    assert (frames == GREY).all()
