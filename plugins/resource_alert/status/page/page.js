"use strict";
const EVERY_MS = 2000;
const BAD = ["FAILURE", "WARNING", "MISSING"]; // the worst first
const HISTORY_POINTS = 120; // of an hour
const LIMITS = [["warning_max", ">", "warning"], ["failure_max", ">", "failure"],
                ["warning_min", "<", "warning"], ["failure_min", "<", "failure"]];

// ---- making and putting nodes ----

const byId = id => document.getElementById(id);

// All that comes from the daemon becomes text or a value of an attribute:
// names are given by others.
function make(tag, attributes, ...children) {
  const svg = tag === "svg" || tag === "path";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}

// Makes CHILDREN the nodes of PARENT and leaves alone those that are the same:
// what is selected stays selected.
function put(parent, children) {
  children.forEach((child, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(child);
    else if (old !== child && !old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

const state = (word, text) => make("span", {class: `state ${word}`}, text || word);

// ---- words ----

function number(value, unit) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const plain = size >= 1e9 || (size > 0 && size < 0.001)
    ? value.toPrecision(4) : value.toLocaleString("en", {maximumFractionDigits: size < 10 ? 3 : size < 1000 ? 1 : 0});
  return unit ? `${plain} ${unit}` : plain;
}

function lasting(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const at = Math.max(0, units.findIndex(([, size], i) => seconds >= size || i === 3));
  const [unit, size] = units[at];
  const whole = `${Math.floor(Math.max(0, seconds) / size)} ${unit}`;
  if (at > 1) return whole;
  const [smaller, part] = units[at + 1], rest = Math.floor(seconds % size / part);
  return rest ? `${whole} ${rest} ${smaller}` : whole;
}

function moment(date) {
  const two = n => String(n).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return date.toDateString() === new Date().toDateString() ? time : `${day} ${time}`;
}

let host = ""; // the daemon's own: its series go without it
const seriesName = name => name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name;

function limitWords(rule) {
  const words = LIMITS.filter(([key]) => key in rule.limits).map(([key, sign, word]) =>
    `${word} ${sign} ${number(rule.limits[key])}`).join(", ");
  return rule.inverted ? `inverted: ${words}` : words;
}

// "over its warning limit of 80"; a rule that recovers is within its limits already.
function beyondWords(rule) {
  const beyond = LIMITS.filter(([key, sign, word]) => key in rule.limits && word === rule.state.toLowerCase()
    && (sign === ">" ? rule.value > rule.limits[key] : rule.value < rule.limits[key]));
  if (rule.inverted) return limitWords(rule);
  if (!beyond.length) return `within its limits again (${limitWords(rule)})`;
  const [[key, sign, word]] = beyond;
  return `${sign === ">" ? "over" : "under"} its ${word} limit of ${number(rule.limits[key], rule.unit)}`;
}

function reason(rule, now) {
  const since = rule.since ? ` for ${lasting(now - rule.since)}` : "";
  const others = rule.counts[rule.state] > 1 ? ` and ${rule.counts[rule.state] - 1} more` : "";
  const which = rule.series.length ? ` ${seriesName(rule.series[0].name)}${others}` : "";
  const what = rule.state === "MISSING" ? `has had no reading${since}`
    : !Object.keys(rule.limits).length ? `is in ${rule.state}${since}` // it is told by notifications
    : `is at ${number(rule.value, rule.unit)}, ${beyondWords(rule)},${since}`;
  return make("li", {}, make("b", {}, rule.name), ` ${what}`, make("span", {class: "quiet"}, which));
}

function plural(count, one, many) { return count === 1 ? `1 ${one}` : `${count} ${many}`; }

// ---- the verdict ----

const brokenActions = responses => responses.flatMap(response => response.actions
  .filter(action => action.error || (action.drill && action.drill !== "ok"))
  .map(action => ({response: response.name, action: action.name, why: action.error || `a drill failed: ${action.drill}`})));

function verdictWord(status, bad, troubles) {
  if (bad.length) return plural(bad.length, "rule needs attention", "rules need attention");
  if (troubles) return plural(troubles, "thing needs attention", "things need attention");
  if (!status.rules.length) return "Nothing is watched: there are no rules";
  if (status.worst === "UNKNOWN") return "No reading yet";
  return "Nothing is wrong";
}

function showVerdict(status, bad) {
  const now = status.time;
  const broken = brokenActions(status.responses);
  const latched = status.responses.filter(response => response.latched);
  const rejected = status.counts.values_rejected > 0;
  const troubles = broken.length + latched.length + (rejected ? 1 : 0);
  const reasons = bad.slice(0, 5).map(rule => reason(rule, now));
  if (bad.length > 5) reasons.push(make("li", {}, `and ${bad.length - 5} more below`));
  for (const one of broken)
    reasons.push(make("li", {}, make("b", {}, one.action), ` of ${one.response} cannot be done: ${one.why}`));
  for (const one of latched)
    reasons.push(make("li", {}, make("b", {}, one.name), " has acted too often and waits for ", make("code", {}, `resource-alertctl reset ${one.name}`)));
  if (rejected) reasons.push(make("li", {}, `${status.counts.values_rejected} values were rejected: there are more series than MaxSeries`));
  for (const one of status.responses.filter(response => response.state !== "OFF"))
    reasons.push(make("li", {}, make("b", {}, one.name), ` is ${one.state.toLowerCase()}, `,
                      `${one.level} of ${plural(one.actions.length, "action", "actions")} on${one.next ? `; next: ${one.next}` : ""}`));
  if (!bad.length && !troubles && status.worst === "OKAY")
    reasons.unshift(make("li", {}, `${plural(status.rules.length, "rule", "rules")}, ${plural(status.counts.watched ?? 0, "series", "series")} within the limits`));
  byId("verdict").className = bad.length || !troubles ? (status.rules.length ? status.worst : "UNKNOWN") : "WARNING";
  put(byId("word"), [document.createTextNode(verdictWord(status, bad, troubles))]);
  put(byId("reasons"), reasons);
}

// ---- the threshold table ----

function sparkline(rule) {
  const points = rule.history;
  const known = points.filter(point => point !== null);
  const limits = Object.values(rule.limits);
  const low = Math.min(...known, ...limits), span = Math.max(...known, ...limits) - low || 1;
  const y = value => (94 - (value - low) / span * 88).toFixed(1);
  const x = i => ((i + HISTORY_POINTS - points.length) / (HISTORY_POINTS - 1) * 100).toFixed(1);
  const line = points.map((point, i) => point === null ? ""
    : `${i && points[i - 1] !== null ? "L" : "M"}${x(i)} ${y(point)}h.01`).join("");
  const label = known.length ? `last hour: ${number(Math.min(...known))} to ${number(Math.max(...known))}` : "no history yet";
  const svg = make("svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": label});
  if (known.length) svg.append(...limits.map(limit => make("path", {class: "limit", d: `M0 ${y(limit)}H100`})),
                               make("path", {d: line}));
  return svg;
}

function bar(rule) {
  const {warning_min, warning_max, failure_min, failure_max} = rule.limits;
  const largest = Math.max(rule.value ?? 0, ...Object.values(rule.limits));
  const full = rule.unit === "%" && largest <= 100 ? 100 : largest * 1.25;
  if (rule.value === null || rule.value < 0 || rule.inverted || !(full > 0)) return null;
  const at = value => `${Math.min(100, Math.max(0, value / full * 100)).toFixed(2)}%`;
  const zones = [[failure_min, "failure"], [warning_min, "warning"], [warning_max ?? failure_max ?? full, "unknown"],
                 [failure_max ?? (warning_max === undefined ? undefined : full), "warning"],
                 [failure_max === undefined ? undefined : full, "failure"]];
  let from = "0%";
  const stops = zones.filter(([end]) => end !== undefined).map(([end, kind]) => {
    const stop = `var(--${kind}-soft) ${from} ${at(end)}`;
    from = at(end);
    return stop;
  });
  return make("div", {class: "bar", "aria-hidden": "true", style: `background:linear-gradient(to right,${stops.join(",")})`},
              make("i", {style: `width:${at(rule.value)}`}),
              ...Object.values(rule.limits).map(limit => make("s", {style: `left:${at(limit)}`})));
}

function seriesTable(rule, now) {
  const heads = ["State", "Series", "Value", "Since"].map(text => make("th", {scope: "col"}, text));
  const lines = rule.series.map(one => make("tr", {}, make("td", {}, state(one.state)),
    make("td", {}, seriesName(one.name), one.flapping ? make("span", {class: "quiet"}, " (flapping)") : ""),
    make("td", {}, number(one.value, rule.unit)), make("td", {}, one.since ? lasting(now - one.since) : "–")));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines));
}

