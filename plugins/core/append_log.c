/* SPDX-License-Identifier: MIT */
/* append_log: a file of JSON lines that keeps a state over a restart. */
#include "core/append_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/append_log_load.h"
#include "core/clock.h"
#include "core/file_util.h"
#include "core/json_util.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define DIRECTORY_MODE 0750
#define SPARE_BYTES 1048576 /* some 3000 lines: a rewrite is rare */
#define QUEUE_BYTES_FIRST 4096
#define QUEUE_BYTES_MAX (16 << 20) /* for a disk that hangs */
#define SYNC_EACH_MS 1000          /* what comes meanwhile is synced together */
#define HANG_MS 5000
#define CLOSE_WAIT_MS 1000
#define RETRY_MS 1000

/* What the thread takes at once. */
struct log_batch {
  char *lines; /* owned; NULL: none */
  size_t bytes, room;
  size_t covered; /* of them: a rewrite holds what they say */
  char *text;     /* of a rewrite, owned; NULL: none */
  size_t text_bytes;
  uint64_t last; /* number of the last line */
  bool wants_sync;
};

struct append_log {
  char *path;              /* NULL: nothing is kept */
  const char *what;        /* borrowed, as in the options */
  const char *consequence; /* borrowed */
  char head[128];          /* the first line */
  struct log_sink sink;
  struct worker_thread *worker;
  bool is_blocked; /* the file could not be read: it is not touched */

  pthread_mutex_t lock; /* guards all below; no disk I/O under it */
  struct log_batch queue;
  uint64_t saved;    /* number of the last line that is on the disk */
  size_t bytes;      /* in the file */
  size_t last_size;  /* of it when it was written anew */
  bool is_rewriting; /* until the new file is in its place */
  bool is_spoiled;   /* a line was lost meanwhile */
  bool is_behind;    /* the file misses something: it is written anew */
  bool has_bad_lines;
  int64_t retry_ms; /* not before that is it written anew (monotonic) */
  struct log_complaint complaint;

  /* The thread's: */
  int file;            /* for appending; -1: to be written anew */
  int64_t unsynced_ms; /* since when it has lines to be synced; 0: none */

  /* The owner's from append_log_rewrite_begin() to append_log_rewrite_end(),
   * not locked: */
  FILE *added; /* fills the text; NULL: memory was short */
  char *added_text;
  size_t added_bytes;
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
              log->what, log->path,
              code == -ETIMEDOUT ? "no response from the disk"
                                 : strerror(-code),
              log->consequence);
  } else if (is_news) {
    log_write(&log->sink, LOG_LEVEL_NOTICE, "%s: %s: can be written again",
              log->what, log->path);
  }
}

/* ---- appending ---- */

static bool has_usable_path(const struct append_log *log) {
  return log->path != NULL && !log->is_blocked;
}

/* The thread looks at what there is to do; one request is enough. */
static void wake_log_thread(struct append_log *log) {
  (void)worker_thread_put(log->worker, log);
}

/* Under the lock. */
static int reserve_queue(struct log_batch *queue, size_t length) {
  size_t room = queue->room == 0 ? QUEUE_BYTES_FIRST : queue->room;
  while (room < queue->bytes + length) {
    room *= 2;
  }
  if (room > QUEUE_BYTES_MAX) {
    return -ETIMEDOUT;
  }
  char *lines =
      room == queue->room ? queue->lines : realloc(queue->lines, room);
  if (lines == NULL) {
    return -ENOMEM;
  }
  queue->lines = lines;
  queue->room = room;
  return 0;
}

/* Under the lock. line: NULL when memory was short. */
static int queue_line(struct append_log *log, const char *line) {
  struct log_batch *queue = &log->queue;
  size_t length = line == NULL ? 0 : strlen(line);
  int code = line == NULL ? -ENOMEM : reserve_queue(queue, length);
  queue->last++;
  if (code == 0) {
    memcpy(queue->lines + queue->bytes, line, length);
    queue->bytes += length;
  } else {
    log->is_behind = log->is_spoiled = true;
  }
  return code;
}

void append_log_append(struct append_log *log, const json_t *line) {
  if (!has_usable_path(log)) {
    return;
  }
  char *text = json_util_format_line(line);
  (void)pthread_mutex_lock(&log->lock);
  int code = queue_line(log, text);
  (void)pthread_mutex_unlock(&log->lock);
  free(text);
  if (code != 0) {
    log_write_result(log, code);
  }
  wake_log_thread(log);
}

/* ---- rewriting: the owner's part ---- */

