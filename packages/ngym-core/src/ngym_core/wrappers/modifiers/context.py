"""Context: a modifier that shows a stimulus in each of two modalities, and a cue that says which one counts."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
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

    One modality shows the stimulus of the task, the other one the same turned on the ring by a random number of places from
    0 on, which asks for another answer unless it is 0: then (in one of k trials on a ring of k choices) both modalities show
    the same. A task with one ring of stimulus channels (`stimulus`) gets a second one,
    `stimulus_mod2`; of a task with two (`stimulus_mod1` and `stimulus_mod2`), of which it uses one at a time, both are
    filled. Two further channels, `context`, are a one-hot cue throughout the trial.

    Channels:
        stimulus_mod2: behind those of the task. The stimulus in the other modality.
        context: the last two. A one-hot cue throughout the trial: which modality counts.

    Conditions:
        context: The modality that counts, 0 or 1: that of the task, where it has the condition `modality` (force that one).
        distractor: The number of places by which the other one is turned.

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
        size = self.require_channels()
        task = self.task
        space, k = task.observation_space, len(self._choices)
        names = names_of(space)
        rings = [name for name in MODALITIES if name in names] or [name for name in ("stimulus",) if name in names]
        if any(isinstance(layer, Context) for layer in layers(env)):
            raise ValueError(f"{task} has two modalities and a cue already: use one modifier Context, not two.")
        places = [np.asarray(names[name]) for name in rings]
        if not rings or any(place.size != k or (np.diff(place) != 1).any() for place in places):
            raise ValueError(
                f"Context needs a ring of stimulus channels, called 'stimulus' (or two, {MODALITIES}), as many as the {k} "
                f"choices and side by side. {task} has the channels {names or space}."
            )
        used = [name for name in rings if name not in task.unused_channels]
        self._follows_task = "modality" in self.probe(1).conditions
        if len(used) > 1 and not self._follows_task:
            raise ValueError(f"{task} shows both modalities already; Context needs a task that shows one at a time.")
        starts = [int(place[0]) for place in places]
        self._used = 0 if self._follows_task else rings.index(used[0])
        extended = env.observation_space
        self._added_stimulus: Array = np.zeros(0, np.int64)
        if len(rings) == 1:
            extended = extend_space(extended, MODALITIES[1], k)
            self._added_stimulus = np.arange(size, size + k)
            starts.append(size)
        self._starts = np.array(starts)
        self.observation_space = extend_space(extended, "context", 2)
        self._names = [self.condition_name(name) for name in ("context", "distractor")]

    def draw_conditions(self, n: int, draws: Draws, forced: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw which modality counts, where the task does not say it, and by how many places the other one is turned."""
        (context, distractor), k = self._names, len(self._choices)
        drawn = draws.index("context", n, 2), draws.index("distractor", n, k)
        counting = drawn[0] if self._follows_task else self.forced_or_drawn(context, drawn[0], forced, [0, 1])
        turn = self.forced_or_drawn(distractor, drawn[1], forced, np.arange(k))
        return forced, {context: counting, distractor: turn}

    def edit_trials(self, trials: Trials, draws: Draws) -> Trials:
        """Show a turned stimulus in the other modality, and the cue."""
        k, conditions, (name, distractor) = len(self._choices), trials.conditions, self._names
        turn = trials.condition(distractor, conditions[distractor])  # as one that callers may force
        if self._follows_task:  # what is forced is the condition of the task
            context = trials.set(name, conditions["modality"].astype(np.int64))
        else:
            context = trials.condition(name, conditions[name])
        total = int(self.observation_space.shape[0])  # type: ignore[index]

        def both(values: Array, trial: Array) -> Array:
            counts, row = context[trial], np.arange(len(values))
            shown = np.empty((len(values), total), values.dtype)
            shown[:, : values.shape[1]] = values
            shown[:, values.shape[1] :] = 0
            used = counts if self._follows_task else self._used
            own = _rings(values, k)[row * values.shape[1] + self._starts[used]]
            twice = np.empty((len(own), 2), own.dtype)
            twice[:, 0] = twice[:, 1] = own
            other = _rings(twice.view(values.dtype), k)[row * 2 * k + (-turn % k)[trial]]
            rings = _rings(shown, k)
            if not self._follows_task:  # else it is there already
                rings[row * total + self._starts[counts]] = own
            rings[row * total + self._starts[1 - counts]] = other
            shown[row, total - 2 + counts] = 1
            return shown

        map_channels(trials, both)
        return trials


def _rings(values: Array, k: int) -> Array:
    """View k neighbouring channels as one item, for each channel of values (m, channels) at which they may begin.

    NumPy copies an item in one go, whichever channel it begins at.
    """
    values = np.ascontiguousarray(values)
    return np.ndarray(values.size - k + 1, f"V{k * values.itemsize}", values, strides=(values.itemsize,))
