from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.sampling import silent_copy

from .neurogym_style import Dots
from .toy import Toy


def test_sample_trials_leaves_the_trial_being_played_alone():
    env = Toy()
    env.reset(seed=0)
    for _ in range(2):
        env.step(0)
    before = (env.ob.copy(), env.t_ind, env.num_tr, dict(env.trial))
    env.sample_trials(5)
    env.sample_trials(5, seed=3)
    assert np.array_equal(env.ob, before[0])
    assert (env.t_ind, env.num_tr, env.trial) == before[1:]


def test_sample_trials_without_a_seed_draws_from_the_stream_of_the_env():
    env, other = Toy(), Toy()
    env.reset(seed=0)
    other.reset(seed=0)
    sampled = env.sample_trials(3)
    for trial in sampled:
        other.new_trial()
        assert np.array_equal(trial.ob, other.ob)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3"])
def test_sample_trials_rejects_numbers_below_one_and_of_other_types(n):
    with pytest.raises((ValueError, TypeError), match="must be an integer from 1"):
        Toy().sample_trials(n)


def test_sample_trials_of_a_task_in_neurogyms_style_leaves_its_attributes_alone():
    env = Dots()
    env.reset(seed=3)
    played = [env.ob.copy()]
    for _ in range(5):
        env.new_trial()
        played.append(env.ob.copy())
    other = Dots()
    other.reset(seed=99)
    before = other.ob.copy()
    sampled = other.sample_trials(6, seed=3)
    assert all(np.array_equal(t.ob, p) for t, p in zip(sampled, played, strict=True))
    assert np.array_equal(other.ob, before)
    draws = ngym.Draws(3)
    parts = [t for n in (1, 3, 2) for t in other.sample_trials(n, draws=draws)]
    assert all(np.array_equal(t.ob, p) for t, p in zip(parts, played, strict=True))


@pytest.mark.parametrize("env", [5, None, []])
def test_what_is_no_env_has_no_layers_and_no_trials(env):
    with pytest.raises(TypeError, match="^env=.* must be an env.$"):
        ngym.sampling.layers(env)
    with pytest.raises(TypeError, match="^env=.* must be an env.$"):
        ngym.sampling.sample_as_data(env, 3, ngym.Draws(0), {})


def play(env, trials):
    env.reset(seed=0)
    while trials:
        trials -= env.step(0)[4]["new_trial"]


@pytest.mark.parametrize("again", [lambda env: env, copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env)), silent_copy])
def test_silent_copies_and_their_copies_record_nothing(tmp_path, again):
    settings = {"save_dir": tmp_path / "run", "interval": 2, "verbose": False}
    env = ngym.make("GoNogo-v0", wrappers=[("Monitor", settings), "PassReward"])
    for made_by_hand in (env, env.env):  # outermost or within
        copied = again(silent_copy(made_by_hand))
        play(copied, 6)
        copied.close()
        assert not list(tmp_path.iterdir())
    play(env, 3)
    env.close()
    assert [folder.name for folder in tmp_path.iterdir()] == ["run"]
    assert ngym.load_trial_table(tmp_path / "run")["trial"].tolist() == [0, 1, 2]
    play(copied, 3)
    copied.close()
    assert [folder.name for folder in tmp_path.iterdir()] == ["run"]


def test_silent_copies_share_arrays_and_play_on():
    env = ngym.make("PerceptualDecisionMaking-v0")
    env.reset(seed=0)
    env.step(0)
    copied = silent_copy(env)
    assert copied.unwrapped.theta is env.unwrapped.theta
    assert np.array_equal(copied.step(0)[0], env.step(0)[0])


def test_sample_trials_refuses_two_sources_of_randomness():
    with pytest.raises(TypeError, match="^seed=0 and draws=.* are two sources of randomness: give one of them"):
        ngym.make("GoNogo-v0").sample_trials(4, seed=0, draws=ngym.Draws(1))


@pytest.mark.parametrize("forced", [{}, {"coh": 6.4}])
def test_conditions_can_be_changed_by_the_task_whatever_is_forced(forced):
    class Changes(type(ngym.make("PerceptualDecisionMaking-v0").unwrapped)):
        def _new_trials(self, trials):
            strength = trials.choice("coh", [0, 6.4, 12.8])
            strength *= 2
            super()._new_trials(trials)

    assert Changes().sample_trials(3, seed=0, **forced).n == 3
