/* SPDX-License-Identifier: MIT */
/* record_csv: a file of collectd's csv plugin. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/simulate/decimal.h"
#include "ctl/simulate/record_series.h"

static ssize_t next_line(struct record_series *series) {
  ssize_t length = getline(&series->line, &series->line_bytes, series->file);
  if (length > 0) {
    series->counts->bytes += (uint64_t)length;
  }
  return length;
}

/* "epoch,shortterm,midterm,longterm": the names of the data sources. */
int record_csv_begin(struct record_series *series) {
  if (next_line(series) <= 0 || strncmp(series->line, "epoch,", 6) != 0) {
    return -EINVAL;
  }
  size_t len = 0;
  char *state = NULL;
  for (char *name = strtok_r(series->line + 6, ",\r\n", &state); name != NULL;
       name = strtok_r(NULL, ",\r\n", &state)) {
    if (len == RECORD_VALUES_MAX) {
      return -EINVAL;
    }
    (void)snprintf(series->sources[len].name, READING_NAME_BYTES, "%s", name);
    len++;
  }
  bool is_same = series->sources_len == 0 || series->sources_len == len;
  series->sources_len = is_same ? len : series->sources_len;
  return len > 0 && is_same ? 0 : -EINVAL;
}

/* Returns where the number ends, NULL where there is none. */
static const char *parse_value(const char *text, enum reading_kind kind,
                               uint64_t *ret_value) {
  const char *end = NULL;
  char *rest = NULL;
  union {
    double gauge;
    int64_t derive;
    uint64_t raw;
  } value;
  switch (kind) {
  case READING_GAUGE:
    end = decimal_parse(text, &value.gauge);
    break;
  case READING_DERIVE:
    value.derive = strtoll(text, &rest, 10);
    break;
  case READING_COUNTER:
  case READING_ABSOLUTE:
  default:
    value.raw = strtoull(text, &rest, 10);
    break;
  }
  *ret_value = value.raw;
  end = kind == READING_GAUGE ? end : rest;
  return end == text ? NULL : end;
}

static bool parse_line(struct record_series *series) {
  double epoch_s = 0;
  const char *at = decimal_parse(series->line, &epoch_s);
  if (!(epoch_s > 0 && epoch_s < RECORD_EPOCH_S_MAX)) {
    return false;
  }
  for (size_t i = 0; i < series->sources_len; i++) {
    if (*at != ',' || (at = parse_value(at + 1, series->sources[i].kind,
                                        &series->point.values[i])) == NULL) {
      return false;
    }
  }
  series->point.at_ms = (int64_t)(epoch_s * 1000 + 0.5);
  return *at == '\n' || *at == '\r'; /* else it was still being written */
}

bool record_csv_read(struct record_series *series) {
  while (next_line(series) > 0) {
    if (parse_line(series)) {
      return true;
    }
    series->counts->bad_lines++;
  }
  return false;
}
