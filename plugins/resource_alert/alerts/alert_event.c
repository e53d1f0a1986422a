/* SPDX-License-Identifier: MIT */
/* alert_event: one change of an alert's state, and how it reads in the log, in
 * the journal and as a notification. */
#include "resource_alert/alerts/alert_event.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "core/text.h"
#include "resource_alert/rules/message.h"

#define NUMBER_BYTES 32
#define TIME_BYTES 64

void alert_event_fill_names(struct alert_event *event,
                            const struct series_alert *alert) {
  const struct series *series = alert->series;
  event->rule = alert->rule;
  event->interval_ms = series->interval_ms;
  series_key_unpack_names(series->key, &event->names);
  reading_set_name(event->source, series_source_name(series, alert->source));
  series_format_name(series, alert->source, event->series,
                     sizeof(event->series));
}

/* The receivers of a stock rule's notifications know its alerts on one series
 * by one name. Another one that is bad, or was when it was dispatched last;
 * NULL: none. */
static struct series_alert *
find_bad_namesake(const struct series_alert *alert) {
  const struct series *series = alert->series;
  for (size_t i = 0; alert->rule->is_stock && i < series->alerts_len; i++) {
    struct series_alert *other = &series->alerts[i];
    if (other != alert && other->rule->is_stock &&
        (other->alert.state >= ALERT_WARNING ||
         series_alert_dispatched(other) >= ALERT_WARNING)) {
      return other;
    }
  }
  return NULL;
}

/* ALERT is okay, and what is to be told of it may be told by a namesake. */
static bool leave_okay_to_namesake(struct series_alert *alert,
                                   uint8_t notified) {
  struct series_alert *other = find_bad_namesake(alert);
  if (other != NULL && other->alert.notified < ALERT_WARNING) {
    other->alert.notified = notified;
  }
  return other != NULL;
}

/* The end is notified if the alert was; also under a silence, since nothing
 * comes after it. */
static void decide_end_notification(struct series_alert *alert,
                                    struct alert_event *event) {
  struct alert_change *change = &event->change;
  uint8_t notified = alert->alert.notified;
  bool is_open = notified >= ALERT_WARNING;
  alert->alert.notified = ALERT_UNKNOWN;
  event->notified = ALERT_UNKNOWN;
  change->from = is_open && change->from < ALERT_WARNING
                     ? (enum alert_state)notified
                     : change->from;
  change->should_notify = is_open && !leave_okay_to_namesake(alert, notified);
}

/* Decides whether the state of the event is notified, and keeps it. */
static void decide_notification(struct series_alert *alert,
                                struct silences *silences, int64_t wall_ms,
                                struct alert_event *event) {
  struct alert_change *change = &event->change;
  uint8_t notified = alert->alert.notified;
  if (alert_cause_is_end(change->cause)) {
    decide_end_notification(alert, event);
    return;
  }
  bool is_reminder = change->cause == ALERT_CAUSE_REMINDER;
  change->should_notify =
      is_reminder ||
      (change->to == ALERT_UNKNOWN
           ? change->from >= ALERT_WARNING
           : alert_is_news((enum alert_state)notified, change->to));
  event->is_silenced =
      change->should_notify &&
      silences_cover(silences, event->rule->name, event->series, wall_ms);
  if (change->should_notify && !event->is_silenced &&
      change->to != ALERT_UNKNOWN) {
    if (!is_reminder && change->from == change->to) { /* in several steps */
      change->from = (enum alert_state)notified;
    }
    alert->alert.notified = (uint8_t)change->to;
    change->should_notify = is_reminder || change->to != ALERT_OKAY ||
                            !leave_okay_to_namesake(alert, notified);
  }
  event->notified = (enum alert_state)alert->alert.notified;
}

/* The incident ends with this event, if the alert is OKAY. */
static void take_incident(struct alert *alert, struct alert_event *event) {
  event->peak = (double)NAN;
  if (alert->state == ALERT_OKAY && alert->begun_wall_ms != 0) {
    event->peak = alert->peak;
    event->lasted_ms = alert->since_wall_ms - alert->begun_wall_ms;
    alert->begun_wall_ms = 0;
    alert->peak = (double)NAN;
  }
}

