/* SPDX-License-Identifier: MIT */
/* state_file: a saved state is loaded; an invalid one is moved aside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "monitor_fixture.h"
#include "session_log/log_monitor.h"
#include "support/dying.h"

#define TEXT_BYTES 32

static void a_restart_goes_on(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a\n"
            "INFO Creating new database session session=b\n"
            "ERROR Database session error session=b\n"
            "INFO Closing database ");
  poll_and_save(monitor, 1);
  log_monitor_free(monitor); /* killed */
  write_log("session session=b\nERROR later\n");
  monitor = open_monitor(2000);
  poll_and_save(monitor, 2000);
  assert_float_equal(value(monitor, 2000, "total_sessions-opened"), 2, 0);
  assert_float_equal(value(monitor, 2000, "total_sessions-closed"), 1, 0);
  assert_float_equal(value(monitor, 2000, "total_sessions-recovered"), 1, 0);
  assert_float_equal(value(monitor, 2000, "errors"), 2, 0);
  assert_float_equal(value(monitor, 2000, "current_sessions-open"), 1, 0);
  assert_float_equal(value(monitor, 2000, "current_sessions-leaked"), 1, 0);
  log_monitor_free(monitor);
  assert_string_equal(logged, "");
}

static void errors_of_the_last_minute_stay(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("ERROR a\nERROR b\n");
  poll_and_save(monitor, 1);
  log_monitor_free(monitor);
  monitor = open_monitor(20);
  poll_and_save(monitor, 20);
  assert_float_equal(value(monitor, 20, "log_rate-errors"), 2, 0);
  assert_float_equal(value(monitor, 61, "log_rate-errors"), 2, 0);
  assert_float_equal(value(monitor, 121, "log_rate-errors"), 0, 0);
  log_monitor_free(monitor);
}

static void an_idle_log_writes_nothing(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO nothing\n");
  poll_and_save(monitor, 1);
  assert_int_equal(unlink(state_path), 0);
  poll_and_save(monitor, 11);
  assert_int_equal(access(state_path, F_OK), -1);
  log_monitor_free(monitor);
}

/* ---- anything that can be saved ---- */

static void transfer_all(struct state_file_record *record, uint64_t *number,
                         int64_t *with_sign, size_t *size, uint32_t *count,
                         char *text) {
  state_file_transfer_number(record, number);
  state_file_transfer_signed(record, with_sign);
  state_file_transfer_size(record, size, SIZE_MAX);
  state_file_transfer_count(record, count);
  state_file_transfer_text(record, text, TEXT_BYTES);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  begin_drawing();
  for (int i = 0; i < 2000; i++) {
    struct state_file_record record = {0};
    uint64_t number = draw() >> (draw() % 64), number_read = 0;
    int64_t with_sign = (int64_t)(draw() >> 1) / 2, sign_read = 0;
    with_sign = draw() % 2 == 0 ? with_sign : -with_sign - 1;
    size_t size = (size_t)(draw() >> (draw() % 64)), size_read = 0;
    uint32_t count = (uint32_t)(draw() % ((uint64_t)INT32_MAX + 1));
    uint32_t count_read = 0;
    char text[TEXT_BYTES] = "", text_read[TEXT_BYTES] = "";
    for (size_t at = 0, length = draw() % TEXT_BYTES; at < length; at++) {
      text[at] = (char)(1 + draw() % 255);
    }
    state_file_begin_record(&record);
    transfer_all(&record, &number, &with_sign, &size, &count, text);
    state_file_end_record(&record);
    assert_int_equal(state_file_begin_loading(&record), 0);
    transfer_all(&record, &number_read, &sign_read, &size_read, &count_read,
                 text_read);
    assert_true(state_file_is_loaded_whole(&record));
    assert_true(number == number_read && with_sign == sign_read &&
                size == size_read && count == count_read);
    assert_string_equal(text, text_read);
    state_file_record_fini(&record);
  }
}

