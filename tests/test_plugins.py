"""What another package adds by entry points: used by name in study files and on the command line, in workers too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.making

MODULE = '''
import numpy as np
import torch
from torch import nn
from elsuite.core.settings import Count, Positive, settings
from elsuite.exploration.pairs import PairChooser
from elsuite.landscapes import SixHumpCamel
from elsuite.minimizers import Minimizer
from elsuite.paths import LinearPathFinder, PathFinder


class Bent(nn.Module):
    """Not a stack of dense layers; takes no image."""

    def __init__(self, n_outputs, width: int = 3, kind: str = "plain"):
        super().__init__()
        self.first, self.second = nn.Linear(64, width), nn.Linear(width, n_outputs)

    def forward(self, inputs):
        hidden = torch.tanh(self.first(inputs.flatten(1)))
        return self.second(hidden + hidden.square())


class Squares(nn.Module):
    """With a loss of its own."""

    def __init__(self, image):
        super().__init__()
        self.layer = nn.Linear(image[0] * image[1], 1)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))[:, 0]

    @staticmethod
    def loss(outputs, targets):
        return (outputs - targets).square().mean()


@settings
class Steps(Minimizer):
    rate: Positive = 0.1

    @property
    def name(self):
        return "steps"

    def begin(self, landscape, state):
        return state

    def advance(self, landscape, state, epoch):
        gradient = landscape.energy_and_gradient(state["points"])[1]
        n = {name: state[name] + 1 for name in ("n_steps", "n_evaluations")}
        return state | {"points": state["points"] - self.rate * gradient} | n


class Line(PathFinder):
    """Not a dataclass."""

    name = "line"

    def __init__(self, n_points: int = 9):
        self.n_points = n_points

    def find(self, landscape, start, end, seed=0):
        return LinearPathFinder(n_points=self.n_points).find(landscape, start, end, seed)


@settings
class Ends(PairChooser):
    """The first minimum with the last ones."""

    n_last: Count = 1

    def choose(self, context):
        return [(context.ids[-1 - k], context.ids[0]) for k in range(self.n_last)]

    def count(self, sizes):
        return self.n_last


def broken():
    raise RuntimeError


class Shifted(SixHumpCamel):
    pass


def grid(n=1):
    return SixHumpCamel()


def number():
    return 3


broken_number = 3
'''

ENTRY_POINTS = """
[elsuite.networks]
bent = plugmodule:Bent
squares = plugmodule:Squares
[elsuite.minimizers]
steps = plugmodule:Steps
[elsuite.finders]
line = plugmodule:Line
nothing = plugmodule:NotThere
[elsuite.pairs]
ends = plugmodule:Ends
[elsuite.landscapes]
grid = plugmodule:grid
number = plugmodule:number
wrong = plugmodule:broken_number
"""

STUDY = """
[data]
name = "digits"
n_train = 60
n_test = 30
[network]
architecture = "bent"
width = 4
[[minimizers]]
algorithm = "steps"
starts = 3
epochs = 2
rate = 0.5
[[paths]]
finder = "line"
n_points = 7
pairs = "ends"
n_last = 2
sets = ["steps/train"]
"""


@pytest.fixture
def elsuite(tmp_path):
    """`elsuite` in a process of its own, where a package of another's is installed."""
    (tmp_path / "site" / "plug-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "plugmodule.py").write_text(MODULE)
    (tmp_path / "site" / "plug-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plug\nVersion: 0.1\n"
    )
    (tmp_path / "site" / "plug-0.1.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)

    def run(*arguments, module=True, **options):
        root = Path(__file__).parents[1]
        paths = [str(tmp_path / "site"), str(root), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, *(["-m", "elsuite"] if module else []), *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            **options,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def heights(store):
    from elsuite import open_database

    with open_database(store) as database:
        paths = database.paths
        return list(zip(paths["source"].values.tolist(), paths["target"].values.tolist(), paths["height"].values.tolist(), paths["finder"].values.tolist(), strict=True))  # fmt: skip


@pytest.mark.slow
def test_a_study_of_anothers_parts_runs_in_workers_too(elsuite, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    code, out, err = elsuite("run", "study.toml", "--out", "here", "--dry-run", "--json")
    assert code == 0, err
    assert [stage["steps"] for stage in json.loads(out)["stages"]] == [6, 2]
    code, out, err = elsuite("run", "study.toml", "--out", "here")
    assert code == 0, err
    assert "steps/test" in out
    found = heights(tmp_path / "here" / "landscape.elsuite")
    assert [row[:2] for row in found] == [(0, 4), (0, 2)]
    assert {row[3] for row in found} == {"line"}
    code, _, err = elsuite("run", "study.toml", "--out", "there", "--workers", 1)
    assert code == 0, err
    again = heights(tmp_path / "there" / "landscape.elsuite")
    assert [row[:2] for row in again] == [row[:2] for row in found]
    assert [row[2] for row in again] == pytest.approx([row[2] for row in found], rel=1e-5)
    assert elsuite("verify", "here/landscape.elsuite")[0] == 0
    (tmp_path / "study.toml").write_text(STUDY.replace('"bent"\nwidth = 4', '"squares"'))
    code, _, err = elsuite("run", "study.toml", "--out", "none")
    assert (code, err.count("\n")) == (2, 1)  # steps too long for this loss: no minimum to choose
    assert "paths[0].pairs: 'ends' cannot choose: IndexError" in err
    text = (tmp_path / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(text.replace("rate = 0.5", "rate = 1e-3"))
    code, out, err = elsuite("run", "study.toml", "--out", "squares")
    assert code == 0, err


MISTAKES = [
    (
        "width = 4",
        "witdh = 4",
        "network.witdh: unknown key, given 4, allowed keys: kind, n_outputs, width (did you mean",
    ),
    ("width = 4", 'width = "x"', "network.width: given 'x', allowed: an integer"),
    ("rate = 0.5", "rate = 0", "minimizers[0].rate: given 0, allowed: above 0"),
    ("rate = 0.5", "rat = 1", "minimizers[0].rat: unknown key, given 1, allowed keys: algorithm, checkpoint_every"),
    ("n_points = 7", "n_point = 7", "paths[0]: Line.__init__() got an unexpected keyword argument 'n_point'"),
    ("n_last = 2", "n_last = 0", "paths[0].n_last: given 0, allowed: at least 1"),
    ('"line"', '"nothing"', "paths[0].finder: path finder 'nothing' (plugmodule:NotThere) cannot be loaded: "),
    ('"ends"', '"end"', "paths[0].pairs: given 'end', allowed: all, ends, nearest, random, spanning, tree"),
]
ASK = """
import json, sys
from elsuite.studies import StudyError, parse_study
for text in json.load(sys.stdin):
    try:
        parse_study(text)
    except StudyError as error:
        print(json.dumps(str(error)))
"""


def test_what_anothers_parts_do_not_take_is_one_line(elsuite):
    texts = [STUDY.replace(old, new) for old, new, _ in MISTAKES]
    code, out, err = elsuite("-c", ASK, module=False, input=json.dumps(texts))
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    for line, (_, _, start) in zip(lines, MISTAKES, strict=True):
        assert line.startswith(f"study: {start}")
        assert "\n" not in line


def test_a_landscape_of_anothers_is_mapped_by_its_name(elsuite, tmp_path):
    code, out, err = elsuite("map", "grid3", "--out", "grid.elsuite", "--starts", 4, "--seconds", 1, "--json")
    assert code == 0, err
    assert json.loads(out)["n_minima"] > 0
    code, _, err = elsuite("map", "grid3x", "--out", "none.elsuite")
    assert code == 2
    assert "grid" in err
    for name, reason in [
        ("number", "Landscape expected, int made"),
        ("wrong", "class or function expected, int given"),
    ]:
        code, _, err = elsuite("map", name, "--out", "none.elsuite")
        assert (code, err.count("\n")) == (2, 1)
        assert reason in err


def test_a_program_adds_its_own_for_itself(monkeypatch):
    from elsuite.core.settings import settings
    from elsuite.exploration.pairs import PAIRS, PairChooser
    from elsuite.landscapes import ARCHITECTURES, LANDSCAPES, FullyConnected, SixHumpCamel, named_landscape
    from elsuite.minimizers import MINIMIZERS, SGD
    from elsuite.paths import PATH_FINDERS, LinearPathFinder
    from elsuite.studies import parse_study

    @settings
    class NoPairs(PairChooser):
        def choose(self, context):
            return []

    own = [(PAIRS, NoPairs), (ARCHITECTURES, FullyConnected), (MINIMIZERS, SGD), (PATH_FINDERS, LinearPathFinder)]
    for table, thing in [*own, (LANDSCAPES, SixHumpCamel)]:
        monkeypatch.setattr(table, "_rows", dict(table._rows))  # for this test only
        table.register("of-this-test", thing)
    text = STUDY.replace('"bent"\nwidth = 4', '"of-this-test"').replace('"steps"', '"of-this-test"')
    text = text.replace('"line"', '"of-this-test"').replace('"ends"\nn_last = 2', '"of-this-test"')
    study = parse_study(text.replace("rate = 0.5", "learning_rate = 0.5").replace("steps/train", "of-this-test/train"))
    assert study.paths[0].pairs == "of-this-test"
    assert named_landscape("of-this-test").n_parameters == 2
    with pytest.raises(ValueError, match="there is one with this name"):
        MINIMIZERS.register("sgd", LinearPathFinder)
