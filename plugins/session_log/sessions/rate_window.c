/* SPDX-License-Identifier: MIT */
/* rate_window: how many events any 60 seconds held, exactly. */
#include "session_log/sessions/rate_window.h"

static struct rate_window_second *get_second(struct rate_window *window,
                                             int64_t second) {
  return &window->seconds[(uint64_t)second % RATE_WINDOW_S];
}

/* One second on: the sum loses the events of 60 seconds ago. Each sum is
 * stored, because late events still change it. */
static void step_second(struct rate_window *window) {
  uint64_t sum = get_second(window, window->newest_s)->sum;
  struct rate_window_second *next = get_second(window, ++window->newest_s);
  *next = (struct rate_window_second){.sum = sum - next->count};
  if (window->newest_s > window->read_s && next->sum > window->peak) {
    window->peak = next->sum;
  }
}

/* Moves the window to now_s, second by second. A clock that was set back far
 * begins a new window. */
static void advance_to(struct rate_window *window, int64_t now_s) {
  if (window->newest_s - now_s > RATE_WINDOW_S) { /* the clock was set back */
    uint64_t peak = window->peak;
    *window =
        (struct rate_window){.newest_s = now_s, .read_s = now_s, .peak = peak};
  }
  for (int i = 0; i < RATE_WINDOW_S && window->newest_s < now_s; i++) {
    step_second(window);
  }
  if (window->newest_s < now_s) { /* all is zero by now */
    window->newest_s = now_s;
  }
}

void rate_window_add(struct rate_window *window, int64_t event_s, int64_t now_s,
                     uint32_t count) {
  advance_to(window, now_s);
  if (event_s > window->newest_s) {
    event_s = window->newest_s; /* ahead of the clock */
  }
  if (event_s <= window->newest_s - RATE_WINDOW_S) {
    return;
  }
  get_second(window, event_s)->count += count;
  for (int64_t end = event_s; end <= window->newest_s; end++) {
    uint64_t sum = get_second(window, end)->sum += count;
    if (end > window->read_s && sum > window->peak) {
      window->peak = sum;
    }
  }
}

uint64_t rate_window_find_sum(struct rate_window *window, int64_t now_s) {
  advance_to(window, now_s);
  return get_second(window, window->newest_s)->sum;
}

uint64_t rate_window_take_peak(struct rate_window *window, int64_t now_s) {
  uint64_t peak = rate_window_find_sum(window, now_s);
  peak = window->peak > peak ? window->peak : peak;
  window->peak = 0;
  window->read_s = window->newest_s;
  return peak;
}

void rate_window_transfer(struct rate_window *window,
                          struct state_file_record *record) {
  int64_t second = window->newest_s - RATE_WINDOW_S;
  uint32_t count = 0;
  do {
    if (!record->is_loading) { /* the next second with events; 0: none */
      for (count = 0; count == 0 && second < window->newest_s;) {
        count = ++second < 0 ? 0 : get_second(window, second)->count;
      }
    }
    state_file_transfer_count(record, &count);
    if (count > 0) {
      state_file_transfer_signed(record, &second);
    }
    if (count > 0 && record->is_loading) {
      rate_window_add(window, second, second, count);
    }
  } while (count > 0 && !record->is_failed);
  if (record->is_loading) {
    window->peak = 0; /* was published before */
    window->read_s = window->newest_s;
  }
}
