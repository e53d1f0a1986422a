/* SPDX-License-Identifier: MIT */
/* append_log: a file of JSON lines that keeps a state over a restart. */
#include "core/append_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/json_util.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define FILE_MODE 0640
#define DIRECTORY_MODE 0750
#define SPARE_BYTES 1048576       /* some 3000 lines: a rewrite is rare */
#define LATE_BYTES_MAX (64 << 20) /* for a disk that hangs in a rewrite */
#define SYNC_DELAY_MS 1000        /* what comes meanwhile is synced together */
#define CLOSE_WAIT_MS 2000
#define RETRY_MS 1000

struct append_log {
  char *path;              /* NULL: nothing is kept */
  const char *what;        /* borrowed, as in the options */
  const char *consequence; /* borrowed */
  char head[128];          /* the first line */
  struct log_sink sink;
  struct worker_thread *worker;
  bool is_blocked; /* the file could not be read: it is not touched */

  pthread_mutex_t lock; /* guards all below; no sync or rename under it */
  int file;             /* for appending; -1: to be written anew */
  size_t bytes;         /* in the file */
  size_t last_bytes;    /* in it when it was written anew */
  bool is_behind;       /* a write has failed: the file misses something */
  bool has_bad_lines;
  int64_t retry_ms; /* not before that is it written anew (monotonic) */
  struct log_complaint complaint;

  /* From append_log_rewrite_begin() until the new file is in its place: */
  bool is_rewriting;
  bool is_spoiled; /* the new file would miss something */
  char *text;      /* for the new file; the owner's until the end */
  size_t text_bytes;
  bool is_text_whole; /* the thread may take it */
  char *late;         /* what was appended before there is a new file */
  size_t late_bytes;
  int next; /* the new file, not in its place yet; -1: none */

  /* The owner's from append_log_rewrite_begin() to append_log_rewrite_end(),
   * not locked: */
  FILE *added; /* fills the text; NULL: memory was short */
  int64_t begun_ms;
};

/* ---- log ---- */

/* Not under the lock. */
static void log_write_result(struct append_log *log, int code) {
  int64_t now_ms = clock_monotonic_ms();
  (void)pthread_mutex_lock(&log->lock);
  bool is_news = code != 0 ? log_complaint_fail(&log->complaint, now_ms)
                           : log_complaint_clear(&log->complaint, now_ms, NULL);
  (void)pthread_mutex_unlock(&log->lock);
  if (is_news && code != 0) {
    log_write(&log->sink, LOG_LEVEL_ERROR, "%s: %s: cannot write: %s; %s",
              log->what, log->path, strerror(-code), log->consequence);
  } else if (is_news) {
    log_write(&log->sink, LOG_LEVEL_NOTICE, "%s: %s: can be written again",
              log->what, log->path);
  }
}

/* ---- loading ---- */

struct loading {
  int (*take)(void *context, const json_t *line);
  void *context;
  size_t lines; /* passed */
  size_t bad_lines;
  size_t first_bad;   /* its number */
  FILE *bad;          /* their text; NULL: memory was short */
  size_t whole_bytes; /* up to the end of the last line */
};

/* Returns 0, or -EINVAL with the reason why it is not our file, or -errno. */
static int check_state_file(int fd, struct error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    return error_set(error, -errno, "%s", strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return error_set(error, -EINVAL, "is not a regular file");
  }
  if (status.st_uid != geteuid()) {
    return error_set(error, -EINVAL, "belongs to another user (%u)",
                     (unsigned)status.st_uid);
  }
  return 0;
}

static int take_log_line(struct loading *loading, const char *line,
                         size_t length) {
  while (length > 0 && *line == '\0') { /* of a crash, and then appended to */
    line++;
    length--;
  }
  if (length == 0) {
    return 0;
  }
  json_error_t reason;
  json_t *object = json_loadb(line, length, 0, &reason);
  if (object == NULL && json_error_code(&reason) == json_error_out_of_memory) {
    return -ENOMEM;
  }
  int code = json_is_object(object) ? loading->take(loading->context, object)
                                    : -EINVAL;
  json_decref(object);
  if (code != -EINVAL) {
    return code;
  }
  if (loading->bad_lines++ == 0) {
    loading->first_bad = loading->lines + 1;
  }
  if (loading->bad != NULL) {
    (void)fwrite(line, 1, length, loading->bad);
    (void)fputc('\n', loading->bad);
  }
  return 0;
}

