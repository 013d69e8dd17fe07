"""ParameterWatch: notices that parameters of a task or its wrappers were changed since trials were made in advance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import gymnasium

from ngym_core.parameters import Parameters
from ngym_core.sampling import layers

__all__ = ["ParameterWatch"]

PLAYED = frozenset({"num_tr", "performance", "trial", "t_ind", "i_env", "env", "envs", "spec", "render_mode"})
"""Public attributes that change while trials are played, or describe the env."""


class ParameterWatch:
    """Compares the public attributes of an env and all that it wraps with those at an earlier time.

    Whoever makes trials in advance (lanes, data sets) asks `changed` before the next trial begins, puts its random streams
    back to where that trial is drawn, under the parameters of `before`, and makes the trials again. What is changed within
    an array cannot be seen: assign a new one.

    Args:
        env: The env.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_core.changes import ParameterWatch
        >>> env = ngym.make("PerceptualDecisionMaking-v0").unwrapped
        >>> watch = ParameterWatch(env)
        >>> env.timing["stimulus"] = 500
        >>> watch.changed
        True
        >>> with watch.before():
        ...     env.timing["stimulus"]
        2000
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env
        self.remember()

    def remember(self) -> None:
        """Take the present parameters for those that `changed` compares with."""
        self._layers = [vars(layer) for layer in layers(self.env)]
        self._sizes = [len(attributes) for attributes in self._layers]
        self._names = [_public(attributes) for attributes in self._layers]
        self._read = [itemgetter(*names, *names[:1]) if names else lambda _: () for names in self._names]  # always a tuple
        self._values = [read(attributes) for read, attributes in zip(self._read, self._layers, strict=True)]
        found = [value for values in self._values for value in values if isinstance(value, Parameters)]
        self._dictionaries = {id(value): value for value in found}
        self._contents = {key: tuple(value.items()) for key, value in self._dictionaries.items()}

    @property
    def changed(self) -> bool:
        """Whether a parameter differs from the remembered one."""
        try:
            for i, attributes in enumerate(self._layers):
                if self._read[i](attributes) != self._values[i]:  # compares by identity first
                    return True
                if len(attributes) != self._sizes[i]:
                    if _public(attributes) != self._names[i]:
                        return True
                    self._sizes[i] = len(attributes)
            return any(tuple(self._dictionaries[key].items()) != contents for key, contents in self._contents.items())
        except (KeyError, ValueError):  # an attribute was removed; arrays that are not the same
            return True

    @contextmanager
    def before(self) -> Iterator[None]:
        """Within ``with``, the env has the remembered parameters."""
        now = [dict(attributes) for attributes in self._layers]
        contents = {key: dict(value) for key, value in self._dictionaries.items()}
        for attributes, names, values in zip(self._layers, self._names, self._values, strict=True):
            for name in set(_public(attributes)) - set(names):
                del attributes[name]
            attributes.update(zip(names, values, strict=False))
        for key, value in self._dictionaries.items():
            value.state = dict(self._contents[key])
        try:
            yield
        finally:
            for attributes, names, changed in zip(self._layers, self._names, now, strict=True):
                for name in set(names) - set(changed):
                    del attributes[name]
                attributes.update({name: value for name, value in changed.items() if name in _public(changed)})
            for key, value in self._dictionaries.items():
                value.state = contents[key]


def _public(attributes: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of attributes that may be parameters."""
    return tuple(name for name in attributes if not name.startswith("_") and name not in PLAYED)
