/* SPDX-License-Identifier: MIT */
/* log_monitor: one <Log> at work: its files in; values and notifications out.
 */
#include "session_log/log_monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/minute_limit.h"
#include "session_log/match/log_record.h"
#include "session_log/match/matcher.h"
#include "session_log/sessions/rate_window.h"
#include "session_log/sessions/session_tracker.h"

#define NS_PER_S INT64_C(1000000000)
/* Files with events that are read one by one; with more, all are polled. */
#define EVENT_FILES_MAX 64
/* An exhausted pool is notified at most this often. */
#define TIMEOUT_PAUSE_S 60
/* What NTP corrects at once is far less. */
#define CLOCK_STEP_S 60
#define REPEATED_TEXT "message repeated "

/* A line may be of several kinds; those of sessions come first, in the order in
 * which they are counted. */
enum line_kind {
  LINE_RESTART,
  LINE_OPENED,
  LINE_FAILED,
  LINE_CLOSED,
  LINE_ERROR, /* without a pattern: by the line's level */
  LINE_TIMED_OUT,
  LINE_REPEATED, /* syslog's "message repeated 5 times: [ ... ]" */
};
#define SESSION_KINDS (MATCHER_KIND_BIT(LINE_CLOSED + 1) - 1)

/* What the last line about an exhausted pool contained; 0 where it did not. */
struct pool_timeout {
  bool is_new; /* since the last notification */
  double pool_size, max_overflow, timeout_s;
  int64_t notified_s; /* of the last notification; 0: none */
};

/* All that is counted: log_monitor_reset() makes it new. */
struct monitor_counts {
  struct tail *tail;               /* owned */
  struct session_tracker *tracker; /* owned */
  struct rate_window rate;
  uint64_t lines;
  uint64_t errors;
  uint64_t timed_out;
  struct matcher_limit limit; /* searches that were stopped */
  struct pool_timeout timeout;
  int64_t polled_s; /* the last full poll, since the epoch; 0: none */
  int64_t published_leaked, published_unclosed; /* the alarms, last time */
  uint64_t published_errors;
  struct notification_list notifications;
  struct minute_limit leak_limit;
};

struct log_monitor {
  const struct log_options *options; /* borrowed */
  const struct log_sink *log;        /* borrowed */
  struct matcher *matcher;
  struct pattern *session, *pid; /* owned; NULL: none */
  struct monitor_counts counts;
  struct tail_file_buffer buffer;
  struct line_reader reader;
  struct log_record record;         /* of the last line */
  struct line_origin origin;        /* of the lines that are being counted */
  struct log_complaint match_limit; /* about searches that were stopped */
  struct state_file state_file;
  struct file_watch *watch; /* borrowed; NULL: none */
  size_t watch_log;         /* the log's number there */
  bool is_one_sided_logged;
  struct tail_time clock; /* of the last poll; all zero: none */
  int64_t now_s;          /* of the poll that is running */
  const char *path;       /* of the lines that are being counted; borrowed */
  const struct tail_file *file;      /* the same; NULL: no file */
  const struct tail_file *last_file; /* that was read last; only compared */
};

/* ---- making ---- */

/* The order of the rules does not matter: a line may be of several kinds.
 * Session and Pid are not searched in every line, only in those of sessions. */
static int compile_patterns(struct log_monitor *monitor, struct error *error) {
  const struct log_options *options = monitor->options;
  const struct matcher_rule rules[] = {
      {LINE_OPENED, "Opened", options->opened, false},
      {LINE_CLOSED, "Closed", options->closed, false},
      {LINE_FAILED, "Failed", options->failed, false},
      {LINE_ERROR, "Error", options->error, true},
      {LINE_RESTART, "Restart", options->restart, false},
      {LINE_TIMED_OUT, "TimedOut", options->timed_out, false},
      {LINE_REPEATED, NULL, REPEATED_TEXT, false},
  };
  int code = matcher_new(rules, sizeof(rules) / sizeof(rules[0]),
                         &monitor->matcher, error);
  if (code == 0 && options->session != NULL) {
    code = pattern_new(options->session, &monitor->session, error);
  }
  if (code == 0 && options->pid != NULL) {
    code = pattern_new(options->pid, &monitor->pid, error);
  }
  return code;
}

