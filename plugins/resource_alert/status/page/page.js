"use strict";
const UPDATE_MS = 2000;
const OKAY_SEVERITY = 1; // rules above it need attention
const HISTORY_POINTS = 120; // of an hour
const LIMITS = [["warning_max", ">", "warning"], ["failure_max", ">", "failure"],
                ["warning_min", "<", "warning"], ["failure_min", "<", "failure"]];

// ---- nodes ----

const byId = id => document.getElementById(id);

// Names come from outside, so all that the daemon sends becomes text or the
// value of an attribute, never HTML.
function make(tag, attributes, ...children) {
  const svg = tag === "svg" || tag === "path";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}

// Makes CHILDREN the nodes of PARENT. Equal nodes are kept, so that a selection
// is not lost.
function replaceNodes(parent, children) {
  children.forEach((child, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(child);
    else if (old !== child && !old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

const DRYRUN_WORDS = {DRYRUN_ENGAGING: "would engage", DRYRUN_ENGAGED: "would be engaged", DRYRUN_RELEASING: "would release"};
const stateLabel = (word, text) => make("span", {class: `state ${word}`}, text || DRYRUN_WORDS[word] || word);

// ---- texts ----

function formatNumber(value, unit) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const plain = size >= 1e9 || (size > 0 && size < 0.001)
    ? value.toPrecision(4) : value.toLocaleString("en", {maximumFractionDigits: size < 10 ? 3 : size < 1000 ? 1 : 0});
  return unit ? `${plain} ${unit}` : plain;
}

function formatDuration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const at = Math.max(0, units.findIndex(([, size], i) => seconds >= size || i === 3));
  const [unit, size] = units[at];
  const whole = `${Math.floor(Math.max(0, seconds) / size)} ${unit}`;
  if (at > 1) return whole;
  const [smaller, part] = units[at + 1], rest = Math.floor(seconds % size / part);
  return rest ? `${whole} ${rest} ${smaller}` : whole;
}

function formatTime(date) {
  const pad = n => String(n).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
  return date.toDateString() === new Date().toDateString() ? time : `${day} ${time}`;
}

let silences = [];
let host = ""; // of the daemon; left out in front of its series
const seriesName = name => name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name;

function describeLimits(rule) {
  const words = LIMITS.filter(([key]) => key in rule.limits).map(([key, sign, word]) =>
    `${word} ${sign} ${formatNumber(rule.limits[key])}`).join(", ");
  return rule.inverted ? `inverted: ${words}` : words;
}

// "over its warning limit of 80". A rule that recovers may be within its limits.
function describeBreach(rule) {
  const beyond = LIMITS.filter(([key, sign, word]) => key in rule.limits && word === rule.state.toLowerCase()
    && (sign === ">" ? rule.value > rule.limits[key] : rule.value < rule.limits[key]));
  if (rule.inverted) return describeLimits(rule);
  if (!beyond.length) return `within its limits again (${describeLimits(rule)})`;
  const [[key, sign, word]] = beyond;
  return `${sign === ">" ? "over" : "under"} its ${word} limit of ${formatNumber(rule.limits[key], rule.unit)}`;
}

function ruleReason(rule, now) {
  const since = rule.since ? ` for ${formatDuration(now - rule.since)}` : "";
  const others = rule.counts[rule.state] > 1 ? ` and ${rule.counts[rule.state] - 1} more` : "";
  const which = rule.series.length ? ` ${seriesName(rule.series[0].name)}${others}` : "";
  const what = rule.state === "MISSING" ? `has had no reading${since}`
    : !Object.keys(rule.limits).length ? `is in ${rule.state}${since}` // a rule that watches notifications
    : `is at ${formatNumber(rule.value, rule.unit)}, ${describeBreach(rule)},${since}`;
  return make("li", {}, make("b", {}, rule.name), ` ${what}`, make("span", {class: "quiet"}, which));
}

function plural(count, one, many) { return count === 1 ? `1 ${one}` : `${count} ${many}`; }

// ---- the summary ----

const brokenActions = responses => responses.flatMap(response => response.actions
  .filter(action => action.error || (action.self_test && action.self_test !== "ok"))
  .map(action => ({response: response.name, action: action.name, why: action.error || `self-test failed: ${action.self_test}`})));

function summaryTitle(status, bad, troubles) {
  if (bad.length) return plural(bad.length, "rule needs attention", "rules need attention");
  if (troubles) return plural(troubles, "problem needs attention", "problems need attention");
  if (!status.rules.length) return "There are no rules";
  if (status.worst === "UNKNOWN") return "No reading yet";
  return "Everything is OK";
}

function showSummary(status, bad) {
  const now = status.time;
  const broken = brokenActions(status.responses);
  const tripped = status.responses.filter(response => response.tripped);
  const rejected = status.counts.values_rejected > 0;
  const troubles = broken.length + tripped.length + (rejected ? 1 : 0) + status.problems.length;
  const reasons = bad.slice(0, 5).map(rule => ruleReason(rule, now));
  if (bad.length > 5) reasons.push(make("li", {}, `and ${bad.length - 5} more below`));
  for (const one of broken)
    reasons.push(make("li", {}, make("b", {}, one.action), ` of ${one.response} fails: ${one.why}`));
  for (const one of tripped)
    reasons.push(make("li", {}, make("b", {}, one.name), " has reached its rate limit; to reset it: ", make("code", {}, `resource-alertctl reset ${one.name}`)));
  for (const one of status.problems) reasons.push(make("li", {}, one));
  if (rejected) reasons.push(make("li", {}, `${status.counts.values_rejected} values were rejected: there are more series than MaxSeries`));
  for (const one of status.responses.filter(response => response.state !== "OFF")) {
    const next = one.next ? `; next: ${one.next}` : "";
    reasons.push(make("li", {}, make("b", {}, one.name), DRYRUN_WORDS[one.state] ? ` ${DRYRUN_WORDS[one.state]} (dry run)${next}`
      : ` is ${one.state.toLowerCase()}, ${one.level} of ${plural(one.actions.length, "action", "actions")} on${next}`));
  }
  if (!bad.length && !troubles && status.worst === "OKAY")
    reasons.unshift(make("li", {}, `${plural(status.rules.length, "rule", "rules")}, ${plural(status.counts.watched ?? 0, "series", "series")} within the limits`));
  byId("verdict").className = bad.length || !troubles ? (status.rules.length ? status.worst : "UNKNOWN") : "WARNING";
  replaceNodes(byId("word"), [document.createTextNode(summaryTitle(status, bad, troubles))]);
  replaceNodes(byId("reasons"), reasons);
}

// ---- rules ----

function makeSparkline(rule) {
  const points = rule.history;
  const known = points.filter(point => point !== null);
  const limits = Object.values(rule.limits);
  const low = Math.min(...known, ...limits), span = Math.max(...known, ...limits) - low || 1;
  const y = value => (94 - (value - low) / span * 88).toFixed(1);
  const x = i => ((i + HISTORY_POINTS - points.length) / (HISTORY_POINTS - 1) * 100).toFixed(1);
  const line = points.map((point, i) => point === null ? ""
    : `${i && points[i - 1] !== null ? "L" : "M"}${x(i)} ${y(point)}h.01`).join("");
  const label = known.length ? `last hour: ${formatNumber(Math.min(...known))} to ${formatNumber(Math.max(...known))}` : "no history yet";
  const svg = make("svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": label});
  if (known.length) svg.append(...limits.map(limit => make("path", {class: "limit", d: `M0 ${y(limit)}H100`})),
                               make("path", {d: line}));
  return svg;
}

function makeBar(rule) {
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

function makeSeriesTable(rule, now) {
  const heads = ["State", "Series", "Value", "Since"].map(text => make("th", {scope: "col"}, text));
  const lines = rule.series.map(one => make("tr", {}, make("td", {}, stateLabel(one.state)),
    make("td", {}, seriesName(one.name)),
    make("td", {}, formatNumber(one.value, rule.unit)), make("td", {}, one.since ? formatDuration(now - one.since) : "–")));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines));
}

