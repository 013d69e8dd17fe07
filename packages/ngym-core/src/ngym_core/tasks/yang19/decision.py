"""Decision tasks of Yang et al. (2019): choose the stronger of two stimuli, in one modality or in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from ngym_core.arguments import ArrayOf, Count, Flag, Flags, NonNegative, Options
from ngym_core.env import Rewards, Timing, TrialEnv
from ngym_core.rules import FixateThenChoose
from ngym_core.spaces import Discrete, named_box
from ngym_core.tasktools import bump, ring
from ngym_core.trials import Trials


class Compare(TrialEnv):
    """Choose the stronger of two stimuli on a ring, shown at the same time.

    Channels:
        fixation: 0. 1 during fixation; with `hold_cue` until the decision.
        stimulus_mod1: 1 to dim_ring. Both stimuli in the first modality, 0.8 times their strength, with noise.
        stimulus_mod2: 1 + dim_ring to 2 * dim_ring. The same in the second modality.

    Actions:
        fixation: 0.
        choice: 1 to dim_ring. The direction of the stronger stimulus.

    Periods (ms):
        fixation: ("uniform", (200, 500)).
        stimulus: 500.
        decision: 200.

    Conditions:
        ground_truth: 0 to dim_ring - 1. The direction of the stronger stimulus; if it is forced, this stimulus moves.
        i1: 0 to dim_ring - 1. The direction of the first stimulus.
        i2: 0 to dim_ring - 1, not i1. That of the second.
        theta1: The angle of the first in radians.
        theta2: That of the second.
        coh{i}_mod1: Strength of stimulus i in the first modality, if that is shown.
        coh{i}_mod2: Strength of stimulus i in the second, likewise.
        stim_period: How long both are shown, in ms.

    Rewards:
        abort: -0.1. An action other than 0 during fixation.
        correct: 1.0. The right choice in the decision period; it ends the trial.
        fail: 0.0. Another choice; it ends the trial.

    Args:
        dt: Time step in ms.
        rewards: Values that replace the defaults.
        timing: Durations (ms) that replace the defaults.
        sigma: Noise of the stimuli; its standard deviation per step is sigma / sqrt(dt).
        cohs: By how much the strengths of both stimuli, which are 1 together, differ; or, one after another,
            their strengths.
        dim_ring: Number of directions.
        w_mod: How much each modality counts.
        stim_mod: Which modalities are shown.
        hold_cue: Show the fixation cue until the decision, not only during fixation.
        noise_everywhere: Add the noise of the stimuli to all channels, that of fixation included.
        **kwargs: Arguments of `TrialEnv`.

    Raises:
        ValueError: Fewer than two directions, or no `cohs` (fewer than two if shown one after another).
    """

    metadata = {
        "paper_name": "Task representations in neural networks trained to perform many cognitive tasks",
        "paper_link": "https://www.nature.com/articles/s41593-018-0310-2",
        "tags": ["perceptual", "n-alternative", "supervised"],
    }
    default_timing: dict[str, Any] = {"fixation": ("uniform", (200, 500)), "stimulus": 500, "decision": 200}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = FixateThenChoose()
    cohs: ArrayLike = (0.08, 0.16, 0.32, 0.64)
    w_mod: Sequence[float] = (1, 1)
    stim_mod: Sequence[bool] = (True, True)
    chance = (1 - 17**-2) / 16

    def __init__(
        self,
        dt: float = 100,
        rewards: Rewards = None,
        timing: Timing = None,
        sigma: NonNegative = 1.0,
        cohs: Options | None = None,
        dim_ring: Count = 16,
        w_mod: Annotated[Sequence[float], ArrayOf(length=2)] | None = None,
        stim_mod: Annotated[Sequence[bool], Flags(2)] | None = None,
        hold_cue: Flag = False,
        noise_everywhere: Flag = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dt, rewards=rewards, timing=timing, **kwargs)
        if dim_ring < 2:
            raise ValueError(f"dim_ring={dim_ring!r} must be at least 2, one direction for each stimulus.")
        self.sigma = sigma / np.sqrt(dt)
        self.cohs = np.asarray(self.cohs if cohs is None else cohs)
        self.w_mod = self.w_mod if w_mod is None else w_mod
        self.stim_mod = self.stim_mod if stim_mod is None else [bool(shows) for shows in stim_mod]
        self.hold_cue, self.noise_everywhere = hold_cue, noise_everywhere
        self.theta = ring(dim_ring)
        self.choices = np.arange(dim_ring)
        self._bumps = bump(self.theta, self.theta)
        rings = {f"stimulus_mod{m}": range(1 + (m - 1) * dim_ring, 1 + m * dim_ring) for m in (1, 2)}
        self.observation_space = named_box({"fixation": 0, **rings})
        self.action_space = Discrete(1 + dim_ring, {"fixation": 0, "choice": range(1, dim_ring + 1)})

    @property
    def delaycomparison(self) -> bool:
        """Whether the stimuli are shown one after another; NeuroGym's name."""
        return "stim1" in self.default_timing

    @property
    def w_mod1(self) -> float:
        """How much the first modality counts; NeuroGym's name, like those that follow."""
        return self.w_mod[0]

    @property
    def w_mod2(self) -> float:
        """How much the second modality counts."""
        return self.w_mod[1]

    @property
    def stim_mod1(self) -> bool:
        """Whether the first modality is shown."""
        return self.stim_mod[0]

    @property
    def stim_mod2(self) -> bool:
        """Whether the second modality is shown."""
        return self.stim_mod[1]

    def _new_trials(self, trials: Trials) -> None:
        first, second = self._places(trials)
        shown = self._add_periods(trials)
        trials.add_ob(1, (0, trials.span("decision")[0]) if self.hold_cue else "fixation", where="fixation")
        for where in (None,) if self.noise_everywhere else ("stimulus_mod1", "stimulus_mod2"):
            trials.add_randn(0, self.sigma, list(dict.fromkeys(shown)), where=where)
        strengths = {m: self._strengths(trials, m) for m in (1, 2) if self.stim_mod[m - 1]}
        sums = [sum(self.w_mod[m - 1] * pair[i] for m, pair in strengths.items()) for i in (0, 1)]
        # Equal sums are decided at random: the draw is far smaller than any difference of strengths.
        stronger = sums[0] + trials.draws.uniform("tie", trials.n, -1e-6, 1e-6) > sums[1]
        winner, loser = np.where(stronger, first, second), np.where(stronger, second, first)
        ground_truth = trials.condition("ground_truth", winner, self.choices)
        loser = np.where(loser == ground_truth, winner, loser)
        places = np.where(stronger, ground_truth, loser), np.where(stronger, loser, ground_truth)
        for i, place in enumerate(places):
            trials.set(f"i{i + 1}", place)
            trials.set(f"theta{i + 1}", self.theta[place])
        for m, pair in strengths.items():
            bumps = [self._bumps[place] * strength[:, None] for place, strength in zip(places, pair, strict=True)]
            if shown[0] == shown[1]:
                bumps = [bumps[0] + bumps[1]]
            for period, shape in zip(shown, bumps, strict=False):
                trials.add_ob(shape, period, where=f"stimulus_mod{m}")
        trials.set_groundtruth(ground_truth, "decision", where="choice")

    def _places(self, trials: Trials) -> tuple[Any, Any]:
        """Draw the directions of both stimuli, (n,) each. Where only the second is forced, the first is another one."""
        first = trials.draws.choice("i1", trials.n, self.choices)
        forced = trials.forced_value("i2", self.choices)
        if forced is None:
            first = trials.condition("i1", first, self.choices)
            other = trials.draws.other("i2", trials.n, len(self.choices), first)
        else:
            other = trials.draws.other("i2", trials.n, len(self.choices), forced)
            first = trials.condition("i1", np.where(first == forced, other, first), self.choices)
        second = trials.condition("i2", other, self.choices)
        if (first == second).any():
            raise ValueError(
                f"The conditions 'i1' and 'i2' are both forced to {first[first == second][0]}; they must differ."
            )
        return first, second

    def _add_periods(self, trials: Trials) -> tuple[str, str]:
        """Add the periods and return those in which the two stimuli are shown."""
        trials.add_period(["fixation", "stimulus", "decision"])
        start, end = trials.span("stimulus")
        trials.set("stim_period", (end - start) * np.asarray(self.dt))
        return "stimulus", "stimulus"

    def _strengths(self, trials: Trials, m: int) -> tuple[Any, Any]:
        """Draw the strengths of both stimuli in a modality, (n,) each."""
        size = trials.draws.choice(f"coh_mod{m}", trials.n, self.cohs)
        difference = size * trials.draws.choice(f"sign_mod{m}", trials.n, [-1, 1])
        return (
            trials.condition(f"coh1_mod{m}", 0.5 + difference / 2),
            trials.condition(f"coh2_mod{m}", 0.5 - difference / 2),
        )


