// The rules: one that needs attention has a row, the others a line each.
const OKAY_SEVERITY = 1; // rules above it need attention
const ROWS_MAX = 12; // so many rules have rows, even if all are well
const HISTORY_POINTS = 120; // of an hour
const HISTORY_STEP_S = 30;
const LIMITS = [["warning_max", ">", "warning"], ["failure_max", ">", "failure"],
                ["warning_min", "<", "warning"], ["failure_min", "<", "failure"]];
const BREACH_WORDS = {warning_max: "over its warning limit of {0}", failure_max: "over its failure limit of {0}",
                      warning_min: "under its warning limit of {0}", failure_min: "under its failure limit of {0}"};
const AXIS_WORDS = ["1 h ago", "45 min ago", "30 min ago", "15 min ago", "now"];
const TABLE_WORDS = ["State", "Series", "Value", "Since"];

let silences = [];

function describeLimits(rule) {
  const words = LIMITS.filter(([key]) => key in rule.limits).map(([key, sign, word]) =>
    `${t(word)} ${sign} ${formatNumber(rule.limits[key], rule.unit)}`).join(", ");
  return rule.inverted ? t("inverted: {0}", words) : words;
}

// "over its warning limit of 80". A rule that recovers may be within its limits.
function describeBreach(rule) {
  const beyond = LIMITS.filter(([key, sign, word]) => key in rule.limits && word === rule.state.toLowerCase()
    && (sign === ">" ? rule.value > rule.limits[key] : rule.value < rule.limits[key]));
  if (rule.inverted) return describeLimits(rule);
  if (!beyond.length) return t("within its limits again ({0})", describeLimits(rule));
  const [[key]] = beyond;
  return t(BREACH_WORDS[key], formatNumber(rule.limits[key], rule.unit));
}

// The worst value since the state began: the highest, or the lowest where only
// low values are bad.
function findPeak(rule, now) {
  if (!rule.since || rule.inverted || !Object.keys(rule.limits).length) return null;
  const len = Math.ceil((now - rule.since) / HISTORY_STEP_S);
  const points = [...rule.history.slice(-len), rule.value].filter(point => point !== null);
  const isLow = Object.keys(rule.limits).every(key => key.endsWith("_min"));
  const peak = points.length ? (isLow ? Math.min : Math.max)(...points) : null;
  return peak === rule.value ? null : peak;
}

const describeNext = one => one.next_state ? t("{0} in {1}", t(one.next_state), formatDuration(one.next_in_s)) : "";

function ruleReason(rule, now) {
  const since = rule.since ? formatDuration(now - rule.since) : "";
  const others = rule.counts[rule.state] > 1 ? t(" and {0} more", rule.counts[rule.state] - 1) : "";
  const which = rule.series.length ? ` ${seriesName(rule.series[0].name)}${others}` : "";
  const peak = findPeak(rule, now);
  const what = rule.state === "MISSING" ? [t("has had no reading"), since && t("for {0}", since)]
    : !Object.keys(rule.limits).length ? [t("is in {0}", t(rule.state)), since && t("for {0}", since)] // watches notifications
    : [`${t("is at {0}", formatValue(rule, rule.value))},`, `${describeBreach(rule)},`, since && t("for {0}", since)];
  const more = [peak === null ? "" : t("peak {0}", formatValue(rule, peak)), describeNext(rule)].filter(Boolean);
  return make("li", {}, make("b", {}, rule.name), ` ${[what.filter(Boolean).join(" ").replace(/,$/, ""), ...more].join("; ")}`,
              make("span", {class: "quiet"}, which));
}

// ---- pictures ----

// Where a chart of the history has a value: 0 is the bottom, 1 the top.
function makeScale(rule) {
  const known = rule.history.filter(point => point !== null);
  const all = [...known, ...Object.values(rule.limits)];
  const low = all.length ? Math.min(...all) : 0, high = all.length ? Math.max(...all) : 1;
  return {known, low, high, at: value => (value - low) / (high - low || 1)};
}

