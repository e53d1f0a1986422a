/* SPDX-License-Identifier: MIT */
/* pool_monitor: a pool's reads, and the values that they send. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dbpool/pool_monitor.h"
#include "support/failing.h"

#define SECOND INT64_C(1000000)
#define NOW (100000 * SECOND)
#define SAMPLES_MAX 64
#define SESSIONS_MAX 200

/* What was sent, by "type-instance". */
struct record {
  size_t len;
  char names[SAMPLES_MAX][64];
  double values[SAMPLES_MAX];
  size_t notifications;
  char line[LOG_LINE_BYTES];
  size_t lines;
  size_t infos;
};

static void record_sample(void *context, const struct sample *sample) {
  struct record *record = context;
  assert_string_equal(sample->plugin_instance, "trading");
  assert_in_range(record->len, 0, SAMPLES_MAX - 1);
  (void)snprintf(record->names[record->len], sizeof(record->names[0]), "%s-%s",
                 sample->type, sample->type_instance);
  record->values[record->len++] = sample->kind == SAMPLE_GAUGE
                                      ? sample->values[0].gauge
                                      : (double)sample->values[0].derive;
}

static void count_notification(void *context,
                               const struct notification *notification) {
  (void)notification;
  ((struct record *)context)->notifications++;
}

static void record_line(void *context, enum log_level level, const char *line) {
  struct record *record = context;
  if (level == LOG_LEVEL_INFO) {
    record->infos++;
    return;
  }
  (void)snprintf(record->line, sizeof(record->line), "%s", line);
  record->lines++;
}

static double value_of(const struct record *record, const char *name) {
  for (size_t i = 0; i < record->len; i++) {
    if (strcmp(record->names[i], name) == 0) {
      return record->values[i];
    }
  }
  fail_msg("%s was not sent", name);
  return 0;
}

