// What every part of the page uses: the data, elements made from text, colours, what is selected.

const data = JSON.parse(document.getElementById("data").textContent);
const sites = data.sites.map((site, place) => ({ ...site, place }));
const several = data.series.length > 1;
const SERIES_COLOURS = 6;

const byId = (id) => document.getElementById(id);

// Names come from model files: text is set as text, never as markup.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const siteColour = (site) => colour(several ? `series-${site.series % SERIES_COLOURS}` : site.kin);

function digits(value, many = 4) {
  if (typeof value !== "number") return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) return value.toPrecision(3);
  return Number.isInteger(value) ? String(value) : value.toFixed(many);
}

function label(site) {
  const where = several ? `${data.series[site.series].label}: ` : "";
  return `${where}${site.index} ${site.name}`;
}

function verdict(site) {
  if (typeof site.affinity !== "number") return `no score: ${site.status}`;
  const score = `affinity ${digits(site.affinity)}`;
  if (typeof site.low === "number" && typeof site.high === "number") {
    return `${score}, 95 % interval ${digits(site.low)} to ${digits(site.high)}`;
  }
  return site.lacking ? `${score}, no interval: ${site.lacking}` : score;
}

// What is shown, under the cursor and selected; whoever wants to know of a change listens.
const state = { shown: new Set(sites.map((site) => site.place)), active: null, selected: null };
const listeners = { shown: [], active: [], selected: [] };

function change(name, value, options = {}) {
  state[name] = value;
  for (const listener of listeners[name]) listener(value, options);
}

const visible = () => sites.filter((site) => state.shown.has(site.place));
