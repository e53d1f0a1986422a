/* SPDX-License-Identifier: MIT */
/* text: what is done to strings that come from somewhere else. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stddef.h>

/* Puts '?' for every control character, so that what a log, a server or a
 * file said stays one line on a terminal. In place. */
void text_blank_controls(char *text);

/* Cuts off white space at the end: the newline of what a program has said. */
void text_chomp(char *text);

/* Copies FROM so that nothing is lost and any reader can take it: control
 * characters, backslashes and what is not UTF-8 become \n, \t, \\ or \xHH.
 * Cut at a whole character or escape when it does not fit into BYTES, which is
 * at least 1; always ends in NUL. */
void text_escape(char *to, size_t bytes, const char *from);

#endif