class CompareOverDelay(Compare):
    """Choose the stronger of two stimuli on a ring, shown one after another.

    Periods (ms):
        fixation: ("uniform", (200, 500)).
        stim1: 500.
        delay: 1000.
        stim2: 500.
        decision: 200.
    """

    metadata = {**Compare.metadata, "tags": [*Compare.metadata["tags"], "working memory"]}
    default_timing = {"fixation": ("uniform", (200, 500)), "stim1": 500, "delay": 1000, "stim2": 500, "decision": 200}
    cohs = (0.3, 0.6, 1.0)

    def _add_periods(self, trials: Trials) -> tuple[str, str]:
        trials.add_period(["fixation", "stim1", "delay", "stim2", "decision"])
        return "stim1", "stim2"

    def _strengths(self, trials: Trials, m: int) -> tuple[Any, Any]:
        cohs = np.asarray(self.cohs)
        if len(cohs) < 2:
            raise ValueError(f"cohs={cohs.tolist()} must have at least two strengths; both stimuli differ.")
        order = trials.draws.permutation(f"coh_mod{m}", trials.n, len(cohs))
        return trials.condition(f"coh1_mod{m}", cohs[order[:, 0]]), trials.condition(f"coh2_mod{m}", cohs[order[:, 1]])


class Decide1(Compare):
    """Choose the stronger of two stimuli in the first modality.

    Periods (ms):
        stimulus: ("choice", [200, 400, 600]).
    """

    default_timing = {**Compare.default_timing, "stimulus": ("choice", [200, 400, 600])}
    stim_mod = (True, False)
    unused_channels = ("stimulus_mod2",)


