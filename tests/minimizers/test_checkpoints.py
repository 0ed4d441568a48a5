"""Killed minimizations go on where they were, and end as if nothing had happened."""

import dataclasses
import json
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from minimizer_cases import ROWS, brief, same, small_network

from elsuite.landscapes import FunctionLandscape
from elsuite.minimizers import LBFGSGSS, SGD, TorchOptimizer
from elsuite.minimizers.one_by_one import pack, unpack

pytestmark = pytest.mark.making

MORE = ROWS | {
    "adagrad": TorchOptimizer(optimizer="Adagrad"),
    "nadam": TorchOptimizer(optimizer="NAdam"),
    "torch's lbfgs in batches": TorchOptimizer(optimizer="LBFGS", settings={"lr": 0.1, "max_iter": 3}),
    "torch's lbfgs on the whole": TorchOptimizer(
        optimizer="LBFGS", settings={"lr": 0.1, "max_iter": 3}, batch_size=None
    ),
    "adam on the whole": TorchOptimizer(batch_size=None),
}


class Killed(BaseException):
    """As sudden as a kill, but the test goes on."""


def killer(at, exception):
    def progress(done, total):
        if done == at:
            raise exception

    return progress


@pytest.mark.parametrize("minimizer", MORE.values(), ids=MORE)
def test_interrupted_and_resumed_is_undisturbed(minimizer, tmp_path):
    landscape, minimizer, path = small_network(torch.float32), brief(minimizer), tmp_path / "state.npz"
    starts, seeds = landscape.initial_points(range(3)), [3, 1, 4]
    undisturbed = minimizer.minimize(landscape, starts, seeds=seeds)
    for at in (1, 5, 10):
        with pytest.raises(KeyboardInterrupt):
            minimizer.minimize(landscape, starts, seeds=seeds, checkpoint=path, progress=killer(at, KeyboardInterrupt))
    seen = []
    resumed = minimizer.minimize(
        landscape, starts, seeds=seeds, checkpoint=path, progress=lambda *now: seen.append(now)
    )
    assert seen == [(11, 12), (12, 12)]
    assert all(same(a, b) for a, b in zip(undisturbed, resumed, strict=True))
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.parametrize("name", ["lbfgs-gss", "sgd", "lbfgs-wolfe"])
def test_a_kill_loses_at_most_the_epochs_since_the_last_checkpoint(name, tmp_path):
    landscape, minimizer, path = small_network(torch.float32), brief(ROWS[name]), tmp_path / "state.npz"
    starts = landscape.initial_points(range(3))
    with pytest.raises(Killed):
        minimizer.minimize(landscape, starts, checkpoint=path, checkpoint_every=4, progress=killer(7, Killed))
    seen = []
    resumed = minimizer.minimize(landscape, starts, checkpoint=path, progress=lambda *now: seen.append(now))
    assert seen[0] == (5, 12)
    assert all(same(a, b) for a, b in zip(minimizer.minimize(landscape, starts), resumed, strict=True))


@settings(max_examples=25, deadline=None)
@given(at=st.integers(1, 80), name=st.sampled_from(["lbfgs-gss", "sgd", "adam"]))
def test_interrupted_in_the_middle_of_an_epoch(at, name, tmp_path_factory):
    """Some starts end before and after the interrupt, which comes inside any evaluation."""
    calls = []

    def energy(x):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return torch.where(x[:, 0] > 2, torch.nan, ((x - 0.3) ** 2 * torch.tensor([1.0, 10.0])).sum(1))

    landscape = FunctionLandscape(energy, 2)
    minimizer = dataclasses.replace(ROWS[name], epochs=30, target_energy=1e-3)
    starts = [[1.0, 1.0], [3.0, 0.0], [-1.0, 0.5], [0.3, 0.4], [1.9, -0.9]]
    path = tmp_path_factory.mktemp("interrupted") / "state.npz"
    try:
        minimizer.minimize(landscape, starts, checkpoint=path)
    except KeyboardInterrupt:
        calls.extend([1] * 1000)  # no second one
        resumed = minimizer.minimize(landscape, starts, checkpoint=path)
        undisturbed = minimizer.minimize(landscape, starts)
        assert all(same(a, b) for a, b in zip(undisturbed, resumed, strict=True))


def test_killed_by_signal(tmp_path):
    """Run twice in processes of their own, the first killed at once after a checkpoint."""
    script = textwrap.dedent("""
        import os, signal, sys
        sys.path.insert(0, "tests")
        import numpy as np, torch
        from minimizer_cases import small_network
        from elsuite.minimizers import LBFGSGSS
        def progress(done, total):
            if done == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
        landscape = small_network(torch.float32)
        results = LBFGSGSS(epochs=25).minimize(
            landscape, landscape.initial_points(range(3)), checkpoint=sys.argv[1], checkpoint_every=5, progress=progress
        )
        np.save(sys.argv[1] + ".result.npy", np.array([r.solutions[1].coordinates for r in results]))
    """)
    path = tmp_path / "state.npz"
    killed, resumed = (
        subprocess.run([sys.executable, "-c", script, str(path), at], check=False, capture_output=True, timeout=120)
        for at in ("13", "-1")
    )
    assert killed.returncode == -signal.SIGKILL
    assert resumed.returncode == 0, resumed.stderr.decode()
    landscape = small_network(torch.float32)
    results = LBFGSGSS(epochs=25).minimize(landscape, landscape.initial_points(range(3)))
    ends = np.array([result.solutions[1].coordinates for result in results])
    np.testing.assert_allclose(np.load(f"{path}.result.npy"), ends, rtol=1e-4, atol=1e-5)


