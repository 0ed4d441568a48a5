"""The page in Chromium: clicks, keys and the slider do what they say, in light and dark, on a phone, without an error."""

import re

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from example_databases import example_database

from elsuite.analysis import disconnectivity_tree, superbasins
from elsuite.analysis.doubts import doubts
from elsuite.analysis.profile import route_profile
from elsuite.database import LandscapeDatabase
from elsuite.network import minimax_barrier, minimax_route, transition_network
from elsuite.network.evidence import STATES
from elsuite.plotting import View
from elsuite.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
READY = "document.body.dataset.ready"
# Where a minimum is drawn, in pixels of the window.
PLACE = """(() => {
  const panel = document.getElementById('%s');
  panel.scrollIntoView({ block: 'center', behavior: 'instant' });
  const given = transforms(panel), box = panel.getBoundingClientRect();
  const [x, y] = toPixel(given, %s, %s);
  return [box.left + x, box.top + y];
})()"""


@pytest.fixture(scope="module")
def database():
    return example_database(8)


@pytest.fixture(scope="module")
def browser():
    with Browser(width=1280, height=900) as browser:
        yield browser


@pytest.fixture(scope="module")
def file(database, tmp_path_factory):
    return write_report(database, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def page(browser, file):
    browser.messages.clear()
    browser.open(file, until=READY)
    yield browser
    assert browser.errors == []


def click_in_graph(page, minimum):
    leaf = f"surface().leafOf[{minimum}]"
    page.click(*page.run(PLACE % ("graph", f"surface().x[{leaf}]", f"surface().drawn[{leaf}]")))


def click_in_map(page, minimum):
    row = f"map.rowOf[{minimum}]"
    page.click(*page.run(PLACE % ("map", f"map.x[{row}]", f"map.y[{row}]")))


def picked(page):
    return page.run("state.picked")


def said(page):
    return page.run("document.getElementById('said').innerText")


def rings(page, panel):
    return page.run(
        f"[...document.querySelectorAll('#{panel} .overlay circle.picked')].map((c) => Number(c.dataset.id))"
    )


def rows(page, selector="tr"):
    return page.run(f"[...document.querySelectorAll('#rows {selector}')].map((row) => Number(row.dataset.id))")


def test_the_first_view_shows_everything(page):
    assert page.run("document.querySelectorAll('#explore[hidden], #map-panel[hidden]').length") == 0
    assert page.run("document.querySelectorAll('#graph .overlay, #map .overlay').length") == 2
    assert rows(page) == list(range(12))
    assert "Pick a minimum" in said(page)
    # The branches are there: not all of the canvas is empty.
    painted = "(() => { const c = document.querySelector('#graph canvas.lines'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n; })()"
    assert page.run(painted) > 1000


def test_a_click_picks_everywhere_at_once(page):
    click_in_graph(page, 20)
    page.wait("state.picked.length === 1")
    assert picked(page) == [20]
    assert rings(page, "graph") == rings(page, "map") == [20]
    assert rows(page, "[aria-selected=true]") == [20]
    assert "Minimum 20: lbfgs-gss/train, training loss" in said(page)
    click_in_graph(page, 20)
    page.wait("state.picked.length === 0")
    assert rings(page, "graph") == []


def test_two_clicks_show_the_route_and_its_profile(page, database):
    network = transition_network(database, surface="train")
    click_in_graph(page, 0)
    page.wait("state.picked.length === 1")
    click_in_map(page, 18)
    page.wait("state.picked.length === 2")
    route = minimax_route(network, 0, 18)
    assert " \N{EN DASH} ".join(map(str, route)) in said(page)
    assert page.run("state.connection.barrier") == pytest.approx(minimax_barrier(network, 0, 18), rel=1e-12)
    drawn = page.run("[...document.getElementById('profile').data[0].y]")
    assert max(drawn) == pytest.approx(minimax_barrier(network, 0, 18), rel=1e-3)
    stops = page.run("[...document.getElementById('profile').data[1].customdata]")
    assert stops == route
    expected = route_profile(database, View(database, _options()).network, route)
    np.testing.assert_allclose(
        page.run("[...document.getElementById('profile').data[1].x]"), expected.positions, rtol=1e-5
    )
    assert page.run("document.querySelector('#graph .overlay path.route').getAttribute('d').length") > 20
    assert page.run("document.getElementById('profile').getBoundingClientRect().right <= innerWidth")
    click_in_graph(page, 9)
    page.wait("state.picked.length === 1")
    assert picked(page) == [9]
    assert page.run("document.getElementById('profile').classList.contains('empty')")


def _options():
    from elsuite.plotting import FigureOptions

    return FigureOptions()


def test_the_slider_recolors_graph_map_and_table_together(page, database):
    tree = disconnectivity_tree(transition_network(database, surface="train"))
    page.run(
        "(() => { const s = document.getElementById('energy'); s.focus(); s.value = 880; s.dispatchEvent(new Event('input')); })()"
    )
    page.wait("state.color === 'superbasin'")
    energy = page.run("state.energy")
    basins = superbasins(tree, energy)
    number = {minimum: k for k, basin in enumerate(basins) for minimum in basin}
    assert page.run("[...state.basins.sizes]") == [len(basin) for basin in basins]
    found = page.run("[...surface().ids].map((id, leaf) => [id, state.basins.numbers[leaf]])")
    assert {minimum: basin for minimum, basin in found if basin >= 0} == number
    assert page.run("document.querySelectorAll('#graph .overlay path.level').length") == 1
    colors = "Object.fromEntries(document.getElementById('%s').data.flatMap((t) => [...t.customdata].map((id) => [id, t.marker.color])))"
    assert page.run(colors % "graph") == page.run(colors % "map")
    assert len(set(page.run(colors % "graph").values())) > 1
    shown = page.run(
        "[...document.querySelectorAll('#rows tr')].map((r) => [Number(r.dataset.id), r.children[4].textContent])"
    )
    assert dict(shown) == {
        minimum: str(number[minimum] + 1) if minimum in number else "\N{EN DASH}" for minimum, _ in shown
    }
    page.press("ArrowRight")
    page.wait(f"state.energy > {energy}")
    page.run(
        "(() => { const c = document.getElementById('color'); c.value = 'set'; c.dispatchEvent(new Event('change')); })()"
    )
    assert page.run("document.querySelectorAll('#graph .overlay path.level').length") == 0


def test_all_surfaces_can_be_seen(page, database):
    page.run(
        "(() => { const s = document.getElementById('surface'); s.value = 1; s.dispatchEvent(new Event('change')); })()"
    )
    assert page.run("document.getElementById('graph').layout.yaxis.title.text") == "test loss (cross-entropy)"
    click_in_graph(page, 3)
    page.wait("state.picked.length === 1")
    click_in_graph(page, 30)
    page.wait("state.picked.length === 2")
    network = transition_network(database, surface="test")
    assert " \N{EN DASH} ".join(map(str, minimax_route(network, 3, 30))) in said(page)


def test_the_table_works_by_keyboard(page):
    page.run("document.querySelector('#head button').focus()")
    for _ in range(len(page.run("[...document.querySelectorAll('#head button')].map((b) => b.textContent)"))):
        page.press("Tab")
    assert page.run("document.activeElement.dataset.id") == "0"
    page.press("ArrowDown")
    page.press("Enter")
    assert picked(page) == [1]
    assert page.run("document.activeElement.dataset.id") == "1"
    page.press("ArrowDown")
    page.press(" ")
    assert picked(page) == [1, 2]
    assert rings(page, "graph") == [1, 2]


def test_the_table_is_sorted_and_turned(page, database):
    page.run("document.querySelectorAll('#head button')[2].click()")
    energies = database.minima["energy"].values[:, 0]
    assert rows(page) == np.argsort(energies, kind="stable")[:12].tolist()
    assert page.run("document.querySelectorAll('#head th')[2].ariaSort") == "ascending"
    page.run("document.querySelectorAll('#head button')[2].click()")
    assert rows(page) == np.argsort(-energies, kind="stable")[:12].tolist()
    page.run("document.getElementById('after').click()")
    assert rows(page) == np.argsort(-energies, kind="stable")[12:24].tolist()


def test_numbers_typed_in_show_a_route(page):
    page.run(
        "(() => { document.getElementById('pick-a').value = 4; document.getElementById('pick-b').value = 29; document.getElementById('picks').requestSubmit(); })()"
    )
    assert picked(page) == [4, 29]
    assert "minimax barrier" in said(page)
    page.run("document.getElementById('unpick').click()")
    assert picked(page) == []


def test_a_box_in_the_map_marks_minima_in_graph_and_table(page):
    page.run("Plotly.relayout('map', { dragmode: 'select' }).then(() => 0)")
    page.run("document.getElementById('map').scrollIntoView({ block: 'center', behavior: 'instant' })")
    left, top, width, height = page.run(
        "(() => { const b = document.getElementById('map').getBoundingClientRect(), f = transforms(document.getElementById('map')).frame; return [b.left + f.left, b.top + f.top, f.width, f.height]; })()"
    )
    page.drag((left + 2, top + 2), (left + width - 2, top + height - 2))
    page.wait("state.marked")
    inside = page.run("state.marked")
    assert len(inside) == 32
    assert page.run("document.querySelectorAll('#graph .overlay circle.marked').length") == 32
    page.run("document.getElementById('unmark').click()")
    assert page.run("state.marked") is None


def test_hovering_says_what_is_under_the_pointer(page):
    leaf = "surface().leafOf[5]"
    x, y = page.run(PLACE % ("graph", f"surface().x[{leaf}]", f"surface().drawn[{leaf}]"))
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.wait("!document.getElementById('tip').hidden")
    assert re.match(
        r"5 +sgd/train\ntraining loss .*\ntest loss .*\nseed 1005", page.run("document.getElementById('tip').innerText")
    )


def test_zooming_keeps_the_layers_in_step(page):
    page.run("Plotly.relayout('graph', { 'xaxis.range': [2, 9] }).then(() => 0)")
    inside = page.run(
        "[...surface().ids].filter((id) => { const x = surface().x[surface().leafOf[id]]; return x > 3 && x < 8; })"
    )
    click_in_graph(page, inside[0])
    page.wait("state.picked.length === 1")
    assert picked(page) == [inside[0]]


def test_dark_mode_turns_paper_and_ink(page):
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.dark()
    page.wait(f"getComputedStyle(document.body).backgroundColor !== '{light}'")
    page.wait("document.getElementById('graph').layout.paper_bgcolor === theme().paper")
    page.dark(False)
    page.wait("document.getElementById('graph').layout.paper_bgcolor === theme().paper")


def test_nothing_is_wider_than_a_phone(page):
    page.resize(390, 844, scale=2, mobile=True)
    page.wait("innerWidth === 390 && document.getElementById('graph')._fullLayout.width < 390")
    assert page.run("document.documentElement.scrollWidth") <= 390
    click_in_graph(page, 20)
    page.wait("state.picked.length === 1")
    page.resize(1280, 900)
    page.wait("document.getElementById('graph')._fullLayout.width > 800")


def little(n_minima, joined):
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"])
    energies = np.linspace(-1, 0, n_minima)[:, None]
    database.add(minima={"coordinates": np.eye(3)[np.arange(n_minima) % 3], "energy": energies})
    if joined:
        database.add(paths={"source": [0], "target": [1], "height": [3.0], "surface": ["energy"]})
    return database


@pytest.mark.parametrize(("n_minima", "joined"), [(1, False), (2, False), (2, True), (4, True)])
def test_little_makes_a_page_that_works(browser, n_minima, joined, tmp_path):
    browser.messages.clear()
    browser.open(write_report(little(n_minima, joined), tmp_path / "page.html"), until=READY)
    click_in_graph(browser, 0)
    browser.wait("state.picked.length === 1")
    if n_minima > 1:
        browser.run("pick(1)")
        assert ("joined at 3 (energy, minimax barrier)" in said(browser)) == joined
        assert ("No route" in said(browser)) != joined
    browser.run("setEnergy(0)")
    assert browser.errors == []


def test_an_empty_database_makes_a_quiet_page(browser, tmp_path):
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"])
    browser.messages.clear()
    browser.open(write_report(database, tmp_path / "page.html"))
    assert browser.run("document.getElementById('explore').hidden")
    assert browser.errors == []


def test_text_of_the_user_runs_nothing(browser, tmp_path):
    nasty = "<img src=x onerror='window.ran=1'></script><script>window.ran=1</script><b>%{x}"
    database = example_database(3, sets=[f"{nasty}/train", "plain/train"], attributes={"study": f'name = "{nasty}"'})
    browser.messages.clear()
    browser.open(write_report(database, tmp_path / "page.html"), until=READY)
    click_in_graph(browser, 0)
    browser.wait("state.picked.length === 1")
    browser.run("pick(4)")
    assert nasty in said(browser)
    assert nasty in browser.run("document.getElementById('rows').innerText")
    assert browser.run("window.ran") is None
    assert browser.errors == []


@pytest.mark.slow
def test_ten_thousand_minima_are_quick(browser, tmp_path, monkeypatch):
    # The map of so many minima takes gigabytes to find; where they lie doesn't matter here.
    from types import SimpleNamespace

    places = np.random.default_rng(0).normal(size=(10_000, 2))
    fake = property(lambda view: SimpleNamespace(coordinates=places[view.ids], explained=np.array([0.2, 0.1])))
    monkeypatch.setattr(View, "embedding", fake)
    file = write_report(example_database(2500), tmp_path / "page.html")
    assert file.stat().st_size < 10e6
    # Time that the page's own thread worked, which other work on the machine doesn't stretch.
    browser.send("Performance.enable", timeDomain="threadTicks")
    browser.open(file, until=READY)
    browser.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    metrics = {metric["name"]: metric["value"] for metric in browser.send("Performance.getMetrics")["metrics"]}
    browser.send("Performance.disable")
    assert metrics["TaskDuration"] < 5
    seconds = "new Promise((done) => { const t = performance.now(); pick(%d); requestAnimationFrame(() => requestAnimationFrame(() => done((performance.now() - t) / 1000))); })"
    assert np.median([browser.run(seconds % minimum) for minimum in (0, 9000, 5, 7777, 12)]) < 0.3


def test_energies_of_zero_have_a_place_and_a_tick_under_a_logarithmic_axis(browser, tmp_path):
    energies = np.array([0.0, 1e-12, 1e-7, 1e-5, 0.3])
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"]) as database:
        database.add(
            minima={"coordinates": np.random.default_rng(0).normal(size=(5, 2)), "energy": energies[:, None]},
            paths={"source": [0, 1, 2, 3], "target": [1, 2, 3, 4], "height": [1e-10, 0.2, 0.3, 0.9]},
        )
        file = write_report(database, tmp_path / "zero.html")
    browser.messages.clear()
    browser.open(file, until=READY)
    assert browser.run("surface().log")
    drawn = browser.run("Array.from(surface().drawn)")
    assert np.isfinite(drawn).all()
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3] < drawn[4]
    ticks = "[...document.querySelectorAll('#%s .ytick text')].map((text) => text.textContent)"
    assert browser.run(ticks % "graph").count("0") == 1
    browser.run("state.picked = [0, 4]; showPicked(0)")
    assert browser.run(ticks % "profile").count("0") == 1
    assert "training loss 0," in said(browser) or "training loss 0." in said(browser)
    assert browser.errors == []


