/* SPDX-License-Identifier: MIT */
/* series_table: readings in, changes out, on clocks that behave and clocks that
 * do not. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/series_table.h"
#include "resource_alert/options.h"
#include "support/failing.h"

#define INTERVAL_MS 10000
#define START_S 1700000000

struct fixture {
  struct resource_alert_options options;
  struct rules rules;
  struct change_queue changes;
  struct series_table *table;
  enum reading_kind kind;
  size_t sources;
  int64_t now_ms;  /* monotonic */
  int64_t wall_ms; /* of the sender */
  char seen[4096]; /* "OW " for each change: from, to */
};

static struct fixture fixture;

static void add_rule(const char *name, const char *metric, double warning_max) {
  struct option_blocks *blocks = &fixture.options.rules.thresholds;
  struct rule_options *rules = blocks->items;
  rules = realloc(rules, (blocks->len + 1) * sizeof(*rules));
  assert_non_null(rules);
  struct rule_options *rule = &rules[blocks->len++];
  blocks->items = rules;
  assert_int_equal(option_init(&rule_options_block, rule), 0);
  rule->head.label = strdup(name);
  rule->metrics.items = calloc(1, sizeof(char *));
  rule->metrics.items[0] = strdup(metric);
  rule->metrics.len = 1;
  rule->limits.warning_max = warning_max;
}

static struct rule_options *last_rule(void) {
  struct rule_options *rules = fixture.options.rules.thresholds.items;
  return &rules[fixture.options.rules.thresholds.len - 1];
}

static void open_table(uint64_t series_max) {
  const struct series_table_limits limits = {.series_max = series_max,
                                             .host = "h",
                                             .missing_intervals = 2,
                                             .forget_ms = 3600 * 1000};
  assert_int_equal(rules_init(&fixture.rules, &fixture.options.rules, NULL), 0);
  assert_int_equal(series_table_new(&fixture.rules, &limits, &fixture.changes,
                                    &fixture.table),
                   0);
  series_table_advance_time(fixture.table, fixture.now_ms, fixture.wall_ms);
}

static int setup(void **state) {
  (void)state;
  memset(&fixture, 0, sizeof(fixture));
  assert_int_equal(option_init(&resource_alert_options, &fixture.options), 0);
  change_queue_init(&fixture.changes);
  fixture.sources = 1;
  fixture.now_ms = 5000000;
  fixture.wall_ms = START_S * INT64_C(1000);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  series_table_free(fixture.table);
  rules_fini(&fixture.rules);
  change_queue_fini(&fixture.changes);
  option_fini(&resource_alert_options, &fixture.options);
  return 0;
}

static void describe(const void *handle, size_t source,
                     struct reading_source *ret_source) {
  (void)handle;
  memset(ret_source, 0, sizeof(*ret_source));
  (void)snprintf(ret_source->name, sizeof(ret_source->name), "s%zu", source);
  ret_source->kind = fixture.kind;
  ret_source->min = (double)NAN;
  ret_source->max = (double)NAN;
}

static void put_of_host(const char *host, const char *plugin,
                        const char *instance, const void *values) {
  struct reading_names names = {.type = "t"};
  (void)snprintf(names.host, READING_NAME_BYTES, "%s", host);
  (void)snprintf(names.plugin, READING_NAME_BYTES, "%s", plugin);
  (void)snprintf(names.plugin_instance, READING_NAME_BYTES, "%s", instance);
  const struct reading reading = {
      .names = &names,
      .type = {.describe = describe},
      .time_ns = fixture.wall_ms * 1000000,
      .interval_ns = INTERVAL_MS * INT64_C(1000000),
      .values_len = fixture.sources,
      .values = values,
  };
  series_table_take_reading(fixture.table, &reading);
}

static void put_named(const char *plugin, const char *instance,
                      const void *values) {
  put_of_host("h", plugin, instance, values);
}

static void put_raw(const char *instance, const void *values) {
  put_named("p", instance, values);
}

static void put(double value) { put_raw("", &value); }

