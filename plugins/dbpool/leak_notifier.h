/* SPDX-License-Identifier: MIT */
/* leak_notifier: sends one notification for each session that looks leaked, and
 * one when it no longer does. Pure but for the sink. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/notification.h"
#include "dbpool/leak.h"

/* Leaks followed at a time; further ones are notified as others end. */
#define LEAK_NOTIFIER_MAX 64

struct leak_notifier_item {
  int64_t pid;
  int64_t backend_start_us;
  enum leak_rule rule;
  bool is_notified;
};

/* pool: its name, borrowed. max_per_minute: notifications. All else starts at
 * zero. */
struct leak_notifier {
  const char *pool;
  int64_t max_per_minute;
  int64_t minute_start_us;
  int64_t sent; /* in this minute */
  size_t len;
  struct leak_notifier_item items[LEAK_NOTIFIER_MAX];
};

/* Processes the leaks of one read at now_us. Sends a WARNING for each new leak
 * and an OKAY for each notified one that has ended. Fields of both: pid, rule;
 * of a WARNING also client, application, role, database, state, age, query.
 * A notification that the rate limit delays is sent at a later read if it still
 * applies then. The sink runs the daemon's notification plugins: hold no lock.
 */
void leak_notifier_send_changes(struct leak_notifier *notifier,
                                const struct leak *leaks, size_t len,
                                int64_t now_us,
                                const struct notification_sink *sink);
