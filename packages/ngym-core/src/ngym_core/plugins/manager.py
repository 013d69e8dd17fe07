"""Pack manager: finds and loads installed packs, confines each fault to its pack, and reports what is installed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from ngym_core.arguments import explained
from ngym_core.errors import UnknownNameError, nearest
from ngym_core.plugins import hookspecs, registry
from ngym_core.plugins.isolation import isolated, reason, warn
from ngym_core.plugins.unfinished import missing_from, unfinished, when_imported

if TYPE_CHECKING:
    from types import ModuleType

    import click
    import numpy as np
    from numpy.typing import NDArray

    from ngym_core.certificates import Kind, Recipe
    from ngym_core.rendering import PlayedTrial

__all__ = ["PackManager", "PackStatus", "find_packs"]

GROUP = "ngym"
"""Entry point group of packs."""
HOOKS = tuple(name for name in hookspecs.__all__ if name != "hookimpl")


@dataclass
class PackStatus:
    """The state of an installed pack.

    Attributes:
        name: Name of the entry point.
        distribution: The distribution that contains it; its folder, if it has no readable name.
        version: The distribution's version.
        hooks: Names of the hooks that it implements.
        tasks: Ids of the tasks that it offers (or tried to).
        wrappers: Names of the wrappers that it offers (or tried to).
        state: ``ok``, ``failed``, ``blocked`` by `NGYM_PLUGINS`, ``waiting`` for an import that is under way, or
            ``incomplete``: some of its tasks or wrappers cannot be imported.
        error: Why it failed, empty otherwise.
        unusable: The tasks and wrappers that cannot be imported, id or name -> why, once `PackManager.check_targets` has
            tried.
        import_seconds: Time to import it and to register what it offers; 0 for the built-in ones.
    """

    name: str
    distribution: str
    version: str
    hooks: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    wrappers: list[str] = field(default_factory=list)
    state: str = "ok"
    error: str = ""
    unusable: dict[str, str] = field(default_factory=dict)
    import_seconds: float = 0.0

    @property
    def origin(self) -> str:
        """The distribution and its version."""
        return f"{self.distribution} {self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Return all attributes as a dictionary, for JSON."""
        return asdict(self)


