from __future__ import annotations

import csv
from contextlib import closing

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecMonitor, VecNormalize

import ngym_core as ngym
from ngym_sb3 import EvaluationCallback, NgymVecEnv, TrialCallback, evaluate_policy, make_sb3_env
from ngym_sb3.callbacks import _numbers

ID = "PerceptualDecisionMaking-v0"
TASK = {"abort": True, "timing": {"fixation": 200, "stimulus": 200, "decision": 300}}


class LoggedVecEnv(NgymVecEnv):
    """Keeps actions, rewards and infos of all steps."""

    def reset(self):
        self.log = []
        return super().reset()

    def step_wait(self):
        ob, reward, done, infos = super().step_wait()
        self.log.append((self._actions.copy(), reward.copy(), infos))
        return ob, reward, done, infos


def logged_env(n=4, **kwargs):
    return LoggedVecEnv(ngym.make_vec(ID, n, autoreset_mode="SameStep", **{**TASK, **kwargs}))


def learn_with_csv_log(model, folder, *args, **kwargs):
    """Train a model and return the lines of its CSV log."""
    model.set_logger(configure(str(folder), ["csv"]))
    with closing(model.logger):
        model.learn(*args, **kwargs)
    with (folder / "progress.csv").open() as file:
        return list(csv.DictReader(file))


def means_of_trials(log):
    """Return the means over the trials of some steps, counted lane by lane."""
    rows = []
    for lane in range(len(log[0][0])):
        total, steps, broke, due = 0.0, 0, False, None
        for actions, reward, infos in log:
            info, action = infos[lane], actions[lane]
            due = steps if due is None and info["gt"] != 0 else due
            total, steps = total + reward[lane], steps + 1
            broke |= np.isclose(reward[lane], -0.1)  # no other reward of this task is -0.1
            if info["new_trial"]:
                reaction = (steps - 1 - due) * 100.0 if action != 0 and due is not None else np.nan
                rows.append((info["performance"], total, steps, reaction, broke))
            if info["new_trial"] or "episode" in info:
                total, steps, broke, due = 0.0, 0, False, None
    names = ("performance", "reward", "steps", "reaction_time", "abort_rate")
    return {**dict(zip(names, np.nanmean(np.array(rows, float), axis=0), strict=True)), "trials": len(rows)}


def test_trial_callback_logs_means_of_the_trials_since_the_line_before(tmp_path):
    env = logged_env()
    model = PPO("MlpPolicy", env, n_steps=50, batch_size=100, n_epochs=1, device="cpu", seed=0)
    rows = learn_with_csv_log(model, tmp_path, 1000, callback=TrialCallback())
    assert len(rows) == 5
    first = means_of_trials(env.log[:50])
    assert 0 < first["abort_rate"] < 1
    assert 0 < first["performance"] < 1
    for name, value in first.items():
        assert float(rows[0][f"trial/{name}"]) == pytest.approx(value, rel=1e-5), name
    assert float(rows[4]["trial/trials"]) == means_of_trials(env.log)["trials"]
    assert float(rows[4]["trial/reward"]) != pytest.approx(first["reward"], rel=1e-5)


def test_trial_callback_leaves_out_trials_that_the_end_of_an_episode_abandons(tmp_path):
    task = TimeLimit(ngym.make(ID, timing=TASK["timing"]), 10)  # a trial has 7 steps at most, and goes on after an abort
    env = LoggedVecEnv(ngym.TrialVectorEnv(task, 4, autoreset_mode="SameStep"), trials_per_episode=5)
    model = PPO("MlpPolicy", env, n_steps=100, batch_size=100, n_epochs=1, device="cpu", seed=0)
    rows = learn_with_csv_log(model, tmp_path, 400, callback=TrialCallback())
    for name, value in means_of_trials(env.log).items():
        assert float(rows[0][f"trial/{name}"]) == pytest.approx(value, rel=1e-5), name
    assert 0 < float(rows[0]["trial/abort_rate"]) < 1


@pytest.mark.parametrize("algorithm", [A2C, DQN])
def test_trial_callback_logs_for_other_algorithms(algorithm, tmp_path):
    model = algorithm("MlpPolicy", logged_env(), device="cpu", seed=0)
    rows = learn_with_csv_log(model, tmp_path, 600, callback=TrialCallback(), log_interval=5)
    assert all(0 <= float(row["trial/abort_rate"]) <= 1 for row in rows if row["trial/trials"])
    assert float(rows[-1]["trial/trials"]) > 20


