/* SPDX-License-Identifier: MIT */
/* journal: what happened, one JSON object a line, for people and programs. */
#ifndef RESOURCE_ALERT_JOURNAL_H
#define RESOURCE_ALERT_JOURNAL_H

#include <jansson.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"

/* Lines that wait for the disk; what comes on top is counted and told of in a
 * line {"event":"folded","count":N} as soon as there is room. */
#define JOURNAL_WAITING_MAX 4096

struct journal;

struct journal_counts {
  uint64_t written; /* lines */
  uint64_t lost;    /* lines: no room in the queue, no room on the disk */
  uint64_t waiting; /* lines in the queue */
};

/* Opens PATH for appending (mode 0640; its directory is made if it is not
 * there) and starts the writer's thread. The
 * file is opened again when it was moved or deleted. A disk that takes nothing
 * is said once through LOG and once when it is over; meanwhile lines are lost,
 * nothing else is. A pipe in its place holds nobody up. The sequence goes on
 * from the last line in the file. path: copied; NULL or "": no file, every put
 * is accepted and forgotten. log: copied. A file that cannot be opened is no
 * failure: it is complained about and tried again. Returns 0 or negative errno
 * (no memory, no thread). */
int journal_new(const char *path, const struct log_sink *log,
                struct journal **ret_journal, struct error *error);

/* Writes what waits, at most 2 s, and joins the thread. Accepts NULL. */
void journal_free(struct journal *journal);

/* Queues one line {"seq":N,"time":"RFC 3339, ms, zone","event":EVENT,...}.
 * fields: taken, also on failure; an object whose members follow; NULL: none.
 * Any thread; waits for no disk. Sequence and time are those of the call. */
void journal_put(struct journal *journal, const char *event, json_t *fields);

/* The same for a change of that NUMBER, which rises from one to the next. */
void journal_put_change(struct journal *journal, json_t *fields,
                        uint64_t number);

/* Waits for at most WAIT_MS until the line of the change NUMBER, and so that of
 * each before it, is written or lost. Returns the number up to which they
 * are. */
uint64_t journal_settled(struct journal *journal, uint64_t number, int wait_ms);

void journal_get_counts(struct journal *journal, struct journal_counts *ret);

#endif
