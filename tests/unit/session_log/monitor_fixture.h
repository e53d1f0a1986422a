/* SPDX-License-Identifier: MIT */
/* monitor_fixture: one <Log> over one file in a directory of its own, for the
 * tests of monitor and checkpoint. */
#pragma once

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder.h"
#include "session_log/log_monitor.h"

#define START_NS (INT64_C(1700000000) * 1000000000)

static char directory[64];
static char log_path[128];
static char state_path[128];
static char *files[] = {log_path};
static char logged[4096];

static void collect_log_line(void *context, enum log_level level,
                             const char *line) {
  (void)context;
  (void)level;
  size_t bytes = strlen(logged);
  (void)snprintf(logged + bytes, sizeof(logged) - bytes, "%s\n", line);
}

static const struct log_sink test_log = {collect_log_line, NULL};
/* The last notification, as text. */
static char notified[1024];
static size_t notifications_len;

static void notification(void *context,
                         const struct notification *notification) {
  (void)context;
  notifications_len++;
  int bytes =
      snprintf(notified, sizeof(notified), "%s-%s: %s", notification->type,
               notification->type_instance, notification->message);
  for (size_t i = 0; i < notification->fields_len; i++) {
    const struct notification_field *field = &notification->fields[i];
    size_t room = sizeof(notified) - (size_t)bytes;
    bytes += field->text != NULL ? snprintf(notified + bytes, room, "; %s %s",
                                            field->name, field->text)
                                 : snprintf(notified + bytes, room, "; %s %g",
                                            field->name, field->number);
  }
}

static const struct notification_sink test_notifications = {notification, NULL};
static char name[] = "trading";
static char opened[] = "Creating new database session";
static char closed[] = "Closing database session";
static char failed[] = "Database session error";
static char timed_out[] = "QueuePool limit of size";
static char session[] = "session=(\\w+)";

static struct log_options options = {
    .head = {.label = name},
    .files = {.items = files, .len = 1},
    .opened = opened,
    .closed = closed,
    .failed = failed,
    .timed_out = timed_out,
    .session = session,
    .sessions = {.leak_after_s = 1800,
                 .close_within_s = 30,
                 .forget_after_s = 86400,
                 .trend = {.window_s = 600, .windows = 4, .rise = 10},
                 .sessions_max = 1000},
    .read = {.max_line_bytes = 65536, .max_bytes = 1 << 20},
    .leak_notifications_per_minute = 6,
    .start_at = LOG_START_BEGINNING,
};

static inline void save_state(struct log_monitor *monitor,
                              const struct tail_time *now) {
  struct state_file_record record = {0};
  log_monitor_fill_record(monitor, now->mono_ms, &record);
  log_monitor_write_record(monitor, &record, now->mono_ms);
  state_file_record_fini(&record);
}

static inline struct tail_time moment_at(int64_t seconds) {
  return (struct tail_time){.mono_ms = 1000 + seconds * 1000,
                            .wall_ns = START_NS + seconds * 1000000000};
}

static inline struct log_monitor *open_monitor(int64_t seconds) {
  struct log_monitor *monitor = NULL;
  struct tail_time now = moment_at(seconds);
  assert_int_equal(log_monitor_new(&options, &test_log, &monitor, NULL), 0);
  assert_int_equal(log_monitor_load_state(monitor, directory, &now), 0);
  return monitor;
}

static inline void poll_and_save(struct log_monitor *monitor, int64_t seconds) {
  struct tail_time now = moment_at(seconds);
  assert_int_equal(log_monitor_poll(monitor, &now), 0);
  save_state(monitor, &now);
  struct notification_list notifications;
  log_monitor_take_notifications(monitor, &notifications);
  notification_list_send_and_free(&notifications, name, &test_notifications);
}

static inline double value(struct log_monitor *monitor, int64_t seconds,
                           const char *wanted) {
  static struct recorded all[256];
  size_t len = 0;
  struct recorder recorder = {.plugin = "session_log", .all = all, .len = &len};
  struct sample_sink sink = recorder_sink(&recorder);
  struct tail_time now = moment_at(seconds);
  char full[256];
  log_monitor_publish(monitor, &sink);
  log_monitor_publish_alarms(monitor, &now, &sink);
  (void)snprintf(full, sizeof(full), "session_log-trading/%s", wanted);
  return recorder_value(&recorder, full);
}

static inline void write_log(const char *text) {
  FILE *file = fopen(log_path, "a");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static inline int set_up(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/checkpoint.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(log_path, sizeof(log_path), "%s/app.log", directory);
  (void)snprintf(state_path, sizeof(state_path), "%s/trading.state", directory);
  logged[0] = '\0';
  notified[0] = '\0';
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  char bad[160];
  (void)snprintf(bad, sizeof(bad), "%s.bad", state_path);
  (void)unlink(bad);
  (void)unlink(state_path);
  (void)unlink(log_path);
  return rmdir(directory);
}
