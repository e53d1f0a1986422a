// The summary: what is wrong, in sentences.
const brokenActions = responses => responses.flatMap(response => response.actions
  .filter(action => action.error || (action.self_test && action.self_test !== "ok"))
  .map(action => ({response: response.name, action: action.name, why: action.error || t("self-test failed: {0}", action.self_test)})));

const isActive = response => response.state !== "OFF";
const isDryRun = response => response.state in DRYRUN_WORDS;

function summaryTitle(status, bad, troubles) {
  if (bad.length) return plural(bad.length, "1 rule needs attention", "{0} rules need attention");
  if (troubles) return plural(troubles, "1 problem needs attention", "{0} problems need attention");
  const acting = status.responses.find(one => isActive(one) && !isDryRun(one));
  if (acting) return t("The rules are OK again; {0} is still active", acting.name);
  if (!status.rules.length) return t("There are no rules");
  if (status.worst === "UNKNOWN") return t("No reading yet");
  return t("Everything is OK");
}

function summaryClass(status, bad, troubles) {
  if (bad.length) return status.worst;
  if (troubles) return "WARNING";
  if (status.responses.some(one => isActive(one) && !isDryRun(one))) return "RELEASING";
  return status.rules.length ? status.worst : "UNKNOWN";
}

function describeResponse(one) {
  const what = isDryRun(one) ? t("{0} (dry run)", t(DRYRUN_WORDS[one.state]))
    : t("is {0}, {1} of {2} on", t(one.state.toLowerCase()), one.level, plural(one.actions.length, "1 action", "{0} actions"));
  return make("li", {}, make("b", {}, one.name), ` ${what}${one.next ? t("; next: {0}", one.next) : ""}`);
}

function showSummary(status, bad) {
  const now = status.time;
  const broken = brokenActions(status.responses);
  const tripped = status.responses.filter(response => response.tripped);
  const rejected = status.counts.values_rejected;
  const troubles = broken.length + tripped.length + (rejected > 0 ? 1 : 0) + status.problems.length;
  const reasons = bad.slice(0, 5).map(rule => ruleReason(rule, now));
  if (bad.length > 5) reasons.push(make("li", {}, t("and {0} more below", bad.length - 5)));
  for (const one of broken)
    reasons.push(make("li", {}, make("b", {}, one.action), t(" of {0} fails: {1}", one.response, one.why)));
  for (const one of tripped)
    reasons.push(make("li", {}, make("b", {}, one.name), t(" has reached its rate limit; to reset it: "), make("code", {}, `resource-alertctl reset ${one.name}`)));
  for (const one of status.problems) reasons.push(make("li", {}, one));
  if (rejected > 0) reasons.push(make("li", {}, t("{0} values were rejected: there are more series than MaxSeries", rejected)));
  reasons.push(...status.responses.filter(isActive).map(describeResponse));
  if (!bad.length && !troubles && status.worst === "OKAY")
    reasons.unshift(make("li", {}, t("{0}, {1} within the limits", plural(status.rules.length, "1 rule", "{0} rules"),
                                     plural(status.counts.watched ?? 0, "1 series", "{0} series"))));
  byId("verdict").className = summaryClass(status, bad, troubles);
  setText("word", summaryTitle(status, bad, troubles));
  replaceNodes(byId("reasons"), reasons);
}
