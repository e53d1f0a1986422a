/* SPDX-License-Identifier: MIT */
/* path_ring: the files that lines came from, by number: a session keeps the
 * number of its file. */
#ifndef SESSION_LOG_PATH_RING_H
#define SESSION_LOG_PATH_RING_H

#include <stddef.h>
#include <stdint.h>

#include "session_log/record.h"

/* Then the oldest is forgotten. */
#define PATH_RING_MAX 4096

/* All zero is an empty one. */
struct path_ring {
  char **paths; /* owned */
  size_t len;
  size_t oldest; /* once it is full */
};

void path_ring_fini(struct path_ring *ring);

/* Returns the number of PATH, which is added (copied) if it is new;
 * PATH_RING_MAX when memory is short. */
uint32_t path_ring_number(struct path_ring *ring, const char *path);

/* Returns the path, borrowed; NULL if nothing has this number. */
const char *path_ring_path(const struct path_ring *ring, uint32_t number);

void path_ring_save(const struct path_ring *ring, struct record_writer *writer);

/* Fills an empty ring. Returns 0; -EINVAL for a record that makes no sense;
 * -ENOMEM. On failure it must be ended all the same. */
int path_ring_load(struct path_ring *ring, struct record_reader *reader);

#endif