static int take_log_lines(const struct append_log *log, const char *text,
                          size_t bytes, struct loading *loading,
                          struct error *error) {
  const char *end = memchr(text, '\n', bytes);
  size_t head_bytes = strlen(log->head);
  if (end == NULL) {
    return 0; /* a kill within the first line */
  }
  if (bytes < head_bytes || memcmp(text, log->head, head_bytes) != 0) {
    return error_set(error, -EINVAL, "has an unknown format or version");
  }
  int code = 0;
  for (loading->lines = 1; end != NULL && code == 0; loading->lines++) {
    loading->whole_bytes = (size_t)(end + 1 - text);
    const char *line = end + 1;
    end = memchr(line, '\n', bytes - loading->whole_bytes);
    code = end == NULL ? 0 : take_log_line(loading, line, (size_t)(end - line));
  }
  return code;
}

static void save_bad_lines(struct append_log *log,
                           const struct loading *loading, const char *text,
                           size_t bytes) {
  char path[PATH_MAX];
  struct error error = {{0}};
  int length = snprintf(path, sizeof(path), "%s.bad", log->path);
  int code = length >= (int)sizeof(path)
                 ? -ENAMETOOLONG
                 : file_replace(path, text, bytes, FILE_MODE, true, &error);
  log_write(
      &log->sink, LOG_LEVEL_WARNING,
      "%s: %s: %zu invalid line(s), the first is line %zu; ignored, %s%s",
      log->what, log->path, loading->bad_lines, loading->first_bad,
      code == 0 ? "copied to " : "not copied: ", code == 0 ? path : error.text);
}

/* Moves all of the file to PATH.bad; where that fails it stays untouched. */
static void set_file_aside(struct append_log *log, const char *reason) {
  struct error error = {{0}};
  if (file_set_aside(log->path, &error) == 0) {
    log_write(&log->sink, LOG_LEVEL_WARNING,
              "%s: %s: %s; moved to %s.bad, no state is restored", log->what,
              log->path, reason, log->path);
    return;
  }
  log->is_blocked = true;
  log_write(&log->sink, LOG_LEVEL_WARNING,
            "%s: %s: %s; not loaded, not saved until a restart: %s", log->what,
            log->path, reason, error.text);
}

static int load_or_set_aside(struct append_log *log, struct loading *loading) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  int fd = trusted_path_open(log->path, TRUSTED_PATH_OWN, O_RDONLY, 0, &error);
  if (fd == -ENOENT || fd == -ENOTDIR) {
    return 0;
  }
  int code = fd >= 0        ? check_state_file(fd, &error)
             : fd == -ELOOP ? error_set(&error, -EINVAL, "is a link")
                            : fd;
  if (code == 0) {
    code = file_read_and_close(fd, log->path, FILE_BYTES_MAX, &text, &bytes,
                               &error);
  } else if (fd >= 0) {
    (void)close(fd);
  }
  if (text == NULL && code != -EINVAL && code != -EFBIG) {
    log->is_blocked = true;
    log_write(&log->sink, LOG_LEVEL_ERROR,
              "%s: %s; the file is not changed, and no changes are saved until "
              "the next start",
              log->what, error.text);
    return code == -ENOMEM ? code : 0;
  }
  if (code == 0) {
    code = take_log_lines(log, text, bytes, loading, &error);
  }
  free(text);
  if (code == -EINVAL || code == -EFBIG) {
    set_file_aside(log, error.text);
    loading->whole_bytes = 0;
    code = 0;
  }
  return code;
}

/* ---- appending ---- */

/* Only a rewrite makes it good again. */
static void give_up_log_file(struct append_log *log) {
  if (log->file >= 0) {
    (void)close(log->file);
  }
  log->file = -1;
  log->is_behind = true;
}

