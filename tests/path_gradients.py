"""The gradient that a descent takes, at any points of a path."""

import torch

from elsuite.paths import descent as engine


def path_gradient(path, landscape, t, objective):
    """Return the energies at `t`, shape (n,), and the gradient for the coefficients, shape (K, P)."""
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    chord = float(torch.linalg.vector_norm(path.end - path.start))
    return engine._gradient(landscape, engine.path_weights(path, t), spanning, objective, chord, slice(None))