static void free_counts(struct monitor_counts *counts) {
  session_tracker_free(counts->tracker);
  tail_free(counts->tail);
  notification_list_send_and_free(&counts->notifications, "", NULL);
  *counts = (struct monitor_counts){0};
}

int log_monitor_reset(struct log_monitor *monitor) {
  const struct log_options *options = monitor->options;
  free_counts(&monitor->counts);
  monitor->counts.leak_limit.max = options->leak_notifications_per_minute;
  int code = session_tracker_new(&options->sessions, &monitor->counts.tracker);
  return code == 0 ? tail_new(options, monitor->log, &monitor->counts.tail)
                   : code;
}

int log_monitor_new(const struct log_options *options,
                    const struct log_sink *log,
                    struct log_monitor **ret_monitor, struct error *error) {
  struct log_monitor *monitor = calloc(1, sizeof(*monitor));
  if (monitor == NULL) {
    return -ENOMEM;
  }
  monitor->options = options;
  monitor->log = log;
  monitor->reader.level_field = options->level_field;
  int code = compile_patterns(monitor, error);
  if (code == 0) {
    code = log_monitor_reset(monitor);
  }
  if (code != 0) {
    log_monitor_free(monitor);
    return code;
  }
  *ret_monitor = monitor;
  return 0;
}

void log_monitor_free(struct log_monitor *monitor) {
  if (monitor == NULL) {
    return;
  }
  free_counts(&monitor->counts);
  pattern_free(monitor->session);
  pattern_free(monitor->pid);
  matcher_free(monitor->matcher);
  tail_file_buffer_fini(&monitor->buffer);
  free(monitor);
}

/* ---- lines ---- */

/* Finds the record of the line and the time of the line. */
static int64_t find_line_time(struct log_monitor *monitor,
                              struct matcher_line *line) {
  const struct log_record *record = &monitor->record;
  if (!line->is_read) {
    line_fields_read(&monitor->reader, line->text, line->bytes, &line->fields);
  }
  log_record_find(&monitor->record, &monitor->reader, line);
  monitor->origin.guess_s = monitor->now_s;
  if (monitor->file != NULL && !line->fields.has_time &&
      !record->fields.has_time) {
    uint64_t at = monitor->file->offset + (uint64_t)(line->text - record->data);
    monitor->origin.guess_s =
        tail_file_guess_written_ns(monitor->file, at) / NS_PER_S;
  }
  return log_record_find_time(record, &monitor->reader, line, &monitor->origin);
}

/* Counts one event of a session; its name and process are read from the line.
 */
static void add_session_event(struct log_monitor *monitor,
                              enum session_event event,
                              const struct matcher_line *line, int64_t at_s,
                              uint32_t times) {
  struct session_tracker_line session = {
      .event = event, .at_s = at_s, .times = times, .file = monitor->path};
  struct matcher_limit *limit = &monitor->counts.limit;
  struct pattern_span part = {0};
  if (monitor->session != NULL &&
      matcher_search_pattern(monitor->session, "Session", line->text,
                             line->bytes, &part, limit)) {
    session.id = part.text;
    session.id_bytes = part.bytes;
  }
  if (monitor->pid != NULL &&
      matcher_search_pattern(monitor->pid, "Pid", line->text, line->bytes,
                             &part, limit)) {
    double pid = matcher_parse_number(&part);
    session.pid = pid <= INT32_MAX ? (int64_t)pid : 0;
  }
  session_tracker_add_event(monitor->counts.tracker, &session);
}

static void count_timeout(struct log_monitor *monitor,
                          const struct matcher_line *line, uint32_t times) {
  struct pool_timeout *timeout = &monitor->counts.timeout;
  monitor->counts.timed_out += times;
  timeout->is_new = true;
  timeout->pool_size =
      matcher_parse_number_after(line, "QueuePool limit of size ");
  timeout->max_overflow = matcher_parse_number_after(line, " overflow ");
  timeout->timeout_s = matcher_parse_number_after(line, ", timeout ");
}

