/* SPDX-License-Identifier: MIT */
/* store_postgresql: switches as rows of a table; each change is sent with
 * NOTIFY. Notifications are not stored: readers SELECT first, then LISTEN, and
 * treat a switch whose expires_at has passed as off. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/pg_client.h"

/* The longest statement is some 730 bytes without the table, which stands in it
 * twice and has 127 at most. */
#define SQL_BYTES 1536
#define KEYWORDS 9

struct store_postgresql {
  struct switch_store base;
  struct pg_client server;
  char port[8];
  const char *values[KEYWORDS + 1];
};

static const char *const keywords[KEYWORDS + 1] = {"host",
                                                   "port",
                                                   "dbname",
                                                   "user",
                                                   "passfile",
                                                   "sslmode",
                                                   "options",
                                                   "application_name",
                                                   "client_encoding",
                                                   NULL};

/* libpq would take the name of the user as that of the database, which is wrong
 * nearly always. */
static int check_table_options(const struct switch_store_options *options,
                               struct error *error) {
  return options->database != NULL
             ? 0
             : error_set(error, -EINVAL,
                         "Database is missing: write Database \"trading\"");
}

/* Timeouts on the server's side, so that a lost session holds no lock. */
static int init_table_store(void *self, struct error *error) {
  struct store_postgresql *store = self;
  const struct switch_store_options *options = store->base.options;
  (void)error;
  (void)snprintf(store->port, sizeof(store->port), "%" PRId64, options->port);
  const char *const values[KEYWORDS] = {
      options->host,
      store->port,
      options->database,
      options->user,
      options->pass_file,
      options->ssl_mode,
      "-c statement_timeout=10000 -c lock_timeout=5000",
      "collectd resource_alert",
      "UTF8",
  };
  memcpy(store->values, values, sizeof(values));
  store->server.keywords = keywords;
  store->server.values = store->values;
  return 0;
}

/* The rows stay: a switch that is on stays on over a restart, until
 * expires_at. */
static void fini_table_store(void *self) {
  struct store_postgresql *store = self;
  pg_client_close(&store->server);
}

/* Runs SQL, in which each @ stands for the table. *ret_yes: whether its first
 * value is true. */
static int query_bool(struct store_postgresql *store, const char *format,
                      const char *const *parameters, int parameters_len,
                      bool *ret_yes, struct action_call *call) {
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
  PGresult *rows = NULL;
  int code = pg_client_query(&store->server, sql, parameters, parameters_len,
                             call, &rows);
  if (code == 0) {
    *ret_yes = PQntuples(rows) > 0 && strcmp(PQgetvalue(rows, 0, 0), "t") == 0;
    PQclear(rows);
  }
  return code;
}

/* A missing member becomes "": a parameter NULL would be NULL in SQL and equal
 * nothing. */
static const char *get_member_text(const json_t *value, const char *key) {
  const char *text = json_string_value(json_object_get(value, key));
  return text == NULL ? "" : text;
}

/* Another agent's switch stays as long as it has not expired: it is on. NOTIFY
 * is sent only if the switch was off. */
static const char put_sql[] =
    "WITH before AS (SELECT is_on AND (expires_at IS NULL OR expires_at > "
    "now()) AS was_on FROM @ WHERE name = $1), put AS (INSERT INTO @ AS t "
    "(name, is_on, value, who, response, since, expires_at) VALUES ($1, true, "
    "$2::jsonb, $3, $4, now(), CASE WHEN $5::float8 > 0 THEN now() + "
    "$5::float8 * interval '1 second' END) ON CONFLICT (name) DO UPDATE SET "
    "is_on = true, value = excluded.value, who = excluded.who, response = "
    "excluded.response, since = CASE WHEN t.is_on THEN t.since ELSE now() END, "
    "expires_at = excluded.expires_at WHERE NOT t.is_on OR t.expires_at <= "
    "now() OR (t.who = $3 AND t.response = $4) RETURNING 1) SELECT true, "
    "pg_notify($6::text, $2::jsonb::text) FROM put WHERE NOT coalesce((SELECT "
    "was_on FROM "
    "before), false)";

/* Only what we switched on. The row stays, with is_on false, so that readers
 * see when it changed. */
static const char off_sql[] =
    "WITH gone AS (UPDATE @ SET is_on = false, expires_at = NULL, value = "
    "value || '{\"on\": false}' WHERE name = $1 AND is_on AND who = $2 AND "
    "response = $3 RETURNING value) SELECT true, pg_notify($4::text, "
    "value::text) "
    "FROM gone";

/* For "on" any valid switch counts, for "off" only our own. */
static const char confirm_sql[] =
    "SELECT CASE WHEN $4::bool THEN is_on AND (expires_at IS NULL OR "
    "expires_at > "
    "now()) ELSE is_on AND who = $2 AND response = $3 END FROM @ WHERE name = "
    "$1";

/* The inner SELECT returns no row but fails when a column is missing. $1 is the
 * name of the table again, as text. */
static const char test_sql[] =
    "SELECT NOT pg_is_in_recovery() AND has_table_privilege($1, 'SELECT') AND "
    "has_table_privilege($1, 'INSERT') AND has_table_privilege($1, 'UPDATE') "
    "FROM (SELECT name, is_on, value, who, response, since, expires_at FROM @ "
    "LIMIT 0) AS columns RIGHT JOIN (SELECT 1) AS one ON true";

/* One statement each, so that no transaction is ever left open. */
static int put_switch_in_table(void *self, const struct switch_state *state,
                               struct action_call *call) {
  struct store_postgresql *store = self;
  const struct switch_store_options *options = store->base.options;
  const char *who = get_member_text(state->value, "who");
  const char *response = get_member_text(state->value, "response");
  bool is_changed = false;
  if (!state->is_on) {
    const char *const parameters[] = {state->name, who, response,
                                      options->channel};
    return query_bool(store, off_sql, parameters, 4, &is_changed, call);
  }
  char ttl[24];
  char *text = switch_store_format_value(state->value, options->ttl_s);
  if (text == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  call->again_in_ms = switch_store_refresh_in_ms(options->ttl_s);
  (void)snprintf(ttl, sizeof(ttl), "%" PRId64, options->ttl_s);
  const char *const parameters[] = {state->name, text, who,
                                    response,    ttl,  options->channel};
  int code = query_bool(store, put_sql, parameters, 6, &is_changed, call);
  free(text);
  return code;
}

/* Another agent's switch counts as on, and does not have to go. */
static int confirm_switch_in_table(void *self, const struct switch_state *state,
                                   struct action_call *call) {
  bool is_set = false;
  const char *const parameters[] = {state->name,
                                    get_member_text(state->value, "who"),
                                    get_member_text(state->value, "response"),
                                    state->is_on ? "true" : "false"};
  int code = query_bool(self, confirm_sql, parameters, 4, &is_set, call);
  return code != 0 || is_set == state->is_on
             ? code
             : error_set(call->error, -ESTALE, "%s is %s", state->name,
                         state->is_on ? "not on" : "still on");
}

/* Names all columns, so that a table of an older form fails here and not at the
 * first switch. A standby cannot be written to. */
static int self_test_table_store(void *self, struct action_call *call) {
  struct store_postgresql *store = self;
  bool is_fine = false;
  const char *const parameters[] = {store->base.options->table};
  int code = query_bool(store, test_sql, parameters, 1, &is_fine, call);
  return code != 0 || is_fine
             ? code
             : error_set(call->error, -EACCES,
                         "table %s cannot be written: connect to the primary, "
                         "and GRANT SELECT, INSERT, UPDATE to this role",
                         store->base.options->table);
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
