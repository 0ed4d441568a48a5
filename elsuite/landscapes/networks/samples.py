"""The data of a network: inputs and targets as people have them, in memory or read as they are needed.

Inputs are a tensor, or a tuple or a dict of such (several inputs, masks), with the samples along the first axis of
each; targets likewise, or nothing where the loss needs none.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)

from elsuite.core.identity import checksum, checksum_in_pieces
from elsuite.landscapes.conversion import to_tensor

Tree = Any
"""A tensor, a tuple or list of trees, a mapping of names to trees, or None."""

READ_AT_ONCE: Final = 1024
"""So many samples are read together, where the number does not matter."""

N_READ_TWICE: Final = 3
"""So many samples of a data set are read twice: random transforms would give others."""


def mapped(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Return a tree with every tensor replaced by what a function makes of it.

    Examples
    --------
    >>> mapped(lambda tensor: tensor.sum(), {"a": torch.ones(2), "b": (torch.ones(3), None)})
    {'a': tensor(2.), 'b': (tensor(3.), None)}
    """
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, (Mapping, tuple, list)):
        parts = [mapped(function, part) for part in (tree.values() if isinstance(tree, Mapping) else tree)]
        return _rebuilt(tree, parts)
    return tree


def _rebuilt(tree: Tree, parts: list[Any]) -> Tree:
    """Return a container like another one, with other parts: what reads it by attributes can go on to."""
    if isinstance(tree, Mapping):
        named = dict(zip(tree, parts, strict=True))
        if type(tree) is dict:
            return named
        try:
            return type(tree)(**named)
        except TypeError:
            return named
    if hasattr(tree, "_fields"):
        return type(tree)(*parts)
    return tuple(parts)


def tensors_in(tree: Tree) -> list[Tensor]:
    """Return the tensors of a tree in order; what is no tensor or container of such is left out.

    Examples
    --------
    >>> len(tensors_in(({"a": torch.ones(2)}, torch.ones(1), None)))
    2
    """
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    return [tensor for part in tree for tensor in tensors_in(part)] if isinstance(tree, (tuple, list)) else []


def joined_trees(trees: Sequence[Tree]) -> Tree:
    """Return trees of one form as one, their tensors concatenated along the samples."""
    first = trees[0]
    if isinstance(first, Tensor):
        return torch.cat(list(trees)) if first.ndim else first
    if isinstance(first, (Mapping, tuple, list)):
        columns = zip(*(tree.values() if isinstance(tree, Mapping) else tree for tree in trees), strict=True)
        return _rebuilt(first, [joined_trees(parts) for parts in columns])
    return first


def call(module: Callable[..., Any], inputs: Tree) -> Any:
    """Return what a module gives: several inputs are its arguments, named ones its keywords.

    Examples
    --------
    >>> call(lambda x, *, mask: x * mask, {"x": torch.ones(2), "mask": torch.zeros(2)})
    tensor([0., 0.])
    """
    arguments, named = arguments_of(inputs)
    return module(*arguments, **named)


