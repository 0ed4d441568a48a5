"""Commands that build: a study run as a user runs it, its errors, and the demonstration at small scale."""

import json
import sys

import pytest

pytestmark = pytest.mark.making

SMALL = """
[data]
name = "digits"
n_train = 100
n_test = 50
[network]
architecture = "fcp"
hidden = [5]
[[minimizers]]
algorithm = "sgd"
starts = 2
epochs = 2
[[minimizers]]
algorithm = "lbfgs-gss"
starts = 2
epochs = 2
[[paths]]
finder = "fourier"
setting = "published"
n_steps = 2
pairs = "spanning"
"""


def test_run_builds_the_database_and_says_what_was_found(elsuite, tmp_path):
    (tmp_path / "study.toml").write_text(SMALL)
    code, out, err = elsuite("run", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert (code, err) == (0, "")  # quiet where there is no terminal
    assert "sgd/train" in out
    assert "landscape.elsuite" in out
    code, out, _ = elsuite("run", tmp_path / "study.toml", "--out", tmp_path / "out", "--json")
    assert json.loads(out)["n_minima"] == 8


FAILING = """
[data]
name = "digits"
n_train = 100
n_test = 50
[network]
architecture = "fcp"
hidden = [5]
activation = "tanh"
[[minimizers]]
algorithm = "sgd"
starts = 3
epochs = 2
[[minimizers]]
name = "wild"
algorithm = "sgd"
starts = 2
epochs = 2
learning_rate = 1e30
batch_size = 10
[[paths]]
finder = "linear"
pairs = "random"
within = 3
between = 3
[[paths]]
finder = "linear"
pairs = "nearest"
n_neighbors = 1
sets = ["wild/train"]
[[paths]]
finder = "linear"
surface = "test"
pairs = "spanning"
"""


def test_failures_are_counted_named_and_tried_again(elsuite, tmp_path, monkeypatch):
    """One start and the searches from one minimum fail, another minimizer diverges: the rest is there, exit code 1."""
    from elsuite.database import open_database
    from elsuite.minimizers import SGD
    from elsuite.paths import LinearPathFinder

    begin, find = SGD.begin, LinearPathFinder.find

    def begin_or_fail(self, landscape, state):
        if 1 in state["seed"].tolist():
            raise RuntimeError("no convergence\nat all")
        return begin(self, landscape, state)

    def find_or_fail(self, landscape, start, end, *, seed=0):
        if landscape.surfaces[0] == "train" and seed % 2:
            raise ArithmeticError("an odd seed")
        return find(self, landscape, start, end, seed=seed)

    monkeypatch.setattr(SGD, "begin", begin_or_fail)
    monkeypatch.setattr(LinearPathFinder, "find", find_or_fail)
    (tmp_path / "study.toml").write_text(FAILING)
    arguments = ("run", tmp_path / "study.toml", "--out", tmp_path / "out")
    store = tmp_path / "out" / "landscape.elsuite"
    code, _, err = elsuite(*arguments)
    assert code == 1
    assert "no minima in wild/train, wild/test: the runs diverged or failed" in err
    with open_database(store) as database:
        n_failed = [t["outcome"].values.tolist().count("failed") for t in (database.runs, database.paths)]
        assert n_failed[0] == 1
        assert n_failed[1] > 0
        assert database.n_minima == 4
        n_rows = database.n_runs + database.n_paths
    assert f"{sum(n_failed)} of {n_rows} pieces of work failed; `elsuite info {store}` names them" in err
    code, out, _ = elsuite("info", store)
    assert "RuntimeError: no convergence" in out
    assert "ArithmeticError: an odd seed" in out
    code, out, _ = elsuite(*arguments, "--json")
    assert (code, json.loads(out)["failures"]) == (1, sum(n_failed))
    with open_database(store) as database:
        assert database.n_runs + database.n_paths == n_rows
    monkeypatch.undo()
    monkeypatch.setattr(sys, "argv", [])
    code, _, err = elsuite(*arguments, "--retry-failed")
    assert code == 0
    assert "failed; `" not in err
    code, out, _ = elsuite(*arguments, "--json")
    assert (code, json.loads(out)["failures"], json.loads(out)["n_minima"]) == (0, 0, 6)


def test_a_seed_on_the_command_line_is_the_study_that_is_stored(elsuite, tmp_path):
    from elsuite.database import open_database

    text = 'name = """\nseed = 4\n[data]\n"""\nseed = 5 # of all\n' + SMALL
    (tmp_path / "study.toml").write_text(text)
    assert elsuite("run", tmp_path / "study.toml", "--out", tmp_path / "out", "--seed", 9)[0] == 0
    with open_database(tmp_path / "out" / "landscape.elsuite") as database:
        assert database.attributes["study"] == text.replace("seed = 5", "seed = 9")
        assert database.attributes["settings"]["seed"] == 9
        assert database.runs["seed"].values[0] == 9_000_000


def test_a_dry_run_shows_the_pairs_that_are_left(elsuite, tmp_path):
    study, out = tmp_path / "study.toml", tmp_path / "out"
    random = '[[paths]]\nfinder = "linear"\npairs = "random"\nwithin = 1\nbetween = {}\n'
    study.write_text(SMALL.split("[[paths]]")[0] + random.format(0))
    _, said, _ = elsuite("run", study, "--out", out, "--dry-run")
    assert "not there yet" in said
    assert not out.exists()
    elsuite("run", study, "--out", out)
    assert "4 done, none left" in elsuite("run", study, "--out", out, "--dry-run")[1]
    study.write_text(SMALL.replace("starts = 2", "starts = 3", 1).split("[[paths]]")[0] + random.format(0))
    assert "starts left: 1;" in elsuite("run", study, "--out", out, "--dry-run")[1]
    study.write_text(SMALL.split("[[paths]]")[0] + random.format(1))
    assert "4 done, 6 left: " in elsuite("run", study, "--out", out, "--dry-run")[1]
    (plan,) = json.loads(elsuite("run", study, "--out", out, "--dry-run", "--json")[1])["pairs"]
    before = _n_paths(out)
    elsuite("run", study, "--out", out)
    assert len(plan["pairs"]) == 6 == _n_paths(out) - before
    tree = SMALL.split("[[paths]]")[0] + '[[paths]]\nfinder = "fourier"\npairs = "tree"\n'
    study.write_text(SMALL.split("[[paths]]")[0])
    elsuite("run", study, "--out", tmp_path / "unjoined")
    study.write_text(tree)
    said = elsuite("run", study, "--out", tmp_path / "unjoined", "--dry-run")[1]
    assert "parts are not joined" in said
    assert "in the next round: " in said
    (plan,) = json.loads(elsuite("run", study, "--out", tmp_path / "unjoined", "--dry-run", "--json")[1])["pairs"]
    assert plan["pairs"]
    assert plan["tree"] in said


def _n_paths(out):
    from elsuite.database import open_database

    with open_database(out / "landscape.elsuite") as database:
        return database.n_paths


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "{tmp}/none.toml", "--out", "{tmp}/o"), ["none.toml", "cannot be read"]),
        (("run", "{tmp}/bad.toml", "--out", "{tmp}/o"), ["bad.toml", "minimizers[0].epoch", "epochs"]),
        (("run", "{tmp}/good.toml"), ["--out"]),
        (("run", "{tmp}/good.toml", "--out", "{tmp}/o", "--seed", "-1"), ["-1"]),
        (("demo", "--seed", "many", "--out", "{tmp}/o"), ["many"]),
    ],
)
def test_an_error_is_one_clear_line_and_exit_code_2(elsuite, tmp_path, arguments, words):
    (tmp_path / "good.toml").write_text(SMALL)
    (tmp_path / "bad.toml").write_text(SMALL.replace("epochs", "epoch", 1))
    code, out, err = elsuite(*(a.format(tmp=tmp_path) for a in arguments))
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line and not line.startswith(("Usage", "Try"))]
    assert len(lines) == 1, err
    assert all(word in lines[0] for word in words), lines
    assert not (tmp_path / "o").exists()


def test_the_demonstration_ends_with_database_pictures_and_page(elsuite, tmp_path, monkeypatch):
    from elsuite.studies import reading as study

    monkeypatch.setattr(study, "shipped_study", lambda name: SMALL)
    code, out, err = elsuite("demo", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert (tmp_path / "landscape.elsuite").is_dir()
    assert (tmp_path / "report.html").stat().st_size > 10_000
    for kind in ("disconnectivity", "heights", "kpca", "distances", "losses", "clustering"):
        for ending in ("png", "svg"):
            assert (tmp_path / "figures" / f"{kind}.{ending}").stat().st_size > 1_000
    for words in ("sgd/train", "lbfgs-gss/test", "report.html", "landscape.elsuite", "minima joined"):
        assert words in out
