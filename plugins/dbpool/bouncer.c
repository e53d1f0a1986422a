/* SPDX-License-Identifier: MIT */
/* bouncer: one PgBouncer, asked at each read for all of its pools. */
#include "dbpool/bouncer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "dbpool/connection.h"
#include "dbpool/pgbouncer.h"
#include "dbpool/target.h"

#define NAME_BYTES 160
#define INSTANCE_BYTES 256

/* What clients of a database had waited at the last read. */
struct wait {
  char *database;
  int64_t us;
};

struct bouncer {
  char name[NAME_BYTES];
  const char *label;
  const struct outlets *outlets;
  struct target target;
  struct answer answers[PGBOUNCER_COMMANDS]; /* to what was asked so far */
  size_t answers_len;
  struct pgbouncer_view view;

  int64_t waits_ns; /* when they were read */
  struct wait *waits;
  size_t waits_len;
};

struct bouncer *bouncer_new(const struct bouncer_options *options,
                            const struct outlets *outlets) {
  struct bouncer *bouncer = calloc(1, sizeof(*bouncer));
  if (bouncer == NULL) {
    return NULL;
  }
  bouncer->label = options->head.label;
  bouncer->outlets = outlets;
  (void)snprintf(bouncer->name, sizeof(bouncer->name), "PgBouncer \"%s\"",
                 options->head.label);
  bouncer->target = (struct target){
      .name = bouncer->name,
      .connection =
          connection_new(&options->endpoint,
                         (struct connection_defaults){.port = "6432",
                                                      .database = "pgbouncer"}),
      .timeout_ms = (int64_t)(options->endpoint.timeout_s * 1000),
      .report = &outlets->report,
  };
  if (bouncer->target.connection == NULL) {
    free(bouncer);
    return NULL;
  }
  return bouncer;
}

static void free_waits(struct wait *waits, size_t len) {
  for (size_t i = 0; i < len; i++) {
    free(waits[i].database);
  }
  free(waits);
}

void bouncer_free(struct bouncer *bouncer, int64_t deadline_ms) {
  if (bouncer == NULL) {
    return;
  }
  target_fini(&bouncer->target, deadline_ms);
  free_waits(bouncer->waits, bouncer->waits_len);
  pgbouncer_view_fini(&bouncer->view);
  free(bouncer);
}

/* ---- asking ---- */

static void drop_answers(struct bouncer *bouncer) {
  while (bouncer->answers_len > 0) {
    answer_fini(&bouncer->answers[--bouncer->answers_len]);
  }
}

static int ask_all(struct bouncer *bouncer, struct connection *connection,
                   int64_t deadline_ms, struct error *error) {
  while (bouncer->answers_len < PGBOUNCER_COMMANDS) {
    const char *command = pgbouncer_commands[bouncer->answers_len];
    struct answer *answer = &bouncer->answers[bouncer->answers_len];
    int code = connection_ask(connection, command, deadline_ms, answer, error);
    if (code != 0) {
      return code;
    }
    bouncer->answers_len++;
    if (answer->len != 1) {
      return error_set(error, -EPROTO, "%s was answered without rows", command);
    }
  }
  PGresult *results[PGBOUNCER_COMMANDS];
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    results[i] = bouncer->answers[i].results[0];
  }
  return pgbouncer_parse(results, &bouncer->view, error);
}

static int talk(void *context, struct connection *connection,
                int64_t deadline_ms, struct error *error) {
  struct bouncer *bouncer = context;
  const char *version =
      PQparameterStatus(connection_session(connection), "server_version");
  if (version == NULL || strstr(version, "/bouncer") == NULL) {
    return error_set(error, -ENOTSUP,
                     "this is not the console of a PgBouncer; leave Database "
                     "out, and write a <Pool> block for PostgreSQL");
  }
  if (!connection_is_asked(connection)) {
    drop_answers(bouncer); /* of a session that died half way */
  }
  return ask_all(bouncer, connection, deadline_ms, error);
}

/* From 1.23 on a PgBouncer that is told to end (SIGTERM) waits until its last
 * client has left; that must not be us. */
static void leave_last(struct bouncer *bouncer) {
  struct connection *connection = bouncer->target.connection;
  bool is_last = bouncer->view.clients <= 1;
  if (is_last && PQserverVersion(connection_session(connection)) >= 12300) {
    connection_close(connection);
  }
}

/* ---- sending ---- */

static void put(const struct bouncer *bouncer, const char *instance,
                const char *type, const char *type_instance, double value) {
  sample_put_gauge(&bouncer->outlets->samples, instance, type, type_instance,
                   value);
}

/* Without a limit there is no share of it. */
static double percent_of(int64_t used, int64_t capacity) {
  return capacity <= 0 ? (double)NAN
                       : fmin(100, 100.0 * (double)used / (double)capacity);
}

