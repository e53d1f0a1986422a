/* SPDX-License-Identifier: MIT */
/* scan: reads numbers and words from a text without copying it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of a text, or the unread rest of one; borrowed. The functions below
 * advance it past what they read, and leave it unchanged where they return
 * false. */
struct scan {
  const char *at;
  const char *end;
};

/* Reads the next line, without its newline. False at the end of the text and
 * where the rest has no newline: the line was cut. */
bool scan_line(struct scan *text, struct scan *ret_line);

/* Reads the next word: anything but blanks, tabs and newlines. */
bool scan_word(struct scan *text, struct scan *ret_word);

/* Reads a decimal number behind blanks. False if there is none or it does not
 * fit into 64 bits. */
bool scan_number(struct scan *text, uint64_t *ret_number);

/* Reads a decimal number that may have a fraction, "0.07"; likewise. */
bool scan_fraction(struct scan *text, double *ret_number);

/* Reads LITERAL if the text starts with it. */
bool scan_literal(struct scan *text, const char *literal);

/* True if WORD is LITERAL. */
bool scan_word_is(struct scan word, const char *literal);

/* A number that stands behind its name in a file. */
struct scan_field {
  const char *name;
  uint64_t *number;
};

/* Reads "NAME 12" or "NAME: 12" if NAME is that of one of the fields, which end
 * with one without a name. Returns 0, also for any other line; -EBADMSG where
 * no number follows the name. */
int scan_field(struct scan *line, const struct scan_field *fields);
