"""Context-dependent decisions: the context says which of two stimuli to report."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from ngym_core.arguments import Count, Flag, Integer, NonNegative
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.random import TruncExp
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import ring, tuning
from ngym_core.trials import Trials


class ContextDecisionMaking(TrialEnv):
    """Report the direction of one of two noisy stimuli; the context says which one.

    Channels:
        fixation: 0. 1 during fixation, else 0; with `go_cue` 1 until the decision.
        stim{i}_mod1: i. 0.5 + coh_1 / 200 * cos(distance to the direction of modality 1), with noise.
        stim{i}_mod2: dim_ring + i. The same for modality 2.
        context1: 1 + 2 * dim_ring. With `use_expl_context`: 1 if modality 1 counts.
        context2: 2 + 2 * dim_ring. With `use_expl_context`: 1 if modality 2 counts.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction of the modality that counts.

    Periods (ms):
        fixation: 300.
        stimulus: 750.
        delay: TruncExp(600, 300, 3000).
        decision: 100.

    Conditions:
        ground_truth: 1 to dim_ring. The direction of the modality that counts.
        other_choice: 1 to dim_ring. That of the other.
        context: 0 (modality 1 counts) or 1 (modality 2).
        coh_1: 5, 15 or 50. Evidence in modality 1.
        coh_2: 5, 15 or 50. Evidence in modality 2.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; another one earns nothing. Both end the trial.

    Args:
        dt: Time step in ms.
        use_expl_context: Show the context, drawn in each trial; otherwise it is fixed.
        impl_context_modality: The fixed context, 0 or 1.
        dim_ring: Number of directions.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        abort: Whether breaking fixation ends the trial.
        go_cue: Leave fixation on until the decision, as in the experiment; otherwise it goes off with
            the stimulus, and after a random delay nothing says when to answer (as in NeuroGym).
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: `impl_context_modality` is neither 0 nor 1.
    """

    metadata = {
        "paper_name": "Context-dependent computation by recurrent dynamics in prefrontal cortex",
        "paper_link": "https://www.nature.com/articles/nature12742",
        "tags": ["perceptual", "context dependent", "two-alternative", "supervised"],
    }
    default_timing = {"fixation": 300, "stimulus": 750, "delay": TruncExp(600, 300, 3000), "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0}
    rule = FixateThenChoose()
    chance = 1 / 3
    choice_conditions = ("ground_truth", "other_choice")
    fixed_parameters = ("use_expl_context",)

    def __init__(
        self,
        dt: float = 100,
        use_expl_context: Flag = False,
        impl_context_modality: Annotated[int, Integer(0, 1)] = 0,
        dim_ring: Count = 2,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        abort: Flag = False,
        *,
        go_cue: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        self.sigma = sigma / np.sqrt(dt)
        self.abort = abort
        self.cohs = [5, 15, 50]
        self.use_expl_context, self.impl_context_modality = use_expl_context, impl_context_modality
        self.go_cue = go_cue
        self.theta = ring(dim_ring)
        self.choices = np.arange(1, dim_ring + 1)
        name = {"fixation": 0} | {f"stim{i}_mod{m}": i + (m - 1) * dim_ring for i in self.choices.tolist() for m in (1, 2)}
        if use_expl_context:
            name |= {"context1": 1 + 2 * dim_ring, "context2": 2 + 2 * dim_ring}
        self.observation_space = named_box(name)
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": self.choices})

    @property
    def contexts(self) -> list[int]:
        """The contexts that are drawn; NeuroGym's name."""
        return [0, 1] if self.use_expl_context else [self.impl_context_modality]

    def _new_trials(self, trials: Trials) -> None:
        ground_truth = trials.choice("ground_truth", self.choices)
        other_choice = trials.choice("other_choice", self.choices)
        context = trials.choice("context", self.contexts, allow=[0, 1])
        strengths = trials.choice("coh_1", self.cohs, allow="any"), trials.choice("coh_2", self.cohs, allow="any")
        trials.add_period(["fixation", "stimulus", "delay", "decision"])
        trials.add_ob(1, ["fixation", "stimulus", "delay"] if self.go_cue else "fixation", where="fixation")
        shown = np.where(context == 1, other_choice, ground_truth), np.where(context == 1, ground_truth, other_choice)
        evidence = [
            tuning(self.theta, self.theta[s - 1]) * (c / 200)[:, None] + 0.5 for s, c in zip(shown, strengths, strict=True)
        ]
        for i in self.choices.tolist():
            for m in (1, 2):
                trials.add_ob(evidence[m - 1][:, i - 1], "stimulus", where=f"stim{i}_mod{m}")
            for m in (1, 2):
                trials.add_randn(0, self.sigma, "stimulus", where=f"stim{i}_mod{m}")
        if self.use_expl_context:
            trials.add_ob(context == 0, where="context1")
            trials.add_ob(context == 1, where="context2")
        trials.set_groundtruth(ground_truth - 1, "decision", where="choice")
