// The page: one state, drawn by Plotly as a graph, a map and a profile, and as a table. Every text from the data
// goes in as text (`textContent`, or `plain` for Plotly), never as HTML.
"use strict";

const GROUP_COLORS = ["#44AA99", "#AA4499", "#999933", "#5566DD", "#CC6677", "#3C9A5F", "#88CCEE"];
const NEUTRAL = "#8a8a8a";
const ROWS = 12;

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const scatter = document.createElement("canvas").getContext("webgl") ? "scattergl" : "scatter";

function short(value) {
  if (!Number.isFinite(value)) return "–";
  const text = Number(value.toPrecision(4)).toString();
  const [mantissa, power] = text.includes("e") || Math.abs(value) >= 1e-4 || value === 0 ? text.split("e") : value.toExponential(3).split("e");
  return (power === undefined ? mantissa : `${mantissa}e${Number(power)}`).replace(/-/g, "−");
}

const state = { surface: 0, color: "set", energy: 0, picked: [], marked: null, sort: { key: "id", up: true }, page: 0 };
let minima, setNames, surfaces, map;

function unpack() {
  setNames = data.sets.map((set) => set.name);
  minima = {
    n: 0, set: decoded(data.minima.set), seed: decoded(data.minima.seed), epoch: decoded(data.minima.epoch),
    energies: data.minima.energies.map(({ name, values }) => ({ name, values: decoded(values) })),
  };
  minima.n = minima.set.length;
  surfaces = data.surfaces.map((given) => {
    const surface = { ...given };
    for (const key of ["ids", "parents", "heights", "x", "order", "gaps"]) surface[key] = decoded(given[key]);
    surface.edges = { ...given.edges };
    for (const key of ["source", "target", "height", "top", "length"]) surface.edges[key] = decoded(given.edges[key]);
    const profiles = given.edges.profiles;
    if (profiles) surface.edges.profiles = { ...profiles, codes: decoded(profiles.codes) };
    surface.leafOf = new Int32Array(minima.n).fill(-1);
    surface.ids.forEach((id, leaf) => { surface.leafOf[id] = leaf; });
    surface.adjacent = adjacency(surface.ids.length, surface.edges);
    surface.low = surface.heights.reduce((a, b) => Math.min(a, b), Infinity);
    surface.high = surface.heights.reduce((a, b) => Math.max(a, b), -Infinity);
    const span = surface.log ? Math.log(surface.high / surface.low) : surface.high - surface.low;
    surface.top = surface.log ? surface.high * Math.exp(0.05 * span || 0.1) : surface.high + (0.05 * span || 0.1);
    surface.bottom = surface.log ? surface.low / Math.exp(0.05 * span || 0.1) : surface.low - (0.05 * span || 0.1);
    return surface;
  });
  map = data.map && { ids: decoded(data.map.ids), x: decoded(data.map.x), y: decoded(data.map.y), labels: data.map.labels };
  if (map) {
    map.rowOf = new Int32Array(minima.n).fill(-1);
    map.ids.forEach((id, row) => { map.rowOf[id] = row; });
  }
}

const surface = () => surfaces[state.surface];

// ---- energies of superbasins: a slider on the drawn scale --------------------------------------------------------
const sliderEnergy = (share) => {
  const { log, low, high } = surface();
  return log ? low * Math.pow(high / low, share) : low + share * (high - low);
};
const sliderShare = (energy) => {
  const { log, low, high } = surface();
  if (high === low) return 1;
  return log ? Math.log(energy / low) / Math.log(high / low) : (energy - low) / (high - low);
};

