"""Packs: find them, load them, keep each fault to the pack that has it, and say what is installed."""

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

__all__ = ["PackStatus", "PluginWarning", "Plugins", "find_packs"]

GROUP = "ngym"
HOOKS = tuple(name for name in hookspecs.__all__ if name != "hookimpl")


class PluginWarning(UserWarning):
    """A pack does not work."""


@dataclass
class PackStatus:
    """What is known about an installed pack.

    Attributes:
        name: Name of the entry point.
        distribution: The distribution it comes from.
        version: The distribution's version.
        hooks: Hooks it implements.
        tasks: Ids it offers (or wanted to).
        wrappers: Wrapper names it offers (or wanted to).
        state: ``ok``, ``failed``, or ``blocked`` by `NGYM_PLUGINS`.
        error: Why it failed.
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
        """Give all attributes, for JSON."""
        return asdict(self)


class Plugins:
    """The packs of this program.

    Args:
        allowed: Names of entry points or distributions that may load; None for all.
        strict: Raise the first error instead of warning.

    Attributes:
        packs: What is known about each pack, built-in ones first.
    """

    def __init__(self, allowed: Iterable[str] | None = None, strict: bool = False) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.packs: list[PackStatus] = []
        self._objects: dict[int, Any] = {}
        self._allowed = None if allowed is None else set(allowed)
        self._strict = strict

    @classmethod
    def from_environment(cls) -> Plugins:
        """Read `NGYM_PLUGINS` (names to allow, separated by commas; empty for none) and `NGYM_STRICT`."""
        names = os.environ.get("NGYM_PLUGINS")
        allowed = None if names is None else [n.strip() for n in names.split(",") if n.strip()]
        return cls(allowed, os.environ.get("NGYM_STRICT", "") not in ("", "0"))

    def discover(self) -> None:
        """Load every installed pack, in a fixed order."""
        points = importlib.metadata.entry_points(group=GROUP)
        for point in sorted(points, key=lambda p: (_distribution(p)[0], p.name)):
            self.load(point)

    def load(self, point: importlib.metadata.EntryPoint) -> PackStatus:
        """Load one pack; a fault costs this pack only.

        Args:
            point: Its entry point.

        Returns:
            What is known about it.
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
        """Register a plugin and all it offers, or nothing of it.

        Args:
            plugin: Module or object with hook functions.
            pack: What is known about it; completed here.

        Raises:
            Exception: Whatever is wrong with it.
        """
        if not any(p is pack for p in self.packs):
            self.packs.append(pack)
        self._objects[id(pack)] = plugin
        self.manager.register(plugin, f"{pack.distribution}:{pack.name}")
        try:
            pack.hooks = self._hooks(plugin)
            owner = f"{pack.distribution} {pack.version}"
            specs = _all_of(registry.TaskSpec, "ngym_tasks", self._call("ngym_tasks", plugin))
            pack.tasks = [s.id for s in specs]
            wrappers = _all_of(registry.WrapperSpec, "ngym_wrappers", self._call("ngym_wrappers", plugin))
            pack.wrappers = [w.name for w in wrappers]
            registry.register_all(specs, wrappers, self._call("ngym_tags", plugin), owner)
        except BaseException:
            self.manager.unregister(plugin)
            raise

    def add_commands(self, group: Any) -> None:
        """Let the packs add their commands to the command line; a fault costs the pack only."""
        for pack in self.packs:
            if "ngym_commands" in pack.hooks and pack.state == "ok":
                with self._guarded(pack):
                    self._call("ngym_commands", self._objects[id(pack)], group=group)

    def figure(self, run: Mapping[str, Any], env: Any, fname: Path) -> Path:
        """Let a pack draw what an agent did, see `hookspecs.ngym_figure`.

        Raises:
            ImportError: No installed pack draws.
        """
        drawn = self.manager.hook.ngym_figure(run=run, env=env, fname=fname)
        if drawn is None:
            raise ImportError("No installed pack draws figures: pip install ngym-plot.")
        return drawn  # type: ignore[no-any-return]

    @property
    def draws(self) -> bool:
        """Whether an installed pack draws figures."""
        return any("ngym_figure" in pack.hooks and pack.state == "ok" for pack in self.packs)

    def why_missing(self, id_: str) -> str:
        """Say which failed packs have, or may have, a task."""
        failed = [p for p in self.packs if p.state == "failed"]
        certain = [p for p in failed if id_ in p.tasks or f"{id_}-v0" in p.tasks]
        if certain:
            return "".join(f"The pack {p.name!r} of {p.distribution} has it but failed: {p.error} " for p in certain)
        return "".join(f"(The pack {p.name!r} of {p.distribution} failed to load: {p.error}) " for p in failed)

    def _hooks(self, plugin: Any) -> list[str]:
        """List the hooks that a plugin implements; refuse names that are no hooks, and plugins without any."""
        marked = [n for n in dir(plugin) if self.manager.parse_hookimpl_opts(plugin, n) is not None]
        for name in marked:
            if name not in HOOKS:
                raise ValueError(f"There is no hook {name!r}. {nearest(name, HOOKS)}")
        if not marked:
            raise ValueError(f"It implements no hook; mark its functions with ngym_core.hookimpl. {nearest('', HOOKS)}")
        return marked

    def _call(self, hook: str, plugin: Any, **kwargs: Any) -> list[Any]:
        others = [p for p in self.manager.get_plugins() if p is not plugin]
        return self.manager.subset_hook_caller(hook, others)(**kwargs)  # type: ignore[no-any-return]

    @contextmanager
    def _guarded(self, pack: PackStatus) -> Iterator[None]:
        """Turn a fault of a pack into its state and one warning."""
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
    """Flatten what a hook returned and check it."""
    found = []
    for result in results:
        if isinstance(result, (str, Mapping)) or not isinstance(result, Iterable):
            raise TypeError(f"{hook} must return several {kind.__name__}, not {result!r}.")
        for item in result:
            if not isinstance(item, kind):
                raise TypeError(f"{hook} must return {kind.__name__} objects, not {item!r}.")
            found.append(item)
    return found


def find_packs(version: str) -> Plugins:
    """Load the built-in tasks and wrappers, then every installed pack. `import ngym_core` calls it once."""
    from ngym_core import tasks, wrappers

    found = registry.plugins = Plugins.from_environment()
    found.add(tasks, PackStatus("tasks", "ngym-core", version))
    found.add(wrappers, PackStatus("wrappers", "ngym-core", version))
    found.discover()
    return found
