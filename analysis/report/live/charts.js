// Small charts as SVG, in the pixels of the screen, so that text keeps its size on every one.
const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

export function short(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

// Round numbers between two ends, about `count` of them.
function ticks(low, high, count, whole) {
  const rough = (high - low) / Math.max(count, 1);
  const size = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].find((factor) => factor * size >= rough) * size;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
}

// A number below which, or above which, only bad values lie that would flatten all others.
export function limits(values, mode, share = 0.1) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (!sorted.length) return null;
  let low = sorted[0], high = sorted[sorted.length - 1];
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  if (sorted.length > 8) {
    if (mode === "max") low = Math.max(low, at(share) - (high - at(share)));
    else high = Math.min(high, at(1 - share) + (at(1 - share) - low));
  }
  if (high <= low) { const room = Math.abs(low) * 0.05 || 1; return [low - room, high + room]; }
  const room = (high - low) * 0.04;
  return [low - room, high + room];
}

// Axes on which marks are drawn; `x` and `y` give the place of a value. What lies outside the limits is cut off.
export function axes(svg, {xs, ys, xlabel, whole = true}) {
  const width = svg.clientWidth || 600, height = svg.clientHeight || 270;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const heights = ticks(ys[0], ys[1], height / 55, false);
  const left = 14 + 7 * Math.max(...heights.map((tick) => short(tick).length), 2), bottom = 38, top = 8, right = 12;
  const x = (value) => left + (value - xs[0]) / (xs[1] - xs[0] || 1) * (width - left - right);
  const y = (value) => height - bottom - (value - ys[0]) / (ys[1] - ys[0] || 1) * (height - bottom - top);
  svg.replaceChildren();
  for (const tick of heights) {
    svg.append(element("line", {class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick)}));
    svg.append(element("text", {x: left - 6, y: y(tick) + 4, "text-anchor": "end"}, short(tick)));
  }
  for (const tick of ticks(xs[0], xs[1], width / 80, whole)) {
    svg.append(element("text", {x: x(tick), y: height - bottom + 16, "text-anchor": "middle"}, short(tick)));
  }
  svg.append(element("text", {x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle"}, xlabel));
  const clip = element("clipPath", {id: `${svg.id}-clip`});
  clip.append(element("rect", {x: left - 5, y: top - 5, width: width - left - right + 10, height: height - bottom - top + 10}));
  const marks = element("g", {"clip-path": `url(#${svg.id}-clip)`});
  svg.append(clip, marks);
  return {marks, x, y, width, height};
}

export function line(plot, xs, ys, kind) {
  let path = "", pen = false;
  xs.forEach((value, i) => {
    if (ys[i] === null || ys[i] === undefined) { pen = false; return; }
    path += `${pen ? "L" : "M"}${plot.x(value).toFixed(1)} ${plot.y(ys[i]).toFixed(1)}`;
    pen = true;
  });
  const drawn = element("path", {class: kind, d: path});
  plot.marks.append(drawn);
  if (ys.filter((value) => value !== null).length === 1) {  // A curve of one epoch is a point.
    const i = ys.findIndex((value) => value !== null);
    plot.marks.append(element("path", {class: kind, d: `M${plot.x(xs[i]) - 2.5} ${plot.y(ys[i])}h5`}));
  }
  return drawn;
}

export function steps(plot, xs, ys, kind) {
  let path = "";
  xs.forEach((value, i) => {
    if (ys[i] === null) return;
    path += path ? `H${plot.x(value).toFixed(1)}V${plot.y(ys[i]).toFixed(1)}` : `M${plot.x(value).toFixed(1)} ${plot.y(ys[i]).toFixed(1)}`;
  });
  plot.marks.append(element("path", {class: kind, d: path}));
}

export function cross(plot, x, y, kind) {
  const a = plot.x(x), b = plot.y(y);
  plot.marks.append(element("path", {class: kind, d: `M${a - 3} ${b - 3}l6 6m0 -6l-6 6`}));
}

export function dot(plot, x, y, kind) {
  plot.marks.append(element("circle", {class: kind, cx: plot.x(x), cy: plot.y(y), r: 3.2}));
}

export function bar(plot, x, from, to, share, kind) {
  const half = share * Math.abs(plot.x(1) - plot.x(0)) / 2;
  plot.marks.append(element("rect", {class: kind, x: plot.x(x) - half, width: Math.max(1, 2 * half), y: plot.y(to), height: Math.max(0, plot.y(from) - plot.y(to))}));
}