def arguments_of(inputs: Tree) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments and the keywords that inputs are for a module, which may ask their gradients of them.

    Examples
    --------
    >>> arguments_of((torch.ones(1), None)), arguments_of({"x": torch.zeros(1)})
    (((tensor([1.]), None), {}), ((), {'x': tensor([0.])}))
    """
    # Other tensors with the same values: a module with derivatives inside calls `requires_grad_` on what it is given.
    given = mapped(lambda tensor: tensor.detach(), inputs)
    if isinstance(given, Mapping):
        return (), dict(given)
    return (given if isinstance(given, tuple) else (given,)), {}


def as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return real numbers in `dtype` and complex ones as pairs of it; whole numbers and truth values as they are."""
    if values.is_complex():
        return values.to(torch.complex64 if dtype == torch.float32 else torch.complex128)
    return values.to(dtype) if values.is_floating_point() else values


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets, ([n_points,] n_samples, ...): common to all points or, if `own`, each point's own.

    Attributes
    ----------
    weights : Tensor ([n_points,] n_samples), optional
        What each sample counts, where they count differently.
    mean_weight, n_whole : float, int
        Of the data that these samples are some of: a mean over some samples estimates that over all.
    """

    inputs: Tree
    targets: Tree
    own: bool = False
    weights: Tensor | None = None
    mean_weight: float = 1.0
    n_whole: int = 0

    @property
    def n_samples(self) -> int:
        """Number of samples of one point."""
        return int(tensors_in(self.inputs)[0].shape[1 if self.own else 0])

    @property
    def n_points(self) -> int:
        """Number of points with samples of their own."""
        return len(tensors_in(self.inputs)[0]) if self.own else 0

    def of_point(self, k: int) -> "Samples":
        """Return the samples of point `k`."""
        return replace(self._part(lambda values: values[k]), own=False) if self.own else self

    def of_points(self, points: slice) -> "Samples":
        """Return the samples of some points."""
        return self._part(lambda values: values[points]) if self.own else self

    def batches(self, size: int) -> "Iterator[Samples]":
        """Yield all samples in micro-batches of `size`."""
        for start in range(0, self.n_samples, size):
            yield self.between(start, start + size)

    def between(self, start: int, stop: int, step: int = 1) -> "Samples":
        """Return every `step`-th of the samples from `start` on."""
        rows = slice(start, stop, step)
        return self._part(lambda values: values[:, rows] if self.own else values[rows])

    def rows(self, indices: Tensor) -> "Samples":
        """Return the samples with these indices: common ones for (n,), each point's own for (n_points, n)."""

        def chosen(values: Tensor) -> Tensor:
            # index_select is five times quicker than values[indices].
            return values.index_select(0, indices.flatten()).view(*indices.shape, *values.shape[1:])

        return replace(self._part(chosen), own=indices.ndim == 2)

    def with_weights(self, weights: Tensor | None) -> "Samples":
        """Return the samples with what each counts, all together being the whole."""
        mean = 1.0 if weights is None else float(weights.double().mean())
        return replace(self, weights=weights, mean_weight=mean, n_whole=self.n_samples)

    def _part(self, function: Callable[[Tensor], Tensor]) -> "Samples":
        inputs, targets = mapped(function, self.inputs), mapped(function, self.targets)
        return replace(self, inputs=inputs, targets=targets, weights=mapped(function, self.weights))


@dataclass(frozen=True, eq=False)
class StreamedSamples:
    """Samples of a data set that are read when they are asked for, because all together would take too much memory."""

    dataset: Dataset[Any]
    collate: Callable[[list[Any]], Any]
    convert: Callable[[Tree, Tree], Samples]
    n_samples: int
    weights: Tensor | None = None
    own: bool = False
    mean_weight: float = 1.0
    n_points: int = 0

    @property
    def n_whole(self) -> int:
        """Number of all samples."""
        return self.n_samples

    def of_point(self, k: int) -> "StreamedSamples":
        """Return these samples, which all points share."""
        return self

    def of_points(self, points: slice) -> "StreamedSamples":
        """Return these samples, which all points share."""
        return self

    def batches(self, size: int) -> Iterator[Samples]:
        """Yield all samples in micro-batches of `size`, one in memory at a time."""
        for start in range(0, self.n_samples, size):
            yield self.between(start, start + size)

    def between(self, start: int, stop: int, step: int = 1) -> Samples:
        """Return every `step`-th of the samples from `start` on."""
        return self.rows(torch.arange(start, min(stop, self.n_samples), step))

    def rows(self, indices: Tensor) -> Samples:
        """Return the samples with these indices: common ones for (n,), each point's own for (n_points, n)."""
        read = self.read(indices.flatten().tolist())
        if self.weights is not None:
            read = replace(read, weights=self.weights[indices.flatten().to(self.weights.device)])
        if indices.ndim == 2:
            read = read._part(lambda values: values.view(*indices.shape, *values.shape[1:]))
        return replace(read, own=indices.ndim == 2, mean_weight=self.mean_weight, n_whole=self.n_samples)

    def read(self, indices: list[int]) -> Samples:
        """Return the samples with these indices as they are in the data set."""
        items = [self.dataset[i] for i in indices]
        return self.convert(*_parted(self.collate(items)))

    def with_weights(self, weights: Tensor | None) -> "StreamedSamples":
        """Return the samples with what each counts."""
        mean = 1.0 if weights is None else float(weights.double().mean())
        return replace(self, weights=weights, mean_weight=mean)


AnySamples = Samples | StreamedSamples


