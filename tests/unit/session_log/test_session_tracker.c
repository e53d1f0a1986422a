/* SPDX-License-Identifier: MIT */
/* session_tracker: bursts, leaks, errors and restarts, on a fake clock. */
#include "unit.h"

#include <string.h>

#include "session_log/sessions/session_tracker.h"

#define START 1700000000

static const struct session_tracker_limits usual = {
    .leak_after_s = 1800,
    .close_within_s = 30,
    .forget_after_s = 86400,
    .trend = {.window_s = 600, .windows = 4, .rise = 10, .rise_ratio = 0.0005},
    .sessions_max = 4,
};

static struct session_tracker *begin(void) {
  struct session_tracker *sessions = NULL;
  assert_int_equal(session_tracker_new(&usual, &sessions), 0);
  return sessions;
}

static void take(struct session_tracker *sessions, enum session_event event,
                 int64_t at_s, const char *id, int64_t pid) {
  const struct session_tracker_line line = {.event = event,
                                            .at_s = at_s,
                                            .id = id,
                                            .id_bytes = strlen(id),
                                            .pid = pid};
  session_tracker_add_event(sessions, &line);
}

static struct session_tracker_stats view_at(struct session_tracker *sessions,
                                            int64_t now_s) {
  struct session_tracker_stats view;
  session_tracker_advance(sessions, now_s, NULL, NULL);
  session_tracker_get_stats(sessions, &view);
  return view;
}

static void open_is_a_sound_lower_bound(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_CLOSED, START, "", 0); /* opened before we looked */
  take(sessions, SESSION_CLOSED, START, "", 0);
  take(sessions, SESSION_OPENED, START, "", 0);
  take(sessions, SESSION_OPENED, START, "", 0);
  take(sessions, SESSION_OPENED, START, "", 0);
  struct session_tracker_stats view = view_at(sessions, START);
  assert_int_equal(view.open, 3);
  assert_false(view.is_exact);
  assert_int_equal(view.opened, 3);
  assert_int_equal(view.closed, 2);
  session_tracker_free(sessions);
}

/* Two hours of traffic with LEAKS_PER_HOUR sessions that are never closed. */
static int64_t leaked_after_traffic(int leaks_per_hour, int burst) {
  struct session_tracker *sessions = begin();
  int64_t worst = 0;
  for (int64_t t = 0; t < 7200; t++) {
    take(sessions, SESSION_OPENED, START + t, "", 0);
    take(sessions, SESSION_CLOSED, START + t, "", 0);
    if (leaks_per_hour > 0 && t % (3600 / leaks_per_hour) == 0) {
      take(sessions, SESSION_OPENED, START + t, "", 0);
    }
    for (int i = 0; i < burst && t == 2000; i++) {
      take(sessions, SESSION_OPENED, START + t, "", 0);
    }
    for (int i = 0; i < burst && t == 5000; i++) { /* 50 minutes long */
      take(sessions, SESSION_CLOSED, START + t, "", 0);
    }
    struct session_tracker_stats view = view_at(sessions, START + t);
    worst = view.leaked > worst ? view.leaked : worst;
  }
  session_tracker_free(sessions);
  return worst;
}

static void the_floor_finds_a_slow_leak(void **state) {
  (void)state;
  assert_in_range(leaked_after_traffic(60, 0), 80, 120); /* 1.7 % of all */
  assert_in_range(leaked_after_traffic(24, 0), 30, 48);  /* 0.7 % */
}

static void the_floor_is_calm_in_health(void **state) {
  (void)state;
  assert_int_equal(leaked_after_traffic(0, 0), 0);
  assert_int_equal(leaked_after_traffic(0, 500), 0);
}

static void a_leak_is_over_when_the_floor_falls(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  int64_t t = START;
  for (int window = 0; window < 6; window++, t += 600) {
    for (int i = 0; i < 5; i++) {
      take(sessions, SESSION_OPENED, t + 1, "", 0);
    }
  }
  assert_int_equal(view_at(sessions, t).leaked, 20);
  assert_int_equal(view_at(sessions, t + 1200).leaked, 30); /* it stays */
  for (int i = 0; i < 30; i++) {
    take(sessions, SESSION_CLOSED, t + 1300, "", 0);
  }
  assert_int_equal(view_at(sessions, t + 1900).leaked, 0);
  session_tracker_free(sessions);
}

