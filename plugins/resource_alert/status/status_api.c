/* SPDX-License-Identifier: MIT */
/* status_api: what anyone may read over HTTP: /health, /status and the page.
 *
 * The members are an interface, described in the manual: more may be added, but
 * none is renamed or removed without a new version. */
#include "resource_alert/status/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/glob.h"
#include "core/json_util.h"
#include "resource_alert/alerts/engine.h"
#include "resource_alert/alerts/silence.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/snapshot.h"
#include "resource_alert/status/switch_api.h"

#define EVENTS_MAX 30
#define PATTERN_BYTES 128

const char *const status_unhealthy_words[] = {"warning", "failure", "never",
                                              NULL};

/* Milliseconds since the epoch as seconds; null where they are not known. */
static json_t *make_time(int64_t at_ms) {
  return at_ms > 0 ? json_real((double)at_ms / 1000) : json_null();
}

/* The document is complete without responses, silences or a journal. */
static json_t *replace_null_array(json_t *array) {
  return array == NULL ? json_array() : array;
}

/* ---- problems ---- */

/* For log_sink; context: the array. An error is put first. */
static void add_problem(void *context, enum log_level level, const char *line) {
  json_t *problem = json_util_from_text(line);
  if (level == LOG_LEVEL_ERROR) {
    (void)json_array_insert_new(context, 0, problem);
  } else {
    (void)json_array_append_new(context, problem);
  }
}

/* For log_sink; context: bool. */
static void note_error(void *context, enum log_level level, const char *line) {
  bool *has_error = context;
  (void)line;
  *has_error |= level == LOG_LEVEL_ERROR;
}

static void report_problems(const struct status_deps *deps,
                            const struct log_sink *sink) {
  if (deps->engine != NULL) {
    engine_report_problems(deps->engine, sink);
  }
  responses_report_problems(deps->responses, sink);
  status_report_problems(deps->status, sink);
}

static json_t *problems_to_json(const struct status_deps *deps) {
  json_t *problems = json_array();
  const struct log_sink sink = {.write = add_problem, .context = problems};
  report_problems(deps, &sink);
  return problems;
}

/* ---- health ---- */

/* WARNING, MISSING and FAILURE. */
static bool needs_attention(enum alert_state state) {
  return alert_state_rank(state) > alert_state_rank(ALERT_OKAY);
}

/* enum status_unhealthy in a field of type int, as the option table fills
 * it. */
static bool is_unhealthy(enum alert_state worst, int unhealthy) {
  switch ((enum status_unhealthy)unhealthy) {
  case STATUS_UNHEALTHY_NEVER:
    return false;
  case STATUS_UNHEALTHY_FAILURE:
    return worst == ALERT_FAILURE;
  case STATUS_UNHEALTHY_WARNING:
    return needs_attention(worst);
  }
  return false;
}

/* The next of the patterns, cut at its comma; *at: moved behind it. */
static const char *next_pattern(const char **at, char pattern[PATTERN_BYTES]) {
  size_t length = strcspn(*at, ",");
  (void)snprintf(pattern, PATTERN_BYTES, "%.*s", (int)length, *at);
  *at += length + ((*at)[length] == ',');
  return pattern;
}

static bool is_judged(const char *patterns, const char *name) {
  char pattern[PATTERN_BYTES];
  bool is_found = patterns == NULL;
  for (const char *at = patterns; !is_found && *at != '\0';) {
    is_found = glob_matches(next_pattern(&at, pattern), name);
  }
  return is_found;
}

/* A name with a typo would stay healthy for ever. Returns true if REPLY was
 * set. */
static bool refuse_patterns(const char *patterns,
                            const struct snapshot *snapshot,
                            struct http_server_reply *reply) {
  char pattern[PATTERN_BYTES];
  for (const char *at = patterns; at != NULL && *at != '\0';) {
    bool is_found = false;
    (void)next_pattern(&at, pattern);
    for (size_t i = 0; !is_found && i < snapshot->rules_len; i++) {
      is_found = glob_matches(pattern, snapshot->rules[i].rule->name);
    }
    if (!is_found) {
      http_server_set_json(reply, 400,
                           json_pack("{ss so}", "error",
                                     "rules: no rule has this name", "name",
                                     json_util_from_text(pattern)));
      return true;
    }
  }
  return false;
}

