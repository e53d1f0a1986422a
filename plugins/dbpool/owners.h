/* SPDX-License-Identifier: MIT */
/* owners: which processes of this host hold the clients' ends of sessions. Only
 * Linux tells; elsewhere null_owners.c knows nobody. */
#ifndef DBPOOL_OWNERS_H
#define DBPOOL_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct owner {
  int64_t session_pid; /* the server's process that serves the session */
  int64_t session_start_us;
  int port;       /* of the client; -1: a Unix socket */
  uint64_t inode; /* of the client's end; 0: not known */
  int64_t pid;    /* of the client; 0: not known */
  bool is_new;    /* was not searched for yet */
};

/* Searches for the inode and the pid of all LEN. proc: where procfs is. What is
 * not ours to see stays 0. Takes a few milliseconds for each thousand
 * descriptors that are open on this host. */
void owners_find(struct owner *owners, size_t len, const char *proc);

#endif
