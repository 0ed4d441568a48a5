"""The loss of a network on data as a landscape: any `torch.nn.Module`, and four named ones.

- `NeuralLandscape`, its `MinibatchLandscape`, and `network_landscape` for a name in `ARCHITECTURES`.
- given.py: what a user gives, checked; samples.py: the data; network.py: the module and its ``state_dict``;
  objective.py: losses, weights, `WeightDecay`; statistics.py: running averages estimated at each point; metrics.py.
- evaluation.py and dense.py compute energies and gradients, checks.py probes that they are functions.
"""

from elsuite.landscapes.networks.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.networks.landscape import MinibatchLandscape, NeuralLandscape
from elsuite.landscapes.networks.metrics import accuracy, calibration_error, error, perplexity
from elsuite.landscapes.networks.named import network_landscape
from elsuite.landscapes.networks.regularization import WeightDecay

__all__ = [
    "ARCHITECTURES",
    "Autoencoder",
    "FullyConnected",
    "LeNet",
    "LongShortTerm",
    "MinibatchLandscape",
    "NeuralLandscape",
    "WeightDecay",
    "accuracy",
    "calibration_error",
    "error",
    "network_landscape",
    "perplexity",
]