bool append_log_wants_rewrite(struct append_log *log) {
  if (!has_usable_path(log)) {
    return false;
  }
  if (worker_thread_busy_ms(log->worker) > HANG_MS) {
    log_write_result(log, -ETIMEDOUT);
  }
  int64_t now_ms = clock_monotonic_ms();
  (void)pthread_mutex_lock(&log->lock);
  bool has_grown = log->bytes > 2 * log->last_size + SPARE_BYTES;
  bool is_due = log->is_behind || log->has_bad_lines || has_grown;
  bool wants = is_due && !log->is_rewriting && now_ms >= log->retry_ms;
  (void)pthread_mutex_unlock(&log->lock);
  return wants;
}

bool append_log_rewrite_begin(struct append_log *log) {
  (void)pthread_mutex_lock(&log->lock);
  bool may_begin = has_usable_path(log) && !log->is_rewriting;
  if (may_begin) {
    log->is_rewriting = true;
    log->is_spoiled = false;
    log->queue.covered = log->queue.bytes;
  }
  (void)pthread_mutex_unlock(&log->lock);
  if (!may_begin) {
    return false;
  }
  log->begun_ms = clock_monotonic_ms();
  log->added_text = NULL;
  log->added = open_memstream(&log->added_text, &log->added_bytes);
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
  if (is_whole) {
    log->queue.text = log->added_text;
    log->queue.text_bytes = log->added_bytes;
  } else {
    log->is_rewriting = false;
    log->is_behind = true;
  }
  (void)pthread_mutex_unlock(&log->lock);
  if (!is_whole) {
    free(log->added_text);
    log_write_result(log, -ENOMEM);
  }
  wake_log_thread(log);
}

/* ---- the thread ---- */

static void close_log_file(struct append_log *log) {
  if (log->file >= 0) {
    (void)close(log->file);
  }
  log->file = -1;
}

/* Has the file open, with a first line and nothing after the last one. */
static void truncate_and_open_file(struct append_log *log, size_t whole_bytes) {
  size_t head_bytes = whole_bytes == 0 ? strlen(log->head) : 0;
  log->file = trusted_path_open(log->path, TRUSTED_PATH_OWN,
                                O_WRONLY | O_APPEND | O_CREAT,
                                APPEND_LOG_FILE_MODE, NULL);
  if (log->file < 0 || fchmod(log->file, APPEND_LOG_FILE_MODE) != 0 ||
      ftruncate(log->file, (off_t)whole_bytes) != 0 ||
      write(log->file, log->head, head_bytes) != (ssize_t)head_bytes) {
    int code = log->file < 0 ? log->file : -errno;
    close_log_file(log);
    log->is_behind = true;
    log_write_result(log, code);
  }
  log->bytes = whole_bytes + head_bytes;
}

/* Returns false while the owner adds to a rewrite: the lines that come
 * meanwhile have to follow it. */
static bool take_batch(struct append_log *log, struct log_batch *batch) {
  (void)pthread_mutex_lock(&log->lock);
  bool may_take = !log->is_rewriting || log->queue.text != NULL;
  if (may_take) {
    *batch = log->queue;
    log->queue = (struct log_batch){.last = batch->last};
  }
  (void)pthread_mutex_unlock(&log->lock);
  return may_take;
}

/* Half a line would spoil what follows it, and a file that is not at its path
 * any more is none: only a rewrite makes it good again. */
static int append_to_file(struct append_log *log, const char *lines,
                          size_t bytes) {
  int code = file_is_at(log->path, log->file) ? 0 : -ENOENT;
  if (code == 0) {
    code = file_write_all(log->file, lines, bytes);
  }
  if (code != 0) {
    close_log_file(log);
  } else if (bytes > 0 && log->unsynced_ms == 0) {
    log->unsynced_ms = clock_monotonic_ms();
  }
  return code;
}

/* The new file gets the lines that do not count as added. It is the file from
 * now on if it got to its place, whatever else failed. */
static int rewrite_file(struct append_log *log, const struct log_batch *batch) {
  char beside[FILE_BESIDE_BYTES];
  int fd = file_replace_begin(log->path, APPEND_LOG_FILE_MODE, DIRECTORY_MODE,
                              beside, NULL);
  int code = fd < 0 ? fd : file_write_all(fd, batch->text, batch->text_bytes);
  if (code == 0 && batch->bytes > batch->covered) {
    code = file_write_all(fd, batch->lines + batch->covered,
                          batch->bytes - batch->covered);
  }
  if (fd >= 0) {
    code = file_replace_commit(log->path, beside, fd, code, true, NULL);
  }
  if (fd >= 0 && (code == 0 || file_is_at(log->path, fd))) {
    close_log_file(log);
    log->file = fd;
    log->unsynced_ms = 0;
  } else if (fd >= 0) {
    (void)close(fd);
  }
  return code;
}

static bool is_sync_due(const struct append_log *log,
                        const struct log_batch *batch) {
  return log->unsynced_ms != 0 &&
         (batch->wants_sync ||
          clock_monotonic_ms() - log->unsynced_ms >= SYNC_EACH_MS);
}

/* After a sync that failed the kernel may have thrown away what it could not
 * write. */