/* Both clocks go on, and the table with them. */
static void pass(int64_t elapsed_ms) {
  while (elapsed_ms > 0) {
    int64_t step_ms = elapsed_ms < 1000 ? elapsed_ms : 1000;
    fixture.now_ms += step_ms;
    fixture.wall_ms += step_ms;
    elapsed_ms -= step_ms;
    series_table_advance_time(fixture.table, fixture.now_ms, fixture.wall_ms);
  }
}

static void put_after_interval(double value) {
  pass(INTERVAL_MS);
  put(value);
}

/* Everything that changed so far, oldest first, "OW WO". */
static const char *changes_so_far(void) {
  bool is_stopping;
  struct series_alert *alert =
      change_queue_take_all(&fixture.changes, 0, &is_stopping);
  while (alert != NULL) {
    struct series_alert *next = alert->next_queued;
    struct alert_event event;
    alert_event_take(alert, NULL, 0, &event);
    size_t length = strlen(fixture.seen);
    (void)snprintf(fixture.seen + length, sizeof(fixture.seen) - length,
                   "%s%.1s%.1s", length == 0 ? "" : " ",
                   alert_state_name(event.change.from),
                   alert_state_name(event.change.to));
    alert = next;
  }
  return fixture.seen;
}

static void each_series_has_its_state(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  open_table(100);
  double high = 11;
  double low = 9;
  put_raw("a", &high);
  put_raw("b", &low);
  assert_string_equal(changes_so_far(), "UW UO");
  assert_int_equal(rule_worst_state(&fixture.rules.items[0]), ALERT_WARNING);
  struct series_table_counts counts;
  series_table_get_counts(fixture.table, &counts);
  assert_int_equal(counts.watched, 2);
}

static void two_rules_do_not_share(void **state) {
  (void)state;
  add_rule("first", "p/t", 10);
  add_rule("second", "p/*", 20);
  open_table(100);
  put(15);
  assert_string_equal(changes_so_far(), "UW UO");
}

static void a_stale_value_is_ignored(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  open_table(100);
  put(1);
  assert_string_equal(changes_so_far(), "UO");
  fixture.wall_ms -= 5000;
  put(11);
  fixture.wall_ms += 5000;
  put(11); /* the same stamp again */
  assert_string_equal(changes_so_far(), "UO");
  put_after_interval(11);
  assert_string_equal(changes_so_far(), "UO OW");
}

static void a_clock_set_back_a_day_changes_nothing(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  last_rule()->limits.for_s = 30;
  open_table(100);
  put(11);
  put_after_interval(11);
  fixture.wall_ms -= 86400 * 1000;
  put_after_interval(11);
  assert_string_equal(changes_so_far(), ""); /* neither MISSING nor WARNING */
  put_after_interval(11);
  assert_string_equal(changes_so_far(), "UW"); /* 30 s after the first */
  for (int i = 0; i < 5; i++) {
    put_after_interval(11);
  }
  assert_string_equal(changes_so_far(), "UW");
}

static void a_clock_set_on_a_day_changes_nothing(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  last_rule()->limits.for_s = 30;
  open_table(100);
  put(11);
  put_after_interval(11);
  fixture.wall_ms += INT64_C(86400) * 1000; /* or the machine slept */
  put_after_interval(11);
  assert_string_equal(changes_so_far(), "");
  put_after_interval(11);
  assert_string_equal(changes_so_far(), "UW");
}

static void a_gap_starts_the_time_afresh(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  last_rule()->limits.for_s = 30;
  last_rule()->limits.missing = RULE_MISSING_IGNORE;
  open_table(100);
  put(11);
  put_after_interval(11);
  pass(60000);
  put(11);
  assert_string_equal(changes_so_far(), "");
  put_after_interval(11);
  put_after_interval(11);
  put_after_interval(11);
  assert_string_equal(changes_so_far(), "UW");
}

static void a_series_that_stops_is_missed_once(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  open_table(100);
  put(1);
  pass(19000);
  assert_string_equal(changes_so_far(), "UO");
  pass(2000);
  assert_string_equal(changes_so_far(), "UO OM");
  pass(600000);
  assert_string_equal(changes_so_far(), "UO OM");
  put(1);
  assert_string_equal(changes_so_far(), "UO OM MO");
}

