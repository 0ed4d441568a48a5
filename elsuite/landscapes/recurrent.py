"""An LSTM layer out of plain tensor operations, for what `torch.nn.LSTM` cannot do."""

from typing import final

import torch
from torch import Tensor, nn

__all__ = ["UnrolledLSTM"]


@final
class UnrolledLSTM(nn.Module):
    r"""One LSTM layer, step by step: the same tensors and the same values as ``nn.LSTM(batch_first=True)``.

    .. math:: c_t = \sigma(f) c_{t-1} + \sigma(i) \tanh(g), \quad h_t = \sigma(o) \tanh(c_t),

    with the gates i, f, g, o linear in the inputs and in :math:`h_{t-1}`, both states zero at the start.
    ``nn.LSTM`` has no rule for `torch.vmap` and no forward-mode derivative; this layer has both, and any number of
    derivatives on every device. It is slower: use it where they are needed.

    Parameters
    ----------
    input_size, hidden_size : int
        Features of a step, units.

    Examples
    --------
    >>> layer, reference = UnrolledLSTM(3, 5), nn.LSTM(3, 5, batch_first=True)
    >>> _ = layer.load_state_dict(reference.state_dict())
    >>> inputs = torch.rand(2, 7, 3)
    >>> torch.allclose(layer(inputs)[0], reference(inputs)[0], atol=1e-6)
    True
    """

    # What nn.LSTM calls these, for code that reads a layer's shape.
    num_layers = 1
    bias = True
    batch_first = True
    bidirectional = False
    proj_size = 0

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all tensors uniformly, as ``nn.LSTM`` does and in its order."""
        bound = self.hidden_size**-0.5
        for tensor in self.parameters():
            nn.init.uniform_(tensor, -bound, bound)

    def forward(self, inputs: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return all hidden states, shape (batch, steps, units), and the last hidden and cell states.

        Parameters
        ----------
        inputs : Tensor (batch, steps, features)

        Returns
        -------
        tuple
            As from ``nn.LSTM``: the last states have a leading axis of length 1.
        """
        driven = inputs @ self.weight_ih_l0.T + (self.bias_ih_l0 + self.bias_hh_l0)
        hidden = cell = driven.new_zeros(len(inputs), self.hidden_size)
        states = []
        for step in driven.unbind(1):
            i, f, g, o = (step + hidden @ self.weight_hh_l0.T).chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
            states.append(hidden)
        return torch.stack(states, dim=1), (hidden[None], cell[None])
