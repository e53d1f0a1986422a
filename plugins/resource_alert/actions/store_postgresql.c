/* SPDX-License-Identifier: MIT */
/* store_postgresql: switches as rows of a table; each change is sent with
 * NOTIFY. Notifications are not stored: readers SELECT first, then LISTEN, and
 * treat a switch whose expires_at has passed as off. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/shared_library.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/pg_client.h"

#define PQ_FUNCTIONS(X)                                                        \
  X(PQ, clear)                                                                 \
  X(PQ, cmdStatus)                                                             \
  X(PQ, getvalue)                                                              \
  X(PQ, ntuples)
SHARED_LIBRARY(pq, PQ_FUNCTIONS, LIBPQ_SONAME);

/* The longest statement is some 560 bytes without the table, which has 127 at
 * most. */
#define SQL_BYTES 1024
#define KEYWORDS 8

struct store_postgresql {
  struct switch_store base;
  struct pg_client server;
  char port[8];
  char *hosts; /* the list, cut into names */
  const char *values[KEYWORDS + 1];
};

/* Without "options", which PgBouncer refuses. */
static const char *const keywords[KEYWORDS + 1] = {"port",
                                                   "dbname",
                                                   "user",
                                                   "passfile",
                                                   "sslmode",
                                                   "target_session_attrs",
                                                   "application_name",
                                                   "client_encoding",
                                                   NULL};

/* Cuts the store's copy of the option at its commas. Returns 0; -ENOMEM;
 * -EINVAL where there are too many hosts or none. */