def test_trial_callback_logs_single_envs_and_continuous_actions():
    model = PPO("MlpPolicy", ngym.make(ID, **TASK), n_steps=64, device="cpu", seed=0)
    logged = LoggedKeys()
    model.learn(64, callback=[TrialCallback(), logged])
    assert {"trial/performance", "trial/abort_rate"} <= logged.keys
    model = PPO("MlpPolicy", make_sb3_env("SpatialSuppressMotion-v0", 4), n_steps=64, batch_size=64, device="cpu", seed=0)
    model.learn(64, callback=[TrialCallback(), logged])
    assert "trial/performance" in logged.keys
    assert "trial/abort_rate" not in logged.keys


class LoggedKeys(BaseCallback):
    """Keeps the keys of the logger's next line."""

    def _on_training_start(self):
        self.keys = set()

    def _on_step(self):
        return True

    def _on_rollout_end(self):
        self.keys = set(self.logger.name_to_value)


@pytest.mark.parametrize(
    "make", [lambda: make_sb3_env(ID, 4, seed=0, **TASK), lambda: DummyVecEnv([lambda: ngym.make(ID, **TASK)])]
)
def test_trial_callback_logs_rewards_of_the_task_where_those_of_training_are_scaled(make):
    logged = []
    for scales in (False, True):
        env = make()
        env.seed(0)
        env = VecNormalize(env, norm_obs=False) if scales else env
        # With a learning rate of 0 both agents act alike.
        model = PPO("MlpPolicy", env, n_steps=256, batch_size=256, n_epochs=1, learning_rate=0.0, device="cpu", seed=0)
        model.learn(256, callback=TrialCallback(), log_interval=None)
        logged.append({name: value for name, value in model.logger.name_to_value.items() if name.startswith("trial/")})
    assert logged[0] == pytest.approx(logged[1], rel=1e-5)
    assert logged[1]["trial/abort_rate"] > 0


def test_trial_callback_rejects_envs_that_are_not_tasks_of_ngym():
    model = PPO("MlpPolicy", gymnasium.make("CartPole-v1"), n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(TypeError, match=r"is not a task of ngym \(a TrialEnv\), so it reports no trials"):
        model.learn(8, callback=TrialCallback())


def test_evaluation_callback_saves_the_best_agent(tmp_path, capsys):
    train, test = (make_sb3_env(ID, 8, cohs=[51.2], **TASK) for _ in range(2))
    model = PPO("MlpPolicy", train, n_steps=64, batch_size=128, learning_rate=3e-3, device="cpu", seed=0)
    callback = EvaluationCallback(test, 512, 60, best_model=tmp_path / "new" / "best.zip", verbose=1)
    rows = learn_with_csv_log(model, tmp_path, 2048, callback=callback)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["best.zip"]
    best = PPO.load(tmp_path / "new" / "best.zip", device="cpu")
    table = evaluate_policy(best, test, 60, seed=0)
    assert (table["performance"].mean(), table["reward"].mean()) == pytest.approx(callback.best_score)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["512 steps", "1024 steps", "1536 steps", "2048 steps"]
    assert {"eval/performance", "eval/reward"} <= set(rows[-1])


def evaluating_agent():
    """Return an agent and a callback that notes the steps at which it evaluates, every 128 steps."""
    env, test_env = (make_sb3_env("GoNogo-v0", n_envs=4, seed=s) for s in (0, 1))
    callback, steps = EvaluationCallback(test_env, every=128, num_trials=4), []
    callback._evaluate = lambda: steps.append(callback.num_timesteps)
    return PPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=1, device="cpu", seed=0), callback, steps