function makeRuleParts(rule, now) {
  const which = rule.series_count === 1 && rule.series.length ? seriesName(rule.series[0].name)
    : rule.series_count ? `${rule.series_count} series` : "no series yet";
  const silence = silences.find(one => one.name === rule.name);
  const silenced = silence ? `silenced for ${formatDuration(silence.until - now)}` : rule.silenced ? "silenced" : "";
  return [stateLabel(rule.state),
    make("div", {class: "name"}, rule.name, make("div", {class: "quiet"}, [which, silenced].filter(Boolean).join(", "))),
    make("div", {class: `measure ${rule.state}`},
      make("div", {class: "value"}, make("b", {}, formatNumber(rule.value, rule.unit)), make("span", {class: "quiet"}, describeLimits(rule))), makeBar(rule)),
    make("span", {class: "quiet since"}, rule.since ? formatDuration(now - rule.since) : ""),
    make("div", {class: `spark ${rule.state}`}, makeSparkline(rule))];
}

function makeSeriesParts(rule, now) {
  if (!rule.series.length) return [make("p", {class: "quiet"}, "No series matches this rule yet.")];
  const more = rule.series_count - rule.series.length;
  return [makeSeriesTable(rule, now), ...(more > 0 ? [make("p", {class: "quiet"}, `and ${more} more, none of them worse`)] : [])];
}

