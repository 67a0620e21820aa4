// Tables that can be sorted, the table of sites as a way to choose one, and the filters.

const ESSENTIAL = 9; // columns of the table of sites behind the name: up to the ranks

function cellValue(cell, numeric) {
  const text = cell.textContent.trim();
  if (!numeric) return text.toLowerCase();
  const value = parseFloat(text.replace("−", "-"));
  return Number.isNaN(value) ? null : value;
}

function sortRows(table, column, direction, numeric) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => [cellValue(row.cells[column], numeric), place, row]);
  rows.sort(([a, i], [b, j]) => {
    if (a === b) return i - j;
    if (a === null) return 1; // what is missing comes last, whichever way
    if (b === null) return -1;
    const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    return direction * order || i - j;
  });
  body.append(...rows.map(([, , row]) => row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const numeric = head.classList.contains("num");
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sortRows(table, column, up ? 1 : -1, numeric);
    });
  });
}

function connectSites(box) {
  const table = box.querySelector("table");
  const rows = [...table.tBodies[0].rows];
  rows.forEach((row, place) => {
    const name = row.querySelector("th");
    const button = element("button", { type: "button", title: "Show details" }, ...name.childNodes);
    name.append(button);
    button.addEventListener("click", () => change("selected", place, { focus: true }));
  });
  const first = 1 + (several ? 1 : 0) + ESSENTIAL;
  for (const row of table.rows) for (const cell of [...row.cells].slice(first)) cell.classList.add("extra");
  const more = byId("more");
  const adjust = () => table.classList.toggle("few", !more.checked);
  more.addEventListener("change", adjust);
  adjust();
  more.parentElement.hidden = !table.querySelector(".extra");
  listeners.shown.push((shown) => rows.forEach((row, place) => (row.hidden = !shown.has(place))));
  listeners.selected.push((chosen) =>
    rows.forEach((row, place) => (place === chosen ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current"))),
  );
}

// A picture of a mark, taken from the table that the page came with.
function markOf(family) {
  const place = sites.findIndex((site) => site.family === family);
  const drawn = byId("sites").querySelectorAll("tbody tr")[place]?.querySelector("td svg");
  return drawn ? drawn.cloneNode(true) : null;
}

function boxes(host, values, picture = () => null) {
  const made = values.map(([value, text]) => {
    const box = element("input", { type: "checkbox", checked: true, value });
    host.append(element("label", {}, box, picture(value), text));
    return box;
  });
  return () => new Set(made.filter((box) => box.checked).map((box) => box.value));
}

function counted(key) {
  const many = new Map();
  for (const site of sites) many.set(site[key], (many.get(site[key]) ?? 0) + 1);
  return [...many].map(([value, count]) => [value, `${value} (${count})`]);
}

function connectFilters(form) {
  const swatch = (place) => {
    const made = element("span", { className: "swatch" });
    made.style.setProperty("--s", `var(--series-${place % SERIES_COLOURS})`);
    return made;
  };
  const families = boxes(byId("families"), counted("family"), markOf);
  const roles = boxes(byId("roles"), counted("role"));
  const series = boxes(byId("series"), data.series.map((own, place) => [String(place), own.label]), swatch);
  byId("series-box").hidden = !several;
  const apply = () => {
    const [family, role, own] = [families(), roles(), series()];
    const wanted = byId("find").value.trim().toLowerCase();
    const shown = sites.filter((site) => family.has(site.family) && role.has(site.role) && own.has(String(site.series)) && site.name.toLowerCase().includes(wanted));
    byId("shown").textContent = `${shown.length} of ${sites.length} shown`;
    change("shown", new Set(shown.map((site) => site.place)));
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("all").addEventListener("click", () => {
    form.querySelectorAll("input[type=checkbox]").forEach((box) => (box.checked = true));
    byId("find").value = "";
    apply();
  });
  apply();
}
