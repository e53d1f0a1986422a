/* SPDX-License-Identifier: MIT */
/* peers: how many processes of an application hold a pool's sessions: each
 * address is at least one, and on this host the kernel tells which process a
 * port of the loopback interface belongs to. */
#ifndef DBPOOL_PEERS_H
#define DBPOOL_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/session.h"

struct peer {
  int port;
  int64_t pid; /* 0: not known */
  uint64_t inode;
  bool is_new; /* procfs was not searched for it yet */
};

/* proc: where procfs is, borrowed. All else starts at zero. */
struct peers {
  const char *proc;
  struct peer *items; /* local clients, by port */
  size_t len;
  int64_t looked_us; /* when procfs was last searched; 0: never */
};

/* The number of processes, at least 1. Sessions through a Unix socket, and
 * local ones whose process may not be seen, are taken for one process.
 * procfs is searched only for ports not seen before, at most once a minute. */
int64_t peers_count(struct peers *peers, const struct session *const *sessions,
                    size_t len, int64_t now_us);

/* Frees what the struct holds. Accepts NULL. */
void peers_fini(struct peers *peers);

#endif
