/* SPDX-License-Identifier: MIT */
/* lines: the time and the level of a line (line_fields). */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_log/match/matcher.h"

#define NOW 1706695200 /* 2024-01-31 10:00:00 UTC */

static int read_time(struct line_reader *reader, const char *line, size_t bytes,
                     int64_t now_s, int64_t *ret_s) {
  struct line_fields fields;
  reader->now_s = now_s;
  line_fields_read(reader, line, bytes, &fields);
  *ret_s = fields.at_s;
  return fields.has_time ? 0 : -ENOENT;
}

static void reads_the_time_of_a_line(void **state) {
  (void)state;
  static const struct {
    const char *line;
    int64_t wanted; /* less NOW; 1: none */
  } cases[] = {
      {"2024-01-31 10:00:00,123 INFO x", 0},
      {"2024-01-31 10:00:00.123 | INFO     | x", 0},
      {"[2024-01-31 10:00:00 +0000] [7] [INFO] gunicorn", 0},
      {"[2024-01-31 11:00:00 +0100] [7] [INFO] gunicorn", 0},
      {"2024-01-31T10:00:00Z x", 0},
      {"2024-01-31T10:00:00.123456789Z x", 0},
      {"2024-01-31T15:30:00+05:30 x", 0},
      {"2024-01-31T03:00:00.5-07:00 x", 0},
      {"2024/01/31 09:59:59 [error] nginx", -1},
      {"2024-02-29 10:00:00 x", 29 * 86400},
      {"Jan 31 09:00:00 host app: x", -3600},
      {"<13>Jan 31 09:00:00 host app: x", -3600},
      {"Dec 31 10:00:00 host app: x", -31 * 86400},
      {"Feb  1 10:00:00 host app: x", 86400},
      {"<34>1 2024-01-31T10:00:00.003Z host app - - x", 0},
      {"{\"timestamp\": \"2024-01-31T10:00:00Z\", \"level\": \"x\"}", 0},
      {"{\"level\":\"x\",\"ts\":1706695200.25}", 0},
      {"{\"level\":50,\"time\":1706695200250,\"pid\":1}", 0},
      {"{\"asctime\": \"2024-01-31 10:00:00,123\"}", 0},
      {"\xef\xbb\xbf"
       "2024-01-31 10:00:00 BOM",
       0},
      {"no time here", 1},
      {"2024-13-31 10:00:00 x", 1},
      {"2024-01-31 25:00:00 x", 1},
      {"2024-01-31", 1},
      {"{\"time\": \"\"}", 1},
      {"{\"time\":", 1},
      {"<34>", 1},
      {"Jan", 1},
      {"", 1},
  };
  struct line_reader reader = {.now_s = NOW};
  for (int round = 0; round < 2; round++) { /* the cache must not matter */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
      int64_t at_s = 0;
      size_t bytes = strlen(cases[i].line);
      char *line = malloc(bytes + 1); /* no byte more: for the sanitizer */
      assert_non_null(line);
      memcpy(line, cases[i].line, bytes);
      int code = read_time(&reader, line, bytes, NOW, &at_s);
      free(line);
      assert_int_equal(code, cases[i].wanted == 1 ? -ENOENT : 0);
      if (code == 0) {
        assert_int_equal(at_s - NOW, cases[i].wanted);
      }
    }
  }
}

static void one_second_in_two_zones(void **state) {
  (void)state;
  struct line_reader reader = {.now_s = NOW};
  int64_t at_s = 0;
  static const char *const lines[] = {"2024-01-31T10:00:00.123Z some words",
                                      "2024-01-31T10:00:00.123+01:00 words"};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(
        read_time(&reader, lines[i % 2], strlen(lines[i % 2]), NOW, &at_s), 0);
    assert_int_equal(at_s - NOW, i % 2 == 0 ? 0 : -3600);
  }
}

/* What was read last must serve no other second. */
static void seconds_that_follow_one_another(void **state) {
  (void)state;
  static const struct {
    const char *head, *tail;
  } forms[] = {{"", ",123 INFO words"},
               {"{\"time\": \"", ",123\", \"level\": \"info\"}"},
               {"[", " +0000] [7] words"}};
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    struct line_reader reader = {.now_s = NOW};
    for (int second = 0; second < 20; second++) {
      char line[128];
      int64_t at_s = 0;
      (void)snprintf(line, sizeof(line), "%s2024-01-31 10:00:%02d%s",
                     forms[i].head, second / 2, forms[i].tail); /* each twice */
      assert_int_equal(read_time(&reader, line, strlen(line), NOW, &at_s), 0);
      assert_int_equal(at_s - NOW, second / 2);
    }
  }
}