def test_texts_of_the_page_have_the_digits_that_tell_energies_apart(browser, tmp_path):
    energies = np.array([-12345.60, -12345.55, -12345.47])
    with LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]) as database:
        paths = {"source": [0, 1], "target": [1, 2], "height": [-12345.05, -12345.10]}
        database.add(minima={"energy": energies[:, None]}, paths=paths)
        file = write_report(database, tmp_path / "common.html")
    browser.messages.clear()
    browser.open(file, until=READY)
    browser.run("state.picked = [0, 1]; showPicked(0)")
    # Lines and rings are where the markers are, to half a pixel.
    exact = "(() => { const { yaxis } = byId('graph')._fullLayout; return yaxis._offset + yaxis.l2p(surface().drawn[0]); })()"
    drawn = "(() => { const { y } = transforms(byId('graph')); return y[0] * surface().drawn[0] + y[1]; })()"
    assert abs(browser.run(exact) - browser.run(drawn)) < 0.5
    for text in ("\u221212345.6", "\u221212345.55", "joined at \u221212345.05"):
        assert text in said(browser)
    found = browser.run("document.body.innerText")
    assert "goes from \u221212345.6 to \u221212345.47, with median \u221212345.55" in found
    assert browser.errors == []


def half_searched():
    """Minimum 1 dies tested, 2 untested at 3, 3 by a path from elsewhere; one path more leads to a copy."""
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"])
    rows = [
        (0, 1, 2.0, "converged", "points"),
        (0, 1, 2.5, "converged", "points"),
        (1, 2, 3.0, "budget spent", "points"),
        (2, 3, 4.0, "imported", "points"),
        (0, 3, 1.0, "converged", "isomers"),
    ]
    columns = dict(zip(("source", "target", "height", "outcome", "joins"), zip(*rows, strict=True), strict=True))
    energies = [[0.0], [0.5], [1.0], [0.75]]
    database.add(minima={"coordinates": np.eye(4)[:, :3], "energy": energies}, paths=columns)
    return database


