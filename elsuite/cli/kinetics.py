"""The commands that ask a database for kinetics and thermodynamics: rates, thermodynamics."""

import click
import numpy as np

from elsuite.cli.common import (
    check_ids,
    check_sets,
    json_option,
    print_json,
    print_table,
    store_argument,
    surface_option,
)
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface


def _is_positive(_context: object, parameter: click.Parameter, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise click.UsageError(f"--{parameter.name}: given {value!r}, allowed: a positive number")
    return value


@click.command(epilog="Example: elsuite rates lj7.elsuite --from 0 --to 3 --temperature 0.2")
@store_argument
@click.option("--from", "a", required=True, metavar="A", help="Ids of minima (0,4) or sets; the start.")
@click.option("--to", "b", required=True, metavar="B", help="Ids of minima or sets; the end.")
@click.option(
    "--temperature", required=True, type=float, callback=_is_positive,
    help="In the unit of the energies: Boltzmann's constant times the temperature.",
)  # fmt: skip
@click.option(
    "--mass",
    default=1.0,
    show_default=True,
    type=float,
    callback=_is_positive,
    help="Of all atoms, where the store has none.",
)
@surface_option
@json_option
def rates(store: str, a: str, b: str, temperature: float, mass: float, surface: str | None, json_: bool) -> None:
    """Print the mean first-passage times between two sets of minima, both ways, by graph transformation.

    Rates over transition states are those of harmonic transition-state theory. A network's loss has no temperature:
    what this says of one is what a walk at the temperature given would do.
    """
    from elsuite.kinetics import first_passage, rate_constants, stationary_points

    with open_database(store) as database:
        name = choose_surface(database, surface)
        points = stationary_points(database, surface=name)
        sets = [_minima(database, name, option, given) for option, given in (("--from", a), ("--to", b))]
    found = first_passage(rate_constants(points, temperature, mass=mass), *sets)
    facts = {
        "surface": name,
        "temperature": temperature,
        "from": sets[0],
        "to": sets[1],
        "n_minima": len(points.ids),
        "n_states": len(points.heights),
        "mean_first_passage_time": {"from_to": found.from_to, "to_from": found.to_from},
    }
    if json_:
        print_json(facts)
        return
    click.echo(f"{facts['n_minima']} minima, {facts['n_states']} transition states at temperature {temperature:g}")
    for words, time in ((f"{a} to {b}", found.from_to), (f"{b} to {a}", found.to_from)):
        rate = f", rate constant {1 / time:.10g}" if 0 < time < np.inf else ""
        click.echo(f"{words}: mean first-passage time {time:.10g}{rate}")


@click.command(epilog="Example: elsuite thermodynamics lj7.elsuite --temperature 0.1 --temperature 0.2")
@store_argument
@click.option(
    "--temperature", "temperatures", required=True, multiple=True, type=float, metavar="T",
    help="In the unit of the energies; several times for several.",
)  # fmt: skip
@surface_option
@json_option
def thermodynamics(store: str, temperatures: tuple[float, ...], surface: str | None, json_: bool) -> None:
    """Print heat capacities, free energies and the most populated minima, by the harmonic superposition of all minima.

    Translations and turns of a free cluster, which add three to the heat capacity, are not counted.
    """
    from elsuite.kinetics import stationary_points
    from elsuite.kinetics import thermodynamics as of_points

    with open_database(store) as database:
        name = choose_surface(database, surface)
        points = stationary_points(database, surface=name)
    found = of_points(points, temperatures)
    first = found.log_populations.argmax(axis=1)
    rows = [
        [t, c, f, e, int(points.ids[k]), float(np.exp(logs[k]))]
        for t, c, f, e, k, logs in zip(
            found.temperatures.tolist(), found.heat_capacities.tolist(), found.free_energies.tolist(),
            found.energies.tolist(), first.tolist(), found.log_populations, strict=True,
        )
    ]  # fmt: skip
    names = ["temperature", "heat_capacity", "free_energy", "energy", "most_populated", "its_population"]
    if json_:
        print_json({"surface": name, "rows": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    print_table([name.replace("_", " ") for name in names], rows)


def _minima(database: LandscapeDatabase, surface: str, option: str, given: str) -> list[int]:
    """Return the ids that a text names: numbers, or names of sets, apart by commas."""
    sets = [str(name) for name in database.minima["set"].values.tolist()]
    found: list[int] = []
    for word in (part.strip() for part in given.split(",")):
        if not word:
            raise click.UsageError(f"{option}: given {given!r}, allowed: ids of minima or sets, apart by commas")
        if word.isdecimal():
            check_ids(database, (int(word),), surface)
            found.append(int(word))
        else:
            check_sets(sets, [word])
            found += [i for i, name in enumerate(sets) if name == word]
    return sorted(set(found))