static void a_leak_that_grows_no_more_is_forgotten(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  int64_t t = START;
  for (int i = 0; i < 60; i++, t += 60) {
    take(sessions, SESSION_OPENED, t, "", 0);
  }
  assert_true(view_at(sessions, t + 600).leaked > 0);
  assert_true(view_at(sessions, t + 3600).leaked > 0);
  assert_int_equal(view_at(sessions, t + 25 * 600 + 600).leaked, 0);
  session_tracker_free(sessions);
}

static void a_restart_ends_everything(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  int64_t t = START;
  for (int i = 0; i < 60; i++, t += 60) {
    take(sessions, SESSION_OPENED, t, "", 0);
  }
  take(sessions, SESSION_RESTARTED, t, "", 0);
  struct session_tracker_stats view = view_at(sessions, t + 1);
  assert_int_equal(view.open, 0);
  assert_int_equal(view.leaked, 0);
  session_tracker_free(sessions);
}

static int leaks_reported;

static void count_leak(void *context,
                       const struct session_tracker_entry *session,
                       int64_t age_s) {
  (void)context;
  assert_string_equal(session->id, "a");
  assert_int_equal(session->pid, 7);
  assert_int_equal(age_s, 1801);
  leaks_reported++;
}

static void a_named_session_leaks_by_age(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_OPENED, START, "a", 7);
  take(sessions, SESSION_OPENED, START, "a", 8); /* another process's */
  take(sessions, SESSION_CLOSED, START + 5, "a", 8);
  assert_int_equal(view_at(sessions, START + 1800).leaked, 0);
  leaks_reported = 0;
  session_tracker_advance(sessions, START + 1801, count_leak, NULL);
  session_tracker_advance(sessions, START + 1802, count_leak, NULL);
  assert_int_equal(leaks_reported, 1);
  struct session_tracker_stats view = view_at(sessions, START + 1802);
  assert_int_equal(view.leaked, 1);
  assert_int_equal(view.open, 1);
  assert_true(view.is_exact);
  take(sessions, SESSION_CLOSED, START + 1900, "a", 7);
  view = view_at(sessions, START + 1900);
  assert_int_equal(view.leaked, 0);
  assert_int_equal(view.late_closed, 1);
  assert_int_equal(view.paired, 2);
  session_tracker_free(sessions);
}

static void names_may_nest_and_be_used_again(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_OPENED, START, "a", 0);
  take(sessions, SESSION_OPENED, START, "a", 0);
  take(sessions, SESSION_CLOSED, START, "a", 0);
  assert_int_equal(view_at(sessions, START).open, 1);
  take(sessions, SESSION_CLOSED, START, "a", 0);
  take(sessions, SESSION_CLOSED, START, "a", 0);
  struct session_tracker_stats view = view_at(sessions, START);
  assert_int_equal(view.open, 0);
  assert_int_equal(view.orphan_closed, 1);
  take(sessions, SESSION_OPENED, START + 9, "a", 0); /* a new one */
  assert_int_equal(view_at(sessions, START + 1809).leaked, 0);
  assert_int_equal(view_at(sessions, START + 1810).leaked, 1);
  session_tracker_free(sessions);
}

static void the_table_is_bounded(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};
  for (size_t i = 0; i < 6; i++) {
    take(sessions, SESSION_OPENED, START, ids[i], 0);
  }
  struct session_tracker_stats view = view_at(sessions, START);
  assert_int_equal(view.untracked, 2);
  assert_int_equal(view.open, 6); /* the counts still know */
  assert_false(view.is_exact);
  for (size_t i = 0; i < 6; i++) {
    take(sessions, SESSION_CLOSED, START, ids[i], 0);
  }
  take(sessions, SESSION_OPENED, START, "g", 0);
  view = view_at(sessions, START);
  assert_int_equal(view.orphan_closed, 2);
  assert_int_equal(view.untracked, 2);
  session_tracker_free(sessions);
}

