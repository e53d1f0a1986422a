/* SPDX-License-Identifier: MIT */
/* json_util: JSON lines, and JSON of text and numbers from elsewhere. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* As json_dumps(); where a text has control characters (text_control_length())
 * all but ASCII is escaped. Yours, free(); NULL when memory is short, or VALUE
 * is NULL. */
char *json_util_dump(const json_t *value, size_t flags);

/* VALUE on one line, with a newline. Yours, free(); NULL when memory is short,
 * or VALUE is NULL. */
char *json_util_format_line(const json_t *value);

/* A JSON string of TEXT, whatever bytes it holds: what is not UTF-8 becomes
 * '?'. NULL when memory is short. */
json_t *json_util_from_text(const char *text);

/* A number; null where it is NaN or infinite, which JSON does not have. NULL
 * when memory is short. */
json_t *json_util_from_number(double number);

/* Copies the member's text without control characters; "" where it is no text.
 * Returns BUFFER. */
const char *json_util_copy_text(const json_t *object, const char *name,
                                char *buffer, size_t bytes);

/* True if A has the member and B has the same one. */
bool json_util_has_same_member(const json_t *a, const json_t *b,
                               const char *name);
