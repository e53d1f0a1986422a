/* SPDX-License-Identifier: MIT */
/* adopt: what a file that appears is: new content, or a copy of what was read
 * already, on its way to a truncation of the original. */
#include "session_log/follower_state.h"

#include <errno.h>
#include <stdlib.h>

/* Finds the tracked file that FILE repeats.
 * Returns 1 and *ret_original, 0 for none, -EAGAIN if it cannot be told now. */
static int find_original(struct follower *follower, const struct tracked *file,
                         struct tracked **ret_original) {
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *other = follower->files[i];
    if (other == file || other->state != TRACKED_FOLLOWED || other->fd < 0) {
      continue;
    }
    switch (tracked_relate(file, other)) {
    case TRACKED_IS_COPY:
      *ret_original = other;
      return 1;
    case TRACKED_UNSURE:
      return -EAGAIN;
    case TRACKED_UNRELATED:
      break;
    }
  }
  return 0;
}

/* The copy takes over where the original was left: it holds what was written
 * between the last look and the truncation. */
static int continue_in_copy(struct follower *follower, struct tracked *copy,
                            struct tracked *original) {
  follower->view.truncated++;
  copy->state = TRACKED_FOLLOWED;
  copy->original = NULL;
  copy->is_final = true;
  copy->head = original->head;
  copy->marker = original->marker;
  copy->is_skipping = original->is_skipping;
  copy->offset = original->offset;
  if (copy->size < original->offset) { /* all of it was read */
    copy->state = TRACKED_DONE;
    copy->offset = copy->size;
    copy->marker = (struct fingerprint){.from = copy->size};
  }
  return tracked_reset(original);
}

static void follow_from_start(struct tracked *file) {
  file->state = TRACKED_FOLLOWED;
  file->original = NULL;
  file->offset = 0;
  file->head = (struct fingerprint){0};
  file->marker = (struct fingerprint){0};
}

/* Decides on FILE (open). Returns 0, or -EAGAIN to ask again at the next
 * poll. */
static int judge(struct follower *follower, struct tracked *file) {
  struct tracked *original = NULL;
  int code = find_original(follower, file, &original);
  if (code == 1 && original->is_truncated) {
    return continue_in_copy(follower, file, original);
  }
  if (code == 1) {
    file->state = TRACKED_COPY;
    file->original = original;
    return 0;
  }
  if (code == 0) {
    follow_from_start(file);
  }
  return code;
}

/* At the first poll: what is there was there before us. */
static void take_as_found(struct follower *follower, struct tracked *file,
                          bool is_live) {
  file->state = is_live ? TRACKED_FOLLOWED : TRACKED_DONE;
  if (!follower->options.starts_at_end && is_live) {
    return;
  }
  if (!is_live || file->fd < 0 || tracked_seek_end(file) != 0) {
    file->offset = file->size;
    file->marker = (struct fingerprint){.from = file->offset};
  }
}

static int adopt_one(struct follower *follower, const struct listed *listed,
                     const struct moment *now) {
  bool is_rotated = !listed->is_live;
  if (is_rotated && follower->has_begun && listed->status.size == 0) {
    return 0; /* a copy that has just begun: it cannot be told yet */
  }
  struct tracked *file = tracked_new(listed->path, &listed->status);
  if (file == NULL) {
    return -ENOMEM;
  }
  file->is_live = listed->is_live;
  file->is_listed = true;
  int code = is_rotated && !follower->has_begun ? 0 : tracked_open(file);
  if (!follower->has_begun) {
    if (code != 0) {
      follower_complain(follower, file, code, now);
    }
    take_as_found(follower, file, listed->is_live);
    return follower_add(follower, file);
  }
  if (code != 0 && listed->is_live && code != -ESTALE && code != -ENOENT) {
    follower_complain(follower, file, code, now);
    return follower_add(follower, file); /* from its beginning, once it opens */
  }
  if (code == 0) {
    code = judge(follower, file);
  }
  if (code != 0) { /* gone again, or undecided: the next poll will see */
    tracked_free(file);
    return 0;
  }
  if (file->state == TRACKED_FOLLOWED && !file->is_final && is_rotated &&
      file->modified_ns < follower->newest_ns) {
    file->state = TRACKED_DONE; /* older than all we know: put there by hand */
    file->offset = file->size;
    file->marker = (struct fingerprint){.from = file->offset};
  }
  if (file->state != TRACKED_FOLLOWED) {
    tracked_close(file);
  }
  return follower_add(follower, file);
}

static bool is_tracked(const struct follower *follower,
                       const struct file_identity *identity) {
  for (size_t i = 0; i < follower->files_len; i++) {
    if (file_identity_is_same(&follower->files[i]->identity, identity)) {
      return true;
    }
  }
  return false;
}

/* A copy may turn out to be something else: its original is truncated, or has
 * been replaced by it, or it goes on with other lines. */
static void review_copy(struct follower *follower, struct tracked *copy) {
  struct tracked *original = copy->original;
  struct file_status status;
  if (copy->state != TRACKED_COPY || !copy->is_listed ||
      file_status_of_path(copy->path, &status) != 0) {
    return;
  }
  bool is_replacement = original != NULL && copy->is_live &&
                        !original->is_listed && !original->is_truncated;
  bool has_changed =
      status.size != copy->size || (original != NULL && original->is_truncated);
  if ((!is_replacement && !has_changed) || tracked_open(copy) != 0) {
    return;
  }
  copy->size = status.size;
  copy->modified_ns = status.modified_ns;
  if (is_replacement) {
    copy->state = TRACKED_FOLLOWED;
    copy->original = NULL;
    copy->offset = original->offset;
    copy->head = original->head;
    copy->marker = original->marker;
    copy->is_skipping = original->is_skipping;
    original->state = TRACKED_DONE;
    tracked_close(original);
    return;
  }
  (void)judge(follower, copy);
  if (copy->state != TRACKED_FOLLOWED) {
    tracked_close(copy);
  }
}

static int by_modification(const void *a, const void *b) {
  const struct listed *const *left = a;
  const struct listed *const *right = b;
  int64_t first = (*left)->status.modified_ns;
  int64_t second = (*right)->status.modified_ns;
  return (first > second) - (first < second);
}

int follower_adopt(struct follower *follower, const struct listing *listing,
                   const struct moment *now) {
  for (size_t i = 0; i < follower->files_len; i++) {
    review_copy(follower, follower->files[i]);
  }
  const struct listed **fresh = calloc(listing->len + 1, sizeof(const void *));
  if (fresh == NULL) {
    return -ENOMEM;
  }
  size_t fresh_len = 0;
  for (size_t i = 0; i < listing->len; i++) {
    if (!is_tracked(follower, &listing->items[i].status.identity)) {
      fresh[fresh_len++] = &listing->items[i];
    }
  }
  /* Oldest first: so rotations are read in the order they were made. */
  qsort(fresh, fresh_len, sizeof(const void *), by_modification);
  int code = 0;
  for (size_t i = 0; i < fresh_len && code == 0; i++) {
    code = adopt_one(follower, fresh[i], now);
  }
  free(fresh);
  return code;
}