static void local_time_is_local(void **state) {
  (void)state;
  struct line_reader reader = {.now_s = NOW};
  for (int64_t t = NOW; t < NOW + 400 * 86400; t += 7 * 3600 + 13) {
    char line[64];
    struct tm local;
    time_t when = (time_t)t;
    int64_t at_s = 0;
    assert_non_null(localtime_r(&when, &local));
    assert_true(strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S,000 INFO x",
                         &local) > 0);
    assert_int_equal(read_time(&reader, line, strlen(line), t, &at_s), 0);
    /* When the clock is set back one hour comes twice: the first is meant. */
    bool is_second = local.tm_hour == 2 && !local.tm_isdst &&
                     local.tm_mon == 9 && local.tm_mday == 27;
    assert_int_equal(at_s, is_second ? t - 3600 : t);
  }
}

/* In the spring 02:00 is 03:00, in the autumn 03:00 is 02:00 once more. */
static void changes_of_the_clock(void **state) {
  (void)state;
  static const struct {
    const char *line;
    int64_t wanted;
  } cases[] = {
      {"2024-03-31 01:59:59 x", 1711846799}, /* 00:59:59 UTC */
      {"2024-03-31 02:00:00 x", 1711846800}, /* never: 01:00 UTC, as before */
      {"2024-03-31 02:30:00 x", 1711848600},
      {"2024-03-31 03:00:00 x", 1711846800},
      {"2024-03-31 03:30:00 x", 1711848600},
      {"2024-10-27 01:59:59 x", 1729987199}, /* 23:59:59 UTC */
      {"2024-10-27 02:00:00 x", 1729987200}, /* twice: the first */
      {"2024-10-27 02:59:59 x", 1729990799},
      {"2024-10-27 03:00:00 x", 1729994400}, /* 02:00 UTC */
  };
  struct line_reader reader = {.now_s = NOW};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    int64_t at_s = 0;
    assert_int_equal(
        read_time(&reader, cases[i].line, strlen(cases[i].line), NOW, &at_s),
        0);
    assert_int_equal(at_s, cases[i].wanted);
  }
}

/* As the system's zone is found where TZ is not set: a file of rules. */
static void a_zone_from_a_file(void **state) {
  (void)state;
  if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
    skip(); /* no zone files here: NOT tested */
  }
  local_time_is_local(state);
  changes_of_the_clock(state);
}

/* Whatever zone this machine has: reading a time gives the time back. */
static void the_zone_of_the_system(void **state) {
  (void)state;
  struct line_reader reader = {.now_s = NOW};
  for (int64_t t = NOW; t < NOW + 400 * 86400; t += 86400) {
    char line[64];
    struct tm local;
    time_t when = (time_t)t;
    int64_t at_s = 0;
    assert_non_null(localtime_r(&when, &local));
    assert_true(strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S x", &local) >
                0);
    assert_int_equal(read_time(&reader, line, strlen(line), t, &at_s), 0);
    assert_int_equal(at_s, t);
  }
}

