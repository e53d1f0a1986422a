/* SPDX-License-Identifier: MIT */
/* scan: reads numbers and words out of a text without copying it. */
#ifndef STATGRAB_LINUX_SCAN_H
#define STATGRAB_LINUX_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of a text; borrowed. */
struct scan {
  const char *at;
  const char *end;
};

/* A piece of the text. */
struct scan_word {
  const char *text;
  size_t length;
};

/* Takes the next line, without its newline. False at the end of the text and
 * where the rest has no newline: a line that was cut is none. */
bool scan_line(struct scan *text, struct scan *ret_line);

/* Takes the next word: anything but blanks, tabs and newlines. False if none
 * is left. */
bool scan_word(struct scan *text, struct scan_word *ret_word);

/* Takes a decimal number behind blanks. False, and nothing taken, if there is
 * none or it does not fit into 64 bits. */
bool scan_number(struct scan *text, uint64_t *ret_number);

/* Takes LEN of them in a row; false, and some taken, if there are fewer. */
bool scan_numbers(struct scan *text, uint64_t *numbers, size_t len);

/* Takes a decimal number with a fraction, "0.07"; likewise. */
bool scan_fraction(struct scan *text, double *ret_number);

/* Takes LITERAL if the text starts with it. */
bool scan_literal(struct scan *text, const char *literal);

/* True if WORD is LITERAL. */
bool scan_word_is(struct scan_word word, const char *literal);

/* A number that a file tells by name. */
struct scan_field {
  const char *name;
  uint64_t *number;
};

/* Takes "NAME 12" or "NAME: 12" if NAME is that of one of the fields. Returns
 * 0, also for any other line; -EBADMSG where no number is behind the name. */
int scan_field(struct scan *line, const struct scan_field *fields,
               size_t fields_len);

#endif
