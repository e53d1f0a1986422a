/* SPDX-License-Identifier: MIT */
/* client_processes: counts the processes that hold a pool's sessions. */
#include "dbpool/client_processes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A search reads the descriptors of all processes of this host. It may use a
 * twentieth of a processor. */
#define SEARCH_TIME_SHARE 20

void client_processes_fini(struct client_processes *processes) {
  if (processes != NULL) {
    free(processes->items);
    *processes = (struct client_processes){.proc = processes->proc};
  }
}

static bool is_loopback(const struct pool_session *session) {
  return strncmp(session->client_address, "127.", 4) == 0 ||
         strcmp(session->client_address, "::1") == 0;
}

/* PostgreSQL reports the port -1 for a Unix socket. */
static bool is_from_this_host(const struct pool_session *session) {
  return session->client_port < 0 || is_loopback(session);
}

/* ---- sessions from this host ---- */

static int compare_by_session(const void *a, const void *b) {
  const struct client_process *left = a;
  const struct client_process *right = b;
  return (left->session_pid > right->session_pid) -
         (left->session_pid < right->session_pid);
}

/* What is known of the session, or a new item. */
static struct client_process
find_or_make_process(const struct client_processes *processes,
                     const struct pool_session *session) {
  const struct client_process fresh = {
      .session_pid = session->pid,
      .session_start_us = session->backend_start_us,
      .port = session->client_port,
      .is_new = true,
  };
  const struct client_process *known =
      processes->len == 0 ? NULL
                          : bsearch(&fresh, processes->items, processes->len,
                                    sizeof(fresh), compare_by_session);
  bool is_same =
      known != NULL && known->session_start_us == session->backend_start_us;
  return is_same ? *known : fresh;
}

/* Lists the local sessions of this read; keeps what is known of them.
 * Returns true if there is one that was not searched for. */
static bool list_local_sessions(struct client_processes *processes,
                                const struct pool_session *const *sessions,
                                size_t len) {
  struct client_process *items = calloc(len + 1, sizeof(*items));
  if (items == NULL) {
    return false;
  }
  size_t items_len = 0;
  bool has_new = false;
  for (size_t i = 0; i < len; i++) {
    if (is_from_this_host(sessions[i])) {
      items[items_len] = find_or_make_process(processes, sessions[i]);
      has_new |= items[items_len++].is_new;
    }
  }
  qsort(items, items_len, sizeof(*items), compare_by_session);
  free(processes->items);
  processes->items = items;
  processes->len = items_len;
  return has_new;
}

/* ---- counting ----
 *
 * Each process and address counts where it occurs first. The search for an
 * earlier one ends soon, because there are few of them among many sessions. */

/* The least number of processes that can have SESSIONS. */
static int64_t count_proven(int64_t sessions, int64_t per_process) {
  return per_process <= 0 ? 0 : (sessions + per_process - 1) / per_process;
}

/* A session whose process is unknown is assumed to belong to a known one; those
 * that were not searched for yet, to as many as have just started. */
static int64_t count_local_processes(struct client_processes *processes,
                                     int64_t per_process) {
  const struct client_process *items = processes->items;
  int64_t count = 0;
  processes->unknown = 0;
  for (size_t i = 0; i < processes->len; i++) {
    size_t first = 0;
    while (items[first].pid != items[i].pid) {
      first++;
    }
    count += items[i].pid != 0 && first == i ? 1 : 0;
    processes->unknown += items[i].pid == 0 && !items[i].is_new ? 1 : 0;
    count += items[i].is_new ? 1 : 0;
  }
  int64_t proven = count_proven((int64_t)processes->len, per_process);
  count = count > proven ? count : proven;
  return count == 0 && processes->len > 0 ? 1 : count;
}

/* True for a session of another host; false where the address is hidden. */
static bool is_remote(const struct pool_session *session) {
  return session->client_address[0] != '\0' && !is_loopback(session);
}

/* The sessions of the address that SESSIONS[first] has; 0 if an earlier one has
 * it, too. */
static int64_t
count_sessions_of_new_address(const struct pool_session *const *sessions,
                              size_t len, size_t first) {
  const char *address = sessions[first]->client_address;
  int64_t count = 0;
  for (size_t i = 0; i < len; i++) {
    if (strcmp(sessions[i]->client_address, address) == 0) {
      if (i < first) {
        return 0;
      }
      count++;
    }
  }
  return count;
}

/* The processes of another host are not visible. */
static int64_t
count_remote_processes(const struct pool_session *const *sessions, size_t len,
                       int64_t per_process) {
  int64_t count = 0;
  for (size_t i = 0; i < len; i++) {
    int64_t of_address = is_remote(sessions[i])
                             ? count_sessions_of_new_address(sessions, len, i)
                             : 0;
    int64_t proven = count_proven(of_address, per_process);
    count += of_address > 0 && proven == 0 ? 1 : proven;
  }
  return count;
}

static bool is_search_due(const struct client_processes *processes,
                          int64_t now_us) {
  int64_t since_us = now_us - processes->searched_us;
  return processes->searched_us == 0 || since_us < 0 ||
         since_us >= processes->search_us * SEARCH_TIME_SHARE;
}

static void search_host(struct client_processes *processes, int64_t now_us) {
  struct timespec start;
  struct timespec end;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  client_processes_search_host(processes->items, processes->len,
                               processes->proc);
  processes->searched_us = now_us;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  processes->search_us = (end.tv_sec - start.tv_sec) * 1000000 +
                         (end.tv_nsec - start.tv_nsec) / 1000;
  for (size_t i = 0; i < processes->len; i++) {
    processes->items[i].is_new = false;
  }
}

static bool is_every_process_known(const struct client_processes *processes,
                                   size_t sessions_len) {
  size_t known = 0;
  for (size_t i = 0; i < processes->len; i++) {
    known += processes->items[i].pid != 0 ? 1 : 0;
  }
  return known == sessions_len;
}

struct client_process_count
client_processes_search_and_count(struct client_processes *processes,
                                  const struct pool_session *const *sessions,
                                  size_t len, int64_t per_process,
                                  int64_t now_us) {
  if (list_local_sessions(processes, sessions, len) &&
      is_search_due(processes, now_us)) {
    search_host(processes, now_us);
  }
  struct client_process_count count = {
      .local = count_local_processes(processes, per_process),
      .remote = count_remote_processes(sessions, len, per_process),
      .is_exact = is_every_process_known(processes, len),
  };
  /* The address of a session may be hidden. */
  int64_t missing =
      count_proven((int64_t)len, per_process) - count.local - count.remote;
  count.local += missing > 0 ? missing : 0;
  return count;
}
