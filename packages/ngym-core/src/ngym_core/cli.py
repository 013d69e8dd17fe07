"""The `ngym` command line: lists, describes and checks tasks, and runs the commands that packs add."""

from __future__ import annotations

import copy
import io
import json
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import ngym_core as ngym
from ngym_core.arguments import MAX_NETWORK_SEED
from ngym_core.errors import TaskError, UnknownNameError
from ngym_core.files import require_writable_file
from ngym_core.info import facts_of
from ngym_core.plugins import registry
from ngym_core.plugins.isolation import isolated, reason
from ngym_core.task_options import NAME, TASK, TaskChanges, task_options, tasks_named, usage_errors

if TYPE_CHECKING:
    from ngym_core.certificates import Kind

__all__ = ["main"]

SLOW_IMPORT_SECONDS = 1.0
"""Time from which `ngym plugins` calls the import of a pack slow."""

MIN_PURPOSE_CHARACTERS = 20
"""Length of what a listing says of a task, at least, however narrow the terminal."""

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: what was asked for could not be done, the command was written wrong, Ctrl-C."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
@click.version_option(ngym.__version__, prog_name="ngym")
def cli() -> None:
    """List, describe and check tasks of cognitive neuroscience. Packs add commands."""


@cli.command("list")
@click.option("--tag", help="Only tasks with this tag.")
@click.option("--collections", is_flag=True, help="The collections instead, each with its tasks.")
@as_json
def list_tasks(tag: str | None, collections: bool, as_json: bool) -> None:
    """List all tasks, each with what it is about."""
    if collections and tag is not None:
        raise click.UsageError("--tag lists tasks, --collections lists collections: give one of them.")
    found = {name: registry.get_collection(name) for name in registry.all_collections()} if collections else {}
    if collections and as_json:
        _echo_json(found)
        return
    ids = [id_ for ids in found.values() for id_ in ids] if collections else registry.all_envs(tag, collections=True)
    tasks = {id_: _task(id_) for id_ in ids}
    if as_json:
        _echo_json(list(tasks.values()))
        return
    for name, members in found.items():
        click.echo("\n".join([f"{name} ({len(members)} tasks)", *_listing([tasks[id_] for id_ in members], "id", "  ")]))
    if not collections:
        click.echo("\n".join(_listing(tasks.values(), "id")))


def _task(id_: str) -> dict[str, Any]:
    spec = registry.task_spec(id_)
    return {"id": id_, "collection": spec.collection, **registry.task_metadata(spec)}


def _listing(rows: Iterable[dict[str, Any]], name: str, indent: str = "") -> list[str]:
    """Return a line for each task or wrapper, its name and its purpose, which a terminal may make shorter."""
    rows = list(rows)
    column = max((len(row[name]) for row in rows), default=0)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = []
    for row in rows:
        head, purpose = f"{indent}{row[name]:{column}}  ", row["purpose"]
        if width is not None:
            purpose = textwrap.shorten(purpose, max(width - len(head), MIN_PURPOSE_CHARACTERS), placeholder=" ...")
        lines.append(f"{head}{purpose}".rstrip())
    return lines


def _echo_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, allow_nan=False))


@cli.command()
@click.argument("name", type=NAME)
@as_json
def info(name: str, as_json: bool) -> None:
    """Describe NAME: a task, a wrapper or a collection.

    Of a task: its channels and actions, periods, conditions and their values, rewards, parameters with their defaults, and
    what networks reach on it.
    """
    if as_json:
        _echo_json(facts_of(name))
    else:
        click.echo(ngym.describe(name))


@cli.command()
@as_json
def tags(as_json: bool) -> None:
    """List all tags with their meaning."""
    meanings = {tag: registry.tag_meaning(tag) for tag in registry.all_tags()}
    if as_json:
        _echo_json(meanings)
    else:
        ngym.show_all_tags()


