/* SPDX-License-Identifier: MIT */
/* test_leak_list: leaks come and go with their notifications, and are few. */
#include "unit.h"

#include <string.h>

#include "resource_alert/alerts/leak_list.h"

#define SERIES "h/dbpool-trading/current_connections-leaked"

static struct leak_list *list;

/* Returns true if it is to be journaled. */
static bool notify(enum notification_severity severity, double pid,
                   int64_t wall_ms) {
  const struct notification_field fields[] = {
      {.name = "pid", .number = pid},
      {.name = "age", .number = 10},
      {.name = "client", .text = "10.0.0.1:5"},
      {.name = "query", .text = "select ?"},
      {.name = "session", .text = ""},
      {.name = "rule", .number = 1},
  };
  const struct notification notification = {
      .severity = severity,
      .host = "h",
      .plugin = "dbpool",
      .plugin_instance = "trading",
      .type = "current_connections",
      .type_instance = "leaked",
      .message = "a leak",
      .fields = fields,
      .fields_len = sizeof(fields) / sizeof(fields[0]),
  };
  json_t *journaled = leak_list_take(list, &notification, wall_ms);
  bool is_journaled = journaled != NULL;
  json_decref(journaled);
  return is_journaled;
}

static size_t count(int64_t wall_ms) {
  json_t *array = leak_list_to_json(list, SERIES, wall_ms);
  size_t len = json_array_size(array);
  json_decref(array);
  return len;
}

static void a_leak_stays_until_its_end_is_notified(void **state) {
  (void)state;
  list = leak_list_new();
  assert_int_equal(count(0), 0);
  assert_true(notify(NOTIFICATION_WARNING, 7, 1000));
  assert_true(notify(NOTIFICATION_WARNING, 8, 2000));
  assert_true(notify(NOTIFICATION_WARNING, 7, 3000)); /* again */
  assert_int_equal(count(3000), 2);
  assert_false(notify(NOTIFICATION_OKAY, 9, 4000));
  assert_true(notify(NOTIFICATION_OKAY, 7, 4000));
  assert_int_equal(count(4000), 1);
  json_t *array = leak_list_to_json(list, SERIES, 5000);
  char *text = json_dumps(array, JSON_COMPACT | JSON_SORT_KEYS);
  assert_string_equal(
      text, "[{\"age_s\":13.0,\"client\":\"10.0.0.1:5\",\"end\":\"SELECT "
            "pg_terminate_backend(8);\",\"message\":\"a leak\",\"pid\":8.0,"
            "\"reported\":2.0,\"statement\":\"select ?\"}]");
  free(text);
  json_decref(array);
  leak_list_forget(list, "h/dbpool-other/current_connections-leaked");
  assert_int_equal(count(5000), 1);
  leak_list_forget(list, SERIES);
  assert_int_equal(count(5000), 0);
  leak_list_free(list);
}

static void the_list_is_bounded(void **state) {
  (void)state;
  list = leak_list_new();
  for (int i = 1; i <= 2 * LEAK_LIST_MAX; i++) {
    assert_true(notify(NOTIFICATION_WARNING, i, i));
  }
  assert_int_equal(count(1000), LEAK_LIST_SHOWN);
  assert_true(notify(NOTIFICATION_OKAY, 2 * LEAK_LIST_MAX, 1000));
  assert_false(notify(NOTIFICATION_OKAY, 1, 1000)); /* gave its place up */
  assert_int_equal(count(INT64_C(3600000) * (LEAK_LIST_HOURS + 1)), 0);
  leak_list_free(list);
  leak_list_free(NULL);
}

static void others_are_no_leaks(void **state) {
  (void)state;
  list = leak_list_new();
  struct notification notification = {
      .severity = NOTIFICATION_WARNING,
      .host = "h",
      .plugin = "exec",
      .plugin_instance = "trading",
      .type = "current_connections",
      .type_instance = "leaked",
      .message = "a leak",
  };
  assert_null(leak_list_take(list, &notification, 0));
  notification.plugin = "session_log";
  notification.type_instance = "timed_out";
  assert_null(leak_list_take(list, &notification, 0));
  leak_list_free(list);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_leak_stays_until_its_end_is_notified),
      cmocka_unit_test(the_list_is_bounded),
      cmocka_unit_test(others_are_no_leaks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