const ruleNodes = new Map(); // by rule: an open one stays open and keeps the focus

function findRuleNode(rule, now) {
  if (!ruleNodes.has(rule.key))
    ruleNodes.set(rule.key, make("details", {}, make("summary", {class: "rule"}), make("div", {class: "series"})));
  const node = ruleNodes.get(rule.key);
  replaceNodes(node.firstChild, makeRuleParts(rule, now));
  replaceNodes(node.lastChild, makeSeriesParts(rule, now));
  return node;
}

function showRules(rules, now) {
  const list = byId("rules");
  const nodes = rules.map(rule => findRuleNode(rule, now));
  if (!nodes.length) nodes.push(make("p", {class: "empty"}, "The configuration has no <Threshold>."));
  if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i])) list.replaceChildren(...nodes);
}

// ---- responses, silences, events ----

function makeAction(action) {
  const mark = {on: "●", off: "○", unsure: "◐", left_alone: "–", would_be_on: "◌", would_be_off: "◌"}[action.state];
  const isPending = action.wanted && ["off", "unsure"].includes(action.state);
  const word = isPending ? (action.mode === "dryrun" ? "would be switched on" : "to be switched on") : action.state.replaceAll("_", " ");
  const mode = action.mode === "auto" ? "" : `, ${action.mode}`;
  return make("li", {class: action.error ? "trouble" : action.state === "on" ? "on" : "quiet"},
              `${mark} ${action.name} `, make("span", {class: "quiet"}, word + mode), action.error || action.finding ? `: ${action.error || action.finding}` : "");
}

function makeResponse(response, now) {
  const since = response.since ? `for ${formatDuration(now - response.since)}` : "";
  const next = response.tripped ? "rate limit tripped" : response.next ? `next: ${response.next}` : "";
  return make("div", {}, stateLabel(response.state),
    make("div", {class: "name"}, response.name, " ", make("span", {class: "quiet"},
      `when ${response.when.join(", ")}${response.unless.length ? `, unless ${response.unless.join(", ")}` : ""}${response.mode === "auto" ? "" : `; mode ${response.mode}`}`)),
    make("div", {}, [since, next].filter(Boolean).join("; ") || "inactive"),
    make("ul", {class: "steps"}, ...response.actions.map(makeAction)));
}

function makeSilence(silence, now) {
  return make("div", {}, stateLabel("OFF", `${formatDuration(silence.until - now)} left`), make("div", {class: "name"}, silence.name),
              make("div", {class: "quiet"}, `${silence.comment || "no comment"} (${silence.who})`));
}

// An event in words; other kinds are shown with all their members.
const EVENT_TEXTS = {
  state: e => [stateLabel(e.to), make("b", {}, e.rule), ` from ${e.from}, ${seriesName(e.series)} ${formatNumber(e.value)}`],
  response: e => [stateLabel(e.to), make("b", {}, e.response), ` from ${e.from}${e.cause ? `, caused by ${e.cause}` : ""}`],
  action: e => [make("b", {}, e.response), ` ${e.action} ${describeStep(e)}`, formatTimes(e),
                e.error ? make("span", {class: "trouble"}, `: ${e.error}`) : otherMembers(e, ["response", "action", "step", "on", "times"])],
  forbidden: e => [make("b", {}, e.response), ` ${e.what}: rule ${e.unless} is ${e.state}`],
  effect: e => [make("b", {}, e.response), ` effect on ${e.rule}: ${e.effect}, ${formatNumber(e.before)} → ${formatNumber(e.after)}`],
  command: e => [make("b", {}, e.response), ` ${e.command}, by ${e.who}`],
  silence: e => [make("b", {}, e.name), ` silenced for ${formatDuration(e.for_s)}, by ${e.who}${e.comment ? `: ${e.comment}` : ""}`],
  unsilence: e => [make("b", {}, e.name), ` no longer silenced, by ${e.who}`],
};
const describeStep = event => ({confirmed: event.on ? "is on" : "is off", done: event.on ? "is done" : "is undone",
                             left_alone: "is left alone", dryrun: event.on ? "would be switched on" : "would be switched off", gone: "has no target any more", intent: event.on ? "is being switched on" : "is being switched off",
                             blocked: "is blocked"}[event.step] || event.step);
