/* SPDX-License-Identifier: MIT */
/* journal: sequence, rotation, hostile text and a disk that takes nothing. */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"

struct fixture {
  char directory[64];
  char path[128];
  char said[4][LOG_LINE_BYTES];
  size_t said_len;        /* guarded: read once the journal is freed */
  pthread_mutex_t saying; /* held: a thread that logs waits */
  atomic_bool wants_to_say;
  struct log_sink log;
};

static void say(void *context, enum log_level level, const char *line) {
  (void)level;
  struct fixture *fixture = context;
  atomic_store(&fixture->wants_to_say, true);
  (void)pthread_mutex_lock(&fixture->saying);
  if (fixture->said_len < 4) {
    (void)snprintf(fixture->said[fixture->said_len++], LOG_LINE_BYTES, "%s",
                   line);
  }
  (void)pthread_mutex_unlock(&fixture->saying);
}

static int setup(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  assert_non_null(fixture);
  (void)snprintf(fixture->directory, sizeof(fixture->directory),
                 "/tmp/test_journal.XXXXXX");
  assert_non_null(mkdtemp(fixture->directory));
  (void)snprintf(fixture->path, sizeof(fixture->path), "%s/journal",
                 fixture->directory);
  assert_int_equal(pthread_mutex_init(&fixture->saying, NULL), 0);
  fixture->log = (struct log_sink){.write = say, .context = fixture};
  *state = fixture;
  return 0;
}

static int teardown(void **state) {
  struct fixture *fixture = *state;
  char command[256];
  (void)snprintf(command, sizeof(command), "%s.1", fixture->path);
  (void)unlink(command);
  (void)unlink(fixture->path);
  (void)rmdir(fixture->directory);
  (void)pthread_mutex_destroy(&fixture->saying);
  free(fixture);
  return 0;
}

static struct journal *open_journal(struct fixture *fixture) {
  struct journal *journal = NULL;
  struct error error = {{0}};
  assert_int_equal(journal_open(fixture->path, &fixture->log, &journal, &error),
                   0);
  return journal;
}

static void wait_for(struct journal *journal, uint64_t written, uint64_t lost) {
  struct journal_counts counts;
  for (int i = 0; i < 5000; i++) {
    journal_get_counts(journal, &counts);
    if (counts.written >= written && counts.lost >= lost) {
      return;
    }
    (void)poll(NULL, 0, 1);
  }
  fail_msg("the journal has %d lines", (int)counts.written);
}

static json_t *load_line(const char *path, size_t number) {
  char *text = NULL;
  size_t bytes = 0;
  assert_int_equal(file_read(path, 1 << 20, &text, &bytes, NULL), 0);
  char *line = text;
  for (size_t i = 0; i < number; i++) {
    line = strchr(line, '\n') + 1;
  }
  json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
  free(text);
  assert_non_null(object);
  return object;
}

static void expect_sequence(const char *path, size_t number, int expected) {
  json_t *line = load_line(path, number);
  assert_int_equal(json_integer_value(json_object_get(line, "seq")), expected);
  json_decref(line);
}

static void writes_one_object_a_line(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_journal(fixture);
  journal_put(journal, "state", json_pack("{ss}", "rule", "pool_used"));
  journal_put(journal, "action", NULL);
  journal_close(journal);
  json_t *line = load_line(fixture->path, 0);
  assert_int_equal(json_integer_value(json_object_get(line, "seq")), 1);
  assert_string_equal(json_string_value(json_object_get(line, "event")),
                      "state");
  assert_string_equal(json_string_value(json_object_get(line, "rule")),
                      "pool_used");
  const char *now = json_string_value(json_object_get(line, "time"));
  assert_int_equal(strlen(now), strlen("2026-01-01T00:00:00.000+00:00"));
  json_decref(line);
  expect_sequence(fixture->path, 1, 2);
}

static void goes_on_counting_after_a_restart(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 3; i++) {
    struct journal *journal = open_journal(fixture);
    journal_put(journal, "state", NULL);
    journal_close(journal);
  }
  expect_sequence(fixture->path, 2, 3);
}

static void opens_again_when_rotated(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_journal(fixture);
  char old[160];
  (void)snprintf(old, sizeof(old), "%s.1", fixture->path);
  journal_put(journal, "state", NULL);
  wait_for(journal, 1, 0);
  assert_int_equal(rename(fixture->path, old), 0);
  journal_put(journal, "state", NULL);
  journal_close(journal);
  expect_sequence(old, 0, 1);
  expect_sequence(fixture->path, 0, 2);
}

static void says_once_that_it_cannot_write(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(mkdir(fixture->path, 0700), 0);
  struct journal *journal = open_journal(fixture);
  journal_put(journal, "state", NULL);
  journal_put(journal, "state", NULL);
  wait_for(journal, 0, 2);
  assert_int_equal(rmdir(fixture->path), 0);
  journal_put(journal, "state", NULL);
  journal_close(journal);
  assert_int_equal(fixture->said_len, 2);
  assert_non_null(strstr(fixture->said[0], "Is a directory; alerts continue"));
  assert_non_null(
      strstr(fixture->said[1], "can be written again; 2 line(s) were lost"));
  expect_sequence(fixture->path, 0, 3);
}

