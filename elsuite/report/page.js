// The page: one state, shown as a graph, a map, a profile (charts.js) and a table. Every text from the data goes in
// as text (`textContent`, or `plain` for Plotly), never as HTML.
"use strict";

const GROUP_COLORS = ["#44AA99", "#AA4499", "#999933", "#5566DD", "#CC6677", "#3C9A5F", "#88CCEE"];
const NEUTRAL = "#8a8a8a";
const ROWS = 12;

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const scatter = document.createElement("canvas").getContext("webgl") ? "scattergl" : "scatter";

// A number in a text, with as many digits as tell it from others of its kind.
function short(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const text = Number(value.toPrecision(Math.max(digits, Math.abs(value) >= 1 ? 6 : 4))).toString();
  const [mantissa, power] = text.includes("e") || Math.abs(value) >= 1e-4 || value === 0 ? text.split("e") : value.toExponential(digits - 1).split("e");
  return (power === undefined ? mantissa : `${mantissa}e${Number(power)}`).replace(/-/g, "−");
}

const state = { surface: 0, color: "set", energy: 0, picked: [], marked: null, connection: null, grouping: null, basins: null, sort: { key: "id", up: true }, page: 0 };
let minima, setNames, surfaces, map;

function unpack() {
  setNames = data.sets.map((set) => set.name);
  minima = {
    n: 0, usable: decoded(data.minima.usable), set: decoded(data.minima.set), seed: decoded(data.minima.seed), epoch: decoded(data.minima.epoch),
    energies: data.minima.energies.map(({ name, values, digits }) => ({ name, values: decoded(values), digits })),
  };
  minima.n = minima.set.length;
  surfaces = data.surfaces.map((given) => {
    const surface = { ...given };
    for (const key of ["ids", "parents", "heights", "x", "order", "gaps", "states", "tries"]) surface[key] = decoded(given[key]);
    surface.edges = { ...given.edges };
    for (const key of ["source", "target", "height", "top", "length"]) surface.edges[key] = decoded(given.edges[key]);
    const profiles = given.edges.profiles;
    if (profiles) surface.edges.profiles = { ...profiles, codes: decoded(profiles.codes) };
    surface.leafOf = new Int32Array(minima.n).fill(-1);
    surface.ids.forEach((id, leaf) => { surface.leafOf[id] = leaf; });
    surface.lowest = lowestLeaves(surface, surface.ids.length);
    surface.doubts = doubtsOf(surface);
    surface.adjacent = adjacency(surface.ids.length, surface.edges);
    surface.low = surface.heights.reduce((a, b) => Math.min(a, b), Infinity);
    surface.high = surface.heights.reduce((a, b) => Math.max(a, b), -Infinity);
    Object.assign(surface, energyScale(surface));
    const [least, most] = [surface.lift(surface.low), surface.lift(surface.high)];
    const margin = 0.05 * (most - least) || 0.1;
    surface.range = [least - 2 * margin, most + margin]; // drawn
    surface.drawn = Float64Array.from(surface.heights, surface.lift);
    surface.shown = Float64Array.from(surface.heights, (energy) => onAxis(surface, energy));
    return surface;
  });
  map = data.map && { ids: decoded(data.map.ids), x: decoded(data.map.x), y: decoded(data.map.y), labels: data.map.labels };
  if (map) {
    map.rowOf = new Int32Array(minima.n).fill(-1);
    map.ids.forEach((id, row) => { map.rowOf[id] = row; });
  }
}

// An energy where its axis has it: at the floor of a logarithmic one if it lies under it.
const onAxis = (s, energy) => (s.log ? Math.max(energy, s.floor.energy) : energy);

const surface = () => surfaces[state.surface];

// ---- energies of superbasins: a slider on the drawn scale --------------------------------------------------------
const sliderEnergy = (share) => {
  const { low, high, lift, lower } = surface();
  return share >= 1 ? high : lower(lift(low) + share * (lift(high) - lift(low)));
};
const sliderShare = (energy) => {
  const { low, high, lift } = surface();
  return high === low ? 1 : (lift(energy) - lift(low)) / (lift(high) - lift(low));
};

