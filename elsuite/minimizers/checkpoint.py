"""Checkpoints of a batch of minimizations: one npz file, whole or not at all, tied to what it belongs to."""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elsuite.core.files import replaced_file
from elsuite.core.identity import Identity
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.record import Record

_FORMAT = 1
_ARRAYS = (
    "active", "curves", "best_energies", "best_epochs", "outcomes", "messages",
    "n_epochs", "n_steps", "n_evaluations", "seconds",
)  # fmt: skip


def write_checkpoint(path: Path, record: Record, minimizer: object, landscape: Landscape, starts: Tensor) -> None:
    """Write `record` to `path`; a kill or a loss of power leaves the old file or the new one."""
    arrays: dict[str, NDArray[Any]] = {
        "belongs_to": np.array(_owner(minimizer, landscape, starts, record.seeds)),
        "epoch": np.array(record.epoch),
    }
    arrays |= {name: getattr(record, name) for name in _ARRAYS}
    arrays |= {f"best_points.{i}": points.cpu().numpy() for i, points in enumerate(record.best_points)}
    arrays |= {f"state.{name}": values.cpu().numpy() for name, values in record.state.items()}
    with replaced_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_checkpoint(path: Path, fresh: Record, minimizer: object, landscape: Landscape, starts: Tensor) -> Record:
    """Return the record at `path`, given the `fresh` one of the same starts before their first epoch.

    The landscape is recognized by its identity, or, in a file of an older version, by its energies at the starts.

    Raises
    ------
    ValueError
        For a file that is no checkpoint, or one of another minimization: says what differs.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = dict(content)
        owner = json.loads(str(arrays["belongs_to"]))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise ValueError(f"{path}: not a checkpoint of a minimization") from None
    expected, identity = json.loads(_owner(minimizer, landscape, starts, fresh.seeds)), owner.pop("identity", None)
    differing = [key for key in expected if key != "identity" and owner.get(key) != expected[key]]
    words = f"{', '.join(differing)} differ" if differing else ""
    if not words and identity is not None:
        words = "; ".join(Identity.from_json(identity).differences(landscape.identity))
    first, now = arrays["curves"][..., 0], fresh.curves[..., 0]
    size = np.abs(now[np.isfinite(now)]).max(initial=0.0)
    if not words and not np.allclose(first, now, rtol=1e-5, atol=1e-7 * size, equal_nan=True):
        words = "energies at the starts differ"
    if words:
        raise ValueError(f"{path}: the checkpoint of another minimization ({words}); remove it or give another path")

    def tensor(name: str, like: torch.device) -> Tensor:
        return torch.as_tensor(arrays[name]).to(like)

    names = [name.removeprefix("state.") for name in arrays if name.startswith("state.")]
    # The counts live on the CPU, where `fresh` has them; what a minimizer adds lives with the points.
    places = {name: values.device for name, values in fresh.state.items()}
    return replace(
        fresh,
        epoch=int(arrays["epoch"]),
        state={name: tensor(f"state.{name}", places.get(name, landscape.device)) for name in names},
        best_points=tuple(tensor(f"best_points.{i}", landscape.device) for i in range(len(fresh.best_points))),
        **{name: arrays[name] for name in _ARRAYS},
    )


def _owner(minimizer: object, landscape: Landscape, starts: Tensor, seeds: NDArray[np.int64]) -> str:
    points = starts.cpu().numpy()
    return json.dumps({
        "format": _FORMAT,
        "minimizer": repr(minimizer),
        "landscape": f"{type(landscape).__name__}, {landscape.n_parameters} parameters, {landscape.dtype}",
        "surfaces": [*landscape.surfaces, landscape.surface],
        "starts": hashlib.sha256(np.ascontiguousarray(points).tobytes()).hexdigest(),
        "seeds": seeds.tolist(),
        "identity": landscape.identity.as_json(),
    })  # fmt: skip
