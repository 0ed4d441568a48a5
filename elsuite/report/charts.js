// Drawing: graph, map and profile by Plotly, from the state in page.js. Markers are WebGL traces; lines and what a
// click changes are layers (layers.js), so that a click is answered at once.
"use strict";

function theme() {
  const css = getComputedStyle(document.documentElement);
  const get = (name) => css.getPropertyValue(name).trim();
  return { paper: get("--paper"), ink: get("--ink"), soft: get("--soft"), line: get("--line") };
}

function baseLayout(extra) {
  const { paper, ink, soft, line } = theme();
  const axis = {
    color: ink, gridcolor: line, zeroline: false, linecolor: line, showline: true, automargin: true, ticks: "outside",
    ticklen: 4, tickcolor: line, exponentformat: "power", showgrid: false,
  };
  const { xaxis, yaxis, ...rest } = extra;
  return {
    paper_bgcolor: paper, plot_bgcolor: paper, hovermode: "closest", showlegend: false, dragmode: "zoom",
    font: { family: "system-ui, Arial, sans-serif", size: window.innerWidth < 600 ? 11 : 13, color: ink },
    margin: { l: 66, r: 12, t: 34, b: 44 },
    hoverlabel: { bgcolor: paper, bordercolor: line, font: { color: ink }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

const CONFIG = {
  responsive: true, displaylogo: false, doubleClick: false, doubleClickDelay: 1, // two quick clicks are two picks
  modeBarButtons: [["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

const powerText = (power) => (power === 0 ? "1" : power === 1 ? "10" : `10<sup>${String(power).replace("-", "−")}</sup>`);

// What lies at the floor of a logarithmic axis.
const floorText = ({ energy, mark }) => (mark === "0" ? "0" : `≤ ${energy.toPrecision(2)}`);

// A log axis of several decades has a tick for each power of ten, and no figures between; one with energies of 0 has
// a tick for them, and no other under the lowest energy above 0.
function energyAxis(s, log, range) {
  const decades = range[1] - range[0];
  if (log && s.floor.mark) {
    const step = Math.max(1, Math.ceil(decades / 8));
    const powers = [];
    for (let power = Math.ceil(Math.log10(Math.max(s.floor.lowest, s.floor.energy * 1.1)) - 1e-9); power <= range[1]; power += step) powers.push(power);
    return {
      type: "log", title: { text: plain(s.label) }, range, tickvals: [s.floor.energy, ...powers.map((power) => 10 ** power)],
      ticktext: [floorText(s.floor), ...powers.map(powerText)],
    };
  }
  return { type: log ? "log" : "linear", title: { text: plain(s.label) }, range, dtick: log && decades > 2 ? Math.ceil(decades / 8) : undefined };
}

// An axis whose empty decades are left out has its ticks where the powers of ten are drawn.
function compressedAxis(s) {
  const { from, to } = s.compressed;
  const powers = [];
  const { energy, mark, lowest } = s.floor;
  for (let power = mark ? Math.ceil(Math.log10(Math.max(lowest, energy * 1.1)) - 1e-9) : Math.floor(Math.log10(energy)) - 1; power <= Math.log10(s.high) + 1; power++) {
    const inGap = from.some((edge, k) => k % 2 === 0 && power > edge && power < from[k + 1]);
    if (!inGap && (!powers.length || bent(power, from, to) - bent(powers[powers.length - 1], from, to) > 0.05 * (s.range[1] - s.range[0]))) powers.push(power);
  }
  return {
    type: "linear", title: { text: plain(s.label) }, range: s.range,
    tickvals: [...(mark ? [s.lift(energy)] : []), ...powers.map((power) => bent(power, from, to))],
    ticktext: [...(mark ? [floorText(s.floor)] : []), ...powers.map(powerText)],
  };
}

// The middles of what the axis leaves out, as drawn: empty decades, and what lies between 0 and the lowest energy above.
const breaks = (s) => [
  ...(s.compressed ? s.compressed.to.filter((_, k) => k % 2 === 0).map((low, k) => (low + s.compressed.to[2 * k + 1]) / 2) : []),
  ...(s.log && s.floor.mark === "0" ? [(s.lift(s.floor.energy) + s.lift(s.floor.lowest)) / 2] : []),
];

// Markers at the places of some minima, a trace for each set and group: symbols say the set, colors the group.
function markerTraces(ids, x, y, groupOf, colors) {
  const size = Math.max(4, Math.min(9, 260 / Math.sqrt(ids.length)));
  const parts = new Map();
  for (let row = 0; row < ids.length; row++) {
    const key = minima.set[ids[row]] * 100 + groupOf(ids[row]) + 1;
    if (!parts.has(key)) parts.set(key, []);
    parts.get(key).push(row);
  }
  return Array.from(parts).sort(([a], [b]) => a - b).map(([key, rows]) => {
    const { symbol } = data.sets[Math.floor(key / 100)];
    const color = key % 100 === 0 ? NEUTRAL : colors[key % 100 - 1];
    return {
      type: scatter, mode: "markers", hoverinfo: "none",
      x: rows.map((row) => x[row]), y: rows.map((row) => y[row]), customdata: rows.map((row) => ids[row]),
      marker: { size, symbol, color, line: { width: symbol.endsWith("-open") ? 1.6 : 0, color } },
    };
  });
}

const layers = {};

function drawGraph() {
  const s = surface();
  const roots = s.parents.reduce((count, above) => count + (above < 0), 0);
  const words = `${s.ids.length.toLocaleString("en")} ${s.ids.length === 1 ? "minimum" : "minima"}`;
  const below = s.weak ? `<br>${s.weak}` : "";
  const parts = roots > 1 ? `; ${roots.toLocaleString("en")} parts that no path joins (dotted stems)` : "";
  const last = s.x.reduce((widest, place) => Math.max(widest, place), 0);
  const margin = Math.max(0.6, 0.02 * last);
  const layout = baseLayout({
    xaxis: { range: [-margin, last + margin], showticklabels: false, showline: false, ticks: "", title: { standoff: 6, text: words + parts + below } },
    yaxis: s.compressed ? compressedAxis(s) : energyAxis(s, s.log, s.range), uirevision: `graph ${state.surface}`,
  });
  const { groups, colors } = state.grouping;
  const shown = markerTraces(s.ids, s.x, s.compressed ? s.drawn : s.shown, (id) => groups[s.leafOf[id]], colors);
  Plotly.react("graph", shown, layout, CONFIG);
  if (!layers.graph) layers.graph = addLayers(byId("graph"), graphLines, graphSelection);
  layers.graph("all");
}

function graphLines(context, given) {
  const { common, colors } = state.grouping;
  drawBranches(context, given, surface(), data.states, common, colors, NEUTRAL);
}

function graphSelection(given, inside) {
  const s = surface();
  const at = (id) => [s.x[s.leafOf[id]], s.drawn[s.leafOf[id]], String(id)];
  const known = (id) => s.leafOf[id] >= 0;
  const line = (state.connection ? state.connection.nodes : []).map((node) => {
    const above = s.parents[node];
    return [[s.x[node], s.drawn[node]], [s.x[node], s.drawn[above]], [s.x[above], s.drawn[above]]];
  });
  return selectionShapes(given, inside, {
    line, dashed: state.color === "superbasin" ? s.lift(state.energy) : undefined, breaks: breaks(s),
    marked: (state.marked || []).filter(known).map(at), picked: state.picked.filter(known).map(at),
  });
}

function drawMap() {
  if (!map) return;
  const { groups, colors } = state.grouping;
  const { leafOf } = surface();
  const shown = markerTraces(map.ids, map.x, map.y, (id) => (leafOf[id] < 0 ? -1 : groups[leafOf[id]]), colors);
  const layout = baseLayout({
    xaxis: { title: { text: plain(map.labels[0]) } }, yaxis: { title: { text: plain(map.labels[1]) } }, uirevision: "map",
  });
  Plotly.react("map", shown, layout, CONFIG);
  if (!layers.map) layers.map = addLayers(byId("map"), () => {}, mapSelection);
  layers.map("all");
}

function mapSelection(given, inside) {
  const at = (id) => [map.x[map.rowOf[id]], map.y[map.rowOf[id]], String(id)];
  const known = (id) => map.rowOf[id] >= 0;
  const walked = state.connection && state.connection.route ? state.connection.route.leaves.map((leaf) => surface().ids[leaf]) : [];
  return selectionShapes(given, inside, {
    line: walked.length ? [walked.filter(known).map(at)] : [],
    marked: (state.marked || []).filter(known).map(at), picked: state.picked.filter(known).map(at),
  });
}

function drawProfile() {
  const s = surface();
  const panel = byId("profile");
  const found = state.connection;
  panel.classList.toggle("empty", !found || !found.route);
  if (!found || !found.route) return;
  const { leaves, edges } = found.route;
  const measured = edges.every((e) => s.edges.length[e] > 0);
  const x = [], y = [], stops = [0];
  edges.forEach((e, k) => {
    const step = measured ? s.edges.length[e] : 1;
    for (const [t, value] of edgeProfile(s, e, leaves[k])) { x.push(stops[k] + step * t); y.push(onAxis(s, value)); }
    stops.push(stops[k] + step);
  });
  const looks = leaves.map((leaf) => data.sets[minima.set[s.ids[leaf]]]);
  const colors = looks.map((look) => look.color);
  const traces = [
    { type: "scatter", mode: "lines", x, y, hovertemplate: `%{y:.${s.digits}g}<extra></extra>`, line: { color: theme().ink, width: 2 } },
    { type: "scatter", mode: "markers+text", x: stops, y: leaves.map((leaf) => s.shown[leaf]), hoverinfo: "none",
      customdata: leaves.map((leaf) => s.ids[leaf]), text: leaves.map((leaf) => String(s.ids[leaf])),
      textposition: "bottom center", cliponaxis: false,
      marker: { size: 10, symbol: looks.map((look) => look.symbol), color: colors, line: { width: 1.6, color: colors } } },
  ];
  const values = [...y, ...leaves.map((leaf) => s.shown[leaf])];
  const low = Math.min(...values), high = Math.max(...values);
  const log = s.log && low > 0;
  const ends = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const reach = ends[1] - ends[0] || 1;
  const first = !panel._fullLayout; // made when it is seen: a hidden panel has no size
  Plotly.react(panel, traces, baseLayout({
    xaxis: { title: { text: measured ? "distance walked in parameter space" : "place along the route" } },
    yaxis: energyAxis(s, log, [ends[0] - 0.14 * reach, ends[1] + 0.06 * reach]),
  }), CONFIG);
  if (first) listenTo(panel);
}

// What is known of the minimum under the pointer, beside it.
function showTip(id, event) {
  const tip = byId("tip");
  const lines = [data.sets.length > 1 ? `${id}  ${setNames[minima.set[id]]}` : String(id), ...minima.energies.map(({ name, values, digits }) => `${name} ${short(values[id], digits)}`)];
  if (minima.seed[id] >= 0) lines.push(`seed ${minima.seed[id]}`);
  tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
  tip.hidden = false;
  const { innerWidth } = window;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  Object.assign(tip.style, { left: `${Math.max(4, left)}px`, top: `${event.clientY + 14}px` });
}
