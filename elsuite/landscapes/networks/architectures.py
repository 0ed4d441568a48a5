"""The four networks of arXiv:2602.21276, ready without arguments, of any size with them.

Inputs are images of shape (batch, height, width); each network arranges them as it needs.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Final, Literal, final

import torch
from torch import Tensor, nn

from elsuite.core.plugins import PluginTable
from elsuite.symmetry.modules import UnitAxes, lstm_axes, sequential_axes

Activation = Literal["softplus", "relu", "sigmoid", "tanh"]

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "softplus": nn.Softplus,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def _activation(name: str) -> nn.Module:
    if name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} given; one of {', '.join(ACTIVATIONS)} is expected")
    return ACTIVATIONS[name]()


def _positive(**sizes: int | Sequence[int]) -> None:
    for name, value in sizes.items():
        values = value if isinstance(value, Sequence) else (value,)
        if not all(isinstance(size, int) and size > 0 for size in values):
            raise ValueError(f"{name} = {value!r} given; positive whole numbers are expected")


class DenseNetwork(nn.Module):
    """Dense layers with activations between them, applied to flattened inputs; `layers` is all it does."""

    layers: nn.Sequential

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.layers(inputs.flatten(1))
        return outputs

    def unit_axes(self) -> UnitAxes:
        """Return which hidden units are interchangeable."""
        return sequential_axes(self.layers, "layers.")


def _dense(sizes: tuple[int, ...], activation: str, bias: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out, bias=bias), _activation(activation)]
    return layers[:-1]


@final
class FullyConnected(DenseNetwork):
    """A fully connected classifier, 784-50-50-10 without biases: 42,200 parameters.

    Inputs have the height and width of `image`; `hidden` are the units of each hidden layer.

    Examples
    --------
    >>> network = FullyConnected(image=(8, 8), hidden=(32, 32))
    >>> sum(tensor.numel() for tensor in network.parameters())
    3392
    """

    reconstructs = False

    def __init__(
        self,
        image: tuple[int, int] = (28, 28),
        hidden: tuple[int, ...] = (50, 50),
        *,
        n_outputs: int = 10,
        activation: Activation = "softplus",
        bias: bool = False,
    ) -> None:
        super().__init__()
        _positive(image=image, hidden=hidden, n_outputs=n_outputs)
        self.layers = nn.Sequential(*_dense((image[0] * image[1], *hidden, n_outputs), activation, bias))


@final
class Autoencoder(DenseNetwork):
    """An autoencoder, 784-32-32-32-784 without biases, sigmoid at the output: 52,224 parameters.

    Its targets are its own inputs, flattened. Parameters as for `FullyConnected`.

    Examples
    --------
    >>> sum(tensor.numel() for tensor in Autoencoder().parameters())
    52224
    """

    reconstructs = True

    def __init__(
        self,
        image: tuple[int, int] = (28, 28),
        hidden: tuple[int, ...] = (32, 32, 32),
        *,
        activation: Activation = "softplus",
        bias: bool = False,
    ) -> None:
        super().__init__()
        _positive(image=image, hidden=hidden)
        n_pixels = image[0] * image[1]
        self.layers = nn.Sequential(*_dense((n_pixels, *hidden, n_pixels), activation, bias), nn.Sigmoid())


@final
class LeNet(nn.Module):
    """A convolutional classifier, two 5x5 convolutions and three dense layers with biases: 61,706 parameters.

    Convolution 1 -> 6 (padding 2), activation, average pooling by 2, convolution 6 -> 16, activation, average
    pooling by 2, dense layers 400-120-84-10. Inputs are 12 pixels high and wide at least; `channels` are those of the
    two convolutions, `hidden` the units of the two hidden dense layers.

    Examples
    --------
    >>> sum(tensor.numel() for tensor in LeNet().parameters())
    61706
    """

    reconstructs = False

    def __init__(
        self,
        image: tuple[int, int] = (28, 28),
        hidden: tuple[int, int] = (120, 84),
        *,
        channels: tuple[int, int] = (6, 16),
        n_outputs: int = 10,
        activation: Activation = "softplus",
    ) -> None:
        super().__init__()
        _positive(image=image, hidden=hidden, channels=channels, n_outputs=n_outputs)
        if min(image) < 12 or len(channels) != 2:
            raise ValueError(
                f"image = {image}, channels = {channels} given; lenet takes images of 12 x 12 or more and two "
                "numbers of channels"
            )
        self.image = tuple(image)
        height, width = ((size // 2 - 4) // 2 for size in image)
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels[0], 5, padding=2),
            _activation(activation),
            nn.AvgPool2d(2),
            nn.Conv2d(channels[0], channels[1], 5),
            _activation(activation),
            nn.AvgPool2d(2),
            nn.Flatten(),
            *_dense((channels[1] * height * width, *hidden, n_outputs), activation, True),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits, shape (batch, n_outputs)."""
        outputs: Tensor = self.layers(inputs.reshape(len(inputs), 1, *self.image))
        return outputs

    def unit_axes(self) -> UnitAxes:
        """Return which channels and hidden units are interchangeable."""
        return sequential_axes(self.layers, "layers.")


@final
class LongShortTerm(nn.Module):
    """A recurrent classifier: one LSTM layer of 48 units reads permuted pixels row by row: 15,456 parameters.

    The pixels are permuted once by ``randperm`` of a torch Generator seeded 1234; the last hidden state goes to
    the outputs without bias. Of an image, the rows are steps, and the columns the features of a step.

    Examples
    --------
    >>> sum(tensor.numel() for tensor in LongShortTerm().parameters())
    15456
    """

    reconstructs = False
    permutation: Tensor

    def __init__(self, image: tuple[int, int] = (28, 28), hidden: int = 48, *, n_outputs: int = 10) -> None:
        super().__init__()
        _positive(image=image, hidden=hidden, n_outputs=n_outputs)
        self.image = tuple(image)
        permutation = torch.randperm(image[0] * image[1], generator=torch.Generator().manual_seed(1234))
        self.register_buffer("permutation", permutation, persistent=False)
        self.lstm = nn.LSTM(image[1], hidden, batch_first=True)
        self.output = nn.Linear(hidden, n_outputs, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits, shape (batch, n_outputs)."""
        steps = inputs.flatten(1)[:, self.permutation].view(len(inputs), *self.image)
        _, (hidden, _) = self.lstm(steps)
        outputs: Tensor = self.output(hidden[-1])
        return outputs

    def unit_axes(self) -> UnitAxes:
        """Return which hidden units are interchangeable, and their sign flips."""
        return lstm_axes(self.lstm, "lstm.", "output.weight")


ARCHITECTURES: Final[PluginTable[type[nn.Module]]] = PluginTable(
    "networks", {"fcp": FullyConnected, "lenet": LeNet, "autoencoder": Autoencoder, "lstm": LongShortTerm}, "network"
)
"""Networks by name; arguments `image` and `n_outputs`, where a class has them, come from the data."""
