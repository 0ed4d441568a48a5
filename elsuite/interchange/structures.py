"""Minima and transition states as structures, in any of the files of atoms that ASE writes (`write_structures`)."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elsuite.core.typing import Floats
from elsuite.database.declared import declared_symmetry
from elsuite.database.query import choose_surface, usable_minima
from elsuite.interchange.files import new_files
from elsuite.interchange.foreign import FormatError
from elsuite.interchange.formats import Format
from elsuite.network.transition import path_heights
from elsuite.schema import KINDS
from elsuite.symmetry import AtomSymmetry
from elsuite.symmetry.constrained import ConstrainedSymmetry

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

KEPT = ("log_product", "point_group_order", "hessian_index", "negative_eigenvalue", "gradient_norm")
"""Columns that go with a structure, where there are any."""

NO_ELEMENT = "X"
"""The symbol of an atom whose species is no element."""

DATABASES = {".db", ".json"}
"""Endings of databases of ASE, of which rows have keys."""


def structure_maker(database: "LandscapeDatabase") -> Callable[[Floats], Any]:
    """Return what makes an ``ase.Atoms`` of a point of the database, shape (P,): species, cell, fixed atoms.

    Species that are no elements, such as those of Lennard-Jones clusters, are atoms X; the array ``species`` has their
    names. Points of two coordinates an atom lie in the plane z = 0.

    Raises
    ------
    FormatError
        Where the points of the database are no positions of atoms, or ASE is not installed.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import LennardJones
    >>> cluster = LennardJones(4)
    >>> structure_maker(LandscapeDatabase.create(None, cluster))(cluster.minima[0])
    Atoms(symbols='X4', pbc=False, species=...)
    """
    identity = database.attributes.get("identity") or {}
    given, symmetry = identity.get("settings", {}).get("structure"), declared_symmetry(database)
    if given is None and not isinstance(symmetry, AtomSymmetry):
        raise FormatError(f"{database.path or 'the database'}: its points are no positions of atoms")
    ase = _ase("ase")
    if given is not None:
        fixed, moving = np.array(given["fixed"], dtype=np.int64), np.array(given["moving"], dtype=np.int64)
        whole = np.zeros((len(fixed) + len(moving), 3))
        whole[fixed] = np.array(given["fixed_positions"]).reshape(-1, 3)
        constraint = _ase("ase.constraints").FixAtoms(indices=fixed) if len(fixed) else None

        def structure(point: Floats) -> Any:
            inside = isinstance(symmetry, ConstrainedSymmetry)
            moved = symmetry.positions(point) if inside else point + np.array(given["origin"])  # type: ignore[union-attr]
            positions = whole.copy()
            positions[moving] = np.asarray(moved).reshape(-1, 3)
            return ase.Atoms(
                given["symbols"], positions, cell=given["cell"], pbc=given["pbc"], masses=given["masses"],
                constraint=constraint,
            )  # fmt: skip

        return structure
    assert isinstance(symmetry, AtomSymmetry)
    names = [str(name) for name in symmetry.species]
    symbols = [name if name in _ase("ase.data").atomic_numbers else NO_ELEMENT for name in names]
    rows = np.zeros((3, 3))
    if symmetry.cell is not None:
        cell = np.array(symmetry.cell)
        rows[: len(cell), : cell.shape[1]] = cell

    def cluster(point: Floats) -> Any:
        positions = np.zeros((len(names), 3))
        positions[:, : symmetry.dimension] = np.asarray(point, dtype=np.float64).reshape(-1, symmetry.dimension)
        atoms = ase.Atoms(symbols, positions, cell=rows, pbc=rows.any(axis=1))
        if NO_ELEMENT in symbols:
            atoms.set_array("species", np.array(names))
        return atoms

    return cluster


def structures(database: "LandscapeDatabase", *, surface: str | None = None) -> Iterator[Any]:
    """Yield the minima of a surface, and then its transition states, as ``ase.Atoms`` that know where they belong.

    `info` has the energy, ``kind``, ``minimum`` or ``row`` and the minima that a state joins, and what is known of the
    curvature; energies are also where ASE keeps those of a calculator.

    Raises
    ------
    FormatError
        As `structure_maker`.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import LennardJones
    >>> cluster = LennardJones(4)
    >>> database = LandscapeDatabase.create(None, cluster)
    >>> _ = database.add(minima={"coordinates": cluster.minima, "energy": cluster.minimum_energies[:, None]})
    >>> [(atoms.info["minimum"], round(atoms.get_potential_energy(), 6)) for atoms in structures(database)]
    [(0, -6.0)]
    """
    made, name = structure_maker(database), choose_surface(database, surface)
    minima, paths = database.minima, database.paths
    for i in np.flatnonzero(usable_minima(database, name)).tolist():
        energy = float(minima["energy"].values[i, database.surfaces.index(name)])
        yield _with(made(database.coordinates([i])[0]), energy, {"kind": "minimum", "minimum": i}, minima, i)
    found = path_heights(database, name, joins="isomers")
    for k, row in enumerate(found.paths.tolist()):
        if "coordinates" not in paths or paths["kind"].values[row] != KINDS[1]:
            continue
        point = paths["coordinates"].isel(path=row).values.astype(np.float64)
        if not np.isnan(point).any():
            ends = {"source": int(found.sources[k]), "target": int(found.targets[k])}
            about = {"kind": KINDS[1], "row": row, **ends}
            yield _with(made(point), float(found.heights[k]), about, paths, row)


def _with(atoms: Any, energy: float, about: dict[str, Any], table: Any, row: int) -> Any:
    """Return a structure with its energy and all that is known of it."""
    known = {name: table[name].values[row].item() for name in KEPT if name in table}
    atoms.info |= about | {name: value for name, value in known.items() if np.isfinite(value)}
    atoms.calc = _ase("ase.calculators.singlepoint").SinglePointCalculator(atoms, energy=energy)
    return atoms


def write_structures(database: "LandscapeDatabase", place: str | Path, *, surface: str | None = None) -> None:
    """Write the structures of a database into one new file, in the format of ASE that its ending says.

    Such as .extxyz, .xyz, .traj, .pdb, or a database of ASE, .db or .json, whose rows have what `info` has for keys.

    Raises
    ------
    FormatError
        As `structure_maker`; for an ending that ASE does not write, or a file that is there.

    Examples
    --------
    >>> import tempfile
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import LennardJones
    >>> cluster = LennardJones(4)
    >>> database = LandscapeDatabase.create(None, cluster)
    >>> _ = database.add(minima={"coordinates": cluster.minima, "energy": cluster.minimum_energies[:, None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_structures(database, f"{folder}/lj4.extxyz")
    ...     print(Path(f"{folder}/lj4.extxyz").read_text().splitlines()[1][:60])
    Properties=species:S:1:pos:R:3... kind=minimum minimum=0...
    """
    path, images = Path(place), list(structures(database, surface=surface))
    with new_files(path) as (partial,):
        # ASE chooses the format by the ending.
        own = partial.with_name(partial.name + path.suffix)
        try:
            if path.suffix in DATABASES:
                with _ase("ase.db").connect(own) as rows:
                    for atoms in images:
                        rows.write(atoms, key_value_pairs=dict(atoms.info))
            else:
                _ase("ase.io").write(own, images, **({"format": "extxyz"} if path.suffix == ".xyz" else {}))
            own.replace(partial)
        except (ValueError, KeyError, _ase("ase.io.formats").UnknownFileTypeError) as error:
            raise FormatError(f"{path}: ASE does not write such a file ({' '.join(str(error).split())})") from None
        finally:
            own.unlink(missing_ok=True)


def _ase(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise FormatError("ASE is not installed: pip install 'elsuite[ase]'") from None


FORMAT = Format(
    "structures as a file of ASE (.extxyz, .traj, .pdb, .db ...)", write_database=write_structures, verified=False
)
