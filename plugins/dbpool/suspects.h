/* SPDX-License-Identifier: MIT */
/* suspects: tells people about sessions that look leaked, each once, and once
 * more when it is gone. Pure but for the sink. */
#ifndef DBPOOL_SUSPECTS_H
#define DBPOOL_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/notification.h"
#include "dbpool/leak.h"

/* Followed at a time; further ones are counted, and named as others go. */
#define SUSPECTS_MAX 64

struct suspect {
  int64_t pid;
  int64_t backend_start_us;
  enum leak_rule rule;
  bool is_said;
  bool is_there; /* in this round */
};

/* pool: borrowed. a_minute: the most notifications in any minute. All else
 * starts at zero. */
struct suspects {
  const char *pool;
  int64_t a_minute;
  int64_t minute_start_us;
  int64_t said; /* in this minute */
  size_t len;
  struct suspect items[SUSPECTS_MAX];
};

/* One round: what is leaked at now_us. Sends a WARNING for what is new and an
 * OKAY for what was said and is gone. Fields of each: pid, rule; of a WARNING
 * also client, application, role, database, state, age, query. What the limit
 * holds back comes in a later minute, if it is still true then. */
void suspects_update(struct suspects *suspects, const struct leak *leaks,
                     size_t len, int64_t now_us,
                     const struct notification_sink *notifications);

#endif
