/* SPDX-License-Identifier: MIT */
/* log_monitor: the values and notifications that lines become. */
#include "monitor_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static char pid[] = "pid=(\\d+)";

static void a_leak_is_notified_with_its_file(void **state) {
  (void)state;
  char wanted[512];
  char rotated[160];
  char pattern[160];
  (void)snprintf(pattern, sizeof(pattern), "%s/*.log", directory);
  files[0] = pattern;
  options.pid = pid;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a7 pid=41\n");
  poll_and_save(monitor, 1);
  (void)snprintf(rotated, sizeof(rotated), "%s.1", log_path);
  assert_int_equal(rename(log_path, rotated), 0);
  write_log("INFO a new file\n");
  poll_and_save(monitor, 2);
  log_monitor_free(monitor); /* the file is known over a restart */
  monitor = open_monitor(1000);
  poll_and_save(monitor, 1801);
  assert_string_equal(notified, "");
  poll_and_save(monitor, 1802);
  (void)snprintf(
      wanted, sizeof(wanted),
      "current_sessions-leaked: log \"trading\": session a7 of "
      "process 41 has been open for 1801 s; session a7; pid 41; age 1801; "
      "file %s",
      log_path);
  assert_string_equal(notified, wanted);
  assert_float_equal(value(monitor, 1802, "current_sessions-leaked"), 1, 0);
  log_monitor_free(monitor);
  assert_int_equal(unlink(rotated), 0);
  options.pid = NULL;
  files[0] = log_path;
}

static void an_exhausted_pool_is_notified_with_its_numbers(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("sqlalchemy.exc.TimeoutError: QueuePool limit of size 10 overflow "
            "20 reached, connection timed out, timeout 30.00 (Background on "
            "this error at: https://sqlalche.me/e/20/3o7r)\n");
  poll_and_save(monitor, 1);
  assert_string_equal(notified,
                      "total_sessions-timed_out: log \"trading\": the "
                      "connection pool is exhausted: a caller timed out; "
                      "pool_size 10; max_overflow 20; timeout 30");
  notified[0] = '\0';
  write_log("QueuePool limit of size 5 overflow 0 reached\n");
  poll_and_save(monitor, 2);
  assert_string_equal(notified, ""); /* once a minute */
  poll_and_save(monitor, 61);
  assert_non_null(strstr(notified, "pool_size 5; max_overflow 0; timeout 0"));
  assert_float_equal(value(monitor, 61, "total_sessions-timed_out"), 2, 0);
  log_monitor_free(monitor);
}

/* Several workers write into files of their own; one of them leaks. */
static void a_leak_is_notified_with_the_right_file_of_several(void **state) {
  (void)state;
  char pattern[160];
  char others[2][160];
  (void)snprintf(pattern, sizeof(pattern), "%s/*.log", directory);
  files[0] = pattern;
  struct log_monitor *monitor = open_monitor(0);
  for (int i = 0; i < 2; i++) { /* before and behind it in the directory */
    (void)snprintf(others[i], sizeof(others[i]), "%s/%s.log", directory,
                   i == 0 ? "a" : "z");
    FILE *file = fopen(others[i], "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "INFO Creating new database session session=w%d\n"
                        "INFO Closing database session session=w%d\n",
                        i, i) > 0);
    assert_int_equal(fclose(file), 0);
  }
  write_log("INFO Creating new database session session=leaky\n");
  poll_and_save(monitor, 1);
  poll_and_save(monitor, 1802);
  assert_non_null(strstr(notified, "; session leaky; "));
  assert_string_equal(strstr(notified, "; file ") + strlen("; file "),
                      log_path);
  log_monitor_free(monitor);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(unlink(others[i]), 0);
  }
  files[0] = log_path;
}

