"""Recurrent cells with the interface of `torch.nn.LSTM`, which RecurrentPPO can use in its place.

All are called with inputs (steps, batch, input_size) and a state ``(h, c)``, (num_layers, batch, hidden_size) each (zero
if it is left out), and return the outputs (steps, batch, hidden_size) and the next state. Cells with one state variable
return `c` unchanged.

No cell draws noise: when PPO learns it runs the cell again on the observations of the rollout, and must get the
probabilities of the actions that were taken. Noise belongs in the observations (wrapper ``Noise-v0``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ngym_core.arguments import Count, Milliseconds, Probability, checked, explained
from ngym_core.errors import unknown_name

__all__ = ["CELLS", "CTRNN", "GRU", "RNN", "DaleCTRNN", "make_cell"]

State: TypeAlias = tuple[Tensor, Tensor]
Nonlinearity: TypeAlias = Literal["tanh", "relu"]
"""Name of a nonlinearity."""
NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}
"""Nonlinearities by name."""


def _zero_state(cell: Any, inputs: Tensor) -> State:
    """Return the state of a cell at rest."""
    zeros = inputs.new_zeros(cell.num_layers, inputs.shape[1], cell.hidden_size)
    return zeros, zeros


class RNN(nn.Module):
    """Vanilla recurrent network, ``h = f(W_in x + W_rec h + b)``; initial recurrent weights are orthogonal.

    Args:
        input_size: Number of inputs.
        hidden_size: Number of units in each layer.
        num_layers: Number of layers.
        nonlinearity: f, ``tanh`` or ``relu``.

    Raises:
        ValueError: A size below 1, or a nonlinearity that does not exist.

    Example:
        >>> import torch
        >>> from ngym_sb3 import RNN
        >>> outputs, (h, c) = RNN(input_size=3, hidden_size=8)(torch.zeros(50, 16, 3))  # 50 steps of 16 trials
        >>> outputs.shape, h.shape
        (torch.Size([50, 16, 8]), torch.Size([1, 16, 8]))
    """

    @checked
    def __init__(
        self, input_size: Count, hidden_size: Count, num_layers: Count = 1, *, nonlinearity: Nonlinearity = "tanh"
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.layers = nn.RNN(input_size, hidden_size, num_layers, nonlinearity)
        for name, weights in self.layers.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(weights)

    @explained
    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run the cell over all steps, see the module's docstring."""
        state = _zero_state(self, inputs) if state is None else state
        outputs, h = self.layers(inputs, state[0])
        return outputs, (h, state[1])


class GRU(nn.Module):
    """Gated recurrent units (Cho et al. 2014).

    Args:
        input_size: Number of inputs.
        hidden_size: Number of units in each layer.
        num_layers: Number of layers.

    Example:
        >>> import torch
        >>> from ngym_sb3 import GRU
        >>> outputs, (h, c) = GRU(input_size=3, hidden_size=8)(torch.zeros(50, 16, 3))  # 50 steps of 16 trials
        >>> outputs.shape, h.shape
        (torch.Size([50, 16, 8]), torch.Size([1, 16, 8]))
    """

    @checked
    def __init__(self, input_size: Count, hidden_size: Count, num_layers: Count = 1) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.layers = nn.GRU(input_size, hidden_size, num_layers)

    @explained
    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run the cell over all steps, see the module's docstring."""
        state = _zero_state(self, inputs) if state is None else state
        outputs, h = self.layers(inputs, state[0])
        return outputs, (h, state[1])


