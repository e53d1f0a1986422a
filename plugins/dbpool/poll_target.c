/* SPDX-License-Identifier: MIT */
/* poll_target: a server that is queried at each read and may be down. */
#include "dbpool/poll_target.h"

#include <errno.h>
#include <inttypes.h>

#include "core/clock.h"

/* collectd cannot stop while a read waits, and should stop within 2 s. */
#define BUDGET_MAX_MS 1000

int poll_target_init(struct poll_target *target, const char *name,
                     const struct dbpool_endpoint_options *endpoint,
                     struct pg_connection_defaults defaults,
                     const struct log_sink *log) {
  *target = (struct poll_target){
      .name = name,
      .connection = pg_connection_new(endpoint, defaults),
      .timeout_ms = (int64_t)(endpoint->timeout_s * 1000),
      .log = log,
  };
  return target->connection == NULL ? -ENOMEM : 0;
}

static int64_t earlier_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* How long this read may wait: half of the interval, so that collectd keeps its
 * rhythm, and half of that for a target that is known to be down. */
static int64_t compute_budget_ms(const struct poll_target *target,
                                 int64_t interval_ms) {
  int64_t budget_ms = earlier_of(target->timeout_ms, interval_ms / 2);
  budget_ms = earlier_of(budget_ms, BUDGET_MAX_MS);
  return target->complaint.is_open ? budget_ms / 2 : budget_ms;
}

/* Connecting and querying share one deadline, that of the read. */
static int connect_and_exchange(struct poll_target *target, int64_t deadline_ms,
                                poll_target_exchange *exchange, void *context,
                                struct error *error) {
  int code = pg_connection_open(target->connection, deadline_ms, error);
  return code != 0 ? code
                   : exchange(context, target->connection, deadline_ms, error);
}

/* At once, then hourly with the number of failures so far. */
static void log_failure(struct poll_target *target, const struct error *error) {
  if (!log_complaint_fail(&target->complaint, clock_monotonic_ms())) {
    return;
  }
  if (target->complaint.count == 1) {
    log_write(target->log, LOG_LEVEL_ERROR, "%s: %s; trying again at each read",
              target->name, error->text);
  } else {
    log_write(target->log, LOG_LEVEL_ERROR,
              "%s: %s; failed %" PRIu64 " times so far", target->name,
              error->text, target->complaint.count);
  }
}

static void log_recovery(struct poll_target *target) {
  int64_t lasted_ms = 0;
  if (log_complaint_clear(&target->complaint, clock_monotonic_ms(),
                          &lasted_ms)) {
    log_write(target->log, LOG_LEVEL_NOTICE,
              "%s: answers again after %" PRId64 " s", target->name,
              (lasted_ms + 500) / 1000);
  }
}

int poll_target_query(struct poll_target *target, int64_t interval_ms,
                      poll_target_exchange *exchange, void *context) {
  struct error error = {{0}};
  int64_t now_ms = clock_monotonic_ms();
  if (target->expires_ms == 0) {
    target->expires_ms = now_ms + target->timeout_ms;
  }
  int64_t deadline_ms = earlier_of(
      target->expires_ms, now_ms + compute_budget_ms(target, interval_ms));
  /* An open session may have ended since the last read; a new one is tried at
   * once, so that a restart of the server leaves no gap. */
  bool was_open = pg_connection_session(target->connection) != NULL;
  int code =
      connect_and_exchange(target, deadline_ms, exchange, context, &error);
  if (code == -EPIPE && was_open) {
    code = connect_and_exchange(target, deadline_ms, exchange, context, &error);
  }
  if (code == -EAGAIN && clock_monotonic_ms() < target->expires_ms) {
    return target->complaint.is_open ? -ETIMEDOUT : code;
  }
  target->expires_ms = 0;
  if (code == -EAGAIN) {
    pg_connection_close(target->connection);
    code = -ETIMEDOUT;
  }
  if (code != 0) {
    log_failure(target, &error);
  } else {
    log_recovery(target);
  }
  return code;
}

void poll_target_fini(struct poll_target *target, int64_t deadline_ms) {
  pg_connection_free(target->connection, deadline_ms);
  target->connection = NULL;
}