/* The application's three patterns, by name. */
static void normal_abnormal_and_leak_are_distinguished(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=n1\n"
            "INFO Closing database session session=n1\n"
            "INFO Creating new database session session=n2\n"
            "INFO Closing database session session=n2\n"
            "INFO Creating new database session session=a1\n"
            "ERROR Database session error: broken session=a1\n"
            "INFO Closing database session session=a1\n"
            "INFO Creating new database session session=l1\n"
            "INFO Creating new database session session=l2\n"
            "ERROR Database session error: broken session=l2\n"
            "INFO Closing database session session=never_opened\n");
  poll_and_save(monitor, 1);
  poll_and_save(monitor, 1900);
  assert_float_equal(value(monitor, 1900, "total_sessions-paired"), 2, 0);
  assert_float_equal(value(monitor, 1900, "total_sessions-recovered"), 1, 0);
  assert_float_equal(value(monitor, 1900, "current_sessions-leaked"), 2, 0);
  assert_float_equal(value(monitor, 1900, "current_sessions-open"), 2, 0);
  assert_float_equal(value(monitor, 1900, "total_sessions-orphan_closed"), 1,
                     0);
  assert_float_equal(
      value(monitor, 1900, "current_sessions-unclosed_after_error"), 1, 0);
  write_log("INFO Closing database session session=l1\n");
  poll_and_save(monitor, 1901);
  assert_float_equal(value(monitor, 1901, "total_sessions-late_closed"), 1, 0);
  assert_float_equal(value(monitor, 1901, "current_sessions-leaked"), 1, 0);
  log_monitor_free(monitor);
}

/* The same without names: as far as counts can tell. */
static void the_patterns_are_distinguished_without_names(void **state) {
  (void)state;
  options.session = NULL;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session\n"
            "INFO Closing database session\n"
            "INFO Creating new database session\n"
            "ERROR Database session error: broken\n"
            "INFO Closing database session\n"
            "INFO Creating new database session\n"
            "ERROR Database session error: broken\n");
  poll_and_save(monitor, 1);
  poll_and_save(monitor, 40);
  assert_float_equal(value(monitor, 40, "total_sessions-paired"), 1, 0);
  assert_float_equal(value(monitor, 40, "total_sessions-recovered"), 1, 0);
  assert_float_equal(value(monitor, 40, "current_sessions-open"), 1, 0);
  assert_float_equal(
      value(monitor, 40, "current_sessions-unclosed_after_error"), 1, 0);
  log_monitor_free(monitor);
  options.session = session;
}

/* Every trap of a line's form, once. */
static void lines_of_every_form_are_counted(void **state) {
  (void)state;
  static const char bytes[] =
      "\xef\xbb\xbf"
      "Creating new database session session=a\r\n" /* BOM, CRLF */
      "\0\0\0Creating new database session session=b\n"
      "\xff\xc3( Creating new data\0base session\n" /* no such text */
      "\xff\xfe\x80 Creating new database session session=c\n"
      "{\"text\": \"Closing database session session=a\", \"record\": "
      "{\"message\": \"Closing database session session=a\"}}\n"
      "Jan 31 10:00:00 host app: message repeated 2 times: [ Database session "
      "error session=b]\n"
      "Closing websocket session\nclosing database session\n"
      "  File \"x.py\", in Error: error\n";
  struct log_monitor *monitor = open_monitor(0);
  FILE *file = fopen(log_path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, sizeof(bytes) - 1, file),
                   sizeof(bytes) - 1);
  assert_int_equal(fclose(file), 0);
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "total_sessions-opened"), 3, 0);
  assert_float_equal(value(monitor, 1, "total_sessions-closed"), 1, 0);
  assert_float_equal(value(monitor, 1, "total_sessions-failed"), 2, 0);
  assert_float_equal(value(monitor, 1, "errors"), 0, 0);
  assert_float_equal(value(monitor, 1, "derive-lines"), 9, 0);
  log_monitor_free(monitor);
}

/* 15 KB with the text three times, in more than one block of the search. */
static void a_long_line_counts_once(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  static char line[15001];
  memset(line, 'x', sizeof(line) - 1);
  for (size_t at = 40; at < sizeof(line); at += 6000) {
    memcpy(line + at, opened, strlen(opened));
  }
  write_log(line);
  write_log("\n");
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "total_sessions-opened"), 1, 0);
  log_monitor_free(monitor);
}

static void a_repeated_error_counts_as_often(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  write_log("Jan 31 10:00:00 host app: ERROR refused\n"
            "Jan 31 10:00:09 host app: message repeated 11 times: [ ERROR "
            "refused]\n");
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "errors"), 12, 0);
  log_monitor_free(monitor);
}

