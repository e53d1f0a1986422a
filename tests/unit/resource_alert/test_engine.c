/* SPDX-License-Identifier: MIT */
/* engine: weeks of history on a clock that the test sets: what is notified,
 * what is kept over a restart, what a storm and many threads do. */
#include "engine_deps.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file_util.h"
#include "resource_alert/alerts/series_table.h"
#include "resource_alert/journal.h"
#include "resource_alert/status/snapshot.h"

#define INTERVAL_S 10
#define DAY_S 86400
#define NOTIFIED_MAX 4096
#define LIMIT_MS 20000 /* real ones, for what another thread does */
#define TEN_YEARS_S (INT64_C(3652) * 86400)
#define WRITERS 16

/* ---- a clock ---- */

static _Atomic int64_t monotonic, wall; /* ms */

static int64_t read_monotonic(void) { return monotonic; }
static int64_t read_wall(void) { return wall; }

static const struct engine_clock turned_clock = {.monotonic_ms = read_monotonic,
                                                 .wall_ms = read_wall};

/* ---- an engine ---- */

struct fixture {
  char directory[64];
  struct resource_alert_options options;
  struct journal *journal;
  struct engine *engine;
  size_t events; /* handed to the responses, from the engine's thread */
  enum alert_state worst;
  double value;
  pthread_mutex_t lock; /* guards all below */
  size_t notified;
  enum notification_severity severities[NOTIFIED_MAX];
  char lines[64][LOG_LINE_BYTES];
  size_t lines_len;
};

static struct fixture fixture;

static void receive_line(void *unused, enum log_level level, const char *line) {
  (void)unused, (void)level;
  (void)pthread_mutex_lock(&fixture.lock);
  (void)snprintf(fixture.lines[fixture.lines_len++ % 64], LOG_LINE_BYTES, "%s",
                 line);
  (void)pthread_mutex_unlock(&fixture.lock);
}

static size_t count_lines(const char *part) {
  size_t count = 0;
  (void)pthread_mutex_lock(&fixture.lock);
  for (size_t i = 0; i < fixture.lines_len && i < 64; i++) {
    count += strstr(fixture.lines[i], part) == NULL ? 0 : 1;
  }
  (void)pthread_mutex_unlock(&fixture.lock);
  return count;
}

static void receive_notification(void *unused,
                                 const struct notification *notification) {
  (void)unused;
  (void)pthread_mutex_lock(&fixture.lock);
  fixture.severities[fixture.notified++ % NOTIFIED_MAX] =
      notification->severity;
  (void)pthread_mutex_unlock(&fixture.lock);
}

static void refresh_rule(void *unused, const struct rule *rule) {
  const struct rule_status status = rule_get_status(rule);
  (void)unused;
  fixture.worst = status.state;
  fixture.value = status.value;
}

static void take_event(void *unused, const struct alert_event *event) {
  fixture.events++;
  refresh_rule(unused, event->rule);
}

static void open_engine(void) {
  const struct engine_deps deps = {
      .clock = &turned_clock,
      .options = &fixture.options,
      .host = "h",
      .interval_ms = INTERVAL_S * 1000,
      .missing_intervals = 2,
      .find_type = find_gauge,
      .log = {.write = receive_line},
      .notifications = {.put = receive_notification},
      .responses = {.take_event = take_event, .refresh_rule = refresh_rule},
      .journal = fixture.journal,
  };
  struct error error = {{0}};
  if (engine_open(&deps, &fixture.engine, &error) != 0) {
    fail_msg("%s", error.text);
  }
}

static void close_engine(void) {
  assert_true(engine_stop(fixture.engine));
  fixture.engine = NULL;
}

static void start(const char *text) {
  configure_engine(&fixture.options, fixture.directory, text);
  open_engine();
}

