/* SPDX-License-Identifier: MIT */
/* tracked: one file of a log, under whatever name, and how far it was read. */
#include "session_log/follow/tracked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Coarser than the clock of any file system that keeps sub-second times. */
#define SETTLED_NS INT64_C(2500000000)
#define NFS_MAGIC 0x6969
/* How far back the start of an unfinished line is looked for. */
#define LINE_SEARCH_BYTES 65536

static atomic_size_t open_files; /* of all logs: the limit is the process's */

struct tracked *tracked_new(const char *home, const char *path,
                            const struct file_status *status) {
  struct tracked *tracked = calloc(1, sizeof(*tracked));
  if (tracked == NULL) {
    return NULL;
  }
  tracked->identity = status->identity;
  tracked->fd = -1;
  tracked->size = status->size;
  tracked->modified_ns = status->modified_ns;
  tracked->path = strdup(path);
  tracked->home = strdup(home);
  if (tracked->path == NULL || tracked->home == NULL) {
    tracked_free(tracked);
    return NULL;
  }
  return tracked;
}

void tracked_free(struct tracked *tracked) {
  if (tracked != NULL) {
    tracked_close(tracked);
    free(tracked->path);
    free(tracked->home);
    free(tracked);
  }
}

int tracked_rename(struct tracked *tracked, const char *path) {
  if (strcmp(tracked->path, path) == 0) {
    return 0;
  }
  char *copy = strdup(path);
  if (copy == NULL) {
    return -ENOMEM;
  }
  free(tracked->path);
  tracked->path = copy;
  return 0;
}

/* The daemon needs descriptors for more than logs. */
static bool are_descriptors_short(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         limit.rlim_cur != RLIM_INFINITY &&
         atomic_load(&open_files) >= limit.rlim_cur / 2;
}

int tracked_open(struct tracked *tracked) {
  if (tracked->fd >= 0) {
    return 0;
  }
  if (are_descriptors_short()) {
    return -EMFILE;
  }
  int fd = open(tracked->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return -errno;
  }
  struct file_status status;
  int code = file_status_of_fd(fd, &status);
  if (code == 0 &&
      (!status.is_regular ||
       !file_identity_is_same(&status.identity, &tracked->identity))) {
    code = -ESTALE;
  }
  if (code != 0) {
    (void)close(fd);
    return code;
  }
  tracked->fd = fd;
  (void)atomic_fetch_add(&open_files, 1);
  return 0;
}

void tracked_close(struct tracked *tracked) {
  if (tracked->fd >= 0) {
    (void)atomic_fetch_sub(&open_files, 1);
    (void)close(tracked->fd);
    tracked->fd = -1;
  }
}

static int take_head(struct tracked *tracked) {
  char data[FINGERPRINT_BYTES];
  uint64_t first = 0;
  int code = find_first_data(tracked->fd, tracked->size, &first);
  if (code != 0) {
    return code;
  }
  int64_t got = read_at(tracked->fd, data, sizeof(data), first);
  if (got < 0) {
    return (int)got;
  }
  tracked->head = fingerprint_of(data, (size_t)got, first);
  return 0;
}

int tracked_seek_end(struct tracked *tracked) {
  struct file_status status;
  int code = file_status_of_fd(tracked->fd, &status);
  if (code == 0) {
    code = take_head(tracked);
  }
  if (code != 0) {
    return code;
  }
  char *data = malloc(LINE_SEARCH_BYTES);
  if (data == NULL) {
    return -ENOMEM;
  }
  uint64_t from =
      status.size > LINE_SEARCH_BYTES ? status.size - LINE_SEARCH_BYTES : 0;
  int64_t got = read_at(tracked->fd, data, (size_t)(status.size - from), from);
  if (got >= 0) {
    const char *newline = memrchr(data, '\n', (size_t)got);
    size_t kept = newline == NULL ? 0 : (size_t)(newline - data) + 1;
    tracked->is_skipping = newline == NULL && from > 0;
    kept = tracked->is_skipping ? (size_t)got : kept;
    size_t marked = kept < MARKER_BYTES ? kept : MARKER_BYTES;
    tracked->size = status.size;
    tracked->offset = from + kept;
    uint64_t head = tracked->head.from;
    uint64_t known = tracked->offset > head ? tracked->offset - head : 0;
    marked = marked < known ? marked : (size_t)known;
    tracked->marker =
        fingerprint_of(data + kept - marked, marked, tracked->offset - marked);
  }
  free(data);
  return got < 0 ? (int)got : 0;
}

