/* SPDX-License-Identifier: MIT */
/* query_text: the text of an SQL statement without its literals, which may be
 * passwords and data of persons. */
#pragma once

#include <stddef.h>

/* Copies SQL with '?' for each string, number and dollar-quoted text, and
 * without comments. Names, keywords and $1 stay. A literal that does not end,
 * because the text was cut, ends with the text; so does one whose end depends
 * on the server's settings. Cut at BYTES, which is at least 1; ends in NUL. */
void query_text_mask(char *to, size_t bytes, const char *sql);
