/* SPDX-License-Identifier: MIT */
/* leak_trend: finds a leak in counts alone: the low-water mark of opened -
 * closed rises from window to window. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAK_TREND_WINDOWS_MAX 16
/* A leak is no longer reported if it has not grown for this many times the
 * windows that it took to find it: the log does not show when its sessions
 * end. */
#define LEAK_TREND_FORGET_FACTOR 6

struct leak_trend_limits {
  int64_t window_s;  /* 1 or more */
  int64_t windows;   /* in which the low-water mark must rise, 2 ..
                        LEAK_TREND_WINDOWS_MAX */
  int64_t rise;      /* sessions, over these windows together */
  double rise_ratio; /* the same as a part of the sessions opened in them */
};

struct leak_trend_window {
  int64_t lowest;
  int64_t opened;
};

/* All zero before the first event. Not locked: one owner. */
struct leak_trend {
  int64_t net;    /* opened - closed; its zero point means nothing */
  int64_t lowest; /* since the beginning */
  int64_t window_from_s;
  struct leak_trend_window window; /* the one that is running */
  struct leak_trend_window past[LEAK_TREND_WINDOWS_MAX]; /* oldest first */
  size_t past_len;
  bool is_leaking;
  int64_t base; /* the low-water mark before it began to rise */
  int64_t leaked;
  size_t steady_windows; /* since it last rose */
};

/* Counts sessions opened (change > 0) or closed (change < 0). */
void leak_trend_add_change(struct leak_trend *trend, int64_t change);

/* Ends the windows that are over at now_s; times never run backwards. */
void leak_trend_advance(struct leak_trend *trend,
                        const struct leak_trend_limits *limits, int64_t now_s);

/* The application was restarted: nothing is open, nothing leaks. */
void leak_trend_restart(struct leak_trend *trend);
