"""Variants of the perceptual decision: with free reaction times, in biased blocks, with serial dependence."""

from __future__ import annotations

from typing import Any

from ngym_core.arguments import Count, Keywords, checked
from ngym_core.scheduler import RandomBlockSchedule
from ngym_core.tasks._composed import composed
from ngym_core.tasks.perceptual_decision_making import PerceptualDecisionMaking
from ngym_core.wrappers.base import TrialWrapper
from ngym_core.wrappers.pass_action import PassAction
from ngym_core.wrappers.pass_reward import PassReward
from ngym_core.wrappers.random_ground_truth import RandomGroundTruth
from ngym_core.wrappers.reaction_time import ReactionTime
from ngym_core.wrappers.schedule_attr import ScheduleAttr
from ngym_core.wrappers.trial_history import TrialHistory


@composed(PerceptualDecisionMaking, abort=True)
def roitman02(env: PerceptualDecisionMaking) -> TrialWrapper:
    """Report a noisy direction as soon as you are sure (Roitman & Shadlen, 2002).

    An answer before there is any evidence breaks fixation, which ends the trial.
    """
    wrapped: TrialWrapper = ReactionTime(env)
    # Acting at random: two steps of fixation are held, then one of two choices is taken in time.
    wrapped.chance = (1 - 3**-19) / 18 if env.abort else (1 - 3**-19) / 2
    return wrapped


@composed(PerceptualDecisionMaking)
def ibl20(env: PerceptualDecisionMaking) -> TrialWrapper:
    """Report a noisy direction in blocks of 90 trials; one side is right in 80 % of them, then the other.

    International Brain Laboratory et al. (2021).

    Conditions:
        block: 0 or 1. The side that is likelier.
    """
    sides = [{"p": (0.8, 0.2)}, {"p": (0.2, 0.8)}]
    return ScheduleAttr(RandomGroundTruth(env), RandomBlockSchedule(2, [90, 90]), sides)


class ManyAlternatives(PerceptualDecisionMaking):
    """Report one of several noisy directions.

    Periods (ms):
        fixation: 500.
        stimulus: ("truncated_exponential", (330, 100, 1500)).
        decision: 500.
    """

    default_timing = {
        **PerceptualDecisionMaking.default_timing,
        "fixation": 500,
        "stimulus": ("truncated_exponential", (330, 100, 1500)),
        "decision": 500,
    }
    chance = (1 - 4**-5) / 3

    def __init__(self, dt: float = 100, dim_ring: Count = 3, **kwargs: Any) -> None:
        super().__init__(dt, dim_ring=dim_ring, **kwargs)


@checked
def priors_v0(
    tr_hist_kwargs: Keywords | None = None, var_nch_kwargs: Keywords | None = None, **task_kwargs: Any
) -> TrialWrapper:
    """Report one of several noisy directions; their number and the order in which they follow each other change in blocks.

    The agent sees its last action and reward.

    Args:
        tr_hist_kwargs: `probs`, `habits` and `block_dur` of `TrialHistory`.
        var_nch_kwargs: `n_choices` and `block_nch` of `TrialHistory`; from 2 to all choices by default.
        **task_kwargs: Parameters of `ManyAlternatives`.
    """
    env = ManyAlternatives(**task_kwargs)
    history = {"n_choices": (2, len(env.choices)), **(var_nch_kwargs or {}), **(tr_hist_kwargs or {})}
    return PassReward(PassAction(TrialHistory(env, **history)))
