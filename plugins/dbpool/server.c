/* SPDX-License-Identifier: MIT */
/* server: one PostgreSQL server with the pools that are watched on it. */
#include "dbpool/server.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbpool/connection.h"
#include "dbpool/headroom.h"
#include "dbpool/members.h"
#include "dbpool/monitor.h"
#include "dbpool/postgresql.h"
#include "dbpool/target.h"

#define NAME_BYTES 160
#define OPTIONS_BYTES 256
#define QUESTION_BYTES 2048

struct server {
  char name[NAME_BYTES];
  char options[OPTIONS_BYTES];
  char question[QUESTION_BYTES];
  int version;    /* that the question is for; 0: none yet */
  char *database; /* that we are connected to */
  struct target target;
  struct members members;
  struct postgresql_view view;
  struct answer answer; /* while a read is running */
  bool has_said_hidden;
  size_t monitors_len;
  struct monitor monitors[];
};

static bool is_same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The database does not matter: every session sees all of the server. */
bool server_is_shared(const struct endpoint_options *a,
                      const struct endpoint_options *b) {
  return is_same_text(a->host, b->host) && a->port == b->port &&
         is_same_text(a->service, b->service) &&
         (a->database == NULL) == (b->database == NULL) &&
         is_same_text(a->user, b->user) &&
         is_same_text(a->pass_file, b->pass_file) &&
         a->ssl_mode == b->ssl_mode &&
         is_same_text(a->ssl_root_cert, b->ssl_root_cert) &&
         is_same_text(a->ssl_cert, b->ssl_cert) &&
         is_same_text(a->ssl_key, b->ssl_key) &&
         !(a->timeout_s < b->timeout_s) && !(a->timeout_s > b->timeout_s);
}

/* ---- which session is of which pool ---- */

static bool matches_any(const struct option_strings *patterns,
                        const char *name) {
  for (size_t i = 0; i < patterns->len; i++) {
    if (fnmatch(patterns->items[i], name, 0) == 0) {
      return true;
    }
  }
  return patterns->len == 0;
}

static bool is_of_pool(void *context, size_t pool,
                       const struct session *session) {
  const struct server *server = context;
  const struct pool_options *options = server->monitors[pool].options;
  const char *database = options->endpoint.database != NULL
                             ? options->endpoint.database
                             : server->database;
  return strcmp(session->database, database) == 0 &&
         matches_any(&options->roles, session->role) &&
         matches_any(&options->applications, session->application);
}

/* ---- a server's life ---- */

static void write_name(struct server *server) {
  int used = snprintf(server->name, sizeof(server->name), "pool \"%s\"",
                      server->monitors[0].options->head.label);
  if (server->monitors_len > 1 && used > 0 && (size_t)used < NAME_BYTES) {
    (void)snprintf(server->name + used, sizeof(server->name) - (size_t)used,
                   " and %zu more on that server", server->monitors_len - 1);
  }
}

struct server *server_new(const struct pool_options *const *pools,
                          size_t pools_len, const struct outlets *outlets) {
  struct server *server =
      calloc(1, sizeof(*server) + pools_len * sizeof(server->monitors[0]));
  if (server == NULL) {
    return NULL;
  }
  const struct endpoint_options *endpoint = &pools[0]->endpoint;
  int64_t timeout_ms = (int64_t)(endpoint->timeout_s * 1000);
  postgresql_write_options(server->options, sizeof(server->options),
                           timeout_ms);
  server->target = (struct target){
      .name = server->name,
      .connection = connection_new(
          endpoint, (struct connection_defaults){.options = server->options}),
      .timeout_ms = timeout_ms,
      .report = &outlets->report,
  };
  if (server->target.connection == NULL) {
    free(server);
    return NULL;
  }
  server->members = (struct members){
      .pools_len = pools_len,
      .matches = is_of_pool,
      .context = server,
  };
  server->monitors_len = pools_len;
  for (size_t i = 0; i < pools_len; i++) {
    monitor_init(&server->monitors[i], pools[i], outlets);
  }
  write_name(server);
  return server;
}

void server_free(struct server *server, int64_t deadline_ms) {
  if (server == NULL) {
    return;
  }
  target_fini(&server->target, deadline_ms);
  for (size_t i = 0; i < server->monitors_len; i++) {
    monitor_fini(&server->monitors[i]);
  }
  members_fini(&server->members);
  postgresql_view_fini(&server->view);
  free(server->database);
  free(server);
}

/* ---- a read ---- */

/* The last statement of a session is asked for where it may be a suspect of
 * any pool. */
static int64_t least_leak_after_s(const struct server *server) {
  double least_s = server->monitors[0].options->leak_after_s;
  for (size_t i = 1; i < server->monitors_len; i++) {
    double after_s = server->monitors[i].options->leak_after_s;
    least_s = after_s < least_s ? after_s : least_s;
  }
  return (int64_t)least_s;
}

