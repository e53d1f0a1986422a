/* SPDX-License-Identifier: MIT */
/* alert_state_file: each line that is written can be read, whatever the values,
 * names and clocks. */
#include "draw.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "resource_alert/alerts/alert_state_file.h"

#define ROUNDS 20000

/* Often one of the edges. */
static int64_t draw_integer(void) {
  static const int64_t edges[] = {INT64_MIN,
                                  INT64_MIN + 1,
                                  -1,
                                  0,
                                  1,
                                  INT32_MAX,
                                  (int64_t)INT32_MAX + 1,
                                  UINT32_MAX,
                                  INT64_MAX - 1,
                                  INT64_MAX};
  uint64_t which = draw() % 16;
  return which < 10 ? edges[which] : (int64_t)(draw() >> (draw() % 64));
}

static double draw_number(void) {
  static const double edges[] = {0, -0.0, 1e308, -1e308, 5e-324, 0.1};
  uint64_t which = draw() % 12;
  if (which < 6) {
    return edges[which];
  }
  if (which == 6) {
    return (double)NAN;
  }
  if (which == 7) {
    return (double)INFINITY;
  }
  double number;
  uint64_t bits = draw();
  memcpy(&number, &bits, sizeof(number));
  return number;
}

/* Any bytes of any length. */
static void draw_name(char *name) {
  size_t length = draw() % READING_NAME_BYTES;
  memset(name, 0, READING_NAME_BYTES);
  for (size_t i = 0; i < length; i++) {
    name[i] = (char)(1 + draw() % 255);
  }
}

static int64_t bounded(int64_t value, int64_t min, int64_t max) {
  return value < min ? min : value > max ? max : value;
}

/* JSON has no other number: infinity is read as none. */
static void expect_number(double read, double written) {
  if (isfinite(written)) {
    assert_true(read >= written && read <= written);
  } else {
    assert_true(isnan(read));
  }
}

static void draw_event(const struct rule *rule, struct alert_event *event) {
  *event = (struct alert_event){
      .rule = rule,
      .since_wall_ms = draw_integer(),
      .notified_wall_ms = draw_integer(),
      .interval_ms = draw_integer(),
      .notified = (enum alert_state)(draw() % ALERT_STATES),
      .number = draw() % 4 == 0 ? 0 : draw() >> (1 + draw() % 63),
      .coalesced = draw() % (UINT16_MAX + 1U),
      .change = {.from = (enum alert_state)(draw() % ALERT_STATES),
                 .to = (enum alert_state)(draw() % ALERT_STATES),
                 .cause = (enum alert_cause)(draw() % 3),
                 .value = draw_number(),
                 .limit = draw_number(),
                 .is_limit_max = draw() % 2,
                 .should_notify = draw() % 2,
                 .held_s = (uint32_t)draw()}};
  struct reading_names *names = &event->names;
  char *all[] = {names->host, names->plugin,        names->plugin_instance,
                 names->type, names->type_instance, event->source};
  for (size_t i = 0; i < 6; i++) {
    draw_name(all[i]);
  }
}

static void expect_same(const struct alert_event *read,
                        const struct alert_event *written) {
  assert_int_equal(read->change.to, written->change.to);
  assert_int_equal(read->notified, written->notified);
  assert_int_equal(read->since_wall_ms,
                   bounded(written->since_wall_ms, 0, INT64_MAX));
  assert_int_equal(read->notified_wall_ms,
                   bounded(written->notified_wall_ms, 0, INT64_MAX));
  assert_int_equal(read->interval_ms,
                   bounded(written->interval_ms, 1, INT32_MAX));
  assert_memory_equal(&read->names, &written->names, sizeof(read->names));
  assert_string_equal(read->source, written->source);
  assert_int_equal(read->number, written->number);
  if (written->number > 0) {
    assert_int_equal(read->coalesced, written->coalesced);
    assert_int_equal(read->change.from, written->change.from);
    assert_int_equal(read->change.cause, written->change.cause);
    assert_int_equal(read->change.is_limit_max, written->change.is_limit_max);
    assert_int_equal(read->change.should_notify, written->change.should_notify);
    assert_int_equal(read->change.held_s, written->change.held_s);
    expect_number(read->change.value, written->change.value);
    expect_number(read->change.limit, written->change.limit);
  }
}

static void what_is_written_is_read(void **state) {
  begin_drawing();
  char rule_name[] = "r";
  const struct rule rule = {.name = rule_name};
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    struct alert_event event;
    struct alert_state_line line;
    draw_event(&rule, &event);
    json_t *object = alert_state_file_event_to_json(&event);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    json_t *again = json_loads(text, 0, NULL);
    assert_non_null(again);
    assert_int_equal(alert_state_file_parse_line(again, &line), 0);
    assert_false(line.is_marks);
    assert_string_equal(line.rule, "r");
    expect_same(&line.event, &event);
    json_decref(again);
    json_decref(object);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_written_is_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
