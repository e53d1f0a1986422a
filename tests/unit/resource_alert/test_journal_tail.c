/* SPDX-License-Identifier: MIT */
/* journal_tail: what happened last, without what only repeats. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resource_alert/status/journal_tail.h"

static char path[] = "/tmp/test_journal_tail";

static void write_file(const char *text) {
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  (void)fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

/* The events as lines, newest first. */
static void assert_told(size_t count, const char *wanted) {
  json_t *events = journal_tail(path, count);
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

static int cleanup(void **state) {
  (void)state;
  (void)unlink(path);
  return 0;
}

static void test_newest_first_and_no_more_than_wanted(void **state) {
  (void)state;
  write_file("{\"seq\":1}\n{\"seq\":2,\"event\":\"a\"}\n"
             "{\"seq\":3,\"event\":\"b\"}\n");
  assert_told(2, "{\"event\":\"b\",\"seq\":3}\n{\"event\":\"a\",\"seq\":2}\n");
}

static void test_what_is_no_object_or_no_whole_line(void **state) {
  (void)state;
  write_file("nonsense\n[1]\n\n{\"seq\":1}\n{\"seq\":2");
  assert_told(9, "{\"seq\":1}\n");
  write_file("");
  assert_told(9, "");
  (void)unlink(path);
  assert_told(9, "");
  json_t *none = journal_tail(NULL, 9);
  assert_int_equal(json_array_size(none), 0);
  json_decref(none);
}

static void test_what_repeats_is_counted(void **state) {
  (void)state;
  write_file("{\"seq\":1,\"time\":\"a\",\"event\":\"x\",\"error\":\"1 ms\"}\n"
             "{\"seq\":2,\"time\":\"b\",\"event\":\"y\",\"error\":\"1 ms\"}\n"
             "{\"seq\":3,\"time\":\"c\",\"event\":\"x\",\"error\":\"2 ms\"}\n"
             "{\"seq\":4,\"time\":\"d\",\"event\":\"x\",\"error\":\"3 ms\"}\n"
             "{\"seq\":5,\"time\":\"e\",\"event\":\"x\",\"on\":true}\n");
  assert_told(9, "{\"event\":\"x\",\"on\":true,\"seq\":5,\"time\":\"e\"}\n"
                 "{\"error\":\"3 ms\",\"event\":\"x\",\"seq\":4,"
                 "\"time\":\"d\",\"times\":3}\n"
                 "{\"error\":\"1 ms\",\"event\":\"y\",\"seq\":2,"
                 "\"time\":\"b\"}\n");
}

#define ACT "\"event\":\"action\",\"response\":\"r\",\"action\":\"a\",\"step\""

static void test_an_intent_only_while_its_end_is_open(void **state) {
  (void)state;
  write_file("{\"seq\":1," ACT ":\"intent\"}\n{\"seq\":2," ACT
             ":\"confirmed\"}\n");
  assert_told(9, "{\"action\":\"a\",\"event\":\"action\",\"response\":\"r\","
                 "\"seq\":2,\"step\":\"confirmed\"}\n");
  write_file("{\"seq\":1," ACT ":\"confirmed\"}\n{\"seq\":2," ACT
             ":\"intent\"}\n");
  assert_told(1, "{\"action\":\"a\",\"event\":\"action\",\"response\":\"r\","
                 "\"seq\":2,\"step\":\"intent\"}\n");
}

static void test_the_end_of_a_large_file(void **state) {
  (void)state;
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  for (int i = 0; i < 5000; i++) {
    (void)fprintf(file, "{\"seq\":%d,\"rule\":\"%d\"}\n", i, i);
  }
  assert_int_equal(fclose(file), 0);
  assert_told(1, "{\"rule\":\"4999\",\"seq\":4999}\n");
  json_t *events = journal_tail(path, 100000);
  assert_in_range(json_array_size(events), 1000, 4999);
  json_decref(events);
}

#define TEST(function) cmocka_unit_test_teardown(function, cleanup)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_newest_first_and_no_more_than_wanted),
      TEST(test_what_is_no_object_or_no_whole_line),
      TEST(test_what_repeats_is_counted),
      TEST(test_an_intent_only_while_its_end_is_open),
      TEST(test_the_end_of_a_large_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
