/* SPDX-License-Identifier: MIT */
/* silence: what is covered and for how long, bounds, and the file over a
 * restart. */
#include "draw.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/file_util.h"
#include "resource_alert/alerts/silence.h"
#include "support/failing.h"

#define NOW_MS INT64_C(1700000000000)
#define HOUR_MS 3600000
#define ROUNDS 200

struct fixture {
  char directory[64];
  char path[128];
  char said[LOG_LINE_BYTES];
  struct log_sink log;
};

static void say(void *context, enum log_level level, const char *line) {
  (void)level;
  struct fixture *fixture = context;
  (void)snprintf(fixture->said, sizeof(fixture->said), "%s", line);
}

static int setup(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  assert_non_null(fixture);
  (void)snprintf(fixture->directory, sizeof(fixture->directory),
                 "/tmp/test_silence.XXXXXX");
  assert_non_null(mkdtemp(fixture->directory));
  (void)snprintf(fixture->path, sizeof(fixture->path), "%s/silences.jsonl",
                 fixture->directory);
  fixture->log = (struct log_sink){.write = say, .context = fixture};
  *state = fixture;
  return 0;
}

static int teardown(void **state) {
  struct fixture *fixture = *state;
  char command[256];
  (void)snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
  int code = system(command);
  free(fixture);
  return code;
}

static struct silences *open_silences_at(struct fixture *fixture,
                                         int64_t now_ms) {
  struct silences *silences = NULL;
  struct error error = {{0}};
  assert_int_equal(
      silences_open(fixture->path, now_ms, &fixture->log, &silences, &error),
      0);
  return silences;
}

static struct silences *open_silences(struct fixture *fixture) {
  return open_silences_at(fixture, NOW_MS);
}

static int add(struct silences *silences, const char *pattern, int64_t until_ms,
               struct error *error) {
  const struct silence_request request = {.pattern = pattern,
                                          .until_ms = until_ms,
                                          .who = "anna",
                                          .comment = "changing disks"};
  return silences_add(silences, &request, NOW_MS, error);
}

static void must_add(struct silences *silences, const char *pattern,
                     int64_t until_ms) {
  struct error error = {{0}};
  assert_int_equal(add(silences, pattern, until_ms, &error), 0);
}

static void test_a_pattern_covers_rules_and_series(void **state) {
  struct silences *silences = open_silences(*state);
  must_add(silences, "pool_*", NOW_MS + HOUR_MS);
  must_add(silences, "web1/*", NOW_MS + HOUR_MS);
  assert_true(silences_cover(silences, "pool_used", "web2/x/y", NOW_MS));
  assert_true(silences_cover(silences, "cpu", "web1/x/y", NOW_MS));
  assert_false(silences_cover(silences, "cpu", "web2/x/y", NOW_MS));
  assert_false(silences_cover(silences, "cpu", "", NOW_MS));
  assert_false(silences_cover(NULL, "pool_used", "", NOW_MS));
  silences_close(silences);
}

static void test_it_ends_by_itself(void **state) {
  struct silences *silences = open_silences(*state);
  must_add(silences, "cpu", NOW_MS + HOUR_MS);
  assert_true(silences_cover(silences, "cpu", "", NOW_MS + HOUR_MS - 1));
  assert_false(silences_cover(silences, "cpu", "", NOW_MS + HOUR_MS));
  json_t *all = silences_to_json(silences, NOW_MS + HOUR_MS);
  assert_int_equal(json_array_size(all), 0);
  json_decref(all);
  silences_close(silences);
}

static void test_a_second_one_of_that_pattern_replaces_the_first(void **state) {
  struct silences *silences = open_silences(*state);
  must_add(silences, "cpu", NOW_MS + HOUR_MS);
  must_add(silences, "cpu", NOW_MS + 2 * HOUR_MS);
  json_t *all = silences_to_json(silences, NOW_MS);
  assert_int_equal(json_array_size(all), 1);
  assert_true(silences_cover(silences, "cpu", "", NOW_MS + HOUR_MS));
  json_decref(all);
  silences_close(silences);
}

