/* SPDX-License-Identifier: MIT */
/* alert_property: what holds of every history, on random ones. The seed is
 * printed; test_alert_property SEED repeats a run. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "resource_alert/alerts/alert.h"

#define HISTORIES 3000
#define READINGS 400
#define INTERVAL_MS 10000
#define GAP_MS (5 * INTERVAL_MS / 2)
#define TOLERANCE_MS (INTERVAL_MS / 8)

static uint64_t seed;

static uint32_t draw(uint32_t below) { /* xorshift */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 32) % below;
}

struct reading_taken {
  int64_t at_ms;
  bool is_reading;
  bool is_warned;
  bool is_failing;
};

struct history {
  struct rule_limits limits;
  struct alert alert;
  struct reading_taken taken[READINGS];
  size_t len;
  int64_t missed_ms; /* when it was last missed; -1 never */
};

static void draw_limits(struct rule_limits *limits) {
  *limits = (struct rule_limits){
      .warning_min = draw(2) ? 10 : (double)NAN,
      .warning_max = draw(4) ? 80 : (double)NAN,
      .failure_min = (double)NAN,
      .failure_max = draw(2) ? 95 : (double)NAN,
      .for_s = draw(8) * 7.0,
      .recover_s = draw(8) * 7.0,
      .hits = draw(4),
      .missing = (int)draw(3),
  };
}

static int64_t hold_ms_of(double seconds) { return (int64_t)(seconds * 1000); }

/* True if SIDE held in every reading of the last HOLD_MS, without a gap. */
static bool has_held(const struct history *history, int64_t hold_ms,
                     uint32_t hits, bool is_failure, bool side) {
  int64_t now_ms = history->taken[history->len - 1].at_ms;
  int64_t last_ms = now_ms;
  int64_t from_ms = now_ms;
  uint32_t count = 0;
  for (size_t i = history->len; i > 0; i--) {
    const struct reading_taken *one = &history->taken[i - 1];
    if (!one->is_reading) {
      continue;
    }
    bool is_beyond = is_failure ? one->is_failing : one->is_warned;
    if (is_beyond != side || last_ms - one->at_ms > GAP_MS ||
        one->at_ms <= history->missed_ms) {
      break;
    }
    last_ms = from_ms = one->at_ms;
    count++;
  }
  return now_ms - from_ms + TOLERANCE_MS >= hold_ms && count >= hits;
}

static void check_change(const struct history *history,
                         const struct alert_change *change) {
  const struct rule_limits *limits = &history->limits;
  assert_int_not_equal(change->from, change->to);
  switch (change->to) {
  case ALERT_FAILURE:
    assert_true(has_held(history, hold_ms_of(limits->for_s),
                         (uint32_t)limits->hits, true, true));
    break;
  case ALERT_WARNING:
    if (change->from == ALERT_FAILURE) {
      assert_true(
          has_held(history, hold_ms_of(limits->recover_s), 1, true, false));
    } else {
      assert_true(has_held(history, hold_ms_of(limits->for_s),
                           (uint32_t)limits->hits, false, true));
    }
    break;
  case ALERT_OKAY:
    if (change->from == ALERT_WARNING || change->from == ALERT_FAILURE) {
      assert_true(
          has_held(history, hold_ms_of(limits->recover_s), 1, false, false));
    }
    break;
  case ALERT_UNKNOWN:
    assert_int_equal(change->from, ALERT_MISSING);
    break;
  case ALERT_MISSING:
    fail_msg("a reading made it MISSING");
  }
}

static void take(struct history *history, int64_t now_ms, double value) {
  const struct rule_limits *limits = &history->limits;
  bool is_failing = value > limits->failure_max || value < limits->failure_min;
  history->taken[history->len++] = (struct reading_taken){
      .at_ms = now_ms,
      .is_reading = !isnan(value),
      .is_failing = is_failing,
      .is_warned = is_failing || value > limits->warning_max ||
                   value < limits->warning_min,
  };
  const struct alert_time now = {.series_ms = now_ms,
                                 .wall_ms = now_ms,
                                 .tolerance_ms = TOLERANCE_MS,
                                 .gap_ms = GAP_MS};
  enum alert_state before = (enum alert_state)history->alert.state;
  struct alert_change change;
  if (alert_evaluate(&history->alert, limits, value, false, &now, &change)) {
    assert_int_equal(change.from, before);
    assert_int_equal(change.to, history->alert.state);
    check_change(history, &change);
  } else {
    assert_int_equal(before, history->alert.state);
  }
}

static void live(struct history *history) {
  int64_t now_ms = INTERVAL_MS;
  double level = 50;
  while (history->len < READINGS) {
    now_ms += INTERVAL_MS / 2 + draw(INTERVAL_MS);
    uint32_t event = draw(40);
    if (event == 0) {
      now_ms += 20 * INTERVAL_MS;
    } else if (event == 1) {
      struct alert_change change;
      if (alert_mark_missing(&history->alert, &history->limits, now_ms, 20000,
                             &change)) {
        assert_int_not_equal(change.from, change.to);
      }
      history->missed_ms = now_ms;
      now_ms += INTERVAL_MS;
    } else if (event < 8) {
      level = draw(110);
    }
    take(history, now_ms, event == 39 ? (double)NAN : level);
  }
}

static void holds_of_every_history(void **state) {
  (void)state;
  static struct history history;
  for (int i = 0; i < HISTORIES; i++) {
    history = (struct history){.missed_ms = -1};
    draw_limits(&history.limits);
    live(&history);
  }
}

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
  (void)printf("seed %llu\n", (unsigned long long)seed);
  (void)fflush(stdout);
  seed = (seed | 1) * UINT64_C(0x9e3779b97f4a7c15);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holds_of_every_history),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
