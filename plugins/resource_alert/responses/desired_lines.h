/* SPDX-License-Identifier: MIT */
/* desired_lines: what each response has engaged, as lines of a file: its
 * version in the first one, then {"response":NAME, and what its entry holds}.
 */
#ifndef RESOURCE_ALERT_RESPONSES_DESIRED_LINES_H
#define RESOURCE_ALERT_RESPONSES_DESIRED_LINES_H

#include <stddef.h>

#include <jansson.h>

/* One line with its newline. Yours, free(); NULL when memory is short. */
char *desired_line_format(const char *response, json_t *entry);

/* The whole file. entries: an object by response. Yours, free(); NULL when
 * memory is short. */
char *desired_lines_format(json_t *entries, size_t *ret_bytes);

/* Takes the lines of TEXT, which it cuts up, into ENTRIES. The last one may
 * lack its end, when the power went: it is passed over.
 * Returns the number of the first line that makes no sense, or 0. */
size_t desired_lines_take(json_t *entries, char *text);

#endif
