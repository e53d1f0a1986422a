/* SPDX-License-Identifier: MIT */
/* directory_scan: finds the files that may hold lines of a log: those that its
 * patterns match, and the rotated files beside them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/hash_map.h"
#include "session_log/tail/tail_file.h"

struct directory_scan_item {
  struct hash_node node;
  char *path;   /* owned */
  char *target; /* owned: of a symbolic link; else NULL */
  struct tail_file_status status;
  bool is_live;  /* matched by a pattern; else a rotated file beside one */
  bool is_known; /* for rotation: it is followed already */
};

/* Files that a scan finds; it adds no more. */
#define DIRECTORY_SCAN_MAX 4096

struct directory_scan_listing; /* names, until their directory changes */

/* Is kept from scan to scan: a directory that has not changed is not read
 * again. All zero is an empty one, which reads all. One owner. */
struct directory_scan {
  struct directory_scan_item **items; /* owned */
  size_t len;
  size_t items_max;
  struct hash_map by_identity;
  bool is_full;                            /* there are more files */
  struct directory_scan_listing *listings; /* owned */
  int64_t mono_ms, wall_ns;                /* when it was begun */
};

/* Forgets the items of the scan before. Call it at mono_ms (monotonic), wall_ns
 * (since the epoch). */
void directory_scan_begin(struct directory_scan *scan, int64_t mono_ms,
                          int64_t wall_ns);

/* Adds the files that PATTERN matches: regular files, compressed ones left out.
 * A file with several names is added once.
 * Returns 0 if it found at least one; -ENOENT; -EISDIR, -EINVAL (neither file
 * nor directory) or what stat said, if that was all it found; -ENOMEM. */
int directory_scan_add_pattern(struct directory_scan *scan,
                               const char *pattern);

/* Adds the rotated files beside all live files, beside the targets of those
 * that are links, and beside PATHS, whether a file is there or not. Returns 0
 * or -ENOMEM. */
int directory_scan_add_rotated(struct directory_scan *scan,
                               const char *const *paths, size_t paths_len);

/* The item with that identity, or NULL. */
struct directory_scan_item *
directory_scan_find(const struct directory_scan *scan,
                    const struct tail_file_identity *identity);

void directory_scan_fini(struct directory_scan *scan);

/* True if a rotation may have renamed the file LIVE to NAME (both without
 * directory): app.log -> app.log.1, app.log-20240131, app.log.old,
 * app.2024-01-31_00-00-00.log; but not app.log.lock or app.audit.log. */
bool directory_scan_is_rotated_name(const char *live, const char *name);

/* The same of two paths; also true where the names are equal. */
bool directory_scan_may_be_copy(const char *live_path, const char *path);

bool directory_scan_is_compressed(const char *name);