/* Loads a copy of the first BYTES, with one byte changed by FLIP. */
static int load_copy(struct log_monitor *monitor,
                     const struct state_file_record *record, size_t bytes,
                     size_t at, char flip) {
  struct state_file_record copy = {.data = malloc(record->bytes),
                                   .bytes = bytes};
  assert_non_null(copy.data);
  memcpy(copy.data, record->data, record->bytes);
  copy.data[at] = (char)(copy.data[at] ^ flip);
  int code = log_monitor_restore_record(monitor, 0, &copy);
  state_file_record_fini(&copy);
  return code;
}

static void every_damage_is_found(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a\n");
  poll_and_save(monitor, 1);
  struct state_file_record record = {0};
  log_monitor_fill_record(monitor, 1000, &record);
  log_monitor_free(monitor);
  assert_int_equal(log_monitor_new(&options, &test_log, &monitor, NULL), 0);
  for (size_t i = 0; i < record.bytes; i++) {
    assert_int_equal(load_copy(monitor, &record, i, 0, 0), -EINVAL);
    assert_int_equal(load_copy(monitor, &record, record.bytes, i, 0x10),
                     -EINVAL);
  }
  assert_int_equal(load_copy(monitor, &record, record.bytes, 0, 0), 0);
  state_file_record_fini(&record);
  log_monitor_free(monitor);
}

static void garbage_is_set_aside(void **state) {
  (void)state;
  FILE *file = fopen(state_path, "w");
  assert_non_null(file);
  assert_true(fputs("garbage", file) >= 0);
  assert_int_equal(fclose(file), 0);
  log_monitor_free(open_monitor(0));
  assert_non_null(strstr(logged, "trading.state: is not valid; moved to .bad"));
  assert_int_equal(access(state_path, F_OK), -1);
}

static void what_cannot_be_saved_is_logged_once(void **state) {
  (void)state;
  char where[sizeof(directory)] = "/proc/nowhere";
  struct log_monitor *monitor = open_monitor(0);
  struct tail_time now = moment_at(1);
  assert_int_equal(log_monitor_load_state(monitor, where, &now), 0);
  save_state(monitor, &now);
  save_state(monitor, &now);
  assert_non_null(
      strstr(logged, "a restart may lose lines or count them twice"));
  assert_null(strchr(strchr(logged, '\n') + 1, '\n'));
  memcpy(where, directory, sizeof(where));
  save_state(monitor, &now);
  assert_non_null(strstr(logged, "its state is saved again"));
  log_monitor_free(monitor);
}

static void what_cannot_be_read_is_kept(void **state) {
  (void)state;
  char bad[sizeof(state_path) + 4];
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a\n");
  poll_and_save(monitor, 1);
  log_monitor_free(monitor);
  (void)snprintf(bad, sizeof(bad), "%s.bad", state_path);
  assert_int_equal(rename(state_path, bad), 0);
  assert_int_equal(symlink(state_path, state_path), 0); /* ELOOP */
  struct error error = {{0}};
  assert_int_equal(log_monitor_new(&options, &test_log, &monitor, &error), 0);
  for (int seconds = 0; seconds < 60; seconds += 10) {
    struct tail_time now = moment_at(seconds);
    assert_int_equal(log_monitor_load_state(monitor, directory, &now), -EAGAIN);
  }
  assert_non_null(strstr(logged, "; reading begins once this succeeds"));
  assert_null(strchr(strchr(logged, '\n') + 1, '\n')); /* once */
  struct tail_time late = moment_at(60);
  assert_int_equal(log_monitor_load_state(monitor, directory, &late), 0);
  assert_non_null(strstr(logged, "saved state ignored, reading starts as"));
  poll_and_save(monitor, 61);
  struct stat found;
  assert_int_equal(lstat(bad, &found), 0);
  assert_true(S_ISLNK(found.st_mode)); /* moved, not overwritten */
  assert_int_equal(lstat(state_path, &found), 0);
  assert_true(S_ISREG(found.st_mode));
  log_monitor_free(monitor);
}