static void nothing_but_nan_is_missing(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  open_table(100);
  put(1);
  assert_string_equal(changes_so_far(), "UO");
  for (int i = 0; i < 4; i++) {
    put_after_interval((double)NAN);
  }
  assert_string_equal(changes_so_far(), "UO OM");
}

static void a_reminder_comes_while_it_is_bad(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  last_rule()->limits.repeat_s = 25;
  open_table(100);
  put(11);
  for (int i = 0; i < 6; i++) {
    put_after_interval(11);
    (void)changes_so_far();
  }
  put_after_interval(1);
  for (int i = 0; i < 6; i++) {
    put_after_interval(1);
    (void)changes_so_far();
  }
  assert_string_equal(changes_so_far(), "UW WW WW WO");
}

static void what_is_gone_gives_its_place_back(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  open_table(3);
  double value = 1;
  struct series_table_counts counts;
  char name[32];
  for (int day = 0; day < 10; day++) {
    for (int i = 0; i < 5; i++) {
      (void)snprintf(name, sizeof(name), "%d-%d", day, i);
      put_raw(name, &value);
    }
    series_table_get_counts(fixture.table, &counts);
    assert_int_equal(counts.watched, 3);
    assert_int_equal(counts.rejected, (day + 1) * 2);
    (void)changes_so_far();
    pass(100000); /* missing */
    (void)changes_so_far();
    pass(3600 * 1000);
    series_table_get_counts(fixture.table, &counts);
    assert_int_equal(counts.series, 0);
    assert_int_equal(rule_worst_state(&fixture.rules.items[0]), ALERT_UNKNOWN);
  }
}

static void nobody_s_series_are_forgotten(void **state) {
  (void)state;
  add_rule("r", "q/t", 10);
  open_table(1000);
  double value = 1;
  char name[32];
  struct series_table_counts counts;
  for (int i = 0; i < 500; i++) {
    (void)snprintf(name, sizeof(name), "%d", i);
    put_raw(name, &value);
  }
  for (int hour = 0; hour < 3; hour++) {
    pass(3600 * 1000 + 1000);
    put_raw("7", &value);
  }
  series_table_get_counts(fixture.table, &counts);
  assert_int_equal(counts.series, 1);
  assert_int_equal(counts.rejected, 0);
}

static void rates_are_right_over_a_clock_step(void **state) {
  (void)state;
  fixture.kind = READING_DERIVE;
  add_rule("r", "p/t", 10);
  open_table(100);
  int64_t total = 0;
  put_raw("", &total);
  for (int i = 0; i < 5; i++) {
    pass(INTERVAL_MS);
    fixture.wall_ms += i == 2 ? INT64_C(86400) * 1000 : 0;
    total += 110; /* 11 a second */
    put_raw("", &total);
  }
  assert_string_equal(changes_so_far(), "UW");
}

static void percentages_are_of_all_sources(void **state) {
  (void)state;
  fixture.sources = 2;
  add_rule("r", "p/t:s1", 70);
  last_rule()->limits.is_percentage = true;
  open_table(100);
  put_raw("", (double[]){20, 80});
  pass(INTERVAL_MS);
  put_raw("", (double[]){40, 60});
  pass(INTERVAL_MS);
  put_raw("", (double[]){0, 0});
  assert_string_equal(changes_so_far(), "UO"); /* coalesced: there and back */
}

/* The one watched series as those see it who look. */
static struct alert look(void) {
  struct series_cursor cursor = {0};
  struct series *series = series_table_lock_next(fixture.table, &cursor);
  assert_non_null(series);
  struct alert alert = series->alerts[0].alert;
  series_unlock(series);
  return alert;
}

static void a_walk_sees_the_last_value(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  open_table(100);
  for (int i = 1; i <= 5; i++) {
    put_after_interval(i);
    assert_true(fabs(look().value - i) < 1e-9);
    assert_int_equal(look().last_ms, (i - 1) * INTERVAL_MS);
  }
  struct series_table_work work;
  series_table_get_work(fixture.table, &work);
  assert_int_equal(work.evaluated, 5);
}

