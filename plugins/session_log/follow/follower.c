/* SPDX-License-Identifier: MIT */
/* follower: every line of a log once, however its files are rotated. */
#include "session_log/follow/follower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/follow/follower_state.h"

int follower_new(const struct follower_options *options,
                 const struct log_sink *report,
                 struct follower **ret_follower) {
  struct follower *follower = calloc(1, sizeof(*follower));
  if (follower == NULL) {
    return -ENOMEM;
  }
  follower->options = *options;
  follower->report = report;
  follower->complaints =
      calloc(options->patterns_len + 1, sizeof(*follower->complaints));
  if (follower->complaints == NULL) {
    free(follower);
    return -ENOMEM;
  }
  *ret_follower = follower;
  return 0;
}

void follower_free(struct follower *follower) {
  if (follower == NULL) {
    return;
  }
  for (size_t i = 0; i < follower->files_len; i++) {
    tracked_free(follower->files[i]);
  }
  free(follower->files);
  free(follower->complaints);
  free(follower);
}

int follower_add(struct follower *follower, struct tracked *file) {
  if (follower->files_len == follower->files_room) {
    size_t room = follower->files_room == 0 ? 16 : follower->files_room * 2;
    struct tracked **files =
        realloc(follower->files, room * sizeof(struct tracked *));
    if (files == NULL) {
      tracked_free(file);
      return -ENOMEM;
    }
    follower->files = files;
    follower->files_room = room;
  }
  follower->files[follower->files_len++] = file;
  return 0;
}

/* ---- what is said ---- */

void follower_complain(struct follower *follower, struct tracked *file,
                       int code, const struct moment *now) {
  if (complaint_fail(&file->complaint, now->mono_ms)) {
    log_write(follower->report, LOG_LEVEL_WARNING,
              "log \"%s\": %s: cannot read: %s; tried again at every interval",
              follower->options.name, file->path, strerror(-code));
  }
}

static void say_readable(struct follower *follower, struct tracked *file,
                         const struct moment *now) {
  if (complaint_clear(&file->complaint, now->mono_ms, NULL)) {
    log_write(follower->report, LOG_LEVEL_NOTICE,
              "log \"%s\": %s: readable again", follower->options.name,
              file->path);
  }
}

static const char *trouble_with(int code) {
  switch (code) {
  case -ENOENT:
    return "no such file";
  case -EISDIR:
    return "is a directory";
  case -EINVAL:
    return "is neither a file nor a directory";
  default:
    return strerror(-code);
  }
}

static void judge_pattern(struct follower *follower, size_t index, int code,
                          const struct moment *now) {
  struct complaint *complaint = &follower->complaints[index];
  const char *pattern = follower->options.patterns[index];
  if (code == 0) {
    if (complaint_clear(complaint, now->mono_ms, NULL)) {
      log_write(follower->report, LOG_LEVEL_NOTICE, "log \"%s\": %s: found",
                follower->options.name, pattern);
    }
  } else if (complaint_fail(complaint, now->mono_ms)) {
    log_write(follower->report, LOG_LEVEL_WARNING,
              "log \"%s\": %s: %s; picked up when it appears",
              follower->options.name, pattern, trouble_with(code));
  }
}

/* ---- looking ---- */

static void cut_crowd(struct follower *follower, const struct moment *now,
                      struct listing *listing) {
  if (listing->len > FOLLOWER_FILES_MAX) {
    if (complaint_fail(&follower->crowd, now->mono_ms)) {
      log_write(follower->report, LOG_LEVEL_WARNING,
                "log \"%s\": %zu files; only %d are followed",
                follower->options.name, listing->len, FOLLOWER_FILES_MAX);
    }
    listing_cut(listing, FOLLOWER_FILES_MAX);
  }
}

/* A file that is away has rotated ones beside its place all the same. */
static int list_files(struct follower *follower, const struct moment *now,
                      struct listing *listing) {
  const struct follower_options *options = &follower->options;
  const char **missing = calloc(options->patterns_len + 1, sizeof(*missing));
  size_t missing_len = 0;
  int code = missing == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < options->patterns_len && code == 0; i++) {
    int found = listing_add_pattern(listing, options->patterns[i]);
    if (found == -ENOMEM) {
      code = found;
    } else {
      judge_pattern(follower, i, found, now);
    }
    if (found != 0) {
      missing[missing_len++] = options->patterns[i];
    }
  }
  if (code == 0) {
    code = listing_add_rotated(listing, missing, missing_len);
  }
  free(missing);
  cut_crowd(follower, now, listing);
  return code;
}

static const struct listed *find_listed(const struct listing *listing,
                                        const struct file_identity *identity) {
  for (size_t i = 0; i < listing->len; i++) {
    if (file_identity_is_same(&listing->items[i].status.identity, identity)) {
      return &listing->items[i];
    }
  }
  return NULL;
}