function makeCurve(rule) {
  const {known, at} = makeScale(rule);
  const y = value => (94 - at(value) * 88).toFixed(1);
  const x = i => ((i + HISTORY_POINTS - rule.history.length) / (HISTORY_POINTS - 1) * 100).toFixed(1);
  const line = rule.history.map((point, i) => point === null ? ""
    : `${i && rule.history[i - 1] !== null ? "L" : "M"}${x(i)} ${y(point)}h.01`).join("");
  const label = known.length ? t("last hour: {0} to {1}", formatNumber(Math.min(...known), rule.unit), formatNumber(Math.max(...known), rule.unit))
    : t("no history yet");
  const svg = make("svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": label});
  if (known.length) svg.append(...Object.values(rule.limits).map(limit => make("path", {class: "limit", d: `M0 ${y(limit)}H100`})),
                               make("path", {d: line}));
  return svg;
}

// The curve with its two axes, for a rule that is open.
function makeChart(rule) {
  const {known, low, high, at} = makeScale(rule);
  if (!known.length) return null;
  const label = value => make("span", {style: `bottom:${(6 + at(value) * 88).toFixed(1)}%`}, formatNumber(value, rule.unit));
  const marks = [...new Set([low, high, ...Object.values(rule.limits)])]
    .filter((value, i, all) => all.slice(0, i).every(other => Math.abs(at(value) - at(other)) > 0.12));
  return make("div", {class: `chart ${rule.state}`},
    make("div", {class: "plot"}, makeCurve(rule)), make("div", {class: "y"}, ...marks.map(label)),
    make("div", {class: "x"}, ...AXIS_WORDS.map(text => make("span", {}, t(text)))));
}

function makeBar(rule) {
  const {warning_min, warning_max, failure_min, failure_max} = rule.limits;
  if (rule.value === null || rule.value < 0 || rule.inverted || !Object.keys(rule.limits).length) return null;
  const largest = Math.max(rule.value, ...Object.values(rule.limits));
  const full = rule.unit === "%" && largest <= 100 ? 100 : largest * 1.25 || 1;
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
  return make("div", {"aria-hidden": "true"},
    make("div", {class: "bar", style: `background:linear-gradient(to right,${stops.join(",")})`},
         make("i", {style: `width:${at(rule.value)}`}), ...Object.values(rule.limits).map(limit => make("s", {style: `left:${at(limit)}`}))),
    make("div", {class: "scale"}, make("span", {}, "0"), make("span", {}, formatNumber(full, rule.unit))));
}

// ---- rows and lines ----

function describeSilence(rule, now) {
  const silence = silences.find(one => one.name === rule.name);
  return silence ? t("silenced for {0}", formatDuration(silence.until - now)) : rule.silenced ? t("silenced") : "";
}

function describeSeries(rule) {
  return rule.series_count === 1 && rule.series.length ? seriesName(rule.series[0].name)
    : rule.series_count ? t("{0} series", rule.series_count) : t("no series yet");
}

function makeRowParts(rule, now) {
  return [stateLabel(rule.state),
    make("div", {class: "name"}, rule.name,
         make("div", {class: "quiet"}, [describeSeries(rule), describeSilence(rule, now)].filter(Boolean).join(", "))),
    make("div", {class: `measure ${rule.state}`},
      make("div", {class: "value"}, make("b", {}, formatValue(rule, rule.value)), make("span", {class: "quiet"}, describeLimits(rule))), makeBar(rule)),
    make("div", {class: "quiet since"}, rule.since ? formatDuration(now - rule.since) : "", rule.next_state ? make("div", {class: "next"}, describeNext(rule)) : null),
    make("div", {class: `spark ${rule.state}`}, makeCurve(rule))];
}

function makeLineParts(rule, now) {
  return [stateLabel(rule.state), make("span", {class: "name"}, rule.name),
    make("span", {class: "quiet"}, [rule.series_count ? formatValue(rule, rule.value) : t("no series yet"), describeSilence(rule, now)].filter(Boolean).join(", "))];
}

// What a screen reader says for the row.
function describeRule(rule, now) {
  return [rule.name, t(rule.state), rule.series_count ? formatValue(rule, rule.value) : t("no series yet"), describeLimits(rule),
          rule.since ? t("for {0}", formatDuration(now - rule.since)) : "", describeNext(rule), describeSilence(rule, now)].filter(Boolean).join(", ");
}

