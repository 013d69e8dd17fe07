"""FixConditions: a wrapper that fixes conditions of all trials, and the same for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np

from ngym_core.arguments import Keywords, explained
from ngym_core.random import Draws
from ngym_core.sampling import layers, outermost_trial_layer, sample_trials
from ngym_core.wrappers.base import TrialWrapper


class FixConditions(TrialWrapper):
    """Fix conditions of all trials, whatever the task and the wrappers inside draw.

    What a caller forces on single trials (`TrialEnv.reset`, `TrialEnv.new_trial`) prevails over what is fixed.

    Args:
        env: The task, with wrappers.
        conditions: Name -> a value, or a list of values one of which is drawn for each trial. A condition whose value is a
            list itself has a list of such lists.

    Raises:
        UnknownNameError: A condition that the task does not have.
        ValueError: A value that the condition cannot have.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers import FixConditions
        >>> env = FixConditions(ngym.make("PerceptualDecisionMaking-v0"), {"coh": [6.4, 51.2], "ground_truth": 1})
        >>> trials = env.sample_trials(100, seed=0).conditions
        >>> sorted(set(trials["coh"].tolist())), set(trials["ground_truth"].tolist())
        ([6.4, 51.2], {1})
    """

    metadata = {"description": "Fixes conditions of all trials, such as the coherence.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any], conditions: Keywords) -> None:
        super().__init__(env)
        self.conditions = dict(conditions)
        self._try_each_value()

    def _try_each_value(self) -> None:
        """Raise if the task, or one of several, cannot have a value: each is tried in a trial that nobody plays."""
        values = {name: value if _is_list(value) else [value] for name, value in self.conditions.items()}
        for name, options in values.items():
            if not len(options):
                raise ValueError(f"The condition {name!r} is fixed to one of no values; give at least one.")
        mixture: Any = next((layer for layer in layers(self.env) if "envs" in vars(layer)), None)
        places: list[dict[str, Any]] = [{mixture._index_name: i} for i in range(len(mixture.envs))] if mixture else [{}]
        for name in ("task", mixture._index_name) if mixture else ():
            if name in values:  # of a mixture only these tasks are played
                places = [{name: value} for value in values.pop(name)]
        for i in range(max(map(len, values.values()), default=1)):
            row = {name: options[min(i, len(options) - 1)] for name, options in values.items()}
            for place in places:
                sample_trials(self.env, 1, None, Draws(0), {**row, **place})

    def _refuse_decided_inside(self, names: Any) -> None:
        """Nothing: what is fixed prevails over what wrappers inside decide."""

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is fixed in n trials, of several values one drawn for each."""
        fixed = {name: draws.choice(name, n, value) if _is_list(value) else value for name, value in self.conditions.items()}
        return {**fixed, **forced}, {}


def _is_list(value: Any) -> bool:
    """Return whether a condition was given several values."""
    return np.ndim(value) > 0


@contextmanager
@explained
def conditions_fixed(
    env: gymnasium.Env[Any, Any], conditions: Mapping[str, Any] | None
) -> Iterator[gymnasium.Env[Any, Any]]:
    """Within ``with``, fix conditions of the trials that an env begins, see `FixConditions`.

    Args:
        env: The task, with wrappers.
        conditions: Name -> a value, or a list of values; nothing is fixed if there are none.

    Returns:
        The env to play.

    Raises:
        UnknownNameError: A condition that the task does not have.
        ValueError: A value that the condition cannot have.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.wrappers.fix_conditions import conditions_fixed
        >>> env = ngym.make("PerceptualDecisionMaking-v0")
        >>> with conditions_fixed(env, {"coh": 12.8}) as fixed:
        ...     fixed.reset(seed=0)[1]["trial"]["coh"]
        12.8
    """
    if not conditions:
        yield env
        return
    layer, top = outermost_trial_layer(env), env.unwrapped._top  # type: ignore[attr-defined]
    try:
        yield FixConditions(env, conditions)
    finally:
        layer._set_top(top)
