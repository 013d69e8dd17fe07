from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from ngym_sb3 import CTRNN, CnnRnnPolicy, DaleCTRNN, MlpRnnPolicy, MultiInputRnnPolicy, make_sb3_env
from ngym_sb3.cells import CELLS

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
    "own extractors": {"cell": "rnn", "share_features_extractor": False},
}


def agent(policy=MlpRnnPolicy, env=None, units=12, steps=16, **policy_kwargs):
    env = make_sb3_env(ID, 3, seed=0, **SHORT) if env is None else env
    kwargs = {"lstm_hidden_size": units, **policy_kwargs}
    return RecurrentPPO(policy, env, n_steps=steps, batch_size=24, n_epochs=2, seed=0, device="cpu", policy_kwargs=kwargs)


def ratios(model):
    """The ratios of PPO in the steps that were just played, and the log probabilities by sb3-contrib's own loop."""
    for data in model.rollout_buffer.get(20):
        real = data.mask > 1e-8
        actions = data.actions.long().flatten() if isinstance(model.action_space, spaces.Discrete) else data.actions
        with torch.no_grad():
            _, log_prob, _ = model.policy.evaluate_actions(data.observations, actions, data.lstm_states, data.episode_starts)
        yield torch.exp(log_prob - data.old_log_prob)[real].numpy()


def play(model):
    """Fill the rollout buffer as training does, without learning."""
    _, callback = model._setup_learn(0)
    model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_ratio_is_one_before_the_first_update(variant):
    model = play(agent(**VARIANTS[variant]))
    assert model.rollout_buffer.episode_starts.sum() > 6
    for ratio in ratios(model):
        assert ratio == pytest.approx(1, abs=1e-5)


def test_the_ratio_tells_where_states_are_not_those_that_were_played():
    model = play(agent(cell="ctrnn"))
    model.rollout_buffer.hidden_states_pi += 1.0
    assert max(np.abs(r - 1).max() for r in ratios(model)) > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_learning_changes_every_weight_and_all_is_saved(variant, tmp_path):
    model = agent(**VARIANTS[variant])
    before = {name: p.detach().clone() for name, p in model.policy.named_parameters()}
    model.learn(96)
    still = [name for name, p in model.policy.named_parameters() if torch.equal(p, before[name])]
    assert still == []
    model.save(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy.pt")
    ob = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected = trace(model.policy, ob)
    assert np.array_equal(trace(RecurrentPPO.load(tmp_path / "model.zip", device="cpu").policy, ob), expected)
    assert np.array_equal(trace(type(model.policy).load(tmp_path / "policy.pt", device="cpu"), ob), expected)


def trace(policy, obs):
    """Hidden states of a policy that sees some observations, one after another."""
    state, states = None, []
    for ob in obs:
        _, state = policy.predict(ob, state=state, deterministic=True)
        states.append(state[0])
    return np.array(states)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_start_of_an_episode_resets_the_state(variant):
    policy = agent(**VARIANTS[variant]).policy
    ob = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    fresh = policy.predict(ob, deterministic=True)[1]
    busy = (np.full_like(fresh[0], 0.5), np.zeros_like(fresh[1]))
    _, state = policy.predict(ob, state=busy, episode_start=np.array([True, False]), deterministic=True)
    assert np.array_equal(state[0][:, 0], fresh[0][:, 0])
    assert not np.allclose(state[0][:, 1], fresh[0][:, 1])


@given(st.sampled_from(sorted(VARIANTS)), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**31), st.booleans())
@settings(max_examples=40)
def test_whole_sequences_give_what_the_loop_over_steps_gives(variant, steps, n, seed, late):
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


@given(st.integers(1, 3), st.integers(1, 7), st.sampled_from([20.0, 50.0, 100.0]), st.floats(1, 10), st.integers(0, 99))
def test_a_leaky_cell_does_what_its_formula_says(layers, steps, dt, slower, seed):
    torch.manual_seed(seed)
    cell = CTRNN(3, 5, layers, dt=dt, tau=dt * slower)
    x, h, c = torch.randn(steps, 2, 3), torch.randn(layers, 2, 5), torch.randn(layers, 2, 5)
    out, (last, same) = cell(x, (h, c))
    rates = h.clone()
    for step in range(steps):
        below = x[step]
        for layer in range(layers):
            drive = cell.inputs[layer](below) + rates[layer] @ cell.recurrent_weights(layer).T
            rates[layer] = (1 - 1 / slower) * rates[layer] + torch.tanh(drive) / slower
            below = rates[layer]
        assert torch.allclose(out[step], rates[-1], atol=1e-5)
    assert torch.allclose(last, rates, atol=1e-5)
    assert same is c


