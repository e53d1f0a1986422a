/* SPDX-License-Identifier: MIT */
/* poll_target: a server that is queried at each read; while it is down it must
 * neither delay the reader nor flood the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "dbpool/pg_connection.h"

struct poll_target {
  const char *name; /* how log lines begin: pool "trading" */
  struct pg_connection *connection;
  int64_t timeout_ms;
  const struct log_sink *log;
  struct log_complaint complaint;
  int64_t expires_ms; /* of what earlier reads began; 0: nothing */
};

/* name, endpoint, log, the texts of the defaults: borrowed for as long as the
 * target lives. Does not connect. Returns 0 or -ENOMEM. */
int poll_target_init(struct poll_target *target, const char *name,
                     const struct dbpool_endpoint_options *endpoint,
                     struct pg_connection_defaults defaults,
                     const struct log_sink *log);

/* Queries an open connection until deadline_ms. Returns 0 or a negative errno;
 * after -EAGAIN it is called again at the next read. */
typedef int poll_target_exchange(void *context,
                                 struct pg_connection *connection,
                                 int64_t deadline_ms, struct error *error);

/* Connects if necessary and calls exchange(). Waits at most for the least of
 * the target's timeout, half of interval_ms and a second; half as long while
 * the target is known to be down. What takes longer continues in the
 * background: a later read gets the result, until the timeout is over. A
 * session that has ended since the last read is replaced at once. A failure is
 * logged when it is certain, then hourly; the recovery is logged once.
 * Returns 0; -EAGAIN while the outcome is open; or the error. */
int poll_target_query(struct poll_target *target, int64_t interval_ms,
                      poll_target_exchange *exchange, void *context);

/* Closes the connection. Waits at most until deadline_ms for a thread that is
 * still connecting. */
void poll_target_fini(struct poll_target *target, int64_t deadline_ms);