void alert_event_take(struct series_alert *alert, struct silences *silences,
                      int64_t wall_ms, struct alert_event *ret) {
  *ret = (struct alert_event){
      .change = alert->change,
      .coalesced = alert->coalesced,
      .since_wall_ms = alert->alert.since_wall_ms,
      .value_wall_ms = alert->series->time_ns / 1000000,
      .notified_wall_ms = wall_ms,
  };
  alert_event_fill_names(ret, alert);
  take_incident(&alert->alert, ret);
  decide_notification(alert, silences, wall_ms, ret);
  alert->is_queued = false;
}

/* One that is queued is dispatched anyway. */
bool alert_event_is_owed(const struct series_alert *alert) {
  enum alert_state state = (enum alert_state)alert->alert.state;
  return alert->rule->notification == NULL && !alert->is_queued &&
         alert_is_news((enum alert_state)alert->alert.notified, state);
}

bool alert_event_take_owed(struct series_alert *alert,
                           struct silences *silences, int64_t wall_ms,
                           struct alert_event *ret) {
  if (isnan(alert->alert.value) && alert->alert.state != ALERT_MISSING) {
    return false; /* restored, and not confirmed by a reading */
  }
  enum alert_state from = (enum alert_state)alert->alert.notified;
  from = from == ALERT_UNKNOWN ? ALERT_OKAY : from;
  alert->coalesced = 0;
  alert->change = (struct alert_change){
      .from = from,
      .to = (enum alert_state)alert->alert.state,
      .cause = ALERT_CAUSE_UNSILENCED,
      .value = alert->alert.value,
      .limit = (double)NAN,
  };
  alert_find_broken_limit(&alert->rule->limits, &alert->change);
  alert_event_take(alert, silences, wall_ms, ret);
  return !ret->is_silenced;
}

/* ---- text: at most about 1 KB, cut where it is longer ---- */

/* Without an exponent, but for numbers that nobody would write out. */
static void format_number(double number, int digits, char *text, size_t bytes) {
  (void)snprintf(text, bytes, "%.*g", digits, number);
  if (isnan(number)) {
    (void)snprintf(text, bytes, "none");
  } else if (strchr(text, 'e') != NULL && fabs(number) >= 1 &&
             fabs(number) < 1e16) {
    (void)snprintf(text, bytes, "%.0f", number);
  }
}

/* The limit as it is configured. Of the value three digits, for nobody reads
 * more of a measured one; or as many as show on which side of the limit it is.
 */
static void format_value_and_limit(const struct alert_change *change,
                                   char value[NUMBER_BYTES],
                                   char limit[NUMBER_BYTES]) {
  bool is_told = false;
  format_number(change->limit, 15, limit, NUMBER_BYTES);
  for (int digits = 3; digits <= 17 && !is_told; digits++) {
    format_number(change->value, digits, value, NUMBER_BYTES);
    double shown = strtod(value, NULL);
    double distance = fabs(change->value - change->limit);
    is_told = isnan(distance) || fabs(shown - change->value) <= distance / 2;
  }
}

/* "83.3 > 80 for 10 s", "70 within its limits for 60 s", "without a reading
 * for 20 s" */