static void a_directory_that_may_only_be_read_is_logged(void **state) {
  (void)state;
  const uid_t nobody = 65534;
  bool is_root = geteuid() == 0;
  struct log_monitor *monitor = open_monitor(0);
  assert_int_equal(chmod(directory, 0555), 0);
  assert_int_equal(is_root ? seteuid(nobody) : 0, 0);
  poll_and_save(monitor, 1);
  assert_int_equal(is_root ? seteuid(0) : 0, 0);
  assert_non_null(strstr(logged, "Permission denied; a restart may lose"));
  assert_int_equal(chmod(directory, 0755), 0);
  poll_and_save(monitor, 2);
  assert_non_null(strstr(logged, "its state is saved again"));
  log_monitor_free(monitor);
}

static void a_full_disk_is_logged_once(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a\n");
  poll_and_save(monitor, 1);
  disk_is_full(true);
  for (int i = 2; i < 5; i++) {
    write_log("INFO Creating new database session session=b\n");
    poll_and_save(monitor, i);
  }
  assert_non_null(
      strstr(logged, "No space left on device; a restart may lose"));
  assert_null(strchr(strchr(logged, '\n') + 1, '\n'));
  disk_is_full(false);
  poll_and_save(monitor, 5);
  assert_non_null(strstr(logged, "its state is saved again"));
  log_monitor_free(monitor);
  monitor = open_monitor(6);
  assert_float_equal(value(monitor, 6, "total_sessions-opened"), 4, 0);
  log_monitor_free(monitor);
}

/* Reads and saves in a process that dies at its call number COUNT.
 * Returns whether it lived long enough to make all its calls. */
static bool live_and_die(size_t count, int64_t seconds) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    struct log_monitor *monitor = open_monitor(seconds);
    dying_after(count);
    poll_and_save(monitor, seconds);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_true(WEXITSTATUS(status) == 0 ||
              WEXITSTATUS(status) == DYING_EXIT_CODE);
  return WEXITSTATUS(status) == 0;
}

/* How many files stand beside the log and its state; makes them old. */
static size_t count_leftovers(void) {
  const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  size_t count = 0;
  DIR *scan = opendir(directory);
  assert_non_null(scan);
  for (const struct dirent *entry; (entry = readdir(scan)) != NULL;) {
    if (strncmp(entry->d_name, ".resource-alert.trading.state.", 30) == 0) {
      assert_int_equal(utimensat(dirfd(scan), entry->d_name, old, 0), 0);
      count++;
    }
  }
  assert_int_equal(closedir(scan), 0);
  return count;
}

static void a_kill_at_any_moment_counts_each_line_once(void **state) {
  (void)state;
  bool has_lived = false;
  size_t lines = 0;
  size_t calls = 0;
  size_t leftovers = 0;
  for (; !has_lived; calls++) {
    int64_t seconds = (int64_t)calls * 2 + 1;
    write_log("INFO Creating new database session session=a\nERROR no\n");
    lines++;
    has_lived = live_and_die(calls, seconds);
    leftovers += count_leftovers();
    struct log_monitor *monitor = open_monitor(seconds + 1);
    struct tail_time now = moment_at(seconds + 1);
    assert_int_equal(log_monitor_poll(monitor, &now), 0); /* not saved */
    assert_float_equal(value(monitor, seconds + 1, "total_sessions-opened"),
                       lines, 0);
    assert_float_equal(value(monitor, seconds + 1, "errors"), lines, 0);
    log_monitor_free(monitor);
    assert_int_equal(count_leftovers(), 0); /* the restart has removed them */
  }
  assert_int_equal(calls, 5);     /* write, fdatasync, rename, fsync, all */
  assert_int_equal(leftovers, 3); /* of those killed before the rename */
  assert_string_equal(logged, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_restart_goes_on, set_up, tear_down),
      cmocka_unit_test_setup_teardown(errors_of_the_last_minute_stay, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(an_idle_log_writes_nothing, set_up,
                                      tear_down),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test_setup_teardown(every_damage_is_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(garbage_is_set_aside, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_cannot_be_saved_is_logged_once,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_cannot_be_read_is_kept, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(
          a_directory_that_may_only_be_read_is_logged, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_full_disk_is_logged_once, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(
          a_kill_at_any_moment_counts_each_line_once, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
