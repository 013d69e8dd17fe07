from __future__ import annotations

import numpy as np

import ngym_core as ngym
from ngym_core.stimuli import GREY, WHITE
from ngym_core.trials import set_period

from .images import SMALL, recorded


def test_random_dot_motion_conditions_are_those_recorded():
    found, truth = recorded("RandomDotMotion", 8)
    wanted = [(0, 0.0), (1, 25.6), (1, 6.4), (1, 12.8), (0, 0.0), (0, 51.2), (0, 6.4), (0, 0.0)]
    assert [(c["ground_truth"], c["coh"]) for c in found] == wanted
    for (side, _), gt in zip(wanted, truth, strict=True):
        assert gt.tolist() == [0] * 131 + [side + 1] * 6


def test_random_dot_motion_dots_move_in_the_direction():
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


def test_random_dot_motion_film_has_the_periods_of_its_drawing():
    plain = ngym.make("RandomDotMotion", **SMALL).sample_trials(4, seed=1)
    quick = ngym.make("RandomDotMotion", wrappers=["ReactionTime"], **SMALL).sample_trials(4, seed=1)
    assert quick.end["decision"].tolist() == [131] * 4
    assert np.array_equal(quick.ob, plain.ob[:, :131])
    changed = ngym.make("RandomDotMotion", **SMALL).sample_trials(4, seed=1)
    set_period(changed, "stimulus", (0, 3))
    assert np.array_equal(changed.ob, plain.ob)
    assert changed.span("stimulus") == (0, 3)
