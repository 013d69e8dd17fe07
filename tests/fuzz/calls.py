"""Calls: the public callables of the packages, and for each arguments with which it can be called."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import ngym_core as ngym
from ngym_core.arguments import Number
from ngym_core.plugins.registry import wrapper_spec
from ngym_core.scheduler import RandomBlockSchedule
from ngym_core.wrappers.base import StepBatch
from tests.fuzz.outcomes import require_numbers
from tests.fuzz.plausible import TASK, Painted, table

PACKAGES = ["core", "data", "plot", "sb3"]

SKIPPED = {
    "ngym_core.plugins.hookspecs.*": "declarations for packs, without a body",
    "*.ngym_*": "hooks, which only pluggy calls",
    "*.cli.*": "command lines, whose arguments click checks",
    "*.plugins.registry.set_pack_manager": "would change all later cases",
    "*.plugins.manager.find_packs": "would change all later cases",
    "ngym_core.tasks.*": "tasks, which are made by their ids",
    "ngym_core.wrappers.?*.*": "wrappers, which have a table of their own",
    "ngym_core.env.TrialEnv": "a base class, whose parameters those of tasks include",
    "ngym_core.neurogym_style.SingleTrial*": "an inner part of `TrialEnv`",
    "ngym_core.trials.conditions.*": "an inner part of `Trials`",
    "ngym_core.trials.observations.*": "an inner part of `Trials`",
    "ngym_core.trials.periods.*": "an inner part of `Trials`",
    "ngym_core.vector.backends.*": "an inner part of `TrialVectorEnv`",
    "ngym_core.vector.prefetch.*": "an inner part of `TrialVectorEnv`",
    "ngym_core.vector.batched_draws.*": "an inner part of `TrialVectorEnv`",
    "ngym_core.rules.*_one": "called by envs only",
    "ngym_core.rules.*_many": "called by envs only",
    "ngym_core.rules.Rule.*": "called by envs only",
    "ngym_core.rules.*.prepare": "called by envs only",
    "ngym_core.plugins.manager.PackManager.*": "called when packs are found",
    "*.Sampled.sample": "a protocol",
    "ngym_core.rendering.*": "an inner part of `TrialEnv` and `TrialVectorEnv`",
    "ngym_core.arguments.given_arguments": "a part of what checks arguments",
    "ngym_core.arguments.check_arguments": "a part of what checks arguments",
    "ngym_core.arguments.checked": "a decorator, for functions",
    "ngym_core.arguments.explained": "a decorator, for functions",
    "ngym_core.arguments.Number": "declares what an argument may be, in source code",
    "ngym_core.arguments.Integer": "declares what an argument may be, in source code",
    "ngym_core.arguments.Amount": "declares what an argument may be, in source code",
    "ngym_core.arguments.Chance": "declares what an argument may be, in source code",
    "ngym_core.arguments.ArrayOf": "declares what an argument may be, in source code",
    "ngym_core.wrappers.base.TrialWrapper.on_*": "a hook, which envs and data sets call",
    "ngym_core.certificates.Certificate": "a result, which `certify` makes",
    "ngym_core.certificates.Trained": "a result, which recipes make",
    "ngym_core.certificates.Recipe.train": "a declaration for recipes",
    "ngym_data.supervised.RecurrentNetwork*": "a network, which recipes make and torch calls",
    "ngym_sb3.reinforcement.RLRecipe.play": "an inner part of `RLRecipe.train`",
    "ngym_core.curriculum.Progress": "a result, which `Curriculum` makes",
    "ngym_core.curriculum.Stage.flat_*": "an inner part of `FollowCurriculum`",
    "ngym_core.curriculum.Curriculum.level": "NaN in a stage without a staircase",
    "ngym_core.curriculum.Curriculum.located": "a part of what explains errors",
    "ngym_core.plugins.unfinished.*": "called when packs are found",
    "ngym_core.lazy.attach": "for modules that are being imported",
}
"""What is not called here, and why."""


@dataclass
class Target:
    """A public callable.

    Args:
        name: Its full name; a method has that of its class before it.
        function: It; of a method the function, without an instance.
        owner: The class of a method.
        parameters: Its parameters, without `self` and without ``*args`` and ``**kwargs``.
    """

    name: str
    function: Any
    owner: type | None = None
    parameters: dict[str, inspect.Parameter] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """Name of the package: ``core``."""
        return self.name.partition(".")[0].removeprefix("ngym_")

    def arguments(self) -> dict[str, Any]:
        """Return valid arguments; raise LookupError if one is not known."""
        given = {}
        for name, parameter in self.parameters.items():
            found = provider(self, name)
            if found is not None:
                given[name] = found()
            elif parameter.default is parameter.empty:
                raise LookupError(f"no argument {name!r} ({parameter.annotation}) is known")
        return given

    def call(self, **bad: Any) -> Any:
        """Call it with valid arguments, except for some."""
        arguments = {**self.arguments(), **bad}
        if self.owner is None:
            return self.function(**arguments)
        method = self.function.__name__
        if self.owner is ngym.Trials:
            return Painted(lambda trials: use_part(getattr(trials, method)(**arguments)))
        if self.owner is ngym.TrialEnv and method in VERBS:
            return Styled(lambda env: use_part(getattr(env, method)(**arguments)))
        bound = getattr(instance_of(self.owner), method)
        return bound(**arguments)


SMALL = {"num_steps", "num_trials", "resamples"}
"""Parameters whose defaults take long."""
VERBS = {
    *("in_period", "sample_time", "add_period", "view_ob", "view_groundtruth"),
    *("add_ob", "set_ob", "add_randn", "set_groundtruth"),
}
"""Methods of an env that are for tasks written in NeuroGym's style, while they make a trial."""


