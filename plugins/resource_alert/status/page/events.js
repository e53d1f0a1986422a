// Responses, silences and events.
const ACTION_WORDS = {on: "on", off: "off", unsure: "unsure", left_alone: "left alone", would_be_on: "would be on", would_be_off: "would be off"};

let switches = []; // of the status

// Who reads the action's switch. One that nobody reads changes nothing.
function describeReaders(action, now) {
  const one = switches.find(one => one.name === action.switch);
  if (!one || !one.readers) return "";
  const names = new Map();
  for (const {reader, seen} of one.readers) names.set(reader, Math.max(seen, names.get(reader) || 0));
  const words = [...names].map(([reader, seen]) => t("{0} {1} ago", reader, formatDuration(Math.max(0, now - seen))));
  return words.length ? t("; read by {0}", words.join(", ")) : t("; no reader seen");
}

function makeAction(action, now) {
  const mark = {on: "●", off: "○", unsure: "◐", left_alone: "–", would_be_on: "◌", would_be_off: "◌"}[action.state];
  const isPending = action.wanted && ["off", "unsure"].includes(action.state);
  const word = isPending ? (action.mode === "dryrun" ? "would be switched on" : "to be switched on") : ACTION_WORDS[action.state];
  const mode = action.mode === "auto" ? "" : `, ${t(action.mode)}`;
  return make("li", {class: action.error ? "trouble" : action.state === "on" ? "on" : "quiet"},
              make("span", {"aria-hidden": "true"}, mark), ` ${action.name} `, make("span", {class: "quiet"}, t(word) + mode + describeReaders(action, now)),
              action.error || action.finding ? `: ${action.error || action.finding}` : "");
}

function makeResponse(response, now) {
  const since = response.since ? t("for {0}", formatDuration(now - response.since)) : "";
  const next = response.tripped ? t("rate limit tripped") : response.next ? t("next: {0}", response.next) : "";
  const rules = [t("when {0}", response.when.join(", ")), response.unless.length ? t("unless {0}", response.unless.join(", ")) : ""].filter(Boolean).join(", ");
  return make("div", {}, stateLabel(response.state),
    make("div", {class: "name"}, response.name, " ", make("span", {class: "quiet"},
      `${rules}${response.mode === "auto" ? "" : t("; mode {0}", t(response.mode))}`)),
    make("div", {}, [since, next].filter(Boolean).join("; ") || t("inactive")),
    make("ul", {class: "steps"}, ...response.actions.map(action => makeAction(action, now))));
}

function makeSilence(silence, now) {
  return make("div", {}, stateLabel("OFF", t("{0} left", formatDuration(silence.until - now))), make("div", {class: "name"}, silence.name),
              make("div", {class: "quiet"}, `${silence.comment || t("no comment")} (${silence.who})`));
}

// ---- events ----

const STEP_WORDS = {confirmed: ["is off", "is on"], done: ["is undone", "is done"], left_alone: ["is left alone", "is left alone"],
                    dryrun: ["would be switched off", "would be switched on"], gone: ["has no target any more", "has no target any more"],
                    intent: ["is being switched off", "is being switched on"], blocked: ["is blocked", "is blocked"]};
const describeStep = event => t((STEP_WORDS[event.step] || [event.step, event.step])[event.on ? 1 : 0]);
const formatTimes = event => event.times > 1 ? t(" ({0} times)", event.times) : "";
const otherMembers = (event, known) => Object.entries(event)
  .filter(([key, value]) => !["seq", "time", "event", ...known].includes(key) && value !== null && typeof value !== "object")
  .map(([key, value]) => ` ${key} ${typeof value === "number" ? formatNumber(value) : value}`).join(",");

// What ends with the event.
const describeIncident = event => !event.lasted_s ? "" : event.peak === null ? t("; it lasted {0}", formatDuration(event.lasted_s))
  : t("; it lasted {0}, peak {1}", formatDuration(event.lasted_s), formatNumber(event.peak));