// What is leaked, for how long, and what ends it.
function makeLeaks(rule) {
  const leaks = rule.series.flatMap(one => one.leaks || []);
  const lines = leaks.map(one => make("li", {}, one.age_s ? `${formatDuration(one.age_s)}: ` : "", one.message,
    one.end ? make("div", {}, make("code", {}, one.end)) : ""));
  return lines.length ? make("ul", {}, ...lines) : null;
}

function makeSeriesTable(rule, now) {
  const heads = TABLE_WORDS.map(text => make("th", {scope: "col"}, t(text)));
  const lines = rule.series.map(one => make("tr", {}, make("td", {}, stateLabel(one.state)), make("td", {}, seriesName(one.name)),
    make("td", {}, formatValue(rule, one.value)),
    make("td", {}, [one.since ? formatDuration(now - one.since) : "–", describeNext(one)].filter(Boolean).join("; "))));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines));
}

// Which file makes values for the rule; "" for other plugins' metrics.
const SOURCES = {dbpool: ["20-dbpool.conf", "<Pool>"], session_log: ["30-session_log.conf", "<Log>"]};

function describeEmpty(rule) {
  const source = (rule.metrics || []).map(metric => SOURCES[metric.split("/").slice(-2)[0].split("-")[0]]).find(Boolean);
  return source ? t("No series matches this rule yet. If there is none to watch, nothing is wrong; else add a {0} block to {1}.", source[1], source[0])
    : t("No series matches this rule yet.");
}

const LINK_WORDS = {runbook: "Runbook", link: "Link"};

function makeRuleDetails(rule, now) {
  const links = Object.entries(LINK_WORDS).filter(([key]) => /^https?:/.test(rule[key] || ""))
    .map(([key, word]) => make("a", {href: rule[key], rel: "noreferrer"}, t(word)));
  const watches = (rule.metrics || []).length ? make("p", {class: "quiet"}, t("watches {0}", rule.metrics.join(", ")), " ", ...links) : make("p", {}, ...links);
  if (!rule.series.length) return [make("p", {class: "quiet"}, describeEmpty(rule)), watches];
  const more = rule.series_count - rule.series.length;
  return [makeChart(rule), makeSeriesTable(rule, now), makeLeaks(rule), more > 0 ? make("p", {class: "quiet"}, t("and {0} more, none of them worse", more)) : null, watches].filter(Boolean);
}

const ruleNodes = new Map(); // by rule: an open one stays open and keeps the focus

function findRuleNode(rule, now, isRow) {
  if (!ruleNodes.has(rule.key))
    ruleNodes.set(rule.key, make("details", {}, make("summary", {}), make("div", {class: "series"})));
  const node = ruleNodes.get(rule.key);
  node.firstChild.className = isRow ? "rule" : "line";
  node.firstChild.setAttribute("aria-label", describeRule(rule, now));
  replaceNodes(node.firstChild, isRow ? makeRowParts(rule, now) : makeLineParts(rule, now));
  replaceNodes(node.lastChild, makeRuleDetails(rule, now));
  return node;
}

function showIn(list, nodes) {
  if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i])) list.replaceChildren(...nodes);
}

const isFound = (rule, words) => words.every(word =>
  [rule.name, rule.state, t(rule.state), ...rule.series.map(one => one.name)].some(text => text.toLowerCase().includes(word)));

// A rule that is about to change its state has a row, too.
function showRules(rules, now) {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rules.filter(rule => isFound(rule, words));
  const hasRow = rule => rules.length <= ROWS_MAX || rule.severity > OKAY_SEVERITY || rule.next_state;
  const rows = found.filter(hasRow), lines = found.filter(rule => !hasRow(rule));
  byId("filter").hidden = rules.length <= ROWS_MAX;
  byId("heads").hidden = !rows.length;
  byId("lines").hidden = !lines.length;
  const empty = !rules.length ? t("The configuration has no <Threshold>; 40-thresholds.conf has those that are installed.") : t("No rule matches the filter.");
  showIn(byId("rules"), rows.map(rule => findRuleNode(rule, now, true)));
  showIn(byId("lines"), lines.map(rule => findRuleNode(rule, now, false)));
  replaceNodes(byId("no-rule"), found.length ? [] : [make("p", {class: "empty"}, empty)]);
}