/* Of one worker, then of all. */
static void a_restart_ends_sessions(void **state) {
  (void)state;
  char restart[] = "worker \\w+|Application startup complete";
  options.pid = pid;
  options.restart = restart;
  struct log_monitor *monitor = open_monitor(0);
  write_log("INFO Creating new database session session=a pid=1\n"
            "INFO Creating new database session session=b pid=1\n"
            "INFO Creating new database session session=a pid=2\n"
            "INFO worker boots pid=1\n"
            "INFO Creating new database session session=a pid=1\n");
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "current_sessions-open"), 2, 0);
  assert_float_equal(value(monitor, 1, "total_sessions-dropped"), 2, 0);
  write_log("INFO Application startup complete\n");
  poll_and_save(monitor, 2);
  assert_float_equal(value(monitor, 2, "current_sessions-open"), 0, 0);
  assert_float_equal(value(monitor, 2, "total_sessions-dropped"), 4, 0);
  log_monitor_free(monitor);
  options.pid = NULL;
  options.restart = NULL;
}

static void what_the_table_cannot_hold_is_counted(void **state) {
  (void)state;
  options.sessions.sessions_max = 2;
  struct log_monitor *monitor = open_monitor(0);
  for (int i = 0; i < 5; i++) {
    char line[128];
    (void)snprintf(line, sizeof(line), "%s session=s%d\n", opened, i);
    write_log(line);
  }
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "total_sessions-untracked"), 3, 0);
  assert_float_equal(value(monitor, 1, "current_sessions-open"), 5, 0);
  poll_and_save(monitor, 1802);
  assert_float_equal(value(monitor, 1802, "current_sessions-leaked"), 2, 0);
  log_monitor_free(monitor);
  options.sessions.sessions_max = 1000;
}

/* Slow in each option that may be a regex: logged once, each line counted. */
static void a_pattern_that_backtracks_is_stopped_and_logged(void **state) {
  (void)state;
  char slow[] = "slow(a+)+[bc]";
  char slow_session[] = "id=(a+)+[bc]";
  char line[5000];
  memset(line, 'a', sizeof(line));
  memcpy(line, "slow", 4);
  line[sizeof(line) - 2] = '\n';
  line[sizeof(line) - 1] = '\0';
  options.error = slow;
  options.session = slow_session;
  struct log_monitor *monitor = open_monitor(0);
  write_log(line);
  write_log("slowab\n");
  poll_and_save(monitor, 1);
  assert_float_equal(value(monitor, 1, "errors"), 1, 0);
  assert_float_equal(value(monitor, 1, "derive-match_limit"), 1, 0);
  assert_string_equal(logged,
                      "log \"trading\": Error: the search of a line was "
                      "stopped, 1 so far: the pattern backtracks too "
                      "much; such a line counts as no match\n");
  logged[0] = '\0';
  memcpy(line, "id=a", 4);
  write_log("Creating new database session ");
  write_log(line);
  poll_and_save(monitor, 2);
  assert_float_equal(value(monitor, 2, "total_sessions-opened"), 1, 0);
  assert_float_equal(value(monitor, 2, "derive-match_limit"), 2, 0);
  assert_string_equal(logged, ""); /* again in an hour */
  write_log("Creating new database session ");
  write_log(line);
  poll_and_save(monitor, 3602);
  assert_non_null(
      strstr(logged, "Session: the search of a line was stopped, 3"));
  log_monitor_free(monitor);
  options.error = NULL;
  options.session = session;
}

/* Of what was counted, announced or published nothing is left. */
static void a_reset_makes_it_new(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  struct tail_time now = moment_at(1);
  write_log("QueuePool limit of size 5 overflow 0 reached\n"
            "ERROR refused\n"
            "INFO Creating new database session session=a\n");
  assert_int_equal(log_monitor_poll(monitor, &now), 0); /* not sent */
  assert_true(log_monitor_has_new_alarm(monitor));
  (void)value(monitor, 1, "errors"); /* published */
  assert_int_equal(log_monitor_reset(monitor), 0);
  struct notification_list notifications;
  log_monitor_take_notifications(monitor, &notifications);
  assert_null(notifications.first);
  assert_float_equal(value(monitor, 1, "errors"), 0, 0);
  assert_float_equal(value(monitor, 1, "total_sessions-timed_out"), 0, 0);
  assert_float_equal(value(monitor, 1, "current_sessions-open"), 0, 0);
  /* The same lines once more: notified and alarming as for the first time. */
  poll_and_save(monitor, 2);
  assert_non_null(strstr(notified, "pool_size 5; max_overflow 0; timeout 0"));
  assert_true(log_monitor_has_new_alarm(monitor));
  assert_float_equal(value(monitor, 2, "errors"), 1, 0);
  log_monitor_free(monitor);
}

