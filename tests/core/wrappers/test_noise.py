from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.stimuli import GREY

from ..tasks.images import SMALL
from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_noise_has_its_standard_deviation_and_keeps_the_trials():
    noisy, plain = make(("Noise", {"std_noise": 0.3}), sigma=0), make(sigma=0)
    obs, differences = [], []
    for env, into in ((noisy, obs), (plain, differences)):
        into.append(env.reset(seed=3)[0])
        into += [env.step(0)[0] for _ in range(3000)]
    noise = np.array(obs) - np.array(differences)
    assert noise.std() == pytest.approx(0.3, abs=0.012)
    assert abs(noise.mean()) < 0.016
    assert np.array_equal(noisy.unwrapped.ob, plain.unwrapped.ob)


def test_noise_rises_and_falls_with_performance():
    env = make(("Noise", {"std_noise": 0.0, "perf_th": 0.7, "w": 10, "step_noise": 0.01}))
    env.reset(seed=0)
    strengths = []
    for k in range(4000):
        action = env.unwrapped.gt_now
        info = env.step(action if k < 2000 else 0)[4]
        strengths.append(info["std_noise"])
    assert strengths[1999] > 0.5  # the oracle is above the threshold in each of about 90 trials
    assert strengths[-1] < strengths[1999]
    assert min(strengths) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"std_noise": -1}, r"std_noise=-1 must be a finite number from 0\."),
        ({"std_noise": np.inf}, r"std_noise=inf must be a finite number from 0\."),
        ({"perf_th": 1.5}, r"perf_th=1\.5 must be a probability from 0 to 1, or None\."),
        ({"w": 0}, r"w=0 must be an integer from 1\."),
    ],
)
def test_noise_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(("Noise", arguments))


def test_noise_rejects_an_observation_space_that_is_not_a_box():
    env = Toy()
    env.observation_space = gym.spaces.Discrete(3)
    with pytest.raises(ValueError, match=r"Noise can be added to a Box of observations, not to Discrete\(3\)"):
        ngym.plugins.registry.wrapper_spec("Noise").load()(env)


def test_noise_keeps_to_the_levels_of_images():
    env = ngym.make("RandomDotMotion", wrappers=[("Noise", {"std_noise": 10})], **SMALL)
    plain = ngym.make("RandomDotMotion", **SMALL)
    one, two = ([e.reset(seed=0)[0], *(e.step(0)[0] for _ in range(100))] for e in (env, plain))
    difference = np.array(one, float) - two
    grey = np.array(two) == GREY
    assert abs(difference[grey].mean()) < 0.1
    assert difference[grey].std() == pytest.approx(10, abs=0.1)
    assert -60 < difference[~grey].min() < difference[~grey].max() == 0  # a level beyond white is white
    trials = env.on_data(env.sample_trials(2, seed=0), ngym.Draws(0))
    assert trials.ob.dtype == np.uint8
    assert (trials.ob.astype(float) - GREY)[:, :6].std() == pytest.approx(10, abs=0.2)