class Styled(Painted):
    """A task in NeuroGym's style that does in each trial what a case wants."""

    def _new_trial(self, **kwargs: Any) -> dict[str, Any]:
        self.add_period(["stimulus", "decision"])
        self.paint(self)
        return {"ground_truth": 1}


def use_part(result: Any) -> None:
    """Raise if a part of a trial has NaN."""
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        require_numbers("the result", result)


def targets() -> Iterator[Target]:
    """Give all public callables of the packages."""
    for package in PACKAGES:
        root = importlib.import_module(f"ngym_{package}")
        walked = pkgutil.walk_packages(root.__path__, f"{root.__name__}.")
        names = [
            root.__name__,
            *sorted(m.name for m in walked if not any(part.startswith("_") for part in m.name.split("."))),
        ]
        for name in names:
            yield from targets_of(importlib.import_module(name))


def targets_of(module: Any) -> Iterator[Target]:
    """Give the public functions, classes and methods that have their home in a module."""
    public = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    for name in sorted(public):
        thing = getattr(module, name)
        home = getattr(thing, "__module__", None) or ""
        is_home = home == module.__name__ or (home.startswith(module.__name__) and home.rpartition(".")[2].startswith("_"))
        if not is_home or not (inspect.isfunction(thing) or inspect.isclass(thing)):
            continue
        if inspect.isclass(thing) and issubclass(thing, BaseException):
            continue
        target = Target(f"{module.__name__}.{name}", thing)
        if fill_in(target):
            yield target
        if inspect.isclass(thing):
            for method, value in vars(thing).items():
                function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
                if inspect.isfunction(function) and not method.startswith("_"):
                    target = Target(f"{module.__name__}.{name}.{method}", function, thing)
                    if fill_in(target):
                        yield target


def fill_in(target: Target) -> bool:
    """Find the parameters of a target; return whether it has any."""
    try:
        parameters = list(inspect.signature(target.function).parameters.values())
    except ValueError:
        return False
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)]
    target.parameters = {p.name: p for p in named[1 if target.owner else 0 :] if not p.name.startswith("_")}
    return bool(target.parameters)


# ---- arguments ------------------------------------------------------------------------------------


def provider(target: Target, name: str) -> Callable[[], Any] | None:
    """Return what gives a valid argument, or None; what is known of a target goes before what is known of a name."""
    parts = target.name.split(".")
    keys = [".".join([*parts[-2:], name]), f"{parts[-1]}.{name}", f"{parts[-2]}.*.{name}", f"{parts[1]}.{name}"]
    if name in SMALL or target.parameters[name].default is inspect.Parameter.empty:
        keys.append(name)
    return next((ARGUMENTS[key] for key in keys if key in ARGUMENTS), None)


def instance_of(owner: type) -> Any:
    """Return an object of a class."""
    if owner.__name__ in INSTANCES:
        return INSTANCES[owner.__name__]()
    target = Target(f"{owner.__module__}.{owner.__name__}", owner)
    fill_in(target)
    return target.call()


def env(**kwargs: Any) -> Any:
    """Return an env that was reset."""
    made = ngym.make(TASK, **kwargs)
    made.reset(seed=0)
    return made


def lanes() -> Any:
    """Return a vector env of two lanes that was reset."""
    made = ngym.make_vec(TASK, 2)
    made.reset(seed=0)
    return made


def sb3_env() -> Any:
    """Return an env for Stable-Baselines3."""
    import ngym_sb3

    return ngym_sb3.make_sb3_env(TASK, 2, seed=0)


def model() -> Any:
    """Return an untrained agent."""
    import ngym_sb3.config

    config = ngym_sb3.TrainingConfig(steps=8, envs=2, units=4, rollout=4, batch_size=4, epochs=1)
    return ngym_sb3.config.make_model(config, config.make_env(TASK))


def module() -> Any:
    """Return a torch module."""
    import torch

    return torch.nn.GRU(3, 4)


def readout() -> Any:
    """Return a torch module that can act."""
    import torch

    return torch.nn.GRU(3, 3)