/* Lines of an hour ago are counted, and make no rate. */
static void a_catch_up_makes_no_spike(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  for (int minute = 0; minute < 60; minute++) {
    char line[128];
    time_t at = START_NS / 1000000000 + minute * 60;
    struct tm utc;
    (void)gmtime_r(&at, &utc);
    (void)strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ERROR refused\n",
                   &utc);
    write_log(line);
  }
  poll_and_save(monitor, 3600);
  assert_float_equal(value(monitor, 3600, "errors"), 60, 0);
  assert_in_range(value(monitor, 3600, "log_rate-errors"), 0, 1);
  log_monitor_free(monitor);
}

/* 900 sessions become leaks at once. */
static void leaks_are_notified_at_most_so_often(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  for (int i = 0; i < 900; i++) {
    char line[128];
    (void)snprintf(line, sizeof(line),
                   "INFO Creating new database session session=s%d\n", i);
    write_log(line);
  }
  poll_and_save(monitor, 1);
  notifications_len = 0;
  poll_and_save(monitor, 1802);
  assert_int_equal(notifications_len, 7);
  assert_string_equal(
      notified, "current_sessions-leaked: log \"trading\": 894 more sessions "
                "have become leaks; at most 6 a minute are notified one by "
                "one; further 894");
  assert_float_equal(value(monitor, 1802, "current_sessions-leaked"), 900, 0);
  write_log("INFO Creating new database session session=late\n");
  poll_and_save(monitor, 1810);
  poll_and_save(monitor, 1810 + 1801);
  assert_int_equal(notifications_len, 8); /* another minute */
  log_monitor_free(monitor);
  options.leak_notifications_per_minute = 0;
  monitor = open_monitor(3700);
  write_log("INFO Creating new database session session=silent\n");
  poll_and_save(monitor, 3701);
  poll_and_save(monitor, 3701 + 1801);
  assert_int_equal(notifications_len, 8);
  log_monitor_free(monitor);
  options.leak_notifications_per_minute = 6;
}

/* The clock is wrong by OFF seconds from MONO on. */
static void poll_off(struct log_monitor *monitor, int64_t mono, int64_t off) {
  struct tail_time now = moment_at(mono);
  now.wall_ns += off * 1000000000;
  assert_int_equal(log_monitor_poll(monitor, &now), 0);
  save_state(monitor, &now);
}

#define TEN_YEARS (INT64_C(10) * 365 * 86400)

/* A clock that is wrong for a time neither hides a leak nor makes one up. */
static void a_wrong_clock_hides_no_leak(void **state) {
  (void)state;
  static const int64_t offs[] = {TEN_YEARS, -TEN_YEARS};
  for (size_t i = 0; i < 2; i++) {
    struct log_monitor *monitor = open_monitor(0);
    write_log("INFO Creating new database session session=before\n"
              "INFO Database session error session=before\n");
    poll_and_save(monitor, 10);
    poll_off(monitor, 20, offs[i]);
    write_log("INFO Creating new database session session=during\n");
    poll_off(monitor, 30, offs[i]);
    assert_float_equal(value(monitor, 30, "current_sessions-open"), 2, 0);
    assert_float_equal(value(monitor, 30, "current_sessions-leaked"), 0, 0);
    assert_float_equal(value(monitor, 30, "total_sessions-dropped"), 0, 0);
    poll_and_save(monitor, 40);
    write_log("INFO Creating new database session session=after\n");
    poll_and_save(monitor, 50);
    assert_float_equal(
        value(monitor, 50, "current_sessions-unclosed_after_error"), 1, 0);
    poll_and_save(monitor, 10 + 1801);
    assert_float_equal(value(monitor, 1811, "current_sessions-leaked"), 1, 0);
    poll_and_save(monitor, 30 + 1801);
    assert_float_equal(value(monitor, 1831, "current_sessions-leaked"), 2, 0);
    poll_and_save(monitor, 50 + 1801);
    assert_float_equal(value(monitor, 1851, "current_sessions-leaked"), 3, 0);
    log_monitor_free(monitor);
    assert_int_equal(unlink(state_path), 0);
    assert_int_equal(truncate(log_path, 0), 0);
  }
}

/* The state was saved while the clock was ten years ahead. */
static void a_wrong_clock_before_a_restart_hides_no_leak(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  poll_off(monitor, 0, TEN_YEARS);
  write_log("INFO Creating new database session session=a\n"
            "INFO Creating new database session session=b\n");
  poll_off(monitor, 10, TEN_YEARS);
  log_monitor_free(monitor);
  monitor = open_monitor(20);
  poll_and_save(monitor, 20);
  write_log("INFO Closing database session session=b\n"
            "INFO Creating new database session session=c\n");
  poll_and_save(monitor, 30);
  assert_float_equal(value(monitor, 30, "current_sessions-open"), 2, 0);
  poll_and_save(monitor, 30 + 1801);
  assert_float_equal(value(monitor, 1831, "current_sessions-leaked"), 2, 0);
  log_monitor_free(monitor);
}

