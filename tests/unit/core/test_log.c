/* SPDX-License-Identifier: MIT */
/* complaint: at once, then hourly with a count, and the recovery once. */
#include "unit.h"

#include "core/log.h"

static void logs_at_once_then_hourly_then_the_recovery(void **state) {
  struct log_complaint complaint = {0};
  int64_t lasted_ms = 0;
  assert_false(log_complaint_clear(&complaint, 5, &lasted_ms));
  assert_true(log_complaint_fail(&complaint, 1000));
  assert_false(log_complaint_fail(&complaint, 2000));
  assert_false(log_complaint_fail(&complaint, 1000 + LOG_REMINDER_MS - 1));
  assert_true(log_complaint_fail(&complaint, 1000 + LOG_REMINDER_MS));
  assert_int_equal(complaint.count, 4);
  assert_false(log_complaint_fail(&complaint, 1001 + LOG_REMINDER_MS));
  assert_true(
      log_complaint_clear(&complaint, 1000 + LOG_REMINDER_MS * 2, &lasted_ms));
  assert_int_equal(lasted_ms, LOG_REMINDER_MS * 2);
  assert_false(log_complaint_clear(&complaint, 9, NULL));
  assert_true(log_complaint_fail(&complaint, 10));
  assert_int_equal(complaint.count, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logs_at_once_then_hourly_then_the_recovery),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