static void a_full_disk_leaves_no_half_line(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(symlink("/dev/full", fixture->path), 0);
  struct journal *journal = open_journal(fixture);
  journal_put(journal, "state", NULL);
  wait_for(journal, 0, 1);
  journal_close(journal);
  assert_int_equal(fixture->said_len, 1);
  assert_non_null(strstr(fixture->said[0], "No space left"));
}

/* The disk has room for the end of the torn line, but for no other one. */
static void a_torn_line_is_ended_once_there_is_room(void **state) {
  struct fixture *fixture = *state;
  struct rlimit before;
  assert_int_equal(file_replace(fixture->path, "{\"torn", 6, 0640, false, NULL),
                   0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit full = {.rlim_cur = 7, .rlim_max = before.rlim_max};
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
  struct journal *journal = open_journal(fixture);
  assert_true(journal_is_saving(journal));
  journal_put(journal, "state", NULL);
  wait_for(journal, 0, 1);
  assert_false(journal_is_saving(journal));
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  journal_put(journal, "state", NULL);
  wait_for(journal, 1, 1);
  assert_true(journal_is_saving(journal));
  journal_close(journal);
  expect_sequence(fixture->path, 1, 2); /* not in the torn line */
}

/* Fills *ret_lines and *ret_dropped: the lines in the file, and those that its
 * "dropped" lines stand for. */
static void count_lines(const char *path, long *ret_lines, long *ret_dropped) {
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  char *line = NULL;
  size_t bytes = 0;
  *ret_lines = 0;
  *ret_dropped = 0;
  while (getline(&line, &bytes, file) > 0) {
    const char *count = strstr(line, "\"event\":\"dropped\",\"count\":");
    *ret_dropped +=
        count == NULL ? 0 : strtol(strrchr(count, ':') + 1, NULL, 10);
    *ret_lines += count == NULL ? 1 : 0;
  }
  free(line);
  (void)fclose(file);
}

/* The first line cannot be written, for nobody reads the pipe; the writer is
 * held while it says so. */
static void lines_past_the_bound_are_dropped_and_counted(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(mkfifo(fixture->path, 0600), 0);
  struct journal *journal = open_journal(fixture);
  (void)pthread_mutex_lock(&fixture->saying);
  journal_put(journal, "state", NULL);
  for (int i = 0; i < 5000 && !atomic_load(&fixture->wants_to_say); i++) {
    (void)poll(NULL, 0, 1);
  }
  for (int i = 0; i < 2 * JOURNAL_WAITING_MAX; i++) {
    journal_put(journal, "state", NULL);
  }
  assert_int_equal(unlink(fixture->path), 0);
  (void)pthread_mutex_unlock(&fixture->saying);
  wait_for(journal, JOURNAL_WAITING_MAX, 1);
  journal_put(journal, "state", NULL);
  journal_close(journal);
  long lines;
  long dropped;
  count_lines(fixture->path, &lines, &dropped);
  assert_int_equal(lines, JOURNAL_WAITING_MAX + 1);
  assert_int_equal(dropped, JOURNAL_WAITING_MAX);
}

static void write_file(const struct fixture *fixture, const char *text) {
  assert_int_equal(
      file_replace(fixture->path, text, strlen(text), 0600, false, NULL), 0);
}

/* ---- the last events ---- */

/* The events as lines, newest first. */
static void expect_recent(struct fixture *fixture, size_t count,
                          const char *wanted) {
  struct journal *journal = open_journal(fixture);
  json_t *events = journal_recent_to_json(journal, count);
  journal_close(journal);
  char told[4096] = "";
  for (size_t i = 0; i < json_array_size(events); i++) {
    char *text =
        json_dumps(json_array_get(events, i), JSON_COMPACT | JSON_SORT_KEYS);
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof(told) - used, "%s\n", text);
    free(text);
  }
  json_decref(events);
  assert_string_equal(told, wanted);
}

static void newest_first_and_no_more_than_wanted(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture, "{\"seq\":1}\n{\"seq\":2,\"event\":\"a\"}\n"
                      "{\"seq\":3,\"event\":\"b\"}\n");
  expect_recent(fixture, 2,
                "{\"event\":\"b\",\"seq\":3}\n{\"event\":\"a\",\"seq\":2}\n");
}

static void what_is_no_object_or_no_whole_line(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture, "nonsense\n[1]\n\n{\"seq\":1}\n{\"seq\":2");
  expect_recent(fixture, 9, "{\"seq\":1}\n");
  write_file(fixture, "");
  expect_recent(fixture, 9, "");
  (void)unlink(fixture->path);
  expect_recent(fixture, 9, "");
  json_t *none = journal_recent_to_json(NULL, 9);
  assert_int_equal(json_array_size(none), 0);
  json_decref(none);
}

