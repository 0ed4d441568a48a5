r"""Numbers of a solution beside its energy: accuracy, calibration, perplexity, or the user's own.

A metric is a function of outputs and targets. It gives a value for each sample (or each target), whose mean is taken,
those that are not a number left out; or one number of everything, and then it is called once with the outputs and
targets of all samples together.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from elsuite.landscapes.networks.objective import torch_settings
from elsuite.landscapes.networks.samples import AnySamples, Samples, Tree, joined_trees, mapped

Metric = Callable[[Any, Any], Tensor | float]

IGNORED: Final = -100
"""The target that torch's losses ignore, and these metrics, too."""

FEW: Final = 8
"""So many samples are enough to try a metric on."""

N_BINS: Final = 15
"""Of confidences, as usual for the calibration error."""


def accuracy(outputs: Tensor, targets: Tensor, *, ignore_index: int = IGNORED, soft: bool = False) -> Tensor:
    """Return for each target whether the largest of the logits is its own, shape as the targets.

    Logits have the classes along axis 1, as `torch.nn.functional.cross_entropy` takes them; of one logit the sign
    decides. With `soft`, targets are probabilities of the classes, of which the largest counts. Of a landscape whose
    loss is torch's cross-entropy, both are as they are there.

    Raises
    ------
    ValueError
        For targets of a regression, which are under 0 or over 1.

    Examples
    --------
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    tensor([1., 0.])
    """
    if soft:
        targets = targets.argmax(1)
    if outputs.ndim == targets.ndim and targets.is_floating_point():
        if not bool(((targets >= 0) & (targets <= 1)).all()):
            raise ValueError("accuracy: given targets under 0 or over 1, allowed: numbers of classes, or from 0 to 1")
        right = (outputs > 0) == (targets > 0.5)
        return right.float()
    right = outputs.argmax(1) == targets
    return torch.where(targets == ignore_index, torch.nan, right.float())


def error(outputs: Tensor, targets: Tensor, *, ignore_index: int = IGNORED, soft: bool = False) -> Tensor:
    """Return for each target whether another logit is largest: see `accuracy`.

    Examples
    --------
    >>> error(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    tensor([0., 1.])
    """
    return 1 - accuracy(outputs, targets, ignore_index=ignore_index, soft=soft)


def calibration_error(outputs: Tensor, targets: Tensor, *, ignore_index: int = IGNORED, soft: bool = False) -> Tensor:
    r"""Return the expected calibration error of softmax probabilities, in 15 bins (Guo et al. 2017), one number.

    .. math:: \sum_b \frac{n_b}{n} |\mathrm{accuracy}_b - \mathrm{confidence}_b|

    Examples
    --------
    >>> round(float(calibration_error(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))), 6)
    0.0
    """
    targets = targets.argmax(1) if soft else targets
    confidence, chosen = outputs.softmax(1).max(1)
    counted = targets != ignore_index
    confidence, right = confidence[counted], (chosen == targets)[counted].double()
    bins = (confidence * N_BINS).long().clamp(max=N_BINS - 1)
    gaps = torch.zeros(N_BINS, dtype=torch.float64, device=outputs.device)
    gaps.index_add_(0, bins, right - confidence.double())
    return gaps.abs().sum() / max(1, len(right))


def perplexity(outputs: Tensor, targets: Tensor, *, ignore_index: int = IGNORED, soft: bool = False) -> Tensor:
    """Return the exponential of the mean cross-entropy, one number.

    Examples
    --------
    Of four equal logits, whatever the target is:

    >>> perplexity(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
    tensor(4.)
    """
    ignored = IGNORED if soft else ignore_index
    return functional.cross_entropy(outputs, targets, ignore_index=ignored).exp()


def as_in_loss(metrics: Mapping[str, Metric], loss: object, samples: AnySamples) -> Mapping[str, Metric]:
    """Return metrics, those of this module with the targets that torch's cross-entropy ignores, or has as shares.

    Raises
    ------
    ValueError
        For what is no mapping of names to functions.

    Examples
    --------
    >>> from torch import nn
    >>> targets = torch.tensor([0, 1])
    >>> found = as_in_loss({"a": accuracy}, nn.CrossEntropyLoss(ignore_index=0), Samples(targets, targets))
    >>> found["a"](torch.eye(2), targets)
    tensor([nan, 1.])
    """
    if not isinstance(metrics, Mapping):
        raise ValueError(f"metrics is {type(metrics).__name__}; a mapping of names to functions is expected")
    function, settings = torch_settings(loss)
    if function != "cross_entropy":
        return metrics
    targets = samples.between(0, 1).targets
    soft = isinstance(targets, Tensor) and targets.is_floating_point()
    given = {"ignore_index": settings.get("ignore_index", IGNORED), "soft": soft}
    ours = (accuracy, error, calibration_error, perplexity)
    return {n: partial(metric, **given) if metric in ours else metric for n, metric in metrics.items()}


def checked_metrics(metrics: Mapping[str, Metric] | None, some: tuple[Samples, Tree]) -> dict[str, Metric]:
    """Return metrics that can be columns of a database, each tried on some outputs; raises ValueError for others."""
    for name, metric in (metrics or {}).items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise ValueError(f"metric {name!r} given; names of letters, digits and underscores are allowed")
        if not callable(metric):
            raise ValueError(
                f"metric {name!r} is {type(metric).__name__}; a function of outputs and targets is expected"
            )
    metric_values(metrics or {}, [some])
    return dict(metrics or {})


def metric_values(metrics: Mapping[str, Metric], outputs: Iterable[tuple[Samples, Tree]]) -> Tensor:
    """Return the values of metrics over all samples, shape (n_metrics,) float64, from outputs in micro-batches.

    Raises
    ------
    ValueError
        For a metric that cannot be computed from the outputs, or gives something else than numbers.
    """
    sums = {name: torch.zeros(2, dtype=torch.float64) for name in metrics}
    whole: dict[str, list[tuple[Tree, Tree]]] = {}
    for batch, given in outputs:
        given = mapped(lambda tensor: tensor.detach(), given)
        for name, metric in metrics.items():
            if name not in whole:
                values = _computed(name, metric, given, batch.targets)
                if values.ndim and len(values) == batch.n_samples:
                    counted = values.double()[~values.isnan()]
                    sums[name] += torch.stack([counted.sum(), torch.tensor(counted.numel()).to(counted)]).cpu()
                    continue
                whole[name] = []
            whole[name].append(_moved(given, batch.targets))
    for name, parts in whole.items():
        together = joined_trees([part for part, _ in parts]), joined_trees([targets for _, targets in parts])
        value = _computed(name, metrics[name], *together)
        if value.numel() != 1:
            raise ValueError(
                f"metric {name!r} gives values of shape {tuple(value.shape)}; one number, or one for each sample, is "
                "expected"
            )
        sums[name] = torch.stack([value.double().cpu().reshape(()), torch.tensor(1.0, dtype=torch.float64)])
    return torch.stack([total / count for total, count in sums.values()]) if sums else torch.empty(0)


def _moved(outputs: Tree, targets: Tree) -> tuple[Tree, Tree]:
    return mapped(lambda tensor: tensor.cpu(), outputs), mapped(lambda tensor: tensor.cpu(), targets)


def _computed(name: str, metric: Metric, outputs: Tree, targets: Tree) -> Tensor:
    try:
        return torch.as_tensor(metric(outputs, targets)).detach()
    except Exception as error:  # of a user's own function
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"metric {name!r} cannot be computed: {type(error).__name__}: {reason}") from error