def still() -> Any:
    """Return an agent that does nothing."""
    from types import SimpleNamespace

    return SimpleNamespace(predict=lambda ob, **_: (np.zeros(len(ob), int), None))


def trials(n: int = 3) -> Any:
    """Return finished trials."""
    return ngym.make(TASK).sample_trials(n, seed=0)


def batch() -> Any:
    """Return a batch of steps of two lanes."""
    two = np.arange(2)
    zeros = np.zeros(2)
    return StepBatch(two, np.zeros((2, 3), np.float32), zeros, two, two, np.array([True, False]), zeros)


def run() -> Any:
    """Return a run of an env."""
    return ngym.run_env(env(), 30, seed=0)


def saved(kind: str) -> Callable[[], Path]:
    """Return a function that writes a file, unless it is there, and gives its path."""

    def write() -> Path:
        path = Path(
            {
                "state": "state.json",
                "table": "trials-0.npz",
                "trials": "saved.npz",
                "model": "model.zip",
                "curriculum": "stages.toml",
                "certificates": "certificates.json",
            }[kind]
        )
        if path.exists():
            return path
        if kind == "state":
            return ngym.save_state(path, ngym.get_state(env()))
        if kind == "curriculum":
            path.write_text("[[stages]]")
            return path
        if kind == "certificates":
            importlib.import_module("ngym_core.certificates").save_certificates(path, [certificate()])
            return path
        if kind == "table":
            return ngym.trial_table.save_trial_table(path, table())[-1]
        if kind == "trials":
            importlib.import_module("ngym_data").export_trials(path, TASK, trials=2, seed=0)
        else:
            model().save(path)
        return path

    return write


def supervised_recipe() -> Any:
    """Return a recipe that trains next to nothing."""
    return importlib.import_module("ngym_data.supervised").SupervisedRecipe(task=TASK, units=2, max_updates=1)


def rl_recipe() -> Any:
    """Return a recipe that trains next to nothing."""
    config = importlib.import_module("ngym_sb3").TrainingConfig(steps=8, envs=2, units=4, rollout=4, batch_size=4, epochs=1)
    return importlib.import_module("ngym_sb3.reinforcement").RLRecipe(task=TASK, config=config)


def certificate() -> Any:
    """Return a certificate."""
    return importlib.import_module("ngym_core.certificates").load_certificates()[0]


def trainer() -> Any:
    """Return what trains an agent for a moment."""
    ngym_sb3 = importlib.import_module("ngym_sb3")
    config = ngym_sb3.TrainingConfig(steps=8, envs=2, units=4, rollout=4, batch_size=4, epochs=1)
    return ngym_sb3.Trainer(TASK, config, tempfile.mkdtemp(dir="."))


def dataset(**kwargs: Any) -> Any:
    """Return a data set."""
    import ngym_data

    return ngym_data.Dataset(TASK, seed=0, batch_size=2, seq_len=10, **kwargs)


def trial_dataset() -> Any:
    """Return a data set of trials."""
    import ngym_data

    return ngym_data.TrialDataset(TASK, trials=4, seed=0)


def holdout() -> Any:
    """Return values that are held out."""
    from ngym_data.splits import Holdout

    return Holdout({"coh": [51.2]}, "train")


def source() -> Any:
    """Return a source of trials."""
    from ngym_data.trial_source import TrialSource

    return TrialSource(TASK, None, seed=0, split="train", holdout=None, conditions=None, loss_weights=None)


def recording() -> Any:
    """Return recorded activity."""
    import ngym_sb3

    return ngym_sb3.record_activity(module(), sb3_env(), 4)


def played_trial() -> Any:
    """Return a trial as it was played so far."""
    from ngym_core.rendering import PlayedTrial

    seen, done = np.zeros((3, 3)), np.zeros(2, int)
    return PlayedTrial(1, {"coh": 5.0}, {"stimulus": (0, 5)}, 0, seen, done, np.zeros(2), done)


def axes() -> Any:
    """Return new axes."""
    from ngym_plot.figure import new_figure

    return new_figure().subplots()


def time_axis() -> Any:
    """Return a time axis."""
    from ngym_plot.figure import TimeAxis

    return TimeAxis(30, 100.0, "steps")


def give(value: Any) -> Callable[[], Any]:
    """Return a function that gives a value."""
    return lambda: value


def vector(k: int = 30, low: int = 0, high: int = 3) -> Callable[[], Any]:
    """Return a function that gives an array of integers."""
    return lambda: np.random.default_rng(0).integers(low, high, k)


def fit() -> Any:
    """Return a fitted curve."""
    import ngym_plot

    return ngym_plot.fit_psychometric([-2, -1, 1, 2] * 5, [0, 0, 1, 0] + [0, 0, 1, 1] * 4, resamples=5)


numbers = itertools.count()


def new_name() -> str:
    """Return a name that no earlier case has used, for what can be registered or written once only."""
    return f"Fuzz{next(numbers)}"


