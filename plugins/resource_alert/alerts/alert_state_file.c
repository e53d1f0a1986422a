/* SPDX-License-Identifier: MIT */
/* alert_state_file: alert states and undelivered events, kept over a restart
 * and over kill -9. */
#include "resource_alert/alerts/alert_state_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/append_log.h"
#include "core/json_util.h"

#define ENCODED_BYTES (2 * READING_NAME_BYTES + 1)

/* More than a slow listener and a slow disk leave undelivered together; further
 * events are in the file, but not in its next rewrite. */
#define OUTBOX_MAX 8192

/* An event that was not delivered to all. */
struct outbox_event {
  struct outbox_event *next;
  struct alert_event event;
};

struct alert_state_file {
  struct append_log *log;
  struct outbox_event *outbox, **outbox_end; /* owned; by number */
  size_t outbox_len;
  struct delivery_marks marks; /* as they stand in the file */
  uint64_t last_number;        /* of an event */
};

/* ---- an event as a line ---- */

/* A name may hold any bytes, a line must be UTF-8: each byte becomes the
 * character of that number. */
static json_t *encode_name(const char *name) {
  char text[ENCODED_BYTES];
  size_t length = 0;
  for (const unsigned char *c = (const unsigned char *)name;
       *c != '\0' && length + 2 < sizeof(text); c++) {
    if (*c >= 0x80) {
      text[length++] = (char)(0xc0 | *c >> 6);
    }
    text[length++] = (char)(*c < 0x80 ? *c : 0x80 | (*c & 0x3f));
  }
  text[length] = '\0';
  return json_string(text);
}

/* text: UTF-8. name: of READING_NAME_BYTES, zeroed. Returns false for what
 * encode_name() does not write. */
static bool decode_name(const char *text, char *name) {
  size_t length = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
    if (*c > 0xc3 || length + 1 >= READING_NAME_BYTES) {
      return false;
    }
    unsigned byte = *c < 0x80 ? *c : (*c & 3U) << 6;
    byte |= *c < 0x80 ? 0 : *++c & 0x3fU;
    name[length++] = (char)byte;
  }
  return true;
}

/* Only an event has it: what is needed to deliver it after a restart. */
static json_t *change_to_json(const struct alert_event *event) {
  const struct alert_change *change = &event->change;
  return json_pack(
      "{sI ss ss so so sb sb sI sI}", "number", (json_int_t)event->number,
      "from", alert_state_name(change->from), "cause",
      alert_cause_name(change->cause), "value",
      json_util_from_number(change->value), "limit",
      json_util_from_number(change->limit), "is_max", (int)change->is_limit_max,
      "notify", (int)(change->should_notify && !event->is_silenced),
      "coalesced", (json_int_t)event->coalesced, "held",
      (json_int_t)change->held_s);
}

/* What parse_saved_alert() accepts, whatever the clocks have shown. */
static json_int_t bound_integer(int64_t value, int64_t min, int64_t max) {
  return value < min ? min : value > max ? max : value;
}

json_t *alert_state_file_event_to_json(const struct alert_event *event) {
  const struct reading_names *names = &event->names;
  json_t *line = json_pack(
      "{ss ss ss sI sI sI so so so so so so}", "rule", event->rule->name,
      "state", alert_state_name(event->change.to), "notified",
      alert_state_name(event->notified), "since",
      bound_integer(event->since_wall_ms, 0, INT64_MAX), "notified_at",
      bound_integer(event->notified_wall_ms, 0, INT64_MAX), "interval",
      bound_integer(event->interval_ms, 1, INT32_MAX), "host",
      encode_name(names->host), "plugin", encode_name(names->plugin),
      "plugin_instance", encode_name(names->plugin_instance), "type",
      encode_name(names->type), "type_instance",
      encode_name(names->type_instance), "source", encode_name(event->source));
  if (event->number > 0) {
    (void)json_object_set_new(line, "change", change_to_json(event));
  }
  return line;
}

/* ---- a line as an event ---- */

