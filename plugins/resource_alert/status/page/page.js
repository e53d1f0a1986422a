// The page: asks the daemon every two seconds, and shows what it says.
const UPDATE_MS = 2000;

const orEmpty = (nodes, text) => nodes.length ? nodes : [make("p", {class: "empty"}, text)];

function showIcon(word) {
  const colour = {OKAY: "1f8f5f", WARNING: "c97700", MISSING: "c97700", FAILURE: "d0314a"}[word] || "7d889a";
  byId("icon").href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='%23${colour}'/></svg>`;
}

function showDryRun(status) {
  const isDry = one => one.actions.every(action => action.mode !== "auto") && one.actions.some(action => action.mode === "dryrun");
  const dry = status.responses.filter(isDry).map(one => one.name);
  const which = dry.length === status.responses.length ? t("No response takes any action") : t("These responses take no action: {0}", dry.join(", "));
  byId("dryrun").hidden = !dry.length;
  setText("dryrun", t("Dry run. {0}; the page shows what they would do.", which));
}

// Responses stand above the rules while one of them acts.
function showResponses(status) {
  replaceNodes(byId("responses"), orEmpty(status.responses.map(one => makeResponse(one, status.time)), t("The configuration has no <Response>; 50-responses.conf has samples.")));
  const rules = byId("rules-part"), responses = byId("responses-part");
  const isAbove = status.responses.some(isActive);
  if (isAbove !== Boolean(responses.compareDocumentPosition(rules) & Node.DOCUMENT_POSITION_FOLLOWING))
    rules[isAbove ? "before" : "after"](responses);
}

function showAbout(status) {
  const about = [status.state_dir_holder && t("no actions: StateDir is in use by {0}", status.state_dir_holder),
                 t("mode {0}", t(status.mode)),
                 status.started && t("running for {0}", formatDuration(status.time - status.started)),
                 status.plugin_version && t("version {0}", status.plugin_version), formatTime(new Date(status.time * 1000))];
  setText("about", about.filter(Boolean).join(", "));
}

let latest = null; // what the daemon said last

function show(status) {
  const now = status.time;
  latest = status;
  host = status.host;
  silences = status.silences;
  switches = status.switches || [];
  const severity = rule => Math.max(rule.severity, OKAY_SEVERITY);
  const rules = status.rules.map((rule, key) => ({key, ...rule})).sort((a, b) => severity(b) - severity(a));
  document.title = `${t(status.worst)} – ${status.host}`;
  showIcon(status.worst);
  setText("host", status.host);
  showAbout(status);
  showDryRun(status);
  showSummary(status, rules.filter(rule => rule.severity > OKAY_SEVERITY));
  showRules(rules, now);
  showResponses(status);
  byId("silenced").hidden = !status.silences.length;
  replaceNodes(byId("silences"), status.silences.map(one => makeSilence(one, now)));
  showEvents(status.events);
  setText("counts", Object.entries(status.counts).filter(([, count]) => count).map(([key, count]) => `${t(key.replace(/_/g, " "))} ${count}`).join(" · "));
}

function showLost(error) {
  document.title = t("LOST – resource alert");
  showIcon("FAILURE");
  byId("verdict").className = "LOST";
  setText("word", t("The daemon does not respond"));
  replaceNodes(byId("reasons"), [make("li", {}, t("{0}; the data below is out of date", error.message))]);
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

for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.textContent);
byId("filter").setAttribute("aria-label", t("Filter the rules"));
byId("filter").placeholder = t("filter");
byId("filter").addEventListener("input", () => latest && show(latest));
update();
