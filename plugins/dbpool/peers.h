/* SPDX-License-Identifier: MIT */
/* peers: how many processes of an application hold a pool's sessions: each
 * address is at least one, and of sessions on this host the system may tell
 * which process holds them. */
#ifndef DBPOOL_PEERS_H
#define DBPOOL_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "dbpool/owners.h"
#include "dbpool/session.h"

/* proc: where procfs is, borrowed. All else starts at zero. */
struct peers {
  const char *proc;
  struct owner *owners; /* of local sessions, by the server's process */
  size_t len;
  size_t indistinct; /* owners searched for and not found */
  int64_t looked_us; /* when they were last searched; 0: never */
};

/* The number of processes, at least 1. Local sessions whose process is not
 * known count as those of one that is, or as one. A search is only for sessions
 * not seen before, at most once a minute. */
int64_t peers_count(struct peers *peers, const struct session *const *sessions,
                    size_t len, int64_t now_us);

/* Frees what the struct holds. Accepts NULL. */
void peers_fini(struct peers *peers);

#endif
