from __future__ import annotations

import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnvWrapper, VecNormalize

from ngym_core.errors import StateError
from ngym_sb3 import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy, RecurrentPPO, TrialCallback, make_sb3_env
from ngym_sb3.model_state import get_model_state, set_model_state
from ngym_sb3.recurrent_ppo import _evaluate
from ngym_sb3.rollout_buffer import SequenceRolloutBuffer

from .image_env import ImageEnv

ID, SHORT = "PerceptualDecisionMaking-v0", {"timing": {"stimulus": 300}}
ARRAYS = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs", "advantages", "returns")
PARENT = sb3_contrib.RecurrentPPO
NETWORKS = {
    "rnn": (MlpRnnPolicy, {"cell": "rnn"}),
    "gru": (MlpRnnPolicy, {"cell": "gru"}),
    "lstm": (MlpRnnPolicy, {"cell": "lstm", "n_lstm_layers": 2}),
    "ctrnn": (MlpRnnPolicy, {"cell": "ctrnn"}),
    "ei-ctrnn": (MlpRnnPolicy, {"cell": "ei-ctrnn", "n_lstm_layers": 2}),
    "LSTM of sb3-contrib": ("MlpLstmPolicy", {}),
    "shared": (MlpRnnPolicy, {"cell": "gru", "shared_lstm": True, "enable_critic_lstm": False}),
    "no recurrent critic": (MlpRnnPolicy, {"cell": "rnn", "enable_critic_lstm": False}),
    "separate extractors": (MlpRnnPolicy, {"cell": "ctrnn", "share_features_extractor": False}),
}


def agent(learner=RecurrentPPO, network="ctrnn", env=None, carry="episode", **settings):
    env = make_sb3_env(ID, 4, seed=0, carry=carry, trials_per_episode=2, **SHORT) if env is None else env
    policy, kwargs = NETWORKS[network] if isinstance(network, str) else network
    settings = {"n_steps": 16, "batch_size": 32, "n_epochs": 2, "seed": 0, "device": "cpu", **settings}
    return learner(policy, env, policy_kwargs={"lstm_hidden_size": 8, **kwargs}, **settings)


def collected(model):
    """Fill the rollout buffer as training does, without an update."""
    _, callback = model._setup_learn(0)
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


@pytest.mark.parametrize("carry", ["episode", "trial"])
@pytest.mark.parametrize("network", NETWORKS)
def test_rollout_is_the_one_that_sb3_contrib_collects(network, carry):
    ours, parents = ([], [])
    for learner, rollouts in ((RecurrentPPO, ours), (PARENT, parents)):
        model = agent(learner, network, carry=carry)
        for _ in range(2):
            buffer = collected(model).rollout_buffer
            arrays = {name: np.asarray(getattr(buffer, name)).copy() for name in ARRAYS}
            states = [pair[0].clone() for pair in model._last_lstm_states]
            rollouts.append((arrays, states, [e["r"] for e in model.ep_info_buffer], list(model.ep_success_buffer)))
    assert ours[0][0]["episode_starts"].sum() > 4
    for (arrays, states, *episodes), (their_arrays, their_states, *their_episodes) in zip(ours, parents, strict=True):
        for name, own in arrays.items():
            assert own == pytest.approx(their_arrays[name].reshape(own.shape), abs=1e-5), name
        assert all(torch.allclose(own, theirs, atol=1e-5) for own, theirs in zip(states, their_states, strict=True))
        assert episodes == their_episodes


@pytest.mark.parametrize("batch_size", [32, 8])
@pytest.mark.parametrize("network", NETWORKS)
def test_ratio_is_one_before_the_first_update(network, batch_size):
    model = collected(agent(network=network, batch_size=batch_size))
    for batch in model.rollout_buffer.get():
        with torch.no_grad():
            values, log_probs, _ = _evaluate(model.policy, batch)
        assert torch.exp(log_probs - batch.old_log_probs).numpy() == pytest.approx(1, abs=1e-5)
        assert values.numpy() == pytest.approx(batch.old_values.numpy(), abs=1e-5)


