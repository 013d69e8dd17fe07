from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import Dataset, TrialDataset

ID = "DelayComparison-v0"


def test_trial_source_takes_a_gymnasium_env_around_a_task():
    env = gym.make("ngym_core:PerceptualDecisionMaking-v0")
    assert Dataset(env, batch_size=2, seq_len=30, seed=0)()[0].shape == (30, 2, 3)


def test_trial_source_later_periods_cover_earlier_ones():
    class Overlap(type(ngym.make("Null-v0"))):
        default_timing = {"long": 500, "inner": 200}

        def _new_trials(self, trials):
            trials.add_period("long")
            trials.add_period("inner", after=100)
            trials.add_period("last", 100, after=600)

    dataset = TrialDataset(Overlap(), trials=1)
    assert dataset.periods == ("long", "inner", "last")
    assert dataset[0][2]["period"].tolist() == [0, 1, 1, 0, 0, -1, 2]


class Negative(gym.ObservationWrapper):
    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)

    def observation(self, observation):
        return np.append(observation, np.float32(0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: Dataset("ReadySetGo", 512),
            TypeError,
            "env_kwargs=512 must be a dictionary of arguments",
        ),
        (lambda: Dataset(ngym.make("ReadySetGo"), {"dt": 20}), TypeError, r"env_kwargs=\{'dt': 20\} goes with an id"),
        (lambda: Dataset([1]), TypeError, r"type\(env\)=<class 'list'> must be `gym.Env`"),
        (lambda: Dataset(gym.make("CartPole-v1")), TypeError, "must be `gym.Env`"),
        (lambda: Dataset(Negative(ngym.make("ReadySetGo"))), TypeError, r"shape \(4,\), but its trials have shape \(3,\)"),
        (lambda: TrialDataset(ID, loss_weights={"decison": 1}), KeyError, "Unknown period of <.*> 'decison'. Did you mean"),
        (
            lambda: TrialDataset(ID, loss_weights={"decision": -1}),
            ValueError,
            r"loss_weights\['decision'\]=-1 must be a finite number from 0",
        ),
        (lambda: TrialDataset([1]), TypeError, "must be `gym.Env`"),
    ],
)
def test_trial_source_rejects_invalid_envs_and_weights(call, error, message):
    with pytest.raises(error, match=message):
        call()
