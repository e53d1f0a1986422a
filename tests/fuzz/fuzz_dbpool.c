/* SPDX-License-Identifier: MIT */
/* fuzz_dbpool: any rows as the answers of PostgreSQL and of PgBouncer, and all
 * conclusions from them.
 *
 * The input holds five tables, separated by 0x1d (PostgreSQL has four); lines
 * are rows, the first one names the columns; '|' separates fields, "\N" is
 * NULL. */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "dbpool/pgbouncer.h"
#include "dbpool/pool_monitor.h"
#include "dbpool/postgresql.h"
#include "dbpool/session_groups.h"
#include "text.h"

#define TABLES PGBOUNCER_COMMANDS
#define TABLES_OF_POSTGRESQL 4
#define COLUMNS_MAX 40
#define ROWS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- text -> results ---- */

static void name_columns(PGresult *result, char *line) {
  PGresAttDesc columns[COLUMNS_MAX];
  int len = 0;
  memset(columns, 0, sizeof(columns));
  for (char *name; (name = strsep(&line, "|")) != NULL && len < COLUMNS_MAX;) {
    columns[len++].name = name;
  }
  (void)PQsetResultAttrs(result, len, columns);
}

static PGresult *parse_table(char *table) {
  PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
  char *line = strsep(&table, "\n");
  name_columns(result, line);
  for (int row = 0; row < ROWS_MAX && (line = strsep(&table, "\n")) != NULL;
       row++) {
    char *field;
    for (int column = 0; column < PQnfields(result); column++) {
      field = strsep(&line, "|");
      bool is_null = field == NULL || strcmp(field, "\\N") == 0;
      (void)PQsetvalue(result, row, column, is_null ? NULL : field,
                       is_null ? -1 : (int)strlen(field));
    }
  }
  return result;
}

/* ---- results -> values ---- */

static void ignore_sample(void *context, const struct sample *sample) {
  (void)context;
  (void)sample;
}

static void check_notification(void *context,
                               const struct notification *notification) {
  (void)context;
  for (const char *c = notification->message; *c != '\0'; c++) {
    if ((unsigned char)*c < ' ') {
      abort(); /* a control character that was not escaped */
    }
  }
}

static const struct dbpool_sinks sinks = {
    .samples = {.put = ignore_sample},
    .notifications = {.put = check_notification}};

static char label[] = "fuzz";
static char one[] = "1";
static char pattern[] = "*[!a-m]";
static char *patterns[] = {pattern};

/* Pool 0 has every application, pool 1 those of a pattern. */
static struct dbpool_pool_options options_of(size_t pool) {
  return (struct dbpool_pool_options){.head = {.label = label},
                                      .applications = {patterns, pool},
                                      .size = 2,
                                      .max_overflow = pool == 0 ? 3 : -1,
                                      .recycle_s = 60,
                                      .processes = one,
                                      .leak_after_s = 1,
                                      .order = DBPOOL_ORDER_FIFO,
                                      .forecast_window_s = 60,
                                      .leak_notifications_per_minute = 5};
}

static void update_pool(struct pool_monitor *monitor,
                        const struct postgresql_stats *stats,
                        struct session_groups *groups, int64_t now_us) {
  const struct pool_session *first = stats->sessions.items;
  const struct postgresql_limit *databases = stats->databases.items;
  const struct pool_session *selected[ROWS_MAX];
  struct pool_monitor_reading reading = {
      .now_us = now_us,
      .sessions = selected,
      .ends = stats->databases.len > 0 ? &databases->ends : NULL,
      .query_s = 0.001};
  reading.sessions_len = session_groups_select(
      groups, stats->sessions.len > 0 ? first->database : "",
      &monitor->options->roles, &monitor->options->applications, selected);
  reading.headroom = postgresql_compute_headroom(stats, groups);
  reading.count = pool_count_sessions(selected, reading.sessions_len, now_us);
  pool_monitor_send_reading(monitor, &reading);
}

static void read_pools(const struct postgresql_stats *stats) {
  struct session_groups groups = {0};
  struct dbpool_pool_options options[2];
  struct pool_monitor monitors[2];
  for (size_t i = 0; i < 2; i++) {
    options[i] = options_of(i);
    pool_monitor_init(&monitors[i], &options[i], &sinks);
  }
  for (int round = 0; round < 3; round++) {
    int64_t now_us = stats->now_us / (3 - round);
    (void)session_groups_build(&groups, stats->sessions.items,
                               stats->sessions.len, stats->own_pid);
    for (size_t i = 0; i < 2; i++) {
      update_pool(&monitors[i], stats, &groups, now_us);
    }
  }
  for (size_t i = 0; i < 2; i++) {
    pool_monitor_fini(&monitors[i]);
  }
  session_groups_fini(&groups);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = text_of(data, size);
  char *rest = text;
  PGresult *results[TABLES];
  char none[] = "";
  for (size_t i = 0; i < TABLES; i++) {
    char *table = strsep(&rest, "\x1d");
    results[i] = parse_table(table == NULL ? none : table);
  }
  struct postgresql_stats server = {0};
  struct pgbouncer_stats pgbouncer = {0};
  if (postgresql_stats_parse(&server, results, TABLES_OF_POSTGRESQL, NULL) ==
      0) {
    read_pools(&server);
  }
  (void)pgbouncer_stats_parse(&pgbouncer, results, NULL);
  postgresql_stats_fini(&server);
  pgbouncer_stats_fini(&pgbouncer);
  for (size_t i = 0; i < TABLES; i++) {
    PQclear(results[i]);
  }
  free(text);
  return 0;
}
