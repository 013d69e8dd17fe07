"""Certificates: what networks reach on a task when they are trained by a stated recipe, and the file that keeps them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.arguments import Callback, Count, FilePath, InstanceOf, Integers, Labels, Several, TaskId, checked, shown
from ngym_core.errors import unknown_name
from ngym_core.files import atomic_write
from ngym_core.playing import deal_trials, play_trials
from ngym_core.plugins import registry
from ngym_core.plugins.isolation import reason
from ngym_core.sampling import sample_trials
from ngym_core.spaces import nearest_to_zero
from ngym_core.trial_table import TrialTable

__all__ = [
    "KINDS",
    "SEEDS",
    "Certificate",
    "Kind",
    "Recipe",
    "Trained",
    "as_markdown",
    "certificates_of",
    "certify",
    "digest_of",
    "find_recipe",
    "is_current",
    "load_certificates",
    "renew",
    "save_certificates",
]

Kind: TypeAlias = Literal["supervised", "rl"]
Measure: TypeAlias = Literal["performance", "reward"]
KINDS: tuple[Kind, ...] = ("supervised", "rl")
"""Kinds of certificates: trained on the ground truth, or on rewards."""
SEEDS = (0, 1, 2)
"""Seeds of networks that must reach the criterion. No setting of a recipe was chosen by them: where a recipe was changed
because one of them failed, its networks have other seeds."""
RESULTS = Path(__file__).with_name("certificates.json")
"""The file of the certificates of the built-in tasks; each version of this package has its own."""
FORMAT = 1
"""Version of that file's form."""
PLAYED_TRIALS = 500
"""Trials of each agent without a network: the ground truth, random actions, and each action repeated."""
SHARE = 0.8
"""Share of the way from chance to the ground truth at which the criterion stands, unless a recipe says why not."""
DIGEST_TRIALS = 8
"""Number of trials by which a task is recognised."""
DIGITS = 3
"""Decimals to which values are rounded before they are compared: the last ones differ between machines."""
PLAYED_IMAGE_TRIALS = 50
"""The same for tasks whose observations are images."""
LANES = 10
"""Lanes in which they are played: few, so that in each of them what is carried from trial to trial changes often."""
DISTRIBUTIONS = ("ngym-core", "ngym-data", "ngym-sb3", "numpy", "gymnasium", "torch", "stable-baselines3", "sb3-contrib")
"""What may decide how a network learns."""


@dataclass(frozen=True)
class Trained:
    """A network that was trained by a recipe, and tested.

    Attributes:
        table: Trials that it played by the rule of the task, other ones than it was trained on.
        steps: How long it was trained, in the unit of the recipe.
    """

    table: TrialTable
    steps: int


