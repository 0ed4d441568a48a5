"""A module as a function of one vector: its tensors by name, its starts, its state_dict."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.landscapes.networks.samples import Tree, arguments_of, as_dtype, tensors_in
from elsuite.symmetry.tracing import tensors_of

Buffers = Literal["estimated", "stored", "frozen"]
Factory = Callable[[], nn.Module]

NAMES_SHOWN = 3
"""A message names so many tensors at most."""


def cast_module(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the module itself, its tensors in `dtype` as `as_dtype` says: `Module.to` would drop imaginary parts."""
    module._apply(lambda tensor: as_dtype(tensor, dtype))  # type: ignore[no-untyped-call]
    return module


def copied(module: nn.Module) -> nn.Module:
    """Return a copy of a module, also of one that keeps results of its last pass, which are copied without a graph."""
    memo: dict[int, Any] = {}
    for layer in module.modules():
        for value in vars(layer).values():
            for tensor in tensors_in(value):
                if not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone()
    return copy.deepcopy(module, memo)


def running_averages(module: nn.Module) -> dict[str, nn.Module]:
    """Return the normalization layers that keep running averages, by their names.

    Examples
    --------
    >>> list(running_averages(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))))
    ['1']
    """
    kind = nn.modules.batchnorm._NormBase
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, kind) and layer.running_mean is not None and layer.running_var is not None
    }