void tracked_pass_over(struct tracked *tracked) {
  tracked->offset = tracked->size;
  tracked->marker = (struct fingerprint){.from = tracked->offset};
}

static bool is_remote(int fd) {
  struct statfs status;
  return fstatfs(fd, &status) == 0 && status.f_type == NFS_MAGIC;
}

/* Returns 1 if what was read is there no more, 0 if it is, negative errno. */
static int has_changed(struct tracked *tracked) {
  if (tracked->size < tracked->offset) {
    bool is_believed = tracked->was_short || !is_remote(tracked->fd);
    tracked->was_short = true;
    return is_believed ? 1 : -EAGAIN;
  }
  tracked->was_short = false;
  const struct fingerprint *head = &tracked->head;
  int holds = fingerprint_holds(&tracked->marker, tracked->fd);
  if (holds == 1 && head->from + head->bytes > tracked->offset) {
    holds = fingerprint_holds(head, tracked->fd);
  }
  return holds < 0 ? holds : !holds;
}

int tracked_look(struct tracked *tracked, int64_t wall_ns) {
  struct file_status status;
  int code = file_status_of_fd(tracked->fd, &status);
  if (code != 0) {
    return code;
  }
  tracked->is_quiet = tracked->is_settled && status.size == tracked->size &&
                      status.modified_ns == tracked->modified_ns;
  tracked->size = status.size;
  tracked->modified_ns = status.modified_ns;
  if (tracked->is_quiet) {
    return 0;
  }
  code = has_changed(tracked);
  if (code < 0) {
    return code;
  }
  tracked->is_truncated = code == 1;
  tracked->is_settled = wall_ns - status.modified_ns > SETTLED_NS;
  return 0;
}

int tracked_reset(struct tracked *tracked) {
  uint64_t first = 0;
  int code = find_first_data(tracked->fd, tracked->size, &first);
  if (code != 0) {
    return code;
  }
  tracked->offset = first == tracked->size ? 0 : first;
  tracked->head = (struct fingerprint){.from = tracked->offset};
  tracked->marker = (struct fingerprint){.from = tracked->offset};
  tracked->is_skipping = false;
  tracked->is_truncated = false;
  tracked->is_settled = false;
  tracked->was_short = false;
  return 0;
}

/* The original is gone from its own file: only fingerprints tell. */
static bool held_what_was_read(const struct tracked *copy,
                               const struct tracked *original) {
  const struct fingerprint *head = &original->head;
  if (head->bytes > 0 && (copy->size < head->from + head->bytes ||
                          fingerprint_holds(head, copy->fd) != 1)) {
    return false;
  }
  if (copy->size >= original->offset) {
    return (head->bytes > 0 || original->marker.bytes > 0) &&
           fingerprint_holds(&original->marker, copy->fd) == 1;
  }
  return head->bytes > 0;
}

static bool holds_what_is_there(const struct tracked *copy,
                                const struct tracked *original) {
  struct file_status now;
  if (copy->size == 0 || file_status_of_fd(original->fd, &now) != 0 ||
      copy->size > now.size) {
    return false;
  }
  size_t bytes =
      copy->size < FINGERPRINT_BYTES ? (size_t)copy->size : FINGERPRINT_BYTES;
  return files_agree(copy->fd, original->fd, 0, bytes) == 1 &&
         files_agree(copy->fd, original->fd, copy->size - bytes, bytes) == 1;
}

enum tracked_relation tracked_relate(const struct tracked *copy,
                                     struct tracked *original) {
  if (original->is_truncated) {
    return held_what_was_read(copy, original) ? TRACKED_IS_COPY
                                              : TRACKED_UNRELATED;
  }
  if (holds_what_is_there(copy, original)) {
    return TRACKED_IS_COPY;
  }
  /* Truncated since it was looked at? Then nothing can be said now. */
  return original->fd >= 0 && has_changed(original) != 0 ? TRACKED_UNSURE
                                                         : TRACKED_UNRELATED;
}