/* Has the file open, with a first line and nothing after the last one. */
static void truncate_and_open_file(struct append_log *log, size_t whole_bytes) {
  size_t head_bytes = whole_bytes == 0 ? strlen(log->head) : 0;
  log->file = trusted_path_open(log->path, TRUSTED_PATH_OWN,
                                O_WRONLY | O_APPEND | O_CREAT, FILE_MODE, NULL);
  if (log->file < 0 || fchmod(log->file, FILE_MODE) != 0 ||
      ftruncate(log->file, (off_t)whole_bytes) != 0 ||
      write(log->file, log->head, head_bytes) != (ssize_t)head_bytes) {
    int code = log->file < 0 ? log->file : -errno;
    give_up_log_file(log);
    log_write_result(log, code);
  }
  log->bytes = whole_bytes + head_bytes;
}

/* Under the lock. Half a line would spoil what follows it. */
static int write_whole_line(int file, const char *line, size_t length) {
  ssize_t written = write(file, line, length);
  return written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
}

/* Under the lock. What the new file must have after what the owner adds. */
static void buffer_or_write_to_new_file(struct append_log *log,
                                        const char *line, size_t length) {
  if (!log->is_rewriting) {
    return;
  }
  if (log->next >= 0) {
    log->is_spoiled |= write_whole_line(log->next, line, length) != 0;
    return;
  }
  bool has_room = log->late_bytes + length <= LATE_BYTES_MAX;
  char *late = has_room && !log->is_spoiled
                   ? realloc(log->late, log->late_bytes + length)
                   : NULL;
  if (late == NULL) {
    log->is_spoiled = true;
    return;
  }
  memcpy(late + log->late_bytes, line, length);
  log->late = late;
  log->late_bytes += length;
}

/* Under the lock. */
static int write_to_old_file(struct append_log *log, const char *line,
                             size_t length) {
  int code = log->file < 0 ? 0 : write_whole_line(log->file, line, length);
  log->bytes += length;
  if (code != 0) {
    give_up_log_file(log);
  }
  return code;
}

/* The thread looks at what there is to do; one request is enough. */
static void wake_log_thread(struct append_log *log) {
  (void)worker_thread_put(log->worker, log);
}

static bool has_usable_path(const struct append_log *log) {
  return log->path != NULL && !log->is_blocked;
}

void append_log_append(struct append_log *log, const json_t *line) {
  if (!has_usable_path(log)) {
    return;
  }
  char *text = json_util_format_line(line);
  int code = -ENOMEM;
  (void)pthread_mutex_lock(&log->lock);
  if (text == NULL) {
    log->is_behind = log->is_spoiled = true;
  } else {
    code = write_to_old_file(log, text, strlen(text));
    buffer_or_write_to_new_file(log, text, strlen(text));
  }
  (void)pthread_mutex_unlock(&log->lock);
  free(text);
  if (code != 0) {
    log_write_result(log, code);
  }
  wake_log_thread(log);
}

/* ---- rewriting: the owner's part ---- */

bool append_log_wants_rewrite(struct append_log *log) {
  int64_t now_ms = clock_monotonic_ms();
  (void)pthread_mutex_lock(&log->lock);
  bool has_grown = log->bytes > 2 * log->last_bytes + SPARE_BYTES;
  bool is_due = log->is_behind || log->has_bad_lines || has_grown;
  bool wants = has_usable_path(log) && is_due && !log->is_rewriting &&
               now_ms >= log->retry_ms;
  (void)pthread_mutex_unlock(&log->lock);
  return wants;
}

/* Under the lock. Forgets what there is of a new file. */
static void forget_rewrite(struct append_log *log) {
  free(log->text);
  free(log->late);
  log->text = log->late = NULL;
  log->text_bytes = log->late_bytes = 0;
  log->next = -1;
  log->is_rewriting = log->is_spoiled = log->is_text_whole = false;
}