static int setup(void **state) {
  (void)state;
  memset(&fixture, 0, sizeof(fixture));
  (void)pthread_mutex_init(&fixture.lock, NULL);
  (void)snprintf(fixture.directory, sizeof(fixture.directory),
                 "/tmp/test_engine.XXXXXX");
  assert_non_null(mkdtemp(fixture.directory));
  assert_int_equal(option_init(&resource_alert_options, &fixture.options), 0);
  monotonic = 5000000;
  wall = INT64_C(1700000000000);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  static const char *const files[] = {"alerts.jsonl", "alerts.jsonl.bad",
                                      "journal"};
  assert_true(engine_stop(fixture.engine));
  journal_close(fixture.journal);
  option_fini(&resource_alert_options, &fixture.options);
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", fixture.directory, files[i]);
    (void)unlink(path);
  }
  return rmdir(fixture.directory);
}

/* ---- history ---- */

static void put_at(const char *instance, double value, int64_t time_ms) {
  struct reading_names names = {.host = "h", .plugin = "p", .type = "t"};
  (void)snprintf(names.plugin_instance, READING_NAME_BYTES, "%s", instance);
  const struct reading reading = {
      .names = &names,
      .type = {.describe = describe_gauge},
      .time_ns = time_ms * 1000000,
      .interval_ns = INTERVAL_S * INT64_C(1000000000),
      .values_len = 1,
      .values = &value,
  };
  engine_take_reading(fixture.engine, &reading);
}

static void put(double value) { put_at("", value, wall); }

static void turn(void) { (void)engine_wait_and_dispatch(fixture.engine, 0); }

/* Both clocks go on by an interval; the engine turns each second of it. */
static void pass_interval(void) {
  for (int i = 0; i < INTERVAL_S; i++) {
    monotonic += 1000;
    wall += 1000;
    turn();
  }
}

static void live(double value, int64_t seconds) {
  for (int64_t i = 0; i < seconds / INTERVAL_S; i++) {
    pass_interval();
    put(value);
    turn();
  }
}

static size_t count_notified(void) {
  (void)pthread_mutex_lock(&fixture.lock);
  size_t count = fixture.notified;
  (void)pthread_mutex_unlock(&fixture.lock);
  return count;
}

/* The notifier has a thread of its own. */
static void expect_notified(size_t count) {
  for (int i = 0; i < LIMIT_MS && count_notified() < count; i++) {
    (void)poll(NULL, 0, 1);
  }
  assert_int_equal(count_notified(), count);
}

static const struct snapshot_rule *rule(void) {
  static struct snapshot *snapshot;
  snapshot_free(snapshot);
  snapshot = fixture.engine == NULL
                 ? NULL
                 : snapshot_take(engine_rules(fixture.engine),
                                 engine_table(fixture.engine));
  return snapshot == NULL ? NULL : &snapshot->rules[0];
}

static void expect_state(const char *state) {
  assert_string_equal(alert_state_name(rule()->state), state);
}

static double since(void) { return (double)rule()->since_ms / 1000; }

static const char plain[] = "<Threshold \"r\">\n"
                            "Metric \"p*/t\"\n"
                            "WarningMax 10\n"
                            "FailureMax 20\n"
                            "For 30\n"
                            "RecoverFor 60\n"
                            "RepeatInterval 4000\n"
                            "</Threshold>\n";

/* ---- rules that a later block changes ---- */

static void an_override_changes_single_options(void **state) {
  (void)state;
  start("<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\nFailureMax 20\n"
        "Severity \"low\" \"high\"\n</Threshold>\n"
        "<Override \"r\">\nWarningMax 15\nExcept \"p-b/*\"\n"
        "Severity \"minor\" \"major\"\n</Override>\n"
        "<Override \"r\">\nExcept \"p-c/t\"\n</Override>\n");
  put_at("a", 12, wall);
  put_at("b", 30, wall);
  put_at("c", 30, wall); /* the later Except replaces the earlier one */
  turn();
  expect_state("FAILURE");
  const struct rule *changed = rule()->rule;
  assert_true(changed->limits.warning_max > 14.9);
  assert_true(changed->limits.failure_max > 19.9);
  assert_string_equal(changed->warning_word, "minor");
  assert_int_equal(atomic_load(&changed->counts[ALERT_OKAY]), 1);
  assert_int_equal(atomic_load(&changed->counts[ALERT_FAILURE]), 1);
}

/* ---- what is notified ---- */

