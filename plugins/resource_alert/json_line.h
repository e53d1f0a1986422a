/* SPDX-License-Identifier: MIT */
/* json_line: one JSON object a line, as the journal and what is kept over a
 * restart have them. */
#ifndef RESOURCE_ALERT_JSON_LINE_H
#define RESOURCE_ALERT_JSON_LINE_H

#include <jansson.h>

/* VALUE on one line, with a newline. Yours, free(); NULL when memory is short,
 * or VALUE is NULL. */
char *json_line(const json_t *value);

#endif
