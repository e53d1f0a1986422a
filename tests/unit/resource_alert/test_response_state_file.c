/* SPDX-License-Identifier: MIT */
/* response_state_file: what is saved of a response is restored. How the file
 * behaves on a disk that hangs is a matter of append_log and tested there; the
 * test only makes syncs fail, by its own fdatasync. */
#include "draw.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "resource_alert/responses/response_state_file.h"

#define WAIT_MS 60000 /* much longer than anything here takes */

static _Atomic int failures; /* syncs that will fail yet */

int fdatasync(int fd) {
  (void)fd;
  if (atomic_load(&failures) > 0) {
    atomic_fetch_sub(&failures, 1);
    errno = ENOSPC;
    return -1;
  }
  return 0;
}

/* ---- the bed: a file, and a response with two rules and two actions ---- */

#define ACTIONS 2
#define ROUNDS 200

struct bed {
  char directory[64];
  char path[128];
  struct log_sink log;
  struct response_state_file *file;
  struct response response;
  struct action_runner runners[ACTIONS];
  char last_line[512]; /* logged; under log_lock */
  _Atomic int errors;
  _Atomic int others;
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void count_line(void *context, enum log_level level, const char *line) {
  struct bed *bed = context;
  (void)pthread_mutex_lock(&log_lock);
  (void)snprintf(bed->last_line, sizeof(bed->last_line), "%s", line);
  (void)pthread_mutex_unlock(&log_lock);
  atomic_fetch_add(level == LOG_LEVEL_ERROR ? &bed->errors : &bed->others, 1);
}

static void make_response(struct bed *bed) {
  static const struct response_settings settings = {.max_actions = 3};
  static const char *const names[] = {"Switch one", "Switch two"};
  assert_int_equal(response_init(&bed->response, &settings, 2, 0, ACTIONS), 0);
  bed->response.rules[0].name = "pool";
  bed->response.rules[1].name = "memory";
  for (size_t i = 0; i < ACTIONS; i++) {
    bed->runners[i] = (struct action_runner){.memory = json_object()};
    (void)snprintf(bed->runners[i].key, sizeof(bed->runners[i].key), "%s",
                   names[i]);
  }
}

static void free_response(struct bed *bed) {
  for (size_t i = 0; i < ACTIONS; i++) {
    json_decref(bed->runners[i].memory);
  }
  response_fini(&bed->response);
}

static int begin(void **state) {
  static struct bed bed;
  bed = (struct bed){.directory = "/tmp/states.XXXXXX"};
  bed.log = (struct log_sink){.write = count_line, .context = &bed};
  *state = &bed;
  if (mkdtemp(bed.directory) == NULL) {
    return -1;
  }
  (void)snprintf(bed.path, sizeof(bed.path), "%s/states", bed.directory);
  make_response(&bed);
  return response_state_file_open(bed.path, &bed.log, &bed.file, NULL);
}

static int end(void **state) {
  struct bed *bed = *state;
  response_state_file_close(bed->file);
  free_response(bed);
  (void)unlink(bed->path);
  return rmdir(bed->directory); /* nothing else is left there */
}

static void save(struct bed *bed, int number) {
  const struct response_saved saved = {.engaged_s = number, .mode = -1};
  response_state_file_save(bed->file, number % 2 == 0 ? "even" : "odd",
                           &bed->response, bed->runners, &saved);
}

/* As after a restart: everything is forgotten but the file. */
static void restart(struct bed *bed) {
  response_state_file_close(bed->file);
  free_response(bed);
  make_response(bed);
  assert_int_equal(
      response_state_file_open(bed->path, &bed->log, &bed->file, NULL), 0);
}

static bool restore(struct bed *bed, const char *name,
                    struct response_saved *ret_saved) {
  return response_state_file_apply(bed->file, name, &bed->response,
                                   bed->runners, ret_saved);
}

static void expect_number(struct bed *bed, int number) {
  struct response_saved saved;
  assert_true(restore(bed, number % 2 == 0 ? "even" : "odd", &saved));
  assert_int_equal(saved.engaged_s, number);
}

/* ---- tests ---- */

static void what_is_saved_is_restored(void **state) {
  struct bed *bed = *state;
  struct response *response = &bed->response;
  response->state = RESPONSE_RELEASING;
  response->rules[1].is_breached = true;
  response->rate_limit.is_tripped = true;
  assert_true(rate_limiter_count(&response->rate_limit, clock_monotonic_ms()));
  response->rate_limit.is_tripped = false;
  for (int i = 0; i < 2; i++) { /* of three an hour */
    assert_false(
        rate_limiter_count(&response->rate_limit, clock_monotonic_ms()));
  }
  response->rate_limit.is_tripped = true;
  response->actions[0].real_state = RESPONSE_ACTION_ON;
  response->actions[1].real_state = RESPONSE_ACTION_UNSURE;
  struct response_saved saved = {.engaged_s = 1234, .mode = ACTION_MODE_DRYRUN};
  json_t *memory = json_pack("{s:i}", "found", 4);
  response_state_file_save(bed->file, "degrade", response, bed->runners,
                           &saved);
  response_state_file_save_memory(bed->file, "degrade", "Switch two", memory);
  response_state_file_save(bed->file, "degrade", response, bed->runners,
                           &saved);
  json_decref(memory);
  restart(bed);
  assert_false(restore(bed, "another", &saved));
  assert_true(restore(bed, "degrade", &saved));
  assert_int_equal(saved.state, RESPONSE_RELEASING);
  assert_int_equal(saved.engaged_s, 1234);
  assert_int_equal(saved.mode, ACTION_MODE_DRYRUN);
  assert_false(response->rules[0].is_breached);
  assert_true(response->rules[1].is_breached);
  assert_string_equal(response->cause->name, "memory");
  assert_true(response->rate_limit.is_tripped);
  response->rate_limit.is_tripped = false;
  assert_false(rate_limiter_count(&response->rate_limit, clock_monotonic_ms()));
  assert_true(rate_limiter_count(&response->rate_limit, clock_monotonic_ms()));
  assert_int_equal(response->actions[0].real_state, RESPONSE_ACTION_ON);
  assert_int_equal(response->actions[1].real_state, RESPONSE_ACTION_UNSURE);
  json_t *found = json_object_get(bed->runners[1].memory, "found");
  assert_int_equal(json_integer_value(found), 4);
}

/* ---- anything that can be saved ---- */

/* Often one of the edges. */
static int64_t draw_integer(void) {
  static const int64_t edges[] = {INT64_MIN, -1,        0,         1,
                                  INT32_MAX, INT64_MAX, UINT32_MAX};
  uint64_t which = draw() % 14;
  return which < 7 ? edges[which] : (int64_t)(draw() >> (draw() % 64));
}

static void draw_response(struct bed *bed, struct response_saved *saved) {
  struct response *response = &bed->response;
  response->state = (enum response_state)(draw() % (RESPONSE_RELEASING + 1));
  response->rate_limit.is_tripped = draw() % 2;
  for (size_t i = 0; i < 2; i++) {
    response->rules[i].is_breached = draw() % 2;
    response->actions[i].real_state =
        (enum response_action_state)(draw() % (RESPONSE_ACTION_UNSURE + 1));
  }
  *saved = (struct response_saved){.state = response->state,
                                   .engaged_s = draw_integer(),
                                   .mode = (int)(draw() % 4) - 1};
}

static void what_is_written_is_read(void **state) {
  struct bed *bed = *state;
  begin_drawing();
  for (int i = 0; i < ROUNDS; i++) {
    struct response_saved saved;
    struct response_saved read;
    draw_response(bed, &saved);
    const struct response before = bed->response;
    const struct response_rule rules[] = {before.rules[0], before.rules[1]};
    const struct response_action actions[] = {before.actions[0],
                                              before.actions[1]};
    response_state_file_save(bed->file, "degrade", &bed->response, bed->runners,
                             &saved);
    restart(bed);
    assert_true(restore(bed, "degrade", &read));
    assert_int_equal(read.state, saved.state);
    assert_int_equal(read.engaged_s, saved.engaged_s);
    assert_int_equal(read.mode, saved.mode);
    assert_int_equal(bed->response.rate_limit.is_tripped,
                     before.rate_limit.is_tripped);
    for (size_t j = 0; j < 2; j++) {
      assert_int_equal(bed->response.rules[j].is_breached,
                       rules[j].is_breached);
      assert_int_equal(bed->response.actions[j].real_state,
                       actions[j].real_state);
    }
  }
  assert_int_equal(bed->errors + bed->others, 0);
}

static void the_latest_line_counts(void **state) {
  struct bed *bed = *state;
  for (int i = 1; i <= 5; i++) {
    save(bed, i);
  }
  restart(bed);
  expect_number(bed, 4);
  expect_number(bed, 5);
}

static void a_removed_action_that_was_on_is_logged(void **state) {
  struct bed *bed = *state;
  bed->response.actions[0].real_state = RESPONSE_ACTION_ON;
  save(bed, 1);
  restart(bed);
  (void)snprintf(bed->runners[0].key, sizeof(bed->runners[0].key), "Exec x");
  expect_number(bed, 1);
  assert_int_equal(bed->response.actions[0].real_state, RESPONSE_ACTION_OFF);
  assert_non_null(strstr(bed->last_line,
                         "Switch one was engaged but is no longer configured"));
}

/* How far the file grows meanwhile depends on the disk; that it is written anew
 * in the end does not. What is saved during a rewrite is in the new file, too,
 * so the loop saves about 1 MB/s at most. */
static void many_saves_leave_a_small_file(void **state) {
  struct bed *bed = *state;
  struct stat status = {.st_size = 0};
  int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
  int number = 0;
  while (number < 20000) { /* some 4 MB */
    save(bed, number++);
  }
  while (stat(bed->path, &status) != 0 || status.st_size > 2000000) {
    assert_true(clock_monotonic_ms() < deadline_ms);
    for (int i = 0; i < 5; i++) {
      save(bed, number++);
    }
    (void)poll(NULL, 0, 1);
  }
  restart(bed);
  expect_number(bed, number - 2);
  expect_number(bed, number - 1);
}

static void a_failed_sync_is_made_up_for(void **state) {
  struct bed *bed = *state;
  int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
  atomic_store(&failures, 1);
  save(bed, 1);
  while (atomic_load(&bed->others) == 0) { /* "can be written again" */
    assert_true(clock_monotonic_ms() < deadline_ms);
    response_state_file_rewrite_if_due(bed->file);
    (void)poll(NULL, 0, 1);
  }
  assert_int_equal(atomic_load(&bed->errors), 1);
  restart(bed);
  expect_number(bed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_is_saved_is_restored),
      TEST(what_is_written_is_read),
      TEST(the_latest_line_counts),
      TEST(a_removed_action_that_was_on_is_logged),
      TEST(many_saves_leave_a_small_file),
      TEST(a_failed_sync_is_made_up_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
