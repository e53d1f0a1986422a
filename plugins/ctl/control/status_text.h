/* SPDX-License-Identifier: MIT */
/* status_text: the daemon's status as a table on a terminal. */
#ifndef CTL_CONTROL_STATUS_TEXT_H
#define CTL_CONTROL_STATUS_TEXT_H

#include <jansson.h>

/* Prints it to standard output. */
void status_text_print(const json_t *status);

/* enum command_result of the worst rule. */
int status_text_result(const json_t *status);

#endif
