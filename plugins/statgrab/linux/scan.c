/* SPDX-License-Identifier: MIT */
/* scan: reads numbers and words from a text without copying it. */
#include "statgrab/linux/scan.h"

#include <errno.h>
#include <string.h>

/* isspace() and isdigit() would ask the locale for each byte; these files
 * are ASCII and read every interval. */
static bool is_blank_char(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

/* Returns the first character that is not blank, or the end. */
static const char *skip_blank_chars(const struct scan *text) {
  const char *at = text->at;
  while (at < text->end && is_blank_char(*at)) {
    at++;
  }
  return at;
}

bool scan_line(struct scan *text, struct scan *ret_line) {
  size_t length = (size_t)(text->end - text->at);
  const char *newline = length == 0 ? NULL : memchr(text->at, '\n', length);
  if (newline == NULL) {
    return false;
  }
  *ret_line = (struct scan){text->at, newline};
  text->at = newline + 1;
  return true;
}

bool scan_word(struct scan *text, struct scan *ret_word) {
  const char *from = skip_blank_chars(text);
  const char *to = from;
  while (to < text->end && !is_blank_char(*to)) {
    to++;
  }
  if (to == from) {
    return false;
  }
  *ret_word = (struct scan){from, to};
  text->at = to;
  return true;
}

/* A number that does not fit is refused rather than cut: a wrong counter would
 * be sent as a rate. */
bool scan_number(struct scan *text, uint64_t *ret_number) {
  const char *at = skip_blank_chars(text);
  const char *from = at;
  uint64_t number = 0;
  for (; at < text->end && is_decimal_digit(*at); at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (number > (UINT64_MAX - digit) / 10) {
      return false;
    }
    number = number * 10 + digit;
  }
  if (at == from) {
    return false;
  }
  *ret_number = number;
  text->at = at;
  return true;
}

/* Not strtod(), which depends on the locale and needs a NUL behind the number.
 * The kernel prints two digits behind the point. */
bool scan_fraction(struct scan *text, double *ret_number) {
  uint64_t whole;
  struct scan rest = *text;
  if (!scan_number(&rest, &whole)) {
    return false;
  }
  double number = (double)whole;
  if (rest.at < rest.end && *rest.at == '.') {
    double weight = 0.1;
    for (rest.at++; rest.at < rest.end && is_decimal_digit(*rest.at);
         rest.at++) {
      number += weight * (*rest.at - '0');
      weight /= 10;
    }
  }
  *ret_number = number;
  *text = rest;
  return true;
}

bool scan_literal(struct scan *text, const char *literal) {
  size_t length = strlen(literal);
  if ((size_t)(text->end - text->at) < length ||
      memcmp(text->at, literal, length) != 0) {
    return false;
  }
  text->at += length;
  return true;
}

int scan_field(struct scan *line, const struct scan_field *fields) {
  for (; fields->name != NULL; fields++) {
    struct scan rest = *line;
    if (rest.at < rest.end && *rest.at == *fields->name &&
        scan_literal(&rest, fields->name) && rest.at < rest.end &&
        (*rest.at == ':' || *rest.at == ' ')) {
      rest.at++;
      return scan_number(&rest, fields->number) ? 0 : -EBADMSG;
    }
  }
  return 0;
}

bool scan_word_is(struct scan word, const char *literal) {
  return scan_literal(&word, literal) && word.at == word.end;
}
