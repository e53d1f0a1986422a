/* SPDX-License-Identifier: MIT */
/* notation: how people and files write series names and values. */
#include "ctl/simulate/notation.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 64

/* ---- names ---- */

/* Copies FROM..TO. Returns -EINVAL where it does not fit. */
static int copy_name_part(char *part, const char *from, const char *to) {
  size_t length = (size_t)(to - from);
  if (length >= READING_NAME_BYTES) {
    return -EINVAL;
  }
  memcpy(part, from, length);
  part[length] = '\0';
  return 0;
}

/* Splits "name-instance" up to TO; the instance may be missing. */
static int split_instance(const char *from, const char *to, char *name,
                          char *instance) {
  const char *dash = memchr(from, '-', (size_t)(to - from));
  const char *end = dash == NULL ? to : dash;
  if (end == from || copy_name_part(name, from, end) != 0) {
    return -EINVAL;
  }
  return dash == NULL ? 0 : copy_name_part(instance, dash + 1, to);
}

/* ret_names: untouched after a failure. */
static int split_series_name(const char *text, bool needs_type,
                             struct reading_names *ret_names) {
  struct reading_names names = {.host = ""};
  const char *end = text + strlen(text);
  const char *first = strchr(text, '/');
  const char *second = first == NULL ? NULL : strchr(first + 1, '/');
  if (first == NULL || first == text || (second == NULL && needs_type)) {
    return -EINVAL;
  }
  int code = copy_name_part(names.host, text, first);
  if (code == 0) {
    code = split_instance(first + 1, second == NULL ? end : second,
                          names.plugin, names.plugin_instance);
  }
  if (code == 0 && second != NULL) {
    code = split_instance(second + 1, end, names.type, names.type_instance);
  }
  if (code == 0) {
    *ret_names = names;
  }
  return code;
}

int notation_parse_series(const char *text, struct reading_names *ret_names,
                          struct error *error) {
  return split_series_name(text, true, ret_names) == 0
             ? 0
             : error_set(error, -EINVAL,
                         "\"%s\" is not a series; write "
                         "host/plugin-instance/type-instance",
                         text);
}

int notation_parse_subject(const char *text, struct reading_names *ret_names,
                           struct error *error) {
  return split_series_name(text, false, ret_names) == 0
             ? 0
             : error_set(error, -EINVAL,
                         "\"%s\" is not the subject of a notification; write "
                         "host/plugin-instance or "
                         "host/plugin-instance/type-instance",
                         text);
}

/* ---- values ---- */

/* Appends COUNT points, the first of them POINT, each STEP above the last. */
static int append_points(struct notation_points *points,
                         struct notation_point point, size_t count,
                         double step) {
  if (count > NOTATION_POINTS_MAX - points->len) {
    return -EINVAL;
  }
  size_t len = points->len + count;
  struct notation_point *larger =
      realloc(points->items, (len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  for (size_t i = points->len; i < len; i++) {
    larger[i] = point;
    point.value += step;
  }
  points->items = larger;
  points->len = len;
  return 0;
}

/* Reads what may follow the value: "", "x5", "+5x4", "-5x4". */
static int parse_repetition(const char *text, size_t *ret_count,
                            double *ret_step) {
  char *end = NULL;
  *ret_count = 1;
  *ret_step = 0;
  if (*text == '+' || *text == '-') {
    *ret_step = strtod(text, &end);
    if (end == text || *end != 'x') {
      return -EINVAL;
    }
    text = end;
  }
  if (*text == 'x' && text[1] >= '0' && text[1] <= '9') {
    *ret_count = strtoul(text + 1, &end, 10);
    text = end;
  }
  return *text == '\0' && *ret_count > 0 ? 0 : -EINVAL;
}

/* Appends what one word stands for. */
static int parse_points_word(const char *word, struct notation_points *points) {
  struct notation_point point = {.has_value = word[0] != '_'};
  const char *rest = word + 1;
  if (!point.has_value) {
    if (*rest != '\0' && *rest != 'x') {
      return -EINVAL; /* "_+5x4" */
    }
  } else if (word[0] != '0' || word[1] != 'x') {
    /* strtod() would read "0x5", which is five times 0, as hexadecimal. */
    char *end = NULL;
    point.value = strtod(word, &end);
    rest = end;
  }
  size_t count;
  double step;
  if (rest == word || parse_repetition(rest, &count, &step) != 0 ||
      isinf(point.value)) {
    return -EINVAL;
  }
  return append_points(points, point, count, step);
}

int notation_parse_points(const char *text, struct notation_points *points,
                          struct error *error) {
  for (const char *at = text + strspn(text, " \t\n"); *at != '\0';) {
    size_t length = strcspn(at, " \t\n");
    char word[WORD_BYTES] = "";
    if (length < sizeof(word)) {
      memcpy(word, at, length);
      word[length] = '\0';
    }
    int code = word[0] == '\0' ? -EINVAL : parse_points_word(word, points);
    if (code == -EINVAL) {
      return error_set(error, code,
                       "\"%.*s\" is not a reading; write 80, 80x5, 50+5x4, "
                       "nan, _ or _x6",
                       (int)(length < 40 ? length : 40), at);
    }
    if (code != 0) {
      return error_set(error, code, "out of memory");
    }
    at += length + strspn(at + length, " \t\n");
  }
  return 0;
}

void notation_points_fini(struct notation_points *points) {
  free(points->items);
  *points = (struct notation_points){0};
}
