"""Policies for RecurrentPPO with any recurrent cell: vanilla RNN, GRU, LSTM, leaky CTRNN, or E/I network."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor, nn

from ngym_core.arguments import Callback, InstanceOf, Keywords, checked
from ngym_sb3.cells import make_cell

__all__ = ["CnnRnnPolicy", "MlpRnnPolicy", "MultiInputRnnPolicy"]

ASpace: TypeAlias = Annotated[spaces.Space[Any], InstanceOf(spaces.Space, "a space of Gymnasium")]
State: TypeAlias = tuple[Tensor, Tensor]


class _RnnPolicy(RecurrentActorCriticPolicy):
    """Base of the policies, see `MlpRnnPolicy`; it comes before a policy of sb3-contrib in the list of bases."""

    accepted_observations: ClassVar[str] = "vectors"

    @checked
    def __init__(
        self,
        observation_space: ASpace,
        action_space: ASpace,
        lr_schedule: Callback,
        *args: Any,
        cell: str | type[nn.Module] = "rnn",
        cell_kwargs: Keywords | None = None,
        **kwargs: Any,
    ) -> None:
        if not self._accepts(observation_space):
            kind = "MultiInput" if isinstance(observation_space, spaces.Dict) else "Mlp"
            raise ValueError(
                f"{type(self).__name__} is for observations that are {self.accepted_observations}, not "
                f"{observation_space}; use {kind}RnnPolicy."
            )
        if kwargs.pop("lstm_kwargs", None):
            raise TypeError("lstm_kwargs reach nn.LSTM only; give the parameters of the cell as cell_kwargs.")
        if kwargs.get("shared_lstm") and kwargs.get("enable_critic_lstm", True):
            raise ValueError(
                "shared_lstm=True needs enable_critic_lstm=False: the critic shares the actor's cell or has its own."
            )
        super().__init__(observation_space, action_space, lr_schedule, *args, **kwargs)
        self.cell, self.cell_kwargs = cell, dict(cell_kwargs or {})
        # sb3-contrib has made LSTMs; they are replaced under the names that its methods use.
        self.lstm_actor = self._make_cell()
        if self.enable_critic_lstm:
            self.lstm_critic = self._make_cell()
        # The optimizer has to be made again: that of sb3-contrib holds the parameters of the LSTMs.
        optimizer: Any = self.optimizer_class
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    @staticmethod
    def _accepts(space: Any) -> bool:
        """Return whether a policy can process observations of a space."""
        return not isinstance(space, spaces.Dict)

    def _make_cell(self) -> Any:
        layers, _, units = self.lstm_hidden_state_shape
        return make_cell(self.cell, self.features_dim, units, layers, self.cell_kwargs)

    @staticmethod
    def _process_sequence(features: Tensor, lstm_states: State, episode_starts: Tensor, lstm: Any) -> tuple[Tensor, Any]:
        """Run the cell over n sequences of features, in one call where possible.

        sb3-contrib calls the cell once per step, so that it can reset states at starts of episodes in between. But its
        rollout buffer cuts sequences at these starts, so in training only a sequence's first step can be one.

        Args:
            features: (n * steps, features), the steps of a sequence one after another.
            lstm_states: State (h, c) before the first step, (layers, n, units) each.
            episode_starts: 1 where an episode starts, so that the state is reset before the step, (n * steps,).
            lstm: The cell.

        Returns:
            Outputs (n * steps, units) and the state after the last step.
        """
        n = lstm_states[0].shape[1]
        starts = episode_starts.reshape(n, -1)
        if starts.shape[1] > 1 and bool(starts[:, 1:].any()):
            return RecurrentActorCriticPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        keep_state = (1 - starts[:, 0]).reshape(1, n, 1)  # 0 resets it
        sequences = features.reshape(n, starts.shape[1], -1).transpose(0, 1)  # cells want (steps, n, features)
        outputs, states = lstm(sequences, (keep_state * lstm_states[0], keep_state * lstm_states[1]))
        return torch.flatten(outputs.transpose(0, 1), end_dim=1), states

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `save` writes, with what sb3-contrib leaves out, so that `load` makes the same network."""
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


class MlpRnnPolicy(_RnnPolicy):
    """Recurrent policy for observations that are vectors, with a cell of choice in place of the LSTM.

    Args:
        observation_space: Space of observations.
        action_space: Space of actions.
        lr_schedule: Learning rate as a function of the remaining progress, from 1 to 0.
        *args: As for sb3-contrib's policies.
        cell: A name in `ngym_sb3.cells.CELLS`, or a class with the interface of `torch.nn.LSTM`.
        cell_kwargs: Parameters of the cell, for example ``{"dt": 20, "tau": 100}`` (ms) of a ``ctrnn``.
        **kwargs: As for sb3-contrib's policies: `lstm_hidden_size` (units), `n_lstm_layers`, `shared_lstm`,
            `enable_critic_lstm`, `net_arch` and so on, but not `lstm_kwargs`.

    Raises:
        UnknownNameError: A cell that does not exist.
        TypeError: A parameter that the cell does not have, or `lstm_kwargs`.
        ValueError: A critic that both shares the actor's cell and has its own, or observations that are not vectors.

    Example:
        >>> from ngym_sb3 import MlpRnnPolicy, RecurrentPPO, make_sb3_env
        >>> env = make_sb3_env("GoNogo-v0", n_envs=4, seed=0)
        >>> network = {"cell": "gru", "lstm_hidden_size": 16}
        >>> model = RecurrentPPO(MlpRnnPolicy, env, n_steps=16, batch_size=64, device="cpu", policy_kwargs=network)
        >>> model = model.learn(64)
        >>> action, (h, c) = model.predict(env.reset())
        >>> h.shape  # layers, lanes, units
        (1, 4, 16)
    """


class CnnRnnPolicy(_RnnPolicy, RecurrentActorCriticCnnPolicy):
    """Recurrent policy for observations that are images; parameters as for `MlpRnnPolicy`.

    Example:
        >>> import numpy as np
        >>> from gymnasium.spaces import Box, Discrete
        >>> from ngym_sb3 import CnnRnnPolicy
        >>> images = Box(0, 255, (1, 36, 36), np.uint8)
        >>> policy = CnnRnnPolicy(images, Discrete(3), lambda progress: 1e-3, cell="gru", lstm_hidden_size=8)
        >>> action, (h, c) = policy.predict(images.sample())
        >>> h.shape  # layers, lanes, units
        (1, 1, 8)
    """

    accepted_observations = "images"

    @staticmethod
    def _accepts(space: Any) -> bool:
        return isinstance(space, spaces.Box) and len(space.shape) == 3


class MultiInputRnnPolicy(_RnnPolicy, RecurrentMultiInputActorCriticPolicy):
    """Recurrent policy for observations that are dictionaries; parameters as for `MlpRnnPolicy`.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> from ngym_sb3 import MultiInputRnnPolicy
        >>> space = Dict({"light": Box(0, 1, (2,)), "sound": Box(-1, 1, (4,))})
        >>> policy = MultiInputRnnPolicy(space, Discrete(3), lambda progress: 1e-3, cell="gru", lstm_hidden_size=8)
        >>> action, (h, c) = policy.predict(space.sample())
        >>> h.shape  # layers, lanes, units
        (1, 1, 8)
    """

    accepted_observations = "dictionaries"

    @staticmethod
    def _accepts(space: Any) -> bool:
        return isinstance(space, spaces.Dict)
