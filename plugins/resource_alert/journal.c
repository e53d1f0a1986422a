/* SPDX-License-Identifier: MIT */
/* journal: what happened, one JSON object a line. Any thread queues a line; one
 * thread owns the file. */
#include "resource_alert/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/json_util.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define DRAIN_MS 1000
#define HANG_MS 5000
#define TAIL_BYTES ((size_t)65536) /* of the file that is read at start */

/* What waits for the disk. */
struct journal_line {
  uint64_t number; /* of its alert event; 0: it is of none */
  char text[];     /* newline included */
};

struct journal {
  char *path; /* NULL: none */
  struct log_sink log;
  struct worker_thread *writer; /* NULL where path is */

  /* The writer's. */
  int fd; /* -1: none */
  struct log_complaint complaint;
  bool is_torn; /* the file ends within a line, which a kill left behind */

  pthread_mutex_t lock;             /* guards all below; no I/O under it */
  char *recent[JOURNAL_RECENT_MAX]; /* a ring of lines; NULL: not used yet */
  size_t recent_next;
  uint64_t queued_number; /* of the last alert event in the writer's queue */
  uint64_t done_number;   /* of the last alert event that waits no more */
  uint64_t sequence;
  uint64_t dropped; /* since the last "dropped" line */
  bool is_failing;  /* the last line could not be written */
  struct journal_counts counts;
};

/* ---- the file ---- */

static void close_journal_file(struct journal *journal) {
  if (journal->fd >= 0) {
    (void)close(journal->fd);
    journal->fd = -1;
  }
}

/* Opens the file where it is not open, and again once it was rotated. */
static int open_journal_file(struct journal *journal) {
  if (journal->fd >= 0 && !file_is_at(journal->path, journal->fd)) {
    close_journal_file(journal); /* it was rotated */
  }
  if (journal->fd < 0) {
    journal->fd = trusted_path_open(journal->path, TRUSTED_PATH_GIVEN,
                                    O_WRONLY | O_APPEND | O_CREAT, 0640, NULL);
  }
  return journal->fd < 0 ? journal->fd : 0;
}

/* Writes all of the text or nothing: a torn line would spoil the next one. */
static int append_text(struct journal *journal, const char *text) {
  struct stat before;
  int code = open_journal_file(journal);
  if (code == 0 && fstat(journal->fd, &before) != 0) {
    code = -errno;
  }
  if (code != 0) {
    return code;
  }
  code = journal->is_torn ? file_write_all(journal->fd, "\n", 1) : 0;
  if (code == 0) {
    code = file_write_all(journal->fd, text, strlen(text));
  }
  if (code == 0) {
    journal->is_torn = false;
  } else { /* fails for a device, which has nothing of the line */
    (void)!ftruncate(journal->fd, before.st_size);
  }
  return code;
}

/* Returns false if the line is lost. */
static bool append_or_log(struct journal *journal, const char *text) {
  int code = append_text(journal, text);
  int64_t now_ms = clock_monotonic_ms();
  if (code != 0 && log_complaint_fail(&journal->complaint, now_ms)) {
    log_write(
        &journal->log, LOG_LEVEL_ERROR,
        "journal %s: cannot write: %s; alerts continue, %llu line(s) lost",
        journal->path, strerror(-code),
        (unsigned long long)journal->complaint.count);
  }
  uint64_t lost = journal->complaint.count;
  if (code == 0 && log_complaint_clear(&journal->complaint, now_ms, NULL)) {
    log_write(&journal->log, LOG_LEVEL_NOTICE,
              "journal %s: can be written again; %llu line(s) were lost",
              journal->path, (unsigned long long)lost);
  }
  return code == 0;
}

/* ---- recent lines ---- */

/* Under the lock. text: copied, without its newline. */
static void remember_line_locked(struct journal *journal, const char *text,
                                 size_t bytes) {
  char *copy = strndup(text, bytes);
  if (copy != NULL) {
    free(journal->recent[journal->recent_next]);
    journal->recent[journal->recent_next] = copy;
    journal->recent_next = (journal->recent_next + 1) % JOURNAL_RECENT_MAX;
  }
}

/* True if LINE repeats EVENT. An error in other words does, since a message
 * from elsewhere may hold a time. */
static bool repeats_event(json_t *line, const json_t *event) {
  size_t same = json_object_get(event, "times") == NULL ? 0 : 1;
  const char *name;
  json_t *value;
  json_object_foreach(line, name, value) {
    bool may_differ = strcmp(name, "seq") == 0 || strcmp(name, "time") == 0 ||
                      strcmp(name, "error") == 0;
    json_t *other = json_object_get(event, name);
    if (other == NULL || (!may_differ && !json_equal(value, other))) {
      return false;
    }
    same++;
  }
  return same == json_object_size(event);
}