const formatTimes = event => event.times > 1 ? ` (${event.times} times)` : "";
const otherMembers = (event, known) => Object.entries(event)
  .filter(([key, value]) => !["seq", "time", "event", ...known].includes(key) && value !== null && typeof value !== "object")
  .map(([key, value]) => ` ${key} ${typeof value === "number" ? formatNumber(value) : value}`).join(",");

function makeEvent(event) {
  const subject = event.response || event.rule || event.name || "";
  const words = EVENT_TEXTS[event.event] || (e => [make("b", {}, subject), ` ${e.event}:`, otherMembers(e, ["response", "name"])]);
  const when = new Date(event.time);
  return make("li", {}, make("time", {class: "quiet", datetime: event.time, title: event.time}, isNaN(when) ? "" : formatTime(when)),
              make("span", {}, ...words(event)));
}

const orEmpty = (nodes, text, tag) => nodes.length ? nodes : [make(tag || "p", {class: "empty"}, text)];

// ---- the page ----

function showIcon(word) {
  const colour = {OKAY: "1f8f5f", WARNING: "c97700", MISSING: "c97700", FAILURE: "d0314a"}[word] || "7d889a";
  byId("icon").href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='%23${colour}'/></svg>`;
}

function showDryRun(status) {
  const isDry = one => one.actions.every(action => action.mode !== "auto") && one.actions.some(action => action.mode === "dryrun");
  const dry = status.responses.filter(isDry).map(one => one.name);
  const which = dry.length === status.responses.length ? "No response takes any action" : `These responses take no action: ${dry.join(", ")}`;
  byId("dryrun").hidden = !dry.length;
  replaceNodes(byId("dryrun"), [document.createTextNode(`Dry run. ${which}; the page shows what they would do.`)]);
}

function show(status) {
  const now = status.time;
  host = status.host;
  silences = status.silences;
  const severity = rule => Math.max(rule.severity, OKAY_SEVERITY);
  const rules = status.rules.map((rule, key) => ({key, ...rule})).sort((a, b) => severity(b) - severity(a));
  document.title = `${status.worst} – ${status.host}`;
  showIcon(status.worst);
  replaceNodes(byId("host"), [document.createTextNode(status.host)]);
  const holder = status.state_dir_holder ? `no actions: StateDir is in use by ${status.state_dir_holder}, ` : "";
  showDryRun(status);
  replaceNodes(byId("about"), [document.createTextNode(`${holder}${status.mode === "auto" ? "" : `mode ${status.mode}, `}${formatTime(new Date(now * 1000))}`)]);
  showSummary(status, rules.filter(rule => rule.severity > OKAY_SEVERITY));
  showRules(rules, now);
  replaceNodes(byId("responses"), orEmpty(status.responses.map(one => makeResponse(one, now)), "The configuration has no <Response>."));
  byId("silenced").hidden = !status.silences.length;
  replaceNodes(byId("silences"), status.silences.map(one => makeSilence(one, now)));
  replaceNodes(byId("events"), orEmpty(status.events.map(makeEvent), "No events yet.", "li"));
  replaceNodes(byId("counts"), [document.createTextNode(Object.entries(status.counts).filter(([, count]) => count).map(([key, count]) => `${count} ${key.replace(/_/g, " ")}`).join(" · "))]);
}

function showLost(error) {
  document.title = "LOST – resource alert";
  showIcon("FAILURE");
  byId("verdict").className = "LOST";
  replaceNodes(byId("word"), [document.createTextNode("The daemon does not respond")]);
  replaceNodes(byId("reasons"), [make("li", {}, `${error.message}; the data below is out of date`)]);
}

async function update() {
  try {
    const answer = await fetch("status", {cache: "no-store", signal: AbortSignal.timeout(5000)});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showLost(error);
  }
  setTimeout(update, document.hidden ? 10 * UPDATE_MS : UPDATE_MS);
}
update();
