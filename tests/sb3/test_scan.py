from __future__ import annotations

import pytest
import torch
from torch import nn

from ngym_sb3.cells import CELLS, CTRNN, GRU, NONLINEARITIES, make_cell
from ngym_sb3.scan import _run_step_by_step, run_cells

KINDS = {**{name: {} for name in CELLS}, "relu": {"nonlinearity": "relu"}, "slow": {"tau": 300}}
NAMES = {"relu": "rnn", "slow": "ctrnn"}
STEPS, N, UNITS = 9, 4, 6


def both(cells, features, starts):
    """Return outputs, states after each step and gradients of cells that run through time, and step by step."""
    states = [(torch.rand(c.num_layers, N, UNITS), torch.rand(c.num_layers, N, UNITS)) for c in cells]
    inputs = [torch.randn(STEPS, N, f) for f in features]
    weights = torch.randn(STEPS, N, UNITS)
    for step_by_step in (False, True):
        for x in inputs:
            x.grad = None
            x.requires_grad_(True)
        for cell in cells:
            cell.zero_grad()
        if step_by_step:
            keep = 1 - starts.unsqueeze(2)
            runs = [_run_step_by_step(c, x, s, keep) for c, x, s in zip(cells, inputs, states, strict=True)]
        else:
            runs = run_cells(cells, inputs, states, starts)
        sum((run.outputs * weights).sum() for run in runs).backward()
        learned = [[x.grad.clone(), *(p.grad.clone() for p in c.parameters())] for c, x in zip(cells, inputs, strict=True)]
        yield runs, learned


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_cells_run_through_time_as_step_by_step_with_the_same_gradients(kind, layers, share):
    torch.manual_seed(0)
    cells = [make_cell(NAMES.get(kind, kind), 3, UNITS, layers, KINDS[kind]) for _ in range(2)]
    starts = (torch.rand(STEPS, N) < share).float()
    (runs, learned), (expected_runs, expected) = both(cells, (3, 3), starts)
    for run, wanted, own, gradients in zip(runs, expected_runs, learned, expected, strict=True):
        assert torch.allclose(run.outputs, wanted.outputs, atol=1e-6)
        assert torch.allclose(run.h, wanted.h, atol=1e-6)
        if kind == "lstm":
            assert torch.allclose(run.c, wanted.c, atol=1e-6)
        for gradient, wanted_gradient in zip(own, gradients, strict=True):
            assert torch.allclose(gradient, wanted_gradient, rtol=1e-4, atol=1e-5)


class Forgetful(nn.LSTM):
    """A cell of which nothing is known but its interface."""

    def forward(self, inputs, state=None):
        outputs, state = super().forward(inputs, state)
        return 0.5 * outputs, state


def test_cells_of_other_kinds_run_beside_each_other_and_unknown_ones_step_by_step():
    torch.manual_seed(0)
    starts = (torch.rand(STEPS, N) < 0.3).float()
    cells = [GRU(3, UNITS), CTRNN(5, UNITS), Forgetful(2, UNITS)]
    (runs, learned), (wanted_runs, wanted) = both(cells, (3, 5, 2), starts)
    for run, other in zip(runs, wanted_runs, strict=True):
        assert torch.allclose(run.outputs, other.outputs, atol=1e-6)
    for own, others in zip(learned, wanted, strict=True):
        assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(own, others, strict=True))


class LearnedTimeConstant(CTRNN):
    """A leaky cell that learns its time constant: one, or one of each unit."""

    def __init__(self, *args, shape=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.alpha = nn.Parameter(torch.full(shape, 0.4))


class OtherNonlinearity(CTRNN):
    """A leaky cell with a nonlinearity that it has added."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.nonlinearity = "sigmoid"


def cells_with_hooks():
    """Return a cell that halves its outputs, and one whose weights are made before each forward pass."""
    halves, normalised = GRU(3, UNITS), GRU(3, UNITS)
    halves.register_forward_hook(lambda module, inputs, result: (result[0] / 2, result[1]))
    normalised.layers.register_forward_pre_hook(lambda module, inputs: (module.weight_hh_l0.data.clamp_(-0.1, 0.1), None)[1])
    return [halves, normalised]


@pytest.mark.parametrize(
    "make",
    [
        lambda: [LearnedTimeConstant(3, UNITS) for _ in range(2)],
        lambda: [LearnedTimeConstant(3, UNITS, shape=(UNITS,)) for _ in range(2)],
        lambda: [OtherNonlinearity(3, UNITS)],
        cells_with_hooks,
    ],
)
def test_cells_that_differ_from_those_that_are_known_run_step_by_step(make, monkeypatch):
    monkeypatch.setitem(NONLINEARITIES, "sigmoid", torch.sigmoid)
    torch.manual_seed(0)
    cells, starts = make(), (torch.rand(STEPS, N) < 0.3).float()
    state = torch.get_rng_state()
    (runs, learned), _ = both(cells, [3] * len(cells), starts)
    torch.manual_seed(0)
    others = make()
    torch.set_rng_state(state)
    _, (wanted_runs, wanted) = both(others, [3] * len(cells), starts)
    for run, other, own, gradients in zip(runs, wanted_runs, learned, wanted, strict=True):
        assert torch.allclose(run.outputs, other.outputs, atol=1e-6)
        assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(own, gradients, strict=True))


def test_states_after_some_steps_are_those_that_a_cell_goes_on_from():
    torch.manual_seed(0)
    cell, x, starts = nn.LSTM(3, UNITS), torch.randn(STEPS, N, 3), torch.zeros(STEPS, N)
    first = (torch.rand(1, N, UNITS), torch.rand(1, N, UNITS))
    (run,) = run_cells([cell], [x], [first], starts)
    h, c = run.states_at(torch.tensor([4, 4]), torch.tensor([2, 0]))
    (rest,) = run_cells([cell], [x[5:, [2, 0]]], [(h, c)], starts[5:, [2, 0]])
    assert torch.allclose(rest.outputs, run.outputs[5:, [2, 0]], atol=1e-6)
    assert torch.equal(run.last_state()[1], run.c[:, -1])
