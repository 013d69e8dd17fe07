"""The commands `ngym export` and `ngym rerun`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ngym_core.progress import progress_bar
from ngym_core.task_options import TASK, TaskChanges, parse_pairs, task_options, usage_errors
from ngym_data.splits import SPLITS, Split

__all__ = ["export", "rerun"]


@click.command()
@click.argument("task", type=TASK)
@click.option("--trials", type=click.IntRange(1), default=1000, show_default=True, help="Number of trials.")
@click.option("--split", type=click.Choice(SPLITS), default="train", show_default=True, help="Split of the trials.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all trials.")
@task_options
@click.option(
    "--holdout",
    callback=parse_pairs,
    multiple=True,
    metavar="NAME=VALUE",
    help="Held-out values, which only the split holdout has, e.g. coh=[12.8].",
)
@click.option(
    "--session",
    type=click.IntRange(1),
    help="Number of trials in a session, in which blocks and histories continue; by default 128, fewer of images.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file, NAME.npz; it must not exist.")
def export(
    task: str,
    trials: int,
    split: Split,
    seed: int,
    changes: TaskChanges,
    holdout: dict[str, Any],
    session: int | None,
    out: Path,
) -> None:
    """Write trials of TASK to a file, with a manifest beside it.

    Several values of a condition are crossed with those of the others: the trials have all combinations in turn.
    """
    from ngym_data.export import export_trials
    from ngym_data.trial_dataset import TrialDataset

    changes.make(task)  # errors of names and values before anything else
    parameters = {**changes.parameters, **({"wrappers": changes.wrappers} if changes.wrappers else {})}
    chosen: dict[str, Any] = {
        "seed": seed,
        "split": split,
        "holdout": holdout,
        "conditions": changes.conditions,
        "session": session,
    }
    with usage_errors(f"{task}: "):
        TrialDataset(task, parameters, trials, **chosen)
    with progress_bar("generating trials", trials) as update:
        files = export_trials(
            out,
            task,
            parameters,
            trials,
            progress=update,
            **chosen,
        )
    click.echo(f"wrote {', '.join(map(str, files))}")


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write the trials to this file, NAME.npz; it must not exist."
)
def rerun(manifest: Path, out: Path | None) -> None:
    """Generate exported trials again from their MANIFEST and compare the bytes.

    The manifest may be a stranger's. It runs only tasks and wrappers of installed packages, and writes nothing but --out.
    """
    from ngym_data.export import read_manifest
    from ngym_data.export import rerun as rerun_export

    with progress_bar("generating trials", read_manifest(manifest)["trials"]) as update:
        result = rerun_export(manifest, out=out, progress=update)
    changed = "; ".join(f"{name} was {then}, is {now}" for name, (then, now) in result.changed.items())
    if not result.same:
        raise click.ClickException(f"The bytes differ ({changed or 'no version has changed'}): sha256 {result.sha256}.")
    click.echo(f"the same bytes: sha256 {result.sha256}{f' ({changed})' if changed else ''}")
    if out is not None:
        click.echo(f"wrote {out}")
