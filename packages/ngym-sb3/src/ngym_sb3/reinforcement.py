"""RL recipes: how an agent learns a task from its rewards, for its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

import ngym_core as ngym
from ngym_core.arguments import Finite, Flag, Index, InstanceOf, Number, TaskId, Text, check_arguments, checked
from ngym_core.certificates import SHARE, Measure, Recipe, Trained
from ngym_core.curriculum import as_curriculum
from ngym_core.plugins.registry import full_name, task_spec
from ngym_sb3.config import TrainingConfig, make_model, sees_images
from ngym_sb3.evaluation import evaluate_policy

__all__ = ["RLRecipe", "recipe_of"]

TUNED = (100, 101, 102)
"""Seeds with which all settings below were chosen."""
TEST_TRIALS, CHECK_TRIALS = 1000, 256
"""Number of trials that a trained agent plays, and that it plays from time to time while it is trained."""
CHECK_STEPS = 8192
"""Time steps (over all lanes) from one such check to the next."""
MARGIN = 0.2
"""Training ends where this share of what is left above the criterion is reached too, so that other trials show the same."""
CHECK_SEEDS, TEST_SEED = (10**6, 3 * 10**6), 2 * 10**6
"""Added to the seed of an agent for that of the trials of both checks, and of the test."""
LANES = 64
"""Number of lanes that play them."""
TEST_STREAMS, CHECK_STREAMS = 64, 16
"""The same where episodes have several trials: in each of so many lanes a whole episode is played. Its first trials alone
do not show whether an agent follows what changes later."""


class _StopWhenLearned(BaseCallback):
    """Ends training when the agent's score in other trials is high enough.

    Args:
        recipe: The recipe.
        seed: Seed of the agent.
        enough: The score.
    """

    def __init__(self, recipe: RLRecipe, seed: int, enough: float) -> None:
        super().__init__()
        self.recipe, self.seed, self.enough = recipe, seed, enough
        self.learned, self._next_check = False, CHECK_STEPS

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next_check:
            self._next_check = self.num_timesteps + CHECK_STEPS
            # Trials that have shown enough by luck are followed by others.
            tables = (self.recipe.play(self.model, CHECK_TRIALS, CHECK_STREAMS, first + self.seed) for first in CHECK_SEEDS)
            self.learned = all(float(np.mean(table[self.recipe.measure])) >= self.enough for table in tables)

    def _on_step(self) -> bool:
        return not self.learned


@dataclass(frozen=True, kw_only=True)
class RLRecipe(Recipe):
    """Training of an agent on a task by rewards; a pack's hook `ngym_recipe` may return one.

    Every 8,192 steps the agent plays other trials with its best actions, and training ends when they are good enough.

    Args:
        task: Id of the task.
        config: Settings of agent and training; its `steps` are the most that it takes.
        measure: See `ngym_core.certificates.Recipe`.
        share: See there.
        random_chance: See there.
        note: See there.

    Example:
        >>> from ngym_sb3 import TrainingConfig
        >>> from ngym_sb3.reinforcement import RLRecipe
        >>> recipe = RLRecipe(task="GoNogo-v0", config=TrainingConfig(steps=64, envs=4, rollout=16, units=8))
        >>> recipe.train(seed=100, criterion=0.9).steps
        64
    """

    task: TaskId
    config: Annotated[TrainingConfig, InstanceOf(TrainingConfig, "a TrainingConfig")] = field(default_factory=TrainingConfig)
    measure: Measure = "performance"
    share: Annotated[float, Number(above=0, high=1)] = SHARE
    random_chance: Flag = False
    note: Text = ""

    kind = "rl"
    unit = "steps"
    tuned = TUNED

    def __post_init__(self) -> None:
        """Check all values, and that the task can be made."""
        check_arguments(type(self), vars(self))
        self.make_env()

    @property
    def network(self) -> str:
        """The network in words."""
        cell = {"gru": "GRU", "rnn": "RNN", "lstm": "LSTM", "ctrnn": "CTRNN", "ei-ctrnn": "CTRNN under Dale's principle"}
        network = cell.get(str(self.config.policy), "perceptron")
        images = "convolutions and a " if sees_images(self.make_env().observation_space) else ""
        return f"{images}{network} of {self.config.units} units, {self.config.algo}"

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from the default config, and what the criterion follows from."""
        default = TrainingConfig()
        config = {name: value for name, value in vars(self.config).items() if name != "seed"}
        changed = {name: value for name, value in config.items() if value != getattr(default, name) or name == "steps"}
        if self.config.curriculum is not None:
            changed["curriculum"] = as_curriculum(self.config.curriculum).to_dict()
        return {**changed, "measure": self.measure, "share": self.share, "random_chance": self.random_chance}

    def make_env(self) -> Any:
        """Return the task with the parameters and wrappers that agents are trained with."""
        return ngym.make(self.task, wrappers=list(self.config.wrappers), **self.config.task_kwargs)

    def play(self, model: Any, trials: int, streams: int, seed: int) -> Any:
        """Return the table of trials that an agent plays with its best actions: so many, or an episode of each stream."""
        lanes, episode = LANES, self.config.trials_per_episode
        if episode > 1:
            lanes, trials = streams, streams * episode
        return evaluate_policy(model, self.config.make_env(self.task, lanes, training=False), trials, seed=seed)

    @checked
    def train(self, seed: Index, criterion: Finite) -> Trained:
        """Train an agent until it reaches the criterion, or the steps of the config are taken, and test it on other trials.

        Args:
            seed: Seed of the agent, its training, and the trials of the test.
            criterion: Score that it should reach.

        Returns:
            The trials of the test, and the number of steps, summed over all lanes.
        """
        config = replace(self.config, seed=seed)
        model = make_model(config, config.make_env(self.task))
        model.set_random_seed(int(np.random.SeedSequence((seed, 0)).generate_state(1)[0]) // 2)
        enough = criterion + MARGIN * (1 - criterion) if self.measure == "performance" else criterion
        model.learn(config.steps, _StopWhenLearned(self, seed, enough), log_interval=None)
        return Trained(self.play(model, TEST_TRIALS, TEST_STREAMS, TEST_SEED + seed), int(model.num_timesteps))


@checked
def recipe_of(task: TaskId) -> RLRecipe | None:
    """Return the recipe of a task: the default one, or with what `DEVIATIONS` says.

    Args:
        task: Its id.

    Returns:
        The recipe; None for tasks of the collections in `SUPERVISED_ONLY`.

    Example:
        >>> from ngym_sb3.reinforcement import recipe_of
        >>> recipe_of("GoNogo-v0").config.policy, recipe_of("yang19.go-v0")
        ('gru', None)
    """
    task = full_name(task)
    if task_spec(task).collection in SUPERVISED_ONLY:
        return None
    deviations = dict(DEVIATIONS.get(task, {}))
    own = {name: deviations.pop(name) for name in ("measure", "share", "random_chance", "note") if name in deviations}
    return RLRecipe(task=task, config=TrainingConfig(**{**DEFAULT, **deviations}), **own)


SUPERVISED_ONLY = ("yang19", "modcog")
"""Collections whose tasks were made to train networks on their ground truth, many of them in one network."""

DEFAULT: Mapping[str, Any] = {"steps": 120_000, "policy": "gru"}
"""Settings of all recipes, beside the defaults of `TrainingConfig`."""

LONG: Mapping[str, Any] = {"rollout": 64, "batch_size": 1024}
"""For trials longer than the default rollout of 32 steps, through which errors would not be carried back."""
BY_FEEDBACK: Mapping[str, Any] = {"trials_per_episode": 40, "wrappers": ("PassReward-v0", "PassAction-v0")}
"""For what only the rewards of earlier trials tell: the agent keeps its state for an episode."""
HELD: Mapping[str, Any] = {**LONG, "policy": "ctrnn", "steps": 400_000}
"""For what is held over a delay: a new GRU forgets half of its state in a step, and agents seldom find that it can keep it;
leaky units keep it longer from the start."""
GRADED: Mapping[str, Any] = {
    "task_kwargs": {"rewards": {"fail": -2.2}},
    "note": "A least reward of -2.2, so that rewards grade the whole circle: by default they are the same from a distance "
    "of 1.1 on, where the pointer mostly is.",
}
"""For pointers: by default most turns do not change the reward."""
NOISE = "Noise and weak stimuli keep the best observer from the ground truth, so the criterion is lower."
SWITCHES = "The context is hidden: the first trial after each switch cannot be known, so the criterion is lower."
NOISY: Mapping[str, Any] = {"share": 0.6, "note": NOISE}


def _shaped(*stages: tuple[Mapping[str, Any], float], of: str = "parameters") -> dict[str, Any]:
    """Return a curriculum: what each stage sets, and the performance that ends it; the task itself comes last."""
    gates = [{"metric": "performance", "threshold": threshold, "window": 500} for _, threshold in stages]
    parts = [{of: dict(sets), "until": until} for (sets, _), until in zip(stages, gates, strict=True)]
    return {"curriculum": {"stages": [*parts, {}]}}


EACH_TRIAL: Mapping[str, Any] = {
    **LONG,
    "episode_end": "terminal",
    "gamma": 0.99,
    "steps": 400_000,
    "task_kwargs": {"rewards": {"abort": 0}},
    "note": "Early responses cost nothing, else agents stop responding before they find a reward; and each trial counts for "
    "itself, with a discount of 0.99, since by default what comes after 40 steps counts little.",
}
"""For answers that are due late: the discount reaches them."""

DEVIATIONS: Mapping[str, Mapping[str, Any]] = {
    "AngleReproduction-v0": {
        "note": "The first angle can be turned to over 25 steps, each of which counts, and is paid only later. With "
        "rewards that grade the whole circle, rollouts of 64 and 300,000 steps an agent scored 0.77; a discount of "
        "0.99 made it worse."
    },
    "AnnubesEnv-v0": {"measure": "reward", "note": "Performance is full with one right step, so random actions have it."},
    "AntiReach-v0": {
        "task_kwargs": {"dim_ring": 8},
        "note": "With 8 directions: an agent seldom finds one of 32 by chance.",
    },
    "Bandit-v0": {
        **BY_FEEDBACK,
        "task_kwargs": {"p": [0.2, 0.8]},
        "random_chance": True,
        "note": "With the default, equal arms any choice is right: p=[0.2, 0.8]. One of these is always right, so chance is "
        "that of random actions.",
    },
    "ChangingEnvironment-v0": {
        **BY_FEEDBACK,
        **LONG,
        "steps": 300_000,
        "task_kwargs": {
            "cxt_ch_prob": 0.05,
            "stim_scale": 1.9,
            "sigma": 0.3,
            "timing": {"fixation": 100, "stimulus": 200, "decision": 100},
        },
        "share": 0.5,
        "note": f"Short trials of clearer stimuli, in which the context changes with a probability of 0.05. {SWITCHES}",
    },
    "CVLearning-v0": {
        **HELD,
        **_shaped(({"rewards": {"fail": -0.3, "abort": -0.02}}, 0.65)),
        "task_kwargs": {"th_stage": -1},
        "share": 0.5,
        "note": "The last stage, th_stage=-1. A curriculum punishes errors and early actions less at first: else the agent "
        f"stops acting before it finds a reward, as one of three still does. {NOISE}",
    },
    "ContextDecisionMaking-v0": NOISY,
    "ContextSwitch-v0": {**BY_FEEDBACK, "steps": 400_000, "share": 0.5, "note": SWITCHES},
    "DawTwoStep-v0": {**BY_FEEDBACK, "share": 0.5, "note": SWITCHES},
    "DelayComparison-v0": {"steps": 250_000, "policy": "ctrnn"},
    "DelayMatchSample-v0": {"policy": "rnn"},
    "DelayMatchCategory-v0": EACH_TRIAL,
    "DelayPairedAssociation-v0": {
        **HELD,
        **_shaped(({"rewards": {"fail": -0.3}}, 0.85), ({"rewards": {"fail": -0.6}}, 0.85)),
        "episode_end": "terminal",
        "gamma": 0.99,
        "note": "A curriculum punishes errors less at first: by default going earns nothing on average until the pairs are "
        "known, so the agent withholds, which is right in half of the trials. Two of three agents "
        "stay there or near; so did two of four where errors always cost 0.3.",
    },
    "DelayMatchSampleDistractor1D-v0": {
        **EACH_TRIAL,
        "steps": 1_000_000,
        "ent_coef": 0.01,
        "note": f"Learned slowly. {EACH_TRIAL['note']}",
    },
    "Detection-v0": {"share": 0.7, "note": NOISE},
    "DualDelayMatchSample-v0": {
        **HELD,
        "share": 0.6,
        "note": "Two items are held and compared in the order of the cues: learned slowly, so the criterion is lower.",
    },
    "HierarchicalReasoning-v0": {
        **BY_FEEDBACK,
        **LONG,
        "steps": 600_000,
        "task_kwargs": {
            "dt": 80,
            "rewards": {"abort": 0},
            "timing": {"fixation": 80, "rule_target": 80, "fixation2": 80, "decision": 160},
        },
        "share": 0.4,
        "note": "Short periods around the interval, in steps of 80 ms; acting elsewhere costs nothing, else the agent stops "
        "acting before it finds a reward. Over the first trials of an episode agents reached the criterion, over whole "
        f"ones not. {SWITCHES}",
    },
    "IBL-v0": {"share": 0.4, "note": NOISE},
    "IBL_Block-v0": {"share": 0.3, "note": NOISE},
    "IntervalDiscrimination-v0": {
        **LONG,
        "steps": 320_000,
        "learning_rate": 1e-3,
        "policy": "ctrnn",
        "share": 0.4,
        "note": "Durations may differ by one step, of which rewards tell little, so the criterion is lower.",
    },
    "LeverPressWithPokeRest-v0": {
        "note": "Presses are not shown, and one more costs a twentieth of the reward only: with 300,000 steps, a discount "
        "of 0.95 or 0.97, and a CTRNN or RNN the agents scored 0.64 to 0.85."
    },
    "MatchingPenny-v0": {
        **BY_FEEDBACK,
        "share": 0.6,
        "note": "The opponent follows the agent's own last actions by a fixed rule, so the best play wins always. In tests "
        "it has seen none at first, which is rare in training, so the criterion is lower.",
    },
    "MemoryRecall-v0": {
        "note": "Ten numbers are to be right at once, in one or two steps of about 20, and one number is the reward: with "
        "a GRU, CTRNN or RNN agents scored 0.60 to 0.67 after 300,000 steps (no entropy bonus, a discount of 0), "
        "and improved slowly."
    },
    "MultiSensoryIntegration-v0": NOISY,
    "Null-v0": {"steps": 8192, "note": "There is nothing to learn: every agent passes."},
    "PerceptualDecisionMaking-v0": NOISY,
    "OneTwoThreeGo-v0": EACH_TRIAL,
    "PerceptualDecisionMakingDelayResponse-v0": {**NOISY, **HELD},
    "PostDecisionWager-v0": {
        **HELD,
        **_shaped(({"wager": False}, 0.65), of="conditions"),
        "share": 0.4,
        "note": f"A curriculum offers no bet at first: else the agent always bets, and never learns to choose. {NOISE}",
    },
    "ProbabilisticReasoning-v0": {"share": 0.6, "note": "The right side is drawn, so the best observer errs too."},
    "PulseDecisionMaking-v0": {
        **HELD,
        "task_kwargs": {"dt": 50},
        "share": 0.6,
        "note": "Steps of 50 ms. Equal counts are decided by chance, so the criterion is lower.",
    },
    "Reaching1D-v0": GRADED,
    "Reaching1DWithSelfDistraction-v0": {**GRADED, "steps": 300_000},
    "ReachingDelayResponse-v0": {**HELD, "ent_coef": 0.0},
    "ReadySetGo-v0": {
        **EACH_TRIAL,
        **_shaped(({"prod_margin": 1.0}, 0.8), ({"prod_margin": 0.4}, 0.8)),
        "note": f"A curriculum narrows the margin of the interval to 0.2. {EACH_TRIAL['note']}",
    },
    "ToneDetection-v0": HELD,
    "perceptualdecisionmaking.ibl20-v0": NOISY,
    "perceptualdecisionmaking.roitman02-v0": NOISY,
    "priors.priors_v0-v0": NOISY,
}
"""Id -> what differs from these: settings of `TrainingConfig`, and of `RLRecipe`."""