// The group of each minimum of the surface (by leaf), the number of groups, and what they are called.
function grouping() {
  const { ids } = surface();
  if (state.color === "set") {
    return { groups: Int32Array.from(ids, (id) => minima.set[id]), names: setNames, colors: data.sets.map((set) => set.color) };
  }
  const { numbers, sizes } = superbasins(surface(), state.energy);
  state.basins = { numbers, sizes };
  const shown = Math.min(sizes.filter((size) => size > 1).length || Math.min(1, sizes.length), GROUP_COLORS.length);
  const names = sizes.slice(0, shown).map((size, k) => `superbasin ${k + 1} (${size})`);
  return { groups: numbers.map((basin) => (basin < shown ? basin : -1)), names, colors: GROUP_COLORS };
}

// ---- drawing -----------------------------------------------------------------------------------------------------
function theme() {
  const css = getComputedStyle(document.documentElement);
  const get = (name) => css.getPropertyValue(name).trim();
  return { paper: get("--paper"), ink: get("--ink"), soft: get("--soft"), line: get("--line") };
}

function baseLayout(extra) {
  const { paper, ink, line } = theme();
  const axis = { color: ink, gridcolor: line, zeroline: false, linecolor: line, automargin: true, exponentformat: "power" };
  const { xaxis, yaxis, ...rest } = extra;
  return {
    paper_bgcolor: paper, plot_bgcolor: paper, hovermode: "closest", showlegend: false,
    font: { family: "system-ui, Arial, sans-serif", size: 13, color: ink },
    margin: { l: 62, r: 12, t: 12, b: 44 },
    xaxis: { ...axis, showgrid: false, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

const CONFIG = {
  responsive: true, displaylogo: false,
  modeBarButtonsToRemove: ["autoScale2d", "hoverClosestCartesian", "hoverCompareCartesian", "toggleSpikelines"],
};

function hoverText(id) {
  const energies = minima.energies.map(({ name, values }) => `${plain(name)} ${short(values[id])}`);
  const seed = minima.seed[id] >= 0 ? `<br>seed ${minima.seed[id]}` : "";
  return `<b>${id}</b> ${plain(setNames[minima.set[id]])}<br>${energies.join("<br>")}${seed}`;
}

// Markers, a trace a set, at places of some minima: symbols say the set, colors the group.
function markerTraces(ids, x, y, groupOf, colors) {
  const size = Math.max(4, Math.min(9, 260 / Math.sqrt(ids.length)));
  return data.sets.map((set, number) => {
    const rows = [];
    for (let row = 0; row < ids.length; row++) if (minima.set[ids[row]] === number) rows.push(row);
    return {
      type: scatter, mode: "markers", name: plain(set.name), hoverinfo: "text",
      x: rows.map((row) => x[row]), y: rows.map((row) => y[row]), customdata: rows.map((row) => ids[row]),
      text: rows.map((row) => hoverText(ids[row])),
      marker: {
        size, symbol: set.symbol, line: { width: set.symbol.endsWith("-open") ? 1.6 : 0 },
        color: rows.map((row) => (groupOf(ids[row]) < 0 ? NEUTRAL : colors[groupOf(ids[row])])),
      },
    };
  });
}

const overlay = (extra) => ({ type: "scatter", hoverinfo: "skip", x: [], y: [], ...extra });
const rings = () => overlay({ mode: "markers+text", textposition: "top center", textfont: { size: 13 },
  marker: { size: 15, symbol: "circle-open", color: theme().ink, line: { width: 2 } } });
const marks = () => overlay({ mode: "markers", marker: { size: 12, symbol: "circle-open", color: "#e07b00", line: { width: 1.5 } } });

function drawGraph() {
  const s = surface();
  const { groups, colors } = grouping();
  const lines = groupLines(s, nodeGroups(s, groups), colors.length, s.top);
  const looks = [NEUTRAL, ...colors, NEUTRAL];
  const width = s.ids.length > 2000 ? 1 : 1.5;
  const roots = s.parents.reduce((count, above) => count + (above < 0), 0);
  const traces = lines.map((line, k) => ({
    type: scatter, mode: "lines", hoverinfo: "skip", x: line.x, y: line.y,
    line: { color: looks[k], width, dash: k === lines.length - 1 && roots > 1 ? "dot" : "solid" },
  }));
  const at = Array.from(s.ids, (_, leaf) => leaf);
  const shown = markerTraces(s.ids, s.x, s.heights, (id) => groups[s.leafOf[id]], colors);
  graphParts.first = traces.length + shown.length;
  const layout = baseLayout({
    xaxis: { showticklabels: false, title: { text: `${at.length.toLocaleString("en")} minima${roots > 1 ? `; ${roots.toLocaleString("en")} parts that no path joins (dotted stems)` : ""}` } },
    yaxis: { type: s.log ? "log" : "linear", title: { text: plain(s.label) },
      range: s.log ? [Math.log10(s.bottom), Math.log10(s.top)] : [s.bottom, s.top] },
    dragmode: "zoom", uirevision: `graph ${state.surface}`,
  });
  const extras = [
    overlay({ mode: "lines", line: { color: theme().ink, width: 3 } }), // the route through the tree
    overlay({ mode: "lines", line: { color: theme().ink, width: 1.5, dash: "dash" } }), // the superbasins' energy
    marks(), rings(),
  ];
  Plotly.react("graph", [...traces, ...shown, ...extras], layout, CONFIG);
}

const graphParts = { first: 0 };

function drawMap() {
  if (!map) return;
  const { groups, colors } = grouping();
  const leafOf = surface().leafOf;
  const shown = markerTraces(map.ids, map.x, map.y, (id) => (leafOf[id] < 0 ? -1 : groups[leafOf[id]]), colors);
  const extras = [overlay({ mode: "lines", line: { color: theme().ink, width: 2 } }), marks(), rings()];
  const layout = baseLayout({
    xaxis: { title: { text: plain(map.labels[0]) }, showgrid: true }, yaxis: { title: { text: plain(map.labels[1]) } }, uirevision: "map",
  });
  Plotly.react("map", [...shown, ...extras], layout, CONFIG);
}

// What is laid over graph and map: few points, so that a click is answered at once.
function drawSelection() {
  const s = surface();
  const found = connection();
  const nodes = found ? found.nodes : [];
  const x = [], y = [];
  for (const node of nodes) {
    const above = s.parents[node];
    x.push(s.x[node], s.x[node], s.x[above], NaN);
    y.push(s.heights[node], s.heights[above], s.heights[above], NaN);
  }
  const span = s.x.reduce((widest, place) => Math.max(widest, place), 0);
  const line = state.color === "superbasin" ? { x: [-1, span + 1], y: [state.energy, state.energy] } : { x: [], y: [] };
  const picked = state.picked.filter((id) => s.leafOf[id] >= 0).map((id) => s.leafOf[id]);
  const markedLeaves = state.marked ? state.marked.map((id) => s.leafOf[id]).filter((leaf) => leaf >= 0) : [];
  const first = graphParts.first;
  Plotly.restyle("graph", {
    x: [x, line.x, markedLeaves.map((leaf) => s.x[leaf]), picked.map((leaf) => s.x[leaf])],
    y: [y, line.y, markedLeaves.map((leaf) => s.heights[leaf]), picked.map((leaf) => s.heights[leaf])],
    text: [null, null, null, picked.map((leaf) => String(s.ids[leaf]))],
  }, [first, first + 1, first + 2, first + 3]);
  if (map) {
    const place = (ids, axis) => ids.map((id) => axis[map.rowOf[id]]);
    const walked = found && found.route ? found.route.leaves.map((leaf) => s.ids[leaf]) : [];
    const marked = state.marked || [];
    const n = data.sets.length;
    Plotly.restyle("map", {
      x: [place(walked, map.x), place(marked, map.x), place(state.picked, map.x)],
      y: [place(walked, map.y), place(marked, map.y), place(state.picked, map.y)],
      text: [null, null, state.picked.map(String)],
    }, [n, n + 1, n + 2]);
  }
  drawProfile(found);
  say(found);
}

// The branches, the merge, the barrier and the route between two picked minima.
function connection() {
  if (state.picked.length < 2) return null;
  const s = surface();
  const [a, b] = state.picked.map((id) => s.leafOf[id]);
  if (a < 0 || b < 0) return null;
  const { nodes, join } = branchesBetween(s, a, b);
  if (join < 0) return { nodes: [], join, route: null };
  return { nodes, join, barrier: s.heights[join], route: route(s, a, b, s.heights[join]) };
}

function drawProfile(found) {
  const s = surface();
  const panel = byId("profile");
  if (!found || !found.route) { Plotly.purge(panel); panel.classList.add("empty"); return; }
  panel.classList.remove("empty");
  const { leaves, edges } = found.route;
  const measured = edges.every((e) => s.edges.length[e] > 0);
  const x = [], y = [], stops = [0];
  edges.forEach((e, k) => {
    const step = measured ? s.edges.length[e] : 1;
    for (const [t, value] of edgeProfile(s, e, leaves[k])) { x.push(stops[k] + step * t); y.push(value); }
    stops.push(stops[k] + step);
  });
  const looks = leaves.map((leaf) => data.sets[minima.set[s.ids[leaf]]]);
  const traces = [
    { type: "scatter", mode: "lines", x, y, hovertemplate: "%{y:.4g}<extra></extra>", line: { color: theme().ink, width: 2 } },
    { type: "scatter", mode: "markers+text", x: stops, y: leaves.map((leaf) => s.heights[leaf]), hoverinfo: "text",
      customdata: leaves.map((leaf) => s.ids[leaf]), text: leaves.map((leaf) => String(s.ids[leaf])),
      hovertext: leaves.map((leaf) => hoverText(s.ids[leaf])), textposition: "bottom center", cliponaxis: false,
      marker: { size: 10, symbol: looks.map((look) => look.symbol), color: looks.map((look) => look.color), line: { width: 1.6 } } },
  ];
  const values = [...y, ...leaves.map((leaf) => s.heights[leaf])];
  const log = s.log && values.every((value) => value > 0);
  const low = Math.min(...values), high = Math.max(...values);
  const range = log ? [Math.log10(low) - 0.12 * Math.log10(high / low), Math.log10(high) + 0.06 * Math.log10(high / low)]
    : [low - 0.12 * (high - low), high + 0.06 * (high - low)];
  Plotly.react(panel, traces, baseLayout({
    xaxis: { title: { text: measured ? "distance walked in parameter space" : "place along the route" } },
    yaxis: { type: log ? "log" : "linear", title: { text: plain(s.label) }, range: high > low ? range : undefined },
  }), CONFIG);
}

function say(found) {
  const s = surface();
  const [a, b] = state.picked;
  const about = (id) => `Minimum ${id}: ${setNames[minima.set[id]]}, ${minima.energies.map(({ name, values }) => `${name} ${short(values[id])}`).join(", ")}${minima.seed[id] >= 0 ? `, seed ${minima.seed[id]}` : ""}.`;
  const lines = state.picked.map(about);
  if (!state.picked.length) lines.push("Pick a minimum in the graph, the map or the table; pick a second one for the route between the two.");
  if (b !== undefined) {
    if (!found) lines.push(`One of the two has no ${s.label}.`);
    else if (found.join < 0) lines.push(`No route of paths joins ${a} and ${b}.`);
    else {
      const steps = found.route.leaves.map((leaf) => s.ids[leaf]);
      lines.push(`They are joined at ${short(found.barrier)} (minimax barrier, ${s.label}), by the route ${steps.join(" – ")}${s.edges.all ? "" : " along the lowest spanning tree"}.`);
    }
  }
  byId("said").replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  byId("pick-a").value = a === undefined ? "" : a;
  byId("pick-b").value = b === undefined ? "" : b;
}

function drawLegend() {
  const { names, colors } = state.color === "set" ? { names: [], colors: [] } : grouping();
  byId("groups").replaceChildren(...names.map((name, k) => {
    const item = Object.assign(document.createElement("span"), { textContent: name });
    item.style.setProperty("--color", colors[k]);
    return item;
  }));
}

// ---- table -------------------------------------------------------------------------------------------------------
function columns() {
  const energies = minima.energies.map(({ name, values }, k) => ({ key: `energy ${k}`, name, of: (id) => values[id], show: short }));
  const basin = (id) => {
    const leaf = surface().leafOf[id];
    return leaf < 0 || state.basins.numbers[leaf] < 0 ? Infinity : state.basins.numbers[leaf] + 1;
  };
  return [
    { key: "id", name: "Minimum", of: (id) => id, show: String },
    { key: "set", name: "Set", of: (id) => setNames[minima.set[id]], show: String },
    ...energies,
    { key: "basin", name: "Superbasin", of: basin, show: (value) => (value === Infinity ? "–" : String(value)) },
    { key: "seed", name: "Seed", of: (id) => minima.seed[id], show: (value) => (value < 0 ? "–" : String(value)) },
  ];
}

let sorted = [];
function sortRows() {
  const column = columns().find(({ key }) => key === state.sort.key);
  const ids = state.marked ? state.marked.slice() : Array.from({ length: minima.n }, (_, id) => id);
  const keys = new Map(ids.map((id) => [id, column.of(id)]));
  const sign = state.sort.up ? 1 : -1;
  sorted = ids.sort((p, q) => {
    const [a, b] = [keys.get(p), keys.get(q)];
    return (a < b ? -sign : a > b ? sign : 0) || p - q;
  });
}

function drawTable() {
  const all = columns();
  const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  byId("head").replaceChildren(...all.map(({ key, name }) => {
    const th = document.createElement("th");
    th.scope = "col";
    if (state.sort.key === key) th.ariaSort = state.sort.up ? "ascending" : "descending";
    const button = cell("button", name);
    button.type = "button";
    button.onclick = () => {
      state.sort = { key, up: state.sort.key === key ? !state.sort.up : true };
      state.page = 0;
      sortRows();
      drawTable();
      byId("head").querySelectorAll("button")[all.findIndex((column) => column.key === key)].focus();
    };
    th.append(button);
    return th;
  }));
  const pages = Math.max(1, Math.ceil(sorted.length / ROWS));
  state.page = Math.min(Math.max(state.page, 0), pages - 1);
  byId("rows").replaceChildren(...sorted.slice(state.page * ROWS, (state.page + 1) * ROWS).map((id) => {
    const row = document.createElement("tr");
    row.tabIndex = 0;
    row.dataset.id = id;
    row.ariaSelected = String(state.picked.includes(id));
    row.append(...all.map(({ of, show }) => cell("td", show(of(id)))));
    return row;
  }));
  byId("where").textContent = `${state.marked ? "marked: " : ""}${sorted.length ? state.page * ROWS + 1 : 0}–${Math.min((state.page + 1) * ROWS, sorted.length)} of ${sorted.length.toLocaleString("en")}`;
  byId("before").disabled = state.page === 0;
  byId("after").disabled = state.page === pages - 1;
  byId("unmark").hidden = !state.marked;
}

// ---- what the reader does ----------------------------------------------------------------------------------------
// A first pick, a second for the route; a third starts anew; picking one of them again lets it go.
function pick(id) {
  const at = state.picked.indexOf(id);
  if (at >= 0) state.picked.splice(at, 1);
  else state.picked = state.picked.length < 2 ? [...state.picked, id] : [id];
  showPicked(id);
}

function showPicked(id) {
  const place = sorted.indexOf(id);
  if (place >= 0) state.page = Math.floor(place / ROWS);
  drawTable();
  drawSelection();
}

function recolor() {
  state.basins = superbasins(surface(), state.energy);
  drawGraph();
  drawMap();
  drawLegend();
  if (state.sort.key === "basin") sortRows();
  drawTable();
  drawSelection();
}

function setEnergy(energy) {
  state.energy = energy;
  state.color = "superbasin";
  byId("color").value = "superbasin";
  const share = sliderShare(energy);
  byId("energy").value = Math.round(1000 * share);
  byId("energy").setAttribute("aria-valuetext", short(energy));
  recolor();
  const { sizes } = state.basins;
  byId("energy-said").textContent = `${short(energy)}: ${sizes.length.toLocaleString("en")} superbasin${sizes.length === 1 ? "" : "s"}, the largest of ${(sizes[0] || 0).toLocaleString("en")}`;
}

function setSurface(number) {
  state.surface = number;
  state.energy = surface().split;
  const share = Math.max(0, Math.min(1, sliderShare(state.energy)));
  byId("energy").value = Math.round(1000 * share);
  byId("energy-said").textContent = short(state.energy);
  recolor();
}

function listen() {
  for (const panel of ["graph", "map", "profile"]) {
    if (panel === "map" && !map) continue;
    const element = byId(panel);
    if (panel === "profile") Plotly.newPlot(element, [], {}, CONFIG);
    element.on("plotly_click", ({ points }) => {
      const id = points[0] && points[0].customdata;
      if (id !== undefined && id !== null) pick(id);
    });
    element.on("plotly_selected", (event) => {
      if (!event || panel === "profile") return;
      const ids = event.points.map((point) => point.customdata).filter((id) => id !== undefined && id !== null);
      mark(ids.length ? [...new Set(ids)] : null);
    });
  }
  let waiting = 0;
  byId("energy").addEventListener("input", (event) => {
    cancelAnimationFrame(waiting);
    const share = Number(event.target.value) / 1000;
    waiting = requestAnimationFrame(() => setEnergy(sliderEnergy(share)));
  });
  byId("color").addEventListener("change", (event) => {
    if (event.target.value === "superbasin") { setEnergy(state.energy); return; }
    state.color = "set";
    recolor();
  });
  byId("surface").addEventListener("change", (event) => setSurface(Number(event.target.value)));
  byId("before").onclick = () => { state.page -= 1; drawTable(); };
  byId("after").onclick = () => { state.page += 1; drawTable(); };
  byId("unmark").onclick = () => mark(null);
  byId("rows").addEventListener("click", ({ target }) => pick(Number(target.closest("tr").dataset.id)));
  byId("rows").addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const next = event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
    if (next) { event.preventDefault(); next.focus(); }
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const id = row.dataset.id;
    pick(Number(id));
    const again = byId("rows").querySelector(`[data-id="${id}"]`);
    if (again) again.focus();
  });
  byId("picks").addEventListener("submit", (event) => {
    event.preventDefault();
    const ids = [byId("pick-a"), byId("pick-b")].filter((field) => field.value !== "").map((field) => Number(field.value));
    state.picked = [...new Set(ids)].filter((id) => Number.isInteger(id) && id >= 0 && id < minima.n);
    showPicked(state.picked[0]);
  });
  byId("unpick").onclick = () => { state.picked = []; showPicked(-1); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
}

function mark(ids) {
  state.marked = ids;
  state.page = 0;
  sortRows();
  drawTable();
  drawSelection();
}

function start() {
  if (!data.surfaces.length) return;
  byId("explore").hidden = false;
  unpack();
  byId("map-panel").hidden = !map;
  byId("surface").replaceChildren(...surfaces.map(({ label }, k) => Object.assign(document.createElement("option"), { value: k, textContent: label })));
  byId("surface-field").hidden = surfaces.length < 2;
  for (const field of ["pick-a", "pick-b"]) byId(field).max = minima.n - 1;
  sortRows();
  setSurface(0);
  listen();
  document.body.dataset.ready = "true";
}

start();
