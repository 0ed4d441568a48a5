"""The page as a file: complete, self-contained, safe with any text, and there for the smallest database too."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from example_databases import SETS, add_computed_values, example_database

from elsuite.analysis import holm
from elsuite.database import LandscapeDatabase
from elsuite.network import minimax_matrix, transition_network
from elsuite.plotting import FigureOptions, View
from elsuite.report import write_report
from elsuite.report.contrasts import contrasts, contrasts_table, sentence
from elsuite.report.data import page_data
from elsuite.report.findings import findings
from elsuite.report.page import render_report
from elsuite.report.sections import title_of
from elsuite.report.text import number, script_json

TYPES = {"i1": np.int8, "u2": np.uint16, "i4": np.int32, "f4": np.float32, "f8": np.float64}


def decoded(array):
    return np.frombuffer(base64.b64decode(array["data"]), dtype=TYPES[array["type"]])


def views_of(database):
    return [View(database, FigureOptions(surface=surface)) for surface in database.surfaces]


class Page(HTMLParser):
    """The text, the elements with their attributes, and the script data of a page."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.scripts, self.open = [], [], [], []
        self.feed(html)
        self.close()
        self.data = json.loads(next(text for kind, text in self.scripts if kind == "application/json"))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append((dict(attributes).get("type"), ""))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        if self.open and self.open[-1][0] == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + text)
        elif not self.open or self.open[-1][0] != "style":
            self.text.append(text)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def database():
    return example_database(8)


@pytest.fixture(scope="module")
def html(database):
    return render_report(database)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_says_what_there_is(page):
    for words in (
        "made up", "32 minima from 16 runs and 192 paths", "What was found", "The sets", "Pictures",
        "How it was made", "Training loss: ", "join all 32 minima on the training loss", "lbfgs-gss/train",
        "Seeds of the runs: 16 different ones from 1000 to 1015", "Path finders: fourier", 'name = "digits" # <script>',
    ):  # fmt: skip
        assert words in page.words, words


def test_all_pictures_are_inside(page):
    pictures = page.all("img")
    assert len(pictures) == 8
    assert all(picture["src"].startswith("data:image/svg+xml;base64,") for picture in pictures)
    assert all(picture["alt"] for picture in pictures)
    assert b"<svg" in base64.b64decode(pictures[0]["src"].partition(",")[2])


def test_nothing_comes_from_elsewhere(page, html):
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    (policy,) = [meta["content"] for meta in page.all("meta") if "Content-Security-Policy" in meta.values()]
    assert policy.startswith("default-src 'none'")
    assert html.count("plotly.js v") == 1


def test_it_is_well_formed_for_phones_and_dark_mode(page, html):
    names = {meta.get("name"): meta.get("content") for meta in page.all("meta")}
    assert names["viewport"] == "width=device-width, initial-scale=1"
    assert names["color-scheme"] == "light dark"
    assert "prefers-color-scheme: dark" in html
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert dict(page.elements)["html"] == {"lang": "en"}


NASTY = "$\\nothing{$ <img src=x onerror=alert(1)>/</script><script>alert(2)</script>&amp;\"'`"


def test_text_of_the_user_stays_text(tmp_path):
    sets = [f"{NASTY}/train", "b</style>/test"]
    database = example_database(
        4, sets=sets, attributes={"study": f"name = {json.dumps(NASTY)}", "landscape": {"loss": NASTY}}
    )
    html = write_report(database, tmp_path / "page.html").read_text(encoding="utf-8")
    page, safe = Page(html), Page(render_report(example_database(4, sets=["a/train", "b/test"])))
    assert [tag for tag, _ in page.elements].count("script") == [tag for tag, _ in safe.elements].count("script")
    assert not [attributes for attributes in page.all("img") if "onerror" in attributes]
    assert page.data["sets"][0]["name"] == sets[0]
    assert sets[0] in page.words
    assert page.words.startswith(NASTY)


@pytest.mark.parametrize(
    ("study", "title"),
    [
        ('name = "loss # 2, \\"hard\\""\n[data]\nname = "digits"', 'loss # 2, "hard"'),
        ('name = """\nover\ntwo lines"""', "over two lines"),
        ("seed = 3\nname = 'a'", "a"),
        ('[data]\nname = "digits"', "Landscape"),
        ('name = ""', "Landscape"),
        ("name = 3", "Landscape"),
        ("no TOML at all", "Landscape"),
        ("", "Landscape"),
    ],
)
def test_the_title_is_the_name_of_the_study(study, title):
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"], attributes={"study": study})
    assert title_of(database) == title
    assert Page(render_report(database)).words.startswith(title)


def test_trees_and_edges_in_the_page_are_those_of_the_database(database):
    given = page_data(views_of(database))
    for surface, entry in zip(database.surfaces, given["surfaces"], strict=True):
        barriers = minimax_matrix(transition_network(database, surface=surface))
        parents, heights = decoded(entry["parents"]), decoded(entry["heights"])
        ids = decoded(entry["ids"])
        for a, b in [(0, 1), (3, 30), (12, 25)]:
            low, high = a, b
            while low != high:
                low, high = sorted((int(parents[low]), high))
            assert heights[low] == barriers[ids[a], ids[b]]
        edges = entry["edges"]
        assert edges["n_forest"] == len(ids) - 1
        assert edges["all"]
        source, target, tops = (decoded(edges[name]) for name in ("source", "target", "height"))
        assert (tops >= np.maximum(heights[source], heights[target])).all()


