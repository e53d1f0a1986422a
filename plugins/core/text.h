/* SPDX-License-Identifier: MIT */
/* text: strings from outside: control characters, escapes, and which name was
 * probably meant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the control character that AT begins with; 0: none. Control
 * characters are C0, DEL and C1, line separators, and those that turn the
 * direction of writing: what lets a text look like another one, or controls a
 * terminal. */
size_t text_control_length(const char *at);

/* Puts '?' for every control character, so that text of a log, a server or a
 * file stays one line on a terminal. In place. */
void text_blank_controls(char *text);

/* Makes a part of a series' name from any bytes: '/' becomes '-', since names
 * become paths; control characters, and bytes that are not UTF-8, become '_'.
 * Where that, or a cut at BYTES, may make two names alike, it ends in a hash of
 * the whole text. bytes: 16 or more. */
void text_make_name(char *name, size_t bytes, const char *text);

/* Puts "-" and a hash of TEXT at the end of NAME: for a name that two share. */
void text_append_hash(char *name, size_t bytes, const char *text);

/* Cuts off white space at the end, such as the newline of a program's output.
 */
void text_chomp(char *text);

/* Bytes of the UTF-8 character that FROM begins with, 1 to 4; 0 if it does not
 * begin with one: overlong forms, surrogates and numbers beyond U+10FFFF are
 * not characters (RFC 3629). */
size_t text_utf8_length(const char *from);

/* Copies FROM without loss as one line of UTF-8: control characters,
 * backslashes and what is not UTF-8 become \n, \t, \\ or \xHH. Cut at a whole
 * character or escape when it does not fit into BYTES, which is at least 1;
 * always ends in NUL. */
void text_escape(char *to, size_t bytes, const char *from);

/* The place of TEXT in WORDS, which end in NULL, ignoring case; -1 if it is not
 * among them. */
int text_find_word(const char *const *words, const char *text);

/* Which of some names was probably meant by a wrong one. Strings are borrowed.
 */
struct text_nearest {
  const char *wanted;
  const char *name; /* the nearest so far; NULL: none is near */
  size_t fewest;    /* edits */
};

struct text_nearest text_nearest_begin(const char *wanted);

/* Takes CANDIDATE if it is the nearest so far, ignoring case. */
void text_nearest_offer(struct text_nearest *nearest, const char *candidate);

/* True for "localhost" and for an address of the loopback interface:
 * 127.0.0.0/8 or ::1, also in brackets. */
bool text_is_loopback(const char *host);

/* Writes "3 d 4 h" or "12 min". */
void text_format_duration(double seconds, char *text, size_t bytes);
