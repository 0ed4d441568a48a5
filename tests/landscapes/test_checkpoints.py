"""State dicts in files: every container and wrapper that training programs write, and nothing taken by accident."""

import argparse
import collections
import fractions
import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.landscapes import SixHumpCamel
from elsuite.landscapes.networks.checkpoints import (
    CheckpointError,
    expected_shapes,
    read_checkpoint,
    takes_state_dicts,
    write_checkpoint,
)

pytestmark = pytest.mark.making


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)


NET = Net()
STATE = NET.state_dict()
SHAPES = {name: tuple(tensor.shape) for name, tensor in STATE.items()}
OTHER = {name: tensor + 1 for name, tensor in STATE.items()}
OPTIMIZER = torch.optim.AdamW(NET.parameters())
sum(p.sum() for p in NET.parameters()).backward()
OPTIMIZER.step()


def under(prefix, state=STATE):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


EXTRAS = {
    "acc": np.float64(0.9),
    "best": np.float32(1),
    "step": np.int64(3),
    "history": np.ones(3),
    "args": argparse.Namespace(lr=0.1, out=Path("runs")),
    "rng": torch.get_rng_state(),
}
CONTAINERS = {
    "plain": STATE,
    "ordered": collections.OrderedDict(STATE),
    "model": {"model": STATE, "epoch": 3, **EXTRAS},
    "model_state_dict": {"model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER.state_dict()},
    "nested": {"state": {"network": {"weights": STATE}}, "loss": 0.1},
    "list": [STATE, OPTIMIZER.state_dict()],
    "module": under("module."),
    "compiled": under("_orig_mod."),
    "compiled parts": {name.replace("body.", "body._orig_mod."): tensor for name, tensor in STATE.items()},
    "everything": {"checkpoint": {"net": under("_orig_mod.module.model.")}},
    "lightning": {
        "state_dict": under("model.") | {"criterion.weight": torch.ones(2)},
        "optimizer_states": [OPTIMIZER.state_dict()],
        "hyper_parameters": {"lr": 0.1},
        "callbacks": {"ModelCheckpoint{}": {"best_model_path": "x"}},
    },
    "averaged beside it": {"model": STATE, "model_ema": OTHER, "ema": {"module": OTHER}},
    "averaged in it": {"state_dict": under("net.") | under("ema_net.", OTHER) | under("net_averaged.module.", OTHER)},
    "moments by name": {"params": STATE, "exp_avg": OTHER, "optim": {"momentum_buffer": OTHER}},
    "twice the same": {"model": STATE, "last": dict(STATE)},
    "arrays": {"model": {name: tensor.numpy() for name, tensor in STATE.items()}},
    "another prefix": {"state_dict": under("classifier."), "epoch": 1},
    "averaged model": {"n_averaged": torch.tensor(3), **under("module.")},
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_is_found_wherever_it_lies(tmp_path, name, zipped):
    torch.save(CONTAINERS[name], tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "a.pt", SHAPES)
    assert found.keys() == STATE.keys()
    for key, tensor in STATE.items():
        torch.testing.assert_close(found[key], tensor)


@pytest.mark.parametrize(
    ("content", "entry", "state"),
    [
        (CONTAINERS["averaged beside it"], "model_ema", OTHER),
        (CONTAINERS["averaged beside it"], "ema", OTHER),
        (CONTAINERS["averaged in it"], "state_dict.ema_net", OTHER),
        ({"student": STATE, "teacher": OTHER}, "teacher", OTHER),
        ({"ema": OTHER}, "ema", OTHER),
        (under("body.") | {"last.weight": torch.ones(2)}, "body", STATE),
        ({"members": under("0.") | under("1.", OTHER)}, "members.1", OTHER),
    ],
)
def test_another_entry_is_taken_when_it_is_asked_for(tmp_path, content, entry, state):
    torch.save(content, tmp_path / "a.pt")
    found = read_checkpoint(tmp_path / "a.pt", SHAPES, entry=entry)
    assert all(torch.equal(found[key], tensor) for key, tensor in state.items())


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def script():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


REFUSED = {
    "whole module": (lambda: saved(nn.Linear(3, 2)), "it holds a pickled object of torch.nn.modules.linear.Linear, wh"),
    "code beside it": (lambda: saved({"model": STATE, "a": fractions.Fraction(1, 2)}), "object of fractions.Fraction"),
    "a kind of dict": (lambda: saved({"a": collections.defaultdict(list, a=[1])}), "object of collections.defaultdict"),
    "script": (script, "a TorchScript archive, which is code"),
    "empty": (lambda: b"", "no file of torch.save, or one that ends too early (EOFError)"),
    "text": (lambda: b"hello, world\n" * 9, "no file of torch.save"),
    "cut off": (lambda: saved(STATE)[:900], "no file of torch.save, or one that ends too early"),
    "a pickle": (lambda: pickle.dumps({"a": fractions.Fraction(1, 2)}), "no file of torch.save"),
    "a tensor": (lambda: saved(torch.ones(3)), "a tensor, and no state dict in it"),
    "no tensors": (lambda: saved({"epoch": 3, "lr": 0.1}), "a dict with 'epoch', 'lr', and no state dict in it"),
    "another network": (lambda: saved({"fc.weight": torch.ones(2)}), "no entry has a name that is expected: there are"),
    "an optimizer": (lambda: saved(OPTIMIZER.state_dict()), "no entry has a name that is expected"),
    "a part": (lambda: saved(under("body.") | {"head.weight": torch.ones(2)}), "choose by entry (--entry): 'body'"),
    "two parts": (lambda: saved(under("student.") | under("teacher.", OTHER)), "(--entry): 'student', 'teacher'"),
    "a part by a usual name": (
        lambda: saved({"state_dict": under("net.") | under("critic.", OTHER)}),
        "2 state dicts fit; choose by entry (--entry): 'state_dict.net', 'state_dict.critic'",
    ),
    "two networks": (lambda: saved({"a": STATE, "b": OTHER}), "2 state dicts fit; choose by entry (--entry): 'a', 'b'"),
    "averaged alone": (lambda: saved({"ema": STATE}), "only averaged weights, an optimizer's state or a part of a la"),
    "an ensemble": (lambda: saved({"m": under("0.") | under("1.", OTHER)}), "--entry): 'm.0', 'm.1'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_gives_no_state_dict_is_said_in_one_line(tmp_path, name):
    content, words = REFUSED[name]
    path = tmp_path / "a.pt"
    path.write_bytes(content())
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path, SHAPES)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [("absent.pt", "cannot be read (No such file or directory)"), (".", "cannot be read (Is a directory)")],
)
def test_what_is_no_file(tmp_path, name, words):
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(tmp_path / name, SHAPES)
    assert words in str(error.value)


def test_an_entry_that_is_not_there(tmp_path):
    torch.save(CONTAINERS["averaged beside it"], tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"entry: given 'mine', allowed: 'model', 'model_ema', 'ema.module'"):
        read_checkpoint(tmp_path / "a.pt", SHAPES, entry="mine")


class Trap:
    def __reduce__(self):
        return open, (str(Trap.path), "w")


def test_no_code_runs(tmp_path):
    Trap.path = tmp_path / "sprung"
    torch.save({"model": STATE, "more": Trap()}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="is code and is not run"):
        read_checkpoint(tmp_path / "a.pt", SHAPES)
    assert not Trap.path.exists()


def test_safetensors_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "a.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"safetensors is not installed: pip install 'elsuite\[safetensors\]'"):
        read_checkpoint(tmp_path / "a.safetensors", SHAPES)
    with pytest.raises(CheckpointError, match="safetensors is not installed"):
        write_checkpoint(io.BytesIO(), STATE, safetensors=True)


def test_safetensors(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    for prefix in ("", "module.", "model."):
        with (tmp_path / "a.safetensors").open("wb") as file:
            write_checkpoint(file, under(prefix), safetensors=True)
        found = read_checkpoint(tmp_path / "a.safetensors", SHAPES)
        assert all(torch.equal(found[key], tensor) for key, tensor in STATE.items())
    (tmp_path / "b.safetensors").write_bytes(b"abc" * 20)
    with pytest.raises(CheckpointError, match="no file of safetensors"):
        read_checkpoint(tmp_path / "b.safetensors", SHAPES)


def test_a_view_is_written_without_what_it_views():
    file = io.BytesIO()
    write_checkpoint(file, {"weight": torch.ones(10_000)[:4]})
    assert len(file.getvalue()) < 10_000


def test_a_landscape_without_state_dicts():
    with pytest.raises(CheckpointError, match="a SixHumpCamel has no checkpoints: its points are no state dicts"):
        takes_state_dicts(SixHumpCamel())
    with pytest.raises(CheckpointError, match="no checkpoints"):
        expected_shapes(SixHumpCamel())