static void what_repeats_is_counted(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture,
             "{\"seq\":1,\"time\":\"a\",\"event\":\"x\",\"error\":\"1 ms\"}\n"
             "{\"seq\":2,\"time\":\"b\",\"event\":\"y\",\"error\":\"1 ms\"}\n"
             "{\"seq\":3,\"time\":\"c\",\"event\":\"x\",\"error\":\"2 ms\"}\n"
             "{\"seq\":4,\"time\":\"d\",\"event\":\"x\",\"error\":\"3 ms\"}\n"
             "{\"seq\":5,\"time\":\"e\",\"event\":\"x\",\"on\":true}\n");
  expect_recent(fixture, 9,
                "{\"event\":\"x\",\"on\":true,\"seq\":5,\"time\":\"e\"}\n"
                "{\"error\":\"3 ms\",\"event\":\"x\",\"seq\":4,"
                "\"time\":\"d\",\"times\":3}\n"
                "{\"error\":\"1 ms\",\"event\":\"y\",\"seq\":2,"
                "\"time\":\"b\"}\n");
}

#define ACT "\"event\":\"action\",\"response\":\"r\",\"action\":\"a\",\"step\""

static void an_intent_only_while_its_end_is_open(void **state) {
  struct fixture *fixture = *state;
  write_file(fixture, "{\"seq\":1," ACT ":\"intent\"}\n{\"seq\":2," ACT
                      ":\"confirmed\"}\n");
  expect_recent(fixture, 9,
                "{\"action\":\"a\",\"event\":\"action\",\"response\":\"r\","
                "\"seq\":2,\"step\":\"confirmed\"}\n");
  write_file(fixture, "{\"seq\":1," ACT ":\"confirmed\"}\n{\"seq\":2," ACT
                      ":\"intent\"}\n");
  expect_recent(fixture, 1,
                "{\"action\":\"a\",\"event\":\"action\",\"response\":\"r\","
                "\"seq\":2,\"step\":\"intent\"}\n");
}

static void the_end_of_a_large_file(void **state) {
  struct fixture *fixture = *state;
  FILE *file = fopen(fixture->path, "we");
  assert_non_null(file);
  for (int i = 0; i < 5000; i++) {
    (void)fprintf(file, "{\"seq\":%d,\"rule\":\"%d\"}\n", i, i);
  }
  assert_int_equal(fclose(file), 0);
  expect_recent(fixture, 1, "{\"rule\":\"4999\",\"seq\":4999}\n");
  struct journal *journal = open_journal(fixture);
  json_t *events = journal_recent_to_json(journal, 100000);
  journal_close(journal);
  assert_int_equal(json_array_size(events), JOURNAL_RECENT_MAX);
  json_decref(events);
}

static void what_was_put_is_recent_without_a_file(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = NULL;
  assert_int_equal(journal_open(NULL, &fixture->log, &journal, NULL), 0);
  for (int i = 0; i < 2 * JOURNAL_RECENT_MAX; i++) {
    journal_put(journal, "state", json_pack("{si}", "rule", i));
  }
  json_t *events = journal_recent_to_json(journal, 2);
  assert_int_equal(json_array_size(events), 2);
  const json_t *newest = json_array_get(events, 0);
  assert_int_equal(json_integer_value(json_object_get(newest, "rule")),
                   2 * JOURNAL_RECENT_MAX - 1);
  json_decref(events);
  journal_close(journal);
}

static void takes_any_bytes(void **state) {
  (void)state;
  json_t *text = json_util_from_text("caf\xe9");
  assert_string_equal(json_string_value(text), "caf?");
  json_decref(text);
  text = json_util_from_text("caf\xc3\xa9");
  assert_string_equal(json_string_value(text), "caf\xc3\xa9");
  json_decref(text);
}

static void without_a_file_forgets(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = NULL;
  assert_int_equal(journal_open(NULL, &fixture->log, &journal, NULL), 0);
  journal_put(journal, "state", json_object());
  journal_close(journal);
  journal_close(NULL);
  assert_int_equal(fixture->said_len, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(writes_one_object_a_line, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(goes_on_counting_after_a_restart, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(opens_again_when_rotated, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(says_once_that_it_cannot_write, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_torn_line_is_ended_once_there_is_room,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_disk_leaves_no_half_line, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(
          lines_past_the_bound_are_dropped_and_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(newest_first_and_no_more_than_wanted,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_object_or_no_whole_line, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(what_repeats_is_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(an_intent_only_while_its_end_is_open,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(the_end_of_a_large_file, setup, teardown),
      cmocka_unit_test_setup_teardown(what_was_put_is_recent_without_a_file,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(takes_any_bytes, setup, teardown),
      cmocka_unit_test_setup_teardown(without_a_file_forgets, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