/* A matcher's line: context is the monitor. */
static void count_line(void *context, struct matcher_line *line) {
  static const enum session_event events[] = {
      [LINE_RESTART] = SESSION_RESTARTED,
      [LINE_OPENED] = SESSION_OPENED,
      [LINE_FAILED] = SESSION_FAILED,
      [LINE_CLOSED] = SESSION_CLOSED,
  };
  struct log_monitor *monitor = context;
  struct monitor_counts *counts = &monitor->counts;
  bool is_repeated = (line->kinds & MATCHER_KIND_BIT(LINE_REPEATED)) != 0;
  uint32_t times =
      is_repeated ? line_repetitions_parse(line->text, line->bytes) : 1;
  int64_t at_s = find_line_time(monitor, line);
  for (unsigned session = line->kinds & SESSION_KINDS; session != 0;
       session &= session - 1) {
    add_session_event(monitor, events[__builtin_ctz(session)], line, at_s,
                      times);
  }
  if ((line->kinds & MATCHER_KIND_BIT(LINE_ERROR)) != 0 &&
      log_record_count(&monitor->record, LINE_ERROR)) {
    counts->errors += times;
    rate_window_add(&counts->rate, at_s, monitor->now_s, times);
  }
  if ((line->kinds & MATCHER_KIND_BIT(LINE_TIMED_OUT)) != 0 &&
      log_record_count(&monitor->record, LINE_TIMED_OUT)) {
    count_timeout(monitor, line, times);
  }
}

void log_monitor_add_lines(struct log_monitor *monitor, const char *path,
                           const char *data, size_t bytes, bool is_fresh) {
  monitor->path = path;
  monitor->reader.now_s = monitor->now_s;
  monitor->origin.polled_s = monitor->counts.polled_s;
  monitor->origin.is_fresh = is_fresh && monitor->counts.polled_s != 0;
  log_record_begin_data(&monitor->record, data,
                        monitor->file != NULL &&
                            monitor->file == monitor->last_file);
  monitor->counts.lines +=
      matcher_find_lines(monitor->matcher, &monitor->reader, data, bytes,
                         &monitor->counts.limit, count_line, monitor);
  log_record_end_data(&monitor->record, &monitor->reader, bytes);
  monitor->last_file = monitor->file;
}

static void add_file_lines(void *context, const struct tail_file *file,
                           const char *data, size_t bytes) {
  struct log_monitor *monitor = context;
  int64_t polled_s = monitor->counts.polled_s;
  monitor->file = file;
  monitor->origin.is_new_file =
      polled_s != 0 && file->identity.born_ns / NS_PER_S >= polled_s - 1;
  log_monitor_add_lines(monitor, file->first_path, data, bytes,
                        file->was_drained);
  monitor->file = NULL;
}

/* ---- notifications ---- */

/* A session_tracker_on_leak: context is the monitor. */
static void queue_leak(void *context,
                       const struct session_tracker_entry *session,
                       int64_t age_s) {
  struct log_monitor *monitor = context;
  if (!minute_limit_pass(&monitor->counts.leak_limit, monitor->clock.mono_ms)) {
    return;
  }
  const struct notification_field fields[] = {
      {.name = "session"},
      {.name = "pid", .number = (double)session->pid},
      {.name = "age", .number = (double)age_s},
      {.name = "file"},
  };
  struct notification_item *added = notification_list_add(
      &monitor->counts.notifications, "current_sessions", "leaked", fields, 4);
  if (added == NULL) {
    return;
  }
  char pid[32] = "";
  if (session->pid != 0) {
    (void)snprintf(pid, sizeof(pid), " of process %lld",
                   (long long)session->pid);
  }
  (void)snprintf(added->message, sizeof(added->message),
                 "log \"%s\": session %s%s has been open for %lld s",
                 monitor->options->head.label, session->id, pid,
                 (long long)age_s);
  memcpy(added->session, session->id, sizeof(added->session));
  added->fields[0].text = added->session;
  added->file = strdup(session->file == NULL ? "" : session->file);
  added->fields[3].text = added->file == NULL ? "" : added->file;
}