ARGUMENTS: dict[str, Callable[[], Any]] = {
    # core
    "env": env,
    "task": env,
    "obj_": give(TASK),
    "id_": give(TASK),
    "n": give(3),
    "num_envs": give(2),
    "seed": give(0),
    "draws": lambda: ngym.Draws(0),
    "rng": lambda: np.random.default_rng(0),
    "np_random": lambda: np.random.default_rng(0),
    "num_trials": give(2),
    "num_steps": give(5),
    "trials": trials,
    "actions": give(np.zeros(2, int)),
    "action": give(0),
    "conditions": give({"coh": 51.2}),
    "state": lambda: ngym.get_state(env()),
    "path": give(Path("file")),
    "folder": give(Path("folder")),
    "fname": give(Path("figure.png")),
    "name": give("stimulus"),
    "names": give(["a", "b"]),
    "period": give("stimulus"),
    "where": give("choice"),
    "value": give(1.0),
    "values": give(np.arange(30.0)),
    "rows": give(np.array([0, 1])),
    "batch": batch,
    "space": lambda: env().observation_space,
    "spec": lambda: ngym.TaskSpec(f"{new_name()}-v0", "ngym_core.tasks.null:Null"),
    "register_wrapper.spec": lambda: ngym.WrapperSpec(f"{new_name()}-v0", "ngym_core.wrappers.noise:Noise"),
    "wrapper_spec.name": give("Noise-v0"),
    "owner": give("fuzz"),
    "register.owner": give("fuzz"),
    "ids": give(["Fuzz-v0"]),
    "TaskSpec.id": give("Fuzz-v0"),
    "TaskSpec.target": give("ngym_core.tasks.null:Null"),
    "WrapperSpec.target": give("ngym_core.wrappers.noise:Noise"),
    "get_collection.collection": give("yang19"),
    "tag": give("perceptual"),
    "tags": give({"fuzz": "made up"}),
    "register_all.tags": give([{"fuzz": "made up"}]),
    "register_all.tasks": give([]),
    "register_all.wrappers": give([]),
    "check_task.task": give(TASK),
    "check_task.trials": give(2),
    "check_task.random_trials": give(4),
    "Check.task": give(TASK),
    "Check.chance": give(0.5),
    "Check.oracle": give(1.0),
    "Check.random": give(0.5),
    "Check.trials_per_second": give(1.0),
    "nearest.name": give("a"),
    "unknown_name.name": give("a"),
    "valid": give(["a", "b"]),
    "kind": give("period"),
    "InstanceOf.kind": give(int),
    "description": give("an integer"),
    "arguments.value": give(1),
    "Expected.check.name": give("x"),
    "function": lambda: ngym.run_env,
    "given_arguments.parameters": give(("env", "num_steps")),
    "given_arguments.args": give(()),
    "check_arguments.given": give({}),
    "kwargs": dict,
    "ArrayOf.each": Number,
    "ArrayOf.problem.value": give([1.0]),
    "Parameters.default": give({"a": 1}),
    "Parameters.given": give({"a": 2}),
    "Parameters.kind": give("reward"),
    "key": give("a"),
    "plain": give({"a": 1}),
    "encode.value": give({"a": 1}),
    "dist": give("uniform"),
    "args": give((100, 300)),
    "vmean": give(300),
    "mean": give(300),
    "options": give([1, 2]),
    "reset.options": dict,
    "low": give(0),
    "high": give(1),
    "k": give(2),
    "other.than": give(np.zeros(3, int)),
    "shape": give((3, 2)),
    "distribution": lambda: ngym.TruncExp(300),
    "previous.values": give(np.zeros(3)),
    "previous.first": give(0),
    "run_env.num_steps": give(5),
    "rules.*.action": give(0),
    "scheduler.n": give(2),
    "take.n": give(3),
    "block_lens": give([2, 3]),
    "Box.name": give({"a": [0, 1]}),
    "Box.low": give(-1),
    "named_box.name": give({"a": 0, "b": [1, 2]}),
    "Discrete.name": give({"a": 0, "b": [1]}),
    "channels.where": give("stimulus"),
    "actions.where": give("choice"),
    "actions.space": lambda: env().action_space,
    "described": dict,
    "open_state.state": lambda: ngym.state.seal_state("k", {}, 1),
    "open_state.kind": give("k"),
    "seal_state.kind": give("k"),
    "content": give(1),
    "load_state.path": saved("state"),
    "draws_state.draws": lambda: ngym.Draws(0),
    "raw_draws_state.draws": lambda: ngym.Draws(0),
    "plain_draws_state.raw": lambda: ngym.state.raw_draws_state(env(), ngym.Draws(0)),
    "plain_state.raw": lambda: ngym.Draws(0).raw_state(),
    "mix.tasks": give(["yang19.go-v0", "yang19.dms-v0"]),
    "mix.weights": give([1, 2]),
    "mix.schedule": give(None),
    "full_name.name": give("GoNogo-v0"),
    "interleave.parts": lambda: [env().sample_trials(2, seed=0)] * 2,
    "interleave.rows": lambda: [np.array([0, 2]), np.array([1, 3])],
    "of_trials.rows": lambda: np.arange(3),
    "set_draws_state.state": lambda: ngym.state.draws_state(env(), ngym.Draws(0)),
    "theta": give(np.linspace(0, 6, 8)),
    "angle": give(np.array([1.0])),
    "original_dist": give([1.0, 2.0]),
    "perf": give([1, 2]),
    "t": give(100.0),
    "get_idx.t": give(np.arange(0.0, 500, 100)),
    "start_end": give((100, 300)),
    "dt": give(100.0),
    "get_periods_idx.periods": give({"a": (0, 300)}),
    "first": give(0),
    "two_inputs.first": give([0, 1]),
    "coh": give([6.4, 51.2]),
    "load_trial_table.path": saved("table"),
    "save_trial_table.path": give(Path("table.npz")),
    "table": table,
    "parts": lambda: [table(), table()],
    "column": give(np.arange(3)),
    "Trials.forced": give({"coh": 51.2}),
    "Trials.choice.name": give("x"),
    "Trials.uniform.name": give("x"),
    "Trials.bernoulli.name": give("x"),
    "Trials.permutation.name": give("x"),
    "Trials.switching.name": give("x"),
    "Trials.condition.name": give("x"),
    "Trials.forced_value.name": give("x"),
    "Trials.set.name": give("x"),
    "Trials.duration.name": give("x"),
    "Trials.set.value": give(np.arange(3)),
    "Trials.flat_steps.name": give("ob"),
    "Conditions.forced": give({"x": 1}),
    "bernoulli.p": give(0.5),
    "switching.p": give(0.5),
    "add_period.period": give("stimulus"),
    "add_period.duration": give(100),
    "add_ob.where": give("sides"),
    "set_ob.where": give("sides"),
    "multiply_ob.where": give("sides"),
    "add_randn.where": give("sides"),
    "set_groundtruth.value": give(0),
    "duration_name.value": give(100),
    "check_duration.value": give(100),
    "draw_duration.value": give(100),
    "has_own_state.value": give(100),
    "draw_duration.start": give(0),
    "ms": give(100),
    "operations.rows": give(np.array([0, 1])),
    "concatenate.parts": lambda: [trials(), trials()],
    "add_channels.values": give(np.zeros((3, 22, 1), np.float32)),
    "end_trials.end": give(10),
    "to_column.values": give([1, 2]),
    "join_columns.columns": give([np.arange(2), np.arange(2)]),
    "join_columns.counts": give([2, 2]),
    "set_period.span": give((1, 5)),
    "BatchedDraws.lanes": lambda: [ngym.Draws(0), ngym.Draws(1)],
    "each": give(4),
    "lane": give(0),
    "vector.lanes": give(np.array([0, 1])),
    "get_state.lanes": give([0]),
    "set_state.lanes": give([0, 1]),
    "TrialVectorEnv.set_state.state": lambda: lanes().get_state(),
    "can_batch.make": lambda: lambda n, draws: draws.random("x", n),
    "memory": give(1 << 20),
    "lanes": give(np.array([0, 1])),
    "ob": give(np.zeros((2, 3), np.float32)),
    "StepBatch.reward": give(np.zeros(2)),
    "StepBatch.action": give(np.zeros(2, int)),
    "StepBatch.gt": give(np.zeros(2, int)),
    "StepBatch.ended": give(np.zeros(2, bool)),
    "StepBatch.performance": give(np.zeros(2)),
    "which": give(np.array([True, False])),
    "part": batch,
    "TrialWrapper.draw_conditions.forced": dict,
    "init_memory.n": give(2),
    "win_kwargs": give({"size": (8, 8)}),
    "MovingDots.draw.frames": give(4),
    "screen": lambda: ngym.stimuli.Screen({"size": (8, 8)}),
    "net": lambda: readout(),
    "is_network.model": give(None),
    "observation": give(np.zeros((2, 3), np.float32)),
    "NetworkState.parts": give(()),
    "NetworkState.history": give(None),
    "lengths": give(np.zeros(2, int)),
    "hidden": give(None),
    "outputs": give(np.zeros((2, 3))),
    "observations": give(np.zeros((4, 2, 3), np.float32)),
    "NetworkAgent.predict.state": give(None),
    "agent": lambda: still(),
    "playing.*.rows": give([np.array([0]), np.array([1])]),
    "play_trials.rows": give([np.array([0]), np.array([1])]),
    "deal_trials.lanes": give(2),
    "count_cut_episodes.counts": give(np.zeros(2, int)),
    "count_cut_episodes.over": give(np.zeros(2, bool)),
    "count_cut_episodes.ended": give(np.zeros(2, bool)),
    # data
    "score.net": lambda: readout(),
    "played_trials.n": give(2),
    "Dataset.env": give(TASK),
    "TrialDataset.env": give(TASK),
    "TrialSource.env": give(TASK),
    "env_kwargs": give({"sigma": 0.5}),
    "batch_size": give(2),
    "seq_len": give(10),
    "TrialDataset.trials": give(4),
    "split": give("train"),
    "Holdout.values": give({"coh": [51.2]}),
    "in_split.conditions": give({"coh": np.array([6.4, 51.2])}),
    "Holdout.check.conditions": give({"coh": np.array([6.4, 51.2])}),
    "Holdout.check.options": give({"coh": np.array([6.4, 51.2])}),
    "is_held_out.name": give("coh"),
    "is_held_out.column": give(np.array([6.4, 51.2])),
    "decides.name": give("coh"),
    "decides.column": give(np.array([6.4, 51.2])),
    "SplitDraws.holdout": holdout,
    "SplitDraws.restricted": give(["coh"]),
    "check_split.holdout": give(None),
    "cross_conditions.conditions": give({"coh": [6.4, 51.2]}),
    "cross_conditions.in_split": give(None),
    "holdout": give({"coh": [51.2]}),
    "export_trials.file": lambda: f"{new_name()}.npz",
    "export_trials.task": give(TASK),
    "export_trials.trials": give(2),
    "parameters": give({"sigma": 0.5}),
    "load_trials.file": saved("trials"),
    "rerun.manifest": lambda: saved("trials")().with_suffix(".json"),
    "rerun.out": lambda: f"{new_name()}.npz",
    "read_manifest.path": lambda: saved("trials")().with_suffix(".json"),
    "dataset": dataset,
    "TrialLoader.dataset": trial_dataset,
    "session_seed.number": give(0),
    "number": give(0),
    "epoch": give(0),
    "steps": give(20),
    "Dataset.part.rows": give([0]),
    "Dataset.load_state_dict.state": lambda: dataset().state_dict(),
    "StreamLoader.load_state_dict.state": lambda: dataset().to_torch().state_dict(),
    "TrialLoader.load_state_dict.state": lambda: trial_dataset().to_torch().state_dict(),
    "trial_source.streams": lambda: [ngym.Draws(0)],
    "before": source,
    "check_size.value": give(3),
    "with_parameters.state": lambda: source().parameters_state(),
    # plot
    "recording": recording,
    "ax": axes,
    "side": give("ground_truth"),
    "draw_heat_map.side": axes,
    "time_axis": time_axis,
    "strength": give("coh"),
    "unit": give(1),
    "TimeAxis.unit": give("steps"),
    "PlotConfig.unit": give("steps"),
    "time": give("ms"),
    "TimeAxis.steps": give(30),
    "step": give(1),
    "lags": give(2),
    "evidence": give([-2, -1, 1, 2] * 5),
    "choice": lambda: [0, 0, 1, 0] + [0, 0, 1, 1] * 4,
    "resamples": give(4),
    "visualize_run.ob": lambda: run()["ob"],
    "visualize_run.actions": lambda: run()["actions"],
    "plot_env_1dbox.ob": lambda: run()["ob"],
    "plot_env_1dbox.actions": lambda: run()["actions"],
    "visualize_run.rewards": lambda: run()["rewards"],
    "visualize_run.gt": lambda: run()["gt"],
    "plot_env_3dbox.ob": give(np.zeros((4, 8, 8, 3), np.uint8)),
    "config": give(None),
    "PlotConfig.of.config": give({"width": 5.0}),
    "figure": lambda: axes().figure,
    "save_figure.fname": give("figure.png"),
    "group_colors.n": give(3),
    "write_gallery.folder": lambda: new_name(),
    "write_pack.name": give("fuzz_pack"),
    "write_pack.folder": lambda: tempfile.mkdtemp(dir="."),
    "draw_frame.trial": played_trial,
    "describe_conditions.conditions": give({"coh": 5.0}),
    "describe_conditions.max_characters": give(72),
    "action_ticks.space": give(ngym.spaces.Discrete(3)),
    "write_gallery.ids": give(["Null-v0"]),
    "draw_actions.actions": vector(),
    "draw_actions.gt": vector(),
    "draw_actions.space": lambda: env().action_space,
    "draw_heat_map.values": give(np.zeros((30, 3))),
    "draw_traces.values": give(np.zeros((30, 3))),
    "draw_traces.labels": give(["a", "b", "c"]),
    "label": give("text"),
    "frames": give(np.zeros((30, 8, 8), np.uint8)),
    "draw_images.space": give(None),
    "to_uint8.space": give(None),
    "performance": give(np.zeros(30)),
    "rewards": give(np.zeros(30)),
    "draw_rewards.rewards": give(np.zeros(30)),
    "shade_periods.axes": lambda: [axes()],
    "shade_periods.periods": give([("a", 0, 5)]),
    "channel_names.k": give(3),
    "max_bins": give(4),
    "wilson_interval.p": give([0.5]),
    "wilson_interval.n": give([10]),
    "window": give(5),
    "plot_training.source": lambda: {"steps": np.arange(5), "performance": np.arange(5.0)},
    "column.name": give("coh"),
    "numeric_column.name": give("coh"),
    "by": give("coh"),
    "run": run,
    "level": give(0.9),
    "PsychometricFit.interval.name": give("slope"),
    "PsychometricFit.slope": give(1.0),
    "PsychometricFit.bias": give(0.0),
    "HistoryKernel.interval.outcome": give("correct"),
    "stages.k": give(2),
    # certificates
    "certificates_of.task": give(TASK),
    "digest_of.task": give(TASK),
    "find_recipe.task": give(TASK),
    "recipe_of.task": give(TASK),
    "find_recipe.kind": give("supervised"),
    "renew.tasks": give([TASK]),
    "renew.path": saved("certificates"),
    "renew.kinds": give(["supervised"]),
    "load_certificates.path": saved("certificates"),
    "save_certificates.path": give("certificates2.json"),
    "certificates": lambda: [certificate()],
    "is_current.certificate": lambda: certificate(),
    "recipe": lambda: supervised_recipe(),
    "SupervisedRecipe.task": give(TASK),
    "RLRecipe.task": give(TASK),
    "criterion": give(0.5),
    "SupervisedRecipe.train.seed": give(0),
    "RLRecipe.train.seed": give(0),
    # sb3
    "model": model,
    "plot_env.model": give(None),
    "plot_trial.model": give(None),
    "run_env.model": give(None),
    "record_activity.model": module,
    "record_activity.env": sb3_env,
    "evaluate_policy.env": sb3_env,
    "EvaluationCallback.env": sb3_env,
    "Evaluator.env": sb3_env,
    "Evaluator.deterministic": give(True),
    "get_task.env": sb3_env,
    "unwrap_vec_env.env": sb3_env,
    "unwrap_vec_env.caller": give("fuzz"),
    "make_model.env": sb3_env,
    "make_model.config": lambda: importlib.import_module("ngym_sb3").TrainingConfig(units=4),
    "load_model.path": saved("model"),
    "Activity.load.path": lambda: recording().save("activity.npz"),
    "Activity.save.path": give("activity2.npz"),
    "input_size": give(3),
    "hidden_size": give(4),
    "num_layers": give(1),
    "make_cell.cell": give("gru"),
    "inputs": lambda: importlib.import_module("torch").zeros(5, 2, 3),
    "layer": give(0),
    "record_activity.layer": give(None),
    "make_sb3_env.task": give(TASK),
    "make_env.task": give(TASK),
    "Trainer.task": give(TASK),
    "Trainer.config": lambda: importlib.import_module("ngym_sb3").TrainingConfig(
        steps=8, envs=2, units=4, rollout=4, batch_size=4, epochs=1
    ),
    "Trainer.evaluate.num_trials": give(2),
    "interleave_lanes.lanes": give(np.array([0, 0, 1, 1])),
    "EvaluationReport.table": table,
    "Trainer.save.report": lambda: importlib.import_module("ngym_sb3").EvaluationReport(table()),
    "vector_env": lanes,
    "NgymVecEnv.set_state.state": lambda: instance_of(importlib.import_module("ngym_sb3").NgymVecEnv).get_state(),
    "step_async.actions": give(np.zeros(2, int)),
    "attr_name": give("dt"),
    "set_attr.value": give(100),
    "method_name": give("get_wrapper_attr"),
    "wrapper_class": give(gymnasium.Wrapper),
    "observation_space": lambda: env().observation_space,
    "action_space": lambda: env().action_space,
    "lr_schedule": lambda: lambda progress: 0.1,
}