class Recipe(ABC):
    """How networks are trained on a task for its certificate; a pack's hook `ngym_recipe` returns one.

    Attributes:
        task: Id of the task.
        kind: ``supervised`` or ``rl``.
        unit: What `Trained.steps` counts.
        tuned: Seeds with which the settings were chosen.
        measure: Column of the trial table whose mean is the score: ``performance`` or ``reward``.
        share: Share of the way from chance to the ground truth at which the criterion stands.
        random_chance: Whether chance is that of random actions only, not that of an action repeated always.
        note: Why the share is not 0.8, or what else a reader should know.

    Example:
        >>> from ngym_core.certificates import Recipe, Trained, certify
        >>> import ngym_core as ngym
        >>> class NothingToLearn(Recipe):
        ...     task, kind, unit, network, settings, tuned = "Null-v0", "supervised", "updates", "none", {}, ()
        ...     def make_env(self):
        ...         return ngym.make("Null-v0")
        ...     def train(self, seed, criterion):
        ...         return Trained({"performance": np.ones(10)}, 0)
        >>> certify(NothingToLearn()).reached
        True
    """

    task: str
    kind: Kind
    unit: str
    tuned: Sequence[int]
    measure: Measure = "performance"
    share: float = SHARE
    random_chance: bool = False
    note: str = ""

    @property
    @abstractmethod
    def network(self) -> str:
        """The network in words."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """All that decides how networks are trained, as plain data: with other settings it is another recipe."""

    @abstractmethod
    def make_env(self) -> Any:
        """Return the task with the parameters and wrappers that networks are trained with."""

    @abstractmethod
    def train(self, seed: int, criterion: float) -> Trained:
        """Train a network until its score reaches the criterion, or its time is up, and test it on other trials.

        Args:
            seed: Seed of everything that is random: the network, its training, the test trials.
            criterion: Score that it should reach.
        """


@dataclass(frozen=True)
class Certificate:
    """What networks reached on a task by a recipe.

    Attributes:
        task: Id of the task.
        kind: ``supervised`` or ``rl``.
        network: The network in words.
        settings: The settings of the recipe.
        unit: What `steps` counts.
        measure: What the scores are: mean ``performance``, or mean ``reward`` of a trial.
        chance: Score of random actions, or of the best action repeated always, if that is better.
        oracle: Score of the ground truth.
        criterion: Score that had to be reached.
        seeds: Seeds of the networks.
        scores: Score of each.
        steps: How long each was trained.
        seconds: Processor time that each took, tests included.
        tuned: Seeds with which the settings were chosen.
        digest: What `digest_of` said of the task.
        versions: Distribution -> version with which it was made.
        date: Day on which it was made, YYYY-MM-DD.
        note: What else a reader should know.

    Example:
        >>> from ngym_core.certificates import load_certificates
        >>> all(isinstance(certificate.reached, bool) for certificate in load_certificates())
        True
    """

    task: str
    kind: Kind
    network: str
    settings: Mapping[str, Any]
    unit: str
    measure: Measure
    chance: float
    oracle: float
    criterion: float
    seeds: Sequence[int]
    scores: Sequence[float]
    steps: Sequence[int]
    seconds: Sequence[float]
    tuned: Sequence[int]
    digest: str
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Check what files and packs may have wrong."""
        _require_kind(self.kind)
        for name in ("seeds", "scores", "steps", "seconds"):
            values = getattr(self, name)
            if len(values) != max(1, len(self.seeds)) or not all(isinstance(value, (int, float)) for value in values):
                raise ValueError(
                    f"{name}={shown(values)} of {self.task} must be one number for each of the seeds {shown(self.seeds)}."
                )

    @property
    def reached(self) -> bool:
        """Whether each network reached the criterion."""
        return all(score >= self.criterion for score in self.scores)

    @property
    def outdated(self) -> str:
        """Why the certificate does not tell of the installed task, in words; empty if it does."""
        was, now = self.versions.get("ngym-core"), ngym.__version__
        if was != now:
            return f"made with ngym-core {was}, and this is {now}: renew it by `ngym certify {self.task}`"
        if self.digest != digest_of(self.task):
            return f"made when the task had other trials: renew it by `ngym certify {self.task}`"
        return ""

    def summary(self) -> str:
        """Return what was reached, in one line."""
        scores = ", ".join(f"{score:.2f}" for score in self.scores)
        reached = "reached" if self.reached else "NOT reached"
        return (
            f"{self.kind}: {reached} {self.criterion:.2f} ({self.measure}; chance {self.chance:.2f}, ground truth "
            f"{self.oracle:.2f}) with {scores} by {self.network}, at most {max(self.steps):,} {self.unit}, "
            f"{max(self.seconds):.0f} s, {self.date}"
        )


def _require_kind(kind: str) -> None:
    """Raise UnknownNameError if there is no such kind."""
    if kind not in KINDS:
        raise unknown_name("kind of certificate", kind, KINDS)


Certificates: TypeAlias = Annotated[
    Sequence[Certificate], Several(InstanceOf(Certificate, "a Certificate"), "a sequence of Certificates")
]
Found: TypeAlias = Annotated[Recipe, InstanceOf(Recipe, "a Recipe")]


@checked
def digest_of(task: TaskId) -> str:
    """Return a short text that changes when the first trials of a task, its rewards, its dt or the class of its rule do.

    Example:
        >>> from ngym_core.certificates import digest_of
        >>> digest_of("GoNogo-v0") == digest_of("GoNogo")
        True
    """
    env = registry.make(task)
    own: Any = env.unwrapped
    trials = sample_trials(env, DIGEST_TRIALS if len(env.observation_space.shape or ()) == 1 else 1, 0, None, {})
    kept = hashlib.sha256(repr((type(own.rule).__name__, own.dt, dict(own.rewards))).encode())
    for array in (trials.lengths, trials.gt, trials.ob):
        kept.update(np.ascontiguousarray(np.round(np.asarray(array, np.float64), DIGITS) + 0.0).tobytes())
    return kept.hexdigest()[:16]


