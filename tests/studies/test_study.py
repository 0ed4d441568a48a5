"""The study file: what is read, and one clear line for each mistake."""

from pathlib import Path

import numpy as np
import pytest

from elsuite.core.settings import all_settings, key_settings
from elsuite.minimizers import LBFGSGSS, MINIMIZERS
from elsuite.paths import PATH_FINDERS, FourierPathFinder
from elsuite.studies import StudyError, load_study, parse_study, shipped_study
from elsuite.studies.reading import with_seed

pytestmark = pytest.mark.making

GOOD = """
name = "small"
seed = 3
[data]
name = "digits"
[network]
architecture = "fcp"
hidden = [8]
[[minimizers]]
algorithm = "sgd"
starts = 2
epochs = 1
[[minimizers]]
algorithm = "lbfgs-gss"
name = "quasi-newton"
starts = 2
keep = 1
[[paths]]
finder = "fourier"
setting = "published"
pairs = "all"
n_steps = 3
"""

MISTAKES = [
    # (what is replaced, by what, what the line must name: the key, what was given, what is allowed)
    ("seed = 3", 'seed = "x"', ["seed", "'x'", "integer"]),
    ("seed = 3", "seed = -1", ["seed", "-1", "greater than or equal to 0"]),
    ("seed = 3", "sead = 3", ["sead", "unknown key", "did you mean 'seed'"]),
    ("[data]", "[dater]", ["dater", "unknown key", "did you mean 'data'"]),
    ('name = "digits"\n', "", ["data.name", "required"]),
    ('name = "digits"', 'name = "digits"\nn_train = 0', ["data.n_train", "0", "greater than or equal to 1"]),
    ('architecture = "fcp"', 'architecture = "resnet"', ["network.architecture", "'resnet'", "fcp", "lenet", "lstm"]),
    ("hidden = [8]", "hiden = [8]", ["network.hiden", "unknown key", "did you mean 'hidden'"]),
    ("hidden = [8]", 'activation = "step"', ["activation", "'step'", "softplus"]),
    ("hidden = [8]", 'dtype = "float16"', ["network.dtype", "'float16'", "float32"]),
    ('algorithm = "sgd"', 'algorithm = "sdg"', ["minimizers[0].algorithm", "'sdg'", "sgd"]),
    ("starts = 2\nepochs = 1", "starts = 0\nepochs = 1", ["minimizers[0].starts", "0"]),
    ("epochs = 1", "epoch = 1", ["minimizers[0].epoch", "unknown key", "did you mean 'epochs'"]),
    ("epochs = 1", 'epochs = "many"', ["minimizers[0].epochs", "'many'", "integer"]),
    ("epochs = 1", "learning_rate = -0.5", ["minimizers[0]", "learning_rate", "-0.5", "above 0"]),
    ('name = "quasi-newton"', 'name = "sgd"', ["minimizers[1].name", "'sgd'", "twice"]),
    ('name = "quasi-newton"', 'name = "a/b"', ["minimizers[1].name", "'a/b'"]),
    ("keep = 1", "keep = 3", ["minimizers[1].keep", "3", "starts = 2"]),
    ('finder = "fourier"', 'finder = "furrier"', ["paths[0].finder", "'furrier'", "fourier"]),
    ('setting = "published"', 'setting = "best"', ["paths[0].setting", "'best'", "published"]),
    ('pairs = "all"', 'pairs = "some"', ["paths[0].pairs", "'some'", "random"]),
    (
        'pairs = "all"',
        'sets = ["adam/train"]',
        ["paths[0].sets", "'adam/train'", "quasi-newton/test, quasi-newton/train, sgd"],
    ),
    ('pairs = "all"', 'surface = "validation"', ["paths[0].surface", "'validation'", "test, train"]),
    ("n_steps = 3", "n_step = 3", ["paths[0].n_step", "unknown key", "n_steps"]),
    ("n_steps = 3", "n_steps = 3.5", ["paths[0].n_steps", "3.5", "integer"]),
    ("[data]", "[data", ["not TOML", "line"]),
]


def test_a_good_file_is_read():
    study = parse_study(GOOD)
    assert study.seed == 3
    assert list(study.sets) == ["sgd/train", "sgd/test", "quasi-newton/train", "quasi-newton/test"]
    assert study.minimizers[0].settings == {"epochs": 1}
    assert study.paths[0].settings == {"n_steps": 3}


def test_the_shipped_demo_is_a_good_file():
    study = parse_study(shipped_study("demo"))
    assert min(m.starts for m in study.minimizers) >= 12


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_a_mistake_is_one_line_with_key_given_and_allowed(old, new, words):
    assert old in GOOD
    with pytest.raises(StudyError) as caught:
        parse_study(GOOD.replace(old, new, 1), "study.toml")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("study.toml: ")
    for word in words:
        assert word in line


def test_two_mistakes_are_two_lines():
    with pytest.raises(StudyError) as caught:
        parse_study(GOOD.replace("seed = 3", "seed = -1").replace("starts = 2", "starts = 0"))
    assert len(str(caught.value).splitlines()) == 3  # both minimizers have no start


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content):
    path = tmp_path / "study.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=r"study\.toml: cannot be read"):
        load_study(path)


