/* SPDX-License-Identifier: MIT */
/* postgresql: what to ask a PostgreSQL server, 9.6 to 18, and what its answer
 * means. Pure: text out, rows in. */
#ifndef DBPOOL_POSTGRESQL_H
#define DBPOOL_POSTGRESQL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "dbpool/session.h"

#define POSTGRESQL_VERSION_MIN 90600
#define POSTGRESQL_VERSION_MONITOR 100000 /* has the role pg_monitor */

/* Settings of our session, for libpq's keyword "options": it can neither change
 * anything nor hang around. They are not SET statements, because those would
 * stay behind in the session of somebody else if a pooler stood in between.
 * timeout_ms: for each statement. Writes at most BYTES with the NUL. */
void postgresql_write_options(char *text, size_t bytes, int64_t timeout_ms);

/* The question of each read: one query text of four statements (settings,
 * sessions, databases, roles with a limit). quiet_s: the last statement of
 * sessions that rest longer than that is asked for, too.
 * Returns 0, or -ENOTSUP for a version (as of PQserverVersion()) that is too
 * old. */
int postgresql_write_question(char *text, size_t bytes, int version,
                              int64_t quiet_s, struct error *error);

struct postgresql_database {
  const char *name;
  int64_t connection_limit; /* -1: none */
  /* Sessions that ended badly since the statistics began; -1: not told
   * (before 14). Abandoned: the client was gone; fatal: an error; killed: by
   * an administrator. */
  int64_t abandoned, fatal, killed;
};

struct postgresql_role {
  const char *name;
  int64_t connection_limit;
};

/* One answer. Strings are borrowed from the results. All zero is empty. */
struct postgresql_view {
  int64_t now_us;           /* the server's clock */
  int64_t connection_limit; /* for ordinary roles, server wide */
  int64_t own_pid;          /* of the session that asked */
  int64_t untracked;        /* sessions that switched track_activities off */
  struct session *sessions; /* of clients, our own among them */
  size_t sessions_len, sessions_size;
  struct postgresql_database *databases;
  size_t databases_len, databases_size;
  struct postgresql_role *roles;
  size_t roles_len, roles_size;
};

/* Reads the four results of a question. view: its arrays are used again.
 * Returns 0; -EPROTO when the results are not what was asked for; -ENOMEM. */
int postgresql_parse(PGresult *const *results, size_t len,
                     struct postgresql_view *view, struct error *error);

/* Frees the arrays and zeroes the view. Accepts NULL. */
void postgresql_view_fini(struct postgresql_view *view);

#endif