static int sync_file(struct append_log *log) {
  log->unsynced_ms = 0;
  return fdatasync(log->file) == 0 ? 0 : -errno;
}

/* Does all that a batch asks for. Returns 0, -EBADF if there is no file since
 * an error that was logged, or another negative errno. */
static int write_batch(struct append_log *log, const struct log_batch *batch) {
  int code =
      log->file < 0 ? -ENOENT : append_to_file(log, batch->lines, batch->bytes);
  if (batch->text != NULL) {
    return rewrite_file(log, batch);
  }
  return code == 0 && is_sync_due(log, batch) ? sync_file(log) : code;
}

/* Notes what has become of a batch. */
static void finish_batch(struct append_log *log, const struct log_batch *batch,
                         int code) {
  bool is_rewrite = batch->text != NULL;
  (void)pthread_mutex_lock(&log->lock);
  if (code == 0 && is_rewrite) {
    log->bytes = batch->text_bytes + batch->bytes - batch->covered;
    log->last_size = log->bytes;
    log->is_behind = log->is_spoiled;
    log->has_bad_lines = false;
  } else {
    log->bytes += batch->bytes;
    log->is_behind |= code != 0;
  }
  log->is_rewriting = log->is_rewriting && !is_rewrite;
  if (log->unsynced_ms == 0 && code == 0) {
    log->saved = batch->last;
  }
  bool is_well = !log->is_behind;
  (void)pthread_mutex_unlock(&log->lock);
  if (code != -EBADF && (code != 0 || is_well)) {
    log_write_result(log, code);
  }
}

static void write_queued_lines(void *context, void *item) {
  struct append_log *log = context;
  struct log_batch batch;
  (void)item;
  if (take_batch(log, &batch)) {
    finish_batch(log, &batch, write_batch(log, &batch));
    free(batch.lines);
    free(batch.text);
  }
}

bool append_log_sync(struct append_log *log, int wait_ms) {
  if (!has_usable_path(log)) {
    return false;
  }
  (void)pthread_mutex_lock(&log->lock);
  log->queue.wants_sync = true;
  uint64_t last = log->queue.last;
  (void)pthread_mutex_unlock(&log->lock);
  wake_log_thread(log);
  bool is_done = worker_thread_flush(log->worker, wait_ms);
  (void)pthread_mutex_lock(&log->lock);
  bool is_saved = log->saved >= last && !log->is_behind;
  (void)pthread_mutex_unlock(&log->lock);
  return is_done && is_saved;
}

bool append_log_is_saving(struct append_log *log) {
  if (!has_usable_path(log)) {
    return log->path == NULL;
  }
  (void)pthread_mutex_lock(&log->lock);
  bool is_behind = log->is_behind;
  (void)pthread_mutex_unlock(&log->lock);
  return !is_behind && worker_thread_busy_ms(log->worker) <= HANG_MS;
}

/* ---- life ---- */

static void destroy_log(void *context) {
  struct append_log *log = context;
  close_log_file(log);
  free(log->queue.lines);
  free(log->queue.text);
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
  log->file = -1;
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
static int load_and_open_file(struct append_log *log,
                              int (*take)(void *context, const json_t *line),
                              void *context) {
  struct append_log_load loading = {.path = log->path,
                                    .what = log->what,
                                    .head = log->head,
                                    .sink = log->sink,
                                    .take = take,
                                    .context = context};
  int code = append_log_load_file(&loading);
  log->is_blocked = loading.is_blocked;
  log->has_bad_lines = loading.bad_lines > 0;
  if (code == 0 && !log->is_blocked) {
    truncate_and_open_file(log, loading.whole_bytes);
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
  int code = log->path == NULL ? 0 : load_and_open_file(log, take, context);
  const struct worker_thread_options work = {.work = write_queued_lines,
                                             .free_context = destroy_log,
                                             .context = log,
                                             .items_max = 1,
                                             .idle_ms = SYNC_EACH_MS};
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

/* A disk that has hung for long is not waited for once more. */
static bool stop_log_thread(struct append_log *log) {
  (void)pthread_mutex_lock(&log->lock);
  log->queue.wants_sync = true;
  (void)pthread_mutex_unlock(&log->lock);
  wake_log_thread(log);
  bool is_hanging = worker_thread_busy_ms(log->worker) > CLOSE_WAIT_MS;
  return worker_thread_stop(log->worker, is_hanging ? 0 : CLOSE_WAIT_MS);
}

void append_log_close(struct append_log *log) {
  if (log == NULL) {
    return;
  }
  struct log_sink sink = log->sink;
  const char *what = log->what;
  if (log->worker == NULL || stop_log_thread(log)) {
    destroy_log(log);
  } else {
    log_write(&sink, LOG_LEVEL_WARNING,
              "%s: no response from the disk; thread abandoned", what);
  }
}
