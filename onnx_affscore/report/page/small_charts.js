// The three drawings of one site: distributions, shape in use, spectrum. Each has its text.

const charts = []; // those on show, to be redrawn and taken away

const middles = (side, many) =>
  Array.from({ length: many }, (_, bin) => side.low + ((side.high - side.low) * (bin + 0.5)) / many);

const short = (value) => (typeof value === "number" ? String(+value.toPrecision(3)) : "–");

function makeChart(host, { columns, series, bands = [], scales = {}, xLabel, yLabel }) {
  const axis = (text, more) => ({
    label: text,
    stroke: () => colour("soft"),
    grid: { stroke: () => colour("rule"), width: 1 },
    ticks: { stroke: () => colour("rule"), width: 1 },
    font: "11px system-ui, sans-serif",
    labelFont: "11px system-ui, sans-serif",
    labelSize: 18,
    ...more,
  });
  const numbers = (_, ticks) => ticks.map((v) => (v === null ? "" : short(v)));
  const shown = (_, v) => (v === null || v === undefined ? "–" : short(v));
  const made = new uPlot(
    {
      width: Math.max(host.clientWidth, 180),
      height: 196,
      padding: [8, 16, 0, 0],
      cursor: { drag: { x: false, y: false }, y: false },
      scales: { x: { time: false, ...scales.x }, y: { ...scales.y } },
      axes: [axis(xLabel, { size: 30, values: numbers }), axis(yLabel, { size: 48, values: numbers })],
      series: [{ label: xLabel, value: shown }, ...series.map((own) => ({ value: shown, points: { show: false }, ...own }))],
      bands,
    },
    columns,
    host,
  );
  charts.push({ made, host });
}

function figure(title, text) {
  const host = element("div", { className: "chart", "aria-hidden": "true" });
  return [element("figure", {}, element("figcaption", {}, title), host, element("p", {}, text)), host];
}

function clearCharts() {
  while (charts.length) charts.pop().made.destroy();
}

const shares = (side) => {
  const all = side.counts.reduce((sum, count) => sum + count, side.outside);
  return side.counts.map((count) => (100 * count) / all);
};

const bars = (name, variable) => ({
  label: name,
  stroke: () => colour(variable),
  fill: () => `${colour(variable)}44`,
  width: 1.5,
  paths: uPlot.paths.stepped({ align: 0 }),
});

function distributions(found) {
  const { before, after } = found;
  const shared = before.low === after.low && before.high === after.high;
  const span = (side) => `${short(side.low)} to ${short(side.high)}`;
  const beyond = before.outside + after.outside;
  const rest = beyond ? ` ${beyond} values lie outside.` : "";
  const top = (side) => {
    const own = shares(side);
    return `${Math.max(...own).toFixed(0)} % of the values in the fullest of ${own.length} bins`;
  };
  const text = `Before: ${span(before)}, ${top(before)}. After: ${span(after)}, ${top(after)}.${rest}`;
  const [box, host] = figure("Values before and after", text);
  const draw = () => {
    const percent = "% of values";
    if (shared) {
      const columns = [middles(before, before.counts.length), shares(before), shares(after)];
      makeChart(host, { columns, series: [bars("before", "before"), bars("after", "after")], xLabel: "value", yLabel: percent });
      return;
    }
    const flat = (side) => (side.high > side.low ? side : { ...side, low: side.low - 0.5, high: side.high + 0.5 });
    for (const [name, side] of [["before", flat(before)], ["after", flat(after)]]) {
      const part = element("div");
      host.append(part);
      makeChart(part, { columns: [middles(side, side.counts.length), shares(side)], series: [bars(name, name)], xLabel: `value ${name}`, yLabel: percent });
    }
  };
  return [box, draw];
}

function shapeInUse(found) {
  const { shape } = found;
  const x = middles(shape, shape.mean.length);
  const filled = x.map((_, bin) => bin).filter((bin) => shape.mean[bin] !== null);
  const ends = filled.length
    ? `From ${short(shape.mean[filled[0]])} at ${short(x[filled[0]])} to ${short(shape.mean[filled.at(-1)])} at ${short(x[filled.at(-1)])}.`
    : "Too few values.";
  const text = `${ends} Mean of the output where the input is x; shaded, 5 to 95 %. Features are pooled, so this is flatter and wider than the function itself.`;
  const [box, host] = figure("Shape in use", text);
  const draw = () =>
    makeChart(host, {
      columns: [x, shape.p95, shape.p5, shape.mean],
      series: [
        { label: "95 %", stroke: () => colour("edge"), width: 0.6 },
        { label: "5 %", stroke: () => colour("edge"), width: 0.6 },
        { label: "mean", stroke: () => colour("link"), width: 2.2 },
      ],
      bands: [{ series: [1, 2], fill: () => `${colour("link")}2e` }],
      xLabel: "x, before",
      yLabel: "y, after",
    });
  return [box, draw];
}

function spectrum(found) {
  const own = found.spectrum;
  const most = Math.max(...own.before, ...own.after);
  const seen = (values) => values.map((v) => (v !== null && v > most * 1e-12 ? v : null));
  const columns = [own.index, seen(own.before), seen(own.after)];
  const above = (side) => own[side].filter((v) => v > (own[`floor_${side}`] ?? 0)).length;
  const head = (side) => `largest ${short(own[side][0])}`;
  const text = `Variance along each direction. Before: ${head("before")}; after: ${head("after")}. ${above("before")} and ${above("after")} of the ${own.index.length} drawn lie above the rounding of the data.`;
  const [box, host] = figure("Spectrum of the covariances", text);
  const line = (name) => ({ label: name, stroke: () => colour(name), width: 1.8, points: { show: true, size: 4 } });
  const draw = () => {
    if (!(most > 0)) return;
    makeChart(host, { columns, series: [line("before"), line("after")], scales: { x: { distr: 3 }, y: { distr: 3 } }, xLabel: "direction", yLabel: "eigenvalue" });
  };
  return [box, draw];
}

// Drawn once it is in the page: a chart wants the width of its place.
function drawings(found) {
  const parts = [];
  if (found.before && found.after) parts.push(distributions(found));
  if (found.shape) parts.push(shapeInUse(found));
  if (found.spectrum) parts.push(spectrum(found));
  return parts;
}
