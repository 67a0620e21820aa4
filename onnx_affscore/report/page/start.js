// The page comes to life.

const THEMES = [["", "as the system"], ["dark", "dark"], ["light", "light"]];

function connectTheme(redraw) {
  let at = 0;
  byId("theme").addEventListener("click", () => {
    at = (at + 1) % THEMES.length;
    const [name, text] = THEMES[at];
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    byId("theme").textContent = `Theme: ${text}`;
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function describeMarks() {
  const means = data.series.map((own) => own.mean).filter((mean) => typeof mean === "number");
  const parts = means.length ? [several ? "dashed lines: means" : `dashed line: mean ${means[0].toFixed(2)}`] : [];
  if (sites.some((s) => typeof s.low === "number")) parts.push("vertical line: 95 % interval, often within the mark");
  if (sites.some((s) => s.lacking)) parts.push("dashed ring: no interval");
  const hollow = [...new Set(sites.filter((s) => !s.filled && typeof s.affinity === "number").map((s) => s.role))];
  if (hollow.length) parts.push(`hollow: ${hollow.join(" or ")}`);
  if (sites.some((s) => typeof s.affinity !== "number")) parts.push("cross below: no score");
  byId("key").textContent = parts.join("; ");
}

document.documentElement.classList.add("script");
describeMarks();
connectSites(byId("sites"));
document.querySelectorAll("main table").forEach(makeSortable);
const signaturePlot = connectPlot(byId("plot"));
connectFilters(byId("filters"));
connectDetails();
connectTheme(() => {
  signaturePlot.redraw();
  for (const { made } of charts) made.redraw();
});

// What a reader looks for first: the activation that bends most.
const scored = sites.filter((site) => typeof site.affinity === "number");
const first = scored.length ? scored.reduce((a, b) => (b.affinity < a.affinity ? b : a)) : sites[0];
if (first) change("selected", first.place);
else byId("details").hidden = true;
byId("said").textContent = "";