def test_one_update_from_the_whole_rollout_is_that_of_sb3_contrib(monkeypatch):
    # The parent cuts a sequence where it begins its minibatches, at random, and with it the gradient through time.
    monkeypatch.setattr(np.random, "randint", lambda *_: 0)
    # Plain gradient descent moves weights by the gradient; Adam's first step has one size, be the gradient rounding or not.
    descent = (MlpRnnPolicy, {"cell": "ctrnn", "optimizer_class": torch.optim.SGD, "optimizer_kwargs": {}})
    settings = {"network": descent, "batch_size": 64, "n_epochs": 1, "learning_rate": 1.0}
    models = [collected(agent(learner, **settings)) for learner in (RecurrentPPO, PARENT)]
    before = [parameter.detach().clone() for parameter in models[0].policy.parameters()]
    for model in models:
        model.set_logger(Logger(None, []))
        model.train()
    ours, parents = models
    moved = [float((own - old).detach().abs().max()) for own, old in zip(ours.policy.parameters(), before, strict=True)]
    assert max(moved) > 0.05
    for own, theirs in zip(ours.policy.parameters(), parents.policy.parameters(), strict=True):
        assert torch.allclose(own, theirs, atol=1e-5)
    own, theirs = (model.logger.name_to_value for model in models)
    assert own.keys() == theirs.keys()
    for name in own:
        assert own[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize("network", ["gru", "lstm", "LSTM of sb3-contrib"])
@pytest.mark.parametrize(("saves", "loads"), [(RecurrentPPO, PARENT), (PARENT, RecurrentPPO), (RecurrentPPO, RecurrentPPO)])
def test_each_loads_what_the_other_saved_and_learns_on(saves, loads, network, tmp_path):
    model = agent(saves, network).learn(128)
    model.save(tmp_path / "model.zip")
    loaded = loads.load(tmp_path / "model.zip", env=model.get_env(), device="cpu")
    assert type(loaded) is loads
    assert loaded.num_timesteps == 128
    ob = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(loaded.predict(ob)[1][0], model.predict(ob)[1][0])
    before = [p.detach().clone() for p in loaded.policy.parameters()]
    loaded.learn(64, reset_num_timesteps=False)
    assert loaded.num_timesteps == 192
    assert not all(torch.equal(p, q) for p, q in zip(before, loaded.policy.parameters(), strict=True))


def test_training_that_resumes_goes_on_bit_for_bit():
    through = agent(network="gru", carry="trial").learn(128)
    state = get_model_state(through)
    through.learn(128, reset_num_timesteps=False)
    resumed = agent(network="gru", carry="trial", seed=5)
    resumed.set_logger(Logger(None, []))
    set_model_state(resumed, state)
    resumed.learn(128, reset_num_timesteps=False)
    assert resumed.num_timesteps == through.num_timesteps == 256
    for own, other in zip(resumed.policy.parameters(), through.policy.parameters(), strict=True):
        assert torch.equal(own, other)


def test_state_of_lanes_with_another_carry_or_task_is_refused():
    state = get_model_state(agent(carry="trial").learn(64))
    other = agent(carry="episode")
    with pytest.raises(StateError, match="carry|episodes"):
        set_model_state(other, state)


def test_policy_of_another_task_is_refused(tmp_path):
    agent().save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        RecurrentPPO.load(tmp_path / "model.zip", env=make_sb3_env("ContextDecisionMaking-v0", 4), device="cpu")


class Steps(BaseCallback):
    """Keeps what callbacks see, and stops at a step."""

    def __init__(self, last=10**9):
        super().__init__()
        self.last, self.seen = last, []

    def _on_step(self):
        self.seen.append({k: v for k, v in self.locals.items() if k in ("actions", "clipped_actions", "rewards", "dones")})
        assert len(self.locals["infos"]) == self.training_env.num_envs
        return len(self.seen) < self.last


def test_callbacks_see_each_step_and_can_stop_training():
    seen = Steps()
    agent().learn(64, callback=[seen, TrialCallback()])
    assert len(seen.seen) == 16
    assert seen.seen[0].keys() == {"actions", "clipped_actions", "rewards", "dones"}
    model = agent().learn(64, callback=Steps(5))
    assert model.num_timesteps == 20
    model.learn(64, reset_num_timesteps=False)
    assert model.num_timesteps == 84


@pytest.mark.parametrize("settings", [{"use_sde": True}, {"target_kl": 1e-9}, {"clip_range_vf": 0.1}, {"batch_size": None}])
def test_settings_of_the_parent_are_heeded(settings):
    env = make_sb3_env("ReachingDelayResponse-v0", 4, seed=0) if "use_sde" in settings else None
    model = agent(env=env, **settings).learn(128)
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())
    if "target_kl" in settings:
        assert model._n_updates == 2
    if "clip_range_vf" in settings:
        assert model.logger.name_to_value["train/clip_range_vf"] == 0.1