@cli.command()
@as_json
def wrappers(as_json: bool) -> None:
    """List all wrappers, each with what it does."""
    found = [{"name": name, **registry.wrapper_metadata(registry.wrapper_spec(name))} for name in registry.all_wrappers()]
    if as_json:
        _echo_json(found)
    else:
        click.echo("\n".join(_listing(found, "name")))


@cli.command()
@as_json
def plugins(as_json: bool) -> None:
    """List the installed packs, why any of them or of their tasks and wrappers failed, and which ones are slow to import."""
    manager = registry.pack_manager()
    manager.check_targets()
    packs = manager.packs
    if as_json:
        _echo_json([pack.as_dict() for pack in packs])
        return
    for pack in packs:
        click.echo(
            f"{pack.name}  ({pack.distribution} {pack.version})  {pack.state}"
            f"  {len(pack.tasks)} tasks, {len(pack.wrappers)} wrappers  {', '.join(pack.hooks)}"
        )
        if pack.error:
            click.echo(f"    {pack.error}")
        for name, why in pack.unusable.items():
            click.echo(f"    {name} cannot be imported: {why}")
        if pack.import_seconds > SLOW_IMPORT_SECONDS:
            click.echo(f"    slow: whatever imports ngym_core waits {pack.import_seconds:.1f} s for it")


@cli.command("new-pack")
@click.argument("name")
@click.option("--out", help="Folder to write to, a new or empty one; by default NAME.")
def new_pack(name: str, out: str | None) -> None:
    """Write a pack: a package NAME with a task of yours.

    It has one task, its tests, and what is needed to check it (nox), to test it elsewhere (CI) and to install it.
    """
    from ngym_core.plugins.new_pack import write_pack

    with usage_errors():  # a name that no package should have
        files = write_pack(name, out)
    for file in files:
        click.echo(file)
    click.echo(f"\nCheck it:  cd {shlex.quote(out or name)} && python -m pip install nox && python -m nox")


@cli.command()
@click.argument("tasks", nargs=-1, type=TASK)
@click.option("--all", "everything", is_flag=True, help="All tasks.")
@task_options
@as_json
def check(tasks: tuple[str, ...], everything: bool, changes: TaskChanges, as_json: bool) -> None:
    """Check that TASKS keep the promises of every task; the name of a collection stands for its tasks.

    Prints their chance level (where it is known), the mean performance of the oracle and of random actions, and
    how many trials a second are generated. Fails if a task breaks a promise, and says which.
    """
    from ngym_core.testing import check_task

    names = _names(tasks, everything, "check")
    is_changed = changes != TaskChanges()
    for name in names if is_changed else ():
        changes.make(name)  # what no task can have is an error before any of them is checked
    done: list[dict[str, Any]] = []
    broken = []
    width = max(map(len, names))
    if not as_json:
        click.echo(f"{'task':{width}}  chance  oracle  random  trials/s")
    for name in names:
        problems: list[BaseException] = []
        with isolated(f"ngym was checking the task {name!r}", problems.append):
            result = replace(check_task(partial(_changed, changes, name)), task=name) if is_changed else check_task(name)
        if problems:
            [problem] = problems
            text = str(problem) if isinstance(problem, TaskError) else f"{name} cannot be checked: {reason(problem)}"
            broken.append(name)
            done.append({"task": name, "error": text})
            click.echo(text, err=True)
            continue
        done.append(result.as_dict())
        if not as_json:
            chance = "     -" if result.chance is None else f"{result.chance:6.3f}"
            click.echo(
                f"{name:{width}}  {chance}  {result.oracle:6.3f}  {result.random:6.3f}  {result.trials_per_second:8,.0f}"
            )
    if as_json:
        _echo_json(done)
    if broken:
        raise click.ClickException(f"{len(broken)} of {len(names)} tasks break a promise: {', '.join(broken)}")


def _names(tasks: Sequence[str], everything: bool, verb: str) -> list[str]:
    """Return the ids of the tasks of a command: those that it names, or all."""
    if everything and tasks:
        raise click.UsageError("--all stands for all tasks: give it or TASKS.")
    names = registry.all_envs(collections=True) if everything else tasks_named(tasks)
    if not names:
        raise click.UsageError(f"Name tasks to {verb}, or give --all.")
    return names


