/* SPDX-License-Identifier: MIT */
/* text: strings from elsewhere: control characters, escapes, and which name was
 * probably meant. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stddef.h>

/* Puts '?' for every control character, so that what a log, a server or a
 * file said stays one line on a terminal. In place. */
void text_blank_controls(char *text);

/* Cuts off white space at the end: the newline of what a program has said. */
void text_chomp(char *text);

/* Bytes of the UTF-8 character that FROM begins with, 1 to 4; 0 if it does not
 * begin with one: overlong forms, surrogates and numbers beyond U+10FFFF are
 * not characters (RFC 3629). */
size_t text_utf8_length(const char *from);

/* Copies FROM so that nothing is lost and any reader can take it: control
 * characters, backslashes and what is not UTF-8 become \n, \t, \\ or \xHH.
 * Cut at a whole character or escape when it does not fit into BYTES, which is
 * at least 1; always ends in NUL. */
void text_escape(char *to, size_t bytes, const char *from);

/* Candidates are offered one by one; all strings borrowed. */
struct spelling {
  const char *name;
  const char *nearest; /* NULL: none is near */
  size_t fewest;       /* edits */
};

struct spelling spelling_of(const char *name);

/* Takes CANDIDATE for the nearest if it is, letters' case aside. */
void spelling_offer(struct spelling *spelling, const char *candidate);

#endif
