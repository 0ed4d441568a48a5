"""Data sets: IDX files, folders, mirrors, arrays of one's own, subsets, and every message."""

import gzip
import hashlib
import http.server
import io
import os
import struct
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.datasets import sources as sources_module
from elsuite.datasets.idx import read_idx
from elsuite.datasets.load import _choice
from elsuite.datasets.sources import SOURCES, data_directory
from elsuite.landscapes import DATA_SETS, DataError, DataSet, fetch_data, load_data, network_landscape

pytestmark = pytest.mark.making

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(array):
    """The IDX file of an array of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def small():
    """Four small arrays in the place of MNIST's, and the content of their files."""
    generator = np.random.default_rng(0)
    arrays = [
        generator.integers(0, 256, (40, 5, 4), dtype=np.uint8),
        (np.arange(40) % 3).astype(np.uint8),
        generator.integers(0, 256, (12, 5, 4), dtype=np.uint8),
        (np.arange(12) % 3).astype(np.uint8),
    ]
    return arrays, [idx_bytes(array) for array in arrays]


@pytest.fixture
def source(small, monkeypatch):
    """The data set "mnist" with the sums of the small files, and no other places to look."""
    contents = small[1]
    changed = replace(SOURCES["mnist"], md5=tuple(hashlib.md5(content).hexdigest() for content in contents))
    monkeypatch.setitem(SOURCES, "mnist", changed)
    monkeypatch.delenv("ELSUITE_DATA_DIR", raising=False)
    return changed