function ruleParts(rule, now) {
  const which = rule.series_count === 1 && rule.series.length ? seriesName(rule.series[0].name)
    : rule.series_count ? `${rule.series_count} series` : "no series yet";
  const silenced = rule.silenced ? rule.silenced_until ? `silenced for ${lasting(rule.silenced_until - now)}` : "silenced" : "";
  return [state(rule.state),
    make("div", {class: "name"}, rule.name, make("div", {class: "quiet"}, [which, silenced].filter(Boolean).join(", "))),
    make("div", {class: `measure ${rule.state}`},
      make("div", {class: "value"}, make("b", {}, number(rule.value, rule.unit)), make("span", {class: "quiet"}, limitWords(rule))), bar(rule)),
    make("span", {class: "quiet since"}, rule.since ? lasting(now - rule.since) : ""),
    make("div", {class: `spark ${rule.state}`}, sparkline(rule))];
}

function seriesParts(rule, now) {
  if (!rule.series.length) return [make("p", {class: "quiet"}, "No series has matched this rule yet.")];
  const more = rule.series_count - rule.series.length;
  return [seriesTable(rule, now), ...(more > 0 ? [make("p", {class: "quiet"}, `and ${more} more, none of them worse`)] : [])];
}

const ruleNodes = new Map(); // what is open stays open, what has the focus keeps it

