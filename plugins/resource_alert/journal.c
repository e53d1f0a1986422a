/* SPDX-License-Identifier: MIT */
/* journal: what happened, one JSON object a line. Any thread queues; one
 * thread owns the file. */
#include "resource_alert/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "core/worker_thread.h"
#include "resource_alert/journal_file.h"

#define DRAIN_MS 2000

struct journal {
  struct journal_file file; /* path NULL: none; else the writer's */
  pthread_t thread;
  bool is_started;

  pthread_mutex_t lock;       /* guards all below but what the writer owns */
  pthread_cond_t has_work;    /* for the writer */
  pthread_cond_t has_gone_on; /* for whoever waits for the writer */
  struct waiting {
    char *line;                   /* newline included */
    uint64_t number;              /* of the change it tells; 0: it tells none */
  } waiting[JOURNAL_WAITING_MAX]; /* a ring */
  size_t waiting_first, waiting_len;
  uint64_t settled; /* number of the last change that waits no more */
  uint64_t sequence;
  uint64_t folded; /* since the last "folded" line */
  struct journal_counts counts;
  bool is_stopping, is_done;
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
  char *text = is_whole ? json_util_line(line) : NULL;
  json_decref(line);
  return text;
}

/* Under the lock. */
static bool queue_line(struct journal *journal, const char *event,
                       json_t *fields, uint64_t number) {
  if (journal->waiting_len == JOURNAL_WAITING_MAX) {
    return false;
  }
  char *line = format_line(journal->sequence + 1, event, fields);
  if (line == NULL) {
    return false;
  }
  journal->sequence++;
  size_t last = journal->waiting_first + journal->waiting_len++;
  journal->waiting[last % JOURNAL_WAITING_MAX] =
      (struct waiting){.line = line, .number = number};
  return true;
}

static void settle(struct journal *journal, uint64_t number) {
  journal->settled = number > journal->settled ? number : journal->settled;
}

/* Under the lock. A change without a line is settled with the one before. */
static void count_lost(struct journal *journal, uint64_t number) {
  size_t last = journal->waiting_first + journal->waiting_len - 1;
  journal->folded++;
  journal->counts.lost++;
  if (journal->waiting_len == 0) {
    settle(journal, number);
  } else if (number > 0) {
    journal->waiting[last % JOURNAL_WAITING_MAX].number = number;
  }
}

static void say_what_was_folded(struct journal *journal) {
  if (journal->folded == 0) {
    return;
  }
  json_t *fields = json_pack("{sI}", "count", (json_int_t)journal->folded);
  if (fields != NULL && queue_line(journal, "folded", fields, 0)) {
    journal->folded = 0;
  }
  json_decref(fields);
}

static void put(struct journal *journal, const char *event, json_t *fields,
                uint64_t number) {
  (void)pthread_mutex_lock(&journal->lock);
  if (journal->file.path != NULL) {
    say_what_was_folded(journal);
    if (!queue_line(journal, event, fields, number)) {
      count_lost(journal, number);
    }
    (void)pthread_cond_signal(&journal->has_work);
  } else {
    settle(journal, number);
  }
  (void)pthread_mutex_unlock(&journal->lock);
  json_decref(fields);
}

void journal_put(struct journal *journal, const char *event, json_t *fields) {
  put(journal, event, fields, 0);
}

void journal_put_change(struct journal *journal, json_t *fields,
                        uint64_t number) {
  put(journal, "state", fields, number);
}

void journal_get_counts(struct journal *journal, struct journal_counts *ret) {
  (void)pthread_mutex_lock(&journal->lock);
  *ret = journal->counts;
  ret->waiting = journal->waiting_len;
  (void)pthread_mutex_unlock(&journal->lock);
}

/* ---- the writer ---- */

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
    struct waiting next = journal->waiting[journal->waiting_first];
    journal->waiting_first = (journal->waiting_first + 1) % JOURNAL_WAITING_MAX;
    journal->waiting_len--;
    (void)pthread_mutex_unlock(&journal->lock);
    bool is_written = journal_file_write(&journal->file, next.line);
    free(next.line);
    (void)pthread_mutex_lock(&journal->lock);
    settle(journal, next.number);
    journal->counts.written += is_written ? 1 : 0;
    journal->counts.lost += is_written ? 0 : 1;
    (void)pthread_cond_broadcast(&journal->has_gone_on);
  }
  journal->is_done = true;
  (void)pthread_cond_broadcast(&journal->has_gone_on);
  (void)pthread_mutex_unlock(&journal->lock);
  return NULL;
}

/* ---- life ---- */

static int start(struct journal *journal, struct error *error) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&journal->lock, NULL);
  (void)pthread_cond_init(&journal->has_work, NULL);
  (void)pthread_cond_init(&journal->has_gone_on, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  if (journal->file.path == NULL) {
    return 0;
  }
  journal->sequence = journal_file_resume(&journal->file);
  int code = worker_thread_create(&journal->thread, NULL, write_lines, journal);
  journal->is_started = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "journal %s: no thread: %s",
                               journal->file.path, strerror(-code));
}

int journal_new(const char *path, const struct log_sink *log,
                struct journal **ret_journal, struct error *error) {
  bool has_file = path != NULL && path[0] != '\0';
  struct journal *journal = calloc(1, sizeof(*journal));
  char *copy = has_file ? strdup(path) : NULL;
  if (journal == NULL || (has_file && copy == NULL)) {
    free(journal);
    free(copy);
    return error_set(error, -ENOMEM, "journal: out of memory");
  }
  journal->file.path = copy;
  journal->file.log = *log;
  journal->file.file = -1;
  int code = start(journal, error);
  if (code != 0) {
    journal_free(journal);
    return code;
  }
  *ret_journal = journal;
  return 0;
}

uint64_t journal_settled(struct journal *journal, uint64_t number,
                         int wait_ms) {
  struct timespec until = clock_deadline_after_ms(wait_ms);
  int code = wait_ms > 0 ? 0 : ETIMEDOUT;
  (void)pthread_mutex_lock(&journal->lock);
  while (journal->settled < number && code == 0) {
    code =
        pthread_cond_timedwait(&journal->has_gone_on, &journal->lock, &until);
  }
  uint64_t settled = journal->settled;
  (void)pthread_mutex_unlock(&journal->lock);
  return settled;
}

/* False if the disk hangs. */
static bool drain(struct journal *journal) {
  struct timespec until = clock_deadline_after_ms(DRAIN_MS);
  int code = 0;
  (void)pthread_mutex_lock(&journal->lock);
  journal->is_stopping = true;
  (void)pthread_cond_signal(&journal->has_work);
  while (!journal->is_done && code == 0) {
    code =
        pthread_cond_timedwait(&journal->has_gone_on, &journal->lock, &until);
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
    log_write(&journal->file.log, LOG_LEVEL_WARNING,
              "journal %s: the disk hangs; left behind", journal->file.path);
    (void)pthread_detach(journal->thread); /* it still uses the memory */
    return;
  }
  if (journal->is_started) {
    (void)pthread_join(journal->thread, NULL);
  }
  journal_file_close(&journal->file);
  (void)pthread_cond_destroy(&journal->has_gone_on);
  (void)pthread_cond_destroy(&journal->has_work);
  (void)pthread_mutex_destroy(&journal->lock);
  free(journal->file.path);
  free(journal);
}