class PackManager:
    """The packs of this program.

    Args:
        allowed: Names of entry points or distributions that may be loaded; None for all.
        strict: Raise the first error instead of warning.

    Attributes:
        packs: The status of each pack, the built-in ones first.
        strict: Whether the first error is raised.
        plugin_manager: pluggy's manager, which holds the plugins themselves.

    Example:
        >>> from ngym_core import TaskSpec, hookimpl
        >>> class Pack:
        ...     @hookimpl
        ...     def ngym_commands(self, group):
        ...         "Add no command."
        >>> packs = PackManager()
        >>> packs.add(Pack(), PackStatus("my-pack", "my-distribution", "1.0"))
        >>> packs.packs[0].hooks, packs.packs[0].state
        (['ngym_commands'], 'ok')
    """

    @explained
    def __init__(self, allowed: Iterable[str] | None = None, strict: bool = False) -> None:
        self.plugin_manager = pluggy.PluginManager(GROUP)
        self.plugin_manager.add_hookspecs(hookspecs)
        self.packs: list[PackStatus] = []
        self._objects: dict[int, Any] = {}
        self._allowed = None if allowed is None else set(allowed)
        self.strict = strict

    @classmethod
    def from_environment(cls) -> PackManager:
        """Make a manager from `NGYM_PLUGINS` (allowed names, separated by commas; empty for none) and `NGYM_STRICT`."""
        names = os.environ.get("NGYM_PLUGINS")
        allowed = None if names is None else [n.strip() for n in names.split(",") if n.strip()]
        return cls(allowed, os.environ.get("NGYM_STRICT", "") not in ("", "0"))

    def discover(self) -> None:
        """Load every installed pack, in a fixed order; a warning names what is allowed and not installed."""
        found: dict[str, list[tuple[PackStatus, importlib.metadata.EntryPoint]]] = {}
        for dist in importlib.metadata.distributions():
            try:
                packs = _packs_of(dist)
            except Exception as error:
                self._leave_out_damaged(dist, error)
                continue
            if packs:  # of a distribution that is installed twice, Python uses the first
                found.setdefault(re.sub(r"[-_.]+", "-", packs[0][0].distribution).lower(), packs)
        pairs = [pair for packs in found.values() for pair in packs]
        for pack, point in sorted(pairs, key=lambda pair: (pair[0].distribution, pair[0].name)):
            self.load(point, pack)
        self._warn_of_unknown([name for pack, _ in pairs for name in (pack.name, pack.distribution)])

    def _warn_of_unknown(self, names: list[str]) -> None:
        """Warn, or raise if strict, of each allowed name that no installed pack has: it allows nothing."""
        for name in sorted((self._allowed or set()) - set(names)):
            message = f"NGYM_PLUGINS allows {name!r}, but no installed pack or distribution is called so."
            message = f"{message} {nearest(name, names)}"
            if self.strict:
                raise UnknownNameError(message)
            warn(message)

    def load(self, point: importlib.metadata.EntryPoint, pack: PackStatus) -> None:
        """Load one pack. If it fails, only this pack is left out.

        Args:
            point: Its entry point.
            pack: Its status, completed here.
        """
        self.packs.append(pack)
        if self._allowed is not None and not {pack.name, pack.distribution} & self._allowed:
            pack.state = "blocked"
            return
        self._import(point, pack)

    def _import(self, point: importlib.metadata.EntryPoint, pack: PackStatus) -> None:
        """Import a pack and register what it offers; if it needs an import that is under way, when that has ended."""
        pack.state, start = "ok", time.perf_counter()
        with self._guarded(pack, "importing"):
            if (module := unfinished(point.module)) is None:
                try:
                    self.add(point.load(), pack)
                except (ImportError, AttributeError) as error:
                    module = missing_from(error)
                    if module is None or module.__name__.partition(".")[0] == "ngym_core":
                        raise
            if module is not None:
                self._wait(module, point, pack)
        pack.import_seconds = round(time.perf_counter() - start, 3)

    def _wait(self, module: ModuleType, point: importlib.metadata.EntryPoint, pack: PackStatus) -> None:
        """Load a pack when the import of a module has ended that is itself importing ngym_core, and so this pack."""

        def load() -> None:
            if sys.modules.get(module.__name__) is module:
                self._import(point, pack)
            else:  # its import failed, and is being left by this error
                self._leave_out(pack, sys.exc_info()[1] or ImportError(f"{module.__name__} could not be imported."))

        pack.state = "waiting"
        when_imported(module, load)

    def add(self, plugin: Any, pack: PackStatus) -> None:
        """Register a plugin and everything that it offers, or nothing if any of it is invalid.

        Args:
            plugin: Module or object with hook functions.
            pack: Its status, completed here.

        Raises:
            Exception: The error of the plugin, or the reason why it is invalid.
        """
        if not any(p is pack for p in self.packs):
            self.packs.append(pack)
        name = f"{pack.distribution}:{pack.name}"
        if self.plugin_manager.is_registered(plugin) or self.plugin_manager.has_plugin(name):
            raise ValueError("It is loaded already: two entry points name one module, or have one name.")
        self._objects[id(pack)] = plugin
        try:
            self.plugin_manager.register(plugin, name)
            pack.hooks = self._hooks(plugin)
            specs = _all_of(registry.TaskSpec, "ngym_tasks", self._call("ngym_tasks", plugin))
            pack.tasks = [s.id for s in specs]
            wrappers = _all_of(registry.WrapperSpec, "ngym_wrappers", self._call("ngym_wrappers", plugin))
            pack.wrappers = [w.name for w in wrappers]
            registry.register_all(specs, wrappers, _tags(self._call("ngym_tags", plugin)), pack.origin)
        except BaseException:  # also SystemExit: no hook of a failed pack may be called later
            if self.plugin_manager.is_registered(plugin):
                self.plugin_manager.unregister(plugin)
            raise

    def check_targets(self) -> None:
        """Import each task and wrapper of the packs that are loaded, and set `PackStatus.unusable`."""
        for pack in self.packs:
            if pack.state in ("ok", "incomplete"):
                pack.unusable = {}
                loads: dict[str, Callable[[], Any]] = {id_: registry.task_spec(id_).load for id_ in pack.tasks}
                loads.update({name: registry.wrapper_spec(name).load for name in pack.wrappers})
                for name, load in loads.items():
                    try:
                        load()
                    except ImportError as error:
                        pack.unusable[name] = reason(error.__cause__ or error)
                pack.state = "incomplete" if pack.unusable else "ok"

    def add_commands(self, group: click.Group) -> None:
        """Let the packs add commands to the command line. A pack that fails, or takes the name of another's, is left out."""
        import click

        owners = dict.fromkeys(group.commands, "ngym-core")
        for pack in self._with_hook("ngym_commands"):
            with self._guarded(pack, "adding the commands of"):
                own = click.Group(group.name)
                self._call("ngym_commands", self._objects[id(pack)], group=own)
                for name, command in own.commands.items():
                    if not isinstance(name, str) or not isinstance(command, click.Command):
                        raise TypeError(f"The command {name!r} must be a click.Command, not {type(command).__name__}.")
                    if name in owners:
                        raise ValueError(f"The command {name!r} belongs to {owners[name]} already.")
                group.commands.update(own.commands)
                owners |= dict.fromkeys(own.commands, pack.origin)

    def draw_figure(self, run: Mapping[str, Any], env: Any, fname: Path) -> Path:
        """Let a pack draw a run of an agent, see `hookspecs.ngym_figure`. If one fails, the next one draws.

        Returns:
            The file that was written.

        Raises:
            ImportError: No installed pack draws figures.
            Exception: The error of the last pack that was asked, if none drew the figure.
        """
        if not self.can_draw_figures:
            raise ImportError("No installed pack draws figures: pip install ngym-plot.")
        return Path(self._draw("ngym_figure", _check_file, run=run, env=env, fname=fname))

    def draw_figures(self, table: Mapping[str, NDArray[Any]], env: Any, folder: Path) -> list[Path]:
        """Let every pack draw figures of its own of played trials, see `hookspecs.ngym_figures`.

        A pack that fails is named in a `PluginWarning`, and costs only its figures.

        Args:
            table: The trials.
            env: The task with its wrappers.
            folder: Where to; the name of each file gets that of its pack in front.

        Returns:
            The files.
        """
        import tempfile  # not at the top: every import of ngym_core would wait for it

        done: list[Path] = []
        for pack in self._with_hook("ngym_figures"):

            def fail(error: BaseException, pack: PackStatus = pack) -> None:
                if self.strict:
                    raise error
                warn(f"The pack {pack.name!r} of {pack.origin} could not draw its figures: {reason(error)}")

            doing = f"The pack {pack.name!r} of {pack.origin} was drawing"
            with isolated(doing, fail), tempfile.TemporaryDirectory(dir=folder) as temporary:
                given = {"table": table, "env": env, "folder": Path(temporary)}
                returned = self._call("ngym_figures", self._objects[id(pack)], **given)
                drawn = [file for files in returned for file in files]
                for file in drawn:
                    _check_file(file, pack, "ngym_figures")
                done += [file.replace(folder / f"{pack.name}-{file.name}") for file in map(Path, drawn)]
        return done

    @property
    def draws_figures_of_tables(self) -> bool:
        """Whether an installed pack draws figures of its own of played trials."""
        return bool(self._with_hook("ngym_figures"))

    def draw_frame(self, trial: PlayedTrial, env: Any) -> NDArray[np.uint8]:
        """Let a pack draw a trial as it was played so far, see `hookspecs.ngym_frame`. If one fails, the next one draws.

        Returns:
            (H, W, 3) uint8.

        Raises:
            ImportError: No installed pack draws frames.
            Exception: The error of the last pack that was asked, if none drew the frame.
        """
        self.require_frames("rgb_array")
        frame: NDArray[np.uint8] = self._draw("ngym_frame", _check_frame, trial=trial, env=env)
        return frame

    def require_frames(self, render_mode: str) -> None:
        """Raise if no installed pack draws frames.

        Raises:
            ImportError: There is none. The message says what to install.
        """
        if not self._with_hook("ngym_frame"):
            raise ImportError(
                f"render_mode={render_mode!r} needs a pack that draws frames, and none is installed: pip install ngym-plot."
            )

    def _draw(self, hook: str, check: Callable[[Any, PackStatus], None], **arguments: Any) -> Any:
        """Ask the packs that have a hook, one after another, until one returns something that passes a check."""
        failed: list[BaseException] = []
        for pack in reversed(self._with_hook(hook)):
            with isolated(f"The pack {pack.name!r} of {pack.origin} was drawing", failed.append):
                drawn = self._call(hook, self._objects[id(pack)], **arguments)
                if drawn is not None:
                    check(drawn, pack)
                    for error in failed:
                        warn(f"A pack could not draw: {reason(error)}")
                    return drawn
        if not failed:
            raise RuntimeError(f"No installed pack draws this: each {hook} returned None.")
        if isinstance(failed[-1], Exception):
            raise failed[-1]
        raise RuntimeError(f"A pack could not draw: {reason(failed[-1])}") from failed[-1]

    def find_recipe(self, task: str, kind: Kind) -> Recipe | None:
        """Ask the packs how networks are trained on a task, that which has it first, see `hookspecs.ngym_recipe`.

        Returns:
            The recipe of the first pack that has one, or None.

        Raises:
            Exception: The error of the last pack that was asked, if none has one.
        """
        from ngym_core.certificates import Recipe

        failed: list[BaseException] = []
        for pack in sorted(self._with_hook("ngym_recipe"), key=lambda pack: task not in pack.tasks):
            with isolated(f"The pack {pack.name!r} of {pack.origin} was looking for a recipe", failed.append):
                recipe = self._call("ngym_recipe", self._objects[id(pack)], task=task, kind=kind)
                if recipe is not None:
                    if not isinstance(recipe, Recipe):
                        raise TypeError(f"The pack {pack.name!r} returned {type(recipe).__name__}, not a Recipe.")
                    return recipe
        if not failed:
            return None
        if isinstance(failed[-1], Exception):
            raise failed[-1]
        raise RuntimeError(f"A pack could not say how to train: {reason(failed[-1])}") from failed[-1]

    def certificates(self, load: Callable[[Path], list[Any]]) -> list[Any]:
        """Return what is in the files of certificates that packs have, see `hookspecs.ngym_certificates`.

        A pack whose file cannot be read is named in a `PluginWarning`, and costs only its certificates.

        Args:
            load: Reads a file.
        """
        loaded: list[Any] = []
        for pack in self._with_hook("ngym_certificates"):

            def fail(error: BaseException, pack: PackStatus = pack) -> None:
                if self.strict:
                    raise error
                warn(f"The certificates of the pack {pack.name!r} of {pack.origin} cannot be read: {reason(error)}")

            with isolated(f"The pack {pack.name!r} of {pack.origin} was asked for its certificates", fail):
                files = [*map(Path, self._call("ngym_certificates", self._objects[id(pack)]))]
                loaded += [certificate for file in files if file.exists() for certificate in load(file)]
        return loaded

    @property
    def can_draw_figures(self) -> bool:
        """Whether an installed pack draws figures."""
        return bool(self._with_hook("ngym_figure"))

    def why_missing(self, id_: str) -> str:
        """Explain a missing task: quote the failed packs that have it, or all failed packs, as any of them may have it."""
        failed = [p for p in self.packs if p.state == "failed"]
        certain = [p for p in failed if id_ in p.tasks or f"{id_}-v0" in p.tasks]
        if certain:
            return "".join(f"The pack {p.name!r} of {p.distribution} has it but failed: {p.error} " for p in certain)
        reasons = [f"(The pack {p.name!r} of {p.distribution} failed to load: {p.error}) " for p in failed]
        reasons += [
            f"(The pack {p.name!r} of {p.distribution} is still being imported; its tasks are known afterwards.) "
            for p in self.packs
            if p.state == "waiting"
        ]
        return "".join(reasons)

    def _hooks(self, plugin: Any) -> list[str]:
        """List the hooks that a plugin implements. Raise if a name is not a hook, or if there is none."""
        marked = [n for n in dir(plugin) if self.plugin_manager.parse_hookimpl_opts(plugin, n) is not None]
        for name in marked:
            if name not in HOOKS:
                raise ValueError(f"There is no hook {name!r}. {nearest(name, HOOKS)}")
        if not marked:
            raise ValueError(f"It implements no hook; mark its functions with ngym_core.hookimpl. {nearest('', HOOKS)}")
        return marked

    def _with_hook(self, hook: str) -> list[PackStatus]:
        return [pack for pack in self.packs if hook in pack.hooks and pack.state in ("ok", "incomplete")]

    def _call(self, hook: str, plugin: Any, **kwargs: Any) -> Any:
        # pluggy takes the plugins that are not to be called.
        others = [p for p in self.plugin_manager.get_plugins() if p is not plugin]
        return self.plugin_manager.subset_hook_caller(hook, others)(**kwargs)

    @contextmanager
    def _guarded(self, pack: PackStatus, doing: str) -> Iterator[None]:
        """Turn whatever a pack raises into its state ``failed`` and one warning, or let it pass in strict mode."""
        now = f"ngym was {doing} the pack {pack.name!r} of {pack.origin}"
        with isolated(now, lambda error: self._leave_out(pack, error)):
            yield

    def _leave_out(self, pack: PackStatus, error: BaseException) -> None:
        pack.state, pack.error = "failed", reason(error)
        if self.strict:
            raise error
        warn(f"The ngym pack {pack.name!r} of {pack.origin} is left out: {pack.error}")

    def _leave_out_damaged(self, dist: importlib.metadata.Distribution, error: Exception) -> None:
        # What pip began to write or to remove. No public attribute has its folder.
        folder = Path(getattr(dist, "_path", None) or str(dist.locate_file("")))
        pack = PackStatus(folder.name, str(folder), "?")
        self.packs.append(pack)
        if self._allowed is not None:
            pack.state = "blocked"
        else:
            self._leave_out(pack, error)


