"""Which units of a module may be rescaled: `scalings_of`, by the derivatives of its outputs, and checked."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.core.typing import Floats
from elsuite.symmetry.checking import cast_example, copy_of, is_rounding, randomize
from elsuite.symmetry.scales import Scaling, rescaled, unit_sums
from elsuite.symmetry.tracing import Example, plain_operations, tensors_of
from elsuite.symmetry.units import UnitSymmetry


def scalings_of(
    module: nn.Module, names: Sequence[str], example: Example, symmetry: UnitSymmetry, *, batch_statistics: bool = False
) -> tuple[Scaling, ...]:
    r"""Return the ways to rescale units that leave what counts of an example as it is.

    A unit may be rescaled with powers :math:`e_s` of its factor along the axes s of its group where

    .. math:: \sum_s e_s \, \frac{\partial f}{\partial w_{su}} \cdot w_{su} = 0

    for all units u: a linear system in the powers, solved at random points; each solution is tried with factors far
    from one. Groups that have others within them have no factors of their own.
    """
    own = copy_of(module, torch.float64, batch_statistics)
    probe = _Probe(own, names, cast_example(example, torch.float64), symmetry)
    holding = {group.within for group in symmetry.groups}
    slots = {group.name: _slots(symmetry, group.name) for group in symmetry.groups if group.name not in holding}
    sizes = {group.name: group.size for group in symmetry.groups}
    # Twice as many equations as unknowns.
    n_points = max((math.ceil(2 * len(own) / sizes[name]) for name, own in slots.items()), default=0) + 1
    try:
        products = [probe.products(module, seed) for seed in range(n_points)]
    except (RuntimeError, TypeError, ValueError):
        # A module or a loss that is bound to another precision, or that has no derivatives: nothing is known of it.
        return ()
    found: list[Scaling] = []
    for name, own_slots in slots.items():
        matrix = np.concatenate(
            [np.stack([unit_sums(symmetry, *slot, values) for slot in own_slots], axis=1) for values in products]
        )
        for powers in _solutions(matrix):
            chosen = tuple((*slot, power) for slot, power in zip(own_slots, powers, strict=True) if power)
            scaling = Scaling(name, chosen)
            if {1, -1} == set(powers) - {0} and probe.stays(scaling, sizes[name]):
                found.append(scaling)
    return tuple(found)


def _slots(symmetry: UnitSymmetry, group: str) -> list[tuple[int, int]]:
    """Return the numbers of the blocks, and of their axes, that count a group."""
    return [
        (number, place)
        for number, block in enumerate(symmetry.blocks)
        for place, axis in enumerate(block.axes)
        if axis is not None and axis.group == group
    ]


class _Probe:
    """A copy of a module at random points: what counts of it, and how that changes."""

    def __init__(self, own: nn.Module, names: Sequence[str], example: Example, symmetry: UnitSymmetry) -> None:
        self.own, self.names, self.symmetry = own, names, symmetry
        self.wrapped = _Wrapped(own, names, example)

    def _point(self) -> list[Tensor]:
        tensors = tensors_of(self.own)
        return [tensors[name].detach() for name in self.names]

    def _values(self, point: Sequence[Tensor]) -> Tensor:
        """Return all that counts, flattened."""
        tensors = {f"own.{name}": tensor for name, tensor in zip(self.names, point, strict=True)}
        values: list[Tensor] = functional_call(self.wrapped, tensors, ())
        return torch.cat([value.flatten() for value in values if value.is_floating_point()])

    def products(self, module: nn.Module, seed: int) -> Floats:
        """Return each parameter times the derivative by it, shape (P,), of what counts in a random combination."""
        randomize(self.own, module, self.names, seed, wide=True)
        # Buffers have no derivative, such as averages that a normalization is computed with.
        trained = dict(self.own.named_parameters())
        pairs = zip(self.names, self._point(), strict=True)
        point = [tensor.clone().requires_grad_(name in trained) for name, tensor in pairs]
        with plain_operations(), torch.enable_grad():
            values = self._values(point)
            combined = values @ torch.randn(len(values), generator=torch.Generator().manual_seed(seed)).to(values)
            wanted = [tensor for tensor in point if tensor.requires_grad]
            slopes = iter(torch.autograd.grad(combined, wanted, allow_unused=True, materialize_grads=True))
        products = [x.detach() * next(slopes) if x.requires_grad else torch.zeros_like(x) for x in point]
        return np.concatenate([product.numpy().ravel() for product in products])

    def stays(self, scaling: Scaling, size: int) -> bool:
        """Return whether factors far from one change nothing but rounding."""
        factors = np.exp(np.random.default_rng(1).normal(size=size))
        point = self._point()
        moved = rescaled(self.symmetry, [scaling], torch.cat([x.flatten() for x in point]).numpy(), [factors])
        parts = torch.split(torch.from_numpy(moved), [x.numel() for x in point])
        there = [part.view(x.shape) for part, x in zip(parts, point, strict=True)]
        with plain_operations():
            return is_rounding(self._values(point).numpy(), self._values(there).numpy())


class _Wrapped(nn.Module):
    """A module whose outputs are what counts of an example."""

    def __init__(self, own: nn.Module, names: Sequence[str], example: Example) -> None:
        super().__init__()
        self.own, self.names, self.example = own, names, example

    def forward(self) -> list[Tensor]:
        """Return what counts."""
        return self.example.values(self.own, self.names)


def _solutions(matrix: Floats) -> list[tuple[int, ...]]:
    """Return whole powers, a basis of those that the matrix makes zero, as sparse as elimination makes them."""
    norms = np.linalg.norm(matrix, axis=0)
    # Of what changes nothing by itself (a bias of keys, say) the factor is one.
    counting = norms > np.finfo(float).eps ** 0.6 * norms.max()
    _, singular, rows = np.linalg.svd(matrix[:, counting], full_matrices=True)
    values = np.zeros(len(rows))
    values[: len(singular)] = singular
    basis = np.zeros((len(rows), matrix.shape[1]))
    basis[:, counting] = rows
    basis = basis[values <= np.finfo(float).eps ** 0.6 * norms.max()]
    pivots: list[int] = []
    for k in range(len(basis)):
        column = int(np.argmax(np.abs(basis[k]) > 1e-6 * np.abs(basis[k]).max()))
        pivots.append(column)
        basis[k] /= basis[k, column]
        for other in range(len(basis)):
            if other != k:
                basis[other] -= basis[other, column] * basis[k]
    return [tuple(int(power) for power in np.rint(row)) for row in basis if np.allclose(row, np.rint(row), atol=1e-6)]