// The group of each minimum of the surface (by leaf) and of each node of its tree, with names and colors.
function findGroups() {
  const s = surface();
  state.basins = superbasins(s, state.energy);
  if (state.color === "set") {
    const groups = Int32Array.from(s.ids, (id) => minima.set[id]);
    state.grouping = { groups, common: nodeGroups(s, groups), names: [], colors: data.sets.map((set) => set.color) };
    return;
  }
  const { numbers, sizes } = state.basins;
  const shown = Math.min(sizes.filter((size) => size > 1).length || Math.min(1, sizes.length), GROUP_COLORS.length);
  const names = sizes.slice(0, shown).map((size, k) => `superbasin ${k + 1} (${size.toLocaleString("en")})`);
  const groups = numbers.map((basin) => (basin < shown ? basin : -1));
  state.grouping = { groups, common: nodeGroups(s, groups), names, colors: GROUP_COLORS };
}

// The branches, the merge, the barrier and the route between two picked minima.
function connection() {
  if (state.picked.length < 2) return null;
  const s = surface();
  const [a, b] = state.picked.map((id) => s.leafOf[id]);
  if (a < 0 || b < 0) return null;
  const { nodes, join } = branchesBetween(s, a, b);
  if (join < 0) return { nodes: [], join, route: null };
  return { nodes, join, barrier: s.heights[join], route: route(s, a, b), direct: directHeight(s, a, b) };
}

function drawSelection() {
  state.connection = connection();
  layers.graph("overlay");
  if (map) layers.map("overlay");
  drawProfile();
  say();
}

// The evidence for the join at which the part of a leaf ends.
function evidenceOf(leaf) {
  const s = surface();
  const word = data.states[s.states[leaf]], tries = s.tries[leaf];
  if (!tries && ["verified", "unknown"].includes(word)) return `${word}, without a record of what else was searched`;
  const searches = `${tries.toLocaleString("en")} search${tries === 1 ? "" : "es"} across, floor ${short(s.heights[leaf])}`;
  return `${word} (${searches})${word === "not tested" ? ": its height is no barrier" : ""}`;
}

// Where a picked minimum joins what is lower, and what is known of that merge.
function ending(id) {
  const s = surface();
  const leaf = s.leafOf[id];
  if (leaf < 0) return [];
  const end = endOf(s, leaf);
  if (end < 0) return [s.parents[leaf] < 0 ? "No path joins it." : "It is the lowest of all that it is joined with."];
  return [`It joins what is lower at ${short(s.heights[end])}; that merge is ${evidenceOf(leaf)}.`];
}

function say() {
  const s = surface();
  const found = state.connection;
  const [a, b] = state.picked;
  const about = (id) => {
    const energies = minima.energies.map(({ name, values, digits }) => `${name} ${short(values[id], digits)}`).join(", ");
    return `Minimum ${id}: ${data.sets.length > 1 ? `${setNames[minima.set[id]]}, ` : ""}${energies}${minima.seed[id] >= 0 ? `, seed ${minima.seed[id]}` : ""}.`;
  };
  const lines = state.picked.map((id) => [about(id), ...ending(id)].join(" "));
  if (!state.picked.length) lines.push("Pick a minimum in the graph, the map or the table; pick a second one for the route between the two.");
  if (b !== undefined) {
    if (!found) lines.push(`One of the two has no ${s.title}.`);
    else if (found.join < 0) lines.push(`No route of paths joins ${a} and ${b}.`);
    else {
      const steps = found.route.leaves.map((leaf) => s.ids[leaf]);
      lines.push(`They are joined at ${short(found.barrier, s.digits)} (${s.title}, minimax barrier), by the route ${steps.join(" – ")}.`);
      const leaves = [s.leafOf[a], s.leafOf[b]];
      lines.push(`That merge is ${evidenceOf(dyingBetween(s, ...leaves, found.join))}.`);
      if (steps.length > 2 && found.direct !== undefined) lines.push(`The path found directly between them rises to ${short(found.direct, s.digits)}.`);
    }
  }
  byId("said").replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  byId("pick-a").value = a === undefined ? "" : a;
  byId("pick-b").value = b === undefined ? "" : b;
}