def _packs_of(dist: importlib.metadata.Distribution) -> list[tuple[PackStatus, importlib.metadata.EntryPoint]]:
    """Return the packs of a distribution with their entry points, or raise if it has some but is damaged."""
    try:
        text = dist.read_text("entry_points.txt") or ""
    except UnicodeDecodeError as error:
        if GROUP.encode() in error.object.replace(b"\0", b""):  # UTF-16, too
            raise ValueError(f"Its entry_points.txt is not UTF-8 ({error}); install it again.") from error
        return []
    if f"[{GROUP}]" not in text:  # most distributions: to parse them takes time at every import
        return []
    try:
        metadata: Any = dist.metadata
        name, version = metadata.get("Name"), metadata.get("Version")
    except Exception:  # there is no METADATA, or it cannot be decoded
        name = version = None
    if not name:
        raise ValueError("Its METADATA is missing, cannot be read or has no name; install it again.")
    first = importlib.metadata.distribution(name)
    if first.locate_file("") != dist.locate_file(""):
        return []  # an earlier folder of `sys.path` has a distribution of this name, perhaps without packs
    return [(PackStatus(p.name, name, version or "?"), p) for p in dist.entry_points.select(group=GROUP)]


def _all_of(kind: type, hook: str, results: list[Any]) -> list[Any]:
    """Flatten the results of a hook and check their types."""
    found = []
    for result in results:
        if isinstance(result, (str, Mapping)) or not isinstance(result, Iterable):
            raise TypeError(f"{hook} must return several {kind.__name__}, not {result!r}.")
        for item in result:
            if not isinstance(item, kind):
                raise TypeError(f"{hook} must return {kind.__name__} objects, not {item!r}.")
            found.append(item)
    return found


