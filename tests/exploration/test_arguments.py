"""What is given to functions that explore: numbers of numpy are numbers, and what makes no sense is one clear line."""

import numpy as np
import pytest

from elsuite import LandscapeDatabase
from elsuite.core.settings import SettingsError
from elsuite.exploration import complete_tree, connect_minima, connect_spanning, map_landscape, quench, run_minimizer
from elsuite.landscapes import MullerBrown, SixHumpCamel
from elsuite.minimizers import LBFGSGSS, SGD
from elsuite.paths import ChainPathFinder, FourierPathFinder, LinearPathFinder
from elsuite.schema import NotFoundError

CAMEL = SixHumpCamel()


@pytest.fixture
def database():
    with LandscapeDatabase.create(None, CAMEL) as database:
        database.add(minima={"coordinates": CAMEL.minima[:4], "energy": CAMEL.minimum_energies[:4, None]})
        yield database


@pytest.mark.parametrize("integer", [np.int64, np.int32, np.uint8])
def test_settings_take_numbers_of_numpy_and_are_those_of_python(integer):
    given = SGD(epochs=integer(3), learning_rate=np.float64(0.05), nesterov=np.bool_(True), momentum=np.float32(0.5))
    assert given == SGD(epochs=3, learning_rate=0.05, nesterov=True, momentum=0.5)
    assert (type(given.epochs), type(given.learning_rate), type(given.nesterov)) == (int, float, bool)
    assert "np." not in repr(given)
    with pytest.raises(SettingsError, match=r"SGD.learning_rate: given -1.0, allowed: above 0"):
        SGD(epochs=3, learning_rate=np.float64(-1.0))
    with pytest.raises(SettingsError, match=r"SGD.epochs: given 1.5, allowed: an integer"):
        SGD(epochs=np.float64(1.5), learning_rate=0.1)


@pytest.mark.parametrize(
    "seeds", [np.arange(2), [np.int64(0), np.int32(1)], np.array([0.0, 1.0]), (n for n in range(2))]
)
def test_seeds_and_keys_do_not_depend_on_the_type_of_number(seeds):
    stores = []
    for some in (seeds, range(2)):
        with LandscapeDatabase.create(None, CAMEL) as database:
            assert run_minimizer(database, CAMEL, LBFGSGSS(), some).n_runs == 2
            stores.append([database.runs[name].values.tolist() for name in ("key", "seed")])
    assert stores[0] == stores[1]


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([0, 1, 0], "seeds: 0 is given twice, allowed: each once"),
        ([-1], "seeds: given -1, allowed: whole numbers from 0"),
        ([1.5], "seeds: given 1.5, allowed: whole numbers from 0"),
        ([True], "seeds: given True, allowed: whole numbers from 0"),
        (3, r"seeds: given 3, allowed: a sequence of whole numbers, such as range\(3\)"),
        ("12", "seeds: given '12', allowed: a sequence"),
    ],
)
def test_wrong_seeds_are_one_line(database, seeds, words):
    with pytest.raises(ValueError, match=rf"^{words}[^\n]*$"):
        run_minimizer(database, CAMEL, LBFGSGSS(), seeds)
    assert database.n_runs == 0


def test_pairs_of_any_integers(database):
    pairs = [np.array([0, 1]), (np.int64(1), np.int32(2)), [2, 3]]
    assert connect_minima(database, CAMEL, LinearPathFinder(), pairs).n_searched == 3
    assert connect_minima(database, CAMEL, LinearPathFinder(), np.array([[0, 1], [1, 2], [0, 1]])).n_known == 2


@pytest.mark.parametrize(
    ("pairs", "error", "words"),
    [
        ([(0, 1), (2, 2)], ValueError, r"pairs: given \(2, 2\), allowed: two different minima"),
        (np.array([[1, 1]]), ValueError, r"pairs: given \(1, 1\), allowed: two different minima"),
        ([(0, 1.5)], ValueError, r"pairs: given \(0, 1.5\), allowed: two ids"),
        ([(0, 1, 2)], ValueError, r"pairs: given \(0, 1, 2\), allowed: two ids"),
        ([0, 1], ValueError, "pairs: given 0, allowed: two ids"),
        ([(0, 9)], NotFoundError, "no minimum 9; the database has 4"),
    ],
)
def test_wrong_pairs_are_one_line(database, pairs, error, words):
    with pytest.raises(error, match=rf"^{words}[^\n]*$"):
        connect_minima(database, CAMEL, LinearPathFinder(), pairs)
    assert database.n_paths == 0


CALLS = {
    "run_minimizer": lambda database: run_minimizer(database, CAMEL, LBFGSGSS, [0]),
    "quench": lambda database: quench(database, CAMEL, [0], minimizer=LBFGSGSS),
    "connect_minima": lambda database: connect_minima(database, CAMEL, FourierPathFinder, [(0, 1)]),
    "complete_tree": lambda database: complete_tree(database, CAMEL, ChainPathFinder),
    "connect_spanning": lambda database: connect_spanning(database, CAMEL, ChainPathFinder, [0, 1]),
    "map_landscape": lambda database: map_landscape(CAMEL, finder=ChainPathFinder),
    "a class of landscapes": lambda database: run_minimizer(database, SixHumpCamel, LBFGSGSS(), [0]),
    "paths on a class": lambda database: connect_minima(database, SixHumpCamel, LinearPathFinder(), [(0, 1)]),
    "a tree on a class": lambda database: complete_tree(database, SixHumpCamel, LinearPathFinder()),
    "joined on a class": lambda database: connect_spanning(database, SixHumpCamel, LinearPathFinder(), [0, 1]),
    "quenched on a class": lambda database: quench(database, SixHumpCamel, [0]),
    "a map of a class": lambda database: map_landscape(SixHumpCamel),
    "a database of a class": lambda database: LandscapeDatabase.create(None, SixHumpCamel),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_class_for_an_instance_is_one_line(database, call):
    with pytest.raises(ValueError, match=r"^\w+: given the class (\w+), allowed: an instance, such as \1\(\)$"):
        CALLS[call](database)
    assert (database.n_runs, database.n_minima, database.n_paths) == (0, 4, 0)


def test_a_name_for_an_instance_is_one_line(database):
    with pytest.raises(ValueError, match="minimizer: given 'sgd', allowed: an instance of Minimizer"):
        run_minimizer(database, CAMEL, "sgd", [0])
    with pytest.raises(ValueError, match="finder: given 'fourier', allowed: an instance of PathFinder"):
        connect_minima(database, CAMEL, "fourier", [(0, 1)])


def test_a_database_has_the_parameters_and_surfaces_of_its_landscape():
    assert LandscapeDatabase.create(None, CAMEL, n_parameters=2).n_parameters == 2
    with pytest.raises(ValueError, match="n_parameters: given 7, the landscape has 2"):
        LandscapeDatabase.create(None, CAMEL, n_parameters=7)
    with pytest.raises(ValueError, match="surfaces: given train; the landscape has 'energy' too"):
        LandscapeDatabase.create(None, MullerBrown(), surfaces=["train"])


def test_rows_that_are_refused_are_quoted_in_numbers_of_python(database):
    paths = {"source": [0], "target": [1], "height": np.array([-7.0])}
    with pytest.raises(ValueError, match=r"row 0 has -7.0, under the energy -1.03\d+ of its source"):
        database.add(paths=paths)
    with pytest.raises(ValueError, match=r"minima.set: expected strings, got 0.05"):
        database.add(minima=[{"coordinates": CAMEL.minima[0], "energy": [0.0], "set": np.float64(0.05)}])
