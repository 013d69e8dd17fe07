"""Supervised recipes: how a recurrent network learns the ground truth of a task, for its certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, TypeAlias

import numpy as np
from gymnasium import spaces

import ngym_core as ngym
from ngym_core.arguments import (
    Count,
    Finite,
    Flag,
    Index,
    InstanceOf,
    Keywords,
    Number,
    TaskId,
    Text,
    check_arguments,
    checked,
)
from ngym_core.certificates import SHARE, Measure, Recipe, Trained
from ngym_core.networks import NetworkAgent, sizes_of_outputs
from ngym_core.playing import Carry
from ngym_core.plugins.registry import full_name
from ngym_core.vector import TrialVectorEnv
from ngym_data.dataset import Dataset
from ngym_data.scoring import score
from ngym_data.trial_dataset import TrialDataset

try:
    import torch
    from torch import nn
except ImportError as error:
    raise ImportError("Supervised training needs torch: pip install 'ngym-data[torch]'.") from error

__all__ = ["RecurrentNetwork", "SupervisedRecipe", "recipe_of"]

Tensor: TypeAlias = torch.Tensor
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Observations, ground truth, (steps, rows, ...) each, and the weight of each step in the loss, (steps, rows)."""

TUNED = (100, 101, 102)
"""Seeds with which all settings below were chosen."""
TEST_TRIALS, TEST_IMAGE_TRIALS, TEST_STREAM_TRIALS = 600, 300, 2560
"""Number of trials that a trained network plays; in streams more, so that what is carried from trial to trial changes."""
CHECK_TRIALS = 300
"""Number of trials that it plays while it is trained, to see whether it has learned enough."""
CHECK_UPDATES = 50
"""Updates from one such check to the next."""
MARGIN = 0.2
"""Training ends where this share of what is left above the criterion is reached too, so that other trials show the same."""
CHECK_SEEDS, TEST_SEED = (10**6, 3 * 10**6), 2 * 10**6
"""Added to the seed of a network for that of the trials of both checks, and of the test."""
PROBE_TRIALS, PROBE_IMAGE_TRIALS = 256, 16
"""Number of trials from which it is seen in which periods an answer can be due."""
MAX_NORM = 1.0
"""Norm of the gradient, at most."""
FRAMES, FILTERS, FEATURES = 2, (16, 32), 64
"""Of the part that sees images: frames that it sees at a time, filters of its two layers, and its outputs."""


