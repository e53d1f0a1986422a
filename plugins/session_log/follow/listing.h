/* SPDX-License-Identifier: MIT */
/* listing: the files that may hold lines of a log right now: those that its
 * patterns name, and what rotation has made of them. */
#ifndef SESSION_LOG_FOLLOW_LISTING_H
#define SESSION_LOG_FOLLOW_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "session_log/follow/file_status.h"

struct listed {
  char *path;   /* owned */
  char *target; /* owned: of a link, once asked for; else NULL */
  struct file_status status;
  bool is_live; /* named by a pattern; else a rotated file beside one */
};

struct listing {
  struct listed *items;
  size_t len;
  size_t room;
};

/* Adds what PATTERN names: regular files, compressed ones left out. A file
 * that is listed already (a second name for it) is not added again.
 * Returns 0 if it found at least one; -ENOENT; -EISDIR, -EINVAL (neither file
 * nor directory) or what stat said, if that was all it found; -ENOMEM. */
int listing_add_pattern(struct listing *listing, const char *pattern);

/* Adds the rotated files beside all live files, beside the targets of those
 * that are links, and beside the files at MISSING, which are away. Each
 * directory is read once. Returns 0 or -ENOMEM. */
int listing_add_rotated(struct listing *listing, const char *const *missing,
                        size_t missing_len);

/* Forgets all but the first LEN. */
void listing_cut(struct listing *listing, size_t len);
void listing_fini(struct listing *listing);

/* True if NAME is what a rotation may call the file LIVE (both without
 * directory): app.log -> app.log.1, app.log-20240131, app.log.old,
 * app.2024-01-31_00-00-00.log; but not app.log.lock or app.audit.log. */
bool listing_is_rotated_name(const char *live, const char *name);

/* The same of two paths; also true where the names are equal. */
bool listing_may_be_copy(const char *live_path, const char *path);

bool listing_is_compressed(const char *name);

#endif
