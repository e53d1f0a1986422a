/* SPDX-License-Identifier: MIT */
/* leak_list: the leaked connections and sessions that dbpool and session_log
 * have notified, by the series that counts them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/notification.h"

#define LEAK_LIST_MAX                                                          \
  128                      /* in all; a new one takes the place of the oldest  \
                            */
#define LEAK_LIST_SHOWN 16 /* of a series */
#define LEAK_LIST_HOURS                                                        \
  24 /* then one is dropped: its end may have been lost                        \
      */

struct leak_list; /* any thread */

/* Returns NULL when memory is short. */
struct leak_list *leak_list_new(void);

/* Accepts NULL. */
void leak_list_free(struct leak_list *list);

/* Adds the leak that NOTIFICATION reports, or removes the one whose end it
 * reports. wall_ms: now. Returns the journal's fields of it, yours; NULL for
 * another notification, for the end of a leak that is not in the list, and when
 * memory is short. */
json_t *leak_list_take(struct leak_list *list,
                       const struct notification *notification,
                       int64_t wall_ms);

/* Removes all leaks of SERIES, "host/plugin-instance/type-instance". */
void leak_list_forget(struct leak_list *list, const char *series);

/* The newest leaks of SERIES, the oldest of them first: an array of {"message",
 * "reported", "age_s", "pid", "client", "application", "statement", "session",
 * "file", "end"}; what is not known is left out. NULL: there is none. Yours. */
json_t *leak_list_to_json(struct leak_list *list, const char *series,
                          int64_t wall_ms);
