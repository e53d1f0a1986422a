/* SPDX-License-Identifier: MIT */
/* glob: shell patterns for names that are not paths. Only the last star is ever
 * tried again: a longer match of an earlier one cannot succeed where the later
 * one failed. */
#include "core/glob.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The ']' of the set that begins at PATTERN (a '['), NULL if there is none. A
 * ']' that comes first is itself in the set. */
static const char *find_set_end(const char *pattern) {
  const char *at = pattern + 1;
  if (*at == '!' || *at == '^') {
    at++;
  }
  if (*at == ']') {
    at++;
  }
  return strchr(at, ']');
}

static bool is_in_set(const char *pattern, const char *end, unsigned char c) {
  const char *at = pattern + 1;
  bool is_negated = *at == '!' || *at == '^';
  bool is_found = false;
  for (at += is_negated ? 1 : 0; at < end; at++) {
    unsigned char from = (unsigned char)*at;
    unsigned char to = from;
    if (at[1] == '-' && at + 2 < end) {
      to = (unsigned char)at[2];
      at += 2;
    }
    is_found = is_found || (c >= from && c <= to);
  }
  return is_found != is_negated;
}

/* Matches the one byte C by the element at PATTERN, which is no star.
 * Returns what follows the element, or NULL. */
static const char *match_byte(const char *pattern, char c) {
  const char *end = NULL;
  switch (*pattern) {
  case '\0':
    return NULL;
  case '?':
    return pattern + 1;
  case '[':
    end = find_set_end(pattern);
    return end != NULL && is_in_set(pattern, end, (unsigned char)c) ? end + 1
                                                                    : NULL;
  case '\\':
    return pattern[1] == c && c != '\0' ? pattern + 2 : NULL;
  default:
    return *pattern == c ? pattern + 1 : NULL;
  }
}

bool glob_matches(const char *pattern, const char *text) {
  const char *star = NULL; /* what follows the last star */
  const char *retry = NULL;
  while (*text != '\0') {
    if (*pattern == '*') {
      star = ++pattern;
      retry = text;
      continue;
    }
    const char *next = match_byte(pattern, *text);
    if (next != NULL) {
      pattern = next;
      text++;
    } else if (star != NULL) {
      pattern = star;
      text = ++retry;
    } else {
      return false;
    }
  }
  while (*pattern == '*') {
    pattern++;
  }
  return *pattern == '\0';
}

bool glob_is_literal(const char *pattern) {
  return strpbrk(pattern, "*?[\\") == NULL;
}

int glob_check(const char *pattern, struct error *error) {
  for (const char *at = pattern; *at != '\0'; at++) {
    if (*at == '[') {
      at = find_set_end(at);
      if (at == NULL) {
        return error_set(error, -EINVAL, "has a [ without its ]");
      }
    } else if (*at == '\\' && *++at == '\0') {
      return error_set(error, -EINVAL, "ends in a backslash");
    }
  }
  return 0;
}

/* What follows the element at PATTERN, a set without its end being one byte. */
static const char *skip_element(const char *pattern) {
  const char *end = *pattern == '[' ? find_set_end(pattern) : NULL;
  bool is_escape = *pattern == '\\' && pattern[1] != '\0';
  return end != NULL ? end + 1 : pattern + (is_escape ? 2 : 1);
}

/* Neither element is a star. */
static bool may_match_same_byte(const char *one, const char *other) {
  char first = *one == '\\' ? one[1] : *one;
  char second = *other == '\\' ? other[1] : *other;
  return strchr("?[", *one) != NULL || strchr("?[", *other) != NULL ||
         first == second;
}

bool glob_overlaps(const char *one, const char *other) {
  if (*one == '\0' && *other == '\0') {
    return true;
  }
  if (*one == '*') {
    return glob_overlaps(one + 1, other) ||
           (*other != '\0' && glob_overlaps(one, skip_element(other)));
  }
  if (*other == '*') {
    return glob_overlaps(other, one);
  }
  return *one != '\0' && *other != '\0' && may_match_same_byte(one, other) &&
         glob_overlaps(skip_element(one), skip_element(other));
}