/* One notification for those above the limit. */
static void queue_further_leaks(struct log_monitor *monitor) {
  struct minute_limit *limit = &monitor->counts.leak_limit;
  uint64_t held = minute_limit_report(limit, monitor->clock.mono_ms);
  const struct notification_field field = {.name = "further",
                                           .number = (double)held};
  struct notification_item *added =
      held == 0 || limit->max == 0
          ? NULL
          : notification_list_add(&monitor->counts.notifications,
                                  "current_sessions", "leaked", &field, 1);
  if (added != NULL) {
    (void)snprintf(added->message, sizeof(added->message),
                   "log \"%s\": %" PRIu64 " more sessions have become leaks; "
                   "at most %" PRId64 " a minute are notified one by one",
                   monitor->options->head.label, held, limit->max);
  }
}

/* The last line about an exhausted pool, unless one was notified within the
 * last minute: then it waits. */
static void queue_pool_timeout(struct log_monitor *monitor) {
  struct pool_timeout *timeout = &monitor->counts.timeout;
  if (!timeout->is_new ||
      monitor->now_s - timeout->notified_s < TIMEOUT_PAUSE_S) {
    return;
  }
  const struct notification_field fields[] = {
      {.name = "pool_size", .number = timeout->pool_size},
      {.name = "max_overflow", .number = timeout->max_overflow},
      {.name = "timeout", .number = timeout->timeout_s},
  };
  struct notification_item *added = notification_list_add(
      &monitor->counts.notifications, "total_sessions", "timed_out", fields, 3);
  if (added == NULL) {
    return;
  }
  (void)snprintf(
      added->message, sizeof(added->message),
      "log \"%s\": the connection pool is exhausted: a caller timed out",
      monitor->options->head.label);
  timeout->is_new = false;
  timeout->notified_s = monitor->now_s;
}

void log_monitor_take_notifications(
    struct log_monitor *monitor, struct notification_list *ret_notifications) {
  *ret_notifications = monitor->counts.notifications;
  monitor->counts.notifications = (struct notification_list){0};
}

/* ---- polling ---- */

/* Logs searches that were stopped: at once, then hourly. */
static void log_match_limit(struct log_monitor *monitor,
                            const struct tail_time *now) {
  struct matcher_limit *limit = &monitor->counts.limit;
  if (limit->option != NULL &&
      log_complaint_fail(&monitor->match_limit, now->mono_ms)) {
    log_write(monitor->log, LOG_LEVEL_WARNING,
              "log \"%s\": %s: the search of a line was stopped, %llu so far: "
              "the pattern backtracks too much; such a line counts as no match",
              monitor->options->head.label, limit->option,
              (unsigned long long)limit->hits);
  }
  limit->option = NULL;
}

/* The end of each poll: what follows from the time alone, and what is to be
 * sent or logged. The buffer is freed: it is not needed until the next poll. */
static void finish_poll(struct log_monitor *monitor,
                        const struct tail_time *now) {
  tail_file_buffer_fini(&monitor->buffer);
  session_tracker_advance(monitor->counts.tracker, monitor->now_s, queue_leak,
                          monitor);
  queue_further_leaks(monitor);
  queue_pool_timeout(monitor);
  log_match_limit(monitor, now);
}

/* The wall clock was set if it has moved on by more than the monotonic one has:
 * the times that were seen before become what they would be by the new one. */
static void follow_clock(struct log_monitor *monitor,
                         const struct tail_time *now) {
  struct monitor_counts *counts = &monitor->counts;
  int64_t step_s = (now->wall_ns - monitor->clock.wall_ns) / NS_PER_S -
                   (now->mono_ms - monitor->clock.mono_ms) / 1000;
  bool is_set = monitor->clock.wall_ns != 0 &&
                (step_s > CLOCK_STEP_S || step_s < -CLOCK_STEP_S);
  monitor->clock = *now;
  monitor->now_s = now->wall_ns / NS_PER_S;
  if (is_set) {
    session_tracker_shift_times(counts->tracker, step_s);
    counts->timeout.notified_s += step_s;
    counts->polled_s += step_s;
  }
}

