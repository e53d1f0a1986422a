/* SPDX-License-Identifier: MIT */
/* journal: what happened, one JSON object a line. Any thread queues; one
 * thread owns the file. */
#include "resource_alert/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/complaint.h"
#include "core/deadline.h"
#include "resource_alert/json_line.h"

#define DRAIN_MS 2000
#define TAIL_BYTES 8192 /* read at start to find the last sequence */

struct journal {
  char *path; /* NULL: no file */
  struct report_sink log;
  pthread_t thread;
  bool is_started;

  pthread_mutex_t lock;    /* guards all below but what the writer owns */
  pthread_cond_t has_work; /* for the writer */
  pthread_cond_t is_idle;  /* for journal_free */
  char *waiting[JOURNAL_WAITING_MAX]; /* a ring of lines, newline included */
  size_t waiting_first, waiting_len;
  uint64_t sequence;
  uint64_t folded; /* since the last "folded" line */
  struct journal_counts counts;
  bool is_stopping, is_done;

  int file; /* the writer's; -1: none */
  struct complaint complaint;
};

/* ---- one line ---- */

static void format_time(char *text, size_t bytes) {
  struct timespec now;
  struct tm local;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  (void)localtime_r(&now.tv_sec, &local);
  char day[32];
  (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &local);
  long minutes = local.tm_gmtoff / 60;
  (void)snprintf(text, bytes, "%s.%03u%c%02u:%02u", day,
                 (unsigned)(now.tv_nsec / 1000000) % 1000U,
                 minutes < 0 ? '-' : '+', (unsigned)(labs(minutes) / 60) % 24U,
                 (unsigned)(labs(minutes) % 60));
}

/* Yours, free(); NULL when memory is short. */
static char *format_line(uint64_t sequence, const char *event, json_t *fields) {
  char now[64];
  format_time(now, sizeof(now));
  json_t *line = json_pack("{sIssss}", "seq", (json_int_t)sequence, "time", now,
                           "event", event);
  bool is_whole =
      fields == NULL || json_object_update_missing(line, fields) == 0;
  char *text = is_whole ? json_line(line) : NULL;
  json_decref(line);
  return text;
}

/* Under the lock. */
static bool queue_line(struct journal *journal, const char *event,
                       json_t *fields) {
  if (journal->waiting_len == JOURNAL_WAITING_MAX) {
    return false;
  }
  char *line = format_line(journal->sequence + 1, event, fields);
  if (line == NULL) {
    return false;
  }
  journal->sequence++;
  size_t last = journal->waiting_first + journal->waiting_len++;
  journal->waiting[last % JOURNAL_WAITING_MAX] = line;
  return true;
}

static void say_what_was_folded(struct journal *journal) {
  if (journal->folded == 0) {
    return;
  }
  json_t *fields = json_pack("{sI}", "count", (json_int_t)journal->folded);
  if (fields != NULL && queue_line(journal, "folded", fields)) {
    journal->folded = 0;
  }
  json_decref(fields);
}

void journal_put(struct journal *journal, const char *event, json_t *fields) {
  if (journal->path != NULL) {
    (void)pthread_mutex_lock(&journal->lock);
    say_what_was_folded(journal);
    if (!queue_line(journal, event, fields)) {
      journal->folded++;
      journal->counts.lost++;
    }
    (void)pthread_cond_signal(&journal->has_work);
    (void)pthread_mutex_unlock(&journal->lock);
  }
  json_decref(fields);
}

json_t *journal_text(const char *text) {
  json_t *string = json_string(text);
  char *copy = string == NULL ? strdup(text) : NULL;
  if (copy == NULL) {
    return string;
  }
  for (unsigned char *c = (unsigned char *)copy; *c != '\0'; c++) {
    *c = *c >= 0x80 ? '?' : *c;
  }
  string = json_string(copy);
  free(copy);
  return string;
}

void journal_get_counts(struct journal *journal, struct journal_counts *ret) {
  (void)pthread_mutex_lock(&journal->lock);
  *ret = journal->counts;
  ret->waiting = journal->waiting_len;
  (void)pthread_mutex_unlock(&journal->lock);
}

/* ---- the writer ---- */

static bool was_moved(const struct journal *journal) {
  struct stat named;
  struct stat opened;
  return stat(journal->path, &named) != 0 ||
         fstat(journal->file, &opened) != 0 || named.st_dev != opened.st_dev ||
         named.st_ino != opened.st_ino;
}

static void make_directory_of(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (slash != NULL && slash != path &&
      (size_t)(slash - path) < sizeof(directory)) {
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = '\0';
    (void)mkdir(directory, 0755);
  }
}

static int open_file(struct journal *journal) {
  if (journal->file >= 0 && was_moved(journal)) {
    (void)close(journal->file);
    journal->file = -1;
  }
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
  if (journal->file < 0) {
    journal->file = open(journal->path, flags, 0640);
  }
  if (journal->file < 0 && errno == ENOENT) {
    make_directory_of(journal->path);
    journal->file = open(journal->path, flags, 0640);
  }
  return journal->file < 0 ? -errno : 0;
}

