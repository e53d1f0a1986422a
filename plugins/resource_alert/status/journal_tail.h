/* SPDX-License-Identifier: MIT */
/* journal_tail: what happened last, read back from the journal's file. */
#ifndef RESOURCE_ALERT_STATUS_JOURNAL_TAIL_H
#define RESOURCE_ALERT_STATUS_JOURNAL_TAIL_H

#include <jansson.h>
#include <stddef.h>

/* An array of the last COUNT events in PATH, newest first; less where the
 * file's last 64 KB do not hold so many. A line that says again what a later
 * one says adds to that one's "times"; the intent of an act of which more is
 * known, and what is no object, is passed over: a target that is broken for
 * hours hides nothing else.
 * Empty where there is no file, or PATH is NULL; NULL without memory. */
json_t *journal_tail(const char *path, size_t count);

#endif
