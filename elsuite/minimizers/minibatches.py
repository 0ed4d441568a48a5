"""One pass over the data of a landscape in batches, every start with its own order."""

from collections.abc import Iterator
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import norms


def has_minibatches(landscape: Landscape, batch_size: int | None) -> TypeGuard[DataLandscape]:
    """Return whether an epoch on `landscape` goes through batches; if not, it is one step on the whole."""
    return batch_size is not None and isinstance(landscape, DataLandscape)


def minibatches(
    landscape: Landscape, seeds: Tensor, *, epoch: int, batch_size: int | None
) -> Iterator[tuple[Landscape, float]]:
    """Yield the landscapes of one epoch, and which part of the data each is.

    Every start sees each sample once, in an order of its own that its seed and the epoch determine. Without a
    batch size, or for a landscape that has no data, the one landscape is the whole.
    """
    if not has_minibatches(landscape, batch_size):
        yield landscape, 1.0
        return
    sequences = [np.random.SeedSequence(int(seed), spawn_key=(epoch,)) for seed in seeds]
    orders = np.stack([np.random.default_rng(sequence).permutation(landscape.n_samples) for sequence in sequences])
    indices = torch.as_tensor(orders).to(landscape.device)
    for batch in torch.split(indices, batch_size or landscape.n_samples, dim=1):
        yield landscape.minibatch(batch), batch.shape[1] / landscape.n_samples


def evaluated(landscape: Landscape, points: Tensor) -> dict[str, Tensor]:
    """Return the entries of a state for `points` whose energy and gradient on the whole are known."""
    energy, gradient = landscape.energy_and_gradient(points)
    return {"points": points, "energy": energy, "gradient": gradient, "gradient_norm": norms(gradient)}
