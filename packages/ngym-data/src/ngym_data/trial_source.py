"""TrialSource: generates the trials of one split of a task, and the period and loss weight of each step."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Annotated, Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

import ngym_core as ngym
from ngym_core.arguments import InstanceOf, Keywords, Number, Seed, checked, explained, hint_of_class
from ngym_core.changes import ParameterWatch, parameter_names
from ngym_core.errors import unknown_name
from ngym_core.parameters import Parameters
from ngym_core.plain_data import Decoder, checksum, encode
from ngym_core.sampling import (
    is_one_at_a_time,
    layers,
    outermost_trial_layer,
    sample_as_data,
    sample_trials,
    session_of,
    silent_copy,
    tasks_of,
)
from ngym_core.state import raw_draws_state, set_draws_state
from ngym_core.trials import Trials, concatenate, select
from ngym_core.trials.durations import has_own_state
from ngym_core.trials.periods import MAX_MEMORY_BYTES
from ngym_core.vector import BatchedDraws, can_batch
from ngym_data._chunks import Mark, StepChunk
from ngym_data.splits import Conditions, Holdout, ProbeDraws, Split, SplitDraws, cross_conditions, stream_seed

__all__ = ["MEMORY_BYTES", "LossWeights", "TrialSource", "require_memory"]

Array: TypeAlias = NDArray[Any]

LossWeights: TypeAlias = Annotated[Mapping[str, float], InstanceOf(Mapping, "a dictionary of periods and weights")]
"""Period -> weight of its steps in the loss."""
MEMORY_BYTES = 64 * 2**20
"""Default of `memory`; what counts is said in `Dataset` and `TrialDataset`."""
PROBE_TRIALS, PROBE_IMAGE_TRIALS = 32, 16
"""Number of trials from which lengths and sizes are estimated, for vectors and for images."""
MAX_PROBE_BYTES = 2**28
"""Bytes of the observations of these trials, at most, unless a single one has more."""
HOLDOUT_PROBE_TRIALS = 1024
"""Number of trials in which the values of the held-out conditions are looked up."""
SPARE_DEVIATIONS = 3
"""Standard deviations of the number of steps that are generated beyond the mean, so that one call nearly always suffices."""


class TrialSource:
    """The trials of one split of a task, as seen by an agent that plays the ground truth.

    A stream is an independent sequence of trials with its own seed: a row of a `Dataset`, a session of a `TrialDataset`.
    A source makes trials with the parameters that the env had when the source was made, see `changed` and `renewed`.

    Args:
        env: A task's id, or an env with wrappers.
        env_kwargs: Parameters of the task, if `env` is an id.
        seed: Seed of all streams; by default that of the env.
        split: One of ``train``, ``val``, ``test``, ``holdout``.
        holdout: Condition -> held-out values.
        conditions: Condition -> one value to force, or a list of values to cross.
        loss_weights: Period -> weight of its steps.

    Attributes:
        env: The env.
        task: The task within the env.
        seed: Seed of all streams of all splits.
        split: Name of the split.
        spaces: Observation space and action space.
        parameters: Public attributes of each layer of the env, name -> value.
        periods: Names of the periods; the number of a period is its index here.
        weights: (periods + 1,) float32 loss weights in the order of `periods`, the last one outside all periods; or None.
        trial_len: Mean length of a trial in steps, estimated.
        combinations: Crossed conditions: name -> (num_combinations, ...) values.
        num_combinations: Number of crossed conditions; 0 if none are crossed.
        kept_share: Share of the generated trials that belong to the split, estimated.
        ob_like: An empty array (0, *observation shape) with the type of observations.
        gt_like: An empty array (0, *action shape) with the type of the ground truth.
        step_bytes: Bytes of one observation and one ground truth.
        buffer_step_bytes: Bytes that a `WindowBuffer` needs for one of many steps, without `info`, estimated.
        condition_bytes: Bytes of the conditions of one trial.
        batched: Whether trials of several streams can be generated in one call.
        num_tasks: Number of tasks: one, or those of a wrapper that combines several.

    Raises:
        TypeError: `env` is neither an id nor an env of ngym, or its observations differ in shape from those of its
            trials; `env_kwargs` is no dictionary or comes with an env.
        ValueError: An unknown split, conditions or holdouts that leave no trials, or a weight below 0.
        UnknownNameError: A condition or a period that the task does not have.
    """

    @checked
    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        env_kwargs: Keywords | None,
        *,
        seed: Seed,
        split: Split,
        holdout: Conditions | None,
        conditions: Conditions | None,
        loss_weights: LossWeights | None,
    ) -> None:
        if split == "holdout" and not holdout:
            raise ValueError("split='holdout' needs held-out conditions, for example holdout={'coh': [12.8]}.")
        self.split: Split = split
        self.env = make_env(env, env_kwargs)
        self.task: ngym.TrialEnv = self.env.unwrapped  # type: ignore[assignment]
        self.num_tasks = len(tasks_of(self.env))
        self.seed = self.task.np_random_seed if seed is None else seed
        self._arguments: dict[str, Any] = {"split": split, "holdout": holdout, "conditions": conditions}
        self._arguments["loss_weights"] = loss_weights
        self._watch = ParameterWatch(self.env)
        self.spaces = self.env.observation_space, self.env.action_space
        durations = [value for task in tasks_of(self.env) for value in task.timing.values()]
        own_state = is_one_at_a_time(self.env) or any(map(has_own_state, durations))
        # Trials are made by a copy, so that a parameter cannot change in the midst of a call. A task that keeps its state
        # in attributes makes each stream in a copy of them, within the same object: its functions may refer to that.
        self._own_env = self.env if own_state else silent_copy(self.env)
        self.parameters = [_parameters(layer) for layer in layers(self._own_env)]
        self._holdout = Holdout(holdout, split) if holdout else None
        # where the caller gives all held-out conditions, combinations outside the split are left out beforehand
        given = self._holdout is not None and set(self._holdout.values) <= set(conditions or {})
        in_split = self._holdout.in_split if self._holdout is not None and given else None
        self._forced, self.combinations = cross_conditions(conditions or {}, in_split)
        self.num_combinations = len(next(iter(self.combinations.values()))) if self.combinations else 0
        self.kept_share = 1.0
        self._restricted: frozenset[str] = frozenset()
        self._check_holdout()
        probe = self._probe()
        chunk = StepChunk.split(probe, 1, None)[0]  # first: reading `ob` stores the trials densely
        if probe.ob.shape[2:] != self.env.observation_space.shape:
            raise TypeError(
                f"{self.env} shows observations of shape {self.env.observation_space.shape}, but its trials have shape "
                f"{probe.ob.shape[2:]}: its wrappers must define in `on_data` what a Dataset shows."
            )
        self.trial_len = float(probe.lengths.mean())
        self._deviation = float(probe.lengths.std()) / self.trial_len
        self._num_generated, self._num_kept_steps = probe.n / self.kept_share, float(probe.lengths.sum())
        self.buffer_step_bytes = chunk.nbytes / len(chunk)
        self.condition_bytes = sum(column.nbytes for column in probe.conditions.values()) / probe.n
        self.ob_like, self.gt_like = probe.ob[:0, 0], probe.gt[:0, 0]
        self.step_bytes = probe.ob[0, 0].nbytes + probe.gt[0, 0].nbytes
        self.batched = self._holdout is None and can_batch(
            lambda n, draws: self._sample(n, draws, self._crossed_conditions(n, draws))
        )
        self.periods = tuple(dict.fromkeys([*probe.start, *(p for task in tasks_of(self.env) for p in task.timing)]))
        self.weights = self._loss_weights(loss_weights)

    # ---- streams ---------------------------------------------------------------------------------

    @explained
    def stream_seed(self, number: int) -> int:
        """Return the seed of a stream of this split."""
        return stream_seed(self.seed, self.split, number)

    @explained
    def stream_draws(self, number: int) -> ngym.Draws:
        """Return the source of randomness of a stream, at its first trial."""
        seed = self.stream_seed(number)
        draws = ngym.Draws(seed) if self._holdout is None else SplitDraws(seed, self._holdout, self._restricted)
        if self._own_env is self.env:  # the state of its attributes now: the env may be played before the first trial
            session_of(outermost_trial_layer(self.env), draws)
        return draws

    @explained
    def trials_for(self, steps: int) -> int:
        """Return how many trials to generate so that nearly always at least `steps` steps of the split result."""
        mean = steps * self._num_generated / self._num_kept_steps
        # the length of n independent trials deviates by their deviation times sqrt(n)
        return math.ceil(mean + SPARE_DEVIATIONS * self._deviation * math.sqrt(mean))

    # ---- parameters that change, and positions in a stream ------------------------------------------

    @property
    def changed(self) -> bool:
        """Whether a parameter of the env differs from the one that this source uses."""
        return self._watch.changed

    def describe(self) -> dict[str, str]:
        """Return what the streams depend on beside the env and the seed, as texts."""
        return {name: _text(value) for name, value in self._arguments.items()}

    def parameters_state(self) -> list[Any]:
        """Return the parameters of each layer of the env as plain data; a function or a space is none."""
        seen: dict[int, Any] = {}
        # Equal to those of the present source, which may have less to say: the scores of a curriculum come one by one.
        parameters = self.parameters if self.changed else [_parameters(layer) for layer in layers(self.env)]
        return [{name: encode(value, seen=seen) for name, value in layer.items()} for layer in parameters]

    @explained
    def with_parameters(self, state: Sequence[Any]) -> TrialSource:
        """Give the env the parameters of a state and return a source that uses them; if it raises, nothing has changed.

        Args:
            state: What `parameters_state` returned.
        """
        if checksum(state) == checksum(self.parameters_state()):
            return self
        found = layers(self.env)
        before, decoder = [dict(vars(layer)) for layer in found], Decoder()
        contents = [(value, copy.copy(value)) for own in before for value in own.values() if isinstance(value, Parameters)]
        try:
            for layer, own, parameters in zip(found, before, state, strict=True):
                vars(layer).update({name: decoder.decode(value, own.get(name)) for name, value in parameters.items()})
            decoder.commit()
            return self.renewed()
        except BaseException:
            for layer, own in zip(found, before, strict=True):
                vars(layer).clear()
                vars(layer).update(own)
            for value, content in contents:
                value.state = content.state
            raise

    def renewed(self) -> TrialSource:
        """Return a source that uses the present parameters of the env.

        Raises:
            ValueError: They change a space, or the shape of observations or actions.
        """
        names = ("observation space", "action space")
        for name, old, new in zip(names, self.spaces, (self.env.observation_space, self.env.action_space), strict=True):
            if old != new:
                raise ValueError(f"The {name} of {self.env} was changed from {old} to {new}: make a new data set for that.")
        source = TrialSource(self.env, None, seed=self.seed, **self._arguments)
        for name in ("ob_like", "gt_like"):
            old, new = getattr(self, name), getattr(source, name)
            if (old.shape, old.dtype) != (new.shape, new.dtype):
                what = f"from {old.shape[1:]} {old.dtype} to {new.shape[1:]} {new.dtype}"
                raise ValueError(f"The steps of {self.env} were changed {what}: make a new data set for that.")
        # the numbers of periods stay the same
        source.periods = tuple(dict.fromkeys([*self.periods, *source.periods]))
        source.weights = source._loss_weights(self._arguments["loss_weights"])
        return source

    @explained
    def draws_state(self, draws: ngym.Draws) -> dict[str, Any]:
        """Return where a stream stands, see `ngym_core.state.raw_draws_state`."""
        return raw_draws_state(self._own_env, draws)

    def seek(self, streams: Sequence[ngym.Draws], marks: Sequence[Mark], most: int) -> None:
        """Let streams go on from marks; the trials that these skip are generated and thrown away.

        Args:
            streams: The streams.
            marks: The mark of each.
            most: Number of trials that are generated in one call, at most.
        """
        left = np.array([mark.skip for mark in marks])
        # functions in `timing` are no data: they must be those of the time when the states were taken
        with self._watch.before() if self._own_env is self.env else nullcontext():
            for draws, mark in zip(streams, marks, strict=True):
                set_draws_state(self._own_env, draws, mark.draws)
            while (longest := int(left.max(initial=0))) > 0:
                # powers of two, so that streams that differ in what is left share most calls
                n = 1 << (min(longest, most).bit_length() - 1)
                some = np.nonzero(left >= n)[0][: max(1, most // n) if self.batched else 1]
                self.generate([streams[i] for i in some], n)
                left[some] -= n

    @explained
    def take_over(self, draws: ngym.Draws, before: TrialSource) -> None:
        """Let a stream of an earlier source go on with the parameters of this one.

        Only streams of a task that keeps its state in attributes need that: they have copies of the parameters too.
        """
        if "session" not in draws.carried:
            return
        found = layers(self._own_env)
        with session_of(outermost_trial_layer(self._own_env), draws):
            for layer, old, new in zip(found, before.parameters, self.parameters, strict=True):
                _change(vars(layer), old, new, found)

    # ---- generating ----------------------------------------------------------------------------------

    @explained
    def generate(self, streams: Sequence[ngym.Draws], n: int) -> tuple[Trials | None, NDArray[np.int64]]:
        """Generate the next n trials of each of some streams and return those that belong to the split.

        Args:
            streams: The streams; a single one if trials cannot be `batched`.
            n: Number of trials to generate for each.

        Returns:
            At most n trials for each, one stream after another, None if none belongs to the split; and their numbers
            among the n, (k,), which are the same for all streams.
        """
        total, draws = n * len(streams), BatchedDraws(streams, n) if self.batched else streams[0]
        generated = self._sample(total, draws, self._crossed_conditions(total, draws))
        trials: Trials | None = generated
        numbers = np.arange(n)
        if self._holdout is not None:
            kept = self._holdout.in_split(generated.conditions)
            if not kept.all():
                numbers = np.nonzero(kept)[0]
                trials = select(generated, numbers) if len(numbers) else None
        self._num_generated += total
        self._num_kept_steps += 0 if trials is None else int(trials.lengths.sum())
        return trials, numbers

    def _crossed_conditions(self, n: int, draws: ngym.Draws, combination: Array | None = None) -> dict[str, Array]:
        """Return the crossed conditions of n trials, name -> (n, ...) values; see `sample`."""
        if not self.combinations:
            return {}
        if combination is None:
            combination = draws.child("data").index("combination", n, self.num_combinations)
        return {name: values[combination % self.num_combinations] for name, values in self.combinations.items()}

    @explained
    def first_trials(self, n: int, draws: ngym.Draws, first: int, *, played: bool = False) -> Trials:
        """Return the first n trials of a stream that belong to the split.

        Args:
            n: Number of trials.
            draws: The stream, at its first trial.
            first: Number of the first trial; trial i has the combination ``i % num_combinations`` of crossed conditions.
            played: Return them as an env makes them that is played, without what wrappers show in data sets.

        Returns:
            n trials: with crossed conditions in the order of their combinations, else in that in which they were generated.
        """
        parts, numbers, pending = [], [], np.arange(first, first + n)
        while len(pending):
            trials = self._sample(len(pending), draws, self._crossed_conditions(len(pending), draws, pending), played)
            kept = np.ones(len(pending), bool) if self._holdout is None else self._holdout.in_split(trials.conditions)
            if kept.any():
                parts.append(trials if kept.all() else select(trials, np.nonzero(kept)[0]))
                numbers.append(pending[kept])
            pending = pending[~kept]  # their combinations are tried again, so that all stay balanced
        found = concatenate(parts)
        return select(found, np.argsort(np.concatenate(numbers))) if self.combinations and len(parts) > 1 else found

    def _probe(self) -> Trials:
        """Return trials from which lengths and sizes are estimated: few if they are long, at least one."""
        space = self.env.observation_space
        shape = space.shape or ()
        n = PROBE_IMAGE_TRIALS if len(shape) > 1 else PROBE_TRIALS
        if self.num_tasks > 1:
            n *= 2 * self.num_tasks  # enough of each to be stored as many are
        n = max(n, self.num_combinations)
        if self._own_env is not self.env:  # else a trial more could use up an iterator of the task
            steps = int(self.first_trials(1, self.stream_draws(0), 0).lengths[0])
            n = max(1, min(n, MAX_PROBE_BYTES // (steps * math.prod(shape) * np.dtype(space.dtype).itemsize)))
        return self.first_trials(n, self.stream_draws(0), 0)

    def _sample(self, n: int, draws: ngym.Draws, crossed: Mapping[str, Array], played: bool = False) -> Trials:
        forced = {**self._forced, **crossed}
        return (
            sample_trials(self._own_env, n, None, draws, forced)
            if played
            else sample_as_data(self._own_env, n, draws, forced)
        )

    # ---- periods, weights, checks ------------------------------------------------------------------

    @property
    def period_type(self) -> np.dtype[np.signedinteger[Any]]:
        """The smallest type that can number all periods: int8 for up to 128."""
        return np.min_scalar_type(-max(1, len(self.periods)))

    @explained
    def period_of(self, trials: Trials) -> NDArray[np.signedinteger[Any]]:
        """Return the number of the period of each step, (n, T); -1 outside all. Later periods cover earlier ones."""
        steps = np.arange(trials.mask.shape[1])
        numbers = np.full(trials.mask.shape, -1, self.period_type)
        end = trials.end
        for name, start in trials.start.items():
            if name in self.periods:
                numbers[(steps >= start[:, None]) & (steps < end[name][:, None])] = self.periods.index(name)
        numbers[~trials.mask] = -1
        return numbers

    def _loss_weights(self, loss_weights: LossWeights | None) -> NDArray[np.float32] | None:
        """Return (periods + 1,) weights in the order of `periods`, the last one outside all periods; 1 unless given."""
        if loss_weights is None:
            return None
        weights = np.ones(len(self.periods) + 1, np.float32)
        for period, weight in loss_weights.items():
            if period not in self.periods:
                raise unknown_name(f"period of {self.env}", period, self.periods)
            Number(0).check(f"loss_weights[{period!r}]", weight)
            weights[self.periods.index(period)] = weight
        return weights

    def _check_holdout(self) -> None:
        """Raise if the task never has the held-out values, or if none of its trials belongs to the split."""
        if self._holdout is None or set(self._holdout.values) <= {*self._forced, *self.combinations}:
            return  # `cross_conditions` has checked them
        n = HOLDOUT_PROBE_TRIALS * max(1, self.num_combinations)
        combination = np.arange(n) % max(1, self.num_combinations)
        # with all draws for the check of values; with those of the split for the share of trials that it keeps
        probe = ProbeDraws(self.seed)
        crossed = self._crossed_conditions(n, probe, combination)
        conditions = self._sample(n, probe, crossed).conditions
        self._holdout.check(conditions, probe.options, self.env)
        self._restricted = frozenset(name for name in self._holdout.values if probe.decides(name, conditions[name]))
        split_draws = SplitDraws(self.seed, self._holdout, self._restricted)
        kept = self._holdout.in_split(self._sample(n, split_draws, crossed).conditions)
        if len(np.unique(combination[kept])) < max(1, self.num_combinations):
            values = {name: held.tolist() for name, held in self._holdout.values.items()}
            raise ValueError(
                f"holdout={values} leaves no trial of {self.env} for the split {self.split!r}"
                f"{' with some of the crossed conditions' if self.combinations else ''}."
            )
        self.kept_share = float(kept.mean())


def make_env(env: Any, env_kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Return the env itself, or make it from its id; raise TypeError if it is neither."""
    if isinstance(env, str):
        return ngym.make(env, **(env_kwargs or {}))  # type: ignore[no-any-return]
    if not isinstance(env, gymnasium.Env) or not isinstance(env.unwrapped, ngym.TrialEnv):
        raise TypeError(f"type(env)={type(env)} must be `gym.Env` (a task of ngym) or `str`.{hint_of_class(env)}")
    if env_kwargs:
        raise TypeError(f"env_kwargs={dict(env_kwargs)!r} goes with an id; {env} is an env already.")
    return env


