/* SPDX-License-Identifier: MIT */
/* leak_notifier: which notifications are sent, and how often. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dbpool/leak.h"

#define SECOND INT64_C(1000000)
#define SENT_MAX 256

struct sent {
  size_t len;
  enum notification_severity severities[SENT_MAX];
  char messages[SENT_MAX][NOTIFICATION_MESSAGE_BYTES];
  char fields[SENT_MAX][1024];
};

static void record_notification(void *context,
                                const struct notification *notification) {
  struct sent *sent = context;
  assert_in_range(sent->len, 0, SENT_MAX - 1);
  assert_string_equal(notification->plugin_instance, "trading");
  assert_string_equal(notification->type, "current_connections");
  assert_string_equal(notification->type_instance, "leaked");
  size_t i = sent->len++;
  sent->severities[i] = notification->severity;
  (void)snprintf(sent->messages[i], sizeof(sent->messages[i]), "%s",
                 notification->message);
  char *to = sent->fields[i];
  size_t used = 0;
  for (size_t j = 0; j < notification->fields_len; j++) {
    const struct notification_field *field = &notification->fields[j];
    char number[32];
    (void)snprintf(number, sizeof(number), "%g", field->number);
    used += (size_t)snprintf(to + used, sizeof(sent->fields[i]) - used,
                             "%s=%s;", field->name,
                             field->text != NULL ? field->text : number);
  }
}

static struct leak leak_of(struct pool_session *session, int64_t pid) {
  *session = (struct pool_session){
      .pid = pid,
      .backend_start_us = 7,
      .state = POOL_SESSION_IN_TRANSACTION,
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

static void notifies_each_leak_once_and_its_end_once(void **state) {
  (void)state;
  struct sent sent = {0};
  const struct notification_sink sink = {record_notification, &sent};
  struct leak_notifier notifier = {.pool = "trading", .limit.max = 6};
  struct pool_session session;
  const struct leak leak = leak_of(&session, 4712);
  leak_notifier_send_changes(&notifier, NULL, 0, 1 * SECOND, &sink);
  leak_notifier_send_changes(&notifier, &leak, 1, 2 * SECOND, &sink);
  leak_notifier_send_changes(&notifier, &leak, 1, 3 * SECOND, &sink);
  assert_int_equal(sent.len, 1);
  assert_int_equal(sent.severities[0], NOTIFICATION_WARNING);
  assert_string_equal(
      sent.messages[0],
      "pool \"trading\": process 4712 of \"trading-api\" on 10.0.0.5:50112 "
      "looks leaked, no activity for 301 s: idle in transaction; last query: "
      "SELECT ?");
  assert_string_equal(sent.fields[0],
                      "pid=4712;rule=1;age=301;client=10.0.0.5:50112;"
                      "application=trading-api;role=app;database=trading;"
                      "state=idle in transaction;"
                      "query=SELECT ?;");
  leak_notifier_send_changes(&notifier, NULL, 0, 4 * SECOND, &sink);
  leak_notifier_send_changes(&notifier, NULL, 0, 5 * SECOND, &sink);
  assert_int_equal(sent.len, 2);
  assert_int_equal(sent.severities[1], NOTIFICATION_OKAY);
  assert_string_equal(sent.messages[1], "pool \"trading\": process 4712 no "
                                        "longer looks leaked");
}

static void literals_are_sent_if_wanted(void **state) {
  (void)state;
  struct sent sent = {0};
  const struct notification_sink sink = {record_notification, &sent};
  struct leak_notifier notifier = {
      .pool = "trading", .limit.max = 6, .keeps_literals = true};
  struct pool_session session;
  const struct leak leak = leak_of(&session, 4712);
  leak_notifier_send_changes(&notifier, &leak, 1, 2 * SECOND, &sink);
  assert_non_null(strstr(sent.messages[0], "SELECT 'a\\n\\x1b[2J%s'"));
  assert_non_null(strstr(sent.fields[0], "query=SELECT 'a\\n\\x1b[2J%s';"));
}

static void limits_its_rate(void **state) {
  (void)state;
  struct sent sent = {0};
  const struct notification_sink sink = {record_notification, &sent};
  struct leak_notifier notifier = {.pool = "trading", .limit.max = 3};
  struct pool_session sessions[100];
  struct leak leaks[100];
  for (int64_t i = 0; i < 100; i++) {
    leaks[i] = leak_of(&sessions[i], 1000 + i);
  }
  for (int64_t second = 0; second < 60; second++) {
    leak_notifier_send_changes(&notifier, leaks, 100, (1000 + second) * SECOND,
                               &sink);
  }
  assert_int_equal(sent.len, 3);
  leak_notifier_send_changes(&notifier, leaks, 100, 1060 * SECOND, &sink);
  assert_int_equal(sent.len, 6);
  /* All have ended: leaks that were never notified need no end, the rest comes
   * in time. */
  for (int64_t second = 61; second < 240; second++) {
    leak_notifier_send_changes(&notifier, NULL, 0, (1000 + second) * SECOND,
                               &sink);
  }
  assert_int_equal(sent.len, 12);
  assert_int_equal(notifier.len, 0);
}

static void sends_none_at_rate_zero(void **state) {
  (void)state;
  struct sent sent = {0};
  const struct notification_sink sink = {record_notification, &sent};
  struct leak_notifier notifier = {.pool = "trading"};
  struct pool_session session;
  const struct leak leak = leak_of(&session, 4712);
  for (int64_t second = 0; second < 200; second++) {
    leak_notifier_send_changes(&notifier, &leak, 1, second * SECOND, &sink);
  }
  assert_int_equal(sent.len, 0);
}

static void knows_a_new_session_from_an_old_one(void **state) {
  (void)state;
  struct sent sent = {0};
  const struct notification_sink sink = {record_notification, &sent};
  struct leak_notifier notifier = {.pool = "trading", .limit.max = 6};
  struct pool_session session;
  const struct leak leak = leak_of(&session, 4712);
  leak_notifier_send_changes(&notifier, &leak, 1, SECOND, &sink);
  session.backend_start_us++; /* the process id came back */
  session.client_address = "";
  leak_notifier_send_changes(&notifier, &leak, 1, 2 * SECOND, &sink);
  assert_int_equal(sent.len, 3);
  assert_int_equal(sent.severities[1], NOTIFICATION_OKAY);
  assert_non_null(strstr(sent.messages[2], "on a local socket looks leaked"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(notifies_each_leak_once_and_its_end_once),
      cmocka_unit_test(literals_are_sent_if_wanted),
      cmocka_unit_test(limits_its_rate),
      cmocka_unit_test(sends_none_at_rate_zero),
      cmocka_unit_test(knows_a_new_session_from_an_old_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
