"""The named networks under their older address; they live in `elsuite.landscapes.networks.architectures`."""

from elsuite.landscapes.networks.architectures import (
    ACTIVATIONS,
    ARCHITECTURES,
    Autoencoder,
    DenseNetwork,
    FullyConnected,
    LeNet,
    LongShortTerm,
)

__all__ = ["ACTIVATIONS", "ARCHITECTURES", "Autoencoder", "DenseNetwork", "FullyConnected", "LeNet", "LongShortTerm"]
