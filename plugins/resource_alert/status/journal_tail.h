/* SPDX-License-Identifier: MIT */
/* journal_tail: the last lines of the journal, read back from its file. */
#ifndef RESOURCE_ALERT_STATUS_JOURNAL_TAIL_H
#define RESOURCE_ALERT_STATUS_JOURNAL_TAIL_H

#include <jansson.h>
#include <stddef.h>

/* An array of the last COUNT objects in PATH, newest first; less where the
 * file's last 64 KB do not hold so many. Lines that are no objects are passed
 * over. Empty where there is no file, or PATH is NULL; NULL without memory. */
json_t *journal_tail(const char *path, size_t count);

#endif