static bool was_sent(const struct record *record, const char *name) {
  for (size_t i = 0; i < record->len; i++) {
    if (strcmp(record->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static struct dbpool_sinks sinks_to(struct record *record) {
  return (struct dbpool_sinks){.samples = {record_sample, record},
                               .notifications = {count_notification, record},
                               .log = {record_line, record}};
}

static char label[] = "trading";
static char one[] = "1";

static struct dbpool_pool_options default_options(void) {
  return (struct dbpool_pool_options){
      .head = {.label = label},
      .size = 10,
      .max_overflow = 20,
      .recycle_s = 3600,
      .processes = one,
      .leak_after_s = 300,
      .forecast_window_s = 900,
      .leak_notifications_per_minute = 6,
  };
}

static struct pool_session session_of(int64_t pid,
                                      enum pool_session_state state,
                                      int64_t age_s, int64_t quiet_s) {
  return (struct pool_session){
      .pid = pid,
      .backend_start_us = NOW - age_s * SECOND,
      .state_change_us = NOW - quiet_s * SECOND,
      .state = state,
      .client_port = -1,
      .database = "trading",
      .role = "app",
      .application = "api",
      .client_address = "",
      .query = "",
  };
}

static void update_once(struct pool_monitor *monitor,
                        const struct pool_session *sessions, size_t len) {
  static const struct pool_session_ends ends = {
      .abandoned = 7, .fatal = -1, .killed = 0};
  const struct pool_session *pointers[SESSIONS_MAX];
  struct pool_monitor_reading reading = {
      .now_us = NOW,
      .sessions = pointers,
      .sessions_len = len,
      .headroom = {.server = 70,
                   .database = POOL_HEADROOM_UNLIMITED,
                   .role = 15},
      .ends = &ends,
      .query_s = 0.002,
  };
  assert_in_range(len, 0, SESSIONS_MAX);
  for (size_t i = 0; i < len; i++) {
    pointers[i] = &sessions[i];
  }
  reading.count = pool_count_sessions(pointers, len, NOW);
  pool_monitor_send_reading(monitor, &reading);
}

static void sends_its_conclusions(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  const struct dbpool_pool_options pool = default_options();
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  const struct pool_session sessions[] = {
      session_of(1, POOL_SESSION_ACTIVE, 60, 1),
      session_of(2, POOL_SESSION_IDLE, 60, 5),
      session_of(3, POOL_SESSION_IN_TRANSACTION, 600, 400),
      session_of(4, POOL_SESSION_ABORTED, 60, 10),
      session_of(5, POOL_SESSION_IDLE, 5000, 5), /* used after 4995 s */
      session_of(6, POOL_SESSION_IDLE, 5000,
                 1150), /* 3850 s: may have been held */
  };
  update_once(&monitor, sessions, 6);
  assert_true(value_of(&record, "gauge-up") > 0);
  assert_true(value_of(&record, "gauge-full") <= 0);
  assert_true(fabs(value_of(&record, "percent-used") - 10) < 1e-9);
  static const struct {
    const char *name;
    int value;
  } counts[] = {
      {"active", 1},
      {"idle", 3},
      {"idle_in_transaction", 1},
      {"aborted", 1},
      {"hidden", 0},
      {"checked_out", 3},
      {"ready", 7},
      {"leaked", 1},
      {"recycle_overdue", 1},
      {"total", 6},
      {"capacity", 30},
      {"headroom", 15},
      {"headroom_role", 15},
      {"headroom_server", 70},
  };
  for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
    char name[64];
    (void)snprintf(name, sizeof(name), "current_connections-%s",
                   counts[i].name);
    assert_int_equal((int)value_of(&record, name), counts[i].value);
  }
  assert_false(was_sent(&record, "current_connections-headroom_database"));
  assert_true(fabs(value_of(&record, "duration-oldest_session") - 5000) < 1e-6);
  assert_true(isnan(value_of(&record, "duration-until_exhausted")));
  assert_int_equal((int)value_of(&record, "total_sessions-abandoned"), 7);
  assert_false(was_sent(&record, "total_sessions-fatal"));
  assert_int_equal(record.notifications, 1);
  assert_int_equal(record.lines, 0);
  pool_monitor_fini(&monitor);
  pool_monitor_fini(NULL);
}

static void sends_only_that_it_is_down(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  const struct dbpool_pool_options pool = default_options();
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  pool_monitor_send_failure(&monitor, true);
  assert_int_equal(record.len, 2);
  assert_true(value_of(&record, "gauge-up") <= 0);
  assert_true(value_of(&record, "gauge-full") > 0);
  pool_monitor_fini(&monitor);
}

static void logs_once_that_the_pool_is_larger(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  struct dbpool_pool_options pool = default_options();
  pool.size = 1;
  pool.max_overflow = 1;
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  const struct pool_session sessions[] = {
      session_of(1, POOL_SESSION_IDLE, 60, 1),
      session_of(2, POOL_SESSION_IDLE, 60, 1),
      session_of(3, POOL_SESSION_IDLE, 60, 1)};
  for (int i = 0; i < 3; i++) {
    record.len = 0;
    update_once(&monitor, sessions, 3);
  }
  assert_int_equal(record.lines, 1);
  assert_string_equal(record.line,
                      "pool \"trading\": 3 sessions, but PoolSize, MaxOverflow "
                      "and Processes allow 2; correct them, or narrow "
                      "Application");
  pool_monitor_fini(&monitor);
}

static void logs_once_that_processes_are_unknown(void **state) {
  (void)state;
  static const struct {
    const char *processes;
    int ports[3];
    size_t lines;
  } cases[] = {
      {"auto", {-1, -1, -1}, 1}, {"auto", {-1, 0, -1}, 1},
      {"auto", {-1, 0, 0}, 0}, /* one session is one process */
      {"auto", {0, 0, 0}, 0},  /* hidden */
      {"4", {-1, -1, -1}, 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct record record = {0};
    const struct dbpool_sinks sinks = sinks_to(&record);
    struct dbpool_pool_options pool = default_options();
    char processes[8];
    (void)snprintf(processes, sizeof(processes), "%s", cases[i].processes);
    pool.processes = processes;
    struct pool_session sessions[3];
    for (int j = 0; j < 3; j++) {
      sessions[j] = session_of(j, POOL_SESSION_IDLE, 60, 1);
      sessions[j].client_port = cases[i].ports[j];
    }
    struct pool_monitor monitor;
    pool_monitor_init(&monitor, &pool, &sinks);
    monitor.processes.proc = "/nowhere";
    for (int j = 0; j < 3; j++) {
      record.len = 0;
      update_once(&monitor, sessions, 3);
    }
    assert_int_equal(record.lines, cases[i].lines);
    assert_true(record.lines == 0 ||
                strstr(record.line, "set Processes to a number") != NULL);
    pool_monitor_fini(&monitor);
  }
}

static void survives_without_memory(void **state) {
  (void)state;
  static struct pool_session sessions[SESSIONS_MAX];
  for (int64_t i = 0; i < SESSIONS_MAX; i++) {
    sessions[i] = session_of(i, POOL_SESSION_IDLE, 60, 1);
  }
  struct dbpool_pool_options pool = default_options();
  char word[] = "auto";
  pool.processes = word;
  pool.order = DBPOOL_ORDER_FIFO;
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct record record = {0};
    const struct dbpool_sinks sinks = sinks_to(&record);
    struct pool_monitor monitor;
    pool_monitor_init(&monitor, &pool, &sinks);
    failing_after(allocations);
    update_once(&monitor, sessions, SESSIONS_MAX);
    has_failed = failing_stop();
    assert_int_equal((int)value_of(&record, "current_connections-total"), 200);
    pool_monitor_fini(&monitor);
  }
}

static char automatic[] = "auto";

/* Nothing at all is known of a pool that no session has ever matched. */
static void sends_no_use_of_a_pool_without_sessions(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  const struct dbpool_pool_options pool = default_options();
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  update_once(&monitor, NULL, 0);
  assert_true(was_sent(&record, "gauge-up"));
  assert_true(was_sent(&record, "current_connections-headroom"));
  assert_false(was_sent(&record, "percent-used"));
  assert_false(was_sent(&record, "current_connections-total"));
  const struct pool_session session = session_of(1, POOL_SESSION_IDLE, 1, 1);
  update_once(&monitor, &session, 1);
  record.len = 0;
  update_once(&monitor, NULL, 0); /* now it is 0, not unknown */
  assert_true(value_of(&record, "percent-used") <= 0);
  pool_monitor_fini(&monitor);
}

static void reports_once_that_nothing_matches(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  const struct dbpool_pool_options pool = default_options();
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  struct pool_monitor_reading reading = {.now_us = NOW};
  assert_false(pool_monitor_should_log_unmatched(&monitor, &reading));
  reading.now_us = NOW + POOL_MONITOR_UNMATCHED_US / 2;
  reading.sessions_len = 1;
  assert_false(pool_monitor_should_log_unmatched(&monitor, &reading));
  reading.sessions_len = 0;
  reading.now_us = NOW + POOL_MONITOR_UNMATCHED_US;
  assert_false(pool_monitor_should_log_unmatched(&monitor, &reading));
  reading.now_us += POOL_MONITOR_UNMATCHED_US;
  assert_true(pool_monitor_should_log_unmatched(&monitor, &reading));
  reading.now_us += POOL_MONITOR_UNMATCHED_US;
  assert_false(pool_monitor_should_log_unmatched(&monitor, &reading));
  pool_monitor_fini(&monitor);
}

/* Remote sessions of one address may belong to several processes: the sessions
 * prove at least two, and which of the idle ones are held is unknown. */
static void never_reports_more_than_the_sessions_prove(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  struct dbpool_pool_options pool = default_options();
  pool.processes = automatic;
  struct pool_monitor monitor;
  struct pool_session sessions[36];
  pool_monitor_init(&monitor, &pool, &sinks);
  for (size_t i = 0; i < 36; i++) {
    sessions[i] = session_of((int64_t)i + 1, POOL_SESSION_IDLE, 600, 500);
    sessions[i].client_address = "10.0.0.1";
    sessions[i].client_port = (int)i + 1;
  }
  update_once(&monitor, sessions, 36);
  assert_int_equal((int)value_of(&record, "current_connections-capacity"), 60);
  assert_int_equal((int)value_of(&record, "current_connections-checked_out"),
                   0);
  assert_int_equal((int)value_of(&record, "current_connections-leaked"), 0);
  assert_int_equal(record.lines, 0);
  assert_int_equal(record.infos, 1); /* what "auto" found */
  pool_monitor_fini(&monitor);
}

/* 20 connections that rest in a pool of at most 20. */
static void knows_a_pool_with_a_maximum(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  struct dbpool_pool_options pool = default_options();
  pool.minimum = 2;
  pool.maximum = 20;
  struct pool_monitor monitor;
  struct pool_session sessions[20];
  pool_monitor_init(&monitor, &pool, &sinks);
  for (size_t i = 0; i < 20; i++) {
    sessions[i] = session_of((int64_t)i + 1, POOL_SESSION_IDLE, 600, 500);
  }
  update_once(&monitor, sessions, 20);
  assert_int_equal((int)value_of(&record, "current_connections-capacity"), 20);
  assert_int_equal((int)value_of(&record, "current_connections-checked_out"),
                   0);
  assert_int_equal((int)value_of(&record, "current_connections-leaked"), 0);
  assert_int_equal((int)value_of(&record, "current_connections-ready"), 20);
  pool_monitor_fini(&monitor);
}

/* A pool that keeps nothing: each session is checked out. */
static void knows_a_pool_that_keeps_nothing(void **state) {
  (void)state;
  struct record record = {0};
  const struct dbpool_sinks sinks = sinks_to(&record);
  struct dbpool_pool_options pool = default_options();
  pool.size = 0;
  struct pool_monitor monitor;
  pool_monitor_init(&monitor, &pool, &sinks);
  const struct pool_session sessions[] = {
      session_of(1, POOL_SESSION_IDLE, 60, 1),
      session_of(2, POOL_SESSION_IDLE, 60, 1)};
  update_once(&monitor, sessions, 2);
  assert_int_equal((int)value_of(&record, "current_connections-checked_out"),
                   2);
  assert_int_equal((int)value_of(&record, "current_connections-capacity"), 20);
  pool_monitor_fini(&monitor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sends_its_conclusions),
      cmocka_unit_test(sends_only_that_it_is_down),
      cmocka_unit_test(logs_once_that_the_pool_is_larger),
      cmocka_unit_test(logs_once_that_processes_are_unknown),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(sends_no_use_of_a_pool_without_sessions),
      cmocka_unit_test(reports_once_that_nothing_matches),
      cmocka_unit_test(never_reports_more_than_the_sessions_prove),
      cmocka_unit_test(knows_a_pool_with_a_maximum),
      cmocka_unit_test(knows_a_pool_that_keeps_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
