"""A study from file to database: complete, repeatable, resumed after any interruption, nothing done twice."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from elsuite.database import LandscapeDatabase, describe, open_database, verify_store
from elsuite.database.declared import declared_symmetry
from elsuite.network import minimax_matrix, transition_network
from elsuite.studies import StudyError, StudyRun, parse_study, run_study
from elsuite.studies.recompute import recompute_sample
from elsuite.studies.run import study_pairs

pytestmark = pytest.mark.making

TEXT = """
seed = 1
[data]
name = "digits"
n_train = 120
n_test = 60
[network]
architecture = "fcp"
hidden = [6]
[[minimizers]]
algorithm = "sgd"
starts = 3
epochs = 4
learning_rate = 0.1
starts_per_block = 2
checkpoint_every = 1
[[minimizers]]
algorithm = "lbfgs-gss"
starts = 3
keep = 2
epochs = 6
starts_per_block = 2
[[paths]]
finder = "fourier"
setting = "published"
n_steps = 4
measure = ["test"]
pairs = "random"
within = 1
between = 1
[[paths]]
finder = "linear"
surface = "test"
pairs = "nearest"
n_neighbors = 1
sets = ["sgd/test", "lbfgs-gss/test"]
[[paths]]
finder = "fourier"
name = "aligned"
setting = "published"
n_steps = 4
pairs = "random"
sets = ["sgd/train"]
n_pairs = 2
align = "weights"
[[paths]]
finder = "fourier"
setting = "published"
n_steps = 4
pairs = "spanning"
"""


def run(folder, text=TEXT, **options):
    return run_study(StudyRun(parse_study(text), text, folder), **options).store


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"))


def tables(store):
    with open_database(store) as database:
        return {
            "info": {k: v for k, v in describe(database).items() if k not in ("created", "versions")},
            "energy": database.minima["energy"].values,
            "keys": database.minima["key"].values,
            "set": database.minima["set"].values.tolist(),
            "path keys": database.paths["key"].values,
            "heights": database.paths["refined_height"].values,
        }


def assert_same(a, b):
    one, two = tables(a), tables(b)
    assert one["info"] == two["info"]
    assert one["set"] == two["set"]
    for name in ("keys", "path keys"):
        np.testing.assert_array_equal(one[name], two[name])
    for name in ("energy", "heights"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6)


def test_the_store_holds_what_the_study_asks_for(finished):
    facts = tables(finished)["info"]
    assert facts["n_runs"] == 6
    assert facts["sets"] == {"sgd/train": 3, "sgd/test": 3, "lbfgs-gss/train": 2, "lbfgs-gss/test": 2}
    with open_database(finished) as database:
        assert database.attributes["study"] == TEXT
        assert database.attributes["versions"]["torch"]
        network = transition_network(database, surface="train")
        assert np.isfinite(minimax_matrix(network)).all()
        surfaces = database.paths["surface"].values.tolist()
        assert {"train", "test"} == set(surfaces)
    assert not verify_store(finished)
    assert not finished.with_name("work").exists()


def test_rounds_with_one_seed_draw_the_same_pairs(finished):
    def pairs(own_seed, position):
        rounds = 'finder = "linear"\npairs = "random"\nn_pairs = 4\n' + own_seed
        study = parse_study(TEXT.split("[[paths]]")[0] + f"[[paths]]\n{rounds}\n" * 2)
        with open_database(finished) as database:
            chosen = study_pairs(database, study, position)
        return chosen.tolist()

    assert pairs("pairs_seed = 5", 0) == pairs("pairs_seed = 5", 1)
    assert pairs("", 0) != pairs("", 1)


def test_minima_of_other_sets_change_none_of_its_pairs(finished, tmp_path):
    study = parse_study(TEXT)
    place = shutil.copytree(finished, tmp_path / "copy.elsuite")
    with open_database(place, mode="a") as database:
        before = [study_pairs(database, study, k).tolist() for k in range(3)]
        more = database.coordinates([0])
        database.add(minima={"coordinates": more, "energy": [[0.1, 0.2]], "set": ["quenched/train"]})
        assert [study_pairs(database, study, k).tolist() for k in range(3)] == before


def test_kept_runs_are_those_of_lowest_training_loss(finished):
    with open_database(finished) as database:
        curves, runs = database.runs["curves"].values, database.runs["minimizer"].values
        lowest = np.nanmin(curves[:, 0], axis=1)
        kept = set(database.minima["run"].values[database.minima["set"].values == "lbfgs-gss/train"].tolist())
    candidates = [i for i, name in enumerate(runs.tolist()) if name == "lbfgs-gss"]
    assert kept == set(sorted(candidates, key=lambda i: lowest[i])[:2])


def test_no_height_is_under_an_end(finished):
    with open_database(finished) as database:
        paths, energy = database.paths, database.minima["energy"].values
        column = [database.surfaces.index(s) for s in paths["surface"].values.tolist()]
        ends = np.maximum(energy[paths["source"], column], energy[paths["target"], column])
        assert (paths["height"].values >= ends).all()
        assert (paths["refined_height"].values >= paths["height"].values - 1e-12).all()


def test_a_sample_comes_out_again(finished):
    again = recompute_sample(finished, n=4)
    assert again.findings == ()
    assert (again.n_minima, again.n_paths) == (4, 4)


def test_paths_to_aligned_copies_come_out_again_and_keep_their_permutation(finished):
    with open_database(finished) as database:
        table = database.paths
        rows = np.flatnonzero(table["finder"].values == "aligned")
        renamings = table["renaming"][rows].values
        others = table["renaming"].values[table["finder"].values != "aligned"]
        (group,) = declared_symmetry(database).groups
    assert len(rows) == 2
    assert (np.sort(np.abs(renamings), axis=1) == np.arange(1, group.size + 1)).all()
    assert (others == 0).all()
    assert recompute_sample(finished, n=100).findings == ()


def test_a_changed_energy_is_found(tmp_path):
    store = run(tmp_path)
    import zarr

    array = zarr.open_group(store, mode="r+")["minima/energy"]
    array[:] = array[:] * 1.01
    assert recompute_sample(store, n=3).findings


def test_the_same_study_gives_the_same_database(finished, tmp_path):
    assert_same(finished, run(tmp_path))


def test_a_finished_study_is_not_done_again(finished):
    stages = []
    before = sorted((p, p.stat().st_mtime_ns) for p in finished.rglob("*") if p.is_file() and ".lock" not in p.name)
    run(finished.parent, progress=lambda *args: stages.append(args))
    assert not stages
    after = sorted((p, p.stat().st_mtime_ns) for p in finished.rglob("*") if p.is_file() and ".lock" not in p.name)
    assert [p for p, _ in before] == [p for p, _ in after]


@pytest.mark.parametrize("stop_after", [1, 3, 6, 9, 14])
def test_an_interrupted_study_ends_the_same(finished, tmp_path, stop_after):
    calls = 0

    def stop(*_):
        nonlocal calls
        calls += 1
        if calls == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop)
    assert_same(finished, run(tmp_path))


def test_a_killed_study_ends_the_same(finished, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(TEXT)
    rng = np.random.default_rng(int(os.environ.get("ELSUITE_KILL_SEED", "0")))
    command = [sys.executable, "-m", "elsuite", "run", str(study), "--out", str(tmp_path / "out")]
    for delay in rng.uniform(2.0, 6.0, size=3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert_same(finished, tmp_path / "out" / "landscape.elsuite")


def test_another_study_is_refused_and_a_longer_one_goes_on(tmp_path):
    small = TEXT.split("[[paths]]")[0].replace("keep = 2\n", "")
    run(tmp_path, small)
    for old, new, words in [
        ("seed = 1", "seed = 2", "seed is 1 there and 2 here"),
        ("learning_rate = 0.1", "learning_rate = 0.2", "learning_rate is 0.1 there and 0.2 here"),
        ("hidden = [6]", "hidden = [7]", "hidden"),
        ("n_train = 120", "n_train = 100", "n_train is 120 there and 100 here"),
    ]:
        with pytest.raises(StudyError, match=words):
            run(tmp_path, small.replace(old, new))
    store = run(tmp_path, small.replace("starts = 3\nepochs = 4", "starts = 4\nepochs = 4"))
    assert tables(store)["info"]["sets"]["sgd/train"] == 4


def test_a_store_that_does_not_know_a_later_setting_did_what_was_done_then(tmp_path):
    small = (
        TEXT.split("[[paths]]")[0]
        + """
