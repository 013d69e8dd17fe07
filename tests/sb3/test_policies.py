from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from ngym_sb3 import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy, make_sb3_env
from ngym_sb3.cells import CELLS

from .image_env import ImageEnv

ID = "PerceptualDecisionMaking-v0"
SHORT = {"timing": {"stimulus": 300}}
VARIANTS = {
    "tanh": {"cell": "rnn"},
    "relu": {"cell": "rnn", "cell_kwargs": {"nonlinearity": "relu"}},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
    "ctrnn": {"cell": "ctrnn", "cell_kwargs": {"tau": 300}},
    "ei-ctrnn": {"cell": "ei-ctrnn"},
    "two layers": {"cell": "ctrnn", "n_lstm_layers": 2},
    "two layers, Dale": {"cell": "ei-ctrnn", "n_lstm_layers": 2},
    "shared": {"cell": "gru", "shared_lstm": True, "enable_critic_lstm": False},
    "no recurrent critic": {"cell": "rnn", "enable_critic_lstm": False},
    "separate extractors": {"cell": "rnn", "share_features_extractor": False},
}


def agent(policy=MlpRnnPolicy, env=None, units=12, steps=16, **policy_kwargs):
    env = make_sb3_env(ID, 3, seed=0, **SHORT) if env is None else env
    kwargs = {"lstm_hidden_size": units, **policy_kwargs}
    return RecurrentPPO(policy, env, n_steps=steps, batch_size=24, n_epochs=2, seed=0, device="cpu", policy_kwargs=kwargs)


def ratios(model):
    """Yield the probability ratios of PPO (new policy over old) in the steps of the rollout."""
    for data in model.rollout_buffer.get(20):
        played = data.mask > 1e-8
        actions = data.actions.long().flatten() if isinstance(model.action_space, spaces.Discrete) else data.actions
        with torch.no_grad():
            _, log_prob, _ = model.policy.evaluate_actions(data.observations, actions, data.lstm_states, data.episode_starts)
        yield torch.exp(log_prob - data.old_log_prob)[played].numpy()


def collect(model):
    """Fill the rollout buffer as training does, without an update."""
    _, callback = model._setup_learn(0)
    model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_policy_has_ratio_one_before_the_first_update(variant):
    model = collect(agent(**VARIANTS[variant]))
    assert model.rollout_buffer.episode_starts.sum() > 6
    for ratio in ratios(model):
        assert ratio == pytest.approx(1, abs=1e-5)


