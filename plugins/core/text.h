/* SPDX-License-Identifier: MIT */
/* text: what is done to strings that come from somewhere else. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

/* Puts '?' for every control character, so that what a log, a server or a
 * file said stays one line on a terminal. In place. */
void text_blank_controls(char *text);

#endif