/* All of the text or none of it: a torn line would spoil the next one. */
static int write_text(struct journal *journal, const char *text) {
  int code = open_file(journal);
  struct stat before;
  if (code == 0 && fstat(journal->file, &before) != 0) {
    code = -errno;
  }
  size_t length = strlen(text);
  for (size_t done = 0; code == 0 && done < length;) {
    ssize_t bytes = write(journal->file, text + done, length - done);
    if (bytes > 0) {
      done += (size_t)bytes;
    } else if (errno != EINTR) {
      code = -errno;
      if (ftruncate(journal->file, before.st_size) != 0) {
        break; /* a device: nothing of the line is there */
      }
    }
  }
  return code;
}

static bool write_line(struct journal *journal, const char *line) {
  int code = write_text(journal, line);
  int64_t now_ms = monotonic_ms();
  if (code != 0 && complaint_fail(&journal->complaint, now_ms)) {
    report(&journal->log, REPORT_ERROR,
           "journal %s: cannot write: %s; alerts go on, %llu line(s) lost",
           journal->path, strerror(-code),
           (unsigned long long)journal->complaint.count);
  }
  uint64_t lost = journal->complaint.count;
  if (code == 0 && complaint_clear(&journal->complaint, now_ms, NULL)) {
    report(&journal->log, REPORT_NOTICE,
           "journal %s: written again after %llu lost line(s)", journal->path,
           (unsigned long long)lost);
  }
  return code == 0;
}

static void *write_lines(void *argument) {
  struct journal *journal = argument;
  (void)pthread_mutex_lock(&journal->lock);
  for (;;) {
    while (journal->waiting_len == 0 && !journal->is_stopping) {
      (void)pthread_cond_wait(&journal->has_work, &journal->lock);
    }
    if (journal->waiting_len == 0) {
      break;
    }
    char *line = journal->waiting[journal->waiting_first];
    journal->waiting_first = (journal->waiting_first + 1) % JOURNAL_WAITING_MAX;
    journal->waiting_len--;
    (void)pthread_mutex_unlock(&journal->lock);
    bool is_written = write_line(journal, line);
    free(line);
    (void)pthread_mutex_lock(&journal->lock);
    journal->counts.written += is_written ? 1 : 0;
    journal->counts.lost += is_written ? 0 : 1;
  }
  journal->is_done = true;
  (void)pthread_cond_signal(&journal->is_idle);
  (void)pthread_mutex_unlock(&journal->lock);
  return NULL;
}

/* The sequence of the last whole line in the file, 0 if there is none. */
static uint64_t last_sequence(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  char tail[TAIL_BYTES + 1];
  ssize_t bytes = 0;
  if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t from = status.st_size > TAIL_BYTES ? status.st_size - TAIL_BYTES : 0;
    bytes = pread(file, tail, TAIL_BYTES, from);
  }
  if (file >= 0) {
    (void)close(file);
  }
  tail[bytes > 0 ? bytes : 0] = '\0';
  uint64_t last = 0;
  static const char start[] = "{\"seq\":";
  for (const char *at = tail; (at = strstr(at, start)) != NULL;) {
    at += sizeof(start) - 1;
    last = strtoull(at, NULL, 10);
  }
  return last;
}

/* ---- life ---- */

static int start(struct journal *journal, struct error *error) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&journal->lock, NULL);
  (void)pthread_cond_init(&journal->has_work, NULL);
  (void)pthread_cond_init(&journal->is_idle, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  if (journal->path == NULL) {
    return 0;
  }
  journal->sequence = last_sequence(journal->path);
  int code = pthread_create(&journal->thread, NULL, write_lines, journal);
  journal->is_started = code == 0;
  return code == 0 ? 0
                   : error_set(error, -code, "journal %s: no thread: %s",
                               journal->path, strerror(code));
}

int journal_new(const char *path, const struct report_sink *log,
                struct journal **ret_journal, struct error *error) {
  bool has_file = path != NULL && path[0] != '\0';
  struct journal *journal = calloc(1, sizeof(*journal));
  char *copy = has_file ? strdup(path) : NULL;
  if (journal == NULL || (has_file && copy == NULL)) {
    free(journal);
    free(copy);
    return error_set(error, -ENOMEM, "journal: out of memory");
  }
  journal->path = copy;
  journal->log = *log;
  journal->file = -1;
  int code = start(journal, error);
  if (code != 0) {
    journal_free(journal);
    return code;
  }
  *ret_journal = journal;
  return 0;
}

/* False if the disk hangs. */
static bool drain(struct journal *journal) {
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += DRAIN_MS / 1000;
  int code = 0;
  (void)pthread_mutex_lock(&journal->lock);
  journal->is_stopping = true;
  (void)pthread_cond_signal(&journal->has_work);
  while (!journal->is_done && code == 0) {
    code = pthread_cond_timedwait(&journal->is_idle, &journal->lock, &until);
  }
  bool is_done = journal->is_done;
  (void)pthread_mutex_unlock(&journal->lock);
  return is_done;
}

void journal_free(struct journal *journal) {
  if (journal == NULL) {
    return;
  }
  if (journal->is_started && !drain(journal)) {
    report(&journal->log, REPORT_WARNING,
           "journal %s: the disk hangs; left behind", journal->path);
    (void)pthread_detach(journal->thread); /* it still uses the memory */
    return;
  }
  if (journal->is_started) {
    (void)pthread_join(journal->thread, NULL);
  }
  if (journal->file >= 0) {
    (void)close(journal->file);
  }
  (void)pthread_cond_destroy(&journal->is_idle);
  (void)pthread_cond_destroy(&journal->has_work);
  (void)pthread_mutex_destroy(&journal->lock);
  free(journal->path);
  free(journal);
}