/* A new session may be on another server: after an upgrade, a failover. */
static int write_question(struct server *server, PGconn *session,
                          struct error *error) {
  const char *name = PQparameterStatus(session, "server_version");
  if (name != NULL && strstr(name, "/bouncer") != NULL) {
    return error_set(error, -ENOTSUP,
                     "this is the console of PgBouncer, not PostgreSQL; "
                     "write a <PgBouncer> block for it");
  }
  int version = PQserverVersion(session);
  if (version == server->version) {
    return 0;
  }
  int code =
      postgresql_write_question(server->question, sizeof(server->question),
                                version, least_leak_after_s(server), error);
  if (code != 0) {
    return code;
  }
  char *database = strdup(PQdb(session));
  if (database == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  free(server->database);
  server->database = database;
  server->version = version;
  return 0;
}

static int talk(void *context, struct connection *connection,
                int64_t deadline_ms, struct error *error) {
  struct server *server = context;
  int code = write_question(server, connection_session(connection), error);
  if (code != 0) {
    return code;
  }
  code = connection_ask(connection, server->question, deadline_ms,
                        &server->answer, error);
  return code != 0 ? code
                   : postgresql_parse(server->answer.results,
                                      server->answer.len, &server->view, error);
}

static void say_hidden(struct server *server, int64_t hidden) {
  if (hidden == 0 || server->has_said_hidden) {
    return;
  }
  server->has_said_hidden = true;
  const char *role = PQuser(connection_session(server->target.connection));
  char remedy[NAME_BYTES];
  if (server->view.untracked > 0) {
    (void)snprintf(remedy, sizeof(remedy), "set track_activities = on");
  } else if (server->version < POSTGRESQL_VERSION_MONITOR) {
    (void)snprintf(remedy, sizeof(remedy),
                   "before PostgreSQL 10 only a superuser sees it");
  } else {
    (void)snprintf(remedy, sizeof(remedy), "run: GRANT pg_monitor TO \"%s\"",
                   role);
  }
  log_write(server->target.report, LOG_LEVEL_WARNING,
            "%s: the state of %" PRId64
            " sessions is hidden from role \"%s\", so "
            "fewer count as checked out; %s",
            server->name, hidden, role, remedy);
}

/* What is counted over a group is counted once, for all pools that it is of. */
static void count_groups(struct server *server) {
  int64_t hidden = 0;
  for (size_t i = 0; i < server->members.slots_len; i++) {
    const struct member_group *group = server->members.slots[i];
    for (size_t j = 0; group != NULL && j < group->pools_len; j++) {
      monitor_count(&server->monitors[group->pools[j]], &group->count);
      hidden += j == 0 ? group->count.hidden : 0;
    }
  }
  say_hidden(server, hidden);
}

static void sort_sessions(struct server *server) {
  const struct postgresql_view *view = &server->view;
  members_begin(&server->members);
  for (size_t i = 0; i < server->monitors_len; i++) {
    monitor_begin(&server->monitors[i], view->now_us);
  }
  for (size_t i = 0; i < view->sessions_len; i++) {
    const struct session *session = &view->sessions[i];
    struct member_group *group = members_add(&server->members, session);
    if (group == NULL || session->pid == view->own_pid) {
      continue;
    }
    pool_count_add(&group->count, session, view->now_us);
    for (size_t j = 0; j < group->pools_len; j++) {
      (void)monitor_add(&server->monitors[group->pools[j]], session);
    }
  }
  count_groups(server);
}

static const struct postgresql_database *
find_database(const struct server *server, const struct pool_options *options) {
  const char *name = options->endpoint.database != NULL
                         ? options->endpoint.database
                         : server->database;
  for (size_t i = 0; i < server->view.databases_len; i++) {
    if (strcmp(server->view.databases[i].name, name) == 0) {
      return &server->view.databases[i];
    }
  }
  return NULL;
}

void server_read(struct server *server, double interval_s) {
  int code =
      target_ask(&server->target, (int64_t)(interval_s * 1000), talk, server);
  if (code == -EAGAIN) {
    return; /* neither up nor down */
  }
  if (code == 0) {
    sort_sessions(server);
  }
  for (size_t i = 0; i < server->monitors_len; i++) {
    struct monitor *monitor = &server->monitors[i];
    if (code != 0) {
      monitor_fail(monitor, code == -EUSERS);
      continue;
    }
    struct headroom headroom =
        headroom_find(&server->view, &server->members, i);
    monitor_finish(monitor, &headroom, find_database(server, monitor->options),
                   (double)server->answer.took_ns / 1e9);
  }
  answer_fini(&server->answer);
}
