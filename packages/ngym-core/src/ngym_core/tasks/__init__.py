"""The built-in tasks: a table of ids and the classes behind them, which `make` imports, and the meaning of tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ngym_core.plugins.hookspecs import hookimpl
from ngym_core.plugins.registry import TaskSpec

TASKS = {
    "AngleReproduction-v0": "reaching:AngleReproduction",
    "AnnubesEnv-v0": "annubes:AnnubesEnv",
    "AntiReach-v0": "anti_reach:AntiReach",
    "Bandit-v0": "bandits:Bandit",
    "CVLearning-v0": "cv_learning:CVLearning",
    "ChangingEnvironment-v0": "changing_environment:ChangingEnvironment",
    "ContextDecisionMaking-v0": "context_decision_making:ContextDecisionMaking",
    "ContextSwitch-v0": "context_switch:ContextSwitch",
    "DawTwoStep-v0": "bandits:DawTwoStep",
    "DelayComparison-v0": "delay_comparison:DelayComparison",
    "DelayMatchCategory-v0": "delay_match_sample:DelayMatchCategory",
    "DelayMatchSample-v0": "delay_match_sample:DelayMatchSample",
    "DelayMatchSampleDistractor1D-v0": "delay_match_sample:DelayMatchSampleDistractor1D",
    "DelayPairedAssociation-v0": "go_nogo:DelayPairedAssociation",
    "Detection-v0": "detection:Detection",
    "DualDelayMatchSample-v0": "delay_match_sample:DualDelayMatchSample",
    "EconomicDecisionMaking-v0": "economic_decision_making:EconomicDecisionMaking",
    "GoNogo-v0": "go_nogo:GoNogo",
    "HierarchicalReasoning-v0": "hierarchical_reasoning:HierarchicalReasoning",
    "IBL-v0": "ibl:IBL",
    "IBL_Block-v0": "ibl:IBLBlock",
    "IntervalDiscrimination-v0": "interval_discrimination:IntervalDiscrimination",
    "LeverPress-v0": "lever_press:LeverPress",
    "LeverPressWithPoke-v0": "lever_press:LeverPressWithPoke",
    "LeverPressWithPokeRest-v0": "lever_press:LeverPressWithPokeRest",
    "MatchingPenny-v0": "matching_penny:MatchingPenny",
    "MemoryRecall-v0": "memory_recall:MemoryRecall",
    "MotorTiming-v0": "interval_production:MotorTiming",
    "MultiSensoryIntegration-v0": "multi_sensory_integration:MultiSensoryIntegration",
    "Null-v0": "null:Null",
    "OneTwoThreeGo-v0": "interval_production:OneTwoThreeGo",
    "PerceptualDecisionMaking-v0": "perceptual_decision_making:PerceptualDecisionMaking",
    "PerceptualDecisionMakingDelayResponse-v0": "perceptual_decision_making:PerceptualDecisionMakingDelayResponse",
    "Pneumostomeopening-v0": "pneumostome_opening:Pneumostomeopening",
    "PostDecisionWager-v0": "post_decision_wager:PostDecisionWager",
    "ProbabilisticReasoning-v0": "probabilistic_reasoning:ProbabilisticReasoning",
    "PulseDecisionMaking-v0": "pulse_decision_making:PulseDecisionMaking",
    "RandomDotMotion-v0": "random_dot_motion:RandomDotMotion",
    "Reaching1D-v0": "reaching:Reaching1D",
    "Reaching1DWithSelfDistraction-v0": "reaching:Reaching1DWithSelfDistraction",
    "ReachingDelayResponse-v0": "reaching_delay_response:ReachingDelayResponse",
    "ReadySetGo-v0": "interval_production:ReadySetGo",
    "SpatialSuppressMotion-v0": "spatial_suppress_motion:SpatialSuppressMotion",
    "SpatialSuppressMotionImage-v0": "spatial_suppress_image:SpatialSuppressMotionImage",
    "ToneDetection-v0": "detection:ToneDetection",
    "VisualSearch-v0": "visual_search:VisualSearch",
    "perceptualdecisionmaking.ibl20-v0": "perceptual_decision_variants:ibl20",
    "perceptualdecisionmaking.roitman02-v0": "perceptual_decision_variants:roitman02",
    "priors.priors_v0-v0": "perceptual_decision_variants:priors_v0",
    "yang19.go-v0": "yang19.reach:go",
    "yang19.rtgo-v0": "yang19.reach:rtgo",
    "yang19.dlygo-v0": "yang19.reach:dlygo",
    "yang19.anti-v0": "yang19.reach:anti",
    "yang19.rtanti-v0": "yang19.reach:rtanti",
    "yang19.dlyanti-v0": "yang19.reach:dlyanti",
    "yang19.dm1-v0": "yang19.decision:Decide1",
    "yang19.dm2-v0": "yang19.decision:Decide2",
    "yang19.ctxdm1-v0": "yang19.decision:ContextDecide1",
    "yang19.ctxdm2-v0": "yang19.decision:ContextDecide2",
    "yang19.multidm-v0": "yang19.decision:MultiDecide",
    "yang19.dlydm1-v0": "yang19.decision:DelayDecide1",
    "yang19.dlydm2-v0": "yang19.decision:DelayDecide2",
    "yang19.ctxdlydm1-v0": "yang19.decision:ContextDelayDecide1",
    "yang19.ctxdlydm2-v0": "yang19.decision:ContextDelayDecide2",
    "yang19.multidlydm-v0": "yang19.decision:MultiDelayDecide",
    "yang19.dms-v0": "yang19.match:dms",
    "yang19.dnms-v0": "yang19.match:dnms",
    "yang19.dmc-v0": "yang19.match:dmc",
    "yang19.dnmc-v0": "yang19.match:dnmc",
}

# The 82 tasks of the collection modcog: those of yang19, those with a delay turned by it, and all of them as sequences.
_YANG19 = {id.removeprefix("yang19.").removesuffix("-v0"): at for id, at in TASKS.items() if id.startswith("yang19.")}
_WITH_DELAY = [name for name, at in _YANG19.items() if "dly" in name or at.startswith("yang19.match:")]
MODCOG = [
    *_YANG19,
    *(name + suffix for name in _WITH_DELAY for suffix in ("intr", "intl")),
    *(name + suffix for suffix in ("seqr", "seql") for name in _YANG19),
]
TASKS.update({f"modcog.{name}-v0": f"modcog:{name}" for name in MODCOG})

TAGS = {
    "Lymnaea Stagnalis": "the subject is the great pond snail",
    "aerial respiratory behaviour": "the subject breathes air at the surface of the water",
    "associative learning": "what goes together is learned",
    "auditory": "the stimulus is a sound",
    "center-surround": "what surrounds a stimulus changes how it is seen",
    "confidence": "the agent can express how sure it is",
    "context dependent": "a context says which rule or stimulus counts",
    "continuous action space": "an action is a number, not a choice",
    "decision": "the agent decides about a stimulus",
    "delayed response": "the response comes some time after the stimulus",
    "go-no-go": "the agent acts or withholds the action",
    "hypoxia": "oxygen is short",
    "learning": "behaviour changes with experience",
    "molluscan model": "the subject is a mollusc",
    "motion": "the stimulus moves",
    "motor": "the agent controls a movement",
    "multidimensional action space": "an action has several numbers",
    "n-alternative": "a choice among n options",
    "operant conditioning": "what the agent does by itself is rewarded or punished",
    "perceptual": "the stimulus must be perceived, often in noise",
    "plaid": "the stimulus is made of gratings",
    "reaction time": "the agent may respond as soon as it is ready",
    "snail": "the subject is a snail",
    "steps action space": "actions are steps of a movement or places on a ring",
    "supervised": "the ground truth of each step can train a network directly",
    "system": "a whole behaving system is modelled",
    "timing": "an interval is measured or produced",
    "two-alternative": "a choice between two options",
    "value-based": "a choice by the value of its outcome",
    "working memory": "a stimulus must be remembered",
}


@hookimpl
def ngym_tasks() -> Iterable[TaskSpec]:
    """Offer the built-in tasks."""
    return [TaskSpec(id, f"ngym_core.tasks.{target}") for id, target in TASKS.items()]


@hookimpl
def ngym_tags() -> Mapping[str, str]:
    """Explain the tags of the built-in tasks."""
    return TAGS