static void a_state_changes_exactly_at_the_limit(void **state) {
  (void)state;
  add_rule("r", "p/t", 0.1); /* no float is 0.1 */
  last_rule()->limits.warning_min = -0.1;
  open_table(100);
  for (int i = 0; i < 4; i++) {
    put_after_interval(i % 2 == 0 ? 0.1 : -0.1);
  }
  assert_string_equal(changes_so_far(), "UO");
  put_after_interval(nextafter(0.1, 1));
  assert_string_equal(changes_so_far(), "UO OW");
  put_after_interval(0.1);
  put_after_interval(nextafter(-0.1, -1));
  assert_string_equal(changes_so_far(), "UO OW WW"); /* coalesced */
}

static void a_hold_begins_after_values_within_limits(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  last_rule()->limits.for_s = 30;
  open_table(100);
  for (int i = 0; i < 100; i++) {
    put_after_interval(1);
  }
  for (int i = 0; i < 3; i++) {
    put_after_interval(11);
  }
  assert_string_equal(changes_so_far(), "UO");
  put_after_interval(1);
  for (int i = 0; i < 4; i++) {
    put_after_interval(11);
  }
  assert_string_equal(changes_so_far(), "UO OW");
}

static void values_within_limits_keep_a_series_from_being_missed(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  open_table(100);
  for (int i = 0; i < 100; i++) {
    put_after_interval(1);
  }
  pass(19000);
  assert_string_equal(changes_so_far(), "UO");
  pass(2000);
  assert_string_equal(changes_so_far(), "UO OM");
}

static void only_if(const char *metric, const char *comparison) {
  struct option_strings *words = &last_rule()->only_if;
  words->items = realloc(words->items, (words->len + 2) * sizeof(char *));
  words->items[words->len++] = strdup(metric);
  words->items[words->len++] = strdup(comparison);
}

static void a_rule_counts_only_while_another_value_is_so(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  only_if("q/t", ">= 5");
  open_table(100);
  double high = 11;
  double enough = 5;
  double few = 4;
  put_raw("a", &high); /* nothing is known of the other one */
  assert_string_equal(changes_so_far(), "UO");
  put_named("q", "b", &enough); /* of another instance */
  pass(INTERVAL_MS);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO");
  put_named("q", "a", &few);
  pass(INTERVAL_MS);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO");
  put_named("q", "a", &enough);
  pass(INTERVAL_MS);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO OW");
  pass(2 * INTERVAL_MS + 1000); /* the other one is too old */
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO OW WO");
}

static void two_conditions_must_both_hold(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  only_if("q/t", ">= 5");
  only_if("s/t", "< 3");
  open_table(100);
  double high = 11;
  double enough = 5;
  double few = 2;
  put_named("q", "a", &enough);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO");
  put_named("s", "a", &enough);
  pass(INTERVAL_MS);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO");
  put_named("s", "a", &few);
  pass(INTERVAL_MS);
  put_named("q", "a", &enough);
  put_raw("a", &high);
  assert_string_equal(changes_so_far(), "UO OW");
}

static void a_condition_may_name_an_instance_and_a_source(void **state) {
  (void)state;
  fixture.sources = 2;
  add_rule("r", "p-*/t:s0", 10);
  only_if("q-/t:s1", "< 5");
  open_table(100);
  put_named("q", "", (double[]){9, 4});
  put_named("q", "a", (double[]){9, 9});
  put_raw("a", (double[]){11, 0});
  assert_string_equal(changes_so_far(), "UW");
  pass(INTERVAL_MS);
  put_named("q", "", (double[]){1, 5});
  put_raw("a", (double[]){11, 0});
  assert_string_equal(changes_so_far(), "UW WO");
}