class _Random:
    """Agent that draws actions, each as likely as the others."""

    def __init__(self, space: Any) -> None:
        self.space = space
        space.seed(0)

    def predict(self, ob: Any, **_: Any) -> tuple[NDArray[Any], None]:
        return np.array([self.space.sample() for _ in range(len(ob))]), None


class _Always:
    """Agent that repeats an action."""

    def __init__(self, action: Any) -> None:
        self.action = np.asarray(action)

    def predict(self, ob: Any, **_: Any) -> tuple[NDArray[Any], None]:
        return np.repeat(self.action[None], len(ob), axis=0), None


def _constant_actions(env: Any) -> Iterator[Any]:
    """Give actions to repeat: all of a choice; of other actions the one next to 0, and what is right most often where an
    answer is due, of a `Box` the mean of the ground truth.
    """
    space = env.action_space
    if isinstance(space, spaces.Discrete):
        yield from (space.start + i for i in range(int(space.n)))
        return
    trials = sample_trials(env, PLAYED_IMAGE_TRIALS, 0, None, {})
    truth = trials.gt[np.arange(trials.gt.shape[1]) < trials.lengths[:, None]]
    yield nearest_to_zero(space)
    if isinstance(space, spaces.Box):
        yield np.clip(truth.mean(axis=0), space.low, space.high).astype(space.dtype)
    else:
        due = truth[truth.reshape(len(truth), -1).any(axis=1)]
        if len(due):
            values, times = np.unique(due, axis=0, return_counts=True)
            yield values[times.argmax()]


def _score(table: TrialTable, measure: Measure) -> float:
    """Return the mean of a column."""
    return float(np.mean(np.asarray(table[measure], float)))


def _baselines(recipe: Recipe) -> tuple[float, float]:
    """Return the scores of chance and of the ground truth."""
    env = recipe.make_env()
    agents: list[Any] = [_Random(env.action_space)]
    if not recipe.random_chance:
        agents += map(_Always, _constant_actions(env))
    n = PLAYED_IMAGE_TRIALS if len(env.observation_space.shape or ()) > 1 else PLAYED_TRIALS
    lanes = deal_trials(n, LANES)
    tables = [play_trials(agent, recipe.make_env(), lanes, carry="stream", seed=0) for agent in agents]
    run = ngym.run_env(env, num_trials=n, model=lambda ob: env.unwrapped.gt_now, seed=0)
    ended = np.nonzero(run["trial_end"])[0]
    of_trials = {
        "performance": run["perf"][ended],
        "reward": np.diff(np.cumsum(run["rewards"])[ended], prepend=0.0),
    }
    return max(_score(table, recipe.measure) for table in tables), _score(of_trials, recipe.measure)


