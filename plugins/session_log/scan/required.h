/* SPDX-License-Identifier: MIT */
/* required: the texts of which every match of a regex must contain one. */
#ifndef SESSION_LOG_SCAN_REQUIRED_H
#define SESSION_LOG_SCAN_REQUIRED_H

#include <stdbool.h>
#include <stddef.h>

#define REQUIRED_TEXTS_MAX 16
#define REQUIRED_BYTES_MAX 64

struct required_text {
  char bytes[REQUIRED_BYTES_MAX];
  size_t len;
};

/* All zero: nothing is known. */
struct required {
  struct required_text texts[REQUIRED_TEXTS_MAX];
  size_t len;
};

/* Reads the Perl-style REGEX and finds the set whose shortest text is longest.
 * What it does not understand (case folding, extended syntax, verbs) yields
 * the empty set; it never claims a text that a match could lack. */
void required_find(const char *regex, struct required *ret_required);

/* True if TEXT has no character that means something in a regex. */
bool required_is_plain(const char *text);

#endif
