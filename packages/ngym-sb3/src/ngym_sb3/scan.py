"""Recurrent cells through time: whole sequences in one call, with restarts inside them and a short backward pass.

PyTorch's automatic differentiation records every operation of every step, and adds up the gradient of the recurrent weights
step by step. Here each kind of cell has a backward pass of its own: what it can compute for all steps at once it does at
once, and the gradient of the weights is one product. Cells of one kind and size, such as actor and critic, run together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from ngym_sb3.cells import CTRNN, GRU, RNN

__all__ = ["CellRun", "run_cells"]

State: TypeAlias = tuple[Tensor, Tensor]

LEAKY = ("tanh", "relu")
"""Nonlinearities of leaky and vanilla cells of which the backward pass is known."""


class CellRun(NamedTuple):
    """What a cell did in a sequence of steps.

    Attributes:
        outputs: (steps, n, units).
        h: State after each step, (layers, steps, n, units), without gradients.
        c: The same of the second state variable; the first one, (layers, 1, n, units), if the cell leaves it as it is.
    """

    outputs: Tensor
    h: Tensor
    c: Tensor

    def last_state(self) -> State:
        """Return the state after the last step, (layers, n, units) each."""
        return self.h[:, -1].contiguous(), self.c[:, -1].contiguous()

    def states_at(self, steps: Tensor, lanes: Tensor) -> State:
        """Return the states of some lanes after some steps, (layers, m, units) each, from (m,) indices."""
        return self.h[:, steps, lanes], self.c[:, steps if self.c.shape[1] > 1 else torch.zeros_like(steps), lanes]


def run_cells(cells: Sequence[Any], inputs: Sequence[Tensor], states: Sequence[State], starts: Tensor) -> list[CellRun]:
    """Run cells over all steps of n sequences, and restart their states (at zero) wherever `starts` is set.

    Args:
        cells: Cells of `ngym_sb3.cells.CELLS`, or modules with the interface of `torch.nn.LSTM`.
        inputs: Of each cell, (steps, n, features).
        states: State (h, c) of each cell before the first step, (layers, n, units) each; no gradient flows into it.
        starts: 1 where an episode starts, so that the state restarts before the step, (steps, n) float.

    Returns:
        Outputs and states of each cell.

    Example:
        >>> import torch
        >>> from ngym_sb3 import GRU
        >>> from ngym_sb3.scan import run_cells
        >>> cell, rest = GRU(input_size=3, hidden_size=8), torch.zeros(1, 16, 8)
        >>> (run,) = run_cells([cell], [torch.randn(50, 16, 3)], [(rest, rest)], torch.zeros(50, 16))
        >>> run.outputs.shape, run.h.shape
        (torch.Size([50, 16, 8]), torch.Size([1, 50, 16, 8]))
    """
    kind = _kind(cells[0])
    if any(_kind(cell) != kind for cell in cells[1:]):
        return [run_cells([cell], [x], [s], starts)[0] for cell, x, s in zip(cells, inputs, states, strict=True)]
    keep = 1 - starts.unsqueeze(2)
    if kind is None:
        return [_run_step_by_step(*one, keep) for one in zip(cells, inputs, states, strict=True)]
    restarts = _Restarts(keep.unsqueeze(1), starts.any(dim=1).tolist())
    h, c = (torch.stack([state[i] for state in states], dim=1) for i in (0, 1))  # (layers, cells, n, units)
    layer_inputs = list(inputs)
    all_h, all_c = [], []
    for layer in range(cells[0].num_layers):
        after = None
        if isinstance(cells[0], CTRNN):
            currents = [cell.inputs[layer](x) for cell, x in zip(cells, layer_inputs, strict=True)]
            weights = torch.stack([cell.recurrent_weights(layer) for cell in cells])
            out = _leaky(currents, weights, h[layer], restarts, cells[0].alpha, cells[0].nonlinearity)
            layer_inputs = [cell.project_out(own) for cell, own in zip(cells, out.unbind(1), strict=True)]
        else:
            w_in, w_rec, b_in, b_rec = zip(*(_parameters(cell, layer) for cell in cells), strict=True)
            weights, apart = torch.stack(w_rec), isinstance(cells[0], GRU)
            bias = b_in if apart else [one + two for one, two in zip(b_in, b_rec, strict=True)]
            currents = [nn.functional.linear(x, w, b) for x, w, b in zip(layer_inputs, w_in, bias, strict=True)]
            if apart:
                out = _GRUScan.apply(torch.stack(currents, 1), weights, torch.stack(b_rec), h[layer], restarts)  # type: ignore[no-untyped-call]
            elif isinstance(cells[0], RNN):
                out = _leaky(currents, weights, h[layer], restarts, 1.0, cells[0].layers.nonlinearity)
            else:
                out, after = _LSTMScan.apply(torch.stack(currents, 1), weights, h[layer], c[layer], restarts)  # type: ignore[no-untyped-call]
            layer_inputs = list(out.unbind(1))
        all_h.append(out.detach())
        all_c.append(c[layer].unsqueeze(0) if after is None else after)
    every_h, every_c = torch.stack(all_h), torch.stack(all_c)  # (layers, steps, cells, n, units)
    return [CellRun(x, every_h[:, :, i], every_c[:, :, i]) for i, x in enumerate(layer_inputs)]


def _kind(cell: Any) -> Any:
    """Return what cells must agree in to run together; None for one of which nothing is known but its interface."""
    size = cell.hidden_size, cell.num_layers
    if any(hooks for part in (cell, getattr(cell, "layers", cell)) for hooks in _hooks(part)):
        return None  # called with the forward pass of the module, which does not happen here
    if isinstance(cell, CTRNN) and type(cell).forward is CTRNN.forward:
        # An alpha that is learned, or of each unit, and another f: the backward pass here knows neither.
        known = isinstance(cell.alpha, Real) and cell.nonlinearity in LEAKY
        return (type(cell), size, cell.alpha, cell.nonlinearity) if known else None
    if type(cell) is RNN:
        return RNN, size, cell.layers.nonlinearity
    plain = (
        type(cell) is nn.LSTM
        and cell.bias
        and not (cell.batch_first or cell.dropout or cell.bidirectional or cell.proj_size)
    )
    return (type(cell), size) if plain or type(cell) is GRU else None


def _hooks(module: nn.Module) -> tuple[Any, ...]:
    """Return the hooks of a module, in dictionaries."""
    return module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks


def _run_step_by_step(cell: Any, inputs: Tensor, state: State, keep: Tensor) -> CellRun:
    """Run a cell of which nothing is known but its interface; see `run_cells`."""
    outputs, hs, cs = [], [], []
    for step, kept in zip(inputs.unsqueeze(1), keep, strict=True):
        output, state = cell(step, (kept * state[0], kept * state[1]))
        outputs.append(output)
        hs.append(state[0].detach())
        cs.append(state[1].detach())
    return CellRun(torch.cat(outputs), torch.stack(hs, dim=1), torch.stack(cs, dim=1))


def _parameters(cell: Any, layer: int) -> list[Tensor]:
    """Return the parameters of a layer of a recurrent module of PyTorch: weights in and recurrent, biases of both."""
    module = getattr(cell, "layers", cell)
    return [getattr(module, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


class _Restarts(NamedTuple):
    """Where states restart.

    Attributes:
        keep: 0 where a state restarts before a step, else 1, (steps, 1, n, 1).
        at: Whether any lane's does, for each step.
    """

    keep: Tensor
    at: list[bool]

    def previous(self, states: Tensor) -> Tensor:
        """Return what each step began with, (steps, ...), from the states before, between and after the steps."""
        return states[:-1] * self.keep if any(self.at) else states[:-1]


# In what follows g cells run together: arrays by step are (steps, g, n, ...), and weights (g, to, from). Currents, which are
# overwritten, are what flows into the recurrent layer from outside, (steps, g, n, ...).


def _leaky(currents: list[Tensor], weights: Tensor, h: Tensor, restarts: _Restarts, alpha: float, f: str) -> Tensor:
    rates: Tensor = _LeakyScan.apply(torch.stack(currents, dim=1), weights, h, restarts, alpha, f)  # type: ignore[no-untyped-call]
    return rates


def _gradient_of_weights(gradient: Tensor, previous: Tensor) -> Tensor:
    """Return the gradient of recurrent weights, (g, m, units), from that of what they add to and from previous states."""
    by_cell = [array.transpose(0, 1).flatten(1, 2) for array in (gradient, previous)]
    return by_cell[0].transpose(1, 2) @ by_cell[1]


class _LeakyScan(torch.autograd.Function):
    """``h = (1 - alpha) h + alpha f(current + W h)`` through time."""

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, weights: Tensor, h: Tensor, restarts: _Restarts, alpha: float, nonlinearity: str
    ) -> Tensor:
        states = currents.new_empty(len(currents) + 1, *currents.shape[1:])
        states[0] = h
        f, transposed = torch.relu_ if nonlinearity == "relu" else torch.tanh_, weights.transpose(1, 2).contiguous()
        views = zip(currents.unbind(), pairwise(states.unbind()), restarts.at, restarts.keep.unbind(), strict=True)
        for rate, (before, after), restart, kept in views:
            if restart:
                before = before * kept
            f(rate.baddbmm_(before, transposed))
            torch.lerp(before, rate, alpha, out=after)
        ctx.save_for_backward(currents, states, weights)
        ctx.settings = restarts, alpha, nonlinearity
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        rates, states, weights = ctx.saved_tensors
        restarts, alpha, nonlinearity = ctx.settings
        # Slope of the nonlinearity, from its value.
        slopes = (rates > 0).to(rates.dtype).mul_(alpha) if nonlinearity == "relu" else (1 - rates * rates).mul_(alpha)
        totals, inner = gradients[0].clone(memory_format=torch.contiguous_format), torch.empty_like(slopes)
        views = [x.unbind()[::-1] for x in (totals, slopes, inner, restarts.keep)]
        earlier = [*views[0][1:], torch.empty_like(totals[0])]
        for total, slope, into, kept, before, restart in zip(*views, earlier, restarts.at[::-1], strict=True):
            torch.mul(total, slope, out=into)
            if restart:
                before.addcmul_(torch.baddbmm(total, into, weights, beta=1 - alpha), kept)
            elif alpha < 1:
                before.add_(total, alpha=1 - alpha).baddbmm_(into, weights)
            else:
                before.baddbmm_(into, weights)
        return inner, _gradient_of_weights(inner, restarts.previous(states)), None, None, None, None


class _GRUScan(torch.autograd.Function):
    """Gated recurrent units through time: reset and update gate and candidate, in this order, as in `torch.nn.GRU`."""

    @staticmethod
    def forward(ctx: Any, currents: Tensor, weights: Tensor, bias: Tensor, h: Tensor, restarts: _Restarts) -> Tensor:
        units = h.shape[-1]
        states = currents.new_empty(len(currents) + 1, *h.shape)
        states[0] = h
        recurrent = bias.unsqueeze(1).expand_as(currents).contiguous()
        transposed = weights.transpose(1, 2).contiguous()
        gates, candidates = currents[..., : 2 * units], currents[..., 2 * units :]
        views = (gates, gates[..., :units], gates[..., units:], candidates)
        of_recurrent = (recurrent, recurrent[..., : 2 * units], recurrent[..., 2 * units :])
        steps = zip(
            *(view.unbind() for view in (*views, *of_recurrent, restarts.keep)),
            pairwise(states.unbind()),
            restarts.at,
            strict=True,
        )
        for gate, reset, update, candidate, inner, to_gates, to_candidate, kept, (before, after), restart in steps:
            if restart:
                before = before * kept
            inner.baddbmm_(before, transposed)
            gate.add_(to_gates).sigmoid_()
            candidate.addcmul_(reset, to_candidate).tanh_()
            torch.lerp(candidate, before, update, out=after)
        ctx.save_for_backward(currents, recurrent, states, weights)
        ctx.restarts = restarts
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        currents, recurrent, states, weights = ctx.saved_tensors
        restarts, units = ctx.restarts, states.shape[-1]
        reset, update, candidate = currents.unflatten(-1, (3, units)).unbind(-2)
        previous = restarts.previous(states)
        to_candidate = (1 - update) * (1 - candidate * candidate)
        # What one unit of gradient of the state is for what the recurrent weights add to: (steps, g, n, 3, units).
        factors = torch.empty_like(currents).unflatten(-1, (3, units))  # type: ignore[no-untyped-call]
        torch.mul(to_candidate * recurrent[..., 2 * units :], reset * (1 - reset), out=factors[..., 0, :])
        torch.mul(previous - candidate, update * (1 - update), out=factors[..., 1, :])
        torch.mul(to_candidate, reset, out=factors[..., 2, :])
        totals = gradients[0].clone(memory_format=torch.contiguous_format)
        inner = torch.empty_like(factors)
        flat = inner.flatten(-2)
        views = [x.unbind()[::-1] for x in (totals, totals.unsqueeze(-2), factors, inner, flat, update, restarts.keep)]
        earlier = [*views[0][1:], torch.empty_like(totals[0])]
        for total, wide, factor, into, product, share, kept, before, restart in zip(
            *views, earlier, restarts.at[::-1], strict=True
        ):
            torch.mul(wide, factor, out=into)
            if restart:
                before.addcmul_((total * share).baddbmm_(product, weights), kept)
            else:
                before.addcmul_(total, share).baddbmm_(product, weights)
        of_currents = torch.cat([flat[..., : 2 * units], totals * to_candidate], dim=-1)
        return of_currents, _gradient_of_weights(flat, previous), flat.sum(dim=(0, 2)), None, None


class _LSTMScan(torch.autograd.Function):
    """Long short-term memory through time: input, forget, cell and output gate, in this order, as in `torch.nn.LSTM`."""

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, weights: Tensor, h: Tensor, c: Tensor, restarts: _Restarts
    ) -> tuple[Tensor, Tensor]:
        units = h.shape[-1]
        states, cells = (currents.new_empty(len(currents) + 1, *h.shape) for _ in range(2))
        states[0], cells[0] = h, c
        squashed, transposed = torch.empty_like(states[1:]), weights.transpose(1, 2).contiguous()
        gates = currents.unflatten(-1, (4, units)).unbind(-2)  # type: ignore[no-untyped-call]
        steps = zip(
            *(view.unbind() for view in (currents, currents[..., : 2 * units], *gates, squashed, restarts.keep)),
            pairwise(states.unbind()),
            pairwise(cells.unbind()),
            restarts.at,
            strict=True,
        )
        for gate, in_and_forget, take, forget, new, out, small, kept, (before, after), (old, cell), restart in steps:
            if restart:
                before, old = before * kept, old * kept
            gate.baddbmm_(before, transposed)
            in_and_forget.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            torch.addcmul(forget * old, take, new, out=cell)
            torch.mul(out, torch.tanh(cell, out=small), out=after)
        ctx.save_for_backward(currents, squashed, states, cells, weights)
        ctx.restarts = restarts
        after_steps = cells[1:]
        ctx.mark_non_differentiable(after_steps)
        return states[1:], after_steps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        currents, squashed, states, cells, weights = ctx.saved_tensors
        restarts, units = ctx.restarts, states.shape[-1]
        take, forget, new, out = currents.unflatten(-1, (4, units)).unbind(-2)
        # What one unit of gradient of the cell's state is for the first three gates.
        factors = currents.new_empty(*states[1:].shape[:-1], 3, units)
        torch.mul(new, take * (1 - take), out=factors[..., 0, :])
        torch.mul(restarts.previous(cells), forget * (1 - forget), out=factors[..., 1, :])
        torch.mul(take, 1 - new * new, out=factors[..., 2, :])
        to_out, to_cell = squashed * out * (1 - out), out * (1 - squashed * squashed)
        totals = gradients[0].clone(memory_format=torch.contiguous_format)
        inner = torch.empty_like(currents).unflatten(-1, (4, units))  # type: ignore[no-untyped-call]
        flat = inner.flatten(-2)
        by_step = (totals, factors, to_out, to_cell, inner[..., :3, :], inner[..., 3, :], flat, forget, restarts.keep)
        views = [x.unbind()[::-1] for x in by_step]
        earlier = [*views[0][1:], torch.empty_like(totals[0])]
        of_cell = torch.zeros_like(totals[0])
        for total, factor, at_out, at_cell, three, last, product, passed, kept, before, restart in zip(
            *views, earlier, restarts.at[::-1], strict=True
        ):
            torch.mul(total, at_out, out=last)
            of_cell = of_cell.addcmul_(total, at_cell)
            torch.mul(of_cell.unsqueeze(-2), factor, out=three)
            of_cell = of_cell * passed
            if restart:
                before.addcmul_(torch.bmm(product, weights), kept)
                of_cell.mul_(kept)
            else:
                before.baddbmm_(product, weights)
        return flat, _gradient_of_weights(flat, restarts.previous(states)), None, None, None
