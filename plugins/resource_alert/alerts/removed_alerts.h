/* SPDX-License-Identifier: MIT */
/* removed_alerts: saved alerts that no rule watches after a restart: they are
 * closed, so that nobody waits for their recovery. */
#pragma once

#include <stdbool.h>

#include "resource_alert/alerts/alert_event.h"

struct removed_alerts;

/* All zero is an empty list. */
struct removed_list {
  struct removed_alerts *first; /* owned */
};

/* A saved state of such an alert; a later one replaces it. has_many_sources:
 * its type has several. Without memory it is dropped. */
void removed_alerts_note(struct removed_list *list, const char *rule,
                         const struct alert_event *saved,
                         bool has_many_sources);

/* Hands the end of each alert that was bad, or notified as such, to TAKE, once.
 * The events' rules live until removed_alerts_fini(). */
void removed_alerts_close(const struct removed_list *list, int64_t wall_ms,
                          void (*take)(void *context,
                                       struct alert_event *event),
                          void *context);

void removed_alerts_fini(struct removed_list *list);
