"""State dicts in files, as training programs write them: `read_checkpoint`; and into files: `write_checkpoint`.

A file of ``torch.save`` is read without running code that it may hold. The state dict that is meant is found by the
names and shapes of what the landscape expects: in whatever container it lies and whatever wrappers stand before its
names (of Lightning, DataParallel, DistributedDataParallel, torch.compile). A copy with averaged weights and the state
of an optimizer fit as well, and are taken only when they are asked for.
"""

import argparse
import collections
import datetime
import importlib
import pathlib
import pickle
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

SAFETENSORS = ".safetensors"
WRAPPERS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_forward_module"})
"""Parts of names that wrappers add: DataParallel, torch.compile, FSDP, Lightning Fabric."""

WHOLE = frozenset({"model", "net", "network", "nn_module", *WRAPPERS})
"""Last parts of prefixes beside which other entries, such as the weights of a loss, are none of the network's."""

_AVERAGED = re.compile(r"(^|_)(ema|swa|avg|averag\w*|polyak|shadow)(_|\d|$)", re.IGNORECASE)
_OPTIMIZER = re.compile(r"optim|grad|exp_avg|momentum_buffer|scheduler", re.IGNORECASE)
_DEEPEST = 5
"""State dicts lie in at most so many containers."""


class CheckpointError(ValueError):
    """A file that gives no solution; the message is one line: what it holds, and what is expected."""


@runtime_checkable
class TakesStateDicts(Protocol):
    """A landscape whose points are state dicts of a module."""

    def point(self, state_dict: Mapping[str, Tensor]) -> Tensor:
        """Return the point, shape (P,), of a state dict; raises ValueError for entries that do not fit."""

    def state_dict(self, point: Tensor) -> dict[str, Tensor]:
        """Return the state dict of a point, shape (P,), which the plain module loads strictly."""


def takes_state_dicts(landscape: Any) -> TakesStateDicts:
    """Return the landscape as one whose points are state dicts.

    Raises
    ------
    CheckpointError
        For any other landscape.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> takes_state_dicts(SixHumpCamel())
    Traceback (most recent call last):
    elsuite.landscapes.networks.checkpoints.CheckpointError: a SixHumpCamel has no checkpoints: its points are ...
    """
    if not isinstance(landscape, TakesStateDicts):
        kind = type(landscape).__name__
        raise CheckpointError(f"a {kind} has no checkpoints: its points are no state dicts of a module")
    return landscape


def expected_shapes(landscape: Any) -> dict[str, tuple[int, ...]]:
    """Return the entries that a state dict of a landscape has: name to shape."""
    state = takes_state_dicts(landscape).state_dict(torch.zeros(landscape.n_parameters, dtype=landscape.dtype))
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def read_checkpoint(
    path: str | Path, expected: Mapping[str, tuple[int, ...]], *, entry: str | None = None
) -> dict[str, Tensor]:
    """Return the state dict in a file, its names as a landscape expects them, on the CPU.

    Parameters
    ----------
    path : path
        Of ``torch.save``, or a .safetensors file.
    expected : mapping
        Names and shapes, as `expected_shapes` gives them. What is missing or has another shape is left to
        ``landscape.point``, which says so by name.
    entry : str, optional
        Where the state dict lies, such as ``"ema"`` or ``"state_dict.teacher"``, for files that hold several.

    Raises
    ------
    CheckpointError
        When the file cannot be read, holds code in place of weights, no entry of the names expected, or several state
        dicts that fit equally well.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> net, shapes = nn.Linear(2, 1), {"weight": (1, 2), "bias": (1,)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     state = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
    ...     torch.save({"epoch": 3, "model_state_dict": state}, f"{folder}/best.pt")
    ...     sorted(read_checkpoint(f"{folder}/best.pt", shapes))
    ['bias', 'weight']
    """
    content = _content(Path(path))
    found = list(_candidates(content, expected))
    if not found:
        raise CheckpointError(f"{path}: {_none_fits(content, expected)}")
    if entry is not None:
        chosen = [one for one in found if one.place == entry]
        chosen = chosen or [one for one in found if one.place.startswith(f"{entry}.")]
        if len(chosen) != 1:
            raise CheckpointError(f"{path}: entry: given {entry!r}, allowed: {_places(found)}")
        return chosen[0].entries
    usual = [one for one in found if not one.is_other]
    if not usual:
        raise CheckpointError(
            f"{path}: only averaged weights, an optimizer's state or a part of a larger network fit; choose by "
            f"entry (--entry): {_places(found)}"
        )
    best = max(one.fit for one in usual)
    # Two networks of one shape, such as an actor and its critic: one of them by a usual name is no reason to guess.
    equal = [one for one in usual if one.fit == best] + [o for o in found if o.is_part and o.is_rival and o.fit == best]
    if not all(_equal(equal[0].entries, one.entries) for one in equal[1:]):
        raise CheckpointError(f"{path}: {len(equal)} state dicts fit; choose by entry (--entry): {_places(equal)}")
    return equal[0].entries