class CTRNN(nn.Module):
    """Leaky rate network in continuous time, ``r = (1 - alpha) r + alpha f(W_in x + W_rec r + b)``, alpha = dt / tau.

    As in Yang et al. (2019), https://doi.org/10.1038/s41593-018-0310-2, without their noise.

    Args:
        input_size: Number of inputs.
        hidden_size: Number of units in each layer.
        num_layers: Number of layers.
        dt: Time step of the task in ms.
        tau: Time constant of the units in ms, at least dt.
        nonlinearity: f, ``tanh`` or ``relu``.

    Attributes:
        alpha: dt / tau.

    Raises:
        ValueError: A size below 1, a nonlinearity that does not exist, or times that are not ``0 < dt <= tau``.

    Example:
        >>> import torch
        >>> from ngym_sb3 import CTRNN
        >>> cell = CTRNN(input_size=3, hidden_size=8, dt=20, tau=100)
        >>> outputs, (rates, _) = cell(torch.zeros(50, 16, 3))  # 50 steps of 16 trials
        >>> outputs.shape, rates.shape
        (torch.Size([50, 16, 8]), torch.Size([1, 16, 8]))
    """

    @checked
    def __init__(
        self,
        input_size: Count,
        hidden_size: Count,
        num_layers: Count = 1,
        *,
        dt: Milliseconds = 100,
        tau: Milliseconds = 200,
        nonlinearity: Nonlinearity = "tanh",
    ) -> None:
        super().__init__()
        if not 0 < dt <= tau < math.inf:
            raise ValueError(f"dt={dt!r} and tau={tau!r} must be times in ms with 0 < dt <= tau.")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.alpha, self.nonlinearity = dt / tau, nonlinearity
        sizes = [input_size, *[hidden_size] * (num_layers - 1)]
        self.inputs = nn.ModuleList(nn.Linear(size, hidden_size) for size in sizes)
        self.recurrent = nn.ParameterList(nn.Parameter(self._initial_recurrent_weights()) for _ in sizes)

    def _initial_recurrent_weights(self) -> Tensor:
        """Return a random orthogonal matrix."""
        weights = torch.empty(self.hidden_size, self.hidden_size)
        nn.init.orthogonal_(weights)
        return weights

    @explained
    def recurrent_weights(self, layer: int = 0) -> Tensor:
        """Return W_rec of a layer as the network uses it, (to, from)."""
        weights: Tensor = self.recurrent[layer]
        return weights

    def project_out(self, rates: Tensor) -> Tensor:
        """Return what the next layer sees of the rates of a layer, (..., hidden_size)."""
        return rates

    @explained
    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run the cell over all steps, see the module's docstring."""
        state = _zero_state(self, inputs) if state is None else state
        f, last_rates = NONLINEARITIES[self.nonlinearity], []
        layer_inputs = inputs
        for layer, project_in in enumerate(self.inputs):
            # Input currents of all steps in one product; only the recurrent part has to go step by step.
            currents, weights, rate = project_in(layer_inputs), self.recurrent_weights(layer).T, state[0][layer]
            rates = []
            for current in currents:
                rate = torch.lerp(rate, f(torch.addmm(current, rate, weights)), self.alpha)
                rates.append(rate)
            layer_inputs = self.project_out(torch.stack(rates))
            last_rates.append(rate)
        return layer_inputs, (torch.stack(last_rates), state[1])


class DaleCTRNN(CTRNN):
    """Leaky rate network of excitatory and inhibitory units that obeys Dale's principle.

    Each unit has only positive or only negative recurrent weights, whatever is learned; rates are rectified, no unit
    projects to itself, and only excitatory units project out of their layer. As in Song, Yang and Wang (2016),
    https://doi.org/10.1371/journal.pcbi.1004792. Input weights are free.

    Args:
        input_size: Number of inputs.
        hidden_size: Number of units in each layer.
        num_layers: Number of layers.
        dt: Time step of the task in ms.
        tau: Time constant of the units in ms, at least dt.
        excitatory: Share of excitatory units, from 0 to 1; they come first.

    Attributes:
        signs: 1 for excitatory and -1 for inhibitory units, (hidden_size,).
        n_excitatory: Number of excitatory units.

    Raises:
        ValueError: A size below 1, times that are not ``0 < dt <= tau``, or a share that leaves no excitatory or no
            inhibitory unit.

    Example:
        >>> from ngym_sb3 import DaleCTRNN
        >>> cell = DaleCTRNN(input_size=3, hidden_size=10, excitatory=0.8)
        >>> weights = cell.recurrent_weights()  # (to, from)
        >>> bool((weights[:, :8] >= 0).all()), bool((weights[:, 8:] <= 0).all())
        (True, True)
    """

    signs: Tensor

    @checked
    def __init__(
        self,
        input_size: Count,
        hidden_size: Count,
        num_layers: Count = 1,
        *,
        dt: Milliseconds = 100,
        tau: Milliseconds = 200,
        excitatory: Probability = 0.8,
    ) -> None:
        self.n_excitatory = round(excitatory * hidden_size)
        if not 0 < self.n_excitatory < hidden_size:
            raise ValueError(
                f"excitatory={excitatory!r} of {hidden_size} units leaves {self.n_excitatory} excitatory ones; "
                "there must be units of both kinds."
            )
        super().__init__(input_size, hidden_size, num_layers, dt=dt, tau=tau, nonlinearity="relu")
        signs = torch.where(torch.arange(hidden_size) < self.n_excitatory, 1.0, -1.0)
        self.register_buffer("signs", signs)

    def _initial_recurrent_weights(self) -> Tensor:
        """Return magnitudes whose signed matrix balances excitation and inhibition and has spectral radius 1."""
        n, n_e = self.hidden_size, self.n_excitatory
        weights = torch.rand(n, n) * (1 - torch.eye(n))
        weights[:, n_e:] *= n_e / (n - n_e)  # fewer inhibitory units, so stronger ones
        signed = torch.cat([weights[:, :n_e], -weights[:, n_e:]], dim=1)
        radius: Tensor = torch.linalg.eigvals(signed).abs().max()
        return weights / radius

    @explained
    def recurrent_weights(self, layer: int = 0) -> Tensor:
        """Return W_rec of a layer, (to, from): each column has one sign, and the diagonal is zero."""
        # Parameters may take any sign while they are learned; the weights are made of their magnitudes.
        off_diagonal = 1 - torch.eye(self.hidden_size, device=self.signs.device)
        weights: Tensor = self.recurrent[layer].abs() * self.signs * off_diagonal
        return weights

    def project_out(self, rates: Tensor) -> Tensor:
        """Return the rates of excitatory units; inhibitory ones stay within their layer."""
        return rates * (self.signs > 0)