static void put_pool(const struct bouncer *bouncer,
                     const struct pgbouncer_pool *pool) {
  char instance[INSTANCE_BYTES];
  (void)snprintf(instance, sizeof(instance), "%s-%s-%s", bouncer->label,
                 pool->database, pool->user);
  const struct {
    const char *name;
    int64_t value; /* negative: none */
  } rows[] = {
      {"active", pool->active},
      {"checked_out", pool->active},
      {"idle", pool->idle},
      {"ready", pool->size < 0              ? -1
                : pool->size > pool->active ? pool->size - pool->active
                                            : 0},
      {"waiting", pool->waiting},
      {"clients", pool->clients},
      {"total", pool->total},
      {"capacity", pool->capacity},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].value >= 0) {
      put(bouncer, instance, "current_connections", rows[i].name,
          (double)rows[i].value);
    }
  }
  put(bouncer, instance, "percent", "used",
      percent_of(pool->active, pool->capacity));
  put(bouncer, instance, "duration", "oldest_wait",
      (double)pool->oldest_wait_us / 1e6);
}

/* The PgBouncer itself is a pool of places for clients. */
static void put_clients(const struct bouncer *bouncer) {
  const struct pgbouncer_view *view = &bouncer->view;
  int64_t took_ns = 0;
  for (size_t i = 0; i < bouncer->answers_len; i++) {
    took_ns += bouncer->answers[i].took_ns;
  }
  put(bouncer, bouncer->label, "duration", "query", (double)took_ns / 1e9);
  put(bouncer, bouncer->label, "current_connections", "clients",
      (double)view->clients);
  if (view->clients_limit >= 0) {
    put(bouncer, bouncer->label, "current_connections", "capacity",
        (double)view->clients_limit);
    put(bouncer, bouncer->label, "percent", "used",
        percent_of(view->clients, view->clients_limit));
  }
}

/* ---- how many wait on average ---- */

/* Both lists are in the order of names. */
static const struct wait *find_wait(const struct bouncer *bouncer,
                                    const char *database, size_t *next) {
  for (; *next < bouncer->waits_len; (*next)++) {
    int order = strcmp(bouncer->waits[*next].database, database);
    if (order >= 0) {
      return order == 0 ? &bouncer->waits[*next] : NULL;
    }
  }
  return NULL;
}

/* Clients that wait for t seconds within an interval of T are t/T clients that
 * wait all the time. */
static void put_waits(const struct bouncer *bouncer, int64_t now_ns) {
  double elapsed_us = (double)(now_ns - bouncer->waits_ns) / 1e3;
  size_t next = 0;
  for (size_t i = 0; i < bouncer->view.databases_len; i++) {
    const struct pgbouncer_database *database = &bouncer->view.databases[i];
    const struct wait *before = find_wait(bouncer, database->name, &next);
    if (before == NULL || database->wait_us < before->us) {
      continue; /* new, or counted afresh after a restart */
    }
    char instance[INSTANCE_BYTES];
    (void)snprintf(instance, sizeof(instance), "%s-%s", bouncer->label,
                   database->name);
    put(bouncer, instance, "gauge", "waiting_average",
        (double)(database->wait_us - before->us) / elapsed_us);
  }
}

static void remember_waits(struct bouncer *bouncer, int64_t now_ns) {
  const struct pgbouncer_view *view = &bouncer->view;
  free_waits(bouncer->waits, bouncer->waits_len);
  bouncer->waits_len = 0;
  bouncer->waits_ns = now_ns;
  bouncer->waits = calloc(view->databases_len + 1, sizeof(*bouncer->waits));
  for (size_t i = 0; bouncer->waits != NULL && i < view->databases_len; i++) {
    if (view->databases[i].wait_us >= 0) {
      struct wait *wait = &bouncer->waits[bouncer->waits_len];
      wait->us = view->databases[i].wait_us;
      wait->database = strdup(view->databases[i].name);
      bouncer->waits_len += wait->database == NULL ? 0 : 1;
    }
  }
}

void bouncer_read(struct bouncer *bouncer, double interval_s) {
  int code =
      target_ask(&bouncer->target, (int64_t)(interval_s * 1000), talk, bouncer);
  if (code == -EAGAIN) {
    return; /* neither up nor down */
  }
  put(bouncer, bouncer->label, "gauge", "up", code == 0 ? 1 : 0);
  put(bouncer, bouncer->label, "gauge", "full", code == -EUSERS ? 1 : 0);
  if (code == 0) {
    int64_t now_ns = clock_monotonic_ns();
    put_clients(bouncer);
    for (size_t i = 0; i < bouncer->view.pools_len; i++) {
      put_pool(bouncer, &bouncer->view.pools[i]);
    }
    put_waits(bouncer, now_ns);
    remember_waits(bouncer, now_ns);
    leave_last(bouncer);
  }
  drop_answers(bouncer);
}
