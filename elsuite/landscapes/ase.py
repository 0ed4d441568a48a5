"""Energies of atoms by any calculator of ASE, the atomic simulation environment: `AtomicLandscape`."""

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, Literal, Self, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import reason_of
from elsuite.core.typing import Floats
from elsuite.landscapes.atoms import TRIES, packed_radius, random_atoms
from elsuite.landscapes.base import PROBE_SEEDS, Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.landscapes.forces import forces_mistake
from elsuite.landscapes.freedom import Freedom, freedom_of
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.lattices import Lattice, lattice_of

Starts = Literal["random", "rattled"]

NEAREST: Final = 0.7
"""In starts atoms are not nearer than so many contacts."""
FIXED_POINT: Final = 0.1
"""The landscape is recognized by its structure, each coordinate displaced by up to so many length scales."""
MOST_REASONS: Final = 100


class CalculatorError(RuntimeError):
    """A calculator gave no energy and forces at one point; the message is its reason."""


@final
class AtomicLandscape(Landscape):
    """The energy of a structure as any calculator of ASE gives it, in the calculator's units.

    A point is the positions (x, y, z) of the atoms that move, in a row: fixed ones are no coordinates. Of atoms that
    move along lines or in planes it is the coordinates in these. With one atom fixed, and no cell, positions are from
    that atom. The cell stays as it is. Like atoms are exchanged; a structure without a cell is turned and moved
    freely, with one it is moved only, with fixed atoms neither.

    At a point where the calculator raises an error or gives what is not a number, the energy is not a number, and
    `failures` has the reason; `energy_and_gradient` of a single point raises it.

    Parameters
    ----------
    atoms : ase.Atoms
        Species, cell, constraints (FixAtoms, FixedLine, FixedPlane, FixCartesian), masses; its positions give the
        scale of lengths and of starts.
    calculator : calculator, or callable that returns one, optional
        By default that of the atoms. Of a callable every process makes its own, so that the calculator itself need not
        be sent to workers.
    species : sequence of str, optional
        Names of the atoms by which like ones are exchanged; chemical symbols without it.
    mirrored : bool
        Whether mirror images are the same.
    groups, operations : optional
        Of molecules which atoms may be exchanged, by their numbers in `atoms`, and of a fixed frame or a lattice its
        operations: see `AtomSymmetry`.
    length_scale : float, optional
        By default the mean distance of the moving atoms to their nearest neighbors.
    starts : {"random", "rattled"}, optional
        Random starts are atoms anywhere in a sphere, as densely as in the structure, or in the cell; rattled ones are
        the structure with its atoms displaced by up to a length scale. By default rattled where atoms are fixed or a
        cell repeats along some directions only.
    precision : float
        How far, relative, energies of one point can differ between runs and machines.
    check_forces : bool
        Whether forces are compared with the energies when the landscape is made, which takes five calls more.

    Raises
    ------
    ImportError
        Without ASE.
    ValueError
        Without a calculator or atoms that move; for a single atom, positions that are not numbers, a cell that repeats
        and has no size, a constraint that is not linear; when the calculator fails at the structure itself, or its
        forces are not those of its energies.

    Examples
    --------
    >>> from ase.build import molecule
    >>> from ase.calculators.emt import EMT
    >>> water = AtomicLandscape(molecule("H2O"), EMT)
    >>> water.n_parameters, water.symmetry.n_zero_modes, round(water.length_scale, 3)
    (9, 6, 0.969)
    >>> water.atoms(water.start).get_chemical_formula()
    'H2O'
    """

    surfaces = ("energy",)
    surface = "energy"
    dtype = torch.float64
    device = torch.device("cpu")
    gradient_only = True

    def __init__(
        self,
        atoms: Any,
        calculator: Any = None,
        *,
        species: Sequence[str] | None = None,
        mirrored: bool = True,
        groups: Any = None,
        operations: Any = None,
        length_scale: float | None = None,
        starts: Starts | None = None,
        precision: float = 1e-9,
        check_forces: bool = True,
    ) -> None:
        load_ase()
        given = getattr(atoms, "calc", None) if calculator is None else calculator
        if not (callable(given) or _is_calculator(given)) or not hasattr(atoms, "get_chemical_symbols"):
            raise ValueError(
                "no structure of ASE with a calculator given; AtomicLandscape(atoms, calculator) is expected"
                + f", and {given!r} is none" * (given is not None and not _is_calculator(given))
            )
        _check_structure(atoms)
        for name, value in (("length_scale", length_scale), ("precision", precision)):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{name} = {value} given; a positive number is expected")
        if starts not in {None, "random", "rattled"}:
            raise ValueError(f"starts {starts!r} given; 'random' or 'rattled' is expected")
        self.structure = atoms.copy()
        self.species = tuple(atoms.get_chemical_symbols() if species is None else map(str, species))
        if len(self.species) != len(atoms):
            raise ValueError(f"{len(self.species)} species given; one for each of {len(atoms)} atoms is expected")
        self._make: Callable[[], Any] | None = None if _is_calculator(given) else given
        self._calculator = None if self._make else given
        self._precision, self._length_scale, self._starts = precision, length_scale, starts
        self._settings = {"mirrored": mirrored, "groups": groups, "operations": operations}
        self.failures: list[str] = []
        self.n_calls = 0
        self.n_parameters = len(self.freedom.frame)
        try:
            self._computed(self.start)
        except CalculatorError as error:
            name = type(self._calculator).__name__
            raise ValueError(f"the calculator {name} fails at the structure given: {error}") from error
        if check_forces:
            self._check_forces()

    def _check_forces(self) -> None:
        """Refuse forces that are not those of the energies."""
        noise = max(self._precision, float(np.finfo(np.float32).eps))
        wrong = forces_mistake(self._along, self.probe_points().numpy(), scale=self.length_scale, noise=noise)
        self.failures.clear()
        if wrong is None:
            return
        number = int(np.abs(self.freedom.frame[wrong.coordinate]).argmax())
        atom = int(self.freedom.moving[number // 3])
        raise ValueError(
            f"the forces of {type(self._calculator).__name__} are not those of its energies: along coordinate "
            f"{wrong.coordinate} ({'xyz'[number % 3]} of atom {atom}) the force is {-wrong.given:.6g} and energies "
            f"give {-wrong.there:.6g}, ratio {wrong.ratio:.6g}; check_forces=False takes them as they are"
        )

    def _along(self, q: Floats) -> tuple[float, Floats] | None:
        """Return the energy and the gradient; None where the calculator fails."""
        try:
            energy, forces = self._computed(q)
        except CalculatorError:
            return None
        return energy, -self.freedom.projected(forces)

    @cached_property
    def freedom(self) -> Freedom:
        """Which coordinates are free."""
        at, settings = self.structure, self._settings
        return freedom_of(at.get_positions(), self.species, at.constraints, self._rows, **settings)

    @property
    def _rows(self) -> Floats:
        """Lattice vectors along which the structure repeats."""
        cell: Floats = np.array(self.structure.cell[:], dtype=np.float64)
        return np.asarray(cell[np.array(self.structure.pbc, dtype=bool)])

    @cached_property
    def _lattice(self) -> Lattice | None:
        return lattice_of(self._rows) if len(self._rows) else None

    @property
    def start(self) -> Floats:
        """The structure itself as a point, shape (P,)."""
        return self.freedom.coordinates(self.structure.get_positions()[self.freedom.moving])

    @cached_property
    def symmetry(self) -> Symmetry:
        """Like atoms exchanged, the whole turned and moved as far as nothing is fixed."""
        return self.freedom.symmetry

    @cached_property
    def length_scale(self) -> float:
        """The mean distance of the moving atoms to their nearest neighbors; of a single one its covalent diameter."""
        return float(self._length_scale or np.mean([distance for distance, _ in self._neighbors]))

    @cached_property
    def _neighbors(self) -> list[tuple[float, float]]:
        """For each moving atom the distance of its nearest neighbor, and the sum of their covalent radii."""
        from ase.data import covalent_radii

        radii = covalent_radii[self.structure.numbers]
        positions, found = self.structure.get_positions(), []
        for k in self.freedom.moving.tolist():
            apart = np.linalg.norm(self._shortest(positions - positions[k]), axis=1)
            apart[k] = np.inf
            apart[apart == 0] = np.inf  # atoms at one place are no neighbors yet
            if self._lattice is not None:
                apart[k] = np.linalg.norm(self._lattice.basis, axis=1).min()
            j = int(apart.argmin())
            both = float(radii[k] + radii[j])
            found.append((float(apart[j]) if np.isfinite(apart[j]) else both, both))
        return found

    def _shortest(self, differences: Floats) -> Floats:
        return self._lattice.shortest(differences) if self._lattice is not None else differences

    @cached_property
    def _contacts(self) -> Floats:
        """Distances at which atoms touch, shape (n_atoms, n_atoms): covalent radii in the structure's own units."""
        from ase.data import covalent_radii

        radii = covalent_radii[self.structure.numbers]
        unit = float(np.median([distance / both for distance, both in self._neighbors]))
        return np.asarray(unit * (radii[:, None] + radii[None]))

    @property
    def bounds(self) -> Floats | None:  # type: ignore[override]
        """The cube around random starts of a free cluster; else nothing is said."""
        if len(self.freedom.moving) < len(self.structure) or len(self._rows) or not self.freedom.symmetry.drifts:
            return None
        size = float(
            np.abs(self.start - np.tile(self.start.reshape(-1, self._dimension).mean(axis=0), self._n_moving)).max()
        )
        return np.array([[-1.0], [1.0]]) * max(self._radius, size) * np.ones(self.n_parameters)

    @property
    def _n_moving(self) -> int:
        return len(self.freedom.moving)

    @property
    def _dimension(self) -> int:
        """Coordinates an atom."""
        return self.n_parameters // self._n_moving

    @property
    def _radius(self) -> float:
        return packed_radius(self._n_moving, self._dimension, float(np.diagonal(self._contacts).mean()))

    @property
    def precision(self) -> float:
        """How far, relative, energies of one point can differ."""
        return self._precision

    @property
    def masses(self) -> Floats:
        """Of the atoms that move, shape (n_moving,), in atomic mass units."""
        return np.asarray(self.structure.get_masses()[self.freedom.moving])

    def declared(self) -> dict[str, Any]:
        """Return the calculator's class, the species, and what is fixed; its parameters are what the energies say."""
        calculator = self._working.calc
        return {
            "kind": "atoms",
            "calculator": type(calculator).__name__,
            "species": list(self.species),
            "structure": self._described(),
        }

    def _described(self) -> dict[str, Any]:
        """Return in JSON's types what makes the structure of a point: see `elsuite.interchange.structures`."""
        fixed = np.setdiff1d(np.arange(len(self.structure)), self.freedom.moving)
        return {
            "symbols": list(self.structure.get_chemical_symbols()),
            "masses": self.structure.get_masses().tolist(),
            "cell": np.asarray(self.structure.cell).tolist(),
            "pbc": [bool(along) for along in self.structure.pbc],
            "moving": self.freedom.moving.tolist(),
            "fixed": fixed.tolist(),
            "fixed_positions": self.structure.get_positions()[fixed].tolist(),
            "origin": self.freedom.origin.tolist(),
        }

    def on(self, surface: str) -> Self:
        """Return this landscape; its one surface is ``"energy"``."""
        if surface not in self.surfaces:
            raise ValueError(f"no surface {surface!r}; this landscape has 'energy'")
        return self

    @cached_property
    def _working(self) -> Any:
        """The structure without constraints, with a calculator of this process."""
        working = self.structure.copy()
        working.set_constraint()
        if self._make is not None:
            try:
                self._calculator = self._make()
            except Exception as error:  # of anybody's code
                raise ValueError(f"the calculator cannot be made: {reason_of(error)}") from error
            if not _is_calculator(self._calculator):
                made = type(self._calculator).__name__
                raise ValueError(f"the calculator is made by a call that returned {made}; one of ASE is expected")
        working.calc = self._calculator
        return working

    def _computed(self, q: Floats) -> tuple[float, Floats]:
        """Return the energy and the forces on the moving atoms; raises CalculatorError where there are none."""
        working = self._working
        positions = self.structure.get_positions()
        positions[self.freedom.moving] = self.freedom.positions(q)
        self.n_calls += 1
        try:
            working.set_positions(positions)
            # Of a metal at an electronic temperature forces belong to the free energy.
            free = "free_energy" in getattr(working.calc, "implemented_properties", ())
            energy = float(working.get_potential_energy(force_consistent=free, apply_constraint=False))
            forces = np.array(working.get_forces(apply_constraint=False), dtype=np.float64)[self.freedom.moving]
        except Exception as error:  # a calculator raises anything
            raise self._failed(reason_of(error)) from error
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise self._failed("the energy or a force is not a number")
        return energy, forces

    def _failed(self, reason: str) -> CalculatorError:
        self.failures = [*self.failures, reason][-MOST_REASONS:]
        reset = getattr(self._working.calc, "reset", None)
        if callable(reset):  # what it has of this point is not taken for the next one's
            reset()
        return CalculatorError(reason)

    def _checked(self, points: ArrayLike | Tensor) -> Floats:
        batch = to_tensor(points, dtype=self.dtype).detach().cpu()
        if batch.ndim != 2 or batch.shape[1] != self.n_parameters:
            raise ValueError(
                f"points of shape {tuple(batch.shape)} given; AtomicLandscape takes (n_points, {self.n_parameters})"
            )
        return batch.numpy()

    def energy(self, points: ArrayLike | Tensor) -> Tensor:
        """Return the energies, shape (n_points,); not a number where the calculator fails."""
        energies = []
        for q in self._checked(points):
            try:
                energies.append(self._computed(q)[0])
            except CalculatorError:
                energies.append(np.nan)
        return torch.tensor(energies, dtype=torch.float64)

    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return energies and gradients; not numbers where the calculator fails.

        Raises
        ------
        CalculatorError
            Where it fails at a single point.
        """
        batch = self._checked(points)
        energies, gradients = np.full(len(batch), np.nan), np.full(batch.shape, np.nan)
        for k, q in enumerate(batch):
            try:
                energies[k], forces = self._computed(q)
                gradients[k] = -self.freedom.projected(forces)
            except CalculatorError:
                if len(batch) == 1:
                    raise
        return torch.from_numpy(energies), torch.from_numpy(gradients)

    def atoms(self, point: ArrayLike | Tensor) -> Any:
        """Return the structure at a point, shape (P,), with its energy and forces as results.

        Raises
        ------
        CalculatorError
            Where the calculator fails.
        ValueError
            For a point of another shape.
        """
        from ase.calculators.singlepoint import SinglePointCalculator

        (q,) = self._checked(to_tensor(point)[None])
        energy, _ = self._computed(q)
        made = self.structure.copy()
        made.set_positions(self._working.get_positions(), apply_constraint=False)
        forces = self._working.get_forces(apply_constraint=False)
        made.calc = SinglePointCalculator(made, energy=energy, forces=forces)  # type: ignore[no-untyped-call]
        return made

    def probe_points(self) -> Tensor:
        """Return the structure a little displaced, three times: random atoms may be more than a calculator bears."""
        rows = [
            torch.rand(self.n_parameters, generator=torch.Generator().manual_seed(s), dtype=self.dtype)
            for s in PROBE_SEEDS
        ]
        return torch.from_numpy(self.start) + FIXED_POINT * self.length_scale * (2 * torch.stack(rows) - 1)

    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one start for each seed: random atoms, or the structure rattled."""
        points = torch.empty(len(seeds), self.n_parameters, dtype=self.dtype)
        whole = len(self.freedom.moving) == len(self.structure)
        usual: Starts = "random" if whole and len(self._rows) in {0, 3} and self.symmetry.drifts else "rattled"
        for point, seed in zip(points, seeds, strict=True):
            if (self._starts or usual) == "random" and whole and self._dimension in {2, 3}:
                nearest = torch.from_numpy(NEAREST * self._contacts)
                cell = tuple(map(tuple, self._rows.tolist())) if len(self._rows) == 3 else None
                point[:] = random_atoms(seed, self._dimension, nearest, radius=self._radius, cell=cell).flatten()
            else:
                point[:] = torch.from_numpy(self._rattled(int(seed)))
        return points

    def _rattled(self, seed: int) -> Floats:
        """Return the structure with its atoms displaced one after the other, none too near to another."""
        generator = torch.Generator().manual_seed(seed)
        positions, room = self.structure.get_positions(), 1.0
        moved = positions.copy()
        for number, k in enumerate(self.freedom.moving.tolist()):
            rows = self.freedom.frame[:, 3 * number : 3 * number + 3]
            own = np.flatnonzero(rows.any(axis=1))
            for tried in range(1, 100 * TRIES):
                step = 2 * torch.rand(len(own), generator=generator, dtype=torch.float64).numpy() - 1
                place = positions[k] + room * self.length_scale * step @ rows[own]
                apart = np.linalg.norm(self._shortest(np.delete(moved, k, axis=0) - place), axis=1)
                if np.linalg.norm(step) <= 1 and (apart >= room * NEAREST * np.delete(self._contacts[k], k)).all():
                    break
                room *= 0.95 if tried % TRIES == 0 else 1.0
            moved[k] = place
        return self.freedom.coordinates(moved[self.freedom.moving])

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "_working"}
        if self._make is not None:
            state["_calculator"] = None
        return state


def _is_calculator(given: Any) -> bool:
    return (hasattr(given, "get_property") or hasattr(given, "calculate")) and not inspect.isclass(given)


def _check_structure(atoms: Any) -> None:
    """Refuse positions, a cell or a number of atoms of which there is no landscape."""
    for name, values in (("positions", atoms.get_positions()), ("cell", np.array(atoms.cell[:]))):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} of the structure have a value that is not finite; numbers are expected")
    pbc = np.array(atoms.pbc, dtype=bool)
    rows = np.array(atoms.cell[:], dtype=np.float64)[pbc]
    if np.linalg.matrix_rank(rows) < len(rows):
        raise ValueError(
            f"pbc = {pbc.tolist()} given with cell vectors of lengths {atoms.cell.lengths().tolist()}; independent "
            "ones along the directions that repeat (atoms.cell = ...), or atoms.pbc = False, are expected"
        )
    if len(atoms) < 2:
        raise ValueError(
            f"{len(atoms)} atom{'s' * (len(atoms) != 1)} given: the energy is the same wherever it is; two atoms or "
            "more (of a crystal a larger cell) are expected"
        )


def load_ase() -> None:
    """Refuse to go on, in one line, where ASE is not installed.

    Raises
    ------
    ImportError
        That says how it is installed.

    Examples
    --------
    >>> load_ase()
    """
    try:
        import ase  # noqa: F401
    except ImportError:
        raise ImportError("ASE is not installed; pip install 'elsuite[ase]'") from None