def test_settings_of_every_algorithm_can_be_read_and_written():
    import json

    for algorithm in (*MINIMIZERS.values(), *PATH_FINDERS.values()):
        settings = all_settings(algorithm())
        assert json.loads(json.dumps(settings)) == settings


def test_keys_of_searches_are_those_of_stores_that_do_not_know_a_later_setting():
    added = {"density": "uniform", "scales": "absolute", "late": "sampled", "seconds": None}
    known = key_settings(FourierPathFinder(**added))
    assert set(all_settings(FourierPathFinder())) - set(known) == set(added)
    assert key_settings(FourierPathFinder.published()) == {
        name: value for name, value in all_settings(FourierPathFinder.published()).items() if name not in added
    }
    usual = all_settings(FourierPathFinder())
    assert usual.pop("seconds") is None
    assert key_settings(FourierPathFinder()) == usual
    assert key_settings(LBFGSGSS()) == all_settings(LBFGSGSS())


SEEDED = [
    'name = """\nseed = 3\n[data]\n"""\nseed = 4',
    'name = """\nseed = 4"""\nseed = 4 # seed = 4',
    "name = '''\n[[minimizers]]\nseed = 1'''",
    '  "seed"=+4',
    "'seed' = 0x10",
    "seed = 1_000",
    "# seed = 3",
    "",
]


@pytest.mark.parametrize("head", SEEDED)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("table", ['[data]\nname = "digits"\nseed = 4', 'data = { seed = 4, name = "digits" }'])
def test_another_seed_changes_the_seed_and_nothing_else(head, ending, table):
    rest = GOOD.split("[data]", 1)[1].split('name = "digits"', 1)[1]
    text = f"{head}\n{table}{rest}".replace("\n", ending)
    before, changed = parse_study(text), with_seed(text, 7)
    assert parse_study(changed) == before.model_copy(update={"seed": 7})
    assert with_seed(text, None) == text


def test_another_seed_in_a_text_that_is_no_study_is_one_line():
    with pytest.raises(StudyError, match=r"a\.toml: not TOML"):
        with_seed("[data", 3, "a.toml")


def test_arrays_may_lie_beside_the_study_file(tmp_path, monkeypatch):
    from elsuite.studies.build import landscape_of

    rng = np.random.default_rng(0)
    arrays = {"train_inputs": rng.random((20, 6), dtype=np.float32), "train_targets": np.arange(20) % 4}
    for folder in ("there", "here"):
        (tmp_path / folder).mkdir()
    np.savez(tmp_path / "there" / "own.npz", **arrays)
    (tmp_path / "there" / "study.toml").write_text(GOOD.replace('name = "digits"', 'name = "own.npz"'))
    monkeypatch.chdir(tmp_path / "here")
    study, text = load_study("../there/study.toml")
    assert (study.data.name, text) == ("own.npz", (tmp_path / "there" / "study.toml").read_text())
    assert landscape_of(study.data, study.network).n_parameters == 6 * 8 + 8 * 4
    # Also where the command runs in a folder with a file of that name, and other data have a folder of their own.
    np.savez(tmp_path / "here" / "own.npz", **arrays | {"train_targets": np.arange(20) % 3})
    study, _ = load_study("../there/study.toml")
    for data_dir in (None, tmp_path / "nowhere"):
        assert landscape_of(study.data, study.network, data_dir).n_parameters == 6 * 8 + 8 * 4
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "own.npz", **arrays | {"train_targets": np.arange(20) % 2})
    assert landscape_of(study.data, study.network, tmp_path / "data").n_parameters == 6 * 8 + 8 * 2
    named = GOOD.replace('name = "digits"', 'name = "own.npz"\nfolder = "../data"')
    (tmp_path / "there" / "study.toml").write_text(named)
    study, _ = load_study("../there/study.toml")
    assert landscape_of(study.data, study.network).n_parameters == 6 * 8 + 8 * 2


def test_arrays_beside_the_command_are_taken_with_a_word(tmp_path, monkeypatch):
    for folder in ("there", "here"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    np.savez("own.npz", train_inputs=np.ones((20, 6), "f4"), train_targets=np.arange(20) % 4)
    for text, key in (('name = "own.npz"', "data.name"), ('name = "digits"\nfolder = "."', None)):
        (tmp_path / "there" / "study.toml").write_text(GOOD.replace('name = "digits"', text))
        if key is None:
            study, _ = load_study("../there/study.toml")
            assert Path(study.data.folder).resolve() == (tmp_path / "there").resolve()
            continue
        with pytest.warns(
            UserWarning, match=rf"{key}: no own\.npz beside the study file; .*here/own\.npz is taken"
        ) as said:
            study, _ = load_study("../there/study.toml")
        assert "\n" not in str(said[0].message)
        assert study.data.folder is None
        (tmp_path / "here" / "study.toml").write_text(GOOD.replace('name = "digits"', text))
        load_study("study.toml")