bool append_log_rewrite_begin(struct append_log *log) {
  (void)pthread_mutex_lock(&log->lock);
  bool may_begin = has_usable_path(log) && !log->is_rewriting;
  if (may_begin) {
    log->is_rewriting = true;
    log->is_spoiled = false;
  }
  (void)pthread_mutex_unlock(&log->lock);
  if (!may_begin) {
    return false;
  }
  log->begun_ms = clock_monotonic_ms();
  log->added = open_memstream(&log->text, &log->text_bytes);
  if (log->added != NULL) {
    (void)fputs(log->head, log->added);
  }
  return true;
}

void append_log_rewrite_add(struct append_log *log, const json_t *line) {
  char *text = log->added == NULL ? NULL : json_util_format_line(line);
  bool is_added = text != NULL && fputs(text, log->added) >= 0;
  free(text);
  if (!is_added && log->added != NULL) {
    (void)fclose(log->added);
    log->added = NULL;
  }
}

void append_log_rewrite_end(struct append_log *log) {
  bool is_whole = log->added != NULL && fclose(log->added) == 0;
  log->added = NULL;
  int64_t now_ms = clock_monotonic_ms();
  (void)pthread_mutex_lock(&log->lock);
  log->retry_ms = now_ms + RETRY_MS + 10 * (now_ms - log->begun_ms);
  log->is_text_whole = is_whole;
  if (!is_whole) {
    forget_rewrite(log);
    log->is_behind = true;
  }
  (void)pthread_mutex_unlock(&log->lock);
  if (is_whole) {
    wake_log_thread(log);
  } else {
    log_write_result(log, -ENOMEM);
  }
}

/* ---- rewriting: the thread's part ---- */

/* The new file gets what was appended since the beginning, and from now on all
 * that is appended. */
static int write_late_lines(struct append_log *log, int fd) {
  (void)pthread_mutex_lock(&log->lock);
  int code = log->is_spoiled ? -ENOSPC
                             : file_write_all(fd, log->late, log->late_bytes);
  log->next = code == 0 ? fd : -1;
  (void)pthread_mutex_unlock(&log->lock);
  return code;
}

/* FD, after its way to the place of the file ended with CODE: it is the file
 * from now on if it got there, unless it misses something. Returns CODE, or
 * -ENOSPC for one that does. */
static int switch_to_new_file(struct append_log *log, int fd, int code) {
  bool is_in_place = fd >= 0 && (code == 0 || file_is_at(log->path, fd));
  int useless = fd;
  (void)pthread_mutex_lock(&log->lock);
  code = code == 0 && log->is_spoiled ? -ENOSPC : code;
  if (is_in_place) {
    useless = log->file;
    log->file = fd;
    log->bytes = log->last_bytes = log->text_bytes + log->late_bytes;
  }
  log->is_behind = code != 0;
  log->has_bad_lines = log->has_bad_lines && code != 0;
  if (is_in_place && log->is_spoiled) {
    give_up_log_file(log);
  }
  forget_rewrite(log);
  (void)pthread_mutex_unlock(&log->lock);
  if (useless >= 0) {
    (void)close(useless);
  }
  return code;
}

/* The text stays as it is until forget_rewrite(), so it needs no lock. */
static void rewrite_file(struct append_log *log) {
  char beside[FILE_BESIDE_BYTES];
  int fd =
      file_replace_begin(log->path, FILE_MODE, DIRECTORY_MODE, beside, NULL);
  int code = fd < 0 ? fd : file_write_all(fd, log->text, log->text_bytes);
  if (code == 0) {
    code = write_late_lines(log, fd);
  }
  if (fd >= 0) {
    code = file_replace_commit(log->path, beside, fd, code, true, NULL);
  }
  code = switch_to_new_file(log, fd, code);
  log_write_result(log, code);
}

/* The descriptor may be closed meanwhile. */
static void sync_log_file(struct append_log *log) {
  (void)pthread_mutex_lock(&log->lock);
  int fd = log->file < 0 ? -1 : fcntl(log->file, F_DUPFD_CLOEXEC, 0);
  (void)pthread_mutex_unlock(&log->lock);
  if (fd < 0) {
    return;
  }
  int code = fdatasync(fd) == 0 ? 0 : -errno;
  (void)close(fd);
  if (code != 0) { /* the kernel may have thrown away what it could not write */
    (void)pthread_mutex_lock(&log->lock);
    log->is_behind = true;
    (void)pthread_mutex_unlock(&log->lock);
    log_write_result(log, code);
  }
}

