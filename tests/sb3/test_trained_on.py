from __future__ import annotations

import warnings

import numpy as np
import pytest
import sb3_contrib
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import ngym_core as ngym
from ngym_sb3 import MlpRnnPolicy, RecurrentPPO, evaluate_policy, load_model, make_sb3_env, record_activity
from ngym_sb3.trained_on import record_of, warn_of_another_env

ID, OTHER = "PerceptualDecisionMaking-v0", "DelayMatchSample-v0"
TASK = "differs in the task: PerceptualDecisionMaking, now DelayMatchSample"
CARRY = "differs in carry, how long it keeps its state: trial, now episode"


def recurrent(env, learner=RecurrentPPO):
    return learner(MlpRnnPolicy, env, n_steps=8, batch_size=16, device="cpu", policy_kwargs={"lstm_hidden_size": 4})


def env_of(task=ID, carry="trial", trials=3, **kwargs):
    return make_sb3_env(task, 2, carry=carry, trials_per_episode=trials, **kwargs)


@pytest.mark.parametrize("evaluate", [evaluate_policy, record_activity])
def test_evaluation_in_another_env_is_said(evaluate, tmp_path):
    model = recurrent(env_of())
    model.save(tmp_path / "model.zip")
    for agent in (model, load_model(tmp_path / "model.zip")):
        evaluate(agent, ID, 2)  # one trial in an episode: the state is kept for a trial too
        evaluate(agent, env_of(episode_end="terminal"), 2)
        with pytest.warns(UserWarning, match=TASK):
            evaluate(agent, env_of(OTHER), 2)
        with pytest.warns(UserWarning, match=CARRY):
            evaluate(agent, env_of(carry="episode"), 2)
        with pytest.warns(UserWarning, match="differs in the observations: as they are, now scaled by VecNormalize"):
            evaluate(agent, VecNormalize(env_of(), training=False), 2)


def test_evaluation_of_other_agents_in_another_env_is_said(tmp_path):
    model = PPO("MlpPolicy", env_of(), device="cpu")
    evaluate_policy(model, env_of(carry="episode"), 2)  # it keeps no state
    with pytest.warns(UserWarning, match=TASK):
        evaluate_policy(model, OTHER, 2)
    model.save(tmp_path / "model.zip")  # of a file only the names of channels and actions are known
    loaded = PPO.load(tmp_path / "model.zip", device="cpu")
    evaluate_policy(loaded, ID, 2)
    with pytest.warns(UserWarning, match=r"the actions: {'fixation': \[0\], 'choice': \[1, 2\]}, now .*'match': \[1\]"):
        evaluate_policy(loaded, OTHER, 2)


def test_a_task_of_a_mixture_is_no_other_one():
    mixture = ngym.mix([ID, OTHER])
    model = recurrent(make_sb3_env(mixture, 2))
    assert record_of(model.get_env())["tasks"] == ["DelayMatchSample", "PerceptualDecisionMaking"]
    warn_of_another_env(model, make_sb3_env(ID, 2))
    with pytest.warns(UserWarning, match="differs in the task: DelayMatchSample, PerceptualDecisionMaking, now GoNogo"):
        warn_of_another_env(model, make_sb3_env("GoNogo-v0", 2))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"task": OTHER}, TASK),
        ({"carry": "episode"}, CARRY),
        ({"episode_end": "terminal"}, "differs in episode_end: truncated, now terminal"),
    ],
)
def test_training_that_goes_on_in_another_env_is_said(other, message, tmp_path):
    model = recurrent(env_of()).learn(16)
    model.save(tmp_path / "model.zip")
    RecurrentPPO.load(tmp_path / "model.zip", env=env_of(), device="cpu")
    with pytest.warns(UserWarning, match=message):
        loaded = RecurrentPPO.load(tmp_path / "model.zip", env=env_of(**other), device="cpu")
    with pytest.warns(UserWarning, match=message):
        load_model(tmp_path / "model.zip", env=env_of(**other))
    loaded.set_env(env_of(**other))
    with pytest.warns(UserWarning, match=message):
        model.set_env(env_of(**other))
    assert model.trained_on == loaded.trained_on == record_of(env_of(**other))


def test_files_of_sb3_contrib_are_loaded_and_read_without_a_record(tmp_path):
    recurrent(env_of(), sb3_contrib.RecurrentPPO).save(tmp_path / "parents.zip")
    loaded = RecurrentPPO.load(tmp_path / "parents.zip", device="cpu")
    assert loaded.trained_on is None
    evaluate_policy(loaded, env_of(carry="episode"), 2)
    assert RecurrentPPO.load(tmp_path / "parents.zip", env=env_of(), device="cpu").trained_on == record_of(env_of())
    recurrent(env_of()).save(tmp_path / "ours.zip")
    theirs = sb3_contrib.RecurrentPPO.load(tmp_path / "ours.zip", env=env_of(carry="episode"), device="cpu")
    assert theirs.learn(16).num_timesteps == 16


def test_agents_without_a_record_are_evaluated_without_a_word():
    class Still:
        def predict(self, ob, state=None, episode_start=None, deterministic=True):
            return np.zeros(len(ob), int), state

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate_policy(Still(), ID, 2)
        warn_of_another_env(Still(), None)