static void add_notification(double ttl_s) {
  struct option_blocks *blocks = &fixture.options.rules.notifications;
  struct notification_rule_options *rule = calloc(1, sizeof(*rule));
  assert_non_null(rule);
  assert_int_equal(option_init(&notification_rule_block, rule), 0);
  rule->head.label = strdup("n");
  free(rule->plugin);
  rule->plugin = strdup("p");
  rule->ttl_s = ttl_s;
  *blocks = (struct option_blocks){.items = rule, .len = 1};
}

static void notify(const char *plugin, enum notification_severity severity) {
  const struct notification notification = {.severity = severity,
                                            .host = "h",
                                            .plugin = plugin,
                                            .plugin_instance = "",
                                            .type = "t",
                                            .type_instance = "",
                                            .message = "m"};
  series_table_take_notification(fixture.table, &notification, fixture.wall_ms);
}

static void a_notification_counts_for_its_time(void **state) {
  (void)state;
  add_notification(30);
  open_table(100);
  notify("q", NOTIFICATION_FAILURE);
  notify("p", NOTIFICATION_OKAY);
  assert_string_equal(changes_so_far(), "");
  notify("p", NOTIFICATION_WARNING);
  assert_string_equal(changes_so_far(), "UW");
  pass(29000);
  notify("p", NOTIFICATION_WARNING); /* restarts its time */
  pass(29000);
  assert_string_equal(changes_so_far(), "UW");
  pass(2000);
  assert_string_equal(changes_so_far(), "UW WO");
  notify("p", NOTIFICATION_FAILURE);
  assert_string_equal(changes_so_far(), "UW WO OF");
  fixture.wall_ms -= 86400 * 1000; /* a clock that is set back is no matter */
  notify("p", NOTIFICATION_OKAY);
  assert_string_equal(changes_so_far(), "UW WO OF FO");
}

static void a_notification_is_not_its_value(void **state) {
  (void)state;
  add_rule("r", "p/t", 10);
  add_notification(30);
  open_table(100);
  put(11);
  notify("p", NOTIFICATION_FAILURE);
  assert_string_equal(changes_so_far(), "UW UF");
  put_after_interval(1);
  assert_string_equal(changes_so_far(), "UW UF WO");
  assert_int_equal(rule_worst_state(&fixture.rules.items[1]), ALERT_FAILURE);
}

static void survives_every_failed_allocation(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  only_if("q-/t", ">= 5");
  double value = 11;
  for (size_t count = 0;; count++) {
    const struct series_table_limits limits = {
        .series_max = 10, .missing_intervals = 2, .forget_ms = 1000};
    failing_after(count);
    int code = rules_init(&fixture.rules, &fixture.options.rules, NULL);
    if (code == 0) {
      code = series_table_new(&fixture.rules, &limits, &fixture.changes,
                              &fixture.table);
    }
    if (code == 0) {
      put_named("q", "", &value);
      put_raw("a", &value);
    }
    bool has_failed = failing_stop();
    assert_true(code == 0 || code == -ENOMEM);
    (void)changes_so_far();
    if (!has_failed) {
      break;
    }
    series_table_free(fixture.table);
    fixture.table = NULL;
    rules_fini(&fixture.rules);
  }
  assert_non_null(strstr(fixture.seen, "UW"));
}

/* Bytes after a NUL are no part of a name; the place of a name is. */
static void only_alike_names_are_one_series(void **state) {
  (void)state;
  struct reading_names names;
  char first[SERIES_KEY_BYTES];
  char second[SERIES_KEY_BYTES];
  uint64_t hash;
  uint64_t other;
  memset(&names, 'x', sizeof(names));
  memcpy(names.host, "h", 2);
  memcpy(names.plugin, "ab", 3);
  names.plugin_instance[0] = '\0';
  memcpy(names.type, "of eight", 9);
  names.type_instance[0] = '\0';
  size_t bytes = series_key_make(&names, NULL, 7, first, &hash);
  const struct reading_names clean = {
      .host = "h", .plugin = "ab", .type = "of eight"};
  assert_int_equal(series_key_make(&clean, NULL, 7, second, &other), bytes);
  assert_int_equal(bytes, 2 + 3 + 1 + 9 + 1);
  assert_memory_equal(first, second, bytes);
  assert_true(hash == other);
  const struct reading_names moved = {
      .host = "h", .plugin = "a", .plugin_instance = "b", .type = "of eight"};
  size_t others = series_key_make(&moved, NULL, 7, second, &other);
  assert_true(others != bytes || memcmp(first, second, bytes) != 0);
  assert_true(hash != other);
  others = series_key_make(&clean, "rule", 7, second, &other);
  assert_true(others != bytes);
  assert_true(hash != other);
  (void)series_key_make(&clean, NULL, 8, second, &other);
  assert_true(hash != other);
}