static void rewrite_or_sync(void *context, void *item) {
  struct append_log *log = item;
  (void)context;
  (void)pthread_mutex_lock(&log->lock);
  bool has_text = log->is_text_whole;
  (void)pthread_mutex_unlock(&log->lock);
  if (has_text) {
    rewrite_file(log);
  } else {
    sync_log_file(log);
  }
}

bool append_log_sync(struct append_log *log, int wait_ms) {
  if (!has_usable_path(log)) {
    return false;
  }
  wake_log_thread(log);
  bool is_done = worker_thread_flush(log->worker, wait_ms);
  (void)pthread_mutex_lock(&log->lock);
  bool is_behind = log->is_behind;
  (void)pthread_mutex_unlock(&log->lock);
  return is_done && !is_behind;
}

/* ---- life ---- */

static void destroy_log(void *context) {
  struct append_log *log = context;
  give_up_log_file(log);
  forget_rewrite(log);
  (void)pthread_mutex_destroy(&log->lock);
  free(log->path);
  free(log);
}

static struct append_log *new_log(const struct append_log_options *options) {
  struct append_log *log = calloc(1, sizeof(*log));
  if (log == NULL) {
    return NULL;
  }
  (void)pthread_mutex_init(&log->lock, NULL);
  log->sink = options->log;
  log->file = log->next = -1;
  if (options->path == NULL) {
    return log;
  }
  log->path = strdup(options->path);
  log->what = options->what;
  log->consequence = options->consequence;
  (void)snprintf(log->head, sizeof(log->head),
                 "{\"format\":\"%s\",\"version\":%d}\n", options->format,
                 options->version);
  if (log->path == NULL) {
    destroy_log(log);
    return NULL;
  }
  return log;
}

/* Loads the file and opens it for appending. */
static int load_and_open_file(struct append_log *log, struct loading *loading) {
  char *bad = NULL;
  size_t bad_bytes = 0;
  loading->bad = open_memstream(&bad, &bad_bytes);
  int code = load_or_set_aside(log, loading);
  if (loading->bad != NULL && fclose(loading->bad) == 0 &&
      loading->bad_lines > 0 && code == 0 && !log->is_blocked) {
    save_bad_lines(log, loading, bad, bad_bytes);
  }
  free(bad);
  log->has_bad_lines = loading->bad_lines > 0;
  if (code == 0 && !log->is_blocked) {
    truncate_and_open_file(log, loading->whole_bytes);
  }
  return code;
}

int append_log_open(const struct append_log_options *options,
                    int (*take)(void *context, const json_t *line),
                    void *context, struct append_log **ret_log,
                    struct error *error) {
  struct append_log *log = new_log(options);
  if (log == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  struct loading loading = {.take = take, .context = context};
  int code = log->path == NULL ? 0 : load_and_open_file(log, &loading);
  const struct worker_thread_options work = {.work = rewrite_or_sync,
                                             .free_context = destroy_log,
                                             .context = log,
                                             .items_max = 1,
                                             .delay_ms = SYNC_DELAY_MS};
  if (code != 0) {
    (void)error_set(error, code, "%s: %s", options->path, strerror(-code));
  } else if (has_usable_path(log)) {
    code = worker_thread_new(&work, &log->worker, error);
  }
  if (code != 0) {
    destroy_log(log);
    return code;
  }
  *ret_log = log;
  return 0;
}

void append_log_close(struct append_log *log) {
  if (log == NULL) {
    return;
  }
  struct log_sink sink = log->sink;
  const char *what = log->what;
  if (log->worker == NULL || worker_thread_stop(log->worker, CLOSE_WAIT_MS)) {
    destroy_log(log);
  } else {
    log_write(&sink, LOG_LEVEL_WARNING,
              "%s: no response from the disk in %d ms; thread abandoned", what,
              CLOSE_WAIT_MS);
  }
}
