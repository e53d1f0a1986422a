/* SPDX-License-Identifier: MIT */
/* fuzz_dbpool: any rows as the answers of PostgreSQL and of PgBouncer, through
 * all that is concluded from them.
 *
 * The input holds four tables, separated by 0x1d; lines are rows, the first
 * one names the columns; '|' separates fields, "\N" is NULL. */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "dbpool/headroom.h"
#include "dbpool/members.h"
#include "dbpool/monitor.h"
#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"
#include "text.h"

#define TABLES 4
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

static PGresult *read_table(char *table) {
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

static void put(void *context, const struct sample *sample) {
  (void)context;
  (void)sample;
}

static void tell(void *context, const struct notification *notification) {
  (void)context;
  for (const char *c = notification->message; *c != '\0'; c++) {
    if ((unsigned char)*c < ' ') {
      abort(); /* a control character has got through */
    }
  }
}

static const struct outlets outlets = {.samples = {.put = put},
                                       .notifications = {.put = tell}};

static bool matches(void *context, size_t pool, const struct session *session) {
  (void)context;
  return (session->application[0] & 1) == (char)pool;
}

static char label[] = "fuzz";
static char words[] = "1";

static struct pool_options options_of(size_t pool) {
  return (struct pool_options){.head = {.label = label},
                               .size = 2,
                               .max_overflow = pool == 0 ? 3 : -1,
                               .recycle_s = 60,
                               .processes = words,
                               .leak_after_s = 1,
                               .order = POOL_ORDER_FIFO,
                               .forecast_window_s = 60,
                               .suspects_per_minute = 5};
}

static void watch(const struct postgresql_view *view) {
  struct members members = {.pools_len = 2, .matches = matches};
  struct pool_options options[2];
  struct monitor monitors[2];
  for (size_t i = 0; i < 2; i++) {
    options[i] = options_of(i);
    monitor_init(&monitors[i], &options[i], &outlets);
  }
  for (int round = 0; round < 3; round++) {
    members_begin(&members);
    for (size_t i = 0; i < 2; i++) {
      monitor_begin(&monitors[i], view->now_us / (3 - round));
    }
    for (size_t i = 0; i < view->sessions_len; i++) {
      struct member_group *group = members_add(&members, &view->sessions[i]);
      if (group != NULL) {
        pool_count_add(&group->count, &view->sessions[i], view->now_us);
      }
      for (size_t j = 0; group != NULL && j < group->pools_len; j++) {
        (void)monitor_add(&monitors[group->pools[j]], &view->sessions[i]);
      }
    }
    for (size_t i = 0; i < members.slots_len; i++) {
      const struct member_group *group = members.slots[i];
      for (size_t j = 0; group != NULL && j < group->pools_len; j++) {
        monitor_count(&monitors[group->pools[j]], &group->count);
      }
    }
    for (size_t i = 0; i < 2; i++) {
      const struct headroom headroom = headroom_find(view, &members, i);
      monitor_finish(&monitors[i], &headroom,
                     view->databases_len > 0 ? view->databases : NULL, 0.001);
    }
  }
  for (size_t i = 0; i < 2; i++) {
    monitor_fini(&monitors[i]);
  }
  members_fini(&members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = text_of(data, size);
  char *rest = text;
  PGresult *results[TABLES];
  char none[] = "";
  for (size_t i = 0; i < TABLES; i++) {
    char *table = strsep(&rest, "\x1d");
    results[i] = read_table(table == NULL ? none : table);
  }
  struct postgresql_view view = {0};
  struct pgbouncer_view bouncer = {0};
  if (postgresql_parse(results, TABLES, &view, NULL) == 0) {
    watch(&view);
  }
  (void)pgbouncer_parse(results, &bouncer, NULL);
  postgresql_view_fini(&view);
  pgbouncer_view_fini(&bouncer);
  for (size_t i = 0; i < TABLES; i++) {
    PQclear(results[i]);
  }
  free(text);
  return 0;
}
