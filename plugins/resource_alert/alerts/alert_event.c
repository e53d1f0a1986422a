/* SPDX-License-Identifier: MIT */
/* alert_event: one change of an alert's state, and how it reads in the log, in
 * the journal and as a notification. */
#include "resource_alert/alerts/alert_event.h"

#include <math.h>
#include <stdio.h>
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
  text_blank_controls(event->series);
}

void alert_event_take(struct series_alert *alert, int64_t wall_ms,
                      struct alert_event *ret) {
  /* An alert that is UNKNOWN again after several changes between two looks was
   * notified as little or as much as before them. */
  if (alert->alert.state == ALERT_UNKNOWN) {
    alert->alert.is_notified = alert->was_notified;
  }
  *ret = (struct alert_event){
      .change = alert->change,
      .coalesced = alert->coalesced,
      .is_notified = alert->alert.is_notified,
      .since_wall_ms = alert->alert.since_wall_ms,
      .notified_wall_ms = wall_ms,
  };
  alert_event_fill_names(ret, alert);
  alert->was_notified = alert->alert.is_notified;
  alert->is_queued = false;
}

/* ---- text: at most about 1 KB, cut where it is longer ---- */

/* Six digits: nobody reads more of a measured value. */
static void format_number(double number, char *text, size_t bytes) {
  (void)snprintf(text, bytes, "%.6g", number);
}

/* "83.3 > 80 for 10 s", "70 within its limits for 60 s", "without a reading
 * for 20 s" */
static void format_reason(const struct alert_event *event, char *text,
                          size_t bytes) {
  const struct alert_change *change = &event->change;
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char held[NUMBER_BYTES] = "";
  format_number(change->value, value, sizeof(value));
  format_number(change->limit, limit, sizeof(limit));
  if (change->held_s > 0) {
    (void)snprintf(held, sizeof(held), " for %u s", change->held_s);
  }
  if (event->rule->notification != NULL) {
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
  } else {
    (void)snprintf(text, bytes, "%s %c %s%s", value,
                   change->is_limit_max ? '>' : '<', limit, held);
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
  char coalesced[2 * NUMBER_BYTES] = "";
  if (event->coalesced > 0) {
    (void)snprintf(coalesced, sizeof(coalesced), " (%u changes in between)",
                   event->coalesced);
  }
  (void)snprintf(text, bytes, "rule \"%s\": %s -> %s, %s %s%s",
                 event->rule->name, alert_state_name(event->change.from), to,
                 event->series, reason, coalesced);
}

/* ---- the severity ---- */

/* Of any state but UNKNOWN, which is not notified. */
static enum notification_severity
find_event_severity(const struct alert_event *event) {
  bool is_failure = event->change.to == ALERT_FAILURE ||
                    (event->change.to == ALERT_MISSING &&
                     event->rule->limits.missing == RULE_MISSING_FAILURE);
  if (event->change.to == ALERT_OKAY) {
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

/* The rule's Message with its fields filled in, or else the log line. */
static void format_message(const struct alert_event *event, char *text,
                           size_t bytes) {
  if (event->rule->message == NULL) {
    alert_event_format(event, text, bytes);
    return;
  }
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char since[TIME_BYTES];
  format_number(event->change.value, value, sizeof(value));
  format_number(event->change.limit, limit, sizeof(limit));
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
      [MESSAGE_LIMIT] = isnan(event->change.limit) ? "" : limit,
      [MESSAGE_STATE] = alert_state_name(event->change.to),
      [MESSAGE_PREVIOUS] = alert_state_name(event->change.from),
      [MESSAGE_SINCE] = since,
      [MESSAGE_UNIT] = event->rule->unit,
      [MESSAGE_SEVERITY] = find_severity_word(event),
  };
  message_format(event->rule->message, fields, text, bytes);
}

/* The name of a series as one part of another name. */
static void format_instance(const char *series, const char *host,
                            const char *local_host, char *text, size_t bytes) {
  size_t skipped = strcmp(host, local_host) == 0 ? strlen(host) + 1 : 0;
  (void)snprintf(text, bytes, "%s", series + skipped);
  for (char *c = text; *c != '\0'; c++) {
    if (*c == '/') {
      *c = '-';
    }
  }
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

void alert_event_notify(const struct alert_event *event,
                        const struct notification_sink *sink) {
  if (event->change.to == ALERT_UNKNOWN) {
    return;
  }
  struct notification notification = {
      .severity = find_event_severity(event),
      .host = event->names.host,
      .plugin = "",
      .plugin_instance = event->rule->name,
      .type = "alert_state",
  };
  char message[NOTIFICATION_MESSAGE_BYTES];
  char instance[READING_NAME_BYTES];
  format_message(event, message, sizeof(message));
  format_instance(event->series, event->names.host, event->names.host, instance,
                  sizeof(instance));
  const struct notification_field fields[] = {
      {.name = "Rule", .text = event->rule->name},
      {.name = "Series", .text = event->series},
      {.name = "State", .text = alert_state_name(event->change.to)},
      {.name = "Previous", .text = alert_state_name(event->change.from)},
      {.name = "Severity", .text = find_severity_word(event)},
      {.name = "CurrentValue", .number = event->change.value},
      {.name = "Limit", .number = event->change.limit},
  };
  notification.type_instance = instance;
  if (event->rule->is_stock) {
    notification.plugin = event->names.plugin;
    notification.plugin_instance = event->names.plugin_instance;
    notification.type = event->names.type;
    notification.type_instance = event->names.type_instance;
  }
  notification.message = message;
  notification.fields = fields;
  notification.fields_len = sizeof(fields) / sizeof(fields[0]);
  sink->put(sink->context, &notification);
}