void status_set_health(const struct status_deps *deps,
                       const struct snapshot *snapshot, const char *patterns,
                       struct http_server_reply *reply) {
  if (refuse_patterns(patterns, snapshot, reply)) {
    return;
  }
  json_t *reasons = json_array();
  enum alert_state worst = ALERT_UNKNOWN;
  bool is_hanging = false;
  const struct log_sink errors = {.write = note_error, .context = &is_hanging};
  report_problems(deps, &errors);
  for (size_t i = 0; i < snapshot->rules_len; i++) {
    const struct snapshot_rule *rule = &snapshot->rules[i];
    if (!is_judged(patterns, rule->rule->name)) {
      continue;
    }
    worst = alert_state_rank(rule->state) > alert_state_rank(worst)
                ? rule->state
                : worst;
    if (needs_attention(rule->state)) {
      (void)json_array_append_new(
          reasons,
          json_pack("{so ss so}", "rule", json_util_from_text(rule->rule->name),
                    "state", alert_state_name(rule->state), "value",
                    json_util_from_number(rule->value)));
    }
  }
  int unhealthy = deps->options->unhealthy;
  bool is_bad = is_unhealthy(worst, unhealthy) ||
                (is_hanging && unhealthy != STATUS_UNHEALTHY_NEVER);
  http_server_set_json(
      reply, is_bad ? 503 : 200,
      json_pack("{sb ss so so so}", "healthy", (int)!is_bad, "worst",
                alert_state_name(worst), "reasons", reasons, "problems",
                problems_to_json(deps), "values",
                health_values_to_json(deps->health, clock_monotonic_ms())));
}

/* ---- status ---- */

/* Both are there only while the state is about to change. */
static void add_next_state(json_t *object,
                           const struct snapshot_series *series) {
  if (series->next_ms >= 0) {
    (void)json_object_set_new(object, "next_state",
                              json_string(alert_state_name(series->next)));
    (void)json_object_set_new(object, "next_in_s",
                              json_real((double)series->next_ms / 1000));
  }
}

/* One of the worst series of a rule. */
static json_t *series_to_json(const struct status_deps *deps,
                              const struct snapshot_series *series) {
  json_t *object =
      json_pack("{so ss so so}", "name", json_util_from_text(series->name),
                "state", alert_state_name(series->state), "value",
                json_util_from_number(series->value), "since",
                make_time(series->since_ms));
  add_next_state(object, series);
  json_t *leaks = leak_list_to_json(engine_leaks(deps->engine), series->name,
                                    engine_real_clock.wall_ms());
  if (leaks != NULL) {
    (void)json_object_set_new(object, "leaks", leaks);
  }
  return object;
}

/* Only the limits that are set. A rule on notifications has none. */
static json_t *limits_to_json(const struct rule *rule) {
  const struct {
    const char *name;
    double limit;
  } named[] = {
      {"warning_min", rule->limits.warning_min},
      {"warning_max", rule->limits.warning_max},
      {"failure_min", rule->limits.failure_min},
      {"failure_max", rule->limits.failure_max},
  };
  json_t *object = json_object();
  for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
    if (rule->notification == NULL && isfinite(named[i].limit)) {
      (void)json_object_set_new(object, named[i].name,
                                json_real(named[i].limit));
    }
  }
  return object;
}

/* The Metric lines. */
static json_t *metrics_to_json(const struct rule *rule) {
  json_t *metrics = json_array();
  char text[4 * READING_NAME_BYTES];
  for (size_t i = 0; i < rule->selectors_len; i++) {
    metric_selector_format(&rule->selectors[i], text, sizeof(text));
    (void)json_array_append_new(metrics, json_util_from_text(text));
  }
  return metrics;
}

/* How many series are in which state. */
static json_t *state_counts_to_json(const struct rule *rule,
                                    json_int_t *ret_sum) {
  json_t *object = json_object();
  *ret_sum = 0;
  for (int state = 0; state < ALERT_STATES; state++) {
    uint32_t count = atomic_load(&rule->counts[state]);
    *ret_sum += count;
    if (count > 0) {
      (void)json_object_set_new(object,
                                alert_state_name((enum alert_state)state),
                                json_integer((json_int_t)count));
    }
  }
  return object;
}

/* The oldest point first; null where there was no value. */
static json_t *rule_history_to_json(const struct snapshot_history *history,
                                    size_t rule) {
  json_t *points = json_array();
  for (size_t i = 0; rule < history->rules_len && i < history->len; i++) {
    (void)json_array_append_new(
        points, json_util_from_number(snapshot_history_get(history, rule, i)));
  }
  return points;
}

