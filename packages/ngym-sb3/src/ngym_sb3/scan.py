"""Recurrent cells through time: whole sequences in one call with restarts inside them, and a backward pass of few operations.

PyTorch's automatic differentiation records every operation of every step, and adds up the gradient of the recurrent weights
step by step. Here each kind of cell has a backward pass of its own: what it can compute for all steps at once it does at
once, and the gradient of the weights is one product.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from ngym_sb3.cells import CTRNN, GRU, RNN

__all__ = ["CellRun", "run_cell"]

State: TypeAlias = tuple[Tensor, Tensor]


class CellRun(NamedTuple):
    """What a cell did in a sequence of steps.

    Attributes:
        outputs: (steps, n, units).
        h: State after each step, (layers, steps, n, units), without gradients.
        c: The same of the second state variable; that of the beginning, (layers, 1, n, units), if the cell leaves it as it is.
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


def run_cell(cell: Any, inputs: Tensor, state: State, starts: Tensor) -> CellRun:
    """Run a cell over all steps of n sequences, and restart its state (at zero) wherever `starts` is set.

    Args:
        cell: One of `ngym_sb3.cells.CELLS`, or a module with the interface of `torch.nn.LSTM`.
        inputs: (steps, n, features).
        state: State (h, c) before the first step, (layers, n, units) each; no gradient flows into it.
        starts: 1 where an episode starts, so that the state restarts before the step, (steps, n) float.

    Returns:
        Outputs and states.

    Example:
        >>> import torch
        >>> from ngym_sb3 import GRU
        >>> from ngym_sb3.scan import run_cell
        >>> cell, rest = GRU(input_size=3, hidden_size=8), torch.zeros(1, 16, 8)
        >>> run = run_cell(cell, torch.randn(50, 16, 3), (rest, rest), torch.zeros(50, 16))
        >>> run.outputs.shape, run.h.shape
        (torch.Size([50, 16, 8]), torch.Size([1, 50, 16, 8]))
    """
    restarts = starts.any(dim=1).tolist()
    keep = 1 - starts.unsqueeze(2)
    if isinstance(cell, CTRNN) and type(cell).forward is CTRNN.forward:
        hs = []
        for layer, project_in in enumerate(cell.inputs):
            alpha, weights = cell.alpha, cell.recurrent_weights(layer)
            h = _leaky(project_in(inputs), weights, state[0][layer], keep, restarts, alpha, cell.nonlinearity)
            hs.append(h)
            inputs = cell._project_out(h)
        return CellRun(inputs, torch.stack([h.detach() for h in hs]), state[1].unsqueeze(1))
    if type(cell) is RNN or type(cell) is GRU:
        hs = []
        for layer in range(cell.num_layers):
            w_in, w_rec, b_in, b_rec = _parameters(cell.layers, layer)
            if type(cell) is RNN:
                currents = nn.functional.linear(inputs, w_in, b_in + b_rec)
                inputs = _leaky(currents, w_rec, state[0][layer], keep, restarts, 1.0, cell.layers.nonlinearity)
            else:
                currents = nn.functional.linear(inputs, w_in, b_in)
                inputs = _GRUScan.apply(currents, w_rec, b_rec, state[0][layer], keep, restarts)  # type: ignore[no-untyped-call]
            hs.append(inputs)
        return CellRun(inputs, torch.stack([h.detach() for h in hs]), state[1].unsqueeze(1))
    if type(cell) is nn.LSTM and _is_plain(cell):
        hs, cs = [], []
        for layer in range(cell.num_layers):
            w_in, w_rec, b_in, b_rec = _parameters(cell, layer)
            currents = nn.functional.linear(inputs, w_in, b_in + b_rec)
            first = state[0][layer], state[1][layer]
            inputs, c = _LSTMScan.apply(currents, w_rec, *first, keep, restarts)  # type: ignore[no-untyped-call]
            hs.append(inputs)
            cs.append(c)
        return CellRun(inputs, torch.stack([h.detach() for h in hs]), torch.stack(cs))
    return _run_step_by_step(cell, inputs, state, keep)


def _run_step_by_step(cell: Any, inputs: Tensor, state: State, keep: Tensor) -> CellRun:
    """Run a cell of which nothing is known but its interface; see `run_cell`."""
    outputs, hs, cs = [], [], []
    for step, kept in zip(inputs.unsqueeze(1), keep, strict=True):
        output, state = cell(step, (kept * state[0], kept * state[1]))
        outputs.append(output)
        hs.append(state[0].detach())
        cs.append(state[1].detach())
    return CellRun(torch.cat(outputs), torch.stack(hs, dim=1), torch.stack(cs, dim=1))


