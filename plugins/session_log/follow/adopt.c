/* SPDX-License-Identifier: MIT */
/* adopt: what a file that appears is: new content, or a copy of what was read
 * already, on its way to a truncation of the original. */
#include "session_log/follow/follower_state.h"

#include <errno.h>
#include <stdlib.h>

/* Two logs may begin alike; a file that a pattern names is a copy only if its
 * name says so, too. */
static bool may_repeat(const struct tracked *file,
                       const struct tracked *original) {
  return !file->is_live || listing_may_be_copy(original->home, file->path);
}

/* Finds the tracked file that FILE repeats, among those that are truncated or
 * among the others.
 * Returns 1 and *ret_original, 0 for none, -EAGAIN if it cannot be told now. */
static int find_original(struct follower *follower, const struct tracked *file,
                         bool is_truncated, struct tracked **ret_original) {
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *other = follower->files[i];
    if (other == file || other->state != TRACKED_FOLLOWED || other->fd < 0 ||
        other->is_truncated != is_truncated || !may_repeat(file, other)) {
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
    tracked_pass_over(copy);
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

/* Decides on FILE (open): a copy of what stands in another file, or new.
 * Returns 0, or -EAGAIN to ask again at the next poll. */
static int judge(struct follower *follower, struct tracked *file) {
  struct tracked *original = NULL;
  int code = find_original(follower, file, false, &original);
  if (code < 0) {
    return code;
  }
  if (code == 1) {
    file->state = TRACKED_COPY;
    file->original = original;
  } else {
    follow_from_start(file);
  }
  return 0;
}

/* ---- the first poll: what is there was there before us ---- */

static void take_as_found(struct follower *follower, struct tracked *file) {
  bool is_live = file->is_live;
  file->state = is_live ? TRACKED_FOLLOWED : TRACKED_DONE;
  if (is_live && !follower->options.starts_at_end) {
    return;
  }
  if (file->fd < 0 || tracked_seek_end(file) != 0) {
    tracked_pass_over(file);
  }
}

static int adopt_first(struct follower *follower, struct tracked *file,
                       const struct moment *now) {
  int code = file->is_live ? tracked_open(file) : 0;
  if (code != 0) {
    follower_complain(follower, file, code, now);
  }
  take_as_found(follower, file);
  return follower_add(follower, file);
}

/* ---- later: what appears is new, or a copy ---- */

/* Opens a file that has appeared. Returns 0 if it can be judged, 1 if it was
 * dealt with, -ENOMEM. */
static int meet(struct follower *follower, struct tracked *file,
                const struct moment *now) {
  if (!file->is_live && file->size == 0) {
    tracked_free(file); /* a copy that has just begun: it cannot be told yet */
    return 1;
  }
  int code = tracked_open(file);
  if (code == 0) {
    return 0;
  }
  if (!file->is_live || code == -ESTALE || code == -ENOENT) {
    tracked_free(file); /* gone again: the next poll will see */
    return 1;
  }
  follower_complain(follower, file, code, now);
  code = follower_add(follower, file); /* from its beginning, once it opens */
  return code == 0 ? 1 : code;
}

/* Adds a file that was judged, by CODE, or lets the next poll see. */
static int settle(struct follower *follower, struct tracked *file, int code) {
  if (code != 0) {
    tracked_free(file);
    return 0;
  }
  if (file->state == TRACKED_FOLLOWED && !file->is_final && !file->is_live &&
      file->modified_ns < follower->newest_ns) {
    file->state = TRACKED_DONE; /* older than all we know: put there by hand */
    tracked_pass_over(file);
  }
  if (file->state != TRACKED_FOLLOWED) {
    tracked_close(file);
  }
  return follower_add(follower, file);
}

/* Nothing that has appeared holds what they held: they begin anew. */
static void reset_truncated(struct follower *follower,
                            const struct moment *now) {
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *file = follower->files[i];
    if (file->state == TRACKED_FOLLOWED && file->fd >= 0 &&
        file->is_truncated) {
      follower->view.truncated++;
      int code = tracked_reset(file);
      if (code != 0) {
        follower_complain(follower, file, code, now);
      }
    }
  }
}

/* FILES are emptied as they are dealt with. */
static int adopt_later(struct follower *follower, struct tracked **files,
                       size_t files_len, const struct moment *now) {
  int code = 0;
  for (size_t i = 0; i < files_len && code >= 0; i++) {
    code = meet(follower, files[i], now);
    files[i] = code == 0 ? files[i] : NULL;
  }
  /* First what continues a truncated file, for the others are compared with
   * what stands in it now. */
  for (size_t i = 0; i < files_len && code >= 0; i++) {
    struct tracked *original = NULL;
    if (files[i] != NULL &&
        find_original(follower, files[i], true, &original) == 1) {
      code = settle(follower, files[i],
                    continue_in_copy(follower, files[i], original));
      files[i] = NULL;
    }
  }
  reset_truncated(follower, now);
  for (size_t i = 0; i < files_len && code >= 0; i++) {
    if (files[i] != NULL) {
      code = settle(follower, files[i], judge(follower, files[i]));
      files[i] = NULL;
    }
  }
  return code < 0 ? code : 0;
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
  if (find_original(follower, copy, true, &original) == 1) {
    (void)continue_in_copy(follower, copy, original);
  } else {
    (void)judge(follower, copy);
  }
  if (copy->state != TRACKED_FOLLOWED) {
    tracked_close(copy);
  }
}

static int by_modification(const void *a, const void *b) {
  const struct tracked *const *left = a;
  const struct tracked *const *right = b;
  int64_t first = (*left)->modified_ns;
  int64_t second = (*right)->modified_ns;
  return (first > second) - (first < second);
}

/* Makes what is listed and not tracked. Returns how many, or -ENOMEM. */
static int64_t make_fresh(const struct follower *follower,
                          const struct listing *listing,
                          struct tracked **fresh) {
  int64_t made = 0;
  for (size_t i = 0; i < listing->len; i++) {
    const struct listed *listed = &listing->items[i];
    if (is_tracked(follower, &listed->status.identity)) {
      continue;
    }
    struct tracked *file =
        tracked_new(listed->path, listed->path, &listed->status);
    if (file == NULL) {
      return -ENOMEM;
    }
    file->is_live = listed->is_live;
    file->is_listed = true;
    fresh[made++] = file;
  }
  return made;
}

static int adopt_all(struct follower *follower, struct tracked **fresh,
                     size_t fresh_len, const struct moment *now) {
  /* Oldest first: so rotations are read in the order they were made. */
  qsort(fresh, fresh_len, sizeof(struct tracked *), by_modification);
  if (follower->has_begun) {
    return adopt_later(follower, fresh, fresh_len, now);
  }
  int code = 0;
  for (size_t i = 0; i < fresh_len && code == 0; i++) {
    code = adopt_first(follower, fresh[i], now);
    fresh[i] = NULL;
  }
  return code;
}

int follower_adopt(struct follower *follower, const struct listing *listing,
                   const struct moment *now) {
  for (size_t i = 0; i < follower->files_len; i++) {
    review_copy(follower, follower->files[i]);
  }
  struct tracked **fresh = calloc(listing->len + 1, sizeof(struct tracked *));
  if (fresh == NULL) {
    return -ENOMEM;
  }
  int64_t made = make_fresh(follower, listing, fresh);
  int code =
      made < 0 ? (int)made : adopt_all(follower, fresh, (size_t)made, now);
  for (size_t i = 0; i < listing->len; i++) {
    tracked_free(fresh[i]); /* what a lack of memory has left */
  }
  free(fresh);
  return code;
}
