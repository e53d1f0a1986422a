/* SPDX-License-Identifier: MIT */
/* follower_state: the inside of follower, for those who follow and those who
 * keep it over a restart. */
#ifndef SESSION_LOG_FOLLOW_FOLLOWER_STATE_H
#define SESSION_LOG_FOLLOW_FOLLOWER_STATE_H

#include "core/log.h"
#include "session_log/follow/follower.h"
#include "session_log/follow/listing.h"

struct follower {
  struct follower_options options;
  const struct log_sink *report;
  struct complaint *complaints; /* owned: one a pattern */
  struct tracked **files;       /* owned */
  size_t files_len;
  size_t files_room;
  bool has_begun;         /* files that appear from now on are new */
  int64_t newest_ns;      /* latest modification seen up to the last poll */
  struct complaint crowd; /* about too many files */
  struct follower_view view;
};

/* Adds FILE, taken. Returns 0, or -ENOMEM and frees it. */
int follower_add(struct follower *follower, struct tracked *file);

/* Adopts the files that are listed but not tracked, and looks again at copies:
 * which are new content, which hold what was read already. */
int follower_adopt(struct follower *follower, const struct listing *listing,
                   const struct moment *now);

/* After reading: closes what nobody writes to any more, forgets what is gone,
 * and counts what is left. */
void follower_release(struct follower *follower, const struct moment *now);

/* For a file that cannot be opened or read. */
void follower_complain(struct follower *follower, struct tracked *file,
                       int code, const struct moment *now);

#endif