class RecurrentNetwork(nn.Module):
    """A GRU with a linear readout; images go through two layers of filters first, two frames at a time.

    Args:
        shape: Shape of an observation.
        outputs: Number of outputs: actions, or numbers.
        units: Units of the GRU.

    Example:
        >>> import torch
        >>> from ngym_data.supervised import RecurrentNetwork
        >>> RecurrentNetwork((3,), 2, 16)(torch.zeros(5, 4, 3)).shape
        torch.Size([5, 4, 2])
    """

    def __init__(self, shape: Sequence[int], outputs: int, units: int) -> None:
        super().__init__()
        self.images = len(shape) > 1
        if self.images:
            self.filters = FrameFilters(shape)
        self.rnn = nn.GRU(FEATURES if self.images else int(np.prod(shape)), units)
        self.readout = nn.Linear(units, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map observations (steps, rows, ...) to outputs (steps, rows, outputs)."""
        if self.images:
            inputs, _ = self.filters(inputs)
        outputs: Tensor = self.readout(self.rnn(inputs.float())[0])
        return outputs


class FrameFilters(nn.Module):
    """Two layers of filters over each frame and the one before it, which is its state.

    Args:
        shape: Height, width and colors of a frame.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        height, width, colors = shape
        first, second = FILTERS
        self.layers = nn.Sequential(
            nn.Conv2d(FRAMES * colors, first, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2),
            nn.ReLU(),
            nn.Flatten(),
        )
        size = self.layers(torch.zeros(1, FRAMES * colors, height, width)).shape[1]
        self.project = nn.Linear(size, FEATURES)

    def forward(self, inputs: Tensor, last: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map frames (steps, rows, height, width, colors) to features (steps, rows, features), and return the last frame."""
        frames = (inputs.float() / 255 - 0.5) * 4
        before = frames[:1] if last is None else last
        pairs = torch.cat([torch.cat([before, frames[:-1]]), frames], dim=-1)
        steps, rows = pairs.shape[:2]
        features = self.project(self.layers(pairs.flatten(0, 1).permute(0, 3, 1, 2)))
        return torch.relu(features).view(steps, rows, -1), frames[-1:]


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe(Recipe):
    """Supervised training of a `RecurrentNetwork` on a task; a pack's hook `ngym_recipe` may return one.

    Each update shows new trials. The loss is the cross entropy of the ground truth, or the squared error for numbers, and
    is minimised by Adam. Every 50 updates the network plays other trials, and training ends when they are good enough.

    Args:
        task: Id of the task.
        task_kwargs: Parameters of the task.
        wrappers: Wrappers of the task, see `ngym_core.make`.
        own_play: Whether the network learns from trials that it plays itself (and as many that the ground truth plays), one
            after another, keeping its state: for tasks where what is right can only be known from earlier trials. Else it
            sees whole trials as they are for an agent that plays the ground truth, and begins each anew.
        units: Units of the GRU.
        learning_rate: Step size of Adam.
        batch_size: Trials in an update; with `own_play`, lanes that the network plays.
        seq_len: With `own_play`, steps of each lane in an update.
        max_updates: Updates after which training ends in any case.
        answer_weight: Weight in the loss of steps in periods in which an answer can be due (with `own_play`, of steps at
            which it is due).
        measure: See `Recipe`.
        share: See `Recipe`.
        random_chance: See `Recipe`.
        note: See `Recipe`.

    Example:
        >>> from ngym_data.supervised import SupervisedRecipe
        >>> recipe = SupervisedRecipe(task="GoNogo-v0", units=16, max_updates=5)
        >>> recipe.train(seed=100, criterion=0.9).steps
        5
    """

    task: TaskId
    task_kwargs: Keywords = field(default_factory=dict)
    wrappers: Annotated[Sequence[Any], InstanceOf((list, tuple), "a list of wrappers")] = ()
    own_play: Flag = False
    units: Count = 64
    learning_rate: Annotated[float, Number(above=0, high=1)] = 0.01
    batch_size: Count = 64
    seq_len: Count = 64
    max_updates: Count = 1500
    answer_weight: Annotated[float, Number(above=0)] = 10.0
    measure: Measure = "performance"
    share: Annotated[float, Number(above=0, high=1)] = SHARE
    random_chance: Flag = False
    note: Text = ""

    kind = "supervised"
    unit = "updates"
    tuned = TUNED

    def __post_init__(self) -> None:
        """Check all values, and that the task can be made."""
        check_arguments(type(self), vars(self))
        self.make_env()

    @property
    def network(self) -> str:
        """The network in words."""
        images = "two layers of filters and a " if len(self.make_env().observation_space.shape) > 1 else ""
        return f"{images}GRU of {self.units} units"

    @property
    def settings(self) -> dict[str, Any]:
        """All settings but the note."""
        return {name: value for name, value in asdict(self).items() if name not in ("task", "note")}

    def make_env(self) -> Any:
        """Return the task with the parameters and wrappers that networks are trained with."""
        return ngym.make(self.task, wrappers=list(self.wrappers), **self.task_kwargs)

    @checked
    def train(self, seed: Index, criterion: Finite) -> Trained:
        """Train a network until it reaches the criterion, or `max_updates`, and test it on other trials.

        Args:
            seed: Seed of the network, its training, and the trials of the test.
            criterion: Score that it should reach.

        Returns:
            The trials of the test, and the number of updates.
        """
        env = self.make_env()
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            network = RecurrentNetwork(env.observation_space.shape, _outputs(env.action_space), self.units)
            optimizer = torch.optim.Adam(network.parameters(), self.learning_rate)
            batches = self._own_play(network, seed) if self.own_play else self._whole_trials(seed)
            enough = criterion + MARGIN * (1 - criterion) if self.measure == "performance" else criterion
            for update in range(1, self.max_updates + 1):
                optimizer.zero_grad()
                _loss(network, *next(batches), env.action_space).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
                optimizer.step()
                if update % CHECK_UPDATES == 0:
                    trials = TEST_STREAM_TRIALS if self.own_play else CHECK_TRIALS
                    # Trials that have shown enough by luck are followed by others.
                    tables = (self._play(network, trials, first + seed) for first in CHECK_SEEDS)
                    if all(float(np.mean(table[self.measure])) >= enough for table in tables):
                        break
        trials = TEST_IMAGE_TRIALS if len(env.observation_space.shape) > 1 else TEST_TRIALS
        trials = TEST_STREAM_TRIALS if self.own_play else trials
        return Trained(self._play(network, trials, TEST_SEED + seed), update)

    def _play(self, network: nn.Module, trials: int, seed: int) -> Any:
        """Return the table of trials that a network plays."""
        carry: Carry = "stream" if self.own_play else "trial"
        return score(network, self.make_env(), trials, carry=carry, seed=seed, batch_first=False)

    def _whole_trials(self, seed: int) -> Iterator[Batch]:
        """Yield batches of whole trials, as an agent sees them that plays the ground truth."""
        dataset = TrialDataset(self.make_env(), trials=self.batch_size * self.max_updates, seed=seed)
        images = len(dataset.env.observation_space.shape or ()) > 1
        _, target, info = dataset[: PROBE_IMAGE_TRIALS if images else PROBE_TRIALS]
        due = (target != 0).reshape(*target.shape[:2], -1).any(axis=2)
        answers = np.unique(info["period"][due & (info["period"] >= 0)])
        for first in range(0, len(dataset), self.batch_size):
            inputs, target, info = dataset[first : first + self.batch_size]
            weight = info["mask"] * np.where(np.isin(info["period"], answers), self.answer_weight, 1.0)
            yield tuple(torch.as_tensor(part).transpose(0, 1) for part in (inputs, target, weight))  # type: ignore[misc]

    def _own_play(self, network: nn.Module, seed: int) -> Iterator[Batch]:
        """Yield batches of steps that the network itself has played, with the ground truth of each.

        Half of the rows show an agent that plays the ground truth: of an untrained network's errors nothing can be learned.
        Before the first step of a batch each lane has a state that it has from the steps before, so the first half of a
        batch is that of the batch before: it only makes the state, and has no weight.
        """
        env = self.make_env()
        shown = Dataset(self.make_env(), batch_size=self.batch_size, seq_len=self.seq_len, seed=seed)
        lanes: Any = TrialVectorEnv(env, self.batch_size)
        agent = NetworkAgent(network, env.observation_space, env.action_space, batch_first=False)
        ob, _ = lanes.reset(seed=seed)
        state, starts = None, np.ones(self.batch_size, bool)
        seen: list[tuple[Any, Any]] = []
        while True:
            inputs_shown, target_shown = shown()
            for step in range(self.seq_len):
                actions, state = agent.predict(ob, state=state, episode_start=starts, deterministic=False)
                starts = np.zeros(self.batch_size, bool)
                last = ob.copy()
                ob, _, _, _, info = lanes.step(actions)
                seen.append((np.concatenate([last, inputs_shown[step]]), np.concatenate([info["gt"], target_shown[step]])))
            seen = seen[-2 * self.seq_len :]
            inputs, target = (torch.as_tensor(np.stack(part)) for part in zip(*seen, strict=True))
            due = (target != 0).flatten(2).any(dim=2) if target.ndim > 2 else target != 0
            weight = torch.where(due, self.answer_weight, 1.0)
            if len(seen) > self.seq_len:
                weight[: self.seq_len] = 0
            yield inputs, target, weight


def _outputs(space: Any) -> int:
    """Return the number of outputs for a space of actions."""
    return sum(sizes_of_outputs(space))


def _loss(network: nn.Module, inputs: Tensor, target: Tensor, weight: Tensor, space: Any) -> Tensor:
    """Return the weighted mean of the losses of all steps."""
    outputs: Tensor = network(inputs)
    if isinstance(space, spaces.Box):
        losses = ((outputs - target.flatten(2).float()) ** 2).mean(dim=2).flatten()
    else:  # of one choice, or of several side by side
        logits = torch.split(outputs.flatten(0, 1), sizes_of_outputs(space), dim=1)
        parts = zip(logits, target.reshape(-1, len(logits)).long().unbind(1), strict=True)
        losses = torch.stack([nn.functional.cross_entropy(*part, reduction="none") for part in parts]).sum(dim=0)
    return (losses * weight.flatten()).sum() / weight.sum()


@checked
def recipe_of(task: TaskId) -> SupervisedRecipe:
    """Return the recipe of a task: the default one, or with what `DEVIATIONS` says.

    Args:
        task: Its id.

    Example:
        >>> from ngym_data.supervised import recipe_of
        >>> recipe_of("yang19.go-v0").units
        64
    """
    task = full_name(task)
    return SupervisedRecipe(task=task, **(DEVIATIONS.get(task) or _of_collection(task)))


NOISE = "Noise and weak stimuli keep the best observer from the ground truth, so the criterion is lower."
SWITCHES = "The context is hidden: the first trial after each switch cannot be known, so the criterion is lower."
IMAGES = "Frames of 32 x 32 pixels, 100 ms apart."
SMALL: Mapping[str, Any] = {"win_kwargs": {"size": [32, 32]}}
TURNED = (
    "The delay, in steps, tells by how many places the answer is turned: one step less is another answer, so the criterion "
    "is lower."
)
BY_FEEDBACK: Mapping[str, Any] = {"own_play": True, "wrappers": ("PassReward-v0", "PassAction-v0")}
"""For what only the rewards of earlier trials tell."""
SHORT_RULES: Mapping[str, Any] = {"dt": 80, "timing": {"fixation": 80, "rule_target": 80, "fixation2": 80, "decision": 160}}
SHORT_CONTEXTS: Mapping[str, Any] = {
    "cxt_ch_prob": 0.05,
    "stim_scale": 1.9,
    "timing": {"fixation": 100, "stimulus": 300, "decision": 100},
}
NOISY: Mapping[str, Any] = {"share": 0.6, "note": NOISE}

DEVIATIONS: Mapping[str, Mapping[str, Any]] = {
    "AnnubesEnv-v0": {"measure": "reward", "note": "Performance is full with one right step, so random actions have it."},
    "Bandit-v0": {
        **BY_FEEDBACK,
        "task_kwargs": {"p": [0.2, 0.8]},
        "random_chance": True,
        "note": "With the default, equal arms any choice is right: p=[0.2, 0.8]. One of these is always right, so chance is "
        "that of random actions.",
    },
    "CVLearning-v0": {
        "task_kwargs": {"th_stage": -1},
        "learning_rate": 3e-3,
        "answer_weight": 20.0,
        "share": 0.5,
        "note": f"The last stage, th_stage=-1. {NOISE}",
    },
    "ChangingEnvironment-v0": {
        **BY_FEEDBACK,
        "task_kwargs": SHORT_CONTEXTS,
        "learning_rate": 5e-3,
        "max_updates": 400,
        "share": 0.5,
        "note": f"Short trials of clearer stimuli, in which the context changes with a probability of 0.05. {SWITCHES}",
    },
    "ContextDecisionMaking-v0": NOISY,
    "ContextSwitch-v0": {
        **BY_FEEDBACK,
        "max_updates": 600,
        "share": 0.5,
        "note": f"{SWITCHES} With 1,500 updates a network scored 0.60, and 0.63 with a learning rate of 0.003.",
    },
    "DawTwoStep-v0": {**BY_FEEDBACK, "max_updates": 600, "share": 0.5, "note": SWITCHES},
    "DelayMatchSample-v0": {"learning_rate": 3e-3},
    "Detection-v0": {"share": 0.7, "note": NOISE},
    "DualDelayMatchSample-v0": {
        "learning_rate": 3e-3,
        "answer_weight": 20.0,
        "max_updates": 2500,
        "share": 0.6,
        "note": "Two items are held and compared in the order of the cues: learned slowly, so the criterion is lower.",
    },
    "HierarchicalReasoning-v0": {
        "wrappers": ("PassAction-v0",),
        "task_kwargs": SHORT_RULES,
        "share": 0.4,
        "note": "Short periods around the interval, in steps of 80 ms. The network begins each trial anew, so it guesses "
        "the rule, sees what it has reported, and answers accordingly: it can be right in about half of the trials. From "
        "its own play it did not learn to infer the rule.",
    },
    "IBL-v0": {"share": 0.4, "note": NOISE},
    "IBL_Block-v0": {"share": 0.3, "note": NOISE},
    "MatchingPenny-v0": {
        "own_play": True,
        "wrappers": ("PassAction-v0",),
        "batch_size": 16,
        "seq_len": 32,
        "max_updates": 300,
        "share": 0.7,
        "note": "The opponent follows the mean of all actions, which must be kept in mind exactly: the criterion is lower.",
    },
    "MultiSensoryIntegration-v0": NOISY,
    "Null-v0": {"note": "There is nothing to learn: every network passes."},
    "PerceptualDecisionMaking-v0": NOISY,
    "PerceptualDecisionMakingDelayResponse-v0": NOISY,
    "PostDecisionWager-v0": {
        "share": 0.4,
        "note": f"The ground truth is the choice, so the network never learns to bet. {NOISE}",
    },
    "ProbabilisticReasoning-v0": {"share": 0.7, "note": "The right side is drawn, so the best observer errs too."},
    "PulseDecisionMaking-v0": {
        "task_kwargs": {"dt": 50},
        "share": 0.6,
        "note": "Steps of 50 ms. Equal counts are decided by chance, so the criterion is lower.",
    },
    "RandomDotMotion-v0": {
        "task_kwargs": {"dt": 100, **SMALL, "stim_scale": 1.9},
        "learning_rate": 3e-3,
        "batch_size": 32,
        "max_updates": 500,
        "share": 0.3,
        "note": f"{IMAGES[:-1]}, with coherences raised by a factor of 1.9, of which one is 0: the best observer errs too.",
    },
    "SpatialSuppressMotionImage-v0": {
        "task_kwargs": SMALL,
        "learning_rate": 3e-3,
        "batch_size": 16,
        "max_updates": 300,
        "note": "Frames of 32 x 32 pixels.",
    },
    "VisualSearch-v0": {
        "task_kwargs": {"dt": 100, **SMALL},
        "learning_rate": 3e-3,
        "batch_size": 32,
        "max_updates": 300,
        "note": f"{IMAGES} Hard: after a delay the bar of the same color and orientation is to be found among three that "
        "differ in one of them by a fifth, and to be pointed to within a twentieth of the screen.",
    },
    "perceptualdecisionmaking.ibl20-v0": NOISY,
    "perceptualdecisionmaking.roitman02-v0": NOISY,
    "priors.priors_v0-v0": {"share": 0.4, "note": NOISE},
    "yang19.dm2-v0": {"share": 0.7, "note": NOISE},
    "modcog.multidmseql-v0": {"share": 0.7, "note": NOISE},
}
"""Id -> what differs from the default recipe."""


def _of_collection(task: str) -> Mapping[str, Any]:
    """Return what differs for the tasks of Mod-Cog whose answer is turned by a delay."""
    collection, _, name = task.removesuffix("-v0").partition(".")
    return {"share": 0.6, "note": TURNED} if collection == "modcog" and name.endswith(("intr", "intl")) else {}
