/* SPDX-License-Identifier: MIT */
/* announcement: one change of state as the log, the journal and collectd's
 * notification bus tell it. */
#include "resource_alert/event/announcement.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "core/text.h"
#include "resource_alert/journal.h"
#include "resource_alert/rules/message.h"

#define NUMBER_BYTES 32
#define TIME_BYTES 64

static void copy_names(const struct watch *watch, struct announcement *ret) {
  const struct series_body *body = watch->series->body;
  series_copy_names(body, &ret->names);
  memcpy(ret->source, series_source_name(body, watch->source),
         sizeof(ret->source));
  series_format_name(body, watch->source, ret->series, sizeof(ret->series));
  text_blank_controls(ret->series);
}

void announcement_take(struct watch *watch, struct announcement *ret) {
  if (watch->alert.state == ALERT_UNKNOWN) { /* whatever came in between */
    watch->alert.is_told = watch->was_told;
  }
  *ret = (struct announcement){
      .rule = watch->rule,
      .from = (enum alert_state)watch->announced,
      .to = (enum alert_state)watch->alert.state,
      .cause = (enum alert_cause)watch->cause,
      .value = watch->change_value,
      .limit = watch->change_limit,
      .is_limit_max = watch->is_limit_max,
      .is_loud = watch->is_loud,
      .is_told = watch->alert.is_told,
      .folded = watch->folded,
      .held_ms = watch->change_held_s * INT64_C(1000),
      .since_wall_ms = watch->alert.since_wall_ms,
      .interval_ms = atomic_load(&watch->series->interval_ms),
  };
  copy_names(watch, ret);
  watch->announced = watch->alert.state;
  watch->was_told = watch->alert.is_told;
  watch->is_queued = false;
}

void announcement_recall(const struct watch *watch,
                         const struct stored_alert *stored,
                         struct announcement *ret) {
  const struct stored_change *change = stored->change;
  *ret = (struct announcement){
      .rule = watch->rule,
      .from = change->from,
      .to = stored->state,
      .cause = change->cause,
      .value = change->value,
      .limit = change->limit,
      .is_limit_max = change->is_limit_max,
      .is_loud = change->is_loud,
      .is_told = stored->is_told,
      .folded = change->folded,
      .held_ms = change->held_ms,
      .since_wall_ms = stored->since_wall_ms,
      .interval_ms = stored->interval_ms,
      .number = change->number,
      .is_recalled = true,
  };
  copy_names(watch, ret);
}

/* ---- the verdict ---- */

/* Six digits: nobody reads more of a measured value. */
static void format_number(double number, char *text, size_t bytes) {
  (void)snprintf(text, bytes, "%.6g", number);
}

static void format_seconds(int64_t ms, char *text, size_t bytes) {
  (void)snprintf(text, bytes, "%.3g s", (double)ms / 1000);
  if (ms >= 1000) {
    (void)snprintf(text, bytes, "%lld s", (long long)((ms + 500) / 1000));
  }
}

/* "83.3 > 80 for 10 s", "70 within its limits for 60 s", "stopped 20 s ago" */
static void format_reason(const struct announcement *announcement, char *text,
                          size_t bytes) {
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char held[NUMBER_BYTES];
  format_number(announcement->value, value, sizeof(value));
  format_number(announcement->limit, limit, sizeof(limit));
  format_seconds(announcement->held_ms, held, sizeof(held));
  bool has_held = announcement->held_ms > 0;
  if (announcement->rule->notification != NULL) {
    (void)snprintf(text, bytes, "%s",
                   announcement->cause == ALERT_CAUSE_EXPIRED
                       ? "has not been heard of for its TTL"
                       : "says a notification");
  } else if (announcement->cause == ALERT_CAUSE_MISSING ||
             announcement->to == ALERT_MISSING) {
    (void)snprintf(text, bytes, "without a reading for %s", held);
  } else if (announcement->to == ALERT_UNKNOWN) {
    (void)snprintf(text, bytes, "%s is back, not judged yet", value);
  } else if (isnan(announcement->limit)) {
    (void)snprintf(text, bytes, "%s within its limits%s%s", value,
                   has_held ? " for " : "", has_held ? held : "");
  } else {
    (void)snprintf(text, bytes, "%s %c %s%s%s", value,
                   announcement->is_limit_max ? '>' : '<', limit,
                   has_held ? " for " : "", has_held ? held : "");
  }
}

void announcement_format_verdict(const struct announcement *announcement,
                                 char *text, size_t bytes) {
  char reason[4 * NUMBER_BYTES];
  format_reason(announcement, reason, sizeof(reason));
  const char *to = alert_state_name(announcement->to);
  if (announcement->cause == ALERT_CAUSE_REMINDER) {
    (void)snprintf(text, bytes, "rule \"%s\": still %s, %s %s",
                   announcement->rule->name, to, announcement->series, reason);
    return;
  }
  char folded[2 * NUMBER_BYTES] = "";
  if (announcement->folded > 0) {
    (void)snprintf(folded, sizeof(folded), " (%u changes in between)",
                   announcement->folded);
  }
  (void)snprintf(text, bytes, "rule \"%s\": %s -> %s, %s %s%s",
                 announcement->rule->name, alert_state_name(announcement->from),
                 to, announcement->series, reason, folded);
}

/* ---- the severity ---- */