@dataclass(frozen=True)
class Conversion:
    """How a surface's inputs and targets become tensors of the landscape."""

    surface: str
    dtype: torch.dtype
    device: torch.device

    def __call__(self, inputs: Tree, targets: Tree) -> Samples:
        """Return inputs and targets as samples; raises ValueError for what are none."""
        x, y = self.tree("inputs", inputs), self.tree("targets", targets)
        # Losses take classes as 64-bit numbers only; no digit is lost.
        y = mapped(lambda values: values.long() if _is_whole(values) else values, y)
        parts = tensors_in(x)
        shapes = [tuple(tensor.shape) for tensor in [*parts, *tensors_in(y)]]
        if not parts:
            raise ValueError(f"{self.surface}: no inputs given; a tensor, a tuple or a dict of such is expected")
        if not all(shape and shape[0] == shapes[0][0] for shape in shapes) or not shapes[0][0]:
            of = ", ".join(str(shape) for shape in shapes[: len(parts)])
            targets_of = ", ".join(str(shape) for shape in shapes[len(parts) :])
            raise ValueError(
                f"{self.surface}: inputs of shape {of} and targets of shape {targets_of or 'none'} given; "
                "equally many of both, at least one, are expected"
            )
        return Samples(x, y, n_whole=shapes[0][0])

    def tree(self, what: str, values: Any) -> Tree:
        """Return arrays in any container as tensors."""
        if isinstance(values, Mapping):
            return {str(name): self.tree(f"{what} {name!r}", part) for name, part in values.items()}
        if values is None:
            return None
        if isinstance(values, np.ma.MaskedArray):
            raise ValueError(f"{self.surface}: {what} given as a masked array; numbers are expected, and a mask beside")
        if isinstance(values, Tensor) and values.layout is not torch.strided:
            raise ValueError(f"{self.surface}: {what} given as a sparse tensor; a dense one is expected")
        if isinstance(values, tuple) and any(isinstance(part, (Tensor, np.ndarray, Mapping, tuple)) for part in values):
            return tuple(self.tree(what, part) for part in values)
        if isinstance(values, list) and values and all(isinstance(part, Tensor) for part in values):
            values = torch.stack(values)
        try:
            tensor = to_tensor(values)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{self.surface}: {what} given as {_in_words(values)}; numbers are expected{_hint(values)}"
            ) from error
        made = as_dtype(tensor.detach(), self.dtype).to(self.device)
        # What the caller changes later is not to change energies; a file that is mapped into memory stays one.
        return made.clone() if made.data_ptr() == tensor.data_ptr() and not isinstance(values, np.memmap) else made


def samples_of(convert: Conversion, inputs: Any, targets: Any, byte_budget: int) -> AnySamples:
    """Return the samples of arrays, a torch Dataset or a DataLoader; what exceeds the budget is read when needed."""
    if isinstance(inputs, (Dataset, DataLoader)):
        if targets is not None:
            raise ValueError(f"{convert.surface}: a {type(inputs).__name__} and targets given; it has them itself")
        return _of_dataset(convert, inputs, byte_budget)
    return convert(inputs, targets)


def _of_dataset(convert: Conversion, given: Any, byte_budget: int) -> AnySamples:
    collate = default_collate
    if isinstance(given, DataLoader):
        given, collate = _sampled(convert.surface, given), given.collate_fn
    if isinstance(given, IterableDataset) or not callable(getattr(given, "__len__", None)):
        raise ValueError(
            f"{convert.surface}: {type(given).__name__} has no length or no samples by their number; a Dataset with "
            "__len__ and __getitem__ is expected"
        )
    if not len(given):
        raise ValueError(f"{convert.surface}: the data set is empty; at least one sample is expected")
    if type(given) is TensorDataset:
        return convert(*_parted(list(given.tensors)))
    streamed = StreamedSamples(given, collate, convert, len(given))
    few = torch.linspace(0, len(given) - 1, min(N_READ_TWICE, len(given))).round().long().tolist()
    once, again = (tensors_in((read.inputs, read.targets)) for read in (streamed.read(few), streamed.read(few)))
    if not all(torch.equal(a, b) or bool(torch.isnan(a).any()) for a, b in zip(once, again, strict=True)):
        raise ValueError(
            f"{convert.surface}: the data set gives other values when a sample is read again; take random transforms "
            "out of it, and give them as augmentation"
        )
    size = sum(tensor.numel() * tensor.element_size() for tensor in once) / len(few) * len(given)
    if size > byte_budget:
        return streamed
    parts = list(streamed.batches(max(1, math.ceil(len(given) / 64))))
    try:
        inputs, targets = joined_trees([(part.inputs, part.targets) for part in parts])
    except RuntimeError:  # each batch is padded to a length of its own
        return streamed
    return Samples(inputs, targets, n_whole=len(given))