static void note_rotation(struct follower *follower, struct tracked *file,
                          const struct moment *now) {
  bool is_away = !file->is_listed || !file->is_live;
  if (!is_away) {
    file->closing_ms = 0;
  } else if (file->state == TRACKED_FOLLOWED && file->closing_ms == 0) {
    file->closing_ms = now->mono_ms + follower->options.rotate_wait_ms;
    follower->view.rotated++;
  }
}

/* Tells each tracked file what it is called now. */
static int match_files(struct follower *follower, const struct listing *listing,
                       const struct moment *now) {
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *file = follower->files[i];
    const struct listed *listed = find_listed(listing, &file->identity);
    file->is_listed = listed != NULL;
    file->is_live = listed != NULL && listed->is_live;
    if (listed != NULL && tracked_rename(file, listed->path) != 0) {
      return -ENOMEM;
    }
    if (file->state == TRACKED_DONE && file->is_live) {
      file->state = TRACKED_FOLLOWED; /* its name was given back to it */
    }
    note_rotation(follower, file, now);
  }
  return 0;
}

/* Opens and looks at each followed file. Returns how many are truncated. */
static size_t look_at_files(struct follower *follower,
                            const struct moment *now) {
  size_t truncated = 0;
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *file = follower->files[i];
    file->is_quiet = true;
    if (file->state != TRACKED_FOLLOWED || (file->fd < 0 && !file->is_listed)) {
      continue;
    }
    int code = tracked_open(file);
    if (code == 0) {
      code = tracked_look(file, now->wall_ns);
    }
    if (code == 0) {
      say_readable(follower, file, now);
      truncated += file->is_truncated;
    } else if (code != -EAGAIN && code != -ENOENT) {
      follower_complain(follower, file, code, now);
      tracked_close(file);
    }
  }
  return truncated;
}

static int look(struct follower *follower, const struct moment *now) {
  struct listing listing = {0};
  int code = list_files(follower, now, &listing);
  if (code == 0) {
    code = match_files(follower, &listing, now);
  }
  if (code == 0 && look_at_files(follower, now) > 0) {
    /* A copy may have been made between listing and looking. */
    code = list_files(follower, now, &listing);
  }
  if (code == 0) {
    code = follower_adopt(follower, &listing, now);
  }
  listing_fini(&listing);
  return code;
}

/* ---- reading ---- */

static int read_file(struct follower *follower, struct tracked *file,
                     const struct moment *now, struct reader_buffer *buffer,
                     const struct reader_sink *sink) {
  if (file->offset == 0 && file->head.bytes == 0) {
    int code = tracked_reset(file); /* steps over leading NULs */
    if (code != 0) {
      return code;
    }
  }
  if (file->closing_ms != 0 && now->mono_ms >= file->closing_ms) {
    file->is_final = true;
  }
  return reader_read(file, buffer, &follower->options.limits, sink,
                     &follower->view.read);
}

static int by_age(const void *a, const void *b) {
  const struct tracked *const *left = a;
  const struct tracked *const *right = b;
  int64_t first = (*left)->modified_ns;
  int64_t second = (*right)->modified_ns;
  if (first != second) {
    return first < second ? -1 : 1;
  }
  return ((*right)->closing_ms != 0) - ((*left)->closing_ms != 0);
}

static int read_files(struct follower *follower, const struct moment *now,
                      struct reader_buffer *buffer,
                      const struct reader_sink *sink) {
  if (follower->files_len == 0) {
    return 0;
  }
  qsort(follower->files, follower->files_len, sizeof(struct tracked *), by_age);
  for (size_t i = 0; i < follower->files_len; i++) {
    struct tracked *file = follower->files[i];
    bool is_due = file->closing_ms != 0 && now->mono_ms >= file->closing_ms;
    if (file->state != TRACKED_FOLLOWED || file->fd < 0 ||
        (file->is_quiet && file->is_drained && !is_due)) {
      continue;
    }
    int code = read_file(follower, file, now, buffer, sink);
    if (code == -ENOMEM) {
      return code;
    }
    if (code != 0 && code != -EAGAIN) {
      follower_complain(follower, file, code, now);
      tracked_close(file);
    }
  }
  return 0;
}

/* ---- polling ---- */

int follower_poll(struct follower *follower, const struct moment *now,
                  struct reader_buffer *buffer,
                  const struct reader_sink *sink) {
  int code = look(follower, now);
  if (code == 0) {
    code = read_files(follower, now, buffer, sink);
  }
  if (code != 0) {
    return code;
  }
  follower->has_begun = true;
  follower_release(follower, now);
  return 0;
}

void follower_view(const struct follower *follower,
                   struct follower_view *ret_view) {
  *ret_view = follower->view;
}
