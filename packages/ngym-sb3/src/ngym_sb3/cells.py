"""Recurrent cells that look like `torch.nn.LSTM`, so that RecurrentPPO runs them as they are.

All are called with inputs (steps, batch, input_size) and a state ``(h, c)``, (num_layers, batch, hidden_size) each (zero
if it is left out), and return the outputs (steps, batch, hidden_size) and the next state. Cells with one state variable
hand `c` back untouched.

None draws noise: PPO runs a cell again when it learns from what the agent did, and must find the same probabilities.
Noise belongs into the observations (the wrapper ``Noise-v0``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ngym_core.errors import unknown

__all__ = ["CELLS", "CTRNN", "GRU", "RNN", "DaleCTRNN"]

State: TypeAlias = tuple[Tensor, Tensor]
NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


def _rest(cell: Any, x: Tensor) -> State:
    """The state of a cell before anything happened."""
    zeros = x.new_zeros(cell.num_layers, x.shape[1], cell.hidden_size)
    return zeros, zeros


class RNN(nn.Module):
    """A vanilla recurrent network, ``h = f(W_in x + W_rec h + b)``; recurrent weights begin orthogonal.

    Args:
        input_size: Inputs.
        hidden_size: Units of each layer.
        num_layers: Layers.
        nonlinearity: f: ``tanh`` or ``relu``.

    Raises:
        UnknownNameError: Another nonlinearity.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, nonlinearity: str = "tanh") -> None:
        super().__init__()
        if nonlinearity not in NONLINEARITIES:
            raise unknown("nonlinearity", nonlinearity, NONLINEARITIES)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.layers = nn.RNN(input_size, hidden_size, num_layers, nonlinearity)
        for name, weights in self.layers.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(weights)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run some steps."""
        state = _rest(self, x) if state is None else state
        out, h = self.layers(x, state[0])
        return out, (h, state[1])


class GRU(nn.Module):
    """Gated recurrent units (Cho et al. 2014).

    Args:
        input_size: Inputs.
        hidden_size: Units of each layer.
        num_layers: Layers.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.layers = nn.GRU(input_size, hidden_size, num_layers)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run some steps."""
        state = _rest(self, x) if state is None else state
        out, h = self.layers(x, state[0])
        return out, (h, state[1])


class CTRNN(nn.Module):
    """A leaky rate network in continuous time: ``r = (1 - alpha) r + alpha f(W_in x + W_rec r + b)``, alpha = dt / tau.

    As in Yang et al. (2019), https://doi.org/10.1038/s41593-018-0310-2, without their noise.

    Args:
        input_size: Inputs.
        hidden_size: Units of each layer.
        num_layers: Layers.
        dt: Time step of the task in ms.
        tau: Time constant of the units in ms, at least dt.
        nonlinearity: f: ``tanh`` or ``relu``.

    Attributes:
        alpha: dt / tau.

    Raises:
        UnknownNameError: Another nonlinearity.
        ValueError: Times that are not ``0 < dt <= tau``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dt: float = 100,
        tau: float = 200,
        nonlinearity: str = "tanh",
    ) -> None:
        super().__init__()
        if not 0 < dt <= tau < math.inf:
            raise ValueError(f"dt={dt!r} and tau={tau!r} must be ms with 0 < dt <= tau.")
        if nonlinearity not in NONLINEARITIES:
            raise unknown("nonlinearity", nonlinearity, NONLINEARITIES)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.alpha, self.nonlinearity = dt / tau, nonlinearity
        sizes = [input_size, *[hidden_size] * (num_layers - 1)]
        self.inputs = nn.ModuleList(nn.Linear(size, hidden_size) for size in sizes)
        self.recurrent = nn.ParameterList(nn.Parameter(self._initial()) for _ in sizes)

    def _initial(self) -> Tensor:
        weights = torch.empty(self.hidden_size, self.hidden_size)
        nn.init.orthogonal_(weights)
        return weights

    def recurrent_weights(self, layer: int = 0) -> Tensor:
        """Give W_rec of a layer, (to, from): what the network uses."""
        weights: Tensor = self.recurrent[layer]
        return weights

    def _sent(self, rates: Tensor) -> Tensor:
        """What a layer hands on, of its rates (..., hidden_size)."""
        return rates

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run some steps."""
        state = _rest(self, x) if state is None else state
        f, last = NONLINEARITIES[self.nonlinearity], []
        for layer, project in enumerate(self.inputs):
            driven, weights, rate = project(x), self.recurrent_weights(layer).T, state[0][layer]
            rates = []
            for drive in driven:
                rate = torch.lerp(rate, f(torch.addmm(drive, rate, weights)), self.alpha)
                rates.append(rate)
            x = self._sent(torch.stack(rates))
            last.append(rate)
        return x, (torch.stack(last), state[1])


class DaleCTRNN(CTRNN):
    """A leaky rate network of excitatory and inhibitory units that obeys Dale's principle.

    Each unit has only positive or only negative recurrent weights, whatever is learned; rates are rectified, no unit
    projects to itself, and only excitatory units project out of their layer. As in Song, Yang and Wang (2016),
    https://doi.org/10.1371/journal.pcbi.1004792. Input weights are free.

    Args:
        input_size: Inputs.
        hidden_size: Units of each layer.
        num_layers: Layers.
        dt: Time step of the task in ms.
        tau: Time constant of the units in ms, at least dt.
        excitatory: Share of excitatory units, which come first.

    Attributes:
        signs: 1 for excitatory and -1 for inhibitory units, (hidden_size,).

    Raises:
        ValueError: Times that are not ``0 < dt <= tau``, or a share that leaves no unit of one kind.
    """

    signs: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dt: float = 100,
        tau: float = 200,
        excitatory: float = 0.8,
    ) -> None:
        self.n_excitatory = round(excitatory * hidden_size)
        if not 0 < self.n_excitatory < hidden_size:
            raise ValueError(f"excitatory={excitatory!r} of {hidden_size} units leaves none of one kind.")
        super().__init__(input_size, hidden_size, num_layers, dt=dt, tau=tau, nonlinearity="relu")
        signs = torch.where(torch.arange(hidden_size) < self.n_excitatory, 1.0, -1.0)
        self.register_buffer("signs", signs)

    def _initial(self) -> Tensor:
        """Random weights; excitation and inhibition of a unit balance, and the spectral radius is 1."""
        n, n_e = self.hidden_size, self.n_excitatory
        weights = torch.rand(n, n) * (1 - torch.eye(n))
        weights[:, n_e:] *= n_e / (n - n_e)
        signed = torch.cat([weights[:, :n_e], -weights[:, n_e:]], dim=1)
        radius: Tensor = torch.linalg.eigvals(signed).abs().max()
        return weights / radius

    def recurrent_weights(self, layer: int = 0) -> Tensor:
        """Give W_rec of a layer, (to, from): the columns have one sign, the diagonal is zero."""
        others = 1 - torch.eye(self.hidden_size, device=self.signs.device)
        weights: Tensor = self.recurrent[layer].abs() * self.signs * others
        return weights

    def _sent(self, rates: Tensor) -> Tensor:
        return rates * (self.signs > 0)


CELLS: dict[str, type[nn.Module]] = {"rnn": RNN, "gru": GRU, "lstm": nn.LSTM, "ctrnn": CTRNN, "ei-ctrnn": DaleCTRNN}
"""The cells by name."""


def make_cell(cell: Any, input_size: int, hidden_size: int, num_layers: int, kwargs: dict[str, Any]) -> Any:
    """Make a cell.

    Args:
        cell: A name of `CELLS`, or a class that is called like them and looks like `torch.nn.LSTM`.
        input_size: Inputs.
        hidden_size: Units.
        num_layers: Layers.
        kwargs: The cell's own parameters.

    Returns:
        The cell.

    Raises:
        UnknownNameError: A name that no cell has.
        TypeError: A parameter that the cell does not have, or a class that does not look like an LSTM.
    """
    if isinstance(cell, str) and cell not in CELLS:
        raise unknown("cell", cell, CELLS)
    kind: Any = CELLS[cell] if isinstance(cell, str) else cell
    try:
        made = kind(input_size, hidden_size, num_layers, **kwargs)
    except TypeError as error:
        raise TypeError(f"cell={cell!r} with cell_kwargs={kwargs!r}: {error}") from error
    for name, value in {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}.items():
        if not isinstance(made, nn.Module) or getattr(made, name, None) != value:
            raise TypeError(f"cell={cell!r} must make a torch module that has {name}={value}, as torch.nn.LSTM does.")
    return made
