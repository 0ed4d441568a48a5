"""The command that draws: plot. Its options are the fields of `elsuite.analysis.options.FigureOptions`."""

import dataclasses
import types
from collections.abc import Callable
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints

import click

from elsuite.analysis.options import FigureOptions
from elsuite.cli.common import finite, store_argument
from elsuite.database import open_database
from elsuite.database.query import choose_surface, left_out_in_words, n_left_out
from elsuite.plotting.figures import FIGURES

_FIELDS = dataclasses.fields(FigureOptions)


def _flag(name: str) -> str:
    return "--set" if name == "sets" else f"--{name.replace('_', '-')}"


def _parsed(parse: Callable[[str], Any], _ctx: click.Context, _param: click.Parameter, text: str | None) -> Any:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _option(field: dataclasses.Field[Any], hint: Any) -> Callable[[Any], Any]:
    """Return the option of a field: what it takes by the field's type, the rest by its metadata."""
    facts, flag = field.metadata, _flag(field.name)
    if hint is bool:
        return click.option(f"{flag}/--no-{flag.removeprefix('--')}", field.name, default=None, help=facts["help"])
    given: dict[str, Any] = {"help": facts["help"], "metavar": facts["metavar"]}
    low, high = facts["limits"]
    kind = next(k for k in get_args(hint) if k is not types.NoneType) if isinstance(hint, types.UnionType) else hint
    if facts["parse"]:
        given["callback"] = partial(_parsed, facts["parse"])
    elif facts["allowed"]:
        given |= {"type": click.Choice(facts["allowed"]), "metavar": None}
    elif get_origin(kind) is tuple:
        items = get_args(kind)
        given |= {"type": items[0], "multiple": True} if items[1:] == (...,) else {"type": items}
    elif kind is int:
        given["type"] = click.IntRange(low, high)
    elif kind is float:
        given |= {"type": float if low is None else click.FloatRange(low, high), "callback": finite}
    return click.option(flag, field.name, **given)


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    hints = get_type_hints(FigureOptions)
    for field in reversed(_FIELDS):
        command = _option(field, hints[field.name])(command)
    return command


class _GroupedCommand(click.Command):
    """A command whose help lists the options of the figures in their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups = {field.name: field.metadata["group"] for field in _FIELDS}
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in dict.fromkeys(groups.values())}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(groups.get(str(param.name), "Options"), []).append(record)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


@click.command(
    cls=_GroupedCommand,
    epilog="Example: elsuite plot disconnectivity demo/landscape.elsuite --color-by set --out tree.svg",
    help=f"""Draw a picture; the ending of --out chooses the format.

    KIND is one of: {", ".join(FIGURES)}. Each takes the options that concern it, and refuses others.
    """,
)
@click.argument("kind", type=click.Choice(tuple(FIGURES)), metavar="KIND")
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="A .png, .svg or .pdf file.")
@_with_options
def plot(kind: str, store: str, out: str, **options: Any) -> None:
    """Draw a picture of a store into a file."""
    from elsuite.plotting.saving import check_format, save_figure

    check_format(out)
    given = {key: value for key, value in options.items() if value not in (None, ())}
    chosen, picture = FigureOptions(**given), FIGURES[kind]
    for name in picture.unused(chosen):
        kinds = [other for other, row in FIGURES.loadable() if name in row.uses]
        raise click.UsageError(f"{_flag(name)}: given with {kind}, allowed with {', '.join(kinds)}")
    with open_database(store) as database:
        chosen = dataclasses.replace(chosen, surface=choose_surface(database, chosen.surface))
        save_figure(picture(database, chosen), out)
        counts = n_left_out(database, str(chosen.surface))
    for line in left_out_in_words(*counts, str(chosen.surface)):
        click.echo(f"not drawn: {line}", err=True)
    click.echo(out)
