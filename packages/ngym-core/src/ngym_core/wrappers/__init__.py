"""The built-in wrappers, one line each: name, and where its class is. Nothing is imported before it is used."""

from __future__ import annotations

from collections.abc import Iterable

from ngym_core.hookspecs import hookimpl
from ngym_core.registry import WrapperSpec

WRAPPERS = {
    "CatchTrials-v0": "catch_trials:CatchTrials",
    "FullInput-v0": "full_input:FullInput",
    "Monitor-v0": "monitor:Monitor",
    "Noise-v0": "noise:Noise",
    "PassAction-v0": "pass_action:PassAction",
    "PassReward-v0": "pass_reward:PassReward",
    "RandomGroundTruth-v0": "random_ground_truth:RandomGroundTruth",
    "ReactionTime-v0": "reaction_time:ReactionTime",
    "MultiEnvs-v0": "schedule_envs:MultiEnvs",
    "ScheduleAttr-v0": "schedule_attr:ScheduleAttr",
    "ScheduleEnvs-v0": "schedule_envs:ScheduleEnvs",
    "SideBias-v0": "side_bias:SideBias",
    "TimeOut-v0": "time_out:TimeOut",
    "TrialHistory-v0": "trial_history:TrialHistory",
    "TrialHistoryV2-v0": "trial_history:TrialHistoryV2",
    "VariableMapping-v0": "variable_mapping:VariableMapping",
}


@hookimpl
def ngym_wrappers() -> Iterable[WrapperSpec]:
    """Offer the built-in wrappers."""
    return [WrapperSpec(name, f"ngym_core.wrappers.{target}") for name, target in WRAPPERS.items()]
