/* SPDX-License-Identifier: MIT */
/* pool_monitor: one configured pool from read to read. */
#include "dbpool/pool_monitor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MICROSECONDS_PER_S 1e6

void pool_monitor_init(struct pool_monitor *monitor,
                       const struct dbpool_pool_options *options,
                       const struct dbpool_sinks *sinks) {
  *monitor = (struct pool_monitor){
      .options = options,
      .sinks = sinks,
      .processes = {.proc = "/proc"},
      .notifier = {.pool = options->head.label,
                   .limit.max = options->leak_notifications_per_minute,
                   .keeps_literals = options->leak_query_literals},
      .forecast = {.window_us = (int64_t)(options->forecast_window_s *
                                          MICROSECONDS_PER_S)},
  };
}

void pool_monitor_fini(struct pool_monitor *monitor) {
  if (monitor != NULL) {
    leak_tracker_fini(&monitor->leaks);
    client_processes_fini(&monitor->processes);
    *monitor = (struct pool_monitor){0};
  }
}

/* ---- conclusions ---- */

/* Without root the processes of other users are not visible. Logged once. */
static void log_unknown_processes(struct pool_monitor *monitor) {
  if (monitor->processes.unknown > 1 && !monitor->has_logged_unknown) {
    monitor->has_logged_unknown = true;
    log_write(&monitor->sinks->log, LOG_LEVEL_NOTICE,
              "pool \"%s\": the processes of %zu local sessions are not "
              "visible to collectd; their idle sessions do not count as "
              "checked out; run collectd as root, or set Processes to a number",
              monitor->options->head.label, monitor->processes.unknown);
  }
}

static void log_processes(struct pool_monitor *monitor,
                          const struct client_process_count *count) {
  if (!monitor->has_logged_processes && count->local + count->remote > 0) {
    monitor->has_logged_processes = true;
    log_write(&monitor->sinks->log, LOG_LEVEL_INFO,
              "pool \"%s\": Processes is \"auto\": %" PRId64
              " processes of this host and %" PRId64
              " of other hosts hold sessions; the number is followed",
              monitor->options->head.label, count->local, count->remote);
  }
}

/* The P of pool.h, by the sessions of this read. */
static void
search_and_count_processes(struct pool_monitor *monitor,
                           const struct pool_monitor_reading *reading,
                           struct pool_config *config) {
  struct client_process_count count = client_processes_search_and_count(
      &monitor->processes, reading->sessions, reading->sessions_len,
      dbpool_max_connections(monitor->options), reading->now_us);
  int64_t processes = count.local + count.remote;
  config->processes = processes > 0 ? processes : 1;
  config->may_have_more_processes =
      !count.is_exact && reading->sessions_len > 0;
  log_unknown_processes(monitor);
  log_processes(monitor, &count);
}

static struct pool_config
find_config(struct pool_monitor *monitor,
            const struct pool_monitor_reading *reading) {
  const struct dbpool_pool_options *options = monitor->options;
  bool has_maximum = options->maximum > 0;
  struct pool_config config = {
      .size = has_maximum ? options->maximum : options->size,
      .overflow = has_maximum ? 0 : options->max_overflow,
  };
  if (strcmp(options->processes, "auto") == 0) {
    search_and_count_processes(monitor, reading, &config);
  } else {
    config.processes = strtol(options->processes, NULL, 10);
  }
  return config;
}

/* The pool checks a session's age only when it hands it out. So an old session
 * proves nothing; it must have been used when it was too old, even if it had
 * been handed out for LeakAfter by then. */
static int64_t
count_recycle_overdue(const struct dbpool_pool_options *options,
                      const struct pool_monitor_reading *reading) {
  int64_t overdue = 0;
  int64_t limit_us = (int64_t)((options->recycle_s + options->leak_after_s) *
                               MICROSECONDS_PER_S);
  for (size_t i = 0; options->recycle_s >= 0 && i < reading->sessions_len;
       i++) {
    const struct pool_session *session = reading->sessions[i];
    bool is_overdue =
        session->backend_start_us != 0 &&
        session->state_change_us - session->backend_start_us > limit_us;
    overdue += is_overdue ? 1 : 0;
  }
  return overdue;
}

