/* SPDX-License-Identifier: MIT */
/* follower_store: how far each file was read, over a restart. */
#ifndef SESSION_LOG_FOLLOW_FOLLOWER_STORE_H
#define SESSION_LOG_FOLLOW_FOLLOWER_STORE_H

#include "session_log/follow/follower.h"
#include "session_log/record.h"

/* now_ms: monotonic; the time left for rotated files is kept. */
void follower_save(const struct follower *follower, int64_t now_ms,
                   struct record_writer *writer);

/* Fills a follower that has not polled yet. Returns 0; -EINVAL for a record
 * that makes no sense; -ENOMEM. On failure the follower must be freed. */
int follower_load(struct follower *follower, int64_t now_ms,
                  struct record_reader *reader);

#endif