def write_checkpoint(file: IO[bytes], state_dict: Mapping[str, Tensor], *, safetensors: bool = False) -> None:
    """Write a state dict to an open file, by ``torch.save`` or as safetensors.

    Raises
    ------
    CheckpointError
        Where safetensors is not installed.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_checkpoint(file, {"weight": torch.ones(2)})
    >>> torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    {'weight': tensor([1., 1.])}
    """
    # Not views of a larger tensor: the whole of it would be written.
    own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state_dict.items()}
    if safetensors:
        file.write(_safetensors().save(own))
    else:
        torch.save(own, file)


@dataclass(frozen=True)
class _Candidate:
    """A state dict that is there."""

    place: str
    """The keys of the containers and the prefix of its names, joined by dots."""
    entries: dict[str, Tensor]
    fit: tuple[int, int]
    """How many entries have an expected name and shape, and how many an expected name."""

    is_part: bool
    """Whether more lies beside it, and its prefix is none of those that stand for a whole network."""

    @property
    def is_rival(self) -> bool:
        """Whether it is neither averaged weights nor an optimizer's state."""
        return not any(_AVERAGED.search(part) or _OPTIMIZER.search(part) for part in self.place.split("."))

    @property
    def is_other(self) -> bool:
        """Whether it is to be taken only when it is asked for: averaged weights, an optimizer's state, a part."""
        return self.is_part or not self.is_rival