/* True if LINE is the intent of the action that EVENT is about. */
static bool is_intent_of(const json_t *line, const json_t *event) {
  const char *step = json_string_value(json_object_get(line, "step"));
  return step != NULL && strcmp(step, "intent") == 0 &&
         json_util_has_same_member(line, event, "response") &&
         json_util_has_same_member(line, event, "action");
}

/* EVENTS: newer ones, newest first. */
static void add_recent_event(json_t *events, json_t *line) {
  bool is_new = json_is_object(line);
  for (size_t i = 0; is_new && i < json_array_size(events); i++) {
    json_t *event = json_array_get(events, i);
    if (repeats_event(line, event)) {
      json_int_t times = json_integer_value(json_object_get(event, "times"));
      (void)json_object_set_new(event, "times",
                                json_integer(times == 0 ? 2 : times + 1));
      return;
    }
    is_new = !is_intent_of(line, event);
  }
  if (is_new) {
    (void)json_array_append(events, line);
  }
}

/* The line AGE lines before the newest, copied. NULL: there is none. */
static char *copy_recent_line(struct journal *journal, size_t age) {
  (void)pthread_mutex_lock(&journal->lock);
  size_t index = journal->recent_next + JOURNAL_RECENT_MAX - 1 - age;
  const char *text = journal->recent[index % JOURNAL_RECENT_MAX];
  char *copy = text == NULL ? NULL : strdup(text);
  (void)pthread_mutex_unlock(&journal->lock);
  return copy;
}

json_t *journal_recent_to_json(struct journal *journal, size_t count) {
  json_t *events = json_array();
  char *text = NULL;
  for (size_t age = 0; journal != NULL && age < JOURNAL_RECENT_MAX &&
                       events != NULL && json_array_size(events) < count &&
                       (text = copy_recent_line(journal, age)) != NULL;
       age++) {
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    add_recent_event(events, line);
    json_decref(line);
    free(text);
  }
  return events;
}

/* ---- what was there before ---- */

/* Returns the bytes at the end of the file, at most TAIL_BYTES. */
static size_t read_tail(const char *path, char *tail, bool *ret_is_whole) {
  int fd = trusted_path_open(path, TRUSTED_PATH_GIVEN, O_RDONLY, 0, NULL);
  struct stat status;
  ssize_t bytes = 0;
  *ret_is_whole = true;
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t end = status.st_size;
    off_t from = end > (off_t)TAIL_BYTES ? end - (off_t)TAIL_BYTES : 0;
    *ret_is_whole = from == 0;
    bytes = pread(fd, tail, TAIL_BYTES, from);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return bytes > 0 ? (size_t)bytes : 0;
}

/* Takes the last sequence and the last lines from the file. */
static int load_last_lines(struct journal *journal) {
  static const char start[] = "{\"seq\":";
  char *tail = malloc(TAIL_BYTES + 1);
  if (tail == NULL) {
    return -ENOMEM;
  }
  bool is_whole = true;
  size_t bytes = read_tail(journal->path, tail, &is_whole);
  tail[bytes] = '\0';
  journal->is_torn = bytes > 0 && tail[bytes - 1] != '\n';
  char *line = is_whole ? tail : strchr(tail, '\n');
  while (line != NULL && *line != '\0') {
    line += *line == '\n' ? 1 : 0;
    char *end = strchr(line, '\n');
    if (strncmp(line, start, sizeof(start) - 1) == 0) {
      journal->sequence = strtoull(line + sizeof(start) - 1, NULL, 10);
    }
    if (end != NULL) {
      remember_line_locked(journal, line, (size_t)(end - line));
    }
    line = end;
  }
  free(tail);
  return 0;
}

/* ---- putting ---- */

/* Now, as RFC 3339 in local time with milliseconds. */
static void format_local_now(char *text, size_t bytes) {
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
  format_local_now(now, sizeof(now));
  json_t *line = json_pack("{sIssss}", "seq", (json_int_t)sequence, "time", now,
                           "event", event);
  bool is_whole =
      fields == NULL || json_object_update_missing(line, fields) == 0;
  char *text = is_whole ? json_util_format_line(line) : NULL;
  json_decref(line);
  return text;
}

/* Hands a line to the writer. Returns false if its queue is full, or memory is
 * short. */
static bool queue_copy(struct journal *journal, const char *text,
                       uint64_t number) {
  size_t bytes = strlen(text) + 1;
  struct journal_line *line = malloc(sizeof(*line) + bytes);
  if (line == NULL) {
    return false;
  }
  line->number = number;
  memcpy(line->text, text, bytes);
  return worker_thread_put(journal->writer, line);
}

/* Under the lock. Without a file the line is only remembered. */
static bool add_line_locked(struct journal *journal, const char *event,
                            json_t *fields, uint64_t number) {
  char *text = format_line(journal->sequence + 1, event, fields);
  bool is_queued = text != NULL && (journal->writer == NULL ||
                                    queue_copy(journal, text, number));
  if (is_queued) {
    journal->sequence++;
    remember_line_locked(journal, text, strlen(text) - 1);
  }
  if (is_queued && number > 0 && journal->writer != NULL) {
    journal->queued_number = number;
  }
  free(text);
  return is_queued;
}