function ruleNode(rule, now) {
  if (!ruleNodes.has(rule.key))
    ruleNodes.set(rule.key, make("details", {}, make("summary", {class: "rule"}), make("div", {class: "series"})));
  const node = ruleNodes.get(rule.key);
  put(node.firstChild, ruleParts(rule, now));
  put(node.lastChild, seriesParts(rule, now));
  return node;
}

function showRows(rules, now) {
  const list = byId("rules");
  const nodes = rules.map(rule => ruleNode(rule, now));
  if (!nodes.length) nodes.push(make("p", {class: "empty"}, "The configuration has no <Threshold>."));
  if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i])) list.replaceChildren(...nodes);
}

// ---- responses, silences, events ----

function actionNode(action) {
  const mark = {on: "●", off: "○", unsure: "◐"}[action.state];
  const word = action.wanted && action.state !== "on" ? "wanted, not on yet" : action.state;
  const mode = action.mode === "auto" ? "" : `, ${action.mode}`;
  return make("li", {class: action.error ? "trouble" : action.state === "on" ? "on" : "quiet"},
              `${mark} ${action.name} `, make("span", {class: "quiet"}, word + mode), action.error ? `: ${action.error}` : "");
}

function responseNode(response, now) {
  const since = response.since ? `for ${lasting(now - response.since)}` : "";
  const next = response.latched ? "has acted too often: waits to be cleared" : response.next ? `next: ${response.next}` : "";
  return make("div", {}, state(response.state),
    make("div", {class: "name"}, response.name, " ", make("span", {class: "quiet"},
      `on ${response.when.join(", ")}${response.mode === "auto" ? "" : `; mode ${response.mode}`}`)),
    make("div", {}, [since, next].filter(Boolean).join("; ") || "nothing to do"),
    make("ul", {class: "steps"}, ...response.actions.map(actionNode)));
}

function silenceNode(silence, now) {
  return make("div", {}, state("OFF", `${lasting(silence.until - now)} left`), make("div", {class: "name"}, silence.name),
              make("div", {class: "quiet"}, `${silence.comment || "no comment"} (${silence.who})`));
}

