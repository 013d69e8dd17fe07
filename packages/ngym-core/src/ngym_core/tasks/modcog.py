"""Mod-Cog (Khona et al. 2022): the 82 tasks of the collection `modcog`, which are those of Yang et al. (2019) modified.

A name is that of a task of `yang19` and one of the suffixes in `SUFFIXES`: ``intr`` and ``intl`` turn the answer by the
delay (`Interval`), ``seqr`` and ``seql`` ask for a sequence of answers (`Sequence`). Right is to higher numbers on the
ring in all tasks. Of the tasks of Yang et al. they differ by what `TASKS` says: the fixation cue stays on until the
decision, and delays are shorter or vary.
"""

from __future__ import annotations

import inspect
from typing import Any

from ngym_core.env import TrialEnv
from ngym_core.tasks import MODCOG
from ngym_core.tasks._composed import composed
from ngym_core.tasks.yang19 import decision, match, reach
from ngym_core.tasks.yang19._two_modalities import alternate
from ngym_core.wrappers.modifiers.interval import Interval
from ngym_core.wrappers.modifiers.sequence import Sequence

__all__: list[str] = []

PAPER = {
    "paper_name": "Winning the lottery with neurobiology: faster learning on many cognitive tasks with fixed sparse RNNs",
    "paper_link": "https://arxiv.org/abs/2207.03523",
}
SEQUENCE_MS = 1000
"""Duration of the decision in which a sequence is due."""
DELAYS = ("choice", tuple(range(0, 1200, 100)))
"""Delays that turn the answer, in ms."""
INTERVALS, SEQUENCES = ("intr", "intl"), ("seqr", "seql")
SUFFIXES = {
    "": "",
    "intr": " The answer is turned to the right by one direction for each 100 ms of the delay.",
    "intl": " The answer is turned to the left by one direction for each 100 ms of the delay.",
    "seqr": " It is the first of a sequence that goes on to the right by one direction each 100 ms.",
    "seql": " It is the first of a sequence that goes on to the left by one direction each 100 ms.",
}

_DECISION: dict[str, Any] = {"hold_cue": True, "noise_everywhere": True}
_MATCH: dict[str, Any] = {"hold_cue": True}
# Name -> task, its parameters, and its timing where it differs.
TASKS: dict[str, tuple[type[TrialEnv], dict[str, Any], dict[str, Any]]] = {
    "go": (reach.Go, {}, {}),
    "rtgo": (reach.ReactionGo, {}, {}),
    "dlygo": (reach.DelayGo, {}, {}),
    "anti": (reach.Anti, {}, {}),
    "rtanti": (reach.ReactionAnti, {}, {}),
    "dlyanti": (reach.DelayAnti, {}, {}),
    "dm1": (decision.Decide1, _DECISION, {"stimulus": 500}),
    "dm2": (decision.Decide2, _DECISION, {}),
    "ctxdm1": (decision.ContextDecide1, _DECISION, {}),
    "ctxdm2": (decision.ContextDecide2, _DECISION, {}),
    "multidm": (decision.MultiDecide, _DECISION, {}),
    "dlydm1": (decision.DelayDecide1, _DECISION, {"delay": 500}),
    "dlydm2": (decision.DelayDecide2, _DECISION, {"delay": 500}),
    "ctxdlydm1": (decision.ContextDelayDecide1, _DECISION, {"delay": 500}),
    "ctxdlydm2": (decision.ContextDelayDecide2, _DECISION, {"delay": 500}),
    "multidlydm": (decision.MultiDelayDecide, _DECISION, {"delay": 500}),
    "dms": (match.MatchSample, _MATCH, {"delay": ("uniform", (200, 1200))}),
    "dnms": (match.NonMatchSample, _MATCH, {"delay": ("uniform", (200, 1200))}),
    "dmc": (match.MatchCategory, _MATCH, {"delay": ("uniform", (200, 1200))}),
    "dnmc": (match.NonMatchCategory, _MATCH, {"delay": ("uniform", (200, 1200))}),
}


def _task(full_name: str) -> Any:
    """Return the function that makes a task, with the parameters of the one of `TASKS` that it modifies."""
    suffix = full_name[-4:] if full_name[-4:] in SUFFIXES else ""
    name = full_name.removesuffix(suffix)
    task, parameters, timing = TASKS[name]
    direction: Any = "right" if suffix.endswith("r") else "left"
    alternates = not issubclass(task, decision.Compare)
    if suffix in INTERVALS and alternates:  # the delay of decisions does not vary
        timing = {**timing, "delay": DELAYS}
    if suffix in SEQUENCES:
        timing = {**timing, "decision": SEQUENCE_MS}
    metadata = {**task.metadata, **PAPER}

    def wrap(env: Any) -> Any:
        env.metadata = {**env.metadata, **metadata}
        env = alternate(env) if alternates else env
        if suffix in INTERVALS:
            env = Interval(env, direction, ms=None)
        return Sequence(env, direction, ms=None) if suffix in SEQUENCES else env

    periods = "".join(f"\n        {period}: {duration}." for period, duration in timing.items())
    wrap.__doc__ = f"{inspect.getdoc(task)}".split("\n")[0] + SUFFIXES[suffix]
    wrap.__doc__ += f"\n\n    Periods (ms):{periods}\n" if periods else ""
    make: Any = composed(task, **parameters, timing=timing)(wrap)
    make.__name__ = make.__qualname__ = full_name
    make.metadata = metadata
    return make


globals().update({name: _task(name) for name in MODCOG})