def test_policy_has_another_ratio_from_other_states():
    model = collect(agent(cell="ctrnn"))
    model.rollout_buffer.hidden_states_pi += 1.0
    assert max(np.abs(r - 1).max() for r in ratios(model)) > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_policy_learns_every_weight_and_saves_it(variant, tmp_path):
    model = agent(**VARIANTS[variant])
    before = {name: p.detach().clone() for name, p in model.policy.named_parameters()}
    model.learn(96)
    unchanged = [name for name, p in model.policy.named_parameters() if torch.equal(p, before[name])]
    assert unchanged == []
    model.save(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy.pt")
    ob = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected = hidden_states(model.policy, ob)
    assert np.array_equal(hidden_states(RecurrentPPO.load(tmp_path / "model.zip", device="cpu").policy, ob), expected)
    assert np.array_equal(hidden_states(type(model.policy).load(tmp_path / "policy.pt", device="cpu"), ob), expected)


def hidden_states(policy, obs):
    """Return the hidden states of a policy that sees some observations one after another."""
    state, states = None, []
    for ob in obs:
        _, state = policy.predict(ob, state=state, deterministic=True)
        states.append(state[0])
    return np.array(states)


@pytest.mark.parametrize("variant", VARIANTS)
def test_policy_resets_the_state_at_the_start_of_an_episode(variant):
    policy = agent(**VARIANTS[variant]).policy
    ob = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    initial = policy.predict(ob, deterministic=True)[1]
    busy = (np.full_like(initial[0], 0.5), np.zeros_like(initial[1]))
    _, state = policy.predict(ob, state=busy, episode_start=np.array([True, False]), deterministic=True)
    assert np.array_equal(state[0][:, 0], initial[0][:, 0])
    assert not np.allclose(state[0][:, 1], initial[0][:, 1])


@given(st.sampled_from(sorted(VARIANTS)), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**31), st.booleans())
@settings(max_examples=40)
def test_policy_runs_whole_sequences_as_sb3_contrib_runs_single_steps(variant, steps, n, seed, late):
    torch.manual_seed(seed)
    policy = agent(units=6, **VARIANTS[variant]).policy
    cell, layers = policy.lstm_actor, policy.lstm_actor.num_layers
    features = torch.randn(n * steps, cell.input_size)
    states = (torch.rand(layers, n, 6), torch.rand(layers, n, 6))
    starts = torch.zeros(n, steps)
    starts[:, 0] = torch.randint(0, 2, (n,))
    if late:
        starts[:, steps // 2] = 1
    fused = policy._process_sequence(features, states, starts.flatten(), cell)
    looped = RecurrentActorCriticPolicy._process_sequence(features, states, starts.flatten(), cell)
    assert torch.allclose(fused[0], looped[0], atol=1e-6)
    for a, b in zip(fused[1], looped[1], strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_policy_obeys_dales_principle_after_training():
    model = agent(cell="ei-ctrnn", cell_kwargs={"excitatory": 0.75}, n_lstm_layers=2)
    model.policy.optimizer.param_groups[0]["lr"] = 0.1
    model.lr_schedule = lambda _: 0.1
    before = model.policy.lstm_actor.recurrent[0].detach().clone()
    model.learn(192)
    for cell in (model.policy.lstm_actor, model.policy.lstm_critic):
        for layer in (0, 1):
            weights = cell.recurrent_weights(layer).detach()
            assert (weights[:, :9] >= 0).all()
            assert (weights[:, 9:] <= 0).all()
            assert (weights.diagonal() == 0).all()
            assert (weights != 0).sum() > 100
    after = model.policy.lstm_actor.recurrent[0]
    assert (torch.sign(after) != torch.sign(before)).any()  # parameters crossed zero; the weights did not
    out, (rates, _) = model.policy.lstm_actor(torch.randn(4, 2, 3), (torch.rand(2, 2, 12), torch.zeros(2, 2, 12)))
    assert (rates >= 0).all()
    assert (out[..., 9:] == 0).all()
    assert (rates[:, :, 9:] > 0).any()


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("both", [False, True])
def test_policies_for_images_and_dictionaries_learn_and_save(cell, both, tmp_path):
    actions = spaces.Box(-1, 1, (2,)) if both else spaces.Discrete(3)
    policy = MultiInputRnnPolicy if both else CnnRnnPolicy
    model = collect(agent(policy, DummyVecEnv([lambda: ImageEnv(both, actions)]), cell=cell))
    for ratio in ratios(model):
        assert ratio == pytest.approx(1, abs=1e-4)
    model.learn(16)
    model.policy.save(tmp_path / "policy.pt")
    loaded = policy.load(tmp_path / "policy.pt", device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.policy.parameters(), strict=True))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"cell": "grru"}, KeyError, "Unknown cell 'grru'. Did you mean 'gru'"),
        ({"cell": "gru", "cell_kwargs": {"tau": 3}}, TypeError, r"cell='gru' with cell_kwargs={'tau': 3}: .*'tau'"),
        ({"lstm_kwargs": {"bias": False}}, TypeError, "give the parameters of the cell as cell_kwargs"),
        ({"shared_lstm": True}, ValueError, "needs enable_critic_lstm=False"),
    ],
)
def test_policy_rejects_invalid_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        agent(**kwargs)


def test_policy_rejects_observations_of_another_kind():
    with pytest.raises(ValueError, match="MlpRnnPolicy is for .* vectors, not Dict.*; use MultiInputRnnPolicy"):
        agent(env=DummyVecEnv([lambda: ImageEnv(True, spaces.Discrete(2))]))
    with pytest.raises(ValueError, match="are dictionaries, not Box.*; use MlpRnnPolicy"):
        agent(MultiInputRnnPolicy)
    with pytest.raises(ValueError, match="are images, not Box.*; use MlpRnnPolicy"):
        agent(CnnRnnPolicy)
