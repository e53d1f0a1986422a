/* SPDX-License-Identifier: MIT */
/* terminal: colour where it is welcome, and names made harmless. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* True if standard output is a terminal and NO_COLOR is not set. */
bool terminal_has_colour(void);

/* Columns of the terminal, 80 where it does not say. */
int terminal_columns(void);

/* The state, padded to WIDTH, in its colour. Prints. */
void terminal_print_state(const char *state, int width);

/* "3 d 4 h", "12 min", "-" for nothing. */
void terminal_format_age(double seconds, char *text, size_t bytes);

/* The member's text without control characters, "" where there is none; valid
 * until the buffer goes. */
const char *terminal_text(const json_t *object, const char *name, char *buffer,
                          size_t bytes);

#endif
