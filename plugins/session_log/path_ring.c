/* SPDX-License-Identifier: MIT */
/* path_ring: the files that lines came from, by number. */
#include "session_log/path_ring.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void path_ring_fini(struct path_ring *ring) {
  for (size_t i = 0; i < ring->len; i++) {
    free(ring->paths[i]);
  }
  free(ring->paths);
  *ring = (struct path_ring){0};
}

/* Puts PATH, taken, where nothing stands or the oldest does. */
static uint32_t put(struct path_ring *ring, char *path) {
  size_t place = ring->len < PATH_RING_MAX ? ring->len : ring->oldest;
  if (place < ring->len) {
    free(ring->paths[place]);
    ring->oldest = (place + 1) % PATH_RING_MAX;
  } else {
    char **paths = realloc(ring->paths, (place + 1) * sizeof(*paths));
    if (paths == NULL) {
      free(path);
      return PATH_RING_MAX;
    }
    ring->paths = paths;
    ring->len++;
  }
  ring->paths[place] = path;
  return (uint32_t)place;
}

uint32_t path_ring_number(struct path_ring *ring, const char *path) {
  for (size_t i = 0; i < ring->len; i++) {
    if (strcmp(ring->paths[i], path) == 0) {
      return (uint32_t)i;
    }
  }
  char *copy = strdup(path);
  return copy == NULL ? PATH_RING_MAX : put(ring, copy);
}

const char *path_ring_path(const struct path_ring *ring, uint32_t number) {
  return number < ring->len ? ring->paths[number] : NULL;
}

void path_ring_save(const struct path_ring *ring,
                    struct record_writer *writer) {
  record_put(writer, ring->oldest);
  record_put(writer, ring->len);
  for (size_t i = 0; i < ring->len; i++) {
    record_put_text(writer, ring->paths[i], strlen(ring->paths[i]));
  }
}

int path_ring_load(struct path_ring *ring, struct record_reader *reader) {
  size_t oldest = (size_t)record_get_up_to(reader, PATH_RING_MAX - 1);
  size_t len = (size_t)record_get_up_to(reader, PATH_RING_MAX);
  for (size_t i = 0; i < len && !reader->is_failed; i++) {
    const char *text = NULL;
    size_t bytes = record_get_text(reader, PATH_MAX - 1, &text);
    char *copy = strndup(text, bytes);
    if (copy == NULL || put(ring, copy) == PATH_RING_MAX) {
      return -ENOMEM;
    }
  }
  ring->oldest = oldest;
  return reader->is_failed ? -EINVAL : 0;
}
