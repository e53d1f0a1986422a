/* SPDX-License-Identifier: MIT */
/* state_line: one alert as a line of the state file. */
#include "resource_alert/event/state_line.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"

#define ENCODED_BYTES (3 * READING_NAME_BYTES + 1)

int state_line_check_head(const char *line, struct error *error) {
  json_t *head = json_loads(line, 0, NULL);
  const char *format = "";
  json_int_t version = 0;
  bool is_head = json_unpack(head, "{ss sI}", "format", &format, "version",
                             &version) == 0 &&
                 strcmp(format, "resource_alert alerts") == 0;
  int code = 0;
  if (!is_head) {
    code = error_set(error, -EINVAL, "is no state file of this plugin");
  } else if (version != 1) {
    code = error_set(error, -EINVAL, "is of version %lld, not 1",
                     (long long)version);
  }
  json_decref(head);
  return code;
}

/* All but printable ASCII as %XX, so that it is JSON whatever it is. */
static json_t *encode(const char *name) {
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

/* Returns 0 or -EINVAL. name: READING_NAME_BYTES, zeroed. */
static int decode(const char *text, char *name) {
  size_t length = 0;
  for (const char *c = text; *c != '\0'; c++) {
    if (length + 1 >= READING_NAME_BYTES) {
      return -EINVAL;
    }
    if (*c != '%') {
      name[length++] = *c;
      continue;
    }
    if (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2])) {
      return -EINVAL;
    }
    const char digits[] = {c[1], c[2], '\0'};
    name[length] = (char)strtol(digits, NULL, 16);
    if (name[length++] == '\0') {
      return -EINVAL; /* what follows would be lost */
    }
    c += 2;
  }
  return 0;
}

