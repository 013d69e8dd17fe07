"""Parameters: the timing or the rewards of a task, as a dictionary that checks its keys and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Self

from ngym_core.arguments import Number, explained, shown
from ngym_core.errors import UnknownNameError, unknown_name
from ngym_core.trials.durations import check_duration

__all__ = ["Parameters"]

MISSING: Any = object()


class Parameters(dict[str, Any]):
    """The timing or the rewards of a task: a dictionary that rejects keys the task does not have and wrong values.

    Values are checked whatever way they come in, and of several none is set if one is wrong. Keys that the task has by
    default cannot be removed. Copies and unions (``timing | {...}``) are plain dictionaries.

    Args:
        kind: ``timing`` or ``reward``; it chooses the check of values, and errors name it.
        default: Every key with its default.
        given: The user's values.
        optional: Further keys that may be given; None for any.

    Raises:
        UnknownNameError: A key that the task does not have, here or in a later assignment.
        ValueError: A duration or reward that is negative (durations only) or not finite.
        TypeError: A reward that is no number, a duration of another type, see `check_duration`, or the removal of a key.

    Example:
        >>> from ngym_core.parameters import Parameters
        >>> timing = Parameters("timing", {"stimulus": 1000, "decision": 200}, {"stimulus": 500})
        >>> timing["decision"] = ("uniform", (200, 400))
        >>> timing |= {"stimulus": 600}
        >>> timing
        {'stimulus': 600, 'decision': ('uniform', (200, 400))}
    """

    @explained
    def __init__(
        self,
        kind: str,
        default: Mapping[str, Any],
        given: Mapping[str, Any] | None = None,
        optional: Sequence[str] | None = (),
    ) -> None:
        super().__init__(default)
        self.kind, self.required = kind, tuple(default)
        self.needed_by = ""  # who reads the values, for errors
        self.optional = None if optional is None else tuple(optional)
        self.update({} if given is None else given)

    def __reduce__(self) -> Any:
        """Copy and pickle like a plain dictionary of its kind."""
        given = {key: value for key, value in self.items() if key not in self.required}
        made_of = (self.kind, {key: self[key] for key in self.required}, given, self.optional)
        return type(self), made_of, {"needed_by": self.needed_by}

    def __missing__(self, key: str) -> NoReturn:
        """Raise for a key that is read but not there, such as a reward that the rule pays and the task does not have."""
        by = f", which {self.needed_by} needs: add it to `default_{self.kind}s` of the task" if self.needed_by else ""
        raise UnknownNameError(f"There is no {self.kind} {key!r}{by}. There are {', '.join(map(repr, self)) or 'none'}.")

    @property
    def state(self) -> dict[str, Any]:
        """All values, as a plain dictionary."""
        return dict(self)

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        super().clear()
        super().update(values)

    def __setitem__(self, key: str, value: Any) -> None:
        """Change a value, after a check of its key and itself."""
        self.update({key: value})

    def update(self, given: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **named: Any) -> None:  # type: ignore[override]
        """Change several values, after a check of all."""
        changes = dict(given, **named)
        for key, value in changes.items():
            self._check(key, value)
        super().update(changes)

    def __ior__(self, given: Any) -> Self:  # type: ignore[override,misc]
        """Change several values, after a check of all."""
        self.update(given)
        return self

    @explained
    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key; an optional one that is missing gets this value, after a check."""
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: str) -> None:
        """Remove an optional key."""
        self.pop(key)

    def pop(self, key: str, default: Any = MISSING) -> Any:
        """Remove an optional key and return its value, or the default if it is missing."""
        if key in self.required:
            self._refuse_removal(key)
        return super().pop(key) if default is MISSING else super().pop(key, default)

    def popitem(self) -> NoReturn:
        """Raise: the task needs all keys."""
        self._refuse_removal(*self)

    def clear(self) -> NoReturn:
        """Raise: the task needs all keys."""
        self._refuse_removal(*self)

    def _refuse_removal(self, *keys: str) -> NoReturn:
        raise TypeError(f"The {self.kind} keys {list(keys)} cannot be removed: the task needs them. Assign another value.")

    def _check(self, key: str, value: Any) -> None:
        """Raise if the task has no such key, or if its value is none of its kind."""
        if self.optional is not None and key not in self.required and key not in self.optional:
            raise unknown_name(f"{self.kind} key", key, [*self.required, *self.optional])
        if self.kind == "timing":
            check_duration(key, value)
        else:
            Number().check(f"rewards[{key!r}]", value)


class ParametersAttribute:
    """Descriptor for `timing` and `rewards` of a task: a dictionary that is assigned is checked like one that is given.

    A task that has default keys keeps them: the assigned dictionary replaces the values of some. One in NeuroGym's style
    that has none may assign any keys, or something else than a dictionary.

    Args:
        kind: ``timing`` or ``reward``, see `Parameters`.
        name: Name of the attribute.
    """

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def __getattr__(self, name: str) -> Any:
        """Raise: this stands in the place of what a task's constructor sets."""
        raise AttributeError(f"A task has no `{self.name}` before its `__init__` has called `super().__init__(dt, ...)`.")

    def __set__(self, instance: Any, value: Any) -> None:
        """Check a dictionary and keep it in the instance, where Python finds it without asking this descriptor."""
        default = getattr(instance, f"default_{self.name}")
        if default and not isinstance(value, Mapping):
            raise TypeError(f"{self.name}={shown(value)} must be a dictionary with keys among {list(default)}.")
        if vars(instance).get("_is_made") and not vars(instance).get(self.name):
            raise AttributeError(f"{instance} has no {self.name} that could be changed.")
        if isinstance(value, Mapping) and not isinstance(value, Parameters):
            optional = instance.rule.optional_rewards if self.kind == "reward" else ()
            value = Parameters(self.kind, default, value, optional if default else None)
        if self.kind == "reward" and isinstance(value, Parameters):
            value.needed_by = f"{type(instance.rule).__name__}, the rule of {instance},"
        vars(instance)[self.name] = value


class UnsetSpace:
    """Descriptor in the place of a space that a task's constructor has not set.

    Args:
        name: Name of the attribute.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Self:
        """Raise: what is set is kept in the instance, where Python finds it without asking this descriptor."""
        if instance is None:
            return self
        raise AttributeError(f"<{owner.__name__}> has no {self.name}: set `self.{self.name}` in its constructor.")