ARGUMENTS |= {
    "ob": give(np.zeros((2, 3), np.float32)),
    "gt": give(np.zeros(2, int)),
    "reward": give(0.0),
    "terminated": give(False),
    "truncated": give(False),
    "info": dict,
    "version": give("1.0"),
    "distribution": give("fuzz"),
    "Draws.sample.distribution": lambda: ngym.TruncExp(300),
    "sync_folder.folder": give(Path()),
    "Box.low": give(np.array([-1, -1])),
    "Box.high": give(np.array([1, 1])),
    "get_periods_idx.periods": give({"a": (0, 300), "tmax": 300}),
    "drawn": give(np.arange(3)),
    "Trials.condition.drawn": give(np.arange(2)),
    "follow.after": give(np.zeros((3, 2), int)),
    "follow.first": give(0),
    "refuse_unknown.task": env,
    "move_ob.source": give("sides"),
    "move_ob.target": give("sides"),
    "move_ob.only": give(np.ones(3, bool)),
    "StepBatch.update.which": give(np.array([True, True])),
    "StepBatch.lanes": give(np.arange(2)),
    "TrialWrapper.set_state.state": lambda: env(wrappers=["PassReward"]).get_wrapper_attr("get_state")(),
    "NgymVecEnv.vector_env": lambda: ngym.TrialVectorEnv(env(), 2, autoreset_mode="SameStep"),
    "method_name": give("get_state"),
    "loss_weights": give(None),
    "conditions": give(None),
    "sample_trials.conditions": dict,
    "sample_as_data.conditions": dict,
    "correct": give(np.zeros(2)),
    "error": give(np.zeros(2)),
    "errors": give(np.zeros((2, 2))),
    "bias": give(0.0),
    "HistoryKernel.evidence": give(1.0),
    "HistoryKernel.trials": give(40),
    "HistoryKernel.lags": give(np.arange(1, 3)),
    "load_player.path": saved("model"),
    "shade_periods.periods": give({"a": (0, 5)}),
    "activity": give(np.zeros((2, 5, 3), np.float32)),
    "mask": give(np.ones((2, 5), bool)),
    "start": give({"stimulus": np.array([0, 0])}),
    "end": give({"stimulus": np.array([5, 5])}),
    "length": give(np.array([5, 5])),
    "target": give(np.zeros((5, 2), int)),
    "manifest": dict,
    "same": give(True),
    "sha256": give("0"),
    "changed": dict,
    "ProduceInterval.interval": give("stimulus"),
    "clock": give("stimulus"),
    "direction": give(np.zeros(4)),
    "coherence": give(np.ones(4)),
    "begin": give(np.zeros((2, 30))),
    "again": give(np.zeros((2, 30))),
    "x": give(np.zeros(4)),
    "y": give(np.zeros(4)),
    "observations": give(np.zeros((2, 3), np.float32)),
    "infos": lambda: [{}, {}],
    "Curriculum.stages": lambda: [ngym.Stage()],
    "enter.stage": give(0),
    "advance.progress": lambda: ngym.Curriculum([ngym.Stage()]).begin(),
    "Curriculum.advance.rows": lambda: {"performance": [1.0, 0.0]},
    "Curriculum.from_dict.data": give({"stages": [{}]}),
    "curriculum": give({"stages": [{}]}),
    "as_curriculum.given": give({"stages": [{}]}),
    "load_curriculum.path": saved("curriculum"),
    "metric": give("performance"),
    "threshold": give(0.8),
    "scores": give([0.0, 1.0]),
    "is_open.trials": give(5),
    "levels": give([51.2, 25.6]),
    "Staircase.path": give("conditions.coh"),
    "Staircase.advance.level": give(0),
    "Stage.level": give(1.0),
    "streak": give(0),
    "right": give([True, False]),
}

