/* SPDX-License-Identifier: MIT */
/* memory: the table's states into the state file and out of it again. */
#ifndef RESOURCE_ALERT_EVENT_MEMORY_H
#define RESOURCE_ALERT_EVENT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"
#include "resource_alert/alerts/table.h"
#include "resource_alert/event/announcement.h"
#include "resource_alert/event/state_file.h"

/* The daemon's types by name. Returns 0 or -ENOENT. */
typedef int memory_find_type(const char *name, struct reading_type *ret_type,
                             size_t *ret_sources);

/* What is made of the changes that a kill left untold. */
struct memory_sink {
  void (*put)(void *context, const struct announcement *announcement);
  void *context;
};

/* Takes up every alert of the file whose rule still watches its series. It
 * changes no state and tells nobody, but puts what is still to be told, oldest
 * first, into UNTOLD; a series that does not come back goes MISSING as if it
 * had stopped now. now_ms: monotonic. */
void memory_recall(struct state_file *file, struct table *table,
                   memory_find_type *find_type, int64_t now_ms, int64_t wall_ms,
                   const struct memory_sink *untold,
                   struct untold_marks *ret_marks);

/* Keeps one change before it is told. */
void memory_keep(struct state_file *file,
                 const struct announcement *announcement, int64_t now_ms,
                 int64_t wall_ms);

/* Writes the file anew from what the table holds. */
void memory_rewrite(struct state_file *file, struct table *table,
                    int64_t now_ms, int64_t wall_ms);

#endif
