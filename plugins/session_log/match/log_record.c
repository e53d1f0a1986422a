/* SPDX-License-Identifier: MIT */
/* log_record: which record a line belongs to, and when it was written. */
#include "session_log/match/log_record.h"

#include <string.h>

/* Lines that are looked at to find the first one of a record. */
#define LINES_MAX 200
/* A fresh line with a time further off than this has another time zone. */
#define FRESH_SLACK_S 60
/* Zones differ by multiples of this. */
#define ZONE_STEP_S 900
#define ZONE_MAX_S (14 * 3600)

void log_record_begin_data(struct log_record *record, const char *data,
                           bool is_next) {
  if (!is_next) {
    *record = (struct log_record){0};
  }
  record->data = data;
  record->start = NULL;
  record->looked_to = data;
}

static void set_record(struct log_record *record, const char *start,
                       const struct line_fields *fields) {
  if (record->start != start) {
    record->counted = 0;
  }
  record->start = start;
  record->fields = *fields;
  record->is_known = true;
}

/* The line that ends before END, which is the first byte of a line. */
static const char *find_line_before(const struct log_record *record,
                                    const char *end) {
  const char *newline =
      memrchr(record->data, '\n', (size_t)(end - 1 - record->data));
  return newline == NULL ? record->data : newline + 1;
}

/* Looks backwards from END for the first line of a record. */
static void find_first_line(struct log_record *record,
                            struct line_reader *reader, const char *end) {
  const char *at = end;
  for (int lines = 0; lines < LINES_MAX && at > record->looked_to; lines++) {
    const char *start = find_line_before(record, at);
    struct line_fields fields;
    line_fields_read(reader, start, (size_t)(at - 1 - start), &fields);
    if (fields.begins_record) {
      set_record(record, start, &fields);
      break;
    }
    at = start;
  }
  record->looked_to = end > record->looked_to ? end : record->looked_to;
}

/* java.util.logging writes the level in the line after the time. */
static void take_time_of_line_before(const struct log_record *record,
                                     struct line_reader *reader,
                                     const char *line,
                                     struct line_fields *fields) {
  struct line_fields before = {0};
  if (fields->has_time || line == record->data) {
    return;
  }
  const char *start = find_line_before(record, line);
  line_fields_read(reader, start, (size_t)(line - 1 - start), &before);
  if (before.has_time && before.level == LEVEL_NONE) {
    fields->has_time = true;
    fields->at_s = before.at_s;
  }
}

void log_record_find(struct log_record *record, struct line_reader *reader,
                     const struct matcher_line *line) {
  struct line_fields fields = line->fields;
  if (fields.begins_record) {
    take_time_of_line_before(record, reader, line->text, &fields);
    set_record(record, line->text, &fields);
    record->looked_to = line->text;
  } else {
    find_first_line(record, reader, line->text);
  }
}

void log_record_end_data(struct log_record *record, struct line_reader *reader,
                         size_t bytes) {
  const char *end = record->data + bytes;
  if (bytes > 0 && end[-1] == '\n') {
    find_first_line(record, reader, end);
  }
}

bool log_record_count(struct log_record *record, unsigned kind) {
  bool is_first =
      !record->is_known || (record->counted & MATCHER_KIND_BIT(kind)) == 0;
  record->counted |= MATCHER_KIND_BIT(kind);
  return is_first;
}

/* Whether two times differ as those of two zones do. */
static bool is_zone_apart(int64_t difference_s) {
  int64_t apart_s = difference_s < 0 ? -difference_s : difference_s;
  int64_t rest_s = (apart_s + FRESH_SLACK_S) % ZONE_STEP_S;
  return apart_s <= ZONE_MAX_S + FRESH_SLACK_S && rest_s <= 2 * FRESH_SLACK_S;
}

int64_t log_record_find_time(const struct log_record *record,
                             const struct line_reader *reader,
                             const struct matcher_line *line,
                             const struct line_origin *origin) {
  const struct line_fields *fields =
      line->fields.has_time ? &line->fields : &record->fields;
  int64_t now_s = reader->now_s;
  if (!fields->has_time) {
    return origin->is_fresh || origin->guess_s > now_s ? now_s
                                                       : origin->guess_s;
  }
  bool is_off = fields->at_s < origin->polled_s - FRESH_SLACK_S ||
                fields->at_s > now_s + FRESH_SLACK_S;
  if (is_off && (origin->is_fresh || (origin->is_new_file &&
                                      is_zone_apart(now_s - fields->at_s)))) {
    return now_s;
  }
  return fields->at_s < now_s ? fields->at_s : now_s;
}