@pytest.mark.parametrize("first", [64, 128, 192])
def test_evaluation_callback_evaluates_in_each_training_it_is_used_in(first):
    model, callback, steps = evaluating_agent()
    model.learn(first, callback=callback)
    assert steps == [128] * (first // 128)
    steps.clear()
    model.learn(320, callback=callback)
    assert steps == [128, 256]


@pytest.mark.parametrize("first", [64, 128, 192])
@pytest.mark.parametrize("same", [True, False])
def test_training_that_goes_on_is_evaluated_at_the_steps_of_one_that_was_not_interrupted(first, same):
    model, callback, steps = evaluating_agent()
    model.learn(first, callback=callback)
    if not same:
        _, callback, later = evaluating_agent()
    model.learn(448 - first, callback=callback, reset_num_timesteps=False)
    assert (steps if same else steps + later) == [128, 256, 384]


class Stop(BaseCallback):
    """Ends training in the middle of a rollout."""

    def _on_step(self):
        return self.n_calls < 40


def test_trial_callback_counts_aborted_trials_of_this_training_alone(tmp_path):
    callback = TrialCallback()
    model = PPO("MlpPolicy", logged_env(), n_steps=50, batch_size=100, n_epochs=1, device="cpu", seed=0)
    model.learn(200, callback=[callback, Stop()])
    assert callback._aborted_trials
    env = logged_env()
    model = PPO("MlpPolicy", env, n_steps=50, batch_size=100, n_epochs=1, device="cpu", seed=0)
    rows = learn_with_csv_log(model, tmp_path, 200, callback=callback)
    assert float(rows[0]["trial/abort_rate"]) == pytest.approx(means_of_trials(env.log)["abort_rate"])


def test_evaluation_callback_keeps_the_best_agent_when_a_save_fails(tmp_path, monkeypatch):
    model = PPO("MlpPolicy", make_sb3_env(ID, 2, **TASK), n_steps=64, device="cpu")
    callback = EvaluationCallback(make_sb3_env(ID, 2, **TASK), 2, 2, best_model=tmp_path / "best.zip")
    model.learn(2, callback=callback)
    before = (tmp_path / "best.zip").read_bytes()

    def broken(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", broken)
    callback.best_score = (-1.0, -9.0)
    with pytest.raises(OSError, match="disk full"):
        model.learn(2, callback=callback, reset_num_timesteps=False)
    assert (tmp_path / "best.zip").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["best.zip"]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"every": 0}, ValueError, "every=0 must be an integer from 1"),
        ({"best_model": "best.pt"}, ValueError, "best_model='best.pt' must be a path that ends in '.zip'"),
        ({"best_model": "there.zip"}, FileExistsError, "there.zip exists already; name a new file"),
    ],
)
def test_evaluation_callback_rejects_invalid_arguments(kwargs, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.zip").write_text("precious")
    with pytest.raises(error, match=message):
        EvaluationCallback(make_sb3_env(ID), **kwargs)
    with pytest.raises(
        TypeError, match="EvaluationCallback needs an env made by make_sb3_env, not PerceptualDecisionMaking"
    ):
        EvaluationCallback(ngym.make(ID))


@pytest.mark.parametrize("wrap", [lambda env: env, VecMonitor, VecCheckNan])
@pytest.mark.filterwarnings("ignore:The environment is already wrapped")
def test_evaluation_callback_takes_over_the_statistics_of_training(wrap):
    train, test = VecNormalize(wrap(make_sb3_env(ID, 4, seed=1))), VecNormalize(make_sb3_env(ID, 4, seed=2))
    model = PPO("MlpPolicy", train, n_steps=32, batch_size=64, n_epochs=1, device="cpu", seed=0)
    model.learn(256, callback=EvaluationCallback(test, every=256, num_trials=8))
    assert test.obs_rms.mean == pytest.approx(train.obs_rms.mean)
    assert test.obs_rms.count == train.obs_rms.count
    assert test.training


def test_evaluation_callback_refuses_the_env_of_training_and_one_that_is_scaled_otherwise():
    train = VecNormalize(make_sb3_env(ID, 2))
    model = PPO("MlpPolicy", train, n_steps=8, batch_size=16, device="cpu")
    for env in (train, train.venv):
        with pytest.raises(ValueError, match="EvaluationCallback got the env of training, which it would reset"):
            model.learn(8, callback=EvaluationCallback(env))
    with pytest.raises(ValueError, match="training has 1 VecNormalize that scale observations, .* EvaluationCallback 0;"):
        model.learn(8, callback=EvaluationCallback(make_sb3_env(ID, 2)))


def test_evaluation_callback_evaluates_agents_of_images():
    train, test = (make_sb3_env("RandomDotMotion-v0", 2, seed=seed) for seed in (0, 1))
    model = PPO("MlpPolicy", train, n_steps=4, batch_size=8, n_epochs=1, device="cpu", policy_kwargs={"net_arch": []})
    callback = EvaluationCallback(test, every=8, num_trials=2)
    model.learn(8, callback=callback)
    assert len(callback.table["performance"]) == 2


def test_trial_callback_logs_stages_and_levels_that_are_numbers(tmp_path):
    curriculum = {
        "stages": [
            {"until": {"metric": "steps", "threshold": 0, "window": 8}},
            {"staircase": {"path": "conditions.coh", "levels": [51.2, 25.6], "down": 9}},
        ]
    }
    env = make_sb3_env(ID, 4, wrappers=[("FollowCurriculum", {"curriculum": curriculum})], timing={"stimulus": 200})
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu", seed=0)
    with closing(configure(str(tmp_path), ["csv"])) as logger:
        model.set_logger(logger)
        model.learn(512, callback=TrialCallback())
    with (tmp_path / "progress.csv").open() as file:
        first, last = csv.DictReader(file)
    assert 0 < float(first["trial/stage"]) < float(last["trial/stage"]) == 1
    assert float(first["trial/level"]) == float(last["trial/level"]) == 51.2
    texts = _numbers(np.array([None, "early", 2, True, 0.5], object))
    assert np.array_equal(texts, [np.nan, np.nan, 2, 1, 0.5], equal_nan=True)
