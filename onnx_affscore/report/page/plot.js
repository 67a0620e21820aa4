// The signature plot: uPlot has axes, lines and zoom; marks, intervals and keys are drawn here.

const NEAR = 26; // pixels between the pointer and a mark that it means

function makePlot(host) {
  const whole = wholeRange();
  const ordered = [...new Set(positions)].sort((a, b) => a - b);
  const column = new Map(ordered.map((x, place) => [x, place]));

  function lines() {
    const found = data.series.map(() => Array(ordered.length).fill(null));
    for (const site of visible()) {
      if (site.trunk && typeof site.affinity === "number") {
        found[site.series][column.get(positions[site.place])] = site.affinity;
      }
    }
    return [ordered, ...found];
  }

  const crossHeight = (u) => u.bbox.top + u.bbox.height - 9 * uPlot.pxRatio;
  function place(u, site) {
    const x = u.valToPos(positions[site.place], "x", true);
    const scored = typeof site.affinity === "number";
    return [x, scored ? u.valToPos(site.affinity, "y", true) : crossHeight(u)];
  }

  function drawMeans(u) {
    const ratio = uPlot.pxRatio;
    const { ctx, bbox } = u;
    ctx.save();
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.lineWidth = ratio;
    data.series.forEach((series, at) => {
      if (typeof series.mean !== "number") return;
      const y = u.valToPos(series.mean, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) return;
      ctx.strokeStyle = several ? colour(`series-${at % SERIES_COLOURS}`) : colour("soft");
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    });
    ctx.restore();
  }

  function drawSites(u) {
    const ratio = uPlot.pxRatio;
    const { ctx, bbox } = u;
    const shown = visible();
    const inside = shown.filter((s) => {
      const x = positions[s.place];
      return x >= u.scales.x.min && x <= u.scales.x.max;
    });
    const radius = Math.min(6, Math.max(3, (0.3 * bbox.width) / ratio / Math.max(inside.length, 1))) * ratio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const site of inside) {
      const [x, y] = place(u, site);
      if (typeof site.affinity !== "number") {
        ctx.strokeStyle = colour("soft");
        ctx.lineWidth = 1.6 * ratio;
        const arm = Math.min(radius, 4.5 * ratio);
        ctx.beginPath();
        ctx.moveTo(x - arm, y - arm);
        ctx.lineTo(x + arm, y + arm);
        ctx.moveTo(x + arm, y - arm);
        ctx.lineTo(x - arm, y + arm);
        ctx.stroke();
        continue;
      }
      if (typeof site.low === "number" && typeof site.high === "number") {
        ctx.strokeStyle = several ? siteColour(site) : colour("ink");
        ctx.lineWidth = 1.4 * ratio;
        ctx.beginPath();
        for (const end of [site.low, site.high]) {
          const at = u.valToPos(end, "y", true);
          ctx.moveTo(x - 3 * ratio, at);
          ctx.lineTo(x + 3 * ratio, at);
        }
        ctx.moveTo(x, u.valToPos(site.low, "y", true));
        ctx.lineTo(x, u.valToPos(site.high, "y", true));
        ctx.stroke();
      }
      drawMark(ctx, site, x, y, radius, ratio);
      if (site.lacking) {
        ctx.setLineDash([2.5 * ratio, 2 * ratio]);
        ctx.strokeStyle = colour("soft");
        ctx.lineWidth = 1.2 * ratio;
        ctx.beginPath();
        ctx.arc(x, y, radius + 3.5 * ratio, 0, 2 * Math.PI);
        ctx.stroke();
        ctx.setLineDash([]);
      }
    }
    for (const [name, extra] of [["selected", 5], ["active", 8]]) {
      const site = sites[state[name]];
      if (!site || !state.shown.has(site.place)) continue;
      ctx.strokeStyle = colour("link");
      ctx.lineWidth = (name === "selected" ? 2.5 : 1.5) * ratio;
      ctx.beginPath();
      ctx.arc(...place(u, site), radius + extra * ratio, 0, 2 * Math.PI);
      ctx.stroke();
    }
    ctx.restore();
  }

  const axis = (more) => ({
    stroke: () => colour("soft"),
    grid: { stroke: () => colour("rule"), width: 1 },
    ticks: { stroke: () => colour("rule"), width: 1 },
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    labelSize: 22,
    ...more,
  });
  const asAsked = (_, min, max) => [min, max];
  const reset = () => zoomTo(whole.x, whole.y);
  const plot = new uPlot(
    {
      width: Math.max(host.clientWidth, 200),
      height: host.clientHeight,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: true, uni: 24, dist: 6 },
        bind: { dblclick: () => () => (reset(), null) },
      },
      scales: { x: { time: false, auto: false, range: asAsked }, y: { auto: false, range: asAsked } },
      axes: [
        axis({
          label: sameLength ? "activation, in execution order" : "depth, %",
          values: (_, ticks) => ticks.map((v) => (Number.isInteger(v) ? String(v) : "")),
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
        }),
        axis({ label: "affinity (1 = affine in use)", size: 52, values: (_, ticks) => ticks.map((v) => String(+v.toFixed(4))) }),
      ],
      series: [
        {},
        ...data.series.map((series, at) => ({
          label: series.label,
          spanGaps: true,
          width: several ? 1.6 : 1,
          stroke: () => (several ? colour(`series-${at % SERIES_COLOURS}`) : colour("soft")),
          dash: at >= SERIES_COLOURS ? [6, 4] : [],
          points: { show: false },
        })),
      ],
      hooks: { draw: [drawMeans, drawSites], setScale: [() => host.dataset.x && remember()] },
    },
    lines(),
    host,
  );
  plot.over.setAttribute("aria-hidden", "true");

  function remember() {
    host.dataset.x = [plot.scales.x.min, plot.scales.x.max].join(" ");
    host.dataset.y = [plot.scales.y.min, plot.scales.y.max].join(" ");
  }

  function zoomTo(x, y) {
    plot.batch(() => {
      plot.setScale("x", { min: x[0], max: x[1] });
      plot.setScale("y", { min: y[0], max: y[1] });
    });
    remember();
  }

  function zoomBy(factor) {
    const centre = sites[state.active ?? state.selected];
    const [x, y] = ["x", "y"].map((name) => {
      const { min, max } = plot.scales[name];
      const own = name === "x" ? positions[centre?.place] : centre?.affinity;
      const middle = own > min && own < max ? own : (min + max) / 2;
      const [least, most] = whole[name];
      const width = Math.min((max - min) * factor, most - least);
      const start = Math.max(least, Math.min(middle - width / 2, most - width));
      return [start, start + width];
    });
    zoomTo(x, y);
  }

  const refresh = () => {
    plot.setData(lines(), false);
    plot.redraw();
  };
  return { plot, place, reset, zoomBy, refresh, redraw: () => plot.redraw() };
}