static int split_hosts(struct store_postgresql *store, const char *list,
                       struct error *error) {
  struct pg_client *server = &store->server;
  server->hosts_len = 1;
  if (list == NULL) {
    return 0;
  }
  store->hosts = strdup(list);
  if (store->hosts == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  server->hosts_len = 0;
  for (char *rest = store->hosts; rest != NULL; server->hosts_len++) {
    const char *host = strsep(&rest, ",");
    if (host[0] == '\0' || server->hosts_len == PG_CLIENT_HOSTS_MAX) {
      return error_set(error, -EINVAL,
                       "Host \"%s\": write 1 to %d names, separated by commas",
                       list, PG_CLIENT_HOSTS_MAX);
    }
    server->hosts[server->hosts_len] = host;
  }
  return 0;
}

/* libpq would take the name of the user as that of the database, which is wrong
 * nearly always. */
static int check_table_options(const struct switch_store_options *options,
                               struct error *error) {
  struct store_postgresql store = {0};
  if (options->database == NULL) {
    return error_set(error, -EINVAL,
                     "Database is missing: write Database \"trading\"");
  }
  int code = split_hosts(&store, options->host, error);
  free(store.hosts);
  return code == 0 && options->ssl_mode == NULL
             ? pg_exchange_check_hosts(options->host, error)
             : code;
}

static int init_table_store(void *self, struct error *error) {
  struct store_postgresql *store = self;
  const struct switch_store_options *options = store->base.options;
  int code = split_hosts(store, options->host, error);
  if (code != 0) {
    return code;
  }
  (void)snprintf(store->port, sizeof(store->port), "%" PRId64, options->port);
  const char *attributes = options->target_session_attrs;
  if (attributes == NULL && store->server.hosts_len > 1) {
    attributes = "read-write";
  }
  const char *const values[KEYWORDS] = {
      store->port,
      options->database,
      options->user,
      options->pass_file,
      options->ssl_mode,
      attributes,
      "collectd resource_alert",
      "UTF8",
  };
  memcpy(store->values, values, sizeof(values));
  store->server.keywords = keywords;
  store->server.values = store->values;
  code = pg_client_load_library(error);
  return code != 0 ? code : shared_library_load(&pq_library, NULL, error);
}

/* The rows stay: a switch that is on stays on over a restart, until
 * expires_at. */
static void fini_table_store(void *self) {
  struct store_postgresql *store = self;
  pg_client_close(&store->server);
  free(store->hosts);
}

/* ---- statements ---- */

/* Runs one without parameters. TAG: what the server must say that it did; a
 * transaction that has failed ends a COMMIT with "ROLLBACK". NULL: anything. */
static int run_command(struct store_postgresql *store, const char *sql,
                       const char *tag, struct action_call *call) {
  PGresult *rows = NULL;
  int code = pg_client_query(&store->server, sql, NULL, 0, call, &rows);
  if (code == 0 && tag != NULL && strcmp(pq.cmdStatus(rows), tag) != 0) {
    code = error_set(call->error, -EIO, "%s was answered with %s", tag,
                     pq.cmdStatus(rows));
    pg_client_close(&store->server);
  }
  pq.clear(rows);
  return code;
}

/* Runs SQL, in which each @ stands for the table. *ret_rows: yours. */
static int query_table(struct store_postgresql *store, const char *format,
                       const char *const *parameters, int parameters_len,
                       PGresult **ret_rows, struct action_call *call) {
  char sql[SQL_BYTES];
  char *end = sql;
  const char *table = store->base.options->table;
  for (const char *c = format; *c != '\0'; c++) {
    size_t bytes = *c == '@' ? strlen(table) : 1;
    if (bytes >= (size_t)(sql + sizeof(sql) - end)) {
      return error_set(call->error, -ENAMETOOLONG, "Table: name is too long");
    }
    memcpy(end, *c == '@' ? table : c, bytes);
    end += bytes;
  }
  *end = '\0';
  int code = pg_client_query(&store->server, sql, parameters, parameters_len,
                             call, ret_rows);
  if (code == -EACCES) {
    const struct error reason = *call->error;
    (void)error_set(call->error, code,
                    "%s; connect to a server that can be written to, and GRANT "
                    "SELECT, INSERT, UPDATE ON %s to this role",
                    reason.text, table);
  }
  return code;
}

static int change_table(struct store_postgresql *store, const char *format,
                        const char *const *parameters, int parameters_len,
                        struct action_call *call) {
  PGresult *rows = NULL;
  int code =
      query_table(store, format, parameters, parameters_len, &rows, call);
  pq.clear(rows);
  return code;
}

/* A missing member becomes "": a parameter NULL would be NULL in SQL and equal
 * nothing. */
static const char *get_member_text(const json_t *value, const char *key) {
  const char *text = json_string_value(json_object_get(value, key));
  return text == NULL ? "" : text;
}

/* A row with its lock, which other agents wait for. */
static const char lock_sql[] =
    "SELECT value, is_on, expires_at <= now() FROM @ WHERE name = $1 FOR "
    "UPDATE";
static const char read_sql[] =
    "SELECT value, is_on, expires_at <= now() FROM @ WHERE name = $1";

/* $7: the row was there, and is locked. If it was not, another agent may have
 * inserted it since: that one stays. $8: readers are notified. */
static const char on_sql[] =
    "WITH put AS (INSERT INTO @ AS t (name, is_on, value, who, response, "
    "since, expires_at) VALUES ($1, true, $2::jsonb, $3, $4, now(), CASE WHEN "
    "$5::float8 > 0 THEN now() + $5::float8 * interval '1 second' END) ON "
    "CONFLICT (name) DO UPDATE SET is_on = true, value = excluded.value, who = "
    "excluded.who, response = excluded.response, since = CASE WHEN t.is_on "
    "THEN t.since ELSE now() END, expires_at = excluded.expires_at WHERE "
    "$7::bool RETURNING 1) SELECT pg_notify($6::text, $2::jsonb::text) FROM "
    "put WHERE $8::bool";

/* The row stays, with is_on false, so that readers see when it changed. */
static const char off_sql[] =
    "WITH gone AS (UPDATE @ SET is_on = false, expires_at = NULL, value = "
    "value || '{\"on\": false}' WHERE name = $1 RETURNING value) SELECT "
    "pg_notify($2::text, value::text) FROM gone";

/* What a table says of a switch. */
struct table_row {
  bool is_there;
  bool is_on;     /* has not expired */
  bool is_ours;   /* may have expired */
  char held[512]; /* whose it is, for people, if it is another's */
};

static int read_row(struct store_postgresql *store, const char *sql,
                    const struct switch_state *state, struct table_row *row,
                    struct action_call *call) {
  PGresult *rows = NULL;
  const char *const parameters[] = {state->name};
  *row = (struct table_row){0};
  int code = query_table(store, sql, parameters, 1, &rows, call);
  if (code == 0 && pq.ntuples(rows) > 0) {
    const char *value = pq.getvalue(rows, 0, 0);
    bool was_put = strcmp(pq.getvalue(rows, 0, 1), "t") == 0;
    row->is_there = true;
    row->is_on = was_put && strcmp(pq.getvalue(rows, 0, 2), "t") != 0;
    int is_ours =
        was_put ? switch_store_is_ours(value, state->value, call->error) : 0;
    row->is_ours = is_ours == 1;
    code = is_ours < 0 ? is_ours : 0;
    switch_store_format_holder(value, row->held, sizeof(row->held));
  }
  pq.clear(rows);
  return code;
}

/* As switch_store_driver.put and .confirm, within a transaction. */
typedef int run_step(struct store_postgresql *store,
                     const struct switch_state *state,
                     struct action_call *call);

/* Another agent's switch stays as long as it has not expired. */
static int write_row(struct store_postgresql *store,
                     const struct switch_state *state,
                     struct action_call *call) {
  const struct switch_store_options *options = store->base.options;
  struct table_row row;
  int code = read_row(store, lock_sql, state, &row, call);
  if (code != 0) {
    return code;
  }
  if (row.is_on && !row.is_ours) {
    return action_call_set_outcome(call, ACTION_LEFT_ALONE, "%s", row.held);
  }
  if (!state->is_on) {
    const char *const parameters[] = {state->name, options->channel};
    return row.is_ours ? change_table(store, off_sql, parameters, 2, call) : 0;
  }
  char ttl[24];
  char *text = switch_store_format_value(state->value, options->ttl_s);
  if (text == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  (void)snprintf(ttl, sizeof(ttl), "%" PRId64, options->ttl_s);
  const char *const parameters[] = {state->name,
                                    text,
                                    get_member_text(state->value, "who"),
                                    get_member_text(state->value, "response"),
                                    ttl,
                                    options->channel,
                                    row.is_there ? "t" : "f",
                                    row.is_on ? "f" : "t"};
  code = change_table(store, on_sql, parameters, 8, call);
  free(text);
  return code;
}

static int confirm_row(struct store_postgresql *store,
                       const struct switch_state *state,
                       struct action_call *call) {
  struct table_row row;
  int code = read_row(store, read_sql, state, &row, call);
  if (code == 0 && row.is_on && !row.is_ours) {
    return action_call_set_outcome(call, ACTION_LEFT_ALONE, "%s", row.held);
  }
  bool is_wrong = state->is_on ? !row.is_on : row.is_ours;
  return code != 0 || !is_wrong
             ? code
             : error_set(call->error, -ESTALE, "%s is %s", state->name,
                         state->is_on ? "not on" : "still on");
}

/* All that a switch needs: on, seen, off, seen. What another agent holds is
 * left alone here, too. */
static int test_row(struct store_postgresql *store,
                    const struct switch_state *state,
                    struct action_call *call) {
  struct switch_state own = *state;
  int code = 0;
  for (int i = 0; i < 2 && code == 0; i++) {
    own.is_on = i == 0;
    code = write_row(store, &own, call);
    code = code == 0 ? confirm_row(store, &own, call) : code;
  }
  return code;
}

/* The server ends what a lost session has begun. The limits are those of the
 * transaction alone: the session may be PgBouncer's, which others use. */
static int run_in_transaction(struct store_postgresql *store, run_step *step,
                              const struct switch_state *state, const char *end,
                              struct action_call *call) {
  int code = run_command(store,
                         "BEGIN; SET LOCAL statement_timeout = 10000; "
                         "SET LOCAL lock_timeout = 5000; SET LOCAL "
                         "idle_in_transaction_session_timeout = 10000",
                         NULL, call);
  code = code == 0 ? step(store, state, call) : code;
  if (code == 0) {
    return run_command(store, end, end, call);
  }
  pg_client_close(&store->server); /* and with it the transaction */
  return code;
}

static int put_switch_in_table(void *self, const struct switch_state *state,
                               struct action_call *call) {
  const struct store_postgresql *store = self;
  if (state->is_on) {
    call->again_in_ms = switch_store_refresh_in_ms(store->base.options->ttl_s);
  }
  return run_in_transaction(self, write_row, state, "COMMIT", call);
}

static int confirm_switch_in_table(void *self, const struct switch_state *state,
                                   struct action_call *call) {
  return run_in_transaction(self, confirm_row, state, "ROLLBACK", call);
}

/* The statements of a switch, in a transaction that is rolled back: so a
 * read-only server or role, a missing privilege and a table of an older form
 * fail here. It cannot know whether a COMMIT would wait for a standby. */
static int self_test_table_store(void *self, struct action_call *call) {
  json_t *value = json_pack("{s:s, s:s}", "who", "self-test", "response", "");
  if (value == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  const struct switch_state state = {.name = "self-test", .value = value};
  int code = run_in_transaction(self, test_row, &state, "ROLLBACK", call);
  json_decref(value);
  return code;
}

const struct switch_store_driver switch_store_postgresql = {
    .name = "postgresql",
    .check = check_table_options,
    .size = sizeof(struct store_postgresql),
    .init = init_table_store,
    .put = put_switch_in_table,
    .confirm = confirm_switch_in_table,
    .self_test = self_test_table_store,
    .fini = fini_table_store,
};
