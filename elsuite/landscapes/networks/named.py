"""The landscapes of networks that have names, on labelled data (`network_landscape`)."""

import inspect
import math
from typing import Any

import torch
from torch.nn import functional

from elsuite.datasets.load import DataSet
from elsuite.landscapes.conversion import to_tensor
from elsuite.landscapes.networks.architectures import ARCHITECTURES
from elsuite.landscapes.networks.landscape import NeuralLandscape
from elsuite.landscapes.networks.objective import Loss


def network_landscape(
    architecture: str,
    data: DataSet,
    *,
    byte_budget: int | None = None,
    device: str = "auto",
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> NeuralLandscape:
    """Return the landscape of a named network on a data set, with the loss that belongs to the network.

    The loss is the class's ``loss``, a function of outputs and targets; by default cross-entropy, or, where the class
    says that it ``reconstructs`` its inputs, the mean squared error to them. The arguments ``image`` (height, width)
    and ``n_outputs`` of a class that has them are taken from the data.

    Parameters
    ----------
    **options
        Of the network's class, such as ``hidden`` and ``activation``.

    Raises
    ------
    ValueError
        No such architecture, or an option that it does not take.

    Examples
    --------
    All weights zero: each of the ten digits is as likely, and the cross-entropy is log 10.

    >>> from elsuite.landscapes import load_data
    >>> landscape = network_landscape("fcp", load_data("digits", n_train=50, n_test=10), hidden=(4,))
    >>> landscape.surfaces, landscape.n_parameters
    (('train', 'test'), 296)
    >>> landscape.energy(torch.zeros(1, 296)).item()
    2.302585...
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture {architecture!r} given; one of {', '.join(ARCHITECTURES)} is expected")
    kind: Any = ARCHITECTURES[architecture]
    shape = data.train_inputs.shape[1:]
    sizes = {"image": shape if len(shape) == 2 else (1, math.prod(shape)), "n_outputs": data.n_classes}
    taken = inspect.signature(kind).parameters
    if "n_outputs" in taken and data.n_classes < 2:
        raise ValueError(f"{data.name}: targets of one class; {architecture} expects two or more to tell apart")
    try:
        module = kind(**{name: size for name, size in sizes.items() if name in taken} | options)
    except TypeError as error:
        raise ValueError(f"{architecture}: {error}") from None
    inputs, test_inputs = to_tensor(data.train_inputs), to_tensor(data.test_inputs)
    targets, test_targets = to_tensor(data.train_targets), to_tensor(data.test_targets)
    reconstructs = getattr(kind, "reconstructs", False)
    if reconstructs:
        targets, test_targets = inputs.flatten(1), test_inputs.flatten(1)
    loss: Loss = getattr(kind, "loss", functional.mse_loss if reconstructs else functional.cross_entropy)
    where: dict[str, Any] = {"byte_budget": byte_budget, "device": device, "dtype": dtype}
    return NeuralLandscape(module, loss, inputs, targets, test=(test_inputs, test_targets), **where)