function drawLegend() {
  const { names, colors } = state.grouping;
  byId("groups").parentElement.classList.toggle("basins", names.length > 0);
  byId("groups").replaceChildren(...names.map((name, k) => {
    const item = Object.assign(document.createElement("span"), { textContent: name });
    item.style.setProperty("--color", colors[k]);
    return item;
  }));
  const doubted = surface().doubted.map((state) => data.states[state]).sort();
  byId("doubts").replaceChildren(...doubted.map((name) => Object.assign(document.createElement("span"), { textContent: name, className: name.replace(" ", "-") })));
  byId("joined").textContent = surface().joins_note ? `${surface().joins_note[0].toUpperCase()}${surface().joins_note.slice(1)}.` : "";
}

// ---- table -------------------------------------------------------------------------------------------------------
function columns() {
  const energies = minima.energies.map(({ name, values, digits }, k) => ({ key: `energy ${k}`, name, of: (id) => values[id], show: (value) => short(value, digits) }));
  const basin = (id) => {
    const leaf = surface().leafOf[id];
    return leaf < 0 || state.basins.numbers[leaf] < 0 ? Infinity : state.basins.numbers[leaf] + 1;
  };
  return [
    { key: "id", name: "Minimum", of: (id) => id, show: String },
    ...(data.sets.length > 1 ? [{ key: "set", name: "Set", of: (id) => setNames[minima.set[id]], show: String }] : []),
    ...energies,
    { key: "basin", name: "Superbasin", of: basin, show: (value) => (value === Infinity ? "–" : String(value)) },
    { key: "seed", name: "Seed", of: (id) => minima.seed[id], show: (value) => (value < 0 ? "–" : String(value)) },
  ];
}

let sorted = [];
function sortRows() {
  const column = columns().find(({ key }) => key === state.sort.key);
  const ids = state.marked ? state.marked.slice() : Array.from({ length: minima.n }, (_, id) => id).filter((id) => minima.usable[id]);
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
    if (key === "set") th.className = "words";
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
    row.append(...all.map(({ key, of, show }) => Object.assign(cell("td", show(of(id))), { className: key === "set" ? "words" : "" })));
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
  findGroups();
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
  byId("energy").setAttribute("aria-valuetext", short(energy, surface().digits));
  recolor();
  const { sizes } = state.basins;
  byId("energy-said").textContent = `${short(energy, surface().digits)}: ${sizes.length.toLocaleString("en")} superbasin${sizes.length === 1 ? "" : "s"}, the largest of ${(sizes[0] || 0).toLocaleString("en")}`;
}

function setSurface(number) {
  state.surface = number;
  state.connection = null; // its nodes are those of another tree
  state.energy = surface().split;
  const share = Math.max(0, Math.min(1, sliderShare(state.energy)));
  byId("energy").value = Math.round(1000 * share);
  byId("energy-said").textContent = short(state.energy, surface().digits);
  recolor();
}

function listenTo(panel) {
  const idOf = ({ points }) => (points[0] ? points[0].customdata : undefined);
  panel.on("plotly_click", (event) => { if (idOf(event) !== undefined) pick(idOf(event)); });
  panel.on("plotly_hover", (event) => { if (idOf(event) !== undefined) showTip(idOf(event), event.event); });
  panel.on("plotly_unhover", () => { byId("tip").hidden = true; });
  panel.on("plotly_selected", (event) => {
    if (!event || panel.id === "profile") return;
    const ids = event.points.map((point) => point.customdata);
    mark(ids.length ? [...new Set(ids)] : null);
  });
}

function listen() {
  listenTo(byId("graph"));
  if (map) listenTo(byId("map"));
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
    state.picked = [...new Set(ids)].filter((id) => Number.isInteger(id) && minima.usable[id]);
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
