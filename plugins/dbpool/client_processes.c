/* SPDX-License-Identifier: MIT */
/* client_processes: counts the processes that hold a pool's sessions. */
#include "dbpool/client_processes.h"

#include <stdlib.h>
#include <string.h>

/* A search reads the descriptors of all processes of this host. */
#define SEARCH_INTERVAL_US INT64_C(60000000)

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

/* A session whose process is unknown is assumed to belong to a known one. */
static int64_t count_local_processes(struct client_processes *processes) {
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
  }
  return count == 0 && processes->len > 0 ? 1 : count;
}

/* The processes of another host are not visible, so each address counts once.
 */
static int64_t
count_remote_addresses(const struct pool_session *const *sessions, size_t len) {
  int64_t count = 0;
  for (size_t i = 0; i < len; i++) {
    const char *address = sessions[i]->client_address;
    size_t first = 0;
    while (strcmp(sessions[first]->client_address, address) != 0) {
      first++;
    }
    bool is_remote = address[0] != '\0' && !is_loopback(sessions[i]);
    count += is_remote && first == i ? 1 : 0;
  }
  return count;
}

int64_t
client_processes_search_and_count(struct client_processes *processes,
                                  const struct pool_session *const *sessions,
                                  size_t len, int64_t now_us) {
  bool has_new = list_local_sessions(processes, sessions, len);
  int64_t since_us = now_us - processes->searched_us;
  bool is_due = processes->searched_us == 0 || since_us < 0 ||
                since_us >= SEARCH_INTERVAL_US;
  if (has_new && is_due) {
    processes->searched_us = now_us;
    client_processes_search_host(processes->items, processes->len,
                                 processes->proc);
    for (size_t i = 0; i < processes->len; i++) {
      processes->items[i].is_new = false;
    }
  }
  int64_t count =
      count_local_processes(processes) + count_remote_addresses(sessions, len);
  return count > 0 ? count : 1;
}