INSTANCES: dict[str, Callable[[], Any]] = {
    "TrialEnv": env,
    "TrialVectorEnv": lanes,
    "Trainer": lambda: trainer(),
    "SupervisedRecipe": supervised_recipe,
    "RLRecipe": rl_recipe,
    "BaseSchedule": lambda: ngym.scheduler.SequentialSchedule(2),
    "TrialWrapper": lambda: env(wrappers=["PassReward"]),
    "StepBatch": batch,
    "Dataset": dataset,
    "TrialDataset": trial_dataset,
    "TrialSource": source,
    "Holdout": holdout,
    "NgymVecEnv": sb3_env,
    "PsychometricFit": fit,
    "Activity": recording,
    "ArrayOf": lambda: ngym.arguments.ArrayOf(),
    "Decoder": lambda: ngym.plain_data.Decoder(),
    "StreamLoader": lambda: dataset().to_torch(),
    "TrialLoader": lambda: trial_dataset().to_torch(),
}


WRAPPER_ARGUMENTS: dict[str, dict[str, Callable[[], Any]]] = {
    "FixConditions-v0": {"conditions": give({"coh": 6.4})},
    "FollowCurriculum-v0": {"curriculum": give({"stages": [{}]})},
    "Monitor-v0": {"save_dir": give("monitor"), "interval": give(2)},
    "MultiEnvs-v0": {"envs": lambda: [env(), env()]},
    "ScheduleEnvs-v0": {"envs": lambda: [env(), env()], "schedule": lambda: RandomBlockSchedule(2, [2, 3])},
    "ScheduleAttr-v0": {
        "schedule": lambda: RandomBlockSchedule(2, [2, 3]),
        "attr_list": give([{"coh": 6.4}, {"coh": 51.2}]),
    },
    "SideBias-v0": {"probs": give([[0.2, 0.8], [0.8, 0.2]])},
}
"""Arguments that a wrapper needs beside the env."""


def wrap(name: str, **bad: Any) -> Any:
    """Return an env with a wrapper that has valid arguments, except for some."""
    target = wrapper_spec(name).load()
    given = {key: make() for key, make in WRAPPER_ARGUMENTS.get(name, {}).items()}
    if "env" in inspect.signature(target).parameters:
        given["env"] = env()
    return target(**{**given, **bad})
