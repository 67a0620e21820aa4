// Where a site lies in the signature plot, and how its mark is drawn.

const lengths = data.series.map((_, place) => sites.filter((s) => s.series === place).length);
const sameLength = lengths.every((length) => length === lengths[0]);

// Where signatures differ in length the axis is depth in per cent: ends lie on ends.
const positions = (() => {
  const seen = data.series.map(() => 0);
  return sites.map((site) => {
    const order = seen[site.series]++;
    if (sameLength) return several ? order : site.index;
    return lengths[site.series] > 1 ? (100 * order) / (lengths[site.series] - 1) : 50;
  });
})();

function wholeRange() {
  const values = sites.flatMap((s) => [s.affinity, s.low, s.high]).filter(Number.isFinite);
  const low = Math.min(0, ...values.map((v) => Math.floor(v * 10) / 10));
  const high = Math.max(1, ...values.map((v) => Math.ceil(v * 10) / 10));
  const first = Math.min(...positions, Infinity);
  const last = Math.max(...positions, -Infinity);
  if (!Number.isFinite(first)) return { x: [-1, 1], y: [low, high] };
  const room = Math.max((last - first) * 0.025, sameLength ? 0.5 : 2);
  const crosses = sites.some((s) => typeof s.affinity !== "number");
  return { x: [first - room, last + room], y: [low - (crosses ? 0.08 : 0.03) * (high - low), high + 0.04] };
}

function tracePath(ctx, shape, x, y, radius) {
  ctx.beginPath();
  if (!data.shapes[shape]) {
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  data.shapes[shape].forEach(([dx, dy], corner) => {
    const at = [x + radius * dx, y - radius * dy];
    if (corner) ctx.lineTo(...at);
    else ctx.moveTo(...at);
  });
  ctx.closePath();
}

function drawMark(ctx, site, x, y, radius, ratio) {
  const own = siteColour(site);
  tracePath(ctx, site.shape, x, y, radius);
  ctx.fillStyle = site.filled ? own : colour("ground");
  ctx.fill();
  ctx.lineWidth = (site.filled ? 0.8 : 1.8) * ratio;
  ctx.strokeStyle = site.filled ? colour("ink") : own;
  ctx.stroke();
}
