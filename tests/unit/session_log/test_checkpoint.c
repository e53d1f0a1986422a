/* SPDX-License-Identifier: MIT */
/* checkpoint: what is saved is loaded; what makes no sense is set aside. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder.h"
#include "session_log/checkpoint.h"
#include "session_log/logbook_store.h"

#define START_NS (INT64_C(1700000000) * 1000000000)

static char directory[64];
static char log_path[128];
static char state_path[128];
static char *files[] = {log_path};
static char said[4096];

static void hear(void *context, enum report_level level, const char *line) {
  (void)context;
  (void)level;
  size_t bytes = strlen(said);
  (void)snprintf(said + bytes, sizeof(said) - bytes, "%s\n", line);
}

static const struct report_sink ear = {hear, NULL};
static const struct logbook_sinks sinks = {&ear, NULL};
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
    .leak_after_s = 1800,
    .close_within_s = 30,
    .forget_after_s = 86400,
    .floor_window_s = 600,
    .floor_windows = 4,
    .floor_rise = 10,
    .max_sessions = 1000,
    .rotate_wait_s = 60,
    .max_line_bytes = 65536,
    .max_read_bytes = 1 << 20,
    .start_at = LOG_START_BEGINNING,
};

static struct moment moment_at(int64_t seconds) {
  return (struct moment){.mono_ms = 1000 + seconds * 1000,
                         .wall_ns = START_NS + seconds * 1000000000};
}

static struct logbook *open_book(int64_t seconds) {
  struct logbook *book = NULL;
  struct moment now = moment_at(seconds);
  assert_int_equal(logbook_new(&options, &sinks, &book, NULL), 0);
  assert_int_equal(checkpoint_load(book, directory, &now), 0);
  return book;
}

static void poll_and_save(struct logbook *book, int64_t seconds) {
  struct moment now = moment_at(seconds);
  assert_int_equal(logbook_poll(book, &now), 0);
  checkpoint_save(book, directory, &now);
}

static double value(struct logbook *book, int64_t seconds, const char *wanted) {
  static struct recorded all[256];
  size_t len = 0;
  struct recorder recorder = {.plugin = "session_log", .all = all, .len = &len};
  struct sample_sink sink = recorder_sink(&recorder);
  struct moment now = moment_at(seconds);
  char full[256];
  logbook_publish(book, &sink);
  logbook_publish_alarms(book, &now, &sink);
  (void)snprintf(full, sizeof(full), "session_log-trading/%s", wanted);
  return recorder_value(&recorder, full);
}

static void write_log(const char *text) {
  FILE *file = fopen(log_path, "a");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/checkpoint.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(log_path, sizeof(log_path), "%s/app.log", directory);
  (void)snprintf(state_path, sizeof(state_path), "%s/trading.state", directory);
  said[0] = '\0';
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  char bad[160];
  (void)snprintf(bad, sizeof(bad), "%s.bad", state_path);
  (void)unlink(bad);
  (void)unlink(state_path);
  (void)unlink(log_path);
  return rmdir(directory);
}

static void a_restart_goes_on(void **state) {
  (void)state;
  struct logbook *book = open_book(0);
  write_log("INFO Creating new database session session=a\n"
            "INFO Creating new database session session=b\n"
            "ERROR Database session error session=b\n"
            "INFO Closing database ");
  poll_and_save(book, 1);
  logbook_free(book); /* killed */
  write_log("session session=b\nERROR later\n");
  book = open_book(2000);
  poll_and_save(book, 2000);
  assert_float_equal(value(book, 2000, "total_sessions-opened"), 2, 0);
  assert_float_equal(value(book, 2000, "total_sessions-closed"), 1, 0);
  assert_float_equal(value(book, 2000, "total_sessions-recovered"), 1, 0);
  assert_float_equal(value(book, 2000, "errors"), 2, 0);
  assert_float_equal(value(book, 2000, "current_sessions-open"), 1, 0);
  assert_float_equal(value(book, 2000, "current_sessions-leaked"), 1, 0);
  logbook_free(book);
  assert_string_equal(said, "");
}

static void errors_of_the_last_minute_stay(void **state) {
  (void)state;
  struct logbook *book = open_book(0);
  write_log("ERROR a\nERROR b\n");
  poll_and_save(book, 1);
  logbook_free(book);
  book = open_book(20);
  poll_and_save(book, 20);
  assert_float_equal(value(book, 20, "log_rate-errors"), 2, 0);
  assert_float_equal(value(book, 61, "log_rate-errors"), 2, 0);
  assert_float_equal(value(book, 121, "log_rate-errors"), 0, 0);
  logbook_free(book);
}

static void an_idle_log_writes_nothing(void **state) {
  (void)state;
  struct logbook *book = open_book(0);
  write_log("INFO nothing\n");
  poll_and_save(book, 1);
  assert_int_equal(unlink(state_path), 0);
  poll_and_save(book, 11);
  assert_int_equal(access(state_path, F_OK), -1);
  logbook_free(book);
}

static void every_damage_is_found(void **state) {
  (void)state;
  struct logbook *book = open_book(0);
  write_log("INFO Creating new database session session=a\n");
  poll_and_save(book, 1);
  struct record_writer record = {0};
  logbook_save(book, 1000, &record);
  logbook_free(book);
  assert_int_equal(logbook_new(&options, &sinks, &book, NULL), 0);
  for (size_t i = 0; i < record.bytes; i++) {
    char *copy = malloc(record.bytes);
    assert_non_null(copy);
    memcpy(copy, record.data, record.bytes);
    assert_int_equal(logbook_load(book, 0, copy, i), -EINVAL);
    copy[i] = (char)(copy[i] ^ 0x10);
    assert_int_equal(logbook_load(book, 0, copy, record.bytes), -EINVAL);
    free(copy);
  }
  assert_int_equal(logbook_load(book, 0, record.data, record.bytes), 0);
  record_writer_fini(&record);
  logbook_free(book);
}

static void garbage_is_set_aside(void **state) {
  (void)state;
  FILE *file = fopen(state_path, "w");
  assert_non_null(file);
  assert_true(fputs("garbage", file) >= 0);
  assert_int_equal(fclose(file), 0);
  logbook_free(open_book(0));
  assert_non_null(strstr(said, "trading.state: makes no sense; moved to .bad"));
  assert_int_equal(access(state_path, F_OK), -1);
}

static void what_cannot_be_saved_is_said_once(void **state) {
  (void)state;
  struct logbook *book = open_book(0);
  struct moment now = moment_at(1);
  checkpoint_save(book, "/proc/nowhere", &now);
  checkpoint_save(book, "/proc/nowhere", &now);
  assert_non_null(strstr(said, "a restart will lose its place"));
  assert_null(strchr(strchr(said, '\n') + 1, '\n'));
  checkpoint_save(book, directory, &now);
  assert_non_null(strstr(said, "its state is saved again"));
  logbook_free(book);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_restart_goes_on, set_up, tear_down),
      cmocka_unit_test_setup_teardown(errors_of_the_last_minute_stay, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(an_idle_log_writes_nothing, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(every_damage_is_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(garbage_is_set_aside, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_cannot_be_saved_is_said_once, set_up,
                                      tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
