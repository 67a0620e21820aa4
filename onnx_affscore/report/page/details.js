// Everything about the selected site.

// Every score by name; those that could not be given are below, by reason.
function scores(site) {
  if (!site.scores.length) return [];
  const list = element("dl", { className: "scores" });
  const missing = new Map();
  for (const { label: name, value, reason } of site.scores) {
    if (typeof value === "number") list.append(element("div", {}, element("dt", {}, name), element("dd", {}, digits(value))));
    else missing.set(reason, [...(missing.get(reason) ?? []), name]);
  }
  const lacking = [...missing].map(([reason, names]) => element("li", {}, `${names.join(", ")}: ${reason || "not measured"}`));
  const rest = lacking.length ? [element("p", { className: "hint" }, "Not given:"), element("ul", { className: "words hint" }, ...lacking)] : [];
  return [element("h3", {}, "Scores"), list, ...rest];
}

function facts(site) {
  const list = element("dl", { className: "facts" });
  for (const [name, value] of Object.entries(site.facts)) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

function warnings(site) {
  if (!site.warnings.length) return null;
  return element("ul", { className: "words warnings" }, ...site.warnings.map((text) => element("li", {}, element("strong", {}, "Warning: "), text)));
}

function showDetails(place, { focus = false } = {}) {
  const site = sites[place];
  clearCharts();
  byId("detail-title").textContent = label(site);
  const drawn = drawings(site.details);
  const words = element("ul", { className: "words" }, ...site.words.map((text) => element("li", {}, text)));
  const none = drawn.length ? null : element("p", {}, "This file holds no distributions of this activation.");
  byId("detail-body").replaceChildren(
    ...[words, warnings(site), element("div", { className: "charts" }, ...drawn.map(([box]) => box)), none, ...scores(site), element("h3", {}, "Place"), facts(site)].filter(Boolean),
  );
  for (const [, draw] of drawn) draw();
  byId("said").textContent = `Details of ${label(site)}: ${verdict(site)}`;
  if (focus) byId("detail-title").focus();
}

function connectDetails() {
  const step = (many) => {
    const shown = visible();
    const at = shown.findIndex((site) => site.place === state.selected);
    if (shown.length) change("selected", shown[(at + many + shown.length) % shown.length].place);
  };
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  listeners.selected.push(showDetails);
  new ResizeObserver(() => {
    for (const { made, host } of charts) if (host.clientWidth) made.setSize({ width: host.clientWidth, height: 196 });
  }).observe(byId("detail-body"));
}
