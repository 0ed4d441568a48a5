"""Conventions that matter are tests: what loads what, how public functions look, that every algorithm is tabled."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import elsuite

READING = ("core", "schema", "symmetry", "database", "network", "interchange", "analysis", "plotting", "report", "cli")
MAKING = ("datasets", "landscapes", "minimizers", "paths", "stationary", "exploration", "studies")


def loads(code, *forbidden):
    """Return which of `forbidden` a fresh interpreter has loaded after `code`."""
    check = f"{code}\nimport sys\nprint(*sorted({set(forbidden)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", READING)
def test_the_reading_half_never_loads_torch(name):
    assert loads(f"import elsuite.{name}", "torch") == []


def test_a_database_is_read_without_torch_and_matplotlib():
    assert loads("import elsuite; elsuite.open_database", "torch", "matplotlib", "sklearn") == []


def test_the_package_itself_loads_nothing_heavy():
    heavy = ("torch", "matplotlib", "zarr", "xarray", "scipy", "sklearn", "networkx", "pandas")
    assert loads("import elsuite, elsuite.cli", *heavy) == []


def public_objects(names):
    """Yield the public objects of the sub-packages that `names` list, with their full names."""
    for name in names:
        module = importlib.import_module(f"elsuite.{name}")
        for attribute in getattr(module, "__all__", ()):
            yield f"elsuite.{name}.{attribute}", getattr(module, attribute)


def check_signatures(names):
    for name, value in public_objects(names):
        if not inspect.isfunction(value):
            continue
        kinds = [p.kind for p in inspect.signature(value).parameters.values()]
        assert sum(k is inspect.Parameter.POSITIONAL_OR_KEYWORD for k in kinds) <= 4, name
        assert inspect.getdoc(value), name


NO_EXAMPLE = {"elsuite.cli.main": "a command line: README.md and docs/ show it, and their commands are run"}
"""Public callables that do work and have no example that runs: full name to the reason."""


def does_work(value):
    """Return whether a public object is a function, or a class that is no error, no interface and has methods."""
    if not inspect.isclass(value):
        return inspect.isfunction(value)
    if issubclass(value, BaseException) or inspect.isabstract(value):
        return False
    own = [vars(c) for c in value.__mro__ if c.__module__.startswith("elsuite.")]
    return any(inspect.isfunction(v) and not k.startswith("_") for members in own for k, v in members.items())


def check_examples(objects):
    texts = {name: value.__doc__ or "" for name, value in objects if does_work(value)}
    without = {name for name, text in texts.items() if ">>> " not in text or "+SKIP" in text}
    assert without == NO_EXAMPLE.keys() & texts.keys()


def test_what_does_work_in_the_reading_half_has_an_example():
    check_examples(public_objects(READING))


@pytest.mark.making
def test_what_does_work_in_the_making_half_and_at_the_top_has_an_example():
    check_examples(public_objects(MAKING))
    check_examples((f"elsuite.{name}", getattr(elsuite, name)) for name in elsuite.__all__)


def test_public_functions_of_the_reading_half():
    check_signatures(READING)


@pytest.mark.making
def test_public_functions_of_the_making_half():
    check_signatures(MAKING)


def test_every_module_says_what_it_is_for():
    for info in pkgutil.walk_packages(elsuite.__path__, "elsuite."):
        spec = importlib.util.find_spec(info.name)
        with open(spec.origin, encoding="utf-8") as file:
            first = file.readline()
        assert first.startswith(('"""', 'r"""')), info.name


@pytest.mark.making
def test_every_algorithm_is_in_the_tables_of_cases():
    import cases
    import minimizer_cases

    from elsuite import landscapes, minimizers, paths

    tabled = {type(make()) for make in cases.LANDSCAPES.values()}
    wrappers = {landscapes.MinibatchLandscape}
    assert final_classes(landscapes, landscapes.Landscape) <= tabled | wrappers
    assert final_classes(minimizers, minimizers.Minimizer) <= {type(m) for m in minimizer_cases.ROWS.values()}
    assert final_classes(minimizers, minimizers.Minimizer) == set(minimizers.MINIMIZERS.values())
    assert final_classes(paths, paths.PathFinder) == set(paths.PATH_FINDERS.values())
    assert set(cases.PATH_FINDERS) >= set(paths.PATH_FINDERS)


def final_classes(module, interface):
    found = {getattr(module, name) for name in module.__all__ if inspect.isclass(getattr(module, name))}
    return {c for c in found if issubclass(c, interface) and not inspect.isabstract(c)}


@pytest.mark.making
def test_settings_are_frozen():
    import dataclasses

    from elsuite.minimizers import MINIMIZERS
    from elsuite.paths import PATH_FINDERS

    for algorithm in {*MINIMIZERS.values(), *PATH_FINDERS.values()}:
        value = algorithm()
        field = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, None)


def test_the_top_level_lists_what_a_program_needs():
    names = dir(elsuite)
    assert {"open_database", "LandscapeDatabase", "FourierPathFinder", "disconnectivity_tree", "analysis"} <= set(names)
    assert not {"Any", "TYPE_CHECKING", "importlib"} & set(names)
    assert 35 <= len(elsuite.__all__) <= 60


@pytest.mark.making
def test_every_name_of_the_top_level_is_where_it_says():
    for place, names in elsuite._PLACES.items():
        module = importlib.import_module(f"elsuite.{place}")
        for name in names:
            assert getattr(elsuite, name) is getattr(module, name)
    for package in elsuite._PACKAGES:
        assert getattr(elsuite, package).__name__ == f"elsuite.{package}"


def test_what_is_not_there_is_said():
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = elsuite.no_such_name


def test_type_checkers_see_the_names_of_the_top_level():
    import ast
    from pathlib import Path

    stub = ast.parse(Path(elsuite.__file__).with_suffix(".pyi").read_text("utf-8"))
    imported = {
        alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(imported) == set(elsuite.__all__)
    places = {name: f"elsuite.{place}" for place, names in elsuite._PLACES.items() for name in names}
    places["quench"] += ".quench"  # a function and its module have one name
    assert {name: place for name, place in imported.items() if name != "__version__"} == places