// An event in words; other kinds are shown with all their members.
const EVENT_TEXTS = {
  state: e => [stateLabel(e.to), make("b", {}, e.rule), t(" from {0}, {1} {2}", t(e.from), seriesName(e.series), formatNumber(e.value)), describeIncident(e)],
  response: e => [stateLabel(e.to), make("b", {}, e.response), t(" from {0}", t(e.from)), e.cause ? t(", caused by {0}", e.cause) : ""],
  action: e => [make("b", {}, e.response), ` ${e.action} ${describeStep(e)}`, formatTimes(e),
                e.error ? make("span", {class: "trouble"}, `: ${e.error}`) : otherMembers(e, ["response", "action", "step", "on", "times"])],
  forbidden: e => [make("b", {}, e.response), ` ${e.what}: `, t("rule {0} is {1}", e.unless, t(e.state))],
  effect: e => [make("b", {}, e.response), t(" effect on {0}: {1}", e.rule, t(e.effect)), `, ${formatNumber(e.before)} → ${formatNumber(e.after)}`],
  command: e => [make("b", {}, e.response || ""), ` ${e.command}, `, t("by {0}", e.who)],
  leak: e => [seriesName(e.series), `: ${e.message}`],
  leak_ended: e => [seriesName(e.series), `: ${e.message}`],
  silence: e => [make("b", {}, e.name), ` ${t("silenced for {0}", formatDuration(e.for_s))}, `, t("by {0}", e.who), e.comment ? `: ${e.comment}` : ""],
  unsilence: e => [make("b", {}, e.name), ` ${t("no longer silenced")}, `, t("by {0}", e.who)],
};

function makeEvent(event, tag) {
  const subject = event.response || event.rule || event.name || "";
  const words = EVENT_TEXTS[event.event] || (e => [make("b", {}, subject), ` ${e.event}:`, otherMembers(e, ["response", "name"])]);
  const when = new Date(event.time);
  return make(tag, {class: "event"}, make("time", {class: "quiet", datetime: event.time, title: event.time}, isNaN(when) ? "" : formatTime(when)),
              make("span", {}, ...words(event)));
}

// An incident lasts from a rule's breach until all is well again, and takes in
// what follows within a minute.
const INCIDENT_GAP_MS = 60000;

function groupEvents(events) {
  const groups = [], open = new Set();
  for (const event of [...events].reverse()) {
    const time = Date.parse(event.time), last = groups.at(-1);
    if (last && (open.size || time - last.end <= INCIDENT_GAP_MS)) last.events.unshift(event);
    else groups.push({events: [event], begin: time, end: time});
    groups.at(-1).end = time;
    const subject = event.event === "state" ? `${event.rule} ${event.series}` : event.event === "response" ? `response ${event.response}` : null;
    if (subject && !["OKAY", "OFF"].includes(event.to)) open.add(subject);
    else if (subject) open.delete(subject);
  }
  return groups.reverse();
}

const keyOf = group => `${group.begin} ${group.events.at(-1).seq}`;
const groupNodes = new Map(); // by keyOf()

// The latest one is open until a person closes it.
function findGroupNode(group, isLatest) {
  const key = keyOf(group);
  if (group.events.length === 1) return makeEvent(group.events[0], "div");
  if (!groupNodes.has(key)) {
    groupNodes.set(key, make("details", {}, make("summary", {}), make("ol", {})));
    groupNodes.get(key).open = isLatest;
  }
  const node = groupNodes.get(key);
  const named = key => group.events.map(event => event[key]).filter(Boolean).reverse();
  const names = [...new Set([...named("rule"), ...named("response"), ...named("name")])];
  const severities = ["OKAY", "MISSING", "WARNING", "FAILURE"];
  const worst = severities[Math.max(-1, ...group.events.filter(event => event.event === "state").map(event => severities.indexOf(event.to)))];
  const times = [...new Set([group.begin, group.end].map(time => formatTime(new Date(time))))].join(" – ");
  replaceNodes(node.firstChild, [make("span", {class: "quiet"}, times), make("span", {}, ...(worst ? [stateLabel(worst), " "] : []),
    make("b", {}, names.slice(0, 6).join(", ")), names.length > 6 ? t(" and {0} more", names.length - 6) : "",
    make("span", {class: "quiet"}, ` ${plural(group.events.length, "1 event", "{0} events")}`))]);
  replaceNodes(node.lastChild, group.events.map(event => makeEvent(event, "li")));
  return node;
}

function showEvents(events) {
  const groups = groupEvents(events);
  const keys = groups.map(keyOf);
  for (const key of groupNodes.keys()) if (!keys.includes(key)) groupNodes.delete(key);
  replaceNodes(byId("events"), groups.map((group, i) => findGroupNode(group, i === 0)));
  byId("no-event").hidden = groups.length > 0;
}