def _changed(changes: TaskChanges, name: str) -> Any:
    """Return a task that is changed: the chance level that it states is that of its defaults."""
    env = changes.make(name)
    env.chance = None
    return env


@cli.command()
@click.argument("tasks", nargs=-1, type=TASK)
@click.option("--all", "everything", is_flag=True, help="All tasks.")
@click.option("--kind", type=click.Choice(["supervised", "rl"]), help="Only this kind of recipe; by default both.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0, MAX_NETWORK_SEED),
    multiple=True,
    help="Seed of a network; several may be given, by default 0, 1, 2.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Number of processes that train.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File of certificates; those of other tasks stay, and those that are current are not made again.",
)
def certify(
    tasks: tuple[str, ...], everything: bool, kind: Kind | None, seeds: tuple[int, ...], workers: int, out: Path | None
) -> None:
    """Train networks on TASKS, each by its recipe, and say what they reach; the name of a collection stands for its tasks.

    Recipes come from packs: ngym-data (supervised) and ngym-sb3 (rl) have some for all tasks. Fails if a network
    misses its criterion, or could not be trained.
    """
    from ngym_core.certificates import KINDS, Certificate, renew

    names = _names(tasks, everything, "certify")
    if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise click.UsageError(f"--seed {twice[0]} is given twice; each network has a seed of its own.")
    if out is not None:
        require_writable_file(out)  # before networks are trained
    missed, failed = [], []

    def show(task: str, of_kind: str, result: Any) -> None:
        if isinstance(result, Certificate):
            click.echo(f"{task}  {result.summary()}")
            if not result.reached:
                missed.append(f"{task} ({of_kind})")
        elif result is None:
            click.echo(f"{task}  {of_kind}: no installed pack has a recipe")
        else:
            click.echo(f"{task}  {of_kind}: {reason(result)}", err=True)
            failed.append(f"{task} ({of_kind})")

    kinds: Sequence[Kind] = KINDS if kind is None else (kind,)
    made = renew(names, out, kinds=kinds, seeds=seeds or None, workers=workers, on_done=show)
    results = {"miss their criterion": missed, "could not be followed, see the errors above": failed}
    if bad := [f"{len(of)} recipes {what}: {', '.join(of)}" for what, of in results.items() if of]:
        raise click.ClickException("; ".join(bad))
    if not made:
        raise click.ClickException("No installed pack has a recipe: pip install ngym-data ngym-sb3.")


def main() -> None:
    """Run the command line with the commands of all packs.

    It exits with 0 if all was done, 1 if it could not be done (a check that failed, a folder that holds something else), and
    2 if the command was written wrong: an unknown option, task or condition, or a value that there is not. Either error is
    one line on stderr.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a pack may have texts that a terminal cannot show
    with_packs = copy.copy(cli)
    with_packs.commands = dict(cli.commands)  # its own: a program may call `main` again
    registry.pack_manager().add_commands(with_packs)
    try:
        code = with_packs(prog_name="ngym", standalone_mode=False)
    except click.ClickException as error:
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # click before 8.2 shows the help itself
            error.show()
            sys.exit(error.exit_code)
        help_ = f" See {error.ctx.command_path} --help." if isinstance(error, click.UsageError) and error.ctx else ""
        message = error.format_message()
        _fail(f"{message}{'' if not help_ or message.endswith(('.', '?', '!')) else '.'}{help_}", error.exit_code)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except UnknownNameError as error:
        _fail(error, USAGE)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}." if error.strerror and error.filename else error, FAILURE)
    except (ValueError, TypeError, ImportError) as error:
        _fail(error, FAILURE)
    if isinstance(code, int) and code:  # a command ended by `ctx.exit(code)`
        sys.exit(code)


def _fail(error: object, code: int) -> NoReturn:
    """Print an error in one line and exit."""
    click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    sys.exit(code)
