"""The trials of Mod-Cog, derived from the specification alone: with its defects, for the digests, and without them.

Written apart from the tasks of ours, which are compared with it. `R` is the generator of an env, `G` NumPy's global one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

N, DT = 16, 100
THETA = np.arange(N) * (2 * np.pi / N)
SUFFIXES = {"intr": (1, 0), "intl": (-1, 0), "seqr": (0, 1), "seql": (0, -1), "intseq": (1, 1)}
DELAYS = np.arange(0, 1200, 100)


def digests() -> dict[str, str]:
    """Digest of each of the 93 functions, as `modcog_digests.txt` has them."""
    lines = (Path(__file__).parent / "modcog_digests.txt").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def bump(angle: float, strength: float = 1.0) -> Any:
    """The activity of a ring for a direction."""
    x = np.abs(angle - THETA)
    return 0.8 * np.exp(-((np.minimum(x, 2 * np.pi - x) / (np.pi / 8)) ** 2) / 2) * strength


@dataclass
class Trial:
    """One trial: observations, ground truth, and what it was made of."""

    ob: Any
    gt: Any
    facts: dict[str, Any]


class ModCog:
    """A task of Mod-Cog, after its seed.

    Args:
        name: Its name.
        mended: Without the thirteen defects of the sheet.
        seed: Seed of the env.
        global_seed: Seed of NumPy's global generator when it is made.
    """

    def __init__(self, name: str, mended: bool = False, seed: int = 0, global_seed: int = 42) -> None:
        suffix = re.search(r"(intseq|int[rl]|seq[rl]|)$", name).group()  # type: ignore[union-attr]
        self.base, self.mended = name.removesuffix(suffix), mended
        self.integrate, self.seq = SUFFIXES.get(suffix, (0, 0))
        self.g = np.random.RandomState(global_seed)
        self.rs = [np.random.RandomState(seed) for _ in range(2)]
        self.k = -1
        self.fixed_delays = []
        if re.fullmatch(r"dn?m[sc]", self.base):  # defect 5: once for each modality
            self.fixed_delays = [self.g.uniform(200, 1200) // DT * DT for _ in range(2)]

    def next(self) -> Trial:
        """Make the next trial."""
        self.k += 1
        if re.fullmatch(r"dn?m[sc]", self.base):
            return self._match(self.rs[self.k % 2], self.k % 2)
        return self._decision(self.rs[0]) if "dm" in self.base else self._reach(self.rs[self.k % 2], self.k % 2)

    def digest(self) -> str:
        """Digest of the first six trials."""
        sha = hashlib.sha256()
        for _ in range(6):
            trial = self.next()
            sha.update(trial.ob.tobytes())
            sha.update(trial.gt.tobytes())
        return sha.hexdigest()[:16]

    def _blank(self, durations: dict[str, float]) -> tuple[Any, Any, dict[str, slice]]:
        spans, start = {}, 0
        for period, ms in durations.items():
            spans[period] = slice(start, start := start + int(ms / DT))
        return np.zeros((start, 1 + 2 * N), np.float32), np.zeros(start, np.int64), spans

    def _label(self, gt: Any, decision: slice, target: int) -> None:
        for k in range(decision.stop - decision.start):
            if self.mended:
                gt[decision.start + k] = 1 + (target + self.seq * k) % N
            else:  # defects 1 and 10: modulo of an action, and truncation
                gt[decision.start + k] = np.mod(target + 1 + int(self.seq * k * 0.01 * DT), N)

    def _decision_ms(self, ms: int) -> int:
        slow = self.mended or not self.base.startswith("rt")  # defect 11
        return 1000 if self.seq and slow else ms

    def _reach(self, r: Any, modality: int) -> Trial:
        g, reaction, anti = r.randint(0, N), self.base.startswith("rt"), self.base.endswith("anti")
        delay = 0 if self.mended and not self.base.startswith("dly") else 500  # defect 2
        if self.integrate:
            delay = int(self.g.choice(DELAYS))
        before = {"fixation": 500} if reaction else {"fixation": 500, "stimulus": 500, "delay": delay}
        ob, gt, spans = self._blank({**before, "decision": self._decision_ms(500)})
        cue, target = THETA[g], g
        if self.mended:
            target = g + self.integrate * delay // 100
            target += 0
        else:  # defect 4
            cue = cue + self.integrate * 0.01 * delay
        cue = np.mod(cue + anti * np.pi, 2 * np.pi)
        ob[: spans["decision"].start, 0] += 1
        ring = slice(1 + N * modality, 1 + N * modality + N)
        ob[spans["decision" if reaction else "stimulus"], ring] += bump(cue)
        self._label(gt, spans["decision"], target)
        return Trial(ob, gt, {"delay": delay, "modality": modality})

    def _decision(self, r: Any) -> Trial:
        delayed = "dly" in self.base
        i1 = r.randint(0, N)
        while (i2 := r.randint(0, N)) == i1:
            pass
        fixation = r.uniform(200, 500) // DT * DT
        middle = {"stim1": 500, "delay": 500, "stim2": 500} if delayed else {"stimulus": 500}
        ob, gt, spans = self._blank({"fixation": fixation, **middle, "decision": self._decision_ms(200)})
        ob[:, 0] += 1
        ob[spans["decision"]] = 0
        shown = ("stim1", "stim2") if delayed else ("stimulus", "stimulus")
        for period in dict.fromkeys(shown):
            ob[spans[period]] += r.randn(spans[period].stop - spans[period].start, 1 + 2 * N) * (1 / np.sqrt(DT))
        sums: list[Any] = [0, 0]
        weights = {"ctx": {True: (1, 0), False: (0, 1)}[self.base.endswith("1")]}.get(self.base[:3], (1, 1))
        only = None if self.base.startswith(("ctx", "multi")) else int(self.base[-1])
        for m in (1, 2):
            if only not in (None, m):
                continue
            if delayed:
                a, b = np.array([0.3, 0.6, 1.0])[r.permutation(3)[:2]]
            else:
                c = [0.08, 0.16, 0.32, 0.64][r.randint(0, 4)] * [-1, 1][r.randint(0, 2)]
                a, b = 0.5 + c / 2, 0.5 - c / 2
            sums = [sums[0] + weights[m - 1] * a, sums[1] + weights[m - 1] * b]
            ring = slice(1 + N * (m - 1), 1 + N * m)
            for period, i, strength in zip(shown, (i1, i2), (a, b), strict=True):
                ob[spans[period], ring] += bump(THETA[i], strength)
        target = i1 if sums[0] + r.uniform(-1e-6, 1e-6) > sums[1] else i2
        self._label(gt, spans["decision"], (target + 5 * self.integrate) % N)
        return Trial(ob, gt, {"delay": 500, "i1": i1, "i2": i2})

    def _match(self, r: Any, modality: int) -> Trial:
        half = N // 2
        match = r.randint(0, 2) == 0
        delay = int(self.g.choice(DELAYS)) if self.integrate else self.fixed_delays[modality]
        i = r.randint(0, N)
        if self.base.endswith("c"):
            same = (i >= half) if self.mended else (i > half)  # defect 7
            j = r.randint(0, half) + (same == match) * half
        else:
            j = i if match else (i + half) % N
        periods = {"fixation": 300, "sample": 500, "delay": delay, "test": 500, "decision": self._decision_ms(900)}
        ob, gt, spans = self._blank(periods)
        ob[:, 0] += 1
        ob[spans["decision"], 0] = 0
        ring = slice(1 + N * modality, 1 + N * modality + N)
        for period, place in (("sample", i), ("test", j)):
            ob[spans[period], ring] += bump(THETA[place])
        for period in ("sample", "test"):
            ob[spans[period], ring] += r.randn(5, N) * (1 / np.sqrt(DT))
        if match == (self.base in ("dms", "dmc")):
            self._label(gt, spans["decision"], (j + self.integrate * int(delay) // 100) % N)
        return Trial(ob, gt, {"delay": delay, "modality": modality, "sample": i, "match": match})
