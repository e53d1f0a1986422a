/* SPDX-License-Identifier: MIT */
/* monitor: a pool's rounds, and the values that they send. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dbpool/monitor.h"
#include "support/failing.h"

#define SECOND INT64_C(1000000)
#define NOW (100000 * SECOND)
#define SAMPLES_MAX 64

/* What was sent, by "type-instance". */
struct record {
  size_t len;
  char names[SAMPLES_MAX][64];
  double values[SAMPLES_MAX];
  size_t notifications;
  char line[LOG_LINE_BYTES];
  size_t lines;
};

static void put(void *context, const struct sample *sample) {
  struct record *record = context;
  assert_string_equal(sample->plugin_instance, "trading");
  assert_in_range(record->len, 0, SAMPLES_MAX - 1);
  (void)snprintf(record->names[record->len], sizeof(record->names[0]), "%s-%s",
                 sample->type, sample->type_instance);
  record->values[record->len++] = sample->kind == SAMPLE_GAUGE
                                      ? sample->values[0].gauge
                                      : (double)sample->values[0].derive;
}

static void tell(void *context, const struct notification *notification) {
  (void)notification;
  ((struct record *)context)->notifications++;
}

static void say(void *context, enum log_level level, const char *line) {
  struct record *record = context;
  (void)level;
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

static struct outlets outlets_to(struct record *record) {
  return (struct outlets){.samples = {put, record},
                          .notifications = {tell, record},
                          .report = {say, record}};
}

static char label[] = "trading";
static char one[] = "1";

static struct pool_options options(void) {
  return (struct pool_options){
      .head = {.label = label},
      .size = 10,
      .max_overflow = 20,
      .recycle_s = 3600,
      .processes = one,
      .leak_after_s = 300,
      .forecast_window_s = 900,
      .suspects_per_minute = 6,
  };
}

static struct session session_of(int64_t pid, enum session_state state,
                                 int64_t age_s, int64_t quiet_s) {
  return (struct session){
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

static const struct headroom roomy = {
    .server = 70, .database = HEADROOM_UNLIMITED, .role = 15};

static void one_round(struct monitor *monitor, const struct session *sessions,
                      size_t len) {
  const struct postgresql_database database = {
      .name = "trading", .abandoned = 7, .fatal = -1, .killed = 0};
  struct pool_count count = {0};
  monitor_begin(monitor, NOW);
  for (size_t i = 0; i < len; i++) {
    pool_count_add(&count, &sessions[i], NOW);
    (void)monitor_add(monitor, &sessions[i]);
  }
  monitor_count(monitor, &count);
  monitor_finish(monitor, &roomy, &database, 0.002);
}

static void sends_what_it_concludes(void **state) {
  (void)state;
  struct record record = {0};
  const struct outlets outlets = outlets_to(&record);
  const struct pool_options pool = options();
  struct monitor monitor;
  monitor_init(&monitor, &pool, &outlets);
  const struct session sessions[] = {
      session_of(1, SESSION_ACTIVE, 60, 1),
      session_of(2, SESSION_IDLE, 60, 5),
      session_of(3, SESSION_IN_TRANSACTION, 600, 400),
      session_of(4, SESSION_ABORTED, 60, 10),
      session_of(5, SESSION_IDLE, 5000, 5),    /* used after 4995 s */
      session_of(6, SESSION_IDLE, 5000, 1150), /* 3850 s: may have been held */
  };
  one_round(&monitor, sessions, 6);
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
  monitor_fini(&monitor);
  monitor_fini(NULL);
}

static void says_only_that_it_is_down(void **state) {
  (void)state;
  struct record record = {0};
  const struct outlets outlets = outlets_to(&record);
  const struct pool_options pool = options();
  struct monitor monitor;
  monitor_init(&monitor, &pool, &outlets);
  monitor_fail(&monitor, true);
  assert_int_equal(record.len, 2);
  assert_true(value_of(&record, "gauge-up") <= 0);
  assert_true(value_of(&record, "gauge-full") > 0);
  monitor_fini(&monitor);
}

static void says_once_that_the_pool_is_larger(void **state) {
  (void)state;
  struct record record = {0};
  const struct outlets outlets = outlets_to(&record);
  struct pool_options pool = options();
  pool.size = 1;
  pool.max_overflow = 1;
  struct monitor monitor;
  monitor_init(&monitor, &pool, &outlets);
  const struct session sessions[] = {session_of(1, SESSION_IDLE, 60, 1),
                                     session_of(2, SESSION_IDLE, 60, 1),
                                     session_of(3, SESSION_IDLE, 60, 1)};
  for (int i = 0; i < 3; i++) {
    record.len = 0;
    one_round(&monitor, sessions, 3);
  }
  assert_int_equal(record.lines, 1);
  assert_string_equal(record.line,
                      "pool \"trading\": 3 sessions, but PoolSize, MaxOverflow "
                      "and Processes allow 2; correct them, or narrow "
                      "Application");
  monitor_fini(&monitor);
}

static void says_once_that_processes_are_indistinct(void **state) {
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
    const struct outlets outlets = outlets_to(&record);
    struct pool_options pool = options();
    char processes[8];
    (void)snprintf(processes, sizeof(processes), "%s", cases[i].processes);
    pool.processes = processes;
    struct session sessions[3];
    for (int j = 0; j < 3; j++) {
      sessions[j] = session_of(j, SESSION_IDLE, 60, 1);
      sessions[j].client_port = cases[i].ports[j];
    }
    struct monitor monitor;
    monitor_init(&monitor, &pool, &outlets);
    monitor.peers.proc = "/nowhere";
    for (int j = 0; j < 3; j++) {
      record.len = 0;
      one_round(&monitor, sessions, 3);
    }
    assert_int_equal(record.lines, cases[i].lines);
    assert_true(record.lines == 0 ||
                strstr(record.line, "set Processes to a number") != NULL);
    monitor_fini(&monitor);
  }
}

static void survives_without_memory(void **state) {
  (void)state;
  static struct session sessions[200];
  for (int64_t i = 0; i < 200; i++) {
    sessions[i] = session_of(i, SESSION_IDLE, 60, 1);
  }
  struct pool_options pool = options();
  char word[] = "auto";
  pool.processes = word;
  pool.order = POOL_ORDER_FIFO;
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct record record = {0};
    const struct outlets outlets = outlets_to(&record);
    struct monitor monitor;
    monitor_init(&monitor, &pool, &outlets);
    failing_after(allocations);
    one_round(&monitor, sessions, 200);
    has_failed = failing_stop();
    assert_int_equal((int)value_of(&record, "current_connections-total"), 200);
    monitor_fini(&monitor);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sends_what_it_concludes),
      cmocka_unit_test(says_only_that_it_is_down),
      cmocka_unit_test(says_once_that_the_pool_is_larger),
      cmocka_unit_test(says_once_that_processes_are_indistinct),
      cmocka_unit_test(survives_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
