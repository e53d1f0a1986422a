/* SPDX-License-Identifier: MIT */
/* session: one connection of some application, as the server sees it. */
#ifndef DBPOOL_SESSION_H
#define DBPOOL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

enum session_state {
  SESSION_ACTIVE, /* runs a statement or a fast-path function */
  SESSION_IDLE,
  SESSION_IN_TRANSACTION,
  SESSION_ABORTED, /* in a transaction that failed and was not rolled back */
  SESSION_HIDDEN,  /* we may not see it: no pg_monitor */
};

/* Times: microseconds since the epoch by the server's clock, 0 where the
 * server tells none. All strings are borrowed, never NULL, and hostile. */
struct session {
  int64_t pid;
  int64_t backend_start_us;
  int64_t xact_start_us; /* 0 also in a failed transaction */
  int64_t state_change_us;
  enum session_state state;
  bool is_waiting; /* for a lock of another session */
  int client_port; /* -1: Unix socket; 0: hidden */
  const char *database;
  const char *role;
  const char *application;
  const char *client_address; /* "" for a Unix socket */
  const char *query; /* the last statement, cut; "" unless long quiet */
};

#endif