def _check_file(drawn: Any, pack: PackStatus, hook: str = "ngym_figure") -> None:
    """Raise a TypeError if what a pack returned is not the path of a file."""
    if not isinstance(drawn, (str, Path)):
        raise TypeError(f"{hook} of {pack.origin} must return the path of a file, not {drawn!r}.")


def _check_frame(drawn: Any, pack: PackStatus) -> None:
    """Raise a TypeError if what a pack returned is no image."""
    if getattr(drawn, "dtype", None) != "uint8" or drawn.ndim != 3 or drawn.shape[-1] != 3:
        what = f"{drawn.dtype} of shape {drawn.shape}" if hasattr(drawn, "dtype") else repr(drawn)
        raise TypeError(f"ngym_frame of {pack.origin} must return uint8 of shape (H, W, 3), not {what}.")


def _tags(results: list[Any]) -> list[Mapping[str, str]]:
    for result in results:
        if not isinstance(result, Mapping):
            raise TypeError(f"ngym_tags must return a mapping, tag -> meaning, not {result!r}.")
    return results


def find_packs(version: str) -> PackManager:
    """Load the built-in tasks and wrappers, then every installed pack. `import ngym_core` calls this once."""
    from ngym_core import tasks, wrappers

    found = PackManager.from_environment()
    registry.set_pack_manager(found)  # before packs are loaded: one of them may call `make` while it is imported
    found.add(tasks, PackStatus("tasks", "ngym-core", version))
    found.add(wrappers, PackStatus("wrappers", "ngym-core", version))
    found.discover()
    return found