@checked
def certify(recipe: Found, seeds: Integers = SEEDS, on_progress: Callback = lambda seed, score, steps: None) -> Certificate:
    """Train networks by a recipe and return what they reach.

    Args:
        recipe: The recipe.
        seeds: Seed of each network.
        on_progress: Called after each network with its seed, its score and how long it was trained.

    Returns:
        The certificate. That it exists does not say that the criterion was reached: see `Certificate.reached`.

    Raises:
        ValueError: A seed with which the settings of the recipe were chosen, or one that is given twice.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={shown(seeds)} must differ: each network has a seed of its own.")
    if known := set(seeds) & set(recipe.tuned):
        raise ValueError(
            f"The settings for {recipe.task} were chosen with the seeds {sorted(recipe.tuned)}; seeds={shown(seeds)} must "
            f"be others, not {min(known)}."
        )
    chance, oracle = _baselines(recipe)
    criterion = round(chance + recipe.share * (oracle - chance), DIGITS)
    scores, steps, seconds = [], [], []
    for seed in seeds:
        start = time.process_time()
        trained = recipe.train(int(seed), criterion)
        seconds.append(round(time.process_time() - start, 1))
        scores.append(round(_score(trained.table, recipe.measure), DIGITS))
        steps.append(int(trained.steps))
        on_progress(seed, scores[-1], steps[-1])
    return Certificate(
        task=recipe.task,
        kind=recipe.kind,
        network=recipe.network,
        settings=_plain(recipe.settings),
        unit=recipe.unit,
        measure=recipe.measure,
        chance=round(chance, DIGITS),
        oracle=round(oracle, DIGITS),
        criterion=criterion,
        seeds=[int(seed) for seed in seeds],
        scores=scores,
        steps=steps,
        seconds=seconds,
        tuned=[int(seed) for seed in recipe.tuned],
        digest=digest_of(recipe.task),
        versions=_versions(),
        date=datetime.now(UTC).date().isoformat(),
        note=recipe.note,
    )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are read back from a file."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(settings), default=str))
    return plain


def _versions() -> dict[str, str]:
    """Return the version of each installed distribution that matters."""
    found = {}
    for name in DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@checked
def find_recipe(task: TaskId, kind: Kind) -> Recipe | None:
    """Return the recipe of a task that a pack offers; None if none does.

    Args:
        task: Its id.
        kind: ``supervised`` or ``rl``.

    Raises:
        UnknownTaskError: There is no such task.
        Exception: The error of a pack, if none offers one.
    """
    return registry.pack_manager().find_recipe(registry.full_name(task), kind)


@checked
def is_current(certificate: Annotated[Certificate, InstanceOf(Certificate, "a Certificate")], recipe: Found) -> bool:
    """Return whether a certificate tells of the installed task and recipe, and need not be made again."""
    return certificate.settings == _plain(recipe.settings) and not certificate.outdated


@checked
def renew(
    tasks: Labels,
    path: FilePath | None = None,
    *,
    kinds: Annotated[Sequence[Kind], Several(InstanceOf(str, "a kind"), "a sequence of kinds")] = KINDS,
    seeds: Integers | None = None,
    workers: Count = 1,
    on_done: Callback = lambda task, kind, result: None,
) -> list[Certificate]:
    """Certify tasks, and keep each certificate as soon as it is made. What the file holds already and is current is left.

    Args:
        tasks: Ids of the tasks.
        path: The file, a new one or one to go on with; None keeps none.
        kinds: ``supervised``, ``rl`` or both.
        seeds: Seed of each network; by default those in `SEEDS`, or, where a certificate is current, its own.
        workers: Number of processes that train.
        on_done: Called with a task, a kind, and a certificate, the error that prevented one, or None if there is no recipe.

    Returns:
        The certificates of these tasks and kinds, those of the file too.

    Raises:
        UnknownTaskError: There is no such task.
        UnknownNameError: There is no such kind.
        ValueError: A file that is damaged or has another form.
    """
    names = [registry.full_name(task) for task in tasks]
    for kind in kinds:
        _require_kind(kind)
    kept = load_certificates(path) if path is not None and Path(path).exists() else []
    known = {(certificate.task, certificate.kind): certificate for certificate in kept}
    made: dict[tuple[str, str], Certificate] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker) as pool:
        jobs = {
            pool.submit(_certify, name, kind, seeds, known.get((name, kind))): (name, kind)
            for kind in kinds
            for name in names
        }
        for job in as_completed(jobs):
            name, kind = jobs[job]
            result: Certificate | BaseException | None = job.exception() or job.result()
            if isinstance(result, Certificate):
                made[name, kind] = result
                if path is not None and known.get((name, kind)) != result:
                    known[name, kind] = result
                    save_certificates(path, list(known.values()))
            on_done(name, kind, result)
    return list(made.values())


def _begin_worker() -> None:
    """Prepare a process that trains.

    Numerical libraries, which are imported later, use one thread: several would only wait. A process whose parent was
    killed ends, instead of waiting for work forever.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent to end, and end this process then."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # it was started by `renew`
    parent.join()
    os._exit(1)


def _certify(task: str, kind: Kind, seeds: Sequence[int] | None, known: Certificate | None) -> Certificate | None:
    """Return the certificate of a task, the known one if it is current; None if there is no recipe."""
    recipe = find_recipe(task, kind)
    if recipe is None:
        return None
    if known is not None and (seeds is None or list(known.seeds) == list(seeds)) and is_current(known, recipe):
        return known
    return certify(recipe, SEEDS if seeds is None else seeds)


# ---- the file --------------------------------------------------------------------------------------


