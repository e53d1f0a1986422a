/* SPDX-License-Identifier: MIT */
/* rate_window: counts exactly the events in any 60 seconds. A decaying average
 * would alert on a steady rate just below a limit, and counts per calendar
 * minute would miss a burst across two of them. */
#pragma once

#include <stdint.h>

#include "session_log/state_file.h"

#define RATE_WINDOW_S 60

struct rate_window_second {
  uint32_t count; /* events of this second */
  uint64_t sum;   /* of the 60 seconds that end with it */
};

/* All zero is an empty window. Not locked: one owner. */
struct rate_window {
  int64_t newest_s; /* the last second that is accounted for */
  int64_t read_s;   /* windows that ended up to here have been read */
  struct rate_window_second seconds[RATE_WINDOW_S]; /* second s at s % 60 */
  uint64_t peak;                                    /* since read_s */
};

/* Counts COUNT events that happened at event_s and are seen at now_s (seconds
 * since the epoch). One older than the window counts in no window any more; one
 * ahead of the clock counts as now. */
void rate_window_add(struct rate_window *window, int64_t event_s, int64_t now_s,
                     uint32_t count);

/* The events of the 60 seconds that end with now_s. */
uint64_t rate_window_find_sum(struct rate_window *window, int64_t now_s);

/* The most events of any 60 seconds that ended since the last call, now
 * included. */
uint64_t rate_window_take_peak(struct rate_window *window, int64_t now_s);

/* Saves the counts, only seconds with events, so that the record of an idle
 * window stays the same; or loads them into an empty window as already read. */
void rate_window_transfer(struct rate_window *window,
                          struct state_file_record *record);
