"""Networks as agents: how a torch module is called, keeps its state from step to step, and answers.

The one place that knows it, for `run_env`, figures, scores and recordings. It never imports torch: whoever has a module
has done so.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.arguments import Flag, InstanceOf, checked, explained, shown

__all__ = ["KeepsStateError", "NetworkAgent", "NetworkState", "is_network", "sizes_of_outputs"]

Array: TypeAlias = NDArray[Any]
Tensor: TypeAlias = Any
Space: TypeAlias = Annotated[spaces.Space[Any], InstanceOf(spaces.Space, "a space of Gymnasium")]

TRIED_STEPS, TRIED_SEQUENCES = 5, 3
"""Size of the random input on which it is found out how a module is called."""
LONG_STEPS = 100
"""Length of a sequence on which a module that seems to have no memory is tried once more: it may have a long delay."""
ROUNDINGS = 64
"""Outputs of a channel are the same if they differ by less than so many roundings of its largest."""
TF32_ROUNDING = 2.0**-11
"""Relative rounding of TF32, in which a GPU may compute what is float32; it differs with the shape of a call."""
NO_LENGTHS = np.zeros(0, np.int64)


def is_network(model: Any) -> bool:
    """Return whether an object is a torch module that `NetworkAgent` makes an agent of; one with `predict` is an agent.

    Example:
        >>> from ngym_core.networks import is_network
        >>> is_network(print)
        False
    """
    torch = sys.modules.get("torch")  # without torch there are no modules
    return torch is not None and isinstance(model, torch.nn.Module) and not hasattr(model, "predict")


class KeepsStateError(ValueError):
    """A module answers the same observations otherwise when it is called again: it keeps something from call to call."""


@dataclass(frozen=True, eq=False)
class NetworkState:
    """What a network knows of the n sequences that it is in the middle of; `NetworkAgent.predict` makes it.

    Attributes:
        parts: State of each part of the network that keeps one, as the part returned it.
        history: Observations since the sequences began, (steps, n, ...), where the whole sequence is shown again at each
            step; else None.
        lengths: Number of steps in the history of each, (n,).
        hidden: Hidden state of the last of the parts, (n, units); None if none is known.
        outputs: Outputs of the last step, (n, k).
    """

    parts: tuple[Any, ...]
    history: Array | None
    lengths: NDArray[np.int64]
    hidden: Array | None
    outputs: Array


class NetworkAgent:
    """An agent made of a torch module, with the `predict` of Stable-Baselines3's agents.

    The module is called with observations (steps, sequences, *observation shape), or (sequences, steps, ...), and returns
    outputs of the same first two axes, alone or first in a tuple. For n `Discrete` actions these are n logits, for a
    `MultiDiscrete` space those of all parts one after another, and for a `Box` the numbers themselves.

    It is called step by step. What remembers in it is found by trying: the module itself or parts of it that take a state as
    their second argument and return it second, as torch's recurrent layers do. If these, called step by step, do not answer
    as the module does on a whole sequence, the sequence so far is shown again at each step, which is slow on long ones. So
    are modules compiled by `torch.jit`, whose parts cannot be reached, unless they have no memory.

    Each call begins anew, but for the states that are given. Noise is drawn by torch's or NumPy's global generator.

    Args:
        net: The module. It is called in evaluation mode.
        observation_space: Space of observations.
        action_space: Space of actions.
        batch_first: Whether it is called with (sequences, steps, ...); by default this is found out by trying.

    Attributes:
        net: The module.
        batch_first: Whether it is called with (sequences, steps, ...).

    Raises:
        TypeError: `net` is no torch module, or a space of actions of another kind.
        ValueError: A module that cannot be called with such observations, whose outputs do not fit the action space, or that
            looks ahead.
        KeepsStateError: A module that keeps a state of its own from call to call.

    Example:
        >>> import ngym_core as ngym, torch
        >>> from ngym_core.networks import NetworkAgent
        >>> env = ngym.make("PerceptualDecisionMaking-v0")
        >>> agent = NetworkAgent(torch.nn.GRU(3, 3), env.observation_space, env.action_space)
        >>> action, state = agent.predict(env.reset(seed=0)[0])
        >>> state.hidden.shape, int(action) in env.action_space
        ((1, 3), True)
    """

    @checked
    def __init__(self, net: Any, observation_space: Space, action_space: Space, *, batch_first: Flag | None = None) -> None:
        if not is_network(net):
            raise TypeError(f"net={shown(net)} must be a torch module.")
        self.net = net
        self.observation_space, self.action_space = observation_space, action_space
        self._sizes = sizes_of_outputs(action_space)
        with self._evaluating():
            self._find_out(batch_first)

    @property
    def name(self) -> str:
        """Name of the module's class."""
        return type(self.net).__name__

    @checked
    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: Flag = True,
    ) -> tuple[Array, NetworkState]:
        """Return actions, and the state with which the next step is to be called.

        Args:
            observation: Observations, (n, *observation shape), or of one sequence.
            state: What the last call returned; None at the beginning.
            episode_start: Where the state restarts before this step, (n,) bool.
            deterministic: Whether the action with the largest output is taken, instead of one drawn (by torch's random
                generator) with the probabilities whose logits they are. The numbers of a `Box` are taken as they are.

        Raises:
            ValueError: Observations of another shape, a state or episode starts of other sequences, or outputs that are not
                finite.
        """
        ob, shape = np.asarray(observation), self.observation_space.shape or ()
        single = ob.shape == shape
        ob = ob[None] if single else ob
        if ob.shape[1:] != shape or ob.ndim == len(shape) or ob.dtype.kind not in "biuf":
            raise ValueError(f"observation={shown(observation)} must be numbers of shape {shape}, or (n, ...) of that.")
        starts = np.full(len(ob), state is None)
        if episode_start is not None:
            given = np.asarray(episode_start).reshape(-1)
            if given.dtype.kind != "b" or len(given) != len(ob):
                raise ValueError(f"episode_start={shown(episode_start)} must be {len(ob)} times True or False.")
            starts |= given
        if state is not None and not (isinstance(state, NetworkState) and len(state.outputs) == len(ob)):
            raise ValueError(f"state={shown(state)} must be what `predict` returned for {len(ob)} sequences.")
        with self._evaluating():
            new = self._step(ob, state, starts)
        actions = self.act(new.outputs, deterministic)
        return (actions[0] if single else actions), new

    @explained
    def outputs(self, observations: Array) -> NDArray[np.float32]:
        """Return the outputs at all steps of whole sequences, for which the module is called once.

        Args:
            observations: (steps, n, *observation shape).

        Returns:
            (steps, n, k).
        """
        with self._evaluating():
            return self._answer(observations)

    # ---- from outputs to actions -------------------------------------------------------------------

    @explained
    def act(self, outputs: Array, deterministic: bool = True) -> Array:
        """Return the actions that outputs mean.

        Args:
            outputs: Logits, or numbers of a `Box`, (n, k).
            deterministic: See `predict`.

        Returns:
            (n, *action shape).
        """
        space: Any = self.action_space
        if isinstance(space, spaces.Box):
            numbers = outputs.reshape(len(outputs), *space.shape)
            return np.clip(numbers, space.low, space.high).astype(space.dtype)
        parts = np.split(outputs, np.cumsum(self._sizes)[:-1], axis=1)
        chosen = np.stack([part.argmax(axis=1) if deterministic else _draw(part) for part in parts], axis=1)
        if isinstance(space, spaces.Discrete):
            chosen = chosen[:, 0]
        actions: Array = (chosen.reshape(len(outputs), *space.shape) + space.start).astype(space.dtype)
        return actions

    # ---- steps -------------------------------------------------------------------------------------

    def _step(self, ob: Array, state: NetworkState | None, starts: Array) -> NetworkState:
        """Return the state after one step of n sequences, some of which, (n,) bool, begin with it."""
        if self._replays:
            return self._replay(ob, state, starts)
        begin, go_on = np.nonzero(starts)[0], np.nonzero(~starts)[0]
        if not len(go_on):
            return self._advance(ob, None)
        assert state is not None
        if not len(begin):
            return self._advance(ob, state.parts)
        # Only the network knows the state that it begins with, so those that begin are a call of their own.
        old = self._advance(ob[go_on], self._rows(state.parts, go_on))
        new = self._advance(ob[begin], None)
        order = np.argsort(np.concatenate([go_on, begin]))
        parts = self._rows(self._joined(old.parts, new.parts), order)
        hidden = None if old.hidden is None or new.hidden is None else np.concatenate([old.hidden, new.hidden])[order]
        return NetworkState(parts, None, NO_LENGTHS, hidden, np.concatenate([old.outputs, new.outputs])[order])

    def _advance(self, ob: Array, parts: tuple[Any, ...] | None) -> NetworkState:
        """Return the state after one step from the states of the network's parts; None: from the beginning."""
        with self._carrying(parts) as read_parts:
            outputs = self._answer(ob[None])[0]
        after = read_parts()
        return NetworkState(after, None, NO_LENGTHS, self._hidden(after), outputs)

    def _replay(self, ob: Array, state: NetworkState | None, starts: Array) -> NetworkState:
        """Return the state after one step, for which the network is shown each sequence from its beginning."""
        n = len(ob)
        lengths = np.where(starts, 0, 0 if state is None else state.lengths) + 1
        history = np.zeros((int(lengths.max()), *ob.shape), ob.dtype)
        if state is not None and state.history is not None:
            kept = min(len(history), len(state.history))
            history[:kept] = state.history[:kept]
        history[lengths - 1, np.arange(n)] = ob  # what a sequence showed before it restarted comes later, and is not seen
        outputs = self._answer(history)[lengths - 1, np.arange(n)]
        return NetworkState((), history, lengths, None, outputs)

    # ---- calls -------------------------------------------------------------------------------------

    def _answer(self, ob: Array, batch_first: bool | None = None) -> Array:
        """Return the outputs, (steps, n, k), of a call of the module with observations (steps, n, ...).

        Raises:
            ValueError: They do not fit the action space, or are not finite.
        """
        batch_first = self.batch_first if batch_first is None else batch_first
        found: Array = self._call(ob, batch_first).float().cpu().numpy()
        if not np.isfinite(found).all():
            raise ValueError(f"The net {self.name} gives outputs that are not finite: {shown(found)}.")
        return found.swapaxes(0, 1) if batch_first else found

    def _call(self, ob: Array, batch_first: bool) -> Tensor:
        """Return the outputs of a call with observations (steps, n, ...), in the module's own order of axes and type."""
        torch = sys.modules["torch"]
        like = next((p for p in self.net.parameters() if p.is_floating_point()), torch.zeros(0))
        # a copy: the module may write to what it is given
        inputs = torch.as_tensor(np.array(ob, np.float32), device=like.device, dtype=like.dtype)
        inputs = inputs.transpose(0, 1) if batch_first else inputs
        given = self.net(inputs)
        outputs = given[0] if isinstance(given, (tuple, list)) and len(given) else given
        if not isinstance(outputs, torch.Tensor):
            raise ValueError(
                f"The net {self.name} returns a {type(given).__name__}; expected a tensor, or one first in a tuple."
            )
        expected, k = tuple(inputs.shape[:2]), sum(self._sizes)
        if outputs.ndim < 3 or tuple(outputs.shape[:2]) != expected or outputs[0, 0].numel() != k:
            raise ValueError(
                f"The net {self.name} gives outputs of shape {tuple(outputs.shape)} for observations of shape "
                f"{tuple(inputs.shape)}; the actions {self.action_space} need {(*expected, k)}, {self._expected_outputs()}."
            )
        return outputs.detach().reshape(*expected, k)

    def _expected_outputs(self) -> str:
        """Return what the outputs of a step must be, in words."""
        if isinstance(self.action_space, spaces.Box):
            return "the numbers themselves"
        return "a logit for each" if len(self._sizes) == 1 else f"the logits of {len(self._sizes)} choices side by side"

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Keep the module in evaluation mode, without gradients; each of its parts then has its own mode again."""
        torch = sys.modules["torch"]
        modes = [(module, module.training) for module in self.net.modules() if hasattr(module, "training")]  # frozen: none
        self.net.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, mode in modes:
                module.training = mode

    @contextmanager
    def _carrying(self, parts: tuple[Any, ...] | None) -> Iterator[Callable[[], tuple[Any, ...]]]:
        """Give the parts of the network that keep a state these states in the next call; None: those they begin with.

        Yields:
            A function that returns their states after the call.
        """
        after: dict[str, Any] = {}
        handles = []

        def give(name: str, parameter: str, part: Any) -> Any:
            def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
                others = {key: value for key, value in kwargs.items() if key != parameter}
                return (args[0], part, *args[2:]), others

            return hook

        def keep(name: str) -> Any:
            def hook(_: Any, __: Any, output: Any) -> None:
                after[name] = output[1]

            return hook

        modules = dict(self.net.named_modules())
        try:
            for i, (name, parameter) in enumerate(self._carriers.items()):
                if parts is not None:
                    hook = give(name, parameter, parts[i])
                    handles.append(modules[name].register_forward_pre_hook(hook, with_kwargs=True))
                handles.append(modules[name].register_forward_hook(keep(name)))
            yield lambda: tuple(after[name] for name in self._carriers)
        finally:
            for handle in handles:
                handle.remove()

    # ---- states of the parts -----------------------------------------------------------------------

    def _rows(self, parts: tuple[Any, ...], rows: Array) -> tuple[Any, ...]:
        """Return the states of some of the sequences (indices)."""
        torch = sys.modules["torch"]

        def select(axis: int, tensor: Tensor) -> Tensor:
            return tensor.index_select(axis, torch.as_tensor(rows, device=tensor.device))

        return tuple(_map(select, axes, part) for axes, part in zip(self._axes, parts, strict=True))

    def _joined(self, parts: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the states of some sequences and of others after them."""
        torch = sys.modules["torch"]

        def join(axis: int, one: Tensor, other: Tensor) -> Tensor:
            return torch.cat([one, other], dim=axis)

        return tuple(_map(join, axes, *pair) for axes, *pair in zip(self._axes, parts, others, strict=True))

    def _hidden(self, parts: tuple[Any, ...]) -> Array | None:
        """Return the hidden state of the last part, (n, units): its last layer's, of an LSTM the first of two."""
        if not parts:
            return None
        state, axis = parts[-1], self._axes[-1]
        while isinstance(state, (tuple, list)):
            state, axis = state[0], axis[0]
        rows: Array = state.detach().float().movedim(axis, 0).cpu().numpy()
        return rows.reshape(len(rows), -1, rows.shape[-1])[:, -1]

    # ---- finding out how the module is called --------------------------------------------------------

    def _find_out(self, batch_first: bool | None) -> None:
        """Find out the order of axes, and which parts keep a state, by calling the module with random observations."""
        shape = self.observation_space.shape or ()
        rng = np.random.default_rng(0)
        tried, others = rng.standard_normal((2, TRIED_STEPS, TRIED_SEQUENCES, *shape)).astype(np.float32)
        self._carriers: dict[str, str] = {}  # name of each part that keeps a state -> its parameter for it
        self._axes: tuple[Any, ...] = ()  # the axis of the sequences in each tensor of these states
        self._replays = False
        self.batch_first, outputs = self._order_of_axes(tried, others, batch_first)
        noisy = not self._same(outputs, self._try(tried, other_draws=True))
        last_changed, earlier_changed = np.concatenate([tried[:-1], others[-1:]]), np.concatenate([others[:-1], tried[-1:]])
        self._require_no_later_steps(outputs[:-1], self._try(last_changed)[:-1])
        # Exactly: what a slow memory adds in a few steps may be less than the roundings of a call of another shape.
        remembers = not np.array_equal(self._try(earlier_changed)[-1], outputs[-1])
        found = self._parts_with_state(tried)
        while True:
            outer = [name for name in found if not any(_is_inside(name, other) for other in found)]
            if not outer and (noisy or remembers):
                break
            self._carriers = {name: found[name][0] for name in outer}
            self._axes = tuple(found[name][1] for name in outer)
            if noisy or (self._steps_agree(tried, outputs) and (outer or self._sees_each_step_alone(shape))):
                return
            if not outer:
                break
            found = {name: part for name, part in found.items() if name not in outer}  # what looks like a state may be none
        self._carriers, self._axes, self._replays = {}, (), True
        if not noisy:
            self._require_no_later_steps(outputs[:-1], self._try(tried[:-1]), reshaped=True)

    def _order_of_axes(self, tried: Array, others: Array, batch_first: bool | None) -> tuple[bool, Array]:
        """Return whether the sequences are the first axis, and the outputs, (steps, sequences, k), of the tried ones."""
        layers_say = any(getattr(module, "batch_first", False) is True for module in self.net.modules())
        orders = [layers_say, not layers_say] if batch_first is None else [batch_first]
        one = TRIED_SEQUENCES // 2  # others come before and after it
        among_others = np.concatenate([others[:, :one], tried[:, one : one + 1], others[:, one + 1 :]], axis=1)
        errors: list[Exception] = []
        mixed = False
        for order in orders:
            try:
                outputs = self._try(tried, order)
                self._find_rounding(tried, outputs, order)
                changed = self._try(among_others, order)
                self._try(tried[:, 1:], order)  # the number of sequences will vary
            except KeepsStateError:
                raise
            except Exception as error:  # a module can fail in any way
                errors.append(error)
                continue
            if self._same(outputs[:, one], changed[:, one]):
                return order, outputs
            mixed = True
        if mixed:
            raise ValueError(
                f"The answers of the net {self.name} to one sequence depend on the others that are shown with it; expected "
                f"observations in the order {'(sequences, steps, ...)' if orders[-1] else '(steps, sequences, ...)'}"
                + ("." if batch_first is None else f", see batch_first={batch_first}.")
            )
        if isinstance(errors[0], ValueError) and str(errors[0]).startswith(f"The net {self.name} "):
            raise errors[0]
        raise ValueError(
            f"The net {self.name} cannot be called with observations of shape {tried.shape}: "
            f"{type(errors[0]).__name__}: {errors[0]}"
        ) from errors[0]

    def _require_no_later_steps(self, outputs: Array, others: Array, *, reshaped: bool = False) -> None:
        """Raise if outputs of the first steps differ from those where later steps are others, or, `reshaped`, not there."""
        if not self._same(outputs, others, reshaped=reshaped):
            raise ValueError(
                f"The net {self.name} looks ahead: its outputs at a step depend on later steps, so it cannot act."
            )

    def _try(self, ob: Array, batch_first: bool | None = None, *, other_draws: bool = False) -> Array:
        """Return the outputs, (steps, n, k), of a call in which the module draws the same random numbers as in every other.

        Args:
            ob: Observations, (steps, n, ...).
            batch_first: The order of axes; None: as found out.
            other_draws: Whether it draws others instead.
        """
        with self._draws_restored() as devices:
            if other_draws:
                torch = sys.modules["torch"]
                for device in ("cpu", *devices):
                    torch.rand(1, device=device)
                np.random.random()
            return self._answer(ob, batch_first)

    @contextmanager
    def _draws_restored(self) -> Iterator[set[Any]]:
        """Leave torch's and NumPy's global generators as they were.

        Yields:
            The GPUs on which the module lies.
        """
        torch = sys.modules["torch"]
        devices = {tensor.device for tensor in self.net.parameters() if tensor.device.type == "cuda"}
        numpy_state = np.random.get_state()
        with torch.random.fork_rng(devices=devices):
            try:
                yield devices
            finally:
                np.random.set_state(numpy_state)

    def _find_rounding(self, tried: Array, outputs: Array, batch_first: bool) -> None:
        """Find out by how much outputs of each channel may differ by rounding, in calls of one shape and of several.

        Where large numbers cancel inside the module, that is more than the rounding of the outputs themselves: it is what a
        rounding of the observations makes of them.

        Raises:
            KeepsStateError: The same observations are answered otherwise.
        """
        torch = sys.modules["torch"]
        with self._draws_restored():
            again = self._call(tried, batch_first)
        types = [tensor.dtype for tensor in (again, *self.net.parameters()) if tensor.is_floating_point()]
        precision = max(torch.finfo(kind).eps for kind in (torch.float32, *types))
        largest = np.abs(outputs).max(axis=(0, 1))
        self._rounding = precision * largest
        repeated = again.float().cpu().numpy()
        if not self._same(outputs, repeated.swapaxes(0, 1) if batch_first else repeated):
            raise KeepsStateError(
                f"The net {self.name} answers the same observations otherwise when it is called again: it keeps a state, or "
                "a random generator of its own, from call to call. Let each call begin anew, or take the state as second "
                "argument and return it second; draw noise by torch's global generator."
            )
        nudged = self._try(tried * np.float32(1 + precision), batch_first)
        self._rounding = np.maximum(self._rounding, np.abs(nudged - outputs).max(axis=(0, 1)))
        on_gpu = again.device.type == "cuda"
        self._rounding_of_shapes = np.maximum(self._rounding, TF32_ROUNDING * largest) if on_gpu else self._rounding

    def _same(self, one: Array, other: Array, *, reshaped: bool = False) -> bool:
        """Return whether outputs (..., k) are the same but for rounding, each channel by its own measure.

        Args:
            one: Outputs.
            other: Outputs of another call.
            reshaped: Whether that was a call of another shape.
        """
        rounding = self._rounding_of_shapes if reshaped else self._rounding
        return bool((np.abs(one - other) <= ROUNDINGS * rounding).all())

    def _parts_with_state(self, tried: Array) -> dict[str, tuple[str, Any]]:
        """Return the modules that seem to take and return a state: name -> their parameter for it, axes of its tensors."""
        torch = sys.modules["torch"]
        seen = [self._answers_of_parts(tried), self._answers_of_parts(tried[:, 1:])]
        found: dict[str, tuple[str, Any]] = {}
        for name, module in self.net.named_modules():
            both = [outputs.get(name, []) for outputs in seen]
            parameter = None if any(len(calls) != 1 for calls in both) else _second_parameter(module.forward)
            if parameter is None:
                continue
            states = [calls[0][1] if isinstance(calls[0], (tuple, list)) and len(calls[0]) == 2 else None for calls in both]
            axes = _map(_axis_of_sequences, *states) if all(_is_state(state, torch.Tensor) for state in states) else None
            if axes is not None and None not in _leaves(axes):
                found[name] = (parameter, axes)
        return found

    def _answers_of_parts(self, tried: Array) -> dict[str, list[Any]]:
        """Return what each module returned in each of its calls, name -> outputs, in a call of the whole.

        Modules compiled by `torch.jit` do not show it.
        """
        torch = sys.modules["torch"]
        outputs: dict[str, list[Any]] = {}
        handles = [
            module.register_forward_hook(lambda _, __, output, name=name: outputs.setdefault(name, []).append(output))
            for name, module in self.net.named_modules()
            if not isinstance(module, torch.jit.ScriptModule)
        ]
        try:
            self._try(tried)
        finally:
            for handle in handles:
                handle.remove()
        return outputs

    def _sees_each_step_alone(self, shape: tuple[int, ...]) -> bool:
        """Return whether the module answers the steps of a long sequence as it answers each of them alone."""
        sequence = np.random.default_rng(1).standard_normal((LONG_STEPS, 1, *shape)).astype(np.float32)
        try:
            whole, alone = self._try(sequence), self._try(sequence.swapaxes(0, 1))
        except Exception:  # the module may take shorter ones only
            return False
        return self._same(whole[:, 0], alone[0], reshaped=True)

    def _steps_agree(self, tried: Array, outputs: Array) -> bool:
        """Return whether the module answers the same, called step by step with the states of its parts carried on."""
        parts: tuple[Any, ...] | None = None
        answers = []
        try:
            for ob in tried:
                state = self._advance(ob, parts)
                answers.append(state.outputs)
                parts = state.parts
        except Exception:  # what looks like a state is none, or the module needs several steps
            return False
        return self._same(outputs, np.array(answers), reshaped=True)


