/* SPDX-License-Identifier: MIT */
/* terminal: prints states in colour and text from outside without control
 * characters. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Columns of the terminal, 80 where they are not known. */
int terminal_columns(void);

/* Prints the member's state, padded to WIDTH, in its colour. */
void terminal_print_state(const json_t *object, const char *name, int width);

/* Prints a blank and the member's text without control characters, padded to
 * WIDTH and cut at MAX characters (negative: not cut). */
void terminal_print_text(const json_t *object, const char *name, int width,
                         int max);

/* Writes "3 d 4 h" or "12 min". */
void terminal_format_age(double seconds, char *text, size_t bytes);

/* Copies the member's text without control characters, "" where there is none.
 * Returns BUFFER. */
const char *terminal_copy_text(const json_t *object, const char *name,
                               char *buffer, size_t bytes);