def test_profiles_keep_their_shape(database):
    view = views_of(database)[0]
    edges = page_data([view])["surfaces"][0]["edges"]
    stored = edges["profiles"]
    codes = decoded(stored["codes"]).reshape(-1, stored["points"]).astype(float)
    values = stored["low"] + (stored["high"] - stored["low"]) * codes / 65534
    values = np.exp(values) if stored["log"] else values
    source, target = decoded(edges["source"]), decoded(edges["target"])
    energies = view.energies
    for e in range(edges["n_forest"]):
        np.testing.assert_allclose(values[e, [0, -1]], energies[[source[e], target[e]]], rtol=2e-3)
        row = view.network.edges[int(view.ids[source[e]]), int(view.ids[target[e]])]["path"]
        profile = database.paths["profile"].values[row]
        backwards = database.paths["source"].values[row] != view.ids[source[e]]
        np.testing.assert_allclose(values[e], profile[::-1] if backwards else profile, rtol=2e-3)


def test_seeds_are_those_of_the_runs(database):
    minima = page_data(views_of(database))["minima"]
    expected = database.runs["seed"].values[database.minima["run"].values]
    np.testing.assert_array_equal(decoded(minima["seed"]), expected)


def test_differences_are_said_with_their_direction():
    found = {(contrast.quantity, contrast.a): contrast for contrast in contrasts(views_of(example_database(12)))}
    train = found["Training loss", "sgd/train"]
    assert (train.b, train.is_clear) == ("lbfgs-gss/train", True)
    assert sentence(train).startswith("Training loss: higher for sgd/train (")
    heights = found["Path height within the set, training loss", "sgd/train"]
    assert "lower for sgd/train" in sentence(heights)
    assert {quantity for quantity, _ in found} >= {"Test loss", "Distance to the common origin", "Kernel component 1"}
    distance = found["Distance to the common origin", "sgd/train"]
    assert "open whether sgd/train (" in sentence(distance)
    assert distance.concluded.p_value >= distance.result.p_value
    component = found["Kernel component 1", "sgd/train"]
    said = "Kernel component 1 separates sgd/train and lbfgs-gss/train (Cliff's delta 1, p < 0.0001)."
    assert sentence(component) == said


def test_p_values_are_corrected_for_all_comparisons_of_the_page(database):
    found = contrasts(views_of(database))
    corrected = holm([contrast.result.p_value for contrast in found])
    np.testing.assert_array_equal([contrast.concluded.p_value for contrast in found], corrected)
    table = contrasts_table(found)
    assert f"corrected for all {len(found)} comparisons" in table.caption
    columns = {name: [row[k] for row in table.rows] for k, name in enumerate(table.head) if k > 4}
    for contrast, said in zip(found, columns["A is"], strict=True):
        few = "" if contrast.result.interval_holds else ": too few to say"
        assert said == contrast.concluded.conclusion + few
    for contrast, p in zip(found, columns["p, corrected"], strict=True):
        assert p == ("< 0.0001" if contrast.concluded.p_value < 1e-4 else number(contrast.concluded.p_value, 2))


def test_nothing_is_claimed_of_three_values_against_three():
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    points = np.arange(6.0)[:, None]
    sets = ["sgd/train"] * 3 + ["lbfgs/train"] * 3
    database.add(minima={"coordinates": points, "energy": np.exp(points), "set": sets})
    found = contrasts(views_of(database))
    assert found
    assert not any(contrast.is_clear for contrast in found)
    assert sentence(found[0]).endswith(" are too few to say.")
    assert {row[-1] for row in contrasts_table(found).rows} == {"open: too few to say"}


def test_superbasins_are_compared_with_the_same_pairs(database):
    words = findings(database, views_of(database), contrasts(views_of(database)))
    said = [own for own in words if own.startswith("At that split superbasins")]
    assert len(said) == 2
    assert all("the choice of pairs explains (adjusted Rand index" in own for own in said)


def bare(n_minima, surfaces=("energy",)):
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=list(surfaces))
    if n_minima:
        energies = np.linspace(-1, 0, n_minima)[:, None] * np.ones(len(surfaces))
        database.add(minima={"coordinates": np.eye(3)[np.arange(n_minima) % 3], "energy": energies})
    return database


@pytest.mark.parametrize("n_minima", [0, 1, 2, 5])
def test_little_makes_a_page_too(n_minima, tmp_path):
    page = Page(write_report(bare(n_minima), tmp_path / "deep" / "page.html").read_text(encoding="utf-8"))
    assert len(page.data["surfaces"]) == min(n_minima, 1)
    assert "How it was made" in page.words
    if n_minima == 0:
        assert "No minimum was found yet." in page.words
    if n_minima == 1:
        assert "The energy of the only minimum is \N{MINUS SIGN}1." in page.words
    if n_minima > 1:
        assert "No path joins two minima." in page.words