/* The low-water mark of sessions without a name. */
static void a_wrong_clock_hides_no_trend(void **state) {
  (void)state;
  options.session = NULL;
  struct log_monitor *monitor = open_monitor(0);
  poll_and_save(monitor, 10);
  poll_off(monitor, 20, TEN_YEARS);
  for (int64_t seconds = 30; seconds < 7 * 600; seconds += 60) {
    write_log("INFO Creating new database session\n");
    poll_and_save(monitor, seconds);
  }
  assert_true(value(monitor, 7 * 600, "current_sessions-leaked") >= 10);
  log_monitor_free(monitor);
  options.session = session;
}

#define TEST(function)                                                         \
  cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static double count_of(struct log_monitor *monitor, const char *text,
                       const char *wanted) {
  write_log(text);
  poll_and_save(monitor, 1);
  return value(monitor, 1, wanted);
}

/* Of Python and of Java, while the server is full. */
static void one_failure_is_one_error(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  assert_float_equal(
      count_of(
          monitor,
          "2026-11-30 14:00:00,123 - app - ERROR - Database session error\n"
          "Traceback (most recent call last):\n"
          "  File \"/srv/app/db.py\", line 7, in get_db\n"
          "psycopg2.OperationalError: connection to server at \"db\" failed: "
          "FATAL:  remaining connection slots are reserved\n"
          "\n"
          "The above exception was the direct cause of the following "
          "exception:\n"
          "\n"
          "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) FATAL: "
          " remaining connection slots are reserved\n"
          "2026-11-30 14:00:00.000 ERROR 7 --- [main] c.e.App : boom\n"
          "org.springframework.dao.DataIntegrityViolationException: nested "
          "exception is org.postgresql.util.PSQLException: ERROR: duplicate\n"
          "\tat a.b.C(D.java:1)\n"
          "Caused by: org.postgresql.util.PSQLException: ERROR: duplicate\n",
          "errors"),
      2, 0);
  log_monitor_free(monitor);
}

/* With a pattern of one's own, too: the lines of a traceback match it. */
static void one_failure_is_one_error_of_a_pattern(void **state) {
  (void)state;
  char error[] = "ERROR|FATAL";
  options.error = error;
  struct log_monitor *monitor = open_monitor(0);
  assert_float_equal(count_of(monitor,
                              "2026-11-30 14:00:00 ERROR failed\n"
                              "OperationalError: FATAL: too many clients\n"
                              "OperationalError: FATAL: too many clients\n"
                              "2026-11-30 14:00:01 ERROR failed\n",
                              "errors"),
                     2, 0);
  log_monitor_free(monitor);
  options.error = NULL;
}

static void one_timeout_of_one_caller_counts_once(void **state) {
  (void)state;
  struct log_monitor *monitor = open_monitor(0);
  static const char text[] =
      "2026-11-30 14:00:01,123 - app - ERROR - failed: QueuePool limit of size "
      "10 overflow 20 reached\n"
      "Traceback (most recent call last):\n"
      "  File \"/srv/app/db.py\", line 9, in get_db\n"
      "sqlalchemy.exc.TimeoutError: QueuePool limit of size 10 overflow 20\n";
  assert_float_equal(count_of(monitor, text, "total_sessions-timed_out"), 1, 0);
  assert_float_equal(count_of(monitor, text, "total_sessions-timed_out"), 2, 0);
  /* Read apart from its record, and without any record. */
  assert_float_equal(count_of(monitor,
                              "TimeoutError: QueuePool limit of size 10\n",
                              "total_sessions-timed_out"),
                     2, 0);
  log_monitor_free(monitor);
}

/* The formats are a table. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* Twenty errors in the three hours before the plugin starts. */
static void write_backlog(const char *format, bool is_traceback) {
  for (int64_t t = -10800; t < 0; t += 540) {
    char line[256];
    time_t at = (time_t)(START_NS / 1000000000 + t);
    struct tm civil;
    assert_non_null(gmtime_r(&at, &civil));
    assert_true(strftime(line, sizeof(line), format, &civil) > 0);
    write_log(line);
    write_log(is_traceback ? "\nOperationalError: FATAL:  sorry\nx: ERROR: y\n"
                           : "\n");
  }
}