static void knows_the_level_of_a_line(void **state) {
  (void)state;
  static const struct {
    const char *line;
    bool is_error;
  } cases[] = {
      {"2024-01-31 10:00:00 ERROR app: x", true},
      {"2024-01-31 10:00:00 CRITICAL app: x", true},
      {"2024-01-31 10:00:00 INFO app: no ERROR found", false},
      {"2024-01-31 10:00:00 WARNING app: ERROR was the last level", false},
      {"ERROR:app.db:x", true},
      {"ValueError: x", false},
      {"Traceback: Error in line 3", false},
      {"2024/01/31 10:00:00 [error] 7#7: *1 x", true},
      {"2024/01/31 10:00:00 [crit] x", true},
      {"time=2024 level=error msg=x", true},
      {"time=2024 level=info msg=\"an error: ERROR\"", false},
      {"2024-01-31 UTC FATAL:  sorry, too many clients", true},
      {"{\"level\": \"error\", \"msg\": \"x\"}", true},
      {"{\"level\":\"INFO\",\"msg\":\"ERROR\"}", false},
      {"{\"msg\":\"x\",\"levelname\":\"CRITICAL\"}", true},
      {"{\"severity\":\"ERROR\"}", true},
      {"{\"level\":50,\"msg\":\"x\"}", true},
      {"{\"level\":30,\"msg\":\"x ERROR\"}", false},
      {"{\"text\": \"ERROR\", \"record\": {\"level\": {\"icon\": \"x\", "
       "\"name\": \"INFO\", \"no\": 20}}}",
       false},
      {"{\"text\": \"x\", \"record\": {\"level\": {\"name\": \"ERROR\"}}}",
       true},
      {"{\"level\":", false},
      {"{\"level\"", false},
      {"{", false},
      {"", false},
      {"ERRORS: 3", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    size_t bytes = strlen(cases[i].line);
    char *line = malloc(bytes + 1);
    assert_non_null(line);
    memcpy(line, cases[i].line, bytes);
    struct line_reader reader = {.now_s = NOW};
    struct line_fields fields;
    line_fields_read(&reader, line, bytes, &fields);
    bool is_error = fields.level == LEVEL_ERROR;
    free(line);
    if (is_error != cases[i].is_error) {
      fail_msg("%s", cases[i].line);
    }
  }
}

static int use_utc(void **state) {
  (void)state;
  static char zone[] = "TZ=UTC";
  return putenv(zone) == 0 ? (tzset(), 0) : -1;
}

static int use_berlin(void **state) {
  (void)state;
  static char zone[] = "TZ=CET-1CEST,M3.5.0,M10.5.0/3";
  return putenv(zone) == 0 ? (tzset(), 0) : -1;
}

static int use_berlin_file(void **state) {
  (void)state;
  static char zone[] = "TZ=:Europe/Berlin";
  return putenv(zone) == 0 ? (tzset(), 0) : -1;
}

static int use_system(void **state) {
  (void)state;
  return unsetenv("TZ") == 0 ? (tzset(), 0) : -1;
}

static void counts_repetitions_in_the_form_of_syslog_only(void **state) {
  (void)state;
  static const struct {
    const char *line;
    uint32_t wanted;
  } cases[] = {
      {"Jan 31 10:00:00 host app: message repeated 5 times: [ ERROR x]", 5},
      {"Feb  1 10:00:00 host app[12]: message repeated 5 times: [ x]", 5},
      {"<13>Feb  1 10:00:00 h a/b: message repeated 5 times: [x]", 5},
      {"2024-01-31T10:00:00.1+01:00 h app: message repeated 9 times: [x]", 9},
      {"Jan 31 10:00:00 host app: message repeated 10000 times: [ x]", 10000},
      {"Jan 31 10:00:00 host app: message repeated 10001 times: [ x]", 1},
      {"Jan 31 10:00:00 host app: message repeated 4294967297 times: [ x]", 1},
      {"Jan 31 10:00:00 host app: message repeated 0 times: [ x]", 1},
      {"Jan 31 10:00:00 host app: message repeated -5 times: [ x]", 1},
      {"Jan 31 10:00:00 host app: message repeated 5 times: [ x", 1},
      {"Jan 31 10:00:00 host app: message repeated 5 times: x]", 1},
      {"Jan 31 10:00:00 host app: message repeated 5 times", 1},
      {"Jan 31 10:00:00 host app: message repeated ", 1},
      {"Jan 31 10:00:00 host app: q: message repeated 5 times: [ x]", 1},
      {"Jan 31 10:00:00 host message repeated 5 times: [ x]", 1},
      {"ERROR app: no page \"/?q=message repeated 1000000 times\"", 1},
      {"ERROR app: message repeated 1000 times: [ x]", 1},
      {"2024-01-31 10:00:00 ERROR app: message repeated 9 times: [ x]", 1},
      {"2024-01-31 10:00:00,123 app: message repeated 9 times: [ x]", 1},
      {"message repeated 5 times: [ x]", 1},
      {"", 1},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_int_equal(
        line_repetitions_parse(cases[i].line, strlen(cases[i].line)),
        cases[i].wanted);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(reads_the_time_of_a_line, use_utc),
      cmocka_unit_test_setup(one_second_in_two_zones, use_utc),
      cmocka_unit_test_setup(seconds_that_follow_one_another, use_utc),
      cmocka_unit_test_setup(local_time_is_local, use_berlin),
      cmocka_unit_test_setup(changes_of_the_clock, use_berlin),
      cmocka_unit_test_setup(a_zone_from_a_file, use_berlin_file),
      cmocka_unit_test_setup(the_zone_of_the_system, use_system),
      cmocka_unit_test(knows_the_level_of_a_line),
      cmocka_unit_test(counts_repetitions_in_the_form_of_syslog_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
