"""Damaged stores: a clear error, and what `verify_store` finds."""

import re

import numpy as np
import pytest
import zarr
from stores import edit_root, filled

from elsuite import open_database
from elsuite.database import Finding, verify_store
from elsuite.schema import DamagedStoreError, NewerFormatError, NotFoundError


def open_and_read(path, read):
    database = open_database(path)
    assert read is not None
    read(database)


def truncate(file):
    file.write_bytes(
        file.read_bytes()[:-1] if file.stat().st_size < 30 else file.read_bytes()[: file.stat().st_size // 2]
    )


DAMAGE = {
    "root": ("zarr.json", None),
    "metadata": ("minima/energy/zarr.json", None),
    "compressed chunk": ("minima/energy/c.0.0", lambda d: d.minima.energy.values),
    "strings": ("minima/set/c.0", lambda d: d.minima["set"].values),
    "coordinates": ("minima/coordinates/c.0.0", lambda d: d.coordinates([0])),
    "lazy column": ("paths/profile/c.0.0", lambda d: d.paths.profile.values),
    "coefficients": ("paths/coefficients/c.1.0.0", lambda d: d.paths.coefficients.values),
}


@pytest.mark.parametrize(("name", "read"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_truncated_file_is_a_clear_error_and_a_finding(tmp_path, name, read):
    filled(tmp_path / "a").close()
    truncate(tmp_path / "a" / name)
    with pytest.raises(DamagedStoreError, match=name.rsplit("/", 1)[0]) as caught:
        open_and_read(tmp_path / "a", read)
    assert "\n" not in str(caught.value)
    assert verify_store(tmp_path / "a") != ()


def test_a_missing_array_is_a_clear_error_and_a_finding(tmp_path):
    filled(tmp_path / "a").close()
    (tmp_path / "a/paths/height/zarr.json").unlink()
    with pytest.raises(DamagedStoreError, match="paths/height is missing"):
        open_database(tmp_path / "a")
    assert verify_store(tmp_path / "a") == (Finding("paths.height", "is missing"),)


def set_values(path, name, index, value):
    zarr.open_array(path / name, mode="a")[index] = value


@pytest.mark.parametrize(
    ("name", "index", "value", "finding"),
    [
        ("paths/height", 0, 0.15, Finding("paths.height", "a height under the energy of an end in 1 row, first in row 0")),
        ("paths/refined_height", 1, 0.15, Finding("paths.refined_height", "a height under the energy of an end in 1 row, first in row 1")),
        ("paths/refined_t", 1, 1.5, Finding("paths.refined_t", "a place outside 0 to 1 in 1 row, first in row 1")),
        ("paths/target", slice(0, 2), 3, Finding("paths.target", "an id outside 0 to 2 in 2 rows, first in row 0")),
        ("minima/run", 2, -2, Finding("minima.run", "an id outside -1 to 1 in 1 row, first in row 2")),
        ("paths/surface", 1, "x", Finding("paths.surface", "a name that is none of train, test in 1 row, first in row 1")),
        ("paths/kind", 1, "", Finding("paths.kind", "a name that is none of path, transition_state in 1 row, first in row 1")),
        ("runs/key", 1, 11, Finding("runs.key", "a key of an earlier row in 1 row, first in row 1")),
        ("minima/energy", 1, np.nan, Finding("minima.energy", "no finite energy on any surface in 1 row, first in row 1")),
        ("minima/coordinates", (1, 2), np.inf, Finding("minima.coordinates", "a coordinate that is missing or not finite in 1 row, first in row 1")),
        ("minima/coordinates", 1, np.nan, Finding("minima.coordinates", "a coordinate that is missing or not finite in 1 row, first in row 1")),
    ],
)  # fmt: skip
def test_verify_finds_what_is_wrong(tmp_path, name, index, value, finding):
    filled(tmp_path / "a").close()
    assert verify_store(tmp_path / "a") == ()
    set_values(tmp_path / "a", name, index, value)
    assert verify_store(tmp_path / "a") == (finding,)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"dtype": "int32", "fill_value": 0, "dimension_names": ("path",)}, "has dtype int32, float64 expected"),
        ({"dtype": "float64", "fill_value": 0, "dimension_names": ("path",)}, "has fill value .*0.*, nan expected"),
        ({"dtype": "float64", "fill_value": np.nan}, r"has dims \(None,\), \('path',\) expected"),
    ],
)
def test_verify_finds_arrays_of_another_kind(tmp_path, options, problem):
    filled(tmp_path / "a").close()
    zarr.create_array(tmp_path / "a", name="paths/seconds", shape=(2,), overwrite=True, **options)
    findings = verify_store(tmp_path / "a")
    assert [finding.where for finding in findings] == ["paths.seconds"]
    assert re.match(problem, findings[0].problem)


def test_verify_a_store_that_is_none(tmp_path):
    with pytest.raises(NotFoundError):
        verify_store(tmp_path / "a")
    filled(tmp_path / "a").close()
    edit_root(tmp_path / "a", format_version=3)
    with pytest.raises(NewerFormatError):
        verify_store(tmp_path / "a")


def test_verify_while_a_writer_is_at_work(tmp_path):
    with filled(tmp_path / "a"):
        assert verify_store(tmp_path / "a") == ()


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("group", ["", "minima"])
def test_consolidated_metadata_are_a_finding_until_the_next_commit(tmp_path, group):
    filled(tmp_path / "a").close()
    assert verify_store(tmp_path / "a") == ()
    zarr.consolidate_metadata(str(tmp_path / "a" / group) if group else str(tmp_path / "a"))
    (finding,) = verify_store(tmp_path / "a")
    assert finding.where == (group or "root")
    assert re.match(r"consolidated metadata in \S*zarr.json: the format has none", finding.problem)
    if not group:
        with open_database(tmp_path / "a", mode="a") as database:
            database.add(attributes={"note": "one more commit"})
        assert verify_store(tmp_path / "a") == ()
