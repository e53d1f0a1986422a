/* SPDX-License-Identifier: MIT */
/* notation: a series of readings in a line of text. */
#include "ctl/simulate/notation.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 64

static int append(struct notation *notation, struct notation_point point,
                  size_t count, double step) {
  if (count > NOTATION_POINTS_MAX - notation->len) {
    return -EINVAL;
  }
  size_t len = notation->len + count;
  struct notation_point *larger =
      realloc(notation->points, (len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  for (size_t i = notation->len; i < len; i++) {
    larger[i] = point;
    point.value += step;
  }
  notation->points = larger;
  notation->len = len;
  return 0;
}

/* Behind the value: "", "x5", "+5x4", "-5x4". */
static int parse_rest(const char *rest, size_t *ret_count, double *ret_step) {
  char *end = NULL;
  if (*rest == '+' || *rest == '-') {
    *ret_step = strtod(rest, &end);
    if (end == rest || *end != 'x') {
      return -EINVAL;
    }
    rest = end;
  }
  if (*rest == 'x' && rest[1] >= '0' && rest[1] <= '9') {
    *ret_count = strtoul(rest + 1, &end, 10);
    rest = end;
  }
  return *rest == '\0' && *ret_count > 0 ? 0 : -EINVAL;
}

static int take_word(const char *word, struct notation *notation) {
  struct notation_point point = {.is_there = word[0] != '_'};
  char *rest = NULL;
  if (point.is_there) {
    /* A hexadecimal 0x5 would be taken for a number: it means 0, five times. */
    bool is_zero = word[0] == '0' && word[1] == 'x';
    union {
      const char *constant;
      char *variable;
    } behind = {.constant = word + 1};
    point.value = is_zero ? 0 : strtod(word, &rest);
    rest = is_zero ? behind.variable : rest;
  }
  size_t count = 1;
  double step = 0;
  const char *from = point.is_there ? rest : word + 1;
  bool is_odd = !point.is_there && *from != '\0' && *from != 'x';
  if (from == word || is_odd || parse_rest(from, &count, &step) != 0 ||
      isinf(point.value)) {
    return -EINVAL;
  }
  return append(notation, point, count, step);
}

int notation_parse(const char *text, struct notation *notation,
                   struct error *error) {
  for (const char *at = text + strspn(text, " \t\n"); *at != '\0';) {
    size_t length = strcspn(at, " \t\n");
    char word[WORD_BYTES] = "";
    if (length < sizeof(word)) {
      memcpy(word, at, length);
      word[length] = '\0';
    }
    int code = word[0] == '\0' ? -EINVAL : take_word(word, notation);
    if (code == -EINVAL) {
      return error_set(error, code,
                       "\"%.*s\" is no reading; write 80, 80x5, 50+5x4, nan, "
                       "_ or _x6",
                       (int)(length < 40 ? length : 40), at);
    }
    if (code != 0) {
      return error_set(error, code, "out of memory");
    }
    at += length + strspn(at + length, " \t\n");
  }
  return 0;
}

void notation_fini(struct notation *notation) {
  free(notation->points);
  *notation = (struct notation){0};
}