def _parameters(layers: Any, layer: int) -> list[Tensor]:
    """Return the parameters of a layer of a recurrent module of PyTorch: weights in and recurrent, biases of both."""
    return [getattr(layers, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def _is_plain(lstm: nn.LSTM) -> bool:
    """Return whether an LSTM has none of the options that `_LSTMScan` does not know."""
    return lstm.bias and not (lstm.batch_first or lstm.dropout or lstm.bidirectional or lstm.proj_size)


def _leaky(
    currents: Tensor, weights: Tensor, h: Tensor, keep: Tensor, restarts: list[bool], alpha: float, nonlinearity: str
) -> Tensor:
    rates: Tensor = _LeakyScan.apply(currents, weights, h, keep, restarts, alpha, nonlinearity)  # type: ignore[no-untyped-call]
    return rates


def _previous(states: Tensor, keep: Tensor, restarts: list[bool]) -> Tensor:
    """Return the state that each step began with, (steps, n, units), from those before, between and after the steps."""
    return states[:-1] * keep if any(restarts) else states[:-1]


def _gradient_of_weights(gradient: Tensor, previous: Tensor) -> Tensor:
    """Return the gradient of recurrent weights from that of what they add to, (steps, n, m), and (steps, n, units) states."""
    return gradient.flatten(end_dim=1).T @ previous.flatten(end_dim=1)


class _LeakyScan(torch.autograd.Function):
    """``h = (1 - alpha) h + alpha f(current + W h)`` through time."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        currents: Tensor,
        weights: Tensor,
        h: Tensor,
        keep: Tensor,
        restarts: list[bool],
        alpha: float,
        nonlinearity: str,
    ) -> Tensor:
        steps, n, units = currents.shape
        states, rates = currents.new_empty(steps + 1, n, units), torch.empty_like(currents)
        states[0] = h
        f, transposed = torch.relu_ if nonlinearity == "relu" else torch.tanh_, weights.T
        views = zip(currents.unbind(), rates.unbind(), pairwise(states.unbind()), restarts, keep.unbind(), strict=True)
        for current, rate, (before, after), restart, kept in views:
            if restart:
                before = before * kept
            f(torch.addmm(current, before, transposed, out=rate))
            torch.lerp(before, rate, alpha, out=after)
        ctx.save_for_backward(rates, states, weights, keep)
        ctx.settings = restarts, alpha, nonlinearity
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        rates, states, weights, keep = ctx.saved_tensors
        restarts, alpha, nonlinearity = ctx.settings
        # Slope of the nonlinearity, from its value.
        slopes = (rates > 0).to(rates.dtype).mul_(alpha) if nonlinearity == "relu" else (1 - rates * rates).mul_(alpha)
        inner = torch.empty_like(slopes)
        (of_outputs,) = gradients
        views = [of_outputs.unbind(), slopes.unbind(), inner.unbind(), restarts, keep.unbind()]
        carried: Tensor | None = None
        for outer, slope, into, restart, kept in zip(*(view[::-1] for view in views), strict=True):
            total = outer if carried is None else carried.add_(outer)
            torch.mul(total, slope, out=into)
            carried = torch.addmm(total, into, weights, beta=1 - alpha)
            if restart:
                carried.mul_(kept)
        of_weights = _gradient_of_weights(inner, _previous(states, keep, restarts))
        return inner, of_weights, None, None, None, None, None


class _GRUScan(torch.autograd.Function):
    """Gated recurrent units through time: reset and update gate and candidate, in this order, as in `torch.nn.GRU`."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, currents: Tensor, weights: Tensor, bias: Tensor, h: Tensor, keep: Tensor, restarts: list[bool]
    ) -> Tensor:
        steps, n, units = currents.shape[0], currents.shape[1], h.shape[1]
        states = currents.new_empty(steps + 1, n, units)
        states[0] = h
        gates = currents[..., : 2 * units] + bias[: 2 * units]  # before the nonlinearity, then after it
        recurrent, candidates = torch.empty_like(states[1:]), torch.empty_like(states[1:])
        to_gates, to_candidate, own = weights[: 2 * units].T, weights[2 * units :].T, bias[2 * units :]
        views = zip(
            gates.unbind(),
            gates[..., :units].unbind(),
            gates[..., units:].unbind(),
            currents[..., 2 * units :].unbind(),
            recurrent.unbind(),
            candidates.unbind(),
            pairwise(states.unbind()),
            restarts,
            keep.unbind(),
            strict=True,
        )
        for both, reset, update, current, inner, candidate, (before, after), restart, kept in views:
            if restart:
                before = before * kept
            both.addmm_(before, to_gates).sigmoid_()
            torch.addmm(own, before, to_candidate, out=inner)
            torch.addcmul(current, reset, inner, out=candidate).tanh_()
            torch.lerp(candidate, before, update, out=after)
        ctx.save_for_backward(gates, recurrent, candidates, states, weights, keep)
        ctx.restarts = restarts
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gates, recurrent, candidates, states, weights, keep = ctx.saved_tensors
        restarts = ctx.restarts
        (of_outputs,) = gradients
        steps, n, units = of_outputs.shape
        previous = _previous(states, keep, restarts)
        reset, update = gates[..., :units], gates[..., units:]
        to_candidate = (1 - update) * (1 - candidates * candidates)
        # What one unit of gradient of the state is for what the recurrent weights add to: (steps, n, 3, units).
        factors = of_outputs.new_empty(steps, n, 3, units)
        torch.mul(to_candidate * recurrent, reset * (1 - reset), out=factors[:, :, 0])
        torch.mul(previous - candidates, update * (1 - update), out=factors[:, :, 1])
        torch.mul(to_candidate, reset, out=factors[:, :, 2])
        totals, inner = torch.empty_like(to_candidate), torch.empty_like(factors)
        views = [
            of_outputs.unbind(),
            totals.unbind(),
            totals.unsqueeze(2).unbind(),
            factors.unbind(),
            inner.unbind(),
            inner.view(steps, n, 3 * units).unbind(),
            update.unbind(),
            restarts,
            keep.unbind(),
        ]
        carried = torch.zeros_like(totals[0])
        for outer, total, wide, factor, into, flat, kept_share, restart, kept in zip(*(v[::-1] for v in views), strict=True):
            torch.add(carried, outer, out=total)
            torch.mul(wide, factor, out=into)
            carried = torch.addmm(total * kept_share, flat, weights)
            if restart:
                carried.mul_(kept)
        of_recurrent = inner.view(steps, n, 3 * units)
        of_currents = torch.cat([of_recurrent[..., : 2 * units], totals * to_candidate], dim=2)
        of_weights = _gradient_of_weights(of_recurrent, previous)
        return of_currents, of_weights, of_recurrent.sum(dim=(0, 1)), None, None, None


class _LSTMScan(torch.autograd.Function):
    """Long short-term memory through time: input, forget, cell and output gate, in this order, as in `torch.nn.LSTM`."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, currents: Tensor, weights: Tensor, h: Tensor, c: Tensor, keep: Tensor, restarts: list[bool]
    ) -> tuple[Tensor, Tensor]:
        steps, n, units = currents.shape[0], currents.shape[1], h.shape[1]
        states, cells = currents.new_empty(steps + 1, n, units), currents.new_empty(steps + 1, n, units)
        states[0], cells[0] = h, c
        gates, squashed = torch.empty_like(currents), torch.empty_like(states[1:])
        transposed = weights.T
        split = [gates[..., i * units : (i + 1) * units].unbind() for i in range(4)]
        views = zip(
            currents.unbind(),
            gates.unbind(),
            gates[..., : 2 * units].unbind(),
            *split,
            squashed.unbind(),
            pairwise(states.unbind()),
            pairwise(cells.unbind()),
            restarts,
            keep.unbind(),
            strict=True,
        )
        for current, gate, in_and_forget, take, forget, new, out, small, (before, after), (old, cell), restart, kept in views:
            if restart:
                before, old = before * kept, old * kept
            torch.addmm(current, before, transposed, out=gate)
            in_and_forget.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            torch.addcmul(forget * old, take, new, out=cell)
            torch.mul(out, torch.tanh(cell, out=small), out=after)
        ctx.save_for_backward(gates, squashed, states, cells, weights, keep)
        ctx.restarts = restarts
        after_steps = cells[1:]
        ctx.mark_non_differentiable(after_steps)
        return states[1:], after_steps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gates, squashed, states, cells, weights, keep = ctx.saved_tensors
        restarts, of_outputs = ctx.restarts, gradients[0]
        steps, n, units = of_outputs.shape
        take, forget, new, out = (gates[..., i * units : (i + 1) * units] for i in range(4))
        # What one unit of gradient of the cell's state is for the first three gates: (steps, n, 3, units).
        factors = of_outputs.new_empty(steps, n, 3, units)
        torch.mul(new, take * (1 - take), out=factors[:, :, 0])
        torch.mul(_previous(cells, keep, restarts), forget * (1 - forget), out=factors[:, :, 1])
        torch.mul(take, 1 - new * new, out=factors[:, :, 2])
        to_out, to_cell = squashed * out * (1 - out), out * (1 - squashed * squashed)
        inner = of_outputs.new_empty(steps, n, 4, units)
        views = [
            of_outputs.unbind(),
            factors.unbind(),
            to_out.unbind(),
            to_cell.unbind(),
            inner[:, :, :3].unbind(),
            inner[:, :, 3].unbind(),
            inner.view(steps, n, 4 * units).unbind(),
            forget.unbind(),
            restarts,
            keep.unbind(),
        ]
        carried, of_cell = torch.zeros_like(of_outputs[0]), torch.zeros_like(of_outputs[0])
        for outer, factor, at_out, at_cell, three, last, flat, passed, restart, kept in zip(
            *(view[::-1] for view in views), strict=True
        ):
            total = carried.add_(outer)
            torch.mul(total, at_out, out=last)
            of_cell = of_cell.addcmul_(total, at_cell)
            torch.mul(of_cell.unsqueeze(1), factor, out=three)
            carried, of_cell = flat @ weights, of_cell * passed
            if restart:
                carried.mul_(kept)
                of_cell.mul_(kept)
        of_gates = inner.view(steps, n, 4 * units)
        of_weights = _gradient_of_weights(of_gates, _previous(states, keep, restarts))
        return of_gates, of_weights, None, None, None, None