/* Returns the number of leaks; -1 when there is no memory to search: then those
 * that were notified stay as they are. No lock is held while the notifications
 * are sent. */
static int64_t
find_and_notify_leaks(struct pool_monitor *monitor,
                      const struct pool_config *config,
                      const struct pool_monitor_reading *reading) {
  struct leak_search search = {
      .sessions = reading->sessions,
      .sessions_len = reading->sessions_len,
      .now_us = reading->now_us,
      .after_us =
          (int64_t)(monitor->options->leak_after_s * MICROSECONDS_PER_S),
      .max_idle = pool_max_idle(config),
      .is_fifo = monitor->options->order == DBPOOL_ORDER_FIFO &&
                 config->processes == 1 && !config->may_have_more_processes,
      .leaks = calloc(reading->sessions_len + 1, sizeof(*search.leaks)),
  };
  if (search.leaks == NULL) {
    return -1;
  }
  (void)leak_find(&monitor->leaks, &search);
  leak_notifier_send_changes(&monitor->notifier, search.leaks, search.leaks_len,
                             reading->now_us, &monitor->sinks->notifications);
  free(search.leaks);
  return (int64_t)search.leaks_len;
}

/* More sessions than the pool can have: the options are wrong, or Application
 * matches sessions of others. Logged once. */
static void log_excess(struct pool_monitor *monitor,
                       const struct pool_estimate *estimate) {
  if (estimate->exceeds_capacity && !monitor->has_logged_excess) {
    monitor->has_logged_excess = true;
    log_write(
        &monitor->sinks->log, LOG_LEVEL_WARNING,
        "pool \"%s\": %" PRId64 " sessions, but PoolSize, MaxOverflow and "
        "Processes allow %" PRId64 "; correct them, or narrow Application",
        monitor->options->head.label, estimate->total, estimate->capacity);
  }
}

/* ---- values ---- */

static void send_values(const struct pool_monitor *monitor,
                        const struct dbpool_value *values, size_t len) {
  dbpool_send_values(monitor->sinks, monitor->options->head.label, values, len);
}

/* Counters of the server: collectd makes rates of them. */
static void send_session_ends(const struct pool_monitor *monitor,
                              const struct pool_session_ends *ends) {
  const struct {
    const char *name;
    int64_t value; /* negative: unknown */
  } counters[] = {
      {"abandoned", ends->abandoned},
      {"fatal", ends->fatal},
      {"killed", ends->killed},
  };
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
    if (counters[i].value >= 0) {
      sample_put_derive(&monitor->sinks->samples, monitor->options->head.label,
                        "total_sessions", counters[i].name, counters[i].value);
    }
  }
}

/* What is known without a session of the pool. */
static void send_server_values(const struct pool_monitor *monitor,
                               const struct pool_monitor_reading *reading) {
  static const char connections[] = "current_connections";
  const struct pool_headroom *headroom = &reading->headroom;
  int64_t nearest = pool_headroom_nearest(headroom);
  const struct dbpool_value values[] = {
      {"gauge", "up", 1},
      {"gauge", "full", nearest == 0 ? 1 : 0},
      {connections, "headroom", dbpool_count_to_value(nearest)},
      {connections, "headroom_server", dbpool_count_to_value(headroom->server)},
      {connections, "headroom_database",
       dbpool_count_to_value(headroom->database)},
      {connections, "headroom_role", dbpool_count_to_value(headroom->role)},
      {"duration", "query", reading->query_s},
  };
  send_values(monitor, values, sizeof(values) / sizeof(values[0]));
  if (reading->ends != NULL) {
    send_session_ends(monitor, reading->ends);
  }
}