function connectPlot(host) {
  const drawn = makePlot(host);
  const { plot } = drawn;
  drawn.reset();
  const tip = element("div", { className: "tip", hidden: true, "aria-hidden": "true" });
  plot.over.append(tip);

  function nearest(event) {
    const box = plot.over.getBoundingClientRect();
    const ratio = uPlot.pxRatio;
    const at = [event.clientX - box.left, event.clientY - box.top];
    let found = null;
    let best = NEAR;
    for (const site of visible()) {
      const [x, y] = drawn.place(plot, site);
      const far = Math.hypot((x - plot.bbox.left) / ratio - at[0], (y - plot.bbox.top) / ratio - at[1]);
      if (far < best) [found, best] = [site, far];
    }
    return found;
  }

  function showTip(site) {
    tip.hidden = site === null;
    if (site === null) return;
    tip.replaceChildren(element("strong", {}, label(site)), `${site.activation}, ${site.role}`, element("br"), verdict(site));
    const ratio = uPlot.pxRatio;
    const [x, y] = drawn.place(plot, site);
    const [left, top] = [(x - plot.bbox.left) / ratio, (y - plot.bbox.top) / ratio];
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const room = plot.over.clientWidth;
    tip.style.left = `${Math.max(0, Math.min(left + 14, room - width))}px`;
    tip.style.top = `${top > height + 16 ? top - height - 14 : top + 16}px`;
  }

  let pressed = null;
  plot.over.addEventListener("mousedown", (event) => (pressed = [event.clientX, event.clientY]));
  plot.over.addEventListener("mousemove", (event) => {
    const site = nearest(event);
    if (site?.place !== state.active) change("active", site ? site.place : null, { quiet: true });
  });
  plot.over.addEventListener("mouseleave", () => change("active", null, { quiet: true }));
  plot.over.addEventListener("click", (event) => {
    const moved = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 5;
    const site = nearest(event);
    if (site && !moved) change("selected", site.place);
  });

  const step = (many) => {
    const shown = visible().sort((a, b) => positions[a.place] - positions[b.place] || a.place - b.place);
    if (!shown.length) return;
    const at = shown.findIndex((site) => site.place === (state.active ?? state.selected));
    const to = Math.max(0, Math.min(shown.length - 1, at < 0 ? 0 : at + many));
    change("active", shown[to].place);
  };
  const keys = {
    ArrowRight: () => step(1),
    ArrowUp: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowDown: () => step(-1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    Enter: () => state.active !== null && change("selected", state.active, { focus: true }),
    " ": () => state.active !== null && change("selected", state.active),
    "+": () => drawn.zoomBy(0.5),
    "=": () => drawn.zoomBy(0.5),
    "-": () => drawn.zoomBy(2),
    0: () => drawn.reset(),
    Escape: () => drawn.reset(),
  };
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  host.addEventListener("focus", () => state.active === null && state.selected !== null && change("active", state.selected));
  host.addEventListener("blur", () => change("active", null, { quiet: true }));

  byId("zoom-in").addEventListener("click", () => drawn.zoomBy(0.5));
  byId("zoom-out").addEventListener("click", () => drawn.zoomBy(2));
  byId("zoom-reset").addEventListener("click", drawn.reset);
  listeners.shown.push(drawn.refresh);
  listeners.selected.push(drawn.redraw);
  listeners.active.push((place, { quiet }) => {
    showTip(place === null ? null : sites[place]);
    drawn.redraw();
    if (place !== null && !quiet) byId("said").textContent = `${label(sites[place])}, ${sites[place].activation}, ${verdict(sites[place])}`;
  });
  new ResizeObserver(() => {
    if (host.clientWidth) plot.setSize({ width: host.clientWidth, height: host.clientHeight });
  }).observe(host);
  return drawn;
}