def _sampled(surface: str, loader: DataLoader[Any]) -> Any:
    """Return the samples that a loader goes through, whatever the order; raises ValueError for a random choice."""
    data: Any = loader.dataset
    sampler = loader.sampler
    if isinstance(data, IterableDataset) or isinstance(sampler, SequentialSampler):
        return data
    if isinstance(sampler, RandomSampler) and not sampler.replacement and sampler.num_samples >= len(data):
        return data
    if isinstance(sampler, SubsetRandomSampler):
        return Subset(data, sorted(int(i) for i in sampler.indices))
    raise ValueError(
        f"{surface}: a DataLoader with a {type(sampler).__name__} given, which draws or weights samples; a Dataset of "
        "the samples that count is expected, with weights= if they count differently"
    )


Augmentation = Callable[[Tree, torch.Generator], Tree]
"""Random copies of the inputs of a minibatch, drawn by the generator."""

_MIXED: Final = 1_000_003


def augmented(samples: Samples, augmentation: Augmentation, indices: Tensor) -> Samples:
    """Return samples with random copies of their inputs, which depend on their numbers alone."""
    places = torch.arange(1, indices.numel() + 1, device=indices.device)
    seed = int(((indices.flatten() + 1) * places * _MIXED).sum()) % 2**31
    generator = torch.Generator().manual_seed(seed)
    lead = 2 if samples.own else 1
    flat = mapped(lambda values: values.flatten(0, lead - 1), samples.inputs)
    before = tensors_in(samples.inputs)
    new = augmentation(flat, generator)
    if [len(tensor) for tensor in tensors_in(new)] != [len(tensor) for tensor in tensors_in(flat)]:
        raise ValueError("augmentation gives another number of samples than it was given; a copy of each is expected")
    shapes = iter(before)
    return replace(samples, inputs=mapped(lambda v: v.view(*next(shapes).shape[:lead], *v.shape[1:]), new))


def checksum_of(samples: AnySamples) -> str:
    """Return the checksum of the content of inputs and targets, whether they are in memory or read when needed."""

    def content(part: Samples) -> list[Tensor]:
        tensors = [*tensors_in(part.inputs), *tensors_in(part.targets)]
        # Whole numbers as earlier versions had them.
        return [t if t.is_floating_point() or t.is_complex() else t.long() for t in tensors]

    if isinstance(samples, Samples):
        return checksum(*(part.cpu().numpy() for part in content(samples)))
    first = content(samples.between(0, 1))

    def pieces(k: int) -> Iterator[Any]:
        return (content(batch)[k].cpu().numpy() for batch in samples.batches(READ_AT_ONCE))

    return checksum_in_pieces(*(((samples.n_samples, *t.shape[1:]), pieces(k)) for k, t in enumerate(first)))


def _parted(item: Any) -> tuple[Any, Any]:
    """Return inputs and targets of a collated batch: the last of several is the target, a dict is all input."""
    if isinstance(item, (tuple, list)) and len(item) > 1:
        inputs = item[0] if len(item) == 2 else item[:-1]
        return tuple(inputs) if isinstance(inputs, list) else inputs, item[-1]
    return (item[0] if isinstance(item, (tuple, list)) else item), None


def _in_words(values: Any) -> str:
    """Return what something is that is no array of numbers."""
    first = values
    while isinstance(first, (list, tuple, np.ndarray)) and len(first):
        first = first[0]
    kind = type(first).__name__
    return kind if first is values else f"{type(values).__name__} of {kind}"


def _hint(values: Any) -> str:
    if "str" in _in_words(values):
        return ", such as np.unique(targets, return_inverse=True)[1]"
    return ", or a torch Dataset" if not isinstance(values, (list, tuple, np.ndarray)) else ""


def _is_whole(values: Tensor) -> bool:
    return not values.is_floating_point() and not values.is_complex() and values.dtype != torch.bool
