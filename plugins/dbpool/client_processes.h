/* SPDX-License-Identifier: MIT */
/* client_processes: counts the processes that hold a pool's sessions. Each
 * remote address is at least one process; for sessions from this host the
 * system may know which process holds them. More sessions than a process can
 * have prove that there are more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/pool.h"

/* A session from this host and the process that holds its client's end. */
struct client_process {
  int64_t session_pid; /* the server's process that serves the session */
  int64_t session_start_us;
  int port;       /* of the client; -1: a Unix socket */
  uint64_t inode; /* of the client's socket; 0: unknown */
  int64_t pid;    /* of the client; 0: unknown */
  bool is_new;    /* not searched for yet */
};

/* proc: where procfs is mounted, borrowed. All else starts at zero. */
struct client_processes {
  const char *proc;
  struct client_process *items; /* by session_pid */
  size_t len;
  size_t unknown;      /* items searched for and not found */
  int64_t searched_us; /* when the last search was; 0: never */
  int64_t search_us;   /* processor time that it took */
};

struct client_process_count {
  int64_t local;  /* of this host */
  int64_t remote; /* of other hosts */
  bool is_exact;  /* the process of each session is known */
};

/* The number of processes. Local sessions whose process is unknown count as
 * sessions of a known one or, without any, as one process; those that are not
 * searched for yet, as one process each; a remote address
 * counts as one process. Where there are more sessions than these can have,
 * as many as the sessions prove. per_process: the most sessions of a process;
 * 0: no limit. Searches at once for sessions that are new, unless the last
 * search used more than a twentieth of a processor since then. */
struct client_process_count
client_processes_search_and_count(struct client_processes *processes,
                                  const struct pool_session *const *sessions,
                                  size_t len, int64_t per_process,
                                  int64_t now_us);

/* Frees the items. Accepts NULL. */
void client_processes_fini(struct client_processes *processes);

/* Searches this host for the inode and the pid of all LEN items; what we may
 * not see stays 0. Takes a few milliseconds for each thousand descriptors that
 * are open on this host. One implementation a system: linux/socket_owner.c. */
void client_processes_search_host(struct client_process *items, size_t len,
                                  const char *proc);