/* Each bit of each name changes about half of the bits of the hash. */
static void every_bit_of_a_name_counts(void **state) {
  (void)state;
  struct reading_names names = {.host = "host1.example.org",
                                .plugin = "interface",
                                .plugin_instance = "eth0",
                                .type = "if_octets",
                                .type_instance = "of 16 characters"};
  char *const all[] = {names.host, names.plugin, names.plugin_instance,
                       names.type, names.type_instance};
  char key[SERIES_KEY_BYTES];
  uint64_t hash;
  (void)series_key_make(&names, NULL, 7, key, &hash);
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    for (size_t bit = 0; bit < strlen(all[i]) * 8; bit++) {
      uint64_t other;
      all[i][bit / 8] ^= (char)(1 << bit % 8);
      (void)series_key_make(&names, NULL, 7, key, &other);
      all[i][bit / 8] ^= (char)(1 << bit % 8);
      assert_in_range(__builtin_popcountll(hash ^ other), 10, 54);
    }
  }
}

static void every_series_is_found_again(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  open_table(100000);
  double value = 1;
  char name[32];
  struct series_table_counts counts;
  for (int turn = 0; turn < 2; turn++) {
    for (int i = 0; i < 20000; i++) {
      (void)snprintf(name, sizeof(name), "%d", i);
      put_raw(name, &value);
    }
    pass(INTERVAL_MS);
  }
  series_table_get_counts(fixture.table, &counts);
  assert_int_equal(counts.series, 20000);
  assert_int_equal(counts.watched, 20000);
  size_t met = 0;
  struct series_cursor cursor = {0};
  struct series *series;
  while ((series = series_table_lock_next(fixture.table, &cursor)) != NULL) {
    met++;
    series_unlock(series);
  }
  assert_int_equal(met, 20000);
  (void)changes_so_far();
}