def sizes_of_outputs(space: Any) -> list[int]:
    """Return the number of outputs for each choice of a space of actions; of a `Box`, for its numbers together.

    Raises:
        TypeError: A space of another kind.

    Example:
        >>> from gymnasium.spaces import Discrete, MultiDiscrete
        >>> from ngym_core.networks import sizes_of_outputs
        >>> sizes_of_outputs(Discrete(3)), sizes_of_outputs(MultiDiscrete([2, 3]))
        ([3], [2, 3])
    """
    if isinstance(space, spaces.Box):
        return [int(np.prod(space.shape))]
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.ravel()]
    raise TypeError(f"action_space={shown(space)} must be Discrete, MultiDiscrete or a Box.")


def _draw(logits: Array) -> Array:
    """Draw one of k for each row of logits, (n, k), by torch's random generator."""
    torch = sys.modules["torch"]
    chances = torch.softmax(torch.as_tensor(logits, dtype=torch.float64), dim=1)
    drawn: Array = torch.multinomial(chances, 1)[:, 0].numpy()
    return drawn


def _second_parameter(function: Any) -> str | None:
    """Return the name of the second positional parameter, None if there is none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled code may have no signature
        return None
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional[1] if len(positional) > 1 else None


def _is_inside(name: str, other: str) -> bool:
    """Return whether a module lies in another one, by their names; the whole network has the name ""."""
    return name != other and (not other or name.startswith(f"{other}."))


def _is_state(value: Any, tensor: type) -> bool:
    """Return whether a value is a tensor, or a tuple of such values."""
    if isinstance(value, (tuple, list)):
        return len(value) > 0 and all(_is_state(item, tensor) for item in value)
    return isinstance(value, tensor)


def _axis_of_sequences(tensor: Tensor, fewer: Tensor) -> int | None:
    """Return the axis in which the state of one sequence fewer is smaller, None if it is not just one."""
    axes = [axis for axis, (n, m) in enumerate(zip(tensor.shape, fewer.shape, strict=False)) if n != m]
    return axes[0] if len(axes) == 1 and tensor.ndim == fewer.ndim else None


def _map(function: Callable[..., Any], *values: Any) -> Any:
    """Call a function with the tensors at the same place in each of some states, and return the results in their form."""
    if isinstance(values[-1], (tuple, list)):
        return tuple(_map(function, *items) for items in zip(*values, strict=True))
    return function(*values)


def _leaves(value: Any) -> Sequence[Any]:
    """Return the values in nested tuples, one after another."""
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, tuple) else [value]