@checked
def load_certificates(path: FilePath | None = None) -> list[Certificate]:
    """Read a file of certificates.

    Args:
        path: The file; by default those of this package and of all packs. A pack whose file cannot be read is named in a
            `PluginWarning`.

    Returns:
        The certificates, by task.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A damaged file, or one of another version of its form.

    Example:
        >>> from ngym_core.certificates import load_certificates
        >>> len({certificate.task for certificate in load_certificates()}) > 0
        True
    """
    if path is None:
        own = load_certificates(RESULTS) if RESULTS.exists() else []
        return own + registry.pack_manager().certificates(load_certificates)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of certificates {path}.")
    try:
        content = json.loads(path.read_text())
        version = content["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no file of certificates, or is damaged: {reason(error)}") from error
    if version != FORMAT:
        raise ValueError(
            f"{path} holds certificates of form {shown(version)}, and ngym-core {ngym.__version__} reads form {FORMAT}: "
            "renew them by `ngym certify`, or install the ngym-core that wrote them."
        )
    try:
        return [Certificate(**row) for row in content["certificates"]]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {reason(error)}") from error


@checked
def save_certificates(path: FilePath, certificates: Certificates) -> None:
    """Write a file of certificates, complete or not at all: one line for each.

    Args:
        path: The file; it is replaced.
        certificates: The certificates. Of several of a task and kind the last one counts.
    """
    kept = {(c.task, KINDS.index(c.kind)): c for c in certificates}
    rows = ",\n".join(json.dumps(asdict(kept[key])) for key in sorted(kept))
    with atomic_write(Path(path)) as temporary:
        temporary.write_text(f'{{"format": {FORMAT}, "certificates": [\n{rows}\n]}}\n')


@checked
def certificates_of(task: TaskId) -> list[Certificate]:
    """Return the certificates of a task, at most one of each kind.

    Args:
        task: Its id.

    Raises:
        UnknownTaskError: There is no such task.

    Example:
        >>> from ngym_core.certificates import certificates_of
        >>> [certificate.kind for certificate in certificates_of("GoNogo-v0")]
        ['supervised', 'rl']
    """
    name = registry.full_name(task)
    return [certificate for certificate in load_certificates() if certificate.task == name]


@checked
def as_markdown(certificates: Certificates) -> str:
    """Return a page with a table of certificates: one row for each task and kind.

    Args:
        certificates: The certificates.

    Example:
        >>> from ngym_core.certificates import as_markdown, load_certificates
        >>> as_markdown(load_certificates()).splitlines()[0]
        '# Certificates'
    """
    certificates = sorted(certificates, key=lambda c: (c.task, KINDS.index(c.kind)))
    notes = [certificate.note for certificate in certificates if certificate.note]
    number = {note: i for i, note in enumerate(dict.fromkeys(notes), 1)}
    made = sum(certificate.reached for certificate in certificates)
    lines = [
        PAGE.format(made=made, all=len(certificates)),
        "| task | kind | network | trained for | seconds | chance | ground truth | criterion | reached | seeds | made |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for c in certificates:
        scores = ", ".join(f"{score:.2f}" for score in c.scores)
        scores = scores if c.reached else f"**not reached**: {scores}"
        note = f" [{number[c.note]}]" if c.note else ""
        lines.append(
            f"| {c.task} | {c.kind}{note} | {c.network} | {max(c.steps):,} {c.unit} | {max(c.seconds):.0f} | {c.chance:.2f} "
            f"| {c.oracle:.2f} | {c.criterion:.2f}{' reward' if c.measure == 'reward' else ''} | {scores} "
            f"| {', '.join(map(str, c.seeds))} | {c.date}, {c.versions.get('ngym-core', '?')} |"
        )
    return "\n".join([*lines, "", *(f"{i}. {note}" for note, i in number.items()), ""])


PAGE = """# Certificates

What networks reach on each task by a stated recipe: with {made} of {all} recipes, the networks of all three seeds
reached the criterion. `python -m nox -s certify` renews the table, which is a page of the file
`certificates.json` of ngym-core; `ngym certify TASK` does it for one task, those of packs too, and `ngym info TASK`
shows it.

A **supervised** recipe trains a network on the ground truth, an **rl** recipe on rewards. The settings of all recipes
were chosen with other seeds (from 100 on); where a recipe was changed because a network failed, those of the new
certificate have seeds that had not been used. Scores are the mean performance of test trials (or their mean reward, where
it says so), which the network plays step by step by the rule of the task. *Chance* is the score of random actions or of
the best action repeated always, whichever is better, *ground truth* that of an agent that plays it. The criterion stands
80 % of the way from one to the other, unless a note says why not. *Trained for* and *seconds* (processor time, with
tests) are those of the slowest of the three; training ends as soon as other trials show enough.

Of the tasks outside the collections of many tasks, those without an rl row have images, or hundreds of steps in a trial:
agents take too long on them.
"""
