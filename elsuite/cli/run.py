"""The command that builds the database of a study file: run."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import data_option, print_json, print_table, seed_option
from elsuite.cli.progress import progress_bars

if TYPE_CHECKING:
    from elsuite.studies.run import StudyReport

_PAIRS_SHOWN = 20


@click.command(epilog="Example: elsuite run study.toml --out results")
@click.argument("study", type=click.Path(dir_okay=False))
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder for the database.")
@seed_option
@data_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes on this machine that share the work."
)
@click.option("--scheduler", metavar="URL", help="A running Dask cluster, such as tcp://node1:8786.")
@click.option("--retry-failed", is_flag=True, help="Try starts and searches again that failed before.")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost, and which pairs it would search.")
@click.option("--json", "json_", is_flag=True, help="Print JSON (what was made, or the dry run).")
def run(
    study: str, out: str, seed: int | None, data_dir: str | None, workers: int | None, scheduler: str | None,
    retry_failed: bool, dry_run: bool, json_: bool,
) -> None:  # fmt: skip
    """Build the database that the file STUDY describes; do nothing twice.

    Killed or interrupted, the same command goes on from what is committed. The exit code is 1 when starts or searches
    failed.
    """
    from elsuite.studies.reading import load_study

    value, text = load_study(study, seed=seed)
    if dry_run:
        _say_cost(value, Path(out), data_dir, json_)
        return
    _check_cluster(workers, scheduler)
    report = build(
        value, text, Path(out),
        data_dir=data_dir, n_workers=workers, scheduler=scheduler, retry_failed=retry_failed,
    )  # fmt: skip
    if json_:
        from elsuite.database import describe, open_database

        with open_database(report.store) as database:
            print_json({"store": str(report.store), **describe(database), "failures": report.n_failed})
    else:
        from elsuite.cli.summary import print_found

        print_found(report.store)
        click.echo(f"\ndatabase {report.store}")
    say_failures(report)


def _check_cluster(workers: int | None, scheduler: str | None) -> None:
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers and --scheduler: given both, allowed: one of them")


def build(study: Any, text: str, out: Path, **options: Any) -> "StudyReport":
    """Build what a study describes in the folder `out`, with a display of progress."""
    from elsuite.studies.run import StudyRun, run_study

    with progress_bars() as progress:
        return run_study(StudyRun(study, text, out), progress=progress, **options)


def say_failures(report: "StudyReport") -> None:
    """Say on stderr what a study is without; where work failed, end with exit code 1."""
    if report.without_minima:
        click.echo(
            f"no minima in {', '.join(report.without_minima)}: the runs diverged or failed, and no paths lead there",
            err=True,
        )
    for line in report.incomplete:
        click.echo(f"{line}; what is not tested is no barrier", err=True)
    if report.n_failed:
        click.echo(
            f"{report.n_failed} of {report.n_work} pieces of work failed; `elsuite info {report.store}` names them, "
            "`--retry-failed` tries them again",
            err=True,
        )
        click.get_current_context().exit(1)


def _say_cost(study: Any, out: Path, data_dir: str | None, json_: bool) -> None:
    from elsuite.database import open_database
    from elsuite.studies.preview import estimate_cost, planned_pairs, starts_left
    from elsuite.studies.run import STORE_NAME

    cost = estimate_cost(study, data_dir=data_dir)
    pairs, n_starts = None, sum(section.starts for section in study.minimizers)
    if (out / STORE_NAME).is_dir():
        with open_database(out / STORE_NAME) as database:
            n_starts = starts_left(database, study)
            if database.n_minima:
                pairs = [dataclasses.asdict(plan) for plan in planned_pairs(database, study)]
    if json_:
        print_json({**cost, "pairs": pairs, "starts_left": n_starts})
        return
    heads = ["stage", "steps", "gradients", "bytes", "hours", "bytes a path"]
    print_table(heads, [list(row.values()) for row in cost["stages"]])
    seconds, megabytes = cost["hours"] * 3600, cost["bytes"] / 1e6
    duration = f"{cost['hours']:.3g} hours" if seconds >= 3600 else f"{seconds:.3g} seconds"
    click.echo(f"total, from nothing: {duration} on this machine, {megabytes:.3g} MB stored")
    if n_starts and pairs is not None:
        click.echo(f"starts left: {n_starts}; the pairs below are drawn anew when their minima are there")
    if study.paths and pairs is None:
        click.echo(f"pairs: drawn among the minima of {out}, which are not there yet")
    for plan in pairs or ():
        click.echo(f"{plan['stage']}: {_pairs_in_words(plan)}")


def _pairs_in_words(plan: dict[str, Any]) -> str:
    pairs, done = plan["pairs"], plan["tree"] or f"{plan['n_done']} done"
    if not pairs:
        return f"{done}, none left"
    more = f" and {len(pairs) - _PAIRS_SHOWN} more (--json lists all)" if len(pairs) > _PAIRS_SHOWN else ""
    left = f"{len(pairs)} in the next round" if plan["tree"] else f"{len(pairs)} left"
    return f"{done}, {left}: " + " ".join(f"{a}-{b}" for a, b in pairs[:_PAIRS_SHOWN]) + more
