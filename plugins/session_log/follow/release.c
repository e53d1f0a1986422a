/* SPDX-License-Identifier: MIT */
/* release: letting go of files that were read to their end for good. */
#include "session_log/follow/follower_state.h"

static void orphan_copies_of(struct follower *follower,
                             const struct tracked *original) {
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *copy = follower->files[i];
    if (copy->original == original) {
      copy->original = NULL;
      copy->state = TRACKED_DONE;
      tracked_pass_over(copy);
    }
  }
}

/* Ends a followed file that was read to its end for good. */
static void finish_file(struct follower *follower, struct tracked *file,
                        const struct moment *now) {
  bool is_lost = file->fd < 0 && !file->is_listed;
  bool is_due = file->closing_ms != 0 && now->mono_ms >= file->closing_ms;
  bool is_read = file->fd >= 0 && file->is_final && file->offset >= file->size;
  if (file->state != TRACKED_FOLLOWED) {
    return;
  }
  if (is_lost) {
    follower->view.lost_files++;
  } else if (!is_read) {
    return;
  } else if (file->is_live && !is_due) {
    file->is_final = false; /* a copy whose name a pattern matches */
    return;
  }
  tracked_close(file);
  file->state = TRACKED_DONE;
  file->is_final = false;
  file->closing_ms = 0;
  orphan_copies_of(follower, file);
}

static bool is_kept(const struct tracked *file) {
  return file->is_listed || file->state == TRACKED_FOLLOWED;
}

static void drop_files(struct follower *follower) {
  for (size_t i = 0; i < follower->files_len; i++) {
    if (!is_kept(follower->files[i])) {
      orphan_copies_of(follower, follower->files[i]);
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *file = follower->files[i];
    if (is_kept(file)) {
      follower->files[kept++] = file;
    } else {
      tracked_free(file);
    }
  }
  follower->files_len = kept;
}

static void take_stock(struct follower *follower) {
  struct follower_view *view = &follower->view;
  view->files = 0;
  view->lag_bytes = 0;
  for (size_t i = 0; i < follower->files_len; i++) {
    const struct tracked *file = follower->files[i];
    if (file->modified_ns > follower->newest_ns) {
      follower->newest_ns = file->modified_ns;
    }
    if (file->state == TRACKED_FOLLOWED) {
      view->files++;
      view->lag_bytes +=
          file->size > file->offset ? file->size - file->offset : 0;
    }
  }
}

void follower_release(struct follower *follower, const struct moment *now) {
  for (size_t i = 0; i < follower->files_len; i++) {
    finish_file(follower, follower->files[i], now);
  }
  drop_files(follower);
  take_stock(follower);
}
