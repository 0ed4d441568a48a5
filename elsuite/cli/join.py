"""What the command `connect` does with two minima of a physical landscape: `join`."""

import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import print_json, print_table
from elsuite.cli.progress import progress_bars
from elsuite.database import LandscapeDatabase
from elsuite.schema import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsuite.core.typing import Floats
    from elsuite.exploration.mapping import Connection
    from elsuite.landscapes.base import Landscape


def minima_or_files(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[int | Path, ...]:
    """Return ids of minima as numbers, anything else as the places of files."""
    found: list[int | Path] = []
    for text in given:
        if text.isascii() and text.isdecimal():
            found.append(int(text))
        elif Path(text).is_file():
            found.append(Path(text))
        else:
            raise click.BadParameter(f"{text!r} is neither the id of a minimum nor a file.", ctx, param)
    return tuple(found)


def read_point(path: Path, landscape: "Landscape") -> "Floats":
    """Return the point in a file: of atoms (.xyz, .extxyz) their coordinates, else all numbers of a text file."""
    from elsuite.interchange.text import read_table
    from elsuite.interchange.xyz import read_xyz
    from elsuite.landscapes import AtomicLandscape

    if path.suffix.lower() not in {".xyz", ".extxyz"}:
        point = read_table(path, None, "coordinates").values.ravel()
    else:
        structure = read_xyz(path)
        point = structure.positions.ravel()
        if isinstance(landscape, AtomicLandscape):
            expected = tuple(landscape.structure.get_chemical_symbols())
            if structure.symbols != expected:
                given, allowed = _formula(structure.symbols), _formula(expected)
                raise ValueError(f"{path}: atoms {given} given; {allowed}, in this order, are expected")
            point = landscape.freedom.coordinates(structure.positions[landscape.freedom.moving])
    if len(point) != landscape.n_parameters:
        raise NotFoundError(f"{path}: {len(point)} coordinates given; a point has {landscape.n_parameters}")
    return point


def _formula(symbols: "Sequence[str]") -> str:
    """Return atoms in a row in short: ``Cu12 O``."""
    groups = [(symbol, len(list(same))) for symbol, same in itertools.groupby(symbols)]
    return " ".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in groups)


def ids_of(
    database: LandscapeDatabase, landscape: "Landscape", ends: "Sequence[int | Path]", surface: str
) -> list[int]:
    """Return the ids of minima, those of files after their structures are relaxed and stored."""
    from elsuite.exploration.mapping.structures import add_structures

    files = [end for end in ends if isinstance(end, Path)]
    points = [read_point(path, landscape) for path in files]
    new = iter(add_structures(database, landscape, points, surface=surface) if points else ())
    return [next(new) if isinstance(end, Path) else end for end in ends]


def join(
    database: LandscapeDatabase,
    landscape: "Landscape",
    ends: "Sequence[int | Path]",
    *,
    surface: str,
    json_: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Join two minima and print what came of it; exit code 1 where they are not joined."""
    from elsuite.exploration.mapping import connect_pair

    if dry_run and any(isinstance(end, Path) for end in ends):
        raise click.UsageError("--dry-run: given with structures in files, which are stored; allowed with ids")
    a, b = ids_of(database, landscape, ends, surface)
    if dry_run:
        options |= {"attempts": 0, "workers": None, "improve": True}
    with progress_bars() as bars:
        tell = bars or _Lines()
        found = connect_pair(database, landscape, a, b, surface=surface, progress=tell, **options)
    _print(database, found, a, b, surface, json_)
    sys.exit(not found.joined)


class _Lines:
    """Progress where no terminal shows bars: a line on stderr whenever the highest barrier is a lower one."""

    def __init__(self) -> None:
        self.began, self.last = time.monotonic(), ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        pair, _, words = stage.partition(" | ")
        if words.startswith("highest") and words != self.last:
            self.last = words
            click.echo(f"{time.monotonic() - self.began:.1f} s: {pair}: {words}", err=True)


def _print(database: LandscapeDatabase, found: "Connection", a: int, b: int, surface: str, json_: bool) -> None:
    counts = {"searched": found.n_searched, "known": found.n_known, "failed": found.n_failed}
    if json_:
        of_pair = {
            "source": a,
            "target": b,
            "joined": found.joined,
            "barrier": found.barrier,
            "barrier_above": None if found.above is None else list(found.above),
            "route": list(found.route),
            "gaps": [list(pair) for pair in found.gaps],
            "new_minima": found.n_minima,
            "new_transition_states": found.n_states,
            "ended": found.ended,
        }
        print_json({"surface": surface, **counts, **of_pair})
        return
    if found.barrier is None or found.above is None:
        n = len(found.gaps)
        click.echo(f"minima {a} and {b} are not joined: {n} gap{'s' * (n != 1)} {'is' if n == 1 else 'are'} left")
    else:
        one, other = found.above
        steps = f"{len(found.route) - 1} step{'s' * (len(found.route) != 2)}"
        click.echo(
            f"minima {a} and {b} are joined in {steps}: highest {found.barrier:.9g}, "
            f"{one:.6g} above {a}, {other:.6g} above {b}"
        )
    known = f" ({found.n_known} were before)" if found.n_known else ""
    click.echo(
        f"{found.n_searched} searches{known}, {found.n_failed} failed; {found.n_minima} new minima, "
        f"{found.n_states} new transition states; ended: {found.ended}"
    )
    if found.joined:
        click.echo()
        print_table(["minimum", "energy", "then over"], _steps(database, found.route, surface))


def _steps(database: LandscapeDatabase, route: "Sequence[int]", surface: str) -> list[list[Any]]:
    """Return id and energy of each minimum of a route, with the height of the step that follows."""
    from elsuite.network import route_heights, transition_network

    network = transition_network(database, surface=surface)
    heights: list[float | None] = [*route_heights(network, route), None]
    energies = [network.nodes[i]["energy"] for i in route]
    return [[i, energy, height] for i, energy, height in zip(route, energies, heights, strict=True)]