def test_one_set_has_no_comparisons():
    database = example_database(6, sets=SETS[:1])
    views = views_of(database)
    assert contrasts(views) == []
    assert findings(database, views, [])[0].startswith("The training loss of the 6 minima goes from")


def test_parts_that_are_not_joined_are_counted():
    database = bare(5)
    database.add(paths={"source": [0], "target": [1], "height": [3.0], "surface": ["energy"]})
    words = " ".join(findings(database, views_of(database), []))
    assert "leave 4 parts unjoined, the largest of 2 of 5 minima; the highest join is at 3." in words


def test_many_edges_leave_only_the_forest(database, monkeypatch):
    monkeypatch.setattr("elsuite.report.data.MOST_EDGES", 10)
    monkeypatch.setattr("elsuite.report.data.PROFILE_BYTES", 2000)
    edges = page_data(views_of(database))["surfaces"][0]["edges"]
    assert not edges["all"]
    assert len(decoded(edges["source"])) == edges["n_forest"]
    assert 9 <= edges["profiles"]["points"] < 51


def test_computed_values_appear_as_pictures(database):
    with_values = add_computed_values(example_database(4))
    before, after = (Page(render_report(of)).all("img") for of in (example_database(4), with_values))
    assert len(after) == len(before) + 5
    assert all(picture["src"].startswith("data:image/svg+xml;base64,") for picture in after)
    texts = [base64.b64decode(picture["src"].partition(",")[2]).decode() for picture in after]
    assert any("88 % outside" in text for text in texts)
    page = render_report(with_values)
    assert "88 % lies outside the plane" in page
    assert "the eigenvalues add up to 10 (standard error 0.5)" in page


def test_large_pictures_are_png(database, monkeypatch):
    monkeypatch.setattr("elsuite.report.pictures.LARGEST_SVG", 1000)
    pictures = Page(render_report(database)).all("img")
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in pictures)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("elsuite.report.page.render_report", lambda _: "")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write"):
        write_report(bare(0), tmp_path / "file" / "page.html")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234.5, "1.23 \N{MULTIPLICATION SIGN} 10³"),
        (-0.00012, "\N{MINUS SIGN}0.00012"),
        (5e-12, "5 \N{MULTIPLICATION SIGN} 10⁻¹²"),
        (float("nan"), "\N{EN DASH}"),
        (float("inf"), "∞"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_json_in_a_script_cannot_end_it():
    text = script_json({"a": [NASTY, float("nan"), float("-inf"), 1.5], "b": {"c": (1, 2)}})
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {"a": [NASTY, None, None, 1.5], "b": {"c": [1, 2]}}


def test_the_page_says_how_many_pairs_of_sets_it_compares():
    random = np.random.default_rng(0)
    for n_sets, words in [(20, "Compared are 4 of the 190 pairs of sets."), (2, None)]:
        database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
        sets = [f"opt{k % n_sets}/train" for k in range(3 * n_sets)]
        energies = random.uniform(size=(3 * n_sets, 1))
        database.add(minima={"coordinates": random.normal(size=(3 * n_sets, 2)), "energy": energies, "set": sets})
        page = render_report(database)
        assert (words in page) if words else ("Compared are" not in page)


def test_the_page_says_what_diverged_and_which_sets_have_no_solution():
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train", "test"])
    outcomes = ["diverged"] * 3 + ["converged"] * 3
    database.add(runs={"minimizer": ["sgd"] * 3 + ["lbfgs"] * 3, "seed": range(6), "outcome": outcomes})
    database.add(
        minima={
            "coordinates": np.random.default_rng(0).normal(size=(6, 2)),
            "energy": [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [0.1, 1.0], [0.2, np.nan], [0.3, 1.0]],
            "run": range(6),
            "set": ["sgd/train"] * 3 + ["lbfgs/train"] * 3,
            "outcome": outcomes,
        }
    )
    page = render_report(database)
    assert "3 of 3 runs of sgd diverged." in page
    assert "sgd/train has no solutions." in page
    assert "1 minimum without a finite energy on the surface &#39;test loss&#39;: not in its tree" in page


def test_of_too_many_minima_there_is_a_page_without_the_map(monkeypatch):
    monkeypatch.setattr("elsuite.report.page.MOST_ON_PAGE", 5)
    random = np.random.default_rng(0)
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
    database.add(minima={"coordinates": random.normal(size=(6, 2)), "energy": random.uniform(size=(6, 1))})
    page = render_report(database)
    assert "a map of 6 minima takes too much memory, 5 are allowed, and 20,000 by `elsuite plot kpca`" in page

    def no_memory(*_arguments, **_options):
        raise MemoryError

    monkeypatch.setattr("elsuite.report.page.MOST_ON_PAGE", 50)
    monkeypatch.setattr("elsuite.analysis.view.kernel_pca", no_memory)
    assert "a map of 6 minima needs 0.0 GiB of memory: choose sets" in render_report(database)
