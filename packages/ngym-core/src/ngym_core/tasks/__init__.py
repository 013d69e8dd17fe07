"""The built-in tasks, one line each: id, and where its class is. Nothing is imported before `make`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ngym_core.hookspecs import hookimpl
from ngym_core.registry import TaskSpec

TASKS = {
    "ContextDecisionMaking-v0": "context_decision_making:ContextDecisionMaking",
    "DelayMatchSample-v0": "delay_match_sample:DelayMatchSample",
    "PerceptualDecisionMaking-v0": "perceptual_decision_making:PerceptualDecisionMaking",
    "ReadySetGo-v0": "interval_production:ReadySetGo",
}

TAGS = {
    "auditory": "the stimulus is a sound",
    "confidence": "the agent can express how sure it is",
    "context dependent": "a context says which rule or stimulus counts",
    "continuous action space": "an action is a number, not a choice",
    "decision": "the agent decides about a stimulus",
    "delayed response": "the response comes some time after the stimulus",
    "go-no-go": "the agent acts or withholds the action",
    "motor": "the agent controls a movement",
    "multidimensional action space": "an action has several numbers",
    "n-alternative": "a choice among n options",
    "perceptual": "the stimulus must be perceived, often in noise",
    "reaction time": "the agent may respond as soon as it is ready",
    "steps action space": "actions are steps of a movement or places on a ring",
    "supervised": "the ground truth of each step can train a network directly",
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
    """Say what the tags of the built-in tasks mean."""
    return TAGS