int log_monitor_poll(struct log_monitor *monitor, const struct tail_time *now) {
  const struct tail_file_sink sink = {add_file_lines, monitor};
  follow_clock(monitor, now);
  int code = tail_poll(monitor->counts.tail, now, &monitor->buffer, &sink);
  if (monitor->watch != NULL) {
    tail_watch(monitor->counts.tail, monitor->watch, monitor->watch_log);
  }
  finish_poll(monitor, now);
  monitor->counts.polled_s = monitor->now_s;
  return code;
}

int log_monitor_poll_events(struct log_monitor *monitor,
                            const struct tail_time *now) {
  const struct tail_file_sink sink = {add_file_lines, monitor};
  int numbers[EVENT_FILES_MAX];
  size_t len = file_watch_take_events(monitor->watch, monitor->watch_log,
                                      numbers, EVENT_FILES_MAX);
  follow_clock(monitor, now);
  int code = len == FILE_WATCH_SCAN
                 ? 1
                 : tail_poll_files(monitor->counts.tail, now, numbers, len,
                                   &monitor->buffer, &sink);
  if (code == 1) {
    return log_monitor_poll(monitor, now);
  }
  finish_poll(monitor, now);
  return code;
}

void log_monitor_set_watch(struct log_monitor *monitor,
                           struct file_watch *watch, size_t log) {
  monitor->watch = watch;
  monitor->watch_log = log;
}

/* ---- values ---- */

/* Logged once while it lasts: with only errors of sessions in the log, the
 * number of open sessions would always be zero. */
static void log_one_sided(struct log_monitor *monitor,
                          const struct session_tracker_stats *stats) {
  if (stats->is_one_sided && !monitor->is_one_sided_logged) {
    log_write(monitor->log, LOG_LEVEL_NOTICE,
              "log \"%s\": lines of failed sessions, but none of opened or "
              "closed sessions; current_sessions-open is not sent, check the "
              "application's log level",
              monitor->options->head.label);
  }
  monitor->is_one_sided_logged = stats->is_one_sided;
}

void log_monitor_publish(struct log_monitor *monitor,
                         const struct sample_sink *sink) {
  const char *name = monitor->options->head.label;
  struct monitor_counts *counts = &monitor->counts;
  struct session_tracker_stats sessions;
  struct tail_stats files;
  session_tracker_get_stats(counts->tracker, &sessions);
  tail_get_stats(counts->tail, &files);
  log_one_sided(monitor, &sessions);
  const struct {
    const char *type, *instance;
    uint64_t count;
  } rows[] = {
      {"total_sessions", "opened", sessions.opened},
      {"total_sessions", "closed", sessions.closed},
      {"total_sessions", "failed", sessions.failed},
      {"total_sessions", "paired", sessions.paired},
      {"total_sessions", "recovered", sessions.recovered},
      {"total_sessions", "orphan_closed", sessions.orphan_closed},
      {"total_sessions", "late_closed", sessions.late_closed},
      {"total_sessions", "untracked", sessions.untracked},
      {"total_sessions", "dropped", sessions.dropped},
      {"total_sessions", "timed_out", counts->timed_out},
      {"total_bytes", "read", files.read.bytes},
      {"derive", "lines", counts->lines},
      {"derive", "long_lines", files.read.long_lines},
      {"derive", "rotated", files.rotated},
      {"derive", "truncated", files.truncated},
      {"derive", "lost_files", files.lost_files},
      {"derive", "match_limit", counts->limit.hits},
      {"errors", "", counts->errors},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    sample_put_derive(sink, name, rows[i].type, rows[i].instance,
                      (int64_t)rows[i].count);
  }
  if (!sessions.is_one_sided) {
    sample_put_gauge(sink, name, "current_sessions", "open",
                     (double)sessions.open);
  }
  sample_put_gauge(sink, name, "files", "followed", (double)files.files);
  sample_put_gauge(sink, name, "log_rate", "errors_now",
                   (double)rate_window_find_sum(&counts->rate, monitor->now_s));
  sample_put_gauge(sink, name, "gauge", "lag_bytes", (double)files.lag_bytes);
}

