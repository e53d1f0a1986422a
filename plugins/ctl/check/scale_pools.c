/* SPDX-License-Identifier: MIT */
/* scale_pools: whether the replicas that <Scale> may add fit into the server of
 * their pool.
 *
 * What a server has room for is not configured, so it is asked as dbpool asks
 * it. */
#include "ctl/check/scale_pools.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"

#define ANSWER_MS 3000
#define READ_INTERVAL_S 1.0
#define READ_PAUSE_MS 50
#define CLOSE_MS 100

/* What dbpool sends of one pool; NaN: nothing yet. */
struct pool_answer {
  const char *pool;
  double headroom, clients, total;
};

/* For sample_sink; context: struct pool_answer. */
static void take_sample(void *context, const struct sample *sample) {
  struct pool_answer *answer = context;
  const struct {
    const char *name;
    double *value;
  } wanted[] = {{"headroom", &answer->headroom},
                {"clients", &answer->clients},
                {"total", &answer->total}};
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
    if (strcmp(sample->plugin_instance, answer->pool) == 0 &&
        strcmp(sample->type, "current_connections") == 0 &&
        strcmp(sample->type_instance, wanted[i].name) == 0) {
      *wanted[i].value = sample->values[0].gauge;
    }
  }
}

static void discard_notification(void *context,
                                 const struct notification *notification) {
  (void)context;
  (void)notification;
}

static void discard_log(void *context, enum log_level level, const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

/* All connections that applications of the pool may have; NaN: not known. A
 * pool has no total before its first application has connected. */
static double count_room(const struct pool_answer *answer) {
  double open = isfinite(answer->clients) ? answer->clients : answer->total;
  return answer->headroom + (isfinite(open) ? open : 0);
}

/* Reads SERVER, of one of the two kinds, until it has answered. */
static void wait_for_answer(struct postgresql_server *server,
                            struct pgbouncer_server *bouncer,
                            const struct pool_answer *answer) {
  int64_t deadline_ms = clock_monotonic_ms() + ANSWER_MS;
  while (!isfinite(count_room(answer)) && clock_monotonic_ms() < deadline_ms) {
    if (server != NULL) {
      postgresql_server_query_and_send(server, READ_INTERVAL_S);
    } else {
      pgbouncer_server_query_and_send(bouncer, READ_INTERVAL_S);
    }
    (void)poll(NULL, 0, isfinite(count_room(answer)) ? 0 : READ_PAUSE_MS);
  }
}

static double ask_room(const struct dbpool_pool_options *pool,
                       const struct dbpool_pgbouncer_options *bouncer,
                       const char *name) {
  struct pool_answer answer = {name, (double)NAN, (double)NAN, (double)NAN};
  const struct dbpool_sinks sinks = {
      .samples = {take_sample, &answer},
      .notifications = {discard_notification, NULL},
      .log = {discard_log, NULL}};
  struct postgresql_server *server =
      pool == NULL ? NULL : postgresql_server_new(pool, 1, 0, &sinks);
  struct pgbouncer_server *pgbouncer =
      bouncer == NULL ? NULL : pgbouncer_server_new(bouncer, &sinks);
  if (server != NULL || pgbouncer != NULL) {
    wait_for_answer(server, pgbouncer, &answer);
  }
  postgresql_server_free(server, clock_monotonic_ms() + CLOSE_MS);
  pgbouncer_server_free(pgbouncer, clock_monotonic_ms() + CLOSE_MS);
  return count_room(&answer);
}

static const struct dbpool_pool_options *
find_pool(const struct dbpool_options *dbpool, const char *name) {
  const struct dbpool_pool_options *pools = dbpool->pools.items;
  for (size_t i = 0; i < dbpool->pools.len; i++) {
    if (strcmp(pools[i].head.label, name) == 0) {
      return &pools[i];
    }
  }
  return NULL;
}

/* The PgBouncer of a pool LABEL-DATABASE-USER. */
static const struct dbpool_pgbouncer_options *
find_pgbouncer(const struct dbpool_options *dbpool, const char *name) {
  const struct dbpool_pgbouncer_options *bouncers = dbpool->pgbouncers.items;
  for (size_t i = 0; i < dbpool->pgbouncers.len; i++) {
    size_t length = strlen(bouncers[i].head.label);
    if (strncmp(bouncers[i].head.label, name, length) == 0 &&
        name[length] == '-' && strchr(name + length + 1, '-') != NULL) {
      return &bouncers[i];
    }
  }
  return NULL;
}

static void check_connections(const struct dbpool_pool_options *pool,
                              const struct action_options *action,
                              struct lint_report *report,
                              struct config_files_place place) {
  if (pool->max_overflow >= 0 &&
      action->connections < pool->size + pool->max_overflow) {
    lint_print(report, LINT_WARNING, place,
               "ConnectionsPerReplica %" PRId64
               " is less than what one process may open by <Pool \"%s\">: "
               "PoolSize %" PRId64 " and MaxOverflow %" PRId64,
               action->connections, action->pool, pool->size,
               pool->max_overflow);
  }
}

static void check_action_pool(const struct dbpool_options *dbpool,
                              const struct action_options *action,
                              struct lint_report *report,
                              struct config_files_place place) {
  const struct dbpool_pool_options *pool = find_pool(dbpool, action->pool);
  const struct dbpool_pgbouncer_options *bouncer =
      pool == NULL ? find_pgbouncer(dbpool, action->pool) : NULL;
  if (pool == NULL && bouncer == NULL) {
    lint_print(report, LINT_WARNING, place,
               "Pool \"%s\": dbpool has no <Pool \"%s\"> here; without its "
               "values no replica is added",
               action->pool, action->pool);
    return;
  }
  if (pool != NULL) {
    check_connections(pool, action, report, place);
  }
  double room = ask_room(pool, bouncer, action->pool);
  double needed = (double)action->replicas_max * (double)action->connections;
  if (needed > room) {
    lint_print(report, LINT_WARNING, place,
               "Max %" PRId64 " x ConnectionsPerReplica %" PRId64
               " = %.0f connections do not fit: the server of pool \"%s\" has "
               "room for %.0f now; it allows %.0f replicas",
               action->replicas_max, action->connections, needed, action->pool,
               room, floor(room / (double)action->connections));
  }
}

void scale_pools_check(const struct dbpool_options *dbpool,
                       const struct response_options *response,
                       struct lint_report *report,
                       struct config_files_place place) {
  for (size_t i = 0; i < response->actions[ACTION_SCALE].len; i++) {
    const struct action_options *action =
        response_options_action_at(response, ACTION_SCALE, i);
    if (action->pool != NULL) {
      check_action_pool(dbpool, action, report, place);
    }
  }
}