static void a_worker_that_restarts_takes_its_sessions_along(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_OPENED, START, "a", 1);
  take(sessions, SESSION_OPENED, START, "b", 1);
  take(sessions, SESSION_OPENED, START, "a", 2);
  take(sessions, SESSION_RESTARTED, START, "", 1);
  struct session_tracker_stats view = view_at(sessions, START);
  assert_int_equal(view.open, 1);
  assert_int_equal(view.dropped, 2);
  session_tracker_free(sessions);
}

static void what_nobody_closes_is_forgotten(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_OPENED, START, "a", 1);
  assert_int_equal(view_at(sessions, START + 86400).leaked, 1);
  struct session_tracker_stats view = view_at(sessions, START + 86401);
  assert_int_equal(view.leaked, 0);
  assert_int_equal(view.dropped, 1);
  session_tracker_free(sessions);
}

static void errors_without_close_by_name(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_OPENED, START, "a", 0);
  take(sessions, SESSION_OPENED, START, "b", 0);
  take(sessions, SESSION_FAILED, START + 1, "a", 0);
  take(sessions, SESSION_FAILED, START + 1, "b", 0);
  take(sessions, SESSION_CLOSED, START + 2, "a", 0);
  assert_int_equal(view_at(sessions, START + 31).unclosed_after_error, 0);
  struct session_tracker_stats view = view_at(sessions, START + 32);
  assert_int_equal(view.unclosed_after_error, 1);
  assert_int_equal(view.recovered, 1);
  take(sessions, SESSION_CLOSED, START + 99, "b", 0);
  assert_int_equal(view_at(sessions, START + 99).unclosed_after_error, 0);
  session_tracker_free(sessions);
}

static void errors_without_close_by_number(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  take(sessions, SESSION_FAILED, START, "", 0);
  take(sessions, SESSION_FAILED, START + 1, "", 0);
  take(sessions, SESSION_CLOSED, START + 2, "", 0); /* may be the first's */
  assert_int_equal(view_at(sessions, START + 31).unclosed_after_error, 0);
  assert_int_equal(view_at(sessions, START + 32).unclosed_after_error, 1);
  take(sessions, SESSION_OPENED, START + 40, "", 0);
  take(sessions, SESSION_CLOSED, START + 41, "", 0); /* that one's own */
  assert_int_equal(view_at(sessions, START + 41).unclosed_after_error, 1);
  take(sessions, SESSION_CLOSED, START + 42, "", 0);
  assert_int_equal(view_at(sessions, START + 42).unclosed_after_error, 0);
  session_tracker_free(sessions);
}

static void only_errors_say_nothing_of_open(void **state) {
  (void)state;
  struct session_tracker *sessions = begin();
  assert_false(view_at(sessions, START).is_one_sided);
  take(sessions, SESSION_FAILED, START, "", 0);
  assert_true(view_at(sessions, START).is_one_sided);
  take(sessions, SESSION_OPENED, START, "", 0);
  assert_false(view_at(sessions, START).is_one_sided);
  session_tracker_free(sessions);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_is_a_sound_lower_bound),
      cmocka_unit_test(the_floor_finds_a_slow_leak),
      cmocka_unit_test(the_floor_is_calm_in_health),
      cmocka_unit_test(a_leak_is_over_when_the_floor_falls),
      cmocka_unit_test(a_leak_that_grows_no_more_is_forgotten),
      cmocka_unit_test(a_restart_ends_everything),
      cmocka_unit_test(a_named_session_leaks_by_age),
      cmocka_unit_test(names_may_nest_and_be_used_again),
      cmocka_unit_test(the_table_is_bounded),
      cmocka_unit_test(a_worker_that_restarts_takes_its_sessions_along),
      cmocka_unit_test(what_nobody_closes_is_forgotten),
      cmocka_unit_test(errors_without_close_by_name),
      cmocka_unit_test(errors_without_close_by_number),
      cmocka_unit_test(only_errors_say_nothing_of_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
