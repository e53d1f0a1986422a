/* SPDX-License-Identifier: MIT */
/* monitor: one configured pool from read to read. */
#include "dbpool/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MICROSECONDS_PER_S 1e6

/* The pool looks at a session's age only when it hands it out. So one that is
 * merely old proves nothing; it must have been used when it was too old, even
 * if it had been handed out for LeakAfter by then. */
static int64_t overdue_us(const struct pool_options *options) {
  return options->recycle_s < 0
             ? INT64_MAX
             : (int64_t)((options->recycle_s + options->leak_after_s) *
                         MICROSECONDS_PER_S);
}

void monitor_init(struct monitor *monitor, const struct pool_options *options,
                  const struct outlets *outlets) {
  *monitor = (struct monitor){
      .options = options,
      .outlets = outlets,
      .recycle_us = overdue_us(options),
      .peers = {.proc = "/proc"},
      .suspects = {.pool = options->head.label,
                   .a_minute = options->suspects_per_minute},
      .forecast = {.window_us = (int64_t)(options->forecast_window_s *
                                          MICROSECONDS_PER_S)},
  };
}

void monitor_fini(struct monitor *monitor) {
  if (monitor == NULL) {
    return;
  }
  free(monitor->sessions);
  free(monitor->leaks);
  leak_watch_fini(&monitor->watch);
  peers_fini(&monitor->peers);
  *monitor = (struct monitor){0};
}

/* ---- gathering ---- */

void monitor_begin(struct monitor *monitor, int64_t now_us) {
  monitor->now_us = now_us;
  monitor->count = (struct pool_count){0};
  monitor->recycle_overdue = 0;
  monitor->sessions_len = 0;
  monitor->leaks_len = 0;
}

static int grow(struct monitor *monitor) {
  size_t size = monitor->size == 0 ? 64 : monitor->size * 2;
  const struct session **sessions =
      realloc(monitor->sessions, size * sizeof(struct session *));
  if (sessions == NULL) {
    return -ENOMEM;
  }
  monitor->sessions = sessions;
  struct leak *leaks = realloc(monitor->leaks, size * sizeof(*leaks));
  if (leaks == NULL) {
    return -ENOMEM;
  }
  monitor->leaks = leaks;
  monitor->size = size;
  return 0;
}

static bool is_recycle_overdue(const struct session *session,
                               int64_t recycle_us) {
  return session->state_change_us - session->backend_start_us > recycle_us &&
         session->backend_start_us != 0;
}

void monitor_count(struct monitor *monitor, const struct pool_count *count) {
  pool_count_merge(&monitor->count, count);
}

int monitor_add(struct monitor *monitor, const struct session *session) {
  if (is_recycle_overdue(session, monitor->recycle_us)) {
    monitor->recycle_overdue++;
  }
  if (monitor->sessions_len == monitor->size) {
    int code = grow(monitor);
    if (code != 0) {
      return code;
    }
  }
  monitor->sessions[monitor->sessions_len++] = session;
  return 0;
}

/* ---- concluding ---- */

/* Who may not see the processes of others is told what that means. */
static void say_indistinct(struct monitor *monitor) {
  if (monitor->peers.indistinct > 1 && !monitor->has_said_indistinct) {
    monitor->has_said_indistinct = true;
    log_write(
        &monitor->outlets->report, LOG_LEVEL_NOTICE,
        "pool \"%s\": the processes of %zu local sessions cannot be seen "
        "from here and count as one; if there are several, set Processes to "
        "a number",
        monitor->options->head.label, monitor->peers.indistinct);
  }
}

static int64_t count_processes(struct monitor *monitor) {
  if (strcmp(monitor->options->processes, "auto") != 0) {
    return strtol(monitor->options->processes, NULL, 10);
  }
  int64_t count = peers_count(&monitor->peers, monitor->sessions,
                              monitor->sessions_len, monitor->now_us);
  say_indistinct(monitor);
  return count;
}

static struct pool_shape shape_of(struct monitor *monitor) {
  return (struct pool_shape){
      .size = monitor->options->size,
      .overflow = monitor->options->max_overflow,
      .processes = count_processes(monitor),
  };
}

static void find_leaks(struct monitor *monitor,
                       const struct pool_shape *shape) {
  const struct leak_limits limits = {
      .after_us =
          (int64_t)(monitor->options->leak_after_s * MICROSECONDS_PER_S),
      .kept = shape->processes * shape->size,
      .is_fifo =
          monitor->options->order == POOL_ORDER_FIFO && shape->processes == 1,
  };
  (void)leak_find(&monitor->watch, monitor->sessions, monitor->sessions_len,
                  monitor->now_us, &limits, monitor->leaks,
                  &monitor->leaks_len);
  suspects_update(&monitor->suspects, monitor->leaks, monitor->leaks_len,
                  monitor->now_us, &monitor->outlets->notifications);
}