// The rest of an event in words; what no line here knows is told as it stands.
const EVENT_WORDS = {
  state: e => [state(e.to), make("b", {}, e.rule), ` from ${e.from}, ${seriesName(e.series)} ${number(e.value)}`],
  response: e => [state(e.to), make("b", {}, e.response), ` from ${e.from}${e.cause ? `, because of ${e.cause}` : ""}`],
  action: e => [make("b", {}, e.response), ` ${e.action} ${stepWords(e)}`, times(e),
                e.error ? make("span", {class: "trouble"}, `: ${e.error}`) : others(e, ["response", "action", "step", "on", "times"])],
  order: e => [make("b", {}, e.response), ` ${e.order}, by ${e.who}`],
  silence: e => [make("b", {}, e.name), ` silenced for ${lasting(e.for_s)}, by ${e.who}${e.comment ? `: ${e.comment}` : ""}`],
  unsilence: e => [make("b", {}, e.name), ` no longer silenced, by ${e.who}`],
};
const stepWords = event => ({confirmed: event.on ? "is on" : "is off", intent: event.on ? "goes on" : "goes off",
                             held_back: "is held back"}[event.step] || event.step);
const times = event => event.times > 1 ? ` (${event.times} times)` : "";
const others = (event, known) => Object.entries(event)
  .filter(([key, value]) => !["seq", "time", "event", ...known].includes(key) && value !== null && typeof value !== "object")
  .map(([key, value]) => ` ${key} ${typeof value === "number" ? number(value) : value}`).join(",");

function eventNode(event) {
  const subject = event.response || event.rule || event.name || "";
  const words = EVENT_WORDS[event.event] || (e => [make("b", {}, subject), ` ${e.event}:`, others(e, ["response", "name"])]);
  const when = new Date(event.time);
  return make("li", {}, make("time", {class: "quiet", datetime: event.time, title: event.time}, isNaN(when) ? "" : moment(when)),
              make("span", {}, ...words(event)));
}

const orEmpty = (nodes, text, tag) => nodes.length ? nodes : [make(tag || "p", {class: "empty"}, text)];

// ---- all of it ----

function showIcon(word) {
  const colour = {OKAY: "1f8f5f", WARNING: "c97700", MISSING: "c97700", FAILURE: "d0314a"}[word] || "7d889a";
  byId("icon").href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='%23${colour}'/></svg>`;
}

function show(status) {
  const now = status.time;
  host = status.host;
  const rank = rule => BAD.includes(rule.state) ? BAD.indexOf(rule.state) : BAD.length;
  const rules = status.rules.map((rule, key) => ({key, ...rule})).sort((a, b) => rank(a) - rank(b));
  document.title = `${status.worst} – ${status.host}`;
  document.querySelector("main").classList.remove("stale");
  showIcon(status.worst);
  put(byId("host"), [document.createTextNode(status.host)]);
  put(byId("about"), [document.createTextNode(`${status.mode === "auto" ? "" : `mode ${status.mode}, `}${moment(new Date(now * 1000))}`)]);
  showVerdict(status, rules.filter(rule => rank(rule) < BAD.length));
  showRows(rules, now);
  put(byId("responses"), orEmpty(status.responses.map(one => responseNode(one, now)), "The configuration has no <Response>."));
  byId("silenced").hidden = !status.silences.length;
  put(byId("silences"), status.silences.map(one => silenceNode(one, now)));
  put(byId("events"), orEmpty(status.events.map(eventNode), "Nothing has happened yet, or no Journal is configured.", "li"));
  put(byId("counts"), [document.createTextNode(Object.entries(status.counts).filter(([, count]) => count).map(([key, count]) => `${count} ${key.replace(/_/g, " ")}`).join(" · "))]);
}

function showLost(error) {
  document.title = "LOST – resource alert";
  showIcon("FAILURE");
  byId("verdict").className = "LOST";
  put(byId("word"), [document.createTextNode("The daemon does not answer")]);
  put(byId("reasons"), [make("li", {}, `${error.message}; what stands below is old`)]);
}

async function ask() {
  try {
    const answer = await fetch("status", {cache: "no-store", signal: AbortSignal.timeout(5000)});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showLost(error);
  }
  setTimeout(ask, document.hidden ? 10 * EVERY_MS : EVERY_MS);
}
ask();
