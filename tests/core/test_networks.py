from __future__ import annotations

import doctest
import warnings
from itertools import pairwise

import numpy as np
import pytest
from gymnasium import spaces

import ngym_core as ngym
from ngym_core import networks
from ngym_core.networks import KeepsStateError, NetworkAgent, is_network

torch = pytest.importorskip("torch")
nn = torch.nn

CHANNELS, ACTIONS, UNITS = 3, 3, 8
OBSERVATIONS, CHOICES = spaces.Box(-np.inf, np.inf, (CHANNELS,)), spaces.Discrete(ACTIONS)


class Layered(nn.Module):
    """A recurrent layer and a readout; the state stays inside."""

    def __init__(self, kind=nn.GRU, **options):
        super().__init__()
        self.rnn, self.readout = kind(CHANNELS, UNITS, **options), nn.Linear(UNITS, ACTIONS)
        if options.get("bidirectional"):
            self.readout = nn.Linear(2 * UNITS, ACTIONS)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


class WithState(Layered):
    """Takes and returns its state, as torch's layers do."""

    def forward(self, x, state=None):
        hidden, state = self.rnn(x, state)
        return self.readout(hidden), state


class WithActivity(Layered):
    """Begins with zeros that it makes itself, and returns its activity."""

    def forward(self, x):
        hidden, _ = self.rnn(x, torch.zeros(1, x.shape[1], UNITS))
        return self.readout(hidden), hidden


class Leaky(nn.Module):
    """A cell of a user: one call for all steps, a state without an axis for layers, and one that it begins with."""

    def __init__(self, *_):
        super().__init__()
        self.inputs, self.hidden = nn.Linear(CHANNELS, UNITS), nn.Linear(UNITS, UNITS)

    def forward(self, x, hidden=None):
        hidden = torch.full((x.shape[1], UNITS), 0.5) if hidden is None else hidden
        rows = []
        for step in x:
            hidden = torch.relu(0.8 * hidden + 0.2 * (self.inputs(step) + self.hidden(hidden)))
            rows.append(hidden)
        return torch.stack(rows), hidden


class Loop(nn.Module):
    """A loop over steps, whose state nobody sees."""

    def __init__(self):
        super().__init__()
        self.cell, self.readout = nn.GRUCell(CHANNELS, UNITS), nn.Linear(UNITS, ACTIONS)

    def forward(self, x):
        hidden, rows = torch.zeros(x.shape[1], UNITS), []
        for step in x:
            hidden = self.cell(step, hidden)
            rows.append(self.readout(hidden))
        return torch.stack(rows)


class Attention(nn.Module):
    """Each step attends to those before, or to all; it has dropout, which must be off."""

    def __init__(self, causal=True):
        super().__init__()
        self.layer, self.causal = nn.TransformerEncoderLayer(CHANNELS, 1, 16), causal

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(len(x)) if self.causal else None
        return self.layer(x, src_mask=mask)


class Switch(Layered):
    """Has a second argument that is no state."""

    def forward(self, x, with_activity=True):
        hidden = self.rnn(x)[0]
        return (self.readout(hidden), hidden) if with_activity else self.readout(hidden)


class Observer(nn.Module):
    """Sums what it sees without noise; one of its outputs is far larger than what it remembers."""

    def __init__(self, large, batch_first=False, ahead=False):
        super().__init__()
        self.large, self.axis, self.ahead = large, int(batch_first), ahead

    def forward(self, x):
        evidence = x[..., 1] - x[..., 2]
        total = evidence.sum(self.axis, keepdim=True).expand_as(evidence) if self.ahead else evidence.cumsum(self.axis)
        return torch.stack([torch.where(x[..., 0] > 0.5, self.large, -self.large), total, -total], -1)


class Slow(nn.Module):
    """Forgets within hundreds of steps, so it hardly changes in a few; its outputs have large means."""

    def __init__(self):
        super().__init__()
        self.inputs, self.readout = nn.Linear(CHANNELS, UNITS), nn.Linear(UNITS, ACTIONS)
        self.readout.bias.data[:] = torch.tensor([3.0, -3.0, -3.0])

    def forward(self, x):
        hidden, rows = torch.zeros(x.shape[1], UNITS), []
        for step in x:
            hidden = hidden + 0.002 * (torch.tanh(self.inputs(step)) - hidden)
            rows.append(self.readout(hidden))
        return torch.stack(rows)


