/* SPDX-License-Identifier: MIT */
/* follower_watch: what of a log is worth watching. */
#include <limits.h>
#include <string.h>

#include "session_log/follow/follower_state.h"

/* The directory of PATH, unless its name is a pattern. */
static void watch_directory_of(const char *path, struct watcher *watcher,
                               size_t log) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t bytes = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
  if (bytes >= sizeof(directory)) {
    return;
  }
  memcpy(directory, slash == NULL ? "." : path, bytes);
  directory[bytes] = '\0';
  if (strpbrk(directory, "*?[") == NULL) {
    watcher_add(watcher, log, directory, WATCH_DIRECTORY);
  }
}

void follower_watch(const struct follower *follower, struct watcher *watcher,
                    size_t log) {
  const struct follower_options *options = &follower->options;
  watcher_begin(watcher, log);
  for (size_t i = 0; i < options->patterns_len; i++) {
    watch_directory_of(options->patterns[i], watcher, log);
  }
  for (size_t i = 0; i < follower->files_len; i++) {
    const struct tracked *file = follower->files[i];
    if (file->state == TRACKED_FOLLOWED && file->is_listed) {
      watcher_add(watcher, log, file->path, WATCH_FILE);
    }
  }
  watcher_end(watcher, log);
}