def _content(path: Path) -> Any:
    """Return what a file holds, without running any code that is in it."""
    try:
        if path.suffix == SAFETENSORS:
            return _safetensors().load_file(path, device="cpu")
        with torch.serialization.safe_globals(_harmless()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise
    except Exception as error:  # of files that may hold anything
        raise CheckpointError(f"{path}: {_unreadable(path, error)}") from None


def _harmless() -> list[Any]:
    """Return what many checkpoints hold beside tensors and what does nothing when it is made."""
    kinds = [kind for kind in vars(np.dtypes).values() if isinstance(kind, type)]
    scalar: Any = np.float64(0).__reduce__()[0]
    array: Any = np.zeros(0).__reduce__()[0]
    places = ("numpy.core.multiarray", "numpy._core.multiarray")
    names = [(f, f"{place}.{name}") for place in places for f, name in [(scalar, "scalar"), (array, "_reconstruct")]]
    containers: list[Any] = [argparse.Namespace, SimpleNamespace, defaultdict, dict, list, set, int, float, str, bool]
    containers += [datetime.datetime, datetime.date, datetime.timedelta, datetime.timezone]
    return [*names, np.dtype, np.ndarray, *kinds, pathlib.PosixPath, pathlib.PurePosixPath, *containers]


def _unreadable(path: Path, error: Exception) -> str:
    """Return in words why a file cannot be read by torch.load."""
    text = " ".join(str(error).split())
    if "TorchScript" in text or _is_script(path):
        return "a TorchScript archive, which is code; save its weights: torch.save(module.state_dict(), PATH)"
    code = re.search(r"(?:GLOBAL|class|function) '?([\w.]+\.\w+)", text)
    if isinstance(error, pickle.UnpicklingError) and code:
        return (
            f"it holds a pickled object of {code[1]}, which is code and is not run; save the weights alone: "
            "torch.save(model.state_dict(), PATH)"
        )
    kind = "safetensors" if path.suffix == SAFETENSORS else "torch.save"
    reason = text.rpartition("WeightsUnpickler error: ")[2].partition(" Check the")[0].partition(". ")[0]
    return f"no file of {kind}, or one that ends too early ({type(error).__name__}{': ' * bool(reason)}{reason[:100]})"


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def _safetensors() -> Any:
    try:
        return importlib.import_module("safetensors.torch")
    except ImportError:
        raise CheckpointError("safetensors is not installed: pip install 'elsuite[safetensors]'") from None


def _candidates(content: Any, expected: Mapping[str, tuple[int, ...]]) -> Iterator[_Candidate]:
    """Yield every state dict in a file that has some of the names expected."""
    for keys, state in _state_dicts(content, ()):
        for prefix, entries in _renamed(state, expected):
            named = [name for name in expected if name in entries]
            fitting = sum(tuple(entries[name].shape) == expected[name] for name in named)
            place = ".".join([*keys, *(part for part in prefix.split(".") if part)])
            yield _Candidate(place, entries, (fitting, len(named)), _is_part(prefix, entries, state))


def _is_part(prefix: str, entries: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> bool:
    """Return whether what is under a prefix may be a part of a larger network, such as a layer, or one of several."""
    counted = [name for name in state if not _AVERAGED.search(name.partition(".")[0])]
    return len(entries) < len(counted) and prefix.split(".")[-2:-1] not in [[name] for name in WHOLE]


def _state_dicts(content: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Yield every mapping that holds tensors by names, with the keys of the containers that it lies in."""
    if isinstance(content, (list, tuple)):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or len(keys) > _DEEPEST:
        return
    given = {name: _tensor(value) for name, value in content.items() if isinstance(name, str)}
    tensors = {name: tensor for name, tensor in given.items() if tensor is not None}
    if tensors:
        yield keys, tensors
    for name, value in content.items():
        yield from _state_dicts(value, (*keys, str(name)))


def _tensor(value: Any) -> Tensor | None:
    """Return a value as a tensor where it is one, or an array of numbers."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return torch.as_tensor(value)
    return value if isinstance(value, Tensor) else None


def _renamed(
    state: dict[str, Tensor], expected: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield each prefix under which expected names are, and the entries under it by the names expected.

    Names are compared as they are and, where that finds more, without the parts that wrappers add. Entries under
    the prefix that are not expected stay: they are refused by name later.
    """
    best: tuple[int, list[tuple[str, dict[str, Tensor]]]] = (0, [])
    for plain in (str, _unwrapped):
        wanted = {plain(name): name for name in expected}
        given: dict[str, str] = {}
        for name in state:
            given.setdefault(plain(name), name)
        if len(wanted) < len(expected) or len(given) < len(state):
            continue  # two names become one
        n_named, prefixes = _prefixes(given, wanted)
        if n_named > best[0]:
            best = n_named, [(prefix, _under(prefix, given, wanted, state)) for prefix in prefixes]
    yield from best[1]


def _prefixes(given: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return how many names are wanted under any prefix at most, and the prefixes of more than half as many."""
    counts: collections.Counter[str] = collections.Counter()
    for name in given:
        parts = name.split(".")
        tails = (k for k in range(len(parts)) if ".".join(parts[k:]) in wanted)
        counts.update("".join(f"{part}." for part in parts[:k]) for k in tails)
    most = max(counts.values(), default=0)
    return most, sorted(prefix for prefix, n in counts.items() if 2 * n > most)


def _under(
    prefix: str, given: Mapping[str, str], wanted: Mapping[str, str], state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    names = {name.removeprefix(prefix): own for name, own in given.items() if name.startswith(prefix)}
    return {wanted.get(name, name): state[own] for name, own in names.items()}


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _places(found: list[_Candidate]) -> str:
    return ", ".join(repr(one.place) for one in found)


def _none_fits(content: Any, expected: Mapping[str, tuple[int, ...]]) -> str:
    """Return in words that a file holds no state dict of the names expected."""
    there = [name for _, state in _state_dicts(content, ()) for name in state]
    if not there:
        kind = "a tensor" if isinstance(content, Tensor) else f"a {type(content).__name__}"
        keys = f" with {', '.join(map(repr, list(content)[:4]))}" if isinstance(content, Mapping) and content else ""
        return f"{kind}{keys}, and no state dict in it"
    named = [", ".join(repr(name) for name in list(names)[:2]) for names in (there, expected)]
    return f"no entry has a name that is expected: there are {named[0]}, expected are {named[1]}"


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    same: Callable[[Tensor, Tensor], bool] = torch.equal
    return first.keys() == second.keys() and all(same(tensor, second[name]) for name, tensor in first.items())