static void format_reason(const struct alert_event *event, char *text,
                          size_t bytes) {
  const struct alert_change *change = &event->change;
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char held[NUMBER_BYTES] = "";
  format_value_and_limit(change, value, limit);
  bool is_beyond = change->is_limit_max ? change->value > change->limit
                                        : change->value < change->limit;
  if (change->held_s > 0) {
    (void)snprintf(held, sizeof(held), " for %u s", change->held_s);
  }
  if (alert_cause_is_end(change->cause)) {
    (void)snprintf(text, bytes, "closed: %s",
                   change->cause == ALERT_CAUSE_FORGOTTEN
                       ? "the series was forgotten on request"
                       : "the configuration has no such rule for it any more");
  } else if (event->rule->notification != NULL) {
    (void)snprintf(text, bytes, "%s",
                   change->cause == ALERT_CAUSE_EXPIRED
                       ? "no notification within its TTL"
                       : "reported by a notification");
  } else if (change->cause == ALERT_CAUSE_MISSING ||
             change->to == ALERT_MISSING) {
    (void)snprintf(text, bytes, "without a reading%s", held);
  } else if (change->to == ALERT_UNKNOWN) {
    (void)snprintf(text, bytes, "%s received again, not evaluated yet", value);
  } else if (isnan(change->limit)) {
    (void)snprintf(text, bytes, "%s within its limits%s", value, held);
  } else if (!is_beyond) { /* by Hysteresis or RecoverFor */
    (void)snprintf(text, bytes, "%s, limit %s%s", value, limit, held);
  } else {
    (void)snprintf(text, bytes, "%s %c %s%s", value,
                   change->is_limit_max ? '>' : '<', limit, held);
  }
}

/* As the value is written. */
static void format_peak(const struct alert_event *event,
                        char peak[NUMBER_BYTES]) {
  char unused[NUMBER_BYTES];
  const struct alert_change change = {.value = event->peak,
                                      .limit = (double)NAN};
  format_value_and_limit(&change, peak, unused);
}

/* "; it lasted 12 min, peak 93.1", where an incident ends. */
static void format_incident(const struct alert_event *event, char *text,
                            size_t bytes) {
  char lasted[NUMBER_BYTES];
  char peak[NUMBER_BYTES];
  text[0] = '\0';
  if (event->lasted_ms > 0) {
    text_format_duration((double)event->lasted_ms / 1000, lasted,
                         sizeof(lasted));
    format_peak(event, peak);
    (void)snprintf(text, bytes, "; it lasted %s%s%s", lasted,
                   isnan(event->peak) ? "" : ", peak ",
                   isnan(event->peak) ? "" : peak);
  }
}

void alert_event_format(const struct alert_event *event, char *text,
                        size_t bytes) {
  char reason[4 * NUMBER_BYTES];
  format_reason(event, reason, sizeof(reason));
  const char *to = alert_state_name(event->change.to);
  if (event->change.cause == ALERT_CAUSE_REMINDER) {
    (void)snprintf(text, bytes, "rule \"%s\": still %s, %s %s",
                   event->rule->name, to, event->series, reason);
    return;
  }
  char incident[3 * NUMBER_BYTES];
  char coalesced[2 * NUMBER_BYTES] = "";
  if (event->change.cause == ALERT_CAUSE_UNSILENCED) {
    (void)snprintf(coalesced, sizeof(coalesced), "; was silenced");
  } else if (event->coalesced > 0) {
    (void)snprintf(coalesced, sizeof(coalesced), " (%u changes in between)",
                   event->coalesced);
  }
  format_incident(event, incident, sizeof(incident));
  (void)snprintf(text, bytes, "rule \"%s\": %s -> %s, %s %s%s%s",
                 event->rule->name, alert_state_name(event->change.from), to,
                 event->series, reason, incident, coalesced);
}

/* ---- the severity ---- */

/* Of any state but UNKNOWN, which is notified only as the end of an alert. */
static enum notification_severity
find_event_severity(const struct alert_event *event) {
  bool is_failure = event->change.to == ALERT_FAILURE ||
                    (event->change.to == ALERT_MISSING &&
                     event->rule->limits.missing == RULE_MISSING_FAILURE);
  if (event->change.to == ALERT_OKAY ||
      alert_cause_is_end(event->change.cause)) {
    return NOTIFICATION_OKAY;
  }
  return is_failure ? NOTIFICATION_FAILURE : NOTIFICATION_WARNING;
}

/* "" for a state that is not notified. */
static const char *find_severity_word(const struct alert_event *event) {
  const char *const words[] = {
      [NOTIFICATION_FAILURE] = event->rule->failure_word,
      [NOTIFICATION_WARNING] = event->rule->warning_word,
      [NOTIFICATION_OKAY] = "okay",
  };
  return event->change.to == ALERT_UNKNOWN ? ""
                                           : words[find_event_severity(event)];
}