static void a_week_is_notified_as_it_was(void **state) {
  (void)state;
  start(plain);
  for (int day = 0; day < 7; day++) {
    live(1, DAY_S / 2);
    expect_state("OKAY");
    live(11, DAY_S / 4); /* a warning, and 5 reminders */
    expect_state("WARNING");
    live(21, DAY_S / 4); /* a failure, and 5 reminders */
    expect_state("FAILURE");
    expect_notified((size_t)day * 13 +
                    12); /* from the second on: and an OKAY */
  }
  live(1, 120);
  expect_notified(7 * 13);
  assert_int_equal(fixture.severities[7 * 13 - 1], NOTIFICATION_OKAY);
}

static void a_spike_an_hour_is_not_notified(void **state) {
  (void)state;
  start(plain);
  for (int hour = 0; hour < 72; hour++) {
    live(1, 3600 - 20);
    live(21, 20); /* less than For */
  }
  live(1, 60);
  expect_state("OKAY");
  assert_int_equal(count_notified(), 0);
}

static void clock_steps_change_nothing(void **state) {
  (void)state;
  static const int64_t steps_s[] = {
      -DAY_S, DAY_S,      -3600,     3600,        -1,
      1,      -7 * DAY_S, 7 * DAY_S, TEN_YEARS_S, -TEN_YEARS_S};
  start(plain);
  live(1, 600);
  live(11, 100);
  expect_notified(1);
  for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
    wall += steps_s[i] * 1000;
    live(11, 300);
    expect_state("WARNING");
  }
  assert_int_equal(count_notified(), 1); /* 3,100 s: not even a reminder */
  live(1, 120);
  expect_notified(2);
}

/* For, RecoverFor, Missing, RepeatInterval and ForgetAfter count as before
 * while the clock is wrong, and after it was set right. */
static void ten_wrong_years_hold_up_nothing(void **state) {
  (void)state;
  start(plain);
  live(1, 600);
  size_t notified = 0;
  for (int i = 0; i < 4; i++) {
    wall += (i % 2 == 0 ? 1 : -1) * TEN_YEARS_S * 1000;
    live(11, 100); /* For is 30 s, or 3 intervals more */
    expect_state("WARNING");
    expect_notified(++notified);
    live(11, 4000);
    expect_notified(++notified); /* a reminder */
    live(1, 120);
    expect_state("OKAY");
    expect_notified(++notified);
    for (int silent = 0; silent < 6; silent++) {
      pass_interval();
    }
    expect_state("MISSING");
    expect_notified(++notified);
    live(1, 120);
    expect_state("OKAY");
    expect_notified(++notified);
  }
  for (int i = 0; i < (DAY_S + 60) / INTERVAL_S; i++) {
    pass_interval();
  }
  struct series_table_counts counts;
  series_table_get_counts(engine_table(fixture.engine), &counts);
  assert_int_equal(counts.series, 0);
}

static void refused_values_are_a_problem(void **state) {
  (void)state;
  const struct log_sink sink = {.write = receive_line};
  start("MaxSeries 2\n"
        "<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n</Threshold>\n");
  put_at("a", 1, wall);
  put_at("b", 1, wall);
  turn();
  engine_report_problems(fixture.engine, &sink);
  assert_int_equal(count_lines("MaxSeries: values of"), 0);
  put_at("c", 1, wall);
  turn();
  engine_report_problems(fixture.engine, &sink);
  assert_int_equal(count_lines("MaxSeries: values of"), 1);
}

/* The monotonic clock stands still while a machine sleeps. */
static void a_machine_that_slept_notifies_nothing(void **state) {
  (void)state;
  start(plain);
  live(11, 20); /* For is not over */
  wall += INT64_C(8) * 3600 * 1000;
  live(11, 20);
  expect_state("WARNING"); /* by what was seen, not by what was slept */
  expect_notified(1);
  wall += INT64_C(8) * 3600 * 1000;
  live(11, 600);
  assert_int_equal(count_notified(), 1);
}

static void a_series_that_stops_is_logged_with_its_rule(void **state) {
  (void)state;
  start(plain);
  live(1, 100);
  for (int i = 0; i < 6 * 3600 / INTERVAL_S; i++) {
    pass_interval();
  }
  expect_state("MISSING");
  expect_notified(6); /* and five reminders */
  assert_int_equal(
      count_lines("rule \"r\": OKAY -> MISSING, h/p/t without a reading for"),
      1);
}

