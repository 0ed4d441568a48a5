"""What an energy is made of: the loss of a batch, and how batches count (`Objective`)."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from elsuite.landscapes.networks.losses import KnownLoss
from elsuite.landscapes.networks.samples import AnySamples, Samples, Tree, tensors_in

Loss = Callable[[Any, Any], Tensor]
Reduction = Literal["mean", "sum", "none"]
WeightsOf = Callable[[Any], Tensor]
"""What each sample counts in the mean that a loss takes, shape (n_samples,), by the targets."""


@dataclass(frozen=True, eq=False)
class Objective:
    r"""The energy of one surface as a sum over batches.

    .. math:: E = \sum_b s_b \ell_b, \quad s_b = \frac{\sum_{i \in b} w_i}{n \bar w}

    with the loss :math:`\ell_b` of a batch, what its samples count, :math:`w_i`, the number n of samples asked for and
    the mean :math:`\bar w` over the whole data: exact for all of them, and without bias for some. A loss that is a sum
    has :math:`s_b = N / n`; one that gives a value for each sample is averaged here.

    Attributes
    ----------
    known : KnownLoss, optional
        The accurate form of the loss.
    autocast : torch.dtype, optional
        In which the module computes.
    """

    loss: Loss
    known: KnownLoss | None
    reduction: Reduction = "mean"
    autocast: torch.dtype | None = None

    def term(self, outputs: Tree, batch: Samples, of: AnySamples) -> Tensor:
        """Return what a batch adds to the energy of the samples that it is some `of`, shape () float64."""
        if self.known is not None:
            return self.known.mean(outputs, batch.targets) * (batch.n_samples / of.n_samples)
        if batch.weights is not None:
            counted = float(batch.weights.sum())
            if not counted:  # a mean over nothing is no number; nothing is what it counts
                return sum_of(outputs).double() * 0
            share = counted / (of.n_samples * of.mean_weight)
        elif self.reduction == "sum":
            share = of.n_whole / of.n_samples
        else:
            share = batch.n_samples / of.n_samples
        return as_double(self.value(outputs, batch)) * share

    def value(self, outputs: Tree, batch: Samples) -> Tensor:
        """Return the loss of a batch as one number."""
        value = self.loss(outputs, batch.targets)
        if self.reduction != "none":
            return value
        each = value.reshape(len(value), -1).mean(1)
        if batch.weights is None:
            return each.mean()
        return (each * batch.weights.to(each)).sum() / batch.weights.to(each).sum()


def sum_of(outputs: Tree) -> Tensor:
    """Return a number that depends on all outputs, which carries their graph."""
    return torch.stack([tensor.float().nan_to_num().sum() for tensor in tensors_in(outputs)]).sum()


def as_double(value: Tensor) -> Tensor:
    """Return a number in double precision, on the CPU where a device has none."""
    return value.cpu().double() if value.device.type == "mps" else value.double()


def torch_settings(loss: object) -> tuple[str | None, dict[str, Any]]:
    """Return the name of the function of torch that computes a loss, and its settings; None for any other loss.

    Examples
    --------
    >>> torch_settings(nn.CrossEntropyLoss(reduction="sum"))[0]
    'cross_entropy'
    """
    if isinstance(loss, nn.Module) and type(loss).__module__ == nn.CrossEntropyLoss.__module__:
        return MODULES.get(type(loss)), {**vars(loss), **loss._buffers}
    function, settings = (loss.func, loss.keywords) if isinstance(loss, functools.partial) else (loss, {})
    name = str(getattr(function, "__name__", ""))
    return (name, dict(settings)) if function is getattr(functional, name, None) else (None, {})


MODULES: Mapping[type[nn.Module], str] = {
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll_loss",
    nn.MSELoss: "mse_loss",
    nn.L1Loss: "l1_loss",
    nn.SmoothL1Loss: "smooth_l1_loss",
    nn.HuberLoss: "huber_loss",
    nn.BCELoss: "binary_cross_entropy",
    nn.BCEWithLogitsLoss: "binary_cross_entropy_with_logits",
    nn.KLDivLoss: "kl_div",
    nn.PoissonNLLLoss: "poisson_nll_loss",
    nn.GaussianNLLLoss: "gaussian_nll_loss",
}
"""Losses of torch that are modules, and the function that each calls."""


@dataclass(frozen=True)
class ClassWeights:
    """What each sample counts in torch's cross-entropy: the weights of its classes, none where a target is ignored.

    Examples
    --------
    >>> ClassWeights(torch.tensor([1.0, 3.0]), -100)(torch.tensor([0, 1, -100]))
    tensor([1., 3., 0.])
    """

    weight: Tensor | None
    ignore_index: int

    def __call__(self, targets: Tensor) -> Tensor:
        """Return the sums over each sample's targets, shape (n_samples,)."""
        counting = targets != self.ignore_index
        each = counting.float()
        if self.weight is not None:
            each = each * self.weight.to(targets.device)[targets * counting]
        return each.reshape(len(targets), -1).sum(1)


def weights_of(loss: object, targets: Tree) -> WeightsOf | None:
    """Return what says how much each sample counts in the mean of a loss of torch; None where all count as much."""
    function, settings = torch_settings(loss)
    whole = isinstance(targets, Tensor) and not targets.is_floating_point()
    if function not in {"cross_entropy", "nll_loss"} or settings.get("reduction", "mean") != "mean" or not whole:
        return None
    return ClassWeights(settings.get("weight"), settings.get("ignore_index", -100))


def reduction_of(loss: object) -> Reduction:
    """Return how a loss of torch reduces the values of samples; any other is taken for a mean."""
    given = torch_settings(loss)[1].get("reduction", "mean")
    return given if given in {"mean", "sum", "none"} else "mean"