/* The value follows the worst series, also when it gets better. */
static void a_rule_knows_the_value_of_its_worst_series(void **state) {
  (void)state;
  add_rule("r", "p-*/t", 10);
  open_table(100);
  const struct rule *rule = &fixture.rules.items[0];
  assert_true(isnan(rule_worst_value(rule)));
  double values[] = {5, 12, 15};
  const char *const names[] = {"a", "b", "c"};
  for (int turn = 0; turn < 2; turn++) {
    for (int i = 0; i < 3; i++) {
      put_raw(names[i], &values[i]);
    }
    assert_true(fabs(rule_worst_value(rule) - 15) < 1e-9);
    pass(INTERVAL_MS);
  }
  values[2] = 1;
  put_raw("c", &values[2]);
  put_raw("a", &values[0]);
  assert_true(fabs(rule_worst_value(rule) - 15) < 1e-9); /* b is not read yet */
  put_raw("b", &values[1]);
  assert_true(fabs(rule_worst_value(rule) - 12) < 1e-9);
  assert_int_equal(rule_worst_state(rule), ALERT_WARNING);
  pass(100000);
  (void)changes_so_far();
  pass(3600 * 1000);
  assert_true(isnan(rule_worst_value(rule))); /* all are forgotten */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- places: a share for each host ---- */

static struct series_table_counts count_series(void) {
  struct series_table_counts counts;
  series_table_get_counts(fixture.table, &counts);
  return counts;
}

/* A value of each of LEN hosts. */
static void flood_hosts(const char *prefix, const char *plugin, int len) {
  double value = 1;
  for (int i = 0; i < len; i++) {
    char host[32];
    (void)snprintf(host, sizeof(host), "%s%d", prefix, i);
    put_of_host(host, plugin, "", &value);
  }
}

static void flood_host(const char *host, const char *plugin, int len) {
  double value = 1;
  for (int i = 0; i < len; i++) {
    char instance[32];
    (void)snprintf(instance, sizeof(instance), "i%d", i);
    put_of_host(host, plugin, instance, &value);
  }
}

static void other_hosts_leave_a_quarter_to_this_one(void **state) {
  (void)state;
  add_rule("r", "p*/t", 10);
  last_rule()->limits.missing = RULE_MISSING_IGNORE;
  open_table(1000);
  flood_hosts("a", "p", 600);
  flood_hosts("b", "unwatched", 600);
  assert_int_equal(count_series().series, 750);
  assert_int_equal(count_series().watched, 600);
  assert_int_equal(count_series().rejected, 450);
  flood_host("h", "p", 250);
  assert_int_equal(count_series().series, 1000);
  assert_int_equal(count_series().rejected, 450);
}

static void a_host_gets_no_more_than_a_quarter(void **state) {
  (void)state;
  add_rule("r", "p*/t", 10);
  open_table(1000);
  flood_host("x", "p", 200);
  flood_host("x", "unwatched", 200);
  assert_int_equal(count_series().series, 250);
  flood_host("h", "p", 700);
  assert_int_equal(count_series().series, 950);
}

/* Those that go on sending stay. */
static void what_was_seen_once_makes_room_in_a_full_table(void **state) {
  (void)state;
  add_rule("r", "p*/t", 10);
  last_rule()->limits.missing = RULE_MISSING_IGNORE;
  open_table(1000);
  for (int i = 0; i < 20; i++) {
    flood_hosts("lasting", "p", 100);
    pass(INTERVAL_MS);
  }
  flood_hosts("a", "p", 400);
  flood_hosts("b", "unwatched", 400);
  assert_int_equal(count_series().series, 750);
  (void)changes_so_far();
  for (int i = 0; i < 10; i++) {
    flood_hosts("lasting", "p", i < 5 ? 100 : 0); /* these stop, too */
    pass(INTERVAL_MS);
    (void)changes_so_far();
  }
  assert_int_equal(count_series().watched, 100);
  assert_int_equal(count_series().series, 350);
  flood_hosts("new", "p", 400);
  assert_int_equal(count_series().series, 750);
  assert_int_equal(count_series().rejected, 150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_series_has_its_state),
      TEST(two_rules_do_not_share),
      TEST(a_stale_value_is_ignored),
      TEST(a_clock_set_back_a_day_changes_nothing),
      TEST(a_clock_set_on_a_day_changes_nothing),
      TEST(a_gap_starts_the_time_afresh),
      TEST(a_series_that_stops_is_missed_once),
      TEST(nothing_but_nan_is_missing),
      TEST(a_reminder_comes_while_it_is_bad),
      TEST(what_is_gone_gives_its_place_back),
      TEST(nobody_s_series_are_forgotten),
      TEST(rates_are_right_over_a_clock_step),
      TEST(percentages_are_of_all_sources),
      TEST(a_walk_sees_the_last_value),
      TEST(a_state_changes_exactly_at_the_limit),
      TEST(a_hold_begins_after_values_within_limits),
      TEST(values_within_limits_keep_a_series_from_being_missed),
      TEST(a_rule_counts_only_while_another_value_is_so),
      TEST(two_conditions_must_both_hold),
      TEST(a_condition_may_name_an_instance_and_a_source),
      TEST(a_notification_counts_for_its_time),
      TEST(a_notification_is_not_its_value),
      TEST(survives_every_failed_allocation),
      cmocka_unit_test(only_alike_names_are_one_series),
      cmocka_unit_test(every_bit_of_a_name_counts),
      TEST(every_series_is_found_again),
      TEST(a_rule_knows_the_value_of_its_worst_series),
      TEST(other_hosts_leave_a_quarter_to_this_one),
      TEST(a_host_gets_no_more_than_a_quarter),
      TEST(what_was_seen_once_makes_room_in_a_full_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
