"""A second landscape is refused by everything that writes, in one line, before anything is computed."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.core.identity import OtherLandscapeError
from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration import (
    add_solutions,
    all_pairs,
    connect_minima,
    connect_spanning,
    map_landscape,
    quench,
    run_minimizer,
)
from elsuite.exploration.checking import check_landscape
from elsuite.landscapes import (
    FourGaussians,
    FunctionLandscape,
    LennardJones,
    MullerBrown,
    NeuralLandscape,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.minimizers import LBFGSGSS
from elsuite.paths import LinearPathFinder

pytestmark = pytest.mark.making


def wells(shift=0.0, factor=1.0):
    return FunctionLandscape(lambda x: factor * ((x - shift) ** 2 - 1).square().sum(1), 2, [[-2, -2], [2, 2]])


def network(seed=0, activation=nn.Tanh, loss=None, dtype=torch.float32, n=40):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(n, 3, generator=generator)
    targets = (torch.rand(n, generator=generator) > 0.5).long()
    module = nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 2))
    return NeuralLandscape(module, loss or nn.CrossEntropyLoss(), inputs, targets, dtype=dtype)


def smoothed():
    return nn.CrossEntropyLoss(label_smoothing=0.1)


# The landscape of the store, another of the same width and surfaces, and what the refusal says.
OTHERS = {
    "surfaces": (SixHumpCamel, FourGaussians, "kind is 'SixHumpCamel' there and 'FourGaussians' here"),
    "settings": (
        lambda: SeparableWells((1.0, 2.0)),
        lambda: SeparableWells((1.0, 2.5)),
        "heights[1] is 2.0 there and 2.5",
    ),
    "functions": (wells, lambda: wells(shift=0.5), "the energy on 'energy' at fixed point 0"),
    "a factor": (wells, lambda: wells(factor=1 + 1e-6), "the energy on 'energy' at fixed point 0"),
    "tiny energies": (lambda: wells(factor=1e-15), lambda: wells(factor=2e-15), "the energy on 'energy'"),
    "data": (network, lambda: network(seed=1), "data.train is sha256:"),
    "more data": (network, lambda: network(n=41), "data.train is sha256:"),
    "activation": (network, lambda: network(activation=nn.ReLU), "settings.layers[2] is 'Tanh' there and 'ReLU' here"),
    "loss": (network, lambda: network(loss=smoothed()), "settings.loss is"),
}
WRITERS = {
    "run_minimizer": lambda db, other: run_minimizer(db, other, LBFGSGSS(epochs=2), seeds=range(3)),
    "connect_minima": lambda db, other: connect_minima(db, other, LinearPathFinder(), all_pairs(range(3))),
    "connect_spanning": lambda db, other: connect_spanning(
        db, other, LinearPathFinder(), [0, 1, 2], surface=other.surfaces[0]
    ),
    "quench": lambda db, other: quench(db, other, [0, 1]),
    "add_solutions": lambda db, other: add_solutions(
        db, other, np.zeros((1, other.n_parameters)), set_name=f"own/{other.surfaces[0]}"
    ),
}


def filled(path, landscape):
    database = LandscapeDatabase.create(path, landscape)
    run_minimizer(database, landscape, LBFGSGSS(epochs=5), seeds=range(3))
    return database


def without_identity(path):
    """Take the attribute out of a closed store, as if an older version had made it."""
    import json

    root = path / "zarr.json"
    content = json.loads(root.read_text())
    assert content["attributes"].pop("identity")
    root.write_text(json.dumps(content))


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", OTHERS)
def test_another_landscape_is_refused(case, writer):
    make, make_other, words = OTHERS[case]
    with filled(None, make()) as database:
        before = (database.n_runs, database.n_minima, database.n_paths, database.attributes)
        with pytest.raises(OtherLandscapeError) as refused:
            WRITERS[writer](database, make_other())
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        assert (database.n_runs, database.n_minima, database.n_paths, database.attributes) == before


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", ["surfaces", "functions", "data", "activation"])
def test_a_store_that_does_not_say_is_recognized_by_its_energies(case, writer, tmp_path):
    make, make_other, _ = OTHERS[case]
    filled(tmp_path / "old.elsuite", make()).close()
    without_identity(tmp_path / "old.elsuite")
    with open_database(tmp_path / "old.elsuite", "a") as database:
        with pytest.raises(OtherLandscapeError, match=r"minimum \d+ has the energy"):
            WRITERS[writer](database, make_other())
        WRITERS[writer](database, make())
        assert database.attributes["identity"] == make().identity.as_json()


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", ["surfaces", "functions", "data", "activation"])
def test_the_same_landscape_made_again_goes_on(case, writer):
    make = OTHERS[case][0]
    with filled(None, make()) as database:
        WRITERS[writer](database, make())


def test_a_database_made_for_no_landscape_takes_the_first_one():
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as database:
        run_minimizer(database, SixHumpCamel(), LBFGSGSS(), seeds=range(2))
        with pytest.raises(OtherLandscapeError, match="SixHumpCamel"):
            run_minimizer(database, FourGaussians(), LBFGSGSS(), seeds=range(2))


def test_other_bounds_are_another_landscape():
    """Starts are drawn there: the same seeds would mean other starts."""
    narrow = FunctionLandscape(lambda x: (x**2).sum(1), 2, [[-1, -1], [1, 1]])
    wide = FunctionLandscape(lambda x: (x**2).sum(1), 2, [[-3, -3], [3, 3]])
    with (
        LandscapeDatabase.create(None, narrow) as database,
        pytest.raises(OtherLandscapeError, match=r"settings.bounds\[0\]\[0\] is -1.0 there and -3.0 here"),
    ):
        check_landscape(database, wide)


def test_a_difference_at_a_stored_minimum_is_seen():
    """Equal at the fixed points and all that is declared, but for a hole where a minimum is."""
    hole = FunctionLandscape(
        lambda x: ((x**2 - 1) ** 2).sum(1) - 5 * torch.exp(-400 * (x - 1).square().sum(1)), 2, [[-2, -2], [2, 2]]
    )
    with filled(None, wells()) as database:
        database.add(minima={"coordinates": [[1.0, 1.0]], "energy": [[0.0]]})
        with pytest.raises(OtherLandscapeError, match=r"minimum \d has the energy .* on 'energy' there and -"):
            check_landscape(database, hole)


def test_minima_at_zero_alone_do_not_tell_and_transition_states_do(tmp_path):
    store = tmp_path / "wells.elsuite"
    map_landscape(wells(), n_starts=4, store=store).close()
    without_identity(store)
    with open_database(store, "a") as database:
        with pytest.raises(
            OtherLandscapeError, match=r"transition state \d has the energy 1 on 'energy' there and 5 here"
        ):
            check_landscape(database, wells(factor=5.0))
        check_landscape(database, wells())


def test_what_is_frozen_is_part_of_a_network():
    def frozen(scale):
        generator = torch.Generator().manual_seed(0)
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        with torch.no_grad():
            for tensor in module.parameters():
                tensor.uniform_(-1, 1, generator=generator)
            module[0].weight.mul_(scale)
        module[0].requires_grad_(False)
        inputs = torch.rand(40, 3, generator=generator)
        return NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, torch.arange(40) % 2)

    with LandscapeDatabase.create(None, frozen(1.0)) as database:
        check_landscape(database, frozen(1.0))
        with pytest.raises(OtherLandscapeError, match=r"settings\.frozen is sha256"):
            check_landscape(database, frozen(1.0001))


def test_a_mapped_store_takes_no_other_surface(tmp_path):
    store = tmp_path / "wells.elsuite"
    map_landscape(wells(), n_starts=4, store=store).close()
    with pytest.raises(OtherLandscapeError, match="at fixed point"):
        map_landscape(wells(shift=0.5), n_starts=4, store=store)
    with pytest.raises(ValueError, match="LennardJones"):
        map_landscape(LennardJones(2), n_starts=4, store=store)
    map_landscape(wells(), n_starts=4, store=store).close()


def test_another_width_is_refused():
    with (
        LandscapeDatabase.create(None, MullerBrown()) as database,
        pytest.raises(OtherLandscapeError, match="it has 2 parameters and the surfaces energy, the landscape 3"),
    ):
        check_landscape(database, SeparableWells((1.0, 1.0, 1.0)))


def test_a_checked_landscape_is_not_computed_again():
    calls = []

    def function(x):
        calls.append(len(x))
        return (x**2).sum(1)

    landscape = FunctionLandscape(function, 2)
    with LandscapeDatabase.create(None, landscape) as database:
        check_landscape(database, landscape)
        before = len(calls)
        for _ in range(5):
            check_landscape(database, landscape)
        assert len(calls) == before


def test_the_identity_is_the_same_on_every_surface_and_device_of_points():
    landscape = network()
    assert landscape.identity == landscape.on("train").identity == network().identity
    assert network(dtype=torch.float64).identity.differences(landscape.identity)


STUDY = """
[data]
name = "{data}"
[network]
architecture = "fcp"
hidden = [4]
[[minimizers]]
algorithm = "lbfgs-gss"
starts = {starts}
epochs = 5
[[paths]]
pairs = "all"
finder = "linear"
sets = ["lbfgs-gss/train"]
"""


def data_file(path, seed):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, 90)
    np.savez(path, train_inputs=rng.normal(size=(90, 5)).astype("f4") + targets[:, None], train_targets=targets)


def study(folder, data, starts):
    from elsuite.studies import StudyRun, parse_study, run_study

    text = STUDY.format(data=data, starts=starts)
    return run_study(StudyRun(parse_study(text), text, folder)).store


def test_data_go_by_content_not_by_name(tmp_path):
    data, moved = tmp_path / "d.npz", tmp_path / "elsewhere" / "e.npz"
    moved.parent.mkdir()
    data_file(data, 1)
    store = study(tmp_path / "out", data, 2)
    shutil.copy(data, moved)
    with open_database(store) as database:
        keys = database.runs["key"].values.tolist(), database.paths["key"].values.tolist()
    study(tmp_path / "out", moved, 2)
    with open_database(store) as database:
        assert (database.runs["key"].values.tolist(), database.paths["key"].values.tolist()) == keys
    data_file(data, 2)
    with pytest.raises(OtherLandscapeError, match=r"data\.train is sha256:\w+ there"):
        study(tmp_path / "out", data, 4)
    with open_database(store) as database:
        assert database.n_runs == 2


def test_an_old_store_of_a_file_is_recognized_by_its_energies(tmp_path):
    data = tmp_path / "d.npz"
    data_file(data, 1)
    store = study(tmp_path / "out", data, 2)
    without_identity(store)
    data_file(data, 2)
    with pytest.raises(OtherLandscapeError, match=r"minimum \d+ has the energy"):
        study(tmp_path / "out", data, 3)
    data_file(data, 1)
    study(tmp_path / "out", data, 3)
    with open_database(store) as database:
        assert database.n_runs == 3


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("writer", ["run_minimizer", "connect_minima"])
def test_workers_of_another_landscape_are_refused(writer):
    from elsuite.exploration.workers import FactoryRecipe, Workers, WorkersError

    with (
        filled(None, SeparableWells((1.0, 2.0))) as database,
        Workers(FactoryRecipe(SeparableWells, ((1.0, 2.5),)), n_workers=1) as workers,
    ):
        before = database.n_runs, database.n_paths
        landscape, finder = SeparableWells((1.0, 2.0)), LinearPathFinder()
        write = {
            "run_minimizer": lambda: run_minimizer(database, landscape, LBFGSGSS(epochs=2), range(5), workers=workers),
            "connect_minima": lambda: connect_minima(database, landscape, finder, all_pairs(range(3)), workers=workers),
        }
        with pytest.raises(WorkersError, match=r"heights\[1\] is 2.0 there and 2.5 here"):
            write[writer]()
        assert (database.n_runs, database.n_paths) == before


def test_where_the_energy_raises_nothing_is_compared():
    def energy(x, height=1.0):
        if (x > 2).any():
            raise RuntimeError("no convergence")
        return height * ((x - 1) ** 2).sum(1)

    with LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"]) as database:
        database.add(minima={"coordinates": [[0.5], [3.0], [1.5]], "energy": [[0.25], [4.0], [0.25]]})
        with pytest.raises(OtherLandscapeError, match=r"minimum 0 has the energy 0.25 .* and 0.5 here"):
            check_landscape(database, FunctionLandscape(lambda x: energy(x, 2.0), 1))
        check_landscape(database, FunctionLandscape(energy, 1))