def compiled(net, freeze=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch has other ways by now, but there are such modules
        script = torch.jit.script(net.eval())
        return torch.jit.freeze(script) if freeze else script


class Delayed(nn.Module):
    """Shows what it saw many steps ago."""

    def forward(self, x):
        return torch.cat([torch.zeros(10, *x.shape[1:]), x])[: len(x)]


class Timed(nn.Linear):
    """Responds late, whatever it sees."""

    def forward(self, x):
        return super().forward(x) + 5.0 * (torch.arange(len(x)) >= 8)[:, None, None]


NETS = {
    "logits only": (lambda: Layered(), False),
    "batch first": (lambda: Layered(batch_first=True), False),
    "with its state": (lambda: WithState(), False),
    "with its state, batch first": (lambda: WithState(batch_first=True), False),
    "with its activity": (lambda: WithActivity(), False),
    "a second argument that is no state": (lambda: Switch(), False),
    "two layers of LSTM": (lambda: Layered(nn.LSTM, num_layers=2), False),
    "cell of a user": (lambda: Layered(Leaky), False),
    "bare layer": (lambda: nn.GRU(CHANNELS, ACTIONS), False),
    "no memory": (lambda: nn.Sequential(nn.Linear(CHANNELS, 5), nn.Dropout(), nn.Linear(5, ACTIONS)), False),
    "loop": (lambda: Loop(), True),
    "attention": (lambda: Attention(), True),
    "a large output": (lambda: Observer(1e9), True),
    "a large output, batch first": (lambda: Observer(1e9, batch_first=True), True),
    "long delay": (lambda: Delayed(), True),
    "clock": (lambda: Timed(CHANNELS, ACTIONS), True),
    "slow memory": (lambda: Slow(), True),
    "compiled, no memory": (lambda: compiled(nn.Linear(CHANNELS, ACTIONS)), False),
    "compiled": (lambda: compiled(Layered()), True),
    "compiled and frozen": (lambda: compiled(Layered(), freeze=True), True),
}


def make(name):
    torch.manual_seed(0)
    return NETS[name][0]()


def agent_of(net, **kwargs):
    return NetworkAgent(net, OBSERVATIONS, CHOICES, **kwargs)


@pytest.mark.parametrize("name", NETS)
def test_agent_answers_step_by_step_as_the_module_does_on_whole_sequences(name):
    net, rng = make(name), np.random.default_rng(1)
    agent = agent_of(net)
    ob = rng.standard_normal((12, 6, CHANNELS)).astype(np.float32)
    starts = rng.random((12, 6)) < 0.2
    starts[0] = True
    state, outputs, actions = None, [], []
    for step in range(12):
        action, state = agent.predict(ob[step], state=state, episode_start=starts[step])
        outputs.append(state.outputs)
        actions.append(action)
    assert agent._replays == NETS[name][1]
    for lane in range(6):
        begins = [*np.nonzero(starts[:, lane])[0], 12]
        for first, after in pairwise(begins):
            sequence = torch.as_tensor(ob[first:after, lane : lane + 1])
            net.eval()
            whole = net(sequence.transpose(0, 1) if "batch first" in name else sequence)
            whole = (whole[0] if isinstance(whole, tuple) else whole).detach().reshape(-1, ACTIONS).numpy()
            np.testing.assert_allclose(np.array(outputs)[first:after, lane], whole, atol=1e-5)
    assert np.array_equal(actions, np.argmax(outputs, axis=2))


def test_agent_shows_the_hidden_state_and_leaves_the_module_as_it_was():
    net = make("two layers of LSTM")
    net.rnn.eval()
    random_state = torch.get_rng_state()
    _, state = agent_of(net).predict(np.ones((4, CHANNELS), np.float32))
    expected = net.rnn(torch.ones(1, 4, CHANNELS))[1][0][-1].detach().numpy()
    np.testing.assert_allclose(state.hidden, expected, atol=1e-6)
    assert (net.training, net.rnn.training) == (True, False)
    assert not net.rnn._forward_hooks
    assert torch.equal(torch.get_rng_state(), random_state)
    _, state = agent_of(make("loop")).predict(np.ones((4, CHANNELS), np.float32))
    assert state.hidden is None


def test_agent_draws_actions_with_the_probabilities_of_the_logits():
    net = nn.Linear(CHANNELS, ACTIONS)
    net.weight.data[:], net.bias.data[:] = 0, torch.log(torch.tensor([0.1, 0.2, 0.7]))
    torch.manual_seed(0)
    actions, _ = agent_of(net).predict(np.zeros((20_000, CHANNELS), np.float32), deterministic=False)
    # the standard error of a share is below 0.0036
    np.testing.assert_allclose(np.bincount(actions) / 20_000, [0.1, 0.2, 0.7], atol=0.015)


@pytest.mark.parametrize(
    ("space", "outputs", "action"),
    [
        (spaces.Discrete(3, start=1), [0.0, 2.0, 1.0], 2),
        (spaces.Box(-1, 1, (2,)), [0.5, -7.0], [0.5, -1.0]),
        (spaces.Box(-1, 1, (2, 1)), [0.5, 0.25], [[0.5], [0.25]]),
        (spaces.MultiDiscrete([2, 3]), [0.0, 1.0, 3.0, 1.0, 2.0], [1, 0]),
    ],
)
def test_agent_reads_outputs_as_actions_of_the_space(space, outputs, action):
    net = nn.Linear(CHANNELS, len(outputs))
    net.weight.data[:], net.bias.data[:] = 0, torch.tensor(outputs)
    agent = NetworkAgent(net, OBSERVATIONS, space)
    one, _ = agent.predict(np.zeros(CHANNELS, np.float32))
    assert np.array_equal(one, action)
    assert one.dtype == space.dtype
    assert one in space
    several, _ = agent.predict(np.zeros((4, CHANNELS), np.float32))
    assert np.array_equal(several, [action] * 4)


def torch_noise(x):
    return torch.randn_like(x)


def numpy_noise(x):
    return torch.as_tensor(np.random.randn(*x.shape)).to(x)


class Noisy(Layered):
    def __init__(self, noise=torch_noise, **options):
        super().__init__(**options)
        self.noise = noise

    def forward(self, x):
        return self.readout(self.rnn(x + self.noise(x))[0])


class Turned(nn.Module):
    """Takes (sequences, steps, ...), which no layer of it says."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x.transpose(0, 1)).transpose(0, 1)


@pytest.mark.parametrize("noise", [torch_noise, numpy_noise])
@pytest.mark.parametrize(
    ("make_net", "batch_first", "carriers"),
    [
        (lambda noise: Noisy(noise), False, ["rnn"]),
        (lambda noise: Noisy(noise, batch_first=True), True, ["rnn"]),
        (lambda noise: Turned(Noisy(noise)), True, ["net.rnn"]),
    ],
)
def test_agent_of_a_noisy_module_knows_its_order_and_leaves_random_generators(noise, make_net, batch_first, carriers):
    net = make_net(noise)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    agent = agent_of(net)
    assert agent.batch_first == batch_first
    assert list(agent._carriers) == carriers
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])
    first, second = (agent.predict(np.zeros((1, CHANNELS)))[1].outputs for _ in range(2))
    assert not np.array_equal(first, second)


class Keeping(Loop):
    """Goes on at each call where the last one ended."""

    hidden = None

    def forward(self, x):
        rows = []
        for step in x:
            self.hidden = self.cell(step, self.hidden)
            rows.append(self.readout(self.hidden))
        return torch.stack(rows)


def own_generator():
    rng = np.random.default_rng(0)
    return Noisy(lambda x: torch.as_tensor(rng.standard_normal(x.shape)).to(x))


@pytest.mark.parametrize("make_net", [Keeping, lambda: Turned(Keeping()), own_generator])
def test_agent_refuses_modules_that_keep_something_from_call_to_call(make_net):
    message = "answers the same observations otherwise when it is called again: .* take the state as second argument"
    with pytest.raises(KeepsStateError, match=message):
        agent_of(make_net())


def test_agent_keeps_observations_from_modules_that_write_to_them():
    class Writing(Loop):
        def forward(self, x):
            return super().forward(x.mul_(2))

    agent, ob = agent_of(Writing()), np.ones((2, CHANNELS), np.float32)
    _, state = agent.predict(ob)
    _, state = agent.predict(ob, state)
    assert (ob == 1).all()
    assert (state.history == 1).all()


class Table(nn.Module):
    def forward(self, x):
        return {"logits": x}


class Mixing(nn.Module):
    def forward(self, x):
        return x + x.mean(dim=(0, 1))


class ShareOfTime(nn.Module):
    def forward(self, x):
        return x + torch.linspace(0, 1, len(x))[:, None, None]


class Infinite(nn.Module):
    def forward(self, x):
        return x / 0


@pytest.mark.parametrize(
    ("net", "kwargs", "error", "message"),
    [
        (lambda: print, {}, TypeError, "net=<built-in function print> must be a torch module"),
        (
            lambda: nn.Linear(CHANNELS, 4),
            {},
            ValueError,
            r"Linear gives outputs of shape \(5, 3, 4\) for .*; the actions Discrete\(3\) need \(5, 3, 3\), a logit for",
        ),
        (
            lambda: nn.Linear(4, ACTIONS),
            {},
            ValueError,
            r"The net Linear cannot be called with observations of shape \(5, 3, 3\): RuntimeError: mat1",
        ),
        (lambda: Table(), {}, ValueError, "The net Table returns a dict; expected a tensor, or one first in a tuple"),
        (lambda: Attention(causal=False), {}, ValueError, "The net Attention looks ahead: its outputs at a step depend on"),
        (lambda: Noisy(bidirectional=True), {}, ValueError, "The net Noisy looks ahead"),
        (lambda: Observer(1e9, ahead=True), {}, ValueError, "The net Observer looks ahead"),
        (lambda: Observer(1e9, batch_first=True, ahead=True), {}, ValueError, "The net Observer looks ahead"),
        (lambda: Observer(1e9), {"batch_first": True}, ValueError, "of the net Observer .* see batch_first=True"),
        (lambda: Observer(1e9, batch_first=True), {"batch_first": False}, ValueError, "see batch_first=False"),
        (lambda: ShareOfTime(), {}, ValueError, "The net ShareOfTime looks ahead"),
        (lambda: Mixing(), {}, ValueError, "The answers of the net Mixing to one sequence depend on the others"),
        (lambda: Layered(batch_first=True), {"batch_first": False}, ValueError, "see batch_first=False"),
        (
            lambda: nn.Identity(),
            {"action_space": spaces.MultiBinary(3)},
            TypeError,
            "must be Discrete, MultiDiscrete or a Box",
        ),
    ],
)
def test_agent_explains_modules_that_do_not_fit(net, kwargs, error, message):
    given = {"observation_space": OBSERVATIONS, "action_space": CHOICES, **kwargs}
    with pytest.raises(error, match=message):
        NetworkAgent(net(), **given)


def test_agent_explains_outputs_that_are_not_finite():
    with pytest.raises(ValueError, match="The net Infinite gives outputs that are not finite"):
        agent_of(Infinite()).predict(np.ones(CHANNELS, np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observation": np.zeros(5)}, r"observation=.* must be numbers of shape \(3,\), or \(n, ...\) of that"),
        ({"observation": "abc"}, "observation='abc' must be numbers of shape"),
        ({"state": 5}, "state=5 must be what `predict` returned for 2 sequences"),
        ({"observation": np.zeros((3, 3))}, "state=.* must be what `predict` returned for 3 sequences"),
        ({"episode_start": [True]}, r"episode_start=\[True\] must be 2 times True or False"),
    ],
)
def test_predict_explains_what_it_cannot_take(change, message):
    agent, ob = agent_of(make("logits only")), np.zeros((2, 3), np.float32)
    _, state = agent.predict(ob)
    with pytest.raises(ValueError, match=message):
        agent.predict(**{"observation": ob, "state": state, **change})


def test_is_network_is_true_of_modules_without_predict():
    class Policy(nn.Linear):
        def predict(self):
            """Act."""

    assert is_network(nn.Linear(2, 2))
    assert not is_network(Policy(2, 2))
    assert not is_network("GRU")


def test_run_env_plays_a_module_and_returns_its_hidden_states():
    net = make("with its state")
    data = ngym.run_env("PerceptualDecisionMaking-v0", num_trials=4, model=net, seed=3)
    ob = np.concatenate([data["initial_ob"][None], data["ob"][:-1]])
    hidden = net.rnn(torch.as_tensor(ob[:, None]))[0][:, 0]
    np.testing.assert_allclose(data["states"], hidden.detach().numpy(), atol=1e-5)
    assert np.array_equal(data["actions"], net.readout(hidden).argmax(1).numpy())


def test_plot_env_draws_a_module_and_explains_one_that_does_not_fit():
    plot = pytest.importorskip("ngym_plot")
    figure = plot.plot_env("PerceptualDecisionMaking-v0", num_trials=2, model=make("logits only"), seed=0)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()][-1] == "Unit"
    with pytest.raises(TypeError, match="The agent <class .*GRU'> is a class, which cannot act"):
        plot.plot_env("PerceptualDecisionMaking-v0", num_trials=2, model=nn.GRU)
    with pytest.raises(ValueError, match=r"the actions Discrete\(3\) need \(5, 3, 3\), a logit for each"):
        plot.plot_env("PerceptualDecisionMaking-v0", num_trials=2, model=nn.Linear(3, 2))


def test_examples_of_networks_run():
    assert doctest.testmod(networks).failed == 0
