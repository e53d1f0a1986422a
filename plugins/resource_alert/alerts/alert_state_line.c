/* SPDX-License-Identifier: MIT */
/* alert_state_line: an alert event as a line of the state file, and back. */
#include "resource_alert/alerts/alert_state_line.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"

#define ENCODED_BYTES (3 * READING_NAME_BYTES + 1)

/* All but printable ASCII as %XX: a name may hold any bytes, a line must be
 * JSON. */
static json_t *encode_name(const char *name) {
  static const char digits[] = "0123456789abcdef";
  char text[ENCODED_BYTES];
  size_t length = 0;
  for (const unsigned char *c = (const unsigned char *)name;
       *c != '\0' && length + 3 < sizeof(text); c++) {
    if (*c > ' ' && *c < 0x7f && *c != '%') {
      text[length++] = (char)*c;
    } else {
      text[length++] = '%';
      text[length++] = digits[*c >> 4];
      text[length++] = digits[*c & 15];
    }
  }
  text[length] = '\0';
  return json_string(text);
}

/* Returns false for what encode_name() does not write. name: of
 * READING_NAME_BYTES, zeroed. */
static bool decode_name(const char *text, char *name) {
  size_t length = 0;
  for (const char *c = text; *c != '\0'; c++) {
    if (length + 1 >= READING_NAME_BYTES) {
      return false;
    }
    if (*c != '%') {
      name[length++] = *c;
      continue;
    }
    if (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2])) {
      return false;
    }
    const char digits[] = {c[1], c[2], '\0'};
    name[length] = (char)strtol(digits, NULL, 16);
    if (name[length++] == '\0') {
      return false; /* the bytes behind it would be lost */
    }
    c += 2;
  }
  return true;
}

static json_t *json_of_number(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

static double number_of_json(const json_t *value) {
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static json_t *format_change(const struct alert_event *event) {
  const struct alert_change *change = &event->change;
  return json_pack(
      "{sI ss ss so so sb sb sI sI}", "number", (json_int_t)event->number,
      "from", alert_state_name(change->from), "cause",
      alert_cause_name(change->cause), "value", json_of_number(change->value),
      "limit", json_of_number(change->limit), "is_max",
      (int)change->is_limit_max, "notify", (int)change->should_notify,
      "coalesced", (json_int_t)event->coalesced, "held",
      (json_int_t)change->held_s);
}

char *alert_state_line_format(const struct alert_event *event) {
  const struct reading_names *names = &event->names;
  json_t *line = json_pack(
      "{ss ss sb sI sI sI so so so so so so}", "rule", event->rule->name,
      "state", alert_state_name(event->change.to), "notified",
      (int)event->is_notified, "since", (json_int_t)event->since_wall_ms,
      "notified_at", (json_int_t)event->notified_wall_ms, "interval",
      (json_int_t)event->interval_ms, "host", encode_name(names->host),
      "plugin", encode_name(names->plugin), "plugin_instance",
      encode_name(names->plugin_instance), "type", encode_name(names->type),
      "type_instance", encode_name(names->type_instance), "source",
      encode_name(event->source));
  if (event->number > 0) {
    (void)json_object_set_new(line, "change", format_change(event));
  }
  char *text = json_util_line(line);
  json_decref(line);
  return text;
}

static bool read_change(json_t *object, struct alert_event *event) {
  json_int_t number = 0;
  json_int_t coalesced = 0;
  json_int_t held_s = 0;
  const char *from_name = "";
  const char *cause_name = "";
  int is_max = 0;
  int should_notify = 0;
  enum alert_state from;
  enum alert_cause cause;
  if (json_unpack(object, "{sI ss ss sb sb sI sI}", "number", &number, "from",
                  &from_name, "cause", &cause_name, "is_max", &is_max, "notify",
                  &should_notify, "coalesced", &coalesced, "held",
                  &held_s) != 0 ||
      !alert_state_from_name(from_name, &from) ||
      !alert_cause_from_name(cause_name, &cause) || number <= 0 ||
      coalesced < 0 || coalesced > UINT16_MAX || held_s < 0 ||
      held_s > UINT32_MAX) {
    return false;
  }
  event->number = (uint64_t)number;
  event->coalesced = (unsigned)coalesced;
  event->change.from = from;
  event->change.cause = cause;
  event->change.value = number_of_json(json_object_get(object, "value"));
  event->change.limit = number_of_json(json_object_get(object, "limit"));
  event->change.is_limit_max = is_max != 0;
  event->change.should_notify = should_notify != 0;
  event->change.held_s = (uint32_t)held_s;
  return true;
}

static bool read_names(json_t *object, struct alert_event *event) {
  struct reading_names *names = &event->names;
  const struct {
    const char *key;
    char *name;
  } table[] = {
      {"host", names->host},
      {"plugin", names->plugin},
      {"plugin_instance", names->plugin_instance},
      {"type", names->type},
      {"type_instance", names->type_instance},
      {"source", event->source},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    const char *text = json_string_value(json_object_get(object, table[i].key));
    if (text == NULL || !decode_name(text, table[i].name)) {
      return false;
    }
  }
  return true;
}

static bool read_alert(json_t *object, struct alert_state_line *line) {
  struct alert_event *event = &line->event;
  const char *state_name = "";
  int is_notified = 0;
  json_int_t since = 0;
  json_int_t notified_at = 0;
  json_int_t interval = 0;
  enum alert_state state;
  if (json_unpack(object, "{ss ss sb sI sI sI}", "rule", &line->rule, "state",
                  &state_name, "notified", &is_notified, "since", &since,
                  "notified_at", &notified_at, "interval", &interval) != 0 ||
      !alert_state_from_name(state_name, &state) || since < 0 ||
      notified_at < 0 || interval <= 0 || interval >= INT32_MAX ||
      !read_names(object, event)) {
    return false;
  }
  event->change.to = state;
  event->is_notified = is_notified != 0;
  event->since_wall_ms = since;
  event->notified_wall_ms = notified_at;
  event->interval_ms = interval;
  json_t *change = json_object_get(object, "change");
  return change == NULL || read_change(change, event);
}

static bool read_marks(json_t *object, struct alert_state_line *line) {
  json_int_t notified = 0;
  json_int_t journaled = 0;
  line->is_marks = json_unpack(object, "{sI sI}", "notified", &notified,
                               "journaled", &journaled) == 0 &&
                   notified >= 0 && journaled >= 0;
  if (line->is_marks) {
    line->marks = (struct delivery_marks){.notified = (uint64_t)notified,
                                          .journaled = (uint64_t)journaled};
  }
  return line->is_marks;
}

int alert_state_line_read(const char *text, struct alert_state_line *ret) {
  *ret = (struct alert_state_line){
      .json = json_loads(text, JSON_REJECT_DUPLICATES, NULL)};
  if (read_marks(ret->json, ret) || read_alert(ret->json, ret)) {
    return 0;
  }
  json_decref(ret->json);
  return -EINVAL;
}