/* False for what nobody is told of. */
static bool find_severity(const struct announcement *announcement,
                          enum notification_severity *ret_severity) {
  switch (announcement->to) {
  case ALERT_OKAY:
    *ret_severity = NOTIFICATION_OKAY;
    return true;
  case ALERT_WARNING:
    *ret_severity = NOTIFICATION_WARNING;
    return true;
  case ALERT_FAILURE:
    *ret_severity = NOTIFICATION_FAILURE;
    return true;
  case ALERT_MISSING:
    *ret_severity = announcement->rule->limits.missing == ALERT_MISSING_FAILURE
                        ? NOTIFICATION_FAILURE
                        : NOTIFICATION_WARNING;
    return true;
  case ALERT_UNKNOWN:
    break;
  }
  return false;
}

/* "" for what nobody is told of. */
static const char *severity_word(const struct announcement *announcement) {
  enum notification_severity severity;
  if (!find_severity(announcement, &severity)) {
    return "";
  }
  switch (severity) {
  case NOTIFICATION_WARNING:
    return announcement->rule->warning_word;
  case NOTIFICATION_FAILURE:
    return announcement->rule->failure_word;
  case NOTIFICATION_OKAY:
    break;
  }
  return "okay";
}

/* ---- the journal ---- */

static void format_wall(int64_t wall_ms, char *text, size_t bytes) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm parts;
  if (gmtime_r(&seconds, &parts) == NULL) {
    text[0] = '\0';
    return;
  }
  (void)strftime(text, bytes, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static json_t *number_or_null(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

json_t *announcement_to_json(const struct announcement *announcement) {
  char since[TIME_BYTES];
  format_wall(announcement->since_wall_ms, since, sizeof(since));
  json_t *fields = json_pack(
      "{ss so ss ss ss so so ss ss}", "rule", announcement->rule->name,
      "series", json_util_text(announcement->series), "from",
      alert_state_name(announcement->from), "to",
      alert_state_name(announcement->to), "severity",
      severity_word(announcement), "value", number_or_null(announcement->value),
      "limit", number_or_null(announcement->limit), "since", since, "cause",
      alert_cause_name(announcement->cause));
  if (fields != NULL && announcement->folded > 0) {
    (void)json_object_set_new(fields, "folded",
                              json_integer((json_int_t)announcement->folded));
  }
  if (fields != NULL && announcement->is_recalled) {
    (void)json_object_set_new(fields, "recalled", json_true());
  }
  return fields;
}

/* ---- the notification ---- */

static void format_message(const struct announcement *announcement, char *text,
                           size_t bytes) {
  if (announcement->rule->message == NULL) {
    announcement_format_verdict(announcement, text, bytes);
    return;
  }
  char value[NUMBER_BYTES];
  char limit[NUMBER_BYTES];
  char since[TIME_BYTES];
  format_number(announcement->value, value, sizeof(value));
  format_number(announcement->limit, limit, sizeof(limit));
  format_wall(announcement->since_wall_ms, since, sizeof(since));
  const char *const fields[MESSAGE_FIELDS] = {
      [MESSAGE_RULE] = announcement->rule->name,
      [MESSAGE_HOST] = announcement->names.host,
      [MESSAGE_PLUGIN] = announcement->names.plugin,
      [MESSAGE_PLUGIN_INSTANCE] = announcement->names.plugin_instance,
      [MESSAGE_TYPE] = announcement->names.type,
      [MESSAGE_TYPE_INSTANCE] = announcement->names.type_instance,
      [MESSAGE_DATA_SOURCE] = announcement->source,
      [MESSAGE_VALUE] = value,
      [MESSAGE_LIMIT] = isnan(announcement->limit) ? "" : limit,
      [MESSAGE_STATE] = alert_state_name(announcement->to),
      [MESSAGE_PREVIOUS] = alert_state_name(announcement->from),
      [MESSAGE_SINCE] = since,
      [MESSAGE_UNIT] = announcement->rule->unit,
      [MESSAGE_SEVERITY] = severity_word(announcement),
  };
  message_format(announcement->rule->message, fields, text, bytes);
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

void announcement_format_instance(const struct series_body *body, size_t source,
                                  const char *local_host, char *text,
                                  size_t bytes) {
  char series[SERIES_NAME_BYTES];
  series_format_name(body, source, series, sizeof(series));
  format_instance(series, body->names.host, local_host, text, bytes);
}

void announcement_notify(const struct announcement *announcement,
                         const struct notification_sink *sink) {
  struct notification notification = {
      .host = announcement->names.host,
      .plugin = "",
      .plugin_instance = announcement->rule->name,
      .type = "alert_state",
  };
  if (!find_severity(announcement, &notification.severity)) {
    return;
  }
  char message[NOTIFICATION_MESSAGE_BYTES];
  char instance[READING_NAME_BYTES];
  format_message(announcement, message, sizeof(message));
  format_instance(announcement->series, announcement->names.host,
                  announcement->names.host, instance, sizeof(instance));
  const struct notification_field fields[] = {
      {.name = "Rule", .text = announcement->rule->name},
      {.name = "Series", .text = announcement->series},
      {.name = "State", .text = alert_state_name(announcement->to)},
      {.name = "Previous", .text = alert_state_name(announcement->from)},
      {.name = "Severity", .text = severity_word(announcement)},
      {.name = "CurrentValue", .number = announcement->value},
      {.name = "Limit", .number = announcement->limit},
  };
  notification.type_instance = instance;
  if (announcement->rule->is_stock) {
    notification.plugin = announcement->names.plugin;
    notification.plugin_instance = announcement->names.plugin_instance;
    notification.type = announcement->names.type;
    notification.type_instance = announcement->names.type_instance;
  }
  notification.message = message;
  notification.fields = fields;
  notification.fields_len = sizeof(fields) / sizeof(fields[0]);
  sink->put(sink->context, &notification);
}