/* ---- the journal ---- */

/* As the journal has times of before the event: UTC, without a fraction. */
static void format_wall_time(int64_t wall_ms, char *text, size_t bytes) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm parts;
  if (gmtime_r(&seconds, &parts) == NULL) {
    text[0] = '\0';
    return;
  }
  (void)strftime(text, bytes, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

json_t *alert_event_to_json(const struct alert_event *event) {
  char since[TIME_BYTES];
  format_wall_time(event->since_wall_ms, since, sizeof(since));
  json_t *fields = json_pack(
      "{ss so ss ss ss so so ss ss}", "rule", event->rule->name, "series",
      json_util_from_text(event->series), "from",
      alert_state_name(event->change.from), "to",
      alert_state_name(event->change.to), "severity", find_severity_word(event),
      "value", json_util_from_number(event->change.value), "limit",
      json_util_from_number(event->change.limit), "since", since, "cause",
      alert_cause_name(event->change.cause));
  if (fields != NULL && event->lasted_ms > 0) {
    (void)json_object_set_new(fields, "peak",
                              json_util_from_number(event->peak));
    (void)json_object_set_new(fields, "lasted_s",
                              json_real((double)event->lasted_ms / 1000));
  }
  if (fields != NULL && event->coalesced > 0) {
    (void)json_object_set_new(fields, "coalesced",
                              json_integer((json_int_t)event->coalesced));
  }
  if (fields != NULL && event->is_redelivered) {
    (void)json_object_set_new(fields, "redelivered", json_true());
  }
  return fields;
}

/* ---- the notification ---- */

/* The rule's text for the state with its fields filled in, or else the log
 * line. */
static void format_message(const struct alert_event *event, char *text,
                           size_t bytes) {
  const char *pattern =
      alert_cause_is_end(event->change.cause) ? NULL
      : event->change.to == ALERT_OKAY        ? event->rule->message_okay
      : event->change.to == ALERT_MISSING     ? event->rule->message_missing
                                              : event->rule->message;
  if (pattern == NULL) {
    alert_event_format(event, text, bytes);
    return;
  }
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char count[NUMBER_BYTES];
  char interval[NUMBER_BYTES];
  char since[TIME_BYTES];
  char peak[NUMBER_BYTES];
  char lasted[NUMBER_BYTES];
  double interval_s = (double)event->interval_ms / 1000;
  format_value_and_limit(&event->change, value, limit);
  format_peak(event, peak);
  text_format_duration((double)event->lasted_ms / 1000, lasted, sizeof(lasted));
  format_number(round(event->change.value * interval_s), 6, count,
                sizeof(count));
  format_number(interval_s, 6, interval, sizeof(interval));
  format_wall_time(event->since_wall_ms, since, sizeof(since));
  const char *const fields[MESSAGE_FIELDS] = {
      [MESSAGE_RULE] = event->rule->name,
      [MESSAGE_HOST] = event->names.host,
      [MESSAGE_PLUGIN] = event->names.plugin,
      [MESSAGE_PLUGIN_INSTANCE] = event->names.plugin_instance,
      [MESSAGE_TYPE] = event->names.type,
      [MESSAGE_TYPE_INSTANCE] = event->names.type_instance,
      [MESSAGE_DATA_SOURCE] = event->source,
      [MESSAGE_VALUE] = value,
      [MESSAGE_PEAK] = peak,
      [MESSAGE_LASTED] = lasted,
      [MESSAGE_LIMIT] = isnan(event->change.limit) ? "" : limit,
      [MESSAGE_COUNT] = count,
      [MESSAGE_INTERVAL] = interval,
      [MESSAGE_STATE] = alert_state_name(event->change.to),
      [MESSAGE_PREVIOUS] = alert_state_name(event->change.from),
      [MESSAGE_SINCE] = since,
      [MESSAGE_UNIT] = event->rule->unit,
      [MESSAGE_SEVERITY] = find_severity_word(event),
  };
  message_format(pattern, fields, text, bytes);
}

/* The name of a series as one part of another name. */
static void format_instance(const char *series, const char *host,
                            const char *local_host, char *text, size_t bytes) {
  size_t skipped = strcmp(host, local_host) == 0 ? strlen(host) + 1 : 0;
  text_make_name(text, bytes, series + skipped);
}

void alert_event_format_instance(const struct series *series, size_t source,
                                 const char *local_host, char *text,
                                 size_t bytes) {
  struct reading_names names;
  char name[SERIES_NAME_BYTES];
  series_key_unpack_names(series->key, &names);
  series_format_name(series, source, name, sizeof(name));
  format_instance(name, names.host, local_host, text, bytes);
}

/* What collectd's own plugin tells of a value, for handlers that know it; and
 * the states. A missing series has no value. Returns how many. */
static size_t fill_stock_fields(const struct alert_event *event,
                                struct notification_field *fields) {
  const struct rule_limits *limits = &event->rule->limits;
  const struct notification_field all[] = {
      {.name = "State", .text = alert_state_name(event->change.to)},
      {.name = "Previous", .text = alert_state_name(event->change.from)},
      {.name = "DataSource", .text = event->source},
      {.name = "CurrentValue", .number = event->change.value},
      {.name = "WarningMin", .number = limits->warning_min},
      {.name = "WarningMax", .number = limits->warning_max},
      {.name = "FailureMin", .number = limits->failure_min},
      {.name = "FailureMax", .number = limits->failure_max},
  };
  memcpy(fields, all, sizeof(all));
  return event->change.to == ALERT_MISSING || event->change.to == ALERT_UNKNOWN
             ? 2
             : sizeof(all) / sizeof(all[0]);
}

/* Details of the rules of our own. What there is none of is left out. No name
 * is one that a handler of collectd's plugin exec reads in the header. Returns
 * how many. */
static size_t fill_fields(const struct alert_event *event,
                          struct notification_field *fields) {
  const struct notification_field all[] = {
      {.name = "Rule", .text = event->rule->name},
      {.name = "Series", .text = event->series},
      {.name = "State", .text = alert_state_name(event->change.to)},
      {.name = "Previous", .text = alert_state_name(event->change.from)},
      {.name = "SeverityName", .text = find_severity_word(event)},
      {.name = "CurrentValue", .number = event->change.value},
      {.name = "Limit", .number = event->change.limit},
  };
  size_t len = 0;
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    if (all[i].text != NULL || !isnan(all[i].number)) {
      fields[len++] = all[i];
    }
  }
  return len;
}

