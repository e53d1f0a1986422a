/* SPDX-License-Identifier: MIT */
/* suspects: who is told what, and how often. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dbpool/suspects.h"

#define SECOND INT64_C(1000000)
#define KEPT_MAX 256

struct kept {
  size_t len;
  enum notification_severity severities[KEPT_MAX];
  char messages[KEPT_MAX][NOTIFICATION_MESSAGE_BYTES];
  char fields[KEPT_MAX][1024];
};

static void keep(void *context, const struct notification *notification) {
  struct kept *kept = context;
  assert_in_range(kept->len, 0, KEPT_MAX - 1);
  assert_string_equal(notification->plugin_instance, "trading");
  assert_string_equal(notification->type, "current_connections");
  assert_string_equal(notification->type_instance, "leaked");
  size_t i = kept->len++;
  kept->severities[i] = notification->severity;
  (void)snprintf(kept->messages[i], sizeof(kept->messages[i]), "%s",
                 notification->message);
  char *to = kept->fields[i];
  size_t used = 0;
  for (size_t j = 0; j < notification->fields_len; j++) {
    const struct notification_field *field = &notification->fields[j];
    char number[32];
    (void)snprintf(number, sizeof(number), "%g", field->number);
    used += (size_t)snprintf(to + used, sizeof(kept->fields[i]) - used,
                             "%s=%s;", field->name,
                             field->text != NULL ? field->text : number);
  }
}

static struct leak leak_of(struct session *session, int64_t pid) {
  *session = (struct session){
      .pid = pid,
      .backend_start_us = 7,
      .state = SESSION_IN_TRANSACTION,
      .client_port = 50112,
      .database = "trading",
      .role = "app",
      .application = "trading-api",
      .client_address = "10.0.0.5",
      .query = "SELECT 'a\n\x1b[2J%s'",
  };
  return (struct leak){
      .session = session, .rule = LEAK_IN_TRANSACTION, .age_us = 301 * SECOND};
}

static void names_each_once_and_its_end_once(void **state) {
  (void)state;
  struct kept kept = {0};
  const struct notification_sink sink = {keep, &kept};
  struct suspects suspects = {.pool = "trading", .a_minute = 6};
  struct session session;
  const struct leak leak = leak_of(&session, 4712);
  suspects_update(&suspects, NULL, 0, 1 * SECOND, &sink);
  suspects_update(&suspects, &leak, 1, 2 * SECOND, &sink);
  suspects_update(&suspects, &leak, 1, 3 * SECOND, &sink);
  assert_int_equal(kept.len, 1);
  assert_int_equal(kept.severities[0], NOTIFICATION_WARNING);
  assert_string_equal(
      kept.messages[0],
      "pool \"trading\": process 4712 of \"trading-api\" on 10.0.0.5:50112 "
      "looks leaked, silent for 301 s: idle in transaction; last: "
      "SELECT 'a\\n\\x1b[2J%s'");
  assert_string_equal(kept.fields[0],
                      "pid=4712;rule=1;age=301;client=10.0.0.5:50112;"
                      "application=trading-api;role=app;database=trading;"
                      "state=idle in transaction;"
                      "query=SELECT 'a\\n\\x1b[2J%s';");
  suspects_update(&suspects, NULL, 0, 4 * SECOND, &sink);
  suspects_update(&suspects, NULL, 0, 5 * SECOND, &sink);
  assert_int_equal(kept.len, 2);
  assert_int_equal(kept.severities[1], NOTIFICATION_OKAY);
  assert_string_equal(kept.messages[1], "pool \"trading\": process 4712 is no "
                                        "longer a suspect");
}

static void keeps_to_its_rate(void **state) {
  (void)state;
  struct kept kept = {0};
  const struct notification_sink sink = {keep, &kept};
  struct suspects suspects = {.pool = "trading", .a_minute = 3};
  struct session sessions[100];
  struct leak leaks[100];
  for (int64_t i = 0; i < 100; i++) {
    leaks[i] = leak_of(&sessions[i], 1000 + i);
  }
  for (int64_t second = 0; second < 60; second++) {
    suspects_update(&suspects, leaks, 100, (1000 + second) * SECOND, &sink);
  }
  assert_int_equal(kept.len, 3);
  suspects_update(&suspects, leaks, 100, 1060 * SECOND, &sink);
  assert_int_equal(kept.len, 6);
  /* All are gone: what was never said needs no end, the rest comes in time. */
  for (int64_t second = 61; second < 240; second++) {
    suspects_update(&suspects, NULL, 0, (1000 + second) * SECOND, &sink);
  }
  assert_int_equal(kept.len, 12);
  assert_int_equal(suspects.len, 0);
}

static void can_be_silent(void **state) {
  (void)state;
  struct kept kept = {0};
  const struct notification_sink sink = {keep, &kept};
  struct suspects suspects = {.pool = "trading"};
  struct session session;
  const struct leak leak = leak_of(&session, 4712);
  for (int64_t second = 0; second < 200; second++) {
    suspects_update(&suspects, &leak, 1, second * SECOND, &sink);
  }
  assert_int_equal(kept.len, 0);
}

static void knows_a_new_session_from_an_old_one(void **state) {
  (void)state;
  struct kept kept = {0};
  const struct notification_sink sink = {keep, &kept};
  struct suspects suspects = {.pool = "trading", .a_minute = 6};
  struct session session;
  const struct leak leak = leak_of(&session, 4712);
  suspects_update(&suspects, &leak, 1, SECOND, &sink);
  session.backend_start_us++; /* the process id came back */
  session.client_address = "";
  suspects_update(&suspects, &leak, 1, 2 * SECOND, &sink);
  assert_int_equal(kept.len, 3);
  assert_int_equal(kept.severities[1], NOTIFICATION_OKAY);
  assert_non_null(strstr(kept.messages[2], "on a local socket looks leaked"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_each_once_and_its_end_once),
      cmocka_unit_test(keeps_to_its_rate),
      cmocka_unit_test(can_be_silent),
      cmocka_unit_test(knows_a_new_session_from_an_old_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