@pytest.mark.parametrize("network", ["gru", "LSTM of sb3-contrib"])
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps=0 must be an integer from 1"),
        ({"n_steps": None}, TypeError, "n_steps=None must be an integer from 1"),
        ({"n_steps": 8.5}, TypeError, "n_steps=8.5 must be an integer from 1"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be"),
        ({"batch_size": 10.5}, TypeError, "batch_size=10.5 must be"),
        ({"n_epochs": 0}, ValueError, "n_epochs=0 must be"),
        ({"lstm_hidden_size": 8.5}, TypeError, "lstm_hidden_size=8.5 must be"),
        ({"lstm_hidden_size": 0}, ValueError, "lstm_hidden_size=0 must be"),
        ({"n_lstm_layers": 0}, ValueError, "n_lstm_layers=0 must be"),
    ],
)
def test_numbers_that_there_cannot_be_are_refused(network, settings, error, message):
    policy, kwargs = NETWORKS[network]
    sizes = {name: value for name, value in settings.items() if "lstm" in name}
    with pytest.raises(error, match=message):
        agent(network=(policy, {**kwargs, **sizes}), **{name: v for name, v in settings.items() if name not in sizes})


def test_numbers_of_numpy_are_taken():
    sizes = {"lstm_hidden_size": np.int64(8), "n_lstm_layers": np.int32(1)}
    for network in ("gru", "LSTM of sb3-contrib"):
        policy, kwargs = NETWORKS[network]
        model = agent(
            network=(policy, {**kwargs, **sizes}), n_steps=np.int64(8), batch_size=np.int64(16), n_epochs=np.int8(1)
        )
        assert model.learn(32).num_timesteps == 32
    assert type(sizes["lstm_hidden_size"]) is np.int64


def test_envs_in_wrappers_of_stable_baselines3_are_learned_from():
    env = VecNormalize(make_sb3_env(ID, 4, seed=0, **SHORT))
    ours = collected(agent(env=env))
    parents = collected(agent(PARENT, env=VecNormalize(make_sb3_env(ID, 4, seed=0, **SHORT))))
    own, theirs = ours.rollout_buffer.returns, parents.rollout_buffer.returns
    assert own == pytest.approx(theirs.reshape(own.shape), abs=1e-5)


@pytest.mark.parametrize("both", [False, True])
def test_images_dictionaries_and_other_actions_are_learned_from(both):
    policy = MultiInputRnnPolicy if both else CnnRnnPolicy
    actions = spaces.Box(-1, 1, (2,)) if both else spaces.MultiDiscrete([2, 3])
    env = DummyVecEnv([lambda: ImageEnv(both, actions)] * 2)
    model = agent(network=(policy, {"cell": "gru"}), env=env, batch_size=16)
    collected(model)
    for batch in model.rollout_buffer.get():
        with torch.no_grad():
            log_probs = _evaluate(model.policy, batch)[1]
        assert torch.exp(log_probs - batch.old_log_probs).numpy() == pytest.approx(1, abs=1e-4)
    model.learn(32)


class OwnForward(MlpRnnPolicy):
    """A policy with a forward pass of its own."""

    def forward(self, obs, lstm_states, episode_starts, deterministic=False):
        return super().forward(obs, lstm_states, episode_starts, True)


class OwnSequences(MlpRnnPolicy):
    """A policy that runs its cell in a way of its own."""

    @staticmethod
    def _process_sequence(features, lstm_states, episode_starts, lstm):
        outputs, states = MlpRnnPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        return outputs + 1, states


@pytest.mark.parametrize("policy", [OwnForward, OwnSequences])
def test_policy_with_methods_of_its_own_is_trained_by_the_parent(policy):
    model = agent(network=(policy, {"cell": "gru"}))
    assert not isinstance(model.rollout_buffer, SequenceRolloutBuffer)
    assert model.learn(64).num_timesteps == 64


def test_policy_with_hooks_is_trained_by_the_parent():
    class Hooked(MlpRnnPolicy):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.register_forward_hook(lambda module, inputs, outputs: outputs)

    assert not isinstance(agent(network=(Hooked, {"cell": "gru"})).rollout_buffer, SequenceRolloutBuffer)


class OneEpisode(VecEnvWrapper):
    """Goes on where the env that it wraps ends episodes, and ends one in lane 1 at every fifth step."""

    def reset(self):
        self.steps = 0
        return self.venv.reset()

    def step_wait(self):
        observations, rewards, _, infos = self.venv.step_wait()
        self.steps += 1
        return observations, 0 * rewards, np.array([False, self.steps % 5 == 0, False, False]), infos


def test_ends_of_episodes_are_those_that_wrappers_say():
    buffers, successes = [], []
    for learner in (RecurrentPPO, PARENT):
        model = collected(agent(learner, env=OneEpisode(make_sb3_env(ID, 4, seed=0, **SHORT))))
        buffers.append(model.rollout_buffer)
        successes.append(list(model.ep_success_buffer))
    ours, parents = buffers
    assert not ours.rewards[:, [0, 2, 3]].any()
    assert ours.rewards == pytest.approx(parents.rewards.reshape(ours.rewards.shape), abs=1e-5)
    assert ours.returns == pytest.approx(parents.returns.reshape(ours.returns.shape), abs=1e-5)
    assert successes[0] == successes[1]
