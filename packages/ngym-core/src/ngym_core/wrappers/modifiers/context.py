"""Context: a modifier that shows a stimulus in each of two modalities, and a cue that says which one counts."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ngym_core.random import Draws
from ngym_core.sampling import layers
from ngym_core.spaces import names_of
from ngym_core.trials import Trials, map_channels
from ngym_core.wrappers._append import extend_space
from ngym_core.wrappers.modifiers.base import Modifier

Array: TypeAlias = NDArray[Any]
MODALITIES = ("stimulus_mod1", "stimulus_mod2")


class Context(Modifier):
    """Show a stimulus in each of two modalities, and a cue that says which one counts.

    One modality shows the stimulus of the task, the other one the same turned on the ring by a random number of places,
    which asks for another answer. A task with one ring of stimulus channels (`stimulus`) gets a second one,
    `stimulus_mod2`; of a task with two (`stimulus_mod1` and `stimulus_mod2`), of which it uses one at a time, both are
    filled. Two further channels, `context`, are a one-hot cue throughout the trial.

    The condition `context` is the modality that counts, 0 or 1 (that of the task, where it has the condition `modality`),
    and `distractor` the number of places by which the other one is turned.

    Args:
        env: A task with choices on a ring, and one or two rings of as many stimulus channels.

    Raises:
        ValueError: A task without these, or one that shows both modalities already.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("PerceptualDecisionMaking-v0+context")
        >>> env.observation_space.name
        {'fixation': 0, 'stimulus': range(1, 3), 'stimulus_mod2': range(3, 5), 'context': range(5, 7)}
        >>> trials = env.sample_trials(4, seed=0)
        >>> trials.conditions["context"].tolist(), trials.ob[:, 0, 5:].tolist()
        ([1, 0, 0, 0], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    """

    metadata = {"description": "Shows two modalities, and a cue that says which one counts.", "paper_link": None}

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.require_ring()
        task = self.task
        space, k = task.observation_space, len(self._choices)
        names = names_of(space) if isinstance(space, spaces.Box) and len(space.shape) == 1 else {}
        rings = [name for name in MODALITIES if name in names] or [name for name in ("stimulus",) if name in names]
        if any(isinstance(layer, Context) for layer in layers(env)):
            raise ValueError(f"{task} has two modalities and a cue already: use one modifier Context, not two.")
        if not rings or any(np.size(names[name]) != k for name in rings):
            raise ValueError(
                f"Context needs a ring of stimulus channels, called 'stimulus' (or two, {MODALITIES}), as many as the {k} "
                f"choices. {task} has the channels {names or space}."
            )
        used = [name for name in rings if name not in task.unused_channels]
        self._follows_task = "modality" in self.probe(1).conditions
        if len(used) > 1 and not self._follows_task:
            raise ValueError(f"{task} shows both modalities already; Context needs a task that shows one at a time.")
        size = int(env.observation_space.shape[0])  # type: ignore[index]
        self._rings = [np.asarray(names[name]) for name in rings]
        self._used = 0 if self._follows_task else rings.index(used[0])
        extended = env.observation_space
        self._added_stimulus: Array = np.zeros(0, np.int64)
        if len(rings) == 1:
            extended = extend_space(extended, MODALITIES[1], k)
            self._added_stimulus = np.arange(size, size + k)
            self._rings.append(self._added_stimulus)
        self.observation_space = extend_space(extended, "context", 2)
        self._names = [self.condition_name(name) for name in ("context", "distractor")]

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Show a turned stimulus in the other modality, and the cue."""
        k = len(self._choices)
        context = draws.index("context", trials.n, 2)
        if self._follows_task:
            context = trials.conditions["modality"].astype(np.int64)
        turn = draws.index("distractor", trials.n, k)
        for name, values in zip(self._names, (context, turn), strict=True):
            trials.set(name, values)
        channels_after = int(self.observation_space.shape[0])  # type: ignore[index]
        turned = (np.arange(k) - np.arange(k)[:, None]) % k  # which channel each shows, for each number of places

        def both(values: Array, trial: Array) -> Array:
            shown = np.zeros((len(values), channels_after), values.dtype)
            shown[:, : values.shape[1]] = values
            counts = context[trial]
            own = values[:, self._rings[self._used]]
            if self._follows_task:
                own = np.where((counts == 1)[:, None], values[:, self._rings[1]], own)
            distractor = np.take_along_axis(own, turned[turn[trial]], axis=1)
            for modality, ring in enumerate(self._rings):
                shown[:, ring] = np.where((counts == modality)[:, None], own, distractor)
            shown[np.arange(len(values)), channels_after - 2 + counts] = 1
            return shown

        map_channels(trials, both)
        return trials
