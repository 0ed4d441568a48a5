"""The command that checks a database: verify."""

import sys

import click

from elsuite.cli.common import json_option, print_json, store_argument
from elsuite.cli.recipe_options import making_options, recipe_given


@click.command(epilog="Example: elsuite verify demo/landscape.elsuite")
@store_argument
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Minima and paths whose energies are computed again, where the data are at hand; 0: none.",
)
@making_options
@json_option
def verify(
    store: str, sample: int, recipe: str | None, settings: tuple[str, ...], trust: bool, data_dir: str | None,
    json_: bool,
) -> None:  # fmt: skip
    """Check a database against its specification and compute a sample of its energies again.

    Exit code 1 when something is wrong.
    """
    from elsuite.database import verify_store

    findings = [{"where": f.where, "problem": f.problem} for f in verify_store(store)]
    checked: dict[str, int] = {"minima": 0, "paths": 0}
    note = "not asked for"
    if sample and not findings:
        from elsuite.studies.recompute import recompute_sample

        how = recipe_given(recipe, settings)
        again = recompute_sample(store, n=sample, recipe=how, trust=trust, data_dir=data_dir)
        findings += [{"where": f.where, "problem": f.problem} for f in again.findings]
        checked, note = {"minima": again.n_minima, "paths": again.n_paths}, again.note
    if json_:
        print_json({"valid": not findings, "findings": findings, "recomputed": checked, "note": note})
    else:
        for finding in findings:
            click.echo(f"{finding['where']}: {finding['problem']}")
        click.echo(f"{store}: {f'{len(findings)} problems' if findings else 'valid'}")
        click.echo(f"computed again: {checked['minima']} minima, {checked['paths']} paths ({note})")
    sys.exit(1 if findings else 0)
