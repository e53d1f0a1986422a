/* SPDX-License-Identifier: MIT */
/* journal: records events in a file, one JSON object a line. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"

/* Lines that wait for the disk. Further lines are dropped and counted; a line
 * {"event":"dropped","count":N} follows as soon as there is room. */
#define JOURNAL_WAITING_MAX 4096

/* Lines that journal_recent_to_json() looks at: about 64 KB. */
#define JOURNAL_RECENT_MAX 300

struct journal;

struct journal_counts {
  uint64_t written; /* lines */
  uint64_t lost; /* lines: the queue was full, or they could not be written */
  uint64_t waiting; /* lines in the queue */
};

/* Opens PATH for appending (mode 0640; its directory is made if it is not
 * there) and starts the thread that writes. The file is opened again when it
 * was moved or deleted. When lines cannot be written, this is logged hourly,
 * and its end once; until then lines are lost, and nothing else waits. The same
 * holds for a pipe without a reader. The sequence continues from the last line
 * in the file. path: copied; NULL or "": lines are not written, only remembered
 * for journal_recent_to_json(). log: copied. A file that cannot be opened is
 * not a failure: it is logged and tried again. Returns 0 or negative errno (no
 * memory, no thread). */
int journal_open(const char *path, const struct log_sink *log,
                 struct journal **ret_journal, struct error *error);

/* Writes the lines that wait, for at most 1 s, and joins the thread. Accepts
 * NULL. */
void journal_close(struct journal *journal);

/* Queues one line {"seq":N,"time":"RFC 3339, ms, zone","event":EVENT,...}.
 * fields: taken, also on failure; an object whose members follow; NULL: none.
 * Any thread; never waits for the disk. Sequence and time are those of the
 * call. */
void journal_put(struct journal *journal, const char *event, json_t *fields);

/* The same for the alert event NUMBER, which rises from one to the next. */
void journal_put_alert(struct journal *journal, json_t *fields,
                       uint64_t number);

/* Waits for at most WAIT_MS until the line of the alert event NUMBER, and so
 * that of each before it, is written or lost. Returns the number up to which
 * they are. */
uint64_t journal_wait_for_alert(struct journal *journal, uint64_t number,
                                int wait_ms);

/* An array of the last COUNT events, newest first. A line that repeats a later
 * one adds to the "times" of that one; the intent of an action is left out if
 * there is a later line about it, so that a target that fails for hours does
 * not displace all other events. The events of before a restart are there, too.
 * Any thread. journal: NULL has none. Yours; NULL without memory. */
json_t *journal_recent_to_json(struct journal *journal, size_t count);

/* False while lines cannot be written, or the disk has not responded for 5 s.
 * True without a file. Any thread. */
bool journal_is_saving(struct journal *journal);

void journal_get_counts(struct journal *journal, struct journal_counts *ret);
