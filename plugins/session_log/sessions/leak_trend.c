/* SPDX-License-Identifier: MIT */
/* leak_trend: finds a leak in counts alone, by the low-water mark of open
 * sessions.
 *
 * Chosen over a backlog limit (alarms on bursts, blind after a start in the
 * middle) and over ratios of opened to closed (miss a leak below 1 %): in
 * simulations it had no false alarm in any healthy case. */
#include "session_log/sessions/session_tracker.h"

#include <string.h>

void leak_trend_add_change(struct leak_trend *trend, int64_t change) {
  trend->net += change;
  trend->window.opened += change > 0 ? change : 0;
  if (trend->net < trend->window.lowest) {
    trend->window.lowest = trend->net;
  }
  if (trend->net < trend->lowest) {
    trend->lowest = trend->net;
  }
}

/* The low-water mark of each of the last windows is above that of the window
 * before, and altogether by the limits. */
static bool is_trend_rising(const struct leak_trend *trend,
                            const struct leak_trend_limits *limits) {
  const size_t windows = (size_t)limits->windows;
  if (trend->past_len < windows) {
    return false;
  }
  const struct leak_trend_window *first =
      &trend->past[trend->past_len - windows];
  int64_t opened = first->opened;
  for (size_t i = 1; i < windows; i++) {
    if (first[i].lowest <= first[i - 1].lowest) {
      return false;
    }
    opened += first[i].opened;
  }
  int64_t rise = first[windows - 1].lowest - first->lowest;
  return rise >= limits->rise &&
         (double)rise >= limits->rise_ratio * (double)opened;
}

/* A leak begins when the trend rises. It ends when the low-water mark is back
 * at its base, or has not risen for long. */
static void update_leak(struct leak_trend *trend,
                        const struct leak_trend_limits *limits) {
  const struct leak_trend_window *last = &trend->past[trend->past_len - 1];
  if (is_trend_rising(trend, limits)) {
    if (!trend->is_leaking) {
      trend->is_leaking = true;
      trend->base =
          trend->past[trend->past_len - (size_t)limits->windows].lowest;
    }
    trend->steady_windows = 0;
  } else if (trend->is_leaking) {
    trend->steady_windows++;
  }
  bool is_over = last->lowest <= trend->base ||
                 trend->steady_windows >
                     LEAK_TREND_FORGET_FACTOR * (size_t)limits->windows;
  if (trend->is_leaking && is_over) {
    trend->is_leaking = false;
    trend->steady_windows = 0;
  }
  trend->leaked = trend->is_leaking ? last->lowest - trend->base : 0;
}

/* Windows without any event count as well: their low-water mark is that of the
 * last one. */
static void finish_window(struct leak_trend *trend,
                          const struct leak_trend_limits *limits) {
  if (trend->past_len == LEAK_TREND_WINDOWS_MAX) {
    trend->past_len--;
    memmove(trend->past, trend->past + 1,
            trend->past_len * sizeof(trend->past[0]));
  }
  trend->past[trend->past_len++] = trend->window;
  trend->window = (struct leak_trend_window){.lowest = trend->net};
  trend->window_from_s += limits->window_s;
  update_leak(trend, limits);
}

void leak_trend_advance(struct leak_trend *trend,
                        const struct leak_trend_limits *limits, int64_t now_s) {
  if (trend->window_from_s == 0) {
    trend->window_from_s = now_s;
  }
  size_t most = (size_t)LEAK_TREND_FORGET_FACTOR *
                LEAK_TREND_WINDOWS_MAX; /* more changes nothing */
  for (size_t i = 0;
       i < most && now_s - trend->window_from_s >= limits->window_s; i++) {
    finish_window(trend, limits);
  }
  if (now_s - trend->window_from_s >= limits->window_s) {
    trend->window_from_s = now_s;
  }
}

void leak_trend_restart(struct leak_trend *trend) {
  int64_t window_from_s = trend->window_from_s;
  *trend = (struct leak_trend){.window_from_s = window_from_s};
}