class Decide2(Compare):
    """Choose the stronger of two stimuli in the second modality."""

    stim_mod = (False, True)
    unused_channels = ("stimulus_mod1",)


class ContextDecide1(Compare):
    """Choose the stronger of two stimuli in the first modality, whatever the second shows."""

    w_mod = (1, 0)


class ContextDecide2(Compare):
    """Choose the stronger of two stimuli in the second modality, whatever the first shows."""

    w_mod = (0, 1)


class MultiDecide(Compare):
    """Choose the stronger of two stimuli over both modalities."""


class DelayDecide1(CompareOverDelay):
    """Choose the stronger of two successive stimuli in the first modality."""

    stim_mod = (True, False)
    unused_channels = ("stimulus_mod2",)


class DelayDecide2(CompareOverDelay):
    """Choose the stronger of two successive stimuli in the second modality."""

    stim_mod = (False, True)
    unused_channels = ("stimulus_mod1",)


class ContextDelayDecide1(CompareOverDelay):
    """Choose the stronger of two successive stimuli in the first modality, whatever the second shows."""

    w_mod = (1, 0)


class ContextDelayDecide2(CompareOverDelay):
    """Choose the stronger of two successive stimuli in the second modality, whatever the first shows."""

    w_mod = (0, 1)


class MultiDelayDecide(CompareOverDelay):
    """Choose the stronger of two successive stimuli over both modalities."""
