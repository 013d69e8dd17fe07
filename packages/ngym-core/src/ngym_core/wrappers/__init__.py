"""The built-in wrappers: their ids and classes, which are imported when they are first used.

The classes can be imported from here: ``from ngym_core.wrappers import SideBias``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ngym_core.lazy import attach
from ngym_core.plugins.hookspecs import hookimpl
from ngym_core.plugins.registry import WrapperSpec

if TYPE_CHECKING:
    from ngym_core.wrappers.catch_trials import CatchTrials as CatchTrials
    from ngym_core.wrappers.choices import ChoiceWrapper as ChoiceWrapper
    from ngym_core.wrappers.fix_conditions import FixConditions as FixConditions
    from ngym_core.wrappers.follow_curriculum import FollowCurriculum as FollowCurriculum
    from ngym_core.wrappers.full_input import FullInput as FullInput
    from ngym_core.wrappers.modifiers.anti import Anti as Anti
    from ngym_core.wrappers.modifiers.base import Modifier as Modifier
    from ngym_core.wrappers.modifiers.context import Context as Context
    from ngym_core.wrappers.modifiers.delay import Delay as Delay
    from ngym_core.wrappers.modifiers.go_cue import GoCue as GoCue
    from ngym_core.wrappers.modifiers.interval import Interval as Interval
    from ngym_core.wrappers.modifiers.sequence import Sequence as Sequence
    from ngym_core.wrappers.monitor import Monitor as Monitor
    from ngym_core.wrappers.noise import Noise as Noise
    from ngym_core.wrappers.pass_action import PassAction as PassAction
    from ngym_core.wrappers.pass_reward import PassReward as PassReward
    from ngym_core.wrappers.random_ground_truth import RandomGroundTruth as RandomGroundTruth
    from ngym_core.wrappers.reaction_time import ReactionTime as ReactionTime
    from ngym_core.wrappers.schedule_attr import ScheduleAttr as ScheduleAttr
    from ngym_core.wrappers.schedule_envs import MultiEnvs as MultiEnvs
    from ngym_core.wrappers.schedule_envs import ScheduleEnvs as ScheduleEnvs
    from ngym_core.wrappers.side_bias import SideBias as SideBias
    from ngym_core.wrappers.time_out import TimeOut as TimeOut
    from ngym_core.wrappers.trial_history import TrialHistory as TrialHistory
    from ngym_core.wrappers.trial_history import TrialHistoryV2 as TrialHistoryV2
    from ngym_core.wrappers.variable_mapping import VariableMapping as VariableMapping

# Id -> module and class.
WRAPPERS = {
    "Anti-v0": "modifiers.anti:Anti",
    "CatchTrials-v0": "catch_trials:CatchTrials",
    "Context-v0": "modifiers.context:Context",
    "Delay-v0": "modifiers.delay:Delay",
    "FixConditions-v0": "fix_conditions:FixConditions",
    "FollowCurriculum-v0": "follow_curriculum:FollowCurriculum",
    "FullInput-v0": "full_input:FullInput",
    "GoCue-v0": "modifiers.go_cue:GoCue",
    "Interval-v0": "modifiers.interval:Interval",
    "Monitor-v0": "monitor:Monitor",
    "Noise-v0": "noise:Noise",
    "PassAction-v0": "pass_action:PassAction",
    "PassReward-v0": "pass_reward:PassReward",
    "RandomGroundTruth-v0": "random_ground_truth:RandomGroundTruth",
    "ReactionTime-v0": "reaction_time:ReactionTime",
    "MultiEnvs-v0": "schedule_envs:MultiEnvs",
    "ScheduleAttr-v0": "schedule_attr:ScheduleAttr",
    "ScheduleEnvs-v0": "schedule_envs:ScheduleEnvs",
    "Sequence-v0": "modifiers.sequence:Sequence",
    "SideBias-v0": "side_bias:SideBias",
    "TimeOut-v0": "time_out:TimeOut",
    "TrialHistory-v0": "trial_history:TrialHistory",
    "TrialHistoryV2-v0": "trial_history:TrialHistoryV2",
    "VariableMapping-v0": "variable_mapping:VariableMapping",
}


@hookimpl
def ngym_wrappers() -> Iterable[WrapperSpec]:
    """Return the specs of the built-in wrappers."""
    return [WrapperSpec(name, f"ngym_core.wrappers.{target}") for name, target in WRAPPERS.items()]


_classes: dict[str, list[str]] = {".choices": ["ChoiceWrapper"], ".modifiers.base": ["Modifier"]}
for _target in WRAPPERS.values():
    _module, _, _name = _target.partition(":")
    _classes.setdefault(f".{_module}", []).append(_name)
__getattr__, __dir__ = attach(__name__, _classes)
