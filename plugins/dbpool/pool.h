/* SPDX-License-Identifier: MIT */
/* pool: computes what the sessions on a server show about their pool, and when
 * it will be exhausted. Pure: no clock, no I/O.
 *
 * Only the application knows which of its idle sessions are checked out. The
 * server still shows bounds: with T sessions, B of them busy (running a
 * statement or inside a transaction), P processes and pools that keep S
 * connections each:
 *
 *     max(B, T - P*S)  <=  checked out  <=  T
 *
 * because a pool closes every connection it gets back beyond S. The lower bound
 * is reported, so that an alert on it is never false. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pool_session_state {
  POOL_SESSION_ACTIVE, /* runs a statement or a fast-path function */
  POOL_SESSION_IDLE,
  POOL_SESSION_IN_TRANSACTION,
  POOL_SESSION_ABORTED, /* in a transaction that failed, not rolled back yet */
  POOL_SESSION_HIDDEN,  /* not visible to our role: no pg_monitor */
  POOL_SESSION_STATES
};

/* Their names in pg_stat_activity. */
extern const char *const pool_session_states[];

/* One session as the server reports it. Times: microseconds since the epoch by
 * the server's clock, 0 where the server reports none. Strings are borrowed,
 * never NULL, and come from outside. */
struct pool_session {
  int64_t pid; /* of the server's process */
  int64_t backend_start_us;
  int64_t xact_start_us; /* 0 also in a failed transaction */
  int64_t state_change_us;
  enum pool_session_state state;
  bool is_waiting; /* for a lock of another session */
  int client_port; /* -1: Unix socket; 0: hidden */
  const char *database;
  const char *role;
  const char *application;
  const char *client_address; /* "" for a Unix socket */
  const char *query;          /* the last statement, cut; "" unless long idle */
};

/* How the application's pool is configured. */
struct pool_config {
  int64_t size;                 /* connections that a pool keeps open */
  int64_t overflow;             /* connections that it may add; -1: no limit */
  int64_t processes;            /* each has a pool of its own; at least 1 */
  bool may_have_more_processes; /* than were found */
};

#define POOL_MAX_IDLE_UNKNOWN (INT64_MAX / 2)

/* The most idle connections that the pools of all processes keep open;
 * POOL_MAX_IDLE_UNKNOWN where there may be more processes. */
int64_t pool_max_idle(const struct pool_config *config);

/* Counts over the sessions of a pool. All zero is an empty pool. */
struct pool_count {
  int64_t in_state[POOL_SESSION_STATES];
  int64_t waiting;               /* for a lock; active as well */
  int64_t oldest_transaction_us; /* ages */
  int64_t oldest_session_us;
  int64_t oldest_wait_us;
};

/* now_us: by the server's clock. */
struct pool_count
pool_count_sessions(const struct pool_session *const *sessions, size_t len,
                    int64_t now_us);

#define POOL_HEADROOM_UNLIMITED INT64_MAX

/* How many more sessions each limit of the server leaves. Never negative;
 * POOL_HEADROOM_UNLIMITED where there is no such limit. */
struct pool_headroom {
  int64_t server;   /* max_connections less the reserved ones */
  int64_t database; /* the least that a database's CONNECTION LIMIT leaves */
  int64_t role;     /* the least that a role's CONNECTION LIMIT leaves */
};

/* The least of the three. */
int64_t pool_headroom_nearest(const struct pool_headroom *headroom);

/* Sessions of the pool's database that ended abnormally since its statistics
 * began; -1: unknown (before PostgreSQL 14). */
struct pool_session_ends {
  int64_t abandoned; /* the client was gone */
  int64_t fatal;     /* by an error */
  int64_t killed;    /* by an administrator */
};

struct pool_estimate {
  int64_t total;
  int64_t checked_out; /* the lower bound */
  int64_t ready;       /* connections to hand out without overflow */
  int64_t capacity;
  double percent_used;   /* 0 to 100, NaN without capacity */
  bool exceeds_capacity; /* more sessions than the configuration allows */
};

/* headroom: further sessions that the server accepts; it makes the capacity of
 * a pool without an overflow limit. Negative: unknown. */
struct pool_estimate pool_estimate_use(const struct pool_count *count,
                                       const struct pool_config *config,
                                       int64_t headroom);

/* ---- when the pool will be exhausted, if the trend continues ----
 *
 * Load rises and falls; a leak raises the low-water mark below it. So the trend
 * is a straight line, by least squares, through the minimum of each twelfth of
 * the window. */

#define POOL_FORECAST_SLOTS 12

struct pool_forecast_slot {
  int64_t start_us;
  double minimum;
};

/* window_us: set by the owner. All else starts at 0. */
struct pool_forecast {
  int64_t window_us;
  int64_t last_us; /* of the last value */
  struct pool_forecast_slot
      slots[POOL_FORECAST_SLOTS + 1]; /* the last one is open */
  size_t len;
};

/* Adds a value at now_us. Drops all earlier values when the clock went back,
 * and after a gap of more than half a window. */
void pool_forecast_add(struct pool_forecast *forecast, int64_t now_us,
                       double value);

/* Nobody looks further ahead, so this also stands for "no end in sight": a
 * value that ended with the trend would leave its alert open. */
#define POOL_FORECAST_MAX_S 86400.0

/* Seconds until the trend reaches capacity; 0 if it has; at most
 * POOL_FORECAST_MAX_S, which is also the answer without an upward trend: a rise
 * of less than one. NaN with fewer than four closed slots, or without a
 * capacity (0). */
double pool_forecast_exhaustion_s(const struct pool_forecast *forecast,
                                  double capacity);