def test_a_finished_one_is_only_read(tmp_path):
    landscape, path = small_network(), tmp_path / "state.npz"
    starts = landscape.initial_points(range(2))
    first = SGD(epochs=5).minimize(landscape, starts, checkpoint=path)
    again = SGD(epochs=5).minimize(
        landscape, starts, checkpoint=path, progress=lambda *now: pytest.fail("an epoch was run")
    )
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert [result.seconds for result in first] == [result.seconds for result in again]


BOWL = FunctionLandscape(lambda x: (x**2).sum(1), 2)
DEEPER = FunctionLandscape(lambda x: 2 * (x**2).sum(1), 2)
# The same energies at the starts, and elsewhere others.
ELSEWHERE = FunctionLandscape(lambda x: (x**2).sum(1) + torch.relu(1 - x.abs()).prod(1), 2)
OTHERS = {
    "settings": ({"minimizer": SGD(epochs=4)}, "minimizer differ"),
    "kind": ({"minimizer": TorchOptimizer(epochs=3)}, "minimizer differ"),
    "landscape": ({"landscape": DEEPER}, "the energy on 'energy' at fixed point 0 is .*"),
    "landscape elsewhere": ({"landscape": ELSEWHERE}, "the energy on 'energy' at fixed point 0 is .*"),
    "starts": ({"starts": [[1.0, 2.0], [3.0, 4.5]]}, "starts differ"),
    "number of starts": ({"starts": [[1.0, 2.0]], "seeds": [0]}, "starts, seeds differ"),
    "seeds": ({"seeds": [0, 2]}, "seeds differ"),
}


@pytest.mark.parametrize(("changes", "what"), OTHERS.values(), ids=OTHERS)
def test_the_checkpoint_of_another_minimization_is_refused(changes, what, tmp_path):
    path = tmp_path / "state.npz"
    given_before = {"minimizer": SGD(epochs=3), "landscape": BOWL, "starts": [[1.0, 2.0], [3.0, 4.0]], "seeds": [0, 1]}

    def run(minimizer, landscape, starts, seeds):
        return minimizer.minimize(landscape, starts, seeds=seeds, checkpoint=path)

    run(**given_before)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=rf"another minimization \({what}\)"):
        run(**given_before | changes)
    assert path.read_bytes() == content


@pytest.mark.parametrize("factor", [1.0, 1e-12])
def test_an_older_checkpoint_is_recognized_by_its_energies(factor, tmp_path):
    """Without an identity; small energies count as much as large ones."""
    path = tmp_path / "state.npz"
    starts = [[1.0, 2.0], [3.0, 4.0]]

    def bowl(more):
        return FunctionLandscape(lambda x: factor * more * (x**2).sum(1), 2)

    SGD(epochs=3, gradient_tolerance=0).minimize(bowl(1.0), starts, checkpoint=path)
    with np.load(path) as file:
        arrays = dict(file)
    owner = json.loads(str(arrays["belongs_to"]))
    assert owner.pop("identity")
    np.savez(path, **arrays | {"belongs_to": np.array(json.dumps(owner))})
    with pytest.raises(ValueError, match=r"\(energies at the starts differ\)"):
        SGD(epochs=3, gradient_tolerance=0).minimize(bowl(1.01), starts, checkpoint=path)
    SGD(epochs=3, gradient_tolerance=0).minimize(bowl(1.0), starts, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint"):
        SGD(epochs=3).minimize(BOWL, [[1.0, 2.0]], checkpoint=path)


def test_a_table_of_numbers_is_no_checkpoint(tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, a=np.ones(3))
    with pytest.raises(ValueError, match="not a checkpoint"):
        SGD(epochs=3).minimize(BOWL, [[1.0, 2.0]], checkpoint=path)


plain = st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text())
arrays = st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(torch.tensor)
nested = st.recursive(
    st.one_of(plain, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(nested, st.integers(0, 9))
def test_memory_comes_back_as_it_was(value, padding):
    packed = torch.nn.functional.pad(pack(value), (0, padding))

    def equal(a, b):
        if isinstance(a, torch.Tensor):
            return a.dtype == b.dtype and torch.equal(a, b)
        if isinstance(a, (list, tuple)):
            return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(item, b[key]) for key, item in a.items())
        return type(a) is type(b) and a == b

    assert equal(value, unpack(packed))
