"""A landscape around some points to second order, in eigenvectors: what every step of a search is made from."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from elsuite.core.typing import Floats, Ids, Mask
from elsuite.landscapes.base import Landscape
from elsuite.stationary.hessian import as_point, hessian_operator, local_expansions
from elsuite.stationary.spectrum import DENSE_LIMIT, without_zero_modes

KRYLOV_SIZE = 60
"""Dimension of the subspace that stands for the whole space above `DENSE_LIMIT` parameters."""


@dataclass(frozen=True, eq=False)
class LocalModel:
    r"""Second-order models at n points, zero modes left out: :math:`g + H V y` for a step :math:`s = V y`."""

    energies: Floats
    gradients: Floats
    values: Floats
    """Eigenvalues (n, m), ascending: all of them, or Ritz values in a subspace that holds the gradient."""
    vectors: Floats
    """Their unit vectors, in columns, shape (n, P, m)."""
    images: Floats
    """H times the vectors."""
    n_gradients: Ids
    """What the model cost, a Hessian-vector product counted as two gradients."""

    @property
    def slopes(self) -> Floats:
        """The gradient's components along the vectors, shape (n, m)."""
        return np.asarray(np.einsum("npm,np->nm", self.vectors, self.gradients))

    @property
    def finite(self) -> Mask:
        """Which points have numbers only, shape (n,)."""
        return (
            np.isfinite(self.energies) & np.isfinite(self.gradients).all(axis=1) & np.isfinite(self.values).all(axis=1)
        )


def local_model(landscape: Landscape, points: Floats, guides: Floats) -> LocalModel:
    """Return models at points (n, P); above `DENSE_LIMIT` in the Krylov spaces of gradients and `guides`, (n, P)."""
    if landscape.n_parameters <= DENSE_LIMIT:
        return _dense(landscape, points)
    models = [_krylov(landscape, point, guide) for point, guide in zip(points, guides, strict=True)]
    return LocalModel(*(np.concatenate([getattr(m, field.name) for m in models]) for field in fields(LocalModel)))


def chosen(model: LocalModel, rows: Ids | Mask) -> LocalModel:
    """Return the models of some points."""
    return LocalModel(*(getattr(model, field.name)[rows] for field in fields(LocalModel)))


def mixed(model: LocalModel, rows: Ids, new: LocalModel) -> LocalModel:
    """Return the models with some rows replaced; costs are added up."""
    width = max(model.values.shape[1], new.values.shape[1])
    model, new = _widened(model, width), _widened(new, width)
    columns = {}
    for field in fields(LocalModel):
        column = getattr(model, field.name).copy()
        column[rows] = getattr(new, field.name)
        columns[field.name] = column
    return LocalModel(**columns)


def _widened(model: LocalModel, width: int) -> LocalModel:
    """Return models with so many directions; those that are added have no length, and the largest eigenvalue."""
    pad = width - model.values.shape[1]
    if pad == 0:
        return model
    top = np.abs(model.values).max(axis=1, initial=0.0, keepdims=True)
    room = ((0, 0), (0, 0), (0, pad))
    return replace(
        model,
        values=np.hstack([model.values, np.repeat(top, pad, axis=1)]),
        vectors=np.pad(model.vectors, room),
        images=np.pad(model.images, room),
    )


def _dense(landscape: Landscape, points: Floats) -> LocalModel:
    energies, gradients, hessians = local_expansions(landscape, torch.from_numpy(points))
    modes = landscape.symmetry.zero_modes(points)
    bad = ~(np.isfinite(hessians).all(axis=(1, 2)) & np.isfinite(gradients).all(axis=1) & np.isfinite(energies))
    hessians[bad], gradients[bad], energies[bad] = 0.0, 0.0, np.nan
    gradients -= np.einsum("npk,nqk,nq->np", modes, modes, gradients)
    values, vectors = without_zero_modes(hessians, modes)
    cost = np.full(len(points), 1 + 2 * points.shape[1], dtype=np.int64)
    # The whole image: turning a cluster turns its gradient, so that H has components along the zero modes too.
    return LocalModel(energies, gradients, values, vectors, hessians @ vectors, cost)


def _krylov(landscape: Landscape, point: Floats, guide: Floats) -> LocalModel:
    energy, gradient = landscape.energy_and_gradient(as_point(landscape, point)[None])
    slope = gradient[0].cpu().numpy().astype(np.float64)
    modes = landscape.symmetry.zero_modes(point[None])[0]
    operator = hessian_operator(landscape, point)
    basis, images = np.empty((0, len(point))), np.empty((0, len(point)))
    waiting = [slope, guide]
    while waiting and len(basis) < KRYLOV_SIZE:
        vector = _orthogonal(waiting.pop(0), modes, basis)
        if vector is None:
            continue
        image = operator.matvec(vector)
        basis, images = np.vstack([basis, vector]), np.vstack([images, image])
        waiting.append(image)
    if not len(basis) or not np.isfinite(images).all():
        basis = np.zeros((1, len(point)))
        images = np.full((1, len(point)), 0.0 if np.isfinite(slope).all() else np.nan)
    projected = np.nan_to_num(basis @ images.T)
    values, mixing = np.linalg.eigh((projected + projected.T) / 2)
    # All models have one shape: a smaller space is filled up with directions of no length.
    pad = KRYLOV_SIZE - len(values)
    vectors = np.pad((mixing.T @ basis).T, ((0, 0), (0, pad)))
    return LocalModel(
        energies=energy.cpu().numpy().astype(np.float64),
        gradients=slope[None],
        values=np.pad(values, (0, pad), constant_values=float(np.abs(values).max()) or 1.0)[None],
        vectors=vectors[None],
        images=np.pad((mixing.T @ images).T, ((0, 0), (0, pad)))[None],
        n_gradients=np.array([1 + 2 * len(basis)]),
    )


def _orthogonal(vector: Floats, modes: Floats, basis: Floats) -> Floats | None:
    """Return the unit vector orthogonal to zero modes and basis, None where nothing of it is left."""
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        return None
    vector = vector / length
    for _ in range(2):  # twice is enough
        vector = vector - modes @ (modes.T @ vector) - basis.T @ (basis @ vector)
    rest = float(np.linalg.norm(vector))
    return vector / rest if rest > 1e-6 else None
