// Two layers of our own inside a Plotly panel, in step with its axes: lines under the markers (a canvas: software
// WebGL takes seconds for the lines of 10,000 minima, a canvas milliseconds), and over them what a click changes (SVG).
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function svgElement(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// Pixels of the panel from coordinates on its axes (log10 on a log axis): [factor, shift] of each axis.
function transforms(panel) {
  const straight = (axis) => {
    // From the ends of the axis: pixels are rounded, which far from them (of energies of -12345.6, say) adds up.
    const [first, last] = axis.range;
    const factor = (axis.l2p(last) - axis.l2p(first)) / (last - first);
    return [factor, axis._offset + axis.l2p(first) - factor * first];
  };
  const { xaxis, yaxis } = panel._fullLayout;
  const frame = { left: xaxis._offset, top: yaxis._offset, width: xaxis._length, height: yaxis._length };
  return { x: straight(xaxis), y: straight(yaxis), frame };
}

// Keep `drawLines(canvas context, transforms)` and `overlayShapes(transforms)` drawn whenever the panel is.
function addLayers(panel, drawLines, overlayShapes) {
  const canvas = document.createElement("canvas");
  const overlay = svgElement("svg", { class: "overlay" });
  const place = () => {
    const container = panel.querySelector(".svg-container");
    const gl = container && container.querySelector(".gl-container");
    if (!gl) return false;
    if (canvas.nextSibling !== gl) gl.before(canvas);
    if (overlay.parentNode !== container) container.append(overlay);
    return true;
  };
  const draw = (what) => {
    if (!panel._fullLayout || !place()) return;
    const given = transforms(panel);
    const { width, height } = panel._fullLayout;
    if (what !== "overlay") {
      const ratio = window.devicePixelRatio || 1;
      Object.assign(canvas, { width: width * ratio, height: height * ratio, className: "lines" });
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      const { left, top, width: w, height: h } = given.frame;
      context.beginPath();
      context.rect(left, top, w, h);
      context.clip();
      drawLines(context, given);
    }
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) overlay.setAttribute(key, value);
    const { left, top, width: w, height: h } = given.frame;
    const inside = ([x, y]) => x >= left - 1 && x <= left + w + 1 && y >= top - 1 && y <= top + h + 1;
    overlay.replaceChildren(...overlayShapes(given, inside));
  };
  for (const event of ["plotly_afterplot", "plotly_relayouting"]) panel.on(event, () => draw("all"));
  return draw;
}

const toPixel = ({ x, y }, px, py) => [x[0] * px + x[1], y[0] * py + y[1]];

const FADED = 0.6;
// Dashes and gaps in pixels, by the name of the state: lines of parts that join what is lower by merges that nobody
// searched enough to call barriers.
const DASHES = { "not tested": [6, 4], unknown: [6, 3, 1.5, 3] };

// A bar from `start` to `end` along one axis, in dashes: `fill(from, to)` draws a piece.
function dashed(start, end, dashes, fill) {
  for (let at = start, k = 0; at < end; at += dashes[k], k = (k + 1) % dashes.length) {
    if (k % 2 === 0) fill(at, Math.min(at + dashes[k], end));
  }
}

