/* SPDX-License-Identifier: MIT */
/* switch_readers: which applications read the switches, and when they did last.
 *
 * The marks come from any user: of each only a bounded, regular file is read,
 * and only texts are taken from it. */
#include "resource_alert/status/switch_readers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/json_util.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define ROWS_MAX 256
#define NAME_BYTES 64
#define FORGET_S 3600
#define SCAN_MS 5000
#define STOP_MS 1000
#define MARKS_MAX 256
#define MARK_BYTES_MAX 4096
#define MARK_SWITCHES_MAX 20
#define MARKS_MODE                                                             \
  01777 /* every user leaves marks, and removes only its own                   \
         */

/* One reader of one switch. */
struct reader_row {
  char reader[NAME_BYTES];
  char name[NAME_BYTES]; /* of the switch; "": of all */
  int64_t seen_s;        /* 0: this row is free */
};

struct switch_readers {
  pthread_mutex_t lock;
  struct reader_row rows[ROWS_MAX]; /* under the lock */
  struct worker_thread *worker;     /* NULL: no file store */
  char path[PATH_MAX];              /* of the marks */
};

/* ---- the rows ---- */

void switch_readers_note(struct switch_readers *readers, const char *reader,
                         const char *name, int64_t at_s) {
  if (readers == NULL) {
    return;
  }
  struct reader_row row = {.seen_s = at_s};
  (void)snprintf(row.reader, sizeof(row.reader), "%s", reader);
  (void)snprintf(row.name, sizeof(row.name), "%s", name);
  (void)pthread_mutex_lock(&readers->lock);
  struct reader_row *place = &readers->rows[0];
  for (size_t i = 0; i < ROWS_MAX; i++) {
    struct reader_row *one = &readers->rows[i];
    if (strcmp(one->reader, row.reader) == 0 &&
        strcmp(one->name, row.name) == 0) {
      place = one;
      break;
    }
    place = one->seen_s < place->seen_s ? one : place; /* the oldest */
  }
  if (place->seen_s < at_s) {
    *place = row;
  }
  (void)pthread_mutex_unlock(&readers->lock);
}

json_t *switch_readers_to_json(struct switch_readers *readers, const char *name,
                               int64_t now_s) {
  json_t *all = json_array();
  if (readers == NULL) {
    return all;
  }
  (void)pthread_mutex_lock(&readers->lock);
  for (size_t i = 0; i < ROWS_MAX; i++) {
    const struct reader_row *row = &readers->rows[i];
    if (row->seen_s > now_s - FORGET_S &&
        (row->name[0] == '\0' ||
         strncmp(row->name, name, NAME_BYTES - 1) == 0)) {
      (void)json_array_append_new(
          all, json_pack("{so sI}", "reader", json_util_from_text(row->reader),
                         "seen", (json_int_t)row->seen_s));
    }
  }
  (void)pthread_mutex_unlock(&readers->lock);
  return all;
}

/* ---- the marks ---- */

static void note_mark(struct switch_readers *readers, const char *text,
                      int64_t seen_s) {
  json_t *mark = json_loads(text, 0, NULL);
  const char *reader = json_string_value(json_object_get(mark, "reader"));
  const json_t *names = json_object_get(mark, "switches");
  for (size_t i = 0; i < json_array_size(names) && i < MARK_SWITCHES_MAX; i++) {
    const char *name = json_string_value(json_array_get(names, i));
    if (reader != NULL && name != NULL && name[0] != '\0') {
      switch_readers_note(readers, reader, name, seen_s);
    }
  }
  json_decref(mark);
}

/* A time in the future is one of a wrong clock, or a lie. */
static void read_mark(struct switch_readers *readers, int directory,
                      const char *name, int64_t now_s) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  struct stat status;
  char *text = NULL;
  size_t bytes = 0;
  int fd = openat(directory, name, flags);
  if (fd < 0) {
    return;
  }
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    (void)close(fd);
  } else if (status.st_mtime < now_s - FORGET_S) {
    (void)close(fd);
    (void)unlinkat(directory, name, 0); /* its process has died */
  } else if (file_read_and_close(fd, name, MARK_BYTES_MAX, &text, &bytes,
                                 NULL) == 0) {
    note_mark(readers, text, status.st_mtime < now_s ? status.st_mtime : now_s);
    free(text);
  }
}

/* Made again where it is gone: a tmpfs is empty after a boot. */
static DIR *open_marks(const struct switch_readers *readers) {
  const int flags = O_RDONLY | O_DIRECTORY;
  int fd = trusted_path_open(readers->path, TRUSTED_PATH_OWN, flags, 0, NULL);
  if (fd == -ENOENT) {
    char above[PATH_MAX];
    (void)snprintf(above, sizeof(above), "%.*s",
                   (int)(strrchr(readers->path, '/') - readers->path),
                   readers->path);
    if (file_make_directory(above, 0755) == 0 &&
        file_make_directory(readers->path, MARKS_MODE) == 0) {
      fd = trusted_path_open(readers->path, TRUSTED_PATH_OWN, flags, 0, NULL);
    }
  }
  return fd < 0 ? NULL : fdopendir(fd);
}

/* Where it fails there are no marks, and the page shows no reader. */
static void scan_marks(void *context, void *item) {
  struct switch_readers *readers = context;
  (void)item;
  DIR *directory = open_marks(readers);
  if (directory == NULL) {
    return;
  }
  int64_t now_s = (int64_t)time(NULL);
  const struct dirent *entry;
  for (size_t i = 0; i < MARKS_MAX && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] != '.') {
      read_mark(readers, dirfd(directory), entry->d_name, now_s);
      i++;
    }
  }
  (void)closedir(directory);
}

/* ---- life ---- */

static void free_readers(void *context) {
  struct switch_readers *readers = context;
  (void)pthread_mutex_destroy(&readers->lock);
  free(readers);
}

int switch_readers_new(const char *path, struct switch_readers **ret,
                       struct error *error) {
  struct switch_readers *readers = calloc(1, sizeof(*readers));
  if (readers == NULL) {
    return error_set(error, -ENOMEM, "status: out of memory");
  }
  (void)pthread_mutex_init(&readers->lock, NULL);
  int code = 0;
  if (path != NULL) {
    const struct worker_thread_options options = {.work = scan_marks,
                                                  .free_context = free_readers,
                                                  .context = readers,
                                                  .items_max = 1,
                                                  .idle_ms = SCAN_MS};
    (void)snprintf(readers->path, sizeof(readers->path), "%s/.readers", path);
    code = worker_thread_new(&options, &readers->worker, error);
  }
  if (code != 0) {
    free_readers(readers);
    return code;
  }
  if (readers->worker != NULL) {
    (void)worker_thread_put(readers->worker, NULL);
  }
  *ret = readers;
  return 0;
}

void switch_readers_free(struct switch_readers *readers) {
  if (readers != NULL && (readers->worker == NULL ||
                          worker_thread_stop(readers->worker, STOP_MS))) {
    free_readers(readers);
  }
}