#pragma GCC diagnostic pop

static void a_backlog_is_no_burst(void **state) {
  (void)state;
  static const char *const formats[] = {
      "%Y-%m-%d %H:%M:%S,123 - app - ERROR - failed",
      "ERROR %Y-%m-%d %H:%M:%S,123 views 12 140 failed",
      "[%a %b %d %H:%M:%S.123456 %Y] [core:error] [pid 7] failed",
      "E%m%d %H:%M:%S.123456 7 main.go:12] failed",
      "%s.123 ERROR app failed",
      "%d.%m.%Y %H:%M:%S ERROR failed",
      "%m/%d/%Y %I:%M:%S %p ERROR failed",
      "%H:%M:%S ERROR failed",
      "%H:%M:%S.123 [main] ERROR app - failed",
      "{\"level\":50,\"time\":%s123,\"msg\":\"x\"}",
      "[%d/%b/%Y %H:%M:%S] ERROR [django] failed",
      "<11>%b %d %H:%M:%S host app[12]: failed",
      "%b %d, %Y %I:%M:%S %p com.example.App main\nSEVERE: failed",
  };
  static char zone[] = "TZ=UTC";
  assert_int_equal(putenv(zone), 0);
  tzset();
  for (size_t i = 0; i < 2 * sizeof(formats) / sizeof(formats[0]); i++) {
    (void)unlink(log_path);
    write_backlog(formats[i / 2], i % 2 == 1);
    struct log_monitor *monitor = open_monitor(0);
    struct tail_time now = moment_at(1);
    assert_int_equal(log_monitor_poll(monitor, &now), 0);
    double peak = value(monitor, 1, "log_rate-errors");
    double errors = value(monitor, 1, "errors");
    log_monitor_free(monitor);
    if (peak > 1 || errors < 20 || errors > 20) {
      fail_msg("%s: %g a minute, %g errors", formats[i / 2], peak, errors);
    }
  }
}

/* No time can be read: the file's own times bound it. */
static void a_backlog_without_times_is_no_burst(void **state) {
  (void)state;
  static const int64_t now_s = START_NS / 1000000000;
  write_log("INFO started\n");
  struct timespec times[2] = {{.tv_sec = now_s - 10800},
                              {.tv_sec = now_s - 10800}};
  assert_int_equal(utimensat(AT_FDCWD, log_path, times, 0), 0);
  struct log_monitor *monitor = open_monitor(-10790);
  poll_and_save(monitor, -10790);
  log_monitor_free(monitor);
  for (int i = 0; i < 20; i++) {
    write_log("ERROR: payment failed\nTraceback (most recent call last):\n");
  }
  times[0].tv_sec = times[1].tv_sec = now_s - 5;
  assert_int_equal(utimensat(AT_FDCWD, log_path, times, 0), 0);
  monitor = open_monitor(0);
  poll_and_save(monitor, 0);
  assert_float_equal(value(monitor, 0, "errors"), 20, 0);
  assert_in_range((int64_t)value(monitor, 0, "log_rate-errors"), 0, 1);
  log_monitor_free(monitor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_leak_is_notified_with_its_file),
      TEST(a_leak_is_notified_with_the_right_file_of_several),
      TEST(an_exhausted_pool_is_notified_with_its_numbers),
      TEST(normal_abnormal_and_leak_are_distinguished),
      TEST(the_patterns_are_distinguished_without_names),
      TEST(lines_of_every_form_are_counted),
      TEST(a_long_line_counts_once),
      TEST(a_repeated_error_counts_as_often),
      TEST(a_restart_ends_sessions),
      TEST(what_the_table_cannot_hold_is_counted),
      TEST(a_pattern_that_backtracks_is_stopped_and_logged),
      TEST(a_reset_makes_it_new),
      TEST(a_catch_up_makes_no_spike),
      TEST(leaks_are_notified_at_most_so_often),
      TEST(a_wrong_clock_hides_no_leak),
      TEST(a_wrong_clock_before_a_restart_hides_no_leak),
      TEST(a_wrong_clock_hides_no_trend),
      TEST(one_failure_is_one_error),
      TEST(one_failure_is_one_error_of_a_pattern),
      TEST(one_timeout_of_one_caller_counts_once),
      TEST(a_backlog_is_no_burst),
      TEST(a_backlog_without_times_is_no_burst),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
