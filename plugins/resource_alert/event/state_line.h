/* SPDX-License-Identifier: MIT */
/* state_line: one alert as a line of the state file. */
#ifndef RESOURCE_ALERT_EVENT_STATE_LINE_H
#define RESOURCE_ALERT_EVENT_STATE_LINE_H

#include "core/error.h"
#include "resource_alert/event/state_file.h"

#define STATE_LINE_MARKS_BYTES 80

/* The first line of every state file. */
#define STATE_LINE_HEAD "{\"format\":\"resource_alert alerts\",\"version\":1}"

/* Returns 0, or -EINVAL for what is no state file of this version. */
int state_line_check_head(const char *line, struct error *error);

/* The line with its newline: yours, free(); NULL when memory is short. */
char *state_line_format(const struct stored_alert *alert);

/* Hands the alert of TEXT, a line without its newline, to TAKE, which may be
 * NULL. A line of marks is no alert: it sets *ret_marks, if they are higher.
 * Returns 0 or -EINVAL. */
int state_line_parse(const char *text,
                     void (*take)(void *context,
                                  const struct stored_alert *alert),
                     void *context, struct untold_marks *ret_marks,
                     struct error *error);

/* A line of marks with its newline. */
void state_line_format_marks(const struct untold_marks *marks,
                             char text[STATE_LINE_MARKS_BYTES]);

#endif