def _parameters(layer: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Return the parameters of a layer, those that are changed item by item as copies."""
    own = {name: vars(layer)[name] for name in parameter_names(type(layer), vars(layer))}
    return {name: copy.copy(value) if isinstance(value, (dict, list)) else value for name, value in own.items()}


def _change(attributes: dict[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], shared: Sequence[Any]) -> None:
    """Change the parameters in which old and new ones differ; what the task itself has changed is its state, and stays."""
    for name, value in new.items():
        if name in old and _same(old[name], value):
            continue
        if isinstance(value, Parameters) and name in attributes:
            _change(attributes[name], old[name], value, shared)
        elif name not in attributes or _fingerprint(attributes[name]) == _fingerprint(old.get(name)):
            attributes[name] = copy.deepcopy(value, {id(layer): layer for layer in shared})


def _text(value: Any) -> str:
    """Return an argument as text: equal values have equal texts, be they lists or arrays."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_text(item)}' for name, item in sorted(value.items()))}}}"
    return str(np.asarray(value).tolist())


def _same(one: Any, other: Any) -> bool:
    """Return whether two values of a parameter are equal."""
    try:
        return one is other or (np.shape(one) == np.shape(other) and bool(np.all(one == other)))
    except ValueError:  # arrays within a list
        return False


def _fingerprint(value: Any) -> int:
    """Return a number that two equal values of a parameter have, and all functions."""
    return checksum(encode(value))


def require_memory(what: str, needed_bytes: float, memory: int = 0) -> None:
    """Raise if something needs more bytes than `memory`, and than any array of trials may have.

    Args:
        what: What it is, for the message.
        needed_bytes: Bytes that it needs.
        memory: Bytes that it may have even if they are more than `MAX_MEMORY_BYTES`.

    Raises:
        ValueError: It needs more.
    """
    limit = max(memory, MAX_MEMORY_BYTES)
    if needed_bytes > limit:
        raise ValueError(f"{what} needs {needed_bytes:,.0f} bytes, more than {limit:,}.")