static void test_it_can_be_ended(void **state) {
  struct silences *silences = open_silences(*state);
  struct error error = {{0}};
  must_add(silences, "cpu", NOW_MS + HOUR_MS);
  assert_int_equal(silences_remove(silences, "cpu", NOW_MS, &error), 0);
  assert_false(silences_cover(silences, "cpu", "", NOW_MS));
  assert_int_equal(silences_remove(silences, "cpu", NOW_MS, &error), -ENOENT);
  assert_string_equal(error.text, "there is no silence for \"cpu\"");
  silences_close(silences);
}

static void test_what_is_refused(void **state) {
  struct silences *silences = open_silences(*state);
  struct error error = {{0}};
  char longest[600];
  memset(longest, 'x', sizeof(longest) - 1);
  longest[sizeof(longest) - 1] = '\0';
  assert_int_equal(add(silences, "", NOW_MS + 1, &error), -EINVAL);
  assert_int_equal(add(silences, longest, NOW_MS + 1, &error), -EINVAL);
  assert_int_equal(add(silences, "[a", NOW_MS + 1, &error), -EINVAL);
  assert_int_equal(add(silences, "cpu", NOW_MS, &error), -EINVAL);
  assert_string_equal(error.text, "the silence's end is in the past");
  silences_close(silences);
}

static void test_there_is_a_bound_and_past_ones_make_room(void **state) {
  struct fixture *fixture = *state;
  struct silences *silences = NULL;
  struct error error = {{0}};
  assert_int_equal(
      silences_open(NULL, NOW_MS, &fixture->log, &silences, &error), 0);
  char name[32];
  for (int i = 0; i < SILENCES_MAX; i++) {
    (void)snprintf(name, sizeof(name), "rule%d", i);
    must_add(silences, name, NOW_MS + (i == 7 ? 1 : HOUR_MS));
  }
  assert_int_equal(add(silences, "one more", NOW_MS + 1, &error), -ENOSPC);
  assert_string_equal(error.text,
                      "the limit of 256 silences is reached; end one first");
  const struct silence_request later = {"later", NOW_MS + HOUR_MS, "anna", ""};
  assert_int_equal(silences_add(silences, &later, NOW_MS + 1, &error), 0);
  assert_true(silences_cover(silences, "rule255", "", NOW_MS + 1));
  silences_close(silences);
}

static void test_it_is_kept_over_a_restart(void **state) {
  struct silences *silences = open_silences(*state);
  must_add(silences, "cpu", NOW_MS + HOUR_MS);
  must_add(silences, "memory", NOW_MS + 1);
  silences_close(silences);
  silences = open_silences(*state);
  json_t *all = silences_to_json(silences, NOW_MS + 1);
  char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
  assert_string_equal(text, "[{\"comment\":\"changing disks\",\"name\":\"cpu\","
                            "\"until\":1700003600.0,\"who\":\"anna\"}]");
  free(text);
  json_decref(all);
  silences_close(silences);
}

static void write_file(const struct fixture *fixture, const char *text) {
  assert_int_equal(
      file_replace(fixture->path, text, strlen(text), 0600, false, NULL), 0);
}

#define HEAD "{\"format\":\"resource_alert silences\",\"version\":1}\n"
#define LINE(name)                                                             \
  "{\"name\":\"" name "\",\"until\":1700003600,\"who\":\"\",\"comment\":\"\"}" \
  "\n"

/* ---- anything that can be saved ---- */

/* Any bytes of any length. */
static void draw_text(char *text, size_t bytes) {
  size_t length = draw() % bytes;
  memset(text, 0, bytes);
  for (size_t i = 0; i < length; i++) {
    text[i] = (char)(1 + draw() % 255);
  }
}

