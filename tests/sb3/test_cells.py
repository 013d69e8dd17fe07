from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ngym_sb3 import CTRNN, DaleCTRNN
from ngym_sb3.cells import make_cell


@given(st.integers(1, 3), st.integers(1, 7), st.sampled_from([20.0, 50.0, 100.0]), st.floats(1, 10), st.integers(0, 99))
def test_ctrnn_follows_its_formula(layers, steps, dt, tau_over_dt, seed):
    torch.manual_seed(seed)
    cell = CTRNN(3, 5, layers, dt=dt, tau=dt * tau_over_dt)
    x, h, c = torch.randn(steps, 2, 3), torch.randn(layers, 2, 5), torch.randn(layers, 2, 5)
    out, (last, same) = cell(x, (h, c))
    rates = h.clone()
    for step in range(steps):
        below = x[step]
        for layer in range(layers):
            drive = cell.inputs[layer](below) + rates[layer] @ cell.recurrent_weights(layer).T
            rates[layer] = (1 - 1 / tau_over_dt) * rates[layer] + torch.tanh(drive) / tau_over_dt
            below = rates[layer]
        assert torch.allclose(out[step], rates[-1], atol=1e-5)
    assert torch.allclose(last, rates, atol=1e-5)
    assert same is c


def test_dale_ctrnn_is_initially_balanced():
    torch.manual_seed(0)
    cell = DaleCTRNN(3, 200)
    weights = cell.recurrent_weights().detach()
    assert abs(weights.sum(1).mean()) < 0.02 * weights.abs().sum(1).mean()
    assert torch.linalg.eigvals(weights).abs().max() == pytest.approx(1, abs=1e-4)


class NoSize(torch.nn.Module):
    def __init__(self, input_size, hidden_size, num_layers):
        super().__init__()


class Flat(torch.nn.LSTM):
    """A cell that leaves out an axis."""

    def forward(self, inputs, state):
        outputs, state = super().forward(inputs, state)
        return outputs[0], state


def test_cells_that_are_given_are_tried_and_left_as_they_are():
    class Counts(torch.nn.LSTM):
        calls = 0

        def forward(self, inputs, state=None):
            Counts.calls += 1
            assert not self.training
            return super().forward(inputs, state)

    torch.manual_seed(0)
    cell, after = make_cell(Counts, 3, 12, 2, {"dropout": 0.5}), torch.rand(1)
    torch.manual_seed(0)
    torch.nn.LSTM(3, 12, 2)
    assert torch.equal(torch.rand(1), after)
    assert Counts.calls == 1
    assert cell.training


@pytest.mark.parametrize(
    ("cell", "cell_kwargs", "error", "message"),
    [
        ("grru", {}, KeyError, "Unknown cell 'grru'. Did you mean 'gru'"),
        ("gru", {"tau": 3}, TypeError, r"cell='gru' with cell_kwargs={'tau': 3}: .*'tau'"),
        ("ctrnn", {"tau": 50}, ValueError, "dt=100 and tau=50 must be times in ms with 0 < dt <= tau"),
        ("ctrnn", {"nonlinearity": "x"}, ValueError, "nonlinearity='x' must be one of 'tanh', 'relu'"),
        ("rnn", {"nonlinearity": "x"}, ValueError, "nonlinearity='x' must be"),
        ("ei-ctrnn", {"excitatory": 1}, ValueError, "excitatory=1 of 12 units leaves 12 excitatory ones"),
        (torch.nn.GRU, {}, TypeError, r"GRU'> must map inputs .* and a state \(h, c\) to .*The cells by name .*gru"),
        (torch.nn.RNN, {}, TypeError, r"RNN'> must map inputs .* and a state \(h, c\) to"),
        (torch.nn.LSTM, {"batch_first": True}, TypeError, r"LSTM'> must map inputs \(steps, batch, 3\)"),
        (Flat, {}, TypeError, r"Flat'> must return .* shapes \[\(3, 2, 12\), .* not \[\(2, 12\),"),
        (NoSize, {}, TypeError, "must make a torch module that has input_size=3, as torch.nn.LSTM does"),
    ],
)
def test_make_cell_rejects_invalid_arguments(cell, cell_kwargs, error, message):
    with pytest.raises(error, match=message):
        make_cell(cell, 3, 12, 1, cell_kwargs)
