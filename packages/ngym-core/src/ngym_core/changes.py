"""ParameterWatch: notices that parameters of a task or its wrappers were changed since trials were made in advance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

import gymnasium

from ngym_core.arguments import explained
from ngym_core.parameters import Parameters
from ngym_core.sampling import layers

__all__ = ["ParameterWatch", "parameter_names"]

PLAYED = frozenset(
    {
        *("num_tr", "performance", "trial", "t_ind", "i_env", "env", "envs", "spec", "render_mode", "metadata"),
        *("np_random", "ob", "gt", "tmax"),
    }
)
"""Public attributes that change while trials are played, or describe the env."""


class ParameterWatch:
    """Compares the parameters of an env and all that it wraps with those at an earlier time, see `parameter_names`.

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

    @explained
    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env
        self.remember()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from: it watches the copy of the env."""
        return {"env": self.env}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make this a copy, which takes the present parameters for the remembered ones."""
        self.__init__(state["env"])  # type: ignore[misc]

    def remember(self) -> None:
        """Take the present parameters for those that `changed` compares with."""
        found = layers(self.env)
        self._kinds, self._layers = [type(layer) for layer in found], [vars(layer) for layer in found]
        self._sizes = [len(attributes) for attributes in self._layers]
        self._names = self._present_names()
        self._read = [itemgetter(*names, *names[:1]) if names else _nothing for names in self._names]  # always a tuple
        self._values = [read(attributes) for read, attributes in zip(self._read, self._layers, strict=True)]
        held = [value for values in self._values for value in values if isinstance(value, (Parameters, dict, list))]
        self._containers = {id(value): value for value in held}
        self._contents = {key: _contents(value) for key, value in self._containers.items()}
        self._checks = list(zip(self._layers, self._read, self._values, self._sizes, strict=True))
        self._pairs = [(value, self._contents[key]) for key, value in self._containers.items()]

    @property
    def changed(self) -> bool:
        """Whether a parameter differs from the remembered one."""
        # Comparisons of tuples, lists and dictionaries look at identity first: this takes two microseconds.
        try:
            for attributes, read, values, size in self._checks:
                if read(attributes) != values:
                    return True
                if len(attributes) != size and self._has_other_names():
                    return True
            for container, contents in self._pairs:
                if container != contents:
                    return True
        except (KeyError, ValueError):  # an attribute was removed; arrays that are not the same
            return True
        return False

    def _present_names(self) -> list[tuple[str, ...]]:
        """Return the names of the parameters of each layer."""
        return [parameter_names(kind, own) for kind, own in zip(self._kinds, self._layers, strict=True)]

    def _has_other_names(self) -> bool:
        """Return whether there are other parameters than before; the number of private attributes may change."""
        if self._present_names() != self._names:
            return True
        self._sizes = [len(attributes) for attributes in self._layers]
        self._checks = list(zip(self._layers, self._read, self._values, self._sizes, strict=True))
        return False

    def changes(self) -> list[dict[str, Any]]:
        """Return the parameters that differ from the remembered ones: for each layer, name -> value."""
        changes = []
        present = self._present_names()
        for attributes, shown, names, values in zip(self._layers, present, self._names, self._values, strict=True):
            old = dict(zip(names, values, strict=False))
            new = {name: attributes[name] for name in shown}
            different = {name: value for name, value in new.items() if old.get(name, self) is not value}
            held = {name: value for name, value in new.items() if id(value) in self._contents}
            changes.append({**different, **{k: v for k, v in held.items() if _contents(v) != self._contents[id(v)]}})
        return changes

    @contextmanager
    def before(self) -> Iterator[None]:
        """Within ``with``, the env has the remembered parameters."""
        shown = self._present_names()
        now = [{name: own[name] for name in names} for own, names in zip(self._layers, shown, strict=True)]
        contents = {key: _contents(value) for key, value in self._containers.items()}
        for attributes, changed, names, values in zip(self._layers, now, self._names, self._values, strict=True):
            for name in set(changed) - set(names):
                del attributes[name]
            attributes.update(zip(names, values, strict=False))
        for key, value in self._containers.items():
            _set_contents(value, self._contents[key])
        try:
            yield
        finally:
            for attributes, names, changed in zip(self._layers, self._names, now, strict=True):
                for name in set(names) - set(changed):
                    del attributes[name]
                attributes.update(changed)
            for key, value in self._containers.items():
                _set_contents(value, contents[key])


def parameter_names(kind: type, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of attributes of a layer that may be parameters.

    These are the public ones, and those that hold the value of a property that can be set: that of `ms` is in `_ms`.

    Args:
        kind: Class of the layer.
        attributes: What `vars` of the layer returns.
    """
    private = _of_properties(kind)
    return tuple(name for name in attributes if (name in private if name[:1] == "_" else name not in PLAYED))


@cache
def _of_properties(kind: type) -> frozenset[str]:
    """Return the names of private attributes that may hold the values of properties that can be set."""
    found = {name: getattr(kind, name, None) for name in dir(kind) if name[:1] != "_" and name not in PLAYED}
    return frozenset(f"_{name}" for name, value in found.items() if isinstance(value, property) and value.fset is not None)


def _nothing(attributes: dict[str, Any]) -> tuple[()]:
    """Return the values of no attributes."""
    return ()


def _contents(container: Any) -> Any:
    """Return a plain list or dictionary of what a container holds."""
    return list(container) if isinstance(container, list) else dict(container)


def _set_contents(container: Any, contents: Any) -> None:
    """Change what a dictionary or a list holds; parameters have been checked before."""
    if isinstance(container, list):
        container[:] = contents
    elif isinstance(container, Parameters):
        container.state = contents
    else:
        container.clear()
        container.update(contents)
