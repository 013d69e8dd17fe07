"""NeuroGym's names for programs written for it: aliases and thin adapters. It changes nothing unless it is called.

Write ``import ngym_core.compat as ngym`` in place of ``import neurogym as ngym``. Where a program cannot be edited, call
`install` before it starts: then ``import neurogym`` and its submodules find what this module offers.

What takes an older spelling here: `reset` the argument `no_step`, which changes nothing; tasks timing keys that they do not
have, with a warning; `register` an `entry_point`; `Monitor` settings that are not its own, and it has `evaluate_policy`;
`TruncExp` a generator; `PassAction` the argument `one_hot`; spaces names beyond their size, with a warning.
docs/migrating.md says what to write instead.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np

import ngym_core
from ngym_core import random as core_random
from ngym_core import spaces as core_spaces
from ngym_core import tasks
from ngym_core.arguments import shown
from ngym_core.env import TrialEnv as CoreTrialEnv
from ngym_core.errors import InvalidOperationError as InvalidOperationError
from ngym_core.plugins.registry import TaskSpec, task_spec
from ngym_core.random import Draws
from ngym_core.rollout import run_env, trial_rewards
from ngym_core.sampling import layers
from ngym_core.trials import Trials
from ngym_core.wrappers import WRAPPERS
from ngym_core.wrappers._append import append_channels, append_previous_step, extend_space
from ngym_core.wrappers.base import StepBatch
from ngym_core.wrappers.base import TrialWrapper as CoreTrialWrapper
from ngym_core.wrappers.monitor import DEFAULTS
from ngym_core.wrappers.monitor import Monitor as CoreMonitor
from ngym_core.wrappers.pass_action import PassAction as CorePassAction

__version__ = ngym_core.__version__
CALLER = 3
"""`stacklevel` of warnings: the line that called the adapter."""


# ---- tasks and wrappers ------------------------------------------------------------------------------


def _with_no_step(reset: Any) -> Any:
    """Return a `reset` that takes NeuroGym's `no_step` and `step_fn`: there is no hidden step to leave out or to take."""

    @functools.wraps(reset)
    def tolerant(self: Any, *, no_step: bool = True, step_fn: Any = None, **kwargs: Any) -> Any:
        return reset(self, **kwargs)

    tolerant.only_takes_more_than = reset  # type: ignore[attr-defined]  # so that lanes can be stepped all at once
    return tolerant


class _OfCore(type):
    """Metaclass of the two base classes here: what is a task or wrapper of ngym is one of theirs."""

    core: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.core) if "core" in vars(cls) else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.core) if "core" in vars(cls) else super().__subclasscheck__(subclass)


class TrialEnv(CoreTrialEnv, metaclass=_OfCore):
    """`ngym_core.TrialEnv` whose `reset` takes `no_step`."""

    core = CoreTrialEnv
    reset = _with_no_step(CoreTrialEnv.reset)


class TrialWrapper(CoreTrialWrapper, metaclass=_OfCore):
    """`ngym_core.TrialWrapper` whose `reset` takes `no_step`."""

    core = CoreTrialWrapper
    reset = _with_no_step(CoreTrialWrapper.reset)


PeriodEnv = TrialEnv


@functools.cache
def _tolerant(kind: Any) -> Any:
    """Return a subclass of a task or wrapper of ngym that takes older spellings; copies and pickles find it again."""
    if "_tolerates" in vars(kind) or kind in OWN.values():
        return kind
    body: dict[str, Any] = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    # Neither slots nor a second base: `_adapted` assigns classes to objects, which must have one layout.
    body |= {"__slots__": (), "_tolerates": kind, "reset": _with_no_step(kind.reset)}
    body["__reduce_ex__"] = lambda self, protocol: (_new, (kind,), object.__reduce_ex__(self, protocol)[2])
    if issubclass(kind, CoreTrialEnv):

        @functools.wraps(kind.__init__)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            kind.__init__(self, *args, **_known_timing(kind, args, kwargs))

        body["__init__"] = __init__
    return type(kind.__name__, (kind,), body)


def _new(kind: type) -> Any:
    """Return an empty object for a copy."""
    return object.__new__(_tolerant(kind))