def test_dales_principle_holds_after_training():
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
    assert (torch.sign(after) != torch.sign(before)).any()  # the raw numbers crossed zero; the weights did not
    out, (rates, _) = model.policy.lstm_actor(torch.randn(4, 2, 3), (torch.rand(2, 2, 12), torch.zeros(2, 2, 12)))
    assert (rates >= 0).all()
    assert (out[..., 9:] == 0).all()
    assert (rates[:, :, 9:] > 0).any()


def test_dales_cell_begins_balanced():
    torch.manual_seed(0)
    cell = DaleCTRNN(3, 200)
    weights = cell.recurrent_weights().detach()
    assert abs(weights.sum(1).mean()) < 0.02 * weights.abs().sum(1).mean()
    assert torch.linalg.eigvals(weights).abs().max() == pytest.approx(1, abs=1e-4)


class Pictures(gymnasium.Env):
    """Shows pictures, or a dictionary of a picture and numbers; no step matters."""

    def __init__(self, both, actions):
        picture = spaces.Box(0, 255, (1, 36, 36), np.uint8)
        self.observation_space = spaces.Dict({"picture": picture, "numbers": spaces.Box(-1, 1, (2,))}) if both else picture
        self.action_space = actions
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        return self.observation_space.sample(), 1.0, False, self.steps % 5 == 0, {}


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("both", [False, True])
def test_pictures_and_dictionaries(cell, both, tmp_path):
    actions = spaces.Box(-1, 1, (2,)) if both else spaces.Discrete(3)
    policy = MultiInputRnnPolicy if both else CnnRnnPolicy
    model = play(agent(policy, DummyVecEnv([lambda: Pictures(both, actions)]), cell=cell))
    for ratio in ratios(model):
        assert ratio == pytest.approx(1, abs=1e-4)
    model.learn(16)
    model.policy.save(tmp_path / "policy.pt")
    loaded = policy.load(tmp_path / "policy.pt", device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.policy.parameters(), strict=True))


class NoSize(torch.nn.Module):
    def __init__(self, input_size, hidden_size, num_layers):
        super().__init__()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"cell": "grru"}, KeyError, "Unknown cell 'grru'. Did you mean 'gru'"),
        ({"cell": "gru", "cell_kwargs": {"tau": 3}}, TypeError, r"cell='gru' with cell_kwargs={'tau': 3}: .*'tau'"),
        ({"cell": "ctrnn", "cell_kwargs": {"tau": 50}}, ValueError, "dt=100 and tau=50 must be ms with 0 < dt <= tau"),
        ({"cell": "ctrnn", "cell_kwargs": {"nonlinearity": "x"}}, KeyError, "Unknown nonlinearity 'x'.*'relu', 'tanh'"),
        ({"cell": "rnn", "cell_kwargs": {"nonlinearity": "x"}}, KeyError, "Unknown nonlinearity 'x'"),
        ({"cell": "ei-ctrnn", "cell_kwargs": {"excitatory": 1}}, ValueError, "excitatory=1 of 12 units leaves none"),
        ({"cell": NoSize}, TypeError, "must make a torch module that has input_size=3, as torch.nn.LSTM does"),
        ({"lstm_kwargs": {"bias": False}}, TypeError, "give the parameters of the cell as cell_kwargs"),
        ({"shared_lstm": True}, ValueError, "goes with enable_critic_lstm=False"),
    ],
)
def test_what_cannot_be_is_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        agent(**kwargs)


def test_a_policy_that_does_not_fit_the_env_is_refused():
    with pytest.raises(ValueError, match="MlpRnnPolicy is for .* vectors, not Dict.*; use MultiInputRnnPolicy"):
        agent(env=DummyVecEnv([lambda: Pictures(True, spaces.Discrete(2))]))
    with pytest.raises(ValueError, match="are dictionaries, not Box.*; use MlpRnnPolicy"):
        agent(MultiInputRnnPolicy)
    with pytest.raises(ValueError, match="are images, not Box.*; use MlpRnnPolicy"):
        agent(CnnRnnPolicy)
