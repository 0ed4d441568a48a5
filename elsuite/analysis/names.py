"""What energies are called: the names of surfaces, with the loss or the unit where it is known."""

from collections.abc import Mapping
from typing import Any

LOSSES = {
    "autoencoder": "mean squared error",
    "fcp": "cross-entropy",
    "lenet": "cross-entropy",
    "lstm": "cross-entropy",
}
SURFACE_NAMES = {"train": "training loss", "test": "test loss", "energy": "energy"}


def shortened(name: object, longest: int = 32) -> str:
    """Return a name from a database in one line of so many letters at most.

    Examples
    --------
    >>> shortened("sgd/train"), shortened("a very long name", 8)
    ('sgd/train', 'a very \N{HORIZONTAL ELLIPSIS}')
    """
    line = " ".join(str(name).split())
    return line if len(line) <= longest else line[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def surface_name(surface: str) -> str:
    """Return what the values of a surface are called: "train" is the training loss."""
    return SURFACE_NAMES.get(surface, shortened(surface))


def energy_name(surface: str, attributes: Mapping[str, Any]) -> str:
    """Return the name of an energy axis, with the loss or the unit where the database knows it.

    The `attributes` are those of the database; ``landscape`` may hold ``loss``, ``unit`` or a known ``network``.

    Examples
    --------
    >>> energy_name("train", {"landscape": {"network": {"architecture": "fcp"}}})
    'training loss (cross-entropy)'
    """
    landscape = attributes.get("landscape")
    landscape = landscape if isinstance(landscape, Mapping) else {}
    network = landscape.get("network")
    architecture = network.get("architecture") if isinstance(network, Mapping) else None
    detail = landscape.get("loss") or landscape.get("unit") or LOSSES.get(str(architecture))
    name = surface_name(surface)
    return f"{name} ({shortened(detail, 40)})" if detail else name