static void a_rule_without_a_series_is_logged_once(void **state) {
  (void)state;
  start(plain);
  for (int i = 0; i < 100; i++) {
    pass_interval();
  }
  assert_int_equal(count_lines("rule \"r\": no series for 30 s"), 1);
}

/* ---- what the responses receive ---- */

static void expect_worst(enum alert_state worst, double value) {
  turn();
  assert_int_equal(fixture.worst, worst);
  assert_float_equal(fixture.value, value, 0);
}

static void responses_receive_the_value_of_the_worst_series(void **state) {
  (void)state;
  start("<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n"
        "FailureMax 20\n</Threshold>\n");
  turn();
  assert_true(isnan(fixture.value));
  put_at("a", 15, wall);
  expect_worst(ALERT_WARNING, 15);
  assert_int_equal(fixture.events, 1);
  put_at("b", 12, wall);
  expect_worst(ALERT_WARNING, 15);
  put_at("b", 17, wall + 10000); /* no event, but a value */
  expect_worst(ALERT_WARNING, 17);
  assert_int_equal(fixture.events, 2);
  put_at("a", 25, wall + 20000);
  expect_worst(ALERT_FAILURE, 25);
  put_at("b", 19, wall + 30000);
  expect_worst(ALERT_FAILURE, 25);
  put_at("a", 5, wall + 40000);
  put_at("b", 13, wall + 40000);
  expect_worst(ALERT_WARNING, 13);
}

/* ---- over a restart ---- */

static void a_restart_notifies_nothing(void **state) {
  (void)state;
  start(plain);
  live(11, 1800);
  expect_notified(1);
  double before = since();
  close_engine();
  wall += 600 * 1000;
  monotonic += 600 * 1000;
  open_engine();
  expect_state("WARNING");
  assert_true(fabs(since() - before) < 1);
  live(11, 1600); /* RepeatInterval since it was notified is not over yet */
  assert_int_equal(count_notified(), 1);
  live(11, 60);
  expect_notified(2); /* the reminder */
}

static void put_no_sample(void *unused, const struct sample *sample) {
  (void)unused, (void)sample;
}

/* The rule's new name, or a Metric that leaves the series out. */
static void configure_anew(const char *text) {
  close_engine();
  option_fini(&resource_alert_options, &fixture.options);
  assert_int_equal(option_init(&resource_alert_options, &fixture.options), 0);
  start(text);
  const struct sample_sink samples = {.put = put_no_sample};
  engine_publish(fixture.engine, &samples); /* the daemon has listeners now */
  turn();
}

static void a_removed_rule_is_closed_once(void **state) {
  (void)state;
  start(plain);
  live(11, 600);
  expect_notified(1);
  configure_anew("<Threshold \"renamed\">\nMetric \"p*/t\"\nWarningMax 50\n"
                 "</Threshold>\n");
  expect_notified(2);
  assert_int_equal(fixture.severities[1], NOTIFICATION_OKAY);
  assert_int_equal(
      count_lines("rule \"r\": WARNING -> UNKNOWN, h/p/t closed: "), 1);
  live(11, 60);
  configure_anew("<Threshold \"renamed\">\nMetric \"p*/t\"\nWarningMax 50\n"
                 "</Threshold>\n");
  live(11, 60);
  expect_notified(2);
}

static void a_series_that_a_rule_leaves_out_is_closed(void **state) {
  (void)state;
  start(plain);
  live(11, 600);
  expect_notified(1);
  configure_anew("<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n"
                 "</Threshold>\n<Override \"r\">\nExcept \"p/*\"\n"
                 "</Override>\n");
  live(11, 60);
  expect_notified(2);
  assert_int_equal(fixture.severities[1], NOTIFICATION_OKAY);
  expect_state("UNKNOWN");
}

static size_t forget(const char *pattern) {
  json_t *names = json_array();
  size_t count = engine_forget_series(fixture.engine, pattern, names);
  assert_int_equal(json_array_size(names), count);
  json_decref(names);
  turn();
  return count;
}