def test_merges_that_nobody_tested_are_dashed_and_said(browser, tmp_path):
    browser.messages.clear()
    browser.open(write_report(half_searched(), tmp_path / "page.html"), until=READY)
    legend = "[...document.querySelectorAll('#doubts span')].map((item) => item.innerText)"
    assert browser.run(legend) == ["not tested", "unknown"]
    title = "document.getElementById('graph').layout.xaxis.title.text"
    assert browser.run(title).endswith("<br>1 of 3 merges not tested: its height is no barrier")
    assert "Points are joined: 1 of 5 paths lead to copies of minima, left out." in browser.run(
        "document.getElementById('joined').innerText"
    )
    # How much of the line of each minimum, from its end to its merge, is painted on the canvas.
    painted = """((leaf) => {
      const c = document.querySelector('#graph canvas.lines'), ratio = devicePixelRatio || 1;
      const s = surface(), given = transforms(document.getElementById('graph'));
      const [x, low] = toPixel(given, s.x[leaf], s.drawn[leaf]);
      const [, high] = toPixel(given, s.x[leaf], s.drawn[s.parents[leaf]]);
      const column = c.getContext('2d').getImageData(Math.round(x * ratio), Math.ceil(high * ratio) + 3, 1, Math.floor((low - high) * ratio) - 6).data;
      let n = 0, most = 0;
      for (let k = 3; k < column.length; k += 4) { n += column[k] > 0; most = Math.max(most, column[k]); }
      return [n / (column.length / 4), most / 255];
    })(%d)"""
    shares, strengths = zip(*(browser.run(painted % leaf) for leaf in range(1, 4)), strict=True)
    assert shares[0] == 1
    assert all(0.3 < share < 0.9 for share in shares[1:])
    assert all(strength < strengths[0] for strength in strengths[1:])
    browser.run("pick(2)")
    assert "It joins what is lower at 3; that merge is not tested (1 search across, floor 1): its height is no" in said(
        browser
    )
    browser.run("pick(0)")
    assert "That merge is not tested (1 search across, floor 1)" in said(browser)
    assert "It is the lowest of all that it is joined with." in said(browser)
    browser.run("pick(3); pick(1)")
    assert "that merge is unknown, without a record of what else was searched." in said(browser)
    found = browser.run("document.getElementById('found').innerText")
    assert "Of 3 merges 1 is tested, 1 unknown, 1 not tested: its height is no barrier." in found
    assert browser.errors == []


def test_another_surface_has_another_route_or_none(page):
    page.run("pick(3); pick(30)")
    page.run("setSurface(1)")
    page.run("setSurface(0)")
    assert "minimax barrier" in said(page)


def test_the_page_doubts_the_joins_that_pictures_doubt(page, database):
    for number, surface in enumerate(database.surfaces):
        tree = disconnectivity_tree(transition_network(database, surface=surface))
        page.run(f"setSurface({number})")
        assert page.run("[...surface().doubts]") == doubts(tree).tolist()
        assert page.run("[...surface().lowest]") == tree.tree.lowest.tolist()
        assert len(set(doubts(tree).tolist())) > 1
        for a, b in ((0, 1), (3, 17), (20, 31)):
            join = f"branchesBetween(surface(), {a}, {b}).join"
            state = page.run(f"surface().states[dyingBetween(surface(), {a}, {b}, {join})]")
            assert STATES[state] == tree.barrier_evidence(a, b).state