static void say_beyond(struct monitor *monitor,
                       const struct pool_estimate *estimate) {
  if (estimate->is_beyond && !monitor->has_said_beyond) {
    monitor->has_said_beyond = true;
    log_write(
        &monitor->outlets->report, LOG_LEVEL_WARNING,
        "pool \"%s\": %" PRId64 " sessions, but PoolSize, MaxOverflow and "
        "Processes allow %" PRId64 "; correct them, or narrow Application",
        monitor->options->head.label, estimate->total, estimate->capacity);
  }
}

/* ---- sending ---- */

static void put(const struct monitor *monitor, const char *type,
                const char *type_instance, double value) {
  sample_put_gauge(&monitor->outlets->samples, monitor->options->head.label,
                   type, type_instance, value);
}

static void put_up(const struct monitor *monitor, bool is_up, bool is_full) {
  put(monitor, "gauge", "up", is_up ? 1 : 0);
  put(monitor, "gauge", "full", is_full ? 1 : 0);
}

static void put_connections(const struct monitor *monitor,
                            const struct pool_estimate *estimate) {
  const struct pool_count *count = &monitor->count;
  const struct {
    const char *name;
    int64_t value;
  } rows[] = {
      {"active", count->active},
      {"checked_out", estimate->checked_out},
      {"idle", count->idle},
      {"ready", estimate->ready},
      {"idle_in_transaction", count->in_transaction},
      {"aborted", count->aborted},
      {"waiting", count->waiting},
      {"hidden", count->hidden},
      {"leaked", (int64_t)monitor->leaks_len},
      {"recycle_overdue", monitor->recycle_overdue},
      {"total", estimate->total},
      {"capacity", estimate->capacity},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    put(monitor, "current_connections", rows[i].name, (double)rows[i].value);
  }
}

static void put_headroom(const struct monitor *monitor,
                         const struct headroom *headroom) {
  const struct {
    const char *name;
    int64_t value;
  } rows[] = {
      {"headroom", headroom_nearest(headroom)},
      {"headroom_server", headroom->server},
      {"headroom_database", headroom->database},
      {"headroom_role", headroom->role},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].value != HEADROOM_UNLIMITED) {
      put(monitor, "current_connections", rows[i].name, (double)rows[i].value);
    }
  }
}

static void put_durations(const struct monitor *monitor, double query_s,
                          double left_s) {
  const struct pool_count *count = &monitor->count;
  const struct {
    const char *name;
    double seconds;
  } rows[] = {
      {"oldest_transaction",
       (double)count->oldest_transaction_us / MICROSECONDS_PER_S},
      {"oldest_session", (double)count->oldest_session_us / MICROSECONDS_PER_S},
      {"oldest_wait", (double)count->oldest_wait_us / MICROSECONDS_PER_S},
      {"query", query_s},
      {"until_exhausted", left_s},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    put(monitor, "duration", rows[i].name, rows[i].seconds);
  }
}

static void put_ends(const struct monitor *monitor,
                     const struct postgresql_database *database) {
  const struct {
    const char *name;
    int64_t value;
  } rows[] = {
      {"abandoned", database->abandoned},
      {"fatal", database->fatal},
      {"killed", database->killed},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].value >= 0) {
      sample_put_derive(&monitor->outlets->samples,
                        monitor->options->head.label, "total_sessions",
                        rows[i].name, rows[i].value);
    }
  }
}

void monitor_finish(struct monitor *monitor, const struct headroom *headroom,
                    const struct postgresql_database *database,
                    double query_s) {
  const struct pool_shape shape = shape_of(monitor);
  const struct pool_estimate estimate =
      pool_estimate(&monitor->count, &shape, headroom_nearest(headroom));
  say_beyond(monitor, &estimate);
  find_leaks(monitor, &shape);
  forecast_add(&monitor->forecast, monitor->now_us,
               (double)estimate.checked_out);
  put_up(monitor, true, headroom_nearest(headroom) == 0);
  put(monitor, "percent", "used", estimate.percent_used);
  put_connections(monitor, &estimate);
  put_headroom(monitor, headroom);
  put_durations(monitor, query_s,
                forecast_left_s(&monitor->forecast, (double)estimate.capacity));
  if (database != NULL) {
    put_ends(monitor, database);
  }
}

void monitor_fail(struct monitor *monitor, bool is_full) {
  put_up(monitor, false, is_full);
}