def write(folder, contents, *, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(NAMES, contents, strict=True):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# --- IDX files ---


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans(), st.integers(0, 2**20))
def test_idx_round_trip(tmp_path_factory, shape, zipped, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx(path, md5=hashlib.md5(content).hexdigest())
    assert read.shape == array.shape
    assert np.array_equal(read, array)


LABELS = idx_bytes(np.arange(7, dtype=np.uint8))
HOSTILE = {
    "empty": (b"", "no IDX file"),
    "one byte": (b"\0", "no IDX file"),
    "text": (b"<html>not found</html>", "no IDX file.*3c 68 74 6d"),
    "floats": (b"\0\0\x0d\x01" + LABELS[4:], "unsigned bytes"),
    "head cut off": (LABELS[:6], "has 6 bytes"),
    "cut off": (LABELS[:-1], "has 14 bytes.*asks for 15"),
    "too long": (LABELS + b"x", "has 16 bytes"),
    "says it is huge": (b"\0\0\x08\x03" + b"\xff" * 12, "asks for"),
    "many axes": (b"\0\0\x08\xff" + b"\0" * 40, "has 44 bytes"),
    "gzip cut off": (gzip.compress(LABELS)[:-9], "cannot be read"),
    "gzip of nothing": (gzip.compress(b""), "no IDX file"),
    "gzip damaged": (gzip.compress(LABELS)[:12] + b"\xff\xff" + gzip.compress(LABELS)[14:], "cannot be read"),
    "gzip sum wrong": (gzip.compress(LABELS)[:-8] + b"\0" * 8, "cannot be read"),
    "gzip magic only": (b"\x1f\x8b", "cannot be read"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_files_that_are_none(tmp_path, kind):
    content, message = HOSTILE[kind]
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_idx(path)
    assert str(path) in one_line(error)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.sampled_from([b"", b"\0\0\x08\x01", b"\0\0\x08\x02", b"\x1f\x8b\x08\0"]))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, tail, head):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(head + tail)
    try:
        array = read_idx(path)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert idx_bytes(array) == head + tail


def test_files_that_cannot_be_opened(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match="cannot be read") as error:
            read_idx(path)
        assert str(path) in one_line(error)


def test_another_md5(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(LABELS)
    with pytest.raises(DataError, match=r"damaged or another file.*MD5") as error:
        read_idx(path, md5="0" * 32)
    assert hashlib.md5(LABELS).hexdigest() in one_line(error)


# --- folders ---


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", ["mnist", "MNIST/raw", ""])
def test_places(tmp_path, small, source, place, zipped):
    write(tmp_path / place, small[1], zipped=zipped)
    data = load_data("mnist", data_dir=tmp_path)
    assert data.name == "mnist"
    assert data.n_classes == 3
    assert data.train_inputs.dtype == np.float32
    assert data.train_targets.dtype == np.int64
    assert np.array_equal(data.train_inputs, small[0][0] / np.float32(255))
    assert np.array_equal(data.train_targets, small[0][1])
    assert np.array_equal(data.test_inputs, small[0][2] / np.float32(255))
    assert np.array_equal(data.test_targets, small[0][3])


def test_folder_of_the_environment(tmp_path, small, source, monkeypatch):
    write(tmp_path / "mnist", small[1])
    monkeypatch.setenv("ELSUITE_DATA_DIR", str(tmp_path))
    assert len(load_data("mnist").test_inputs) == 12
    assert data_directory() == tmp_path
    assert data_directory("/other") == type(tmp_path)("/other")
    with pytest.raises(DataError, match="/other/mnist"):
        load_data("mnist", data_dir="/other")


def test_cache_of_the_user(tmp_path, monkeypatch):
    monkeypatch.delenv("ELSUITE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_directory() == tmp_path / "elsuite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory() == tmp_path / ".cache" / "elsuite"


def test_an_incomplete_place_is_passed_over(tmp_path, small, source):
    write(tmp_path / "mnist", small[1])
    (tmp_path / "mnist" / NAMES[3]).unlink()
    with pytest.raises(DataError, match="no data set 'mnist'"):
        load_data("mnist", data_dir=tmp_path)
    write(tmp_path / "MNIST" / "raw", small[1])
    assert len(load_data("mnist", data_dir=tmp_path).test_targets) == 12


def test_missing_data_say_where_and_how(tmp_path, source):
    with pytest.raises(DataError) as error:
        load_data("mnist", data_dir=tmp_path)
    text = one_line(error)
    for part in (
        f"{tmp_path}/mnist",
        f"{tmp_path}/MNIST/raw",
        "elsuite data fetch mnist",
        "--data-dir",
        "ELSUITE_DATA_DIR",
    ):
        assert part in text


def test_damaged_data_say_where_and_how(tmp_path, small, source):
    write(tmp_path / "mnist", small[1])
    path = tmp_path / "mnist" / NAMES[2]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(DataError) as error:
        load_data("mnist", data_dir=tmp_path)
    text = one_line(error)
    for part in (str(path), "damaged", "elsuite data fetch mnist", "--data-dir"):
        assert part in text


def test_unknown_data_set():
    with pytest.raises(DataError, match=r"'cifar'.*digits, mnist, fashion-mnist.*npz") as error:
        load_data("cifar")
    one_line(error)
    assert DATA_SETS == ("digits", "mnist", "fashion-mnist")


# --- mirrors ---


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, without a line for each request."""

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path, small):
    """The address of a server on loopback that has the small files, and its folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in zip(NAMES, small[1], strict=True):
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *arguments: Quiet(*arguments, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetch(tmp_path, source, mirror):
    target = tmp_path / "data"
    assert fetch_data("mnist", target, mirrors=[mirror[0]]) == target / "mnist"
    assert sorted(path.name for path in (target / "mnist").iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    assert len(load_data("mnist", data_dir=target).train_inputs) == 40


def test_fetch_keeps_what_is_right_and_repairs_what_is_not(tmp_path, source, mirror):
    target = fetch_data("mnist", tmp_path, mirrors=[mirror[0]])
    right, wrong = target / f"{NAMES[0]}.gz", target / f"{NAMES[1]}.gz"
    wrong.write_bytes(wrong.read_bytes()[:-3])
    (mirror[1] / right.name).unlink()
    before = right.stat().st_mtime_ns
    fetch_data("mnist", tmp_path, mirrors=[mirror[0]])
    assert right.stat().st_mtime_ns == before
    assert len(load_data("mnist", data_dir=tmp_path).train_inputs) == 40


def test_fetch_takes_the_next_mirror(tmp_path, source, mirror):
    fetch_data("mnist", tmp_path / "data", mirrors=["http://127.0.0.1:9", mirror[0] + "nowhere/", mirror[0]])
    assert len(load_data("mnist", data_dir=tmp_path / "data").train_inputs) == 40


def test_fetch_refuses_other_content(tmp_path, source, mirror):
    (mirror[1] / f"{NAMES[2]}.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz could not be fetched") as error:
        fetch_data("mnist", tmp_path / "data", mirrors=[mirror[0]])
    text = one_line(error)
    assert "cannot be read" in text or "MD5" in text
    assert str(tmp_path / "data" / "mnist") in text
    assert not (tmp_path / "data" / "mnist" / f"{NAMES[2]}.gz").exists()


def test_fetch_without_a_network(tmp_path, source):
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9") as error:
        fetch_data("mnist", tmp_path, mirrors=["http://127.0.0.1:9"])
    assert "by other means" in one_line(error)


def test_fetch_into_a_folder_that_cannot_be_made(tmp_path, source, mirror):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be fetched") as error:
        fetch_data("mnist", tmp_path / "file", mirrors=[mirror[0]])
    one_line(error)


def test_what_cannot_be_fetched():
    with pytest.raises(DataError, match="comes with scikit-learn"):
        fetch_data("digits")
    with pytest.raises(DataError, match="'cifar' to fetch; there are mnist, fashion-mnist"):
        fetch_data("cifar")


def test_sources_are_complete():
    for name, source in SOURCES.items():
        assert source.name == name
        assert [len(text) for text in source.md5] == [32] * 4
        assert all(mirror.endswith("/") for mirror in source.mirrors)
    assert sources_module.DATA_DIR_VARIABLE == "ELSUITE_DATA_DIR"


# --- arrays of one's own ---


def test_npz(tmp_path):
    path = tmp_path / "own.npz"
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(50, 7)), np.arange(50) % 5
    np.savez(path, train_inputs=inputs, train_targets=labels, test_inputs=inputs[:9], test_targets=labels[:9])
    data = load_data(str(path))
    assert np.array_equal(data.train_inputs, inputs.astype(np.float32))
    assert np.array_equal(data.test_targets, labels[:9])
    landscape = network_landscape("fcp", data, hidden=(3,))
    assert landscape.n_parameters == 7 * 3 + 3 * 5


def test_npz_of_keras_without_a_test_part(tmp_path):
    path = tmp_path / "keras.npz"
    images, labels = np.full((50, 4, 4), 255, dtype=np.uint8), (np.arange(50) % 5).astype(np.uint8)
    np.savez_compressed(path, x_train=images, y_train=labels)
    data = load_data(str(path), seed=3)
    assert data.train_inputs.shape == (40, 4, 4)
    assert data.train_inputs.max() == 1
    assert np.array_equal(np.bincount(data.test_targets), [2] * 5)
    assert np.array_equal(data.test_targets, load_data(str(path), seed=3).test_targets)


def test_one_class_is_for_an_autoencoder_only(tmp_path):
    np.savez(tmp_path / "one.npz", x_train=np.ones((20, 4, 4)), y_train=np.zeros(20, dtype=int))
    data = load_data(str(tmp_path / "one.npz"))
    with pytest.raises(ValueError, match=r"one\.npz: targets of one class; fcp expects two or more") as error:
        network_landscape("fcp", data, hidden=(3,))
    one_line(error)
    assert network_landscape("autoencoder", data, hidden=(3,)).n_parameters


X, Y = np.zeros((6, 2, 2)), np.arange(6) % 2
NPZ = {
    "no targets": ({"train_inputs": X}, r"no array train_targets \(y_train\); it has train_inputs"),
    "half a test part": ({"x_train": X, "y_train": Y, "x_test": X}, "no array test_targets"),
    "nothing": ({}, "it has none"),
    "other numbers": ({"x_train": X, "y_train": Y[:-1]}, r"\(6, 2, 2\) and targets of shape \(5,\)"),
    "no samples": ({"x_train": X[:0], "y_train": Y[:0]}, r"\(0, 2, 2\)"),
    "flat inputs": ({"x_train": Y, "y_train": Y}, "are expected"),
    "one class that is not the first": ({"x_train": X, "y_train": Y * 0 + 1}, "targets of 1 classes, but row 0 has 1"),
    "one stray target": ({"x_train": X, "y_train": np.where(np.arange(6) == 4, 2_000_000, Y)}, "row 4 has 2000000"),
    "a class for testing alone": (
        {"x_train": X, "y_train": Y, "x_test": X, "y_test": np.where(np.arange(6) == 2, 3, Y)},
        "row 2 of the targets for testing has the class 3, which no sample for training has",
    ),
    "one row is not finite": (
        {"x_train": np.where(np.arange(6)[:, None, None] == 3, np.nan, X), "y_train": Y},
        "row 3 of the inputs has a value that is not finite",
    ),
    "targets of floats": ({"x_train": X, "y_train": Y / 2}, "float64.*class indices"),
    "negative targets": ({"x_train": X, "y_train": Y - 1}, "lowest -1"),
    "targets of text": ({"x_train": X, "y_train": np.array(["cat", "dog"] * 3)}, "<U3; class indices"),
    "a stray target": ({"x_train": X, "y_train": Y + 9 * (Y > 0)}, "2 classes, but row 1 has 10; classes"),
    "not a number": ({"x_train": X * np.nan, "y_train": Y}, "finite"),
    "text": ({"x_train": np.full((6, 1), "a"), "y_train": Y}, "finite numbers"),
    "other shapes": ({"x_train": X, "y_train": Y, "x_test": X[:, 1:], "y_test": Y}, "must agree"),
    "objects": ({"x_train": np.array([None] * 6, dtype=object), "y_train": Y}, "cannot be read as .npz"),
    "one sample": ({"x_train": X[:1], "y_train": Y[:1]}, "cannot be split"),
}


@pytest.mark.parametrize("kind", NPZ)
def test_npz_that_does_not_fit(tmp_path, kind):
    arrays, message = NPZ[kind]
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as error:
        load_data(str(path))
    one_line(error)


def npy_bytes(array):
    """The .npy file of an array."""
    with io.BytesIO() as file:
        np.save(file, array)
        return file.getvalue()


def zip_bytes(**members):
    """A zip file."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return file.getvalue()


NUMPY = b"\x93NUMPY\x01\x00\x36\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n"


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"text", NUMPY[:30], NUMPY, npy_bytes(Y), zip_bytes(x_train=NUMPY)]
)
def test_npz_that_is_none(tmp_path, content):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as \.npz") as error:
        load_data(str(path))
    assert str(path) in one_line(error)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(str(tmp_path / "nowhere.npz"))


# --- digits and subsets ---


def test_digits():
    data = load_data("digits")
    assert data.train_inputs.shape == (1437, 8, 8)
    assert data.test_inputs.shape == (360, 8, 8)
    assert data.train_inputs.min() == 0
    assert data.train_inputs.max() == 1
    counts = np.bincount(data.train_targets), np.bincount(data.test_targets)
    assert np.all(np.abs(counts[1] - 0.2 * (counts[0] + counts[1])) <= 1)
    other = load_data("digits", seed=1)
    assert not np.array_equal(other.test_targets, data.test_targets)
    again = load_data("digits")
    assert np.array_equal(again.train_inputs, data.train_inputs)
    both = np.concatenate([data.train_inputs, data.test_inputs]).reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == 1797


def test_subsets():
    data = load_data("digits", n_train=100, n_test=50, seed=2)
    assert np.all(np.bincount(data.train_targets) >= 9)
    assert len(data.test_targets) == 50
    assert load_data("digits", n_train=3, n_test=2).n_classes == 10
    whole = load_data("digits", n_train=1437, n_test=360, seed=2)
    assert len(whole.train_inputs) == 1437
    rows = {row.tobytes() for row in whole.train_inputs}
    assert all(row.tobytes() in rows for row in data.train_inputs)
    for settings_given, message in (
        ({"n_train": 1438}, "n_train = 1438 given; 1 to 1437"),
        ({"n_test": 0}, "n_test = 0"),
    ):
        with pytest.raises(DataError, match=message):
            load_data("digits", **settings_given)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.data(), st.integers(0, 2**20))
def test_choices_are_stratified(labels, data, seed):
    labels = np.array(labels)
    n = data.draw(st.integers(1, len(labels)))
    rows = _choice(labels, n, seed)
    assert len(np.unique(rows)) == n
    assert np.array_equal(rows, np.sort(rows))
    share = n / len(labels) * np.bincount(labels, minlength=7)
    assert np.all(np.abs(np.bincount(labels[rows], minlength=7) - share) < 1)
    assert np.array_equal(rows, _choice(labels, n, seed))


# --- the real thing, where it is ---


def real(name):
    """The data set, or a skip that says why."""
    if not os.environ.get("ELSUITE_DATA_DIR"):
        pytest.skip(f"{name}: ELSUITE_DATA_DIR is not set")
    try:
        return load_data(name)
    except DataError as error:
        if "no data set" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", SOURCES)
def test_real_data(name):
    data = real(name)
    assert data.train_inputs.shape == (60_000, 28, 28)
    assert data.test_inputs.shape == (10_000, 28, 28)
    assert data.n_classes == 10
    assert (data.train_inputs.min(), data.train_inputs.max()) == (0, 1)
    expected = {"mnist": (0.1306605, [5923, 6742]), "fashion-mnist": (0.2860406, [6000, 6000])}[name]
    assert data.train_inputs.mean(dtype=np.float64) == pytest.approx(expected[0], rel=1e-6)
    assert np.bincount(data.train_targets)[:2].tolist() == expected[1]


def test_mnist_subset_in_the_four_networks():
    real("mnist")
    data = load_data("mnist", n_train=100, n_test=50)
    for name in ("fcp", "lenet", "autoencoder", "lstm"):
        landscape = network_landscape(name, data, device="cpu")
        energy = landscape.energy(landscape.initial_points([0])).item()
        expected = ((data.train_inputs - 0.5) ** 2).mean() if name == "autoencoder" else np.log(10)
        assert energy == pytest.approx(expected, rel=0.1)


def test_classes_are_not_widened_without_a_word():
    inputs, labels = np.ones((4, 2), "f4"), np.array([0, 1, 0, 1])
    with pytest.raises(DataError, match="class 7 is among the targets for testing, and 1 the highest for training"):
        DataSet("mine", inputs, labels, inputs, labels + 6)
    with pytest.raises(DataError, match="target 2000000 makes 2000001 classes of 8 samples; give n_classes"):
        DataSet("mine", inputs, labels * 2_000_000, inputs, labels)
    assert DataSet("mine", inputs, labels, inputs, labels + 6, n_classes=8).n_classes == 8
