"""Pack manager: finds and loads installed packs, confines each fault to its pack, and reports what is installed."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pluggy

from ngym_core.errors import nearest
from ngym_core.plugins import hookspecs, registry

__all__ = ["PackManager", "PackStatus", "PluginWarning", "find_packs"]

GROUP = "ngym"
"""Entry point group of packs."""
HOOKS = tuple(name for name in hookspecs.__all__ if name != "hookimpl")


class PluginWarning(UserWarning):
    """A pack failed and was left out."""


@dataclass
class PackStatus:
    """The state of an installed pack.

    Attributes:
        name: Name of the entry point.
        distribution: The distribution that contains it.
        version: The distribution's version.
        hooks: Names of the hooks that it implements.
        tasks: Ids of the tasks that it offers (or tried to).
        wrappers: Names of the wrappers that it offers (or tried to).
        state: ``ok``, ``failed``, or ``blocked`` by `NGYM_PLUGINS`.
        error: Why it failed, empty otherwise.
    """

    name: str
    distribution: str
    version: str
    hooks: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    wrappers: list[str] = field(default_factory=list)
    state: str = "ok"
    error: str = ""

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

    def __init__(self, allowed: Iterable[str] | None = None, strict: bool = False) -> None:
        self.plugin_manager = pluggy.PluginManager(GROUP)
        self.plugin_manager.add_hookspecs(hookspecs)
        self.packs: list[PackStatus] = []
        self._objects: dict[int, Any] = {}
        self._allowed = None if allowed is None else set(allowed)
        self._strict = strict

    @classmethod
    def from_environment(cls) -> PackManager:
        """Make a manager from `NGYM_PLUGINS` (allowed names, separated by commas; empty for none) and `NGYM_STRICT`."""
        names = os.environ.get("NGYM_PLUGINS")
        allowed = None if names is None else [n.strip() for n in names.split(",") if n.strip()]
        return cls(allowed, os.environ.get("NGYM_STRICT", "") not in ("", "0"))

    def discover(self) -> None:
        """Load every installed pack, in a fixed order."""
        points = importlib.metadata.entry_points(group=GROUP)
        for point in sorted(points, key=lambda p: (_distribution(p)[0], p.name)):
            self.load(point)

    def load(self, point: importlib.metadata.EntryPoint) -> PackStatus:
        """Load one pack. If it fails, only this pack is left out.

        Args:
            point: Its entry point.

        Returns:
            Its status.
        """
        pack = PackStatus(point.name, *_distribution(point))
        self.packs.append(pack)
        if self._allowed is not None and not {pack.name, pack.distribution} & self._allowed:
            pack.state = "blocked"
            return pack
        with self._guarded(pack):
            self.add(point.load(), pack)
        return pack

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
        self._objects[id(pack)] = plugin
        self.plugin_manager.register(plugin, f"{pack.distribution}:{pack.name}")
        try:
            pack.hooks = self._hooks(plugin)
            owner = f"{pack.distribution} {pack.version}"
            specs = _all_of(registry.TaskSpec, "ngym_tasks", self._call("ngym_tasks", plugin))
            pack.tasks = [s.id for s in specs]
            wrappers = _all_of(registry.WrapperSpec, "ngym_wrappers", self._call("ngym_wrappers", plugin))
            pack.wrappers = [w.name for w in wrappers]
            registry.register_all(specs, wrappers, self._call("ngym_tags", plugin), owner)
        except BaseException:  # also SystemExit: no hook of a failed pack may be called later
            self.plugin_manager.unregister(plugin)
            raise

    def add_commands(self, group: Any) -> None:
        """Let the packs add their commands to the command line. A pack that fails is left out."""
        for pack in self.packs:
            if "ngym_commands" in pack.hooks and pack.state == "ok":
                with self._guarded(pack):
                    self._call("ngym_commands", self._objects[id(pack)], group=group)

    def draw_figure(self, run: Mapping[str, Any], env: Any, fname: Path) -> Path:
        """Let a pack draw a run of an agent, see `hookspecs.ngym_figure`.

        Returns:
            The file that was written.

        Raises:
            ImportError: No installed pack draws figures.
        """
        drawn = self.plugin_manager.hook.ngym_figure(run=run, env=env, fname=fname)
        if drawn is None:
            raise ImportError("No installed pack draws figures: pip install ngym-plot.")
        return drawn  # type: ignore[no-any-return]

    @property
    def can_draw_figures(self) -> bool:
        """Whether an installed pack draws figures."""
        return any("ngym_figure" in pack.hooks and pack.state == "ok" for pack in self.packs)

    def why_missing(self, id_: str) -> str:
        """Explain a missing task: quote the failed packs that have it, or all failed packs, as any of them may have it."""
        failed = [p for p in self.packs if p.state == "failed"]
        certain = [p for p in failed if id_ in p.tasks or f"{id_}-v0" in p.tasks]
        if certain:
            return "".join(f"The pack {p.name!r} of {p.distribution} has it but failed: {p.error} " for p in certain)
        return "".join(f"(The pack {p.name!r} of {p.distribution} failed to load: {p.error}) " for p in failed)

    def _hooks(self, plugin: Any) -> list[str]:
        """List the hooks that a plugin implements. Raise if a name is not a hook, or if there is none."""
        marked = [n for n in dir(plugin) if self.plugin_manager.parse_hookimpl_opts(plugin, n) is not None]
        for name in marked:
            if name not in HOOKS:
                raise ValueError(f"There is no hook {name!r}. {nearest(name, HOOKS)}")
        if not marked:
            raise ValueError(f"It implements no hook; mark its functions with ngym_core.hookimpl. {nearest('', HOOKS)}")
        return marked

    def _call(self, hook: str, plugin: Any, **kwargs: Any) -> list[Any]:
        # pluggy takes the plugins that are not to be called.
        others = [p for p in self.plugin_manager.get_plugins() if p is not plugin]
        return self.plugin_manager.subset_hook_caller(hook, others)(**kwargs)  # type: ignore[no-any-return]

    @contextmanager
    def _guarded(self, pack: PackStatus) -> Iterator[None]:
        """Turn an error of a pack into its state ``failed`` and one warning, or let it pass in strict mode."""
        try:
            yield
        except (Exception, SystemExit) as error:
            pack.state, pack.error = "failed", " ".join(f"{type(error).__name__}: {error}".split())
            if self._strict:
                raise
            warnings.warn(
                f"The ngym pack {pack.name!r} of {pack.distribution} {pack.version} is left out: {pack.error}",
                PluginWarning,
                stacklevel=2,
            )


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    dist = point.dist
    return (dist.name, dist.version) if dist is not None else ("unknown", "?")


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


def find_packs(version: str) -> PackManager:
    """Load the built-in tasks and wrappers, then every installed pack. `import ngym_core` calls this once."""
    from ngym_core import tasks, wrappers

    found = PackManager.from_environment()
    registry.set_pack_manager(found)  # before packs are loaded: one of them may call `make` while it is imported
    found.add(tasks, PackStatus("tasks", "ngym-core", version))
    found.add(wrappers, PackStatus("wrappers", "ngym-core", version))
    found.discover()
    return found