static void test_what_is_written_is_read(void **state) {
  begin_drawing();
  for (int i = 0; i < ROUNDS; i++) {
    char pattern[600], who[600], comment[600];
    struct silences *silences = open_silences(*state);
    draw_text(pattern, sizeof(pattern));
    draw_text(who, sizeof(who));
    draw_text(comment, sizeof(comment));
    const struct silence_request request = {
        .pattern = pattern,
        .until_ms = (int64_t)(draw() >> (1 + draw() % 63)),
        .who = who,
        .comment = comment};
    (void)silences_add(silences, &request, NOW_MS, NULL);
    json_t *before = silences_to_json(silences, NOW_MS);
    silences_close(silences);
    silences = open_silences(*state);
    json_t *after = silences_to_json(silences, NOW_MS);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    silences_close(silences);
  }
}

static void test_another_file_is_set_aside_and_logged(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture, "[{\"name\":\"cpu\"}]\n" LINE("cpu"));
  struct silences *silences = open_silences(fixture);
  char bad[160];
  (void)snprintf(bad, sizeof(bad), "%s.bad", fixture->path);
  assert_non_null(strstr(fixture->said, "silences.jsonl.bad"));
  assert_int_equal(access(bad, F_OK), 0);
  assert_false(silences_cover(silences, "cpu", "", NOW_MS));
  silences_close(silences);
}

static void test_a_bad_line_costs_only_itself(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture, HEAD "7\n" LINE("[x") LINE("cpu"));
  struct silences *silences = open_silences(fixture);
  assert_non_null(
      strstr(fixture->said, "2 invalid line(s), the first is line 2"));
  assert_true(silences_cover(silences, "cpu", "", NOW_MS));
  json_t *all = silences_to_json(silences, NOW_MS);
  assert_int_equal(json_array_size(all), 1);
  json_decref(all);
  silences_close(silences);
}

/* Lines of silences that have ended since stay in the file for a while. */
static void test_ended_ones_in_the_file_take_no_room(void **state) {
  struct silences *silences = open_silences(*state);
  char name[32];
  for (int i = 0; i < SILENCES_MAX; i++) {
    (void)snprintf(name, sizeof(name), "rule%d", i);
    must_add(silences, name, NOW_MS + (i == 0 ? 2 * HOUR_MS : 1));
  }
  const struct silence_request later = {"later", NOW_MS + HOUR_MS, "anna", ""};
  assert_int_equal(silences_add(silences, &later, NOW_MS + 1, NULL), 0);
  silences_close(silences);
  silences = open_silences_at(*state, NOW_MS + 1);
  assert_true(silences_cover(silences, "rule0", "", NOW_MS + 1));
  assert_true(silences_cover(silences, "later", "", NOW_MS + 1));
  silences_close(silences);
}

static void test_one_that_was_ended_does_not_come_back(void **state) {
  struct silences *silences = open_silences(*state);
  must_add(silences, "cpu", NOW_MS + HOUR_MS);
  assert_int_equal(silences_remove(silences, "cpu", NOW_MS, NULL), 0);
  silences_close(silences);
  silences = open_silences(*state);
  assert_false(silences_cover(silences, "cpu", "", NOW_MS));
  silences_close(silences);
}

static void test_memory_that_is_short(void **state) {
  struct silences *silences = open_silences(*state);
  bool has_failed = true;
  for (size_t count = 0; has_failed; count++) {
    failing_after(count);
    (void)add(silences, "cpu", NOW_MS + HOUR_MS, NULL);
    has_failed = failing_stop();
    assert_true(count < 1000);
  }
  assert_true(silences_cover(silences, "cpu", "", NOW_MS));
  silences_close(silences);
}

#define TEST(function)                                                         \
  cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_a_pattern_covers_rules_and_series),
      TEST(test_it_ends_by_itself),
      TEST(test_a_second_one_of_that_pattern_replaces_the_first),
      TEST(test_it_can_be_ended),
      TEST(test_what_is_refused),
      TEST(test_there_is_a_bound_and_past_ones_make_room),
      TEST(test_it_is_kept_over_a_restart),
      TEST(test_what_is_written_is_read),
      TEST(test_another_file_is_set_aside_and_logged),
      TEST(test_a_bad_line_costs_only_itself),
      TEST(test_ended_ones_in_the_file_take_no_room),
      TEST(test_one_that_was_ended_does_not_come_back),
      TEST(test_memory_that_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
