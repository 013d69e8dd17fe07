"""GoCue: a modifier that shows when to answer."""

from __future__ import annotations

from typing import Any

import gymnasium

from ngym_core.random import Draws
from ngym_core.spaces import names_of
from ngym_core.trials import Trials, add_period_channel
from ngym_core.wrappers._append import extend_space
from ngym_core.wrappers.modifiers.base import Modifier


class GoCue(Modifier):
    """Show when to answer: a further channel, `go_cue`, that is 1 in the decision period and 0 before it.

    Channels:
        go_cue: the last one. 1 in the decision period, 0 before it.

    Args:
        env: A task with a decision period, whose observation is a vector of channels.

    Raises:
        ValueError: A task without these, or `ReactionTime`: the answer is due from the stimulus on then.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("yang19.dm1-v0+go_cue")
        >>> trial = env.sample_trials(1, seed=0)[0]
        >>> trial.ob[:, env.observation_space.name["go_cue"]].tolist(), trial.start["decision"]
        ([0.0, 0.0, 0.0, 0.0, 1.0, 1.0], 4)
    """

    metadata = {"description": "Shows when to answer.", "paper_link": None}
    times_answer = True

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._decision = self.require_decision()
        self.require_channels()
        name = "go_cue"
        while name in names_of(env.observation_space):
            name = f"GoCue_{name}"
        self.observation_space = extend_space(env.observation_space, name, 1)

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Add the channel to n trials."""
        add_period_channel(trials, self._decision)
        return trials