def _known_timing(build: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments without timing keys that a task does not have, which a warning names."""
    timing = kwargs.get("timing")
    if not isinstance(timing, Mapping):
        return kwargs
    known = build(*args, **{**kwargs, "timing": None}).unwrapped.default_timing
    unknown = [key for key in timing if known and key not in known]
    if unknown:
        warnings.warn(f"The timing keys {unknown} are left out: the task has {list(known)}.", UserWarning, stacklevel=CALLER)
    return {**kwargs, "timing": {key: value for key, value in timing.items() if key not in unknown}}


def _adapted(env: Any) -> Any:
    """Let the layers of an env that are of ngym take older spellings; the env stays the same object."""
    for layer in layers(env):
        if type(layer).__module__.partition(".")[0] == "ngym_core":
            kind: Any = type(layer)
            layer.__class__ = _tolerant(kind)
    return env


def make(id_: str, **kwargs: Any) -> Any:
    """Make a task, see `ngym_core.make`; timing keys that it does not have are left out, with a warning.

    Example:
        >>> env = make("GoNogo-v0")
        >>> ob, info = env.reset(no_step=True)
        >>> ob.shape
        (3,)
    """
    return _adapted(ngym_core.make(id_, **_known_timing(functools.partial(ngym_core.make, id_), (), kwargs)))


def register(id: str, entry_point: Any = None, **kwargs: Any) -> None:
    """Register a task, see `ngym_core.register`. Registering the same once more does nothing.

    Args:
        id: Its id.
        entry_point: Its class, or where it is: ``package.module:Class``.
        **kwargs: `kwargs`: parameters that `make` always passes. Others of `gymnasium.register` are left out, with a
            warning.

    Raises:
        TypeError: A class that cannot be imported by its name.
    """
    if isinstance(id, TaskSpec):
        ngym_core.register(id)
        return
    parameters = kwargs.pop("kwargs", None) or {}
    if kwargs:
        warnings.warn(f"{id}: {sorted(kwargs)} are left out, only kwargs is used.", UserWarning, stacklevel=2)
    target = entry_point
    if not isinstance(target, str):
        name = getattr(entry_point, "__qualname__", "")
        if not name.isidentifier():
            raise TypeError(
                f"entry_point={shown(entry_point)} must be a class of a module, or a text such as 'module:Class'."
            )
        target = f"{entry_point.__module__}:{name}"
    spec = TaskSpec(id, target, parameters)
    try:
        known: TaskSpec | None = task_spec(id)
    except ngym_core.UnknownTaskError:
        known = None
    if known != spec:
        ngym_core.register(spec)


class PassAction(CorePassAction):
    """Append the last action to the observation.

    Args:
        env: The task.
        one_hot: Append one channel for each action instead of its number.
    """

    reset = _with_no_step(CorePassAction.reset)

    def __init__(self, env: gymnasium.Env[Any, Any], one_hot: bool = False) -> None:
        super().__init__(env)
        self.one_hot = one_hot
        if one_hot:
            self.size = int(env.action_space.n)  # type: ignore[attr-defined]
            self.observation_space = extend_space(env.observation_space, "action", self.size)

    def on_data(self, trials: Trials, draws: Draws) -> Trials:
        """Append the ground truth of the step before."""
        if not self.one_hot:
            return super().on_data(trials, draws)
        return append_previous_step(trials, self._encoded(trials.gt), draws)

    def on_step(self, memory: Any, batch: StepBatch) -> None:
        """Append the action of this step."""
        if not self.one_hot or batch.action is None:
            return super().on_step(memory, batch)
        batch.ob = append_channels(self.env.observation_space, batch.ob, self._encoded(batch.action))
        return None

    def _encoded(self, actions: Any) -> Any:
        return np.eye(self.size)[actions - self.env.action_space.start]  # type: ignore[attr-defined]


class Monitor(CoreMonitor):
    """`ngym_core.wrappers.Monitor` that takes NeuroGym's configuration and has its `evaluate_policy`.

    Args:
        env: The task.
        config: A TOML file or a mapping; of its sections `monitor` is used, with `plot` in it.
        *args: Further arguments of Monitor.
        **kwargs: Likewise.
    """

    reset = _with_no_step(CoreMonitor.reset)

    def __init__(self, env: gymnasium.Env[Any, Any], config: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(env, _monitor_settings(config), *args, **kwargs)

    def evaluate_policy(self, num_trials: int = 100, model: Any = None, verbose: bool = True) -> dict[str, Any]:
        """Play trials that are not recorded; `ngym_sb3.evaluate_policy` returns a table instead.

        Args:
            num_trials: Number of trials.
            model: Who plays, see `ngym_core.run_env`; without it actions are random.
            verbose: Print the means.

        Returns:
            `rewards` (that of the last step of each trial), `cum_rewards`, `performances`, and the means `mean_reward`
            (the share of trials whose last reward is above 0, as in NeuroGym), `mean_cum_reward` and `mean_performance`.
        """
        run = run_env(self.env, num_trials=num_trials, model=model)
        ends = np.nonzero(run["trial_end"])[0]
        rewards, performances = run["rewards"][ends], run["perf"][ends]
        sums = trial_rewards(run)
        means = {
            "mean_reward": float((rewards > 0).mean()),
            "mean_cum_reward": float(sums.mean()),
            "mean_performance": float(performances.mean()),
        }
        if verbose:
            print(f"{num_trials} trials: " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))
        return {"rewards": rewards, "cum_rewards": sums, "performances": performances, **means}


def _monitor_settings(config: Any) -> dict[str, Any] | None:
    """Return the settings of a Monitor in NeuroGym's configuration; a warning names the others."""
    if config is None:
        return None
    if not isinstance(config, Mapping):
        with Path(config).open("rb") as file:
            config = tomllib.load(file)
    other = [key for key in config if key not in {*DEFAULTS, "monitor"}]
    own = {key: value for key, value in config.items() if key in DEFAULTS} | dict(config.get("monitor", {}))
    names = {"create": "plot_create", "step": "plot_steps", "ext": "ext"}
    plot = dict(own.pop("plot", {}))
    own |= {names[key]: plot.pop(key) for key in list(plot) if key in names}
    other += [f"monitor.{key}" for key in [*plot, *(key for key in own if key not in DEFAULTS)]]
    if other:
        warnings.warn(f"Monitor leaves out the settings {other}.", UserWarning, stacklevel=CALLER)
    return {key: value for key, value in own.items() if key in DEFAULTS}


# ---- spaces and distributions ------------------------------------------------------------------------


class _OldNames:
    """A space whose names may point beyond its size, with a warning."""

    name: dict[str, Any]

    def __init__(self, *args: Any, name: Any = None, **kwargs: Any) -> None:
        try:
            super().__init__(*args, name=name, **kwargs)  # type: ignore[call-arg]
        except ValueError as error:
            if not isinstance(name, Mapping) or "outside" not in str(error):
                raise
            warnings.warn(f"{error} NeuroGym takes it, and so does ngym_core.compat.", UserWarning, stacklevel=2)
            super().__init__(*args, **kwargs)
            self.name = dict(name)


class Box(_OldNames, core_spaces.Box):
    """`ngym_core.spaces.Box`; names beyond its channels are a warning."""

    def __init__(self, low: Any, high: Any, name: Any = None, **kwargs: Any) -> None:
        super().__init__(low, high, name=name, **kwargs)


class Discrete(_OldNames, core_spaces.Discrete):
    """`ngym_core.spaces.Discrete`; names beyond its actions are a warning."""

    def __init__(self, n: int, name: Any = None, **kwargs: Any) -> None:
        super().__init__(n, name=name, **kwargs)


def TruncExp(vmean: float, vmin: float = 0, vmax: float = np.inf, rng: Any = None) -> core_random.TruncExp:  # noqa: N802
    """Return a `ngym_core.TruncExp`; `rng` is what calls of it draw from. In `timing` it draws from the task's streams."""
    made = core_random.TruncExp(vmean, vmin, vmax)
    if rng is not None:
        made.rng = rng
    return made


# ---- data and figures, of packages that may not be installed -------------------------------------------


def _imported(target: str) -> Any:
    """Import ``package.module:name``, or a module."""
    module, _, name = target.partition(":")
    package = module.partition(".")[0]
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == package:
            raise ImportError(
                f"{target.replace(':', '.')} needs the package {package.replace('_', '-')}: pip install it."
            ) from None
        raise
    return getattr(found, name) if name else found


@functools.cache
def _dataset() -> type:
    base = _imported("ngym_data:Dataset")

    class Dataset(base):  # type: ignore[misc,valid-type]
        __doc__ = base.__doc__

        def __init__(self, env: Any, env_kwargs: Any = None, *args: Any, **kwargs: Any) -> None:
            env = make(env, **(env_kwargs or {})) if isinstance(env, str) else env
            super().__init__(env, None, *args, **kwargs)

        def _cache(self, **kwargs: Any) -> None:
            """Do nothing: batches follow one another without a cache to refill."""

    Dataset.__module__, Dataset.__qualname__ = __name__, "Dataset"
    return Dataset


# ---- names and modules -------------------------------------------------------------------------------


def _task(target: str) -> Any:
    """Return a built-in task, a class or a function, that takes older spellings."""
    found = _imported(f"ngym_core.tasks.{target}")
    if isinstance(found, type):
        return _tolerant(found)
    return functools.wraps(found)(lambda *args, **kwargs: _adapted(found(*args, **_known_timing(found, args, kwargs))))


def _wrapper(name: str) -> Any:
    """Return a built-in wrapper that takes older spellings."""
    if name in OWN:
        return OWN[name]
    target = WRAPPERS[f"{name}-v0"]
    return _tolerant(_imported(f"ngym_core.wrappers.{target}"))


def env_string(env: Any, short: bool = False) -> str:
    """Describe a task, see `ngym_core.describe`."""
    return str(env.unwrapped) if short else ngym_core.describe(env)


OWN: dict[str, Any] = {"PassAction": PassAction, "Monitor": Monitor}
RANDOM = {"TruncExp": lambda: TruncExp}
SPACES = {"Box": lambda: Box, "Discrete": lambda: Discrete}
SPACES |= {
    name: functools.partial(_imported, f"gymnasium.spaces:{name}")
    for name in ("Dict", "MultiBinary", "MultiDiscrete", "Space", "Tuple", "flatdim", "flatten", "unflatten")
}
REGISTRATION: dict[str, Callable[[], Any]] = {
    "make": lambda: make,
    "register": lambda: register,
    "all_envs": lambda: ngym_core.all_envs,
    "all_tags": lambda: ngym_core.all_tags,
    "get_collection": functools.partial(_imported, "ngym_core.plugins.registry:get_collection"),
    "ALL_ENVS": lambda: dict.fromkeys(ngym_core.all_envs()),
    "ALL_EXTENDED_ENVS": lambda: dict.fromkeys(ngym_core.all_envs(collections=True)),
}
CORE: dict[str, Callable[[], Any]] = {
    "TrialEnv": lambda: TrialEnv,
    "TrialWrapper": lambda: TrialWrapper,
    "PeriodEnv": lambda: PeriodEnv,
    "BaseEnv": lambda: TrialEnv,
    "InvalidOperationError": lambda: InvalidOperationError,
    "env_string": lambda: env_string,
}
WRAPPER_NAMES: dict[str, Callable[[], Any]] = {
    name.removesuffix("-v0"): functools.partial(_wrapper, name.removesuffix("-v0")) for name in WRAPPERS
}
WRAPPER_NAMES |= {
    "all_wrappers": lambda: ngym_core.all_wrappers,
    "ALL_WRAPPERS": lambda: dict.fromkeys(ngym_core.all_wrappers()),
}
TASK_NAMES: dict[str, Callable[[], Any]] = {
    target.partition(":")[2]: functools.partial(_task, target) for target in tasks.TASKS.values()
}
DATA: dict[str, Callable[[], Any]] = {"Dataset": _dataset}
PLOTTING: dict[str, Callable[[], Any]] = {
    name: functools.partial(_imported, f"ngym_plot:{name}")
    for name in ("plot_env", "plot_env_1dbox", "plot_env_3dbox", "run_env", "visualize_run")
}
PLOTTING["fig_"] = PLOTTING["visualize_run"]
PSYCHOMETRIC: dict[str, Callable[[], Any]] = {
    "plot_psychometric": functools.partial(_imported, "ngym_plot:plot_psychometric")
}

# Module below `neurogym` -> its names, and the module of ngym whose names it has besides.
MODULES: dict[str, tuple[dict[str, Callable[[], Any]], str | None]] = {
    "core": (CORE, None),
    "random": (RANDOM, "ngym_core.random"),
    "ngym_random": (RANDOM, "ngym_core.random"),
    "spaces": (SPACES, "ngym_core.spaces"),
    "utils": ({**PLOTTING, **DATA}, None),
    "utils.data": (DATA, None),
    "utils.plotting": (PLOTTING, None),
    "utils.psychometric": (PSYCHOMETRIC, None),
    "utils.ngym_random": (RANDOM, "ngym_core.random"),
    "utils.random": (RANDOM, "ngym_core.random"),
    "utils.spaces": (SPACES, "ngym_core.spaces"),
    "utils.scheduler": ({}, "ngym_core.scheduler"),
    "utils.tasktools": ({}, "ngym_core.tasktools"),
    "utils.info": ({}, "ngym_core.info"),
    "data": (DATA, None),
    "info": ({}, "ngym_core.info"),
    "wrappers": (WRAPPER_NAMES, None),
    "wrappers.block": (WRAPPER_NAMES, None),
    "envs": ({**REGISTRATION, **TASK_NAMES}, None),
    "envs.registration": (REGISTRATION, None),
    "envs.native": (TASK_NAMES, None),
    "envs.contrib": (TASK_NAMES, None),
    "envs.collections": (REGISTRATION, None),
    "envs.collections.yang19": (TASK_NAMES, None),
    "envs.collections.perceptualdecisionmaking": (TASK_NAMES, None),
}
for _target in WRAPPERS.values():
    MODULES.setdefault(f"wrappers.{_target.partition(':')[0]}", (WRAPPER_NAMES, None))
for _target in tasks.TASKS.values():
    for _file in {_target.partition(":")[2].lower(), _target.partition(":")[0].rpartition(".")[2]}:
        for _folder in ("envs", "envs.native", "envs.contrib"):
            MODULES.setdefault(f"{_folder}.{_file}", (TASK_NAMES, None))

TOP: dict[str, Callable[[], Any]] = {
    **CORE,
    **REGISTRATION,
    **DATA,
    **RANDOM,
    "all_wrappers": lambda: ngym_core.all_wrappers,
}


class _Alias(ModuleType):
    """A module of NeuroGym: its names are looked up when they are used."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, f"What {name} of NeuroGym is in ngym.")
        self.__dict__["_below"] = path
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _lookup(self.__name__, self.__dict__["_below"], name)

    def __dir__(self) -> list[str]:
        names, module = (TOP, None) if not self._below else MODULES[self._below]
        return sorted({*names, *(getattr(_imported(module), "__all__", ()) if module else ())})


def _lookup(module: str, path: str, name: str) -> Any:
    """Return what a module of NeuroGym has under a name."""
    names, source = (TOP, None) if not path else MODULES[path]
    below = f"{path}.{name}".lstrip(".")
    if name in names:
        return names[name]()
    if below in MODULES:
        return _module(below)
    if source is not None and hasattr(found := _imported(source), name):
        return getattr(found, name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}: ngym has no counterpart, see docs/migrating.md.")


@functools.cache
def _module(path: str) -> ModuleType:
    """Return a module of NeuroGym by its path below `neurogym`; empty for itself."""
    alias = _Alias(f"neurogym.{path}".rstrip("."), path)
    if not path:
        alias.__version__ = __version__  # type: ignore[attr-defined]
    return alias


def install() -> None:
    """Let ``import neurogym`` and its submodules find what this module offers, for programs that cannot be edited.

    Calling it again changes nothing.

    Raises:
        ImportError: NeuroGym itself is installed, or imported already.

    Example:
        >>> import ngym_core.compat
        >>> ngym_core.compat.install()  # doctest: +SKIP
        >>> from neurogym.wrappers import SideBias  # doctest: +SKIP
    """
    if isinstance(sys.modules.get("neurogym"), _Alias):
        return
    if "neurogym" in sys.modules or importlib.util.find_spec("neurogym") is not None:
        raise ImportError(
            "NeuroGym is installed, so `import neurogym` is that. Uninstall it, or write `import ngym_core.compat as ngym`."
        )
    for path in ["", *MODULES]:
        sys.modules[f"neurogym.{path}".rstrip(".")] = _module(path)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _lookup(__name__, "", name)


def __dir__() -> list[str]:
    return sorted({*TOP, *(path for path in MODULES if "." not in path), "install"})