bool pool_monitor_should_log_unmatched(
    struct pool_monitor *monitor, const struct pool_monitor_reading *reading) {
  if (reading->sessions_len > 0) {
    monitor->has_matched = true;
    monitor->unmatched_us = 0;
    return false;
  }
  if (monitor->unmatched_us == 0 || reading->now_us < monitor->unmatched_us) {
    monitor->unmatched_us = reading->now_us;
  }
  bool should_log =
      !monitor->has_logged_unmatched &&
      reading->now_us - monitor->unmatched_us >= POOL_MONITOR_UNMATCHED_US;
  monitor->has_logged_unmatched |= should_log;
  return should_log;
}

/* A value that cannot be known is not sent, so that no rule takes it for 0. */
static void send_pool_values(struct pool_monitor *monitor,
                             const struct pool_monitor_reading *reading) {
  const struct pool_count *count = &reading->count;
  const int64_t *in_state = count->in_state;
  int64_t nearest = pool_headroom_nearest(&reading->headroom);
  const struct pool_config config = find_config(monitor, reading);
  const struct pool_estimate estimate =
      pool_estimate_use(count, &config, nearest);
  log_excess(monitor, &estimate);
  int64_t leaked = find_and_notify_leaks(monitor, &config, reading);
  int64_t overdue = count_recycle_overdue(monitor->options, reading);
  pool_forecast_add(&monitor->forecast, reading->now_us,
                    (double)estimate.checked_out);
  double until_exhausted_s =
      pool_forecast_exhaustion_s(&monitor->forecast, (double)estimate.capacity);

  static const char connections[] = "current_connections";
  const struct dbpool_value values[] = {
      {"percent", "used", estimate.percent_used},
      {connections, "active",
       dbpool_count_to_value(in_state[POOL_SESSION_ACTIVE])},
      {connections, "checked_out", dbpool_count_to_value(estimate.checked_out)},
      {connections, "idle", dbpool_count_to_value(in_state[POOL_SESSION_IDLE])},
      {connections, "ready", dbpool_count_to_value(estimate.ready)},
      {connections, "idle_in_transaction",
       dbpool_count_to_value(in_state[POOL_SESSION_IN_TRANSACTION])},
      {connections, "aborted",
       dbpool_count_to_value(in_state[POOL_SESSION_ABORTED])},
      {connections, "waiting", dbpool_count_to_value(count->waiting)},
      {connections, "hidden",
       dbpool_count_to_value(in_state[POOL_SESSION_HIDDEN])},
      {connections, "leaked", dbpool_count_to_value(leaked)},
      {connections, "recycle_overdue", dbpool_count_to_value(overdue)},
      {connections, "total", dbpool_count_to_value(estimate.total)},
      {connections, "capacity", dbpool_count_to_value(estimate.capacity)},
      {"duration", "oldest_transaction",
       (double)count->oldest_transaction_us / MICROSECONDS_PER_S},
      {"duration", "oldest_session",
       (double)count->oldest_session_us / MICROSECONDS_PER_S},
      {"duration", "oldest_wait",
       (double)count->oldest_wait_us / MICROSECONDS_PER_S},
      {"duration", "until_exhausted", until_exhausted_s},
  };
  send_values(monitor, values, sizeof(values) / sizeof(values[0]));
}

void pool_monitor_send_reading(struct pool_monitor *monitor,
                               const struct pool_monitor_reading *reading) {
  send_server_values(monitor, reading);
  if (monitor->has_matched || reading->sessions_len > 0) {
    monitor->has_matched = true;
    send_pool_values(monitor, reading);
  }
}

void pool_monitor_send_failure(struct pool_monitor *monitor, bool is_full) {
  const struct dbpool_value values[] = {
      {"gauge", "up", 0},
      {"gauge", "full", is_full ? 1 : 0},
  };
  send_values(monitor, values, sizeof(values) / sizeof(values[0]));
}
