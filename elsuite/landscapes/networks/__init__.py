"""The loss of a network on data as a landscape: any `torch.nn.Module`, and four named ones.

- `NeuralLandscape`, its `MinibatchLandscape`, and `network_landscape` for a name in `ARCHITECTURES`.
- evaluation.py and dense.py compute energies and gradients, checks.py probes that they are functions.
"""

from elsuite.landscapes.networks.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.networks.landscape import MinibatchLandscape, NeuralLandscape, network_landscape

__all__ = [
    "ARCHITECTURES",
    "Autoencoder",
    "FullyConnected",
    "LeNet",
    "LongShortTerm",
    "MinibatchLandscape",
    "NeuralLandscape",
    "network_landscape",
]
