/* SPDX-License-Identifier: MIT */
/* floor: finds a leak in counts alone.
 *
 * Chosen over a backlog limit (alarms on bursts, blind after a start in the
 * middle) and over ratios of opened to closed (miss a leak below 1 %): in
 * simulations it had no false alarm in any healthy case. */
#include "session_log/sessions/floor.h"

#include <string.h>

void floor_count(struct floor *floor, int64_t change) {
  floor->net += change;
  floor->window.opened += change > 0 ? change : 0;
  if (floor->net < floor->window.lowest) {
    floor->window.lowest = floor->net;
  }
  if (floor->net < floor->lowest) {
    floor->lowest = floor->net;
  }
}

static bool is_rising(const struct floor *floor,
                      const struct floor_limits *limits) {
  if (floor->past_len < limits->windows) {
    return false;
  }
  const struct floor_window *first =
      &floor->past[floor->past_len - limits->windows];
  int64_t opened = first->opened;
  for (size_t i = 1; i < limits->windows; i++) {
    if (first[i].lowest <= first[i - 1].lowest) {
      return false;
    }
    opened += first[i].opened;
  }
  int64_t rise = first[limits->windows - 1].lowest - first->lowest;
  return rise >= limits->rise &&
         (double)rise >= limits->rise_ratio * (double)opened;
}

static void judge(struct floor *floor, const struct floor_limits *limits) {
  const struct floor_window *last = &floor->past[floor->past_len - 1];
  if (is_rising(floor, limits)) {
    if (!floor->is_leaking) {
      floor->is_leaking = true;
      floor->base = floor->past[floor->past_len - limits->windows].lowest;
    }
    floor->calm_windows = 0;
  } else if (floor->is_leaking) {
    floor->calm_windows++;
  }
  bool is_over = last->lowest <= floor->base ||
                 floor->calm_windows > FLOOR_PATIENCE * limits->windows;
  if (floor->is_leaking && is_over) {
    floor->is_leaking = false;
    floor->calm_windows = 0;
  }
  floor->leaked = floor->is_leaking ? last->lowest - floor->base : 0;
}

static void end_window(struct floor *floor, const struct floor_limits *limits) {
  if (floor->past_len == FLOOR_WINDOWS_MAX) {
    floor->past_len--;
    memmove(floor->past, floor->past + 1,
            floor->past_len * sizeof(floor->past[0]));
  }
  floor->past[floor->past_len++] = floor->window;
  floor->window = (struct floor_window){.lowest = floor->net};
  floor->window_from_s += limits->window_s;
  judge(floor, limits);
}

void floor_advance(struct floor *floor, const struct floor_limits *limits,
                   int64_t now_s) {
  if (floor->window_from_s == 0) {
    floor->window_from_s = now_s;
  }
  size_t most =
      (size_t)FLOOR_PATIENCE * FLOOR_WINDOWS_MAX; /* more changes nothing */
  for (size_t i = 0;
       i < most && now_s - floor->window_from_s >= limits->window_s; i++) {
    end_window(floor, limits);
  }
  if (now_s - floor->window_from_s >= limits->window_s) {
    floor->window_from_s = now_s;
  }
}

void floor_restart(struct floor *floor) {
  int64_t window_from_s = floor->window_from_s;
  *floor = (struct floor){.window_from_s = window_from_s};
}