@final
class Network:
    """A module as a function of one vector of its trained parameters; the caller's stays as it is.

    Parameters
    ----------
    module : nn.Module or callable
        Or what makes one: then a start is what it makes under a seed.
    buffers : {"estimated", "stored", "frozen"}
        Of stored ones, the floating-point buffers of the ``state_dict`` are coordinates after the parameters.
    """

    def __init__(
        self, module: nn.Module | Factory, *, dtype: torch.dtype, device: torch.device, buffers: Buffers = "frozen"
    ) -> None:
        self._factory = None if isinstance(module, nn.Module) else module
        given = module if isinstance(module, nn.Module) else made_by(module, 0)
        # Starts are drawn in the caller's dtype, on the CPU: the same for every landscape of the module.
        self._template = copied(given).cpu()
        self.module = cast_module(copied(given), dtype).to(device=device)
        if buffers == "estimated":  # in whatever mode it was given: what averages, and what asks for the mode
            self.module.eval()
        trained: dict[str, Tensor] = {name: t for name, t in self.module.named_parameters() if t.requires_grad}
        if complex_ones := [name for name, tensor in trained.items() if tensor.is_complex()]:
            raise ValueError(
                f"{complex_ones[0]} is complex; a point is a vector of real numbers: keep real and imaginary parts as "
                "tensors of their own, or freeze it by requires_grad_(False)"
            )
        self.n_trained = len(trained)
        self.buffers: Buffers = buffers
        if buffers == "stored":
            kept = self.module.state_dict()
            trained |= {n: b for n, b in self.module.named_buffers() if n in kept and b.is_floating_point()}
        self.names = tuple(trained)
        self.shapes = tuple(tensor.shape for tensor in trained.values())
        self.sizes = [shape.numel() for shape in self.shapes]
        self.module.requires_grad_(False)
        for layer in self.module.modules():
            # cuDNN gives gradients of recurrent layers in training mode only; without dropout it is the same.
            if isinstance(layer, nn.RNNBase) and not layer.dropout:
                layer.training = True
        self.dtype = dtype
        self.device = device

    @property
    def given(self) -> nn.Module:
        """The module as it was given, in its mode."""
        return self._template

    @property
    def n_parameters(self) -> int:
        """Number of coordinates of a point."""
        return sum(self.sizes)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """Return the module's tensors as views of `point`, shape (n_parameters,), in the module's own order.

        Stored buffers move with the point and have no derivative: they belong to a solution, and nothing descends them.
        """
        parts = torch.split(point, self.sizes)
        named = zip(self.names, parts, self.shapes, strict=True)
        tensors = {name: part.view(shape) for name, part, shape in named}
        for name in self.names[self.n_trained :]:
            tensors[name] = tensors[name].detach()
        return tensors

    def own_point(self) -> Tensor:
        """Return the point of the caller's parameters."""
        return self._flat(self.module)

    def random_points(self, seeds: Sequence[int]) -> Tensor:
        """Return points as wide as usual initial weights, that depend on the shapes of the tensors alone.

        Stored buffers are the module's own.
        """
        points = np.empty((len(seeds), self.n_parameters), dtype=np.float32)
        own = dict(self.module.named_buffers())
        for point, seed in zip(points, seeds, strict=True):
            rng, end = np.random.default_rng(seed), 0
            for k, shape in enumerate(self.shapes):
                begin, end = end, end + shape.numel()
                if k >= self.n_trained:
                    point[begin:end] = own[self.names[k]].flatten().cpu().numpy()
                    continue
                width = shape[1:].numel() if len(shape) > 1 else shape.numel()
                point[begin:end] = (2 * rng.random(end - begin, dtype=np.float32) - 1) / math.sqrt(max(width, 1))
        return torch.from_numpy(points).to(self.device, self.dtype)

    def outputs(self, tensors: Mapping[str, Tensor], inputs: Tree) -> Any:
        """Return the outputs with the tensors of a point, as `parameters` gives them, and any other ones."""
        return functional_call(self.module, dict(tensors), *arguments_of(inputs))

    def starts(self, seeds: Sequence[int]) -> list[Tensor]:
        """Return the start of each seed; raises ValueError for a factory that seeds mean nothing to."""
        found = [self.copy_at_start(seed) for seed in seeds]
        if self._factory is not None and found:
            if not torch.equal(found[0], self.copy_at_start(seeds[0])):
                raise ValueError("the factory makes two networks under one seed; its randomness has to come from torch")
            if len(set(seeds)) > 1 and all(torch.equal(found[0], other) for other in found[1:]):
                raise ValueError("the factory makes the same network under every seed; make a new module each time")
        return found

    def copy_at_start(self, seed: int) -> Tensor:
        """Return the start that the factory or layers' ``reset_parameters`` make; raises ValueError if one lacks it."""
        if self._factory is not None:
            made = made_by(self._factory, seed)
            shapes = {name: tensor.shape for name, tensor in tensors_of(made).items()}
            wanted = dict(zip(self.names, self.shapes, strict=True))
            if other := [name for name, shape in wanted.items() if shapes.get(name) != shape]:
                raise ValueError(f"the factory makes another network under the seed {seed}: {other[0]} differs")
            return self._flat(made).to(self.dtype)
        module = copied(self._template)
        # Layers draw from the global generator; it is put back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(seed))
            later = []
            for name, layer in module.named_modules():
                own = [key for key, _ in layer.named_parameters(name, recurse=False) if key in self.names]
                if callable(reset := getattr(layer, "reset_parameters", None)):
                    reset()
                elif callable(reset := getattr(layer, "_reset_parameters", None)) and own:
                    later.append(reset)  # of an attention layer, which draws again what its parts have drawn
                elif own:
                    raise ValueError(
                        f"no random start for {_some(own)}: {type(layer).__name__} has no reset_parameters(); give the "
                        "function that makes the module in place of the module, or start from points of your own"
                    )
            for reset in later:
                reset()
        return self._flat(module).to(self.dtype)

    def _flat(self, module: nn.Module) -> Tensor:
        tensors = tensors_of(module)
        return torch.cat([tensors[name].detach().flatten() for name in self.names])

    def state_dict(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the module's whole ``state_dict`` with these tensors, on the CPU, none narrower than it was."""
        owners = {id(tensor): name for name, tensor in tensors_of(self._template).items()}
        state = {}
        for name, tensor in self._template.state_dict(keep_vars=True).items():
            if not isinstance(tensor, Tensor):
                state[name] = tensor  # what the module keeps beside tensors
                continue
            value = tensors.get(owners.get(id(tensor), name), tensor).detach()
            wide = torch.promote_types(tensor.dtype, value.dtype) if tensor.is_floating_point() else tensor.dtype
            state[name] = value.to("cpu", wide).reshape(tensor.shape).clone()
        return state

    def point(self, state: Mapping[str, Any]) -> Tensor:
        """Return the point of a ``state_dict``; raises ValueError that names what does not fit."""
        own = self._template.state_dict(keep_vars=True)
        if not isinstance(state, Mapping):
            raise ValueError(f"{type(state).__name__} given; a state_dict, a mapping of names to tensors, is expected")
        first = tensors_of(self._template)
        canonical = {id(tensor): name for name, tensor in first.items()}
        found: dict[str, Tensor] = {}
        missing = []
        for name, tensor in own.items():
            if not isinstance(tensor, Tensor):
                continue
            if name in state and not (self.buffers == "estimated" and name in self.averages):
                self._take(found, canonical.get(id(tensor), name), name, _fitting(name, state[name], tensor))
        for name, tensor in own.items():
            if isinstance(tensor, Tensor) and canonical.get(id(tensor), name) not in found:
                missing.append(name)
        # Estimated averages are not looked at, and their counters nowhere.
        unread = self.averages if self.buffers == "estimated" else ()
        missing = [n for n in missing if n not in unread and not n.endswith("num_batches_tracked")]
        unknown = [name for name in state if name not in own]
        if missing or unknown:
            words = [f"{what}: {_some(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
            raise ValueError(f"the state_dict does not fit the module ({'; '.join(words)})")
        self._check_frozen(found, first)
        point = torch.cat([found[name].detach().flatten().to(self.dtype) for name in self.names])
        if not bool(torch.isfinite(point).all()):
            name = next(n for n in self.names if not bool(torch.isfinite(found[n].to(self.dtype)).all()))
            raise ValueError(f"{name} has a value that {self.dtype} cannot hold")
        return point.to(self.device)

    @cached_property
    def averages(self) -> set[str]:
        """The names of running averages and of their counters."""
        kinds = ("running_mean", "running_var", "num_batches_tracked")
        layers = running_averages(self._template)
        return {f"{name}.{kind}" if name else kind for name in layers for kind in kinds}

    @staticmethod
    def _take(found: dict[str, Tensor], canonical: str, name: str, value: Tensor) -> None:
        if canonical in found and not torch.equal(found[canonical], value):
            raise ValueError(f"{canonical} and {name} are one tensor of the module, but two in the state_dict")
        found[canonical] = value

    def _check_frozen(self, found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
        """Refuse a solution whose other tensors are not those that every point here is evaluated with."""
        for name, value in found.items():
            if name in self.names or name in self.averages:
                continue
            if not torch.equal(value.cpu(), own[name].detach().to(value.dtype)):
                raise ValueError(
                    f"{name} is frozen in this landscape, and the state_dict has other values for it; make the "
                    "landscape of a module with these values"
                )


def made_by(factory: Factory, seed: int) -> nn.Module:
    """Return the module that a factory makes under a seed, in evaluation mode; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))
        module = factory()
    if not isinstance(module, nn.Module):
        raise ValueError(f"{type(module).__name__} given; a torch.nn.Module, or a function that makes one, is expected")
    return module.eval()


def _fitting(name: str, value: Any, own: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} is of type {type(value).__name__}; a tensor is expected")
    if value.layout is not torch.strided or value.is_meta:
        raise ValueError(f"{name} is {'without values' if value.is_meta else 'sparse'}; a dense tensor is expected")
    if name.endswith("num_batches_tracked"):  # it counts nothing here, whatever a conversion made of it
        return own.detach()
    if value.shape != own.shape:
        raise ValueError(f"{name} has shape {tuple(value.shape)}, the module's {tuple(own.shape)}")
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} has a value that is not finite")
    if value.is_floating_point() != own.is_floating_point() or value.is_complex() != own.is_complex():
        raise ValueError(f"{name} is of {value.dtype}, the module's of {own.dtype}")
    return value.detach()


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