static void a_forgotten_series_is_closed_and_gone(void **state) {
  (void)state;
  start(plain);
  live(1, 60);
  live(11, 60);
  expect_notified(1);
  assert_int_equal(forget("h/q*"), 0);
  assert_int_equal(forget("h/p/*"), 1);
  expect_notified(2);
  assert_int_equal(fixture.severities[1], NOTIFICATION_OKAY);
  expect_state("UNKNOWN");
  for (int i = 0; i < 6; i++) { /* it does not become MISSING */
    pass_interval();
  }
  struct series_table_counts counts;
  series_table_get_counts(engine_table(fixture.engine), &counts);
  assert_int_equal(counts.series, 0);
  close_engine();
  open_engine();
  turn();
  live(11, 60); /* a new series: For counts again */
  expect_notified(3);
}

static void a_forgotten_series_that_sends_is_new(void **state) {
  (void)state;
  start(plain);
  live(11, 60);
  expect_notified(1);
  assert_int_equal(forget("h/p/t"), 1);
  expect_notified(2);
  live(11, 20); /* less than For */
  expect_state("UNKNOWN");
  live(11, 30);
  expect_state("WARNING");
  expect_notified(3);
}

static void an_outage_is_no_time_held(void **state) {
  (void)state;
  start(plain);
  live(1, 60);
  live(11, 20);
  close_engine();
  wall += 600 * 1000;
  monotonic = 1000; /* the machine was started anew */
  open_engine();
  put(11);
  turn();
  expect_state("OKAY");
  live(11, 20);
  expect_state("OKAY");
  live(11, 10);
  expect_state("WARNING");
}

/* ---- storms, bounds, threads ---- */

static void a_storm_is_coalesced_and_its_end_is_notified(void **state) {
  (void)state;
  char path[128];
  struct error error = {{0}};
  const struct log_sink log = {.write = receive_line};
  (void)snprintf(path, sizeof(path), "%s/journal", fixture.directory);
  assert_int_equal(journal_open(path, &log, &fixture.journal, &error), 0);
  start("<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n</Threshold>\n");
  for (int i = 0; i < 100001; i++) { /* before anybody looks */
    wall += INTERVAL_S * 1000;
    put(i % 2 == 0 ? 11 : 1);
  }
  turn();
  expect_notified(1);
  expect_state("WARNING");
  close_engine(); /* which marks what the journal has */
  journal_close(fixture.journal);
  fixture.journal = NULL;
  char *text = NULL;
  size_t bytes = 0;
  assert_int_equal(file_read(path, 1 << 20, &text, &bytes, NULL), 0);
  assert_non_null(
      strstr(text, "\"coalesced\":65535")); /* as many as it counts */
  assert_ptr_equal(strchr(text, '\n') + 1, text + bytes); /* one line */
  free(text);
}

static void more_series_than_allowed_are_logged_once(void **state) {
  (void)state;
  start("MaxSeries 100\n"
        "<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n</Threshold>\n");
  char name[32];
  for (int round = 0; round < 50; round++) {
    pass_interval();
    for (int i = 0; i < 150; i++) {
      (void)snprintf(name, sizeof(name), "%d", i);
      put_at(name, 1, wall);
    }
  }
  turn();
  assert_int_equal(count_lines("raise MaxSeries"), 1);
  struct series_table_counts counts;
  series_table_get_counts(engine_table(fixture.engine), &counts);
  assert_int_equal(counts.series, 100);
  assert_int_equal(counts.rejected, 50 * 50);
}

/* What is on its way to the notification plugins holds memory, too. */
static void expect_nothing_waits(void) {
  struct engine_counts counts = {.notifications_waiting = 1};
  for (int i = 0; i < LIMIT_MS && counts.notifications_waiting > 0; i++) {
    engine_get_counts(fixture.engine, &counts);
    (void)poll(NULL, 0, 1);
  }
  assert_int_equal(counts.notifications_waiting, 0);
}

/* What is in use once all is delivered and marked: the least of some looks. */
static size_t memory_at_rest(void) {
  size_t least = SIZE_MAX;
  expect_nothing_waits();
  for (int i = 0; i < 50; i++) {
    turn();
    size_t in_use = mallinfo2().uordblks;
    least = in_use < least ? in_use : least;
    (void)poll(NULL, 0, 1);
  }
  return least;
}