[[paths]]
setting = "converged"
density = "uniform"
max_rounds = 1
n_steps = 3
pairs = "random"
sets = ["sgd/train"]
n_pairs = 1
"""
    )
    store = run(tmp_path, small)
    with open_database(store, mode="a") as database:
        settings = database.attributes["settings"]
        assert settings["finders"]["fourier"].pop("density") == "uniform"
        database.add(attributes={"settings": settings})
        keys = database.paths["key"].values.tolist()
    # What the file does not say is what it was when the store was begun, not today's default.
    for text in (small.replace('density = "uniform"\n', ""), small):
        with open_database(run(tmp_path, text)) as database:
            assert database.paths["key"].values.tolist() == keys
    with pytest.raises(StudyError, match="density is 'uniform' there and 'arcsine' here"):
        run(tmp_path, small.replace('"uniform"', '"arcsine"'))


def test_a_store_begun_with_the_defaults_of_an_earlier_version_goes_on_with_them(tmp_path):
    paths = '[[paths]]\nn_steps = 3\npairs = "random"\nsets = ["sgd/train"]\nn_pairs = 1\n'
    today = TEXT.split("[[paths]]")[0] + paths
    then = today + 'scales = "absolute"\nlate = "sampled"\nmax_rounds = 4\n'
    store = run(tmp_path / "old", then)
    with open_database(store, mode="a") as database:
        settings = database.attributes["settings"]
        for name in ("scales", "late"):
            del settings["finders"]["fourier"][name]
        database.add(attributes={"settings": settings})
        keys = database.paths["key"].values.tolist()
    with open_database(run(tmp_path / "old", today)) as database:
        assert database.paths["key"].values.tolist() == keys
    with open_database(run(tmp_path / "new", today)) as database:
        assert database.attributes["settings"]["finders"]["fourier"]["scales"] == "own"
        assert database.paths["key"].values.tolist() != keys


def test_no_pairs_with_what_a_diverged_run_left_behind():
    text = """
[data]
name = "digits"
[network]
architecture = "fcp"
[[minimizers]]
algorithm = "sgd"
starts = 4
[[paths]]
finder = "linear"
pairs = "all"
"""
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train", "test"])
    outcomes = ["converged", "diverged", "converged", "not a number"]
    minima = {"coordinates": np.eye(4, 2), "energy": np.zeros((4, 2)), "set": "sgd/train", "outcome": outcomes}
    database.add(minima=minima)
    assert study_pairs(database, parse_study(text, "study"), 0).tolist() == [[0, 2]]