static void add_link(json_t *object, const char *name, const char *url) {
  if (url != NULL) {
    (void)json_object_set_new(object, name, json_util_from_text(url));
  }
}

/* history: taken. "silenced" is there only while it is true. */
static json_t *snapshot_rule_to_json(const struct status_deps *deps,
                                     const struct snapshot_rule *rule,
                                     bool is_silenced, json_t *history) {
  json_t *series = json_array();
  for (size_t i = 0; i < rule->series_len; i++) {
    (void)json_array_append_new(series, series_to_json(deps, &rule->series[i]));
  }
  json_int_t series_count = 0;
  json_t *counts = state_counts_to_json(rule->rule, &series_count);
  json_t *object = json_pack(
      "{so ss si so so so so so sb sI so so so}", "name",
      json_util_from_text(rule->rule->name), "state",
      alert_state_name(rule->state), "severity", alert_state_rank(rule->state),
      "since", make_time(rule->since_ms), "value",
      json_util_from_number(rule->value), "unit",
      rule->rule->unit == NULL ? json_null()
                               : json_util_from_text(rule->rule->unit),
      "metrics", metrics_to_json(rule->rule), "limits",
      limits_to_json(rule->rule), "inverted",
      (int)rule->rule->limits.is_inverted, "series_count", series_count,
      "counts", counts, "series", series, "history", history);
  if (rule->series_len > 0) {
    add_next_state(object, &rule->series[0]);
  }
  add_link(object, "runbook", rule->rule->runbook);
  add_link(object, "link", rule->rule->link);
  if (is_silenced) {
    (void)json_object_set_new(object, "silenced", json_true());
  }
  return object;
}

/* A silence of a whole rule has no series; those of single series do not count
 * here. */
static json_t *rules_to_json(const struct status_deps *deps,
                             const struct snapshot *snapshot,
                             const struct snapshot_history *history,
                             int64_t now_ms) {
  json_t *all = json_array();
  for (size_t i = 0; i < snapshot->rules_len; i++) {
    const struct snapshot_rule *rule = &snapshot->rules[i];
    bool is_silenced =
        deps->silences != NULL &&
        silences_cover(deps->silences, rule->rule->name, "", now_ms);
    (void)json_array_append_new(
        all, snapshot_rule_to_json(deps, rule, is_silenced,
                                   rule_history_to_json(history, i)));
  }
  return all;
}

/* How the engine itself is doing: what was rejected, dropped or lost. */
static json_t *counts_to_json(struct engine *engine) {
  struct engine_counts counts;
  engine_get_counts(engine, &counts);
  return json_pack(
      "{sI sI sI sI sI sI sI sI}", "series", (json_int_t)counts.table.series,
      "watched", (json_int_t)counts.table.watched, "values_rejected",
      (json_int_t)counts.table.rejected, "transitions",
      (json_int_t)counts.transitions, "notifications_waiting",
      (json_int_t)counts.notifications_waiting, "notifications_dropped",
      (json_int_t)counts.notifications_dropped, "journal_lines_waiting",
      (json_int_t)counts.journal.waiting, "journal_lines_lost",
      (json_int_t)counts.journal.lost);
}

json_t *status_to_json(const struct status_deps *deps,
                       const struct snapshot *snapshot,
                       const struct snapshot_history *history) {
  int64_t now_ms = engine_real_clock.wall_ms();
  json_t *silences =
      deps->silences == NULL ? NULL : silences_to_json(deps->silences, now_ms);
  json_t *responses =
      deps->responses == NULL ? NULL : responses_to_json(deps->responses);
  json_t *switches = switch_api_list(deps, responses);
  json_t *events = journal_recent_to_json(deps->journal, EVENTS_MAX);
  return json_pack(
      "{si ss ss sf sf ss ss* ss so so so so so so so}", "version",
      STATUS_VERSION, "plugin_version", PROJECT_VERSION, "host", deps->host,
      "time", (double)now_ms / 1000, "started", (double)deps->started_ms / 1000,
      "mode", deps->mode, "state_dir_holder", deps->state_dir_holder, "worst",
      alert_state_name(snapshot->worst), "rules",
      rules_to_json(deps, snapshot, history, now_ms), "responses",
      replace_null_array(responses), "switches", switches, "silences",
      replace_null_array(silences), "events", replace_null_array(events),
      "problems", problems_to_json(deps), "counts",
      deps->engine == NULL ? json_object() : counts_to_json(deps->engine));
}