CELLS: dict[str, type[nn.Module]] = {"rnn": RNN, "gru": GRU, "lstm": nn.LSTM, "ctrnn": CTRNN, "ei-ctrnn": DaleCTRNN}
"""The cells by name."""


@explained
def make_cell(cell: Any, input_size: int, hidden_size: int, num_layers: int, kwargs: dict[str, Any]) -> Any:
    """Make a recurrent cell.

    Args:
        cell: A name in `CELLS`, or a class with their interface.
        input_size: Number of inputs.
        hidden_size: Number of units in each layer.
        num_layers: Number of layers.
        kwargs: Further parameters of the cell.

    Returns:
        The cell, a torch module.

    Raises:
        UnknownNameError: A cell that does not exist.
        TypeError: A parameter that the cell does not have, or a class without the interface of an LSTM: it is tried.
    """
    if isinstance(cell, str) and cell not in CELLS:
        raise unknown_name("cell", cell, CELLS)
    cell_class: Any = CELLS[cell] if isinstance(cell, str) else cell
    try:
        module = cell_class(input_size, hidden_size, num_layers, **kwargs)
    except TypeError as error:
        raise TypeError(f"cell={cell!r} with cell_kwargs={kwargs!r}: {error}") from error
    for name, value in {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}.items():
        if not isinstance(module, nn.Module) or getattr(module, name, None) != value:
            raise TypeError(f"cell={cell!r} must make a torch module that has {name}={value}, as torch.nn.LSTM does.")
    if not isinstance(cell, str):
        _try(module, cell)
    return module


def _try(module: Any, cell: Any) -> None:
    """Raise if a module does not take and return what `torch.nn.LSTM` does; random numbers that it draws are restored."""
    layers, units = module.num_layers, module.hidden_size
    rest, training = torch.zeros(layers, 2, units), module.training
    expected = [(3, 2, units), (layers, 2, units), (layers, 2, units)]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            outputs, (h, c) = module.eval()(torch.zeros(3, 2, module.input_size), (rest, rest))
        found = [tuple(array.shape) for array in (outputs, h, c)]
    except Exception as error:
        raise TypeError(
            f"cell={cell!r} must map inputs (steps, batch, {module.input_size}) and a state (h, c) to outputs and the next "
            f"state (h, c), as torch.nn.LSTM does; {type(error).__name__}: {error}. The cells by name "
            f"({', '.join(CELLS)}) do."
        ) from error
    finally:
        module.train(training)
    if found != expected:
        raise TypeError(
            f"cell={cell!r} must return outputs and a state (h, c) of the shapes {expected} from inputs "
            f"{(3, 2, module.input_size)}, as torch.nn.LSTM does, not {found}."
        )