/* Under the lock: reports the lines that were dropped, once there is room. */
static void add_dropped_line_locked(struct journal *journal) {
  if (journal->dropped == 0) {
    return;
  }
  json_t *fields = json_pack("{sI}", "count", (json_int_t)journal->dropped);
  if (fields != NULL && add_line_locked(journal, "dropped", fields, 0)) {
    journal->dropped = 0;
  }
  json_decref(fields);
}

static void put_line(struct journal *journal, const char *event, json_t *fields,
                     uint64_t number) {
  (void)pthread_mutex_lock(&journal->lock);
  add_dropped_line_locked(journal);
  if (!add_line_locked(journal, event, fields, number)) {
    journal->dropped++;
    journal->counts.lost++;
  }
  (void)pthread_mutex_unlock(&journal->lock);
  json_decref(fields);
}

void journal_put(struct journal *journal, const char *event, json_t *fields) {
  put_line(journal, event, fields, 0);
}

void journal_put_alert(struct journal *journal, json_t *fields,
                       uint64_t number) {
  put_line(journal, "state", fields, number);
}

void journal_get_counts(struct journal *journal, struct journal_counts *ret) {
  (void)pthread_mutex_lock(&journal->lock);
  *ret = journal->counts;
  ret->waiting =
      journal->writer == NULL ? 0 : worker_thread_count_open(journal->writer);
  (void)pthread_mutex_unlock(&journal->lock);
}

bool journal_is_saving(struct journal *journal) {
  (void)pthread_mutex_lock(&journal->lock);
  bool is_failing = journal->is_failing;
  (void)pthread_mutex_unlock(&journal->lock);
  return journal->writer == NULL ||
         (!is_failing && worker_thread_busy_ms(journal->writer) <= HANG_MS);
}

uint64_t journal_wait_for_alert(struct journal *journal, uint64_t number,
                                int wait_ms) {
  if (wait_ms > 0 && journal->writer != NULL) {
    (void)worker_thread_flush(journal->writer, wait_ms);
  }
  (void)pthread_mutex_lock(&journal->lock);
  bool is_done = journal->done_number == journal->queued_number;
  uint64_t done = is_done ? number : journal->done_number;
  (void)pthread_mutex_unlock(&journal->lock);
  return done;
}

/* On the writer's thread. */
static void write_queued(void *context, void *item) {
  struct journal *journal = context;
  const struct journal_line *line = item;
  bool is_written = append_or_log(journal, line->text);
  (void)pthread_mutex_lock(&journal->lock);
  if (line->number > 0) {
    journal->done_number = line->number;
  }
  journal->is_failing = !is_written;
  journal->counts.written += is_written ? 1 : 0;
  journal->counts.lost += is_written ? 0 : 1;
  (void)pthread_mutex_unlock(&journal->lock);
}

/* ---- life ---- */

static int load_lines_and_start_writer(struct journal *journal,
                                       struct error *error) {
  const struct worker_thread_options options = {
      .work = write_queued,
      .free_item = free,
      .context = journal,
      .items_max = JOURNAL_WAITING_MAX,
  };
  if (journal->path == NULL) {
    return 0;
  }
  int code = load_last_lines(journal);
  code = code != 0 ? error_set(error, code, "out of memory")
                   : worker_thread_new(&options, &journal->writer, error);
  if (code != 0) {
    error_prefix(error, "journal %s", journal->path);
  }
  return code;
}

int journal_open(const char *path, const struct log_sink *log,
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
  journal->fd = -1;
  (void)pthread_mutex_init(&journal->lock, NULL);
  int code = load_lines_and_start_writer(journal, error);
  if (code != 0) {
    journal_close(journal);
    return code;
  }
  *ret_journal = journal;
  return 0;
}

/* A disk that has hung for long is not waited for once more. */
static bool stop_writer(struct journal *journal) {
  bool is_hanging = worker_thread_busy_ms(journal->writer) > DRAIN_MS;
  return worker_thread_stop(journal->writer, is_hanging ? 0 : DRAIN_MS);
}

void journal_close(struct journal *journal) {
  if (journal == NULL) {
    return;
  }
  if (journal->writer != NULL && !stop_writer(journal)) {
    /* Never freed: the thread still uses it. */
    log_write(&journal->log, LOG_LEVEL_WARNING,
              "journal %s: the disk hangs; not waiting for it", journal->path);
    return;
  }
  close_journal_file(journal);
  for (size_t i = 0; i < JOURNAL_RECENT_MAX; i++) {
    free(journal->recent[i]);
  }
  (void)pthread_mutex_destroy(&journal->lock);
  free(journal->path);
  free(journal);
}
