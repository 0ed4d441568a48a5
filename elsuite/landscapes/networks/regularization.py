"""Terms in the parameters that an energy has beside its loss: `WeightDecay`, or any function of the user's."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from elsuite.landscapes.networks.network import Network
from elsuite.landscapes.networks.objective import as_double

Regularization = Callable[[Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class WeightDecay:
    r"""The term :math:`\frac{\lambda}{2} |w|^2` of all parameters, as optimizers without momentum correction have it.

    Examples
    --------
    >>> WeightDecay(0.5)({"weight": torch.ones(4)})
    tensor(1.)
    """

    coefficient: float

    def __post_init__(self) -> None:
        if not isinstance(self.coefficient, (int, float)) or not 0 <= self.coefficient < math.inf:
            raise ValueError(f"coefficient: given {self.coefficient!r}, allowed: numbers from 0")

    def __call__(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the term."""
        squares = [tensor.square().sum() for tensor in parameters.values()]
        return 0.5 * self.coefficient * torch.stack(squares).sum()


def terms(network: Network, regularization: Regularization, points: Tensor) -> Tensor:
    """Return the terms at `points`, shape (n_points,) float64, differentiable by autograd."""
    found = []
    for point in points:
        tensors = network.parameters(point)
        trained = {name: tensors[name] for name in network.names[: network.n_trained]}
        found.append(as_double(regularization(trained)))
    return torch.stack(found)


def add_terms(
    network: Network, regularization: Regularization, points: Tensor, energies: Tensor, gradients: Tensor
) -> None:
    """Add the terms at `points` to their energies, and the terms' gradients to theirs."""
    for k in range(len(points)):
        with torch.enable_grad():
            point = points[k : k + 1].detach().requires_grad_()
            term = terms(network, regularization, point)
        gradients[k] += torch.autograd.grad(term[0], point)[0][0]
        energies[k] += term[0].detach().to(energies)
