"""Policies for RecurrentPPO with any recurrent cell: vanilla RNN, GRU, LSTM, leaky CTRNN, or one with Dale's principle."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor, nn

from ngym_sb3.cells import make_cell

__all__ = ["CnnRnnPolicy", "MlpRnnPolicy", "MultiInputRnnPolicy"]

State: TypeAlias = tuple[Tensor, Tensor]


class WithCell(RecurrentActorCriticPolicy):
    """A recurrent policy whose LSTM is replaced by a cell of choice, and that learns from whole sequences at once.

    It goes before a policy of sb3-contrib in the list of bases.

    Args:
        observation_space: Observations.
        action_space: Actions.
        lr_schedule: Learning rate.
        *args: As for sb3-contrib's policies.
        cell: A name of `ngym_sb3.cells.CELLS`, or a class of one's own, see `ngym_sb3.cells`.
        cell_kwargs: Parameters of the cell, for example ``{"tau": 100, "dt": 20}`` of a ``ctrnn``.
        **kwargs: As for sb3-contrib's policies: `lstm_hidden_size` (units), `n_lstm_layers`, `shared_lstm`,
            `enable_critic_lstm`, `net_arch` and so on.

    Raises:
        UnknownNameError: A cell that does not exist.
        TypeError: A parameter that the cell does not have; `lstm_kwargs`.
        ValueError: A critic that shares the actor's cell and has one of its own; observations of another kind.
    """

    takes: ClassVar[str] = "vectors"

    def __init__(
        self,
        observation_space: Any,
        action_space: Any,
        lr_schedule: Any,
        *args: Any,
        cell: str | type[nn.Module] = "rnn",
        cell_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not self._takes(observation_space):
            kind = "MultiInput" if isinstance(observation_space, spaces.Dict) else "Mlp"
            raise ValueError(
                f"{type(self).__name__} is for observations that are {self.takes}, not {observation_space}; "
                f"use {kind}RnnPolicy."
            )
        if kwargs.pop("lstm_kwargs", None):
            raise TypeError("lstm_kwargs reach nn.LSTM only; give the parameters of the cell as cell_kwargs.")
        if kwargs.get("shared_lstm") and kwargs.get("enable_critic_lstm", True):
            raise ValueError("shared_lstm=True goes with enable_critic_lstm=False: the critic has one cell or shares it.")
        super().__init__(observation_space, action_space, lr_schedule, *args, **kwargs)
        self.cell, self.cell_kwargs = cell, dict(cell_kwargs or {})
        self.lstm_actor = self._make_cell()
        if self.enable_critic_lstm:
            self.lstm_critic = self._make_cell()
        optimizer: Any = self.optimizer_class  # the parent's optimizes the LSTM that is gone
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    @staticmethod
    def _takes(space: Any) -> bool:
        return not isinstance(space, spaces.Dict)

    def _make_cell(self) -> Any:
        layers, _, units = self.lstm_hidden_state_shape
        return make_cell(self.cell, self.features_dim, units, layers, self.cell_kwargs)

    @staticmethod
    def _process_sequence(features: Tensor, lstm_states: State, episode_starts: Tensor, lstm: Any) -> tuple[Tensor, Any]:
        """Run sequences (batch of sequences x steps, features) through the cell in one call.

        The buffer cuts sequences where episodes start, so only a first step can be one; if a later one is, the steps
        are taken one after another.
        """
        n = lstm_states[0].shape[1]
        starts = episode_starts.reshape(n, -1)
        if starts.shape[1] > 1 and bool(starts[:, 1:].any()):
            return RecurrentActorCriticPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        goes_on = (1 - starts[:, 0]).reshape(1, n, 1)
        sequences = features.reshape(n, starts.shape[1], -1).transpose(0, 1)
        out, states = lstm(sequences, (goes_on * lstm_states[0], goes_on * lstm_states[1]))
        return torch.flatten(out.transpose(0, 1), end_dim=1), states

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Complete what `save` writes, so that `load` makes the same network."""
        layers, _, units = self.lstm_hidden_state_shape
        return {
            **super()._get_constructor_parameters(),
            "share_features_extractor": self.share_features_extractor,
            "lstm_hidden_size": units,
            "n_lstm_layers": layers,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "cell": self.cell,
            "cell_kwargs": self.cell_kwargs,
        }


class MlpRnnPolicy(WithCell):
    """For observations that are vectors: ``RecurrentPPO(MlpRnnPolicy, env, policy_kwargs={"cell": "gru"})``."""


class CnnRnnPolicy(WithCell, RecurrentActorCriticCnnPolicy):
    """For observations that are images; parameters as for `MlpRnnPolicy`."""

    takes = "images"

    @staticmethod
    def _takes(space: Any) -> bool:
        return isinstance(space, spaces.Box) and len(space.shape) == 3


class MultiInputRnnPolicy(WithCell, RecurrentMultiInputActorCriticPolicy):
    """For observations that are dictionaries; parameters as for `MlpRnnPolicy`."""

    takes = "dictionaries"

    @staticmethod
    def _takes(space: Any) -> bool:
        return isinstance(space, spaces.Dict)