static double parse_json_number(const json_t *value) {
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* The file is ours, but a disk or a person may have changed it: each field is
 * checked for its type and range. */
static bool parse_integer_member(const json_t *object, const char *key,
                                 int64_t min, int64_t max, int64_t *ret) {
  const json_t *value = json_object_get(object, key);
  *ret = json_integer_value(value);
  return json_is_integer(value) && *ret >= min && *ret <= max;
}

static bool parse_boolean_member(const json_t *object, const char *key,
                                 bool *ret) {
  const json_t *value = json_object_get(object, key);
  *ret = json_is_true(value);
  return json_is_boolean(value);
}

static bool parse_state_member(const json_t *object, const char *key,
                               enum alert_state *ret) {
  const char *name = json_string_value(json_object_get(object, key));
  return name != NULL && alert_state_from_name(name, ret);
}

static bool parse_cause_member(const json_t *object, enum alert_cause *ret) {
  const char *name = json_string_value(json_object_get(object, "cause"));
  return name != NULL && alert_cause_from_name(name, ret);
}

static bool parse_saved_change(const json_t *object,
                               struct alert_event *event) {
  struct alert_change *change = &event->change;
  enum alert_state from;
  enum alert_cause cause;
  bool is_max;
  bool should_notify;
  int64_t number;
  int64_t coalesced;
  int64_t held_s;
  if (!parse_integer_member(object, "number", 1, INT64_MAX, &number) ||
      !parse_state_member(object, "from", &from) ||
      !parse_cause_member(object, &cause) ||
      !parse_boolean_member(object, "is_max", &is_max) ||
      !parse_boolean_member(object, "notify", &should_notify) ||
      !parse_integer_member(object, "coalesced", 0, UINT16_MAX, &coalesced) ||
      !parse_integer_member(object, "held", 0, UINT32_MAX, &held_s)) {
    return false;
  }
  event->number = (uint64_t)number;
  event->coalesced = (unsigned)coalesced;
  change->from = from;
  change->cause = cause;
  change->value = parse_json_number(json_object_get(object, "value"));
  change->limit = parse_json_number(json_object_get(object, "limit"));
  change->is_limit_max = is_max;
  change->should_notify = should_notify;
  change->held_s = (uint32_t)held_s;
  return true;
}

static bool parse_saved_names(const json_t *object, struct alert_event *event) {
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

static bool parse_saved_alert(const json_t *object,
                              struct alert_state_line *line) {
  struct alert_event *event = &line->event;
  const json_t *change = json_object_get(object, "change");
  enum alert_state state;
  line->rule = json_string_value(json_object_get(object, "rule"));
  if (line->rule == NULL || !parse_state_member(object, "state", &state) ||
      !parse_state_member(object, "notified", &event->notified) ||
      !parse_integer_member(object, "since", 0, INT64_MAX,
                            &event->since_wall_ms) ||
      !parse_integer_member(object, "notified_at", 0, INT64_MAX,
                            &event->notified_wall_ms) ||
      !parse_integer_member(object, "interval", 1, INT32_MAX,
                            &event->interval_ms) ||
      !parse_saved_names(object, event) ||
      (change != NULL && !parse_saved_change(change, event))) {
    return false;
  }
  event->change.to = state;
  return true;
}

static bool parse_delivery_marks(const json_t *object,
                                 struct alert_state_line *line) {
  int64_t notified;
  int64_t journaled;
  line->is_marks =
      parse_integer_member(object, "notified", 0, INT64_MAX, &notified) &&
      parse_integer_member(object, "journaled", 0, INT64_MAX, &journaled);
  if (line->is_marks) {
    line->marks = (struct delivery_marks){.notified = (uint64_t)notified,
                                          .journaled = (uint64_t)journaled};
  }
  return line->is_marks;
}

int alert_state_file_parse_line(const json_t *object,
                                struct alert_state_line *ret) {
  *ret = (struct alert_state_line){.is_marks = false};
  return parse_delivery_marks(object, ret) || parse_saved_alert(object, ret)
             ? 0
             : -EINVAL;
}

/* ---- the outbox ---- */

/* event: copied, unless the outbox is full or memory is short. */
static void add_to_outbox(struct alert_state_file *file,
                          const struct alert_event *event) {
  struct outbox_event *added =
      file->outbox_len == OUTBOX_MAX ? NULL : malloc(sizeof(*added));
  if (added != NULL) {
    *added = (struct outbox_event){.event = *event};
    *file->outbox_end = added;
    file->outbox_end = &added->next;
    file->outbox_len++;
  }
}

/* Removes the events up to NUMBER. */
static void remove_from_outbox(struct alert_state_file *file, uint64_t number) {
  struct outbox_event *first;
  while ((first = file->outbox) != NULL && first->event.number <= number) {
    file->outbox = first->next;
    file->outbox_len--;
    free(first);
  }
  if (file->outbox == NULL) {
    file->outbox_end = &file->outbox;
  }
}

static uint64_t pick_larger_number(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* Removes what all have received. Returns false if MARKS raise none. */
static bool raise_delivery_marks(struct alert_state_file *file,
                                 const struct delivery_marks *marks) {
  struct delivery_marks before = file->marks;
  file->marks.notified = pick_larger_number(before.notified, marks->notified);
  file->marks.journaled =
      pick_larger_number(before.journaled, marks->journaled);
  remove_from_outbox(file, file->marks.notified < file->marks.journaled
                               ? file->marks.notified
                               : file->marks.journaled);
  return file->marks.notified > before.notified ||
         file->marks.journaled > before.journaled;
}

/* ---- restoring ---- */

struct restoring {
  struct alert_state_file *file;
  const struct alert_restore *deps;
};

/* A wall time as the monotonic clock would have shown it; never in the
 * future. */
static int64_t convert_wall_to_monotonic(const struct alert_restore *deps,
                                         int64_t wall_ms) {
  int64_t ago_ms = deps->wall_ms - wall_ms;
  return deps->now_ms - (ago_ms > 0 ? ago_ms : 0);
}

/* The series of an alert, locked; NULL if no rule watches it. */
static struct series *lock_saved_series(const struct alert_restore *deps,
                                        const struct alert_state_line *line) {
  const struct reading_names *names = &line->event.names;
  struct series *series =
      series_table_lock_or_add_notified(deps->table, line->rule, names);
  struct reading reading = {
      .names = names,
      .interval_ns = line->event.interval_ms * 1000000,
  };
  bool is_value = series == NULL && deps->find_type(names->type, &reading.type,
                                                    &reading.values_len) == 0;
  return is_value ? series_table_lock_or_add(deps->table, &reading) : series;
}

/* Returns false if no rule watches the series of the alert any more. */
static bool restore_alert(const struct alert_restore *deps,
                          struct alert_state_line *line) {
  struct alert_event *event = &line->event;
  struct series *series = lock_saved_series(deps, line);
  if (series == NULL) {
    return false;
  }
  struct alert restored = {0};
  alert_restore(&restored, event->change.to, event->notified,
                event->since_wall_ms);
  const struct series_alert *alert = series_restore_alert(
      series, line->rule, event->source, &restored,
      convert_wall_to_monotonic(deps, event->notified_wall_ms));
  if (alert != NULL) {
    alert_event_fill_names(event, alert);
  }
  series_unlock(series);
  return alert != NULL;
}

/* True if its name is written with the data source. A series of notifications
 * has one alone, and no type. */
static bool has_many_sources(const struct alert_restore *deps,
                             const struct alert_event *event) {
  struct reading_type type;
  size_t sources_len = 0;
  return deps->find_type(event->names.type, &type, &sources_len) == 0 &&
         sources_len > 1;
}

/* The last line of an alert counts, since it comes last. */
static int restore_line(void *context, const json_t *object) {
  const struct restoring *restoring = context;
  struct alert_state_file *file = restoring->file;
  struct alert_state_line line;
  if (alert_state_file_parse_line(object, &line) != 0) {
    return -EINVAL;
  }
  if (line.is_marks) {
    (void)raise_delivery_marks(file, &line.marks);
    file->last_number = pick_larger_number(
        file->last_number,
        pick_larger_number(file->marks.notified, file->marks.journaled));
    return 0;
  }
  uint64_t number = line.event.number;
  file->last_number = pick_larger_number(file->last_number, number);
  if (!restore_alert(restoring->deps, &line)) {
    removed_alerts_note(restoring->deps->removed, line.rule, &line.event,
                        has_many_sources(restoring->deps, &line.event));
  } else if (number > 0) {
    line.event.is_redelivered = true; /* unless a mark follows */
    add_to_outbox(file, &line.event);
  }
  return 0;
}

int alert_state_file_open(const char *directory, const struct log_sink *log,
                          const struct alert_restore *restore,
                          struct alert_state_file **ret_file,
                          struct error *error) {
  char path[PATH_MAX];
  struct alert_state_file *file = calloc(1, sizeof(*file));
  if (file == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  file->outbox_end = &file->outbox;
  struct restoring restoring = {.file = file, .deps = restore};
  const struct append_log_options options = {
      .path = path,
      .what = "alert states",
      .consequence =
          "alerts continue, but a restart may notify some of them again",
      .format = "resource_alert alerts",
      .version = 1,
      .log = *log,
  };
  int length = snprintf(path, sizeof(path), "%s/alerts.jsonl", directory);
  int code = length >= (int)sizeof(path)
                 ? error_set(error, -ENAMETOOLONG, "StateDir: path is too long")
                 : append_log_open(&options, restore_line, &restoring,
                                   &file->log, error);
  if (code != 0) {
    alert_state_file_close(file);
    return code;
  }
  *ret_file = file;
  return 0;
}

bool alert_state_file_is_saving(const struct alert_state_file *file) {
  return append_log_is_saving(file->log);
}

void alert_state_file_close(struct alert_state_file *file) {
  if (file == NULL) {
    return;
  }
  append_log_close(file->log);
  remove_from_outbox(file, UINT64_MAX);
  free(file);
}

void alert_state_file_redeliver(struct alert_state_file *file,
                                void (*take)(void *context,
                                             const struct alert_event *event),
                                void *context) {
  for (const struct outbox_event *waiting = file->outbox; waiting != NULL;
       waiting = waiting->next) {
    if (waiting->event.is_redelivered) {
      take(context, &waiting->event);
    }
  }
}

/* ---- writing ---- */

uint64_t alert_state_file_last_number(const struct alert_state_file *file) {
  return file->last_number;
}

void alert_state_file_append_event(struct alert_state_file *file,
                                   struct alert_event *event) {
  event->number = ++file->last_number;
  json_t *line = alert_state_file_event_to_json(event);
  append_log_append(file->log, line);
  json_decref(line);
  add_to_outbox(file, event);
}

struct delivery_marks
alert_state_file_marks(const struct alert_state_file *file) {
  return file->marks;
}

/* Later marks in the file are never lower. */
static json_t *marks_to_json(const struct alert_state_file *file) {
  return json_pack("{sI sI}", "notified", (json_int_t)file->marks.notified,
                   "journaled", (json_int_t)file->marks.journaled);
}

void alert_state_file_mark_delivered(struct alert_state_file *file,
                                     const struct delivery_marks *marks) {
  if (raise_delivery_marks(file, marks)) {
    json_t *line = marks_to_json(file);
    append_log_append(file->log, line);
    json_decref(line);
  }
}

/* line: taken. */
static void add_to_rewrite(struct alert_state_file *file, json_t *line) {
  append_log_rewrite_add(file->log, line);
  json_decref(line);
}

/* A change that waits for its dispatch is saved as the state before it: it is
 * dispatched, and saved, later. Under the lock of the series. */
static void add_series_to_rewrite(struct alert_state_file *file,
                                  const struct series *series, int64_t now_ms,
                                  int64_t wall_ms) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    const struct series_alert *alert = &series->alerts[i];
    struct alert_event event = {
        .change = {.to = series_alert_dispatched(alert)},
        .notified = (enum alert_state)alert->alert.notified,
        .since_wall_ms = alert->alert.since_wall_ms,
        .notified_wall_ms = wall_ms - (now_ms - alert->notified_ms),
    };
    if (event.change.to != ALERT_UNKNOWN || event.notified >= ALERT_WARNING) {
      alert_event_fill_names(&event, alert);
      add_to_rewrite(file, alert_state_file_event_to_json(&event));
    }
  }
}

void alert_state_file_rewrite_if_grown(struct alert_state_file *file,
                                       struct series_table *table, bool is_last,
                                       int64_t now_ms, int64_t wall_ms) {
  struct series *series;
  if ((!is_last && !append_log_wants_rewrite(file->log)) ||
      !append_log_rewrite_begin(file->log)) {
    return;
  }
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(table, &cursor)) != NULL) {
    add_series_to_rewrite(file, series, now_ms, wall_ms);
    series_unlock(series);
  }
  for (const struct outbox_event *waiting = file->outbox; waiting != NULL;
       waiting = waiting->next) {
    add_to_rewrite(file, alert_state_file_event_to_json(&waiting->event));
  }
  if (file->last_number > 0) {
    add_to_rewrite(file, marks_to_json(file));
  }
  append_log_rewrite_end(file->log);
}