// The branches of a tree, in the color of each node, neutral ones first: upright and level bars, as crisp rectangles.
// Where a part joins by a merge that is in doubt, its branch and what leads there of the level bar are dashed and faded.
function drawBranches(context, given, tree, states, common, colors, neutral) {
  const { x: [ax, bx], y: [ay, by], frame } = given;
  const n = tree.parents.length;
  const ratio = window.devicePixelRatio || 1;
  const spacing = Math.abs(ax);
  const px = new Float32Array(n), py = new Float32Array(n);
  for (let node = 0; node < n; node++) {
    const x = ax * tree.x[node] + bx;
    px[node] = spacing > 4 ? Math.round(x * ratio) / ratio : x;
    py[node] = ay * tree.drawn[node] + by;
  }
  const end = ay * tree.range[1] + by;
  const wide = spacing > 4 ? 1.5 : spacing > 1 ? 1 : 0.6;
  const right = frame.left + frame.width;
  const several = tree.parents.reduce((count, above) => count + (above < 0), 0) > 1;
  // The bar of each merge, from its first to its last branch.
  // and of these the first and last that are not in doubt, or the merge's own.
  const from = new Float32Array(n).fill(Infinity), to = new Float32Array(n).fill(-Infinity);
  const sureFrom = px.slice(), sureTo = px.slice();
  const doubt = new Int32Array(n).fill(-1);
  for (let node = 0; node < n; node++) {
    const above = tree.parents[node];
    if (above < 0) continue;
    from[above] = Math.min(from[above], px[node]);
    to[above] = Math.max(to[above], px[node]);
    if (tree.doubts[node] >= 0) doubt[above] = Math.max(doubt[above], tree.doubts[node]);
    else {
      sureFrom[above] = Math.min(sureFrom[above], px[node]);
      sureTo[above] = Math.max(sureTo[above], px[node]);
    }
  }
  const longer = n > 4000 ? 4 : 1;
  const dashesOf = (code) => DASHES[states[code]].map((length) => longer * length);
  const byColor = new Map([[-1, []]]);
  for (let node = 0; node < n; node++) {
    if (!byColor.has(common[node])) byColor.set(common[node], []);
    byColor.get(common[node]).push(node);
  }
  for (const [group, nodes] of byColor) {
    context.fillStyle = group < 0 ? neutral : colors[group];
    const alpha = group < 0 && n > 4000 ? 0.6 : 1;
    const faded = (paint) => {
      context.globalAlpha = alpha * FADED;
      paint();
      context.globalAlpha = alpha;
    };
    context.globalAlpha = alpha;
    for (const node of nodes) {
      const above = tree.parents[node];
      const x = px[node], y = py[node];
      const up = above < 0 ? end : py[above];
      if (to[node] > from[node]) {
        context.fillRect(sureFrom[node] - wide / 2, y - wide / 2, sureTo[node] - sureFrom[node] + wide, wide);
        if (doubt[node] >= 0) faded(() => {
          const piece = (left, right) => context.fillRect(left, y - wide / 2, right - left, wide);
          const [near, far] = [Math.max(from[node], frame.left), Math.min(to[node], right)];
          dashed(near, Math.min(sureFrom[node], far), dashesOf(doubt[node]), piece);
          dashed(Math.max(sureTo[node], near), far, dashesOf(doubt[node]), piece);
        });
      }
      if (x < frame.left - 2 || x > right + 2) continue;
      if (tree.doubts[node] >= 0) faded(() => {
        const top = Math.max(up, frame.top), bottom = Math.min(y, frame.top + frame.height);
        dashed(top, bottom, dashesOf(tree.doubts[node]), (high, low) => context.fillRect(x - wide / 2, high, wide, low - high));
      });
      else if (above >= 0 || !several) context.fillRect(x - wide / 2, up, wide, y - up);
      else for (let dot = y; dot > up; dot -= 4) context.fillRect(x - wide / 2, dot - 2, wide, 2);
    }
  }
  context.globalAlpha = 1;
}

// Rings with names around picked minima, thin rings around marked ones, and a line.
function selectionShapes(given, inside, { line, dashed, marked, picked, breaks = [] }) {
  const path = (points) => points.map((part) => `M${part.map(([x, y]) => toPixel(given, x, y).map((v) => v.toFixed(1)).join(" ")).join("L")}`).join("");
  const { left, top, width, height } = given.frame;
  const clip = svgElement("clipPath", { id: `clip-${(selectionShapes.count = (selectionShapes.count || 0) + 1)}` });
  clip.append(svgElement("rect", { x: left, y: top, width, height }));
  const cut = `url(#${clip.id})`;
  const shapes = [clip];
  for (const middle of breaks) {
    const [, y] = toPixel(given, 0, middle);
    if (y > top && y < top + height) shapes.push(svgElement("text", { class: "break", x: left, y: y + 4 }, "≈"));
  }
  if (dashed !== undefined) {
    const [, y] = toPixel(given, 0, dashed);
    shapes.push(svgElement("path", { class: "level", d: `M${left} ${y}H${left + width}`, "clip-path": cut }));
  }
  if (line.length) shapes.push(svgElement("path", { class: "route", d: path(line), "clip-path": cut }));
  for (const [x, y] of marked) {
    const at = toPixel(given, x, y);
    if (inside(at)) shapes.push(svgElement("circle", { class: "marked", cx: at[0], cy: at[1], r: 6 }));
  }
  for (const [x, y, name] of picked) {
    const at = toPixel(given, x, y);
    if (!inside(at)) continue;
    shapes.push(svgElement("circle", { class: "picked", cx: at[0], cy: at[1], r: 8, "data-id": name }));
    shapes.push(svgElement("text", { class: "picked", x: at[0], y: at[1] + 22 }, name));
  }
  return shapes;
}
