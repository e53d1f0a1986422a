/* SPDX-License-Identifier: MIT */
/* floor: finds a leak in counts alone: the lowest value that opened - closed
 * falls back to rises from window to window. */
#ifndef SESSION_LOG_SESSIONS_FLOOR_H
#define SESSION_LOG_SESSIONS_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOOR_WINDOWS_MAX 16
/* A leak that has not grown for this many times the windows it took to see it
 * is forgotten: the log cannot say that the application let go of it. */
#define FLOOR_PATIENCE 6

struct floor_limits {
  int64_t window_s;  /* 1 or more */
  size_t windows;    /* in which the floor must rise, 2 .. FLOOR_WINDOWS_MAX */
  int64_t rise;      /* sessions, over these windows together */
  double rise_ratio; /* the same as a part of the sessions opened in them */
};

struct floor_window {
  int64_t lowest;
  int64_t opened;
};

/* All zero before the first event. Not locked: one owner. */
struct floor {
  int64_t net;    /* opened - closed; its zero point means nothing */
  int64_t lowest; /* since the beginning */
  int64_t window_from_s;
  struct floor_window window;                  /* the one that is running */
  struct floor_window past[FLOOR_WINDOWS_MAX]; /* oldest first */
  size_t past_len;
  bool is_leaking;
  int64_t base; /* the floor before it began to rise */
  int64_t leaked;
  size_t calm_windows; /* since it last rose */
};

/* Counts sessions opened (change > 0) or closed (change < 0). */
void floor_count(struct floor *floor, int64_t change);

/* Ends the windows that are over at now_s; times never run backwards. */
void floor_advance(struct floor *floor, const struct floor_limits *limits,
                   int64_t now_s);

/* The application was restarted: nothing is open, nothing leaks. */
void floor_restart(struct floor *floor);

#endif
