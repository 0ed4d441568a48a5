"""Where a network is computed: devices by torch's names, and how much memory an evaluation may take there."""

from typing import Final

import torch

USUAL_BUDGET: Final = 2**30
"""Bytes of one evaluation, unless a device has plenty."""

SHARE_OF_DEVICE: Final = 0.25
"""Of a GPU's free memory."""


def device_named(name: str) -> torch.device:
    """Return a device by its name; ``"auto"`` is the first GPU, or the CPU where there is none.

    Raises
    ------
    ValueError
        For a name that torch does not know, or a device that is not there.

    Examples
    --------
    >>> device_named("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in {"cpu", "cuda", "mps"}:
        raise ValueError(f"device {name!r} given; 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps' is expected")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (not n_gpus or (device.index or 0) >= n_gpus):
        there = f"torch sees {n_gpus} of them" if n_gpus else "torch sees no GPU"
        raise ValueError(f"device {name!r} given, but {there}; 'auto' or 'cpu' works here")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r} given, but torch sees none; 'auto' or 'cpu' works here")
    return device


def checked_budget(given: object, device: torch.device) -> int:
    """Return the bytes that an evaluation may take: those given, else the usual ones.

    Raises
    ------
    ValueError
        For what is no number of bytes.

    Examples
    --------
    >>> checked_budget(None, torch.device("cpu")) == USUAL_BUDGET
    True
    """
    if given is None:
        return usual_budget(device)
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ValueError(f"byte_budget: given {given!r}, allowed: a number of bytes, such as 2**30")
    return given


def usual_budget(device: torch.device) -> int:
    """Return how many bytes an evaluation may take by default: of a GPU's free memory a quarter, 1 GiB at least.

    Examples
    --------
    >>> usual_budget(torch.device("cpu")) == 2**30
    True
    """
    if device.type != "cuda":
        return USUAL_BUDGET
    return max(USUAL_BUDGET, int(SHARE_OF_DEVICE * torch.cuda.mem_get_info(device)[0]))
