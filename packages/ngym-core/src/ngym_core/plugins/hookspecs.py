"""Hook specifications: every hook that a pack can implement, with when it is called, what it returns and an example.

A pack is a distribution with an entry point in the group ``ngym`` that names a module (or object)
with functions marked by `hookimpl`:

```toml
[project.entry-points.ngym]
my-pack = "my_pack"
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    import click
    import gymnasium
    import numpy as np
    from numpy.typing import NDArray

    from ngym_core.certificates import Kind, Recipe
    from ngym_core.plugins.registry import TaskSpec, WrapperSpec
    from ngym_core.rendering import PlayedTrial

__all__ = [
    "hookimpl",
    "ngym_certificates",
    "ngym_commands",
    "ngym_figure",
    "ngym_figures",
    "ngym_frame",
    "ngym_recipe",
    "ngym_tags",
    "ngym_tasks",
    "ngym_wrappers",
]

hookimpl = pluggy.HookimplMarker("ngym")
hookspec = pluggy.HookspecMarker("ngym")


@hookspec
def ngym_tasks() -> Iterable[TaskSpec]:  # type: ignore[empty-body]
    """Offer tasks. Called once, when `ngym_core` is imported.

    Returns:
        The tasks to register. Their ids must be new; their classes are imported by `make`.

    Example:
        ```python
        @hookimpl
        def ngym_tasks():
            return [TaskSpec("MyTask-v0", "my_pack.my_task:MyTask")]
        ```
    """


@hookspec
def ngym_wrappers() -> Iterable[WrapperSpec]:  # type: ignore[empty-body]
    """Offer wrappers. Called once, when `ngym_core` is imported.

    Returns:
        The wrappers to register. Their names must be new.

    Example:
        ```python
        @hookimpl
        def ngym_wrappers():
            return [WrapperSpec("MyWrapper-v0", "my_pack.my_wrapper:MyWrapper")]
        ```
    """


@hookspec
def ngym_tags() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Explain tags. Called once, when `ngym_core` is imported.

    Returns:
        Tag -> meaning in a few words. The meaning of an existing tag cannot be changed.

    Example:
        ```python
        @hookimpl
        def ngym_tags():
            return {"foraging": "the agent decides when to leave a patch"}
        ```
    """


@hookspec
def ngym_commands(group: click.Group) -> None:
    """Add commands to the command line. Called each time `ngym` runs.

    Args:
        group: Takes the commands of the pack, which become commands of `ngym`. Their names must be new.

    Example:
        ```python
        @hookimpl
        def ngym_commands(group):
            @group.command()
            def hello():
                "Say hello."
                click.echo("hello")
        ```
    """


@hookspec(firstresult=True)
def ngym_figure(run: Mapping[str, Any], env: gymnasium.Env[Any, Any], fname: Path) -> Path | None:
    """Draw a run of an agent and save the figure. Called by `Monitor`, until a pack returns a file.

    Args:
        run: What `run_env` returns: `ob`, `ob_before`, `initial_ob`, `actions`, `gt`, `rewards`, `perf`,
            `trial_start`, `trial_end`.
        env: The task with its wrappers.
        fname: File to write.

    Returns:
        The file that was written; None to leave it to another pack.

    Example:
        ```python
        @hookimpl
        def ngym_figure(run, env, fname):
            return my_pack.draw(run["rewards"], fname)
        ```
    """


@hookspec
def ngym_figures(  # type: ignore[empty-body]
    table: Mapping[str, NDArray[Any]], env: gymnasium.Env[Any, Any], folder: Path
) -> Iterable[Path]:
    """Draw figures of your own of played trials. Every pack is asked.

    Called by `ngym train` with the test trials of the agent; and with trials of an agent that plays the ground truth for
    the gallery, and for the page of the task in the documentation.

    Args:
        table: Trial table, column -> (trials,) array: at least `choice`, `gt`, `performance`, `reward` and conditions.
        env: The task with its wrappers.
        folder: Where to write.

    Returns:
        The files (PNG) that were written to it; none for tasks of which the pack draws nothing.

    Example:
        ```python
        @hookimpl
        def ngym_figures(table, env, folder):
            if not isinstance(env.unwrapped, MyTask):
                return []
            return [my_pack.draw(table["reward"], folder / "rewards.png")]
        ```
    """


@hookspec(firstresult=True)
def ngym_frame(trial: PlayedTrial, env: gymnasium.Env[Any, Any]) -> NDArray[np.uint8] | None:
    """Draw a trial as it was played so far. Called by `render` of envs and lanes, until a pack returns a frame.

    Args:
        trial: The trial.
        env: The task with its wrappers: names of channels and actions.

    Returns:
        (H, W, 3) uint8, of the same size for all trials; None to leave it to another pack.

    Example:
        ```python
        @hookimpl
        def ngym_frame(trial, env):
            return my_pack.draw(trial.ob[-1])
        ```
    """


@hookspec(firstresult=True)
def ngym_recipe(task: str, kind: Kind) -> Recipe | None:
    """Say how networks are trained on a task for its certificate. Called by `ngym certify`, until a pack returns a recipe.

    The pack that has the task is asked first.

    Args:
        task: Id of the task.
        kind: ``supervised`` or ``rl``.

    Returns:
        The recipe; None to leave it to another pack.

    Example:
        ```python
        @hookimpl
        def ngym_recipe(task, kind):
            if (task, kind) == ("MyTask-v0", "supervised"):
                return SupervisedRecipe(task, units=128)
        ```
    """


@hookspec
def ngym_certificates() -> Path:  # type: ignore[empty-body]
    """Say where the certificates of the pack's tasks are. Called by `ngym info`.

    Returns:
        The file that ``ngym certify TASK --out FILE`` has written.

    Example:
        ```python
        @hookimpl
        def ngym_certificates():
            return Path(__file__).with_name("certificates.json")
        ```
    """