static json_t *number_or_null(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

static json_t *format_change(const struct stored_change *change) {
  return json_pack(
      "{sI ss ss so so sb sb sI sI}", "number", (json_int_t)change->number,
      "from", alert_state_name(change->from), "cause",
      alert_cause_name(change->cause), "value", number_or_null(change->value),
      "limit", number_or_null(change->limit), "is_max",
      (int)change->is_limit_max, "is_loud", (int)change->is_loud, "folded",
      (json_int_t)change->folded, "held", (json_int_t)change->held_ms);
}

char *state_line_format(const struct stored_alert *alert) {
  const struct reading_names *names = alert->names;
  json_t *line = json_pack(
      "{ss ss sb sI sI sI so so so so so so}", "rule", alert->rule, "state",
      alert_state_name(alert->state), "told", (int)alert->is_told, "since",
      (json_int_t)alert->since_wall_ms, "told_at",
      (json_int_t)alert->told_wall_ms, "interval",
      (json_int_t)alert->interval_ms, "host", encode(names->host), "plugin",
      encode(names->plugin), "plugin_instance", encode(names->plugin_instance),
      "type", encode(names->type), "type_instance",
      encode(names->type_instance), "source", encode(alert->source));
  if (alert->change != NULL) {
    (void)json_object_set_new(line, "change", format_change(alert->change));
  }
  char *text = json_util_line(line);
  json_decref(line);
  return text;
}

void state_line_format_marks(const struct untold_marks *marks,
                             char text[STATE_LINE_MARKS_BYTES]) {
  (void)snprintf(text, STATE_LINE_MARKS_BYTES,
                 "{\"notified\":%llu,\"journaled\":%llu}\n",
                 (unsigned long long)marks->notified,
                 (unsigned long long)marks->journaled);
}

struct fields {
  const char *rule, *state;
  int is_told;
  json_int_t since, told_at, interval;
  const char *names[5];
  const char *source;
};

static int unpack(json_t *line, struct fields *fields) {
  return json_unpack(
      line, "{ss ss sb sI sI sI ss ss ss ss ss ss}", "rule", &fields->rule,
      "state", &fields->state, "told", &fields->is_told, "since",
      &fields->since, "told_at", &fields->told_at, "interval",
      &fields->interval, "host", &fields->names[0], "plugin", &fields->names[1],
      "plugin_instance", &fields->names[2], "type", &fields->names[3],
      "type_instance", &fields->names[4], "source", &fields->source);
}

static int decode_names(const struct fields *fields,
                        struct reading_names *names, char *source) {
  char *const places[] = {names->host, names->plugin, names->plugin_instance,
                          names->type, names->type_instance};
  for (size_t i = 0; i < 5; i++) {
    if (decode(fields->names[i], places[i]) != 0) {
      return -EINVAL;
    }
  }
  return decode(fields->source, source);
}

/* NULL: NaN. */
static double number_of(const json_t *value) {
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static bool parse_change(json_t *object, struct stored_change *ret) {
  json_int_t number = 0;
  json_int_t folded = 0;
  json_int_t held_ms = 0;
  const char *from = "";
  const char *cause = "";
  int is_max = 0;
  int is_loud = 0;
  bool is_change =
      json_unpack(object, "{sI ss ss sb sb sI sI}", "number", &number, "from",
                  &from, "cause", &cause, "is_max", &is_max, "is_loud",
                  &is_loud, "folded", &folded, "held", &held_ms) == 0 &&
      alert_state_parse(from, &ret->from) &&
      alert_cause_parse(cause, &ret->cause) && number > 0 && folded >= 0 &&
      folded <= UINT16_MAX && held_ms >= 0 && held_ms < INT64_MAX / 2;
  ret->number = (uint64_t)number;
  ret->value = number_of(json_object_get(object, "value"));
  ret->limit = number_of(json_object_get(object, "limit"));
  ret->is_limit_max = is_max != 0;
  ret->is_loud = is_loud != 0;
  ret->folded = (unsigned)folded;
  ret->held_ms = held_ms;
  return is_change;
}

static bool parse_marks(json_t *line, struct untold_marks *marks) {
  json_int_t notified = 0;
  json_int_t journaled = 0;
  if (json_unpack(line, "{sI sI}", "notified", &notified, "journaled",
                  &journaled) != 0 ||
      notified < 0 || journaled < 0) {
    return false;
  }
  const struct untold_marks found = {.notified = (uint64_t)notified,
                                     .journaled = (uint64_t)journaled};
  (void)untold_marks_raise(marks, &found);
  return true;
}

static bool parse_alert(json_t *line,
                        void (*take)(void *context,
                                     const struct stored_alert *alert),
                        void *context) {
  struct fields fields = {0};
  struct reading_names names = {0};
  char source[READING_NAME_BYTES] = "";
  struct stored_alert alert = {.names = &names, .source = source};
  struct stored_change change;
  json_t *told = json_object_get(line, "change");
  bool is_alert = unpack(line, &fields) == 0 &&
                  alert_state_parse(fields.state, &alert.state) &&
                  decode_names(&fields, &names, source) == 0 &&
                  fields.interval > 0 && fields.interval < INT32_MAX &&
                  fields.since >= 0 && fields.told_at >= 0 &&
                  (told == NULL || parse_change(told, &change));
  if (is_alert && take != NULL) {
    alert.rule = fields.rule;
    alert.is_told = fields.is_told != 0;
    alert.since_wall_ms = fields.since;
    alert.told_wall_ms = fields.told_at;
    alert.interval_ms = fields.interval;
    alert.change = told == NULL ? NULL : &change;
    take(context, &alert);
  }
  return is_alert;
}

int state_line_parse(const char *text,
                     void (*take)(void *context,
                                  const struct stored_alert *alert),
                     void *context, struct untold_marks *ret_marks,
                     struct error *error) {
  json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  bool makes_sense = line != NULL && (parse_marks(line, ret_marks) ||
                                      parse_alert(line, take, context));
  json_decref(line);
  return makes_sense ? 0 : error_set(error, -EINVAL, "is no alert");
}
