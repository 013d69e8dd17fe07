"""The reference's way of drawing: one legacy generator, in call order, with its rejection loops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ngym_core.random import Draws, TruncExp
from ngym_core.trials import Trials


class ReferenceDraws(Draws):
    """Draws whose names mean nothing: what is asked first is drawn first, one trial at a time.

    A `TruncExp` draws from a generator of its own, made from the same seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.rs = np.random.RandomState(seed)
        self._truncated: dict[str, np.random.RandomState] = {}
        self._drawn: dict[str, Any] = {}

    def _is_skipped(self, name: str) -> bool:
        """Whether the reference does not make this draw in the present trial, since the trial makes no use of it."""
        kind, i = re.fullmatch(r"(.*?) ?(\d*)", name).groups()  # type: ignore[union-attr]
        if kind in ("sense", "delta_color"):  # a distractor differs from the target in one or in the other
            return bool((self._drawn[f"turned {i}"] > 0.5) != (kind == "sense"))
        if name == "onset":
            return bool(self._drawn["ground_truth"] != 1)
        return kind == "test" and i != "" and bool(self._drawn["ground_truth"] == int(i))

    def choice(self, name: str, n: int, options: Any, p: Any = None, size: int | None = None) -> Any:
        if self._is_skipped(name):
            return Draws(0).choice(name, n, options, p, size)
        self._drawn[name] = super().choice(name, n, options, p, size)
        return self._drawn[name]

    def uniform(self, name: str, n: int, low: Any, high: Any) -> Any:
        return (Draws(0) if self._is_skipped(name) else super()).uniform(name, n, low, high)

    def random(self, name: str, n: int, size: int | None = None) -> Any:
        assert n == 1, "the reference draws one trial at a time"
        self._drawn[name] = self.rs.random_sample(n if size is None else (n, size))
        return self._drawn[name]

    def index(self, name: str, n: int, k: int, p: Any = None, size: int | None = None) -> Any:
        assert n == 1, "the reference draws one trial at a time"
        if name == "modality":  # in the reference each modality is a task of its own
            return np.zeros(1, int)
        if self._is_skipped(name):
            return Draws(0).index(name, n, k, p, size)
        if p is not None:
            return super().index(name, n, k, p, size)
        if k == 1:
            return np.zeros(1 if size is None else (1, size), int)
        return self.rs.randint(0, k, size=1 if size is None else (1, size))

    def other(self, name: str, n: int, k: int, than: Any) -> Any:
        while (drawn := self.rs.randint(0, k, size=1)) == than:
            pass
        return drawn

    def permutation(self, name: str, n: int, k: int) -> Any:
        return Draws(0).permutation(name, n, k) if self._is_skipped(name) else self.rs.permutation(k)[None]

    def normal(self, name: str, shape: tuple[int, ...], first: int = 0, rows: Any = None) -> Any:
        return self.rs.randn(*shape)

    def truncated_exponential(self, name: str, n: int, mean: float, low: float = 0, high: float = np.inf) -> Any:
        return np.array([_reject(self.rs, mean, low, high)])

    def sample(self, name: str, n: int, distribution: Any) -> Any:
        assert isinstance(distribution, TruncExp)
        rs = self._truncated.setdefault(name, np.random.RandomState(self.seed))
        return np.array([_reject(rs, distribution.vmean, distribution.vmin, distribution.vmax)])


def _reject(rs: np.random.RandomState, mean: float, low: float, high: float) -> float:
    if low >= high:
        return high
    while not low <= (value := rs.exponential(mean)) < high:
        pass
    return value


class ReferenceTrials(Trials):
    """Trials in which the reference draws nothing for a period, or noise, that the trial does not have."""

    def add_period(self, *args: Any, only: Any = None, **kwargs: Any) -> None:
        with self._draws_for(only):
            super().add_period(*args, only=only, **kwargs)

    def add_randn(self, *args: Any, only: Any = None, **kwargs: Any) -> None:
        with self._draws_for(only):
            super().add_randn(*args, only=only, **kwargs)

    @contextmanager
    def _draws_for(self, only: Any) -> Iterator[None]:
        draws = self.draws
        if only is not None and not np.all(only):
            self.draws = self._periods.draws = Draws(0)
        yield
        self.draws = self._periods.draws = draws


def draw_from(env: Any, draws: ReferenceDraws) -> None:
    """Let a task draw all trials from the reference's randomness."""
    task = env.unwrapped
    task._draw_from(draws)
    new_trials = task._new_trials

    def new_reference_trials(trials: Trials) -> None:
        trials.__class__ = ReferenceTrials
        new_trials(trials)

    task._new_trials = new_reference_trials
