"""The losses that networks are trained with here, accurate where float32 would round them away."""

import abc
import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

LossFunction = Callable[[Tensor, Tensor], Tensor]


class KnownLoss(abc.ABC):
    """A mean over samples with its gradient written down, by outputs of shape (..., n_outputs, batch)."""

    floor: float = 0.0
    """What no mean lies under, and what they come arbitrarily near to."""

    @abc.abstractmethod
    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over samples, shape (...) float64, differentiable by autograd."""

    @abc.abstractmethod
    def sums_(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the same sums for outputs whose memory may be used."""

    @abc.abstractmethod
    def sums_and_gradient(
        self, outputs: Tensor, targets: Tensor, *, weight: float, keep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the sums, and `weight` times their gradient, in the memory of `outputs` unless told to `keep` them."""

    @abc.abstractmethod
    def targets_last(self, targets: Tensor) -> Tensor:
        """Return targets (..., batch, [n_outputs]) of a network with samples along the last axis."""

    @final
    def mean(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean, shape () float64, over outputs (batch, n_outputs) as networks give them."""
        return self.sums(outputs.transpose(-1, -2), self.targets_last(targets)) / outputs.shape[-2]


@final
class CrossEntropy(KnownLoss):
    r"""The mean of :math:`-\log p_y`, from differences of logits.

    .. math:: -\log p_y = \log(1 + \sum_{j \ne y} e^{z_j - z_y})

    With ``log1p`` a loss of 1e-12 keeps its digits in float32, where log-softmax returns zero under 1e-7.
    Targets are class indices, shape (..., batch).
    """

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the losses."""
        index = targets.unsqueeze(-2).expand(*outputs.shape[:-2], 1, -1)
        others = (outputs - outputs.gather(-2, index)).scatter(-2, index, -torch.inf)
        shift = others.detach().amax(-2, keepdim=True).clamp_(min=0)
        rest = torch.exp(others - shift).sum(-2)
        shift = shift.squeeze(-2)
        return (shift + torch.log1p(rest + torch.expm1(-shift))).sum(-1, dtype=torch.float64)

    def sums_(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the losses."""
        return self._parts_(outputs, targets)[0]

    def sums_and_gradient(
        self, outputs: Tensor, targets: Tensor, *, weight: float, keep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the sums, and the softmax less the indicator of the target."""
        sums, terms, rest, total, index = self._parts_(outputs.clone() if keep else outputs, targets)
        return sums, terms.scatter_(-2, index, rest.neg_()).mul_(total.reciprocal_().mul_(weight))

    def _parts_(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        index = targets.unsqueeze(-2).expand(*outputs.shape[:-2], 1, -1)
        others = outputs.sub_(outputs.gather(-2, index)).scatter_(-2, index, -torch.inf)
        shift = others.amax(-2, keepdim=True).clamp_(min=0)
        terms = _exp_(others.sub_(shift))
        rest = terms.sum(-2, keepdim=True)
        surplus = torch.expm1(-shift).add_(rest)
        sums = torch.log1p(surplus).add_(shift).sum((-2, -1), dtype=torch.float64)
        return sums, terms, rest, surplus.add_(1), index

    def targets_last(self, targets: Tensor) -> Tensor:
        """Return the class indices as they are."""
        return targets


@final
class SoftCrossEntropy(KnownLoss):
    r"""The mean of :math:`-\sum_j p_j \log \operatorname{softmax}(z)_j` for probabilities :math:`p` as targets.

    .. math:: \sum_j p_j \left[(z_m - z_j) + \log(1 + \sum_{k \ne m} e^{z_k - z_m})\right]

    with the largest logit :math:`z_m`: no term is negative, so that a loss of 1e-12 keeps its digits in float32, as
    that of class indices does. Targets have the shape of the outputs.
    """

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the losses."""
        return self._parts(outputs, targets)[0]

    def sums_(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the losses."""
        return self._parts(outputs, targets)[0]

    def sums_and_gradient(
        self, outputs: Tensor, targets: Tensor, *, weight: float, keep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the sums, and the softmax less the targets, at the largest logit from the others' sums."""
        sums, largest, terms, rest = self._parts(outputs, targets)
        targets = targets.expand_as(outputs)
        total = targets.sum(-2, keepdim=True)
        gradient = terms.div_(1 + rest).mul_(total).sub_(targets)
        others = targets.scatter(-2, largest, 0.0).sum(-2, keepdim=True)
        at_largest = others - total * (rest / (1 + rest))
        return sums, gradient.scatter_(-2, largest, at_largest).mul_(weight)

    def _parts(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the sums, where the logits are largest, the exponentials of the others, and these together."""
        largest = outputs.detach().argmax(-2, keepdim=True)
        # The zero of the largest one is written: through a difference its gradient would be lost by rounding.
        below = (outputs - outputs.gather(-2, largest)).scatter(-2, largest, 0.0)
        terms = torch.exp(below.scatter(-2, largest, -torch.inf))
        rest = terms.sum(-2, keepdim=True)
        # A logit of minus infinity costs nothing where its target is 0.
        losses = torch.where(targets == 0, 0.0, targets * (torch.log1p(rest) - below))
        return losses.sum((-2, -1), dtype=torch.float64), largest, terms, rest

    def targets_last(self, targets: Tensor) -> Tensor:
        """Return the targets transposed."""
        return targets.transpose(-1, -2).contiguous()


@final
class MeanSquaredError(KnownLoss):
    r"""The mean of :math:`(z - y)^2` over samples and outputs; targets have the shape of the outputs."""

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the squared differences, divided by the number of outputs."""
        return ((outputs - targets) ** 2).sum((-2, -1), dtype=torch.float64) / outputs.shape[-2]

    def sums_(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sums of the squared differences, divided by the number of outputs."""
        return _mean_square(outputs.sub_(targets))

    def sums_and_gradient(
        self, outputs: Tensor, targets: Tensor, *, weight: float, keep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the sums, and twice the difference divided by the number of outputs."""
        difference = outputs - targets if keep else outputs.sub_(targets)
        return _mean_square(difference), difference.mul_(2 * weight / outputs.shape[-2])

    def targets_last(self, targets: Tensor) -> Tensor:
        """Return the targets transposed."""
        return targets.transpose(-1, -2).contiguous()


def _exp_(exponents: Tensor) -> Tensor:
    """Return the exponentials, in place, with zero for those under about 4e-29 in float32."""
    # Products of smaller ones would be subnormal, many times slower; an exponent of minus infinity takes three times.
    least = 0.75 * math.log(torch.finfo(exponents.dtype).tiny)
    return torch.threshold_(exponents.clamp_(min=least).exp_(), 1.01 * math.exp(least), 0.0)


def _mean_square(difference: Tensor) -> Tensor:
    # A norm for each row, then their sum in float64: one pass without a copy, accurate to 1e-8 in float32.
    rows = torch.linalg.vector_norm(difference, dim=-1).double()
    sums: Tensor = rows.square().sum(-1)
    return sums / difference.shape[-2]


def known_loss(loss: LossFunction, outputs: Tensor, targets: Tensor) -> KnownLoss | None:
    """Return the accurate form of `loss` for such outputs and targets, or None where there is none."""
    if outputs.ndim != 2:
        return None
    if loss is functional.cross_entropy or _plain(loss, nn.CrossEntropyLoss):
        if targets.is_floating_point():
            return SoftCrossEntropy() if targets.shape == outputs.shape else None
        return CrossEntropy() if targets.ndim == 1 and not targets.is_complex() else None
    if loss is functional.mse_loss or _plain(loss, nn.MSELoss):
        return MeanSquaredError() if targets.shape[1:] == outputs.shape[1:] else None
    return None


def _plain(loss: object, kind: type[nn.Module]) -> bool:
    """Return whether `loss` is of just this class with its default settings."""
    if type(loss) is not kind:
        return False
    settings, defaults = vars(loss), vars(kind())
    names = ("reduction", "ignore_index", "label_smoothing")
    if "forward" in settings or settings["_forward_hooks"] or settings["_forward_pre_hooks"]:
        return False
    if any(settings.get(name) != defaults.get(name) for name in names):
        return False
    return all(buffer is None for buffer in settings["_buffers"].values())
