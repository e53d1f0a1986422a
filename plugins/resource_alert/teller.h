/* SPDX-License-Identifier: MIT */
/* teller: what became of a series is kept, then told: to the journal, to the
 * log and to collectd's notification plugins; over a kill, too. */
#ifndef RESOURCE_ALERT_TELLER_H
#define RESOURCE_ALERT_TELLER_H

#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/notification.h"
#include "resource_alert/alerts/changes.h"
#include "resource_alert/event/memory.h"
#include "resource_alert/status/silence.h"

struct teller;
struct journal;

/* What it lives on. All borrowed until teller_stop() has returned. */
struct teller_deps {
  const char *state_dir; /* NULL: nothing is kept */
  int64_t (*monotonic_ms)(void);
  int64_t (*wall_ms)(void);
  struct log_sink log;
  struct notification_sink notifications; /* called from a thread of its own */
  struct journal *journal;                /* NULL: none */
  struct silences *silences;              /* NULL: none */
  struct changes *changes;                /* woken once something was told */
};

/* Takes up what was kept into TABLE. Returns 0 or negative errno. */
int teller_new(const struct teller_deps *deps, struct table *table,
               memory_find_type *find_type, struct teller **ret_teller,
               struct error *error);

/* Keeps one change and puts it into the journal; then tells it, which may wait
 * for the log. All of these are for one thread. */
void teller_record(struct teller *teller, struct announcement *announcement);
void teller_tell(struct teller *teller,
                 const struct announcement *announcement);

/* Tells what a kill left untold, before anything newer. */
void teller_tell_recalled(struct teller *teller);

/* Marks in the state file what has been told by now. */
void teller_mark(struct teller *teller);

/* Writes the state file anew from what TABLE holds: if it should be, or at any
 * rate, the last time. */
void teller_keep_all(struct teller *teller, struct table *table, bool is_last);

/* For the status; any thread. */
size_t teller_waiting(struct teller *teller);
uint64_t teller_dropped(struct teller *teller);

/* Tells what waits, for at most 2 s, and frees all. Accepts NULL. Returns false
 * if a notification plugin hangs: then the deps and all rules must stay. */
bool teller_stop(struct teller *teller);

#endif
