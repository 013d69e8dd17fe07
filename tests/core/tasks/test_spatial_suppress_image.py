from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.stimuli import GREY
from ngym_core.tasks import spatial_suppress_motion as curves
from ngym_core.tasks.spatial_suppress_image import ENVELOPE

from .images import SMALL, recorded


def test_spatial_suppress_image_conditions_are_those_recorded():
    found, truth = recorded("SpatialSuppressMotionImage", 8)
    wanted = [(1, 0.99), (2, 0.05), (4, 0.99), (4, 0.99), (2, 0.99), (2, 0.05), (1, 0.99), (3, 0.05)]
    assert [(c["direction"], c["contrast"]) for c in found] == wanted
    reference = [reported(*pair) for pair in wanted[:4]]
    digest = hashlib.sha256(b"".join(gt.astype(np.float32).tobytes() for gt in reference)).hexdigest()
    assert digest.startswith("0daea14708e17899")
    assert min(gt.min() for gt in reference) < -0.01  # the defect that ours has not
    for gt, theirs in zip(truth, reference, strict=False):
        mended = np.maximum(theirs, 0)
        assert gt == pytest.approx(mended / mended.sum(axis=1, keepdims=True), abs=1e-6)
    assert min(gt.min() for gt in truth) >= 0


def reported(direction, contrast):
    """Ground truth of the reference, (36, 4)."""
    high = contrast == 0.99
    seen, opposite = (
        np.interp(np.arange(36), curves.STEPS, y)
        for y in ((curves.HIGH_DIRECTION, curves.HIGH_OPPOSITE) if high else (curves.LOW_DIRECTION, curves.LOW_OPPOSITE))
    )
    gt = np.repeat(((1 - seen - opposite) / 2)[:, None], 4, axis=1)
    gt[:, direction - 1], gt[:, [1, 0, 3, 2][direction - 1]] = seen, opposite
    return gt


def test_spatial_suppress_image_has_the_trials_of_the_task_without_images():
    native, image = (ngym.make(f"SpatialSuppressMotion{kind}").sample_trials(30, seed=5) for kind in ("", "Image"))
    assert np.array_equal(native.gt, image.gt)
    for name in ("direction", "contrast"):
        assert np.array_equal(native.conditions[name], image.conditions[name])
    assert type(native._task.rule) is type(image._task.rule)


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
def test_spatial_suppress_image_plaids_follow_the_rule(contrast, diameter):
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


def test_spatial_suppress_image_envelope_is_the_specified_one():
    edge = [0.8204562529275833, 0.45312885319614127, 0.1684608017090699, 0.04215866673354177, 0.007102082796917947]
    assert pytest.approx([*edge[::-1], *[1] * 27, *edge], abs=1e-15) == ENVELOPE.tolist()


def test_spatial_suppress_image_plaids_move_in_their_direction():
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


def test_spatial_suppress_image_duration_does_not_depend_on_contrast():
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