#define FIELDS_MAX 8

/* Blocks of the threshold plugin are notified under the names of the series. */
static void name_after_series(const struct alert_event *event,
                              struct notification *notification) {
  notification->plugin = event->names.plugin;
  notification->plugin_instance = event->names.plugin_instance;
  notification->type = event->names.type;
  notification->type_instance = event->names.type_instance;
}

void alert_event_notify(const struct alert_event *event,
                        const struct notification_sink *sink) {
  bool is_end = alert_cause_is_end(event->change.cause);
  if (event->change.to == ALERT_UNKNOWN && !is_end) {
    return;
  }
  bool has_value_time = event->change.to != ALERT_MISSING && !is_end;
  struct notification_field fields[FIELDS_MAX];
  struct notification notification = {
      .severity = find_event_severity(event),
      .time_s = has_value_time ? (double)event->value_wall_ms / 1000 : 0,
      .host = event->names.host,
      .plugin = "",
      .plugin_instance = event->rule->name,
      .type = "alert_state",
      .fields = fields,
  };
  char message[NOTIFICATION_MESSAGE_BYTES];
  char instance[READING_NAME_BYTES];
  format_message(event, message, sizeof(message));
  format_instance(event->series, event->names.host, event->names.host, instance,
                  sizeof(instance));
  notification.message = message;
  notification.type_instance = instance;
  if (event->rule->is_stock) {
    name_after_series(event, &notification);
    notification.fields_len = fill_stock_fields(event, fields);
  } else {
    notification.fields_len = fill_fields(event, fields);
  }
  sink->put(sink->context, &notification);
}