void log_monitor_publish_alarms(struct log_monitor *monitor,
                                const struct tail_time *now,
                                const struct sample_sink *sink) {
  const char *name = monitor->options->head.label;
  struct monitor_counts *counts = &monitor->counts;
  struct session_tracker_stats stats;
  session_tracker_get_stats(counts->tracker, &stats);
  uint64_t peak = rate_window_take_peak(&counts->rate, now->wall_ns / NS_PER_S);
  sample_put_gauge(sink, name, "current_sessions", "leaked",
                   (double)stats.leaked);
  sample_put_gauge(sink, name, "current_sessions", "unclosed_after_error",
                   (double)stats.unclosed_after_error);
  sample_put_gauge(sink, name, "log_rate", "errors", (double)peak);
  counts->published_leaked = stats.leaked;
  counts->published_unclosed = stats.unclosed_after_error;
  counts->published_errors = counts->errors;
}

bool log_monitor_has_new_alarm(const struct log_monitor *monitor) {
  const struct monitor_counts *counts = &monitor->counts;
  struct session_tracker_stats stats;
  session_tracker_get_stats(counts->tracker, &stats);
  return stats.leaked > counts->published_leaked ||
         stats.unclosed_after_error > counts->published_unclosed ||
         counts->errors > counts->published_errors;
}

/* ---- saving and restoring ---- */

/* The offsets of the files are in the same record as the counters, so that
 * both are of the same moment. */
static int transfer_counts(struct monitor_counts *counts, int64_t now_ms,
                           struct state_file_record *record) {
  state_file_transfer_number(record, &counts->lines);
  state_file_transfer_number(record, &counts->errors);
  state_file_transfer_number(record, &counts->timed_out);
  state_file_transfer_number(record, &counts->limit.hits);
  rate_window_transfer(&counts->rate, record);
  int code = session_tracker_transfer(counts->tracker, record);
  return code == 0 ? tail_transfer(counts->tail, now_ms, record) : code;
}

void log_monitor_fill_record(struct log_monitor *monitor, int64_t now_ms,
                             struct state_file_record *record) {
  state_file_begin_record(record);
  (void)transfer_counts(&monitor->counts, now_ms, record);
  state_file_end_record(record);
}

int log_monitor_restore_record(struct log_monitor *monitor, int64_t now_ms,
                               struct state_file_record *record) {
  int code = state_file_begin_loading(record);
  code = code == 0 ? transfer_counts(&monitor->counts, now_ms, record) : code;
  if (code == 0 && !state_file_is_loaded_whole(record)) {
    code = -EINVAL;
  }
  if (code != 0) {
    int reset = log_monitor_reset(monitor);
    code = reset != 0 ? reset : code;
  }
  return code;
}

int log_monitor_load_state(struct log_monitor *monitor, const char *directory,
                           const struct tail_time *now) {
  struct state_file_record record = {0};
  monitor->state_file.directory = directory;
  monitor->state_file.name = monitor->options->head.label;
  monitor->state_file.log = monitor->log;
  int code =
      state_file_sweep_and_read(&monitor->state_file, now->mono_ms, &record);
  if (code == 0) {
    code = log_monitor_restore_record(monitor, now->mono_ms, &record);
    if (code == -EINVAL) {
      state_file_set_aside(&monitor->state_file);
    }
  }
  state_file_record_fini(&record);
  return code == -ENOMEM || code == -EAGAIN ? code : 0;
}

void log_monitor_write_record(struct log_monitor *monitor,
                              const struct state_file_record *record,
                              int64_t mono_ms) {
  state_file_write_if_changed(&monitor->state_file, record, mono_ms);
}
