/* SPDX-License-Identifier: MIT */
/* tracked: one file of a log, under whatever name, and how far it was read. */
#ifndef SESSION_LOG_FOLLOW_TRACKED_H
#define SESSION_LOG_FOLLOW_TRACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/log.h"
#include "session_log/follow/file_status.h"

enum tracked_state {
  TRACKED_FOLLOWED, /* read as it grows */
  TRACKED_COPY,     /* holds what its original holds: not read */
  TRACKED_DONE,     /* read to its end, or there before we were */
};

struct tracked {
  enum tracked_state state;
  struct file_identity identity;
  char *path;                 /* owned: where it was seen last */
  char *home;                 /* owned: where it was seen first */
  int fd;                     /* -1 while closed */
  uint64_t size;              /* when it was looked at last */
  int64_t modified_ns;        /* the same */
  uint64_t offset;            /* start of the first unfinished line */
  struct fingerprint head;    /* from the first data byte on */
  struct fingerprint marker;  /* the bytes before the offset */
  struct tracked *original;   /* of a copy; borrowed */
  struct complaint complaint; /* about opening and reading it */
  int64_t closing_ms;         /* when to let go of it; 0: it is not rotated */
  bool is_live;               /* named by a pattern at the last look */
  bool is_listed;             /* seen at the last look */
  bool is_skipping;           /* in the rest of an over-long line */
  bool is_final;              /* nobody writes to it: its end ends a line */
  bool is_truncated;          /* found shrunk or changed at this look */
  bool is_quiet;              /* found unchanged at this look */
  bool is_settled;            /* its times can be trusted to tell a change */
  bool is_drained;            /* read up to its end, for now */
  bool was_drained;           /* the same, before this poll */
  bool was_short;             /* found shrunk at the last look */
};

/* Returns NULL when memory is short. */
struct tracked *tracked_new(const char *home, const char *path,
                            const struct file_status *status);
void tracked_free(struct tracked *tracked); /* accepts NULL */

/* Remembers a new name. Returns 0 or -ENOMEM. */
int tracked_rename(struct tracked *tracked, const char *path);

/* Opens it unless it is open. Returns 0; -ESTALE if another file stands at its
 * path by now; -EMFILE if logs hold half of the descriptors that the process
 * may have; or another negative errno. */
int tracked_open(struct tracked *tracked);
void tracked_close(struct tracked *tracked);

/* Puts the offset at the end, for a file that was there before us: behind its
 * last newline, so that an unfinished line will be read whole. The file is
 * open. Returns 0 or negative errno. */
int tracked_seek_end(struct tracked *tracked);

/* The same without a look at the content, for a file that will not be read. */
void tracked_pass_over(struct tracked *tracked);

/* Looks whether what was read is still there; sets size, is_truncated and
 * is_quiet. wall_ns: the time since the epoch.
 * Returns 0; -EAGAIN where a remote file looks shrunk for the first time, which
 * may be a stale size; or another negative errno. */
int tracked_look(struct tracked *tracked, int64_t wall_ns);

/* Begins anew after a truncation. Returns 0 or negative errno. */
int tracked_reset(struct tracked *tracked);

enum tracked_relation {
  TRACKED_UNRELATED,
  TRACKED_IS_COPY,
  TRACKED_UNSURE, /* the original has just changed: ask again later */
};

/* Tells whether COPY (open) holds what ORIGINAL held or holds. */
enum tracked_relation tracked_relate(const struct tracked *copy,
                                     struct tracked *original);

#endif