/* Pods come and go: the memory of those that went is used by those that come.
 */
static void what_is_gone_gives_its_memory_back(void **state) {
  (void)state;
  start("ForgetAfter 60\n"
        "<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\n</Threshold>\n");
  size_t in_use = 0;
  for (int generation = 0; generation < 10; generation++) {
    char name[64];
    for (int i = 0; i < 2000; i++) {
      (void)snprintf(name, sizeof(name), "pod-%d-%d", generation, i);
      put_at(name, 1, wall);
    }
    turn();
    for (int i = 0; i < 13; i++) { /* missing, then forgotten, then rested */
      pass_interval();
    }
    struct series_table_counts counts;
    series_table_get_counts(engine_table(fixture.engine), &counts);
    assert_int_equal(counts.series, 0);
    if (generation == 2) {
      in_use = memory_at_rest();
    }
  }
  size_t last = memory_at_rest();
  for (int i = 0; i < LIMIT_MS / 50 && last > in_use + 65536; i++) {
    last = memory_at_rest();
  }
  assert_in_range(last, 0, in_use + 65536);
}

static void *write_values(void *argument) {
  int number = *(int *)argument;
  char name[64];
  for (int round = 1; round <= 200; round++) {
    int64_t time_ms = INT64_C(1700000000000) + round * INTERVAL_S * 1000;
    for (int i = 0; i < 8; i++) {
      int owner = i < 4 ? number : WRITERS; /* the last four are shared */
      (void)snprintf(name, sizeof(name), "%d-%d", owner, i);
      put_at(name, round % 20 < 10 ? 11 : 1, time_ms);
    }
  }
  return NULL;
}

static void many_writers_while_days_pass(void **state) {
  (void)state;
  pthread_t threads[WRITERS];
  int numbers[WRITERS];
  start("PublishSeries false\n"
        "<Threshold \"r\">\nMetric \"p*/t\"\nWarningMax 10\nRepeatInterval 60\n"
        "OnlyIf \"p-16-4/t\" \">= 0\"\n</Threshold>\n"
        "<Notification \"n\">\n</Notification>\n");
  for (int i = 0; i < WRITERS; i++) {
    numbers[i] = i;
    assert_int_equal(
        pthread_create(&threads[i], NULL, write_values, &numbers[i]), 0);
  }
  const struct notification notification = {.severity = NOTIFICATION_WARNING,
                                            .host = "h",
                                            .plugin = "q",
                                            .plugin_instance = "",
                                            .type = "",
                                            .type_instance = "",
                                            .message = ""};
  for (int i = 0; i < 300; i++) {
    monotonic += 600 * 1000;
    engine_take_notification(fixture.engine, &notification);
    turn();
    snapshot_free(snapshot_take(engine_rules(fixture.engine),
                                engine_table(fixture.engine)));
  }
  for (int i = 0; i < WRITERS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  turn();
  struct series_table_work work;
  series_table_get_work(engine_table(fixture.engine), &work);
  assert_true(work.evaluated > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_override_changes_single_options),
      TEST(a_week_is_notified_as_it_was),
      TEST(a_spike_an_hour_is_not_notified),
      TEST(clock_steps_change_nothing),
      TEST(ten_wrong_years_hold_up_nothing),
      TEST(refused_values_are_a_problem),
      TEST(a_machine_that_slept_notifies_nothing),
      TEST(a_series_that_stops_is_logged_with_its_rule),
      TEST(a_rule_without_a_series_is_logged_once),
      TEST(responses_receive_the_value_of_the_worst_series),
      TEST(a_restart_notifies_nothing),
      TEST(a_removed_rule_is_closed_once),
      TEST(a_series_that_a_rule_leaves_out_is_closed),
      TEST(a_forgotten_series_is_closed_and_gone),
      TEST(a_forgotten_series_that_sends_is_new),
      TEST(an_outage_is_no_time_held),
      TEST(a_storm_is_coalesced_and_its_end_is_notified),
      TEST(more_series_than_allowed_are_logged_once),
      TEST(what_is_gone_gives_its_memory_back),
      TEST(many_writers_while_days_pass),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
