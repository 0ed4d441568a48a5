// Questions to a disconnectivity tree and its edges: numbers in, numbers out, no page.
"use strict";

const TYPES = { i1: Int8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

// {type, data: base64} -> typed array
function decoded(array) {
  const bytes = Uint8Array.from(atob(array.data), (letter) => letter.charCodeAt(0));
  return new TYPES[array.type](bytes.buffer);
}

// Straight between kinks, of slope 1 outside them.
function bent(value, from, to) {
  const last = from.length - 1;
  if (value <= from[0]) return value - from[0] + to[0];
  if (value >= from[last]) return value - from[last] + to[last];
  let k = 0;
  while (value > from[k + 1]) k++;
  return to[k] + (to[k + 1] - to[k]) * (value - from[k]) / (from[k + 1] - from[k]);
}

// The drawn scale of a surface: `lift` from energies to where they are drawn, `lower` back. On a logarithmic scale
// energies under the floor, such as 0, are drawn at it.
function energyScale({ log, compressed, floor }) {
  const logarithm = (energy) => Math.log10(Math.max(energy, floor.energy));
  if (compressed) {
    const { from, to } = compressed;
    return { lift: (energy) => bent(logarithm(energy), from, to), lower: (height) => 10 ** bent(height, to, from) };
  }
  return log ? { lift: logarithm, lower: (height) => 10 ** height } : { lift: (energy) => energy, lower: (height) => height };
}

// Number of each leaf's superbasin at an energy: 0 the largest, then of equally large ones that with the lowest
// minimum; -1 for minima above the energy. Neighbors in `order` are in one superbasin unless a gap is higher.
function superbasins(tree, energy) {
  const { order, gaps, heights } = tree;
  const run = new Int32Array(order.length).fill(-1);
  const basins = [];
  for (let k = 0; k < order.length; k++) {
    const leaf = order[k];
    if (heights[leaf] > energy) continue;
    if (!basins.length || k === 0 || gaps[k - 1] > energy) basins.push({ size: 0, lowest: Infinity, first: Infinity });
    const basin = basins[basins.length - 1];
    basin.size += 1;
    if (heights[leaf] < basin.lowest || (heights[leaf] === basin.lowest && leaf < basin.first)) {
      basin.lowest = heights[leaf];
      basin.first = leaf;
    }
    run[leaf] = basins.length - 1;
  }
  const ranked = basins.map((_, k) => k).sort((a, b) =>
    basins[b].size - basins[a].size || basins[a].lowest - basins[b].lowest || basins[a].first - basins[b].first);
  const rank = new Int32Array(basins.length);
  ranked.forEach((basin, place) => { rank[basin] = place; });
  return { numbers: run.map((basin) => (basin < 0 ? -1 : rank[basin])), sizes: ranked.map((basin) => basins[basin].size) };
}

// For each node the group that all leaves under it have, -1 where they differ. Parents come after their children.
function nodeGroups(tree, groups) {
  const common = new Int32Array(tree.parents.length).fill(-2);
  common.set(groups);
  for (let node = 0; node < common.length; node++) {
    const above = tree.parents[node];
    if (above < 0) continue;
    if (common[above] === -2) common[above] = common[node];
    else if (common[above] !== common[node]) common[above] = -1;
  }
  return common;
}

// For each node its lowest leaf, of equally low ones the first.
function lowestLeaves(tree, nLeaves) {
  const { parents, heights } = tree;
  const lowest = Int32Array.from(parents, (_, node) => (node < nLeaves ? node : -1));
  for (let node = 0; node < parents.length; node++) {
    const above = parents[node];
    if (above < 0) continue;
    const own = lowest[node], best = lowest[above];
    if (best < 0 || heights[own] < heights[best] || (heights[own] === heights[best] && own < best)) lowest[above] = own;
  }
  return lowest;
}

// For each node the state of the join at which its part ends, if that is one of the `doubted` ones; else -1.
function doubtsOf({ parents, lowest, states, doubted }) {
  const wanted = new Set(doubted);
  return Int8Array.from(parents, (above, node) => {
    const state = above < 0 || lowest[above] === lowest[node] ? -1 : states[lowest[node]];
    return wanted.has(state) ? state : -1;
  });
}

// The merge at which a leaf joins what is lower: that node, -1 where it is the lowest of all that it is joined with.
function endOf(tree, leaf) {
  let node = leaf;
  while (node >= 0 && tree.lowest[node] === leaf) node = tree.parents[node];
  return node;
}

// The leaf whose part ends where two leaves are joined in node `join`: of the two parts the one with the higher leaf.
function dyingBetween(tree, a, b, join) {
  const under = (leaf) => {
    let node = leaf;
    while (tree.parents[node] !== join) node = tree.parents[node];
    return tree.lowest[node];
  };
  const [one, other] = [under(a), under(b)];
  const { heights } = tree;
  return heights[one] > heights[other] || (heights[one] === heights[other] && one > other) ? one : other;
}

// The nodes under the merge that joins two leaves, and that merge (-1: they never join).
function branchesBetween(tree, a, b) {
  const nodes = [];
  let low = Math.min(a, b), high = Math.max(a, b);
  while (low !== high) {
    nodes.push(low);
    low = tree.parents[low];
    if (low < 0) return { nodes: [], join: -1 };
    if (low > high) [low, high] = [high, low];
  }
  return { nodes, join: low };
}

// For each leaf its edges in the lowest spanning forest (the first ones), in compressed rows.
function adjacency(nLeaves, edges) {
  const starts = new Int32Array(nLeaves + 1);
  const { source, target, n_forest: n } = edges;
  for (let e = 0; e < n; e++) { starts[source[e] + 1]++; starts[target[e] + 1]++; }
  for (let k = 0; k < nLeaves; k++) starts[k + 1] += starts[k];
  const filled = starts.slice();
  const list = new Int32Array(2 * n);
  for (let e = 0; e < n; e++) { list[filled[source[e]]++] = e; list[filled[target[e]]++] = e; }
  return { starts, list };
}

// The best route from a to b, which lies within the spanning forest: its leaves and its edges, or null.
function route(surface, a, b) {
  const { edges, adjacent } = surface;
  const from = new Int32Array(surface.ids.length).fill(-1);
  const seen = new Uint8Array(surface.ids.length);
  const queue = [a];
  seen[a] = 1;
  for (let k = 0; k < queue.length && !seen[b]; k++) {
    const leaf = queue[k];
    for (let at = adjacent.starts[leaf]; at < adjacent.starts[leaf + 1]; at++) {
      const e = adjacent.list[at];
      const next = edges.source[e] === leaf ? edges.target[e] : edges.source[e];
      if (seen[next]) continue;
      seen[next] = 1;
      from[next] = e;
      queue.push(next);
    }
  }
  if (!seen[b]) return null;
  const leaves = [b], used = [];
  while (leaves[0] !== a) {
    const e = from[leaves[0]];
    used.unshift(e);
    leaves.unshift(edges.source[e] === leaves[0] ? edges.target[e] : edges.source[e]);
  }
  return { leaves, edges: used };
}

// The height of the path found directly between two leaves; undefined where there is none.
function directHeight({ edges }, a, b) {
  const { source, target, height } = edges;
  for (let e = 0; e < source.length; e++) {
    if ((source[e] === a && target[e] === b) || (source[e] === b && target[e] === a)) return height[e];
  }
  return undefined;
}

// The energies along one edge, walked from leaf `start`: places from 0 to 1 and values, the refined top among them.
function edgeProfile(surface, e, start) {
  const { edges, heights } = surface;
  const turned = edges.source[e] !== start;
  const ends = [heights[edges.source[e]], heights[edges.target[e]]];
  let points = [[0, ends[0]], [1, ends[1]]];
  const stored = edges.profiles;
  if (stored && stored.codes[e * stored.points] !== 65535) {
    points = [];
    for (let k = 0; k < stored.points; k++) {
      const value = stored.low + (stored.high - stored.low) * stored.codes[e * stored.points + k] / 65534;
      points.push([k / (stored.points - 1), stored.log ? Math.exp(value) : value]);
    }
    points[0][1] = ends[0];
    points[points.length - 1][1] = ends[1];
  }
  const top = edges.height[e];
  const place = Number.isFinite(edges.top[e]) ? edges.top[e] : 0.5;
  if (points.every((point) => point[1] < top)) {
    points.push([place, top]);
    points.sort((p, q) => p[0] - q[0]);
  }
  return turned ? points.reverse().map(([t, value]) => [1 - t, value]) : points;
}
